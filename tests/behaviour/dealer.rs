//! DEALER sends in turn, collects in turn, and adds nothing to what it sends (RFC 28).

use hubless::{Dealer, DropReason, EndpointError, Message, Rep, Router, TrySendError};

use crate::transport::{Outcome, Place, Transport, number_of, numbered, over_every_transport, spawn, until};
use crate::{ended, text};

over_every_transport! {
    questions_go_round_and_answers_are_collected_in_turn
    nothing_is_added_to_a_message_and_nothing_taken_away
    a_rep_answers_in_the_envelope_that_the_dealer_made
    two_dealers_talk_to_each_other
    without_a_peer_a_dealer_waits
    g04_what_was_queued_for_an_accepted_peer_that_leaves_is_dropped_and_what_it_sent_is_read
    g02_a_connecting_dealer_keeps_its_queue_for_the_next_peer
    an_immediate_dealer_queues_for_connected_peers_only
    a_conflating_dealer_keeps_the_newest_of_each_peer
    a_dealer_connects_to_an_endpoint_once
    the_loss_of_an_endpoints_connection_is_a_message_if_that_is_asked_for
    a_hello_is_the_first_message_of_every_connection
}

/// A DEALER to talk to that this one has connected to.
async fn partner_of(dealer: &Dealer, at: Transport) -> Outcome<(Dealer, Place)> {
    let partner = Dealer::new();
    let place = at.bind(&partner).await?;
    dealer.connect(&place)?.await?;
    Ok((partner, place))
}

async fn questions_go_round_and_answers_are_collected_in_turn(at: Transport) -> Outcome {
    let dealer = Dealer::new();
    let mut partners = Vec::new();
    for _ in 0..3 {
        partners.push(partner_of(&dealer, at).await?);
    }
    for number in 0..9 {
        dealer.send(numbered(number, 8)).await?;
    }
    for round in 0..3 {
        for (turn, (partner, _)) in (0..).zip(&partners) {
            assert_eq!(number_of(&partner.recv().await?), 3 * round + turn);
        }
    }
    for (name, (partner, _)) in ["a", "b", "c"].into_iter().zip(&partners) {
        for _ in 0..4 {
            partner.send(name).await?;
        }
    }
    until(|| dealer.stats().incoming.queued.messages == 12).await;
    for _ in 0..4 {
        let mut turn = Vec::new();
        for _ in 0..3 {
            turn.push(text(&dealer.recv().await?));
        }
        turn.sort();
        assert_eq!(turn, ["a", "b", "c"]);
    }
    Ok(())
}

async fn nothing_is_added_to_a_message_and_nothing_taken_away(at: Transport) -> Outcome {
    let dealer = Dealer::new();
    let (partner, _place) = partner_of(&dealer, at).await?;
    for message in [
        Message::from(""),
        Message::from("one"),
        Message::from(["", ""]),
        Message::from(["", "body"]),
        Message::from(["id", "", "body", ""]),
        Message::from(("large", vec![7; 300 << 10], "")),
    ] {
        dealer.send(&message).await?;
        let received = partner.recv().await?;
        assert!(received == message);
        partner.send(received).await?;
        assert!(dealer.recv().await? == message);
    }
    Ok(())
}

async fn a_rep_answers_in_the_envelope_that_the_dealer_made(at: Transport) -> Outcome {
    let rep = Rep::new();
    let place = at.bind(&rep).await?;
    let dealer = Dealer::new();
    dealer.connect(&place)?;
    // Many at once; one of them is no request, since it has no empty frame.
    for number in 0..10 {
        dealer.send((format!("{number}"), "", "question")).await?;
    }
    dealer.send("no request").await?;
    dealer.send(("", "last")).await?;
    let mut requests = Vec::new();
    while requests.len() < 11 {
        requests.push(rep.recv_request().await?);
    }
    assert_eq!(requests[10].message(), &Message::from("last"));
    // Answered in another order than they came.
    while let Some(request) = requests.pop() {
        request.reply(("answer", "two")).await?;
    }
    assert_eq!(dealer.recv().await?, Message::from(["", "answer", "two"]));
    for number in (0..10).rev() {
        let expected = Message::from([&number.to_string(), "", "answer", "two"]);
        assert_eq!(dealer.recv().await?, expected);
    }
    assert_eq!(rep.stats().incoming.dropped.by(DropReason::ProtocolError), 1);
    Ok(())
}

async fn two_dealers_talk_to_each_other(at: Transport) -> Outcome {
    let one = Dealer::builder().routing_id("one").build()?;
    let (two, _place) = partner_of(&one, at).await?;
    one.send("from one").await?;
    two.send("from two").await?;
    let (peer, message) = two.recv_from().await?;
    assert_eq!(
        (&peer.routing_id()[..], message),
        (&b"one"[..], "from one".into())
    );
    assert_eq!(one.recv().await?, "from two");
    Ok(())
}

async fn without_a_peer_a_dealer_waits(at: Transport) -> Outcome {
    let dealer = Dealer::new();
    let place = at.bind(&dealer).await?;
    assert!(matches!(dealer.try_send("hasty"), Err(TrySendError::Full(_))));
    let sending = spawn({
        let dealer = dealer.clone();
        async move { dealer.send("patient").await }
    });
    tokio::task::yield_now().await;
    assert!(!sending.is_finished());
    let partner = Dealer::new();
    partner.connect(&place)?;
    sending.await??;
    assert_eq!(partner.recv().await?, "patient");
    Ok(())
}

async fn g04_what_was_queued_for_an_accepted_peer_that_leaves_is_dropped_and_what_it_sent_is_read(
    at: Transport,
) -> Outcome {
    let dealer = Dealer::builder().send_hwm(3).build()?;
    let place = at.bind(&dealer).await?;
    let mut monitor = dealer.monitor();
    let leaving = Dealer::builder().recv_hwm(2).build()?;
    leaving.connect(&place)?;
    leaving.send("farewell").await?;
    dealer.peers().at_least(1).await?;
    let mut number = 0;
    // What lies in buffers of the system moves on for a while.
    until(|| {
        number += u64::from(dealer.try_send(numbered(number, 64 << 10)).is_ok());
        leaving.stats().incoming.queued.messages == 2
            && dealer.stats().outgoing.queued.messages == 3
            && dealer.stats().incoming.queued.messages == 1
    })
    .await;
    drop(leaving);
    let (_, dropped) = ended(&mut monitor).await;

    let outgoing = dealer.stats().outgoing;
    assert_eq!(outgoing.queued.messages, 0);
    assert_eq!(outgoing.dropped.by(DropReason::PipeClosed), dropped);
    assert!(dropped >= 2, "all but what was half out: {dropped}");
    assert_eq!(
        outgoing.accepted.messages,
        outgoing.handed_over.messages + outgoing.dropped.total()
    );
    assert_eq!(dealer.recv().await?, "farewell");
    Ok(())
}

async fn g02_a_connecting_dealer_keeps_its_queue_for_the_next_peer(at: Transport) -> Outcome {
    let dealer = Dealer::new();
    let mut monitor = dealer.monitor();
    let (partner, place) = partner_of(&dealer, at).await?;
    partner.close().await?;
    assert_eq!(ended(&mut monitor).await.1, 0);
    for number in 0..10 {
        dealer.send(numbered(number, 8)).await?;
    }
    let next = Dealer::new();
    next.bind(&place).await?;
    for number in 0..10 {
        assert_eq!(number_of(&next.recv().await?), number);
    }
    Ok(())
}

async fn an_immediate_dealer_queues_for_connected_peers_only(at: Transport) -> Outcome {
    let dealer = Dealer::builder().immediate(true).build()?;
    let place = at.place();
    let connecting = dealer.connect(&place)?;
    assert!(matches!(dealer.try_send("early"), Err(TrySendError::Full(_))));
    let partner = Dealer::new();
    partner.bind(&place).await?;
    connecting.await?;
    dealer.send("in time").await?;
    assert_eq!(partner.recv().await?, "in time");
    let mut monitor = dealer.monitor();
    partner.close().await?;
    ended(&mut monitor).await;
    assert!(matches!(dealer.try_send("late"), Err(TrySendError::Full(_))));
    Ok(())
}

async fn a_conflating_dealer_keeps_the_newest_of_each_peer(at: Transport) -> Outcome {
    let dealer = Dealer::builder().conflate(true).build()?;
    let place = at.place();
    dealer.connect(&place)?;
    for number in 0..10 {
        dealer.send((numbered(number, 8), "second frame")).await?;
    }
    let partner = Dealer::new();
    partner.bind(&place).await?;
    let received = partner.recv().await?;
    assert_eq!((number_of(&received), received.len()), (9, 2));
    assert_eq!(dealer.stats().outgoing.dropped.by(DropReason::Conflated), 9);
    Ok(())
}

async fn a_dealer_connects_to_an_endpoint_once(at: Transport) -> Outcome {
    let dealer = Dealer::new();
    let place = at.place();
    dealer.connect(&place)?;
    let again = dealer
        .connect(&place)
        .expect_err("every message would go twice as often there");
    assert_eq!(again, EndpointError::AlreadyConnected(place.clone()));
    Ok(())
}

async fn the_loss_of_an_endpoints_connection_is_a_message_if_that_is_asked_for(at: Transport) -> Outcome {
    let dealer = Dealer::builder().hiccup_message("hiccup").build()?;
    let guest = Dealer::new();
    let own = at.bind(&dealer).await?;
    guest.connect(&own)?.await?;
    for _ in 0..2 {
        let router = Router::new();
        let place = at.bind(&router).await?;
        dealer.connect(&place)?.await?;
        router.peers().at_least(1).await?;
        let id = router.peers().list()[0].routing_id().into();
        router.send_to(&id, "last words").await?;
        router.close().await?;
        assert_eq!(dealer.recv().await?, "last words");
        assert_eq!(dealer.recv().await?, "hiccup");
        dealer.disconnect(&place).await?;
    }
    // One that had come to us may go without a word.
    let mut monitor = dealer.monitor();
    guest.send("guest").await?;
    guest.close().await?;
    ended(&mut monitor).await;
    assert_eq!(dealer.recv().await?, "guest");
    assert!(dealer.try_recv().is_err());
    Ok(())
}

async fn a_hello_is_the_first_message_of_every_connection(at: Transport) -> Outcome {
    let dealer = Dealer::builder().hello_message(("hello", "here I am")).build()?;
    let place = at.place();
    dealer.connect(&place)?;
    for number in 0..3 {
        // Queued before there is a connection, and behind its greeting all the same.
        dealer.send(numbered(number, 8)).await?;
        let partner = Dealer::new();
        partner.bind(&place).await?;
        assert_eq!(partner.recv().await?, Message::from(("hello", "here I am")));
        assert_eq!(number_of(&partner.recv().await?), number);
        let mut monitor = dealer.monitor();
        partner.close().await?;
        ended(&mut monitor).await;
    }
    let outgoing = dealer.stats().outgoing;
    assert_eq!(
        (outgoing.accepted.messages, outgoing.handed_over.messages),
        (6, 6)
    );
    Ok(())
}
