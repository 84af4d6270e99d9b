//! A small message on its way from the wire to the program, not put together yet.
//!
//! A [`Message`] that goes from hand to hand is written and read back each time, and reading a word that was written
//! in pieces waits for the cache. So what nearly every message is travels as its pieces, and becomes a message last.

use std::ops::Range;

use super::frame::{INLINE, Inline};
use super::{Message, Repr};
use crate::frame::{LONG, MORE};

/// A message of one frame of at most [`INLINE`] bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Small {
    bytes: [u8; INLINE],
    len: usize,
}

impl Small {
    /// The message at the front of `wire`, if it is small and enough stands there: a fixed number of bytes is copied,
    /// whatever they are, a few moves instead of a call.
    #[inline(always)]
    pub(crate) fn at_front_of(wire: &[u8]) -> Option<Self> {
        let ([flags, len], body) = wire.split_first_chunk()?;
        let len = usize::from(*len);
        if flags & (MORE | LONG) != 0 || len > INLINE {
            return None;
        }
        let bytes = *body.first_chunk()?;
        Some(Self { bytes, len })
    }

    /// Where its body stands on the wire.
    #[inline]
    pub(crate) fn body(&self) -> Range<usize> {
        2..self.wire_len()
    }

    /// How many bytes it takes on the wire.
    #[inline]
    pub(crate) fn wire_len(&self) -> usize {
        2 + self.len
    }
}

impl From<Small> for Message {
    #[inline(always)]
    fn from(small: Small) -> Self {
        Self(Repr::Inline(Inline::of(small.bytes, small.len)))
    }
}
