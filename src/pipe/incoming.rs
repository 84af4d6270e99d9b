//! The incoming side of one socket: chunks of whole messages on their way from the drivers to the receivers.
//!
//! ```text
//!  driver ──push(chunk)──▶ arrivals ──swap──▶ held, per pipe ──one message a turn──▶ receiver
//!    ▲                                          │
//!    └──────────────── credit ◀─────────────────┘
//! ```
//!
//! A driver hands over chunks: runs of whole messages as they were read. A receiver swaps all arrivals in one
//! step when its ring is empty (or something new has come), and cuts one message at a time from the pipe whose
//! turn it is. Two locks, taken in this order only: *held* (receivers), then *arrivals* (drivers).
//!
//! **A lane may follow another.** The next connection of one endpoint has a lane of its own, but no turn before all that
//! came on the last one has been read: pipes take turns, and a peer's messages would be read in another order than it
//! sent them (guarantees, G2).
//!
//! **Credit is exact.** A driver hands over at most as many messages as the high-water mark leaves room for, and
//! keeps the rest; with a mark of 1 exactly one is queued. At the mark it stops reading, and is called again when
//! half of the mark is free. At the [pace](super::pace) it stops the same way, for as long as receivers take something.

mod budgeted;
mod held;
mod leaving;
mod pacing;
mod receiving;
mod refusing;

use std::mem;
use std::task::{Poll, Waker, ready};
use std::thread::{self, ThreadId};

use bytes::Bytes;

use self::held::{Held, HeldLane};
use super::{Batch, Marks, PipeId, Prefixes, Share, Ticket, Waiters};
use crate::frame::Run;
use crate::message::Message;
use crate::stats::{Counters, DropReason, Load};
use crate::sync::{AtomicBool, AtomicUsize, Mutex, Ordering};

/// Whole messages on their way to the receivers.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) messages: Messages,
    /// How many they are, and all their bytes.
    pub(crate) load: Load,
}

/// Plain frames, as they came.
#[derive(Debug)]
pub(crate) enum Messages {
    /// Read from a stream: a piece of the driver's block.
    Read(Bytes),
    /// Taken from the log of a peer in this process.
    Local(Run),
}

/// Whether the program wants a message.
pub(crate) trait Filter {
    /// Why it does not want this one, if so: it is dropped, and counted under that reason. `from` is its pipe,
    /// which cannot become another peer's before the answer is given. `known` belongs to the receivers and is
    /// kept for the next question.
    fn refuse(&self, known: &mut Prefixes, message: &Message, from: PipeId) -> Option<DropReason>;

    /// Whether it certainly wants a message with this first frame, and no other frame if `is_single`: told at sight, before
    /// there is a message. If not, it is asked about that.
    #[inline]
    fn takes(&self, known: &Prefixes, first: &[u8], is_single: bool) -> bool {
        let _ = (known, first, is_single);
        false
    }
}

/// Wants nothing.
struct Nothing;

impl Filter for Nothing {
    fn refuse(&self, _: &mut Prefixes, _: &Message, _: PipeId) -> Option<DropReason> {
        Some(DropReason::ProtocolError)
    }
}

/// A receiver's place in the line for a message.
pub(crate) type RecvTicket = Ticket;

/// How much a driver may hand over now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Credit {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// The incoming side of one socket.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// As many bytes are given back at the latest: half of the mark, rounded up.
    half_bytes: u64,
    conflate: bool,
    /// Pipes are read one after the other, each to its end, instead of in turns.
    in_order: bool,
    /// The lanes draw on a budget: credit is good for one time only, and goes back soon.
    budgeted: bool,
    held: Mutex<Held>,
    arrivals: Mutex<Arrivals>,
    /// Something arrived since the last swap: a hint that spares receivers the second lock.
    dirty: AtomicBool,
    /// How many receivers wait: a hint for a receiver that leaves messages behind.
    waiting: AtomicUsize,
    /// A door is shut until something of peers that have left is read.
    shut: AtomicBool,
}

/// What the drivers see.
#[derive(Debug, Default)]
struct Arrivals {
    marks: Marks,
    chunks: Vec<(PipeId, Chunk)>,
    /// Lanes that follow others, and which, since the last swap.
    followers: Vec<(PipeId, PipeId)>,
    lanes: Vec<Lane>,
    free: Vec<u32>,
    waiters: Waiters,
    /// The thread on which the last receiver began to wait.
    waits_at: Option<ThreadId>,
    /// Of the budgets that the lanes draw on, if there are any.
    share: Option<Share>,
    /// The lane whose driver is called first when a budget has room.
    first_called: usize,
    closed: bool,
    ended: Counters,
    /// Lanes of peers that have left, and whose messages are not read; and the bytes of these.
    left: usize,
    left_bytes: u64,
    /// Who lets peers in, and waits until less is left.
    doors: Vec<Waker>,
    /// Chunks of lanes that were forgotten.
    stale: usize,
}

/// The driver's side of one pipe.
#[derive(Debug, Default)]
struct Lane {
    generation: u32,
    open: bool,
    /// Handed over and not yet given back as credit.
    queued: Load,
    /// The driver, stopped at the mark or at the pace.
    stopped: Option<Waker>,
    /// It is filled to so many paces now; 0: to the marks.
    paces: u64,
    /// Receivers have taken something since somebody last looked.
    moved: bool,
    /// An empty run whose buffer a peer in this process may use again.
    spent: Run,
    counters: Counters,
}

impl Inbox {
    pub(crate) fn new(marks: Marks, conflate: bool) -> Self {
        Self {
            half_bytes: (marks.bytes as u64).div_ceil(2),
            conflate,
            in_order: false,
            budgeted: false,
            held: Mutex::new(Held::with_mark(marks.messages)),
            arrivals: Mutex::new(Arrivals {
                marks,
                ..Arrivals::default()
            }),
            dirty: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            shut: AtomicBool::new(false),
        }
    }

    /// With all of an earlier pipe before anything of a later one.
    pub(crate) fn in_order(mut self) -> Self {
        self.in_order = true;
        self
    }

    /// Changes the high-water mark in messages, of lanes that there are too: whoever was stopped and may go on is called. A
    /// driver may still hand over what an older mark gave it room for.
    pub(crate) fn set_mark(&self, messages: usize) {
        let mut held = self.held.lock();
        held.set_mark(messages);
        let mut arrivals = self.arrivals.lock();
        arrivals.marks.messages = messages;
        let mut calls = arrivals.resume_all(self.conflate);
        calls.append(&mut arrivals.open_doors());
        drop(arrivals);
        drop(held);
        calls.into_iter().for_each(Waker::wake);
    }

    // ---- drivers -------------------------------------------------------------------------------------------

    /// Opens a lane for a new peer.
    pub(crate) fn attach(&self) -> PipeId {
        self.attach_after(None)
    }

    /// The same for the next connection of an endpoint: nothing of it is read before all that came through the lane
    /// `before`, which takes nothing any more.
    pub(crate) fn attach_after(&self, before: Option<PipeId>) -> PipeId {
        let mut arrivals = self.arrivals.lock();
        let unread = before.filter(|before| arrivals.lane(*before).is_some());
        let slot = arrivals.free.pop().unwrap_or_else(|| {
            arrivals.lanes.push(Lane::default());
            (arrivals.lanes.len() - 1) as u32
        });
        let lane = &mut arrivals.lanes[slot as usize];
        lane.generation = lane.generation.wrapping_add(1);
        lane.open = true;
        lane.paces = 0;
        let pipe = PipeId {
            slot,
            generation: lane.generation,
        };
        arrivals.followers.extend(unread.map(|before| (pipe, before)));
        pipe
    }

    /// The peer has left. What it sent stays readable; its slot is free when that has been read.
    ///
    /// One who waits is woken all the same: it may be for the answer of this very peer. Returns whether anything came.
    pub(crate) fn detach(&self, pipe: PipeId) -> bool {
        let mut arrivals = self.arrivals.lock();
        let Some(lane) = arrivals.lane(pipe) else {
            return false;
        };
        lane.stopped = None;
        let has_come = lane.counters.accepted.messages > 0;
        arrivals.leave(pipe.slot);
        let receiver = self.grant(&mut arrivals);
        drop(arrivals);
        if let Some(receiver) = receiver {
            receiver.wake();
        }
        has_come
    }

    /// How much may be handed over. Pending at the mark: the waker is called when half of it is free.
    pub(crate) fn poll_credit(&self, pipe: PipeId, waker: &Waker) -> Poll<Credit> {
        let credit = self.credit(&mut self.arrivals.lock(), pipe, waker);
        credit.map(|credit| self.as_read(credit))
    }

    fn credit(&self, arrivals: &mut Arrivals, pipe: PipeId, waker: &Waker) -> Poll<Credit> {
        let Arrivals {
            marks, lanes, share, ..
        } = arrivals;
        let marks = *marks;
        let lane = lanes.get_mut(pipe.index());
        let Some(lane) = lane.filter(|lane| lane.generation == pipe.generation) else {
            return Poll::Pending;
        };
        let credit = if self.conflate {
            Credit {
                messages: usize::MAX,
                bytes: usize::MAX,
            }
        } else {
            let has_room = marks.admit(lane.queued, 1) && !lane.is_at_pace();
            if lane.stopped.is_some() && !lane.may_resume(marks) || !has_room {
                lane.stopped = Some(waker.clone());
                return Poll::Pending;
            }
            Credit {
                messages: marks.messages - lane.queued.messages as usize,
                bytes: lane.soft(marks).saturating_sub(lane.queued.bytes as usize),
            }
        };
        match share {
            None => lane.stopped = None,
            Some(share) => return lane.credit_within(share, credit, waker),
        }
        Poll::Ready(credit)
    }

    /// Hands over a chunk and wakes a receiver. Whether that waits on the calling thread.
    pub(crate) fn push(&self, pipe: PipeId, chunk: Chunk) -> bool {
        let mut arrivals = self.arrivals.lock();
        if arrivals.closed {
            return false;
        }
        let (receiver, calls) = self.take_in(&mut arrivals, pipe, chunk);
        let waits_at = arrivals.waits_at;
        drop(arrivals);
        calls.into_iter().for_each(Waker::wake);
        let Some(receiver) = receiver else { return false };
        receiver.wake();
        waits_at == Some(thread::current().id())
    }

    /// Takes what there is credit for out of the batch of a peer in this process, and wakes a receiver.
    ///
    /// Pending: nothing was taken. At the mark the waker is called when half of it is free; a lane that is closed
    /// takes nothing any more, and its owner ends it.
    pub(crate) fn poll_accept(&self, pipe: PipeId, waker: &Waker, batch: &mut Batch) -> Poll<()> {
        let mut arrivals = self.arrivals.lock();
        if arrivals.closed {
            return Poll::Pending;
        }
        let credit = ready!(self.credit(&mut arrivals, pipe, waker));
        let spent = arrivals
            .lane(pipe)
            .map(|lane| mem::take(&mut lane.spent))
            .unwrap_or_default();
        let (receiver, calls) = self.take_in(&mut arrivals, pipe, batch.hand_over(credit, spent));
        drop(arrivals);
        receiver.into_iter().chain(calls).for_each(Waker::wake);
        Poll::Ready(())
    }

    /// Wakes a receiver, if one waits: there is something for it elsewhere.
    pub(crate) fn call(&self) {
        let receiver = self.grant(&mut self.arrivals.lock());
        if let Some(receiver) = receiver {
            receiver.wake();
        }
    }

    /// Whether a receiver waits: a hint.
    #[inline]
    pub(super) fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// The receiver to wake, if one waits, and whom a budget calls.
    fn take_in(&self, arrivals: &mut Arrivals, pipe: PipeId, chunk: Chunk) -> (Option<Waker>, Vec<Waker>) {
        let Some(lane) = arrivals.lane(pipe) else {
            return (None, Vec::new());
        };
        lane.queued += chunk.load;
        lane.counters.accepted += chunk.load;
        if let Some(share) = &mut arrivals.share {
            share.add(chunk.load.bytes);
        }
        let calls = if self.conflate {
            arrivals.supersede(pipe)
        } else {
            Vec::new()
        };
        arrivals.chunks.push((pipe, chunk));
        self.dirty.store(true, Ordering::Release);
        (self.grant(arrivals), calls)
    }

    /// Ends receiving for good: what was received and not read is dropped, and counted.
    pub(crate) fn close(&self) {
        let mut held = self.held.lock();
        let mut arrivals = self.arrivals.lock();
        arrivals.closed = true;
        let receivers = arrivals.waiters.grant_all();
        self.waiting.store(0, Ordering::Relaxed);
        drop(arrivals);
        self.swap(&mut held);
        held.ring.clear();
        let mut calls = Vec::new();
        for slot in 0..held.lanes.len() as u32 {
            if held.lanes[slot as usize].current.is_none() {
                continue;
            }
            self.give_credit(&mut held, slot);
            held.lanes[slot as usize] = HeldLane::default();
            calls.extend(self.arrivals.lock().drop_queued(slot, DropReason::Unread));
        }
        drop(held);
        receivers.into_iter().chain(calls).for_each(Waker::wake);
    }

    /// The counters of one pipe, and what it holds now.
    pub(crate) fn counters(&self, pipe: PipeId) -> Option<(Counters, Load)> {
        self.settle();
        self.arrivals
            .lock()
            .lane(pipe)
            .map(|lane| (lane.counters, lane.queued))
    }

    /// The sum over all pipes, those that have ended too, and what is held now.
    pub(crate) fn totals(&self) -> (Counters, Load) {
        self.settle();
        let arrivals = self.arrivals.lock();
        let mut sum = (arrivals.ended, Load::default());
        for lane in &arrivals.lanes {
            sum.0 += lane.counters;
            sum.1 += lane.queued;
        }
        sum
    }
}

impl Arrivals {
    fn lane(&mut self, pipe: PipeId) -> Option<&mut Lane> {
        self.lanes
            .get_mut(pipe.index())
            .filter(|lane| lane.generation == pipe.generation)
    }

    /// Takes credit back from the receivers' side; the driver, if it is to read on, and whom else to call.
    fn take_back(&mut self, held: &mut HeldLane) -> (Option<Waker>, Vec<Waker>) {
        let marks = self.marks;
        let lane = held.pipe.and_then(|pipe| Some((pipe, self.lane(pipe)?)));
        let Some((pipe, lane)) = lane else {
            return (None, Vec::new());
        };
        let taken = mem::take(&mut held.taken);
        let dropped = mem::take(&mut held.dropped);
        lane.queued -= taken;
        let had_left = !lane.open;
        lane.moved |= taken.messages > 0;
        lane.counters.done += Load {
            messages: taken.messages - dropped,
            ..taken
        };
        if dropped > 0 {
            lane.counters.dropped += mem::take(&mut held.reasons);
        }
        if lane.spent.capacity() == 0 {
            lane.spent = mem::take(&mut held.spent);
        }
        let driver = if lane.may_resume(marks) {
            lane.resume()
        } else {
            None
        };
        self.free_if_done(pipe.slot);
        let mut calls = self.handle_left(taken.bytes);
        if had_left {
            self.left_bytes -= taken.bytes;
            calls.append(&mut self.open_doors());
        }
        (driver, calls)
    }

    /// What the receivers had of this lane is gone. Whom to call.
    fn drop_queued(&mut self, slot: u32, reason: DropReason) -> Vec<Waker> {
        let lane = &mut self.lanes[slot as usize];
        let queued = mem::take(&mut lane.queued);
        lane.counters.dropped.add(reason, queued.messages);
        if !lane.open {
            self.left_bytes -= queued.bytes;
        }
        self.free_if_done(slot);
        self.handle_left(queued.bytes)
    }

    /// With `conflate` what comes takes the place of what nobody has looked at yet: a program that does not receive holds
    /// no more than was read last.
    fn supersede(&mut self, pipe: PipeId) -> Vec<Waker> {
        let Some(at) = self.chunks.iter().position(|(of, _)| *of == pipe) else {
            return Vec::new();
        };
        let (_, old) = self.chunks.remove(at);
        if let Some(lane) = self.lane(pipe) {
            lane.queued -= old.load;
            lane.counters
                .dropped
                .add(DropReason::Conflated, old.load.messages);
        }
        self.handle_left(old.load.bytes)
    }

    fn free_if_done(&mut self, slot: u32) {
        let lane = &mut self.lanes[slot as usize];
        if !lane.open && lane.queued.messages == 0 {
            self.ended += mem::take(&mut lane.counters);
            lane.spent = Run::default();
            // The generation goes on here too, so that nothing late finds the lane.
            lane.generation = lane.generation.wrapping_add(1);
            self.left -= 1;
            self.free.push(slot);
        }
    }
}

impl Lane {
    /// Whether a driver that stopped at the mark may go on: half of it is free, and of the pace too.
    fn may_resume(&self, marks: Marks) -> bool {
        self.queued.messages <= (marks.messages / 2) as u64
            && self.queued.bytes <= (marks.bytes / 2) as u64
            && self.has_fallen_behind()
    }
}
