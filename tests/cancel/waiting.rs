//! Waiting for peers, subscribers and events changes nothing, and can be given up at any time.

use hubless::{Pub, Pull, Push, Sub};

use crate::at_every_poll;
use crate::transport::{Outcome, Transport, over_every_transport, polled, spawn};

over_every_transport! {
    g08_waiting_for_peers_can_be_given_up
    g08_waiting_for_subscribers_can_be_given_up
    g08_waiting_for_publishers_can_be_given_up
    g08_a_monitor_that_is_given_up_misses_nothing
}

async fn g08_waiting_for_peers_can_be_given_up(at: Transport) -> Outcome {
    at_every_poll(async |polls| {
        let (push, pull) = (Push::new(), Pull::new());
        let place = at.bind(&pull).await?;
        push.connect(&place)?;
        let peers = pull.peers();
        let met = polled(peers.at_least(1), polls).await.transpose()?;
        peers.at_least(1).await?;
        assert_eq!(peers.count(), 1);
        Outcome::Ok(met.is_some())
    })
    .await?;
    Ok(())
}

async fn g08_waiting_for_subscribers_can_be_given_up(at: Transport) -> Outcome {
    at_every_poll(async |polls| {
        let (publisher, subscriber) = (Pub::new(), Sub::new());
        let place = at.bind(&publisher).await?;
        subscriber.connect(&place)?;
        subscriber.subscribe("news");
        let news = publisher.subscribers().to("news");
        // Somebody else waits in line behind the one that gives up.
        let other = spawn({
            let news = news.clone();
            async move { news.at_least(1).await }
        });
        let met = polled(news.at_least(1), polls).await.transpose()?;
        other.await??;
        news.at_least(1).await?;
        assert_eq!(news.count(), 1);
        Outcome::Ok(met.is_some())
    })
    .await?;
    Ok(())
}

async fn g08_waiting_for_publishers_can_be_given_up(at: Transport) -> Outcome {
    at_every_poll(async |polls| {
        let (publisher, subscriber) = (Pub::new(), Sub::new());
        let place = at.bind(&publisher).await?;
        subscriber.connect(&place)?;
        subscriber.subscribe("news");
        let known = polled(subscriber.subscribed(), polls).await.transpose()?;
        if known.is_some() {
            assert_eq!(publisher.subscribers().to("news").count(), 1);
        }
        // It goes out whether or not somebody waits.
        publisher.subscribers().to("news").at_least(1).await?;
        subscriber.subscribe("more");
        subscriber.subscribed().await?;
        assert_eq!(publisher.subscribers().to("more").count(), 1);
        Outcome::Ok(known.is_some())
    })
    .await?;
    Ok(())
}

async fn g08_a_monitor_that_is_given_up_misses_nothing(at: Transport) -> Outcome {
    let pull = Pull::new();
    let (mut impatient, mut patient) = (pull.monitor(), pull.monitor());
    let place = at.bind(&pull).await?;
    let coming_and_going = spawn(async move {
        for _ in 0..20 {
            let push = Push::new();
            push.connect(&place)?.await?;
            push.close().await?;
        }
        pull.close().await?;
        Ok::<_, hubless::Error>(())
    });
    let (mut seen, mut given_up) = (Vec::new(), 0);
    for round in 0.. {
        match polled(impatient.next(), round % 5).await {
            Some(Some(event)) => seen.push(event.to_string()),
            Some(None) => break,
            None => given_up += 1,
        }
        tokio::task::yield_now().await;
    }
    coming_and_going.await?.map_err(|error| error.to_string())?;
    let mut all = Vec::new();
    while let Some(event) = patient.next().await {
        all.push(event.to_string());
    }
    assert_eq!(seen, all);
    assert!(given_up > 5 && all.len() > 60, "{given_up} of {}", all.len());
    Ok(())
}
