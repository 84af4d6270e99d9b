//! From options to a socket: the one place that turns a kind into strategies for the floors below.

use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::budget::with_share;
use super::core::{Core, Receiving, SendLimits, Sending};
use super::marks::unlimited;
use super::options::{Linger, Notify, Tuning};
use super::publishing::{Publishing, interest_of};
use super::stream;
use crate::context::Context;
use crate::driver::{
    Admission, AdmissionLimits, Asks, ChangesIn, DriverConfig, Incoming, Occasions, Peers, QUESTIONS,
    Reconnect, ReconnectStop, Seats, Shared, Tasks, Traffic,
};
use crate::error::Contradiction;
use crate::mechanism::Mechanism;
use crate::message::Message;
use crate::monitor::Events;
use crate::pattern::exchange::{self, Correlation};
use crate::pattern::{
    Addressed, AddressedConfig, Interest, InterestConfig, Matching, Numbers, Publications, Upstream, Wanted,
};
use crate::pipe::{Budget, Inbox, Marks, Outbox, OutboxConfig, Outgoing};
use crate::runtime::Dice;
use crate::session::{Heartbeat, SessionConfig};
use crate::socket_kind::SocketKind;
use crate::transport::{Carrier, StreamOptions, UdpOptions};
use crate::wire::decoder::Limits;
use crate::wire::metadata;

/// Owned payloads from this size on are queued by reference: below it a copy costs less than a slice of its own in
/// a vectored write.
const SHARE_FROM: usize = 32 * 1024;

/// What was said to a builder.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) send_hwm: usize,
    pub(crate) recv_hwm: usize,
    pub(crate) send_hwm_bytes: usize,
    pub(crate) recv_hwm_bytes: usize,
    pub(crate) memory_budget: usize,
    pub(crate) linger: Linger,
    pub(crate) immediate: bool,
    pub(crate) conflate: bool,
    pub(crate) reconnect: Reconnect,
    pub(crate) handshake_timeout: Option<Duration>,
    pub(crate) heartbeat: Option<Heartbeat>,
    pub(crate) max_message_size: u64,
    pub(crate) max_message_frames: usize,
    pub(crate) routing_id: Bytes,
    pub(crate) correlate: bool,
    /// Peers speak no ZMTP.
    pub(crate) raw: bool,
    pub(crate) notify: bool,
    pub(crate) announce: Option<Notify>,
    pub(crate) reroute: bool,
    pub(crate) mandatory: bool,
    pub(crate) handover: bool,
    pub(crate) probe: bool,
    pub(crate) hello: Option<Message>,
    pub(crate) disconnect_message: Option<Message>,
    pub(crate) hiccup_message: Option<Message>,
    pub(crate) publishing: Publishing,
    pub(crate) interest: InterestConfig,
    pub(crate) properties: Vec<(String, Bytes)>,
    pub(crate) mechanism: Mechanism,
    pub(crate) legacy: bool,
    pub(crate) admission: AdmissionLimits,
    pub(crate) stream: StreamOptions,
    pub(crate) udp: UdpOptions,
    pub(crate) tuning: Tuning,
    pub(crate) context: Context,
    pub(crate) carrier: Option<Arc<dyn Carrier>>,
    pub(crate) seed: Option<u64>,
}

impl Options {
    /// The defaults for a kind.
    pub(crate) fn of(kind: SocketKind) -> Self {
        // A publisher drops rather than waits, by messages alone: bytes would drop for subscribers that keep up.
        let drops = matches!(
            kind,
            SocketKind::Pub | SocketKind::XPub | SocketKind::XSub | SocketKind::Radio
        );
        let send_hwm_bytes = if drops { usize::MAX } else { 8 * 1024 * 1024 };
        Self {
            send_hwm: 1000,
            recv_hwm: 1000,
            send_hwm_bytes,
            recv_hwm_bytes: 8 * 1024 * 1024,
            memory_budget: 0,
            linger: Linger::default(),
            immediate: false,
            conflate: false,
            reconnect: Reconnect {
                min: Duration::from_millis(100),
                max: Duration::from_secs(5),
                stop: ReconnectStop::new(),
            },
            handshake_timeout: Some(Duration::from_secs(10)),
            heartbeat: None,
            max_message_size: match kind {
                SocketKind::Dgram => u64::from(u16::MAX),
                _ => 256 * 1024 * 1024,
            },
            max_message_frames: 16_384,
            routing_id: Bytes::new(),
            correlate: false,
            raw: kind == SocketKind::Stream,
            notify: true,
            announce: None,
            reroute: false,
            mandatory: false,
            handover: false,
            probe: false,
            hello: None,
            disconnect_message: None,
            hiccup_message: None,
            publishing: Publishing::of(kind),
            interest: interest_of(kind),
            properties: Vec::new(),
            mechanism: Mechanism::default(),
            legacy: false,
            admission: AdmissionLimits {
                pending: 1024,
                connections: None,
            },
            stream: StreamOptions::default(),
            udp: UdpOptions::new(),
            tuning: Tuning::new(),
            context: Context::of_the_process(),
            carrier: None,
            seed: None,
        }
    }

    pub(super) fn contradictions(&self, kind: SocketKind) -> Vec<Contradiction> {
        let mut found = Vec::new();
        if self.reconnect.min > self.reconnect.max {
            found.push(Contradiction::new(
                ["reconnect"],
                "the first wait is longer than the longest",
            ));
        }
        if self.reconnect.min.is_zero() {
            found.push(Contradiction::new(["reconnect"], "the first wait is zero"));
        }
        if self.stream.connect_timeout.is_some_and(|limit| limit.is_zero()) {
            found.push(Contradiction::new(
                ["connect_timeout"],
                "no connection is made in no time",
            ));
        }
        if self.handshake_timeout.is_some_and(|limit| limit.is_zero()) {
            found.push(Contradiction::new(
                ["handshake_timeout"],
                "no handshake is done in no time",
            ));
        }
        if self
            .heartbeat
            .is_some_and(|heartbeat| heartbeat.is_too_short_lived())
        {
            found.push(Contradiction::new(
                ["heartbeat"],
                "its ttl, at most 65.5 s, is not longer than its interval",
            ));
        }
        if self.admission.pending == 0 {
            found.push(Contradiction::new(
                ["max_pending_handshakes"],
                "nobody could ever connect",
            ));
        }
        if self.admission.connections == Some(0) {
            found.push(Contradiction::new(
                ["max_connections"],
                "nobody could ever connect",
            ));
        }
        if self.max_message_size == 0 {
            found.push(Contradiction::new(
                ["max_message_size"],
                "zero allows empty messages only",
            ));
        }
        if self.max_message_frames == 0 {
            found.push(Contradiction::new(
                ["max_message_frames"],
                "every message has a frame",
            ));
        }
        if self.routing_id.len() > 255 || self.routing_id.first() == Some(&0) {
            found.push(Contradiction::new(
                ["routing_id"],
                "it has 1 to 255 bytes, and the first is not 0",
            ));
        }
        if let Some(problem) = self.mechanism.contradiction() {
            found.push(Contradiction::new(["mechanism"], problem));
        }
        if self.legacy && !self.mechanism.is_open() {
            found.push(Contradiction::new(
                ["legacy", "mechanism"],
                "ZMTP 1.0 has no security",
            ));
        }
        if let Some(problem) = metadata::check_properties(&self.properties) {
            found.push(Contradiction::new(["property"], problem));
        }
        if self.conflate && self.immediate {
            found.push(Contradiction::new(
                ["conflate", "immediate"],
                "the newest message is kept for a peer that comes back, which immediate forbids",
            ));
        }
        if self.conflate && self.reroute {
            found.push(Contradiction::new(
                ["conflate", "reroute"],
                "the newest message for one peer is not the newest for another",
            ));
        }
        if has_single_frames(kind) {
            let said = [
                ("hello_message", &self.hello),
                ("disconnect_message", &self.disconnect_message),
                ("hiccup_message", &self.hiccup_message),
            ];
            let several =
                |message: &Option<Message>| message.as_ref().is_some_and(|message| message.len() > 1);
            let said = said.into_iter().filter(|(_, message)| several(message));
            found.extend(
                said.map(|(option, _)| Contradiction::new([option], "messages of this kind have one frame")),
            );
        }
        if self.probe && self.hello.is_some() {
            found.push(Contradiction::new(
                ["probe", "hello_message"],
                "only one message is the first on a connection",
            ));
        }
        if self.conflate && (self.probe || self.hello.is_some()) {
            found.push(Contradiction::new(
                ["conflate", if self.probe { "probe" } else { "hello_message" }],
                "the newest message takes the place of the first",
            ));
        }
        if self.raw {
            let said = [
                ("mechanism", !self.mechanism.is_open()),
                ("heartbeat", self.heartbeat.is_some()),
                ("legacy", self.legacy),
                ("property", !self.properties.is_empty()),
            ];
            let said = said.into_iter().filter(|(_, is_said)| *is_said);
            found.extend(said.map(|(option, _)| Contradiction::new([option], "a STREAM speaks no ZMTP")));
        }
        found.extend(self.publishing.contradictions(self.conflate));
        found
    }

    /// The messages at the beginning and the end of each connection.
    fn occasions(&self) -> Occasions {
        if self.raw {
            return match self.notify {
                true => stream::notices(),
                false => Occasions::default(),
            };
        }
        let empty = |wanted: bool| wanted.then(|| Message::from(""));
        let announce = |when: Notify| self.announce.is_some_and(|announced| announced.includes(when));
        let gone = || empty(announce(Notify::Disconnect));
        let wire = |message: Message| message.to_wire();
        Occasions {
            greeting: self.hello.clone().or_else(|| empty(self.probe)).map(wire),
            arrival: empty(announce(Notify::Connect)).map(wire),
            departure: self.disconnect_message.clone().or_else(gone).map(wire),
            loss: self.hiccup_message.clone().or_else(gone).map(wire),
        }
    }

    pub(super) fn build(self, kind: SocketKind) -> Core {
        let send = Marks {
            messages: unlimited(self.send_hwm),
            bytes: unlimited(self.send_hwm_bytes),
        };
        let recv = Marks {
            messages: unlimited(self.recv_hwm),
            bytes: unlimited(self.recv_hwm_bytes),
        };
        let limits = Limits {
            message_size: self.max_message_size,
            message_frames: self.max_message_frames,
        };
        let dice = Arc::new(self.seed.map_or_else(Dice::new, Dice::seeded));
        let occasions = self.occasions();
        let to_pipes = OutboxConfig {
            marks: send,
            share_from: SHARE_FROM,
            conflate: self.conflate,
            reroute: self.reroute,
        };
        let budget = match (self.memory_budget, self.context.budget()) {
            (0, within) => within,
            (limit, within) => Some(Arc::new(Budget::new(limit, within))),
        };
        let outbox = || with_share(budget.as_ref(), |share| Outbox::new(to_pipes).with_share(share));
        let addressed = || {
            let config = AddressedConfig {
                outbox: to_pipes,
                handover: self.handover,
                mandatory: self.mandatory,
                first: dice.roll() as u32,
            };
            with_share(budget.as_ref(), |share| Addressed::new(config).with_share(share))
        };
        let inbox = || {
            with_share(budget.as_ref(), |share| {
                let inbox = Inbox::new(recv, self.conflate).with_share(share);
                if is_exclusive(kind) {
                    inbox.in_order()
                } else {
                    inbox
                }
            })
        };
        let receives = |wanted| Receiving::Pipes {
            inbox: inbox(),
            wanted,
        };
        let fan_out = |matching| {
            let fan_out = self.publishing.fan_out(send, SHARE_FROM, self.conflate, matching);
            with_share(budget.as_ref(), |share| fan_out.with_share(share))
        };
        let interest = || Arc::new(Interest::new(self.interest));
        let single_frames = has_single_frames(kind).then_some(Wanted::SingleFrames);
        let (sending, receiving) = match kind {
            SocketKind::Push | SocketKind::Scatter => (Sending::Pipes(outbox()), Receiving::Never),
            SocketKind::Pull | SocketKind::Gather => (Sending::Never, receives(single_frames)),
            SocketKind::Pub => (
                Sending::FanOut(fan_out(self.publishing.matching)),
                Receiving::Never,
            ),
            SocketKind::Sub | SocketKind::Dish => {
                (Sending::Never, receives(Some(Wanted::Subscribed(interest()))))
            }
            SocketKind::Radio => (Sending::FanOut(fan_out(Matching::Exact)), Receiving::Never),
            SocketKind::XPub => {
                let inbox = inbox();
                let fan_out = self
                    .publishing
                    .fan_out(send, SHARE_FROM, false, self.publishing.matching);
                let fan_out = fan_out.with_audience(self.publishing.audience(&inbox));
                let fan_out = with_share(budget.as_ref(), |share| fan_out.with_share(share));
                (
                    Sending::FanOut(fan_out.clone()),
                    Receiving::Audience { inbox, fan_out },
                )
            }
            SocketKind::XSub => {
                let interest = interest();
                let upstream = Upstream {
                    fan_out: fan_out(Matching::Everybody),
                    interest: interest.clone(),
                    only_first: self.publishing.only_first,
                };
                (
                    Sending::Upstream(Arc::new(upstream)),
                    receives(Some(Wanted::Subscribed(interest))),
                )
            }
            SocketKind::Router => (Sending::Addressed(addressed()), receives(None)),
            _ => (Sending::Pipes(outbox()), receives(single_frames)),
        };
        let traffic = Traffic {
            outgoing: match &sending {
                Sending::Pipes(outbox) => Some(outbox.clone() as Arc<dyn Outgoing>),
                Sending::FanOut(fan_out) => Some(fan_out.clone() as Arc<dyn Outgoing>),
                Sending::Addressed(addressed) => Some(addressed.clone() as Arc<dyn Outgoing>),
                Sending::Upstream(upstream) => Some(upstream.fan_out.clone() as Arc<dyn Outgoing>),
                Sending::Never => None,
            },
            incoming: match &receiving {
                Receiving::Pipes { inbox, .. } | Receiving::Audience { inbox, .. } => {
                    Incoming::Messages(inbox.clone())
                }
                Receiving::Never => Incoming::Nothing,
            },
            publications: match &sending {
                Sending::FanOut(fan_out) => Some(fan_out.clone() as Arc<dyn Publications>),
                _ => None,
            },
            interest: match &receiving {
                Receiving::Pipes {
                    wanted: Some(Wanted::Subscribed(interest)),
                    ..
                } => Some(interest.clone()),
                _ => None,
            },
            numbers: numbers_its_peers(kind).then(|| Arc::new(Numbers::starting_at(dice.roll() as u32))),
        };
        let changes_in = match kind {
            SocketKind::Pub => ChangesIn::Whole,
            SocketKind::XPub if self.publishing.only_first => ChangesIn::First,
            SocketKind::XPub => ChangesIn::Any,
            _ => ChangesIn::Nothing,
        };
        let correlation = if self.correlate {
            Correlation::Numbered(AtomicU32::new(dice.roll() as u32))
        } else {
            Correlation::Unnumbered
        };
        let shared = Arc::new(Shared {
            config: DriverConfig {
                session: Arc::new(SessionConfig {
                    kind,
                    routing_id: self.routing_id,
                    properties: self.properties,
                    mechanism: self.mechanism,
                    legacy: self.legacy,
                    handshake_timeout: self.handshake_timeout,
                    heartbeat: self.heartbeat,
                    raw: self.raw.then(|| stream::chunk(self.max_message_size)),
                }),
                limits,
                stream: self.stream,
                udp: self.udp,
                reconnect: self.reconnect,
                immediate: self.immediate || !queues_ahead(kind),
                spin: self.tuning.spin,
                guard: (kind == SocketKind::Req).then_some(exchange::check_answer),
                asks: match kind {
                    SocketKind::Radio | SocketKind::Dish => Asks::Groups,
                    _ => Asks::Topics,
                },
                occasions,
                changes_in,
            },
            traffic,
            events: Events::new(),
            peers: Peers::new(),
            tasks: Tasks::new(),
            admission: Arc::new(Admission::new(self.admission)),
            seats: if is_exclusive(kind) {
                Seats::one()
            } else {
                Seats::enough()
            },
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            dice,
            carrier: self.carrier,
            context: self.context,
            keeper: OnceLock::new(),
            reconnects: AtomicU64::new(0),
            unknown_commands: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
        });
        Core {
            kind,
            shared,
            sending,
            receiving,
            limits: SendLimits {
                bytes: usize::try_from(limits.message_size).unwrap_or(usize::MAX),
                frames: if has_single_frames(kind) {
                    1
                } else {
                    limits.message_frames
                },
                single: has_single_frames(kind).then_some(kind),
            },
            linger: self.linger,
            correlation,
            home: OnceLock::new(),
        }
    }
}

/// Whether a connecting endpoint of this kind has a queue before it is connected: as `kind::QueuesAhead`, and where
/// the queue has a number by which the program names it.
fn queues_ahead(kind: SocketKind) -> bool {
    use SocketKind::{Channel, Client, Dealer, Pair, Push, Router, Scatter};
    matches!(kind, Push | Dealer | Pair | Client | Scatter | Channel | Router) || numbers_its_peers(kind)
}

/// Whether a socket of this kind talks to one peer at a time.
fn is_exclusive(kind: SocketKind) -> bool {
    matches!(kind, SocketKind::Pair | SocketKind::Channel)
}

/// Whether a socket of this kind names its peers by numbers: as `kind::Numbers`.
fn numbers_its_peers(kind: SocketKind) -> bool {
    matches!(kind, SocketKind::Server | SocketKind::Peer)
}

/// Whether messages of this kind have one frame each.
fn has_single_frames(kind: SocketKind) -> bool {
    use SocketKind::{Channel, Client, Gather, Peer, Scatter, Server};
    matches!(kind, Client | Server | Scatter | Gather | Peer | Channel)
}
