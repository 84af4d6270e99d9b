//! The asking side's stopwatch.

use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::{Failure, counters};

/// How many round trips pass before any is measured: connections, allocators and whatever adapts are warm then.
const WARM_UP: u64 = 1_000;

/// How long round trips are measured.
const WINDOW: Duration = Duration::from_millis(400);

/// Counts round trips from the end of one to the end of the next, so that there is one look at the clock each.
#[derive(Debug)]
pub struct RoundTrips {
    nanoseconds: Histogram<u64>,
    warming: u64,
    previous: Instant,
    until: Instant,
}

impl RoundTrips {
    pub fn new() -> Self {
        let now = Instant::now();
        Self {
            // Three digits, up to a minute: a fixed table, so recording never allocates.
            nanoseconds: Histogram::new_with_max(60_000_000_000, 3).expect("one minute is a valid bound"),
            warming: WARM_UP,
            previous: now,
            until: now,
        }
    }

    /// Whether there should be another.
    pub fn wanted(&self) -> bool {
        self.warming > 0 || self.previous < self.until
    }

    /// One has just ended.
    #[inline]
    pub fn done(&mut self) {
        let now = Instant::now();
        if self.warming == 0 {
            self.nanoseconds
                .saturating_record((now - self.previous).as_nanos() as u64);
            counters::lane(0).add(1);
        } else {
            self.warming -= 1;
            if self.warming == 0 {
                println!("warm");
                self.until = now + WINDOW;
            }
        }
        self.previous = now;
    }

    /// Tells the runner what was measured, and waits to be killed: a process that ended here, or closed its
    /// connection, would disturb the other before it has given its last mark.
    pub fn tell(&self) -> ! {
        let at = |quantile| self.nanoseconds.value_at_quantile(quantile);
        println!("rtt {} {} {} {}", at(0.5), at(0.9), at(0.99), at(0.999));
        loop {
            thread::park();
        }
    }
}

/// Percentiles of round-trip times, in microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Percentiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
}

impl Percentiles {
    /// Reads what [`RoundTrips::tell`] has written.
    pub fn parse(line: &str) -> Result<Self, Failure> {
        let values: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        match values[..] {
            [p50, p90, p99, p999] => Ok(Self {
                p50: p50 / 1e3,
                p90: p90 / 1e3,
                p99: p99 / 1e3,
                p999: p999 / 1e3,
            }),
            _ => Err(format!("expected four percentiles, found {line:?}").into()),
        }
    }
}
