//! In which order is read what a peer has sent, when a connection is lost and made again (guarantees, G2).
//!
//! Whoever connects knows that it is one endpoint, whatever becomes of its connections. Whoever binds does not: there
//! each connection is another peer, and they take turns.

use std::ops::Range;
use std::time::Duration;

use hubless::kind::{self, HasIncoming, HasOutgoing, Kind, Receives, Sends, Shares};
use hubless::{Builder, Client, DropReason, Message, Pub, Pull, Push, Server, Socket, Sub};

use crate::transport::{Outcome, Place, Transport, number_of, numbered, over_every_transport, until};

over_every_transport! {
    g02_what_came_before_a_reconnection_is_read_before_what_came_after_it
    g02_of_what_a_subscriber_hears_too
    g02_of_one_that_is_at_its_mark_too
    g02_and_others_take_their_turns_as_ever
    g02_a_binder_takes_turns_over_connections_each_in_order
    what_is_unread_of_several_connections_is_counted_when_the_socket_closes
    with_conflate_the_newest_of_the_last_connection_comes_last
}

/// One that dials again soon.
fn builder<K: Kind>() -> Builder<K> {
    Socket::<K>::builder().reconnect(Duration::from_millis(1), Duration::from_millis(20))
}

/// A socket that is bound there, sends these numbers to whoever comes, and goes.
async fn sends<K: Sends + Shares + HasOutgoing>(place: &Place, numbers: Range<u64>) -> Outcome {
    let socket = Socket::<K>::new();
    socket.bind(place).await?;
    socket.peers().at_least(1).await?;
    says_and_goes(socket, numbers).await
}

async fn says_and_goes<K: Sends + Shares>(socket: Socket<K>, numbers: Range<u64>) -> Outcome {
    for number in numbers {
        socket.send(numbered(number, 8)).await?;
    }
    Ok(socket.close().await?)
}

async fn read_in_order<K: Receives + HasIncoming>(socket: &Socket<K>, numbers: Range<u64>) -> Outcome {
    for number in numbers {
        assert_eq!(number_of(&socket.recv().await?), number);
    }
    Ok(())
}

async fn g02_what_came_before_a_reconnection_is_read_before_what_came_after_it(at: Transport) -> Outcome {
    over_connections::<kind::Pull, kind::Push>(at).await?;
    over_connections::<kind::Gather, kind::Scatter>(at).await?;
    over_connections::<kind::Dealer, kind::Dealer>(at).await
}

async fn over_connections<R, S>(at: Transport) -> Outcome
where
    R: Receives + Shares + HasIncoming,
    S: Sends + Shares + HasOutgoing,
{
    let place = at.place();
    let reader = builder::<R>().build()?;
    reader.connect(&place)?;
    sends::<S>(&place, 0..10).await?;
    until(|| reader.stats().incoming.queued.messages == 10).await;
    // One that says nothing is no reason to forget what came before it.
    sends::<S>(&place, 0..0).await?;
    sends::<S>(&place, 10..20).await?;
    until(|| reader.stats().incoming.queued.messages == 20).await;
    read_in_order(&reader, 0..5).await?;
    sends::<S>(&place, 20..30).await?;
    until(|| reader.stats().incoming.queued.messages == 25).await;
    read_in_order(&reader, 5..30).await?;
    // What is read to its end holds nothing up.
    sends::<S>(&place, 30..40).await?;
    read_in_order(&reader, 30..40).await?;
    assert!(reader.try_recv().is_err());
    Ok(())
}

/// A publisher comes, waits for a subscriber, publishes these and leaves.
async fn publishes(place: &Place, numbers: Range<u64>) -> Outcome {
    let publisher = Pub::new();
    publisher.bind(place).await?;
    publisher.subscribers().at_least(1).await?;
    says_and_goes(publisher, numbers).await
}

async fn g02_of_what_a_subscriber_hears_too(at: Transport) -> Outcome {
    let place = at.place();
    let sub = builder::<kind::Sub>().build()?;
    sub.subscribe("");
    sub.connect(&place)?;
    for round in 0..3 {
        publishes(&place, round * 10..round * 10 + 10).await?;
        until(|| sub.stats().incoming.queued.messages == round * 10 + 10).await;
    }
    read_in_order(&sub, 0..30).await
}

async fn g02_of_one_that_is_at_its_mark_too(at: Transport) -> Outcome {
    let place = at.place();
    let pull = builder::<kind::Pull>().recv_hwm(3).build()?;
    pull.connect(&place)?;
    let sending = async {
        for round in 0..4 {
            sends::<kind::Push>(&place, round * 20..round * 20 + 20).await?;
        }
        Outcome::Ok(())
    };
    // It reads one now and then, so that most of the time something of two connections is there.
    let reading = async {
        for number in 0..80 {
            assert_eq!(number_of(&pull.recv().await?), number);
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
        }
        Outcome::Ok(())
    };
    tokio::try_join!(sending, reading)?;
    Ok(())
}

async fn g02_and_others_take_their_turns_as_ever(at: Transport) -> Outcome {
    let (place, elsewhere) = (at.place(), at.place());
    let pull = builder::<kind::Pull>().build()?;
    pull.connect(&place)?;
    pull.connect(&elsewhere)?;
    sends::<kind::Push>(&place, 0..10).await?;
    until(|| pull.stats().incoming.queued.messages == 10).await;
    sends::<kind::Push>(&place, 10..20).await?;
    let other = Push::new();
    other.bind(&elsewhere).await?;
    for number in 100..120 {
        other.send(numbered(number, 8)).await?;
    }
    until(|| pull.stats().incoming.queued.messages == 40).await;
    let (mut ones, mut others) = (0..20, 100..120);
    for _ in 0..20 {
        let mut turn = [number_of(&pull.recv().await?), number_of(&pull.recv().await?)];
        turn.sort();
        assert_eq!(turn.map(Some), [ones.next(), others.next()]);
    }
    Ok(())
}

async fn g02_a_binder_takes_turns_over_connections_each_in_order(at: Transport) -> Outcome {
    let server = Server::new();
    let place = at.bind(&server).await?;
    let client: Client = builder().build()?;
    client.connect(&place)?;
    for number in 0..10 {
        client.send(numbered(number, 8)).await?;
    }
    until(|| server.stats().incoming.queued.messages == 10).await;
    let (first, _) = server.recv_from().await?;
    server.disconnect_peer(first).await?;
    server.peers().at_least(1).await?;
    for number in 10..20 {
        client.send(numbered(number, 8)).await?;
    }
    until(|| server.stats().incoming.queued.messages == 19).await;
    let (mut of_first, mut of_second) = (1..10, 10..20);
    for _ in 0..9 {
        let turn = [server.recv_from().await?, server.recv_from().await?];
        for (from, message) in turn {
            let expected = if from == first {
                &mut of_first
            } else {
                &mut of_second
            };
            assert_eq!(Some(number_of(&message)), expected.next());
        }
        assert_eq!(of_first.start, of_second.start - 9, "in turn");
    }
    Ok(())
}

async fn what_is_unread_of_several_connections_is_counted_when_the_socket_closes(at: Transport) -> Outcome {
    let place = at.place();
    let pull: Pull = builder().build()?;
    let handle = pull.clone();
    pull.connect(&place)?;
    for round in 0..3 {
        sends::<kind::Push>(&place, 0..10).await?;
        until(|| handle.stats().incoming.queued.messages == round * 10 + 10).await;
    }
    assert_eq!(number_of(&pull.recv().await?), 0);
    pull.close().await?;
    let incoming = handle.stats().incoming;
    assert_eq!((incoming.received.messages, incoming.delivered.messages), (30, 1));
    assert_eq!(incoming.dropped.by(DropReason::Unread), 29);
    assert_eq!(incoming.queued.messages, 0);
    Ok(())
}

async fn with_conflate_the_newest_of_the_last_connection_comes_last(at: Transport) -> Outcome {
    let place = at.place();
    let sub: Sub = builder::<kind::Sub>().conflate(true).build()?;
    sub.subscribe("");
    sub.connect(&place)?;
    for round in 1..=3 {
        publishes(&place, round * 10..round * 10 + 10).await?;
        until(|| sub.stats().incoming.received.messages == round * 10).await;
    }
    let mut read = Vec::new();
    let mut last = |message: Message| read.push(number_of(&message));
    while let Ok(message) = sub.try_recv() {
        last(message);
    }
    assert_eq!(read, [19, 29, 39]);
    Ok(())
}
