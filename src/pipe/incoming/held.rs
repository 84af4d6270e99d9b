//! What the receivers hold: for each pipe the chunks that have come, and the ring of those whose turn comes.

use std::collections::VecDeque;
use std::mem;

use super::{Chunk, Messages};
use crate::frame::{Header, Run};
use crate::message::Message;
use crate::pipe::log::KEEP;
use crate::pipe::{PipeId, Prefixes};
use crate::stats::{DropReason, Dropped, Load};

/// What the receivers see.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// As many messages are given back at the latest: half of the mark, rounded up.
    pub(super) half: u64,
    pub(super) lanes: Vec<HeldLane>,
    /// Pipes that hold something, in the order of their turns.
    pub(super) ring: VecDeque<u32>,
    /// The buffer that is swapped with the arrivals.
    pub(super) swap: Vec<(PipeId, Chunk)>,
    /// What the program wants, as far as a filter has told.
    pub(super) known: Prefixes,
    /// Pipes that were emptied since credit was last given back.
    pub(super) emptied: Vec<u32>,
    pub(super) spell: usize,
}

/// The receivers' side of one pipe.
#[derive(Debug, Default)]
pub(super) struct HeldLane {
    pub(super) pipe: Option<PipeId>,
    pub(super) current: Option<Chunk>,
    pub(super) at: usize,
    pub(super) later: VecDeque<Chunk>,
    /// This pipe follows another: both.
    pub(super) follows: Option<(PipeId, PipeId)>,
    /// The pipe that follows this one, and holds something already.
    pub(super) follower: Option<u32>,
    /// What was left of a peer's run when all of it was taken: a buffer.
    pub(super) spent: Run,
    /// Given to the program and not yet given back as credit.
    pub(super) taken: Load,
    /// So many bytes of it are given back at the latest.
    pub(super) gives_back: u64,
    /// How many of these were dropped, and why.
    pub(super) dropped: u64,
    pub(super) reasons: Dropped,
}

impl Held {
    pub(super) fn with_mark(messages: usize) -> Self {
        let mut held = Self::default();
        held.set_mark(messages);
        held
    }

    pub(super) fn set_mark(&mut self, messages: usize) {
        self.half = (messages as u64).div_ceil(2);
    }

    pub(super) fn lane(&mut self, pipe: PipeId) -> &mut HeldLane {
        if pipe.index() >= self.lanes.len() {
            self.lanes.resize_with(pipe.index() + 1, HeldLane::default);
        }
        &mut self.lanes[pipe.index()]
    }

    pub(super) fn take_in(&mut self, pipe: PipeId, chunk: Chunk, conflate: bool) {
        let lane = self.lane(pipe);
        lane.pipe = Some(pipe);
        if lane.current.is_some() {
            lane.later.push_back(chunk);
        } else {
            lane.current = Some(chunk);
            lane.at = 0;
            // A note of an earlier pipe in this slot means nothing.
            let follows = lane.follows.take().filter(|(follower, _)| *follower == pipe);
            match follows.and_then(|(_, before)| self.unread(before)) {
                Some(before) => before.follower = Some(pipe.slot),
                None => self.ring.push_back(pipe.slot),
            }
        }
        if conflate {
            self.lane(pipe).keep_newest();
        }
    }

    /// The lane of this pipe, if it holds something.
    fn unread(&mut self, pipe: PipeId) -> Option<&mut HeldLane> {
        let lane = self.lanes.get_mut(pipe.index())?;
        (lane.pipe == Some(pipe) && lane.current.is_some()).then_some(lane)
    }
}

impl HeldLane {
    /// Cuts the next message off the current chunk, which holds at least one.
    #[inline]
    pub(super) fn cut(&mut self) -> Message {
        let Some(chunk) = &mut self.current else {
            unreachable!("a pipe in the ring holds a message")
        };
        let start = self.at;
        let message = match &mut chunk.messages {
            Messages::Read(frames) => {
                // The driver has walked these headers: each is whole, and so is its body.
                while let Some(header) = Header::decode(&frames[self.at..]) {
                    self.at += header.len + header.size as usize;
                    if !header.has_more() {
                        break;
                    }
                }
                self.taken += Load::one(self.at - start);
                Message::from_wire(frames, start..self.at)
            }
            Messages::Local(run) => {
                let before = run.len();
                let message = Message::pop_from(run);
                self.taken += Load::one(before - run.len());
                message.unwrap_or_else(|| unreachable!("the load counts what is there"))
            }
        };
        chunk.load.messages -= 1;
        if chunk.load.messages == 0 {
            self.next_chunk();
        }
        message
    }

    /// What stands at its front, unless that is the last message of its chunk: then there is more to be done.
    #[inline(always)]
    pub(super) fn front(&self) -> Option<&[u8]> {
        let chunk = self.current.as_ref().filter(|chunk| chunk.load.messages > 1)?;
        match &chunk.messages {
            Messages::Read(frames) => frames.get(self.at..),
            Messages::Local(run) => run.plain_front(),
        }
    }

    /// Cuts off the message of `len` bytes that stands at the [`front`](Self::front) and was looked at there.
    #[inline(always)]
    pub(super) fn skip(&mut self, len: usize) {
        let Some(chunk) = &mut self.current else { return };
        match &mut chunk.messages {
            Messages::Read(_) => self.at += len,
            Messages::Local(run) => run.skip(len),
        }
        chunk.load.messages -= 1;
        self.taken += Load::one(len);
    }

    fn next_chunk(&mut self) {
        let next = self.later.pop_front();
        let last = mem::replace(&mut self.current, next);
        self.at = 0;
        if let Some(Messages::Local(mut run)) = last.map(|chunk| chunk.messages)
            && run.capacity() > self.spent.capacity()
            && run.capacity() <= KEEP
        {
            run.clear();
            self.spent = run;
        }
    }

    /// Counts a message that was taken and dropped.
    pub(super) fn drop_one(&mut self, reason: DropReason) {
        self.dropped += 1;
        self.reasons.add(reason, 1);
    }

    /// Throws away all messages but the last.
    fn keep_newest(&mut self) {
        while !self.later.is_empty() || self.current.as_ref().is_some_and(|chunk| chunk.load.messages > 1) {
            self.cut();
            self.drop_one(DropReason::Conflated);
        }
    }
}
