//! Messages: what users send and receive.
//!
//! A [`Message`] is an ordered list of one or more [`Frame`]s. Inside the house a message is a run of plain ZMTP
//! frames, and so is a message with several frames here: its wire form in one buffer, walked when somebody asks for
//! a part. So a message costs one allocation at most, whatever its shape, and none when it is small:
//!
//! ```text
//!             up to 32 bytes      more            a user's large frames
//! one frame   inline body         shared body
//! several     inline wire form    shared wire form    list of frames
//! ```
//!
//! The list keeps large frames that a user put together apart from each other, so that each goes to the kernel by
//! reference. [`Payload`] is what `send` takes: it may also borrow a slice, which then is copied once, straight into
//! the outgoing log.

mod convert;
mod copied;
mod envelope;
mod frame;
mod iter;
mod payload;
mod small;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;

use bytes::Bytes;

pub use convert::NoFrames;
pub(crate) use copied::{Copied, Front};
pub(crate) use envelope::Envelope;
pub use frame::Frame;
pub use iter::{FrameCountError, Frames, IntoFrames};
pub use payload::Payload;
pub(crate) use small::Small;

use crate::frame::{Header, MORE, Popped, Run, framed_len, put_header};
use frame::{Escaped, Inline};

/// Received bodies up to this size get an allocation of their own. A slice of the receive buffer costs less, but
/// keeps 256 KiB alive for as long as the slowest of its holders likes.
const COPIED: usize = 8 * 1024;

/// A user's frame of this size or more is kept apart from the others of its message, to go out by reference: from
/// here on a copy costs more than another slice in a vectored write.
const LARGE: usize = 32 * 1024;

const _: () =
    assert!(size_of::<Message>() == 40 && size_of::<Frame>() == 40 && size_of::<Payload<'_>>() == 40);

/// An ordered list of one or more frames, delivered whole or not at all.
///
/// Most messages have one frame and compare with text and bytes directly. Messages with several frames come from
/// tuples, arrays and vectors, and are taken apart with [`into_frames`](Self::into_frames).
///
/// Cloning is cheap: the bytes are shared, or few.
///
/// ```
/// use hubless::Message;
///
/// let message = Message::from("hello");
/// assert_eq!(message, "hello");
///
/// let message = Message::from(("weather.berlin", vec![21, 60]));
/// assert_eq!(message.len(), 2);
/// assert_eq!(message.frame(0), Some(&b"weather.berlin"[..]));
///
/// let [topic, body] = message.into_frames()?;
/// assert_eq!(topic, "weather.berlin");
/// assert_eq!(body, [21, 60]);
/// # Ok::<(), hubless::FrameCountError>(())
/// ```
#[derive(Clone)]
pub struct Message(Repr);

#[derive(Clone)]
enum Repr {
    /// One frame's body, or two or more frames in wire form: it says which.
    Inline(Inline),
    /// One frame: its body.
    Shared(Bytes),
    /// Two or more frames in wire form, whole.
    SharedFrames(Bytes),
    /// Two or more frames, some of them large.
    List(Vec<Frame>),
}

impl Message {
    /// The number of frames, at least one.
    #[allow(clippy::len_without_is_empty)] // A message always has a frame; whether that is empty is another question.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Inline(inline) if !inline.is_several() => 1,
            Repr::Shared(_) => 1,
            Repr::List(frames) => frames.len(),
            Repr::Inline(_) | Repr::SharedFrames(_) => self.iter().count(),
        }
    }

    /// The number of bytes in all frames together.
    pub fn byte_len(&self) -> usize {
        match &self.0 {
            Repr::Inline(body) if !body.is_several() => body.as_slice().len(),
            Repr::Shared(body) => body.len(),
            _ => self.iter().map(<[u8]>::len).sum(),
        }
    }

    /// The frame at `index`, counted from zero.
    ///
    /// Example: at [`Message`].
    pub fn frame(&self, index: usize) -> Option<&[u8]> {
        self.iter().nth(index)
    }

    /// The frames, one after the other.
    ///
    /// ```
    /// let message = hubless::Message::from(["a", "b"]);
    /// assert!(message.iter().eq([b"a", b"b"]));
    /// ```
    pub fn iter(&self) -> Frames<'_> {
        match &self.0 {
            Repr::Inline(frames) if frames.is_several() => Frames::wire(frames.as_slice()),
            Repr::Inline(body) => Frames::one(body.as_slice()),
            Repr::Shared(body) => Frames::one(body),
            Repr::SharedFrames(frames) => Frames::wire(frames),
            Repr::List(frames) => Frames::list(frames),
        }
    }

    /// Takes a message of exactly `N` frames apart.
    ///
    /// # Errors
    ///
    /// Gives the message back when it has another number of frames.
    ///
    /// ```
    /// let message = hubless::Message::from(("topic", "body"));
    /// let error = message.into_frames::<3>().expect_err("there are two frames");
    /// assert_eq!(error.to_string(), "the message has 2 frames, 3 were expected");
    /// let [topic, body] = error.into_message().into_frames()?;
    /// assert_eq!((topic, body), ("topic".into(), "body".into()));
    /// # Ok::<(), hubless::FrameCountError>(())
    /// ```
    pub fn into_frames<const N: usize>(self) -> Result<[Frame; N], FrameCountError> {
        if self.len() != N {
            return Err(FrameCountError::new(self, N));
        }
        let mut frames = self.into_iter();
        Ok(std::array::from_fn(|_| {
            frames.next().expect("the frames were counted just now")
        }))
    }

    /// The body of a message of one frame.
    ///
    /// # Errors
    ///
    /// Gives the message back when it has more frames.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::Message;
    ///
    /// assert_eq!(Message::from("one").into_bytes().expect("it has one frame"), "one");
    /// assert_eq!(Message::from(("one", "two")).into_bytes().expect_err("it has two").into_message().len(), 2);
    /// ```
    pub fn into_bytes(self) -> Result<Bytes, FrameCountError> {
        self.into_frames::<1>().map(|[frame]| frame.into_bytes())
    }

    /// What an [`XPub`](crate::XPub) receives when somebody subscribes, or does not want a topic any more: whether it is a
    /// subscription, and the topic. `None` for any other message.
    ///
    /// On the wire and here this is a message of one frame: 01 or 00, and the topic. An [`XSub`](crate::XSub) that is sent
    /// such a message subscribes, or takes a subscription back.
    ///
    /// ```
    /// use hubless::Message;
    ///
    /// assert_eq!(Message::from(b"\x01news").as_subscription(), Some((true, &b"news"[..])));
    /// assert_eq!(Message::from(b"\x00").as_subscription(), Some((false, &b""[..])));
    /// assert_eq!(Message::from("news").as_subscription(), None);
    /// assert_eq!(Message::from((b"\x01news", "more")).as_subscription(), None);
    /// ```
    pub fn as_subscription(&self) -> Option<(bool, &[u8])> {
        let mut frames = self.iter();
        match (frames.next()?, frames.next()) {
            ([1, topic @ ..], None) => Some((true, topic)),
            ([0, topic @ ..], None) => Some((false, topic)),
            _ => None,
        }
    }

    /// The addresses in front of a request and the request itself: what stands before and behind the first empty
    /// frame. `None` when there is no empty frame, or nothing behind it.
    ///
    /// A REQ puts such an envelope around its requests, and each ROUTER on the way adds an address to it; whoever
    /// answers by hand sends the reply back [in the same envelope](Self::with_envelope).
    ///
    /// ```
    /// let message = hubless::Message::from(["peer", "", "question"]);
    /// let (envelope, body) = message.split_envelope().expect("there is an empty frame");
    /// assert_eq!(envelope, ["peer"]);
    /// assert_eq!(body, "question");
    ///
    /// let reply = hubless::Message::with_envelope(envelope, "answer");
    /// assert_eq!(reply, hubless::Message::from(["peer", "", "answer"]));
    /// ```
    pub fn split_envelope(&self) -> Option<(Vec<Frame>, Message)> {
        let delimiter = self.iter().position(<[u8]>::is_empty)?;
        let mut frames = self.clone().into_iter();
        let envelope = frames.by_ref().take(delimiter).collect();
        frames.next();
        Some((envelope, frames.remaining()?))
    }

    /// Puts the addresses of `envelope` and an empty frame in front of `body`: the opposite of
    /// [`split_envelope`](Self::split_envelope).
    ///
    /// Example: at [`split_envelope`](Self::split_envelope).
    pub fn with_envelope<'a>(
        envelope: impl IntoIterator<Item = Frame>,
        body: impl Into<Payload<'a>>,
    ) -> Message {
        let mut frames: Vec<Frame> = envelope.into_iter().collect();
        frames.push(Frame::default());
        frames.extend(body.into().into_message());
        Self::several(frames)
    }
}

/// Between the wire and users.
impl Message {
    /// The message whose frames, valid and nothing else, lie at `range` in `chunk`; their reserved flags are clear.
    #[inline]
    pub(crate) fn from_wire(chunk: &Bytes, range: Range<usize>) -> Message {
        match Small::at_front_of(&chunk[range.start..]) {
            Some(small) => small.into(),
            None => Self::from_frames_of(chunk, &chunk[range]),
        }
    }

    /// Takes the first message out of a run, `None` if there is none.
    #[inline]
    pub(crate) fn pop_from(run: &mut Run) -> Option<Message> {
        Some(match run.pop_message()? {
            Popped::Frames { from, len } => match Small::at_front_of(from) {
                Some(small) => small.into(),
                None => Self::copied(&from[..len]),
            },
            Popped::Body(body) => Message::from(body),
            Popped::Bodies(bodies) => Self::several(bodies.into_iter().map(Frame::from).collect()),
        })
    }

    /// Any message, from a chunk that it may keep alive.
    fn from_frames_of(chunk: &Bytes, wire: &[u8]) -> Message {
        let (single, bytes) = match only_body(wire) {
            Some(body) => (true, body),
            None => (false, wire),
        };
        if bytes.len() <= COPIED {
            return Self::copied(wire);
        }
        let bytes = chunk.slice_ref(bytes);
        Message(if single {
            Repr::Shared(bytes)
        } else {
            Repr::SharedFrames(bytes)
        })
    }

    /// Any message, from a buffer that is used again.
    fn copied(wire: &[u8]) -> Message {
        if let Some(body) = only_body(wire) {
            return Message::from(body);
        }
        Message(match Inline::several(wire) {
            Some(inline) => Repr::Inline(inline),
            None => Repr::SharedFrames(Bytes::copy_from_slice(wire)),
        })
    }

    /// Adds the frames of this message to a run; bodies from `share_from` bytes on go by reference.
    #[inline]
    pub(crate) fn encode(&self, run: &mut Run, share_from: usize) {
        match &self.0 {
            Repr::Inline(frames) if frames.is_several() => run.put_frames(frames.as_slice()),
            Repr::Inline(body) => {
                let (padded, len) = body.padded();
                run.put_padded(padded, len);
            }
            Repr::Shared(body) => run.put_bytes(0, body, share_from),
            Repr::SharedFrames(frames) => run.put_frames_by_reference(frames, share_from),
            Repr::List(frames) => {
                for (i, frame) in frames.iter().enumerate() {
                    let flags = if i + 1 < frames.len() { MORE } else { 0 };
                    match frame.as_shared() {
                        Some(bytes) => run.put_bytes(flags, bytes, share_from),
                        None => run.put(flags, frame),
                    }
                }
            }
        }
    }

    /// Its frames in wire form.
    pub(crate) fn to_wire(&self) -> Bytes {
        let mut run = Run::default();
        self.encode(&mut run, usize::MAX);
        Bytes::copy_from_slice(run.front())
    }

    /// The number of bytes that [`encode`](Self::encode) adds.
    pub(crate) fn wire_len(&self) -> usize {
        match &self.0 {
            Repr::Inline(frames) if frames.is_several() => frames.as_slice().len(),
            Repr::SharedFrames(frames) => frames.len(),
            _ => self.iter().map(|body| framed_len(body.len())).sum(),
        }
    }
}

/// Putting messages together.
impl Message {
    #[inline]
    fn single(frame: Frame) -> Message {
        Message(match frame.into_parts() {
            Ok(inline) => Repr::Inline(inline),
            Err(bytes) => Repr::Shared(bytes),
        })
    }

    /// A message of `frames`, which are not none.
    fn several(mut frames: Vec<Frame>) -> Message {
        debug_assert!(!frames.is_empty());
        if frames.len() <= 1 {
            return Self::single(frames.pop().unwrap_or_default());
        }
        if frames.iter().any(|frame| frame.len() >= LARGE) {
            return Message(Repr::List(frames));
        }
        Self::wire_form_of(frames.iter().map(|frame| &**frame))
    }

    /// A message of two or more bodies, in wire form.
    fn wire_form_of<'a>(bodies: impl Iterator<Item = &'a [u8]> + Clone) -> Message {
        let len = bodies.clone().map(|body| framed_len(body.len())).sum();
        let mut wire = Vec::with_capacity(len);
        let mut bodies = bodies.peekable();
        while let Some(body) = bodies.next() {
            let flags = if bodies.peek().is_some() { MORE } else { 0 };
            put_header(&mut wire, flags, body.len());
            wire.extend_from_slice(body);
        }
        Message(match Inline::several(&wire) {
            Some(inline) => Repr::Inline(inline),
            None => Repr::SharedFrames(wire.into()),
        })
    }
}

/// The body of the only frame of `wire`, `None` if there are several.
fn only_body(wire: &[u8]) -> Option<&[u8]> {
    let header = Header::decode(wire)?;
    if header.has_more() {
        None
    } else {
        wire.get(header.len..)
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Message {}

impl Hash for Message {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for frame in self {
            frame.hash(state);
        }
    }
}

/// Shows the frames' bytes as text, escaped, and only the beginning of what is long.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        f.write_str("[")?;
        for (i, frame) in self.iter().take(SHOWN).enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { ", " }, Escaped(frame))?;
        }
        if self.len() > SHOWN {
            write!(f, ", … ({} frames)", self.len())?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests;
