//! What publishing loses, for whom, and where it is counted.

use hubless::{DropReason, Pub, Pull, Push, Sub, TryRecvError};

use crate::ended;
use crate::topics::{bound, subscribed};
use crate::transport::{Outcome, Transport, number_of, numbered, over_every_transport, spawn, until};

over_every_transport! {
    g04_a_subscriber_that_does_not_read_loses_alone_and_every_loss_is_counted
    g05_a_message_that_nobody_asked_for_is_counted_once
    g05_what_was_queued_for_a_peer_that_left_is_counted
    a_tight_loop_lets_its_drivers_run
    conflating_keeps_the_newest_message_and_counts_the_others
    g06_with_conflate_who_does_not_receive_holds_little
}

async fn g04_a_subscriber_that_does_not_read_loses_alone_and_every_loss_is_counted(at: Transport) -> Outcome {
    const SIZE: usize = 4096;
    let publisher = Pub::builder().send_hwm(100).build()?;
    let endpoint = at.bind(&publisher).await?;
    let slow = Sub::builder().recv_hwm(1).build()?;
    slow.subscribe("");
    slow.connect(&endpoint)?.await?;
    publisher.subscribers().at_least(1).await?;
    let slow_peer = publisher.peers().list().remove(0);
    let fast = subscribed(&endpoint, &[""]).await?;

    // Until the slow one's lane, both kernel buffers and its queue are full, and then on for a while.
    let mut published = 0;
    while slow_peer.stats().outgoing.dropped.by(DropReason::Hwm) < 1000 {
        publisher.send(numbered(published, SIZE)).await?;
        let message = fast.recv().await?;
        assert_eq!(number_of(&message), published, "the fast one misses nothing");
        published += 1;
    }
    let stats = slow_peer.stats().outgoing;
    let dropped = stats.dropped.by(DropReason::Hwm);
    assert_eq!(stats.accepted.messages, published);
    assert_eq!(
        stats.handed_over.messages + stats.queued.messages + dropped,
        published
    );
    assert_eq!(
        publisher.stats().outgoing.dropped.by(DropReason::Hwm),
        dropped,
        "nobody else has lost anything"
    );
    assert_eq!(publisher.stats().outgoing.accepted.messages, 2 * published);

    // All that was not dropped is still received, in order.
    let mut last = None;
    for _ in 0..published - dropped {
        let number = number_of(&slow.recv().await?);
        assert!(last < Some(number), "{last:?}, then {number}");
        last = Some(number);
    }
    assert_eq!(slow.try_recv(), Err(TryRecvError::Empty));

    // And from here on it takes part again.
    publisher.send(numbered(published, SIZE)).await?;
    assert_eq!(number_of(&slow.recv().await?), published);
    assert_eq!(slow_peer.stats().outgoing.dropped.by(DropReason::Hwm), dropped);
    Ok(())
}

async fn g05_a_message_that_nobody_asked_for_is_counted_once(at: Transport) -> Outcome {
    let (publisher, endpoint) = bound(at).await?;
    publisher.send("before anybody is there").await?;
    let _subscribers = [
        subscribed(&endpoint, &["a"]).await?,
        subscribed(&endpoint, &["b"]).await?,
    ];
    publisher.send("c").await?;
    publisher.send("a").await?;

    let stats = publisher.stats().outgoing;
    assert_eq!(stats.dropped.by(DropReason::NoSubscriber), 2);
    assert_eq!(
        (stats.accepted.messages, stats.dropped.total()),
        (1, 0),
        "outside the sum"
    );
    Ok(())
}

async fn g05_what_was_queued_for_a_peer_that_left_is_counted(at: Transport) -> Outcome {
    let (publisher, endpoint) = bound(at).await?;
    let stalled = Sub::builder().recv_hwm(1).build()?;
    stalled.subscribe("");
    stalled.connect(&endpoint)?;
    publisher.subscribers().at_least(1).await?;
    let mut monitor = publisher.monitor();
    let message = vec![0; 64 << 10];
    while publisher.stats().outgoing.queued.messages < 500 {
        publisher.send(&message[..]).await?;
    }
    drop(stalled);
    ended(&mut monitor).await;

    let stats = publisher.stats().outgoing;
    assert_eq!(stats.queued.messages, 0);
    assert_eq!(
        stats.accepted.messages,
        stats.handed_over.messages + stats.dropped.total()
    );
    assert!(stats.dropped.by(DropReason::PipeClosed) > 400, "{stats:?}");
    assert_eq!(publisher.subscribers().count(), 0);
    Ok(())
}

async fn a_tight_loop_lets_its_drivers_run(at: Transport) -> Outcome {
    const MANY: u64 = 50_000;
    let (publisher, endpoint) = bound(at).await?;
    let subscriber = subscribed(&endpoint, &[""]).await?;
    let receiving = spawn(async move {
        let mut received = 0;
        while number_of(&subscriber.recv().await?) != MANY {
            received += 1;
        }
        Ok::<_, hubless::Error>(received)
    });
    for number in 0..MANY {
        publisher.send(numbered(number, 16)).await?;
    }
    // The last one is for certain.
    while publisher.stats().outgoing.queued.messages > 0 {
        tokio::task::yield_now().await;
    }
    publisher.send(numbered(MANY, 16)).await?;

    let received: u64 = receiving.await.expect("the task does not panic")?;
    assert_eq!(received + publisher.stats().outgoing.dropped.total(), MANY);
    assert!(received > MANY / 2, "{received} of {MANY}");
    Ok(())
}

async fn conflating_keeps_the_newest_message_and_counts_the_others(at: Transport) -> Outcome {
    let publisher = Pub::builder().conflate(true).build()?;
    let endpoint = at.bind(&publisher).await?;
    let subscriber = Sub::builder().recv_hwm(1).build()?;
    subscriber.subscribe("");
    subscriber.connect(&endpoint)?;
    publisher.subscribers().at_least(1).await?;

    let mut published = 0;
    while publisher.stats().outgoing.dropped.by(DropReason::Conflated) < 100 {
        publisher.send(("topic", numbered(published, 4096))).await?;
        published += 1;
    }
    let stats = publisher.stats().outgoing;
    assert!(
        stats.queued.messages <= 2,
        "the newest, and the one that is being written: {stats:?}"
    );
    assert_eq!(stats.accepted.messages, published);
    assert_eq!(
        stats.handed_over.messages + stats.queued.messages + stats.dropped.total(),
        published
    );

    // Multipart messages stay whole, and the newest comes last.
    let mut received = 0;
    loop {
        let [topic, body] = subscriber.recv().await?.into_frames()?;
        assert_eq!((topic, body.len()), ("topic".into(), 4096));
        received += 1;
        if number_of(&body.into()) == published - 1 {
            break;
        }
    }
    assert_eq!(received, published - stats.dropped.total());
    Ok(())
}

async fn g06_with_conflate_who_does_not_receive_holds_little(at: Transport) -> Outcome {
    const MANY: u64 = 4000;
    let pull = Pull::builder().conflate(true).build()?;
    let push = Push::new();
    push.connect(&at.bind(&pull).await?)?.await?;
    for number in 0..MANY {
        push.send(numbered(number, 1024)).await?;
    }
    until(|| pull.stats().incoming.received.messages == MANY).await;
    let incoming = pull.stats().incoming;
    assert!(
        incoming.queued.bytes <= 1 << 20,
        "what was read last: {incoming:?}"
    );
    assert_eq!(incoming.queued.messages + incoming.dropped.total(), MANY);

    assert_eq!(number_of(&pull.recv().await?), MANY - 1);
    let incoming = pull.stats().incoming;
    assert_eq!(incoming.dropped.by(DropReason::Conflated), MANY - 1);
    Ok(())
}
