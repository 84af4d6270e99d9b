//! A row of the table of attacks: what is promised, how it is measured, and whether it holds.

use std::fmt;

use super::support::Failure;
use super::support::figures::{Rounds, in_turn};
use super::support::table::Table;

/// Which of the two runs of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    Idle,
    Attack,
}

/// One row: some quantities, measured together.
pub struct Row {
    /// By which it is selected and printed.
    pub name: &'static str,
    pub promises: &'static [Promise],
    /// One figure for each promise.
    pub measure: fn(Run) -> Result<Vec<f64>, Failure>,
}

/// What is promised of one quantity.
pub struct Promise {
    pub what: &'static str,
    pub unit: Unit,
    pub limit: Limit,
}

/// How a figure is printed.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    /// Of one.
    Share,
    Seconds,
    Microseconds,
    PerSecond,
}

/// What the figure under attack must keep to.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    AtMost(f64),
    /// So many times the figure of the idle run.
    TimesIdleAtMost(f64),
    /// This part of the figure of the idle run.
    OfIdleAtLeast(f64),
}

pub const HEADINGS: [&str; 6] = ["idle", "attack", "±", "measured", "limit", "verdict"];

impl Row {
    /// Measures and prints it.
    pub fn print(&self, table: &mut Table, rounds: usize) {
        let both = in_turn(vec![Run::Idle, Run::Attack], rounds, self.measure);
        let [idle, attack] = &both[..] else {
            unreachable!("both runs were asked for")
        };
        table.group(self.name, "");
        for (nth, promise) in self.promises.iter().enumerate() {
            let failure = idle.failure.as_ref().or(attack.failure.as_ref());
            let cells = match failure {
                Some(failure) => vec![format!("failed: {failure}")],
                None => promise.cells(idle, attack, |figures| figures[nth]),
            };
            table.line(promise.what, &cells);
        }
    }
}

impl Promise {
    fn cells<F>(
        &self,
        idle: &Rounds<Run, F>,
        attack: &Rounds<Run, F>,
        figure: impl Fn(&F) -> f64,
    ) -> Vec<String> {
        let found = attack.median(&figure);
        let ratio = attack.ratio(idle, &figure).value;
        let (measured, limit, holds) = match self.limit {
            Limit::AtMost(most) => (
                self.unit.show(found.value),
                format!("≤ {}", self.unit.show(most)),
                found.value <= most,
            ),
            Limit::TimesIdleAtMost(most) => (format!("{ratio:.2} ×"), format!("≤ {most} ×"), ratio <= most),
            Limit::OfIdleAtLeast(least) => (
                Unit::Share.show(ratio),
                format!("≥ {}", Unit::Share.show(least)),
                ratio >= least,
            ),
        };
        vec![
            self.unit.show(idle.median(&figure).value),
            self.unit.show(found.value),
            found.spread(),
            measured,
            limit,
            if holds { "holds" } else { "BROKEN" }.to_owned(),
        ]
    }
}

impl Unit {
    fn show(self, figure: f64) -> String {
        match self {
            Self::Share if figure < 0.1 => format!("{:.2} %", 100.0 * figure),
            Self::Share => format!("{:.0} %", 100.0 * figure),
            Self::Seconds => format!("{figure:.2} s"),
            Self::Microseconds => format!("{figure:.0} µs"),
            Self::PerSecond => format!("{figure:.0}/s"),
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Attack => "attack",
        })
    }
}
