//! Why.
use crate::socket_kind::SocketKind;
/// x
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum ProtocolError {
    #[error("hs")] HandshakeTimeout,
    #[error("m")] Malformed { what: &'static str, problem: String },
    #[error("t")] TooLarge { what: &'static str, size: u64, limit: u64 },
    #[error("n")] TooMany { what: &'static str, limit: u64 },
    #[error("k")] Kind { ours: SocketKind, theirs: String },
}
impl ProtocolError { #[allow(missing_docs)] pub fn is_fatal_refusal(&self) -> bool { true } }
