//! The bytes that name a peer, and the short way to it.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use bytes::Bytes;

use crate::error::escaped;
use crate::message::Frame;
use crate::pipe::PipeId;

/// The bytes by which a [`Router`](crate::Router) knows a peer.
///
/// A peer chooses its own with [`routing_id`](crate::Builder::routing_id): 1 to 255 bytes, the first not 0. Who has none is
/// given one: five bytes, the first 0, which no other peer of this socket has. It is cheap to clone, and two
/// are equal if their bytes are.
///
/// One that came with a message knows the way to its peer, so that an answer finds it in one step. One that a program
/// makes of bytes is looked up.
///
/// # Examples
///
/// ```
/// use hubless::RoutingId;
///
/// let id = RoutingId::from("worker 1");
/// assert_eq!(id, RoutingId::from(b"worker 1"));
/// assert_eq!(id.to_string(), "worker 1");
/// assert_eq!(&id[..6], b"worker");
/// assert_eq!(RoutingId::from(&[0, 1, 2, 3, 255]).to_string(), r"\x00\x01\x02\x03\xff");
/// ```
#[derive(Clone)]
pub struct RoutingId {
    id: Frame,
    /// The pipe of the peer that had it when it came with a message: a hint.
    pipe: Option<PipeId>,
}

impl RoutingId {
    pub(super) fn new(id: Frame, pipe: PipeId) -> Self {
        Self { id, pipe: Some(pipe) }
    }

    #[inline]
    pub(super) fn hint(&self) -> Option<PipeId> {
        self.pipe
    }

    /// Whether a program or a peer may choose it: 1 to 255 bytes, the first not 0.
    pub(crate) fn may_be_chosen(&self) -> bool {
        (1..=255).contains(&self.id.len()) && self.id[0] != 0
    }

    pub(crate) fn frame(&self) -> &Frame {
        &self.id
    }
}

impl Deref for RoutingId {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.id
    }
}

impl AsRef<[u8]> for RoutingId {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

// `Eq`, `Ord` and `Hash` are those of the bytes, so a map by routing id can be asked by slice.
impl Borrow<[u8]> for RoutingId {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl PartialEq for RoutingId {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for RoutingId {}

impl PartialOrd for RoutingId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RoutingId {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for RoutingId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

/// The bytes as text; what is not printable is escaped.
impl fmt::Display for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escaped(self))
    }
}

impl fmt::Debug for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoutingId(\"{self}\")")
    }
}

macro_rules! from_bytes {
    ($([$($generics:tt)*] $source:ty),*) => {$(
        impl<$($generics)*> From<$source> for RoutingId {
            fn from(bytes: $source) -> Self {
                Self {
                    id: bytes.into(),
                    pipe: None,
                }
            }
        }
    )*};
}

from_bytes!([] &[u8], [const N: usize] &[u8; N], [] &str, [] String, [] Vec<u8>, [] Bytes, [] &Bytes, [] Frame);

impl From<&RoutingId> for RoutingId {
    fn from(id: &RoutingId) -> Self {
        id.clone()
    }
}

impl From<RoutingId> for Frame {
    fn from(id: RoutingId) -> Self {
        id.id
    }
}
