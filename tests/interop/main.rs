//! The sockets against other libraries: libzmq 4.3.5, which announces ZMTP 3.1, and the `zeromq` crate 0.7, which is
//! written in Rust and announces 3.0.
//!
//! Everything here is done with each library, over tcp and over ipc, with our socket as the one that binds and as the one
//! that connects; where something is not, the file says why.
//!
//! | file | what |
//! |---|---|
//! | [`messages`] | messages of one to three frames, from no byte to a mebibyte, through each of the six |
//! | [`routing`] | DEALER and ROUTER: every combination with libzmq, and the names of peers |
//! | [`single_frames`], [`pair`] | the kinds that libzmq alone has: SCATTER, GATHER, CLIENT, SERVER, PEER, CHANNEL; and PAIR |
//! | [`subscriptions`] | made, cancelled, made again |
//! | [`audience`] | XPUB and XSUB: who hears of whom, and what goes upstream |
//! | [`groups`] | RADIO and DISH |
//! | [`restarts`] | they go and come back, and we do |
//! | [`handshakes`] | versions, heartbeats, kinds that do not fit |
//! | [`raw`] | STREAM and DGRAM, without ZMTP |
//! | [`mechanisms`] | each two kinds with libzmq by PLAIN and CURVE |
//! | [`meeting`], [`trust`] | where a check takes place, by which mechanism, and how it becomes a test |
//! | [`other`], [`libzmq`], [`zeromq_crate`] | the other libraries, behind one face for tests |
//!
//! Two are spoken with by way of a program of their own, a [`puppet`] on strings: [`pyzmq`], in Python, has each two kinds
//! but those of drafts, with each mechanism; [`jeromq`], in Java, speaks ZMTP 2.0. Where Python, the network or Java is
//! missing, their tests say so and pass, unless they are told that they are required, as `.ci/run` does.
//!
//! The libraries themselves come from the workspace member `tests/peers`. What concerns one of our promises and takes
//! libzmq to show is in `tests/guarantees`.

mod audience;
mod groups;
mod handshakes;
mod jeromq;
mod libzmq;
mod mechanisms;
mod meeting;
mod messages;
mod other;
mod pair;
mod puppet;
mod pyzmq;
mod raw;
mod restarts;
mod routing;
mod single_frames;
mod subscriptions;
mod trust;
mod zeromq_crate;

use std::time::Duration;

use hubless::{Event, Monitor};

/// Far more than anything here takes: a test that would hang fails instead.
const DEADLINE: Duration = Duration::from_secs(30);

/// Waits until this happens.
async fn until(monitor: &mut Monitor, is_it: impl Fn(&Event) -> bool) {
    while !is_it(&monitor.next().await.expect("it is open")) {}
}
