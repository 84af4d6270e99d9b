//! How frames are spelled where they do not go over the wire as they are.
//!
//! ```text
//! plain frames ──put──▶ the connection's own ──▶ wire ──▶ its own ──take──▶ plain frames
//! ```
//!
//! Inside the house a message is a run of plain ZMTP 3 frames, and usually on the wire too. CURVE seals each of them,
//! ZMTP 1.0 writes them in another way. Both are a translation of one frame at a time, at the edge of the house: whoever
//! has plain frames before the one and behind the other need not know of it. A spelling may count what passes (CURVE
//! does), so frames are put in the order in which they go out.

use std::fmt;

use bytes::BytesMut;

use crate::error::ProtocolError;

/// Translates frames one by one.
pub(crate) trait Spelling: Send + fmt::Debug {
    /// Appends a frame of ours to what goes out. `flags` are those of the plain frame, without LONG.
    fn put(&mut self, flags: u8, body: &[u8], out: &mut Vec<u8>) -> Result<(), ProtocolError>;

    /// Takes the first frame of the peer's off `input` and appends it to `plain`, as a plain one. A body of more than
    /// `allowance` bytes is refused before there is room for it.
    fn take(
        &mut self,
        input: &mut BytesMut,
        plain: &mut BytesMut,
        allowance: u64,
    ) -> Result<Taken, ProtocolError>;
}

/// What became of the first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is in `plain` now.
    Whole,
    /// It is not all there: with its header it ends behind this many bytes, or later.
    Partial { need: usize },
}

/// The size of a body, if that is allowed; else it is told of what it was to be.
pub(crate) fn check_size(what: &'static str, size: u64, allowance: u64) -> Result<usize, ProtocolError> {
    match usize::try_from(size) {
        Ok(fits) if size <= allowance => Ok(fits),
        _ => Err(ProtocolError::TooLarge {
            what,
            size,
            limit: allowance,
        }),
    }
}
