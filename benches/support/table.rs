//! The printer: one table, as plain text for a terminal or as markdown for docs/performance.md.

use std::fmt::Display;
use std::mem;

use super::case::Case;
use super::figures::Rounds;

/// A table that is printed group by group, line by line, as the figures come.
#[derive(Debug)]
pub struct Table {
    markdown: bool,
    /// The title of the group, until its first line has shown it.
    title: String,
}

const NAME_WIDTH: usize = 40;
const CELL_WIDTH: usize = 11;

impl Table {
    /// Prints the headings: of the groups, of the lines in them, and of a line's cells.
    pub fn new(markdown: bool, groups: &str, lines: &str, cells: &[&str]) -> Self {
        if markdown {
            println!("| {groups} | {lines} | {} |", cells.join(" | "));
            println!("|---|---|{}", "--:|".repeat(cells.len()));
        } else {
            println!("{:NAME_WIDTH$}{}", "", aligned(cells));
        }
        Self {
            markdown,
            title: String::new(),
        }
    }

    /// Begins a group. The note is shown on a terminal only.
    pub fn group(&mut self, title: impl Display, note: &str) {
        if self.markdown {
            self.title = title.to_string();
        } else {
            println!("{title}{note}");
        }
    }

    /// Prints a line of the group.
    pub fn line(&mut self, name: impl Display, cells: &[String]) {
        if self.markdown {
            println!(
                "| {} | {name} | {} |",
                mem::take(&mut self.title),
                cells.join(" | ")
            );
        } else {
            println!("  {name:0$}{1}", NAME_WIDTH - 2, aligned(cells));
        }
    }

    /// Prints what was found in one case; `cells` makes a line of a contestant that has figures.
    pub fn case<C: Display, F>(
        &mut self,
        case: &Case,
        rounds: &[Rounds<C, F>],
        cells: impl Fn(&Rounds<C, F>) -> Vec<String>,
    ) {
        let goal = case.goal.map(|goal| format!("   (goal {goal})"));
        self.group(case, &goal.unwrap_or_default());
        for one in rounds {
            let cells = match &one.failure {
                Some(failure) => vec![format!("failed: {failure}")],
                None => cells(one),
            };
            self.line(&one.contestant, &cells);
        }
    }
}

fn aligned(cells: &[impl AsRef<str>]) -> String {
    cells
        .iter()
        .map(|cell| format!("{:>CELL_WIDTH$}", cell.as_ref()))
        .collect()
}
