//! Security: who gets in, who does not and hears why, and what an attacker makes of it.
//!
//! * [`interop`]: PLAIN and CURVE with libzmq, in both roles, every kind, over tcp and ipc.
//! * [`refusals`]: wrong and missing keys and passwords, other mechanisms: named in the monitor of both sides.
//! * [`deciding`]: those who decide about peers, and that nobody waits for a decision about another.
//!
//! libzmq's side of a test is a thread of its own ([`zmq`]), with a ZAP handler where it is the server.

mod deciding;
mod interop;
mod refusals;
mod zmq;

use std::future::Future;
use std::time::Duration;

use hubless::{Event, Monitor};

/// Far more than anything here takes: a test that would hang fails instead.
const SOON: Duration = Duration::from_secs(30);

async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(SOON, work).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// The next event that `pick` takes; others are passed over.
async fn event<T>(monitor: &mut Monitor, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
    soon(what, async {
        loop {
            let event = monitor
                .next()
                .await
                .unwrap_or_else(|| panic!("the socket closed before {what}"));
            if let Some(picked) = pick(&event) {
                return picked;
            }
        }
    })
    .await
}

/// Why the next handshake fails.
async fn failure(monitor: &mut Monitor) -> String {
    event(monitor, "a failed handshake", |event| match event {
        Event::HandshakeFailed { reason, .. } => Some(reason.to_string()),
        Event::HandshakeDone { peer } => panic!("{peer} was let in"),
        _ => None,
    })
    .await
}
