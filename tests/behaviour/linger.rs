//! How long a socket that closes goes on for what it has queued, and what it gives back.

use std::time::{Duration, Instant};

use hubless::{
    ConnectError, DropReason, Event, Linger, Message, Pub, Pull, Push, RecvError, Rep, SendError, Sub,
};
use tokio::task::yield_now;

use crate::event;
use crate::topics::subscribed;
use crate::transport::{
    Outcome, Transport, most_on_the_way, number_of, numbered, over_every_transport, spawn, until,
};

over_every_transport! {
    g10_who_does_not_linger_gives_back_what_is_queued
    g10_lingering_for_a_time_takes_that_time_and_gives_back_what_is_left
    g10_lingering_for_ever_waits_for_a_peer_that_comes
    g10_closing_waits_for_a_peer_that_reads
    g10_what_is_given_back_and_what_arrives_is_everything_and_nothing_twice
    g10_nothing_queued_is_nothing_to_wait_for
    g10_a_publisher_lingers_for_each_of_its_subscribers
    g10_disconnecting_gives_back_what_is_queued_for_that_endpoint_alone
    calls_that_wait_end_when_the_socket_closes
    g05_what_is_queued_when_the_runtime_goes_is_counted
}

async fn g10_who_does_not_linger_gives_back_what_is_queued(at: Transport) -> Outcome {
    let push = Push::builder().linger(Linger::Discard).build()?;
    let place = at.place();
    push.connect(&place)?;
    push.send("one").await?;
    push.send(("two", "frames")).await?;
    let seen = push.clone();
    let unsent = push.close().await.expect_err("nobody was there");
    assert_eq!((unsent.messages(), unsent.bytes()), (2, 12));
    assert_eq!(unsent.by_endpoint()[0].endpoint, *place);
    assert_eq!(
        unsent.into_messages().collect::<Vec<_>>(),
        [Message::from("one"), Message::from(("two", "frames"))]
    );
    assert_eq!(seen.stats().outgoing.dropped.by(DropReason::Linger), 2);
    Ok(())
}

async fn g10_lingering_for_a_time_takes_that_time_and_gives_back_what_is_left(at: Transport) -> Outcome {
    const TIME: Duration = Duration::from_millis(30);
    let push = Push::builder().linger(Linger::For(TIME)).build()?;
    let nobody = at.place();
    push.connect(&nobody)?;
    push.send("one").await?;
    let start = Instant::now();
    let unsent = push.close().await.expect_err("nobody was there");
    assert!(start.elapsed() >= TIME, "{:?}", start.elapsed());
    assert!(unsent.into_messages().eq(["one"]));
    Ok(())
}

async fn g10_lingering_for_ever_waits_for_a_peer_that_comes(at: Transport) -> Outcome {
    let place = at.place();
    let push = Push::builder().linger(Linger::Forever).build()?;
    push.connect(&place)?;
    for number in 0..500 {
        push.send(numbered(number, 64)).await?;
    }
    let closing = spawn(push.close());
    for _ in 0..10 {
        yield_now().await;
    }
    assert!(!closing.is_finished());
    let pull = Pull::builder().recv_hwm(100).build()?;
    pull.bind(&place).await?;
    for number in 0..500 {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    closing.await??;
    Ok(())
}

/// Sends numbers to a peer that does not read, one of them so large that it cannot be handed over; returns how many
/// there were, that one and the ten behind it included.
pub(crate) async fn stuck(push: &Push, pull: &Pull) -> Outcome<u64> {
    let sizes = [&[64 << 10; 10][..], &[most_on_the_way() + 1], &[8; 10]].concat();
    for (number, size) in (0..).zip(&sizes) {
        push.send(numbered(number, *size)).await?;
        until(|| pull.stats().incoming.queued.messages == (number + 1).min(2)).await;
    }
    Ok(sizes.len() as u64)
}

async fn g10_closing_waits_for_a_peer_that_reads(at: Transport) -> Outcome {
    let push = Push::builder()
        .linger(Linger::Forever)
        .send_hwm_bytes(0)
        .build()?;
    let pull = Pull::builder().recv_hwm(2).build()?;
    let place = at.bind(&pull).await?;
    push.connect(&place)?;
    let sent = stuck(&push, &pull).await?;
    let closing = spawn(push.close());
    for _ in 0..10 {
        yield_now().await;
    }
    assert!(!closing.is_finished());
    for number in 0..sent {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    closing.await??;
    Ok(())
}

async fn g10_what_is_given_back_and_what_arrives_is_everything_and_nothing_twice(at: Transport) -> Outcome {
    let push = Push::builder()
        .linger(Linger::Discard)
        .send_hwm_bytes(0)
        .build()?;
    let pull = Pull::builder().recv_hwm(2).build()?;
    let place = at.bind(&pull).await?;
    let mut monitor = pull.monitor();
    push.connect(&place)?;
    let sent = stuck(&push, &pull).await?;
    let seen = push.clone();
    let closing = spawn(push.close());
    // The end of the connection is behind what the system holds: it takes reading to see it.
    let mut arrived = Vec::new();
    let over = event(&mut monitor, |event| {
        matches!(event, Event::Disconnected { .. }).then_some(())
    });
    let mut over = std::pin::pin!(over);
    loop {
        tokio::select! {
            biased;
            message = pull.recv() => arrived.push(number_of(&message?)),
            () = &mut over => break,
        }
    }
    while let Ok(message) = pull.try_recv() {
        arrived.push(number_of(&message));
    }
    let unsent = closing.await?.expect_err("ten at least were left");
    let back: Vec<u64> = unsent
        .into_messages()
        .map(|message| number_of(&message))
        .collect();
    let outgoing = seen.stats().outgoing;
    let cut = outgoing.dropped.by(DropReason::Cut);
    assert!(cut <= 1, "one can be half out");
    assert!(
        arrived.iter().copied().eq(0..outgoing.handed_over.messages),
        "{arrived:?}"
    );
    assert!(
        back.len() >= 10 && back.iter().copied().eq(sent - back.len() as u64..sent),
        "{back:?}"
    );
    assert_eq!(arrived.len() as u64 + cut + back.len() as u64, sent);
    assert_eq!(outgoing.dropped.by(DropReason::Linger), back.len() as u64);
    Ok(())
}

async fn g10_nothing_queued_is_nothing_to_wait_for(at: Transport) -> Outcome {
    // In the middle of connecting.
    let push = Push::builder().linger(Linger::Forever).build()?;
    let nobody = at.place();
    let connecting = push.connect(&nobody)?;
    yield_now().await;
    push.close().await?;
    assert!(matches!(connecting.await, Err(ConnectError::Closed(_))));

    // And with a peer that does not read.
    let push = Push::builder().linger(Linger::Forever).build()?;
    let pull = Pull::new();
    let place = at.bind(&pull).await?;
    push.connect(&place)?.await?;
    push.send("on its way").await?;
    until(|| push.stats().outgoing.queued.messages == 0).await;
    push.close().await?;
    assert_eq!(pull.recv().await?, "on its way");
    Ok(())
}

async fn g10_a_publisher_lingers_for_each_of_its_subscribers(at: Transport) -> Outcome {
    let publisher = Pub::new();
    let place = at.bind(&publisher).await?;
    let subscribers = [subscribed(&place, &[""]).await?, subscribed(&place, &[""]).await?];
    for number in 0..500 {
        publisher.try_send(numbered(number, 1024))?;
    }
    let closing = spawn(publisher.close());
    for subscriber in subscribers {
        for number in 0..500 {
            assert_eq!(number_of(&subscriber.recv().await?), number);
        }
    }
    closing.await??;
    Ok(())
}

async fn g10_disconnecting_gives_back_what_is_queued_for_that_endpoint_alone(at: Transport) -> Outcome {
    let push = Push::builder().linger(Linger::Discard).build()?;
    let (away, other) = (at.place(), at.place());
    push.connect(&away)?;
    push.connect(&other)?;
    for number in 0..6 {
        push.send(numbered(number, 8)).await?;
    }
    let error = push.disconnect(&away).await.expect_err("three are left");
    let hubless::EndpointError::Unsent(unsent) = error else {
        panic!("{error}");
    };
    assert_eq!(unsent.by_endpoint().len(), 1);
    assert_eq!(unsent.by_endpoint()[0].endpoint, *away);
    assert!(
        unsent
            .into_messages()
            .map(|message| number_of(&message))
            .eq([0, 2, 4])
    );
    let pull = Pull::new();
    pull.bind(&other).await?;
    for number in [1, 3, 5] {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    push.close().await?;
    Ok(())
}

async fn calls_that_wait_end_when_the_socket_closes(at: Transport) -> Outcome {
    let (push, pull, rep) = (Push::new(), Pull::new(), Rep::new());
    let (publisher, subscriber) = (Pub::new(), Sub::new());
    at.bind(&push).await?;
    at.bind(&pull).await?;
    at.bind(&rep).await?;
    at.bind(&publisher).await?;
    at.bind(&subscriber).await?;
    let calls = [
        {
            let push = push.clone();
            spawn(
                async move { matches!(push.send("kept").await, Err(SendError::Closed(kept)) if kept == "kept") },
            )
        },
        {
            let push = push.clone();
            spawn(async move { push.reserve().await.is_err() })
        },
        {
            let peers = push.peers();
            spawn(async move { peers.at_least(1).await.is_err() })
        },
        {
            let pull = pull.clone();
            spawn(async move { pull.recv().await == Err(RecvError::Closed) })
        },
        {
            let pull = pull.clone();
            spawn(async move { pull.recv_from().await.is_err() })
        },
        {
            let pull = pull.clone();
            spawn(async move { pull.recv_many(&mut Vec::new(), 10).await.is_err() })
        },
        {
            let rep = rep.clone();
            spawn(async move { rep.recv_request().await.is_err() })
        },
        {
            let publisher = publisher.clone();
            spawn(async move { publisher.subscribers().at_least(1).await.is_err() })
        },
        {
            let subscriber = subscriber.clone();
            spawn(async move { subscriber.subscribed().await.is_err() })
        },
    ];
    yield_now().await;
    assert!(calls.iter().all(|call| !call.is_finished()), "all wait");
    // Those that come later end too.
    let late = pull.clone();
    tokio::try_join!(
        push.close(),
        pull.close(),
        rep.close(),
        publisher.close(),
        subscriber.close()
    )?;
    assert_eq!(late.recv().await, Err(RecvError::Closed));
    for (number, call) in calls.into_iter().enumerate() {
        assert!(call.await?, "call {number}");
    }
    Ok(())
}

async fn g05_what_is_queued_when_the_runtime_goes_is_counted(at: Transport) -> Outcome {
    for binds in [true, false] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let push = Push::builder().send_hwm_bytes(0).build()?;
        let pull = Pull::builder().recv_hwm(2).build()?;
        let mut monitor = push.monitor();
        let place = at.place();
        if binds {
            let (push, here) = (push.clone(), place.clone());
            runtime.spawn(async move { push.bind(&here).await }).await??;
            pull.connect(&place)?;
        } else {
            let _home = runtime.enter();
            push.connect(&*place)?;
        }
        if !binds {
            pull.bind(&place).await?;
        }
        push.peers().at_least(1).await?;
        stuck(&push, &pull).await?;
        runtime.shutdown_background();
        // The end of the socket may be told before that of each connection.
        while monitor.next().await.is_some() {}
        until(|| push.peers().count() == 0 && push.stats().outgoing.queued.messages == 0).await;
        assert!(matches!(push.send("late").await, Err(SendError::Closed(_))));
        let outgoing = push.stats().outgoing;
        let gone = outgoing.dropped.by(DropReason::RuntimeGone);
        assert!(gone + outgoing.dropped.by(DropReason::Cut) >= 11, "{outgoing:?}");
        assert_eq!(
            outgoing.accepted.messages,
            outgoing.handed_over.messages + outgoing.dropped.total()
        );
        // The other socket lives on, and gets what was handed over. The end is behind it.
        let mut arrived = 0;
        until(|| {
            arrived += u64::from(pull.try_recv().is_ok());
            pull.peers().count() == 0 && pull.stats().incoming.queued.messages == 0
        })
        .await;
        assert_eq!(arrived, outgoing.handed_over.messages);
    }
    Ok(())
}
