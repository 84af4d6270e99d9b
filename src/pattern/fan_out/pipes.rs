//! The drivers' side of the queues.

use std::task::{Poll, Waker};

use super::{FanOut, State};
use crate::pipe::{Batch, Line, Outgoing, PipeId, Unsent};
use crate::stats::{Counters, DropReason, Load};
use crate::sync::MutexGuard;

impl FanOut {
    /// A peer asks for nothing any more: tells whoever should know, and whom else to call.
    fn finish(&self, mut state: MutexGuard<'_, State>, calls: Vec<Waker>) {
        let has_news = state.has_news();
        let sender = state.call_sender();
        drop(state);
        sender.into_iter().chain(calls).for_each(Waker::wake);
        self.call_readers(has_news);
    }
}

impl Outgoing for FanOut {
    fn attach(&self) -> PipeId {
        self.state.lock().subscribers.insert()
    }

    fn online(&self, pipe: PipeId, line: Option<Line>) {
        let mut state = self.state.lock();
        let State {
            subscribers, shared, ..
        } = &mut *state;
        let Some(subscriber) = subscribers.get_mut(pipe) else {
            return;
        };
        subscriber.log.online(line);
        if let Some(welcome) = &self.welcome {
            subscriber.take(&welcome.into(), self.config.share_from, false, shared);
            let calls = state.settle(pipe);
            debug_assert!(calls.is_empty(), "nothing has left");
        }
    }

    fn poll_take(&self, pipe: PipeId, waker: &Waker, batch: &mut Batch, claim: bool) -> Poll<()> {
        let mut state = self.state.lock();
        state.take_in(pipe, batch);
        let calls = state.settle(pipe);
        let sender = state.call_sender();
        let State {
            subscribers,
            shared,
            buffers,
            ..
        } = &mut *state;
        let taken = match subscribers.get_mut(pipe) {
            Some(subscriber) => {
                subscriber.prepare_batch(shared, buffers);
                subscriber.log.driver_takes(waker, batch, claim)
            }
            None => Poll::Pending,
        };
        drop(state);
        sender.into_iter().chain(calls).for_each(Waker::wake);
        taken
    }

    fn progress(&self, pipe: PipeId, batch: &mut Batch) {
        let mut state = self.state.lock();
        if let Some(subscriber) = state.subscribers.get_mut(pipe) {
            subscriber.log.progress(batch);
        }
        let calls = state.settle(pipe);
        let sender = state.call_sender();
        drop(state);
        sender.into_iter().chain(calls).for_each(Waker::wake);
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
            subscriber.noted = false;
            // The peer says again what it wants when it is back.
            state.forget(pipe.slot);
        }
        let calls = state.settle(pipe);
        self.finish(state, calls);
        offline
    }

    fn retire(&self, pipe: PipeId) {
        let mut state = self.state.lock();
        let Some(subscriber) = state.subscribers.get_mut(pipe) else {
            return;
        };
        subscriber.retired = true;
        state.forget(pipe.slot);
        self.finish(state, Vec::new());
    }

    fn detach(&self, pipe: PipeId, reason: DropReason) -> Unsent {
        let mut state = self.state.lock();
        let Some(mut subscriber) = state.subscribers.vacate(pipe) else {
            return Unsent::default();
        };
        state.forget(pipe.slot);
        if !state.news.as_mut().is_some_and(|news| news.keeps(pipe.slot)) {
            state.subscribers.free(pipe.slot);
        }
        subscriber.bring_home(&mut state.shared, usize::MAX);
        let unsent = subscriber.log.end(reason);
        state.ended += subscriber.log.counters();
        let calls = match &mut state.share {
            Some(share) => subscriber.log.settle(share),
            None => Vec::new(),
        };
        self.finish(state, calls);
        unsent
    }

    fn alive(&self, pipe: PipeId) -> u64 {
        let mut state = self.state.lock();
        let subscriber = state.subscribers.get_mut(pipe);
        subscriber.map_or(0, |subscriber| subscriber.log.alive())
    }

    fn queued(&self, pipe: PipeId) -> Load {
        let mut state = self.state.lock();
        state
            .subscribers
            .get_mut(pipe)
            .map(|subscriber| subscriber.log.load())
            .unwrap_or_default()
    }

    fn counters(&self, pipe: PipeId) -> Option<Counters> {
        let mut state = self.state.lock();
        state
            .subscribers
            .get_mut(pipe)
            .map(|subscriber| subscriber.log.counters())
    }

    fn totals(&self) -> (Counters, Load) {
        let mut state = self.state.lock();
        let mut sum = (state.ended, Load::default());
        for subscriber in state.subscribers.iter_mut() {
            sum.0 += subscriber.log.counters();
            sum.1 += subscriber.log.load();
        }
        sum
    }

    fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        if let Some(news) = &mut state.news {
            news.notices.clear();
        }
        let waiters = state.waiters.grant_all();
        let senders = state.senders.grant_all();
        drop(state);
        waiters.into_iter().chain(senders).for_each(Waker::wake);
    }
}
