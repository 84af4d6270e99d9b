//! Subscriptions are state: however the connections come and go, a publisher hears what is wanted now.

use hubless::{Pub, Sub};

use crate::ended;
use crate::topics::{bound, subscribed};
use crate::transport::{Outcome, Transport, over_every_transport};

over_every_transport! {
    g09_subscriptions_are_made_again_when_the_publisher_comes_back
    g09_what_changed_while_the_publisher_was_away_is_what_it_hears
    g09_no_subscription_made_before_the_connection_is_lost
}

async fn g09_subscriptions_are_made_again_when_the_publisher_comes_back(at: Transport) -> Outcome {
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

async fn g09_what_changed_while_the_publisher_was_away_is_what_it_hears(at: Transport) -> Outcome {
    let (publisher, endpoint) = bound(at).await?;
    let subscriber = subscribed(&endpoint, &["old", "kept", "end"]).await?;
    let mut monitor = subscriber.monitor();
    publisher.close().await?;
    ended(&mut monitor).await;
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

async fn g09_no_subscription_made_before_the_connection_is_lost(at: Transport) -> Outcome {
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
