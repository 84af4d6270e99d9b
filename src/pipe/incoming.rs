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
mod leaving;
mod pacing;
mod refusing;

use std::collections::VecDeque;
use std::mem;
use std::task::{Poll, Waker, ready};
use std::thread::{self, ThreadId};

use bytes::Bytes;

use super::log::KEEP;
use super::{Batch, Marks, PipeId, Prefixes, Share, Ticket, Waiters};
use crate::error::{RecvError, TryRecvError};
use crate::frame::{Header, Run};
use crate::message::{Message, Small};
use crate::stats::{Counters, DropReason, Dropped, Load};
use crate::sync::{AtomicBool, AtomicUsize, Mutex, MutexGuard, Ordering};

/// A receiver that never has to wait lets others run after this many messages.
const SPELL_MESSAGES: usize = 4096;

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

    /// Whether no [small](Small) message is ever refused: then none is shown to it.
    #[inline]
    fn takes_every_small(&self) -> bool {
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
    marks: Marks,
    /// Half of the marks, rounded up.
    half: Load,
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
}

/// What the drivers see.
#[derive(Debug, Default)]
struct Arrivals {
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
    /// Lanes of peers that have left, and whose messages are not read.
    left: usize,
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

/// What the receivers see.
#[derive(Debug, Default)]
struct Held {
    lanes: Vec<HeldLane>,
    /// Pipes that hold something, in the order of their turns.
    ring: VecDeque<u32>,
    /// The buffer that is swapped with the arrivals.
    swap: Vec<(PipeId, Chunk)>,
    /// What the program wants, as far as a filter has told.
    known: Prefixes,
    /// Pipes that were emptied since credit was last given back.
    emptied: Vec<u32>,
    spell: usize,
}

/// The receivers' side of one pipe.
#[derive(Debug, Default)]
struct HeldLane {
    pipe: Option<PipeId>,
    current: Option<Chunk>,
    at: usize,
    later: VecDeque<Chunk>,
    /// This pipe follows another: both.
    follows: Option<(PipeId, PipeId)>,
    /// The pipe that follows this one, and holds something already.
    follower: Option<u32>,
    /// What was left of a peer's run when all of it was taken: a buffer.
    spent: Run,
    /// Given to the program and not yet given back as credit.
    taken: Load,
    /// So many bytes of it are given back at the latest.
    gives_back: u64,
    /// How many of these were dropped, and why.
    dropped: u64,
    reasons: Dropped,
}

impl Inbox {
    pub(crate) fn new(marks: Marks, conflate: bool) -> Self {
        Self {
            marks,
            half: Load {
                messages: (marks.messages as u64).div_ceil(2),
                bytes: (marks.bytes as u64).div_ceil(2),
            },
            conflate,
            in_order: false,
            budgeted: false,
            held: Mutex::default(),
            arrivals: Mutex::default(),
            dirty: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
        }
    }

    /// With all of an earlier pipe before anything of a later one.
    pub(crate) fn in_order(mut self) -> Self {
        self.in_order = true;
        self
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
        if mem::take(&mut lane.open) {
            arrivals.left += 1;
        }
        arrivals.free_if_done(pipe.slot);
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
        let marks = self.marks;
        let Arrivals { lanes, share, .. } = arrivals;
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

    /// The receiver to be woken, if one waits.
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

    // ---- receivers -----------------------------------------------------------------------------------------

    /// The next message, fair over all pipes, and in `from` the pipe it came from; or waits. What `filter` does not
    /// want is dropped and counted.
    #[inline]
    pub(crate) fn poll_recv(
        &self,
        waker: &Waker,
        ticket: &mut RecvTicket,
        from: &mut Option<PipeId>,
        filter: Option<&impl Filter>,
    ) -> Poll<Result<Message, RecvError>> {
        let mut held = self.held.lock();
        if filter.is_none_or(Filter::takes_every_small)
            && !ticket.is_waiting()
            && let Some(small) = self.next_small(&mut held, from)
        {
            drop(held);
            return Poll::Ready(Ok(small.into()));
        }
        self.poll_any(held, waker, ticket, from, filter)
    }

    /// [`poll_recv`](Self::poll_recv) of whatever comes, the lock held. A call of its own: what it returns goes through
    /// memory, and a small message need not.
    #[inline(never)]
    fn poll_any(
        &self,
        mut held: MutexGuard<'_, Held>,
        waker: &Waker,
        ticket: &mut RecvTicket,
        from: &mut Option<PipeId>,
        filter: Option<&impl Filter>,
    ) -> Poll<Result<Message, RecvError>> {
        loop {
            if let Some(message) = self.next(&mut held, from, filter) {
                if ticket.is_waiting() {
                    self.arrivals.lock().waiters.leave(ticket);
                }
                self.wake_another(&held);
                return Poll::Ready(Ok(message));
            }
            if held.spell >= SPELL_MESSAGES {
                held.spell = 0;
                waker.wake_by_ref();
                return Poll::Pending;
            }
            let mut arrivals = self.arrivals.lock();
            if arrivals.closed {
                return Poll::Ready(Err(RecvError::Closed));
            }
            if arrivals.chunks.is_empty() {
                held.spell = 0;
                arrivals.waiters.take_turn(ticket);
                arrivals.waiters.wait(ticket, waker);
                arrivals.waits_at = Some(thread::current().id());
                self.waiting.store(arrivals.waiters.len(), Ordering::Relaxed);
                return Poll::Pending;
            }
        }
    }

    /// Ready when a message is there, or none will ever come. Takes nothing, nor a place in the line once it is ready.
    pub(crate) fn poll_ready(&self, waker: &Waker, ticket: &mut RecvTicket) -> Poll<()> {
        let held = self.held.lock();
        let mut arrivals = self.arrivals.lock();
        if held.ring.is_empty() && arrivals.chunks.is_empty() && !arrivals.closed {
            arrivals.waiters.take_turn(ticket);
            arrivals.waiters.wait(ticket, waker);
            arrivals.waits_at = Some(thread::current().id());
            self.waiting.store(arrivals.waiters.len(), Ordering::Relaxed);
            return Poll::Pending;
        }
        drop((arrivals, held));
        self.leave(ticket);
        Poll::Ready(())
    }

    /// The next message, if one is there.
    pub(crate) fn try_recv(
        &self,
        from: &mut Option<PipeId>,
        filter: Option<&impl Filter>,
    ) -> Result<Message, TryRecvError> {
        let mut held = self.held.lock();
        held.spell = 0;
        match self.next(&mut held, from, filter) {
            Some(message) => Ok(message),
            None if self.arrivals.lock().closed => Err(TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Up to `limit` messages that are there already, one lock for all of them.
    pub(crate) fn recv_more(&self, into: &mut Vec<Message>, limit: usize, filter: Option<&impl Filter>) {
        let mut held = self.held.lock();
        held.spell = 0;
        let mut from = None;
        for _ in 0..limit {
            let Some(message) = self.next(&mut held, &mut from, filter) else {
                break;
            };
            into.push(message);
        }
        self.wake_another(&held);
    }

    /// Drops what has arrived so far: nobody asked for it.
    #[inline]
    pub(crate) fn discard(&self) {
        let mut held = self.held.lock();
        if held.ring.is_empty() && !self.dirty.load(Ordering::Acquire) {
            return;
        }
        held.spell = 0;
        self.next(&mut held, &mut None, Some(&Nothing));
    }

    /// A receive was given up while it waited.
    pub(crate) fn leave(&self, ticket: &mut RecvTicket) {
        if !ticket.is_waiting() {
            return;
        }
        let mut arrivals = self.arrivals.lock();
        let heir = arrivals.waiters.give_up(ticket);
        self.waiting.store(arrivals.waiters.len(), Ordering::Relaxed);
        drop(arrivals);
        if let Some(heir) = heir {
            heir.wake();
        }
    }

    fn grant(&self, arrivals: &mut Arrivals) -> Option<Waker> {
        let receiver = arrivals.waiters.grant();
        if receiver.is_some() {
            self.waiting.store(arrivals.waiters.len(), Ordering::Relaxed);
        }
        receiver
    }

    /// A receiver that leaves messages behind while others wait wakes one more.
    #[inline]
    fn wake_another(&self, held: &Held) {
        if self.waiting.load(Ordering::Relaxed) == 0 || held.ring.is_empty() {
            return;
        }
        let mut arrivals = self.arrivals.lock();
        if let Some(receiver) = self.grant(&mut arrivals) {
            drop(arrivals);
            receiver.wake();
        }
    }

    /// Cuts one message from the pipe whose turn it is. `None`: there is none, or the spell is over.
    #[inline]
    fn next(
        &self,
        held: &mut Held,
        from: &mut Option<PipeId>,
        filter: Option<&impl Filter>,
    ) -> Option<Message> {
        while held.spell < SPELL_MESSAGES {
            held.spell += 1;
            if held.ring.is_empty() || self.dirty.load(Ordering::Acquire) {
                self.swap(held);
            }
            let slot = *held.ring.front()?;
            let lane = &mut held.lanes[slot as usize];
            *from = lane.pipe;
            let message = lane.cut();
            let refused = filter
                .zip(lane.pipe)
                .and_then(|(filter, from)| filter.refuse(&mut held.known, &message, from));
            if let Some(reason) = refused {
                lane.drop_one(reason);
            }
            self.after_cut(held, slot);
            if refused.is_none() {
                return Some(message);
            }
        }
        None
    }

    /// The next message, if it is small and nothing else is to be done: nearly every one in a stream of small ones. Its
    /// bytes stay in registers until the lock is released (a message received: 34 → 20 ns).
    #[inline(always)]
    fn next_small(&self, held: &mut Held, from: &mut Option<PipeId>) -> Option<Small> {
        if held.spell >= SPELL_MESSAGES
            || self.dirty.load(Ordering::Acquire)
            || self.waiting.load(Ordering::Relaxed) > 0
        {
            return None;
        }
        let slot = *held.ring.front()?;
        let lane = &mut held.lanes[slot as usize];
        let small = lane.cut_small()?;
        *from = lane.pipe;
        held.spell += 1;
        self.after_cut(held, slot);
        Some(small)
    }

    /// Passes the turn on, and gives credit back when it is due.
    #[inline]
    fn after_cut(&self, held: &mut Held, slot: u32) {
        let lane = &held.lanes[slot as usize];
        // At half the mark, not at its end, so that the driver reads on while the rest is worked off.
        let mut due = lane.taken.messages >= self.half.messages || lane.taken.bytes >= lane.gives_back;
        if lane.current.is_none() {
            held.ring.pop_front();
            held.emptied.push(slot);
            held.ring.extend(held.lanes[slot as usize].follower.take());
            // Others may wait for it, who are not woken by the next swap here.
            due |= self.budgeted;
        } else if held.ring.len() > 1 && !self.in_order {
            held.ring.rotate_left(1);
        }
        if due {
            self.give_credit(held, slot);
        }
    }

    /// Gives back the credit of pipes that were emptied, and takes in what has arrived.
    fn swap(&self, held: &mut Held) {
        let mut arrivals = self.arrivals.lock();
        self.dirty.store(false, Ordering::Relaxed);
        let mut drivers = Vec::new();
        for slot in mem::take(&mut held.emptied) {
            let (driver, calls) = arrivals.take_back(&mut held.lanes[slot as usize], self.marks);
            drivers.extend(driver.into_iter().chain(calls));
        }
        mem::swap(&mut arrivals.chunks, &mut held.swap);
        let followers = mem::take(&mut arrivals.followers);
        drop(arrivals);
        // Before their first chunk.
        for (pipe, before) in followers {
            held.lane(pipe).follows = Some((pipe, before));
        }
        let mut swap = mem::take(&mut held.swap);
        for (pipe, chunk) in swap.drain(..) {
            held.lane(pipe).gives_back = self.gives_back(&chunk);
            held.take_in(pipe, chunk, self.conflate);
        }
        held.swap = swap;
        drivers.into_iter().for_each(Waker::wake);
    }

    fn give_credit(&self, held: &mut Held, slot: u32) {
        let mut arrivals = self.arrivals.lock();
        let (driver, calls) = arrivals.take_back(&mut held.lanes[slot as usize], self.marks);
        drop(arrivals);
        if let Some(driver) = driver {
            driver.wake();
        }
        calls.into_iter().for_each(Waker::wake);
    }

    /// Brings the counters up to date: what receivers have taken is known to them alone until credit goes back.
    fn settle(&self) {
        let mut held = self.held.lock();
        for slot in 0..held.lanes.len() {
            if held.lanes[slot].taken.messages > 0 {
                self.give_credit(&mut held, slot as u32);
            }
        }
    }
}

impl Arrivals {
    fn lane(&mut self, pipe: PipeId) -> Option<&mut Lane> {
        self.lanes
            .get_mut(pipe.index())
            .filter(|lane| lane.generation == pipe.generation)
    }

    /// Takes credit back from the receivers' side; the driver, if it is to read on, and whom else to call.
    fn take_back(&mut self, held: &mut HeldLane, marks: Marks) -> (Option<Waker>, Vec<Waker>) {
        let lane = held.pipe.and_then(|pipe| Some((pipe, self.lane(pipe)?)));
        let Some((pipe, lane)) = lane else {
            return (None, Vec::new());
        };
        let taken = mem::take(&mut held.taken);
        let dropped = mem::take(&mut held.dropped);
        lane.queued -= taken;
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
        (driver, self.handle_left(taken.bytes))
    }

    /// What the receivers had of this lane is gone. Whom to call.
    fn drop_queued(&mut self, slot: u32, reason: DropReason) -> Vec<Waker> {
        let lane = &mut self.lanes[slot as usize];
        let queued = mem::take(&mut lane.queued);
        lane.counters.dropped.add(reason, queued.messages);
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

impl Held {
    fn lane(&mut self, pipe: PipeId) -> &mut HeldLane {
        if pipe.index() >= self.lanes.len() {
            self.lanes.resize_with(pipe.index() + 1, HeldLane::default);
        }
        &mut self.lanes[pipe.index()]
    }

    fn take_in(&mut self, pipe: PipeId, chunk: Chunk, conflate: bool) {
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
    fn cut(&mut self) -> Message {
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

    /// Cuts the next message off if it is small and not the last of its chunk.
    #[inline(always)]
    fn cut_small(&mut self) -> Option<Small> {
        let chunk = self.current.as_mut().filter(|chunk| chunk.load.messages > 1)?;
        let small = match &mut chunk.messages {
            Messages::Read(frames) => {
                let small = Small::at_front_of(frames.get(self.at..)?)?;
                self.at += small.wire_len();
                small
            }
            Messages::Local(run) => {
                let small = Small::at_front_of(run.front())?;
                run.skip(small.wire_len());
                small
            }
        };
        chunk.load.messages -= 1;
        self.taken += Load::one(small.wire_len());
        Some(small)
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
    fn drop_one(&mut self, reason: DropReason) {
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
