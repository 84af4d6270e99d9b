//! SERVER and PEER name their peers by numbers (RFC 41, RFC 51): whose number is whose, and for how long; and a sender
//! waits for the peer that it named and for no other.

use std::collections::BTreeSet;

use hubless::{
    Client, DropReason, EndpointError, Event, Linger, PeerId, PeerSocket, RecvError, SendError, Server,
    TryRecvError, TrySendError,
};
use tokio::task::yield_now;

use crate::transport::{
    Outcome, Place, Transport, most_on_the_way, number_of, numbered, over_every_transport, polled, spawn,
    until,
};
use crate::{ended, event, text};

over_every_transport! {
    each_client_is_answered_by_its_number
    a_client_that_has_said_nothing_is_known_by_its_number
    a_number_that_was_never_given_names_nobody
    a_number_that_has_lost_its_peer_names_nobody
    what_a_peer_that_has_left_had_sent_is_read_with_its_number
    a_connecting_endpoint_keeps_its_number_through_all_its_connections
    g02_the_queue_of_a_named_endpoint_waits_for_the_next_connection
    a_peer_can_be_named_before_it_is_there
    two_peers_name_each_other
    who_names_a_full_peer_waits_for_it_and_holds_up_nobody_else
    those_who_wait_for_one_peer_are_served_in_their_order
    a_send_that_waits_ends_when_its_peer_leaves
    g04_the_queue_of_an_accepted_peer_that_leaves_is_dropped_and_counted
    nothing_is_dropped_for_a_peer_that_reads_slowly
    a_peer_is_thrown_out_after_what_is_queued_for_it
    a_peer_that_is_thrown_out_may_come_again
    an_endpoint_that_was_never_connected_is_ended_by_its_number
    each_new_peer_is_greeted
    the_last_word_comes_behind_all_that_a_peer_said
    calls_that_wait_end_when_the_socket_closes
}

/// A client of a server that is bound there, and its number.
async fn client_of(server: &Server, place: &Place) -> Outcome<(Client, PeerId)> {
    let client = Client::new();
    client.connect(place)?;
    client.send("hello").await?;
    let (from, hello) = server.recv_from().await?;
    assert_eq!(hello, "hello");
    Ok((client, from))
}

async fn each_client_is_answered_by_its_number(at: Transport) -> Outcome {
    let server = Server::new();
    let place = at.bind(&server).await?;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(client_of(&server, &place).await?);
    }
    let numbers: BTreeSet<_> = clients.iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers.len(), 5, "each has its own");
    for (_, number) in clients.iter().rev() {
        server.send_to(*number, number.to_string()).await?;
    }
    for (client, number) in &clients {
        assert_eq!(client.recv().await?, number.to_string());
    }
    // And in both directions as often as they like.
    for round in 0..10 {
        for (client, _) in &clients {
            client.send(numbered(round, 8)).await?;
        }
    }
    for _ in 0..50 {
        let (from, message) = server.recv_from().await?;
        assert!(numbers.contains(&from));
        server.try_send_to(from, message)?;
    }
    for (client, _) in &clients {
        for round in 0..10 {
            assert_eq!(number_of(&client.recv().await?), round);
        }
    }
    Ok(())
}

async fn a_client_that_has_said_nothing_is_known_by_its_number(at: Transport) -> Outcome {
    let server = Server::new();
    let mut monitor = server.monitor();
    let (client, place) = (Client::new(), at.bind(&server).await?);
    let peer = client.connect(&place)?.await?;
    assert_eq!(peer.number(), None, "a client names nobody");
    let told = event(&mut monitor, |event| match event {
        Event::HandshakeDone { peer } => Some(peer.number().expect("it has one")),
        _ => None,
    })
    .await;
    assert_eq!(server.peers().list()[0].number(), Some(told));
    server.send_to(told, "welcome").await?;
    assert_eq!(client.recv().await?, "welcome");
    client.send("thank you").await?;
    assert_eq!(server.recv_from().await?, (told, "thank you".into()));
    Ok(())
}

async fn a_number_that_was_never_given_names_nobody(at: Transport) -> Outcome {
    let server = Server::new();
    let place = at.bind(&server).await?;
    let (_client, number) = client_of(&server, &place).await?;
    let other = PeerId::new(number.get() ^ 1).expect("the other one is not zero, as numbers go");
    assert_eq!(
        server.send_to(other, "who?").await,
        Err(SendError::NoRoute("who?".into()))
    );
    assert_eq!(
        server.try_send_to(other, "who?"),
        Err(TrySendError::NoRoute("who?".into()))
    );
    assert_eq!(
        server.disconnect_peer(other).await,
        Err(EndpointError::NoPeer(other.get()))
    );
    assert_eq!(server.stats().outgoing.accepted.messages, 0);
    Ok(())
}

async fn a_number_that_has_lost_its_peer_names_nobody(at: Transport) -> Outcome {
    let server = Server::new();
    let place = at.bind(&server).await?;
    let mut monitor = server.monitor();
    let (client, number) = client_of(&server, &place).await?;
    client.close().await?;
    ended(&mut monitor).await;
    assert_eq!(
        server.send_to(number, "gone").await,
        Err(SendError::NoRoute("gone".into()))
    );
    // Nor does it when somebody else has come, into the same place.
    let (client, next) = client_of(&server, &place).await?;
    assert_ne!(next, number);
    assert_eq!(
        server.try_send_to(number, "gone"),
        Err(TrySendError::NoRoute("gone".into()))
    );
    assert_eq!(
        server.disconnect_peer(number).await,
        Err(EndpointError::NoPeer(number.get()))
    );
    server.send_to(next, "here").await?;
    assert_eq!(client.recv().await?, "here");
    assert_eq!(server.stats().outgoing.dropped.total(), 0);
    Ok(())
}

async fn what_a_peer_that_has_left_had_sent_is_read_with_its_number(at: Transport) -> Outcome {
    let server = Server::new();
    let place = at.bind(&server).await?;
    let (first, number) = client_of(&server, &place).await?;
    for part in 0..4 {
        first.send(numbered(part, 8)).await?;
    }
    first.close().await?;
    until(|| server.peers().count() == 0).await;
    let second = Client::new();
    second.connect(&place)?;
    for part in 10..14 {
        second.send(numbered(part, 8)).await?;
    }
    until(|| server.stats().incoming.queued.messages == 8).await;
    let next = server.peers().list()[0].number().expect("it has one");
    let mut read = (Vec::new(), Vec::new());
    for _ in 0..8 {
        let (from, message) = server.recv_from().await?;
        match from {
            from if from == number => read.0.push(number_of(&message)),
            from if from == next => read.1.push(number_of(&message)),
            from => panic!("nobody had the number {from}"),
        }
    }
    assert_eq!(read, ((0..4).collect(), (10..14).collect()));
    Ok(())
}

async fn a_connecting_endpoint_keeps_its_number_through_all_its_connections(at: Transport) -> Outcome {
    let (server, place) = (Server::new(), at.place());
    let mut monitor = server.monitor();
    server.connect(&place)?;
    let mut number = None;
    for _ in 0..3 {
        let client = Client::new();
        client.bind(&place).await?;
        client.send("hello").await?;
        let (from, _) = server.recv_from().await?;
        assert_eq!(*number.get_or_insert(from), from);
        server.send_to(from, "hello yourself").await?;
        assert_eq!(client.recv().await?, "hello yourself");
        client.close().await?;
        ended(&mut monitor).await;
    }
    Ok(())
}

async fn g02_the_queue_of_a_named_endpoint_waits_for_the_next_connection(at: Transport) -> Outcome {
    let (here, place) = (PeerSocket::new(), at.place());
    let mut monitor = here.monitor();
    let number = here.connect_peer(&place)?;
    let there = PeerSocket::new();
    there.bind(&place).await?;
    here.send_to(number, numbered(0, 8)).await?;
    assert_eq!(number_of(&there.recv_from().await?.1), 0);
    there.close().await?;
    assert_eq!(ended(&mut monitor).await.1, 0);
    for part in 1..10 {
        here.send_to(number, numbered(part, 8)).await?;
    }
    let next = PeerSocket::new();
    next.bind(&place).await?;
    for part in 1..10 {
        assert_eq!(number_of(&next.recv_from().await?.1), part);
    }
    Ok(())
}

async fn a_peer_can_be_named_before_it_is_there(at: Transport) -> Outcome {
    let here = PeerSocket::builder().send_hwm(2).build()?;
    let (one, two) = (at.place(), at.place());
    let numbers = [here.connect_peer(&one)?, here.connect_peer(&two)?];
    assert_ne!(numbers[0], numbers[1]);
    for number in numbers {
        here.send_to(number, number.to_string()).await?;
        here.send_to(number, "more").await?;
        assert!(matches!(
            here.try_send_to(number, "too much"),
            Err(TrySendError::Full(_))
        ));
    }
    for (place, number) in [(&one, numbers[0]), (&two, numbers[1])] {
        let there = PeerSocket::new();
        there.bind(place).await?;
        let (from, message) = there.recv_from().await?;
        assert_eq!(message, number.to_string());
        there.send_to(from, "and here I am").await?;
        assert_eq!(here.recv_from().await?, (number, "and here I am".into()));
    }
    assert!(matches!(
        here.connect_peer("tcp://*:1"),
        Err(EndpointError::Parse(_))
    ));
    Ok(())
}

async fn two_peers_name_each_other(at: Transport) -> Outcome {
    let (here, there) = (PeerSocket::new(), PeerSocket::new());
    let number = here.connect_peer(&at.bind(&there).await?)?;
    here.send_to(number, numbered(0, 8)).await?;
    for round in 0..50 {
        let (from, message) = there.recv_from().await?;
        assert_eq!(number_of(&message), 2 * round);
        there.send_to(from, numbered(2 * round + 1, 8)).await?;
        let (from, message) = here.recv_from().await?;
        assert_eq!((from, number_of(&message)), (number, 2 * round + 1));
        here.send_to(from, numbered(2 * round + 2, 8)).await?;
    }
    assert_eq!(number_of(&there.recv_from().await?.1), 100);
    assert_eq!(here.try_recv_from(), Err(TryRecvError::Empty));
    Ok(())
}

/// A server with a client that does not read, for whom nothing more is taken.
async fn stalled(at: Transport) -> Outcome<(Server, Client, PeerId, Place, u64)> {
    let server = Server::builder().send_hwm(2).send_hwm_bytes(0).build()?;
    let place = at.bind(&server).await?;
    let client = Client::builder().recv_hwm(1).build()?;
    client.connect(&place)?;
    client.send("hello").await?;
    let (number, _) = server.recv_from().await?;
    let mut sent = 0;
    while polled(server.send_to(number, numbered(sent, most_on_the_way() / 2)), 100)
        .await
        .transpose()?
        .is_some()
    {
        sent += 1;
    }
    assert!(sent < 10, "{sent}");
    assert!(matches!(
        server.try_send_to(number, "more"),
        Err(TrySendError::Full(_))
    ));
    Ok((server, client, number, place, sent))
}

async fn who_names_a_full_peer_waits_for_it_and_holds_up_nobody_else(at: Transport) -> Outcome {
    let (server, client, number, place, sent) = stalled(at).await?;
    let waiting = spawn({
        let server = server.clone();
        async move { server.send_to(number, numbered(sent, 8)).await }
    });
    let (other, its_number) = client_of(&server, &place).await?;
    for round in 0..10 {
        server.send_to(its_number, numbered(round, 8)).await?;
        assert_eq!(number_of(&other.recv().await?), round);
    }
    assert!(!waiting.is_finished());
    for expected in 0..=sent {
        assert_eq!(number_of(&client.recv().await?), expected);
    }
    waiting.await??;
    assert_eq!(server.stats().outgoing.dropped.total(), 0);
    Ok(())
}

async fn those_who_wait_for_one_peer_are_served_in_their_order(at: Transport) -> Outcome {
    let (server, client, number, _place, sent) = stalled(at).await?;
    let mut waiting = Vec::new();
    for part in sent..sent + 20 {
        let server = server.clone();
        waiting.push(spawn(
            async move { server.send_to(number, numbered(part, 8)).await },
        ));
        yield_now().await;
    }
    for expected in 0..sent + 20 {
        assert_eq!(number_of(&client.recv().await?), expected);
    }
    for waiting in waiting {
        waiting.await??;
    }
    Ok(())
}

async fn a_send_that_waits_ends_when_its_peer_leaves(at: Transport) -> Outcome {
    let (server, client, number, _place, _) = stalled(at).await?;
    let waiting = spawn({
        let server = server.clone();
        async move { server.send_to(number, "too late").await }
    });
    yield_now().await;
    drop(client);
    assert_eq!(waiting.await?, Err(SendError::NoRoute("too late".into())));
    Ok(())
}

async fn g04_the_queue_of_an_accepted_peer_that_leaves_is_dropped_and_counted(at: Transport) -> Outcome {
    let (server, client, _, _place, sent) = stalled(at).await?;
    let mut monitor = server.monitor();
    drop(client);
    let (_, dropped) = ended(&mut monitor).await;
    let outgoing = server.stats().outgoing;
    assert_eq!(outgoing.accepted.messages, sent);
    assert_eq!(outgoing.dropped.by(DropReason::PipeClosed), dropped);
    assert!(dropped >= 1);
    assert_eq!(
        outgoing.accepted.messages,
        outgoing.handed_over.messages + outgoing.dropped.total()
    );
    Ok(())
}

async fn nothing_is_dropped_for_a_peer_that_reads_slowly(at: Transport) -> Outcome {
    const MANY: u64 = 500;
    let server = Server::builder().send_hwm(3).build()?;
    let place = at.bind(&server).await?;
    let client = Client::builder().recv_hwm(2).build()?;
    client.connect(&place)?;
    client.send("hello").await?;
    let (number, _) = server.recv_from().await?;
    let sending = spawn({
        let server = server.clone();
        async move {
            for part in 0..MANY {
                server.send_to(number, numbered(part, 1000)).await?;
            }
            Ok::<_, SendError>(())
        }
    });
    for part in 0..MANY {
        for _ in 0..part % 5 {
            yield_now().await;
        }
        assert_eq!(number_of(&client.recv().await?), part);
    }
    sending.await??;
    assert_eq!(server.stats().outgoing.dropped.total(), 0);
    Ok(())
}

async fn a_peer_is_thrown_out_after_what_is_queued_for_it(at: Transport) -> Outcome {
    let server = Server::new();
    let place = at.bind(&server).await?;
    let (client, number) = client_of(&server, &place).await?;
    let (other, its_number) = client_of(&server, &place).await?;
    let mut monitor = client.monitor();
    for part in 0..100 {
        server.send_to(number, numbered(part, 1000)).await?;
    }
    let mut throwing = Box::pin(server.disconnect_peer(number));
    assert!(polled(&mut throwing, 1).await.is_none());
    // From its first poll on nothing new is queued.
    assert_eq!(
        server.try_send_to(number, "more"),
        Err(TrySendError::NoRoute("more".into()))
    );
    throwing.await?;
    ended(&mut monitor).await;
    for part in 0..100 {
        assert_eq!(number_of(&client.recv().await?), part);
    }
    server.send_to(its_number, "you may stay").await?;
    assert_eq!(other.recv().await?, "you may stay");
    Ok(())
}

async fn a_peer_that_is_thrown_out_may_come_again(at: Transport) -> Outcome {
    let server = Server::new();
    let place = at.bind(&server).await?;
    let (client, number) = client_of(&server, &place).await?;
    server.disconnect_peer(number).await?;
    client.send("again").await?;
    let (again, message) = server.recv_from().await?;
    assert_eq!(message, "again");
    assert_ne!(again, number);
    assert_eq!(server.endpoints().len(), 1, "it listens on");
    Ok(())
}

async fn an_endpoint_that_was_never_connected_is_ended_by_its_number(at: Transport) -> Outcome {
    let here = PeerSocket::builder().linger(Linger::Discard).build()?;
    let (one, two) = (at.place(), at.place());
    let (gone, stays) = (here.connect_peer(&one)?, here.connect_peer(&two)?);
    here.send_to(gone, "never").await?;
    here.send_to(stays, "some time").await?;
    match here.disconnect_peer(gone).await {
        Err(EndpointError::Unsent(unsent)) => assert!(unsent.into_messages().eq(["never"])),
        other => panic!("expected the message back, found {other:?}"),
    }
    assert_eq!(here.endpoints(), [(*two).clone()]);
    assert_eq!(
        here.send_to(gone, "never").await,
        Err(SendError::NoRoute("never".into()))
    );
    let there = PeerSocket::new();
    there.bind(&two).await?;
    assert_eq!(text(&there.recv_from().await?.1), "some time");
    // One that is connected ends in the same way, and is not dialed again.
    here.disconnect_peer(stays).await?;
    assert!(here.endpoints().is_empty());
    assert_eq!(
        here.disconnect_peer(stays).await,
        Err(EndpointError::NoPeer(stays.get()))
    );
    Ok(())
}

async fn each_new_peer_is_greeted(at: Transport) -> Outcome {
    let server = Server::builder().hello_message("welcome").build()?;
    let place = at.bind(&server).await?;
    for _ in 0..3 {
        let client = Client::new();
        client.connect(&place)?;
        assert_eq!(client.recv().await?, "welcome");
        client.send("thank you").await?;
        let (from, _) = server.recv_from().await?;
        server.send_to(from, "no more").await?;
        assert_eq!(client.recv().await?, "no more");
        client.close().await?;
    }
    assert_eq!(server.stats().outgoing.accepted.messages, 6);

    // A connecting endpoint greets on each connection, ahead of what waits; the greeting is not held up by the mark.
    let (place, here) = (
        at.place(),
        PeerSocket::builder().hello_message("hello").send_hwm(2).build()?,
    );
    let mut monitor = here.monitor();
    let number = here.connect_peer(&place)?;
    here.send_to(number, "second").await?;
    here.send_to(number, "third").await?;
    assert!(matches!(
        here.try_send_to(number, "no room"),
        Err(TrySendError::Full(_))
    ));
    let there = PeerSocket::new();
    there.bind(&place).await?;
    assert_eq!(there.recv_from().await?.1, "hello");
    assert_eq!(there.recv_from().await?.1, "second");
    assert_eq!(there.recv_from().await?.1, "third");
    there.close().await?;
    ended(&mut monitor).await;
    let next = PeerSocket::new();
    next.bind(&place).await?;
    here.send_to(number, "fourth").await?;
    assert_eq!(next.recv_from().await?.1, "hello");
    assert_eq!(next.recv_from().await?.1, "fourth");

    // With `immediate` each connection is a new peer.
    let client = Client::builder().hello_message("hello").immediate(true).build()?;
    let place = at.place();
    client.connect(&place)?;
    for _ in 0..2 {
        let mut monitor = client.monitor();
        let server = Server::new();
        server.bind(&place).await?;
        assert_eq!(server.recv_from().await?.1, "hello");
        server.close().await?;
        ended(&mut monitor).await;
    }
    Ok(())
}

async fn the_last_word_comes_behind_all_that_a_peer_said(at: Transport) -> Outcome {
    let server = Server::builder().disconnect_message("gone").recv_hwm(3).build()?;
    let place = at.bind(&server).await?;
    let (client, number) = client_of(&server, &place).await?;
    let (stays, its_number) = client_of(&server, &place).await?;
    for part in 0..10 {
        client.send(numbered(part, 8)).await?;
    }
    let closing = spawn(client.close());
    for part in 0..10 {
        let (from, message) = server.recv_from().await?;
        assert_eq!((from, number_of(&message)), (number, part));
    }
    assert_eq!(server.recv_from().await?, (number, "gone".into()));
    closing.await??;
    stays.send("still here").await?;
    assert_eq!(server.recv_from().await?, (its_number, "still here".into()));
    server.disconnect_peer(its_number).await?;
    assert_eq!(server.recv_from().await?, (its_number, "gone".into()));
    // It is back, and somebody else.
    stays.send("here again").await?;
    let (again, message) = server.recv_from().await?;
    assert_eq!(message, "here again");
    assert_ne!(again, its_number);

    let client = Client::builder().hiccup_message("hiccup").build()?;
    let place = at.place();
    client.connect(&place)?;
    for _ in 0..2 {
        let server = Server::builder().hello_message("welcome").build()?;
        server.bind(&place).await?;
        assert_eq!(client.recv().await?, "welcome");
        server.close().await?;
        assert_eq!(client.recv().await?, "hiccup");
    }
    let incoming = client.stats().incoming;
    assert_eq!((incoming.received.messages, incoming.delivered.messages), (4, 4));
    Ok(())
}

async fn calls_that_wait_end_when_the_socket_closes(at: Transport) -> Outcome {
    let (server, client, number, _place, _) = stalled(at).await?;
    let handle = server.clone();
    let (sends, receives) = (server.clone(), server.clone());
    let sending = spawn(async move { sends.send_to(number, "never").await });
    let receiving = spawn(async move { receives.recv_from().await });
    yield_now().await;
    let closing = spawn(server.close());
    assert_eq!(sending.await?, Err(SendError::Closed("never".into())));
    assert_eq!(receiving.await?, Err(RecvError::Closed));
    assert_eq!(handle.try_recv_from(), Err(TryRecvError::Closed));
    assert_eq!(
        handle.try_send_to(number, "late"),
        Err(TrySendError::Closed("late".into()))
    );
    while client
        .recv_timeout(std::time::Duration::from_millis(100))
        .await
        .is_ok()
    {}
    closing.await??;
    Ok(())
}
