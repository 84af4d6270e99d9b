//! An XPUB's program and its subscribers: what it hears of them, and, if it decides itself, what they get.
//!
//! ```text
//!  peer ── subscribes ──▶ asked for ──▶ notice ──▶ program
//!                           │ as a rule              │ manual
//!                           ▼                        ▼
//!                       subscriptions ◀── subscribe, for the peer of the last notice
//! ```
//!
//! Notices do not pass through the lanes on which peers' messages come: two peers' notices about one topic must be heard
//! in the order in which they came about, and lanes take turns. So they wait beside the inbox, and its receivers are
//! called to look here too. What waits is bounded by itself ([`notices`](crate::pattern::notices)).
//!
//! A peer may have left when the program hears of it. Its slot is not used again before that: so it can be said whose
//! notice it was.

use std::collections::BTreeSet;
use std::task::Waker;

use super::{FanOut, State};
use crate::message::Message;
use crate::pattern::notices::{Notices, Telling};
use crate::pattern::subscriptions::Subscriptions;
use crate::pipe::{Inbox, PipeId};
use crate::sync::Arc;

/// After this many notices in a row messages have a turn.
const SPELL: u32 = 64;

/// How a program follows its subscribers.
#[derive(Debug, Clone)]
pub(crate) struct Audience {
    pub(crate) telling: Telling,
    /// Peers get what the program subscribes them to, whatever they ask for.
    pub(crate) manual: bool,
    /// The message sent next after a subscription was heard of is for its peer alone.
    pub(crate) last_value: bool,
    /// Where the program waits for messages, and so for notices.
    pub(crate) readers: Arc<Inbox>,
}

/// What is kept for it.
#[derive(Debug)]
pub(super) struct News {
    pub(super) notices: Notices,
    /// What peers ask for, where that is not what they get.
    asked: Option<Subscriptions>,
    /// Whose notice was heard last.
    spoken: Option<PipeId>,
    last_value: bool,
    /// The next message is for this peer alone.
    addressee: Option<PipeId>,
    /// Slots whose peers have left, and of whom notices wait.
    gone: BTreeSet<u32>,
    /// Notices in a row.
    spell: u32,
}

impl News {
    /// Where to note what peers ask for, and whom to tell.
    pub(super) fn sides<'a>(
        &'a mut self,
        subscriptions: &'a mut Subscriptions,
    ) -> (&'a mut Subscriptions, Option<&'a mut Notices>) {
        let tree = self.asked.as_mut().unwrap_or(subscriptions);
        (tree, Some(&mut self.notices))
    }

    /// Leaves the addressee alone, if there is one.
    #[inline]
    pub(super) fn narrow(&mut self, hits: &mut Vec<u32>) {
        if let Some(addressee) = self.addressee {
            hits.retain(|slot| *slot == addressee.slot);
        }
    }

    /// A message was published: the next one is for all.
    #[inline]
    pub(super) fn has_spoken(&mut self) {
        self.addressee = None;
    }

    /// The pipe has ended. Whether its slot must be kept for a while.
    pub(super) fn keeps(&mut self, slot: u32) -> bool {
        let keeps = self.notices.waits_of(slot);
        if keeps {
            self.gone.insert(slot);
        }
        if self.addressee.is_some_and(|addressee| addressee.slot == slot) {
            self.addressee = None;
        }
        keeps
    }
}

impl State {
    /// A notice of this peer waits no more: if it was the last of one who has left, the slot is free.
    pub(super) fn let_go(&mut self, slot: u32) {
        if let Some(news) = &mut self.news
            && !news.notices.waits_of(slot)
            && news.gone.remove(&slot)
        {
            self.subscribers.free(slot);
        }
    }

    /// Whether there is something that the program was not told.
    pub(super) fn has_news(&self) -> bool {
        self.news.as_ref().is_some_and(|news| !news.notices.is_empty())
    }
}

impl FanOut {
    /// With a program that follows its subscribers.
    pub(crate) fn with_audience(mut self, audience: Audience) -> Self {
        self.readers = Some(audience.readers);
        self.state.lock().news = Some(Box::new(News {
            notices: Notices::new(audience.telling),
            asked: audience.manual.then(Subscriptions::default),
            spoken: None,
            last_value: audience.last_value,
            addressee: None,
            gone: BTreeSet::new(),
            spell: 0,
        }));
        self
    }

    /// Whether there is something to tell.
    pub(crate) fn has_notice(&self) -> bool {
        let state = self.state.lock();
        state.news.as_ref().is_some_and(|news| !news.notices.is_empty())
    }

    /// The next notice, as a message: 01 or 00, and the topic; and what `look_up` says of its peer, while that is nobody
    /// else. After some in a row there is none, unless `must`: messages shall have a turn.
    pub(crate) fn next_notice<T>(
        &self,
        must: bool,
        look_up: impl FnOnce(PipeId) -> T,
    ) -> Option<(Message, T)> {
        let mut state = self.state.lock();
        let State {
            subscribers, news, ..
        } = &mut *state;
        let news = news.as_deref_mut()?;
        if news.spell >= SPELL && !must {
            news.spell = 0;
            return None;
        }
        let Some(notice) = news.notices.pop() else {
            news.spell = 0;
            return None;
        };
        news.spell += 1;
        let pipe = subscribers
            .pipe_at(notice.slot)
            .unwrap_or_else(|| unreachable!("a notice is of somebody who was there"));
        let found = look_up(pipe);
        news.spoken = Some(pipe);
        if news.last_value && notice.subscribe && subscribers.contains(pipe) {
            news.addressee = Some(pipe);
        }
        let has_more = !news.notices.is_empty();
        state.let_go(pipe.slot);
        drop(state);
        self.call_readers(has_more);
        let message = [&[u8::from(notice.subscribe)], &*notice.topic].concat();
        Some((message.into(), found))
    }

    /// Subscribes the peer of the last notice, or takes that back. `false`: it has left, or it changes nothing.
    pub(crate) fn decide(&self, subscribe: bool, topic: &[u8]) -> bool {
        let mut state = self.state.lock();
        let spoken = state.news.as_ref().and_then(|news| news.spoken);
        let Some(pipe) = spoken.filter(|pipe| state.subscribers.contains(*pipe)) else {
            return false;
        };
        let has_changed = if subscribe {
            state.subscriptions.subscribe(pipe.slot, topic)
        } else {
            state.subscriptions.cancel(pipe.slot, topic)
        };
        let waiters = if has_changed {
            state.waiters.grant_all()
        } else {
            Vec::new()
        };
        drop(state);
        waiters.into_iter().for_each(Waker::wake);
        has_changed
    }

    /// Calls one who waits for messages to hear the news, if there are any.
    pub(super) fn call_readers(&self, has_news: bool) {
        if let (true, Some(readers)) = (has_news, &self.readers) {
            readers.call();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::fan_out::{AskLimits, FanOutConfig, Matching, Slow};
    use crate::pattern::{Change, Publications};
    use crate::pipe::{Marks, Outgoing};
    use crate::stats::DropReason;

    /// With a program that hears of the first and the last subscriber of each topic.
    fn publisher() -> FanOut {
        let config = FanOutConfig {
            share_from: usize::MAX,
            conflate: false,
            matching: Matching::Prefix,
            slow: Slow::default(),
            limits: AskLimits::default(),
        };
        FanOut::new(Marks::default(), config).with_audience(Audience {
            telling: Telling::default(),
            manual: false,
            last_value: false,
            readers: Arc::new(Inbox::new(Marks::default(), false)),
        })
    }

    fn subscribe(fan_out: &FanOut, pipe: PipeId) {
        let change = Change {
            subscribe: true,
            prefix: b"a"[..].into(),
        };
        fan_out.apply(pipe, vec![change]).expect("within all limits");
    }

    #[test]
    fn the_place_of_one_who_has_left_is_free_when_nothing_is_to_be_told_of_him_any_more() {
        let fan_out = publisher();
        let mut last = fan_out.attach();
        subscribe(&fan_out, last);
        assert!(fan_out.next_notice(true, |_| ()).is_some());
        let mut slots = BTreeSet::new();
        for _ in 0..10 {
            // That nobody wants the topic any more is no news when the next one wants it.
            fan_out.detach(last, DropReason::PipeClosed);
            last = fan_out.attach();
            slots.insert(last.slot);
            subscribe(&fan_out, last);
            assert!(!fan_out.has_notice());
        }
        assert!(slots.len() <= 2, "{slots:?}");
    }
}
