//! A publisher whose queues draw on a budget.
//!
//! What the budget has no room for is treated as what a queue has no room for, with three differences. Nobody is
//! disconnected for it, since it tells nothing of how fast that one is. Where the oldest are dropped as many bytes of them go
//! from this very queue, and the newest goes in. And a publisher that waits does so until its message has room in all queues
//! together.

use std::task::Waker;

use super::crowd::Subscribers;
use super::subscriber::Subscriber;
use super::{FanOut, FanOutConfig, Slow, State};
use crate::pipe::{Claimant, Marks, PipeId, Share};
use crate::stats::DropReason;

impl FanOut {
    /// With queues that draw on a budget.
    pub(crate) fn with_share(self, share: Option<Share>) -> Self {
        self.state.lock().share = share;
        self
    }
}

impl Claimant for FanOut {
    fn handle_room(&self) {
        let mut state = self.state.lock();
        if let Some(share) = &mut state.share {
            share.handle_call();
        }
        let sender = state.call_sender();
        drop(state);
        if let Some(sender) = sender {
            sender.wake();
        }
    }
}

impl State {
    /// Tells the share what has come or gone in this queue. Whom to call.
    #[inline]
    pub(super) fn settle(&mut self, pipe: PipeId) -> Vec<Waker> {
        match &mut self.share {
            None => Vec::new(),
            Some(share) => {
                let subscriber = self.subscribers.get_mut(pipe);
                subscriber.map_or_else(Vec::new, |subscriber| subscriber.log.settle(share))
            }
        }
    }
}

impl Subscriber {
    /// Whether the budget has room for a message of `bytes` for this one, too. A dropped one is counted.
    pub(super) fn admits_within(
        &mut self,
        share: &mut Share,
        config: &FanOutConfig,
        bytes: usize,
        calls: &mut Vec<Waker>,
    ) -> bool {
        if config.conflate || self.log.is_vacant() || share.fits(bytes) {
            return true;
        }
        match config.slow {
            Slow::DropOldest => {
                let left = Marks {
                    messages: usize::MAX,
                    bytes: self.log.len().saturating_sub(bytes),
                };
                self.log.shed(left, DropReason::Hwm);
                calls.extend(self.log.settle(share));
                true
            }
            // It has waited until there was room, and what has no limit to its patience drops nothing.
            Slow::Wait(None) => true,
            Slow::DropNewest | Slow::Wait(Some(_)) | Slow::Disconnect => {
                self.log.count_refused(bytes, DropReason::Hwm);
                false
            }
        }
    }
}

/// Whether a message of `bytes` for all of these must wait, since one of them holds something and there is not room for all.
pub(super) fn is_short(share: &mut Share, subscribers: &mut Subscribers, hits: &[u32], bytes: usize) -> bool {
    let (mut all, mut holds) = (0, false);
    for slot in hits {
        if let Some(subscriber) = subscribers.at_mut(*slot).filter(|one| !one.dropping) {
            all += bytes;
            holds |= !subscriber.log.is_vacant();
        }
    }
    holds && !share.fits(all)
}
