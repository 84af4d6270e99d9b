//! How long a round trip takes, beside libzmq and a raw tokio stream.
//!
//! ```text
//! cargo bench --bench latency                      # the table of docs/performance.md, about half a minute
//! cargo bench --bench latency -- --full --rounds 9
//! cargo bench --bench latency -- --only "one CPU"
//! ```
//! A REQ asks, a REP answers with the same bytes, one request at a time. One line of the report is one contestant
//! in one case: percentiles of the round-trip time (medians over the rounds), CPU microseconds of both processes
//! per round trip, and the median round trip as a ratio to libzmq's of the same rounds.

mod support;

use std::time::Duration;

use support::Failure;
use support::case::Payload::{self, Slice};
use support::case::Transport::{self, Inproc, Ipc, Tcp};
use support::case::{Case, Shape};
use support::cast::{self, Part};
use support::contestant::Contestant;
use support::figures::{self, Rounds};
use support::options::Options;
use support::process::{Mark, Process, play_role};
use support::round_trips::Percentiles;
use support::table::Table;

fn cases() -> Vec<Case> {
    vec![
        round_trip(Tcp, Slice(16))
            .quick()
            .goal("0.15, without spinning 0.75"),
        round_trip(Tcp, Slice(16)).one_cpu().quick().goal("0.42"),
        round_trip(Tcp, Slice(1024)),
        round_trip(Tcp, Slice(64 * 1024)).quick(),
        round_trip(Tcp, Slice(1024 * 1024)).quick(),
        round_trip(Ipc, Slice(16)).quick(),
        round_trip(Ipc, Slice(16)).one_cpu(),
        round_trip(Ipc, Slice(1024)),
        round_trip(Ipc, Slice(64 * 1024)),
        round_trip(Inproc, Slice(16)).quick(),
        round_trip(Inproc, Slice(1024)),
    ]
}

fn round_trip(transport: Transport, payload: Payload) -> Case {
    Case::new(transport, Shape::RoundTrip, payload)
}

fn main() {
    let cases = cases();
    play_role(|role| cast::play(role, &cases));

    let names: Vec<_> = cases.iter().map(ToString::to_string).collect();
    let options = Options::from_args(&names);
    println!("{}", figures::provenance());
    println!("{} rounds, in turn\n", options.rounds);
    let mut table = Table::new(options.markdown, "case", "contestant", &headings());
    for case in cases
        .iter()
        .filter(|case| options.selects(&case.to_string(), case.quick))
    {
        let contestants = options.contestants(case);
        let rounds = figures::in_turn(contestants, options.rounds, |one| measure(case, one));
        table.case(case, &rounds, |one| cells(one, &rounds[0]));
    }
}

/// What one round found.
#[derive(Debug, Clone, Copy)]
struct Figure {
    rtt: Percentiles,
    /// CPU time of both processes per round trip, in microseconds.
    cpu: f64,
}

fn measure(case: &Case, contestant: Contestant) -> Result<Figure, Failure> {
    let start = |part: Part, endpoint: Option<&str>| part.start(case, contestant, endpoint);
    // The asking process first: it says when to look.
    let mut processes = if case.transport == Transport::Inproc {
        vec![start(Part::AskAndAnswer, None)?]
    } else {
        let answers = start(Part::Answer, None)?;
        let endpoint = answers.endpoint()?;
        vec![start(Part::Ask, Some(&endpoint))?, answers]
    };

    processes[0].line("warm")?;
    let before = marks(&mut processes)?;
    let rtt = Percentiles::parse(&processes[0].line("rtt")?)?;
    let after = marks(&mut processes)?;
    let cpu: Duration = before
        .iter()
        .zip(&after)
        .map(|(before, after)| after.cpu - before.cpu)
        .sum();
    let round_trips = after[0].count - before[0].count;
    Ok(Figure {
        rtt,
        cpu: cpu.as_secs_f64() * 1e6 / round_trips as f64,
    })
}

fn marks(processes: &mut [Process]) -> Result<Vec<Mark>, Failure> {
    processes.iter_mut().map(Process::mark).collect()
}

/// A quantity of a round, and how it is headed.
type Column = (&'static str, fn(&Figure) -> f64);

const COLUMNS: [Column; 5] = [
    ("p50 µs", |figure| figure.rtt.p50),
    ("p90 µs", |figure| figure.rtt.p90),
    ("p99 µs", |figure| figure.rtt.p99),
    ("p99.9 µs", |figure| figure.rtt.p999),
    ("CPU µs", |figure| figure.cpu),
];

fn headings() -> Vec<&'static str> {
    let mut headings: Vec<_> = COLUMNS.iter().map(|(heading, _)| *heading).collect();
    headings.extend(["±", "× libzmq", "CPU ×"]);
    headings
}

/// One contestant's cells.
fn cells(one: &Rounds<Contestant, Figure>, baseline: &Rounds<Contestant, Figure>) -> Vec<String> {
    let p50 = |figure: &Figure| figure.rtt.p50;
    let mut cells: Vec<_> = COLUMNS
        .iter()
        .map(|(_, quantity)| format!("{:.1}", one.median(quantity).value))
        .collect();
    cells.push(one.median(p50).spread());
    cells.push(one.times(baseline, p50));
    cells.push(one.times(baseline, |figure| figure.cpu));
    cells
}
