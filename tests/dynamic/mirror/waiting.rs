//! Scripts: full, waiting, and shut down.

use std::time::Duration;

use hubless::dynamic::event::{POLLIN, POLLOUT};
use hubless::dynamic::flag::{DONTWAIT, SNDMORE};
use hubless::dynamic::{kind, option};

use super::{Log, by_descriptor, pair, readable};
use crate::library::{Calls, KINDS, Library};
use crate::signal::rings;

pub(super) fn marks<L: Library>(library: &L, log: &mut Log) {
    for (number, name) in KINDS {
        let sends = [
            kind::PUSH,
            kind::DEALER,
            kind::PAIR,
            kind::CLIENT,
            kind::SCATTER,
            kind::CHANNEL,
            kind::PUB,
        ];
        if !sends.contains(&number) {
            continue;
        }
        let socket = library.socket(number);
        log.say(format!("{name} mark"), socket.set_int(option::SNDHWM, 1));
        log.say(format!("{name} connect"), socket.connect("inproc://nobody"));
        log.say(format!("{name} events"), socket.get_int(option::EVENTS));
        log.say(format!("{name} first"), socket.send(b"one", DONTWAIT));
        log.say(
            format!("{name} events at the mark"),
            socket.get_int(option::EVENTS),
        );
        log.say(format!("{name} second"), socket.send(b"two", DONTWAIT));
        log.say(format!("{name} limit"), socket.set_int(option::SNDTIMEO, 10));
        log.say(format!("{name} third"), socket.send(b"three", 0));

        // Over a stream: in one process libzmq then adds the mark of the other side. And before it is full: else libzmq's
        // may hear of it when its peer reads, and not before.
        let socket = library.socket(number);
        log.say(format!("{name} low mark"), socket.set_int(option::SNDHWM, 1));
        log.say(
            format!("{name} connect again"),
            socket.connect("tcp://127.0.0.1:9"),
        );
        log.say(format!("{name} below it"), socket.send(b"one", DONTWAIT));
        log.say(format!("{name} higher mark"), socket.set_int(option::SNDHWM, 3));
        log.say(format!("{name} mark told"), socket.get_int(option::SNDHWM));
        for at in 2..=4 {
            log.say(format!("{name} message {at}"), socket.send(b"more", DONTWAIT));
        }
    }
}

pub(super) fn timeouts<L: Library>(library: &L, log: &mut Log) {
    let socket = library.socket(kind::DEALER);
    log.say("for reading", socket.set_int(option::RCVTIMEO, 5));
    log.say("for writing", socket.set_int(option::SNDTIMEO, 5));
    log.say("recv", socket.recv(0));
    log.say("send", socket.send(b"x", 0));
    log.say("send more", socket.send(b"x", SNDMORE));
    log.say("zero", socket.set_int(option::RCVTIMEO, 0));
    log.say("recv at once", socket.recv(0));
    log.say("poll", socket.poll(POLLIN, Duration::from_millis(5)));
    log.say("poll for writing", socket.poll(POLLOUT, Duration::from_millis(5)));
}

pub(super) fn readiness<L: Library>(library: &L, log: &mut Log) {
    let (pull, push) = pair(library, kind::PULL, kind::PUSH);
    log.say("pull", pull.get_int(option::EVENTS));
    log.say("push", push.get_int(option::EVENTS));
    log.say("send", push.send_all(&[b"1", b"2"], 0));
    readable(&pull);
    log.say("pull with a message", pull.get_int(option::EVENTS));
    log.say("first", pull.recv(0));
    log.say("in the middle", pull.get_int(option::EVENTS));
    log.say("second", pull.recv(0));
    log.say("after it", pull.get_int(option::EVENTS));
}

pub(super) fn descriptors<L: Library>(library: &L, log: &mut Log) {
    let (router, dealer) = (library.socket(kind::ROUTER), library.socket(kind::DEALER));
    log.say("before it is used", dealer.descriptor().is_ok());
    log.say(
        "the same again",
        dealer.get_int(option::FD) == dealer.get_int(option::FD),
    );
    log.say("not to be set", dealer.set_int(option::FD, 0));
    log.say("a mark after it", dealer.set_int(option::SNDHWM, 7));
    log.say("nobody is there", dealer.get_int(option::EVENTS));
    dealer.connect(&router.listen()).expect("it can be dialed");
    by_descriptor(&dealer, POLLOUT);
    for round in 0..100 {
        log.say(format!("{round} ask"), dealer.send_all(&[b"", b"one"], DONTWAIT));
        log.say(format!("{round} ask more"), dealer.send(b"two", DONTWAIT));
        by_descriptor(&router, POLLIN);
        let question = router.recv_all(DONTWAIT).expect("it has come");
        by_descriptor(&router, POLLIN);
        log.say(
            format!("{round} more"),
            router.recv_all(DONTWAIT).map(|frames| frames.len()),
        );
        log.say(format!("{round} no more"), router.get_int(option::EVENTS));
        log.say(
            format!("{round} answer"),
            router.send_all(&[&question[0], b"yes"], DONTWAIT),
        );
        by_descriptor(&dealer, POLLIN);
        log.say(format!("{round} answered"), dealer.recv(DONTWAIT));
        log.say(format!("{round} that was all"), dealer.get_int(option::EVENTS));
    }
    let descriptor = dealer.descriptor().expect("it is open");
    library.shutdown();
    rings(&descriptor);
    log.say("the end", dealer.get_int(option::EVENTS));
}

pub(super) fn shut_down<L: Library>(library: &L, log: &mut Log) {
    let sockets: Vec<_> = KINDS
        .iter()
        .map(|(number, name)| (name, library.socket(*number)))
        .collect();
    let (pull, _push) = pair(library, kind::PULL, kind::PUSH);
    library.shutdown();
    log.say("a new one", library.bare(kind::PAIR).map(drop));
    log.say("connected", pull.recv(0));
    for (name, socket) in sockets {
        // libzmq's hears of it at the first call that listens.
        log.say(format!("{name} events"), socket.get_int(option::EVENTS));
        log.say(format!("{name} recv"), socket.recv(0));
        log.say(format!("{name} recv at once"), socket.recv(DONTWAIT));
        log.say(format!("{name} send"), socket.send(b"x", 0));
        log.say(format!("{name} bind"), socket.bind("inproc://x"));
        log.say(format!("{name} connect"), socket.connect("inproc://x"));
        log.say(format!("{name} unbind"), socket.unbind("inproc://x"));
        log.say(format!("{name} set"), socket.set_int(option::LINGER, 0));
        log.say(format!("{name} get"), socket.get_int(option::LINGER));
    }
}

pub(super) fn shut_down_while_waiting<L: Library>(_: &L, log: &mut Log) {
    for (number, receives) in [
        (kind::PULL, true),
        (kind::SUB, true),
        (kind::ROUTER, true),
        (kind::REP, true),
        (kind::SERVER, true),
        (kind::DISH, true),
        (kind::PUSH, false),
        (kind::DEALER, false),
        (kind::PAIR, false),
    ] {
        let library = L::new();
        let (started, starts) = std::sync::mpsc::channel();
        let socket = library.socket(number);
        let waiting = std::thread::spawn(move || {
            started.send(()).expect("somebody waits for that");
            if receives {
                socket.recv(0).map(drop)
            } else {
                socket.send(b"x", 0)
            }
        });
        starts.recv().expect("the thread runs");
        library.shutdown();
        log.say(
            format!("{number} waits"),
            waiting.join().expect("it does not panic"),
        );
    }
}
