//! The house stands as drawn: every path in `src` leads downwards, and each room keeps to what it is for.
//!
//! The drawing is `docs/architecture.md`; [`RANKS`] is the same picture as a table. The first test reads all files
//! and holds every rule against every one of them; the others show for each rule that it can fail.

#[path = "layering/source.rs"]
mod source;

use std::fs;

use source::{Path, Source};

/// The rooms from the ground up. A room names only rooms of lower rank, and itself.
const RANKS: [&[&str]; 10] = [
    &["frame", "sync", "socket_kind", "stats"],
    &["message", "endpoint", "runtime"],
    &["error"],
    &["peer"],
    &["monitor", "transport", "wire"],
    &["mechanism", "pipe"],
    &["session", "pattern", "context", "keys"],
    &["driver"],
    &["socket"],
    &["lib", "proxy", "blocking", "dynamic", "fuzzing"],
];

/// The two wings, which do not know each other: only `driver` knows both.
const PROTOCOL_WING: [&str; 3] = ["wire", "mechanism", "session"];
const TRAFFIC_WING: [&str; 3] = ["pipe", "pattern", "context"];

/// No task, clock, dice, or door to the outside: what comes from there comes as an argument.
const PURE: [&str; 4] = ["wire", "mechanism", "session", "pattern"];

/// What nobody but `runtime.rs` does: run tasks and threads, read clocks, roll dice.
const RUNTIME_ONLY: [&str; 12] = [
    "tokio::spawn",
    "tokio::task",
    "tokio::time",
    "spawn_blocking",
    "spawn_local",
    ".spawn",
    "thread::spawn",
    "thread::Builder",
    "thread::sleep",
    "Instant::now",
    "SystemTime",
    "RandomState",
];

/// Above this a file should be two.
const LONGEST: usize = 600;

/// Files that are known to be longer, until somebody finds their second idea; none that has become short stays here.
const STILL_LONG: &[&str] = &[];

#[test]
fn the_house_stands_as_drawn() {
    let complaints: Vec<_> = sources()
        .iter()
        .flat_map(|source| complaints(source, STILL_LONG))
        .collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// All that is wrong with one file, as `src/file.rs:line: what`.
fn complaints(source: &Source, still_long: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    let mut complain = |line: usize, what: String| all.push(format!("src/{}:{line}: {what}", source.file));
    if !source.has_doc {
        complain(1, "a file begins by saying what it is for (`//!`)".to_owned());
    }
    let is_known = still_long.contains(&source.file.as_str());
    if source.lines > LONGEST && !is_known {
        complain(
            1,
            format!(
                "{} lines, more than {LONGEST}: look for the second idea",
                source.lines
            ),
        );
    }
    if source.lines <= LONGEST && is_known {
        complain(1, "no longer too long: take it off STILL_LONG".to_owned());
    }
    match rank(source.room()) {
        None => complain(
            1,
            format!("`{}` is no room of the house: see RANKS", source.room()),
        ),
        Some(rank) => {
            for path in &source.paths {
                for rule in [downwards, wings, purity, runtime_only, transport, headers, kinds] {
                    if let Some(what) = rule(source, rank, path) {
                        complain(path.line, what);
                    }
                }
            }
        }
    }
    all
}

fn rank(room: &str) -> Option<usize> {
    RANKS.iter().position(|rooms| rooms.contains(&room))
}

/// Import only from a lower rank; the same rank only inside the same folder.
fn downwards(source: &Source, own: usize, path: &Path) -> Option<String> {
    let room = path.room()?;
    if room == source.room() {
        return None;
    }
    match rank(room) {
        // What stands at the root of the crate was carried to the roof for users.
        None if own + 1 == RANKS.len() => None,
        None => Some(format!("`crate::{room}` is no room of the house")),
        Some(other) if other < own => None,
        Some(other) => Some(format!(
            "`{}` (rank {own}) names `{room}` (rank {other})",
            source.room()
        )),
    }
}

/// The two wings do not know each other.
fn wings(source: &Source, _: usize, path: &Path) -> Option<String> {
    let (here, there) = (source.room(), path.room()?);
    let meet = |a: [&str; 3], b: [&str; 3]| a.contains(&here) && b.contains(&there);
    (meet(PROTOCOL_WING, TRAFFIC_WING) || meet(TRAFFIC_WING, PROTOCOL_WING))
        .then(|| format!("`{here}` and `{there}` are in different wings"))
}

/// The pure rooms could run anywhere, in any time.
fn purity(source: &Source, _: usize, path: &Path) -> Option<String> {
    const OUTSIDE: [&str; 9] = [
        "tokio",
        "socket2",
        "std::io",
        "std::net",
        "std::os",
        "std::fs",
        "std::thread",
        "std::env",
        "std::process",
    ];
    if !PURE.contains(&source.room()) {
        return None;
    }
    let impure = OUTSIDE.iter().any(|outside| path.begins(outside)) || path.begins("crate::runtime");
    impure.then(|| {
        format!(
            "`{}` is pure and names `{}`",
            source.room(),
            path.words.join("::")
        )
    })
}

/// Tasks, clocks and dice have one home.
fn runtime_only(source: &Source, _: usize, path: &Path) -> Option<String> {
    let only = source.room() != "runtime" && RUNTIME_ONLY.iter().any(|words| path.names(words));
    only.then(|| format!("`{}` is for runtime.rs alone", path.words.join("::")))
}

/// A byte stream is a byte stream.
fn transport(source: &Source, _: usize, path: &Path) -> Option<String> {
    (source.room() == "transport" && matches!(path.room(), Some("wire" | "frame")))
        .then(|| "`transport` knows bytes, not what they mean".to_owned())
}

/// A pattern chooses pipes and never looks into frames' headers.
fn headers(source: &Source, _: usize, path: &Path) -> Option<String> {
    (source.room() == "pattern" && path.names("frame::Header"))
        .then(|| "`pattern` does not look into headers".to_owned())
}

/// Kinds of sockets are told apart where sockets are made, and where their names are; below is a strategy.
fn kinds(source: &Source, _: usize, path: &Path) -> Option<String> {
    let at = path.words.iter().position(|word| word == "SocketKind")?;
    // `SocketKind::Push` is a kind; `SocketKind::name` and `SocketKind::ALL` are questions to all of them.
    let variant = path.words.get(at + 1)?;
    let is_kind = variant.starts_with(char::is_uppercase) && variant.contains(char::is_lowercase);
    (is_kind && !matches!(source.room(), "socket" | "socket_kind")).then(|| {
        format!(
            "`{}`: only `socket` tells kinds apart",
            path.words[at..].join("::")
        )
    })
}

fn sources() -> Vec<Source> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let (mut folders, mut sources) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of src can be read") {
            let path = entry.expect("an entry of a folder can be read").path();
            let name = path.to_str().expect("names are text").to_owned();
            if path.is_dir() {
                folders.push(name);
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).expect("a file of src can be read");
                sources.push(Source::read(&name[root.len() + 1..], &text));
            }
        }
    }
    assert!(sources.len() > 20, "there is a house to look at");
    sources
}

// ---- each rule can fail ------------------------------------------------------------------------------------

/// What is wrong with a made-up file, its doc and place aside.
#[track_caller]
fn wrong(file: &str, code: &str) -> String {
    let found = complaints(&Source::read(file, &format!("//! A doc.\n{code}\n")), &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    let place = format!("src/{file}:2: ");
    found[0]
        .strip_prefix(&place)
        .expect("the place is named")
        .to_owned()
}

#[track_caller]
fn right(file: &str, code: &str) {
    let found = complaints(&Source::read(file, &format!("//! A doc.\n{code}\n")), &[]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_path_upwards_or_sideways_is_refused() {
    assert_eq!(
        wrong("message.rs", "use crate::driver::Shared;"),
        "`message` (rank 1) names `driver` (rank 7)"
    );
    assert_eq!(
        wrong("wire/decoder.rs", "use crate::monitor::Event;"),
        "`wire` (rank 4) names `monitor` (rank 4)"
    );
    wrong("error/mod.rs", "fn f(x: &crate::pipe::Log) {}");
    wrong("error/mod.rs", "use crate::{frame::Run, peer::{self}};");
    wrong("pipe/log.rs", "use super::super::driver::Shared;");
    wrong("pipe/mod.rs", "use super::driver;");
    right(
        "pipe/log.rs",
        "use super::Marks; use crate::{frame::Run, pipe::Ticket, transport::Writer};",
    );
}

#[test]
fn a_room_that_nobody_knows_is_refused() {
    assert_eq!(
        complaints(&Source::read("cellar/mod.rs", "//! A doc.\n"), &[]),
        ["src/cellar/mod.rs:1: `cellar` is no room of the house: see RANKS"]
    );
    assert_eq!(
        wrong("driver/mod.rs", "use crate::Message;"),
        "`crate::Message` is no room of the house"
    );
    right("proxy.rs", "use crate::Message;");
}

#[test]
fn the_wings_know_nothing_of_each_other() {
    assert_eq!(
        wrong("session/mod.rs", "use crate::pipe::PipeId;"),
        "`session` and `pipe` are in different wings"
    );
    assert_eq!(
        wrong("pattern/mod.rs", "use crate::wire::command::Command;"),
        "`pattern` and `wire` are in different wings"
    );
    right("driver/mod.rs", "use crate::{pipe::PipeId, session::Session};");
}

#[test]
fn a_pure_room_reaches_nothing_outside() {
    assert_eq!(
        wrong("session/mod.rs", "use tokio::sync::watch;"),
        "`session` is pure and names `tokio::sync::watch`"
    );
    wrong("pattern/mod.rs", "fn f() { crate::runtime::now(); }");
    wrong("wire/mod.rs", "use std::net::TcpStream;");
    wrong("mechanism/mod.rs", "use std::io::Write;");
    right("pipe/mod.rs", "use std::io::IoSlice; use crate::runtime;");
    right("session/mod.rs", "use std::time::Instant;");
}

#[test]
fn tasks_clocks_and_dice_are_found_outside_their_home() {
    assert_eq!(
        wrong("driver/mod.rs", "fn f() { tokio::spawn(g()); }"),
        "`tokio::spawn` is for runtime.rs alone"
    );
    wrong("session/mod.rs", "fn f() { std::time::Instant::now(); }");
    wrong("driver/mod.rs", "fn f() { tokio::time::sleep(g()); }");
    wrong("driver/mod.rs", "use tokio::{net, time};");
    wrong("driver/mod.rs", "fn f() { home.spawn(g()); }");
    wrong("transport/tcp.rs", "use std::hash::RandomState;");
    right(
        "runtime.rs",
        "fn f() { tokio::spawn(g()); tokio::time::Instant::now(); RandomState::new(); }",
    );
    right("driver/mod.rs", "fn f() { crate::runtime::spawn(home, g()); }");
}

#[test]
fn a_transport_does_not_know_what_its_bytes_mean() {
    assert_eq!(
        wrong("transport/tcp.rs", "use crate::frame::Header;"),
        "`transport` knows bytes, not what they mean"
    );
    let found = complaints(
        &Source::read("transport/tcp.rs", "//! A doc.\nuse crate::wire::decoder;"),
        &[],
    );
    assert!(
        found
            .iter()
            .any(|what| what.ends_with("knows bytes, not what they mean")),
        "{found:?}"
    );
}

#[test]
fn a_pattern_does_not_look_into_headers() {
    assert_eq!(
        wrong("pattern/mod.rs", "use crate::frame::{Header, Run};"),
        "`pattern` does not look into headers"
    );
    right("pipe/incoming.rs", "use crate::frame::{Header, Run};");
}

#[test]
fn kinds_are_told_apart_in_one_room() {
    assert_eq!(
        wrong(
            "driver/mod.rs",
            "fn f(k: SocketKind) -> bool { k == SocketKind::Push }"
        ),
        "`SocketKind::Push`: only `socket` tells kinds apart"
    );
    wrong("wire/metadata.rs", "use crate::socket_kind::SocketKind::Pub;");
    right("socket/builder.rs", "const A: SocketKind = SocketKind::Push;");
    right(
        "session/state.rs",
        "fn f() { SocketKind::from_name(b\"PUSH\"); SocketKind::ALL; }",
    );
}

#[test]
fn a_file_says_what_it_is_for_and_stays_short() {
    let no_doc = complaints(&Source::read("frame.rs", "// Not a doc.\n"), &[]);
    assert_eq!(
        no_doc,
        ["src/frame.rs:1: a file begins by saying what it is for (`//!`)"]
    );

    let long = format!("//! A doc.\n{}", "const A: u8 = 0;\n".repeat(LONGEST));
    assert_eq!(
        complaints(&Source::read("frame.rs", &long), &[]),
        ["src/frame.rs:1: 601 lines, more than 600: look for the second idea"]
    );
    assert!(complaints(&Source::read("frame.rs", &long), &["frame.rs"]).is_empty());
    assert_eq!(
        complaints(&Source::read("frame.rs", "//! A doc.\n"), &["frame.rs"]),
        ["src/frame.rs:1: no longer too long: take it off STILL_LONG"]
    );
    let tests = format!(
        "//! A doc.\n#[cfg(test)]\nmod tests {{\n{}}}\n",
        "const A: u8 = 0;\n".repeat(LONGEST)
    );
    assert!(complaints(&Source::read("frame.rs", &tests), &[]).is_empty());
}
