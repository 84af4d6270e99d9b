//! NULL: no security, just introductions ([RFC 37], the NULL mechanism).
//!
//! ```text
//! greet: READY ────────────────────▶ await READY ──READY──▶ done
//! ask ──▶ await verdict ──READY──────────▶ ┘ └── ERROR, anything else ──▶ failed
//! ```
//!
//! Both sides say READY without having heard the other: who waits first waits for ever when both do. Only where
//! somebody decides who may enter, by the address alone, our READY waits for the verdict. (The session may say it a
//! little later: to a peer that is known not to wait.)
//!
//! [RFC 37]: https://rfc.zeromq.org/spec/37/

use super::auth::{Admission, Authenticator};
use super::{Handshake, Mechanism, Outcome, Progress};
use crate::error::{ProtocolError, escaped};
use crate::wire::command::{self, Command};
use crate::wire::metadata::Metadata;

pub(super) const NAME: &str = "NULL";

/// The mechanism NULL: nothing is encrypted, and nobody proves who he is. It is the default.
///
/// It protects nothing against whoever can reach the endpoint or sees the traffic. A socket of which only the place of
/// its peers decides can [ask](Null::server) about each of them: good for ipc, where the system tells who the
/// other process is.
///
/// # Examples
///
/// ```
/// use hubless::auth::LocalUsers;
/// use hubless::{Null, Pull};
///
/// let ours = LocalUsers::new().uid(1000).gid(100);
/// let pull = Pull::builder().mechanism(Null::server(ours)).build()?;
/// # let _ = pull;
/// # Ok::<(), hubless::BuildError>(())
/// ```
#[derive(Debug)]
pub enum Null {}

impl Null {
    /// NULL where `authenticator` decides about each peer by where it comes from.
    ///
    /// Example: at [`Null`].
    pub fn server(authenticator: impl Authenticator) -> Mechanism {
        Mechanism::default().decided_by(authenticator)
    }
}

/// Says READY, to whoever it may be.
pub(super) fn greet(metadata: &[u8], out: &mut Vec<u8>) {
    command::put_ready(out, metadata);
}

/// What is waited for.
#[derive(Debug)]
pub(crate) enum State {
    Verdict,
    /// Our READY is out, the peer's has not come.
    Ready(Admission),
}

impl State {
    /// The peer may enter.
    pub(super) fn admit(admission: Admission, metadata: &[u8], out: &mut Vec<u8>) -> Progress {
        command::put_ready(out, metadata);
        Progress::Await(Handshake::Null(Self::Ready(admission)))
    }

    /// The peer's one command: READY ends the handshake, ERROR refuses us.
    pub(super) fn handle_command(self, command: Command<'_>) -> Result<Progress, ProtocolError> {
        match (self, command) {
            (Self::Ready(admission), Command::Ready(metadata)) => Ok(Progress::Done(Outcome {
                metadata: Metadata::decode(metadata)?,
                admission,
                spelling: None,
            })),
            (_, Command::Error(reason)) => Err(ProtocolError::Refused {
                reason: escaped(reason),
            }),
            (_, other) => Err(ProtocolError::Unexpected {
                expected: "READY",
                found: escaped(other.name()),
            }),
        }
    }
}
