//! What an XSUB sends and receives (sockets of kind XSUB with PUB and XPUB), and the two X kinds in the middle.

use hubless::{DropReason, Message, Pub, Sub, TryRecvError, XPub, XSub};

use crate::ended;
use crate::transport::{Outcome, Place, Transport, number_of, numbered, over_every_transport, spawn, until};

over_every_transport! {
    it_subscribes_by_sending_and_by_name
    it_does_not_filter_what_comes
    subscriptions_count_and_are_made_again
    every_end_is_told_if_it_is_asked_for
    frames_that_are_subscriptions_are_taken_out_of_messages
    only_messages_that_begin_with_a_subscription_have_some
    messages_go_to_every_publisher_that_is_there
    a_publisher_that_does_not_read_loses_messages_and_no_subscriptions
    a_proxy_of_both_forwards_subscriptions_and_messages_both_ways
    a_proxy_hears_when_the_last_subscriber_has_left
}

/// A publisher that says what it is told, and where.
async fn listening(at: Transport) -> Outcome<(XPub, Place)> {
    let publisher = XPub::builder().verboser(true).build()?;
    let place = at.bind(&publisher).await?;
    Ok((publisher, place))
}

async fn next(publisher: &XPub) -> Outcome<Message> {
    Ok(publisher.recv().await?)
}

async fn it_subscribes_by_sending_and_by_name(at: Transport) -> Outcome {
    let (publisher, place) = listening(at).await?;
    let subscriber = XSub::new();
    subscriber.connect(&place)?.await?;
    subscriber.send(b"\x01a").await?;
    assert_eq!(next(&publisher).await?, b"\x01a");
    subscriber.try_send(b"\x01")?;
    assert_eq!(next(&publisher).await?, b"\x01");
    subscriber.reserve().await?.send(b"\x00")?;
    assert_eq!(next(&publisher).await?, b"\x00");
    subscriber.subscribe("b");
    assert_eq!(next(&publisher).await?, b"\x01b");
    assert!(subscriber.unsubscribe("a"), "it is one set of subscriptions");
    assert_eq!(next(&publisher).await?, b"\x00a");
    subscriber.send(b"\x00never").await?;
    subscriber.subscribed().await?;
    assert_eq!(publisher.try_recv(), Err(TryRecvError::Empty));
    Ok(())
}

async fn it_does_not_filter_what_comes(at: Transport) -> Outcome {
    let (publisher, place) = listening(at).await?;
    let subscriber = XSub::new();
    subscriber.subscribe("a");
    subscriber.connect(&place)?;
    subscriber.subscribed().await?;
    publisher.send("a1").await?;
    publisher.send("b").await?;
    publisher.send(("a2", "\x01x")).await?;
    until(|| subscriber.stats().incoming.received.messages == 2).await;
    subscriber.unsubscribe("a");
    // What has come is received, whatever is wanted now.
    assert_eq!(subscriber.recv().await?, "a1");
    assert_eq!(subscriber.recv().await?, Message::from(("a2", "\x01x")));
    Ok(())
}

async fn subscriptions_count_and_are_made_again(at: Transport) -> Outcome {
    let (publisher, place) = listening(at).await?;
    let subscriber = XSub::new();
    for topic in ["a", "a", "b"] {
        subscriber.send([&[1], topic.as_bytes()].concat()).await?;
    }
    subscriber.connect(&place)?;
    let mut told = [next(&publisher).await?, next(&publisher).await?];
    told.sort_by_key(|message| message.frame(0).map(<[u8]>::to_vec));
    assert_eq!(told, [&b"\x01a"[..], b"\x01b"].map(Message::from));
    subscriber.send(b"\x00a").await?;
    subscriber.subscribed().await?;
    assert_eq!(publisher.subscribers().to("a").count(), 1);

    let mut monitor = subscriber.monitor();
    publisher.close().await?;
    ended(&mut monitor).await;
    subscriber.send(b"\x00b").await?;
    subscriber.send(b"\x01c").await?;
    let publisher = XPub::new();
    publisher.bind(&place).await?;
    subscriber.subscribed().await?;
    let counts = ["a", "b", "c"].map(|topic| publisher.subscribers().to(topic).count());
    assert_eq!(counts, [1, 0, 1]);
    subscriber.send(b"\x00a").await?;
    subscriber.subscribed().await?;
    assert_eq!(publisher.subscribers().to("a").count(), 0);
    Ok(())
}

async fn every_end_is_told_if_it_is_asked_for(at: Transport) -> Outcome {
    let (publisher, place) = listening(at).await?;
    let subscriber = XSub::builder().verbose_unsubscribe(true).build()?;
    subscriber.connect(&place)?.await?;
    subscriber.subscribe("a");
    assert_eq!(next(&publisher).await?, b"\x01a");
    subscriber.subscribe("a");
    assert_eq!(next(&publisher).await?, b"\x01a");
    subscriber.unsubscribe("a");
    assert_eq!(next(&publisher).await?, b"\x00a", "one is left, and it is told");
    Ok(())
}

async fn frames_that_are_subscriptions_are_taken_out_of_messages(at: Transport) -> Outcome {
    let (publisher, place) = listening(at).await?;
    let subscriber = XSub::new();
    subscriber.connect(&place)?.await?;
    subscriber.send([&b"\x01a"[..], b"\x01b"]).await?;
    assert_eq!(
        [next(&publisher).await?, next(&publisher).await?],
        [&b"\x01a"[..], b"\x01b"].map(Message::from)
    );
    subscriber.send([&b"\x00a"[..], b"one", b"two"]).await?;
    let mut both = [next(&publisher).await?, next(&publisher).await?];
    both.sort_by_key(Message::len);
    assert_eq!(both, [Message::from(b"\x00a"), Message::from(("one", "two"))]);

    // In messages that begin otherwise too, if they are looked for there.
    let subscriber = XSub::builder().only_first_subscribe(false).build()?;
    subscriber.connect(&place)?.await?;
    subscriber.send([&b"one"[..], b"\x01c", b"two"]).await?;
    let mut both = [next(&publisher).await?, next(&publisher).await?];
    both.sort_by_key(Message::len);
    assert_eq!(both, [Message::from(b"\x01c"), Message::from(("one", "two"))]);
    Ok(())
}

async fn only_messages_that_begin_with_a_subscription_have_some(at: Transport) -> Outcome {
    let (publisher, place) = listening(at).await?;
    let subscriber = XSub::new();
    subscriber.connect(&place)?.await?;
    let message = Message::from([&b"one"[..], b"\x01a", b"\x00", b""]);
    subscriber.send(&message).await?;
    assert_eq!(next(&publisher).await?, message);
    subscriber.subscribed().await?;
    assert_eq!(publisher.topics(), 0);
    Ok(())
}

async fn messages_go_to_every_publisher_that_is_there(at: Transport) -> Outcome {
    let subscriber = XSub::new();
    subscriber.send("nobody is there").await?;
    assert_eq!(
        subscriber.stats().outgoing.dropped.by(DropReason::NoSubscriber),
        1
    );
    let mut publishers = Vec::new();
    for _ in 0..3 {
        let (publisher, place) = listening(at).await?;
        subscriber.connect(&place)?.await?;
        publishers.push(publisher);
    }
    for number in 0..100 {
        subscriber.send(("hello", numbered(number, 8))).await?;
    }
    for publisher in &publishers {
        for number in 0..100 {
            let [hello, body] = next(publisher).await?.into_frames()?;
            assert_eq!((hello, number_of(&body.into())), ("hello".into(), number));
        }
    }
    assert_eq!(subscriber.stats().outgoing.accepted.messages, 300);
    Ok(())
}

async fn a_publisher_that_does_not_read_loses_messages_and_no_subscriptions(at: Transport) -> Outcome {
    let publisher = XPub::builder().recv_hwm(10).build()?;
    let place = at.bind(&publisher).await?;
    let subscriber = XSub::builder().send_hwm(10).build()?;
    subscriber.connect(&place)?.await?;
    let mut sent = 0;
    while subscriber.stats().outgoing.dropped.by(DropReason::Hwm) < 100 {
        subscriber.send(("m", numbered(sent, 64 << 10))).await?;
        sent += 1;
    }
    for number in 0..1000 {
        subscriber.send(format!("\x01{number}.")).await?;
    }
    let (mut received, mut topics) = (0, 0);
    let kept = sent - subscriber.stats().outgoing.dropped.total();
    while received < kept || topics < 1000 {
        match next(&publisher).await?.as_subscription() {
            Some((true, _)) => topics += 1,
            Some((false, _)) => panic!("nothing was cancelled"),
            None => received += 1,
        }
    }
    assert_eq!((received, topics), (kept, 1000));
    Ok(())
}

/// Forwards between publishers at the first place and subscribers at the second, both ways.
async fn proxy(at: Transport) -> Outcome<(Place, Place)> {
    let (back, front) = (XSub::new(), XPub::new());
    let places = (at.bind(&back).await?, at.bind(&front).await?);
    spawn(async move {
        loop {
            let forwarded = tokio::select! {
                message = back.recv() => front.send(message?).await,
                message = front.recv() => back.send(message?).await,
            };
            if forwarded.is_err() {
                return Ok::<_, hubless::RecvError>(());
            }
        }
    });
    Ok(places)
}

async fn a_proxy_of_both_forwards_subscriptions_and_messages_both_ways(at: Transport) -> Outcome {
    let (for_publishers, for_subscribers) = proxy(at).await?;
    let (early, late) = (Pub::new(), XPub::new());
    early.connect(&for_publishers)?;
    let (one, other) = (Sub::new(), Sub::new());
    one.subscribe("news");
    one.subscribe("all");
    one.connect(&for_subscribers)?;
    other.subscribe("sport");
    other.subscribe("all");
    other.connect(&for_subscribers)?;
    for topic in ["news", "sport", "all"] {
        early.subscribers().to(topic).at_least(1).await?;
    }
    // Who comes later is told as well, by the XSUB in the middle.
    late.connect(&for_publishers)?;
    for topic in ["news", "sport", "all"] {
        late.subscribers().to(topic).at_least(1).await?;
    }

    early.send(("news", "1")).await?;
    assert_eq!(one.recv().await?, Message::from(("news", "1")));
    late.send(("sport", "2")).await?;
    assert_eq!(other.recv().await?, Message::from(("sport", "2")));
    late.send("weather").await?;
    late.send(("all", "", "3")).await?;
    for subscriber in [&one, &other] {
        assert_eq!(subscriber.recv().await?, Message::from(("all", "", "3")));
    }

    // A message of a subscriber goes all the way up.
    let speaker = XSub::new();
    speaker.connect(&for_subscribers)?.await?;
    speaker.send(("to publishers", "hello")).await?;
    loop {
        let message = late.recv().await?;
        if message.as_subscription().is_none() {
            assert_eq!(message, Message::from(("to publishers", "hello")));
            break;
        }
    }
    Ok(())
}

async fn a_proxy_hears_when_the_last_subscriber_has_left(at: Transport) -> Outcome {
    let (for_publishers, for_subscribers) = proxy(at).await?;
    let publisher = XPub::new();
    publisher.connect(&for_publishers)?;
    for _ in 0..5 {
        let subscribers = [Sub::new(), Sub::new()];
        for subscriber in &subscribers {
            subscriber.subscribe("news");
            subscriber.connect(&for_subscribers)?;
        }
        assert_eq!(next(&publisher).await?, b"\x01news");
        for subscriber in subscribers {
            subscriber.close().await?;
        }
        assert_eq!(next(&publisher).await?, b"\x00news");
        assert_eq!(publisher.topics(), 0);
    }
    Ok(())
}
