//! Everything that a peer can do wrong on its way in, and behind the door of CURVE, as tables.
//!
//! Each case is played against a socket that has another, well-behaved peer. The connection ends for the reason in
//! the table, told by the event of its phase, and is closed; the other peer's traffic goes on.

mod curve;
mod legacy;
mod plain;

use std::collections::BTreeSet;

use hubless::{DisconnectReason, Endpoint, Event, Monitor, Pull};

use crate::raw::{Raw, event, soon};

/// Where a peer is when it does something wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Handshake,
    Traffic,
}

/// A PULL under test.
struct Bench {
    pull: Pull,
    monitor: Monitor,
    at: Endpoint,
}

impl Bench {
    async fn new(pull: Pull) -> Self {
        let monitor = pull.monitor();
        let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
        Self { pull, monitor, at }
    }

    async fn connect(&self) -> Raw {
        Raw::connect(&self.at).await
    }

    /// The connection of this peer ends in this phase and for this reason, and is closed.
    async fn ends(&mut self, name: &str, raw: &mut Raw, phase: Phase, reason: &str) {
        let address = raw.address.clone();
        let what = format!("the end of {name}");
        let (found, why) = event(&mut self.monitor, &what, |event| match event {
            Event::HandshakeFailed {
                address: at, reason, ..
            } if *at == address => Some((Phase::Handshake, reason.clone())),
            Event::Disconnected { peer, reason, .. } if peer.address() == address => {
                Some((Phase::Traffic, reason.clone()))
            }
            _ => None,
        })
        .await;
        assert!(matches!(why, DisconnectReason::Protocol(_)), "{name}: {why:?}");
        assert_eq!((found, why.to_string().as_str()), (phase, reason), "{name}");
        raw.end().await;
    }

    /// A message that the good peer has sent is the next that comes.
    async fn hears(&mut self, text: &str) {
        let message = soon("the good peer's message", self.pull.recv()).await;
        assert_eq!(message.expect("the socket is open"), text);
    }
}

/// Every name is there once, and there are enough.
fn check_names<'a>(names: impl Iterator<Item = &'a str>, at_least: usize) {
    let names: Vec<_> = names.collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert!(names.len() >= at_least, "{} cases", names.len());
}
