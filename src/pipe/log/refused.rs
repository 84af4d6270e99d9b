//! Messages that left the log and that the system did not take, each by itself: datagrams alone have that.

use std::mem;

use super::{Batch, Log};
use crate::stats::{DropReason, Load};

impl Batch {
    /// Of what is counted as written from here on, one message of so many bytes was refused.
    pub(crate) fn refuse_one(&mut self, bytes: usize) {
        self.refused += Load::one(bytes);
    }
}

impl Log {
    /// What the system refused is dropped, not done. Asked when all that it is a part of has been counted.
    pub(super) fn count_refusals(&mut self, batch: &mut Batch) {
        let refused = mem::take(&mut batch.refused);
        self.counters.done -= refused;
        self.counters.dropped.add(DropReason::Refused, refused.messages);
    }
}
