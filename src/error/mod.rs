//! What can go wrong.

mod protocol;

pub(crate) use protocol::escaped;
pub use protocol::{Foreign, ProtocolError};
