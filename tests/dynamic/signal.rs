//! The descriptor that tells when a socket may be ready.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::thread;

use hubless::dynamic::event::{POLLIN, POLLOUT};
use hubless::dynamic::flag::DONTWAIT;
use hubless::dynamic::{Context, Errno, IO_THREADS, Socket, kind, option};
use tokio::time::timeout;

use crate::DEADLINE;

/// Waits until a descriptor is readable, and in no call of its socket.
pub(crate) fn rings(signal: &impl AsFd) {
    let signal = signal.as_fd().try_clone_to_owned().expect("another descriptor");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let signal = tokio::net::UnixStream::from_std(signal.into()).expect("it can be waited for");
        let readable = timeout(DEADLINE, signal.readable()).await;
        readable.expect("it rings").expect("it is open");
    });
}

/// Waits by its descriptor alone until a socket is ready for this.
fn until(socket: &Socket, event: i16) {
    let signal = socket.fd().expect("a descriptor");
    while socket.int_option(option::EVENTS).expect("it is open") & i32::from(event) == 0 {
        rings(&signal);
    }
}

/// The descriptor once more, to look at what is in it; who takes a byte out of it spoils it.
fn copy(socket: &Socket) -> UnixStream {
    let signal = socket.fd().expect("a descriptor");
    signal.try_clone_to_owned().expect("another descriptor").into()
}

fn is_silent(signal: &UnixStream) -> bool {
    let mut signal = signal;
    signal
        .read(&mut [0])
        .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

fn pair(context: &Context, at: &str, bound: i32, connected: i32) -> (Socket, Socket) {
    let (bound, connected) = (
        context.socket(bound).expect("a socket"),
        context.socket(connected).expect("a socket"),
    );
    bound.bind(at).expect("a free place");
    let endpoint = bound.option(option::LAST_ENDPOINT).expect("it is bound");
    let endpoint = String::from_utf8(endpoint).expect("text");
    connected.connect(&endpoint).expect("it can be dialed");
    (bound, connected)
}

const PLACES: [&str; 3] = ["tcp://127.0.0.1:*", "ipc://*", "inproc://signal"];

#[test]
fn a_ping_pong_that_waits_for_descriptors_alone_loses_no_wake_up() {
    const ROUNDS: u32 = 500;
    for threads in [0, 1] {
        let context = Context::new();
        context.set(IO_THREADS, threads).expect("a number");
        for at in PLACES {
            let (one, other) = pair(&context, at, kind::PAIR, kind::PAIR);
            let answering = thread::spawn(move || {
                for _ in 0..ROUNDS {
                    until(&other, POLLIN);
                    let ball = other.recv(DONTWAIT).expect("there is one");
                    other.send(ball, DONTWAIT).expect("there is room");
                }
                other
            });
            until(&one, POLLOUT);
            for round in 0..ROUNDS {
                one.send(&round.to_be_bytes(), DONTWAIT).expect("there is room");
                until(&one, POLLIN);
                assert_eq!(one.recv(DONTWAIT).expect("there is one"), round.to_be_bytes());
            }
            answering.join().expect("it does not panic");
        }
    }
}

#[test]
fn a_flood_comes_to_one_who_receives_until_nothing_is_there() {
    const MANY: u32 = 20_000;
    let context = Context::new();
    let (pull, push) = pair(&context, "tcp://127.0.0.1:*", kind::PULL, kind::PUSH);
    let pushing = thread::spawn(move || {
        for number in 0..MANY {
            push.send(&number.to_be_bytes(), 0).expect("it goes");
        }
        push
    });
    let signal = pull.fd().expect("a descriptor");
    let mut next = 0;
    while next < MANY {
        // Without a look at EVENTS: that nothing is there is said by this call too.
        match pull.recv(DONTWAIT) {
            Ok(number) => {
                assert_eq!(number, next.to_be_bytes());
                next += 1;
            }
            Err(error) => {
                assert_eq!(error, Errno::EAGAIN);
                rings(&signal);
            }
        }
    }
    pushing.join().expect("it does not panic");
}

#[test]
fn room_is_told_of_to_one_who_found_none() {
    const MANY: u32 = 300;
    let context = Context::new();
    for at in PLACES {
        let (pull, push) = (
            context.socket(kind::PULL).expect("a socket"),
            context.socket(kind::PUSH).expect("a socket"),
        );
        pull.set_int_option(option::RCVHWM, 1).expect("a mark");
        push.set_int_option(option::SNDHWM, 1).expect("a mark");
        let signal = copy(&push);
        pull.bind(at).expect("a free place");
        let endpoint = pull.option(option::LAST_ENDPOINT).expect("it is bound");
        push.connect(&String::from_utf8(endpoint).expect("text"))
            .expect("it can be dialed");
        let pulling = thread::spawn(move || {
            for number in 0..MANY {
                assert_eq!(pull.recv(0).expect("it comes"), number.to_be_bytes());
            }
        });
        let mut next = 0u32;
        while next < MANY {
            match push.send(&next.to_be_bytes(), DONTWAIT) {
                Ok(()) => next += 1,
                Err(error) => {
                    assert_eq!(error, Errno::EAGAIN);
                    rings(&signal);
                }
            }
        }
        pulling.join().expect("it does not panic");
    }
}

#[test]
fn questions_and_answers_are_told_of_without_another_look_at_what_is_ready() {
    let context = Context::new();
    let (rep, req) = pair(&context, "tcp://127.0.0.1:*", kind::REP, kind::REQ);
    until(&req, POLLOUT);
    assert_eq!(rep.int_option(option::EVENTS), Ok(0));
    for _ in 0..100 {
        req.send("question", DONTWAIT).expect("there is a peer");
        rings(&rep.fd().expect("a descriptor"));
        assert_eq!(rep.int_option(option::EVENTS), Ok(POLLIN.into()));
        assert_eq!(rep.recv(DONTWAIT).expect("it has come"), "question");
        assert_eq!(rep.recv(DONTWAIT), Err(Errno::EFSM));
        assert_eq!(rep.int_option(option::EVENTS), Ok(POLLOUT.into()));
        rep.send("answer", DONTWAIT).expect("it was asked");
        rings(&req.fd().expect("a descriptor"));
        assert_eq!(req.recv(DONTWAIT).expect("it has come"), "answer");
        until(&req, POLLOUT);
    }
}

#[test]
fn one_who_was_told_hears_nothing_more_before_something_new() {
    let context = Context::new();
    let (pull, push) = pair(&context, "inproc://told", kind::PULL, kind::PUSH);
    let (at_pull, at_push) = (copy(&pull), copy(&push));
    until(&push, POLLOUT);
    assert!(is_silent(&at_push), "it may send: that is no news");
    assert_eq!(pull.int_option(option::EVENTS), Ok(0));
    assert!(is_silent(&at_pull));
    push.send("one", 0).expect("it goes");
    rings(&at_pull);
    assert_eq!(pull.int_option(option::EVENTS), Ok(POLLIN.into()));
    assert!(is_silent(&at_pull), "it was told of this one");
    assert_eq!(pull.recv(DONTWAIT).expect("it has come"), "one");
    assert_eq!(pull.recv(DONTWAIT), Err(Errno::EAGAIN));
    push.send("two", 0).expect("it goes");
    rings(&at_pull);
}

#[test]
fn the_rest_of_a_message_that_was_begun_is_told_of() {
    let context = Context::new();
    let (pull, push) = pair(&context, "inproc://begun", kind::PULL, kind::PUSH);
    let signal = pull.fd().expect("a descriptor");
    assert_eq!(pull.int_option(option::EVENTS), Ok(0));
    push.send_message(["one", "two"], 0).expect("it goes");
    assert_eq!(pull.recv(0).expect("it comes"), "one");
    rings(&signal);
    assert_eq!(pull.int_option(option::EVENTS), Ok(POLLIN.into()));
}

#[test]
fn one_who_waits_in_a_call_is_not_passed_over() {
    let context = Context::new();
    let (pull, push) = pair(&context, "tcp://127.0.0.1:*", kind::PULL, kind::PUSH);
    let limit = DEADLINE.as_millis() as i32;
    pull.set_int_option(option::RCVTIMEO, limit).expect("a time");
    let signal = copy(&pull);
    for _ in 0..100 {
        // The descriptor waits first, and nobody looks at it.
        assert_eq!(pull.int_option(option::EVENTS), Ok(0));
        thread::scope(|scope| {
            let receiving = scope.spawn(|| pull.recv(0));
            push.send("for the call", 0).expect("it goes");
            assert_eq!(
                receiving.join().expect("it does not panic").expect("it comes"),
                "for the call"
            );
        });
        push.send("for the loop", 0).expect("it goes");
        rings(&signal);
        until(&pull, POLLIN);
        assert_eq!(pull.recv(DONTWAIT).expect("it has come"), "for the loop");
    }
}

#[test]
fn the_option_is_the_descriptor_and_fixes_no_other() {
    let context = Context::new();
    for kind in 0..=20 {
        let socket = context.socket(kind).expect("a socket");
        let number = socket.int_option(option::FD).expect("a descriptor");
        assert_eq!(socket.fd().expect("a descriptor").as_raw_fd(), number);
        assert_eq!(socket.set_int_option(option::SNDHWM, 7), Ok(()));
        assert_eq!(
            socket.set_int_option(option::FD, number),
            Err(Errno::EINVAL),
            "it cannot be set"
        );
    }
}

#[test]
fn the_end_of_the_context_rings() {
    for kind in [kind::PUSH, kind::PULL, kind::DEALER, kind::REQ] {
        let context = Context::new();
        let socket = context.socket(kind).expect("a socket");
        let signal = copy(&socket);
        socket.bind("inproc://end").expect("a free name");
        socket.int_option(option::EVENTS).expect("it is open");
        context.shutdown();
        rings(&signal);
        assert_eq!(socket.int_option(option::EVENTS), Err(Errno::ETERM));
        rings(&signal);
        assert_eq!(socket.fd().err(), Some(Errno::ETERM));
    }
}

#[test]
fn a_socket_that_is_dropped_leaves_no_descriptor() {
    let context = Context::new();
    let (pull, push) = pair(&context, "tcp://127.0.0.1:*", kind::PULL, kind::PUSH);
    push.send("it is connected", 0).expect("it goes");
    until(&pull, POLLIN);
    let mut kept = copy(&pull);
    let name = |number: i32| fs::read_link(format!("/proc/self/fd/{number}")).ok();
    let (told, name_of_kept) = (
        pull.int_option(option::FD).expect("a number"),
        name(kept.as_raw_fd()),
    );
    assert!(name_of_kept.is_some() && name(told) == name_of_kept);
    drop(pull);
    assert_ne!(name(told), name_of_kept, "the program's end is closed");
    let ended = kept.read(&mut [0; 16]).expect("a byte or the end");
    let ended = if ended > 0 {
        kept.read(&mut [0; 16]).expect("the end")
    } else {
        ended
    };
    assert_eq!(ended, 0, "ours too");
}
