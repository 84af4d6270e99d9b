//! What an XPUB hears of its subscribers, and what it does with it (sockets of kind XPUB with SUB and XSUB).

use hubless::{Message, Pub, Sub, TryRecvError, XPub, XSub};

use crate::ended;
use crate::topics::subscribed;
use crate::transport::{Outcome, Transport, over_every_transport, spawn, until};

over_every_transport! {
    the_first_subscriber_of_a_topic_and_its_last_are_told
    verbose_tells_of_every_subscription
    verboser_tells_of_every_change
    a_peer_that_leaves_takes_back_what_nobody_else_holds
    what_nobody_has_heard_of_yet_is_taken_back
    notifications_say_whose_they_are_also_of_peers_that_have_left
    manual_leaves_it_to_the_program_who_gets_what
    the_last_value_goes_to_the_newcomer_alone
    whoever_comes_is_welcomed
    other_messages_of_an_xsub_are_received_whole
    topics_are_counted_once
    notifications_and_messages_take_turns
    what_is_told_is_what_is_so_however_peers_come_and_go
    inverted_matching_sends_what_was_not_asked_for
}

async fn bound(at: Transport, publisher: &XPub) -> Outcome<crate::transport::Place> {
    at.bind(publisher).await
}

/// The next notification: `+topic` or `-topic`.
async fn news(publisher: &XPub) -> Outcome<String> {
    Ok(shown(&publisher.recv().await?))
}

fn shown(message: &Message) -> String {
    let (subscribe, topic) = message.as_subscription().expect("a notification");
    format!("{}{}", if subscribe { '+' } else { '-' }, topic.escape_ascii())
}

/// Nothing is left to hear, as far as it could have come: this subscriber has passed a barrier.
async fn quiet(publisher: &XPub, subscriber: &Sub) -> Outcome {
    subscriber.subscribed().await?;
    assert_eq!(publisher.try_recv(), Err(TryRecvError::Empty));
    Ok(())
}

async fn the_first_subscriber_of_a_topic_and_its_last_are_told(at: Transport) -> Outcome {
    let publisher = XPub::new();
    let place = bound(at, &publisher).await?;
    let one = subscribed(&place, &["a"]).await?;
    assert_eq!(news(&publisher).await?, "+a");
    let other = subscribed(&place, &["a", "b"]).await?;
    assert_eq!(news(&publisher).await?, "+b");
    quiet(&publisher, &other).await?;

    one.unsubscribe("a");
    quiet(&publisher, &one).await?;
    other.unsubscribe("a");
    assert_eq!(news(&publisher).await?, "-a");
    one.subscribe("a");
    assert_eq!(news(&publisher).await?, "+a");
    Ok(())
}

async fn verbose_tells_of_every_subscription(at: Transport) -> Outcome {
    let publisher = XPub::builder().verbose(true).build()?;
    let place = bound(at, &publisher).await?;
    let one = subscribed(&place, &["a"]).await?;
    let other = subscribed(&place, &["a"]).await?;
    assert_eq!([news(&publisher).await?, news(&publisher).await?], ["+a", "+a"]);
    one.unsubscribe("a");
    quiet(&publisher, &one).await?;
    other.unsubscribe("a");
    assert_eq!(news(&publisher).await?, "-a");

    // Also what a peer has already: an XSUB says again what it is told again.
    let speaker = XSub::new();
    speaker.connect(&place)?.await?;
    for _ in 0..3 {
        speaker.send(b"\x01b").await?;
        assert_eq!(news(&publisher).await?, "+b");
    }
    Ok(())
}

async fn verboser_tells_of_every_change(at: Transport) -> Outcome {
    let publisher = XPub::builder().verboser(true).build()?;
    let place = bound(at, &publisher).await?;
    let one = subscribed(&place, &["a"]).await?;
    let other = subscribed(&place, &["a"]).await?;
    assert_eq!([news(&publisher).await?, news(&publisher).await?], ["+a", "+a"]);
    one.unsubscribe("a");
    assert_eq!(news(&publisher).await?, "-a");
    one.unsubscribe("a");
    quiet(&publisher, &one).await?;
    drop(other);
    assert_eq!(news(&publisher).await?, "-a");
    Ok(())
}

async fn a_peer_that_leaves_takes_back_what_nobody_else_holds(at: Transport) -> Outcome {
    let publisher = XPub::new();
    let place = bound(at, &publisher).await?;
    let leaves = subscribed(&place, &["a", "ab", "b", ""]).await?;
    let stays = subscribed(&place, &["ab"]).await?;
    let mut told = Vec::new();
    while told.len() < 4 {
        told.push(news(&publisher).await?);
    }
    told.sort();
    assert_eq!(told, ["+", "+a", "+ab", "+b"]);

    leaves.close().await?;
    let mut told = Vec::new();
    while told.len() < 3 {
        told.push(news(&publisher).await?);
    }
    told.sort();
    assert_eq!(told, ["-", "-a", "-b"]);
    quiet(&publisher, &stays).await
}

async fn what_nobody_has_heard_of_yet_is_taken_back(at: Transport) -> Outcome {
    let publisher = XPub::new();
    let place = bound(at, &publisher).await?;
    let subscriber = subscribed(&place, &["a", "b"]).await?;
    subscriber.unsubscribe("a");
    subscriber.subscribe("c");
    subscriber.subscribed().await?;
    assert_eq!([news(&publisher).await?, news(&publisher).await?], ["+b", "+c"]);
    quiet(&publisher, &subscriber).await?;

    // What was told is known: its end and its beginning are nothing together.
    for topic in ["b", "c"] {
        subscriber.unsubscribe(topic);
    }
    subscriber.subscribed().await?;
    subscriber.subscribe("b");
    subscriber.subscribed().await?;
    assert_eq!(news(&publisher).await?, "-c");
    quiet(&publisher, &subscriber).await
}

async fn notifications_say_whose_they_are_also_of_peers_that_have_left(at: Transport) -> Outcome {
    let publisher = XPub::builder().verboser(true).build()?;
    let place = bound(at, &publisher).await?;
    let mut monitor = publisher.monitor();
    let (mut subscribers, mut peers) = (Vec::new(), Vec::new());
    for topic in ["a", "b", "c"] {
        subscribers.push(subscribed(&place, &[topic]).await?);
        let (peer, message) = publisher.recv_from().await?;
        assert_eq!(shown(&message), format!("+{topic}"));
        assert!(!peers.contains(&peer));
        peers.push(peer);
    }
    // They leave, and that is not heard before others have come.
    for subscriber in subscribers {
        subscriber.close().await?;
        ended(&mut monitor).await;
    }
    let _others = [
        subscribed(&place, &["d"]).await?,
        subscribed(&place, &["e"]).await?,
    ];
    for (peer, topic) in peers.iter().zip(["a", "b", "c"]) {
        let (of, message) = publisher.recv_from().await?;
        assert_eq!((&of, shown(&message)), (peer, format!("-{topic}")));
    }
    for topic in ["d", "e"] {
        let (of, message) = publisher.recv_from().await?;
        assert_eq!(shown(&message), format!("+{topic}"));
        assert!(publisher.peers().list().contains(&of));
    }
    Ok(())
}

async fn manual_leaves_it_to_the_program_who_gets_what(at: Transport) -> Outcome {
    let publisher = XPub::builder().manual(true).build()?;
    let place = bound(at, &publisher).await?;
    assert!(!publisher.subscribe("nobody was heard yet"));
    let one = subscribed(&place, &["a", ""]).await?;
    assert_eq!(
        publisher.subscribers().count(),
        0,
        "that is for the program to say"
    );
    let mut told = [news(&publisher).await?, news(&publisher).await?];
    told.sort();
    assert_eq!(told, ["+", "+a"]);
    assert!(publisher.subscribe("instead"));
    assert!(!publisher.subscribe("instead"));

    let other = subscribed(&place, &[""]).await?;
    assert_eq!(news(&publisher).await?, "+");
    assert!(publisher.subscribe("other"));
    assert!(!publisher.unsubscribe("instead"), "that is the other's");
    for topic in ["a", "other", "instead"] {
        publisher.send(topic).await?;
    }
    assert_eq!(one.recv().await?, "instead");
    assert_eq!(other.recv().await?, "other");

    one.unsubscribe("a");
    assert_eq!(news(&publisher).await?, "-a");
    assert_eq!(
        publisher.subscribers().count(),
        2,
        "and still nothing happens by itself"
    );
    assert!(publisher.unsubscribe("instead"));
    assert_eq!(publisher.subscribers().to("instead").count(), 0);

    drop(other);
    assert_eq!(news(&publisher).await?, "-");
    assert_eq!(
        publisher.subscribers().count(),
        0,
        "what it was given goes with it"
    );
    assert!(!publisher.subscribe("it has left"));
    Ok(())
}

async fn the_last_value_goes_to_the_newcomer_alone(at: Transport) -> Outcome {
    let cache = XPub::builder().manual_last_value(true).build()?;
    let place = bound(at, &cache).await?;
    let mut subscribers = Vec::new();
    for number in 0..3 {
        let newcomer = subscribed(&place, &["price"]).await?;
        let notice = cache.recv().await?;
        let (_, topic) = notice.as_subscription().expect("a notification");
        assert!(cache.subscribe(topic));
        cache.send(format!("price for {number}")).await?;
        assert_eq!(newcomer.recv().await?, format!("price for {number}").as_str());
        subscribers.push(newcomer);
    }
    cache.send("price for all").await?;
    for subscriber in &subscribers {
        assert_eq!(subscriber.recv().await?, "price for all");
    }
    // A message that the newcomer is not subscribed to goes to nobody.
    let _newcomer = subscribed(&place, &["other"]).await?;
    cache.recv().await?;
    cache.send("price for nobody").await?;
    cache.send("price again for all").await?;
    for subscriber in &subscribers {
        assert_eq!(subscriber.recv().await?, "price again for all");
    }
    Ok(())
}

async fn whoever_comes_is_welcomed(at: Transport) -> Outcome {
    let publisher = XPub::builder().welcome(("hello", "there")).build()?;
    let place = bound(at, &publisher).await?;
    for _ in 0..2 {
        let raw = XSub::new();
        raw.connect(&place)?;
        assert_eq!(raw.recv().await?, Message::from(("hello", "there")));
        let polite = subscribed(&place, &["hell"]).await?;
        assert_eq!(polite.recv().await?.len(), 2);
        let other = subscribed(&place, &["news"]).await?;
        publisher.send("news").await?;
        assert_eq!(other.recv().await?, "news", "it did not ask to be welcomed");
    }
    Ok(())
}

async fn other_messages_of_an_xsub_are_received_whole(at: Transport) -> Outcome {
    let publisher = XPub::new();
    let place = bound(at, &publisher).await?;
    let peer = XSub::new();
    peer.connect(&place)?.await?;
    peer.send(("a", "b", "", vec![7; 100_000])).await?;
    peer.send("").await?;
    peer.send(b"\x02").await?;
    let (from, message) = publisher.recv_from().await?;
    assert_eq!(message, Message::from(("a", "b", "", vec![7; 100_000])));
    assert_eq!(Some(from), publisher.peers().list().pop());
    assert_eq!(publisher.recv().await?, "");
    assert_eq!(publisher.recv().await?, b"\x02");
    assert_eq!(publisher.stats().incoming.delivered.messages, 3);

    // A publisher that receives nothing does not mind, and neither does whoever sends to it.
    let deaf = Pub::new();
    let place = at.bind(&deaf).await?;
    let peer = XSub::builder().send_hwm(10).build()?;
    peer.connect(&place)?.await?;
    for _ in 0..1000 {
        peer.send("hello?").await?;
        until(|| peer.stats().outgoing.queued.messages == 0).await;
    }
    assert_eq!(peer.stats().outgoing.handed_over.messages, 1000);
    peer.close().await?;
    Ok(())
}

async fn topics_are_counted_once(at: Transport) -> Outcome {
    let publisher = XPub::new();
    let place = bound(at, &publisher).await?;
    let one = subscribed(&place, &["a", "b"]).await?;
    let other = subscribed(&place, &["b", "c"]).await?;
    one.subscribe("a");
    assert_eq!((publisher.topics(), one.topics()), (3, 2));
    one.unsubscribe("a");
    one.unsubscribe("a");
    one.unsubscribe("b");
    one.subscribed().await?;
    assert_eq!((publisher.topics(), one.topics()), (2, 0));
    other.close().await?;
    until(|| publisher.topics() == 0).await;
    Ok(())
}

async fn notifications_and_messages_take_turns(at: Transport) -> Outcome {
    let publisher = XPub::new();
    let place = bound(at, &publisher).await?;
    let peer = XSub::new();
    peer.connect(&place)?.await?;
    peer.send("a message").await?;
    until(|| publisher.stats().incoming.queued.messages == 1).await;
    for number in 0..1000 {
        peer.subscribe(format!("{number}"));
    }
    peer.subscribed().await?;
    let mut before = 0;
    while publisher.recv().await?.as_subscription().is_some() {
        before += 1;
    }
    assert!(before <= 64, "{before} notifications came first");
    for _ in before..1000 {
        assert!(publisher.recv().await?.as_subscription().is_some());
    }
    assert_eq!(publisher.try_recv(), Err(TryRecvError::Empty));
    Ok(())
}

async fn what_is_told_is_what_is_so_however_peers_come_and_go(at: Transport) -> Outcome {
    let publisher = XPub::new();
    let place = bound(at, &publisher).await?;
    let reading = spawn({
        let publisher = publisher.clone();
        async move {
            let mut held = std::collections::BTreeSet::new();
            while let Ok(message) = publisher.recv().await {
                let (subscribe, topic) = message.as_subscription().expect("a notification");
                let is_news = match subscribe {
                    true => held.insert(topic.to_vec()),
                    false => held.remove(topic),
                };
                assert!(is_news, "{message:?}");
                if held.contains(&b"end"[..]) {
                    break;
                }
                tokio::task::yield_now().await;
            }
            held
        }
    });
    let mut peers = Vec::new();
    for round in 0..60_usize {
        let topics = ["a", "b", "c", "d"].map(|topic| format!("{topic}{}", round % 3));
        let subscriber = Sub::new();
        subscriber.connect(&place)?;
        for topic in &topics {
            subscriber.subscribe(topic);
        }
        if round % 4 == 0 {
            subscriber.subscribed().await?;
        }
        subscriber.unsubscribe(&topics[round % 4]);
        peers.push(subscriber);
        if round % 5 > 1 {
            peers.remove(round % peers.len()).close().await?;
        }
    }
    for peer in peers.drain(1..) {
        peer.close().await?;
    }
    until(|| publisher.peers().count() == 1).await;
    peers[0].subscribe("end");
    peers[0].subscribed().await?;
    let held = reading.await?;
    let topics = held
        .iter()
        .map(|topic| String::from_utf8_lossy(topic).into_owned());
    for topic in topics {
        assert_eq!(publisher.subscribers().to(&topic).count(), 1, "{topic}");
    }
    assert_eq!(held.len(), publisher.topics());
    Ok(())
}

async fn inverted_matching_sends_what_was_not_asked_for(at: Transport) -> Outcome {
    let publisher = XPub::builder().invert_matching(true).build()?;
    let place = bound(at, &publisher).await?;
    let without = |topics: &'static [&'static str]| {
        let place = &*place;
        async move {
            let subscriber = Sub::builder().invert_matching(true).build()?;
            topics.iter().for_each(|topic| subscriber.subscribe(topic));
            subscriber.connect(place)?;
            subscriber.subscribed().await?;
            Outcome::Ok(subscriber)
        }
    };
    let (no_news, neither, all) = (
        without(&["news"]).await?,
        without(&["news", "weather", "we"]).await?,
        without(&[]).await?,
    );
    assert_eq!(publisher.subscribers().to("weather").count(), 2);
    for topic in ["news.sport", "weather", "end"] {
        publisher.send(topic).await?;
    }
    assert_eq!(no_news.recv().await?, "weather");
    assert_eq!(neither.recv().await?, "end");
    assert_eq!(all.recv().await?, "news.sport");

    // Who turns it round filters too: a publisher that does not sends what was asked for.
    let plain = Pub::new();
    let place = at.bind(&plain).await?;
    let subscriber = Sub::builder().invert_matching(true).build()?;
    subscriber.subscribe("");
    subscriber.connect(&place)?;
    subscriber.subscribed().await?;
    plain.send("anything").await?;
    until(|| subscriber.stats().incoming.received.messages == 1).await;
    assert_eq!(subscriber.try_recv(), Err(TryRecvError::Empty));
    Ok(())
}
