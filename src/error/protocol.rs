//! To come.

/// Why a session refused its peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The handshake was not complete in time.
    #[error("the handshake was not complete in time")]
    HandshakeTimeout,
}
