//! PUSH deals out in turn, PULL collects in turn, and neither loses anything that is not counted (RFC 30).

use hubless::{DropReason, Message, Pull, Push, SendError, TrySendError};
use tokio::task::{JoinHandle, yield_now};

use crate::transport::{
    Outcome, Place, Transport, number_of, numbered, over_every_transport, polled, spawn, until,
};
use crate::{ended, text};

over_every_transport! {
    messages_go_round
    messages_go_round_among_those_who_came_to_us
    one_that_has_no_room_is_passed_over
    senders_take_turns
    without_a_peer_a_send_waits
    g02_a_connecting_endpoint_has_a_queue_before_there_is_a_peer
    g02_a_connecting_endpoint_keeps_its_queue_for_the_next_peer
    g04_the_queue_of_an_accepted_peer_that_leaves_is_dropped_and_counted
    g03_whose_peer_dies_in_the_middle_of_a_message_sends_no_half_of_it
    every_socket_may_bind_and_connect
    messages_of_every_size_and_shape_arrive_as_they_went
}

/// A PULL that this PUSH has connected to.
async fn pull_of(push: &Push, at: Transport) -> Outcome<(Pull, Place)> {
    let pull = Pull::new();
    let place = at.bind(&pull).await?;
    push.connect(&place)?.await?;
    Ok((pull, place))
}

/// Nobody has room: a send that does not wait fails, and this one waits.
pub(crate) async fn waits(push: &Push) -> JoinHandle<Result<(), SendError>> {
    assert!(matches!(push.try_send("hasty"), Err(TrySendError::Full(_))));
    let sending = spawn({
        let push = push.clone();
        async move { push.send("patient").await }
    });
    yield_now().await;
    assert!(!sending.is_finished());
    sending
}

async fn messages_go_round(at: Transport) -> Outcome {
    let push = Push::new();
    let mut pulls = Vec::new();
    for _ in 0..3 {
        pulls.push(pull_of(&push, at).await?);
    }
    for number in 0..9 {
        push.send(numbered(number, 8)).await?;
    }
    for round in 0..3 {
        for (turn, (pull, _)) in (0..).zip(&pulls) {
            assert_eq!(number_of(&pull.recv().await?), 3 * round + turn);
        }
    }
    Ok(())
}

async fn messages_go_round_among_those_who_came_to_us(at: Transport) -> Outcome {
    let push = Push::new();
    let place = at.bind(&push).await?;
    let mut pulls = Vec::new();
    for peers in 1..=3 {
        let pull = Pull::new();
        pull.connect(&place)?;
        push.peers().at_least(peers).await?;
        pulls.push(pull);
    }
    for number in 0..9 {
        push.send(numbered(number, 8)).await?;
    }
    for round in 0..3 {
        for (turn, pull) in (0..).zip(&pulls) {
            assert_eq!(number_of(&pull.recv().await?), 3 * round + turn);
        }
    }
    Ok(())
}

async fn one_that_has_no_room_is_passed_over(at: Transport) -> Outcome {
    let push = Push::builder().send_hwm(2).build()?;
    let (reading, _reading) = pull_of(&push, at).await?;
    // Nobody is there, so that it has its mark's worth of room and no more.
    let nobody = at.place();
    push.connect(&nobody)?;
    let mut numbers = Vec::new();
    for number in 0..20 {
        push.send(numbered(number, 8)).await?;
        until(|| push.stats().outgoing.queued.messages <= 2).await;
    }
    while let Ok(message) = reading.recv().await {
        numbers.push(number_of(&message));
        if numbers.len() == 18 {
            break;
        }
    }
    let others: Vec<u64> = (0..20).filter(|number| !numbers.contains(number)).collect();
    assert_eq!(others.len(), 2, "the mark of the one that nobody reads");
    assert!(others[1] - others[0] == 2, "it had its turns: {others:?}");
    Ok(())
}

async fn senders_take_turns(at: Transport) -> Outcome {
    let pull = Pull::new();
    let place = at.bind(&pull).await?;
    let names = ["a", "b", "c"];
    let mut pushes = Vec::new();
    // Whoever has sent much more than the others gets no more turns.
    for (name, messages) in names.into_iter().zip([100, 4, 4]) {
        let push = Push::new();
        push.connect(&place)?;
        for _ in 0..messages {
            push.send(name).await?;
        }
        pushes.push(push);
    }
    until(|| pull.stats().incoming.queued.messages == 108).await;
    for _ in 0..4 {
        let mut turn = Vec::new();
        for _ in names {
            turn.push(text(&pull.recv().await?));
        }
        turn.sort();
        assert_eq!(turn, names);
    }
    for _ in 4..100 {
        assert_eq!(pull.recv().await?, "a");
    }
    Ok(())
}

async fn without_a_peer_a_send_waits(at: Transport) -> Outcome {
    let push = Push::new();
    assert!(matches!(push.try_send("early"), Err(TrySendError::Full(_))));
    let place = at.bind(&push).await?;
    let sending = waits(&push).await;
    let pull = Pull::new();
    pull.connect(&place)?;
    sending.await??;
    assert_eq!(pull.recv().await?, "patient");

    // And again when the last one has gone.
    let mut monitor = push.monitor();
    pull.close().await?;
    ended(&mut monitor).await;
    assert!(matches!(push.try_send("late"), Err(TrySendError::Full(_))));
    assert_eq!(push.stats().outgoing.accepted.messages, 1);
    Ok(())
}

async fn g02_a_connecting_endpoint_has_a_queue_before_there_is_a_peer(at: Transport) -> Outcome {
    let place = at.place();
    let push = Push::new();
    let mut connecting = push.connect(&place)?;
    for number in 0..10 {
        push.send(numbered(number, 8)).await?;
    }
    assert!(polled(&mut connecting, 1).await.is_none(), "nobody is there");
    let pull = Pull::new();
    pull.bind(&place).await?;
    connecting.await?;
    for number in 0..10 {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    Ok(())
}

async fn g02_a_connecting_endpoint_keeps_its_queue_for_the_next_peer(at: Transport) -> Outcome {
    let push = Push::new();
    let mut monitor = push.monitor();
    let (pull, place) = pull_of(&push, at).await?;
    push.send(numbered(0, 8)).await?;
    assert_eq!(number_of(&pull.recv().await?), 0);
    pull.close().await?;
    let (_, dropped) = ended(&mut monitor).await;
    assert_eq!(dropped, 0);
    for number in 1..10 {
        push.send(numbered(number, 8)).await?;
    }
    let next = Pull::new();
    next.bind(&place).await?;
    for number in 1..10 {
        assert_eq!(number_of(&next.recv().await?), number);
    }
    assert_eq!(push.stats().reconnects, 1);
    Ok(())
}

async fn g04_the_queue_of_an_accepted_peer_that_leaves_is_dropped_and_counted(at: Transport) -> Outcome {
    let push = Push::builder().send_hwm(3).build()?;
    let place = at.bind(&push).await?;
    let mut monitor = push.monitor();
    let stalled = Pull::builder().recv_hwm(2).build()?;
    stalled.connect(&place)?;
    push.peers().at_least(1).await?;
    let mut number = 0;
    // What lies in buffers of the system moves on for a while.
    until(|| {
        number += u64::from(push.try_send(numbered(number, 64 << 10)).is_ok());
        stalled.stats().incoming.queued.messages == 2 && push.stats().outgoing.queued.messages == 3
    })
    .await;
    drop(stalled);
    let (_, dropped) = ended(&mut monitor).await;

    let outgoing = push.stats().outgoing;
    assert_eq!(outgoing.queued.messages, 0);
    assert_eq!(
        outgoing.accepted.messages,
        outgoing.handed_over.messages + outgoing.dropped.total()
    );
    let (closed, cut) = (
        outgoing.dropped.by(DropReason::PipeClosed),
        outgoing.dropped.by(DropReason::Cut),
    );
    assert_eq!(dropped, closed);
    assert!(cut <= 1, "one can be half out: {cut}");
    if at == Transport::Inproc {
        assert_eq!((closed, cut), (3, 0));
    }

    // The next one gets what is sent from here on.
    let next = Pull::new();
    next.connect(&place)?;
    push.send("after").await?;
    assert_eq!(next.recv().await?, "after");
    push.close().await?;
    Ok(())
}

async fn g03_whose_peer_dies_in_the_middle_of_a_message_sends_no_half_of_it(at: Transport) -> Outcome {
    const SIZE: usize = 300 << 10;
    let push = Push::builder().send_hwm(4).build()?;
    let place = at.bind(&push).await?;
    let mut monitor = push.monitor();
    let survivor = Pull::builder().recv_hwm(4).build()?;
    survivor.connect(&place)?;
    push.peers().at_least(1).await?;
    let sending = spawn({
        let push = push.clone();
        async move {
            for number in 0..60 {
                let body = numbered(number, SIZE);
                push.send((body.clone(), "between", body)).await?;
            }
            Ok::<_, SendError>(())
        }
    });
    let surviving = spawn(async move {
        let mut numbers = Vec::new();
        loop {
            let frames = survivor.recv().await?;
            if frames == "end" {
                return Ok::<_, hubless::Error>(numbers);
            }
            let [head, between, tail] = frames.into_frames()?;
            assert_eq!((between, head.len()), ("between".into(), SIZE));
            assert!(head == tail, "both ends of the same message");
            numbers.push(number_of(&head.into()));
        }
    });
    for _ in 0..4 {
        // It gets a little, and dies with much on its way to it.
        let dying = Pull::builder().recv_hwm(1).build()?;
        dying.connect(&place)?;
        push.peers().at_least(2).await?;
        until(|| dying.stats().incoming.received.messages > 0 || sending.is_finished()).await;
        drop(dying);
        ended(&mut monitor).await;
    }
    sending.await??;
    push.send("end").await?;
    let numbers = surviving.await??;
    assert!(
        numbers.is_sorted_by(|a, b| a < b),
        "in order, each once: {numbers:?}"
    );
    let outgoing = push.stats().outgoing;
    assert_eq!(outgoing.accepted.messages, 61);
    assert_eq!(outgoing.handed_over.messages + outgoing.dropped.total(), 61);
    Ok(())
}

async fn every_socket_may_bind_and_connect(at: Transport) -> Outcome {
    let (pulls, pushes) = (
        [Pull::new(), Pull::new()],
        [Push::new(), Push::new(), Push::new()],
    );
    let places = [at.bind(&pulls[0]).await?, at.bind(&pulls[1]).await?];
    let third = at.bind(&pushes[2]).await?;
    for push in &pushes[..2] {
        for place in &places {
            push.connect(place)?.await?;
        }
    }
    for pull in &pulls {
        pull.connect(&third)?.await?;
    }
    for pull in &pulls {
        pull.peers().at_least(3).await?;
    }
    pushes[2].peers().at_least(2).await?;
    for push in &pushes {
        for number in 0..100 {
            push.send(numbered(number, 8)).await?;
        }
    }
    for pull in &pulls {
        for _ in 0..150 {
            pull.recv().await?;
        }
    }
    Ok(())
}

async fn messages_of_every_size_and_shape_arrive_as_they_went(at: Transport) -> Outcome {
    let push = Push::new();
    let (pull, _place) = pull_of(&push, at).await?;
    for size in [0, 1, 32, 33, 255, 256, 8 << 10, 32 << 10, 300 << 10, 3 << 20] {
        let body = vec![size as u8; size];
        push.send(&body[..]).await?;
        push.send(("", body.clone(), "x", body.clone(), "")).await?;
        push.send(bytes::Bytes::from(body.clone())).await?;
        assert!(pull.recv().await? == body[..], "{size} bytes");
        assert!(
            pull.recv().await? == Message::from(("", body.clone(), "x", body.clone(), "")),
            "{size} bytes twice"
        );
        assert!(pull.recv().await? == body[..], "{size} bytes, owned");
    }
    Ok(())
}
