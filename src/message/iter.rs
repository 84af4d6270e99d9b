//! Walking a message: by reference, or taking it apart.

use std::fmt;
use std::iter::FusedIterator;
use std::slice;
use std::vec;

use bytes::{Buf, Bytes};

use super::frame::{Frame, Inline};
use super::{Message, Repr};
use crate::frame as wire;

/// The frames of a message, borrowed: see [`Message::iter`].
///
/// # Examples
///
/// ```
/// let message = hubless::Message::from(["a", "b"]);
/// let frames: hubless::Frames<'_> = message.iter();
/// assert!(frames.eq([b"a", b"b"]));
/// ```
#[derive(Clone)]
pub struct Frames<'a>(Borrowed<'a>);

#[derive(Clone)]
enum Borrowed<'a> {
    One(Option<&'a [u8]>),
    Wire(wire::Frames<'a>),
    List(slice::Iter<'a, Frame>),
}

impl<'a> Frames<'a> {
    pub(super) fn one(body: &'a [u8]) -> Self {
        Self(Borrowed::One(Some(body)))
    }

    pub(crate) fn wire(frames: &'a [u8]) -> Self {
        Self(Borrowed::Wire(wire::Frames::new(frames)))
    }

    pub(super) fn list(frames: &'a [Frame]) -> Self {
        Self(Borrowed::List(frames.iter()))
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        match &mut self.0 {
            Borrowed::One(body) => body.take(),
            Borrowed::Wire(frames) => frames.next().map(|(_, body)| body),
            Borrowed::List(frames) => frames.next().map(|frame| &**frame),
        }
    }
}

impl FusedIterator for Frames<'_> {}

impl fmt::Debug for Frames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Frames { .. }")
    }
}

impl<'a> IntoIterator for &'a Message {
    type Item = &'a [u8];
    type IntoIter = Frames<'a>;

    fn into_iter(self) -> Frames<'a> {
        self.iter()
    }
}

/// The frames of a message that is taken apart: `for frame in message`.
///
/// # Examples
///
/// ```
/// let frames: hubless::IntoFrames = hubless::Message::from(["a", "b"]).into_iter();
/// assert!(frames.eq(["a", "b"]));
/// ```
#[derive(Clone)]
pub struct IntoFrames(Owned);

#[derive(Clone)]
enum Owned {
    One(Option<Frame>),
    /// Wire form, read up to `at`.
    Inline {
        frames: Inline,
        at: usize,
    },
    /// What has not been read of a wire form.
    Shared(Bytes),
    List(vec::IntoIter<Frame>),
}

impl IntoFrames {
    /// What has not been given out, as a message; `None` when that is nothing.
    pub(crate) fn remaining(self) -> Option<Message> {
        match self.0 {
            Owned::One(frame) => frame.map(Message::single),
            Owned::Inline { frames, at } => {
                let rest = frames.as_slice().get(at..).filter(|rest| !rest.is_empty())?;
                Some(Message::copied(rest))
            }
            Owned::Shared(rest) if rest.is_empty() => None,
            Owned::Shared(rest) => Some(Message::from_wire(&rest, 0..rest.len())),
            Owned::List(frames) if frames.len() == 0 => None,
            Owned::List(frames) => Some(Message::several(frames.collect())),
        }
    }
}

impl Iterator for IntoFrames {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        match &mut self.0 {
            Owned::One(frame) => frame.take(),
            Owned::Inline { frames, at } => {
                let mut walk = wire::Frames::new(frames.as_slice().get(*at..)?);
                let (header, body) = walk.next()?;
                *at += header.len + body.len();
                Inline::new(body).map(Frame::inline)
            }
            Owned::Shared(frames) => {
                let (header, body) = wire::Frames::new(frames).next()?;
                let (frame, len) = (Frame::part_of(frames, body), header.len + body.len());
                frames.advance(len);
                Some(frame)
            }
            Owned::List(frames) => frames.next(),
        }
    }
}

impl FusedIterator for IntoFrames {}

impl fmt::Debug for IntoFrames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntoFrames { .. }")
    }
}

impl IntoIterator for Message {
    type Item = Frame;
    type IntoIter = IntoFrames;

    fn into_iter(self) -> IntoFrames {
        IntoFrames(match self.0 {
            Repr::Inline(frames) if frames.is_several() => Owned::Inline { frames, at: 0 },
            Repr::Inline(body) => Owned::One(Some(Frame::inline(body))),
            Repr::Shared(body) => Owned::One(Some(Frame::from(body))),
            Repr::SharedFrames(frames) => Owned::Shared(frames),
            Repr::List(frames) => Owned::List(frames.into_iter()),
        })
    }
}

/// A message did not have the number of frames that was asked for. The error holds the message.
///
/// Example: at [`into_frames`](Message::into_frames).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the message has {}, {expected} {} expected", frames(.message.len()), if *.expected == 1 { "was" } else { "were" })]
pub struct FrameCountError {
    message: Message,
    expected: usize,
}

impl FrameCountError {
    pub(super) fn new(message: Message, expected: usize) -> Self {
        Self { message, expected }
    }

    /// The message, whole.
    pub fn into_message(self) -> Message {
        self.message
    }
}

/// How many frames, in words.
fn frames(count: usize) -> String {
    if count == 1 {
        "1 frame".to_owned()
    } else {
        format!("{count} frames")
    }
}
