//! The same of a STREAM: what was given up was not sent, and what was not returned was not taken.

use hubless::{StreamEvent, StreamSocket, TcpOptions};
use tokio::task::yield_now;

use crate::at_every_poll;
use crate::transport::{Outcome, Transport, numbered, over_every_stream, polled};

over_every_stream! {
    g08_bytes_for_a_peer_that_are_given_up_are_not_sent
    g08_an_event_that_is_given_up_is_not_taken
}

const SIZE: usize = 4096;

/// Two sockets that are connected, with little room between them, and the second one's peer.
async fn two(at: Transport) -> Outcome<(StreamSocket, StreamSocket, hubless::Peer)> {
    let small = TcpOptions::new().send_buffer(64 << 10).recv_buffer(64 << 10);
    let builder = || StreamSocket::builder().send_hwm(1).recv_hwm(1).tcp(small.clone());
    let (bound, connected) = (builder().build()?, builder().build()?);
    let place = at.bind(&bound).await?;
    let peer = connected.connect(&place)?.await?;
    Ok((bound, connected, peer))
}

/// The numbers in a stream of pieces, until `u64::MAX`; `receive` may come back with nothing.
async fn numbers(
    socket: &StreamSocket,
    receive: impl AsyncFn(&StreamSocket) -> Outcome<Option<StreamEvent>>,
) -> Outcome<Vec<u64>> {
    let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
    loop {
        match receive(socket).await? {
            None | Some(StreamEvent::Connected) => continue,
            Some(StreamEvent::Data(piece)) => bytes.extend_from_slice(&piece),
            Some(other) => panic!("expected bytes, found {other:?}"),
        }
        while bytes.len() >= SIZE {
            let rest = bytes.split_off(SIZE);
            let number = u64::from_be_bytes(*bytes.first_chunk().expect("it begins with its number"));
            assert!(bytes == numbered(number, SIZE), "all of it or nothing");
            bytes = rest;
            match number {
                u64::MAX => return Ok(numbers),
                number => numbers.push(number),
            }
        }
    }
}

async fn g08_bytes_for_a_peer_that_are_given_up_are_not_sent(at: Transport) -> Outcome {
    let (receiver, sender, peer) = two(at).await?;
    let sending = async {
        let (mut number, mut sent, mut given_up) = (0, Vec::new(), 0);
        for _ in 0..200 {
            given_up += at_every_poll(async |polls| {
                number += 1;
                let is_sent = polled(sender.send_to(&peer, numbered(number, SIZE)), polls).await;
                if is_sent.is_some() {
                    sent.push(number);
                }
                Outcome::Ok(is_sent.transpose()?.is_some())
            })
            .await?;
        }
        assert!(given_up > 200, "more than one each, so some waited: {given_up}");
        sender.send_to(&peer, numbered(u64::MAX, SIZE)).await?;
        Outcome::Ok(sent)
    };
    let receiving = numbers(&receiver, async |socket| {
        for _ in 0..3 {
            yield_now().await;
        }
        Ok(Some(socket.recv_from().await?.1))
    });
    let (sent, got) = tokio::join!(sending, receiving);
    assert_eq!(sent?, got?);
    assert_eq!(sender.stats().outgoing.accepted.messages, 201);
    Ok(())
}

async fn g08_an_event_that_is_given_up_is_not_taken(at: Transport) -> Outcome {
    let (receiver, sender, peer) = two(at).await?;
    let sending = async {
        for number in 0..500 {
            sender.send_to(&peer, numbered(number, SIZE)).await?;
            for _ in 0..number % 7 {
                yield_now().await;
            }
        }
        sender.send_to(&peer, numbered(u64::MAX, SIZE)).await?;
        Outcome::Ok(())
    };
    let (round, given_up) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let receiving = numbers(&receiver, async |socket| {
        round.set(round.get() + 1);
        let received = polled(socket.recv_from(), round.get() % 6).await.transpose()?;
        given_up.set(given_up.get() + u32::from(received.is_none()));
        yield_now().await;
        Ok(received.map(|(_, event)| event))
    });
    let (sent, got) = tokio::join!(sending, receiving);
    sent?;
    assert!(got?.into_iter().eq(0..500));
    assert!(given_up.get() > 100, "{} were given up", given_up.get());
    Ok(())
}
