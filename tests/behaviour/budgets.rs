//! Budgets of bytes for all queues of a socket, and of a context: who waits at them, who drops, and when it goes on.

use hubless::{
    Context, Dealer, DropReason, IncomingStats, Linger, OutgoingStats, Pub, Pull, Push, Rep, Req, Router,
    SendError, Sub, TrySendError,
};

use crate::transport::{Outcome, Transport, number_of, numbered, over_every_transport, polled, spawn, until};

over_every_transport! {
    g06_a_sender_waits_at_the_sockets_budget_though_every_pipe_has_room
    what_one_peer_reads_is_room_for_the_messages_of_another
    an_empty_queue_takes_one_message_however_large_it_is
    g06_a_receiver_stops_reading_at_its_budget_and_goes_on
    what_a_peer_sent_before_it_left_is_all_there
    g06_a_publisher_drops_at_its_budget_and_counts_it
    a_publisher_that_waits_for_its_budget_drops_nothing
    one_that_drops_the_oldest_keeps_the_newest_at_its_budget
    sockets_of_a_context_share_its_budget
    a_socket_keeps_to_its_own_budget_within_that_of_its_context
    a_socket_that_closes_gives_its_share_back
    unread_messages_are_given_back_when_their_socket_closes
    a_router_that_may_drop_does_so_at_its_budget
    questions_and_answers_go_round_where_there_is_hardly_any_room
    what_goes_both_ways_is_held_up_by_nothing_for_ever
}

/// A message of 100 bytes on the wire, whose body tells its number.
const SIZE: usize = 98;
const ON_THE_WIRE: usize = 100;

fn balances(sent: OutgoingStats) -> bool {
    sent.accepted.messages == sent.handed_over.messages + sent.dropped.total() + sent.queued.messages
}

fn is_all_read(received: IncomingStats) -> bool {
    received.queued.messages == 0
        && received.received.messages == received.delivered.messages + received.dropped.total()
}

/// Sends what finds room at once, and says how many that were.
fn fill(push: &Push) -> u64 {
    let mut sent = 0;
    while push.try_send(numbered(sent, SIZE)).is_ok() {
        sent += 1;
    }
    sent
}

async fn g06_a_sender_waits_at_the_sockets_budget_though_every_pipe_has_room(at: Transport) -> Outcome {
    let push = Push::builder().memory_budget(10 * ON_THE_WIRE).build()?;
    let places = [at.place(), at.place()];
    for place in &places {
        push.connect(place)?;
    }
    assert_eq!(fill(&push), 10);
    let refused = push.try_send(numbered(10, SIZE));
    assert!(matches!(refused, Err(TrySendError::Full(_))));
    assert!(polled(push.send(numbered(10, SIZE)), 3).await.is_none());
    assert_eq!(push.stats().outgoing.queued.bytes as usize, 10 * ON_THE_WIRE);
    let sender = push.clone();
    let sending = spawn(async move { sender.send(numbered(10, SIZE)).await });
    let pulls = [Pull::new(), Pull::new()];
    for (pull, place) in pulls.iter().zip(&places) {
        pull.bind(place).await?;
    }
    sending.await??;
    let mut came = Vec::new();
    while came.len() < 11 {
        tokio::select! {
            message = pulls[0].recv() => came.push(number_of(&message?)),
            message = pulls[1].recv() => came.push(number_of(&message?)),
        }
    }
    came.sort_unstable();
    assert!(came.into_iter().eq(0..11));
    assert!(balances(push.stats().outgoing));
    Ok(())
}

async fn what_one_peer_reads_is_room_for_the_messages_of_another(at: Transport) -> Outcome {
    let router = Router::builder()
        .mandatory(true)
        .memory_budget(10 * ON_THE_WIRE)
        .build()?;
    let places = [at.place(), at.place()];
    for (place, name) in places.iter().zip(["reads", "away"]) {
        drop(router.connect_as(place, name)?);
    }
    for number in 0..8 {
        router.send_to(&"reads".into(), numbered(number, SIZE)).await?;
    }
    for number in 0..2 {
        router.send_to(&"away".into(), numbered(number, SIZE)).await?;
    }
    for name in ["reads", "away"] {
        let refused = router.try_send_to(&name.into(), numbered(2, SIZE));
        assert!(matches!(refused, Err(TrySendError::Full(_))), "{name}");
    }
    let sender = router.clone();
    let sending = spawn(async move { sender.send_to(&"away".into(), numbered(2, SIZE)).await });
    tokio::task::yield_now().await;
    assert!(!sending.is_finished());
    let dealer = Dealer::new();
    dealer.bind(&places[0]).await?;
    for number in 0..8 {
        assert_eq!(number_of(&dealer.recv().await?), number);
    }
    sending.await??;
    assert_eq!(router.stats().outgoing.queued.messages, 3);
    Ok(())
}

async fn an_empty_queue_takes_one_message_however_large_it_is(at: Transport) -> Outcome {
    let push = Push::builder().memory_budget(1000).build()?;
    let places = [at.place(), at.place()];
    for place in &places {
        push.connect(place)?;
    }
    push.try_send(vec![1; 5000])?;
    push.try_send(vec![2; 5000])?;
    assert!(matches!(push.try_send("small"), Err(TrySendError::Full(_))));
    let pull = Pull::builder().memory_budget(1000).build()?;
    pull.bind(&places[0]).await?;
    assert_eq!(pull.recv().await?.byte_len(), 5000);
    push.send("small").await?;
    assert_eq!(pull.recv().await?, "small");
    Ok(())
}

async fn g06_a_receiver_stops_reading_at_its_budget_and_goes_on(at: Transport) -> Outcome {
    const EACH: u64 = 2000;
    let pull = Pull::builder()
        .recv_hwm(0)
        .recv_hwm_bytes(0)
        .memory_budget(50 * ON_THE_WIRE)
        .build()?;
    let place = at.bind(&pull).await?;
    let mut sending = Vec::new();
    for _ in 0..3 {
        let push = Push::new();
        push.connect(&place)?;
        sending.push(spawn(async move {
            for number in 0..EACH {
                push.send(numbered(number, SIZE)).await?;
            }
            Ok::<_, SendError>(push)
        }));
    }
    let most = (53 * ON_THE_WIRE) as u64;
    until(|| {
        let queued = pull.stats().incoming.queued;
        assert!(queued.bytes <= most, "{queued:?}");
        queued.bytes as usize >= 50 * ON_THE_WIRE
    })
    .await;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
        assert!(pull.stats().incoming.queued.bytes <= most);
    }
    let mut sum = 0;
    for _ in 0..3 * EACH {
        sum += number_of(&pull.recv().await?);
        assert!(pull.stats().incoming.queued.bytes <= most);
    }
    assert_eq!(sum, 3 * (EACH * (EACH - 1) / 2));
    for sending in sending {
        sending.await??.close().await?;
    }
    assert!(is_all_read(pull.stats().incoming));
    Ok(())
}

async fn what_a_peer_sent_before_it_left_is_all_there(at: Transport) -> Outcome {
    let push = Push::new();
    let pull = Pull::builder().memory_budget(2 * ON_THE_WIRE).build()?;
    let place = at.bind(&pull).await?;
    push.connect(&place)?.await?;
    let sending = spawn(async move {
        for number in 0..500 {
            push.send(numbered(number, SIZE)).await?;
        }
        push.close().await.map_err(|_| SendError::Closed("unsent".into()))
    });
    if at.is_stream() {
        // All is in the system's hands before anything is read.
        sending.await??;
        until(|| pull.peers().count() == 0).await;
        for number in 0..500 {
            assert_eq!(number_of(&pull.recv().await?), number);
        }
    } else {
        for number in 0..500 {
            assert_eq!(number_of(&pull.recv().await?), number);
        }
        sending.await??;
    }
    Ok(())
}

async fn g06_a_publisher_drops_at_its_budget_and_counts_it(at: Transport) -> Outcome {
    const LARGE: usize = 60_000;
    const BUDGET: u64 = 1_000_000;
    let publisher = Pub::builder()
        .send_hwm(0)
        .memory_budget(BUDGET as usize)
        .build()?;
    let place = at.bind(&publisher).await?;
    let subs = [(); 2].map(|()| Sub::builder().recv_hwm(2).build());
    let mut all = Vec::new();
    for sub in subs {
        let sub = sub?;
        sub.subscribe("");
        sub.connect(&place)?.await?;
        sub.subscribed().await?;
        all.push(sub);
    }
    let mut number = 0;
    until(|| {
        publisher.try_send(numbered(number, LARGE)).expect("it drops");
        number += 1;
        let sent = publisher.stats().outgoing;
        assert!(sent.queued.bytes <= BUDGET + 2 * (LARGE as u64 + 9), "{sent:?}");
        assert!(balances(sent), "{sent:?}");
        sent.dropped.by(DropReason::Hwm) >= 100
    })
    .await;
    let sent = publisher.stats().outgoing;
    assert_eq!(sent.accepted.messages, 2 * number);
    assert_eq!(sent.dropped.total(), sent.dropped.by(DropReason::Hwm));
    let kept = sent.accepted.messages - sent.dropped.total();
    // What was not dropped arrives, and what is published then does too.
    let mut came = 0;
    let [one, two] = &all[..] else {
        unreachable!("there are two")
    };
    while came < kept {
        tokio::select! {
            message = one.recv() => drop(message?),
            message = two.recv() => drop(message?),
        }
        came += 1;
    }
    publisher.send("last").await?;
    assert_eq!(
        (one.recv().await?, two.recv().await?),
        ("last".into(), "last".into())
    );
    Ok(())
}

async fn a_publisher_that_waits_for_its_budget_drops_nothing(at: Transport) -> Outcome {
    const MANY: u64 = 300;
    const LARGE: usize = 50_000;
    let publisher = Pub::builder().nodrop(true).memory_budget(130_000).build()?;
    let place = at.bind(&publisher).await?;
    let mut receiving = Vec::new();
    for _ in 0..3 {
        let sub = Sub::builder().recv_hwm(1).build()?;
        sub.subscribe("");
        sub.connect(&place)?.await?;
        sub.subscribed().await?;
        receiving.push(spawn(async move {
            for number in 0..MANY {
                assert_eq!(number_of(&sub.recv().await?), number);
            }
            Ok::<_, hubless::RecvError>(())
        }));
    }
    for number in 0..MANY {
        publisher.send(numbered(number, LARGE)).await?;
        let queued = publisher.stats().outgoing.queued.bytes;
        assert!(queued <= 3 * (LARGE as u64 + 9), "{queued}");
    }
    for receiving in receiving {
        receiving.await??;
    }
    assert_eq!(publisher.stats().outgoing.dropped.total(), 0);
    Ok(())
}

async fn one_that_drops_the_oldest_keeps_the_newest_at_its_budget(at: Transport) -> Outcome {
    const LARGE: usize = 60_000;
    let publisher = Pub::builder()
        .send_hwm(0)
        .memory_budget(600_000)
        .on_slow(hubless::SlowPolicy::DropOldest)
        .build()?;
    let place = at.bind(&publisher).await?;
    let sub = Sub::builder().recv_hwm(2).build()?;
    sub.subscribe("");
    sub.connect(&place)?.await?;
    sub.subscribed().await?;
    let mut number = 0;
    until(|| {
        publisher.try_send(numbered(number, LARGE)).expect("it drops");
        number += 1;
        let sent = publisher.stats().outgoing;
        assert!(balances(sent), "{sent:?}");
        assert!(sent.queued.bytes <= 600_000 + (LARGE as u64 + 9), "{sent:?}");
        sent.dropped.by(DropReason::Hwm) >= 50
    })
    .await;
    while number_of(&sub.recv().await?) < number - 1 {}
    Ok(())
}

async fn sockets_of_a_context_share_its_budget(at: Transport) -> Outcome {
    let context = Context::builder().memory_budget(10 * ON_THE_WIRE).build()?;
    let [one, two] = [(); 2].map(|()| Push::builder().context(&context).build());
    let (one, two) = (one?, two?);
    let places = [at.place(), at.place()];
    one.connect(&places[0])?;
    two.connect(&places[1])?;
    for number in 0..2 {
        two.try_send(numbered(number, SIZE))?;
    }
    assert_eq!(fill(&one), 8);
    assert!(matches!(two.try_send("no"), Err(TrySendError::Full(_))));
    let sender = two.clone();
    let sending = spawn(async move { sender.send(numbered(2, SIZE)).await });
    tokio::task::yield_now().await;
    assert!(!sending.is_finished());
    // Of another context, where it shares nothing; but then they meet by no name.
    let pull = match at {
        Transport::Inproc => Pull::builder().context(&context).build()?,
        _ => Pull::new(),
    };
    pull.bind(&places[0]).await?;
    for number in 0..8 {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    sending.await??;
    assert_eq!(two.stats().outgoing.queued.messages, 3);
    Ok(())
}

async fn a_socket_keeps_to_its_own_budget_within_that_of_its_context(at: Transport) -> Outcome {
    let context = Context::builder().memory_budget(10 * ON_THE_WIRE).build()?;
    let small = Push::builder()
        .context(&context)
        .memory_budget(4 * ON_THE_WIRE)
        .build()?;
    let other = Push::builder().context(&context).build()?;
    let places = [at.place(), at.place()];
    small.connect(&places[0])?;
    other.connect(&places[1])?;
    assert_eq!(fill(&small), 4);
    assert_eq!(fill(&other), 6);
    Ok(())
}

async fn a_socket_that_closes_gives_its_share_back(at: Transport) -> Outcome {
    let context = Context::builder().memory_budget(10 * ON_THE_WIRE).build()?;
    let waits = Push::builder().context(&context).build()?;
    let place = at.place();
    waits.connect(&place)?;
    waits.try_send(numbered(0, SIZE))?;
    for round in 1..5 {
        let holder = Push::builder()
            .context(&context)
            .linger(Linger::Discard)
            .build()?;
        holder.connect(at.place())?;
        assert_eq!(fill(&holder), 10 - round);
        let sender = waits.clone();
        let sending = spawn(async move { sender.send(numbered(round, SIZE)).await });
        tokio::task::yield_now().await;
        assert!(!sending.is_finished());
        if round % 2 == 0 {
            drop(holder);
        } else {
            assert!(holder.close().await.is_err(), "it gives back what was not sent");
        }
        sending.await??;
    }
    Ok(())
}

async fn unread_messages_are_given_back_when_their_socket_closes(at: Transport) -> Outcome {
    let context = Context::builder().memory_budget(10 * ON_THE_WIRE).build()?;
    let waits = Push::builder().context(&context).build()?;
    waits.connect(at.place())?;
    waits.try_send(numbered(0, SIZE))?;
    for round in 1..4 {
        let pull = Pull::builder().context(&context).build()?;
        let place = at.bind(&pull).await?;
        let feeder = match at {
            Transport::Inproc => Push::builder()
                .context(&context)
                .linger(Linger::Discard)
                .build()?,
            _ => Push::builder().linger(Linger::Discard).build()?,
        };
        feeder.connect(&place)?.await?;
        let sender = feeder.clone();
        let feeding = spawn(async move { while sender.send(numbered(0, SIZE)).await.is_ok() {} });
        until(|| {
            let mut queued = waits.stats().outgoing.queued.bytes + pull.stats().incoming.queued.bytes;
            if !at.is_stream() {
                queued += feeder.stats().outgoing.queued.bytes;
            }
            queued as usize >= 10 * ON_THE_WIRE
        })
        .await;
        let sender = waits.clone();
        let sending = spawn(async move { sender.send(numbered(round, SIZE)).await });
        tokio::task::yield_now().await;
        assert!(!sending.is_finished());
        feeding.abort();
        drop(feeding.await);
        drop(feeder);
        pull.close().await?;
        sending.await??;
    }
    Ok(())
}

async fn a_router_that_may_drop_does_so_at_its_budget(at: Transport) -> Outcome {
    let router = Router::builder().memory_budget(3 * ON_THE_WIRE).build()?;
    drop(router.connect_as(at.place(), "away")?);
    for number in 0..10 {
        router.send_to(&"away".into(), numbered(number, SIZE)).await?;
    }
    let sent = router.stats().outgoing;
    assert_eq!((sent.queued.messages, sent.dropped.by(DropReason::Hwm)), (3, 7));
    assert!(balances(sent));
    Ok(())
}

async fn questions_and_answers_go_round_where_there_is_hardly_any_room(at: Transport) -> Outcome {
    let context = Context::builder().memory_budget(1).build()?;
    let rep = Rep::builder().context(&context).build()?;
    let place = at.bind(&rep).await?;
    let answering = spawn(async move {
        for _ in 0..300 {
            let request = rep.recv_request().await?;
            let answer = request.message().clone();
            request.reply(answer).await?;
        }
        Ok::<_, hubless::Error>(rep)
    });
    let mut asking = Vec::new();
    for asker in 0..3 {
        let mut req = Req::builder().context(&context).build()?;
        req.connect(&place)?;
        asking.push(spawn(async move {
            for number in 0..100 {
                let answer = req.request(numbered(100 * asker + number, 1000)).await?;
                assert_eq!(number_of(&answer), 100 * asker + number);
            }
            Ok::<_, hubless::RequestError>(())
        }));
    }
    for asking in asking {
        asking.await??;
    }
    answering.await??;
    Ok(())
}

async fn what_goes_both_ways_is_held_up_by_nothing_for_ever(at: Transport) -> Outcome {
    const MANY: u64 = 3000;
    let context = Context::builder().memory_budget(20 * ON_THE_WIRE).build()?;
    let [here, there] = [(); 2].map(|()| {
        Dealer::builder()
            .context(&context)
            .memory_budget(5 * ON_THE_WIRE)
            .build()
    });
    let (here, there) = (here?, there?);
    let place = at.bind(&here).await?;
    there.connect(&place)?;
    let mut tasks = Vec::new();
    for dealer in [here, there] {
        let sender = dealer.clone();
        tasks.push(spawn(async move {
            for number in 0..MANY {
                sender.send(numbered(number, SIZE)).await?;
            }
            Ok::<_, hubless::Error>(())
        }));
        tasks.push(spawn(async move {
            for number in 0..MANY {
                assert_eq!(number_of(&dealer.recv().await?), number);
            }
            Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(())
}
