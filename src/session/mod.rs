//! One ZMTP connection as a state machine: greeting, handshake, traffic.
//!
//! ```text
//!            the peer's           its other            the mechanism
//!            11 bytes             53 bytes             is content
//! ● ──▶ opening ──────▶ greeting ──────▶ handshake ──────▶ traffic
//!          │               │               │ ▲ ask            │
//!          │               │               ▼ │                │
//!          │               │             verdict              │
//!          └───────────────┴── violation, ───┴── deadline ────┴──▶ failed
//! ```
//!
//! A session is told what happens outside (`handle_*`: bytes came, a time has come, writes moved) and asked what there
//! is to do (`poll_*`, [`output`](Session::output)). It does no I/O and reads no clock, so that a test can run an
//! hour of heartbeats in a microsecond and cut a stream at every byte.
//!
//! It deliberately does not know messages. Until the handshake is complete it reads the peer's bytes itself and stops
//! behind the last one that is its own; from then on the driver walks the frames and shows it the bodies of commands.
//! What a session has to say goes between two messages.
//!
//! * [`state`]: the way to traffic; [`legacy`]: the same with peers from before ZMTP 3.
//! * [`liveness`]: who must be heard by when, once there is traffic.
//! * [`outbox`]: what we have to say, in the order in which it should be heard.
//!
//! Specifications: RFC 23 (ZMTP 3.0) and [RFC 37] (ZMTP 3.1).
//!
//! [RFC 37]: https://rfc.zeromq.org/spec/37/

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod heartbeat;
mod legacy;
mod liveness;
mod outbox;
mod raw;
mod state;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use zeroize::Zeroizing;

use crate::error::{ProtocolError, escaped};
use crate::mechanism::Mechanism;
use crate::mechanism::auth::{Credentials, Verdict};
use crate::socket_kind::SocketKind;
use crate::wire::command::{self, Command};
use crate::wire::greeting::Version;
use crate::wire::metadata;
use crate::wire::spelling::Spelling;

pub use self::heartbeat::Heartbeat;
use self::outbox::Outbox;
use self::state::{AwaitOpening, State, Step, Traffic, Turn};

/// What a session needs to know about the socket it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct SessionConfig {
    /// The kind that is announced, and that decides which peers are accepted.
    pub(crate) kind: SocketKind,
    /// The identity that is announced; empty for none.
    pub(crate) routing_id: Bytes,
    /// What else is told to every peer.
    pub(crate) properties: Vec<(String, Bytes)>,
    /// How we and the peer come to trust each other.
    pub(crate) mechanism: Mechanism,
    /// Whether peers that speak ZMTP 1.0 are spoken with.
    pub(crate) legacy: bool,
    /// From the first moment to the end of the handshake; `None` waits for ever.
    pub(crate) handshake_timeout: Option<Duration>,
    /// Whether and how the peer's life is checked.
    pub(crate) heartbeat: Option<Heartbeat>,
    /// Peers speak no ZMTP: their bytes are messages, cut into chunks of at most so many.
    pub(crate) raw: Option<usize>,
}

impl SessionConfig {
    /// What we tell about ourselves.
    fn metadata(&self) -> Vec<u8> {
        metadata::encode(self.kind, &self.routing_id, &self.properties)
    }
}

/// What came of the peer's bytes, for the floors above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SessionEvent {
    /// Somebody must decide about a peer that shows this: the answer goes to
    /// [`handle_verdict`](Session::handle_verdict), and until then nothing needs to be read.
    Ask(Credentials),
    /// What is in the [`output`](Session::output) since then lets the peer send, though the handshake is not complete: if
    /// there is no place for it, nothing of that may be written.
    Invited,
    /// The handshake is complete; from here on there is traffic.
    Established(Introduction),
    /// The peer wants what begins with this.
    Subscribe(Bytes),
    /// The peer takes one such subscription back.
    Cancel(Bytes),
    /// The peer wants what is published in this group.
    Join(Bytes),
    /// The peer leaves this group.
    Leave(Bytes),
    /// The peer answered a PING that had this context; see [`Session::ping`].
    Pong(Bytes),
}

/// Who the peer says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Introduction {
    /// Its kind, which ours accepts; `None` if it does not say.
    pub(crate) kind: Option<SocketKind>,
    /// The identity it wishes to have; empty if none. At most 255 bytes, the first one not zero.
    pub(crate) routing_id: Bytes,
    /// The version that rules this connection: the lower one of ours and the peer's.
    pub(crate) version: (u8, u8),
    /// The mechanism that both sides used.
    pub(crate) mechanism: &'static str,
    /// The name by which it was let in.
    pub(crate) user_id: Option<String>,
    /// What was decided about the peer, then the rest of its own metadata, names as the peer wrote them. Not in it: what
    /// became `kind` and `routing_id`, and the peer's word for `User-Id` and `Peer-Address`, which is worth nothing.
    pub(crate) metadata: Vec<(String, Bytes)>,
}

/// The protocol state of one connection. See the [module](self) for how it goes.
#[derive(Debug)]
pub(crate) struct Session {
    config: Arc<SessionConfig>,
    state: State,
    outbox: Outbox,
    events: VecDeque<SessionEvent>,
    /// Commands in traffic that mean nothing to us.
    unknown_commands: u64,
}

impl Session {
    /// A session on a stream that is connected since `now`. Its first bytes are in the [`output`](Self::output).
    pub(crate) fn new(config: Arc<SessionConfig>, now: Instant) -> Self {
        if let Some(chunk) = config.raw {
            return Self::raw(config, chunk, now);
        }
        let mut outbox = Outbox::default();
        let deadline = config
            .handshake_timeout
            .and_then(|timeout| now.checked_add(timeout));
        let state = State::Opening(AwaitOpening::start(deadline, &config, outbox.queue()));
        Self {
            config,
            state,
            outbox,
            events: VecDeque::new(),
            unknown_commands: 0,
        }
    }

    /// With randomness for its mechanism, [as much as that needs](Mechanism::entropy).
    pub(crate) fn with_entropy(mut self, entropy: Zeroizing<Vec<u8>>) -> Self {
        if let State::Opening(opening) = &mut self.state {
            opening.entropy = entropy;
        }
        self
    }

    /// Introduces itself only when the peer has, who then must not wait for it: so whoever is turned away at that
    /// moment was never told that it might send. With NULL that is the end of the handshake, and with ZMTP 2.0 when the
    /// peer has told its kind. The servers of other mechanisms have the last word anyway; their clients
    /// [say](SessionEvent::Invited) when it is time to decide. Only peers of ZMTP 1.0 send without waiting for anything.
    pub(crate) fn hear_first(&mut self) {
        if let State::Opening(opening) = &mut self.state {
            opening.turn = Turn::Last;
        }
    }

    /// Takes greeting and handshake off the front of `input` and stops behind their last byte: what is left then is
    /// traffic. Whatever has not come completely stays in `input` too, never more than a frame of 8 KiB, and is looked
    /// at again when there is more. Does nothing in traffic.
    ///
    /// # Errors
    ///
    /// Why the peer is refused, now and from now on. If it can understand the reason, that is in the
    /// [`output`](Self::output), to be written if that goes without waiting.
    pub(crate) fn handle_bytes(&mut self, now: Instant, input: &mut BytesMut) -> Result<(), ProtocolError> {
        loop {
            let out = self.outbox.queue();
            let step = match mem::replace(&mut self.state, State::BETWEEN) {
                State::Opening(opening) => opening.handle_bytes(input, &self.config, out),
                State::Greeting(greeting) => greeting.handle_bytes(now, input, &self.config, out),
                State::Handshake(handshake) => handshake.handle_bytes(now, input, &self.config, out),
                State::Verdict(verdict) => verdict.handle_bytes(input),
                State::Identity(identity) => identity.handle_bytes(now, input, &self.config, out),
                State::Traffic(traffic) => Ok(Step::Rest(State::Traffic(traffic))),
                State::Failed(error) => return Err(self.fail(error)),
            };
            if self.take(now, step)? {
                return Ok(());
            }
        }
    }

    /// Takes what was decided about the peer. What of the peer's bytes was kept is to be handled
    /// ([`handle_bytes`](Self::handle_bytes)) again after that.
    ///
    /// # Errors
    ///
    /// Why the peer is refused, as with bytes.
    pub(crate) fn handle_verdict(&mut self, now: Instant, verdict: Verdict) -> Result<(), ProtocolError> {
        let step = match mem::replace(&mut self.state, State::BETWEEN) {
            State::Verdict(state) => state.handle_verdict(now, verdict, &self.config, self.outbox.queue()),
            State::Failed(error) => return Err(self.fail(error)),
            other => Ok(Step::Rest(other)),
        };
        self.take(now, step).map(drop)
    }

    /// Goes where a step leads. `true`: for now nothing more is to be done.
    fn take(&mut self, now: Instant, step: Result<Step, ProtocolError>) -> Result<bool, ProtocolError> {
        match step {
            Ok(Step::On(state)) => {
                self.state = state;
                return Ok(false);
            }
            Ok(Step::Rest(state)) => self.state = state,
            Ok(Step::Invited(state)) => {
                self.state = state;
                self.events.push_back(SessionEvent::Invited);
                return Ok(false);
            }
            Ok(Step::Ask(state, credentials)) => {
                self.state = State::Verdict(state);
                self.events.push_back(SessionEvent::Ask(credentials));
                // Once more, to see whether the peer waits as well.
                return Ok(false);
            }
            Ok(Step::Established(mut traffic, introduction)) => {
                let wants_everything = traffic.version == Version::V1_0;
                if traffic.spelling.is_some() {
                    // The handshake goes out as it is; our first question does not, and waits behind it.
                    self.outbox.seal();
                    traffic.liveness.begin(now, &mut self.outbox);
                } else {
                    traffic.liveness.begin(now, &mut self.outbox);
                    self.outbox.seal();
                }
                self.state = State::Traffic(traffic);
                self.events.push_back(SessionEvent::Established(introduction));
                if wants_everything {
                    self.events.push_back(SessionEvent::Subscribe(Bytes::new()));
                }
            }
            Err(error) => {
                state::tell(&error, &self.config, self.outbox.queue());
                return Err(self.fail(error));
            }
        }
        Ok(true)
    }

    /// The peer has closed the connection: what that means, where it can be guessed.
    pub(crate) fn explain_end(&self) -> Option<ProtocolError> {
        match &self.state {
            State::Handshake(handshake) => handshake.explain_end(),
            _ => None,
        }
    }

    /// Whether the handshake is complete and nothing has gone wrong since.
    pub(crate) fn is_established(&self) -> bool {
        matches!(self.state, State::Traffic(_))
    }

    /// Takes the body of one whole command frame that came in traffic. Commands that are unknown, which is the usual
    /// way for a protocol to grow, are counted and ignored.
    ///
    /// # Errors
    ///
    /// Why the connection must end: the command is malformed, or has no place here.
    pub(crate) fn handle_command(&mut self, now: Instant, body: &[u8]) -> Result<(), ProtocolError> {
        let traffic = match &mut self.state {
            State::Traffic(traffic) if traffic.version >= Version::V3_0 => traffic,
            State::Failed(error) => return Err(error.clone()),
            other => {
                let found = "a command".to_owned();
                let expected = match other {
                    State::Traffic(_) => "messages, and nothing else before ZMTP 3",
                    _ => "the handshake",
                };
                return Err(self.fail(ProtocolError::Unexpected { expected, found }));
            }
        };
        let command = match Command::decode(body) {
            Ok(command) => command,
            Err(error) => return Err(self.fail(error)),
        };
        match command {
            Command::Subscribe(topic) => {
                self.events
                    .push_back(SessionEvent::Subscribe(Bytes::copy_from_slice(topic)));
            }
            Command::Cancel(topic) => {
                self.events
                    .push_back(SessionEvent::Cancel(Bytes::copy_from_slice(topic)));
            }
            Command::Join(group) => {
                self.events
                    .push_back(SessionEvent::Join(Bytes::copy_from_slice(group)));
            }
            Command::Leave(group) => {
                self.events
                    .push_back(SessionEvent::Leave(Bytes::copy_from_slice(group)));
            }
            Command::Ping { ttl, context } => {
                traffic.liveness.handle_ping(now, ttl, context, &mut self.outbox)
            }
            // Only a PING of `ping` has a context, and never a longer one.
            Command::Pong(context) if (1..=command::MAX_CONTEXT).contains(&context.len()) => {
                self.events
                    .push_back(SessionEvent::Pong(Bytes::copy_from_slice(context)));
            }
            Command::Pong(_) => {}
            Command::Error(reason) => {
                return Err(self.fail(ProtocolError::Refused {
                    reason: escaped(reason),
                }));
            }
            Command::Ready(_) => {
                let found = escaped(command.name());
                return Err(self.fail(ProtocolError::Unexpected {
                    expected: "traffic",
                    found,
                }));
            }
            Command::Hello(_) | Command::Welcome(_) | Command::Initiate(_) | Command::Other(_) => {
                self.unknown_commands = self.unknown_commands.saturating_add(1);
            }
        }
        Ok(())
    }

    /// How many commands in traffic meant nothing to us.
    pub(crate) fn unknown_commands(&self) -> u64 {
        self.unknown_commands
    }

    /// Bytes came from the peer, whatever they are: a sign of life. To be called before they are interpreted.
    #[inline]
    pub(crate) fn handle_read(&mut self, now: Instant) {
        if let State::Traffic(traffic) = &mut self.state {
            traffic.liveness.handle_read(now);
        }
    }

    /// A write could not move: the kernel has no room. Until the next [`handle_written`](Self::handle_written) our
    /// writes count as blocked.
    pub(crate) fn handle_blocked(&mut self) {
        if let State::Traffic(traffic) = &mut self.state {
            traffic.liveness.handle_blocked();
        }
    }

    /// The kernel accepted bytes of ours, messages or output. After [`handle_blocked`](Self::handle_blocked) this
    /// means that the peer's side accepted some too, which counts as a sign of life; otherwise it does not, because
    /// our own kernel takes bytes for a dead peer as well.
    #[inline]
    pub(crate) fn handle_written(&mut self, now: Instant) {
        if let State::Traffic(traffic) = &mut self.state {
            traffic.liveness.handle_written(now);
        }
    }

    /// We stop reading because the pipe is at its mark. The peer's silence now means nothing, and ours must not be
    /// taken for death.
    pub(crate) fn pause_reading(&mut self, _now: Instant) {
        if let State::Traffic(traffic) = &mut self.state {
            traffic.liveness.pause_reading();
        }
    }

    /// We read again.
    pub(crate) fn resume_reading(&mut self, now: Instant) {
        if let State::Traffic(traffic) = &mut self.state {
            traffic.liveness.resume_reading(now);
        }
    }

    /// Whether more than one answer of ours waits to be written: then nothing more should be read, or a peer that
    /// asks without listening makes us collect answers without end.
    pub(crate) fn owes_answers(&self) -> bool {
        self.outbox.owes_answers()
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come. Calling it early does no harm; calling it before what
    /// has come is read does: if it is *we* who were stopped for a while, the peer's signs of life are waiting.
    ///
    /// # Errors
    ///
    /// The handshake took too long, or the peer is silent for too long.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), ProtocolError> {
        let verdict = match &mut self.state {
            State::Traffic(traffic) => traffic.liveness.handle_timeout(now, &mut self.outbox),
            State::Failed(error) => Err(error.clone()),
            shaking if shaking.deadline().is_some_and(|deadline| deadline <= now) => {
                Err(ProtocolError::HandshakeTimeout)
            }
            State::Handshake(handshake) => {
                handshake.handle_timeout(now, &self.config, self.outbox.queue());
                Ok(())
            }
            _ => Ok(()),
        };
        verdict.map_err(|error| self.fail(error))
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called. Ask again after anything was handled.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Traffic(traffic) => traffic.liveness.poll_timeout(),
            State::Handshake(handshake) => handshake.poll_timeout(),
            shaking => shaking.deadline(),
        }
    }

    /// Bytes to be written between two messages; empty when there is nothing to say. Drain from its front what was
    /// written, and touch nothing else.
    pub(crate) fn output(&mut self) -> &mut Vec<u8> {
        if let State::Traffic(Traffic {
            spelling: Some(spelling),
            ..
        }) = &mut self.state
            && let Err(error) = self.outbox.spell(&mut **spelling)
        {
            self.fail(error);
        }
        self.outbox.front()
    }

    /// Nothing of what waits is said, and nothing else comes: the peer is to hear no more.
    pub(crate) fn fall_silent(&mut self) {
        self.outbox = Outbox::default();
    }

    /// How frames are spelled in this traffic, if not plainly. Messages of ours are put through it in the order in
    /// which they go out, and behind the [`output`](Self::output); what the peer says is taken through it.
    pub(crate) fn spelling(&mut self) -> Option<&mut dyn Spelling> {
        match &mut self.state {
            State::Traffic(Traffic {
                spelling: Some(spelling),
                ..
            }) => Some(&mut **spelling),
            _ => None,
        }
    }

    /// What came of the peer's bytes, in their order.
    pub(crate) fn poll_event(&mut self) -> Option<SessionEvent> {
        let event = self.events.pop_front();
        if self.events.is_empty() {
            // Most connections have one event in their life; they need not keep a queue.
            self.events = VecDeque::new();
        }
        event
    }

    /// Asks the peer for what begins with `prefix`, in the form that its version wants. Does nothing before traffic:
    /// a new connection must be told everything anyway.
    pub(crate) fn subscribe(&mut self, prefix: &[u8]) {
        match self.version() {
            Some(Version::V3_1) => command::put_subscribe(self.outbox.queue(), prefix),
            Some(_) => command::put_subscription_message(self.outbox.queue(), true, prefix),
            None => {}
        }
    }

    /// Takes one such subscription back.
    pub(crate) fn cancel(&mut self, prefix: &[u8]) {
        match self.version() {
            Some(Version::V3_1) => command::put_cancel(self.outbox.queue(), prefix),
            Some(_) => command::put_subscription_message(self.outbox.queue(), false, prefix),
            None => {}
        }
    }

    /// Joins a group. Does nothing before traffic, as with subscriptions, nor with peers that know no commands.
    pub(crate) fn join(&mut self, group: &[u8]) {
        if self.version() >= Some(Version::V3_0) {
            command::put_join(self.outbox.queue(), group);
        }
    }

    /// Leaves a group.
    pub(crate) fn leave(&mut self, group: &[u8]) {
        if self.version() >= Some(Version::V3_0) {
            command::put_leave(self.outbox.queue(), group);
        }
    }

    /// Sends a PING behind everything that was ordered so far. Its answer is a [`SessionEvent::Pong`] with the same
    /// context, which must have 1 to 16 bytes. Returns false, and sends nothing, where a PING may not be sent: to a
    /// peer that announced ZMTP 3.0 or less, and before traffic.
    pub(crate) fn ping(&mut self, context: &[u8]) -> bool {
        let may_ping = self.version() == Some(Version::V3_1);
        if may_ping {
            command::put_ping(self.outbox.queue(), 0, context);
        }
        may_ping
    }

    /// The version that rules the traffic, once there is any.
    fn version(&self) -> Option<Version> {
        match &self.state {
            State::Traffic(Traffic { version, .. }) => Some(*version),
            _ => None,
        }
    }

    /// Whatever state this was, it is over.
    fn fail(&mut self, error: ProtocolError) -> ProtocolError {
        if self.spelling().is_some() {
            // What is not spelled by now would not be understood.
            self.outbox.clear();
        }
        self.outbox.close();
        self.state = State::Failed(error.clone());
        error
    }
}
