//! The printer: one table, as plain text for a terminal or as markdown for docs/performance.md.

use super::case::Case;
use super::figures::Rounds;

/// A table that is printed case by case, as the figures come.
#[derive(Debug)]
pub struct Table {
    markdown: bool,
}

const NAME_WIDTH: usize = 36;
const CELL_WIDTH: usize = 11;

impl Table {
    /// Prints the headings.
    pub fn new(markdown: bool, headings: &[&str]) -> Self {
        if markdown {
            println!("| case | contestant | {} |", headings.join(" | "));
            println!("|---|---|{}", "--:|".repeat(headings.len()));
        } else {
            println!("{:NAME_WIDTH$}{}", "", aligned(headings));
        }
        Self { markdown }
    }

    /// Prints what was found in one case; `cells` makes a line of a contestant that has figures.
    pub fn case<F>(&mut self, case: &Case, rounds: &[Rounds<F>], cells: impl Fn(&Rounds<F>) -> Vec<String>) {
        if !self.markdown {
            let goal = case
                .goal
                .map(|goal| format!("   (goal {goal})"))
                .unwrap_or_default();
            println!("{case}{goal}");
        }
        for (i, one) in rounds.iter().enumerate() {
            let name = one.contestant.name();
            let line = match &one.failure {
                Some(failure) => vec![format!("failed: {failure}")],
                None => cells(one),
            };
            if self.markdown {
                let title = if i == 0 { case.to_string() } else { String::new() };
                println!("| {title} | {name} | {} |", line.join(" | "));
            } else {
                println!("  {name:0$}{1}", NAME_WIDTH - 2, aligned(&line));
            }
        }
    }
}

fn aligned(cells: &[impl AsRef<str>]) -> String {
    cells
        .iter()
        .map(|cell| format!("{:>CELL_WIDTH$}", cell.as_ref()))
        .collect()
}
