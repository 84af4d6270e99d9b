//! What a connection costs over which nothing is sent, at either end, and how soon a thousand of them stand.

use std::thread;
use std::time::{Duration, Instant};

use super::support::Failure;
use super::support::contestant::{Contestant, Runtime};
use super::support::crowd::{ANYWHERE, Crowd};
use super::support::figures::{Rounds, in_turn};
use super::support::options::Options;
use super::support::table::Table;

const PEERS: usize = 1000;

/// What an end may cost, and how long it may take until all are connected.
const MOST_KIB: f64 = 5.0;
const MOST_MS: f64 = 150.0;

/// From complete to quiet: what a handshake needs is given back then.
const SETTLE: Duration = Duration::from_millis(50);

const CONTESTANTS: [Contestant; 3] = [
    Contestant::Libzmq,
    Contestant::Hubless(Runtime::CurrentThread),
    Contestant::Hubless(Runtime::MultiThread),
];

const HEADINGS: [&str; 6] = ["accepted", "±", "connected", "±", "all after", "verdict"];

/// What one round found.
struct Figure {
    /// Resident memory for each connection, in KiB, in the process that accepted and in the one that connected.
    accepted: f64,
    connected: f64,
    /// Until all were there, in milliseconds.
    time: f64,
}

/// What is measured, and whether each connection has a socket of its own.
const SHAPES: [(&str, bool); 2] = [
    ("idle: one socket connects 1 000 times", false),
    ("idle: 1 000 sockets connect", true),
];

pub fn names() -> impl Iterator<Item = &'static str> {
    SHAPES.into_iter().map(|(name, _)| name)
}

pub fn print(options: &Options) {
    let shapes: Vec<_> = SHAPES
        .into_iter()
        .filter(|(name, _)| options.selects(name, true))
        .collect();
    if shapes.is_empty() {
        return;
    }
    println!("resident KiB for each end of a connection");
    let mut table = Table::new(options.markdown, "1 000 connections", "contestant", &HEADINGS);
    for (name, own_sockets) in shapes {
        table.group(name, "");
        let crowd = |contestant| Crowd {
            peers: PEERS,
            own_sockets,
            contestant,
        };
        for one in in_turn(CONTESTANTS.to_vec(), options.rounds, |one| measure(crowd(one))) {
            let cells = match &one.failure {
                Some(failure) => vec![format!("failed: {failure}")],
                None => cells(&one, own_sockets),
            };
            table.line(one.contestant, &cells);
        }
    }
}

fn measure(crowd: Crowd) -> Result<Figure, Failure> {
    let gathering = crowd.gathers_at(ANYWHERE)?;
    let mut coming = crowd.comes_to(&gathering.endpoint()?)?;
    let before = (gathering.resident()?, coming.resident()?);
    let start = Instant::now();
    coming.order("go");
    gathering.line("complete")?;
    let time = start.elapsed().as_secs_f64() * 1e3;
    thread::sleep(SETTLE);
    let each = |before: u64, now: u64| now.saturating_sub(before) as f64 / 1024.0 / PEERS as f64;
    Ok(Figure {
        accepted: each(before.0, gathering.resident()?),
        connected: each(before.1, coming.resident()?),
        time,
    })
}

fn cells(one: &Rounds<Contestant, Figure>, own_sockets: bool) -> Vec<String> {
    let accepted = one.median(|figure| figure.accepted);
    let connected = one.median(|figure| figure.connected);
    let time = one.median(|figure| figure.time).value;
    // A socket of its own is not the connection's.
    let connected_holds = own_sockets || connected.value <= MOST_KIB;
    let holds = accepted.value <= MOST_KIB && connected_holds && time <= MOST_MS;
    let verdict = match (one.contestant, holds) {
        (Contestant::Libzmq, _) => "",
        (_, true) => "holds",
        (_, false) => "BROKEN",
    };
    vec![
        format!("{:.1} KiB", accepted.value),
        accepted.spread(),
        format!("{:.1} KiB", connected.value),
        connected.spread(),
        format!("{time:.0} ms"),
        verdict.to_owned(),
    ]
}
