//! Who must be heard by when: heartbeats in both directions, and why a slow peer is not a dead one.
//!
//! Three clocks run in traffic:
//!
//! ```text
//! our question    at once and every interval: PING; no byte for interval + timeout ─▶ the peer is dead
//! their promise   PING with a ttl came; no byte for that long          ─▶ the peer is dead
//! our sign        we do not read, so we cannot answer: say PONG unasked, often enough for the peer
//! ```
//!
//! **Back-pressure is not death.** Somebody who does not read cannot hear an answer and cannot be heard asking. So
//! while *we* do not read, the first two clocks stand still, no question is asked (its answer would only fill the
//! pipe), and the third one runs: every third of the shortest silence that the peer may hold against us, which is
//! its ttl, the interval of its PINGs as we saw them come, or the ttl that we announced ourselves.
//! A peer of ours that does not read does the same, which is why silence is counted from the last byte and not from
//! the last PING: its signs follow our interval, and a timeout that is much shorter must not fall between two of them.
//! While our *writes* cannot move, the silence counts from the last byte that did: a peer whose kernel accepts bytes
//! is there, however long our question stands in the queue.
//!
//! Specification: [RFC 37], connection heartbeating, and what libzmq makes of it. As there, a ttl ends with the first
//! bytes behind its PING; unless the peer's PINGs come more often than the ttl, when silence really means something,
//! and each byte starts it anew.
//!
//! [RFC 37]: https://rfc.zeromq.org/spec/37/

use std::time::{Duration, Instant};

use crate::error::ProtocolError;
use crate::wire::command;
use crate::wire::greeting::Version;

use super::heartbeat::Heartbeat;
use super::outbox::Outbox;

/// The clocks of one connection.
#[derive(Debug)]
pub(super) struct Liveness {
    ours: Option<Ours>,
    theirs: Theirs,
    reading: Reading,
    writing: Writing,
    /// When the peer was last told something, as far as we know.
    spoken: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Open,
    /// Our pipe is at its mark.
    Paused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    Open,
    /// The kernel took nothing more.
    Blocked,
}

/// Our heartbeat.
#[derive(Debug)]
struct Ours {
    heartbeat: Heartbeat,
    next_ping: Option<Instant>,
    /// When the peer has been silent for too long.
    expiry: Option<Instant>,
}

/// The peer's heartbeat, as far as it is seen.
#[derive(Debug)]
struct Theirs {
    asks: Asks,
    /// When its last PING came, or when traffic began. Unknown since a pause, in which PINGs wait.
    last_ping: Option<Instant>,
    /// Of its last PING; zero for none.
    ttl: Duration,
    /// Runs from a PING with a ttl.
    expiry: Option<Instant>,
}

/// How often the peer sends PING.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Never,
    /// It does, but no two PINGs have come at their own time yet.
    Sometimes,
    /// The shortest time that has lain between two of them.
    Every(Duration),
}

/// PINGs within this of each other count as one: they waited somewhere together, or one was sent out of turn, to learn
/// how far we are. It is the unit of a ttl.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// How often a peer is taken to ask before that is known: more often than most people configure.
const ASSUMED_INTERVAL: Duration = Duration::from_secs(1);

impl Liveness {
    /// Traffic begins.
    pub(super) fn new(now: Instant, heartbeat: Option<Heartbeat>, version: Version) -> Self {
        let ours = match version {
            Version::V3_1 => heartbeat.map(|heartbeat| Ours::start(heartbeat, now)),
            Version::V3_0 | Version::V2_0 | Version::V1_0 => None,
        };
        Self {
            ours,
            theirs: Theirs {
                last_ping: Some(now),
                asks: Asks::Never,
                ttl: Duration::ZERO,
                expiry: None,
            },
            reading: Reading::Open,
            writing: Writing::Open,
            spoken: now,
        }
    }

    /// Asks the first question, before any message is sent: a peer that stops reading a moment later would not hear
    /// another one, and has to know by then that it must give signs of life.
    pub(super) fn begin(&mut self, now: Instant, outbox: &mut Outbox) {
        if let Some(ours) = &mut self.ours {
            ours.ask(now, outbox);
        }
    }

    /// Any byte is a sign of life: a large frame may take longer than any timeout.
    pub(super) fn handle_read(&mut self, now: Instant) {
        if let Some(ours) = &mut self.ours {
            ours.hear(now);
        }
        if self.theirs.expiry.is_some() {
            self.theirs.handle_read(now);
        }
    }

    /// The peer asks, and perhaps promises.
    pub(super) fn handle_ping(&mut self, now: Instant, ttl: Duration, context: &[u8], outbox: &mut Outbox) {
        self.theirs.handle_ping(now, ttl);
        // The peer may ask as often as it likes while nothing of ours moves; it will hear one answer. Collecting them
        // would make us stop reading, and then we would miss its signs of life.
        if self.writing == Writing::Open || !outbox.is_answering(context) {
            outbox.answer(context);
        }
    }

    pub(super) fn handle_blocked(&mut self) {
        self.writing = Writing::Blocked;
    }

    pub(super) fn handle_written(&mut self, now: Instant) {
        self.spoken = now;
        if self.writing == Writing::Blocked {
            self.writing = Writing::Open;
            if let Some(ours) = &mut self.ours {
                ours.hear(now);
            }
        }
    }

    pub(super) fn pause_reading(&mut self) {
        self.reading = Reading::Paused;
        self.theirs.last_ping = None;
    }

    /// What the peer said meanwhile may still be on its way to us, so each clock that ran begins anew.
    pub(super) fn resume_reading(&mut self, now: Instant) {
        if self.reading == Reading::Open {
            return;
        }
        self.reading = Reading::Open;
        self.theirs.restart_expiry(now);
        if let Some(ours) = &mut self.ours {
            ours.hear(now);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, outbox: &mut Outbox) -> Result<(), ProtocolError> {
        match self.reading {
            Reading::Paused => {
                if is_due(self.sign_due(), now) {
                    self.give_sign(now, outbox);
                }
                Ok(())
            }
            Reading::Open => {
                if is_due(self.expiry(), now) {
                    return Err(ProtocolError::HeartbeatTimeout);
                }
                if let Some(ours) = &mut self.ours
                    && is_due(ours.next_ping, now)
                {
                    ours.ask(now, outbox);
                }
                Ok(())
            }
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.reading {
            Reading::Paused => self.sign_due(),
            Reading::Open => {
                let next_ping = self.ours.as_ref().and_then(|ours| ours.next_ping);
                earlier(next_ping, self.expiry())
            }
        }
    }

    /// When the peer counts as dead.
    fn expiry(&self) -> Option<Instant> {
        let ours = self.ours.as_ref().and_then(|ours| ours.expiry);
        earlier(ours, self.theirs.expiry)
    }

    /// While we do not read: when the peer must hear from us.
    fn sign_due(&self) -> Option<Instant> {
        let announced = self.ours.as_ref().map(Ours::ttl);
        let patience = [self.theirs.asks.interval(), Some(self.theirs.ttl), announced]
            .into_iter()
            .flatten()
            .filter(|patience| !patience.is_zero())
            .min()?;
        self.spoken.checked_add(patience.checked_div(3)?)
    }

    /// Says PONG unasked, unless other words are waiting that will be heard as well, or cannot be heard either.
    fn give_sign(&mut self, now: Instant, outbox: &mut Outbox) {
        self.spoken = now;
        if outbox.is_empty() {
            outbox.answer(b"");
        }
    }
}

impl Ours {
    fn start(heartbeat: Heartbeat, now: Instant) -> Self {
        let mut ours = Self {
            heartbeat,
            next_ping: now.checked_add(heartbeat.interval),
            expiry: None,
        };
        ours.hear(now);
        ours
    }

    /// The peer gave a sign of life, or the count begins anew for another reason.
    fn hear(&mut self, now: Instant) {
        let Heartbeat {
            interval, timeout, ..
        } = self.heartbeat;
        if !timeout.is_zero() {
            self.expiry = now.checked_add(interval.saturating_add(timeout));
        }
    }

    fn ask(&mut self, now: Instant, outbox: &mut Outbox) {
        self.next_ping = now.checked_add(self.heartbeat.interval);
        outbox.ask(self.heartbeat.ttl);
    }

    /// How long a silence of ours we told the peer to bear.
    fn ttl(&self) -> Duration {
        command::ttl_from_tenths(self.heartbeat.ttl)
    }
}

impl Theirs {
    fn handle_ping(&mut self, now: Instant, ttl: Duration) {
        let gap = self.last_ping.map(|last| now.saturating_duration_since(last));
        match (self.asks, gap) {
            (Asks::Every(shortest), Some(gap)) if gap >= MIN_INTERVAL => {
                self.asks = Asks::Every(gap.min(shortest))
            }
            (_, Some(gap)) if gap >= MIN_INTERVAL => self.asks = Asks::Every(gap),
            (Asks::Never, _) => self.asks = Asks::Sometimes,
            _ => {}
        }
        if gap.is_none_or(|gap| gap >= MIN_INTERVAL) {
            self.last_ping = Some(now);
        }
        self.ttl = ttl;
        self.expiry = if ttl.is_zero() { None } else { now.checked_add(ttl) };
    }

    fn handle_read(&mut self, now: Instant) {
        match self.asks {
            Asks::Every(interval) if interval < self.ttl => self.restart_expiry(now),
            _ => self.expiry = None,
        }
    }

    /// If it runs.
    fn restart_expiry(&mut self, now: Instant) {
        if self.expiry.is_some() {
            self.expiry = now.checked_add(self.ttl);
        }
    }
}

impl Asks {
    fn interval(self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::Sometimes => Some(ASSUMED_INTERVAL),
            Self::Every(interval) => Some(interval),
        }
    }
}

fn is_due(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|deadline| deadline <= now)
}

/// The earlier one of two deadlines, where none is never.
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests;
