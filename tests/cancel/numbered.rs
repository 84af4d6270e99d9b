//! Sending to a peer by its number, and receiving with one, can be given up at any time; so can waiting for a seat.

use std::task::{Context, Waker};

use hubless::{Client, EndpointError, Linger, Pair, PeerSocket, SendError, Server};
use tokio::task::yield_now;

use crate::transport::{Outcome, Transport, number_of, numbered, over_every_transport, polled, spawn, until};
use crate::{END, SENT, at_every_poll, reads_numbers, sends_numbers, small_buffers};

over_every_transport! {
    g08_a_send_to_a_peer_that_is_given_up_sends_nothing
    g08_a_sender_to_a_peer_that_gives_up_its_turn_passes_it_on
    g08_a_receive_with_a_number_that_is_given_up_takes_nothing
    g08_throwing_a_peer_out_that_is_given_up_goes_on
    g08_waiting_for_a_seat_can_be_given_up
}

async fn g08_a_send_to_a_peer_that_is_given_up_sends_nothing(at: Transport) -> Outcome {
    let server = Server::builder().send_hwm(1).tcp(small_buffers()).build()?;
    let client = Client::builder().recv_hwm(1).tcp(small_buffers()).build()?;
    client.connect(&at.bind(&server).await?)?;
    client.send("hello").await?;
    let (to, _) = server.recv_from().await?;
    let receiving = reads_numbers(&client);
    let sent = sends_numbers(async |number, polls| {
        let sent = polled(server.send_to(to, numbered(number, 4096)), polls).await;
        Ok(sent.transpose()?.is_some())
    })
    .await?;
    server.send_to(to, numbered(END, 8)).await?;
    assert_eq!(receiving.await??, sent);
    assert_eq!(server.stats().outgoing.accepted.messages, SENT + 1);

    // No room has leaked.
    until(|| {
        let _ = server.try_send_to(to, numbered(0, 64 << 10));
        client.stats().incoming.queued.messages == 1 && server.stats().outgoing.queued.messages == 1
    })
    .await;
    Ok(())
}

async fn g08_a_sender_to_a_peer_that_gives_up_its_turn_passes_it_on(at: Transport) -> Outcome {
    let here = PeerSocket::builder().send_hwm(1).build()?;
    let place = at.place();
    let to = here.connect_peer(&place)?;
    here.send_to(to, numbered(0, 8)).await?;
    let mut first = Box::pin(here.send_to(to, "given up"));
    assert!(
        first
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    let second = spawn({
        let here = here.clone();
        async move { here.send_to(to, numbered(1, 8)).await }
    });
    yield_now().await;
    // The peer's first read makes room for one, and it is the first one's.
    let there = PeerSocket::new();
    there.bind(&place).await?;
    assert_eq!(number_of(&there.recv_from().await?.1), 0);
    yield_now().await;
    assert!(!second.is_finished(), "it does not overtake");
    drop(first);
    second.await??;
    assert_eq!(number_of(&there.recv_from().await?.1), 1);
    Ok(())
}

async fn g08_a_receive_with_a_number_that_is_given_up_takes_nothing(at: Transport) -> Outcome {
    const MANY: u64 = 1000;
    let server = Server::builder().recv_hwm(4).build()?;
    let (here, place) = (PeerSocket::builder().recv_hwm(4).build()?, at.place());
    let client = Client::new();
    client.connect(&at.bind(&server).await?)?;
    here.bind(&place).await?;
    let there = PeerSocket::new();
    let to = there.connect_peer(&place)?;
    spawn(async move {
        for number in 0..MANY {
            client.send(numbered(number, 8)).await?;
            there.send_to(to, numbered(number, 8)).await?;
            for _ in 0..number % 7 {
                yield_now().await;
            }
        }
        client.close().await?;
        there.close().await?;
        Ok::<_, hubless::Error>(())
    });
    let (mut numbers, mut empty) = ([Vec::new(), Vec::new()], 0);
    for round in 0.. {
        let received = polled(server.recv_from(), round % 6).await.transpose()?;
        empty += u32::from(received.is_none());
        numbers[0].extend(received.map(|(_, message)| number_of(&message)));
        let received = polled(here.recv_from(), round % 5).await.transpose()?;
        numbers[1].extend(received.map(|(_, message)| number_of(&message)));
        if numbers.iter().all(|numbers| numbers.len() as u64 >= MANY) {
            break;
        }
        yield_now().await;
    }
    assert!(numbers.iter().all(|numbers| numbers.iter().copied().eq(0..MANY)));
    assert!(empty > 100, "{empty} were given up");
    Ok(())
}

async fn g08_throwing_a_peer_out_that_is_given_up_goes_on(at: Transport) -> Outcome {
    at_every_poll(async |polls| {
        let here = PeerSocket::builder().linger(Linger::Discard).build()?;
        let place = at.place();
        let peer = here.connect_peer(&place)?;
        here.send_to(peer, "left").await?;
        let thrown_out = polled(here.disconnect_peer(peer), polls).await;
        let is_done = thrown_out.is_some();
        match thrown_out {
            Some(Err(EndpointError::Unsent(unsent))) => assert_eq!(unsent.messages(), 1),
            Some(other) => panic!("one was left: {other:?}"),
            None if polls == 0 => {
                assert_eq!(here.try_send_to(peer, "more"), Ok(()), "it has not begun");
                return Ok(false);
            }
            None => {
                until(|| here.endpoints().is_empty()).await;
                let unsent = here.clone().close().await.expect_err("one was left");
                assert_eq!(unsent.messages(), 1);
                return Ok(false);
            }
        }
        assert_eq!(
            here.send_to(peer, "more").await,
            Err(SendError::NoRoute("more".into()))
        );
        Outcome::Ok(is_done)
    })
    .await?;
    Ok(())
}

async fn g08_waiting_for_a_seat_can_be_given_up(at: Transport) -> Outcome {
    at_every_poll(async |polls| {
        let (one, other, pair) = (Pair::new(), Pair::new(), Pair::new());
        let (first, second) = (at.bind(&one).await?, at.bind(&other).await?);
        pair.connect(&first)?;
        let waiting = pair.connect(&second)?;
        let ending = pair.disconnect(&first);
        let (connected, ended) = tokio::join!(polled(waiting, polls), ending);
        ended?;
        let is_done = connected.is_some();
        connected.transpose()?;
        // The endpoint is dialed all the same.
        pair.send("arrives").await?;
        assert_eq!(other.recv().await?, "arrives");
        Outcome::Ok(is_done)
    })
    .await?;
    Ok(())
}
