//! The mirror: one script, both libraries, the same answers, but for those that are [listed](DEVIATIONS).

mod endpoints;
mod messages;
mod waiting;

use std::fmt::Debug;
use std::time::{Duration, Instant};

use hubless::dynamic::event::{POLLIN, POLLOUT};
use hubless::dynamic::option;

use crate::DEADLINE;
use crate::library::{Calls, Library, Ours, Theirs};
use crate::signal::rings;

/// Where we answer otherwise on purpose: what is asked, our answer, that of libzmq, and why.
const DEVIATIONS: &[(&str, &str, &str, &str)] = &[
    (
        "a message in a group of 256 bytes",
        "Err(EINVAL)",
        "Ok(())",
        "libzmq cuts the name, and sends to another group",
    ),
    (
        "to a STREAM that has left",
        "Err(EHOSTUNREACH)",
        "Ok(())",
        "whom a STREAM connects to is another peer with each connection, not one that had begun to listen",
    ),
];

/// What a script was told.
#[derive(Default)]
pub(crate) struct Log(Vec<(String, String)>);

impl Log {
    pub(crate) fn say(&mut self, asked: impl Into<String>, answer: impl Debug) {
        self.0.push((asked.into(), format!("{answer:?}")));
    }
}

/// Runs a script with both libraries, and compares what they say.
macro_rules! mirrored {
    ($($scripts:ident: $($name:ident),*;)*) => {
        $($(
            #[test]
            fn $name() {
                let (mut ours, mut theirs) = (Log::default(), Log::default());
                $scripts::$name(&Ours::new(), &mut ours);
                $scripts::$name(&Theirs::new(), &mut theirs);
                compare(ours, theirs);
            }
        )*)*
    };
}

fn compare(ours: Log, theirs: Log) {
    assert_eq!(ours.0.len(), theirs.0.len(), "the script went another way");
    let mut differences = Vec::new();
    for ((asked, ours), (_, theirs)) in ours.0.into_iter().zip(theirs.0) {
        let known = DEVIATIONS.iter().find(|(what, ..)| *what == asked);
        match known {
            Some((_, we, they, _)) => {
                assert_eq!(
                    (&*ours, &*theirs),
                    (*we, *they),
                    "{asked}: is it still a deviation?"
                );
            }
            None if ours != theirs => differences.push(format!("{asked}: {ours}, libzmq: {theirs}")),
            None => {}
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

mirrored! {
    endpoints:
        nobody_is_there, endpoints_that_are_none, an_address_in_use, what_was_never_bound,
        a_second_connection;
    messages:
        request_and_reply, requests_out_of_turn, a_relaxed_request,
        a_router_and_whom_it_does_not_know, a_router_that_drops, frames_and_messages, single_frames,
        servers_and_clients, peers, groups, streams, publishing, publishing_by_hand;
    waiting:
        marks, timeouts, readiness, descriptors, shut_down, shut_down_while_waiting;
}

/// Waits until something has come.
pub(crate) fn readable(socket: &impl Calls) {
    assert_eq!(socket.poll(POLLIN, DEADLINE), Ok(POLLIN), "it comes");
}

/// The same where libzmq needs its other socket to be looked at meanwhile.
fn until_readable(socket: &impl Calls, other: &impl Calls) {
    let begun = Instant::now();
    while socket.poll(POLLIN, Duration::from_millis(1)) != Ok(POLLIN) {
        assert!(begun.elapsed() < DEADLINE, "it comes");
        other.get_int(option::EVENTS).expect("it is open");
    }
}

/// Waits until something can go.
fn writable(socket: &impl Calls) {
    assert_eq!(socket.poll(POLLOUT, DEADLINE), Ok(POLLOUT), "it can go");
}

/// Waits as a program does that has a loop of its own.
fn by_descriptor(socket: &impl Calls, event: i16) {
    let descriptor = socket.descriptor().expect("a descriptor");
    while socket.get_int(option::EVENTS).expect("it is open") & i32::from(event) == 0 {
        rings(&descriptor);
    }
}

/// Two that are connected, the first of them bound.
fn pair<L: Library>(library: &L, bound: i32, connected: i32) -> (L::Socket, L::Socket) {
    let (bound, connected) = (library.socket(bound), library.socket(connected));
    connected.connect(&bound.listen()).expect("it can be dialed");
    (bound, connected)
}
