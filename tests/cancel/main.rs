//! Cancel safety (guarantees, G8): every future of the library, dropped after each number of polls.
//!
//! A check makes a future, [polls](transport::polled) it `k` times while the other side works, and drops it, for `k` =
//! 0, 1, 2, … until one is ready; and all of that again and again, so that it is dropped in every state that it can be
//! in: not begun, waiting, woken and not polled since. Numbers in the messages then tell whether anything was lost or
//! came twice, and where the documentation says that nothing has happened, nothing has.
//!
//! Everything runs on one thread, over every transport. What several threads do to requests that are given up is in
//! [`requests`], too. That every such method says what dropping its future means is checked by `tests/documents`.

mod datagram;
mod endpoints;
mod numbered;
mod publishing;
mod receiving;
mod requests;
mod routing;
mod sending;
mod stream;
#[path = "../behaviour/transport.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the behaviour suite")]
mod transport;
mod waiting;

use hubless::kind::{Receives, Shares};
use hubless::{Pub, RecvError, Socket, Sub, TcpOptions};
use tokio::task::{JoinHandle, yield_now};
use transport::{Outcome, Place, Transport, number_of, spawn};

/// More polls than any future here takes.
const ENOUGH: usize = 100_000;

/// Makes a future that is dropped after 0, 1, 2, … polls, until one was ready; `round` says whether it was. Returns
/// how many were dropped.
async fn at_every_poll<E>(mut round: impl AsyncFnMut(usize) -> Result<bool, E>) -> Result<usize, E> {
    for polls in 0..ENOUGH {
        if round(polls).await? {
            return Ok(polls);
        }
    }
    panic!("not ready after {ENOUGH} polls");
}

/// Reads numbers and takes its time, until the one that is the last, [`END`].
fn reads_numbers<K: Receives + Shares>(socket: &Socket<K>) -> JoinHandle<Result<Vec<u64>, RecvError>> {
    let socket = socket.clone();
    spawn(async move {
        let mut numbers = Vec::new();
        loop {
            for _ in 0..numbers.len() % 7 {
                yield_now().await;
            }
            match number_of(&socket.recv().await?) {
                END => return Ok(numbers),
                number => numbers.push(number),
            }
        }
    })
}

/// The last number.
const END: u64 = u64::MAX;

/// How many numbers are sent of all that are begun.
const SENT: u64 = 200;

/// Sends numbers by `send`, which gives up after so many polls and says whether it did not: those that were sent.
async fn sends_numbers(mut send: impl AsyncFnMut(u64, usize) -> Outcome<bool>) -> Outcome<Vec<u64>> {
    let (mut number, mut sent, mut given_up) = (0, Vec::new(), 0);
    for _ in 0..SENT {
        given_up += at_every_poll(async |polls| {
            number += 1;
            let is_sent = send(number, polls).await?;
            if is_sent {
                sent.push(number);
            }
            Outcome::Ok(is_sent)
        })
        .await?;
    }
    assert!(given_up > 200, "more than one each, so some waited: {given_up}");
    Ok(sent)
}

/// Buffers that hold a part of what is sent: else the system may take it all before anybody has to wait.
fn small_buffers() -> TcpOptions {
    TcpOptions::new().send_buffer(64 << 10).recv_buffer(64 << 10)
}

/// A publisher that drops nothing, one who subscribed to all of it, and where they met.
async fn published(at: Transport) -> Outcome<(Pub, Sub, Place)> {
    let publisher = Pub::builder().send_hwm(0).build()?;
    let place = at.bind(&publisher).await?;
    let subscriber = Sub::new();
    subscriber.subscribe("");
    subscriber.connect(&place)?;
    publisher.subscribers().at_least(1).await?;
    Ok((publisher, subscriber, place))
}
