//! The publisher: every message to each subscriber that asked for it, and nobody waits for anybody.
//!
//! ```text
//!                     ┌ admit ─▶ queue of 1 ──▶ driver ──▶ subscriber 1
//!  publish ─▶ match ──┼ admit ─▶ queue of 2 ──▶ driver ──▶ subscriber 2
//!                     └ admit ─▶ at its mark: dropped for 3 alone, and counted
//! ```
//!
//! What few get is copied to a queue of each; what many get is written once, to a [log that all share](shared_log).
//!
//! All of it lies under one lock per socket: the subscriptions, the queues, the counters. A message is numbered
//! and matched against the first frame's prefixes; whoever is at the high-water mark loses it, and all that
//! follows until half of its queue has been written. A message that nobody asked for is counted once.
//!
//! `send` never waits for a subscriber, but it yields when drivers could not run: see [`pace`].
//!
//! * [`asking`]: what peers ask for, and within which limits; [`matching`]: whom a message concerns, therefore.
//! * [`news`]: what an XPUB's program hears of that, and what it answers.
//! * [`subscriber`], [`crowd`], [`shared_log`]: queues; [`pipes`]: the drivers' side of them.

mod asking;
mod budgeted;
mod crowd;
mod matching;
mod news;
mod pace;
mod patience;
mod pipes;
mod shared_log;
mod subscriber;
#[cfg(test)]
mod tests;

use std::task::{Poll, Waker};
use std::time::Instant;

pub(crate) use self::asking::{AskLimits, MAX_GROUP};
use self::crowd::Subscribers;
pub(crate) use self::matching::Matching;
pub(crate) use self::news::Audience;
use self::news::News;
use self::pace::Pace;
pub(crate) use self::patience::Slow;
use self::shared_log::{Range, SharedLog};
use super::subscriptions::Subscriptions;
use crate::error::Closed;
use crate::frame::Run;
use crate::message::{Message, Payload};
use crate::pipe::{Batch, Inbox, Line, Marks, Next, PipeId, Ration, Refusal, Share, Ticket, Waiters};
use crate::stats::{Counters, DropReason, Load};
use crate::sync::{Arc, AtomicBool, Mutex, Ordering};

/// From this many subscribers on a message is written to the shared log, once …
const MANY: usize = 8;

/// … and from this size on if there are at least two.
const LARGE: usize = 4 * 1024;

/// How many buffers are kept for batches: as many drivers may run at once.
const BUFFERS: usize = 4;

/// A larger buffer is not kept.
const KEEP: usize = 512 * 1024;

/// How a publisher fills its queues.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FanOutConfig {
    /// Owned payloads from this size on are queued by reference.
    pub(crate) share_from: usize,
    /// Keep only the newest message for each subscriber; the marks do not apply.
    pub(crate) conflate: bool,
    pub(crate) matching: Matching,
    pub(crate) slow: Slow,
    pub(crate) limits: AskLimits,
}

/// The outgoing side of a publishing socket.
#[derive(Debug)]
pub(crate) struct FanOut {
    config: FanOutConfig,
    /// Whoever comes gets this first.
    welcome: Option<Message>,
    /// Where a program that hears of its subscribers waits.
    readers: Option<Arc<Inbox>>,
    /// A hint: there are slow ones to be told of.
    has_slow: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    marks: Marks,
    subscribers: Subscribers,
    subscriptions: Subscriptions,
    /// For a program that hears of its subscribers.
    news: Option<Box<News>>,
    /// Of the last message. The first one is 1.
    number: u64,
    /// Who asked for the message that is being published: kept for its room.
    hits: Vec<u32>,
    shared: SharedLog,
    /// Empty ones, for batches that are copied from the shared log.
    buffers: Vec<Run>,
    pace: Pace,
    /// Of writes to the one subscriber of a message.
    ration: Ration,
    /// Of the budgets that the queues draw on, if there are any.
    share: Option<Share>,
    /// Those who wait for subscribers.
    waiters: Waiters,
    /// Those who wait for room in all queues that their message concerns.
    senders: Waiters,
    /// Those who get everything, since they cannot ask.
    takers: Vec<u32>,
    /// Subscribers for whom messages are being dropped, and what waited for them when that began: to be told of.
    slow: Vec<(PipeId, Load)>,
    closed: bool,
    /// Counters of pipes that have ended, and of messages that nobody asked for.
    ended: Counters,
}

/// What is left to do when the lock is released.
#[derive(Debug, Default)]
struct Errands {
    drivers: Vec<Waker>,
    write: Option<(PipeId, Batch, Line)>,
    /// Somebody turned out to be slow.
    has_slow: bool,
}

impl FanOut {
    /// With these high-water marks to begin with.
    pub(crate) fn new(marks: Marks, config: FanOutConfig) -> Self {
        Self {
            config,
            welcome: None,
            readers: None,
            has_slow: AtomicBool::new(false),
            state: Mutex::new(State {
                marks,
                ..State::default()
            }),
        }
    }

    /// Changes the high-water mark in messages, of queues that there are too: a publisher that waits looks again. What is
    /// queued beyond a lower one stays.
    pub(crate) fn set_mark(&self, messages: usize) {
        let mut state = self.state.lock();
        state.marks.messages = messages;
        state.subscribers.settle();
        let sender = state.call_sender();
        drop(state);
        if let Some(sender) = sender {
            sender.wake();
        }
    }

    /// With a message that whoever comes gets first.
    pub(crate) fn with_welcome(mut self, welcome: Option<Message>) -> Self {
        self.welcome = welcome;
        self
    }

    /// Publishes. Pending at most once, before anything is queued: others must run.
    #[inline]
    pub(crate) fn poll_send(
        &self,
        waker: &Waker,
        payload: &Payload<'_>,
        clock: impl Fn() -> Instant,
    ) -> Poll<Result<(), Closed>> {
        let mut state = self.state.lock();
        if state.closed {
            return Poll::Ready(Err(Closed));
        }
        if state.pace.must_yield(&clock) {
            drop(state);
            waker.wake_by_ref();
            return Poll::Pending;
        }
        let errands = state.publish(&self.config, payload, &clock);
        drop(state);
        self.run(errands, clock);
        Poll::Ready(Ok(()))
    }

    /// The yield of [`poll_send`](Self::poll_send) alone: whoever then publishes without waiting is no faster. Where a
    /// publisher waits for as long as it takes it does so here.
    pub(crate) fn poll_turn(
        &self,
        waker: &Waker,
        ticket: &mut Ticket,
        clock: impl Fn() -> Instant,
    ) -> Poll<Result<(), Closed>> {
        if self.config.slow == Slow::Wait(None) {
            return self.poll_room(waker, ticket);
        }
        let mut state = self.state.lock();
        if state.closed {
            return Poll::Ready(Err(Closed));
        }
        if state.pace.must_yield(clock) {
            drop(state);
            waker.wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Publishes without letting others run, and without waiting.
    pub(crate) fn try_send(&self, payload: &Payload<'_>, clock: impl Fn() -> Instant) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Refusal::Closed);
        }
        if let Some(refusal) = state.refuses(&self.config, payload) {
            return Err(refusal);
        }
        let errands = state.publish(&self.config, payload, &clock);
        drop(state);
        self.run(errands, clock);
        Ok(())
    }

    /// Counts a message that waited for room, and is dropped because nobody waits any more.
    pub(crate) fn give_up(&self) {
        self.state.lock().ended.dropped.add(DropReason::Hwm, 1);
    }

    #[inline]
    fn run(&self, errands: Errands, clock: impl Fn() -> Instant) {
        if errands.has_slow {
            self.has_slow.store(true, Ordering::Relaxed);
        }
        if let Some((pipe, batch, line)) = errands.write {
            self.write(pipe, batch, &line, clock);
        }
        errands.drivers.into_iter().for_each(Waker::wake);
    }

    /// The publisher writes itself.
    fn write(&self, pipe: PipeId, mut batch: Batch, line: &Line, clock: impl Fn() -> Instant) {
        line.carry(&mut batch);
        let mut state = self.state.lock();
        state.ration.wrote(clock());
        let State {
            subscribers, shared, ..
        } = &mut *state;
        let driver = subscribers.get_mut(pipe).and_then(|subscriber| {
            // The line is idle only if nothing is queued anywhere.
            subscriber.bring_home(shared, usize::MAX);
            subscriber.log.sender_wrote(batch)
        });
        let calls = state.settle(pipe);
        let sender = state.call_sender();
        drop(state);
        let wakers = driver.into_iter().chain(sender).chain(calls);
        wakers.for_each(Waker::wake);
    }
}

impl State {
    #[inline]
    fn publish(
        &mut self,
        config: &FanOutConfig,
        payload: &Payload<'_>,
        clock: impl Fn() -> Instant,
    ) -> Errands {
        self.number += 1;
        self.pace.count_send();
        let bytes = payload.wire_len();
        self.find_hits(config.matching, payload.first_frame());
        if let Some(news) = &mut self.news {
            news.has_spoken();
        }
        if self.hits.is_empty() {
            self.ended.dropped.add(DropReason::NoSubscriber, 1);
            return Errands::default();
        }
        self.fill_queues(config, payload, bytes, clock)
    }

    #[inline]
    fn fill_queues(
        &mut self,
        config: &FanOutConfig,
        payload: &Payload<'_>,
        bytes: usize,
        clock: impl Fn() -> Instant,
    ) -> Errands {
        let mut errands = Errands::default();
        let drops_oldest = config.slow == Slow::DropOldest;
        let has_room_always = config.conflate || drops_oldest;
        let all_marks = self.marks;
        let marks = (!has_room_always).then_some(all_marks);
        let hits = self.hits.len();
        let is_large = bytes >= config.share_from;
        let is_shared = (hits >= MANY || hits > 1 && bytes >= LARGE)
            && bytes <= shared_log::LARGEST
            && !is_large
            && !has_room_always;
        let range = is_shared.then(|| self.append_shared(payload, bytes));
        let copy;
        let payload = if is_large && hits > 1 {
            // A large slice becomes one copy that all share by reference.
            copy = payload.clone().into_message().into();
            &copy
        } else {
            payload
        };
        for &slot in &self.hits {
            if let Some(range) = range
                && self.subscribers.note(slot, range)
            {
                continue;
            }
            let Some(subscriber) = self.subscribers.at_mut(slot) else {
                continue;
            };
            if !subscriber.admits(marks, bytes) {
                self.pace.count_dropped();
                subscriber.note(&mut self.slow);
                continue;
            }
            if drops_oldest && subscriber.make_room(all_marks, bytes) {
                self.pace.count_dropped();
                subscriber.note(&mut self.slow);
            }
            if let Some(share) = &mut self.share
                && !subscriber.admits_within(share, config, bytes, &mut errands.drivers)
            {
                self.pace.count_dropped();
                continue;
            }
            match range {
                Some(range) => subscriber.share(range, &mut self.shared),
                None => subscriber.take(payload, config.share_from, config.conflate, &mut self.shared),
            }
            let log = &mut subscriber.log;
            if let Some(share) = &mut self.share {
                log.settle_append(share);
            }
            let copied = if range.is_some() { 0 } else { bytes };
            let (load, blocked) = (log.load(), log.is_blocked());
            self.pace.count_queued(bytes, copied, load, all_marks, blocked);
            let ration = &mut self.ration;
            // Of several who wait in this process the publisher could serve one: all are their drivers'.
            let next = match hits {
                1 => log.after_append(|| ration.meet_idle(clock())),
                _ => log.call_driver(),
            };
            match next {
                Next::Done => {}
                Next::Wake(driver) => errands.drivers.push(driver),
                Next::Write(batch, line) => {
                    errands.write = self.subscribers.pipe_at(slot).map(|pipe| (pipe, batch, line));
                }
            }
            if let (Some(range), None) = (range, &self.share) {
                self.subscribers.follow(slot, range, load, all_marks, blocked);
            }
        }
        errands.has_slow = !self.slow.is_empty();
        errands
    }

    /// Appends to the shared log, which is freed of its older half when it is full.
    #[inline]
    fn append_shared(&mut self, payload: &Payload<'_>, bytes: usize) -> Range {
        if self.shared.is_full() {
            let middle = self.shared.middle();
            for subscriber in self.subscribers.iter_mut() {
                subscriber.leave_segments_before(middle, &mut self.shared);
            }
            self.shared.free_before(middle);
        }
        self.shared.append(payload, bytes)
    }

    /// Takes in what a driver has written, and keeps the buffer for whoever comes next.
    fn take_in(&mut self, pipe: PipeId, batch: &mut Batch) {
        let Some(subscriber) = self.subscribers.get_mut(pipe) else {
            return;
        };
        let Some(buffer) = subscriber.log.driver_returns(batch) else {
            return;
        };
        if !std::mem::take(&mut subscriber.borrows) {
            subscriber.log.keep(buffer);
        } else if self.buffers.len() < BUFFERS && buffer.capacity() <= KEEP {
            self.buffers.push(buffer);
        }
    }
}
