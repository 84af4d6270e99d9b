//! The mirror: one script, both libraries, the same answers, but for those that are [listed](DEVIATIONS).

use std::fmt::Debug;
use std::time::{Duration, Instant};

use hubless::dynamic::event::{POLLIN, POLLOUT};
use hubless::dynamic::flag::{DONTWAIT, SNDMORE};
use hubless::dynamic::{kind, option};

use crate::DEADLINE;
use crate::library::{Calls, KINDS, Library, Ours, Theirs};
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
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            #[test]
            fn $name() {
                let (mut ours, mut theirs) = (Log::default(), Log::default());
                scripts::$name(&Ours::new(), &mut ours);
                scripts::$name(&Theirs::new(), &mut theirs);
                compare(ours, theirs);
            }
        )*
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
    nobody_is_there;
    endpoints_that_are_none;
    an_address_in_use;
    what_was_never_bound;
    a_second_connection;
    request_and_reply;
    requests_out_of_turn;
    a_relaxed_request;
    a_router_and_whom_it_does_not_know;
    a_router_that_drops;
    frames_and_messages;
    marks;
    single_frames;
    servers_and_clients;
    peers;
    groups;
    streams;
    publishing;
    publishing_by_hand;
    timeouts;
    readiness;
    descriptors;
    shut_down;
    shut_down_while_waiting;
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

mod scripts {
    use super::*;

    pub(super) fn nobody_is_there<L: Library>(library: &L, log: &mut Log) {
        for (number, name) in KINDS {
            // Without a pipe, libzmq's DGRAM fails without saying why.
            if number == kind::DGRAM {
                continue;
            }
            let socket = library.socket(number);
            log.say(format!("{name} recv"), socket.recv(DONTWAIT));
            log.say(format!("{name} events"), socket.get_int(option::EVENTS));
            log.say(format!("{name} send"), socket.send(b"x", DONTWAIT));
            log.say(format!("{name} type"), socket.get_int(option::TYPE));
            log.say(format!("{name} rcvmore"), socket.get_int(option::RCVMORE));
            let socket = library.socket(number);
            log.say(format!("{name} send more"), socket.send(b"x", DONTWAIT | SNDMORE));
            log.say(format!("{name} join"), socket.join("group"));
            log.say(format!("{name} leave"), socket.leave("nothing"));
        }
    }

    pub(super) fn endpoints_that_are_none<L: Library>(library: &L, log: &mut Log) {
        let long = format!("ipc:///tmp/{}", "x".repeat(200));
        for (number, name) in KINDS {
            let socket = library.socket(number);
            for text in [
                "",
                "nonsense",
                "tcp://",
                "://host:1",
                "tcp://127.0.0.1",
                "tcp://127.0.0.1:port",
                "carrier-pigeon://home:1",
                &long,
            ] {
                let shown = &text[..text.len().min(30)];
                log.say(format!("{name} bind {shown}"), socket.bind(text));
                log.say(format!("{name} unbind {shown}"), socket.unbind(text));
            }
            for text in [
                "",
                "nonsense",
                "tcp://",
                "tcp://*:*",
                "tcp://127.0.0.1",
                "udp://127.0.0.1:9",
                "x://y",
            ] {
                if number == kind::RADIO && text.starts_with("udp") {
                    continue;
                }
                log.say(format!("{name} connect {text}"), socket.connect(text));
            }
            if !matches!(number, kind::DISH | kind::DGRAM) {
                log.say(format!("{name} bind udp"), socket.bind("udp://127.0.0.1:9"));
            }
        }
    }

    pub(super) fn an_address_in_use<L: Library>(library: &L, log: &mut Log) {
        let (one, two) = (library.socket(kind::PULL), library.socket(kind::PULL));
        let endpoint = one.listen();
        log.say("bind a port in use", two.bind(&endpoint));
        log.say("bind a name", one.bind("inproc://name"));
        log.say("bind a name in use", two.bind("inproc://name"));
        log.say("bind it twice", one.bind("inproc://name"));
        log.say("bind an address of others", one.bind("tcp://192.0.2.1:0"));
        log.say("bind no interface", one.bind("tcp://nosuchinterface0:0"));
        log.say("bind a path that is not there", one.bind("ipc:///nowhere/at/all"));
    }

    pub(super) fn what_was_never_bound<L: Library>(library: &L, log: &mut Log) {
        let socket = library.socket(kind::PULL);
        log.say("unbind nothing", socket.unbind("tcp://127.0.0.1:9"));
        log.say("disconnect nothing", socket.disconnect("tcp://127.0.0.1:9"));
        log.say("unbind no name", socket.unbind("inproc://nowhere"));
        log.say("disconnect no name", socket.disconnect("inproc://nowhere"));
        let endpoint = socket.listen();
        log.say("unbind", socket.unbind(&endpoint));
        log.say("unbind again", socket.unbind(&endpoint));
        log.say("connect", socket.connect(&endpoint));
        log.say("last endpoint", socket.last_endpoint() == endpoint);
        log.say("disconnect", socket.disconnect(&endpoint));
        log.say("disconnect again", socket.disconnect(&endpoint));
        log.say("bind a name", socket.bind("inproc://bound"));
        log.say("last endpoint is the name", socket.last_endpoint());
        log.say("unbind the name", socket.unbind("inproc://bound"));
        log.say("unbind the name again", socket.unbind("inproc://bound"));
    }

    pub(super) fn a_second_connection<L: Library>(library: &L, log: &mut Log) {
        for (number, name) in KINDS {
            if matches!(number, kind::DGRAM) {
                continue;
            }
            let socket = library.socket(number);
            log.say(format!("{name} connect"), socket.connect("tcp://127.0.0.1:9"));
            log.say(
                format!("{name} connect again"),
                socket.connect("tcp://127.0.0.1:9"),
            );
            log.say(
                format!("{name} disconnect"),
                socket.disconnect("tcp://127.0.0.1:9"),
            );
            log.say(
                format!("{name} disconnect again"),
                socket.disconnect("tcp://127.0.0.1:9"),
            );
            log.say(
                format!("{name} connect after that"),
                socket.connect("tcp://127.0.0.1:9"),
            );
            log.say(
                format!("{name} connect_peer"),
                socket.connect_peer("tcp://127.0.0.1:9").is_ok(),
            );
        }
    }

    pub(super) fn request_and_reply<L: Library>(library: &L, log: &mut Log) {
        let (rep, req) = pair(library, kind::REP, kind::REQ);
        writable(&req);
        log.say("ask", req.send_all(&[b"6", b"7"], 0));
        log.say("hear the question", rep.recv_all(0));
        log.say("answer", rep.send(b"42", 0));
        log.say("hear the answer", req.recv_all(0));
        log.say("an empty question", req.send(b"", 0));
        log.say("hear it", rep.recv_all(0));
        log.say("an empty answer", rep.send(b"", 0));
        log.say("hear that", req.recv_all(0));
    }

    pub(super) fn requests_out_of_turn<L: Library>(library: &L, log: &mut Log) {
        let (rep, req) = pair(library, kind::REP, kind::REQ);
        writable(&req);
        log.say("rep sends first", rep.send(b"x", 0));
        log.say("rep sends more first", rep.send(b"x", SNDMORE));
        log.say("req receives first", req.recv(0));
        log.say("req asks", req.send(b"one", 0));
        log.say("req asks again", req.send(b"two", 0));
        log.say("req asks more again", req.send(b"two", SNDMORE));
        log.say("req hears nothing yet", req.recv(DONTWAIT));
        log.say("req is not writable", req.get_int(option::EVENTS));
        log.say("rep hears", rep.recv(0));
        log.say("rep hears again", rep.recv(0));
        log.say("rep is writable", rep.get_int(option::EVENTS));
        log.say("rep answers", rep.send(b"first", SNDMORE));
        log.say("rep hears in between", rep.recv(0));
        log.say("rep answers on", rep.send(b"second", 0));
        log.say("rep answers again", rep.send(b"x", 0));
        readable(&req);
        log.say("req is readable", req.get_int(option::EVENTS));
        log.say("req hears", req.recv(0));
        log.say("req asks in the middle", req.send(b"x", 0));
        log.say("req hears on", req.recv(0));
        log.say("req hears again", req.recv(0));
    }

    pub(super) fn a_relaxed_request<L: Library>(library: &L, log: &mut Log) {
        let (router, req) = (library.socket(kind::ROUTER), library.socket(kind::REQ));
        log.say("relaxed", req.set_int(option::REQ_RELAXED, 1));
        log.say("correlate", req.set_int(option::REQ_CORRELATE, 1));
        req.connect(&router.listen()).expect("it can be dialed");
        writable(&req);
        log.say("one", req.send(b"one", 0));
        let one = router.recv_all(0).expect("it comes");
        log.say("shape", one.iter().map(Vec::len).collect::<Vec<_>>());
        log.say("events", req.get_int(option::EVENTS));
        log.say("two", req.send(b"two", 0));
        let two = router.recv_all(0).expect("it comes");
        log.say("body", two.last().map(|body| body == b"two"));
        let reply = |question: &[Vec<u8>], body: &[u8]| {
            let mut frames: Vec<&[u8]> = question.iter().map(Vec::as_slice).collect();
            frames.pop();
            frames.push(body);
            router.send_all(&frames, 0)
        };
        log.say("late", reply(&one, b"late"));
        log.say("in time", reply(&two, b"in time"));
        log.say("heard", req.recv_all(0));
    }

    pub(super) fn a_router_and_whom_it_does_not_know<L: Library>(library: &L, log: &mut Log) {
        let (router, dealer) = (library.socket(kind::ROUTER), library.socket(kind::DEALER));
        log.say("mandatory", router.set_int(option::ROUTER_MANDATORY, 1));
        log.say("routing id", dealer.set(option::ROUTING_ID, b"dealer"));
        log.say("nobody", router.send_all(&[b"dealer", b"x"], 0));
        log.say("nobody, frame by frame", router.send(b"dealer", SNDMORE));
        log.say("events", router.get_int(option::EVENTS));
        dealer.connect(&router.listen()).expect("it can be dialed");
        log.say("hello", dealer.send_all(&[b"", b"hello"], 0));
        log.say("heard", router.recv_all(0));
        log.say("events with a peer", router.get_int(option::EVENTS));
        log.say("answer", router.send_all(&[b"dealer", b"", b"x"], 0));
        log.say("its answer", dealer.recv_all(0));
        log.say("others", router.send_all(&[b"other", b"x"], 0));
        log.say("a name alone", router.send(b"dealer", 0));
        log.say("a wrong name alone", router.send(b"other", 0));
    }

    pub(super) fn a_router_that_drops<L: Library>(library: &L, log: &mut Log) {
        let router = library.socket(kind::ROUTER);
        log.say("nobody", router.send_all(&[b"nobody", b"x"], 0));
        log.say("events", router.get_int(option::EVENTS));
        log.say("next name", router.set(option::CONNECT_ROUTING_ID, b"worker"));
        log.say("connect", router.connect("inproc://later"));
        log.say("at once", router.send_all(&[b"worker", b"begin"], 0));
        let dealer = library.socket(kind::DEALER);
        log.say("later", dealer.bind("inproc://later"));
        log.say("begun", dealer.recv_all(0));
        log.say("done", dealer.send(b"done", 0));
        log.say("from the worker", router.recv_all(0));
    }

    pub(super) fn frames_and_messages<L: Library>(library: &L, log: &mut Log) {
        for (a, b) in [
            (kind::PULL, kind::PUSH),
            (kind::PAIR, kind::PAIR),
            (kind::DEALER, kind::DEALER),
        ] {
            let (one, two) = pair(library, a, b);
            log.say("first", two.send(b"first", SNDMORE));
            log.say("nothing yet", one.recv(DONTWAIT));
            log.say("second", two.send(b"", SNDMORE));
            log.say("third", two.send(b"third", 0));
            log.say("single", two.send(b"single", 0));
            log.say("three", one.recv(0));
            log.say("more", one.get_int(option::RCVMORE));
            log.say("all the rest", one.recv_all(DONTWAIT));
            log.say("one", one.recv_all(0));
            log.say("no more", one.get_int(option::RCVMORE));
        }
    }

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

    pub(super) fn single_frames<L: Library>(library: &L, log: &mut Log) {
        for (a, b) in [
            (kind::SERVER, kind::CLIENT),
            (kind::GATHER, kind::SCATTER),
            (kind::CHANNEL, kind::CHANNEL),
            (kind::DISH, kind::RADIO),
            (kind::PEER, kind::PEER),
        ] {
            let (one, two) = pair(library, a, b);
            log.say(format!("{a} more"), one.send(b"x", SNDMORE | DONTWAIT));
            log.say(format!("{b} more"), two.send(b"x", SNDMORE | DONTWAIT));
            log.say(format!("{b} one"), two.send(b"x", DONTWAIT));
        }
    }

    pub(super) fn servers_and_clients<L: Library>(library: &L, log: &mut Log) {
        let (server, client) = pair(library, kind::SERVER, kind::CLIENT);
        log.say("to nobody", server.send(b"x", 0));
        log.say("to a number", server.send_with(b"x", 4711, "", 0));
        log.say("ask", client.send(b"question", 0));
        let (number, _, question) = server.recv_with(0).expect("it comes");
        log.say("heard", (number != 0, question));
        log.say("answer", server.send_with(b"answer", number, "", 0));
        log.say("its answer", client.recv(0));
        log.say(
            "events",
            (server.get_int(option::EVENTS), client.get_int(option::EVENTS)),
        );
    }

    pub(super) fn peers<L: Library>(library: &L, log: &mut Log) {
        let (one, two) = (library.socket(kind::PEER), library.socket(kind::PEER));
        let number = two.connect_peer(&one.listen()).expect("it can be dialed");
        log.say("at once", two.send_with(b"hello", number, "", 0));
        let (from, _, hello) = one.recv_with(0).expect("it comes");
        log.say("heard", hello);
        log.say("back", one.send_with(b"hello yourself", from, "", 0));
        let (again, _, back) = two.recv_with(0).expect("it comes");
        log.say("from the same", (again == number, back));
        log.say("to nobody", two.send_with(b"x", number.wrapping_add(1), "", 0));
    }

    pub(super) fn groups<L: Library>(library: &L, log: &mut Log) {
        let (dish, radio) = (library.socket(kind::DISH), library.socket(kind::RADIO));
        log.say("join", dish.join("news"));
        log.say("join again", dish.join("news"));
        log.say("leave", dish.leave("news"));
        log.say("leave again", dish.leave("news"));
        log.say("join once more", dish.join("news"));
        log.say("a long one", dish.join(&"x".repeat(256)));
        log.say(
            "a message in a group of 256 bytes",
            radio.send_with(b"x", 0, &"x".repeat(256), 0),
        );
        radio.bind("inproc://radio").expect("a free name");
        log.say("connect", dish.connect("inproc://radio"));
        log.say("not yet", dish.recv(DONTWAIT));
        // There is no word for "somebody has joined": so it is said until somebody has heard it.
        let heard = loop {
            radio
                .send_with(b"other", 0, "sports", 0)
                .expect("it waits for nobody");
            radio
                .send_with(b"it works", 0, "news", 0)
                .expect("it waits for nobody");
            if dish.poll(POLLIN, Duration::from_millis(1)) == Ok(POLLIN) {
                break dish.recv_with(0);
            }
        };
        log.say("heard", heard);
        log.say("events", radio.get_int(option::EVENTS));
    }

    pub(super) fn streams<L: Library>(library: &L, log: &mut Log) {
        let (one, two) = pair(library, kind::STREAM, kind::STREAM);
        let (here, there) = (
            one.recv_all(0).expect("it comes"),
            two.recv_all(0).expect("it comes"),
        );
        log.say("has come", here.iter().map(Vec::len).collect::<Vec<_>>());
        log.say("has come there", there.iter().map(Vec::len).collect::<Vec<_>>());
        log.say("its id", (here[0].len(), here[0][0]));
        log.say("newest", two.get(option::ROUTING_ID, 255) == Ok(there[0].clone()));
        log.say("nobody", one.send(b"nobody", SNDMORE));
        log.say("bytes", two.send_all(&[&there[0], b"some bytes"], 0));
        log.say(
            "heard",
            one.recv_all(0)
                .map(|frames| (frames[0] == here[0], frames[1].clone())),
        );
        log.say("close", one.send_all(&[&here[0], b""], 0));
        until_readable(&two, &one);
        log.say(
            "has left",
            two.recv_all(0)
                .map(|frames| (frames[0] == there[0], frames[1].clone())),
        );
        log.say("to a STREAM that has left", two.send(&there[0], SNDMORE));
    }

    pub(super) fn publishing<L: Library>(library: &L, log: &mut Log) {
        let (publisher, subscriber) = (library.socket(kind::XPUB), library.socket(kind::SUB));
        log.say("subscribe", subscriber.set(option::SUBSCRIBE, b"a"));
        log.say("subscribe twice", subscriber.set(option::SUBSCRIBE, b"a"));
        log.say("unsubscribe", subscriber.set(option::UNSUBSCRIBE, b"a"));
        log.say(
            "unsubscribe from nothing",
            subscriber.set(option::UNSUBSCRIBE, b"other"),
        );
        log.say(
            "topics before it is used",
            subscriber.get_int(option::TOPICS_COUNT),
        );
        subscriber.connect(&publisher.listen()).expect("it can be dialed");
        log.say("asked", publisher.recv_all(0));
        log.say("topics", publisher.get_int(option::TOPICS_COUNT));
        log.say("topics of a subscriber", subscriber.get_int(option::TOPICS_COUNT));
        log.say("unwanted", publisher.send(b"b", 0));
        log.say("wanted", publisher.send_all(&[b"abc", b"body"], 0));
        log.say("heard", subscriber.recv_all(0));
        log.say("later", subscriber.set(option::SUBSCRIBE, b"b"));
        log.say("asked later", publisher.recv_all(0));
        log.say("topics later", subscriber.get_int(option::TOPICS_COUNT));
        log.say("unsubscribe later", subscriber.set(option::UNSUBSCRIBE, b"b"));
        log.say("asked no more", publisher.recv_all(0));
        log.say("topics no more", subscriber.get_int(option::TOPICS_COUNT));
        log.say("no topic to be set", subscriber.set_int(option::TOPICS_COUNT, 1));
        log.say("not for a publisher", publisher.set(option::SUBSCRIBE, b"b"));
        let upstream = library.socket(kind::XSUB);
        upstream
            .connect(&publisher.last_endpoint())
            .expect("it can be dialed");
        log.say("not for an xsub", upstream.set(option::SUBSCRIBE, b"b"));
        log.say("by message", upstream.send(b"\x01topic", 0));
        log.say("asked by message", publisher.recv_all(0));
        log.say("topics by message", upstream.get_int(option::TOPICS_COUNT));
        log.say("twice by message", upstream.send(b"\x01topic", 0));
        log.say("still one topic", upstream.get_int(option::TOPICS_COUNT));
        log.say("no more by message", upstream.send(b"\x00topic", 0));
        log.say("once was not all", upstream.get_int(option::TOPICS_COUNT));
        log.say("upstream", upstream.send_all(&[b"hello", b"there"], 0));
        log.say("downstream", publisher.recv_all(0));
    }

    pub(super) fn publishing_by_hand<L: Library>(library: &L, log: &mut Log) {
        let (publisher, subscriber) = (library.socket(kind::XPUB), library.socket(kind::SUB));
        log.say("not yet", publisher.set(option::SUBSCRIBE, b"b"));
        log.say("by hand", publisher.set_int(option::XPUB_MANUAL, 1));
        log.say("welcome", publisher.set(option::XPUB_WELCOME_MSG, b"awelcome"));
        log.say("of nobody", publisher.set(option::SUBSCRIBE, b"b"));
        log.say("subscribe", subscriber.set(option::SUBSCRIBE, b"a"));
        subscriber.connect(&publisher.listen()).expect("it can be dialed");
        // libzmq welcomes nobody while its program is elsewhere.
        log.say("asked", publisher.recv_all(0));
        log.say("welcomed", subscriber.recv_all(0));
        log.say("as another", publisher.set(option::SUBSCRIBE, b"ab"));
        log.say("nothing", publisher.send(b"ax", 0));
        log.say("something", publisher.send(b"abc", 0));
        log.say("heard", subscriber.recv_all(0));
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
}
