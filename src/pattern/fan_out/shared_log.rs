//! What many subscribers get, written once.
//!
//! ```text
//!  segment 7         segment 8         segment 9
//!  │▒▒▒▒▒▒│aaaaaaaaaa││bbbbbbbbbbbbbbb││cccccccc·····│◀─ append
//!         └─ range ───┘└─── range ────┘└ range ┘
//!          a laggard's                  a subscriber's that keeps up
//! ```
//!
//! A queue then holds *ranges*: pieces of segments, each a run of whole messages. The next message extends the last
//! range if it lies right behind it, so a subscriber that gets everything has one range for each segment.
//!
//! The log is bounded. When it is full its older half is freed; whoever still has ranges there gets them copied to
//! a queue of his own first, so a laggard costs what he may cost by his mark and nobody else anything. When no
//! ranges are left at all, it begins again at the same place, which then is still in the cache.

use std::collections::VecDeque;

use crate::frame::Run;
use crate::message::Payload;
use crate::stats::Load;

/// Small enough to be freed piece by piece, large enough for one range to hold hundreds of messages.
const SEGMENT: usize = 64 * 1024;

/// A segment ends before it is full: short messages are copied with some padding, and it must not grow for that.
const PADDING: usize = 64;

/// The largest message that the log takes.
pub(super) const LARGEST: usize = SEGMENT - PADDING;

/// The most that the log holds; when it comes near, all but the newer half is freed.
pub(super) const FULL: usize = 2 * 1024 * 1024;

/// Names a segment: they are numbered as they are made.
pub(super) type SegmentNumber = u64;

/// A run of whole messages in one segment.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Range {
    pub(super) segment: SegmentNumber,
    from: u32,
    to: u32,
    messages: u32,
}

impl Range {
    pub(super) fn len(self) -> usize {
        (self.to - self.from) as usize
    }

    pub(super) fn messages(self) -> usize {
        self.messages as usize
    }

    pub(super) fn load(self) -> Load {
        Load {
            messages: u64::from(self.messages),
            bytes: self.len() as u64,
        }
    }

    /// Nothing yet, right behind it.
    pub(super) fn behind(self) -> Self {
        Self {
            from: self.to,
            messages: 0,
            ..self
        }
    }

    /// Takes in the range behind it. `false`: it does not lie there.
    #[inline]
    pub(super) fn extend(&mut self, next: Self) -> bool {
        let continues = self.segment == next.segment && self.to == next.from;
        if continues {
            self.to = next.to;
            self.messages += next.messages;
        }
        continues
    }
}

/// The messages of one socket that many get.
#[derive(Debug, Default)]
pub(super) struct SharedLog {
    /// The last one is appended to. None is larger than `SEGMENT`.
    segments: VecDeque<Run>,
    /// The number of the first.
    first: SegmentNumber,
    /// How many subscribers have ranges.
    pub(super) holders: usize,
    /// A segment that was freed.
    spare: Run,
}

impl SharedLog {
    /// Whether room must be [made](Self::free_before) before the next append.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        // With the one that comes next, and the spare one.
        self.holders > 0 && (self.segments.len() + 2) * SEGMENT > FULL
    }

    /// The first segment of the newer half.
    pub(super) fn middle(&self) -> SegmentNumber {
        self.first + (self.segments.len() / 2) as u64
    }

    /// Frees all segments before this one. Nobody may have ranges there.
    pub(super) fn free_before(&mut self, number: SegmentNumber) {
        while self.first < number {
            let Some(segment) = self.segments.pop_front() else {
                return;
            };
            self.spare = segment;
            self.first += 1;
        }
    }

    /// Appends a message, which is not larger than [`LARGEST`], and says where it lies.
    #[inline]
    pub(super) fn append(&mut self, payload: &Payload<'_>, bytes: usize) -> Range {
        if self.holders == 0 {
            self.free_before(self.first + self.segments.len().saturating_sub(1) as u64);
            self.segments.iter_mut().for_each(Run::clear);
        }
        let is_sealed = |segment: &Run| segment.len() + bytes > LARGEST;
        if self.segments.back().is_none_or(is_sealed) {
            let mut segment = std::mem::take(&mut self.spare);
            if segment.capacity() == 0 {
                segment = Run::with_capacity(SEGMENT);
            }
            segment.clear();
            self.segments.push_back(segment);
        }
        let segment = self.first + self.segments.len() as u64 - 1;
        let Some(run) = self.segments.back_mut() else {
            unreachable!("one was pushed if there was none")
        };
        let from = run.len();
        payload.encode(run, usize::MAX);
        Range {
            segment,
            from: from as u32,
            to: run.len() as u32,
            messages: 1,
        }
    }

    /// The frames of a range.
    #[inline]
    pub(super) fn frames(&self, range: Range) -> &[u8] {
        let segment = &self.segments[(range.segment - self.first) as usize];
        segment.frames(range.from as usize..range.to as usize)
    }

    /// How much memory it keeps.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.segments.iter().map(Run::capacity).sum::<usize>() + self.spare.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(log: &mut SharedLog, body: &[u8]) -> Range {
        let payload = Payload::from(body);
        log.append(&payload, payload.wire_len())
    }

    #[test]
    fn messages_behind_each_other_are_one_range() {
        let mut log = SharedLog {
            holders: 1,
            ..SharedLog::default()
        };
        let mut range = append(&mut log, b"one");
        assert!(range.extend(append(&mut log, b"two")));
        let missed = append(&mut log, b"three");
        let four = append(&mut log, b"four");
        assert!(!range.extend(four));

        assert_eq!(log.frames(range), b"\0\x03one\0\x03two");
        assert_eq!((range.messages(), range.len()), (2, 10));
        assert_eq!(log.frames(missed), b"\0\x05three");
        assert_eq!(log.frames(four), b"\0\x04four");
    }

    #[test]
    fn a_range_ends_with_its_segment() {
        let mut log = SharedLog {
            holders: 1,
            ..SharedLog::default()
        };
        let body = [1; LARGEST / 2];
        let mut range = append(&mut log, &body);
        let next = append(&mut log, &body);
        assert_eq!(next.segment, range.segment + 1);
        assert!(!range.extend(next));
        assert_eq!(log.frames(next).len(), next.len());
    }

    #[test]
    fn without_holders_it_begins_again_at_the_same_place() {
        let mut log = SharedLog::default();
        let (first, second) = (append(&mut log, b"one"), append(&mut log, b"two"));
        assert_eq!((first.segment, first.from), (second.segment, second.from));
        assert_eq!(log.frames(second), b"\0\x03two");
    }

    #[test]
    fn it_keeps_no_more_than_its_bound() {
        let mut log = SharedLog {
            holders: 1,
            ..SharedLog::default()
        };
        for _ in 0..10_000 {
            if log.is_full() {
                log.free_before(log.middle());
            }
            append(&mut log, &[0; 5000]);
            assert!(log.capacity() <= FULL, "{}", log.capacity());
        }
        assert!(log.first > 0);
    }
}
