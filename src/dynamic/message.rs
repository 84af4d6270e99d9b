//! A message with what some kinds say beside its frames.

use bytes::Bytes;

use super::Errno;
use crate::message::{self, Frame, Payload};

/// Most bytes of a group's name.
const MAX_GROUP: usize = 255;

/// A message as a [`Socket`](super::Socket) sends and receives it: its frames, and beside them what libzmq calls its
/// properties.
///
/// | kind | its frames | property |
/// |---|---|---|
/// | ROUTER | the peer's routing id, then the message | |
/// | STREAM | the peer's id (five bytes unless it was named), then a piece of its bytes; none when it has come or gone | |
/// | DGRAM | the other side's address as text, then the datagram | |
/// | SERVER, PEER | one | the [number](Self::routing_id) of the peer, not 0 |
/// | RADIO, DISH | one | the [group](Self::group) |
/// | REQ, REP | the question or the answer, without its envelope | |
/// | all others | the message | |
///
/// Whatever is a [`Message`](crate::Message), or becomes one, is one of these without properties.
///
/// # Examples
///
/// ```
/// use hubless::dynamic::Message;
///
/// let message = Message::from(["two", "frames"]);
/// assert_eq!((message.frames().len(), message.routing_id(), message.group()), (2, 0, &b""[..]));
///
/// let answer = Message::from("21 °C").with_routing_id(7);
/// let published = Message::from("21 °C").with_group("weather")?;
/// assert_eq!((answer.routing_id(), published.group()), (7, &b"weather"[..]));
/// # Ok::<(), hubless::dynamic::Errno>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub(super) frames: message::Message,
    pub(super) routing_id: u32,
    pub(super) group: Bytes,
}

impl Message {
    /// Its frames.
    pub fn frames(&self) -> &message::Message {
        &self.frames
    }

    /// Its frames alone.
    pub fn into_frames(self) -> message::Message {
        self.frames
    }

    /// For a SERVER or PEER: the number of the peer that it goes to, or has come from. 0 for none. libzmq:
    /// `zmq_msg_routing_id`.
    pub fn routing_id(&self) -> u32 {
        self.routing_id
    }

    /// For a RADIO or DISH: its group. libzmq: `zmq_msg_group`.
    pub fn group(&self) -> &[u8] {
        &self.group
    }

    /// To the peer of this number. libzmq: `zmq_msg_set_routing_id`.
    #[must_use]
    pub fn with_routing_id(mut self, number: u32) -> Self {
        self.routing_id = number;
        self
    }

    /// In this group. libzmq: `zmq_msg_set_group`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`](Errno::EINVAL) when it has more than 255 bytes.
    pub fn with_group(mut self, group: impl AsRef<[u8]>) -> Result<Self, Errno> {
        let group = group.as_ref();
        if group.len() > MAX_GROUP {
            return Err(Errno::EINVAL);
        }
        self.group = Bytes::copy_from_slice(group);
        Ok(self)
    }

    /// One whose first frame is put before the others.
    pub(super) fn behind(first: Frame, rest: message::Message) -> Self {
        let mut frames = vec![first];
        frames.extend(rest);
        of_frames(frames)
    }
}

/// A message of frames of which there is at least one.
pub(super) fn of_frames(frames: Vec<Frame>) -> Message {
    match message::Message::try_from(frames) {
        Ok(message) => message.into(),
        Err(_) => unreachable!("there is a frame"),
    }
}

impl<'a, T: Into<Payload<'a>>> From<T> for Message {
    fn from(frames: T) -> Self {
        Self {
            frames: frames.into().into_message(),
            routing_id: 0,
            group: Bytes::new(),
        }
    }
}
