//! When a publisher, which waits for nobody, lets others run.
//!
//! A program that publishes in a loop never has to wait, so on its own thread nothing else would run: no driver
//! would write, and all but the first thousand messages would be dropped. So now and then `send` yields once: to
//! drivers that have something to do, not to subscribers that do not read. Yielding is the most important knob of
//! a publisher: without it a tight loop drops 98 of 100 messages; yielding too often for a stalled subscriber's
//! sake costs all others most of their rate (`docs/performance.md`).
//!
//! A driver may still have much to do when the publisher is back: another thread of the runtime has it, and the system lets
//! that wait. Then the publisher goes on in steps that get smaller the fuller the queue: yielding before each message, it
//! would send one message at a time to everybody else.

use std::time::{Duration, Instant};

use crate::pipe::Marks;
use crate::stats::Load;

/// So many bytes in a queue are [`much`], whatever the mark.
const MUCH: u64 = 256 * 1024;

/// After a drop, others run again within this many sends: a subscriber that stalls must not slow the rest.
const SENDS_AFTER_A_DROP: u32 = 1024;

/// The publisher yields to the same driver again when an eighth of what its queue still has room for is full.
const STEPS: u64 = 8;

/// This much copied to queues is more than any cache holds. What many get is copied once, to the log that they share,
/// and need not be counted (a thousand subscribers: 8 M deliveries a second counted for each of them, 18 M not at all).
const COPIED: usize = 16 * 1024 * 1024;

/// How often the clock is looked at.
const SENDS_BETWEEN_LOOKS: u32 = 64;

/// The publisher runs at least this long, and as long as the others ran last time, but not longer than …
const SHORTEST_SPELL: Duration = Duration::from_millis(1);

/// … this.
const LONGEST_SPELL: Duration = Duration::from_millis(20);

/// What happened since the publisher last yielded.
#[derive(Debug, Default)]
pub(super) struct Pace {
    sends: u32,
    copied: usize,
    dropped: bool,
    /// A driver has much to do and was not able to run: after so many sends it comes first.
    behind: Option<u64>,
    since: Option<Instant>,
    /// When the publisher yielded, while it does.
    yielded: Option<Instant>,
    /// How long the others ran last time.
    rest: Duration,
}

impl Pace {
    /// Whether the publisher yields before it sends. It does so once: asked again, the answer is no.
    #[inline]
    pub(super) fn must_yield(&mut self, clock: impl Fn() -> Instant) -> bool {
        if let Some(yielded) = self.yielded {
            let now = clock();
            *self = Self {
                since: Some(now),
                rest: now.duration_since(yielded),
                ..Self::default()
            };
            return false;
        }
        let due = self.behind.is_some_and(|after| u64::from(self.sends) >= after)
            || self.copied >= COPIED
            || self.dropped && self.sends >= SENDS_AFTER_A_DROP
            || self.sends.is_multiple_of(SENDS_BETWEEN_LOOKS) && self.is_spell_over(&clock);
        if due {
            self.yielded = Some(clock());
        }
        due
    }

    fn is_spell_over(&mut self, clock: &impl Fn() -> Instant) -> bool {
        let now = clock();
        let since = *self.since.get_or_insert(now);
        now.duration_since(since) >= self.rest.clamp(SHORTEST_SPELL, LONGEST_SPELL)
    }

    /// A message was published.
    #[inline]
    pub(super) fn count_send(&mut self) {
        self.sends = self.sends.saturating_add(1);
    }

    /// A message of `bytes` was queued, `copied` of them for this subscriber alone; `load` is what waits in its queue now.
    #[inline]
    pub(super) fn count_queued(
        &mut self,
        bytes: usize,
        copied: usize,
        load: Load,
        marks: Marks,
        blocked: bool,
    ) {
        self.copied += copied;
        let much = much(marks);
        if !blocked && (load.messages >= much.messages || load.bytes >= much.bytes) {
            let mut step = (marks.messages as u64).saturating_sub(load.messages) / STEPS;
            if load.bytes >= much.bytes {
                step = step.min(MUCH / STEPS / (bytes as u64).max(1));
            }
            self.behind = Some(self.behind.map_or(step, |other| other.min(step)));
        }
    }

    /// How much more a subscriber may get that has `load` in its queue before there is something to [count](Self::count_queued).
    pub(super) fn room(load: Load, marks: Marks, blocked: bool) -> Load {
        let limit = match blocked {
            true => Load {
                messages: marks.messages as u64,
                bytes: marks.bytes as u64,
            },
            false => much(marks),
        };
        let room = |limit: u64, load: u64| limit.saturating_sub(load.saturating_add(1));
        Load {
            messages: room(limit.messages, load.messages),
            bytes: room(limit.bytes, load.bytes),
        }
    }

    /// A message was dropped at a mark.
    #[inline]
    pub(super) fn count_dropped(&mut self) {
        self.dropped = true;
    }
}

/// With this much in its queue a subscriber whose socket has room waits for nothing but its driver.
#[inline]
fn much(marks: Marks) -> Load {
    Load {
        messages: marks.messages.div_ceil(2) as u64,
        bytes: MUCH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: Marks = Marks {
        messages: 1000,
        bytes: usize::MAX,
    };

    /// Asks before each of `sends` sends whether to yield, all at the same moment.
    fn yields(pace: &mut Pace, now: Instant, sends: u32, mut each: impl FnMut(&mut Pace)) -> u32 {
        let mut yields = 0;
        for _ in 0..sends {
            if pace.must_yield(|| now) {
                yields += 1;
                assert!(!pace.must_yield(|| now), "a send yields once");
            }
            pace.count_send();
            each(pace);
        }
        yields
    }

    fn load(messages: u64, bytes: u64) -> Load {
        Load { messages, bytes }
    }

    #[test]
    fn a_publisher_whose_drivers_keep_up_does_not_yield() {
        let mut pace = Pace::default();
        let now = Instant::now();
        let yields = yields(&mut pace, now, 10_000, |pace| {
            pace.count_queued(100, 100, load(499, 49_900), MARKS, false);
        });
        assert_eq!(yields, 0);
    }

    #[test]
    fn a_publisher_yields_to_a_driver_that_has_much_to_do_in_steps_of_what_its_queue_has_room_for() {
        let now = Instant::now();
        for (much, step) in [
            (load(500, 0), 62),
            (load(900, 0), 12),
            (load(999, 0), 0),
            (load(1, 256 * 1024), 32),
            (load(900, 256 * 1024), 12),
        ] {
            let mut pace = Pace::default();
            let yields = yields(&mut pace, now, 1000, |pace| {
                pace.count_queued(1024, 0, much, MARKS, false);
            });
            let first = 1;
            assert_eq!(yields, (1000 - first) / step.max(1), "{much:?}");
        }
    }

    #[test]
    fn a_publisher_does_not_yield_to_a_subscriber_that_does_not_read() {
        let mut pace = Pace::default();
        let now = Instant::now();
        let yields = yields(&mut pace, now, 1000, |pace| {
            pace.count_queued(100, 0, load(999, 0), MARKS, true);
        });
        assert_eq!(yields, 0);
    }

    #[test]
    fn after_a_drop_a_publisher_yields_every_1024_sends() {
        let mut pace = Pace::default();
        let now = Instant::now();
        assert_eq!(yields(&mut pace, now, 10 * 1024 + 1, Pace::count_dropped), 10);
    }

    #[test]
    fn a_publisher_yields_when_it_has_copied_more_than_a_cache_holds() {
        let mut pace = Pace::default();
        let now = Instant::now();
        let yields = yields(&mut pace, now, 33, |pace| {
            pace.count_queued(1024 * 1024, 1024 * 1024, load(0, 0), MARKS, false);
        });
        assert_eq!(yields, 2);
    }

    #[test]
    fn a_publisher_runs_as_long_as_the_others_did_but_within_bounds() {
        let mut now = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(yields(&mut pace, now, 128, |_| {}), 0);
        for (rest, spell) in [(0, 1), (3, 3), (50, 20)] {
            // Begins a spell after a rest of this length.
            now += LONGEST_SPELL;
            assert!(pace.must_yield(|| now));
            now += Duration::from_millis(rest);
            assert!(!pace.must_yield(|| now));

            now += Duration::from_millis(spell) - Duration::from_nanos(1);
            assert_eq!(yields(&mut pace, now, 64, |_| {}), 0, "after a rest of {rest} ms");
            now += Duration::from_nanos(1);
            assert!(pace.must_yield(|| now), "after a rest of {rest} ms");
            assert!(!pace.must_yield(|| now));
            assert_eq!(yields(&mut pace, now, 64, |_| {}), 0);
        }
    }
}
