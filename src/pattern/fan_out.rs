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

mod pace;
mod shared_log;
mod subscriber;
#[cfg(test)]
mod tests;

use std::task::{Poll, Waker};
use std::time::Instant;

use self::pace::Pace;
use self::shared_log::{Range, SharedLog};
use self::subscriber::Subscriber;
use super::subscriptions::Subscriptions;
use super::{Change, Publications, TooManySubscriptions};
use crate::error::Closed;
use crate::frame::Run;
use crate::message::Payload;
use crate::pipe::{Batch, Line, Marks, Next, Outgoing, PipeId, Ration, Slots, Ticket, Unsent, Waiters};
use crate::stats::{Counters, DropReason, Load};
use crate::sync::Mutex;

/// The longest topic prefix that a peer may subscribe to.
const MAX_TOPIC: usize = 64 * 1024;

/// The most subscriptions of one peer …
const MAX_SUBSCRIPTIONS: usize = 100_000;

/// … and the most bytes of all its prefixes.
const MAX_SUBSCRIPTION_BYTES: usize = 16 * 1024 * 1024;

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
    pub(crate) marks: Marks,
    /// Owned payloads from this size on are queued by reference.
    pub(crate) share_from: usize,
    /// Keep only the newest message for each subscriber; the marks do not apply.
    pub(crate) conflate: bool,
}

/// The outgoing side of a publishing socket.
#[derive(Debug)]
pub(crate) struct FanOut {
    config: FanOutConfig,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    subscribers: Slots<Subscriber>,
    subscriptions: Subscriptions,
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
    /// Those who wait for subscribers.
    waiters: Waiters,
    closed: bool,
    /// Counters of pipes that have ended, and of messages that nobody asked for.
    ended: Counters,
}

/// What is left to do when the lock is released.
#[derive(Debug, Default)]
struct Errands {
    drivers: Vec<Waker>,
    write: Option<(PipeId, Batch, Line)>,
}

impl FanOut {
    pub(crate) fn new(config: FanOutConfig) -> Self {
        Self {
            config,
            state: Mutex::default(),
        }
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
        let errands = state.publish(self.config, payload, &clock);
        drop(state);
        self.run(errands, clock);
        Poll::Ready(Ok(()))
    }

    /// The yield of [`poll_send`](Self::poll_send) alone: whoever then publishes without waiting is no faster.
    pub(crate) fn poll_turn(&self, waker: &Waker, clock: impl Fn() -> Instant) -> Poll<Result<(), Closed>> {
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

    /// Publishes without letting others run.
    pub(crate) fn try_send(&self, payload: &Payload<'_>, clock: impl Fn() -> Instant) -> Result<(), Closed> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Closed);
        }
        let errands = state.publish(self.config, payload, &clock);
        drop(state);
        self.run(errands, clock);
        Ok(())
    }

    #[inline]
    fn run(&self, errands: Errands, clock: impl Fn() -> Instant) {
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
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    // ---- who is there --------------------------------------------------------------------------------------

    /// How many peers hold a prefix of `topic`; without one, how many hold any subscription.
    pub(crate) fn count_subscribers(&self, topic: Option<&[u8]>) -> usize {
        self.state.lock().count_subscribers(topic)
    }

    /// Ready when there are at least `n` such peers.
    pub(crate) fn poll_subscribers(
        &self,
        waker: &Waker,
        ticket: &mut Ticket,
        topic: Option<&[u8]>,
        n: usize,
    ) -> Poll<Result<(), Closed>> {
        let mut state = self.state.lock();
        if state.closed {
            return Poll::Ready(Err(Closed));
        }
        if state.count_subscribers(topic) >= n {
            state.waiters.leave(ticket);
            return Poll::Ready(Ok(()));
        }
        state.waiters.take_turn(ticket);
        state.waiters.wait(ticket, waker);
        Poll::Pending
    }

    /// Gives up waiting for subscribers.
    pub(crate) fn leave(&self, ticket: &mut Ticket) {
        if ticket.is_waiting() {
            self.state.lock().waiters.leave(ticket);
        }
    }
}

impl State {
    #[inline]
    fn publish(
        &mut self,
        config: FanOutConfig,
        payload: &Payload<'_>,
        clock: impl Fn() -> Instant,
    ) -> Errands {
        self.number += 1;
        self.pace.count_send();
        let bytes = payload.wire_len();
        self.find_hits(payload.first_frame());
        if self.hits.is_empty() {
            self.ended.dropped.add(DropReason::NoSubscriber, 1);
            return Errands::default();
        }
        self.fill_queues(config, payload, bytes, clock)
    }

    /// Notes in `hits` whose subscriptions match, each once.
    #[inline]
    fn find_hits(&mut self, topic: &[u8]) {
        let (hits, mut prefixes) = (&mut self.hits, 0);
        hits.clear();
        self.subscriptions.for_each_match(topic, |holders| {
            hits.extend_from_slice(holders);
            prefixes += 1;
        });
        if prefixes > 1 {
            let (subscribers, number) = (&mut self.subscribers, self.number);
            hits.retain(|slot| subscribers.at_mut(*slot).is_some_and(|one| one.is_new(number)));
        }
    }

    #[inline]
    fn fill_queues(
        &mut self,
        config: FanOutConfig,
        payload: &Payload<'_>,
        bytes: usize,
        clock: impl Fn() -> Instant,
    ) -> Errands {
        let mut errands = Errands::default();
        let marks = if config.conflate { None } else { Some(config.marks) };
        let hits = self.hits.len();
        let is_large = bytes >= config.share_from;
        let is_shared = (hits >= MANY || hits > 1 && bytes >= LARGE)
            && bytes <= shared_log::LARGEST
            && !is_large
            && !config.conflate;
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
            let Some(subscriber) = self.subscribers.at_mut(slot) else {
                continue;
            };
            if !subscriber.admits(marks, bytes) {
                self.pace.count_dropped();
                continue;
            }
            match range {
                Some(range) => subscriber.share(range, &mut self.shared),
                None => subscriber.take(payload, config.share_from, config.conflate, &mut self.shared),
            }
            let log = &mut subscriber.log;
            let copied = if range.is_some() { 0 } else { bytes };
            self.pace
                .count_queued(copied, log.load(), config.marks, log.is_blocked());
            let ration = &mut self.ration;
            let may_write = || hits == 1 && ration.meet_idle(clock());
            match log.after_append(may_write) {
                Next::Done => {}
                Next::Wake(driver) => errands.drivers.push(driver),
                Next::Write(batch, line) => {
                    errands.write = self.subscribers.pipe_at(slot).map(|pipe| (pipe, batch, line));
                }
            }
        }
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

    fn count_subscribers(&self, topic: Option<&[u8]>) -> usize {
        match topic {
            Some(topic) => self.subscriptions.count_matching(topic),
            None => {
                let slots = self.subscribers.iter().map(|(slot, _)| slot);
                slots
                    .filter(|slot| self.subscriptions.held_by(*slot).0 > 0)
                    .count()
            }
        }
    }

    /// Takes in one change. `false`: it changed nothing.
    fn apply(&mut self, slot: u32, change: &Change) -> Result<bool, TooManySubscriptions> {
        let prefix = &*change.prefix;
        if !change.subscribe {
            return Ok(self.subscriptions.cancel(slot, prefix));
        }
        let at_most = |what, is: usize, limit: usize| {
            let limit = limit as u64;
            if is as u64 <= limit {
                Ok(())
            } else {
                Err(TooManySubscriptions { what, limit })
            }
        };
        at_most("bytes in a topic", prefix.len(), MAX_TOPIC)?;
        let is_new = self.subscriptions.subscribe(slot, prefix);
        let (count, bytes) = self.subscriptions.held_by(slot);
        at_most("subscriptions", count, MAX_SUBSCRIPTIONS)?;
        at_most("bytes in subscriptions", bytes, MAX_SUBSCRIPTION_BYTES)?;
        Ok(is_new)
    }
}

impl Publications for FanOut {
    fn apply(&self, pipe: PipeId, changes: Vec<Change>) -> Result<(), TooManySubscriptions> {
        let mut state = self.state.lock();
        if state.subscribers.get(pipe).is_none() {
            return Ok(());
        }
        let mut has_changed = false;
        let result = changes.iter().try_for_each(|change| {
            has_changed |= state.apply(pipe.slot, change)?;
            Ok(())
        });
        let waiters = if has_changed {
            state.waiters.grant_all()
        } else {
            Vec::new()
        };
        drop(state);
        waiters.into_iter().for_each(Waker::wake);
        result
    }
}

impl Outgoing for FanOut {
    fn attach(&self) -> PipeId {
        self.state.lock().subscribers.insert(Subscriber::new())
    }

    fn online(&self, pipe: PipeId, line: Option<Line>) {
        if let Some(subscriber) = self.state.lock().subscribers.get_mut(pipe) {
            subscriber.log.online(line);
        }
    }

    fn poll_take(&self, pipe: PipeId, waker: &Waker, batch: &mut Batch, claim: bool) -> Poll<()> {
        let mut state = self.state.lock();
        state.take_in(pipe, batch);
        let State {
            subscribers,
            shared,
            buffers,
            ..
        } = &mut *state;
        let Some(subscriber) = subscribers.get_mut(pipe) else {
            return Poll::Pending;
        };
        subscriber.prepare_batch(shared, buffers);
        subscriber.log.driver_takes(waker, batch, claim)
    }

    fn progress(&self, pipe: PipeId, batch: &mut Batch) {
        if let Some(subscriber) = self.state.lock().subscribers.get_mut(pipe) {
            subscriber.log.progress(batch);
        }
    }

    fn handle_blocked(&self, pipe: PipeId) {
        if let Some(subscriber) = self.state.lock().subscribers.get_mut(pipe) {
            subscriber.log.handle_blocked();
        }
    }

    fn poll_offline(&self, pipe: PipeId, waker: &Waker, batch: &mut Batch) -> Poll<()> {
        let mut state = self.state.lock();
        let Some(subscriber) = state.subscribers.get_mut(pipe) else {
            return Poll::Ready(());
        };
        let offline = subscriber.log.offline(waker, batch);
        if offline.is_ready() {
            subscriber.borrows = false;
            // The peer says again what it wants when it is back.
            state.subscriptions.remove_all(pipe.slot);
        }
        offline
    }

    fn retire(&self, pipe: PipeId) {
        self.state.lock().subscriptions.remove_all(pipe.slot);
    }

    fn detach(&self, pipe: PipeId, reason: DropReason) -> Unsent {
        let mut state = self.state.lock();
        let Some(mut subscriber) = state.subscribers.remove(pipe) else {
            return Unsent::default();
        };
        state.subscriptions.remove_all(pipe.slot);
        subscriber.bring_home(&mut state.shared, usize::MAX);
        let unsent = subscriber.log.end(reason);
        state.ended += subscriber.log.counters();
        unsent
    }

    fn alive(&self, pipe: PipeId) -> u64 {
        let mut state = self.state.lock();
        let subscriber = state.subscribers.get_mut(pipe);
        subscriber.map_or(0, |subscriber| subscriber.log.alive())
    }

    fn queued(&self, pipe: PipeId) -> Load {
        let state = self.state.lock();
        state
            .subscribers
            .get(pipe)
            .map(|subscriber| subscriber.log.load())
            .unwrap_or_default()
    }

    fn counters(&self, pipe: PipeId) -> Option<Counters> {
        let state = self.state.lock();
        state
            .subscribers
            .get(pipe)
            .map(|subscriber| subscriber.log.counters())
    }

    fn totals(&self) -> (Counters, Load) {
        let state = self.state.lock();
        let mut sum = (state.ended, Load::default());
        for (_, subscriber) in state.subscribers.iter() {
            sum.0 += subscriber.log.counters();
            sum.1 += subscriber.log.load();
        }
        sum
    }

    fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let waiters = state.waiters.grant_all();
        drop(state);
        waiters.into_iter().for_each(Waker::wake);
    }
}
