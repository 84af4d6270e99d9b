//! What a driver cannot hold back: messages that come when there is no room for them are counted, and nothing else.

use super::Inbox;
use crate::pipe::PipeId;
use crate::stats::{DropReason, Load};

impl Inbox {
    /// Drops a message of so many bytes that has come through this lane.
    pub(crate) fn refuse(&self, pipe: PipeId, bytes: usize, reason: DropReason) {
        let mut arrivals = self.arrivals.lock();
        if let Some(lane) = arrivals.lane(pipe) {
            lane.counters.accepted += Load::one(bytes);
            lane.counters.dropped.add(reason, 1);
        }
    }
}
