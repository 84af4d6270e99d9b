//! RADIO and DISH over UDP: everything is sent, and whoever joined a group hears it.

use std::future::Future;

use hubless::{Dish, DropReason, Event, Linger, Radio, TryRecvError};
use tokio::net::UdpSocket;

use crate::event;
use crate::transport::{Outcome, check, polled, until};

/// Makes a test of each check.
macro_rules! checks {
    ($($check:ident)+) => {
        mod unicast {
            $(#[test] fn $check() { super::run(super::$check()); })+
        }
    };
}

checks! {
    everything_is_sent_and_what_was_joined_is_heard
    one_message_goes_to_all_endpoints_and_to_those_who_joined_elsewhere
    those_who_listen_to_a_group_of_the_network_all_hear_it
    what_is_no_message_is_dropped_and_counted
    what_is_beyond_the_mark_is_dropped_and_counted
    what_fits_into_no_datagram_is_counted
    an_endpoint_is_connected_once_it_has_an_address_and_until_it_is_disconnected
    what_was_published_is_sent_before_the_end
    where_nobody_has_to_be_told_everybody_knows
}

#[track_caller]
fn run(future: impl Future<Output = Outcome>) {
    check(future);
}

async fn everything_is_sent_and_what_was_joined_is_heard() -> Outcome {
    let (radio, dish) = (Radio::new(), Dish::new());
    dish.join("news")?;
    radio.connect(&dish.bind("udp://127.0.0.1:0").await?)?.await?;
    radio.send_to("new", "of another group").await?;
    radio.send_to("newspaper", "of another group").await?;
    radio.send_to("news", "heard").await?;
    assert_eq!(dish.recv_from().await?, ("news".into(), "heard".into()));
    assert_eq!(dish.stats().incoming.dropped.by(DropReason::Filtered), 2);
    assert_eq!(radio.stats().outgoing.accepted.messages, 3);

    dish.leave("news");
    dish.join("new")?;
    radio.send_to("news", "not any more").await?;
    radio.send_to("new", "").await?;
    assert_eq!(dish.recv_from().await?, ("new".into(), "".into()));
    until(|| radio.stats().outgoing.handed_over.messages == 5).await;
    Ok(())
}

async fn one_message_goes_to_all_endpoints_and_to_those_who_joined_elsewhere() -> Outcome {
    let radio = Radio::new();
    let dishes = [Dish::new(), Dish::new(), Dish::new()];
    for dish in &dishes {
        dish.join("news")?;
    }
    let [first, second, by_stream] = &dishes;
    radio.connect(&first.bind("udp://127.0.0.1:0").await?)?.await?;
    radio.connect(&second.bind("udp://127.0.0.1:0").await?)?.await?;
    by_stream.connect(&radio.bind("tcp://127.0.0.1:0").await?)?;
    radio.subscribers().to("news").at_least(3).await?;
    assert_eq!(
        radio.subscribers().to("else").count(),
        2,
        "who cannot be asked gets it"
    );
    radio.send_to("news", "for all").await?;
    for dish in &dishes {
        assert_eq!(dish.recv_from().await?, ("news".into(), "for all".into()));
    }
    radio.send_to("else", "for nobody").await?;
    // It is looked at when the program looks for messages.
    until(|| {
        assert_eq!(first.try_recv_from(), Err(TryRecvError::Empty));
        first.stats().incoming.dropped.by(DropReason::Filtered) == 1
    })
    .await;
    assert_eq!(by_stream.stats().incoming.received.messages, 1);
    Ok(())
}

async fn those_who_listen_to_a_group_of_the_network_all_hear_it() -> Outcome {
    let (radio, first, second) = (Radio::new(), Dish::new(), Dish::new());
    let endpoint = first.bind("udp://lo;239.255.78.1:0").await?;
    second.bind(&endpoint).await?;
    radio.connect(&endpoint)?.await?;
    for dish in [&first, &second] {
        dish.join("news")?;
    }
    radio.send_to("news", "for both").await?;
    for dish in [&first, &second] {
        assert_eq!(dish.recv_from().await?, ("news".into(), "for both".into()));
    }
    Ok(())
}

async fn what_is_no_message_is_dropped_and_counted() -> Outcome {
    let dish = Dish::new();
    dish.join("")?;
    dish.join("news")?;
    let endpoint = dish.bind("udp://127.0.0.1:0").await?;
    let at = endpoint.as_str().trim_start_matches("udp://");
    let program = UdpSocket::bind("127.0.0.1:0").await?;
    for malformed in [&b""[..], b"\x05news", b"\xFF"] {
        program.send_to(malformed, at).await?;
    }
    program.send_to(b"\x04newsgood", at).await?;
    program.send_to(b"\x00good too", at).await?;
    assert_eq!(dish.recv_from().await?, ("news".into(), "good".into()));
    assert_eq!(dish.recv_from().await?, ("".into(), "good too".into()));
    assert_eq!(dish.stats().incoming.dropped.by(DropReason::ProtocolError), 3);
    Ok(())
}

async fn what_is_beyond_the_mark_is_dropped_and_counted() -> Outcome {
    let (radio, dish) = (Radio::new(), Dish::builder().recv_hwm(10).build()?);
    dish.join("news")?;
    radio.connect(&dish.bind("udp://127.0.0.1:0").await?)?.await?;
    for number in 0..100 {
        radio.send_to("news", vec![number]).await?;
        until(|| dish.stats().incoming.received.messages == u64::from(number) + 1).await;
    }
    let incoming = dish.stats().incoming;
    let held = (incoming.queued.messages, incoming.dropped.by(DropReason::Hwm));
    assert_eq!(held, (10, 90));
    assert_eq!(
        radio.stats().outgoing.handed_over.messages,
        100,
        "nobody tells it"
    );
    for number in 0..10 {
        assert_eq!(dish.recv_from().await?.1, vec![number]);
    }
    radio.send_to("news", "there is room again").await?;
    assert_eq!(dish.recv_from().await?.1, "there is room again");
    Ok(())
}

async fn what_fits_into_no_datagram_is_counted() -> Outcome {
    let (radio, dish) = (Radio::new(), Dish::new());
    dish.join("g")?;
    radio.connect(&dish.bind("udp://127.0.0.1:0").await?)?.await?;
    let mut monitor = radio.monitor();
    radio.send_to("g", vec![7; 65_506]).await?;
    radio.send_to("g", vec![7; 65_505]).await?;
    assert_eq!(dish.recv_from().await?.1.len(), 65_505);
    event(&mut monitor, |event| {
        matches!(event, Event::DatagramFailed { .. }).then_some(())
    })
    .await;
    until(|| radio.stats().outgoing.queued.messages == 0).await;
    let outgoing = radio.stats().outgoing;
    assert_eq!(outgoing.dropped.by(DropReason::Refused), 1);
    assert_eq!(
        (outgoing.accepted.messages, outgoing.handed_over.messages),
        (2, 1)
    );
    Ok(())
}

async fn an_endpoint_is_connected_once_it_has_an_address_and_until_it_is_disconnected() -> Outcome {
    let program = UdpSocket::bind("127.0.0.1:0").await?;
    let radio = Radio::new();
    let mut monitor = radio.monitor();
    let connecting = radio.connect(format!("udp://localhost:{}", program.local_addr()?.port()))?;
    let endpoint = connecting.endpoint().clone();
    let peer = connecting.await?;
    assert_eq!(
        (peer.endpoint(), peer.kind(), peer.version()),
        (&endpoint, None, (0, 0))
    );
    assert_eq!(radio.peers().list(), std::slice::from_ref(&peer));
    radio.disconnect(&endpoint).await?;
    assert_eq!((radio.peers().count(), radio.endpoints().len()), (0, 0));
    let gone = event(&mut monitor, |event| match event {
        Event::Disconnected { peer, .. } => Some(peer),
        _ => None,
    })
    .await;
    assert_eq!(gone, peer);
    radio.send_to("news", "for nobody").await?;
    assert_eq!(radio.stats().outgoing.dropped.by(DropReason::NoSubscriber), 1);
    Ok(())
}

async fn what_was_published_is_sent_before_the_end() -> Outcome {
    let radio = Radio::builder().linger(Linger::Forever).build()?;
    let dish = Dish::new();
    dish.join("news")?;
    radio.connect(&dish.bind("udp://127.0.0.1:0").await?)?.await?;
    for number in 0..50 {
        radio.send_to("news", vec![number]).await?;
    }
    radio.close().await?;
    for number in 0..50 {
        assert_eq!(dish.recv_from().await?.1, vec![number]);
    }
    assert_eq!(dish.try_recv_from(), Err(TryRecvError::Empty));
    Ok(())
}

async fn where_nobody_has_to_be_told_everybody_knows() -> Outcome {
    let dish = Dish::new();
    dish.join("news")?;
    // Asked before there is an endpoint, and after.
    let mut early = std::pin::pin!(dish.joined());
    assert!(polled(early.as_mut(), 20).await.is_none());
    let endpoint = dish.bind("udp://127.0.0.1:0").await?;
    early.await?;
    dish.join("weather")?;
    dish.joined().await?;

    // A peer that has to be told is waited for all the same.
    let radio = Radio::new();
    dish.connect(&radio.bind("inproc://who-is-told").await?)?.await?;
    dish.join("sports")?;
    dish.joined().await?;
    assert_eq!(radio.subscribers().to("sports").count(), 1);

    dish.unbind(&endpoint).await?;
    drop(radio);
    until(|| dish.peers().count() == 0).await;
    let mut late = std::pin::pin!(dish.joined());
    assert!(polled(late.as_mut(), 20).await.is_none());
    Ok(())
}
