//! Lanes that are filled no further than the [pace](crate::pipe::pace) while receivers take something.
//!
//! ```text
//!  1 pace ──stands still──▶ 2 ──stands still──▶ 4 … ──▶ the marks
//!    ▲                      │                   │
//!    └── half of it is free ┴───────────────────┘
//! ```
//!
//! Whoever reads without being able to wait for the receivers at some time, such as a peer in this process, has a lane
//! without a pace. A driver that asks for one looks after it by the clock, which is not known here.

use std::mem;
use std::task::Waker;

use super::{Chunk, Inbox, Lane, Messages};
use crate::pipe::{Marks, PipeId, pace};

impl Inbox {
    /// The driver of this lane says when it [stands still](Self::handle_stalled).
    pub(crate) fn pace(&self, pipe: PipeId) {
        if let Some(lane) = self.arrivals.lock().lane(pipe) {
            lane.paces = 1;
        }
    }

    /// Whether it is the pace that has stopped the driver, and not the marks.
    pub(crate) fn is_paced(&self, pipe: PipeId) -> bool {
        let mut arrivals = self.arrivals.lock();
        let marks = arrivals.marks;
        let lane = arrivals.lane(pipe);
        lane.is_some_and(|lane| lane.is_paced(marks))
    }

    /// The driver has been stopped for a while. Unless receivers have taken something since the last time, it may go on
    /// and fill the lane further: whether it may.
    pub(crate) fn handle_stalled(&self, pipe: PipeId) -> bool {
        let mut arrivals = self.arrivals.lock();
        let marks = arrivals.marks;
        let Some(lane) = arrivals.lane(pipe) else {
            return false;
        };
        if mem::take(&mut lane.moved) || !lane.is_paced(marks) {
            return false;
        }
        lane.paces = lane.paces.saturating_mul(2);
        // Nobody needs to call it.
        lane.stopped = None;
        true
    }

    /// How many bytes of a lane with such chunks are given back at the latest.
    #[inline]
    pub(super) fn gives_back(&self, chunk: &Chunk) -> u64 {
        match chunk.messages {
            Messages::Read(_) => self.half_bytes.min(pace::GIVE_BACK),
            Messages::Local(_) => self.half_bytes,
        }
    }
}

impl Lane {
    fn is_paced(&self, marks: Marks) -> bool {
        self.soft(marks) < marks.bytes && marks.admit(self.queued, 1)
    }

    /// How many bytes there may be now.
    pub(super) fn soft(&self, marks: Marks) -> usize {
        if self.paces == 0 {
            return marks.bytes;
        }
        let soft = pace::PACE.bytes.saturating_mul(self.paces);
        usize::try_from(soft).unwrap_or(usize::MAX).min(marks.bytes)
    }

    pub(super) fn is_at_pace(&self) -> bool {
        self.paces > 0 && pace::is_reached(self.queued, self.paces)
    }

    /// Whether a driver that stopped at the pace may go on.
    pub(super) fn has_fallen_behind(&self) -> bool {
        self.paces == 0 || pace::is_half_free(self.queued, self.paces)
    }

    /// Receivers have made room: the driver, if it is to read on.
    pub(super) fn resume(&mut self) -> Option<Waker> {
        self.paces = self.paces.min(1);
        self.stopped.take()
    }
}
