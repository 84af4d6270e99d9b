//! The rules for each kind, point by point, and the checks that hold them: over which transports, and where.
//!
//! A rule names its checks as they stand in the files beside this one, `pipeline::messages_go_round`, and over what it
//! holds; [`ways`](crate::ways) has those that hold for every kind. What takes a peer that speaks by hand is in another
//! program: there a rule names file and function. [Below](the_table_is_true) it is tested that each of them is there,
//! over each of these transports, and that each point is shown for each kind that it concerns.

mod others;
mod publishing;
mod queues;
mod requests;

use std::collections::HashSet;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use hubless::SocketKind;

use Shown::{Ahead, Beside, Here, OnEachWay};
use SocketKind::{
    Channel, Client, Dealer, Dgram, Dish, Gather, Pair, Peer, Pub, Pull, Push, Radio, Rep, Req, Router,
    Scatter, Server, Stream, Sub, XPub, XSub,
};

use crate::transport::Transport;
use crate::ways::{AHEAD, WAYS};

struct Rule {
    /// The point that it belongs to.
    point: u8,
    /// The kinds it is about; those of the [ways](crate::ways) that show it come to them.
    kinds: &'static [SocketKind],
    says: &'static str,
    by: &'static [Shown],
}

/// What shows it.
enum Shown {
    /// Checks of this program, each over all of these transports.
    Here(&'static [&'static str], &'static [&'static str]),
    /// Checks of [`ways`](crate::ways), for each way over each transport that carries it.
    OnEachWay(&'static [&'static str]),
    /// One of them for each kind that has a queue before it is connected.
    Ahead(&'static str),
    /// What a file of the repository says, mostly by a function of this name.
    Beside(&'static str, &'static str),
}

/// Where kinds of ZMTP meet.
const EVERYWHERE: &[&str] = &["tcp", "ipc", "inproc"];

/// Where bytes are carried.
const STREAMS: &[&str] = &["tcp", "ipc"];

/// Where datagrams are.
const UDP: &[&str] = &["udp"];

/// Kinds that shake hands.
const ZMTP: &[SocketKind] = &[
    Push, Pull, Pub, Sub, Req, Rep, Dealer, Router, XPub, XSub, Pair, Client, Server, Radio, Dish, Scatter,
    Gather, Peer, Channel,
];

/// Kinds whose messages have one frame each.
const SINGLE: &[SocketKind] = &[Client, Server, Radio, Dish, Scatter, Gather, Peer, Channel];

/// Kinds that have a queue before they are connected.
const AHEAD_KINDS: &[SocketKind] = &[Push, Dealer, Pair, Client, Scatter, Channel];

const fn rule(point: u8, kinds: &'static [SocketKind], says: &'static str, by: &'static [Shown]) -> Rule {
    Rule {
        point,
        kinds,
        says,
        by,
    }
}

/// All of them.
fn table() -> impl Iterator<Item = &'static Rule> {
    [requests::RULES, publishing::RULES, queues::RULES, others::RULES]
        .into_iter()
        .flatten()
}

/// The kinds that each point concerns: all of them have to be those of a rule.
const POINTS: [(u8, &[SocketKind]); 15] = [
    (1, &[Req]),
    (2, &[Rep]),
    (3, &[Dealer]),
    (4, &[Router]),
    (5, &[Pub, Sub]),
    (6, &[XPub]),
    (7, &[XSub]),
    (8, &[Push, Pull]),
    (9, &[Pair, Channel]),
    (10, EVERY),
    (11, EVERY),
    (12, AHEAD_KINDS),
    (13, &[Stream]),
    (14, SINGLE),
    (15, ZMTP),
];

const EVERY: &[SocketKind] = &[
    Push, Pull, Pub, Sub, Req, Rep, Dealer, Router, XPub, XSub, Pair, Client, Server, Radio, Dish, Scatter,
    Gather, Peer, Channel, Stream, Dgram,
];

impl Rule {
    /// The names of the tests that there have to be.
    fn tests(&self) -> impl Iterator<Item = String> {
        self.by.iter().flat_map(|shown| match shown {
            Here(transports, checks) => each(checks, transports, |check, over| {
                let (file, name) = check.split_once("::").expect("file::check");
                format!("{file}::{over}::{name}")
            }),
            OnEachWay(checks) => {
                let ways = WAYS.iter().flat_map(|way| {
                    let over = Transport::ALL.into_iter().filter(|over| way.goes(*over));
                    let names: Vec<_> = over.map(Transport::name).collect();
                    each(checks, &names, |check, over| {
                        format!("ways::{}::{over}::{check}", way.name)
                    })
                });
                ways.collect()
            }
            Ahead(check) => {
                let names: Vec<_> = AHEAD.iter().map(|(name, _)| *name).collect();
                each(EVERYWHERE, &names, |over, name| {
                    format!("ways::{name}::{over}::{check}")
                })
            }
            Beside(..) => Vec::new(),
        })
    }

    /// The kinds that it is shown for, each as one that sends and as one that receives, if it does both.
    fn shown_for(&self, kind: SocketKind) -> bool {
        let on_ways = self.by.iter().any(|shown| matches!(shown, OnEachWay(_)));
        self.kinds.contains(&kind)
            || on_ways && WAYS.iter().any(|way| [way.sends, way.receives].contains(&kind))
    }
}

fn each(some: &[&str], others: &[&str], name: impl Fn(&str, &str) -> String) -> Vec<String> {
    let pairs = some
        .iter()
        .flat_map(|one| others.iter().map(move |other| (one, other)));
    pairs.map(|(one, other)| name(one, other)).collect()
}

#[test]
fn the_table_is_true() {
    let all = Command::new(env::current_exe().expect("this runs"))
        .arg("--list")
        .output()
        .expect("it runs once more");
    let all = String::from_utf8(all.stdout).expect("names are text");
    let tests: HashSet<&str> = all
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .collect();
    let mut wrong = Vec::new();
    for rule in table() {
        for test in rule.tests().filter(|test| !tests.contains(test.as_str())) {
            wrong.push(format!("{}. {}: there is no test {test}", rule.point, rule.says));
        }
        for shown in rule.by {
            let Beside(file, what) = shown else { continue };
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            let text = fs::read_to_string(path).unwrap_or_default();
            let is_there = match file.strip_prefix("tests/") {
                Some(_) => text.contains(&format!("fn {what}(")) || text.contains(&format!("fn {what}<")),
                None => text.contains(what),
            };
            if !is_there {
                wrong.push(format!("{}. {}: {file} has no {what}", rule.point, rule.says));
            }
        }
    }
    for (point, kinds) in POINTS {
        for kind in kinds {
            let mut rules = table().filter(|rule| rule.point == point && !rule.by.is_empty());
            if !rules.any(|rule| rule.shown_for(*kind)) {
                wrong.push(format!("{point}. nothing shows it for {kind}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What receives is not only met by what sends, and the other way about.
#[test]
fn every_kind_that_sends_and_every_kind_that_receives_has_its_ways() {
    let only_receive = [Pull, Sub, Dish, Gather];
    let only_send = [Push, Pub, Radio, Scatter];
    for kind in EVERY.iter().filter(|kind| **kind != Dgram) {
        let sends = WAYS.iter().any(|way| way.sends == *kind);
        let receives = WAYS.iter().any(|way| way.receives == *kind);
        assert_eq!(sends, !only_receive.contains(kind), "{kind}");
        // An answer comes to one who asks, and what else comes has a check of its own.
        assert_eq!(receives, !only_send.contains(kind) && *kind != Req, "{kind}");
    }
    let ahead: Vec<_> = AHEAD.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(ahead, AHEAD_KINDS);
}
