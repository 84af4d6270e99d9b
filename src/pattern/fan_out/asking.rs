//! What peers ask for: taken in within limits, and counted for whoever waits for subscribers.

use std::task::{Poll, Waker};

use super::{FanOut, State};
use crate::error::Closed;
use crate::pattern::{Change, Publications, TooManySubscriptions};
use crate::pipe::{PipeId, Ticket};

/// The longest name of a group.
pub(crate) const MAX_GROUP: usize = 255;

/// How much one peer may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AskLimits {
    /// What is counted, as the peer calls it.
    pub(crate) names: AskNames,
    /// The bytes of one topic.
    pub(crate) topic: usize,
    /// Subscriptions …
    pub(crate) subscriptions: usize,
    /// … and the bytes of all their topics.
    pub(crate) bytes: usize,
}

/// What a peer has too much of, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AskNames {
    pub(crate) topic: &'static str,
    pub(crate) subscriptions: &'static str,
    pub(crate) bytes: &'static str,
}

impl Default for AskLimits {
    fn default() -> Self {
        Self {
            names: AskNames {
                topic: "bytes in a topic",
                subscriptions: "subscriptions",
                bytes: "bytes in subscriptions",
            },
            topic: 64 * 1024,
            subscriptions: 100_000,
            bytes: 16 * 1024 * 1024,
        }
    }
}

impl AskLimits {
    /// The same for peers that join groups, whose names are short.
    pub(crate) fn of_groups() -> Self {
        Self {
            names: AskNames {
                topic: "bytes in a group",
                subscriptions: "groups",
                bytes: "bytes in groups",
            },
            topic: MAX_GROUP,
            ..Self::default()
        }
    }
}

impl FanOut {
    /// How many peers get a message with this first frame; without one, how many ask for anything.
    pub(crate) fn count_subscribers(&self, topic: Option<&[u8]>) -> usize {
        self.count_in(&self.state.lock(), topic)
    }

    /// How many different topics are asked for.
    pub(crate) fn topics(&self) -> usize {
        self.state.lock().subscriptions.topics()
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
        if self.count_in(&state, topic) >= n {
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

    fn count_in(&self, state: &State, topic: Option<&[u8]>) -> usize {
        match topic {
            Some(topic) => state.count_matching(self.config.matching, topic),
            None => {
                let slots = state.subscribers.iter().map(|(slot, _)| slot);
                slots
                    .filter(|slot| state.subscriptions.held_by(*slot).0 > 0 || state.takers.contains(slot))
                    .count()
            }
        }
    }
}

impl State {
    /// Takes in one change. `false`: it changed nothing.
    fn apply(
        &mut self,
        limits: &AskLimits,
        slot: u32,
        change: &Change,
    ) -> Result<bool, TooManySubscriptions> {
        let topic = &*change.prefix;
        let (tree, mut notices) = match &mut self.news {
            Some(news) => news.sides(&mut self.subscriptions),
            None => (&mut self.subscriptions, None),
        };
        if !change.subscribe {
            let has_ended = tree.cancel(slot, topic);
            if let (true, Some(notices)) = (has_ended, notices) {
                let spared = notices.cancelled(slot, topic, tree.holders(topic).is_empty());
                spared.into_iter().for_each(|slot| self.let_go(slot));
            }
            return Ok(has_ended);
        }
        let at_most = |what, is: usize, limit: usize| {
            let limit = limit as u64;
            if is as u64 <= limit {
                Ok(())
            } else {
                Err(TooManySubscriptions { what, limit })
            }
        };
        at_most(limits.names.topic, topic.len(), limits.topic)?;
        let is_first = notices.is_some() && tree.holders(topic).is_empty();
        let is_new = tree.subscribe(slot, topic);
        let (count, bytes) = tree.held_by(slot);
        if let Some(notices) = &mut notices {
            let spared = notices.subscribed(slot, topic, is_first);
            spared.into_iter().for_each(|slot| self.let_go(slot));
        }
        at_most(limits.names.subscriptions, count, limits.subscriptions)?;
        at_most(limits.names.bytes, bytes, limits.bytes)?;
        Ok(is_new)
    }

    /// A peer asks for nothing any more.
    pub(super) fn forget(&mut self, slot: u32) {
        let mut spared = Vec::new();
        if let Some(news) = &mut self.news
            && let (tree, Some(notices)) = news.sides(&mut self.subscriptions)
        {
            tree.cancel_all(slot, |topic, is_last| {
                spared.extend(notices.cancelled(slot, topic, is_last));
            });
        }
        spared.into_iter().for_each(|slot| self.let_go(slot));
        self.subscriptions.remove_all(slot);
        self.takers.retain(|taker| *taker != slot);
    }
}

impl Publications for FanOut {
    fn apply(&self, pipe: PipeId, changes: Vec<Change>) -> Result<(), TooManySubscriptions> {
        let mut state = self.state.lock();
        if !state.subscribers.contains(pipe) {
            return Ok(());
        }
        let mut has_changed = false;
        let result = changes.iter().try_for_each(|change| {
            has_changed |= state.apply(&self.config.limits, pipe.slot, change)?;
            Ok(())
        });
        let waiters = if has_changed {
            state.waiters.grant_all()
        } else {
            Vec::new()
        };
        let has_news = state.has_news();
        // Who was full may not be concerned any more.
        let sender = state.call_sender();
        drop(state);
        waiters.into_iter().chain(sender).for_each(Waker::wake);
        self.call_readers(has_news);
        result
    }
    fn give_everything(&self, pipe: PipeId) {
        let mut state = self.state.lock();
        if !state.subscribers.contains(pipe) {
            return;
        }
        state.takers.push(pipe.slot);
        let waiters = state.waiters.grant_all();
        drop(state);
        waiters.into_iter().for_each(Waker::wake);
    }
}
