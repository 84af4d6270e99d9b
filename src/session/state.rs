//! The states of a session and the steps between them.
//!
//! Each state owns what exists while it lasts. A step consumes it, together with the bytes that it understood, and
//! gives the next one; bytes that are not complete yet stay in the input and the state stays as it is. So nothing is
//! buffered here, and it does not matter how the stream was cut.
//!
//! ```text
//! Opening    our 11 bytes are out; the peer's tell its version
//! Greeting   our 53 others are out, and what the mechanism says unasked (NULL: READY)
//! Handshake  the mechanism's commands
//! Traffic    no bytes are read here any more
//! Failed     for good
//! ```
//!
//! An older version would begin where [`AwaitOpening`] learns the dialect: it answers in another way and goes on in
//! another state.

use std::time::Instant;

use bytes::{Buf, BytesMut};

use crate::error::{ProtocolError, escaped};
use crate::frame::Header;
use crate::mechanism::{Handshake, Mechanism, Progress};
use crate::socket_kind::SocketKind;
use crate::wire::command::{self, Command};
use crate::wire::greeting::{self, Dialect, GREETING_LEN, Greeting, Version};
use crate::wire::metadata::{self, MAX_HANDSHAKE_COMMAND, Metadata};

use super::liveness::Liveness;
use super::{Introduction, SessionConfig};

/// Where a session is.
#[derive(Debug)]
pub(super) enum State {
    Opening(AwaitOpening),
    Greeting(AwaitGreeting),
    Handshake(AwaitCommand),
    Traffic(Traffic),
    Failed(ProtocolError),
}

impl State {
    /// What a session holds while a step owns its state. Nobody outside the step sees it.
    pub(super) const BETWEEN: Self = Self::Failed(ProtocolError::Malformed {
        what: "session",
        problem: "it was left between two states",
    });
}

/// What a step came to.
#[derive(Debug)]
pub(super) enum Step {
    /// There may be more to do with the rest of the input.
    On(State),
    /// More input is needed.
    Rest(State),
    /// The handshake is complete; the rest of the input is traffic.
    Established(Traffic, Introduction),
}

/// Waits for the bytes that tell the peer's version.
#[derive(Debug)]
pub(super) struct AwaitOpening {
    /// Of the whole handshake: bytes do not extend it.
    pub(super) deadline: Option<Instant>,
}

impl AwaitOpening {
    /// Says no more than what a peer of version 2.0 understands as well.
    pub(super) fn start(deadline: Option<Instant>, out: &mut Vec<u8>) -> Self {
        greeting::put_opening(out);
        Self { deadline }
    }

    pub(super) fn handle_bytes(
        self,
        input: &BytesMut,
        config: &SessionConfig,
        out: &mut Vec<u8>,
    ) -> Result<Step, ProtocolError> {
        match Dialect::of(input) {
            Dialect::Undecided => Ok(Step::Rest(State::Opening(self))),
            Dialect::Foreign(found) => Err(ProtocolError::NotZmtp { found }),
            Dialect::Old(found) => Err(ProtocolError::Version { found }),
            Dialect::Three => {
                // The mechanism begins in the same write: that saves a round trip, and libzmq expects it.
                let mechanism = Mechanism::Null;
                greeting::put_rest(out, mechanism.name(), false);
                let ours = metadata::encode(config.kind, &config.routing_id);
                let handshake = mechanism.start(&ours, out);
                Ok(Step::On(State::Greeting(AwaitGreeting {
                    deadline: self.deadline,
                    handshake,
                })))
            }
        }
    }
}

/// Waits for the rest of the peer's greeting, which names its mechanism.
#[derive(Debug)]
pub(super) struct AwaitGreeting {
    pub(super) deadline: Option<Instant>,
    handshake: Handshake,
}

impl AwaitGreeting {
    pub(super) fn handle_bytes(self, input: &mut BytesMut, out: &mut Vec<u8>) -> Result<Step, ProtocolError> {
        let Some(greeting) = Greeting::decode(input) else {
            return Ok(Step::Rest(State::Greeting(self)));
        };
        let expected = self.handshake.mechanism().name();
        if !greeting.names_mechanism(expected) {
            let found = escaped(greeting.mechanism());
            return Err(refuse(ProtocolError::Mechanism { expected, found }, out));
        }
        input.advance(GREETING_LEN);
        let Self { deadline, handshake } = self;
        Ok(Step::On(State::Handshake(AwaitCommand {
            deadline,
            handshake,
            version: greeting.version,
        })))
    }
}

/// Waits for the mechanism's next command.
#[derive(Debug)]
pub(super) struct AwaitCommand {
    pub(super) deadline: Option<Instant>,
    handshake: Handshake,
    version: Version,
}

impl AwaitCommand {
    pub(super) fn handle_bytes(
        self,
        now: Instant,
        input: &mut BytesMut,
        config: &SessionConfig,
        out: &mut Vec<u8>,
    ) -> Result<Step, ProtocolError> {
        let frame = match whole_frame(input) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(Step::Rest(State::Handshake(self))),
            Err(error) => return Err(refuse(error, out)),
        };
        // libzmq looks at no flag of a handshake frame; neither do we.
        let body = input.get(frame.header..frame.whole).unwrap_or_default();
        let Self {
            handshake, version, ..
        } = self;
        let mechanism = handshake.mechanism().name();
        let introduction = Command::decode(body)
            .and_then(|command| handshake.handle_command(command))
            .and_then(|Progress::Done(metadata)| introduce(config.kind, version, mechanism, metadata));
        input.advance(frame.whole);
        match introduction {
            Ok(introduction) => {
                let liveness = Liveness::new(now, config.heartbeat, version);
                Ok(Step::Established(Traffic { version, liveness }, introduction))
            }
            Err(error) => Err(refuse(error, out)),
        }
    }
}

/// The handshake is complete.
#[derive(Debug)]
pub(super) struct Traffic {
    pub(super) version: Version,
    pub(super) liveness: Liveness,
}

/// The lengths of a frame that is there as a whole.
struct FrameLen {
    header: usize,
    whole: usize,
}

/// Looks for a whole handshake frame at the start of `input`. Its announced size is judged before anybody waits for
/// the body.
fn whole_frame(input: &[u8]) -> Result<Option<FrameLen>, ProtocolError> {
    let Some(header) = Header::decode(input) else {
        return Ok(None);
    };
    let size = match usize::try_from(header.size) {
        Ok(size) if size <= MAX_HANDSHAKE_COMMAND => size,
        _ => {
            let limit = MAX_HANDSHAKE_COMMAND as u64;
            return Err(ProtocolError::TooLarge {
                what: "handshake command",
                size: header.size,
                limit,
            });
        }
    };
    let whole = header.len.saturating_add(size);
    Ok((whole <= input.len()).then_some(FrameLen {
        header: header.len,
        whole,
    }))
}

/// Judges what the peer says about itself.
fn introduce(
    ours: SocketKind,
    version: Version,
    mechanism: &'static str,
    metadata: Metadata,
) -> Result<Introduction, ProtocolError> {
    let kind = match metadata.socket_type {
        // libzmq accepts a peer that does not say what it is.
        None => None,
        Some(theirs) => match SocketKind::from_name(&theirs) {
            Some(kind) if ours.accepts(kind) => Some(kind),
            _ => {
                return Err(ProtocolError::Kind {
                    ours,
                    theirs: escaped(&theirs),
                });
            }
        },
    };
    Ok(Introduction {
        kind,
        routing_id: metadata.identity,
        version: version.numbers(),
        mechanism,
        metadata: metadata.others,
    })
}

/// Tells the peer why, as far as a peer in the handshake is to be told.
fn refuse(error: ProtocolError, out: &mut Vec<u8>) -> ProtocolError {
    let reason = match &error {
        // It has the last word.
        ProtocolError::Refused { .. } => return error,
        ProtocolError::Kind { ours, .. } => format!("wrong socket type for a {ours}"),
        ProtocolError::Mechanism { expected, .. } => format!("wrong mechanism, expected {expected}"),
        other => other.to_string(),
    };
    command::put_error(out, reason.as_bytes());
    error
}
