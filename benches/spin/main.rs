//! Does it harm anybody that a driver keeps its thread awake in a ping-pong (`src/driver/spin.rs`)?
//!
//! ```text
//! cargo bench --bench spin                        # the table of docs/performance.md, about three minutes
//! cargo bench --bench spin -- --only ct --rounds 9
//! cargo bench --bench spin -- --only "slow peer"
//! ```
//! Each scene is played without and with spinning, in turn, on either runtime: a ping-pong, which spinning is for, and
//! others that a ping-pong is not alone in, that only look like one, or that are none. What spinning changes is the ratio, taken round by round; it is harm when
//! it is for the worse by more than its spread, and by more than 5 %.

#![allow(
    unreachable_pub,
    reason = "a bench is a program, and these are the walls inside it"
)]

#[path = "../support/mod.rs"]
mod support;

mod parts;
mod scene;

use std::fmt;

use support::contestant::{Contestant, Runtime};
use support::figures::{self, Count, Median, Rounds, in_turn};
use support::options::Options;
use support::process::play_role;
use support::table::Table;

use scene::{Figure, Scene};

/// What is less than this may be luck: few rounds can lie closer together than they should.
const LEAST: f64 = 0.05;

const HEADINGS: [&str; 5] = ["off", "on", "on / off", "±", "verdict"];

fn main() {
    play_role(parts::play);

    let runs = [Runtime::CurrentThread, Runtime::MultiThread]
        .into_iter()
        .flat_map(|runtime| scene::all().into_iter().map(move |scene| (runtime, scene)))
        .map(|(runtime, scene)| (format!("{}, {}", scene.name, short(runtime)), runtime, scene));
    let runs: Vec<_> = runs.collect();
    let names: Vec<_> = runs.iter().map(|(name, ..)| name.clone()).collect();
    let options = Options::from_args(&names);
    println!("{}", figures::provenance());
    println!("{} rounds, in turn\n", options.rounds);
    let mut table = Table::new(options.markdown, "scene", "what", &HEADINGS);
    for (name, runtime, scene) in runs.iter().filter(|(name, ..)| options.selects(name, true)) {
        let (off, on) = (Contestant::HublessNoSpin(*runtime), Contestant::Hubless(*runtime));
        let both = in_turn(vec![off, on], options.rounds, |one| scene.play(one));
        table.group(name, "");
        print(&mut table, scene, &both);
    }
}

fn short(runtime: Runtime) -> &'static str {
    match runtime {
        Runtime::MultiThread => "mt",
        Runtime::CurrentThread | Runtime::TwoThreads => "ct",
    }
}

fn print(table: &mut Table, scene: &Scene, both: &[Rounds<Contestant, Figure>]) {
    let [off, on] = both else {
        unreachable!("two contestants were asked for")
    };
    for quantity in scene.quantities {
        let cells = match off.failure.as_ref().or(on.failure.as_ref()) {
            Some(failure) => vec![format!("failed: {failure}")],
            None => quantity.cells(off, on),
        };
        table.line(quantity.name, &cells);
    }
}

/// What is compared.
#[derive(Debug)]
pub struct Quantity {
    name: &'static str,
    of: fn(&Figure) -> f64,
    better: Better,
    unit: Unit,
}

#[derive(Debug, Clone, Copy)]
enum Better {
    More,
    Less,
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    PerSecond,
    Microseconds,
    /// Of one processor.
    Share,
}

impl Quantity {
    const fn rate(name: &'static str, of: fn(&Figure) -> f64) -> Self {
        Self {
            name,
            of,
            better: Better::More,
            unit: Unit::PerSecond,
        }
    }

    const fn cost(name: &'static str, of: fn(&Figure) -> f64) -> Self {
        Self {
            name,
            of,
            better: Better::Less,
            unit: Unit::Microseconds,
        }
    }

    const fn cpu(name: &'static str, of: fn(&Figure) -> f64) -> Self {
        Self {
            name,
            of,
            better: Better::Less,
            unit: Unit::Share,
        }
    }

    fn cells(&self, off: &Rounds<Contestant, Figure>, on: &Rounds<Contestant, Figure>) -> Vec<String> {
        let (without, with) = (off.median(self.of).value, on.median(self.of).value);
        let ratio = on.ratio(off, self.of);
        vec![
            self.unit.show(without),
            self.unit.show(with),
            format!("{:.2}", ratio.value),
            ratio.spread(),
            self.verdict(without, with, ratio).to_string(),
        ]
    }

    fn verdict(&self, without: f64, with: f64, ratio: Median) -> Verdict {
        let gain = match self.better {
            Better::More => ratio.value - 1.0,
            Better::Less => 1.0 - ratio.value,
        };
        let nothing = gain.abs() <= ratio.spread.max(LEAST) || self.unit.is_nothing(with - without);
        if nothing {
            Verdict::Equal
        } else if gain > 0.0 {
            Verdict::Helps
        } else {
            Verdict::Harms
        }
    }
}

impl Unit {
    fn show(self, figure: f64) -> String {
        match self {
            Self::PerSecond => format!("{}/s", Count(figure)),
            Self::Microseconds => format!("{figure:.2} µs"),
            Self::Share => format!("{:.2} %", 100.0 * figure),
        }
    }

    /// Whether a difference is too small to mean anything, whatever the ratio: of next to nothing.
    fn is_nothing(self, difference: f64) -> bool {
        matches!(self, Self::Share) && difference.abs() < 0.002
    }
}

enum Verdict {
    Helps,
    Equal,
    Harms,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Helps => "helps",
            Self::Equal => "equal",
            Self::Harms => "HARMS",
        })
    }
}
