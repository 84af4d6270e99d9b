//! Scripts: what goes between two kinds, and what does not.

use std::time::Duration;

use hubless::dynamic::event::POLLIN;
use hubless::dynamic::flag::{DONTWAIT, SNDMORE};
use hubless::dynamic::{kind, option};

use super::{Log, pair, readable, until_readable, writable};
use crate::library::{Calls, Library};

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
