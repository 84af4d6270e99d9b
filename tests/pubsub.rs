//! PUB and SUB through the public API, over every transport: sockets.md sections 3 and 10.5, and guarantees G4,
//! G5, G6 and G9 as far as they concern publishing.
//!
//! Nothing here sleeps: who waits, waits for a subscription, a message or an event.

use std::future::Future;
use std::time::Duration;

use hubless::{
    DisconnectReason, DropReason, Endpoint, Error, Event, Message, Monitor, ProtocolError, Pub, Sub,
    TryRecvError,
};
use tokio::time::timeout;

type Result<T = (), E = Error> = std::result::Result<T, E>;

/// One test for each transport.
macro_rules! over_every_transport {
    ($($name:ident)+) => {
        mod tcp {
            $(#[tokio::test]
            async fn $name() {
                super::soon(super::$name("tcp://127.0.0.1:0")).await.unwrap();
            })+
        }

        #[cfg(unix)]
        mod ipc {
            $(#[tokio::test]
            async fn $name() {
                let name = format!("hubless-{}-{}", std::process::id(), stringify!($name));
                let at = format!("ipc://{}", std::env::temp_dir().join(name).display());
                super::soon(super::$name(&at)).await.unwrap();
            })+
        }
    };
}

over_every_transport! {
    a_message_goes_to_those_who_subscribed_to_a_prefix_of_it
    a_new_subscriber_is_subscribed_to_nothing
    an_empty_subscription_asks_for_everything
    a_message_comes_once_however_many_subscriptions_match
    what_was_subscribed_twice_is_unsubscribed_by_the_second_time
    unsubscribing_what_is_not_subscribed_changes_nothing
    only_the_first_frame_is_a_topic
    messages_that_look_like_subscriptions_are_published_intact
    messages_of_every_size_arrive_whole_and_in_order
    a_publisher_may_connect_and_a_subscriber_bind
    a_subscriber_hears_all_its_publishers
    g09_subscriptions_are_made_again_when_the_publisher_comes_back
    g09_what_changed_while_the_publisher_was_away_is_what_it_hears
    g09_no_subscription_made_before_the_connection_is_lost
    g04_a_subscriber_that_does_not_read_loses_alone_and_every_loss_is_counted
    g05_a_message_that_nobody_asked_for_is_counted_once
    g05_what_was_queued_for_a_peer_that_left_is_counted
    a_tight_loop_lets_its_drivers_run
    conflating_keeps_the_newest_message_and_counts_the_others
    waiting_for_subscribers_ends_when_they_are_there
    waiting_for_subscribers_can_be_given_up
    waiting_fails_when_the_socket_is_closed
    subscribed_waits_for_every_publisher
    close_writes_what_is_queued
    row_07_too_many_subscriptions_close_that_connection_alone
    row_07_a_topic_that_is_too_long_closes_that_connection_alone
}

/// Nothing here takes long; what hangs, fails.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), work)
        .await
        .expect("this takes no minute")
}

async fn bound(at: &str) -> Result<(Pub, Endpoint)> {
    let publisher = Pub::new();
    let endpoint = publisher.bind(at).await?;
    Ok((publisher, endpoint))
}

/// Another endpoint of the same transport.
fn another(at: &str, number: u32) -> String {
    if at.starts_with("ipc") {
        format!("{at}.{number}")
    } else {
        at.to_owned()
    }
}

/// A subscriber that the publisher knows of.
async fn subscribed(to: &Endpoint, prefixes: &[&str]) -> Result<Sub> {
    let subscriber = Sub::new();
    for prefix in prefixes {
        subscriber.subscribe(prefix);
    }
    subscriber.connect(to)?;
    subscriber.subscribed().await?;
    Ok(subscriber)
}

/// Receives up to and without `last`.
async fn all_until(subscriber: &Sub, last: &str) -> Result<Vec<Message>> {
    let mut messages = Vec::new();
    loop {
        let message = subscriber.recv().await?;
        if message == last {
            return Ok(messages);
        }
        messages.push(message);
    }
}

/// The reason of the next connection that ends.
async fn next_end(monitor: &mut Monitor) -> DisconnectReason {
    loop {
        match monitor.next().await.expect("the socket is open") {
            Event::Disconnected { reason, .. } => return reason,
            _ => continue,
        }
    }
}

/// A message that tells its number.
fn numbered(number: u64, size: usize) -> Vec<u8> {
    let mut message = number.to_be_bytes().to_vec();
    message.resize(size, 7);
    message
}

fn number_of(message: &Message) -> u64 {
    let body = message.frame(0).unwrap_or_default();
    u64::from_be_bytes(*body.first_chunk().expect("it begins with its number"))
}

// ---- who gets what -----------------------------------------------------------------------------------------

async fn a_message_goes_to_those_who_subscribed_to_a_prefix_of_it(at: &str) -> Result {
    let (publisher, endpoint) = bound(at).await?;
    let news = subscribed(&endpoint, &["news", "end"]).await?;
    let sport = subscribed(&endpoint, &["news.sport", "end"]).await?;

    for topic in ["new", "news", "news.sport", "news.sport.ski", "weather", "end"] {
        publisher.send(topic).await?;
    }

    assert_eq!(
        all_until(&news, "end").await?,
        ["news", "news.sport", "news.sport.ski"].map(Message::from)
    );
    assert_eq!(
        all_until(&sport, "end").await?,
        ["news.sport", "news.sport.ski"].map(Message::from)
    );
    Ok(())
}

async fn a_new_subscriber_is_subscribed_to_nothing(at: &str) -> Result {
    let (publisher, endpoint) = bound(at).await?;
    let subscriber = subscribed(&endpoint, &[]).await?;

    publisher.send("").await?;
    publisher.send("news").await?;
    subscriber.subscribe("end");
    subscriber.subscribed().await?;
    publisher.send("end").await?;

    assert!(all_until(&subscriber, "end").await?.is_empty());
    Ok(())
}

async fn an_empty_subscription_asks_for_everything(at: &str) -> Result {
    let (publisher, endpoint) = bound(at).await?;
    let subscriber = subscribed(&endpoint, &[""]).await?;

    for topic in ["", "news", "end"] {
        publisher.send(topic).await?;
    }

    assert_eq!(
        all_until(&subscriber, "end").await?,
        ["", "news"].map(Message::from)
    );
    Ok(())
}

async fn a_message_comes_once_however_many_subscriptions_match(at: &str) -> Result {
    let (publisher, endpoint) = bound(at).await?;
    let subscriber = subscribed(&endpoint, &["", "n", "ne", "news", "news"]).await?;

    publisher.send("news").await?;
    publisher.send("end").await?;

    assert_eq!(all_until(&subscriber, "end").await?.len(), 1);
    Ok(())
}

async fn what_was_subscribed_twice_is_unsubscribed_by_the_second_time(at: &str) -> Result {
    let (publisher, endpoint) = bound(at).await?;
    let subscriber = subscribed(&endpoint, &["news", "news", "end"]).await?;

    assert!(subscriber.unsubscribe("news"));
    subscriber.subscribed().await?;
    publisher.send("news 1").await?;
    assert!(subscriber.unsubscribe("news"));
    subscriber.subscribed().await?;
    publisher.send("news 2").await?;
    publisher.send("end").await?;

    // What was on its way when the subscription ended is not received either.
    assert!(all_until(&subscriber, "end").await?.is_empty());
    assert_eq!(subscriber.stats().incoming.dropped.by(DropReason::Filtered), 1);
    assert_eq!(publisher.stats().outgoing.dropped.by(DropReason::NoSubscriber), 1);
    Ok(())
}

async fn unsubscribing_what_is_not_subscribed_changes_nothing(at: &str) -> Result {
    let (publisher, endpoint) = bound(at).await?;
    let subscriber = subscribed(&endpoint, &["news", "end"]).await?;

    assert!(!subscriber.unsubscribe("new"));
    assert!(!subscriber.unsubscribe("news.sport"));
    assert!(!subscriber.unsubscribe(""));
    subscriber.subscribed().await?;
    publisher.send("news").await?;
    publisher.send("end").await?;

    assert_eq!(all_until(&subscriber, "end").await?.len(), 1);
    Ok(())
}

async fn only_the_first_frame_is_a_topic(at: &str) -> Result {
    let (publisher, endpoint) = bound(at).await?;
    let subscriber = subscribed(&endpoint, &["topic", "end"]).await?;

    publisher.send(("other", "topic")).await?;
    publisher.send(("topic", "other", "")).await?;
    publisher.send("end").await?;

    let messages = all_until(&subscriber, "end").await?;
    assert_eq!(messages, [Message::from(("topic", "other", ""))]);
    Ok(())
}

async fn messages_that_look_like_subscriptions_are_published_intact(at: &str) -> Result {
    let (publisher, endpoint) = bound(at).await?;
    let subscriber = subscribed(&endpoint, &[""]).await?;

    for message in [
        &b"\x01news"[..],
        b"\x00news",
        b"\x00",
        b"\x01",
        b"\x09SUBSCRIBEnews",
    ] {
        publisher.send(message).await?;
        assert_eq!(subscriber.recv().await?, message);
    }
    assert_eq!(publisher.subscribers().count(), 1);
    Ok(())
}

async fn messages_of_every_size_arrive_whole_and_in_order(at: &str) -> Result {
    let (publisher, endpoint) = bound(at).await?;
    let subscribers = [
        subscribed(&endpoint, &[""]).await?,
        subscribed(&endpoint, &[""]).await?,
    ];

    let sizes = [
        0,
        1,
        255,
        256,
        4 << 10,
        32 << 10,
        64 << 10,
        200 << 10,
        1 << 20,
        3 << 20,
    ];
    for size in sizes {
        let body = vec![size as u8; size];
        publisher.send(&body[..]).await?;
        publisher
            .send(("topic", body.clone(), &b"x"[..], body.clone()))
            .await?;
        for subscriber in &subscribers {
            assert_eq!(subscriber.recv().await?, &body[..], "{size} bytes");
            let message = Message::from(("topic", body.clone(), "x", body.clone()));
            assert!(subscriber.recv().await? == message, "{size} bytes, twice");
        }
    }
    Ok(())
}

async fn a_publisher_may_connect_and_a_subscriber_bind(at: &str) -> Result {
    let subscriber = Sub::new();
    subscriber.subscribe("");
    let endpoint = subscriber.bind(at).await?;
    let publishers = [Pub::new(), Pub::new()];
    for (number, publisher) in publishers.iter().enumerate() {
        publisher.connect(&endpoint)?;
        publisher.subscribers().at_least(1).await?;
        publisher.send(format!("from {number}")).await?;
        assert_eq!(subscriber.recv().await?, format!("from {number}").as_str());
    }
    Ok(())
}

async fn a_subscriber_hears_all_its_publishers(at: &str) -> Result {
    let subscriber = Sub::new();
    subscriber.subscribe("");
    let mut publishers = Vec::new();
    for number in 0..3 {
        let (publisher, endpoint) = bound(&another(at, number)).await?;
        subscriber.connect(&endpoint)?;
        publisher.subscribers().at_least(1).await?;
        publishers.push(publisher);
    }
    for number in 0..100 {
        for publisher in &publishers {
            publisher.send(numbered(number, 8)).await?;
        }
    }

    let mut count = [0; 100];
    for _ in 0..300 {
        count[number_of(&subscriber.recv().await?) as usize] += 1;
    }
    assert_eq!(count, [3; 100]);
    Ok(())
}

// ---- subscriptions are state ---------------------------------------------------------------------------------

async fn g09_subscriptions_are_made_again_when_the_publisher_comes_back(at: &str) -> Result {
    let (publisher, endpoint) = bound(at).await?;
    let subscriber = subscribed(&endpoint, &["news", "end"]).await?;
    publisher.close().await?;

    let publisher = Pub::new();
    publisher.bind(&endpoint).await?;
    publisher.subscribers().to("news").at_least(1).await?;
    publisher.subscribers().to("end").at_least(1).await?;
    publisher.send("weather").await?;
    publisher.send("news").await?;

    assert_eq!(subscriber.recv().await?, "news");
    Ok(())
}

async fn g09_what_changed_while_the_publisher_was_away_is_what_it_hears(at: &str) -> Result {
    let (publisher, endpoint) = bound(at).await?;
    let subscriber = subscribed(&endpoint, &["old", "kept", "end"]).await?;
    let mut monitor = subscriber.monitor();
    publisher.close().await?;
    next_end(&mut monitor).await;
    subscriber.unsubscribe("old");
    subscriber.subscribe("new");
    subscriber.subscribe("brief");
    subscriber.unsubscribe("brief");

    let publisher = Pub::new();
    publisher.bind(&endpoint).await?;
    subscriber.subscribed().await?;
    assert_eq!(
        ["old", "kept", "new", "brief"].map(|topic| publisher.subscribers().to(topic).count()),
        [0, 1, 1, 0]
    );
    Ok(())
}

async fn g09_no_subscription_made_before_the_connection_is_lost(at: &str) -> Result {
    const MANY: usize = 5000;
    let subscriber = Sub::new();
    for number in 0..MANY {
        subscriber.subscribe(format!("{number}."));
    }
    let (publisher, endpoint) = bound(at).await?;
    subscriber.connect(&endpoint)?;
    subscriber.subscribed().await?;

    for number in 0..MANY {
        assert_eq!(
            publisher.subscribers().to(format!("{number}.x")).count(),
            1,
            "{number}"
        );
    }
    Ok(())
}

// ---- who loses what ------------------------------------------------------------------------------------------

async fn g04_a_subscriber_that_does_not_read_loses_alone_and_every_loss_is_counted(at: &str) -> Result {
    const SIZE: usize = 4096;
    let publisher = Pub::builder().send_hwm(100).build()?;
    let endpoint = publisher.bind(at).await?;
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

async fn g05_a_message_that_nobody_asked_for_is_counted_once(at: &str) -> Result {
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

async fn g05_what_was_queued_for_a_peer_that_left_is_counted(at: &str) -> Result {
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
    next_end(&mut monitor).await;

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

async fn a_tight_loop_lets_its_drivers_run(at: &str) -> Result {
    const MANY: u64 = 50_000;
    let (publisher, endpoint) = bound(at).await?;
    let subscriber = subscribed(&endpoint, &[""]).await?;
    let receiving = tokio::spawn(async move {
        let mut received = 0;
        while number_of(&subscriber.recv().await?) != MANY {
            received += 1;
        }
        Ok::<_, Error>(received)
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

async fn conflating_keeps_the_newest_message_and_counts_the_others(at: &str) -> Result {
    let publisher = Pub::builder().conflate(true).build()?;
    let endpoint = publisher.bind(at).await?;
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

// ---- waiting -------------------------------------------------------------------------------------------------

async fn waiting_for_subscribers_ends_when_they_are_there(at: &str) -> Result {
    let (publisher, endpoint) = bound(at).await?;
    let (all, news) = (publisher.subscribers(), publisher.subscribers().to("news"));
    all.at_least(0).await?;
    let waiting = tokio::spawn({
        let (all, news) = (all.clone(), news.clone());
        async move {
            all.at_least(3).await?;
            news.at_least(2).await
        }
    });
    let _others = [
        subscribed(&endpoint, &["weather"]).await?,
        subscribed(&endpoint, &[]).await?,
    ];
    assert_eq!(
        (all.count(), news.count()),
        (1, 0),
        "a peer that asked for nothing is no subscriber"
    );
    let _subscribers = [
        subscribed(&endpoint, &["n", "ne"]).await?,
        subscribed(&endpoint, &[""]).await?,
    ];
    waiting.await.expect("the task does not panic")?;

    assert_eq!((all.count(), news.count()), (3, 2));
    Ok(())
}

async fn waiting_for_subscribers_can_be_given_up(at: &str) -> Result {
    let (publisher, endpoint) = bound(at).await?;
    let subscribers = publisher.subscribers();
    for _ in 0..3 {
        let waiting = subscribers.at_least(1);
        assert!(timeout(Duration::ZERO, waiting).await.is_err());
    }
    let _subscriber = subscribed(&endpoint, &["a"]).await?;
    subscribers.at_least(1).await?;
    Ok(())
}

async fn waiting_fails_when_the_socket_is_closed(at: &str) -> Result {
    let (publisher, _) = bound(at).await?;
    let subscribers = publisher.subscribers();
    let waiting = tokio::spawn({
        let subscribers = subscribers.clone();
        async move { subscribers.at_least(1).await }
    });
    tokio::task::yield_now().await;
    publisher.close().await?;
    assert!(waiting.await.expect("the task does not panic").is_err());
    assert!(subscribers.at_least(1).await.is_err());

    let subscriber = Sub::new();
    let waiting = tokio::spawn({
        let subscriber = subscriber.clone();
        async move { subscriber.subscribed().await }
    });
    tokio::task::yield_now().await;
    subscriber.close().await?;
    assert!(waiting.await.expect("the task does not panic").is_err());
    Ok(())
}

async fn subscribed_waits_for_every_publisher(at: &str) -> Result {
    let (first, endpoint) = bound(at).await?;
    let subscriber = Sub::new();
    subscriber.subscribe("a");
    assert!(
        timeout(Duration::ZERO, subscriber.subscribed()).await.is_err(),
        "there is no publisher"
    );
    subscriber.connect(&endpoint)?;
    subscriber.subscribed().await?;
    assert_eq!(first.subscribers().to("a").count(), 1);

    let (second, endpoint) = bound(&another(at, 2)).await?;
    subscriber.connect(&endpoint)?.await?;
    for number in 0..100 {
        let topic = format!("{number}.");
        subscriber.subscribe(&topic);
        subscriber.subscribed().await?;
        assert_eq!(first.subscribers().to(&topic).count(), 1);
        assert_eq!(second.subscribers().to(&topic).count(), 1);
    }
    Ok(())
}

async fn close_writes_what_is_queued(at: &str) -> Result {
    let (publisher, endpoint) = bound(at).await?;
    let subscriber = subscribed(&endpoint, &[""]).await?;
    for number in 0..500 {
        publisher.try_send(numbered(number, 1024))?;
    }
    let closing = tokio::spawn(publisher.close());
    for number in 0..500 {
        assert_eq!(number_of(&subscriber.recv().await?), number);
    }
    closing.await.expect("the task does not panic")?;
    Ok(())
}

// ---- limits --------------------------------------------------------------------------------------------------

/// A subscriber that asks for `prefixes` is disconnected; another one keeps its traffic. The reason.
async fn disconnected_for(at: &str, prefixes: impl Iterator<Item = Vec<u8>>) -> Result<DisconnectReason> {
    let (publisher, endpoint) = bound(at).await?;
    let good = subscribed(&endpoint, &["good"]).await?;
    let mut monitor = publisher.monitor();
    let greedy = Sub::new();
    prefixes.for_each(|prefix| greedy.subscribe(prefix));
    greedy.connect(&endpoint)?;
    let reason = next_end(&mut monitor).await;
    drop(greedy);

    publisher.send("good").await?;
    assert_eq!(good.recv().await?, "good");
    Ok(reason)
}

async fn row_07_too_many_subscriptions_close_that_connection_alone(at: &str) -> Result {
    let prefixes = (0..100_001u32).map(|number| number.to_be_bytes().to_vec());
    match disconnected_for(at, prefixes).await? {
        DisconnectReason::Protocol(ProtocolError::TooMany { limit, .. }) => assert_eq!(limit, 100_000),
        other => panic!("{other}"),
    }
    Ok(())
}

async fn row_07_a_topic_that_is_too_long_closes_that_connection_alone(at: &str) -> Result {
    match disconnected_for(at, [vec![b'x'; (64 << 10) + 1]].into_iter()).await? {
        DisconnectReason::Protocol(ProtocolError::TooMany { .. } | ProtocolError::TooLarge { .. }) => {}
        other => panic!("{other}"),
    }
    Ok(())
}
