//! The messages that travel: each can be told from every other, and one wrong byte is seen.
//!
//! The first frame begins with who sent it and its number; all other bytes follow from these, so a message that
//! arrives is compared with the one that its sender would have made, byte by byte and frame by frame.

use bytes::Bytes;
use hubless::{Frame, Message};

use crate::dice::Dice;

/// The sending socket and the message's number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    pub(crate) socket: u16,
    pub(crate) number: u32,
}

/// Bytes at the front of the first frame that name the message.
pub(crate) const NAME: usize = 8;

/// The first byte of every message.
pub(crate) const SIGN: u8 = 0x5a;

/// The second byte is one of so many topics.
pub(crate) const TOPICS: u8 = 4;

impl Id {
    pub(crate) fn topic(self) -> u8 {
        (self.number % u32::from(TOPICS)) as u8
    }

    pub(crate) fn encode(self) -> [u8; NAME] {
        let socket = u8::try_from(self.socket).expect("no story has so many sockets");
        let [n0, n1, n2, n3] = self.number.to_be_bytes();
        [SIGN, self.topic(), socket, n0, n1, n2, n3, SIGN ^ socket ^ n3]
    }

    pub(crate) fn decode(name: &[u8]) -> Option<Self> {
        let [SIGN, topic, socket, n0, n1, n2, n3, check] = *name.first_chunk::<NAME>()? else {
            return None;
        };
        let id = Self {
            socket: socket.into(),
            number: u32::from_be_bytes([n0, n1, n2, n3]),
        };
        (check == SIGN ^ socket ^ n3 && topic == id.topic()).then_some(id)
    }
}

/// What a message looks like: the sizes of its frames. The first is at least [`NAME`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape(pub(crate) Vec<u32>);

impl Shape {
    fn body(&self, id: Id, frame: usize) -> Vec<u8> {
        let size = self.0[frame] as usize;
        let mut body = Vec::with_capacity(size + 8);
        if frame == 0 {
            body.extend_from_slice(&id.encode());
        }
        let mut dice =
            Dice::new(u64::from(id.socket) << 48 | (frame as u64) << 40 | u64::from(id.number) << 1 | 1);
        while body.len() < size {
            body.extend_from_slice(&dice.roll().to_le_bytes());
        }
        body.truncate(size);
        body
    }

    pub(crate) fn bodies(&self, id: Id) -> Vec<Vec<u8>> {
        (0..self.0.len()).map(|frame| self.body(id, frame)).collect()
    }

    pub(crate) fn message(&self, id: Id) -> Message {
        let mut bodies = self.bodies(id);
        if bodies.len() == 1 {
            return Message::from(Bytes::from(bodies.remove(0)));
        }
        let frames: Vec<Frame> = bodies
            .into_iter()
            .map(|body| Frame::from(Bytes::from(body)))
            .collect();
        Message::try_from(frames).expect("a shape has a frame")
    }

    /// Bytes on the wire: bodies and their headers.
    pub(crate) fn wire_len(&self) -> u64 {
        self.0
            .iter()
            .map(|&size| u64::from(size) + if size <= 255 { 2 } else { 9 })
            .sum()
    }

    /// What is wrong with a message that claims to be this one.
    pub(crate) fn compare(&self, id: Id, message: &Message) -> Result<(), String> {
        if message.len() != self.0.len() {
            return Err(format!(
                "{id:?} has {} frames and arrived with {}",
                self.0.len(),
                message.len()
            ));
        }
        for (frame, found) in message.iter().enumerate() {
            if found != self.body(id, frame) {
                return Err(format!("{id:?} arrived with another frame {frame}"));
            }
        }
        Ok(())
    }
}
