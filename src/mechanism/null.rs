//! NULL: no security, just introductions ([RFC 37], the NULL mechanism).
//!
//! ```text
//! start, send READY ──▶ await READY ──READY──▶ done
//!                            └── ERROR, anything else ──▶ failed
//! ```
//!
//! Both sides say READY without having heard the other: who waits first waits for ever when both do.
//!
//! [RFC 37]: https://rfc.zeromq.org/spec/37/

use crate::error::{ProtocolError, escaped};
use crate::wire::command::{self, Command};
use crate::wire::metadata::Metadata;

/// Our READY is out, the peer's has not come.
#[derive(Debug)]
pub(crate) struct AwaitReady(());

impl AwaitReady {
    /// Says READY.
    pub(super) fn start(metadata: &[u8], out: &mut Vec<u8>) -> Self {
        command::put_ready(out, metadata);
        Self(())
    }

    /// The peer's one command: READY ends the handshake, ERROR refuses us.
    pub(super) fn handle_command(self, command: Command<'_>) -> Result<Metadata, ProtocolError> {
        match command {
            Command::Ready(metadata) => Metadata::decode(metadata),
            Command::Error(reason) => Err(ProtocolError::Refused {
                reason: escaped(reason),
            }),
            other => Err(ProtocolError::Unexpected {
                expected: "READY",
                found: escaped(other.name()),
            }),
        }
    }
}
