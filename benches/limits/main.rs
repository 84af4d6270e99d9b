//! What one peer can take away from the others, and what it costs to have many: the promises of docs/guarantees.md that
//! are times and rates, each beside the same run without the attack.
//!
//! ```text
//! cargo bench --bench limits                         # the tables of docs/performance.md, about a minute
//! cargo bench --bench limits -- --only "row 8"
//! cargo bench --bench limits -- --only idle
//! ```
//! Everything runs over loopback, each part in a process of its own. Idle run and attack take turns, and a promise
//! that is a ratio is judged by the median of the ratios of one round each.

#![allow(
    unreachable_pub,
    reason = "a bench is a program, and these are the walls inside it"
)]

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod descriptors;
mod flood;
mod idle;
mod outage;
mod promise;

use support::options::Options;
use support::process::play_role;
use support::table::Table;
use support::{Failure, cast, crowd, figures};

use promise::{HEADINGS, Row};

fn main() {
    play_role(play);

    let rows = [
        descriptors::row(),
        commands::unknown(),
        commands::pings(),
        flood::row(),
        outage::row(),
    ];
    let names = rows.iter().map(|row| row.name).chain(idle::names());
    let names: Vec<_> = names.map(str::to_owned).collect();
    let options = Options::from_args(&names);
    println!("{}", figures::provenance());
    println!("{} rounds, in turn\n", options.rounds);
    let rows: Vec<&Row> = rows
        .iter()
        .filter(|row| options.selects(row.name, true))
        .collect();
    if !rows.is_empty() {
        let mut table = Table::new(options.markdown, "row", "what", &HEADINGS);
        rows.iter().for_each(|row| row.print(&mut table, options.rounds));
        println!();
    }
    idle::print(&options);
}

/// In the processes of a measurement.
fn play(role: &str) -> Result<(), Failure> {
    match role {
        "gather" => crowd::gather(),
        "crowd" => crowd::come(),
        descriptors::LISTEN => descriptors::listen(),
        commands::FLOOD => commands::flood(),
        flood::WORK => flood::work(),
        flood::PUSH => flood::push(),
        _ => cast::play(role, &[commands::round_trip()]),
    }
}
