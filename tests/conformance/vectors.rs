//! The specification's examples as bytes, in both directions, over tcp and ipc.

use hubless::{
    ConnectError, DisconnectReason, Event, Foreign, Frame, Message, Monitor, ProtocolError, Pull, Push,
};

use crate::bytes::{self, command, frame, greeting, greeting_of, hex, message, ping, pong, ready};
use crate::raw::{Raw, RawListener, event, failed_handshake, handshake, soon};
use crate::wire::listening;

const TCP: &str = "tcp://127.0.0.1:*";
const DOORS: [&str; 2] = [TCP, "ipc://*"];

/// A PULL that listens, its monitor, and somebody who is connected to it and has said nothing yet.
async fn pull_and_stranger(door: &str) -> (Pull, Monitor, Raw) {
    let pull = Pull::new();
    let monitor = pull.monitor();
    let at = pull.bind(door).await.expect("a free endpoint");
    let raw = Raw::connect(&at).await;
    (pull, monitor, raw)
}

/// A PULL that listens, and a scripted PUSH that is connected to it.
async fn pull_and_raw_push(door: &str) -> (Pull, Raw) {
    let (pull, mut monitor, mut raw) = pull_and_stranger(door).await;
    raw.shake_hands("PUSH", "PULL").await;
    handshake(&mut monitor).await;
    (pull, raw)
}

/// A PUSH that listens, and a scripted PULL that is connected to it.
async fn push_and_raw_pull(door: &str) -> (Push, Raw) {
    let push = Push::new();
    let mut monitor = push.monitor();
    let at = push.bind(door).await.expect("a free endpoint");
    let mut raw = Raw::connect(&at).await;
    raw.shake_hands("PULL", "PUSH").await;
    handshake(&mut monitor).await;
    (push, raw)
}

async fn received(pull: &Pull) -> Vec<Vec<u8>> {
    frames(&soon("a message", pull.recv()).await.expect("the socket is open"))
}

pub(crate) fn frames(message: &Message) -> Vec<Vec<u8>> {
    message.iter().map(<[u8]>::to_vec).collect()
}

#[test]
fn the_spelling_used_here_is_that_of_the_specification() {
    assert_eq!(
        ready("DEALER"),
        hex(
            "04 29 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 06 44 45 41 4C 45 52 \
             08 49 64 65 6E 74 69 74 79 00 00 00 00"
        )
    );
    assert_eq!(
        ready("SUB"),
        hex("04 19 05 52 45 41 44 59 0B 53 6F 63 6B 65 74 2D 54 79 70 65 00 00 00 03 53 55 42")
    );
    assert_eq!(ping(0, b"LOL"), hex("04 0A 04 50 49 4E 47 00 00 4C 4F 4C"));
    assert_eq!(pong(b"LOL"), hex("04 08 04 50 4F 4E 47 4C 4F 4C"));
    assert_eq!(
        command("SUBSCRIBE", b"A"),
        hex("04 0B 09 53 55 42 53 43 52 49 42 45 41")
    );
    assert_eq!(command("CANCEL", b"A"), hex("04 08 06 43 41 4E 43 45 4C 41"));
    assert_eq!(
        command("ERROR", b"\x03400"),
        hex("04 0A 05 45 52 52 4F 52 03 34 30 30")
    );
    assert_eq!(message(&[b"", b"hi"]), hex("01 00 00 02 68 69"));
    assert_eq!(greeting().len(), 64);
}

#[tokio::test(start_paused = true)]
async fn trap_03_eleven_bytes_go_out_first_and_the_rest_when_the_peer_has_shown_its_version() {
    let (_pull, wire) = listening(Pull::builder()).await;
    let far = wire.arrive("10.0.0.1:1");
    let mut raw = far.raw();
    raw.expect(&hex("FF 00 00 00 00 00 00 00 00 7F 03")).await;
    for byte in &greeting()[..10] {
        raw.say(&[*byte]).await;
    }
    // Virtual time moves only when nothing else does.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(far.written(), [], "ten bytes do not tell a version");
    raw.say(&greeting()[10..11]).await;
    raw.expect(&greeting()[11..]).await;
    // trap_04: READY goes out though we have neither said our mechanism nor READY.
    raw.expect(&ready("PULL")).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(far.written(), [], "nothing more is said unasked");
}

#[tokio::test]
async fn our_greeting_and_ready_are_those_of_the_specification_wherever_we_stand() {
    for door in DOORS {
        drop(pull_and_raw_push(door).await);
        drop(push_and_raw_pull(door).await);
    }
    for listener in [RawListener::tcp().await, RawListener::ipc("greeting")] {
        let (push, pull) = (Push::new(), Pull::new());
        let connecting = push.connect(listener.endpoint()).expect("an endpoint");
        let mut raw = listener.accept().await;
        raw.shake_hands("PULL", "PUSH").await;
        let peer = soon("the handshake", connecting).await.expect("a PULL");
        assert_eq!(peer.kind(), Some(hubless::SocketKind::Pull));
        assert_eq!((peer.version(), peer.mechanism()), ((3, 1), "NULL"));

        let connecting = pull.connect(listener.endpoint()).expect("an endpoint");
        let mut raw = listener.accept().await;
        raw.shake_hands("PUSH", "PULL").await;
        soon("the handshake", connecting).await.expect("a PUSH");
    }
}

#[tokio::test]
async fn trap_01_and_02_padding_filler_and_as_server_mean_nothing() {
    // libzmq's greeting, and ones that nobody would send.
    let variations: [(&str, &[usize], u8); 4] = [
        ("libzmq without identity", &[8], 0x01),
        ("padding of ones", &[1, 2, 3, 4, 5, 6, 7, 8], 0xFF),
        ("as-server", &[32], 0x01),
        ("filler", &[33, 48, 63], 0xAA),
    ];
    for (name, places, value) in variations {
        let (pull, mut monitor, mut raw) = pull_and_stranger(TCP).await;
        let mut varied = greeting();
        places.iter().for_each(|&place| varied[place] = value);
        raw.say(&varied).await;
        raw.expect(&greeting()).await;
        raw.say(&ready("PUSH")).await;
        handshake(&mut monitor).await;
        raw.say(&message(&[name.as_bytes()])).await;
        assert_eq!(received(&pull).await, [name.as_bytes()]);
    }
}

#[tokio::test]
async fn only_bit_0_of_the_signatures_last_byte_is_significant() {
    for mark in [0x01, 0x7F, 0xFF, 0x81] {
        let (_pull, mut monitor, mut raw) = pull_and_stranger(TCP).await;
        let mut varied = greeting();
        varied[9] = mark;
        raw.say(&[varied, ready("PUSH")].concat()).await;
        handshake(&mut monitor).await;
    }
}

#[tokio::test]
async fn the_lower_of_two_versions_rules() {
    for (announced, spoken) in [
        ((3, 0), (3, 0)),
        ((3, 1), (3, 1)),
        ((3, 9), (3, 1)),
        ((4, 0), (3, 1)),
        ((255, 0), (3, 1)),
    ] {
        let (_pull, mut monitor, mut raw) = pull_and_stranger(TCP).await;
        raw.say(&greeting_of(announced.0, announced.1, "NULL")).await;
        raw.expect(&greeting()).await;
        raw.say(&ready("PUSH")).await;
        let peer = event(&mut monitor, "a handshake", |event| event.peer().cloned()).await;
        assert_eq!(peer.version(), spoken, "{announced:?}");
    }
}

#[tokio::test]
async fn messages_of_any_shape_are_the_same_on_the_wire_and_in_the_hand() {
    let long = vec![0xAB; 70_000];
    let shapes: Vec<Vec<&[u8]>> = vec![
        vec![b""],
        vec![b"hello"],
        vec![b"", b"", b""],
        vec![b"a", b"", b"ccc"],
        vec![&long[..255]],
        vec![&long[..256]],
        vec![&long[..255], &long[..256], b""],
        vec![&long],
        vec![b"head", &long, b"tail"],
    ];
    for door in DOORS {
        let (pull, mut to_pull) = pull_and_raw_push(door).await;
        let (push, mut to_push) = push_and_raw_pull(door).await;
        for shape in &shapes {
            to_pull.say(&message(shape)).await;
            assert_eq!(received(&pull).await, *shape);

            let sent: Vec<Frame> = shape.iter().map(|body| Frame::from(*body)).collect();
            let sent = Message::try_from(sent).expect("a frame at least");
            push.send(sent).await.expect("the socket is open");
            to_push.expect(&message(shape)).await;
        }
    }
}

#[tokio::test]
async fn the_long_form_is_taken_for_small_bodies_too() {
    let (pull, mut raw) = pull_and_raw_push(TCP).await;
    let long_form = |flags, body: &[u8]| [bytes::header(flags, body.len() as u64), body.to_vec()].concat();
    raw.say(
        &[
            long_form(0x01, b""),
            long_form(0x01, b"x"),
            long_form(0x00, b"hello"),
        ]
        .concat(),
    )
    .await;
    assert_eq!(received(&pull).await, [&b""[..], b"x", b"hello"]);
    raw.say(&long_form(0x04, b"\x04PING\0\0LOL")).await;
    raw.expect(&pong(b"LOL")).await;
}

#[tokio::test]
async fn reserved_flags_are_ignored() {
    let (pull, mut raw) = pull_and_raw_push(TCP).await;
    raw.say(
        &[
            frame(0xF9, b"a"),
            frame(0x88, b"b"),
            frame(0xFC, b"\x04PING\0\0!"),
        ]
        .concat(),
    )
    .await;
    assert_eq!(received(&pull).await, [b"a", b"b"]);
    raw.expect(&pong(b"!")).await;
}

#[tokio::test]
async fn trap_07_commands_between_frames_of_a_message_do_not_disturb_it() {
    let (pull, mut raw) = pull_and_raw_push(TCP).await;
    let (first, second, last) = (
        frame(0x01, b"first"),
        frame(0x01, &[7; 300]),
        frame(0x00, b"last"),
    );
    let stream = [
        first,
        ping(0, b"1"),
        ping(7, b"2"),
        second,
        command("HUH", b"?"),
        pong(b""),
        last,
        ping(0, b"3"),
    ];
    raw.say(&stream.concat()).await;
    assert_eq!(received(&pull).await, [&b"first"[..], &[7; 300], b"last"]);
    raw.expect(&[pong(b"1"), pong(b"2"), pong(b"3")].concat()).await;
}

#[tokio::test]
async fn trap_12_and_13_a_pong_echoes_at_most_16_bytes_of_context_and_has_no_ttl() {
    for door in DOORS {
        let (_pull, mut raw) = pull_and_raw_push(door).await;
        for (context, echoed) in [
            (&b""[..], &b""[..]),
            (b"LOL", b"LOL"),
            (b"0123456789abcdef", b"0123456789abcdef"),
            (b"0123456789abcdefg", b"0123456789abcdef"),
            (&[b'x'; 1000], &[b'x'; 16]),
        ] {
            raw.say(&ping(0, context)).await;
            raw.expect(&pong(echoed)).await;
        }
    }
}

#[tokio::test]
async fn commands_that_mean_nothing_to_us_are_ignored() {
    let (pull, mut raw) = pull_and_raw_push(TCP).await;
    for name in [
        "HELLO",
        "WELCOME",
        "INITIATE",
        "MESSAGE",
        "JOIN",
        "LEAVE",
        "SUBSCRIBE",
        "ready",
        "Z",
    ] {
        raw.say(&command(name, b"\x01data")).await;
    }
    raw.say(&command(&"N".repeat(255), &[0; 60_000])).await;
    raw.say(&message(&[b"still here"])).await;
    assert_eq!(received(&pull).await, [b"still here"]);
}

#[tokio::test]
async fn trap_21_greeting_ready_and_the_first_messages_may_come_in_one_piece() {
    for door in DOORS {
        let (pull, _, mut raw) = pull_and_stranger(door).await;
        let traffic = [message(&[b"1"]), ping(0, b"!"), message(&[b"2", b""])].concat();
        raw.say(&[greeting(), ready("PUSH"), traffic].concat()).await;
        assert_eq!(received(&pull).await, [b"1"]);
        assert_eq!(received(&pull).await, [&b"2"[..], b""]);
        raw.expect(&[greeting(), ready("PULL"), pong(b"!")].concat())
            .await;
    }
}

#[tokio::test]
async fn trap_05_property_names_are_taken_in_any_case() {
    let (_pull, mut monitor, mut raw) = pull_and_stranger(TCP).await;
    let metadata = [
        bytes::property("X-Before", b"any \x00 \xFF bytes"),
        bytes::property("sOCKET-tYPE", b"PUSH"),
        bytes::property("IDENTITY", b"me"),
        bytes::property("Resource", b""),
        bytes::property("User-Id", b"root"),
        bytes::property("peer-address", b"10.0.0.1"),
    ];
    raw.say(&[greeting(), command("READY", &metadata.concat())].concat())
        .await;
    let peer = event(&mut monitor, "a handshake", |event| event.peer().cloned()).await;
    assert_eq!(peer.kind(), Some(hubless::SocketKind::Push));
    assert_eq!(peer.routing_id(), "me");
    assert_eq!(peer.property("x-before"), Some(&b"any \x00 \xFF bytes"[..]));
    assert_eq!(peer.property("Resource"), Some(&b""[..]));
    // What we know of a peer ourselves, it cannot claim.
    assert_eq!(
        (peer.property("User-Id"), peer.property("Peer-Address")),
        (None, None)
    );
}

#[tokio::test]
async fn trap_06_a_peer_may_say_who_it_is_or_not() {
    for metadata in [
        vec![],
        bytes::property("Identity", b""),
        bytes::property("Identity", &[b'i'; 255]),
    ] {
        let (pull, _, mut raw) = pull_and_stranger(TCP).await;
        // Without a Socket-Type: libzmq takes that, and so do we.
        raw.say(&[greeting(), command("READY", &metadata), message(&[b"anonymous"])].concat())
            .await;
        assert_eq!(received(&pull).await, [b"anonymous"]);
    }
}

#[tokio::test]
async fn flags_of_handshake_frames_are_not_looked_at() {
    for flags in [0x00, 0x01, 0x04, 0x05] {
        let (_pull, mut monitor, mut raw) = pull_and_stranger(TCP).await;
        let body = ready("PUSH").split_off(2);
        let long_form = [bytes::header(flags, body.len() as u64), body.clone()].concat();
        let ready = if flags & 0x01 == 0 {
            frame(flags, &body)
        } else {
            long_form
        };
        raw.say(&[greeting(), ready].concat()).await;
        handshake(&mut monitor).await;
    }
}

#[tokio::test(start_paused = true)]
async fn trap_04_ready_goes_out_unasked() {
    let (_push, wire) = listening(Push::builder()).await;
    let mut raw = wire.arrive("10.0.0.1:1").raw();
    raw.say(&greeting()[..11]).await;
    raw.expect(&[greeting(), ready("PUSH")].concat()).await;
}

#[tokio::test]
async fn trap_16_a_limit_on_messages_concerns_no_handshake_and_counts_all_frames() {
    let pull = Pull::builder()
        .max_message_size(1)
        .build()
        .expect("no contradiction");
    let mut monitor = pull.monitor();
    let at = pull.bind(TCP).await.expect("a free port");
    let mut raw = Raw::connect(&at).await;
    raw.shake_hands("PUSH", "PULL").await;
    handshake(&mut monitor).await;
    // Commands are not messages either.
    raw.say(&[ping(0, b"0123456789"), message(&[b"x"]), message(&[b""])].concat())
        .await;
    raw.expect(&pong(b"0123456789")).await;
    assert_eq!(received(&pull).await, [b"x"]);
    assert_eq!(received(&pull).await, [b""]);
}

#[tokio::test]
async fn trap_18_an_error_has_any_text() {
    for reason in [&b"400"[..], b"", b"Invalid client public key", &[b'x'; 255]] {
        let listener = RawListener::tcp().await;
        let push = Push::new();
        let connecting = push.connect(listener.endpoint()).expect("an endpoint");
        let mut raw = listener.accept().await;
        raw.greet().await;
        raw.say(&command("ERROR", &[&[reason.len() as u8], reason].concat()))
            .await;
        match soon("the refusal", connecting).await {
            Err(ConnectError::Refused {
                reason: ProtocolError::Refused { reason: told },
                ..
            }) => {
                assert_eq!(told.as_bytes(), reason);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_refused_peer_is_told_why_before_it_is_closed() {
    let (_pull, _, mut raw) = pull_and_stranger(TCP).await;
    raw.greet().await;
    raw.expect(&ready("PULL")).await;
    raw.say(&ready("PUB")).await;
    let (flags, body) = raw.frame().await;
    let reason = b"wrong socket type for a PULL";
    assert_eq!(
        (flags, body),
        (0x04, [b"\x05ERROR", &[reason.len() as u8][..], reason].concat())
    );
    assert_eq!(raw.end().await, []);
}

#[tokio::test]
async fn trap_22_a_connection_to_itself_is_no_connection() {
    // The port is free now; that nobody takes it meanwhile is what every test with a free port hopes.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("it listens");
    drop(free);
    let push = Push::new();
    let mut monitor = push.monitor();
    drop(
        push.connect(format!("tcp://{address};{address}"))
            .expect("an endpoint"),
    );
    let error = event(&mut monitor, "a failure", |event| match event {
        Event::ConnectFailed { error, .. } => Some(error.to_string()),
        Event::Connected { address, .. } => panic!("connected to itself at {address}"),
        _ => None,
    });
    assert!(error.await.contains("itself"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn trap_24_an_abstract_name_has_no_nul_at_its_end() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixStream};

    let name = format!("hubless-conformance-{}", std::process::id());
    let pull = Pull::new();
    pull.bind(format!("ipc://@{name}")).await.expect("a free name");
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let stream = UnixStream::connect_addr(&address).expect("it is exactly this name");
    stream.set_nonblocking(true).expect("a socket");
    let stream = tokio::net::UnixStream::from_std(stream).expect("a runtime");
    Raw::over(stream, "").shake_hands("PUSH", "PULL").await;
}

#[tokio::test]
async fn trap_25_whoever_is_lost_is_closed_at_the_first_byte() {
    for (byte, found) in [
        (b'G', Foreign::Http),
        (0x16, Foreign::Tls),
        (b'S', Foreign::Ssh),
        (1, Foreign::Unversioned),
    ] {
        let (_pull, mut monitor, mut raw) = pull_and_stranger(TCP).await;
        raw.say(&[byte]).await;
        assert_eq!(
            failed_handshake(&mut monitor).await,
            DisconnectReason::Protocol(ProtocolError::NotZmtp { found })
        );
        // Nothing was said but what a ZMTP 3 peer begins with.
        assert_eq!(raw.end().await, greeting()[..11]);
    }
}

#[tokio::test]
async fn row_14_nothing_that_is_not_asked_for_and_nothing_that_asks_for_another_mechanism_gets_in() {
    let wrong = [
        greeting_of(0, 0, ""),
        greeting_of(3, 1, "PLAIN"),
        greeting_of(3, 1, "CURVE"),
    ];
    for first in wrong {
        let (pull, mut monitor, mut raw) = pull_and_stranger(TCP).await;
        // Whatever comes behind it.
        raw.say(&[first, ready("PUSH"), message(&[b"in?"])].concat())
            .await;
        event(&mut monitor, "the end", |event| match event {
            Event::HandshakeFailed {
                reason: DisconnectReason::Protocol(reason),
                ..
            } => matches!(
                reason,
                ProtocolError::Version { .. } | ProtocolError::Mechanism { .. }
            )
            .then_some(()),
            Event::HandshakeDone { .. } => panic!("it got in"),
            _ => None,
        })
        .await;
        assert!(pull.try_recv().is_err());
    }
}
