//! The states of a session and the steps between them.
//!
//! Each state owns what exists while it lasts. A step consumes it, together with the bytes that it understood, and
//! gives the next one; bytes that are not complete yet stay in the input and the state stays as it is. So nothing is
//! buffered here, and it does not matter how the stream was cut.
//!
//! ```text
//! Opening    our 11 bytes are out; the peer's tell its version
//! Greeting   our 53 others are out, and READY with them where it is our [`Turn`]
//! Handshake  the mechanism's commands
//! Identity   of a peer from before ZMTP 3
//! Verdict    somebody decides about the peer; nothing of it is looked at meanwhile
//! Traffic    no bytes are read here any more
//! Failed     for good
//! ```
//!
//! Older versions begin where [`AwaitOpening`] learns the dialect: they are answered in another way, and go on in a
//! state of their own ([`legacy`](super::legacy)).

use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use zeroize::Zeroizing;

use crate::error::{ProtocolError, escaped};
use crate::frame::Header;
use crate::mechanism::auth::{Admission, Credentials, Verdict};
use crate::mechanism::{Handshake, Outcome, Progress};
use crate::socket_kind::SocketKind;
use crate::wire::command::{self, Command};
use crate::wire::greeting::{self, Dialect, GREETING_LEN, Greeting, Version};
use crate::wire::metadata::{MAX_HANDSHAKE_COMMAND, Metadata};
use crate::wire::spelling::Spelling;
use crate::wire::v1;

use super::legacy::{AwaitIdentity, Old};
use super::liveness::Liveness;
use super::{Introduction, SessionConfig};

/// Where a session is.
#[derive(Debug)]
pub(super) enum State {
    Opening(AwaitOpening),
    Greeting(AwaitGreeting),
    Handshake(AwaitCommand),
    Verdict(AwaitVerdict),
    Identity(AwaitIdentity),
    Traffic(Traffic),
    Failed(ProtocolError),
}

impl State {
    /// What a session holds while a step owns its state. Nobody outside the step sees it.
    pub(super) const BETWEEN: Self = Self::Failed(ProtocolError::Malformed {
        what: "session",
        problem: "it was left between two states",
    });

    /// Of the whole handshake: bytes do not extend it.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Opening(AwaitOpening { deadline, .. })
            | Self::Greeting(AwaitGreeting { deadline, .. })
            | Self::Handshake(AwaitCommand {
                shaking: Shaking { deadline, .. },
                ..
            })
            | Self::Verdict(AwaitVerdict {
                shaking: Shaking { deadline, .. },
                ..
            })
            | Self::Identity(AwaitIdentity { deadline, .. }) => *deadline,
            Self::Traffic(_) | Self::Failed(_) => None,
        }
    }
}

/// What a step came to.
#[derive(Debug)]
pub(super) enum Step {
    /// There may be more to do with the rest of the input.
    On(State),
    /// More input is needed.
    Rest(State),
    /// The same, and what we have said now lets the peer send.
    Invited(State),
    /// Somebody must decide about the peer.
    Ask(AwaitVerdict, Credentials),
    /// The handshake is complete; the rest of the input is traffic.
    Established(Traffic, Introduction),
}

/// When we introduce ourselves, where both sides do so without being asked: with NULL. The order of other mechanisms is
/// their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// In one write with our greeting, which saves half a round trip.
    AtOnce,
    /// After the peer, which does so at once: libzmq, judging a READY that comes with our greeting before it has said
    /// its own, would close without a word if our kind does not go with its own, and we would never learn which it is.
    AfterTheirs,
    /// When it is certain that the peer may stay. With ZMTP 2.0 too.
    Last,
}

/// How long a peer is waited for that should introduce itself at once, in case that it waits for us. One that does not
/// has done it by then, however far away it is: what must not be early is our READY.
const PATIENCE: Duration = Duration::from_millis(50);

/// Waits for the bytes that tell the peer's version.
#[derive(Debug)]
pub(super) struct AwaitOpening {
    deadline: Option<Instant>,
    /// Randomness for the mechanism.
    pub(super) entropy: Zeroizing<Vec<u8>>,
    /// The peer has not been told our version yet.
    owes_version: bool,
    pub(super) turn: Turn,
}

impl AwaitOpening {
    /// Says no more than what a peer of version 2.0 understands as well; or, if such peers are spoken with, of 1.0.
    pub(super) fn start(deadline: Option<Instant>, config: &SessionConfig, out: &mut Vec<u8>) -> Self {
        match config.legacy {
            true => v1::put_signature(out, config.routing_id.len()),
            false => greeting::put_opening(out),
        }
        Self {
            deadline,
            entropy: Zeroizing::default(),
            owes_version: config.legacy,
            turn: Turn::AtOnce,
        }
    }

    pub(super) fn handle_bytes(
        mut self,
        input: &BytesMut,
        config: &SessionConfig,
        out: &mut Vec<u8>,
    ) -> Result<Step, ProtocolError> {
        if self.owes_version && greeting::is_signed(input) {
            greeting::put_major(out);
            self.owes_version = false;
        }
        match Dialect::of(input) {
            Dialect::Undecided => Ok(Step::Rest(State::Opening(self))),
            Dialect::Foreign(found) if config.legacy => match **input {
                [0xFF, ..] => self.go_back_to(Old::Unversioned, config, out),
                [_] => Ok(Step::Rest(State::Opening(self))),
                [length, flags, ..] if v1::begins_like_an_identity(length, flags) => {
                    self.go_back_to(Old::Unversioned, config, out)
                }
                _ => Err(ProtocolError::NotZmtp { found }),
            },
            Dialect::Foreign(found) => Err(ProtocolError::NotZmtp { found }),
            Dialect::Old(version) => self.go_back_to(Old::of_byte(version), config, out),
            Dialect::Three => {
                let mechanism = &config.mechanism;
                greeting::put_rest(out, mechanism.name(), mechanism.is_server());
                let turn = self.turn(input, config);
                if turn == Turn::AtOnce {
                    mechanism.greet(&config.metadata(), out);
                }
                Ok(Step::On(State::Greeting(AwaitGreeting {
                    deadline: self.deadline,
                    entropy: self.entropy,
                    turn,
                })))
            }
        }
    }

    fn turn(&self, input: &[u8], config: &SessionConfig) -> Turn {
        // With legacy our signature is numbered too: one of both must begin.
        let hears_first = greeting::is_numbered(input) && !config.legacy;
        match self.turn {
            _ if !config.mechanism.introduces_unasked() => Turn::AtOnce,
            Turn::AtOnce if hears_first => Turn::AfterTheirs,
            turn => turn,
        }
    }

    fn go_back_to(self, old: Old, config: &SessionConfig, out: &mut Vec<u8>) -> Result<Step, ProtocolError> {
        let identity = AwaitIdentity::start(self.deadline, old, self.turn, config, out)?;
        Ok(Step::On(State::Identity(identity)))
    }
}

/// Waits for the rest of the peer's greeting, which names its mechanism.
#[derive(Debug)]
pub(super) struct AwaitGreeting {
    deadline: Option<Instant>,
    entropy: Zeroizing<Vec<u8>>,
    turn: Turn,
}

impl AwaitGreeting {
    pub(super) fn handle_bytes(
        self,
        now: Instant,
        input: &mut BytesMut,
        config: &SessionConfig,
        out: &mut Vec<u8>,
    ) -> Result<Step, ProtocolError> {
        let Some(greeting) = Greeting::decode(input) else {
            return Ok(Step::Rest(State::Greeting(self)));
        };
        let expected = config.mechanism.name();
        if !greeting.names_mechanism(expected) {
            let found = escaped(greeting.mechanism());
            return Err(ProtocolError::Mechanism { expected, found });
        }
        input.advance(GREETING_LEN);
        let shaking = Shaking {
            deadline: self.deadline,
            version: greeting.version,
            turn: self.turn,
        };
        shaking.go_on(now, config.mechanism.start(&self.entropy, out)?, config)
    }
}

/// What the mechanism's states have in common.
#[derive(Debug, Clone, Copy)]
struct Shaking {
    deadline: Option<Instant>,
    version: Version,
    turn: Turn,
}

impl Shaking {
    /// The mechanism has come this far.
    fn go_on(self, now: Instant, progress: Progress, config: &SessionConfig) -> Result<Step, ProtocolError> {
        let version = self.version;
        match progress {
            Progress::Await(handshake) => Ok(Step::On(State::Handshake(AwaitCommand {
                handshake,
                patience: match self.turn {
                    Turn::AfterTheirs => now.checked_add(PATIENCE),
                    Turn::AtOnce | Turn::Last => None,
                },
                shaking: self,
            }))),
            Progress::Ask(handshake, credentials) => Ok(Step::Ask(
                AwaitVerdict {
                    handshake,
                    shaking: self,
                },
                credentials,
            )),
            Progress::Done(outcome) => {
                let Outcome {
                    metadata,
                    admission,
                    spelling,
                } = outcome;
                let introduction = introduce(config, version, metadata, admission)?;
                let takes_questions = introduction.kind.is_none_or(SocketKind::takes_questions);
                let heartbeat = config.heartbeat.filter(|_| takes_questions);
                let traffic = Traffic {
                    version,
                    liveness: Liveness::new(now, heartbeat, version),
                    spelling,
                };
                Ok(Step::Established(traffic, introduction))
            }
        }
    }
}

/// Waits for the mechanism's next command.
#[derive(Debug)]
pub(super) struct AwaitCommand {
    handshake: Handshake,
    /// When we introduce ourselves though the peer has not.
    patience: Option<Instant>,
    shaking: Shaking,
}

impl AwaitCommand {
    pub(super) fn handle_bytes(
        self,
        now: Instant,
        input: &mut BytesMut,
        config: &SessionConfig,
        out: &mut Vec<u8>,
    ) -> Result<Step, ProtocolError> {
        let Some(frame) = whole_frame(input)? else {
            return Ok(Step::Rest(State::Handshake(self)));
        };
        // libzmq looks at no flag of a handshake frame; neither do we.
        let body = input.get(frame.header..frame.whole).unwrap_or_default();
        let Self {
            handshake, shaking, ..
        } = self;
        let progress = Command::decode(body)
            .and_then(|command| handshake.handle_command(command, &config.metadata(), out))?;
        input.advance(frame.whole);
        if shaking.turn == Turn::AfterTheirs {
            // Whatever we think of it: the peer's monitor can name what does not fit, too.
            config.mechanism.greet_last(&config.metadata(), out);
        }
        let step = shaking.go_on(now, progress, config)?;
        match step {
            Step::Established(..) if shaking.turn == Turn::Last => {
                config.mechanism.greet_last(&config.metadata(), out);
                Ok(step)
            }
            Step::On(State::Handshake(next)) if next.handshake.gives_the_last_word() => {
                Ok(Step::Invited(State::Handshake(next)))
            }
            step => Ok(step),
        }
    }

    /// Introduces us, if the peer was to begin and does not.
    pub(super) fn handle_timeout(&mut self, now: Instant, config: &SessionConfig, out: &mut Vec<u8>) {
        if self.patience.is_some_and(|until| until <= now) {
            self.patience = None;
            self.shaking.turn = Turn::AtOnce;
            config.mechanism.greet_last(&config.metadata(), out);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.shaking.deadline, self.patience].into_iter().flatten().min()
    }

    /// What it means when the peer closes the connection now, where that can be guessed.
    pub(super) fn explain_end(&self) -> Option<ProtocolError> {
        match self.shaking.turn {
            Turn::AtOnce => self.handshake.explain_end(),
            // It has not heard of us.
            Turn::AfterTheirs | Turn::Last => None,
        }
    }
}

/// Waits for somebody to decide about the peer.
#[derive(Debug)]
pub(super) struct AwaitVerdict {
    handshake: Handshake,
    shaking: Shaking,
}

impl AwaitVerdict {
    /// Nothing is looked at, so there must not be much: a peer that is still to be judged has at most one command to
    /// say.
    pub(super) fn handle_bytes(self, input: &BytesMut) -> Result<Step, ProtocolError> {
        if input.len() > MAX_AHEAD {
            return Err(ProtocolError::TooLarge {
                what: "bytes ahead of a verdict",
                size: input.len() as u64,
                limit: MAX_AHEAD as u64,
            });
        }
        Ok(Step::Rest(State::Verdict(self)))
    }

    pub(super) fn handle_verdict(
        self,
        now: Instant,
        verdict: Verdict,
        config: &SessionConfig,
        out: &mut Vec<u8>,
    ) -> Result<Step, ProtocolError> {
        let Self { handshake, shaking } = self;
        let mut unsaid = Vec::new();
        let out = match shaking.turn {
            Turn::AtOnce => out,
            Turn::AfterTheirs | Turn::Last => &mut unsaid,
        };
        let progress = handshake.handle_verdict(verdict, &config.metadata(), out)?;
        shaking.go_on(now, progress, config)
    }
}

/// The most that may lie unread while somebody decides: one handshake frame.
const MAX_AHEAD: usize = MAX_HANDSHAKE_COMMAND + crate::frame::MAX_HEADER;

/// The handshake is complete.
#[derive(Debug)]
pub(super) struct Traffic {
    pub(super) version: Version,
    pub(super) liveness: Liveness,
    /// How frames are spelled, if not plainly.
    pub(super) spelling: Option<Box<dyn Spelling>>,
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
    config: &SessionConfig,
    version: Version,
    metadata: Metadata,
    admission: Admission,
) -> Result<Introduction, ProtocolError> {
    let ours = config.kind;
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
        mechanism: config.mechanism.name(),
        user_id: admission.user_id.clone(),
        metadata: admission.and(metadata.others),
    })
}

/// Tells the peer why, as far as a peer in the handshake is to be told.
pub(super) fn tell(refusal: &ProtocolError, config: &SessionConfig, out: &mut Vec<u8>) {
    if let Some(reason) = config.mechanism.tells(refusal) {
        command::put_error(out, reason.as_bytes());
    }
}
