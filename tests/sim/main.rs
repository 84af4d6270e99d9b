//! Simulation: the real engine over a network that does not exist, in time that does not pass.
//!
//! One seed draws a whole story: who is there and who dials whom, high-water marks, sizes, in what pieces bytes
//! are written and read, how long they travel, where connections break and who notices, who gives up a `send` in
//! the middle, who closes. Then the weather clears, and everything that may move must move. Then everybody goes
//! home, and what happened is held against the guarantees (`docs/guarantees.md`), exactly.
//!
//! ```text
//! HUBLESS_SIM_SEED=4711 cargo test --test sim          tells one story, with its log
//! HUBLESS_SIM_SEEDS=20000 cargo test --test sim        how many are told
//! HUBLESS_SIM_FIRST=1000000 …                          from which seed on
//! ```
//!
//! In some stories there is a mechanism (`trust`): PLAIN in every twentieth or so, CURVE in half as many.
//!
//! `story` is a program of PUSH and PULL, `net` the network, `judge` holds the two against each other. `news` does the
//! same with PUB and SUB, `asking` with REQ and REP. What the judges are worth is tested too: `malice` plants bugs, and
//! each must be found.

mod asking;
mod dice;
mod handle;
mod journal;
mod judge;
mod letter;
mod malice;
mod net;
mod news;
mod panics;
mod scenario;
mod stage;
mod story;
mod tap;
mod trust;

use std::env;

use malice::Malice;
use stage::Outcome;
use trust::Trust;

/// Stories for each test where the environment does not say otherwise.
const SEEDS: u64 = 20_000;

/// Each planted bug is found within so many seeds.
const SOON: u64 = 5000;

/// Tells the story of one seed: of five three are about PUSH and PULL, one about PUB and SUB, one about REQ and REP.
fn tell(seed: u64, malice: Option<Malice>, keep_log: bool) -> Outcome {
    match seed % 5 {
        3 => news::tell(seed, malice, keep_log),
        4 => asking::tell(seed, malice, keep_log),
        _ => story::tell(seed, malice, keep_log),
    }
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// So many stories may end badly before no more are told.
const ENOUGH: usize = 30;

/// Tells the stories of these seeds; panics if one ends badly.
fn tell_all(seeds: impl Iterator<Item = u64>) {
    let (mut stories, mut delivered, mut sealed) = (0, 0, 0);
    let mut failures = Vec::new();
    for seed in seeds {
        let outcome = tell(seed, None, false);
        stories += 1;
        delivered += outcome.delivered;
        if outcome.trust == Some(Trust::Curve) {
            sealed += outcome.delivered;
        }
        if let Some(complaint) = outcome.complaints.into_iter().next() {
            failures.push((seed, complaint));
        }
        if failures.len() >= ENOUGH {
            break;
        }
    }
    println!("{stories} stories, {delivered} messages delivered, {sealed} of them sealed");
    assert!(sealed > 0 || stories < 1000, "there is no story with CURVE");
    let Some((seed, _)) = failures.first() else { return };
    let report = report(*seed);
    let lines = failures.iter().map(|(seed, complaint)| {
        let line = complaint.lines().next().unwrap_or_default();
        format!("  seed {seed}: {line}\n")
    });
    let failures: String = lines.collect();
    panic!("{report}\n\nstories that end badly, of {stories}:\n{failures}");
}

/// Tells a story once more, and all about it.
fn report(seed: u64) -> String {
    let outcome = tell(seed, None, true);
    format!(
        "seed {seed}:\n{}\n\n{}\n\nseed {seed} breaks a promise:\n{}\n\nreplay: HUBLESS_SIM_SEED={seed} cargo test --test sim",
        outcome.plan,
        outcome.log,
        outcome
            .complaints
            .iter()
            .map(|complaint| format!("  {complaint}"))
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

#[test]
fn whatever_happens_the_guarantees_hold() {
    if let Some(seed) = number("HUBLESS_SIM_SEED") {
        let outcome = tell(seed, None, false);
        println!("{}", report(seed));
        assert!(outcome.complaints.is_empty(), "seed {seed} breaks a promise");
        return;
    }
    let first = number("HUBLESS_SIM_FIRST").unwrap_or(0);
    tell_all(first..first + number("HUBLESS_SIM_SEEDS").unwrap_or(SEEDS));
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in 0..100 {
        let [first, second] = [(); 2].map(|()| tell(seed, None, false).digest);
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn every_planted_bug_is_found() {
    for malice in Malice::ALL {
        let found = (0..SOON).find_map(|seed| {
            let complaints = tell(seed, Some(malice), false).complaints;
            Some((seed, complaints.into_iter().next()?))
        });
        match found {
            Some((seed, complaint)) => println!("{malice:?} is found by seed {seed}: {complaint}"),
            None => panic!("{malice:?} is not found by {SOON} seeds"),
        }
    }
}
