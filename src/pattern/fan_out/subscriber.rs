//! One subscriber of a publisher: its queue, and whether it is being dropped for.

use crate::message::Payload;
use crate::pipe::{Log, Marks};
use crate::stats::{DropReason, Load};

/// What a publisher keeps for one subscriber.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) log: Log,
    /// The number of the last message that was seen to match: it may match by several subscriptions.
    stamp: u64,
    /// It was at its mark, and has not drained to half since.
    dropping: bool,
}

/// What becomes of a message for one subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is queued.
    Take,
    /// The subscriber is at its mark.
    Drop,
    /// It was asked before: another of its subscriptions matches too.
    Again,
}

impl Subscriber {
    pub(super) fn new() -> Self {
        Self {
            log: Log::new(),
            stamp: 0,
            dropping: false,
        }
    }

    /// Whether message `number`, of `bytes`, is queued for this subscriber. A dropped one is counted.
    ///
    /// Once at the mark it drops until half is free, so what is lost is lost in one piece (sockets.md, 1.3).
    #[inline]
    pub(super) fn judge(&mut self, number: u64, marks: Option<Marks>, bytes: usize) -> Verdict {
        if self.stamp == number {
            return Verdict::Again;
        }
        self.stamp = number;
        let Some(marks) = marks else {
            return Verdict::Take;
        };
        if self.dropping {
            self.dropping = !has_drained(self.log.load(), marks);
        }
        if self.dropping || !self.log.admits(marks, 0, bytes) {
            self.dropping = true;
            self.log.count_refused(bytes, DropReason::Hwm);
            return Verdict::Drop;
        }
        Verdict::Take
    }

    /// Queues a message; with `conflate` nothing else stays queued that is not begun.
    #[inline]
    pub(super) fn take(&mut self, payload: &Payload<'_>, share_from: usize, conflate: bool) {
        if conflate {
            self.log.conflate();
        }
        self.log.append(&[], payload, share_from);
    }
}

fn has_drained(load: Load, marks: Marks) -> bool {
    load.messages <= (marks.messages / 2) as u64 && load.bytes <= (marks.bytes / 2) as u64
}
