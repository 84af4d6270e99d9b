//! The way to traffic with peers from before ZMTP 3: no mechanism, and an identity instead of an introduction.
//!
//! ```text
//!          signature, bit 0    11th byte   its socket type     its identity
//! Opening ───────────────────────────────▶ await type ───────▶ await identity ──▶ traffic of 2.0
//!    │ first byte not FF, or bit 0 of the 10th not set: there is no signature
//!    └───────────────────────────────────────────────────────▶ await identity ──▶ traffic of 1.0
//! ```
//!
//! Both sides say everything without waiting, once they know with whom they speak; only whoever might turn the peer away
//! hears its socket type first, which is when it may still do so. Peers of 1.0 do not send their
//! subscriptions, or need not: a publisher takes each for somebody who wants everything, and leaves the rest to it.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use crate::error::ProtocolError;
use crate::socket_kind::SocketKind;
use crate::wire::greeting::Version;
use crate::wire::metadata::{MAX_IDENTITY, check_identity};
use crate::wire::spelling::Spelling;
use crate::wire::{v1, v2};

use super::liveness::Liveness;
use super::state::{State, Step, Traffic, Turn};
use super::{Introduction, SessionConfig};

/// How a peer from before ZMTP 3 is spoken with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Old {
    /// 1.0: it has no greeting.
    Unversioned,
    /// A greeting like that of 2.0, and frames like those of 1.0. It was never widely used.
    Between,
    /// 2.0.
    Two,
}

impl Old {
    /// By the version byte of a greeting.
    pub(super) fn of_byte(version: u8) -> Self {
        match version {
            0 => Self::Between,
            _ => Self::Two,
        }
    }

    fn version(self) -> Version {
        match self {
            Self::Unversioned | Self::Between => Version::V1_0,
            Self::Two => Version::V2_0,
        }
    }

    /// Whether such a peer may be spoken with at all.
    fn check(self, config: &SessionConfig) -> Result<(), ProtocolError> {
        let (major, minor) = self.version().numbers();
        if !config.mechanism.is_open() {
            return Err(ProtocolError::NoSecurity {
                version: (major, minor),
                mechanism: config.mechanism.name(),
            });
        }
        if self != Self::Two && !config.legacy {
            return Err(ProtocolError::Version { found: 0 });
        }
        Ok(())
    }

    /// Says all that there is to say.
    fn introduce_us(self, config: &SessionConfig, out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        let identity = &config.routing_id;
        match self {
            // Our signature was the header of this.
            Self::Unversioned => out.extend_from_slice(identity),
            Self::Between => {
                v2::put_socket_type(out, config.kind.code());
                v1::Framing.put(0, identity, out)?;
            }
            Self::Two => {
                v2::put_socket_type(out, config.kind.code());
                v2::put_identity(out, identity);
            }
        }
        Ok(())
    }
}

/// Waits for the rest of the peer's greeting and for its identity.
#[derive(Debug)]
pub(super) struct AwaitIdentity {
    pub(super) deadline: Option<Instant>,
    old: Old,
    /// Its socket type, where it says it.
    kind: Option<SocketKind>,
    has_greeted: bool,
    /// When we say what there is to say.
    turn: Turn,
}

impl AwaitIdentity {
    /// The peer has shown how it speaks.
    pub(super) fn start(
        deadline: Option<Instant>,
        old: Old,
        turn: Turn,
        config: &SessionConfig,
        out: &mut Vec<u8>,
    ) -> Result<Self, ProtocolError> {
        old.check(config)?;
        // A peer without a greeting waits for nothing.
        let turn = match old {
            Old::Unversioned => Turn::AtOnce,
            Old::Between | Old::Two => turn,
        };
        if turn != Turn::Last {
            old.introduce_us(config, out)?;
        }
        Ok(Self {
            deadline,
            old,
            kind: None,
            has_greeted: old == Old::Unversioned,
            turn,
        })
    }

    pub(super) fn handle_bytes(
        mut self,
        now: Instant,
        input: &mut BytesMut,
        config: &SessionConfig,
        out: &mut Vec<u8>,
    ) -> Result<Step, ProtocolError> {
        if !self.has_greeted {
            let Some(code) = v2::take_greeting(input) else {
                return Ok(Step::Rest(State::Identity(self)));
            };
            self.kind = Some(accepted(config.kind, code)?);
            self.has_greeted = true;
            if self.turn == Turn::Last {
                self.old.introduce_us(config, out)?;
                return Ok(Step::Invited(State::Identity(self)));
            }
        }
        let identity = match self.old {
            Old::Unversioned | Old::Between => v1::take_identity(input, MAX_IDENTITY)?,
            Old::Two => v2::take_identity(input, MAX_IDENTITY)?,
        };
        let Some(identity) = identity else {
            return Ok(Step::Rest(State::Identity(self)));
        };
        check_identity(&identity)?;
        let version = self.old.version();
        let introduction = Introduction {
            kind: self.kind,
            routing_id: Bytes::copy_from_slice(&identity),
            version: version.numbers(),
            mechanism: config.mechanism.name(),
            user_id: None,
            metadata: Vec::new(),
        };
        let spelling: Option<Box<dyn Spelling>> = match version {
            Version::V1_0 => Some(Box::new(v1::Framing)),
            _ => None,
        };
        let traffic = Traffic {
            version,
            liveness: Liveness::new(now, config.heartbeat, version),
            spelling,
        };
        Ok(Step::Established(traffic, introduction))
    }
}

/// The kind with this code, if ours talks to it.
fn accepted(ours: SocketKind, code: u8) -> Result<SocketKind, ProtocolError> {
    match SocketKind::from_code(code) {
        Some(kind) if ours.accepts(kind) => Ok(kind),
        other => Err(ProtocolError::Kind {
            ours,
            theirs: other.map_or_else(|| format!("socket type {code}"), |kind| kind.to_string()),
        }),
    }
}
