//! Publishers that wait, XPUBs that listen, and groups: dropped futures neither send, nor take, nor hold a place.

use hubless::{Dish, Pub, Radio, Sub, TcpOptions, XPub, XSub};
use tokio::task::yield_now;

use crate::at_every_poll;
use crate::transport::{Outcome, Transport, number_of, numbered, over_every_transport, polled, spawn};

over_every_transport! {
    g08_a_publisher_that_waits_and_gives_up_sends_nothing
    g08_a_publisher_that_gives_up_its_turn_passes_it_on
    g08_what_an_xpub_hears_is_not_lost_by_giving_up
    g08_an_xsub_that_gives_up_sends_nothing_and_subscribes_once
    g08_a_radio_that_gives_up_sends_nothing
    g08_a_dish_that_gives_up_takes_nothing
    g08_waiting_to_have_joined_can_be_given_up
}

fn small() -> TcpOptions {
    TcpOptions::new().send_buffer(16 << 10).recv_buffer(16 << 10)
}

/// A publisher that waits for its subscribers, and one that is slow.
async fn waits(at: Transport) -> Outcome<(Pub, Sub)> {
    let publisher = Pub::builder().send_hwm(1).tcp(small()).nodrop(true).build()?;
    let place = at.bind(&publisher).await?;
    let subscriber = Sub::builder().recv_hwm(1).tcp(small()).build()?;
    subscriber.subscribe("");
    subscriber.connect(&place)?;
    publisher.subscribers().at_least(1).await?;
    Ok((publisher, subscriber))
}

async fn g08_a_publisher_that_waits_and_gives_up_sends_nothing(at: Transport) -> Outcome {
    let (publisher, subscriber) = waits(at).await?;
    let receiving = spawn(async move {
        let mut numbers = Vec::new();
        loop {
            for _ in 0..numbers.len() % 7 {
                yield_now().await;
            }
            match number_of(&subscriber.recv().await?) {
                u64::MAX => return Ok::<_, hubless::RecvError>(numbers),
                number => numbers.push(number),
            }
        }
    });
    let (mut number, mut sent, mut given_up) = (0, Vec::new(), 0);
    for _ in 0..100 {
        given_up += at_every_poll(async |polls| {
            number += 1;
            let message = numbered(number, 8192);
            let is_sent = match number % 3 {
                0 => match polled(publisher.reserve(), polls).await {
                    Some(Ok(permit)) => permit.send(message).is_ok(),
                    _ => false,
                },
                _ => matches!(polled(publisher.send(message), polls).await, Some(Ok(()))),
            };
            if is_sent {
                sent.push(number);
            }
            Outcome::Ok(is_sent)
        })
        .await?;
    }
    assert!(given_up > 100, "more than one each, so some waited: {given_up}");
    publisher.send(numbered(u64::MAX, 8)).await?;
    assert_eq!(receiving.await??, sent);
    assert_eq!(publisher.stats().outgoing.dropped.total(), 0);
    Ok(())
}

async fn g08_a_publisher_that_gives_up_its_turn_passes_it_on(at: Transport) -> Outcome {
    let (publisher, subscriber) = waits(at).await?;
    for _ in 0..20 {
        while publisher.try_send(numbered(0, 8192)).is_ok() {
            yield_now().await;
        }
        let mut first = Box::pin(publisher.send(numbered(1, 8192)));
        assert!(polled(&mut first, 1).await.is_none());
        let second = spawn({
            let publisher = publisher.clone();
            async move { publisher.send(numbered(2, 8192)).await }
        });
        yield_now().await;
        drop(first);
        while number_of(&subscriber.recv().await?) != 2 {}
        second.await??;
    }
    Ok(())
}

async fn g08_what_an_xpub_hears_is_not_lost_by_giving_up(at: Transport) -> Outcome {
    const MANY: usize = 300;
    let publisher = XPub::new();
    let place = at.bind(&publisher).await?;
    let peer = XSub::new();
    peer.connect(&place)?.await?;
    spawn(async move {
        for number in 0..MANY {
            peer.subscribe(format!("{number}"));
            peer.send(("m", format!("{number}"))).await?;
            for _ in 0..number % 5 {
                yield_now().await;
            }
        }
        peer.subscribed().await?;
        std::future::pending::<Result<(), hubless::Error>>().await
    });
    let (mut topics, mut messages) = (Vec::new(), 0);
    for round in 0.. {
        let received = match round % 2 {
            0 => polled(publisher.recv(), round % 5).await.transpose()?,
            _ => polled(publisher.recv_from(), round % 5)
                .await
                .transpose()?
                .map(|(_, message)| message),
        };
        match received.as_ref().map(|message| message.as_subscription()) {
            Some(Some((_, topic))) => topics.push(String::from_utf8_lossy(topic).into_owned()),
            Some(None) => messages += 1,
            None => yield_now().await,
        }
        if (topics.len(), messages) == (MANY, MANY) {
            break;
        }
    }
    topics.sort_by_key(|topic| topic.parse::<usize>().ok());
    assert!(topics.into_iter().eq((0..MANY).map(|number| number.to_string())));
    Ok(())
}

async fn g08_an_xsub_that_gives_up_sends_nothing_and_subscribes_once(at: Transport) -> Outcome {
    let publisher = XPub::builder().verboser(true).build()?;
    let place = at.bind(&publisher).await?;
    let peer = XSub::new();
    peer.connect(&place)?.await?;
    for round in 0..50 {
        let mut subscribed = 0;
        at_every_poll(async |polls| {
            let sent = polled(peer.send(b"\x01a"), polls).await.transpose()?;
            subscribed += u32::from(sent.is_some());
            Outcome::Ok(sent.is_some())
        })
        .await?;
        assert_eq!(subscribed, 1);
        assert_eq!(publisher.recv().await?, b"\x01a");
        peer.send(b"\x00a").await?;
        assert_eq!(publisher.recv().await?, b"\x00a", "it was one, in round {round}");
        at_every_poll(async |polls| {
            let sent = polled(peer.send(("m", numbered(round, 8))), polls)
                .await
                .transpose()?;
            Outcome::Ok(sent.is_some())
        })
        .await?;
        let [_, body] = publisher.recv().await?.into_frames()?;
        assert_eq!(number_of(&body.into()), round);
    }
    Ok(())
}

async fn in_a_group(at: Transport) -> Outcome<(Radio, Dish)> {
    let radio = Radio::builder().send_hwm(0).build()?;
    let place = at.bind(&radio).await?;
    let dish = Dish::new();
    dish.join("a")?;
    dish.connect(&place)?;
    dish.joined().await?;
    Ok((radio, dish))
}

async fn g08_a_radio_that_gives_up_sends_nothing(at: Transport) -> Outcome {
    let (radio, dish) = in_a_group(at).await?;
    let (mut number, mut sent) = (0, Vec::new());
    for _ in 0..3000 {
        at_every_poll(async |polls| {
            number += 1;
            let is_sent = polled(radio.send_to("a", numbered(number, 8)), polls)
                .await
                .is_some();
            if is_sent {
                sent.push(number);
            }
            Outcome::Ok(is_sent)
        })
        .await?;
    }
    for expected in sent {
        assert_eq!(number_of(&dish.recv_from().await?.1.into()), expected);
    }
    Ok(())
}

async fn g08_a_dish_that_gives_up_takes_nothing(at: Transport) -> Outcome {
    const MANY: u64 = 1000;
    let (radio, dish) = in_a_group(at).await?;
    let publishing = spawn(async move {
        for number in 0..MANY {
            radio.send_to("a", numbered(number, 8)).await?;
            for _ in 0..number % 3 {
                yield_now().await;
            }
        }
        radio.close().await?;
        Ok::<_, hubless::Error>(())
    });
    let hour = std::time::Duration::from_secs(3600);
    let mut numbers = Vec::new();
    for round in 0.. {
        let received = match round % 2 {
            0 => polled(dish.recv_from(), round % 4).await.transpose()?,
            _ => polled(dish.recv_from_timeout(hour), round % 4)
                .await
                .transpose()?,
        };
        numbers.extend(received.map(|(_, body)| number_of(&body.into())));
        if numbers.len() as u64 == MANY {
            break;
        }
        yield_now().await;
    }
    assert!(numbers.into_iter().eq(0..MANY));
    publishing.await??;
    Ok(())
}

async fn g08_waiting_to_have_joined_can_be_given_up(at: Transport) -> Outcome {
    at_every_poll(async |polls| {
        let (radio, dish) = (Radio::new(), Dish::new());
        let place = at.bind(&radio).await?;
        dish.connect(&place)?;
        dish.join("a")?;
        let known = polled(dish.joined(), polls).await.transpose()?;
        if known.is_some() {
            assert_eq!(radio.subscribers().to("a").count(), 1);
        }
        // It goes out whether or not somebody waits.
        radio.subscribers().to("a").at_least(1).await?;
        Outcome::Ok(known.is_some())
    })
    .await?;
    Ok(())
}
