//! How many messages this process has sent or received so far, readable while it runs.

use std::sync::atomic::{AtomicU64, Ordering};

/// One counter with one writer: each socket has its own, on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub struct Lane(AtomicU64);

static LANES: [Lane; 64] = [const { Lane(AtomicU64::new(0)) }; 64];

/// The counter of socket number `i`.
pub fn lane(i: usize) -> &'static Lane {
    &LANES[i]
}

/// A counter that [`total`] leaves out: in one process only what is received counts.
pub fn uncounted() -> &'static Lane {
    static UNCOUNTED: Lane = Lane(AtomicU64::new(0));
    &UNCOUNTED
}

/// Each of the counters.
pub fn lanes() -> impl Iterator<Item = u64> {
    LANES.iter().map(|lane| lane.0.load(Ordering::Relaxed))
}

/// All counters together.
pub fn total() -> u64 {
    lanes().sum()
}

impl Lane {
    /// Counts. A load and a store instead of an atomic addition: there is only one writer, and an addition would
    /// cost as much as sending a small message.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0
            .store(self.0.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }
}
