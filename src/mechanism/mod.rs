//! Mechanisms: how two peers come to trust each other, as state machines over commands.
//!
//! The session reads frames and keeps the clock; a mechanism appends what it has to say to the output, is given one
//! [`Command`] of the peer after the other, and says when it is done and what the peer told about itself. It does not
//! know how a command arrives or what happens afterwards.
//!
//! So far there is NULL. Another mechanism is one file, one variant of [`Handshake`], and nothing else here.

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

mod null;

use crate::error::ProtocolError;
use crate::wire::command::Command;
use crate::wire::metadata::Metadata;

/// Which mechanism a socket uses. Both sides of a connection must use the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// No security.
    Null,
}

impl Mechanism {
    /// The name in the greeting.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "NULL",
        }
    }

    /// Begins the handshake: what can be said without having heard the peer is appended to `out`. `metadata` is what
    /// we tell about ourselves.
    pub(crate) fn start(self, metadata: &[u8], out: &mut Vec<u8>) -> Handshake {
        match self {
            Self::Null => Handshake::Null(null::AwaitReady::start(metadata, out)),
        }
    }
}

/// A handshake that has begun.
#[derive(Debug)]
pub(crate) enum Handshake {
    /// We have sent READY and wait for the peer's.
    Null(null::AwaitReady),
}

impl Handshake {
    /// Which mechanism this is the handshake of.
    pub(crate) fn mechanism(&self) -> Mechanism {
        match self {
            Self::Null(_) => Mechanism::Null,
        }
    }

    /// Takes the peer's next command.
    pub(crate) fn handle_command(self, command: Command<'_>) -> Result<Progress, ProtocolError> {
        match self {
            Self::Null(state) => state.handle_command(command).map(Progress::Done),
        }
    }
}

/// How far a handshake is after a command.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Done: what the peer told about itself.
    Done(Metadata),
}
