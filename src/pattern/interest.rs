//! What a subscriber wants to hear: state, not traffic (guarantees, G9).
//!
//! The set of subscriptions is one; each connection keeps only the prefixes in which the peer's knowledge differs
//! from it. A change *toggles* a prefix there: subscribing and cancelling before the driver came leaves nothing
//! to send. So nothing is ever dropped at a mark, duplicates are counted here alone, and what waits for a slow
//! publisher is bounded by the set itself. A new connection begins with every prefix. A socket that speaks for others
//! (XSUB) may say again what is said already: then each prefix is waiting to be said at most once.
//!
//! [`poll_subscribed`](Interest::poll_subscribed) is the barrier behind `subscribed()`: each connection proves,
//! by an answered PING, that its publisher has taken in all that was asked before.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::ops::Bound::{Included, Unbounded};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};

use bytes::Bytes;

use super::Matching;
use crate::error::Closed;
use crate::message::Message;
use crate::pipe::{Filter, PipeId, Prefixes};
use crate::stats::DropReason;
use crate::sync::Mutex;

/// A receiver that has asked this part of a set's size without a copy gets one: what that costs is then shared by as
/// many questions, however often the set changes.
const MISSES: usize = 8;

/// One change of what a subscriber wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Subscribe, or cancel.
    pub(crate) subscribe: bool,
    pub(crate) prefix: Bytes,
}

/// How a subscriber behaves.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InterestConfig {
    /// Which messages it takes of those that come.
    pub(crate) matching: Matching,
    /// A subscription is said again when it is made again …
    pub(crate) repeats: bool,
    /// … and every end of one is said, not only the last.
    pub(crate) tells_every_end: bool,
}

/// The subscriptions of one socket and how far each publisher knows them.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    config: InterestConfig,
    /// Rises with every change and every barrier: spares idle drivers the lock.
    version: AtomicU64,
    /// Rises with every change of what is wanted: spares receivers the lock.
    changes: AtomicU64,
    state: Mutex<State>,
}

impl Filter for Interest {
    #[inline]
    fn refuse(&self, known: &mut Prefixes, message: &Message, _from: PipeId) -> Option<DropReason> {
        let is_inverted = match self.config.matching {
            Matching::Prefix => false,
            Matching::Inverted => true,
            Matching::Everybody => return None,
            Matching::Exact => return self.refuse_in_group(message),
        };
        let topic = message.frame(0).unwrap_or_default();
        let is_covered = if known.version == self.changes.load(Ordering::Acquire) {
            known.cover(topic)
        } else {
            self.ask(known, topic)
        };
        (is_covered == is_inverted).then_some(DropReason::Filtered)
    }

    #[inline]
    fn takes(&self, known: &Prefixes, first: &[u8], _: bool) -> bool {
        self.config.matching == Matching::Prefix
            && known.version == self.changes.load(Ordering::Acquire)
            && known.cover(first)
    }
}

#[derive(Debug, Default)]
struct State {
    /// Each prefix with the number of times it was subscribed.
    wanted: BTreeMap<Bytes, u64>,
    publishers: BTreeMap<u64, Publisher>,
    /// Ways in on which nobody can be told: whatever is published there comes.
    untold: usize,
    next: u64,
    /// The newest barrier that anybody waits for.
    barrier: u64,
    waiting: Vec<Waker>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Publisher {
    /// Prefixes in which the peer's knowledge differs from `wanted`.
    differs: BTreeSet<Bytes>,
    /// What is to be said of others: that they are subscribed to, or cancelled, once more.
    again: BTreeMap<Bytes, bool>,
    driver: Option<Waker>,
    seen: u64,
    /// The barrier that this publisher has passed.
    passed: u64,
}

impl State {
    fn wants(&self, topic: &[u8]) -> bool {
        let mut probe = topic;
        // The greatest prefix that is not above the probe is a prefix of it, or all that could be share less of it.
        while let Some((prefix, _)) = self
            .wanted
            .range::<[u8], _>((Unbounded, Included(probe)))
            .next_back()
        {
            if probe.starts_with(prefix) {
                return true;
            }
            let shared = probe.iter().zip(prefix).take_while(|(a, b)| a == b).count();
            probe = &probe[..shared];
        }
        false
    }
}

/// What a driver has to do for one publisher.
#[derive(Debug, Default)]
pub(crate) struct Errand {
    pub(crate) changes: Vec<Change>,
    /// Send a PING with this number once the changes are out.
    pub(crate) barrier: Option<u64>,
}

impl Interest {
    pub(crate) fn new(config: InterestConfig) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }

    /// Adds a subscription; a second one of the same prefix is only counted, as a rule.
    pub(crate) fn subscribe(&self, prefix: Bytes) {
        let mut state = self.state.lock();
        let count = state.wanted.entry(prefix.clone()).or_default();
        *count += 1;
        if *count == 1 {
            self.toggle(&mut state, &prefix);
        } else if self.config.repeats {
            self.say_again(&mut state, &prefix, true);
        }
    }

    /// Takes one subscription back. `false`: there was none.
    pub(crate) fn unsubscribe(&self, prefix: &[u8]) -> bool {
        let mut state = self.state.lock();
        let Some(count) = state.wanted.get_mut(prefix) else {
            return false;
        };
        *count -= 1;
        if *count == 0 {
            let (prefix, _) = state
                .wanted
                .remove_entry(prefix)
                .expect("it was found a line above");
            self.toggle(&mut state, &prefix);
        } else if self.config.tells_every_end {
            self.say_again(&mut state, &Bytes::copy_from_slice(prefix), false);
        }
        true
    }

    /// Wants it, if it does not already: then `false`.
    pub(crate) fn add(&self, prefix: Bytes) -> bool {
        let mut state = self.state.lock();
        let is_new = state.wanted.insert(prefix.clone(), 1).is_none();
        if is_new {
            self.toggle(&mut state, &prefix);
        }
        is_new
    }

    /// How many different prefixes are wanted.
    pub(crate) fn topics(&self) -> usize {
        self.state.lock().wanted.len()
    }

    /// Whether messages of another shape, or of groups that are not wanted, are refused.
    fn refuse_in_group(&self, message: &Message) -> Option<DropReason> {
        let mut frames = message.iter();
        let (Some(group), Some(_), None) = (frames.next(), frames.next(), frames.next()) else {
            return Some(DropReason::ProtocolError);
        };
        let is_wanted = self.state.lock().wanted.contains_key(group);
        (!is_wanted).then_some(DropReason::Filtered)
    }

    /// The way of [`Filter::wants`] when something has changed: asks here until a new copy has earned its cost, which
    /// is a step for each subscription.
    #[cold]
    fn ask(&self, known: &mut Prefixes, topic: &[u8]) -> bool {
        let state = self.state.lock();
        known.misses += 1;
        if known.misses * MISSES < state.wanted.len() {
            return state.wants(topic);
        }
        known.replace(self.changes.load(Ordering::Relaxed), state.wanted.keys());
        known.cover(topic)
    }

    fn toggle(&self, state: &mut State, prefix: &Bytes) {
        for publisher in state.publishers.values_mut() {
            publisher.again.remove(prefix);
            if !publisher.differs.remove(prefix) {
                publisher.differs.insert(prefix.clone());
            }
        }
        self.changes.fetch_add(1, Ordering::Release);
        self.call_drivers(state);
    }

    /// Has every publisher told what it knows, unless it is to be told something of it anyway.
    fn say_again(&self, state: &mut State, prefix: &Bytes, subscribe: bool) {
        for publisher in state.publishers.values_mut() {
            if !publisher.differs.contains(prefix) {
                publisher.again.insert(prefix.clone(), subscribe);
            }
        }
        self.call_drivers(state);
    }

    fn call_drivers(&self, state: &mut State) {
        self.version.fetch_add(1, Ordering::Release);
        for driver in state
            .publishers
            .values_mut()
            .filter_map(|publisher| publisher.driver.take())
        {
            driver.wake();
        }
    }

    /// A publisher's handshake is done: it knows nothing yet.
    pub(crate) fn attach(&self) -> u64 {
        let mut state = self.state.lock();
        let key = state.next;
        state.next += 1;
        let differs = state.wanted.keys().cloned().collect();
        state.publishers.insert(
            key,
            Publisher {
                differs,
                seen: u64::MAX,
                ..Publisher::default()
            },
        );
        key
    }

    /// The publisher has left.
    pub(crate) fn detach(&self, key: u64) {
        let mut state = self.state.lock();
        state.publishers.remove(&key);
        state.waiting.drain(..).for_each(Waker::wake);
    }

    /// There is a way in on which nobody can be told, nor has to be.
    pub(crate) fn attach_untold(&self) {
        let mut state = self.state.lock();
        state.untold += 1;
        state.waiting.drain(..).for_each(Waker::wake);
    }

    /// It is closed.
    pub(crate) fn detach_untold(&self) {
        self.state.lock().untold -= 1;
    }

    /// What there is to tell the publisher. The waker is called at the next change; a driver asks from one task only,
    /// so it is kept once.
    pub(crate) fn poll_errand(&self, key: u64, waker: &Waker, seen: &mut u64) -> Option<Errand> {
        let version = self.version.load(Ordering::Acquire);
        if *seen == version {
            return None;
        }
        let mut state = self.state.lock();
        let state = &mut *state;
        // Under the lock: a change after this raises it again.
        let version = self.version.load(Ordering::Acquire);
        let publisher = state.publishers.get_mut(&key)?;
        let wanted = &state.wanted;
        let differs = std::mem::take(&mut publisher.differs).into_iter();
        let again = std::mem::take(&mut publisher.again).into_iter();
        let changes: Vec<_> = differs
            .map(|prefix| Change {
                subscribe: wanted.contains_key(&prefix),
                prefix,
            })
            .chain(again.map(|(prefix, subscribe)| Change { subscribe, prefix }))
            .collect();
        let due = publisher.passed < state.barrier && publisher.seen != state.barrier;
        publisher.seen = state.barrier;
        publisher.driver = Some(waker.clone());
        *seen = version;
        Some(Errand {
            changes,
            barrier: due.then_some(state.barrier),
        })
    }

    /// The publisher has taken in everything up to this barrier.
    pub(crate) fn passed(&self, key: u64, barrier: u64) {
        let mut state = self.state.lock();
        if let Some(publisher) = state.publishers.get_mut(&key) {
            publisher.passed = publisher.passed.max(barrier);
        }
        state.waiting.drain(..).for_each(Waker::wake);
    }

    /// Sets a barrier behind all changes so far.
    pub(crate) fn set_barrier(&self) -> u64 {
        let mut state = self.state.lock();
        state.barrier += 1;
        self.call_drivers(&mut state);
        state.barrier
    }

    /// Waits until there is a publisher, told or not, and every one that can be told knows all that was wanted before this call.
    pub(crate) async fn passed_by_all(&self) -> Result<(), Closed> {
        let barrier = self.set_barrier();
        match poll_fn(|cx| self.poll_subscribed(cx.waker(), barrier)).await {
            true => Ok(()),
            false => Err(Closed),
        }
    }

    /// Ready when there is a publisher or a way in without, and every publisher has passed the barrier; `false` when the socket is closed.
    pub(crate) fn poll_subscribed(&self, waker: &Waker, barrier: u64) -> Poll<bool> {
        let mut state = self.state.lock();
        if state.closed {
            return Poll::Ready(false);
        }
        let mut publishers = state.publishers.values();
        let is_any = !state.publishers.is_empty() || state.untold > 0;
        if is_any && publishers.all(|publisher| publisher.passed >= barrier) {
            return Poll::Ready(true);
        }
        if !state.waiting.iter().any(|kept| kept.will_wake(waker)) {
            state.waiting.push(waker.clone());
        }
        Poll::Pending
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Ends all waiting for good.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.waiting.drain(..).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests;
