//! What is shown at the end.

use std::fmt;
use std::time::Duration;

use hubless::{Load, Stats};
use indicatif::{DecimalBytes, HumanCount};

use super::sink::Ledger;
use super::text::Count;
use super::ventilator::Dealt;

pub struct Report<'a> {
    pub count: &'a Count,
    pub dealt: &'a Dealt,
    pub ledger: &'a Ledger,
    /// Of the sink's socket.
    pub answers: Stats,
    pub took: Duration,
}

impl Report<'_> {
    /// Whether chunks were not answered.
    pub fn is_incomplete(&self) -> bool {
        !self.ledger.is_settled() || self.dealt.nobody_for.is_some()
    }

    /// What went through sockets: chunks as the workers' sockets counted them, answers as the sink's did.
    fn moved(&self) -> Load {
        let mut moved = self.answers.incoming.delivered;
        for worker in &self.dealt.workers {
            moved += worker.stats.outgoing.handed_over;
        }
        moved
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (word, times) in self.count.commonest(20) {
            writeln!(f, "{:>12}  {word}", HumanCount(times).to_string())?;
        }

        let (moved, seconds) = (self.moved(), self.took.as_secs_f64());
        writeln!(
            f,
            "{} messages with {} in {seconds:.2} s: {} messages/s, {}/s",
            HumanCount(moved.messages),
            DecimalBytes(moved.bytes),
            HumanCount((moved.messages as f64 / seconds) as u64),
            DecimalBytes((moved.bytes as f64 / seconds) as u64),
        )?;
        for worker in &self.dealt.workers {
            let share = self.ledger.share(worker.number);
            writeln!(
                f,
                "worker {} (process {}): {} chunks with {} of text, {}",
                worker.number,
                worker.process,
                HumanCount(share.chunks),
                DecimalBytes(share.bytes),
                worker.status,
            )?;
        }

        for worker in &self.dealt.workers {
            let missing = self.ledger.unanswered_by(worker.number);
            if !missing.is_empty() {
                let (n, list) = (missing.len(), Ranges(&missing));
                writeln!(f, "NOT ANSWERED by worker {}: {n} chunks: {list}", worker.number)?;
            }
        }
        if let Some(number) = self.dealt.nobody_for {
            writeln!(
                f,
                "NOT DEALT OUT: chunk {number} and all behind it, for no worker was left"
            )?;
        }
        Ok(())
    }
}

/// Rising numbers, briefly: `3, 5, 7-19`.
struct Ranges<'a>(&'a [u64]);

impl fmt::Display for Ranges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.0.chunk_by(|a, b| a + 1 == *b);
        for (i, run) in runs.enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            match run {
                [first, .., last] => write!(f, "{comma}{first}-{last}")?,
                _ => write!(f, "{comma}{}", run[0])?,
            }
        }
        Ok(())
    }
}
