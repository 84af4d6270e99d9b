//! What is published goes to everybody who subscribed to a prefix of its first frame (sockets of kind PUB and SUB).

use hubless::{DropReason, Endpoint, Message, Pub, Sub};

use crate::transport::{Outcome, Place, Transport, number_of, numbered, over_every_transport, spawn};

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
    many_that_wait_all_get_every_message
    a_publisher_may_connect_and_a_subscriber_bind
    a_subscriber_hears_all_its_publishers
}

/// A publisher that listens, and where.
pub(crate) async fn bound(at: Transport) -> Outcome<(Pub, Place)> {
    let publisher = Pub::new();
    let endpoint = at.bind(&publisher).await?;
    Ok((publisher, endpoint))
}

/// A subscriber that the publisher knows of.
pub(crate) async fn subscribed(to: &Endpoint, prefixes: &[&str]) -> Outcome<Sub> {
    let subscriber = Sub::new();
    for prefix in prefixes {
        subscriber.subscribe(prefix);
    }
    subscriber.connect(to)?;
    subscriber.subscribed().await?;
    Ok(subscriber)
}

/// Receives up to and without `last`.
async fn all_until(subscriber: &Sub, last: &str) -> Outcome<Vec<Message>> {
    let mut messages = Vec::new();
    loop {
        let message = subscriber.recv().await?;
        if message == last {
            return Ok(messages);
        }
        messages.push(message);
    }
}

async fn a_message_goes_to_those_who_subscribed_to_a_prefix_of_it(at: Transport) -> Outcome {
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

async fn a_new_subscriber_is_subscribed_to_nothing(at: Transport) -> Outcome {
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

async fn an_empty_subscription_asks_for_everything(at: Transport) -> Outcome {
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

async fn a_message_comes_once_however_many_subscriptions_match(at: Transport) -> Outcome {
    let (publisher, endpoint) = bound(at).await?;
    let subscriber = subscribed(&endpoint, &["", "n", "ne", "news", "news"]).await?;

    publisher.send("news").await?;
    publisher.send("end").await?;

    assert_eq!(all_until(&subscriber, "end").await?.len(), 1);
    Ok(())
}

async fn what_was_subscribed_twice_is_unsubscribed_by_the_second_time(at: Transport) -> Outcome {
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

async fn unsubscribing_what_is_not_subscribed_changes_nothing(at: Transport) -> Outcome {
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

async fn only_the_first_frame_is_a_topic(at: Transport) -> Outcome {
    let (publisher, endpoint) = bound(at).await?;
    let subscriber = subscribed(&endpoint, &["topic", "end"]).await?;

    publisher.send(("other", "topic")).await?;
    publisher.send(("topic", "other", "")).await?;
    publisher.send("end").await?;

    let messages = all_until(&subscriber, "end").await?;
    assert_eq!(messages, [Message::from(("topic", "other", ""))]);
    Ok(())
}

async fn messages_that_look_like_subscriptions_are_published_intact(at: Transport) -> Outcome {
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

async fn messages_of_every_size_arrive_whole_and_in_order(at: Transport) -> Outcome {
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

async fn many_that_wait_all_get_every_message(at: Transport) -> Outcome {
    // Copied to queues of their own and, of many subscribers or large messages, to one that they share.
    for (crowd, size) in [(2, 8), (2, 5000), (10, 8), (10, 50_000)] {
        let (publisher, endpoint) = bound(at).await?;
        let mut receiving = Vec::new();
        for _ in 0..crowd {
            let subscriber = subscribed(&endpoint, &[""]).await?;
            receiving.push(spawn(async move {
                for number in 0..200 {
                    assert_eq!(number_of(&subscriber.recv().await?), number);
                }
                Ok::<_, hubless::RecvError>(())
            }));
        }
        for number in 0..200 {
            tokio::task::yield_now().await;
            publisher.send(numbered(number, size)).await?;
        }
        for receiving in receiving {
            receiving.await??;
        }
    }
    Ok(())
}

async fn a_publisher_may_connect_and_a_subscriber_bind(at: Transport) -> Outcome {
    let subscriber = Sub::new();
    subscriber.subscribe("");
    let endpoint = at.bind(&subscriber).await?;
    let publishers = [Pub::new(), Pub::new()];
    for (number, publisher) in publishers.iter().enumerate() {
        publisher.connect(&endpoint)?;
        publisher.subscribers().at_least(1).await?;
        publisher.send(format!("from {number}")).await?;
        assert_eq!(subscriber.recv().await?, format!("from {number}").as_str());
    }
    Ok(())
}

async fn a_subscriber_hears_all_its_publishers(at: Transport) -> Outcome {
    let subscriber = Sub::new();
    subscriber.subscribe("");
    let mut publishers = Vec::new();
    for _ in 0..3 {
        let (publisher, endpoint) = bound(at).await?;
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
