//! An inbox whose lanes draw on a budget.
//!
//! Marks are each lane's own, so a driver may keep the credit that it was given. A budget is for all: here credit says what
//! has room now, is asked for each time, and what is handed over counts when it is. Receivers give back what they took soon,
//! not at half of the mark, since others may wait for it.

use std::task::{Poll, Waker};

use super::{Arrivals, Credit, Inbox, Lane};
use crate::pipe::{Claimant, Share};
use crate::stats::Load;

/// Receivers give back at least this often. As much may be read in one piece, so with less left messages come one by one.
const PIECE: usize = 256 * 1024;

impl Inbox {
    /// With lanes that draw on a budget.
    pub(crate) fn with_share(mut self, share: Option<Share>) -> Self {
        if let Some(share) = share {
            self.half_bytes = self.half_bytes.min(PIECE as u64 / 4);
            self.budgeted = true;
            self.arrivals.lock().share = Some(share);
        }
        self
    }

    /// Whether credit is good for one time only, since others share what there is.
    #[inline]
    pub(crate) fn is_budgeted(&self) -> bool {
        self.budgeted
    }

    /// Credit for one who hands over what was read in one piece: bytes are counted behind it.
    pub(super) fn as_read(&self, credit: Credit) -> Credit {
        let is_little = self.budgeted && credit.bytes < PIECE;
        Credit {
            messages: if is_little { 1 } else { credit.messages },
            ..credit
        }
    }
}

impl Claimant for Inbox {
    fn handle_room(&self) {
        let mut arrivals = self.arrivals.lock();
        if let Some(share) = &mut arrivals.share {
            share.handle_call();
        }
        let drivers = arrivals.resume_all(self.conflate);
        drop(arrivals);
        drivers.into_iter().for_each(Waker::wake);
    }
}

impl Arrivals {
    /// Whoever was stopped and may go on.
    pub(super) fn resume_all(&mut self, conflate: bool) -> Vec<Waker> {
        // Each time another one is the first to look, for what there is may not be enough for all.
        let first = self.first_called % self.lanes.len().max(1);
        self.first_called = first + 1;
        let marks = self.marks;
        let (before, from) = self.lanes.split_at_mut(first);
        let stopped = from.iter_mut().chain(before);
        stopped
            .filter(|lane| conflate || lane.may_resume(marks))
            .filter_map(Lane::resume)
            .collect()
    }

    /// So many bytes lie in no lane any more. Whom to call.
    pub(super) fn handle_left(&mut self, bytes: u64) -> Vec<Waker> {
        self.share
            .as_mut()
            .map_or_else(Vec::new, |share| share.remove(bytes))
    }
}

impl Lane {
    /// How much of this credit the budget has room for: one message, if nothing is here.
    pub(super) fn credit_within(&mut self, share: &mut Share, credit: Credit, waker: &Waker) -> Poll<Credit> {
        let left = share.left();
        if left == 0 && self.queued != Load::default() {
            self.stopped = Some(waker.clone());
            return Poll::Pending;
        }
        self.stopped = None;
        let messages = if left == 0 { 1 } else { credit.messages };
        let bytes = credit.bytes.min(usize::try_from(left).unwrap_or(usize::MAX));
        Poll::Ready(Credit {
            messages,
            bytes: bytes.max(1),
        })
    }
}
