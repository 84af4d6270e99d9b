//! Waiting for subscribers, for publishers, and for the end.

use std::time::Duration;

use hubless::Sub;
use tokio::time::timeout;

use crate::topics::{bound, subscribed};
use crate::transport::{Outcome, Transport, over_every_transport, spawn};

over_every_transport! {
    waiting_for_subscribers_ends_when_they_are_there
    waiting_for_subscribers_can_be_given_up
    waiting_fails_when_the_socket_is_closed
    subscribed_waits_for_every_publisher
}

async fn waiting_for_subscribers_ends_when_they_are_there(at: Transport) -> Outcome {
    let (publisher, endpoint) = bound(at).await?;
    let (all, news) = (publisher.subscribers(), publisher.subscribers().to("news"));
    all.at_least(0).await?;
    let waiting = spawn({
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

async fn waiting_for_subscribers_can_be_given_up(at: Transport) -> Outcome {
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

async fn waiting_fails_when_the_socket_is_closed(at: Transport) -> Outcome {
    let (publisher, _) = bound(at).await?;
    let subscribers = publisher.subscribers();
    let waiting = spawn({
        let subscribers = subscribers.clone();
        async move { subscribers.at_least(1).await }
    });
    tokio::task::yield_now().await;
    publisher.close().await?;
    assert!(waiting.await.expect("the task does not panic").is_err());
    assert!(subscribers.at_least(1).await.is_err());

    let subscriber = Sub::new();
    let waiting = spawn({
        let subscriber = subscriber.clone();
        async move { subscriber.subscribed().await }
    });
    tokio::task::yield_now().await;
    subscriber.close().await?;
    assert!(waiting.await.expect("the task does not panic").is_err());
    Ok(())
}

async fn subscribed_waits_for_every_publisher(at: Transport) -> Outcome {
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

    let (second, endpoint) = bound(at).await?;
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
