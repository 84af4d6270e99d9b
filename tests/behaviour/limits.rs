//! What a subscriber may ask for. Peers in the same process are trusted, so this is about streams.

use hubless::{DisconnectReason, ProtocolError, Sub};

use crate::ended;
use crate::topics::{bound, subscribed};
use crate::transport::{Outcome, Transport, over_every_stream};

over_every_stream! {
    row_07_too_many_subscriptions_close_that_connection_alone
    row_07_a_topic_that_is_too_long_closes_that_connection_alone
}

/// A subscriber that asks for `prefixes` is disconnected; another one keeps its traffic. The reason.
async fn disconnected_for(
    at: Transport,
    prefixes: impl Iterator<Item = Vec<u8>>,
) -> Outcome<DisconnectReason> {
    let (publisher, endpoint) = bound(at).await?;
    let good = subscribed(&endpoint, &["good"]).await?;
    let mut monitor = publisher.monitor();
    let greedy = Sub::new();
    prefixes.for_each(|prefix| greedy.subscribe(prefix));
    greedy.connect(&endpoint)?;
    let (reason, _) = ended(&mut monitor).await;
    drop(greedy);

    publisher.send("good").await?;
    assert_eq!(good.recv().await?, "good");
    Ok(reason)
}

async fn row_07_too_many_subscriptions_close_that_connection_alone(at: Transport) -> Outcome {
    let prefixes = (0..100_001u32).map(|number| number.to_be_bytes().to_vec());
    match disconnected_for(at, prefixes).await? {
        DisconnectReason::Protocol(ProtocolError::TooMany { limit, .. }) => assert_eq!(limit, 100_000),
        other => panic!("{other}"),
    }
    Ok(())
}

async fn row_07_a_topic_that_is_too_long_closes_that_connection_alone(at: Transport) -> Outcome {
    match disconnected_for(at, [vec![b'x'; (64 << 10) + 1]].into_iter()).await? {
        DisconnectReason::Protocol(ProtocolError::TooMany { .. } | ProtocolError::TooLarge { .. }) => {}
        other => panic!("{other}"),
    }
    Ok(())
}
