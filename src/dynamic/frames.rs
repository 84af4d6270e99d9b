//! Messages given and taken frame by frame.
//!
//! ```text
//!  send(a, SNDMORE)  send(b, SNDMORE)  send(c) ──▶ [a b c] ──▶ the socket ──▶ [a b c] ──▶ recv: a, b, c
//! ```
//!
//! Nothing of a message goes out before its last frame: it is whole on the wire and in its queue, as every message is.
//! What libzmq says to the first frame is said to the first frame here too, and room for the message is kept from then on.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use super::built::Built;
use super::message::{Message, of_frames};
use super::receiving::Manners;
use super::sending::Limit;
use super::socket::Inner;
use super::{Errno, flag, option};
use crate::message::Frame;
use crate::socket::Room;

/// A message of which not all frames have been given yet.
#[derive(Default)]
pub(super) struct Outgoing {
    pub(super) frames: Vec<Frame>,
    pub(super) room: Option<Room>,
}

/// A message of which not all frames have been taken yet.
#[derive(Default)]
pub(super) struct Incoming {
    pub(super) rest: VecDeque<Frame>,
}

impl Inner {
    fn limit(&self, flags: i32, option: i32) -> Limit {
        if flags & flag::DONTWAIT != 0 {
            return Some(Duration::ZERO);
        }
        self.settings.lock().limit(option)
    }

    /// Sends a message, or a part of one.
    pub(super) fn send(&self, mut message: Message, flags: i32) -> Result<(), Errno> {
        let built = self.built()?;
        let more = flags & flag::SNDMORE != 0;
        let Manners { relaxed, mandatory } = self.manners();
        let mut begun = mem::take(&mut *self.outgoing.lock());
        if begun.frames.is_empty() {
            built.may_begin(relaxed)?;
            self.has_heard_all(built, relaxed)?;
        }
        if more && built.has_single_frames() {
            return Err(Errno::EINVAL);
        }
        let more = match built.takes_more(begun.frames.len()) {
            Some(takes_more) => takes_more && more,
            None if more => {
                *self.outgoing.lock() = begun;
                return Err(Errno::EINVAL);
            }
            None => false,
        };
        let limit = self.limit(flags, option::SNDTIMEO);
        if more {
            let added = self.begin(built, &mut begun, &message, mandatory, limit);
            if added.is_ok() {
                begun.frames.extend(message.frames);
            }
            *self.outgoing.lock() = begun;
            return added;
        }
        let Outgoing { mut frames, room } = begun;
        if frames.is_empty() {
            return built.send(message, room, limit);
        }
        let kept = frames.clone();
        frames.extend(message.frames);
        message.frames = of_frames(frames).frames;
        let sent = built.send(message, room, limit);
        if sent == Err(Errno::EAGAIN) {
            self.outgoing.lock().frames = kept;
        }
        sent
    }

    /// Whether the question or the answer that is to be sent on was heard to its end.
    fn has_heard_all(&self, built: &Built, relaxed: bool) -> Result<(), Errno> {
        let mut incoming = self.incoming.lock();
        if !built.takes_turns() || incoming.rest.is_empty() {
            return Ok(());
        }
        if !relaxed {
            return Err(Errno::EFSM);
        }
        incoming.rest.clear();
        Ok(())
    }

    /// What the first frame of a message is told.
    fn begin(
        &self,
        built: &Built,
        begun: &mut Outgoing,
        message: &Message,
        mandatory: bool,
        limit: Limit,
    ) -> Result<(), Errno> {
        if !begun.frames.is_empty() {
            return Ok(());
        }
        if let Some(first) = message.frames.iter().next() {
            built.may_go_to(&Frame::copy_from_slice(first), mandatory)?;
        }
        begun.room = built.reserve(limit)?;
        Ok(())
    }

    /// Receives a whole message.
    pub(super) fn recv(&self, flags: i32) -> Result<Message, Errno> {
        self.built()?.recv(self.limit(flags, option::RCVTIMEO))
    }

    /// Whether a message was begun that is to be received or sent on.
    pub(super) fn is_in_the_middle(&self) -> (bool, bool) {
        (
            !self.incoming.lock().rest.is_empty(),
            !self.outgoing.lock().frames.is_empty(),
        )
    }
}
