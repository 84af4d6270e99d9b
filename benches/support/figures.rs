//! Rounds into medians, and numbers into text.

use std::fmt;

/// What several rounds said of one quantity.
#[derive(Debug, Clone, Copy)]
pub struct Median {
    pub value: f64,
    /// Half the distance between the best and the worst round, as a share of the median.
    pub spread: f64,
}

impl Median {
    fn of(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        let (Some(least), Some(most)) = (rounds.first(), rounds.last()) else {
            return Self {
                value: f64::NAN,
                spread: f64::NAN,
            };
        };
        let middle = rounds.len() / 2;
        let value = if rounds.len() % 2 == 1 {
            rounds[middle]
        } else {
            (rounds[middle - 1] + rounds[middle]) / 2.0
        };
        Self {
            value,
            spread: (most - least) / 2.0 / value,
        }
    }

    /// The spread as text.
    pub fn spread(self) -> String {
        format!("{:.0} %", 100.0 * self.spread)
    }
}

/// What one contestant `C` did: a figure for each round, or why there is none.
#[derive(Debug)]
pub struct Rounds<C, F> {
    pub contestant: C,
    pub figures: Vec<F>,
    pub failure: Option<String>,
}

impl<C: PartialEq, F> Rounds<C, F> {
    /// The median of one quantity of the figures.
    pub fn median(&self, quantity: impl Fn(&F) -> f64) -> Median {
        Median::of(self.figures.iter().map(quantity).collect())
    }

    /// [`ratio`](Self::ratio) as text; nothing for the baseline itself.
    pub fn times(&self, baseline: &Self, quantity: impl Fn(&F) -> f64) -> String {
        if self.contestant == baseline.contestant || baseline.failure.is_some() {
            return String::new();
        }
        format!("{:.2}", self.ratio(baseline, quantity).value)
    }

    /// The median of the ratios to the baseline, taken round by round: drift of the machine is the same for both.
    pub fn ratio(&self, baseline: &Self, quantity: impl Fn(&F) -> f64) -> Median {
        let pairs = self.figures.iter().zip(&baseline.figures);
        let ratios = pairs.map(|(ours, theirs)| quantity(ours) / quantity(theirs));
        Median::of(ratios.collect())
    }
}

/// Measures all contestants in turn, round after round. Whoever fails once takes no further part.
pub fn in_turn<C: Copy, F>(
    contestants: Vec<C>,
    rounds: usize,
    mut measure: impl FnMut(C) -> Result<F, super::Failure>,
) -> Vec<Rounds<C, F>> {
    let mut all: Vec<_> = contestants
        .into_iter()
        .map(|contestant| Rounds {
            contestant,
            figures: Vec::new(),
            failure: None,
        })
        .collect();
    for _ in 0..rounds {
        for one in all.iter_mut().filter(|one| one.failure.is_none()) {
            match measure(one.contestant) {
                Ok(figure) => one.figures.push(figure),
                Err(failure) => one.failure = Some(failure.to_string()),
            }
        }
    }
    all
}

/// A count in thousands or millions, with three digits that mean something.
pub struct Count(pub f64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            n if n >= 1e7 => format!("{:.1} M", n / 1e6),
            n if n >= 1e6 => format!("{:.2} M", n / 1e6),
            n if n >= 1e4 => format!("{:.0} k", n / 1e3),
            n => format!("{:.1} k", n / 1e3),
        };
        f.pad(&text)
    }
}

/// The machine and the contestants, as the first lines of a report.
pub fn provenance() -> String {
    let (major, minor, patch) = peers::libzmq::version();
    let cpu = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(": ")?.1.to_owned())
    });
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{} × {}, Linux {}; hubless {}; libzmq {major}.{minor}.{patch}\nlibzmq built with {}",
        std::thread::available_parallelism().map_or(0, usize::from),
        cpu.as_deref().unwrap_or("unknown CPU"),
        kernel.trim(),
        env!("CARGO_PKG_VERSION"),
        peers::libzmq::build_flags(),
    )
}
