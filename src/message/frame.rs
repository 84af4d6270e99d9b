//! One frame of a message, as users hold it: bytes that are cheap to keep, to clone and to compare.
//!
//! How the bytes are kept is nobody's business outside of `message`: up to [`INLINE`] of them lie in the value
//! itself, more are shared.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use bytes::Bytes;

/// The most bytes that are kept in the value itself: with a length and a tag they make forty, the size of a shared
/// buffer and its tag. A routing id and a small body fit.
pub(super) const INLINE: usize = 32;

/// One frame of a [`Message`](crate::Message): bytes, immutable and cheap to clone.
///
/// It dereferences to `[u8]`, converts from and into [`Bytes`], and compares with text and bytes.
///
/// ```
/// use hubless::Frame;
///
/// let frame = Frame::from("weather.berlin");
/// assert_eq!(frame, "weather.berlin");
/// assert!(frame.starts_with(b"weather"));
/// ```
///
/// What it holds is copied in, or shared:
///
/// ```
/// use bytes::Bytes;
/// use hubless::Frame;
///
/// assert_eq!(Frame::copy_from_slice(b"small").into_bytes(), "small");
/// let large = Bytes::from(vec![7; 1000]);
/// assert_eq!(Frame::from(large.clone()).into_bytes().as_ptr(), large.as_ptr());
/// ```
#[derive(Clone)]
pub struct Frame(Repr);

#[derive(Clone)]
enum Repr {
    Inline(Inline),
    Shared(Bytes),
}

impl Frame {
    /// Copies `bytes` into a frame of its own.
    ///
    /// Example: at [`Frame`].
    pub fn copy_from_slice(bytes: &[u8]) -> Self {
        match Inline::new(bytes) {
            Some(inline) => Self(Repr::Inline(inline)),
            None => Self(Repr::Shared(Bytes::copy_from_slice(bytes))),
        }
    }

    /// The frame's bytes, shared with every clone; a small frame is copied.
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Repr::Inline(inline) => Bytes::copy_from_slice(inline.as_slice()),
            Repr::Shared(bytes) => bytes,
        }
    }

    /// A frame of `body`, which is a part of `buffer`: shared unless it is small.
    pub(super) fn part_of(buffer: &Bytes, body: &[u8]) -> Self {
        match Inline::new(body) {
            Some(inline) => Self(Repr::Inline(inline)),
            None => Self(Repr::Shared(buffer.slice_ref(body))),
        }
    }

    #[inline]
    pub(super) fn inline(inline: Inline) -> Self {
        Self(Repr::Inline(inline))
    }

    #[inline]
    pub(super) fn shared(bytes: Bytes) -> Self {
        Self(Repr::Shared(bytes))
    }

    /// Either way of keeping bytes, taken apart.
    #[inline]
    pub(super) fn into_parts(self) -> Result<Inline, Bytes> {
        match self.0 {
            Repr::Inline(inline) => Ok(inline),
            Repr::Shared(bytes) => Err(bytes),
        }
    }

    /// The buffer that the frame shares, if it does.
    #[inline]
    pub(super) fn as_shared(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Inline(_) => None,
            Repr::Shared(bytes) => Some(bytes),
        }
    }
}

impl Default for Frame {
    /// The empty frame.
    fn default() -> Self {
        Self(Repr::Inline(Inline::EMPTY))
    }
}

impl Deref for Frame {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(inline) => inline.as_slice(),
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

// `Eq`, `Ord` and `Hash` are those of the bytes, so a map by frame can be asked by slice.
impl Borrow<[u8]> for Frame {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Frame {}

impl PartialOrd for Frame {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Frame {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Frame {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

/// Shows text as text, other bytes escaped, and no more than the beginning of a long frame.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Escaped(self))
    }
}

/// Bytes for a human: quoted, escaped, and bounded.
pub(super) struct Escaped<'a>(pub(super) &'a [u8]);

impl Escaped<'_> {
    /// Enough to recognise a message in a log line.
    const SHOWN: usize = 64;
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(Self::SHOWN)];
        write!(f, "\"{}\"", shown.escape_ascii())?;
        if shown.len() < self.0.len() {
            write!(f, "… ({} bytes)", self.0.len())
        } else {
            Ok(())
        }
    }
}

/// At most [`INLINE`] bytes in the value itself.
#[derive(Clone, Copy)]
pub(super) struct Inline {
    /// The bytes are two or more frames in wire form, not one body. A `bool`: the values that it cannot have tell
    /// the other variants of a message apart, so that these need no tag of their own.
    several: bool,
    len: u8,
    bytes: Room,
}

/// A whole number of machine words that begins on one: moved in clean pieces. A value of 38 bytes behind a tag is
/// moved in pieces that overlap, each move stalled by the one before (a message received: 105 → 30 ns).
#[derive(Clone, Copy)]
#[repr(align(8))]
struct Room([u8; INLINE]);

impl Inline {
    pub(super) const EMPTY: Self = Self {
        several: false,
        len: 0,
        bytes: Room([0; INLINE]),
    };

    /// A copy of `bytes`, `None` if they are too many.
    #[inline]
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        let mut inline = Self::EMPTY;
        inline.bytes.0.get_mut(..bytes.len())?.copy_from_slice(bytes);
        inline.len = bytes.len() as u8;
        Some(inline)
    }

    /// A copy of `frames`, two or more in wire form; `None` if they are too long.
    #[inline]
    pub(super) fn several(frames: &[u8]) -> Option<Self> {
        Self::new(frames).map(|inline| Self {
            several: true,
            ..inline
        })
    }

    /// One body: the first `len` of `bytes`.
    #[inline]
    pub(super) fn of(bytes: [u8; INLINE], len: usize) -> Self {
        Self {
            several: false,
            len: len as u8,
            bytes: Room(bytes),
        }
    }

    /// Whether the bytes are frames in wire form, not one body.
    #[inline]
    pub(super) fn is_several(&self) -> bool {
        self.several
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes.0[..usize::from(self.len)]
    }

    /// All of the bytes that the value has room for, and how many of them count.
    #[inline]
    pub(super) fn padded(&self) -> (&[u8; INLINE], usize) {
        (&self.bytes.0, usize::from(self.len))
    }
}
