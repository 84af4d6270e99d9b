//! Everything that a peer can do wrong on its way in, and behind the door of CURVE, as tables.
//!
//! Each case is played against a socket that has another, well-behaved peer. The connection ends for the reason in
//! the table, told by the event of its phase, and is closed; the other peer's traffic goes on. (NULL as everybody has it
//! is the matter of `tests/conformance/malformed.rs`.)

mod curve;
mod legacy;
mod null;
mod plain;

use std::collections::BTreeSet;
use std::time::Duration;

use hubless::{DisconnectReason, Endpoint, Event, Mechanism, Monitor, Pull, Push};

use crate::raw::{Raw, RawListener, event, soon};

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

/// A PUSH under test, which has a well-behaved PULL already and is sent to others.
struct Caller {
    push: Push,
    monitor: Monitor,
}

impl Caller {
    /// And the connection to the good one, which has heard nothing yet.
    async fn new(mechanism: Mechanism) -> (Self, Raw) {
        let push = Push::builder()
            .mechanism(mechanism)
            .immediate(true)
            .reconnect(Duration::from_secs(60), Duration::from_secs(60))
            .build()
            .expect("no contradiction");
        let monitor = push.monitor();
        let caller = Self { push, monitor };
        let (_, good) = caller.call().await;
        (caller, good)
    }

    /// Connects to one more.
    async fn call(&self) -> (Endpoint, Raw) {
        let listener = RawListener::tcp().await;
        let endpoint = listener.endpoint();
        drop(self.push.connect(&endpoint).expect("an endpoint"));
        (endpoint, listener.accept().await)
    }

    /// The connection to this endpoint ends for this reason, and is closed without a word.
    async fn leaves(&mut self, name: &str, endpoint: &Endpoint, raw: &mut Raw, reason: &str) {
        let why = event(&mut self.monitor, name, |event| match event {
            Event::HandshakeFailed {
                endpoint: of, reason, ..
            } if of == endpoint => Some(reason.clone()),
            Event::Disconnected { peer, reason, .. } if peer.endpoint() == endpoint => Some(reason.clone()),
            _ => None,
        })
        .await;
        assert!(matches!(why, DisconnectReason::Protocol(_)), "{name}: {why:?}");
        assert_eq!(why.to_string(), reason, "{name}");
        let told = raw.end().await;
        assert!(
            told.is_empty(),
            "{name}: a client says no ERROR: {}",
            told.escape_ascii()
        );
        soon("leaving it", self.push.disconnect(endpoint))
            .await
            .expect("it was connected to");
    }

    async fn says(&self, text: &str) {
        soon("room", self.push.send(text)).await.expect("it is open");
    }
}

/// Every name is there once, and there are enough.
fn check_names<'a>(names: impl Iterator<Item = &'a str>, at_least: usize) {
    let names: Vec<_> = names.collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert!(names.len() >= at_least, "{} cases", names.len());
}
