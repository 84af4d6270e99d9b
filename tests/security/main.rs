//! Security: who gets in, who does not and hears why, and what an attacker makes of it.
//!
//! * [`interop`]: PLAIN and CURVE with libzmq, in both roles, every kind, over tcp and ipc.
//! * [`refusals`]: wrong and missing keys and passwords, other mechanisms: named in the monitor of both sides.
//! * [`deciding`]: those who decide about peers, and that nobody waits for a decision about another.
//! * [`zap`]: a ZAP handler in the same process decides, as in programs for libzmq.
//! * [`malformed`]: everything that a peer can do wrong with PLAIN, CURVE and versions before ZMTP 3, as tables.
//! * [`stops`]: a peer that stops, or leaves, at every byte of every handshake.
//! * [`floods`]: crowds of them.
//! * [`traffic`]: sealed messages on lines that break and crawl, and through limits.
//!
//! libzmq's side of a test is a thread of its own ([`zmq`]), with a ZAP handler where it is the server. Other peers are
//! scripts ([`script`]), whose cryptography is libsodium's.

#[path = "../conformance/bytes.rs"]
#[allow(dead_code)]
mod bytes;
#[path = "../conformance/flood.rs"]
mod flood;
#[path = "../conformance/raw.rs"]
#[allow(dead_code)]
mod raw;
#[path = "../conformance/wire.rs"]
#[allow(dead_code)]
mod wire;

mod deciding;
mod floods;
mod interop;
mod malformed;
mod refusals;
mod script;
mod stops;
mod traffic;
mod zap;
mod zmq;

use hubless::{Event, Monitor, Peer};

use raw::{DEADLINE as SOON, event, soon};

/// How the next handshake ends: with a peer that is let in, or for this reason.
async fn outcome(monitor: &mut Monitor) -> Result<Peer, String> {
    event(monitor, "the end of a handshake", |event| match event {
        Event::HandshakeDone { peer } => Some(Ok(peer.clone())),
        Event::HandshakeFailed { reason, .. } => Some(Err(reason.to_string())),
        _ => None,
    })
    .await
}

/// Why the next handshake fails.
async fn failure(monitor: &mut Monitor) -> String {
    outcome(monitor).await.expect_err("nobody is to be let in")
}
