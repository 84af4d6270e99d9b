//! What becomes of a message for a subscriber whose queue is full, where it is not simply dropped.
//!
//! ```text
//!  drop newest   it is dropped for this subscriber                        (the rule: nothing of this file happens)
//!  drop oldest   what waits longest in this queue makes room for it
//!  wait          the publisher waits, a while or for as long as it takes, and everybody with it
//!  disconnect    the subscriber has to go
//! ```
//!
//! A publisher that waits has queued nothing for anybody: its message goes to all at once or waits as a whole. Those who
//! wait are served in the order in which they came; whoever makes room in any queue calls the first of them, to look
//! whether it was the one. One that has waited for as long as it would publishes all the same, and whoever is full then
//! is dropped for until half of its queue is free: a subscriber that stands still is waited for once.

use std::task::{Poll, Waker, ready};
use std::time::{Duration, Instant};

use super::{FanOut, FanOutConfig, State, budgeted};
use crate::error::Closed;
use crate::message::Payload;
use crate::pipe::{PipeId, Refusal, Ticket};
use crate::stats::Load;
use crate::sync::Ordering;

/// What becomes of a message for a subscriber whose queue is full.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slow {
    /// It is dropped.
    #[default]
    DropNewest,
    /// Older ones are dropped for it.
    DropOldest,
    /// The publisher waits for this long and then drops it; `None`: for as long as it takes.
    Wait(Option<Duration>),
    /// It is dropped, and the connection closed.
    Disconnect,
}

impl FanOut {
    /// For how long this publisher waits for a subscriber: not at all, for a while, or (`Some(None)`) for ever.
    #[inline]
    pub(crate) fn patience(&self) -> Option<Option<Duration>> {
        match self.config.slow {
            Slow::Wait(patience) => Some(patience),
            _ => None,
        }
    }

    /// [`poll_send`](Self::poll_send) of a publisher that waits; not any longer when `is_over`.
    pub(crate) fn poll_send_patiently(
        &self,
        waker: &Waker,
        ticket: &mut Ticket,
        payload: &Payload<'_>,
        is_over: bool,
        clock: impl Fn() -> Instant,
    ) -> Poll<Result<(), Closed>> {
        let mut state = self.state.lock();
        if state.closed {
            return Poll::Ready(Err(Closed));
        }
        if !ticket.is_waiting() && state.pace.must_yield(&clock) {
            drop(state);
            waker.wake_by_ref();
            return Poll::Pending;
        }
        if !is_over {
            let turn = ready!(state.senders.poll_turn(ticket, waker));
            if state.is_anybody_full(&self.config, payload) {
                state.senders.wait_on(turn, ticket, waker);
                return Poll::Pending;
            }
        } else {
            state.senders.leave(ticket);
        }
        let errands = state.publish(&self.config, payload, &clock);
        let next = state.senders.grant();
        drop(state);
        self.run(errands, clock);
        if let Some(next) = next {
            next.wake();
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when no subscriber is full, whatever will be published.
    pub(super) fn poll_room(&self, waker: &Waker, ticket: &mut Ticket) -> Poll<Result<(), Closed>> {
        let mut state = self.state.lock();
        if state.closed {
            return Poll::Ready(Err(Closed));
        }
        let turn = ready!(state.senders.poll_turn(ticket, waker));
        if state.is_one_full() {
            state.senders.wait_on(turn, ticket, waker);
            return Poll::Pending;
        }
        let next = state.senders.grant();
        drop(state);
        if let Some(next) = next {
            next.wake();
        }
        Poll::Ready(Ok(()))
    }

    /// Gives up waiting to publish.
    pub(crate) fn leave_senders(&self, ticket: &mut Ticket) {
        if !ticket.is_waiting() {
            return;
        }
        let mut state = self.state.lock();
        let next = state.senders.give_up(ticket);
        drop(state);
        if let Some(next) = next {
            next.wake();
        }
    }

    /// Whether those who are slow have to go.
    pub(crate) fn is_strict(&self) -> bool {
        self.config.slow == Slow::Disconnect
    }

    /// Those for whom messages are being dropped since this was asked last, and what waited for each when it began: for
    /// whoever publishes, since drivers that stand still notice nothing. Once for each time: whoever has half of its queue
    /// free, or comes back, may be slow anew.
    #[inline]
    pub(crate) fn take_slow(&self) -> Vec<(PipeId, Load)> {
        // Relaxed: whoever noted somebody has raised it itself. One who lowers it has the lock, and takes all.
        if !self.has_slow.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut state = self.state.lock();
        self.has_slow.store(false, Ordering::Relaxed);
        std::mem::take(&mut state.slow)
    }
}

impl State {
    /// Whether a publisher that waits for as long as it takes must not publish this now.
    pub(super) fn refuses(&mut self, config: &FanOutConfig, payload: &Payload<'_>) -> Option<Refusal> {
        let is_full = config.slow == Slow::Wait(None)
            && (!self.senders.is_empty() || self.is_anybody_full(config, payload));
        is_full.then_some(Refusal::Full)
    }

    /// Whether somebody whom this concerns is full, and not given up.
    fn is_anybody_full(&mut self, config: &FanOutConfig, payload: &Payload<'_>) -> bool {
        self.number += 1;
        self.find_hits(config.matching, payload.first_frame());
        let bytes = payload.wire_len();
        let marks = self.marks;
        let (subscribers, share) = (&mut self.subscribers, self.share.as_mut());
        let mut hits = self.hits.iter();
        let is_full = hits.any(|slot| {
            subscribers
                .at_mut(*slot)
                .is_some_and(|one| one.is_waited_for(marks, bytes))
        });
        is_full || share.is_some_and(|share| budgeted::is_short(share, subscribers, &self.hits, bytes))
    }

    /// Whether anybody is full, whatever will be published.
    fn is_one_full(&mut self) -> bool {
        let marks = self.marks;
        let share = &mut self.share;
        self.subscribers.iter_mut().any(|one| {
            one.is_waited_for(marks, 0)
                || share
                    .as_mut()
                    .is_some_and(|share| !one.log.is_vacant() && !share.fits(0))
        })
    }

    /// There may be room: whoever waits first shall look.
    #[inline]
    pub(super) fn call_sender(&mut self) -> Option<Waker> {
        self.senders.grant()
    }
}
