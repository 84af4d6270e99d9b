//! ROUTER sends to whom it names, and says who sent (RFC 28).

use std::collections::HashSet;

use hubless::{
    Dealer, DisconnectReason, DropReason, EndpointError, Event, Linger, Message, Monitor, Notify, Req,
    Router, RoutingId, SendError, TrySendError,
};

use crate::transport::{Outcome, Place, Transport, number_of, numbered, over_every_transport, spawn, until};
use crate::{ended, event, text};

over_every_transport! {
    peers_take_turns_and_each_message_says_whose_it_is
    who_has_no_routing_id_is_given_one_of_its_own
    the_routing_id_of_a_peer_is_its_own_choice_and_is_seen_everywhere
    an_answer_goes_to_the_peer_that_is_named_and_nothing_is_added
    a_req_is_answered_in_its_envelope
    two_routers_talk_to_each_other
    a_message_for_nobody_is_dropped_and_counted
    mandatory_a_message_for_nobody_is_given_back
    a_message_for_a_peer_at_its_mark_is_dropped_and_counted
    a_burst_for_a_peer_that_reads_is_not_dropped
    mandatory_a_send_to_a_full_peer_waits_and_another_peer_does_not
    mandatory_whoever_waits_for_a_peer_hears_that_it_has_gone
    g02_those_who_wait_for_one_peer_are_served_in_order
    of_two_peers_with_one_routing_id_the_second_is_refused_until_the_first_has_gone
    with_handover_the_second_takes_the_routing_id_and_the_first_is_closed
    an_id_that_is_kept_finds_the_peer_that_has_come_back
    what_a_peer_sent_before_it_left_is_read_with_its_name
    g02_a_connected_peer_keeps_its_id_and_its_queue_over_reconnects
    an_immediate_router_queues_for_connected_peers_and_for_those_that_it_named
    connect_as_names_the_peer_before_it_is_there
    connect_as_takes_no_name_that_is_taken_and_none_that_cannot_be
    nobody_takes_the_name_of_an_endpoint
    comings_and_goings_are_messages_if_that_is_asked_for
    a_disconnect_message_takes_the_place_of_the_empty_one
    a_probe_tells_a_router_who_is_there
    a_closed_router_gives_every_message_back
}

async fn dealer(name: &'static str, place: &Place) -> Outcome<Dealer> {
    let dealer = Dealer::builder().routing_id(name).build()?;
    dealer.connect(place)?;
    Ok(dealer)
}

/// The next that comes, as text.
async fn said(router: &Router) -> Outcome<(String, String)> {
    let (id, message) = router.recv_from().await?;
    Ok((id.to_string(), text(&message)))
}

fn pair(id: &str, message: &str) -> (String, String) {
    (id.to_owned(), message.to_owned())
}

async fn peers_take_turns_and_each_message_says_whose_it_is(at: Transport) -> Outcome {
    let router = Router::new();
    let place = at.bind(&router).await?;
    let mut dealers = Vec::new();
    for (name, messages) in [("a", 50), ("b", 4), ("c", 4)] {
        let dealer = dealer(name, &place).await?;
        for number in 0..messages {
            dealer.send(format!("{name}{number}")).await?;
        }
        dealers.push(dealer);
    }
    until(|| router.stats().incoming.queued.messages == 58).await;
    for round in 0..4 {
        let mut turn = Vec::new();
        for _ in 0..3 {
            turn.push(said(&router).await?);
        }
        turn.sort();
        let expected = ["a", "b", "c"].map(|name| pair(name, &format!("{name}{round}")));
        assert_eq!(turn, expected);
    }
    for number in 4..50 {
        assert_eq!(said(&router).await?, pair("a", &format!("a{number}")));
    }
    assert!(router.try_recv_from().is_err());
    Ok(())
}

async fn who_has_no_routing_id_is_given_one_of_its_own(at: Transport) -> Outcome {
    let router = Router::new();
    let place = at.bind(&router).await?;
    let mut ids = HashSet::new();
    for _ in 0..20 {
        let dealer = Dealer::new();
        dealer.connect(&place)?;
        dealer.send("hello").await?;
        let (id, _) = router.recv_from().await?;
        assert_eq!((id.len(), id[0]), (5, 0));
        assert!(ids.insert(id), "nobody has the id of another");
        dealer.close().await?;
    }
    Ok(())
}

async fn the_routing_id_of_a_peer_is_its_own_choice_and_is_seen_everywhere(at: Transport) -> Outcome {
    let router = Router::new();
    let mut monitor = router.monitor();
    let place = at.bind(&router).await?;
    let longest = vec![255; 255];
    for name in [b"x".to_vec(), b"worker 1".to_vec(), longest] {
        let dealer = Dealer::builder().routing_id(name.clone()).build()?;
        dealer.connect(&place)?;
        dealer.send("hello").await?;
        let (id, _) = router.recv_from().await?;
        assert_eq!(id, RoutingId::from(&name[..]));
        let peer = router.peer(&id).expect("it is connected");
        assert_eq!(peer.routing_id(), &name);
        assert!(router.peers().list().contains(&peer));
        let told = event(&mut monitor, |event| match event {
            Event::HandshakeDone { peer } => Some(peer),
            _ => None,
        });
        assert_eq!(told.await, peer);
        dealer.close().await?;
        until(|| router.peer(&id).is_none()).await;
    }
    Ok(())
}

async fn an_answer_goes_to_the_peer_that_is_named_and_nothing_is_added(at: Transport) -> Outcome {
    let router = Router::new();
    let place = at.bind(&router).await?;
    let (a, b) = (dealer("a", &place).await?, dealer("b", &place).await?);
    router.peers().at_least(2).await?;
    for message in [
        Message::from(""),
        Message::from(["", ""]),
        Message::from(["x", "", "y"]),
        Message::from(("large", vec![7; 300 << 10])),
    ] {
        // By a name that the program made, and by one that came with a message.
        router.send_to(&"b".into(), &message).await?;
        let received = b.recv().await?;
        assert!(received == message);
        b.send(received).await?;
        let (id, echoed) = router.recv_from().await?;
        assert!(id == "b".into() && echoed == message);
        router.try_send_to(&id, echoed)?;
        assert!(b.recv().await? == message);
    }
    assert!(a.try_recv().is_err());
    Ok(())
}

async fn a_req_is_answered_in_its_envelope(at: Transport) -> Outcome {
    let router = Router::new();
    let place = at.bind(&router).await?;
    for correlate in [false, true] {
        let mut req = Req::builder().correlate(correlate).build()?;
        req.connect(&place)?;
        let (answer, answered) = tokio::join!(req.request("question"), async {
            let (id, message) = router.recv_from().await?;
            let (envelope, body) = message.split_envelope().expect("a REQ sends one");
            assert_eq!(
                (envelope.len(), body),
                (usize::from(correlate), "question".into())
            );
            router
                .send_to(&id, Message::with_envelope(envelope, "answer"))
                .await?;
            Outcome::Ok(())
        });
        answered?;
        assert_eq!(answer?, "answer");
    }
    Ok(())
}

async fn two_routers_talk_to_each_other(at: Transport) -> Outcome {
    let one = Router::builder().routing_id("one").build()?;
    let two = Router::builder().routing_id("two").build()?;
    let place = at.bind(&two).await?;
    one.connect(&place)?.await?;
    one.send_to(&"two".into(), "ping").await?;
    assert_eq!(said(&two).await?, pair("one", "ping"));
    two.send_to(&"one".into(), "pong").await?;
    assert_eq!(said(&one).await?, pair("two", "pong"));
    Ok(())
}

async fn a_message_for_nobody_is_dropped_and_counted(at: Transport) -> Outcome {
    let router = Router::new();
    let place = at.bind(&router).await?;
    let dealer = dealer("a", &place).await?;
    router.peers().at_least(1).await?;
    router.send_to(&"nobody".into(), "1").await?;
    router.try_send_to(&RoutingId::from(""), "2")?;
    router.send_to(&"a".into(), "3").await?;
    assert_eq!(dealer.recv().await?, "3");
    dealer.close().await?;
    until(|| router.peers().count() == 0).await;
    router.send_to(&"a".into(), "4").await?;
    let outgoing = router.stats().outgoing;
    assert_eq!(outgoing.dropped.by(DropReason::NoPeer), 3);
    assert_eq!(
        (outgoing.accepted.messages, outgoing.handed_over.messages),
        (4, 1)
    );
    Ok(())
}

async fn mandatory_a_message_for_nobody_is_given_back(at: Transport) -> Outcome {
    let router = Router::builder().mandatory(true).build()?;
    let place = at.bind(&router).await?;
    let sent = router.send_to(&"a".into(), "early").await;
    assert_eq!(sent, Err(SendError::NoRoute("early".into())));
    let dealer = dealer("a", &place).await?;
    router.peers().at_least(1).await?;
    router.send_to(&"a".into(), "in time").await?;
    assert_eq!(dealer.recv().await?, "in time");
    dealer.close().await?;
    until(|| router.peers().count() == 0).await;
    let sent = router.try_send_to(&"a".into(), ["two", "frames"]);
    assert_eq!(sent, Err(TrySendError::NoRoute(["two", "frames"].into())));
    assert_eq!(router.stats().outgoing.accepted.messages, 1);
    Ok(())
}

/// A peer of the name `stalled` that reads nothing and is full: as much waits for it as the mark allows. And how many
/// messages it was sent, which tell their numbers.
async fn stalled(router: &Router, place: &Place, hwm: u64) -> Outcome<(Dealer, u64)> {
    let dealer = Dealer::builder().routing_id("stalled").recv_hwm(1).build()?;
    dealer.connect(place)?;
    let (id, mut sent) = ("stalled".into(), 0);
    until(|| router.peer(&id).is_some()).await;
    until(|| {
        let outgoing = router.stats().outgoing;
        if outgoing.queued.messages < hwm && router.try_send_to(&id, numbered(sent, 64 << 10)).is_ok() {
            sent += 1;
        }
        let incoming = dealer.stats().incoming;
        incoming.queued.messages == 1 && router.stats().outgoing.queued.messages == hwm
    })
    .await;
    Ok((dealer, sent))
}

async fn a_message_for_a_peer_at_its_mark_is_dropped_and_counted(at: Transport) -> Outcome {
    let router = Router::builder().send_hwm(3).build()?;
    let place = at.bind(&router).await?;
    let reading = dealer("reading", &place).await?;
    let (stalled, sent) = stalled(&router, &place, 3).await?;
    router.peers().at_least(2).await?;
    router.send_to(&"stalled".into(), "too much").await?;
    router.try_send_to(&"stalled".into(), "too much")?;
    assert_eq!(router.stats().outgoing.dropped.by(DropReason::Hwm), 2);
    router.send_to(&"reading".into(), "you have room").await?;
    assert_eq!(reading.recv().await?, "you have room");
    for number in 0..sent {
        assert_eq!(number_of(&stalled.recv().await?), number);
    }
    Ok(())
}

async fn a_burst_for_a_peer_that_reads_is_not_dropped(at: Transport) -> Outcome {
    let router = Router::builder().send_hwm(100).build()?;
    let place = at.bind(&router).await?;
    let dealer = Dealer::builder().routing_id("a").recv_hwm(0).build()?;
    dealer.connect(&place)?;
    router.peers().at_least(1).await?;
    // Nothing here waits for anything but what makes room; on this one thread it is `send_to` that lets it.
    for number in 0..5_000 {
        router.send_to(&"a".into(), numbered(number, 16)).await?;
    }
    for number in 0..5_000 {
        assert_eq!(number_of(&dealer.recv().await?), number);
    }
    assert_eq!(router.stats().outgoing.dropped.total(), 0);
    Ok(())
}

async fn mandatory_a_send_to_a_full_peer_waits_and_another_peer_does_not(at: Transport) -> Outcome {
    let router = Router::builder().mandatory(true).send_hwm(3).build()?;
    let place = at.bind(&router).await?;
    let reading = dealer("reading", &place).await?;
    let (stalled, sent) = stalled(&router, &place, 3).await?;
    router.peers().at_least(2).await?;
    let waiting = spawn({
        let router = router.clone();
        async move { router.send_to(&"stalled".into(), numbered(u64::MAX, 8)).await }
    });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    let hasty = router.try_send_to(&"stalled".into(), "hasty");
    assert_eq!(hasty, Err(TrySendError::Full("hasty".into())));
    router.send_to(&"reading".into(), "you have room").await?;
    assert_eq!(reading.recv().await?, "you have room");
    for number in (0..sent).chain([u64::MAX]) {
        assert_eq!(number_of(&stalled.recv().await?), number);
    }
    waiting.await??;
    Ok(())
}

async fn mandatory_whoever_waits_for_a_peer_hears_that_it_has_gone(at: Transport) -> Outcome {
    let router = Router::builder().mandatory(true).send_hwm(3).build()?;
    let place = at.bind(&router).await?;
    let (stalled, _) = stalled(&router, &place, 3).await?;
    let waiting = ["one", "two"].map(|message| {
        let router = router.clone();
        spawn(async move { router.send_to(&"stalled".into(), message).await })
    });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    drop(stalled);
    for (waiting, message) in waiting.into_iter().zip(["one", "two"]) {
        assert_eq!(waiting.await?, Err(SendError::NoRoute(message.into())));
    }
    Ok(())
}

async fn g02_those_who_wait_for_one_peer_are_served_in_order(at: Transport) -> Outcome {
    let router = Router::builder().mandatory(true).send_hwm(2).build()?;
    let place = at.bind(&router).await?;
    let (stalled, sent) = stalled(&router, &place, 2).await?;
    let mut waiting = Vec::new();
    for number in 0..20 {
        let router = router.clone();
        waiting.push(spawn(async move {
            router
                .send_to(&"stalled".into(), numbered(sent + number, 8))
                .await
        }));
        tokio::task::yield_now().await;
    }
    for number in 0..sent + 20 {
        assert_eq!(number_of(&stalled.recv().await?), number);
    }
    for waiting in waiting {
        waiting.await??;
    }
    Ok(())
}

/// Why the next handshake fails.
async fn refused(monitor: &mut Monitor) -> DisconnectReason {
    event(monitor, |event| match event {
        Event::HandshakeFailed { reason, .. } => Some(reason),
        _ => None,
    })
    .await
}

async fn of_two_peers_with_one_routing_id_the_second_is_refused_until_the_first_has_gone(
    at: Transport,
) -> Outcome {
    let router = Router::new();
    let place = at.bind(&router).await?;
    let first = dealer("same", &place).await?;
    first.send("first").await?;
    assert_eq!(said(&router).await?, pair("same", "first"));
    let mut monitor = router.monitor();
    let second = dealer("same", &place).await?;
    let reason = refused(&mut monitor).await;
    assert_eq!(reason, DisconnectReason::RoutingIdTaken { id: "same".into() });
    assert_eq!(reason.to_string(), "another peer has the routing id same");
    router.send_to(&"same".into(), "to the first").await?;
    assert_eq!(first.recv().await?, "to the first");

    // It has tried again by itself, and is let in now.
    first.close().await?;
    second.send("second").await?;
    assert_eq!(said(&router).await?, pair("same", "second"));
    router.send_to(&"same".into(), "to the second").await?;
    assert_eq!(second.recv().await?, "to the second");
    Ok(())
}

async fn with_handover_the_second_takes_the_routing_id_and_the_first_is_closed(at: Transport) -> Outcome {
    let router = Router::builder().handover(true).build()?;
    let place = at.bind(&router).await?;
    let first = Dealer::builder()
        .routing_id("same")
        .linger(Linger::Discard)
        .build()?;
    first.connect(&place)?;
    first.send("first").await?;
    until(|| router.stats().incoming.queued.messages == 1).await;
    let mut monitor = router.monitor();
    let second = dealer("same", &place).await?;
    second.send("second").await?;
    assert_eq!(ended(&mut monitor).await.0, DisconnectReason::HandedOver);
    drop(first);
    // What the first one had sent is not lost.
    let mut both = [said(&router).await?, said(&router).await?];
    both.sort();
    assert_eq!(both, [pair("same", "first"), pair("same", "second")]);
    until(|| router.peers().count() == 1).await;
    router.send_to(&"same".into(), "hello").await?;
    assert_eq!(second.recv().await?, "hello");
    Ok(())
}

async fn an_id_that_is_kept_finds_the_peer_that_has_come_back(at: Transport) -> Outcome {
    let router = Router::new();
    let place = at.bind(&router).await?;
    let before = dealer("a", &place).await?;
    before.send("hello").await?;
    let (id, _) = router.recv_from().await?;
    before.close().await?;
    until(|| router.peers().count() == 0).await;
    // Somebody else is in its place, and is not taken for it.
    let stranger = dealer("b", &place).await?;
    router.peers().at_least(1).await?;
    router.send_to(&id, "for nobody").await?;
    let again = dealer("a", &place).await?;
    router.peers().at_least(2).await?;
    router.send_to(&id, "welcome back").await?;
    assert_eq!(again.recv().await?, "welcome back");
    assert!(stranger.try_recv().is_err());
    Ok(())
}

async fn what_a_peer_sent_before_it_left_is_read_with_its_name(at: Transport) -> Outcome {
    let router = Router::new();
    let place = at.bind(&router).await?;
    for name in ["a", "b", "c"] {
        let dealer = dealer(name, &place).await?;
        dealer.send(name).await?;
        dealer.close().await?;
    }
    until(|| router.peers().count() == 0 && router.stats().incoming.queued.messages == 3).await;
    let mut read = HashSet::new();
    for _ in 0..3 {
        read.insert(said(&router).await?);
    }
    assert_eq!(read, ["a", "b", "c"].map(|name| pair(name, name)).into());
    Ok(())
}

async fn g02_a_connected_peer_keeps_its_id_and_its_queue_over_reconnects(at: Transport) -> Outcome {
    let router = Router::new();
    let dealer = Dealer::new();
    let place = at.bind(&dealer).await?;
    let peer = router.connect(&place)?.await?;
    let id = RoutingId::from(peer.routing_id());
    assert_eq!((id.len(), id[0]), (5, 0));
    router.send_to(&id, "first").await?;
    assert_eq!(dealer.recv().await?, "first");
    let mut monitor = router.monitor();
    dealer.close().await?;
    assert_eq!(ended(&mut monitor).await.1, 0);
    for number in 0..3 {
        router.send_to(&id, numbered(number, 8)).await?;
    }
    let next = Dealer::builder().routing_id("another name").build()?;
    next.bind(&place).await?;
    for number in 0..3 {
        assert_eq!(number_of(&next.recv().await?), number);
    }
    next.send("hello").await?;
    assert_eq!(router.recv_from().await?, (id, "hello".into()));
    Ok(())
}

async fn an_immediate_router_queues_for_connected_peers_and_for_those_that_it_named(
    at: Transport,
) -> Outcome {
    let router = Router::builder().mandatory(true).immediate(true).build()?;
    let dealer = Dealer::builder().routing_id("worker").build()?;
    let place = at.bind(&dealer).await?;
    router.connect(&place)?.await?;
    router.send_to(&"worker".into(), "here").await?;
    assert_eq!(dealer.recv().await?, "here");
    let mut monitor = router.monitor();
    dealer.close().await?;
    ended(&mut monitor).await;
    let sent = router.try_send_to(&"worker".into(), "away");
    assert_eq!(sent, Err(TrySendError::NoRoute("away".into())));

    let elsewhere = at.place();
    drop(router.connect_as(&elsewhere, "named")?);
    router.send_to(&"named".into(), "early").await?;
    for _ in 0..2 {
        let named = Dealer::new();
        named.bind(&elsewhere).await?;
        assert_eq!(named.recv().await?, "early");
        named.close().await?;
        ended(&mut monitor).await;
        router.send_to(&"named".into(), "early").await?;
    }
    Ok(())
}

async fn connect_as_names_the_peer_before_it_is_there(at: Transport) -> Outcome {
    let router = Router::builder().mandatory(true).build()?;
    let places = [at.place(), at.place()];
    for (place, name) in places.iter().zip(["first", "second"]) {
        drop(router.connect_as(place, name)?);
        router.send_to(&name.into(), name).await?;
    }
    for (place, name) in places.iter().zip(["first", "second"]) {
        let dealer = Dealer::builder().routing_id("whatever").build()?;
        dealer.bind(place).await?;
        assert_eq!(dealer.recv().await?, name);
        dealer.send("here").await?;
        assert_eq!(said(&router).await?, pair(name, "here"));
        let peer = router.peer(&name.into()).expect("it is connected");
        assert_eq!(peer.routing_id(), name);
    }
    assert!(router.try_send_to(&"whatever".into(), "nobody").is_err());

    // With the endpoint the name goes.
    router.disconnect(&places[0]).await?;
    let sent = router.try_send_to(&"first".into(), "gone");
    assert_eq!(sent, Err(TrySendError::NoRoute("gone".into())));
    router.connect_as(&places[0], "first")?;
    Ok(())
}

async fn connect_as_takes_no_name_that_is_taken_and_none_that_cannot_be(at: Transport) -> Outcome {
    let router = Router::new();
    let place = at.bind(&router).await?;
    let _guest = dealer("guest", &place).await?;
    router.peers().at_least(1).await?;
    let elsewhere = at.place();
    router.connect_as(&elsewhere, "mine")?;
    for id in ["guest", "mine"] {
        let refused = router.connect_as(&elsewhere, id).expect_err("it is taken");
        let endpoint = elsewhere.clone();
        assert_eq!(
            refused,
            EndpointError::RoutingIdTaken {
                endpoint,
                id: id.into()
            }
        );
    }
    for id in [&b""[..], b"\0abcd", &[1; 256]] {
        let refused = router.connect_as(&elsewhere, id).expect_err("it is no name");
        assert!(
            matches!(refused, EndpointError::RoutingIdInvalid { .. }),
            "{refused}"
        );
    }
    assert_eq!(router.endpoints().len(), 2, "nothing was begun that is refused");
    assert!(router.try_recv_from().is_err());
    Ok(())
}

async fn nobody_takes_the_name_of_an_endpoint(at: Transport) -> Outcome {
    let router = Router::builder().handover(true).build()?;
    let own = at.bind(&router).await?;
    let worker = Dealer::new();
    let place = at.bind(&worker).await?;
    router.connect_as(&place, "worker")?.await?;
    let mut monitor = router.monitor();
    let _impostor = dealer("worker", &own).await?;
    assert_eq!(
        refused(&mut monitor).await,
        DisconnectReason::RoutingIdTaken { id: "worker".into() }
    );
    router.send_to(&"worker".into(), "work").await?;
    assert_eq!(worker.recv().await?, "work");
    Ok(())
}

async fn comings_and_goings_are_messages_if_that_is_asked_for(at: Transport) -> Outcome {
    for (notify, expected) in [
        (Notify::Connect, &["", "hello"][..]),
        (Notify::Disconnect, &["hello", ""]),
        (Notify::Both, &["", "hello", ""]),
    ] {
        let router = Router::builder().notify(notify).build()?;
        let place = at.bind(&router).await?;
        let guest = dealer("guest", &place).await?;
        guest.send("hello").await?;
        guest.close().await?;
        for message in expected {
            assert_eq!(said(&router).await?, pair("guest", message));
        }
        // Of those too that we connect to.
        let host = Dealer::builder().routing_id("host").build()?;
        let elsewhere = at.bind(&host).await?;
        router.connect(&elsewhere)?;
        host.send("hello").await?;
        host.close().await?;
        for message in expected {
            assert_eq!(said(&router).await?, pair("host", message));
        }
        assert!(router.try_recv_from().is_err());
    }
    Ok(())
}

async fn a_disconnect_message_takes_the_place_of_the_empty_one(at: Transport) -> Outcome {
    let router = Router::builder()
        .notify(Notify::Both)
        .disconnect_message("gone")
        .build()?;
    let place = at.bind(&router).await?;
    dealer("guest", &place).await?.close().await?;
    // It had nothing to say, and may have closed before it was connected at all.
    let guest = dealer("talks", &place).await?;
    guest.send("hello").await?;
    guest.close().await?;
    let mut of_talks = Vec::new();
    while of_talks.len() < 3 {
        let (id, message) = said(&router).await?;
        if id == "talks" {
            of_talks.push(message);
        }
    }
    assert_eq!(of_talks, ["", "hello", "gone"]);
    Ok(())
}

async fn a_probe_tells_a_router_who_is_there(at: Transport) -> Outcome {
    let router = Router::new();
    let place = at.bind(&router).await?;
    let dealer = Dealer::builder().routing_id("dealer").probe(true).build()?;
    dealer.connect(&place)?;
    assert_eq!(said(&router).await?, pair("dealer", ""));
    router.send_to(&"dealer".into(), "welcome").await?;
    assert_eq!(dealer.recv().await?, "welcome");

    let other = Router::builder().routing_id("router").probe(true).build()?;
    other.connect(&place)?;
    assert_eq!(said(&router).await?, pair("router", ""));

    let mut req = Req::builder().routing_id("req").probe(true).build()?;
    req.connect(&place)?;
    assert_eq!(said(&router).await?, pair("req", ""));
    let (answer, answered) = tokio::join!(req.request("question"), async {
        let (id, message) = router.recv_from().await?;
        router.send_to(&id, message).await?;
        Outcome::Ok(())
    });
    answered?;
    assert_eq!(answer?, "question");
    Ok(())
}

async fn a_closed_router_gives_every_message_back(at: Transport) -> Outcome {
    for mandatory in [false, true] {
        let router = Router::builder().mandatory(mandatory).build()?;
        let handle = router.clone();
        at.bind(&router).await?;
        router.close().await?;
        let id = RoutingId::from("anybody");
        assert_eq!(
            handle.send_to(&id, "late").await,
            Err(SendError::Closed("late".into()))
        );
        assert_eq!(
            handle.try_send_to(&id, "late"),
            Err(TrySendError::Closed("late".into()))
        );
        assert!(handle.recv_from().await.is_err());
    }
    Ok(())
}
