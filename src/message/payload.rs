//! What `send` takes.

use bytes::Bytes;

use super::{Frames, Message};
use crate::frame::{Run, framed_len};

/// A slice must be copied somewhere. From this many times the size on at which shared bytes go by reference, a copy
/// of its own, which then goes by reference, is better than one in a log that grows beyond the cache.
const COPY_APART: usize = 4;

/// Something to send: a message, or a borrowed slice that becomes one.
///
/// Every method that sends takes `impl Into<Payload<'_>>`. A borrowed slice or text is copied once, straight to
/// where it is sent from, without an allocation; what owns its bytes ([`Bytes`], `Vec<u8>`, `String`,
/// [`Message`]) hands them over. Tuples and arrays are messages of several frames:
///
/// ```
/// use hubless::{Message, Payload};
///
/// fn send<'a>(payload: impl Into<Payload<'a>>) -> Message {
///     payload.into().into_message()
/// }
///
/// assert_eq!(send("text").len(), 1);
/// assert_eq!(send(&[1, 2, 3]).byte_len(), 3);
/// assert_eq!(send(("topic", vec![1, 2, 3])).len(), 2);
/// assert_eq!(send(["a", "b", "c"]).len(), 3);
/// ```
///
/// A part of a tuple or array may itself be a message of several frames; its frames then stand in its place.
///
/// Your own types can be sent too:
///
/// ```
/// # use hubless::Payload;
/// struct Reading { celsius: f32 }
///
/// impl From<Reading> for Payload<'static> {
///     fn from(reading: Reading) -> Self {
///         reading.celsius.to_be_bytes().to_vec().into()
///     }
/// }
/// ```
///
/// No message is empty, so neither is an array that becomes one:
///
/// ```compile_fail
/// let none: [&str; 0] = [];
/// let message = hubless::Message::from(none);
/// ```
#[derive(Debug, Clone)]
pub struct Payload<'a>(pub(super) Repr<'a>);

#[derive(Debug, Clone)]
pub(super) enum Repr<'a> {
    Slice(&'a [u8]),
    Message(Message),
}

impl<'a> Payload<'a> {
    /// The message that would be sent; a slice is copied.
    pub fn into_message(self) -> Message {
        match self.0 {
            Repr::Slice(slice) => slice.into(),
            Repr::Message(message) => message,
        }
    }

    /// The number of bytes in all frames together.
    #[inline]
    pub fn byte_len(&self) -> usize {
        match &self.0 {
            Repr::Slice(slice) => slice.len(),
            Repr::Message(message) => message.byte_len(),
        }
    }

    /// The number of frames.
    #[inline]
    pub(crate) fn frame_count(&self) -> usize {
        match &self.0 {
            Repr::Slice(_) => 1,
            Repr::Message(message) => message.len(),
        }
    }

    /// The body of the first frame.
    #[inline]
    pub(crate) fn first_frame(&self) -> &[u8] {
        match &self.0 {
            Repr::Slice(slice) => slice,
            Repr::Message(message) => message.frame(0).unwrap_or_default(),
        }
    }

    /// The number of bytes that [`encode`](Self::encode) adds.
    #[inline]
    pub(crate) fn wire_len(&self) -> usize {
        match &self.0 {
            Repr::Slice(slice) => framed_len(slice.len()),
            Repr::Message(message) => message.wire_len(),
        }
    }

    /// Adds the frames to a run; shared bodies from `share_from` bytes on go by reference.
    #[inline]
    pub(crate) fn encode(&self, run: &mut Run, share_from: usize) {
        match &self.0 {
            Repr::Slice(slice) if slice.len() < share_from.saturating_mul(COPY_APART) => run.put(0, slice),
            Repr::Slice(slice) => run.put_bytes(0, &Bytes::copy_from_slice(slice), share_from),
            Repr::Message(message) => message.encode(run, share_from),
        }
    }

    /// The frames' bodies.
    pub(crate) fn frames(&self) -> Frames<'_> {
        match &self.0 {
            Repr::Slice(slice) => Frames::one(slice),
            Repr::Message(message) => message.iter(),
        }
    }
}
