//! Messages that get an allocation of their own: too large for the value itself, and not so large that it is better to
//! keep alive what they were read into.

use bytes::Bytes;

use super::frame::INLINE;
use super::{COPIED, Message, Repr};
use crate::frame::{Frames, Header};

/// The message at the front of what was read, not copied yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Front<'a> {
    wire: &'a [u8],
    first: &'a [u8],
    is_single: bool,
}

impl<'a> Front<'a> {
    /// The message at the front of `wire`, which is whole messages, if it is one to be copied.
    #[inline(always)]
    pub(crate) fn of(wire: &'a [u8]) -> Option<Self> {
        let header = Header::decode(wire)?;
        if header.has_more() {
            return Self::of_several(wire);
        }
        let size = usize::try_from(header.size).ok()?;
        if size <= INLINE || size > COPIED {
            return None;
        }
        let wire = wire.get(..header.len + size)?;
        Some(Self {
            wire,
            first: wire.get(header.len..)?,
            is_single: true,
        })
    }

    #[inline]
    fn of_several(wire: &'a [u8]) -> Option<Self> {
        let mut frames = Frames::new(wire);
        let (mut header, first) = frames.next()?;
        while header.has_more() {
            (header, _) = frames.next()?;
        }
        let len = wire.len() - frames.rest().len();
        (len > INLINE && len <= COPIED).then(|| Self {
            wire: &wire[..len],
            first,
            is_single: false,
        })
    }

    /// Its first frame's body.
    #[inline]
    pub(crate) fn first_frame(self) -> &'a [u8] {
        self.first
    }

    #[inline]
    pub(crate) fn is_single(self) -> bool {
        self.is_single
    }

    /// How many bytes it takes on the wire.
    #[inline]
    pub(crate) fn wire_len(self) -> usize {
        self.wire.len()
    }

    #[inline(always)]
    pub(crate) fn copy(self) -> Copied {
        let is_single = self.is_single;
        let bytes = if is_single { self.first } else { self.wire };
        Copied {
            bytes: Bytes::copy_from_slice(bytes),
            is_single,
        }
    }
}

/// The bytes of a message, in an allocation of their own.
#[derive(Debug)]
pub(crate) struct Copied {
    bytes: Bytes,
    is_single: bool,
}

impl From<Copied> for Message {
    #[inline(always)]
    fn from(copied: Copied) -> Self {
        Self(if copied.is_single {
            Repr::Shared(copied.bytes)
        } else {
            Repr::SharedFrames(copied.bytes)
        })
    }
}
