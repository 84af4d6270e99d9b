//! What happened, in order: a running hash always, the lines themselves when somebody wants to read them.

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::time::Instant;

/// The event log of one simulation.
#[derive(Debug)]
pub(crate) struct Journal {
    /// SipHash with fixed keys: the same events give the same number in every run.
    hash: DefaultHasher,
    events: u64,
    start: Instant,
    lines: Option<String>,
}

impl Journal {
    pub(crate) fn new(start: Instant, keep_lines: bool) -> Self {
        Self {
            hash: DefaultHasher::new(),
            events: 0,
            start,
            lines: keep_lines.then(String::new),
        }
    }

    pub(crate) fn note(&mut self, what: &'static str, details: &[u64]) {
        let now = self.start.elapsed();
        (now, what, details).hash(&mut self.hash);
        self.events += 1;
        if let Some(lines) = &mut self.lines {
            let _ = writeln!(lines, "{:>10.3?} {what} {details:?}", now);
        }
    }

    /// A number for all that happened: the same story, the same number.
    pub(crate) fn digest(&self) -> (u64, u64) {
        (self.events, self.hash.finish())
    }

    pub(crate) fn lines(&self) -> &str {
        self.lines.as_deref().unwrap_or_default()
    }
}
