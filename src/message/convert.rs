//! From everything that can be sent, and comparisons with text and bytes.
//!
//! `Payload` is implemented type by type rather than for everything that converts into `Message`, so that users
//! can add their own.

use bytes::{Bytes, BytesMut};

use super::frame::{Frame, Inline};
use super::payload::{Payload, Repr};
use super::{LARGE, Message};

/// What lends its bytes: copied once, where they go.
macro_rules! from_borrowed {
    ($([$($generics:tt)*] $source:ty),* $(,)?) => {$(
        impl<'a, $($generics)*> From<&'a $source> for Payload<'a> {
            #[inline]
            fn from(bytes: &'a $source) -> Self {
                Payload(Repr::Slice(bytes.as_ref()))
            }
        }

        impl<$($generics)*> From<&$source> for Frame {
            #[inline]
            fn from(bytes: &$source) -> Self {
                Frame::copy_from_slice(bytes.as_ref())
            }
        }

        impl<$($generics)*> From<&$source> for Message {
            #[inline]
            fn from(bytes: &$source) -> Self {
                Message::single(bytes.into())
            }
        }
    )*};
}

from_borrowed!([] str, [] String, [] [u8], [] Vec<u8>, [const N: usize] [u8; N]);

/// What owns its bytes, or shares them: handed over unless few.
macro_rules! from_owned {
    ($($source:ty),*) => {$(
        impl From<$source> for Frame {
            fn from(bytes: $source) -> Self {
                match Inline::new(bytes.as_ref()) {
                    Some(inline) => Frame::inline(inline),
                    None => Frame::shared(bytes.into()),
                }
            }
        }

        impl From<$source> for Message {
            fn from(bytes: $source) -> Self {
                Message::single(bytes.into())
            }
        }

        impl From<$source> for Payload<'_> {
            fn from(bytes: $source) -> Self {
                Payload(Repr::Message(bytes.into()))
            }
        }
    )*};
}

from_owned!(Bytes, BytesMut, Vec<u8>, Box<[u8]>, String);

impl From<&Bytes> for Frame {
    fn from(bytes: &Bytes) -> Self {
        Frame::part_of(bytes, bytes)
    }
}

/// What is shared anyway: cloned, which copies few bytes or none.
macro_rules! from_shared {
    ($($source:ty),*) => {$(
        impl From<&$source> for Message {
            fn from(bytes: &$source) -> Self {
                Message::single(bytes.clone().into())
            }
        }

        impl From<&$source> for Payload<'_> {
            fn from(bytes: &$source) -> Self {
                Payload(Repr::Message(bytes.into()))
            }
        }
    )*};
}

from_shared!(Bytes, Frame);

impl From<Frame> for Message {
    #[inline]
    fn from(frame: Frame) -> Self {
        Message::single(frame)
    }
}

impl From<Frame> for Payload<'_> {
    #[inline]
    fn from(frame: Frame) -> Self {
        Payload(Repr::Message(frame.into()))
    }
}

impl From<Message> for Payload<'_> {
    #[inline]
    fn from(message: Message) -> Self {
        Payload(Repr::Message(message))
    }
}

impl From<&Message> for Payload<'_> {
    fn from(message: &Message) -> Self {
        message.clone().into()
    }
}

impl From<Payload<'_>> for Message {
    fn from(payload: Payload<'_>) -> Self {
        payload.into_message()
    }
}

impl From<Frame> for Bytes {
    fn from(frame: Frame) -> Self {
        frame.into_bytes()
    }
}

impl From<Frame> for Vec<u8> {
    fn from(frame: Frame) -> Self {
        match frame.into_parts() {
            Ok(inline) => inline.as_slice().to_vec(),
            Err(bytes) => bytes.into(),
        }
    }
}

/// A list of frames that is to be a message was empty.
///
/// # Examples
///
/// ```
/// use hubless::{Message, NoFrames};
///
/// assert_eq!(Message::try_from(Vec::<hubless::Frame>::new()), Err(NoFrames));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message has at least one frame")]
pub struct NoFrames;

impl TryFrom<Vec<Frame>> for Message {
    type Error = NoFrames;

    /// Fails when there is no frame.
    fn try_from(frames: Vec<Frame>) -> Result<Self, NoFrames> {
        if frames.is_empty() {
            Err(NoFrames)
        } else {
            Ok(Message::several(frames))
        }
    }
}

impl<'a, T: Into<Payload<'a>>, const N: usize> From<[T; N]> for Message {
    fn from(parts: [T; N]) -> Self {
        const { assert!(N > 0, "a message has at least one frame") };
        join(parts.map(Into::into))
    }
}

impl<'a, T: Into<Payload<'a>>, const N: usize> From<[T; N]> for Payload<'a> {
    fn from(parts: [T; N]) -> Self {
        Payload(Repr::Message(parts.into()))
    }
}

macro_rules! from_tuples {
    ($(($($part:ident $index:tt),+))*) => {$(
        impl<'a, $($part: Into<Payload<'a>>),+> From<($($part,)+)> for Message {
            fn from(parts: ($($part,)+)) -> Self {
                join([$(parts.$index.into()),+])
            }
        }

        impl<'a, $($part: Into<Payload<'a>>),+> From<($($part,)+)> for Payload<'a> {
            fn from(parts: ($($part,)+)) -> Self {
                Payload(Repr::Message(parts.into()))
            }
        }
    )*};
}

from_tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}

/// One message of all frames of all `parts`, of which there is at least one.
fn join<const N: usize>(parts: [Payload<'_>; N]) -> Message {
    if N == 1
        || parts
            .iter()
            .any(|part| part.frames().any(|frame| frame.len() >= LARGE))
    {
        return Message::several(parts.into_iter().flat_map(Payload::into_message).collect());
    }
    Message::wire_form_of(parts.iter().flat_map(Payload::frames))
}

/// Comparisons with one frame's bytes, in either type.
macro_rules! compare {
    ($([$($generics:tt)*] $other:ty),* $(,)?) => {$(
        impl<$($generics)*> PartialEq<$other> for Frame {
            fn eq(&self, other: &$other) -> bool {
                let other: &[u8] = other.as_ref();
                **self == *other
            }
        }

        /// Equal only if the message has a single frame.
        impl<$($generics)*> PartialEq<$other> for Message {
            fn eq(&self, other: &$other) -> bool {
                let mut frames = self.iter();
                frames.next() == Some(other.as_ref()) && frames.next().is_none()
            }
        }
    )*};
}

compare!(
    [] str, [] &str, [] String,
    [] [u8], [] &[u8], [] Vec<u8>, [] Bytes,
    [const N: usize] [u8; N], [const N: usize] &[u8; N],
);
