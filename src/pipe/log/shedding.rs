//! Throwing away what is queued, the oldest first, in favour of something newer.

use super::Log;
use crate::pipe::Marks;
use crate::stats::{DropReason, Load};

impl Log {
    /// Throws away what is queued and not begun, because a newer message takes its place.
    pub(crate) fn conflate(&mut self) {
        let nothing = Marks {
            messages: 0,
            bytes: 0,
        };
        self.shed(nothing, DropReason::Conflated);
    }

    /// Throws away what is queued and not begun, oldest first, until no more than this is left. Whether that was more.
    pub(crate) fn shed(&mut self, left: Marks, reason: DropReason) -> bool {
        let mut gone = Load::default();
        while self.messages > 0 && (self.messages > left.messages || self.run.len() > left.bytes) {
            let (end, _) = self.run.boundary_at_or_after(1);
            self.run.split_off_front(end);
            self.messages -= 1;
            gone += Load::one(end);
            self.marks.clear();
        }
        self.counters.dropped.add(reason, gone.messages);
        self.load -= gone;
        gone.messages > 0
    }
}
