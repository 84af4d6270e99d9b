//! Scripts: alone, and where to bind and to connect.

use hubless::dynamic::flag::{DONTWAIT, SNDMORE};
use hubless::dynamic::{kind, option};

use super::Log;
use crate::library::{Calls, KINDS, Library};

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
