//! What a publisher does with a subscriber that does not keep up (sockets of kind PUB and XPUB).

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hubless::{
    Builder, DisconnectReason, DropReason, Event, Load, Monitor, Peer, Pub, SendError, SlowPolicy, Sub,
    TcpOptions, TrySendError, XPub, kind,
};
use tokio::time::timeout;

use crate::event;
use crate::transport::{Outcome, Place, Transport, number_of, numbered, over_every_transport, until};

over_every_transport! {
    dropping_the_oldest_keeps_what_is_newest
    g05_the_sum_holds_when_the_oldest_are_dropped
    who_waits_has_dropped_nothing_and_goes_on_when_there_is_room
    nobody_gets_what_one_cannot_take
    other_topics_go_on_behind_a_message_that_waits
    a_slow_subscriber_that_leaves_or_cancels_is_not_waited_for
    a_permit_is_given_when_everybody_has_room
    waiting_ends_when_its_time_is_over_and_is_not_repeated
    waiting_ends_with_the_socket
    who_does_not_keep_up_is_disconnected_and_may_come_back
    who_begins_to_lose_messages_is_told_of_once_until_half_of_its_queue_is_free
    whoever_loses_messages_is_told_of_whatever_the_policy
    who_is_disconnected_is_told_of_first_and_each_time
}

/// Buffers that are soon full.
fn small() -> TcpOptions {
    TcpOptions::new().send_buffer(16 << 10).recv_buffer(16 << 10)
}

const SIZE: usize = 16 << 10;

async fn publishes(at: Transport, builder: Builder<kind::Pub>) -> Outcome<(Pub, Place)> {
    let publisher = builder.send_hwm(4).tcp(small()).build()?;
    let place = at.bind(&publisher).await?;
    Ok((publisher, place))
}

/// One that holds little and reads when it is told to.
async fn slow(publisher: &Pub, place: &Place, topic: &str) -> Outcome<Sub> {
    let before = publisher.subscribers().to(topic).count();
    let subscriber = Sub::builder().recv_hwm(1).tcp(small()).build()?;
    subscriber.subscribe(topic);
    subscriber.connect(place)?;
    publisher.subscribers().to(topic).at_least(before + 1).await?;
    Ok(subscriber)
}

/// Publishes until it is full; how many were taken.
async fn fill(publisher: &Pub, topic: &str) -> Outcome<u64> {
    let (mut sent, mut refused) = (0, 0);
    while refused < 100 {
        match publisher.try_send((topic, numbered(sent, SIZE))) {
            Ok(()) => {
                sent += 1;
                refused = 0;
            }
            Err(TrySendError::Full(_)) => refused += 1,
            Err(error) => return Err(error.into()),
        }
        tokio::task::yield_now().await;
    }
    Ok(sent)
}

async fn number(subscriber: &Sub) -> Result<u64, hubless::Error> {
    let [_, body] = subscriber.recv().await?.into_frames()?;
    Ok(number_of(&body.into()))
}

async fn dropping_the_oldest_keeps_what_is_newest(at: Transport) -> Outcome {
    let (publisher, place) = publishes(at, Pub::builder().on_slow(SlowPolicy::DropOldest)).await?;
    let stalled = slow(&publisher, &place, "a").await?;
    let mut sent = 0;
    while publisher.stats().outgoing.dropped.by(DropReason::Hwm) < 100 {
        publisher.send(("a", numbered(sent, SIZE))).await?;
        sent += 1;
    }
    let dropped = publisher.stats().outgoing.dropped.by(DropReason::Hwm);
    let mut received = Vec::new();
    while received.last() != Some(&(sent - 1)) {
        received.push(number(&stalled).await?);
    }
    assert!(received.is_sorted_by(|a, b| a < b), "{received:?}");
    assert_eq!(received.len() as u64, sent - dropped);
    // The newest are all there.
    let newest: Vec<u64> = (sent - 4..sent).collect();
    assert!(received.ends_with(&newest), "{received:?} of {sent}");
    Ok(())
}

async fn g05_the_sum_holds_when_the_oldest_are_dropped(at: Transport) -> Outcome {
    let (publisher, place) = publishes(at, Pub::builder().on_slow(SlowPolicy::DropOldest)).await?;
    let _stalled = [
        slow(&publisher, &place, "a").await?,
        slow(&publisher, &place, "a").await?,
    ];
    for round in 0..500 {
        // Of every size, by copy and by reference.
        publisher
            .send(("a", vec![7; [1, 100, 5000, 50_000][round % 4]]))
            .await?;
        let stats = publisher.stats().outgoing;
        assert_eq!(
            stats.accepted.messages,
            stats.handed_over.messages + stats.queued.messages + stats.dropped.total()
        );
        assert!(stats.queued.messages <= 2 * 8, "{stats:?}");
    }
    assert!(publisher.stats().outgoing.dropped.by(DropReason::Hwm) > 100);
    Ok(())
}

async fn who_waits_has_dropped_nothing_and_goes_on_when_there_is_room(at: Transport) -> Outcome {
    const MANY: u64 = 300;
    let (publisher, place) = publishes(at, Pub::builder().nodrop(true)).await?;
    let subscribers = [
        slow(&publisher, &place, "a").await?,
        slow(&publisher, &place, "").await?,
    ];
    let sending = tokio::spawn({
        let publisher = publisher.clone();
        async move {
            for number in 0..MANY {
                publisher.send(("a", numbered(number, SIZE))).await?;
            }
            Ok::<_, SendError>(())
        }
    });
    for expected in 0..MANY {
        for subscriber in &subscribers {
            assert_eq!(number(subscriber).await?, expected);
        }
    }
    sending.await??;
    assert_eq!(publisher.stats().outgoing.dropped.total(), 0);
    Ok(())
}

async fn nobody_gets_what_one_cannot_take(at: Transport) -> Outcome {
    let (publisher, place) = publishes(at, Pub::builder().nodrop(true)).await?;
    let stalled = slow(&publisher, &place, "a").await?;
    let reader = Sub::new();
    reader.subscribe("a");
    reader.connect(&place)?;
    publisher.subscribers().to("a").at_least(2).await?;

    let sent = fill(&publisher, "a").await?;
    for expected in 0..sent {
        assert_eq!(number(&reader).await?, expected);
    }
    let sending = publisher.send(("a", numbered(sent, SIZE)));
    assert!(timeout(Duration::from_millis(20), sending).await.is_err());
    assert_eq!(
        reader.stats().incoming.received.messages,
        sent,
        "not even who could take it"
    );
    assert_eq!(publisher.stats().outgoing.accepted.messages, 2 * sent);

    let (sending, reading) = tokio::join!(publisher.send(("a", numbered(sent, SIZE))), async {
        for expected in 0..=sent {
            assert_eq!(number(&stalled).await?, expected);
        }
        Outcome::Ok(())
    });
    sending?;
    reading?;
    assert_eq!(number(&reader).await?, sent);
    Ok(())
}

async fn other_topics_go_on_behind_a_message_that_waits(at: Transport) -> Outcome {
    let (publisher, place) = publishes(at, Pub::builder().nodrop(true)).await?;
    let stalled = slow(&publisher, &place, "a").await?;
    let reader = slow(&publisher, &place, "b").await?;
    fill(&publisher, "a").await?;
    // What does not concern it does not wait for it.
    publisher.send(("b", numbered(1, 8))).await?;
    assert_eq!(number(&reader).await?, 1);

    // Those who wait are served as they came, whatever their topic.
    let first = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.send(("a", numbered(u64::MAX, SIZE))).await }
    });
    tokio::task::yield_now().await;
    assert!(matches!(
        publisher.try_send(("b", numbered(2, 8))),
        Err(TrySendError::Full(_))
    ));
    let (second, read) = tokio::join!(publisher.send(("b", numbered(2, 8))), async {
        while number(&stalled).await? != u64::MAX {}
        Outcome::Ok(())
    });
    second?;
    read?;
    first.await??;
    assert_eq!(number(&reader).await?, 2);
    Ok(())
}

async fn a_slow_subscriber_that_leaves_or_cancels_is_not_waited_for(at: Transport) -> Outcome {
    let (publisher, place) = publishes(at, Pub::builder().nodrop(true)).await?;
    for leaves in [true, false] {
        let stalled = slow(&publisher, &place, "a").await?;
        fill(&publisher, "a").await?;
        let sending = tokio::spawn({
            let publisher = publisher.clone();
            async move { publisher.send(("a", numbered(0, SIZE))).await }
        });
        tokio::task::yield_now().await;
        assert!(!sending.is_finished());
        if leaves {
            drop(stalled);
            sending.await??;
        } else {
            stalled.unsubscribe("a");
            sending.await??;
        }
        until(|| publisher.subscribers().count() == 0).await;
    }
    Ok(())
}

async fn a_permit_is_given_when_everybody_has_room(at: Transport) -> Outcome {
    let (publisher, place) = publishes(at, Pub::builder().nodrop(true)).await?;
    let stalled = slow(&publisher, &place, "a").await?;
    publisher.reserve().await?.send(("a", numbered(7, 8)))?;
    assert_eq!(number(&stalled).await?, 7);

    let permit = publisher.reserve().await?;
    let sent = fill(&publisher, "a").await?;
    assert!(matches!(
        permit.send(("a", numbered(sent, 8))),
        Err(SendError::NoRoute(_))
    ));
    assert!(
        timeout(Duration::from_millis(5), publisher.reserve())
            .await
            .is_err()
    );
    let (permit, read) = tokio::join!(publisher.reserve(), async {
        for expected in 0..sent {
            assert_eq!(number(&stalled).await?, expected);
        }
        Outcome::Ok(())
    });
    read?;
    permit?.send(("a", numbered(sent, 8)))?;
    assert_eq!(number(&stalled).await?, sent);
    Ok(())
}

async fn waiting_ends_when_its_time_is_over_and_is_not_repeated(at: Transport) -> Outcome {
    const PATIENCE: Duration = Duration::from_millis(300);
    let (publisher, place) = publishes(at, Pub::builder().on_slow(SlowPolicy::Wait(PATIENCE))).await?;
    let stalled = slow(&publisher, &place, "").await?;
    let reader = Sub::new();
    reader.subscribe("");
    reader.connect(&place)?;
    publisher.subscribers().at_least(2).await?;
    let start = tokio::time::Instant::now();
    let mut sent = 0;
    while publisher.stats().outgoing.dropped.total() == 0 {
        publisher.send(("a", numbered(sent, SIZE))).await?;
        sent += 1;
    }
    assert!(start.elapsed() >= PATIENCE);
    // It was waited for once; all that follows goes to the other one at once.
    let start = tokio::time::Instant::now();
    for _ in 0..100 {
        publisher.send(("a", numbered(sent, SIZE))).await?;
        sent += 1;
        while number(&reader).await? != sent - 1 {}
    }
    assert!(start.elapsed() < 50 * PATIENCE, "{:?}", start.elapsed());
    assert_eq!(publisher.stats().outgoing.dropped.by(DropReason::Hwm), 101);

    // When it has read enough it takes part again, and is waited for again.
    for expected in 0..sent - 101 {
        assert_eq!(number(&stalled).await?, expected);
    }
    until(|| publisher.stats().outgoing.queued.messages == 0).await;
    publisher.send(("a", numbered(sent, SIZE))).await?;
    assert_eq!(number(&stalled).await?, sent);
    // Who does not wait drops at once.
    let mut dropped = 0;
    while dropped == 0 {
        publisher.try_send(("a", numbered(0, SIZE)))?;
        tokio::task::yield_now().await;
        dropped = publisher.stats().outgoing.dropped.total() - 101;
    }
    Ok(())
}

async fn waiting_ends_with_the_socket(at: Transport) -> Outcome {
    let (publisher, place) =
        publishes(at, Pub::builder().nodrop(true).linger(hubless::Linger::Discard)).await?;
    let _stalled = slow(&publisher, &place, "a").await?;
    fill(&publisher, "a").await?;
    let waiting = tokio::spawn({
        let publisher = publisher.clone();
        async move { (publisher.send("a").await, publisher.reserve().await.is_err()) }
    });
    tokio::task::yield_now().await;
    let _ = publisher.close().await;
    let (sent, has_no_permit) = waiting.await?;
    assert_eq!(sent, Err(SendError::Closed("a".into())));
    assert!(has_no_permit);
    Ok(())
}

async fn who_does_not_keep_up_is_disconnected_and_may_come_back(at: Transport) -> Outcome {
    let publisher = XPub::builder()
        .send_hwm(4)
        .tcp(small())
        .on_slow(SlowPolicy::Disconnect)
        .build()?;
    let place = at.bind(&publisher).await?;
    let mut monitor = publisher.monitor();
    let stalled = Sub::builder().recv_hwm(1).tcp(small()).build()?;
    stalled.subscribe("a");
    stalled.connect(&place)?;
    let reader = Sub::new();
    reader.subscribe("a");
    reader.connect(&place)?;
    publisher.subscribers().to("a").at_least(2).await?;
    let mut told = Vec::new();
    let mut sent = 0;
    while publisher.stats().outgoing.dropped.by(DropReason::Hwm) == 0 {
        publisher.send(("a", numbered(sent, SIZE))).await?;
        assert_eq!(number(&reader).await?, sent);
        sent += 1;
    }
    let (peer, dropped) = event(&mut monitor, |event| match event {
        Event::Disconnected {
            peer,
            reason,
            dropped,
        } => {
            told.push(reason);
            Some((peer, dropped))
        }
        _ => None,
    })
    .await;
    assert_eq!(told, [DisconnectReason::TooSlow]);
    assert!(dropped > 0);
    let stats = peer.stats().outgoing;
    assert_eq!(stats.dropped.by(DropReason::PipeClosed), dropped);
    assert_eq!(
        stats.accepted.messages,
        stats.handed_over.messages + stats.dropped.total()
    );

    // It reads what it has got, finds the end of it, comes back, and takes part again.
    let reading = tokio::spawn(async move {
        while number(&stalled).await? != u64::MAX {}
        Ok::<_, hubless::Error>(())
    });
    publisher.subscribers().to("a").at_least(2).await?;
    publisher.send(("a", numbered(u64::MAX, SIZE))).await?;
    reading.await??;
    Ok(())
}

/// The peers that do not keep up, as far as was told by now.
fn slow_peers(monitor: &mut Monitor) -> Vec<(Peer, DropReason, Load)> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut slow = Vec::new();
    while let Poll::Ready(Some(event)) = pin!(monitor.next()).poll(&mut cx) {
        if let Event::SlowPeer { peer, reason, queued } = event {
            slow.push((peer, reason, queued));
        }
    }
    slow
}

/// Publishes until messages were dropped; how many were published.
async fn overfill(publisher: &Pub, topic: &str) -> Outcome<u64> {
    let before = publisher.stats().outgoing.dropped.total();
    let mut sent = 0;
    while publisher.stats().outgoing.dropped.total() < before + 5 {
        publisher.send((topic, numbered(sent, SIZE))).await?;
        sent += 1;
    }
    Ok(sent)
}

async fn who_begins_to_lose_messages_is_told_of_once_until_half_of_its_queue_is_free(
    at: Transport,
) -> Outcome {
    let (publisher, place) = publishes(at, Pub::builder()).await?;
    let mut monitor = publisher.monitor();
    let stalled = slow(&publisher, &place, "a").await?;
    let reader = slow(&publisher, &place, "b").await?;
    for _ in 0..2 {
        let sent = overfill(&publisher, "a").await?;
        publisher.send(("b", numbered(sent, 8))).await?;
        assert_eq!(number(&reader).await?, sent);
        let told = slow_peers(&mut monitor);
        let [(peer, reason, queued)] = &told[..] else {
            panic!("{told:?}");
        };
        assert_eq!(
            (*reason, queued.messages),
            (DropReason::Hwm, 4),
            "what waited when the first was dropped"
        );
        assert_eq!(queued.bytes, peer.stats().outgoing.queued.bytes);
        assert!(peer.stats().outgoing.dropped.by(DropReason::Hwm) >= 5);
        for expected in 0..sent - 5 {
            assert_eq!(number(&stalled).await?, expected);
        }
        until(|| publisher.stats().outgoing.queued.messages == 0).await;
    }
    Ok(())
}

async fn whoever_loses_messages_is_told_of_whatever_the_policy(at: Transport) -> Outcome {
    let waits = SlowPolicy::Wait(Duration::from_millis(20));
    for policy in [SlowPolicy::DropNewest, SlowPolicy::DropOldest, waits] {
        let (publisher, place) = publishes(at, Pub::builder().on_slow(policy)).await?;
        let mut monitor = publisher.monitor();
        let _stalled = slow(&publisher, &place, "").await?;
        overfill(&publisher, "a").await?;
        publisher.try_send(("a", numbered(0, SIZE)))?;
        publisher.reserve().await?.send(("a", numbered(0, SIZE)))?;
        let told = slow_peers(&mut monitor);
        assert_eq!(told.len(), 1, "{policy:?}: {told:?}");
    }
    // Who drops nothing, or only what nobody wants to have any more, has nothing to tell.
    let conflating = Pub::builder().conflate(true);
    for builder in [Pub::builder().nodrop(true), conflating] {
        let (publisher, place) = publishes(at, builder).await?;
        let mut monitor = publisher.monitor();
        let _stalled = slow(&publisher, &place, "").await?;
        for number in 0..100 {
            let _ = publisher.try_send(("a", numbered(number, SIZE)));
            tokio::task::yield_now().await;
        }
        assert_eq!(slow_peers(&mut monitor).len(), 0);
    }
    Ok(())
}

async fn who_is_disconnected_is_told_of_first_and_each_time(at: Transport) -> Outcome {
    let subscriber = Sub::builder().recv_hwm(1).tcp(small()).build()?;
    subscriber.subscribe("");
    let place = at.bind(&subscriber).await?;
    // It connects, so that its queue outlives the connection.
    let publisher = Pub::builder()
        .send_hwm(4)
        .tcp(small())
        .on_slow(SlowPolicy::Disconnect)
        .build()?;
    let mut monitor = publisher.monitor();
    publisher.connect(&place)?;
    for _ in 0..2 {
        publisher.subscribers().at_least(1).await?;
        overfill(&publisher, "a").await?;
        let slow = event(&mut monitor, |event| match event {
            Event::SlowPeer { peer, .. } => Some(peer),
            Event::Disconnected { .. } => panic!("{event}"),
            _ => None,
        })
        .await;
        let gone = event(&mut monitor, |event| match event {
            Event::Disconnected { peer, reason, .. } => Some((peer, reason)),
            _ => None,
        })
        .await;
        assert_eq!(gone, (slow, DisconnectReason::TooSlow));
    }
    Ok(())
}
