//! Every kind in its raw form, with itself and with libzmq, over every transport; and what the mirror cannot show.

use hubless::dynamic::flag::{DONTWAIT, SNDMORE};
use hubless::dynamic::{Context, Errno, Message, kind, option};

use crate::library::{Calls, Library, Ours, Theirs};
use crate::mirror::readable;

/// One message each way where there is one, between whoever binds and whoever connects.
fn round_trip(kinds: (i32, i32), bound: &impl Calls, connected: &impl Calls) {
    let text = |text: &str| text.as_bytes().to_vec();
    let whole = |socket: &dyn Fn() -> Result<Vec<Vec<u8>>, Errno>| socket().expect("it comes");
    match kinds {
        (kind::REP, kind::REQ) => {
            connected.send_all(&[b"6", b"7"], 0).expect("it asks");
            assert_eq!(bound.recv_all(0), Ok(vec![text("6"), text("7")]));
            bound.send(b"42", 0).expect("it answers");
            assert_eq!(connected.recv_all(0), Ok(vec![text("42")]));
        }
        (kind::ROUTER, kind::REQ) => {
            connected.send(b"6 x 7", 0).expect("it asks");
            let question = whole(&|| bound.recv_all(0));
            assert_eq!(
                question[1..],
                [text(""), text("6 x 7")],
                "the envelope is part of the message"
            );
            bound
                .send_all(&[&question[0], b"", b"42"], 0)
                .expect("it answers");
            assert_eq!(connected.recv_all(0), Ok(vec![text("42")]));
        }
        (kind::REP, kind::DEALER) => {
            connected.send_all(&[b"", b"6 x 7"], 0).expect("it asks");
            assert_eq!(bound.recv_all(0), Ok(vec![text("6 x 7")]));
            bound.send(b"42", 0).expect("it answers");
            assert_eq!(connected.recv_all(0), Ok(vec![text(""), text("42")]));
        }
        (kind::ROUTER, kind::DEALER) | (kind::ROUTER, kind::ROUTER) => {
            if kinds.1 == kind::ROUTER {
                connected
                    .send_all(&[b"there", b"hello"], 0)
                    .expect("it was named");
            } else {
                connected.send(b"hello", 0).expect("it goes");
            }
            let hello = whole(&|| bound.recv_all(0));
            assert_eq!(hello[1..], [text("hello")]);
            bound.send_all(&[&hello[0], b"", b"back"], 0).expect("it goes");
            let back = whole(&|| connected.recv_all(0));
            let named: &[Vec<u8>] = if kinds.1 == kind::ROUTER {
                &[text("there")]
            } else {
                &[]
            };
            assert_eq!(back, [named, &[text(""), text("back")]].concat());
        }
        (kind::SERVER, kind::CLIENT) => {
            connected.send(b"hello", 0).expect("it goes");
            let (number, _, hello) = bound.recv_with(0).expect("it comes");
            assert_eq!(hello, text("hello"));
            bound.send_with(b"back", number, "", 0).expect("it goes");
            assert_eq!(connected.recv(0), Ok(text("back")));
        }
        (kind::PULL, kind::PUSH) | (kind::GATHER, kind::SCATTER) => {
            connected.send(b"hello", 0).expect("it goes");
            assert_eq!(bound.recv(0), Ok(text("hello")));
        }
        (kind::XPUB, kind::SUB) => {
            connected.set(option::SUBSCRIBE, b"a").expect("a prefix");
            assert_eq!(bound.recv(0), Ok(text("\u{1}a")));
            bound.send_all(&[b"abc", b"body"], 0).expect("it goes");
            assert_eq!(connected.recv_all(0), Ok(vec![text("abc"), text("body")]));
        }
        (kind::XPUB, kind::XSUB) => {
            connected.send(b"\x01a", 0).expect("it goes");
            assert_eq!(bound.recv(0), Ok(text("\u{1}a")));
            bound.send(b"abc", 0).expect("it goes");
            assert_eq!(connected.recv(0), Ok(text("abc")));
        }
        (kind::RADIO, kind::DISH) => {
            connected.join("news").expect("a new group");
            loop {
                bound
                    .send_with(b"it works", 0, "news", 0)
                    .expect("it waits for nobody");
                if connected.poll(1, std::time::Duration::from_millis(1)) == Ok(1) {
                    break;
                }
            }
            let heard = connected.recv_with(0).expect("it is there");
            assert_eq!((heard.1, heard.2), ("news".to_owned(), text("it works")));
        }
        (kind::STREAM, kind::STREAM) => {
            let (here, there) = (whole(&|| bound.recv_all(0)), whole(&|| connected.recv_all(0)));
            assert_eq!((here[1].len(), there[1].len()), (0, 0));
            connected.send_all(&[&there[0], b"bytes"], 0).expect("it goes");
            assert_eq!(bound.recv_all(0), Ok(vec![here[0].clone(), text("bytes")]));
        }
        (kind::PEER, kind::PEER) => {} // It needs a number: see `a_peer_is_known_by_its_number_at_once`.
        _ => {
            connected.send(b"hello", 0).expect("it goes");
            assert_eq!(bound.recv(0), Ok(text("hello")));
            bound.send(b"back", 0).expect("it goes");
            assert_eq!(connected.recv(0), Ok(text("back")));
        }
    }
}

const PAIRS: [(i32, i32); 15] = [
    (kind::REP, kind::REQ),
    (kind::ROUTER, kind::REQ),
    (kind::REP, kind::DEALER),
    (kind::ROUTER, kind::DEALER),
    (kind::ROUTER, kind::ROUTER),
    (kind::DEALER, kind::DEALER),
    (kind::SERVER, kind::CLIENT),
    (kind::PULL, kind::PUSH),
    (kind::GATHER, kind::SCATTER),
    (kind::XPUB, kind::SUB),
    (kind::XPUB, kind::XSUB),
    (kind::RADIO, kind::DISH),
    (kind::STREAM, kind::STREAM),
    (kind::PAIR, kind::PAIR),
    (kind::CHANNEL, kind::CHANNEL),
];

fn meet<A: Library, B: Library>(binder: &A, connector: &B, kinds: (i32, i32), at: &str) {
    let (bound, connected) = (binder.socket(kinds.0), connector.socket(kinds.1));
    bound.bind(at).expect("a free endpoint");
    if kinds.1 == kind::ROUTER {
        connected
            .set(option::CONNECT_ROUTING_ID, b"there")
            .expect("a name");
    }
    connected
        .connect(&bound.last_endpoint())
        .expect("it can be dialed");
    round_trip(kinds, &bound, &connected);
}

#[test]
fn every_kind_talks_to_itself_over_every_transport() {
    let library = Ours::new();
    for kinds in PAIRS {
        meet(&library, &library, kinds, "tcp://127.0.0.1:*");
        meet(&library, &library, kinds, "ipc://*");
        if kinds.0 != kind::STREAM {
            meet(
                &library,
                &library,
                kinds,
                &format!("inproc://{}-{}", kinds.0, kinds.1),
            );
        }
    }
}

#[test]
fn every_kind_talks_to_libzmq_whoever_binds() {
    let (ours, theirs) = (Ours::new(), Theirs::new());
    for kinds in PAIRS {
        meet(&ours, &theirs, kinds, "tcp://127.0.0.1:*");
        // A publisher of libzmq's hears of nobody while its program is elsewhere: it is asked here all the time.
        meet(&theirs, &ours, kinds, "tcp://127.0.0.1:*");
    }
}

#[test]
fn a_peer_is_known_by_its_number_at_once() {
    let (ours, theirs) = (Ours::new(), Theirs::new());
    fn ask<A: Library, B: Library>(binder: &A, connector: &B) {
        let (bound, connected) = (binder.socket(kind::PEER), connector.socket(kind::PEER));
        let number = connected.connect_peer(&bound.listen()).expect("it can be dialed");
        connected.send_with(b"hello", number, "", 0).expect("it is known");
        let (from, _, hello) = bound.recv_with(0).expect("it comes");
        bound.send_with(&hello, from, "", 0).expect("it is there");
        assert_eq!(
            connected.recv_with(0),
            Ok((number, String::new(), b"hello".to_vec()))
        );
    }
    ask(&ours, &ours);
    ask(&ours, &theirs);
    ask(&theirs, &ours);
}

#[test]
fn datagrams_have_the_address_in_front() {
    let library = Ours::new();
    let (one, two) = (library.socket(kind::DGRAM), library.socket(kind::DGRAM));
    one.bind("udp://127.0.0.1:*").expect("there are free ports");
    two.bind("udp://127.0.0.1:*").expect("there are free ports");
    let address = |socket: &hubless::dynamic::Socket| socket.last_endpoint()["udp://".len()..].to_owned();
    let (first, second) = (address(&one), address(&two));
    two.send_all(&[first.as_bytes(), b"hello"], 0).expect("it goes");
    assert_eq!(
        one.recv_all(0),
        Ok(vec![second.as_bytes().to_vec(), b"hello".to_vec()])
    );
    // As a C program has it, with the zero that ends a text.
    one.send_all(&[format!("{second}\0").as_bytes(), b"back"], 0)
        .expect("it goes");
    assert_eq!(
        two.recv_all(0),
        Ok(vec![first.as_bytes().to_vec(), b"back".to_vec()])
    );

    assert_eq!(one.send(b"no address", 0), Err(Errno::EINVAL));
    assert_eq!(one.send_all(&[b"nowhere", b"x"], 0), Err(Errno::EINVAL));
    one.send(first.as_bytes(), SNDMORE).expect("an address");
    assert_eq!(one.send(b"a second of three", SNDMORE), Err(Errno::EINVAL));
    assert_eq!(one.send(b"the last of two", 0), Ok(()));
    assert_eq!(one.connect("udp://127.0.0.1:9"), Err(Errno::ENOCOMPATPROTO));
}

#[test]
fn what_is_too_large_is_refused_and_leaves_the_socket_as_it_was() {
    let library = Ours::new();
    let (pull, push) = (library.socket(kind::PULL), library.socket(kind::PUSH));
    push.set(option::MAXMSGSIZE, &100i64.to_ne_bytes())
        .expect("a size");
    push.connect(&pull.listen()).expect("it can be dialed");
    assert_eq!(push.send(&[0; 101], 0), Err(Errno::EMSGSIZE));
    push.send(&[0; 60], SNDMORE).expect("the beginning");
    assert_eq!(push.send(&[0; 60], 0), Err(Errno::EMSGSIZE));
    push.send(b"small", 0).expect("a message of its own");
    assert_eq!(pull.recv_all(0), Ok(vec![b"small".to_vec()]));
}

#[test]
fn the_rest_of_a_message_can_be_had_at_once() {
    let library = Ours::new();
    let (one, two) = (library.socket(kind::PAIR), library.socket(kind::PAIR));
    two.connect(&one.listen()).expect("it can be dialed");
    two.send_message(["a", "b", "c"], 0).expect("it goes");
    two.send_message(["d", "e"], SNDMORE).expect("the beginning");
    two.send("f", 0).expect("the end");
    assert_eq!(one.recv(0).expect("the first"), "a");
    assert_eq!(one.recv_message(0), Ok(Message::from(["b", "c"])));
    assert_eq!(one.recv_message(0), Ok(Message::from(["d", "e", "f"])));
}

#[test]
fn the_last_frame_that_found_no_room_can_be_sent_again() {
    let library = Ours::new();
    let (router, dealer) = (library.socket(kind::ROUTER), library.socket(kind::DEALER));
    router.set_int(option::ROUTER_MANDATORY, 1).expect("a switch");
    router.set_int(option::SNDHWM, 1).expect("a mark");
    router.set(option::CONNECT_ROUTING_ID, b"later").expect("a name");
    router.connect("inproc://later").expect("it can be dialed");
    router.send_all(&[b"later", b"one"], 0).expect("there is room");
    router.send(b"later", SNDMORE | DONTWAIT).expect("it is known");
    assert_eq!(router.send(b"two", DONTWAIT), Err(Errno::EAGAIN));
    dealer.bind("inproc://later").expect("a free name");
    assert_eq!(dealer.recv(0).expect("it comes"), "one");
    router.send(b"two", 0).expect("there is room again");
    assert_eq!(dealer.recv(0).expect("it comes"), "two");
}

#[test]
fn a_question_whose_connection_is_lost_is_not_answered_and_a_relaxed_req_asks_again() {
    let library = Ours::new();
    let req = library.socket(kind::REQ);
    req.set_int(option::REQ_RELAXED, 1).expect("a switch");
    req.set_int(option::RECONNECT_IVL, 1).expect("a time");
    let rep = library.socket(kind::REP);
    let endpoint = rep.listen();
    req.connect(&endpoint).expect("it can be dialed");
    req.send(b"one", 0).expect("it asks");
    assert_eq!(rep.recv(0).expect("it hears"), "one");
    drop(rep);
    req.set_int(option::RCVTIMEO, 20).expect("a time");
    assert_eq!(req.recv(0).map(drop), Err(Errno::EAGAIN));
    let rep = library.socket(kind::REP);
    rep.bind(&endpoint).expect("it is free again");
    req.send(b"two", 0).expect("it asks another");
    assert_eq!(rep.recv(0).expect("it hears"), "two");
    rep.send(b"answer", 0).expect("it answers");
    readable(&req);
    assert_eq!(req.recv(0).expect("it comes"), "answer");
}

#[test]
fn a_plain_server_asks_the_handler_and_a_filter_keeps_others_out() {
    let library = Ours::new();
    let handler = library.socket(kind::REP);
    handler.bind("inproc://zeromq.zap.01").expect("a free name");
    let deciding = std::thread::spawn(move || {
        let question = handler.recv_all(0).expect("it is asked");
        assert_eq!(
            (&question[2][..], &question[6][..]),
            (&b"domain"[..], &b"ann"[..])
        );
        let id = question[1].clone();
        handler
            .send_all(&[b"1.0", &id, b"200", b"", b"ann", b""], 0)
            .expect("it answers");
    });
    let (pull, push) = (library.socket(kind::PULL), library.socket(kind::PUSH));
    pull.set_int(option::PLAIN_SERVER, 1).expect("a switch");
    pull.set(option::ZAP_DOMAIN, b"domain").expect("a domain");
    pull.set(option::TCP_ACCEPT_FILTER, b"127.0.0.0/8")
        .expect("a network");
    push.set(option::PLAIN_USERNAME, b"ann").expect("a name");
    push.set(option::PLAIN_PASSWORD, b"secret").expect("a password");
    push.connect(&pull.listen()).expect("it can be dialed");
    push.send(b"hello", 0).expect("it is queued");
    assert_eq!(pull.recv(0).expect("it was let in"), "hello");
    deciding.join().expect("it was asked what it expects");

    let (closed, push) = (library.socket(kind::PULL), library.socket(kind::PUSH));
    closed
        .set(option::TCP_ACCEPT_FILTER, b"192.0.2.0/24")
        .expect("a network");
    push.set_int(option::IMMEDIATE, 1).expect("a switch");
    push.set_int(option::SNDTIMEO, 50).expect("a time");
    push.connect(&closed.listen()).expect("it can be dialed");
    assert_eq!(push.send(b"hello", 0), Err(Errno::EAGAIN));
}

#[test]
fn curve_lets_in_whom_somebody_lets_in_or_everybody_if_that_is_said() {
    let keys = hubless::curve::KeyPair::generate;
    let (server, client) = (keys().expect("dice"), keys().expect("dice"));
    let context = Context::new();
    for (enforce, expected) in [(1, Err(Errno::EAGAIN)), (0, Ok(()))] {
        let (pull, push) = (
            context.socket(kind::PULL).expect("one"),
            context.socket(kind::PUSH).expect("one"),
        );
        pull.set_int_option(option::CURVE_SERVER, 1).expect("a switch");
        pull.set_option(option::CURVE_SECRETKEY, server.secret_key().expose())
            .expect("a key");
        pull.set_int_option(option::ZAP_ENFORCE_DOMAIN, enforce)
            .expect("a switch");
        pull.bind("tcp://127.0.0.1:*").expect("there are free ports");
        push.set_option(
            option::CURVE_SERVERKEY,
            server.public_key().to_string().as_bytes(),
        )
        .expect("a key");
        push.set_option(option::CURVE_SECRETKEY, client.secret_key().expose())
            .expect("a key");
        assert_eq!(push.int_option(option::MECHANISM), Ok(2));
        push.set_int_option(option::IMMEDIATE, 1).expect("a switch");
        let limit = if expected.is_ok() {
            crate::DEADLINE.as_millis() as i32
        } else {
            300
        };
        push.set_int_option(option::SNDTIMEO, limit).expect("a time");
        push.set_int_option(option::LINGER, 0).expect("a time");
        let endpoint =
            String::from_utf8(pull.option(option::LAST_ENDPOINT).expect("it is bound")).expect("text");
        push.connect(&endpoint).expect("it can be dialed");
        assert_eq!(push.send("hello", 0), expected);
        if expected.is_ok() {
            assert_eq!(pull.recv(0).expect("it comes"), "hello");
        }
    }
}
