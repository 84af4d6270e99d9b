//! One subscriber of a publisher: its queue, and whether it is being dropped for.
//!
//! The queue is a log of its own and, behind that, ranges of the [shared log](super::shared_log): what lies in the
//! log is always older. So ranges must be brought home, that is, copied, before anything else is appended to the log.

use std::collections::VecDeque;

use super::shared_log::{Range, SegmentNumber, SharedLog};
use crate::frame::Run;
use crate::message::Payload;
use crate::pipe::{Log, Marks, PipeId};
use crate::stats::{DropReason, Load};

/// The most that is copied for one batch: more would leave the cache before it is written.
const BATCH: usize = 256 * 1024;

/// What a publisher keeps for one subscriber.
#[derive(Debug)]
pub(super) struct Subscriber {
    pipe: PipeId,
    pub(super) log: Log,
    /// What is queued behind the log.
    ranges: VecDeque<Range>,
    /// The number of the last message that matched several subscriptions, one of them this one's.
    stamp: u64,
    /// It was at its mark, and has not drained to half since.
    pub(super) dropping: bool,
    /// That was noted, for the connection that there is.
    pub(super) noted: bool,
    /// What is being written lies in a buffer of the publisher's.
    pub(super) borrows: bool,
    /// Its pipe is about to end.
    pub(super) retired: bool,
}

impl Subscriber {
    pub(super) fn new(pipe: PipeId) -> Self {
        Self {
            pipe,
            log: Log::new(),
            ranges: VecDeque::new(),
            stamp: 0,
            dropping: false,
            noted: false,
            borrows: false,
            retired: false,
        }
    }

    /// Whether it has not been asked about message `number` yet: that may match by several of its subscriptions.
    pub(super) fn is_new(&mut self, number: u64) -> bool {
        std::mem::replace(&mut self.stamp, number) != number
    }

    /// Whether it has been asked about message `number`.
    pub(super) fn was_asked(&self, number: u64) -> bool {
        self.stamp == number
    }

    /// Whether a message of `bytes` is queued for this subscriber. A dropped one is counted.
    ///
    /// Once at the mark it drops until half is free, so what is lost is lost in one piece.
    #[inline]
    pub(super) fn admits(&mut self, marks: Option<Marks>, bytes: usize) -> bool {
        let Some(marks) = marks else { return true };
        self.look_whether_it_keeps_up(marks);
        if self.dropping || !self.log.admits(marks, 0, bytes) {
            self.dropping = true;
            self.log.count_refused(bytes, DropReason::Hwm);
            return false;
        }
        true
    }

    /// Whether a publisher that waits waits for this one: it is full, and was not given up.
    pub(super) fn is_waited_for(&mut self, marks: Marks, bytes: usize) -> bool {
        self.look_whether_it_keeps_up(marks);
        !self.dropping && !self.log.admits(marks, 0, bytes)
    }

    /// Drops what waits longest, until a message of `bytes` has room behind it; what is being written does not count.
    /// Whether there was something to drop.
    pub(super) fn make_room(&mut self, marks: Marks, bytes: usize) -> bool {
        self.look_whether_it_keeps_up(marks);
        let left = Marks {
            messages: marks.messages - 1,
            bytes: marks.bytes.saturating_sub(bytes),
        };
        let has_dropped = self.log.shed(left, DropReason::Hwm);
        self.dropping |= has_dropped;
        has_dropped
    }

    /// Notes that messages for it are being dropped, once until it keeps up again.
    pub(super) fn note(&mut self, slow: &mut Vec<(PipeId, Load)>) {
        if !std::mem::replace(&mut self.noted, true) {
            slow.push((self.pipe, self.log.load()));
        }
    }

    #[inline]
    fn look_whether_it_keeps_up(&mut self, marks: Marks) {
        if self.dropping && has_drained(self.log.load(), marks) {
            (self.dropping, self.noted) = (false, false);
        }
    }

    /// Queues a message; with `conflate` nothing else stays queued that is not begun.
    #[inline]
    pub(super) fn take(
        &mut self,
        payload: &Payload<'_>,
        share_from: usize,
        conflate: bool,
        shared: &mut SharedLog,
    ) {
        if conflate {
            self.log.conflate();
        }
        self.bring_home(shared, usize::MAX);
        self.log.append(&[], payload, share_from);
    }

    /// Queues a message that lies in the shared log.
    #[inline]
    pub(super) fn share(&mut self, range: Range, shared: &mut SharedLog) {
        self.log.accept(range.load());
        if self.ranges.back_mut().is_some_and(|last| last.extend(range)) {
            return;
        }
        if self.ranges.is_empty() {
            shared.holders += 1;
        }
        self.ranges.push_back(range);
    }

    /// Takes in what it has got behind its last range.
    #[cold]
    pub(super) fn catch_up(&mut self, range: Range) {
        self.log.accept(range.load());
        if !self.ranges.back_mut().is_some_and(|last| last.extend(range)) {
            debug_assert!(false, "a tail begins behind the last range");
            self.ranges.push_back(range);
        }
    }

    /// Copies ranges to the log, from the oldest on, as long as that holds no more than `limit` bytes; at least one
    /// if it is empty.
    #[inline]
    pub(super) fn bring_home(&mut self, shared: &mut SharedLog, limit: usize) {
        if !self.ranges.is_empty() {
            self.bring_while(shared, |range, queued| {
                queued == 0 || queued + range.len() <= limit
            });
        }
    }

    /// Copies the ranges that lie in segments before this one.
    pub(super) fn leave_segments_before(&mut self, number: SegmentNumber, shared: &mut SharedLog) {
        if !self.ranges.is_empty() {
            self.bring_while(shared, |range, _| range.segment < number);
        }
    }

    fn bring_while(&mut self, shared: &mut SharedLog, may: impl Fn(Range, usize) -> bool) {
        while let Some(range) = self.ranges.front().filter(|range| may(**range, self.log.len())) {
            self.log.bring(shared.frames(*range), range.messages());
            self.ranges.pop_front();
        }
        if self.ranges.is_empty() {
            shared.holders -= 1;
        }
    }

    /// The driver is about to take a batch: brings home what goes into it, in a buffer of the publisher's.
    #[inline]
    pub(super) fn prepare_batch(&mut self, shared: &mut SharedLog, buffers: &mut Vec<Run>) {
        if self.ranges.is_empty() || !self.log.may_be_taken() {
            return;
        }
        if self.log.len() == 0 {
            let own = self.log.lend(buffers.pop().unwrap_or_default());
            self.log.keep(own);
            self.borrows = true;
        }
        self.bring_home(shared, BATCH);
    }
}

fn has_drained(load: Load, marks: Marks) -> bool {
    load.messages <= (marks.messages / 2) as u64 && load.bytes <= (marks.bytes / 2) as u64
}
