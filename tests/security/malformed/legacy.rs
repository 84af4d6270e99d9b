//! Peers from before ZMTP 3, that do it right, and wrong.

use std::time::Duration;

use hubless::curve::KeyPair;
use hubless::{Curve, Mechanism, Null, Plain, PlainUsers, Pub, Pull, Push, Sub};

use super::{Bench, Phase, check_names};
use crate::bytes::{command, frame, greeting, header, message, ready};
use crate::raw::{Raw, RawListener, disconnection, handshake, soon};

fn legacy_pull() -> Pull {
    Pull::builder()
        .legacy(true)
        .max_message_size(1000)
        .max_message_frames(2)
        .build()
        .expect("no contradiction")
}

/// A frame of ZMTP 1.0.
fn one(flags: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len() + 1;
    let mut bytes = match u8::try_from(length) {
        Ok(short) if short < 0xFF => vec![short],
        _ => [&[0xFF][..], &(length as u64).to_be_bytes()].concat(),
    };
    bytes.push(flags);
    bytes.extend(body);
    bytes
}

const TWO: &[u8] = b"\xFF\0\0\0\0\0\0\0\x01\x7F\x01\x08\x00\x00";

#[tokio::test]
async fn peers_of_one_and_two_are_spoken_with_in_both_roles() {
    for (theirs, hello, rest, framed) in [
        // What they begin with, what is behind our ten bytes, and how they spell a message.
        (
            &b"\x01\x00"[..],
            &b""[..],
            &b""[..],
            [one(1, b"a"), one(0, &[7; 300])].concat(),
        ),
        (
            b"\x03\x00me",
            b"",
            b"",
            [one(1, b"a"), one(0, &[7; 300])].concat(),
        ),
        (TWO, b"\x03", b"\x07\x00\x00", message(&[b"a", &[7; 300]])),
        (
            b"\xFF\0\0\0\0\0\0\0\x01\x7F\x00\x08\x01\x00",
            b"\x03",
            b"\x07\x01\x00",
            [one(1, b"a"), one(0, &[7; 300])].concat(),
        ),
    ] {
        let pull = legacy_pull();
        let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
        let mut raw = Raw::connect(&at).await;
        raw.say(theirs).await;
        raw.expect(&[b"\xFF\0\0\0\0\0\0\0\x01\x7F", hello, rest].concat())
            .await;
        raw.say(&framed).await;
        let received = soon("a message", pull.recv()).await.expect("it is open");
        assert_eq!(received.iter().collect::<Vec<_>>(), [&b"a"[..], &[7; 300]]);

        let push = Push::builder().legacy(true).build().expect("no contradiction");
        let listener = RawListener::tcp().await;
        push.connect(listener.endpoint()).expect("an endpoint");
        let mut raw = listener.accept().await;
        let mut theirs = theirs.to_vec();
        if let Some(code) = theirs.get_mut(11) {
            *code = 7;
        }
        raw.say(&theirs).await;
        let mut rest = rest.to_vec();
        if let Some(code) = rest.first_mut() {
            *code = 8;
        }
        raw.expect(&[b"\xFF\0\0\0\0\0\0\0\x01\x7F", hello, &rest].concat())
            .await;
        push.send(("a", vec![7; 300])).await.expect("it is open");
        raw.expect(&framed).await;
    }
}

#[tokio::test]
async fn a_publisher_sends_everything_to_a_peer_of_one_and_what_is_asked_for_to_one_of_two() {
    let publisher = Pub::builder().legacy(true).build().expect("no contradiction");
    let at = publisher.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let mut first = Raw::connect(&at).await;
    first.say(b"\x01\x00").await;
    first.expect(b"\xFF\0\0\0\0\0\0\0\x01\x7F").await;
    let mut second = Raw::connect(&at).await;
    second
        .say(b"\xFF\0\0\0\0\0\0\0\x01\x7F\x01\x02\x00\x00\x00\x02\x01A")
        .await;
    second.expect(b"\xFF\0\0\0\0\0\0\0\x01\x7F\x03\x01\x00\x00").await;
    let subscribers = publisher.subscribers();
    soon("both", subscribers.to("A").at_least(2))
        .await
        .expect("it is open");
    publisher.send("B for one").await.expect("it is open");
    publisher.send("A for both").await.expect("it is open");
    first
        .expect(&[one(0, b"B for one"), one(0, b"A for both")].concat())
        .await;
    second.expect(&frame(0, b"A for both")).await;
}

#[tokio::test]
async fn a_subscriber_tells_a_peer_of_one_what_it_wants_and_chooses_itself() {
    let sub = Sub::builder().legacy(true).build().expect("no contradiction");
    sub.subscribe("A");
    let listener = RawListener::tcp().await;
    sub.connect(listener.endpoint()).expect("an endpoint");
    let mut raw = listener.accept().await;
    raw.say(b"\x01\x00").await;
    raw.expect(b"\xFF\0\0\0\0\0\0\0\x01\x7F").await;
    raw.expect(&one(0, b"\x01A")).await;
    raw.say(&[one(0, b"B"), one(0, b"A!")].concat()).await;
    assert_eq!(soon("a message", sub.recv()).await.expect("it is open"), "A!");
    soon("what is written is heard", sub.subscribed())
        .await
        .expect("it is open");
}

#[tokio::test]
async fn peers_of_three_are_spoken_with_as_ever() {
    let pull = legacy_pull();
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let push = Push::new();
    soon("a handshake", push.connect(&at).expect("an endpoint"))
        .await
        .expect("it is let in");
    let other = Push::builder().legacy(true).build().expect("no contradiction");
    let peer = soon("a handshake", other.connect(&at).expect("an endpoint"))
        .await
        .expect("it is let in");
    assert_eq!(peer.version(), (3, 1));
    let mut raw = Raw::connect(&at).await;
    raw.say(&greeting()).await;
    raw.expect(
        &[
            &b"\xFF\0\0\0\0\0\0\0\x01\x7F"[..],
            &greeting()[10..],
            &ready("PULL"),
        ]
        .concat(),
    )
    .await;
}

#[tokio::test]
async fn whatever_an_old_peer_does_wrong_it_is_closed_and_others_are_served() {
    use Phase::{Handshake, Traffic};
    #[rustfmt::skip] // A table reads best as one.
    let cases: [(&str, Vec<u8>, Phase, &str); 23] = [
        ("http", b"GET / HTTP/1.1\r\n\r\n".to_vec(), Handshake, "peer does not speak ZMTP 3: it began like HTTP"),
        ("tls", b"\x16\x03\x01\x02\0\x01".to_vec(), Handshake, "peer does not speak ZMTP 3: it began like TLS"),
        ("ssh", b"SSH-2.0-OpenSSH\r\n".to_vec(), Handshake, "peer does not speak ZMTP 3: it began like SSH"),
        ("zeros", vec![0; 10], Handshake, "peer does not speak ZMTP 3: it began like nothing known (first byte 0x00)"),
        ("short, and odd flags", b"\x03\x80me".to_vec(), Handshake, "peer does not speak ZMTP 3: it began like ZMTP 1.0"),
        ("identity of 256", [&b"\xFF\0\0\0\0\0\0\x01\x01\0"[..], &[7; 256]].concat(), Handshake, "identity of 256 bytes, the limit is 255"),
        ("identity endless", b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE\x00".to_vec(), Handshake, "identity of 18446744073709551613 bytes, the limit is 255"),
        ("identity without flags", b"\xFF\0\0\0\0\0\0\0\0\0".to_vec(), Handshake, "malformed frame header: a frame of ZMTP 1.0 without flags"),
        ("identity begins with zero", b"\x03\x00\x00x".to_vec(), Handshake, "malformed identity: it begins with a zero byte, which is reserved"),
        ("frame without flags", b"\x01\x00\x00\x00".to_vec(), Traffic, "malformed frame header: a frame of ZMTP 1.0 without flags"),
        ("long frame without flags", b"\x01\x00\xFF\0\0\0\0\0\0\0\0\0".to_vec(), Traffic, "malformed frame header: a frame of ZMTP 1.0 without flags"),
        ("endless frame", b"\x01\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0".to_vec(), Traffic, "message of 18446744073709551614 bytes, the limit is 65552"),
        ("large frame", [&b"\x01\x00"[..], &one(0, &[7; 1001])].concat(), Traffic, "message of 1001 bytes, the limit is 1000"),
        ("large in all", [&b"\x01\x00"[..], &one(1, &[7; 600]), &one(0, &[7; 600])].concat(), Traffic, "message of 1264 bytes, the limit is 1000"),
        ("too many frames", [&b"\x01\x00"[..], &one(1, b""), &one(1, b""), &one(1, b"")].concat(), Traffic, "more than 2 frames in one message"),
        ("version 0 of the wrong kind", b"\xFF\0\0\0\0\0\0\0\x01\x7F\x00\x02".to_vec(), Handshake, "peer announced SUB, a PULL accepts PUSH"),
        ("version 0, identity without flags", b"\xFF\0\0\0\0\0\0\0\x01\x7F\x00\x08\x00\x00".to_vec(), Handshake, "malformed frame header: a frame of ZMTP 1.0 without flags"),
        ("two of the wrong kind", b"\xFF\0\0\0\0\0\0\0\x01\x7F\x01\x07".to_vec(), Handshake, "peer announced PULL, a PULL accepts PUSH"),
        ("two of no kind", b"\xFF\0\0\0\0\0\0\0\x01\x7F\x02\xC8".to_vec(), Handshake, "peer announced socket type 200, a PULL accepts PUSH"),
        ("two, identity endless", [&TWO[..12], &header(0, u64::MAX)].concat(), Handshake, "identity of 18446744073709551615 bytes, the limit is 255"),
        ("two, identity of more frames", [&TWO[..12], b"\x01\x01x"].concat(), Handshake, "malformed identity: it has more than one frame"),
        ("two with a command", [TWO, &command("PING", b"\0\0")].concat(), Traffic, "expected messages, and nothing else before ZMTP 3, found a command"),
        ("two, endless", [TWO, &header(0, u64::MAX)].concat(), Traffic, "message of 18446744073709551615 bytes, the limit is 1000"),
    ];
    check_names(cases.iter().map(|(name, ..)| *name), 20);
    let mut bench = Bench::new(legacy_pull()).await;
    let mut good = bench.connect().await;
    good.say(b"\x01\x00").await;
    handshake(&mut bench.monitor).await;
    for (name, bytes, phase, reason) in cases {
        let mut raw = bench.connect().await;
        let _ = raw.try_say(&bytes).await;
        bench.ends(name, &mut raw, phase, reason).await;
        good.say(&one(0, name.as_bytes())).await;
        bench.hears(name).await;
    }
}

#[tokio::test]
async fn row_14_whoever_asks_for_security_speaks_with_nobody_who_has_none() {
    let key = KeyPair::generate().expect("there is randomness");
    let mechanisms: [Mechanism; 5] = [
        Plain::server(PlainUsers::new()),
        Plain::client("ann", "pw"),
        Curve::server(key.clone()).allow_any(),
        Curve::client(key.public_key(), key),
        Null::server(async |_: hubless::auth::Applicant| hubless::auth::Verdict::accept()),
    ];
    for mechanism in mechanisms {
        let name = mechanism.name();
        let contradiction = Pull::builder().mechanism(mechanism.clone()).legacy(true).build();
        assert_eq!(
            contradiction.expect_err("they exclude each other").to_string(),
            "cannot build the socket: `legacy` and `mechanism`: ZMTP 1.0 has no security"
        );
        let pull = Pull::builder()
            .mechanism(mechanism)
            .build()
            .expect("no contradiction");
        let mut bench = Bench::new(pull).await;
        for (bytes, reason) in [
            (
                TWO,
                format!("peer speaks ZMTP 2.0, which has no security; this socket asks for {name}"),
            ),
            (
                b"\xFF\0\0\0\0\0\0\0\x01\x7F\x00\x08\x01\x00",
                format!("peer speaks ZMTP 1.0, which has no security; this socket asks for {name}"),
            ),
            (
                b"\x01\x00",
                "peer does not speak ZMTP 3: it began like ZMTP 1.0".to_owned(),
            ),
        ] {
            let mut raw = bench.connect().await;
            raw.say(&[bytes, &message(&[b"in?"])].concat()).await;
            bench.ends(name, &mut raw, Phase::Handshake, &reason).await;
        }
        assert!(bench.pull.try_recv().is_err());
    }
}

#[tokio::test]
async fn a_lost_peer_of_one_is_dialed_again_and_no_message_comes_twice() {
    let push = Push::builder()
        .legacy(true)
        .reconnect(Duration::from_millis(10), Duration::from_millis(10))
        .build()
        .expect("no contradiction");
    let mut monitor = push.monitor();
    let listener = RawListener::tcp().await;
    push.connect(listener.endpoint()).expect("an endpoint");
    let mut raw = listener.accept().await;
    raw.say(b"\x01\x00").await;
    push.send("one").await.expect("it is open");
    raw.hear(10).await;
    raw.expect(&one(0, b"one")).await;
    drop(raw);
    disconnection(&mut monitor).await;
    push.send("two").await.expect("it is open");
    let mut raw = listener.accept().await;
    raw.say(b"\x01\x00").await;
    raw.hear(10).await;
    raw.expect(&one(0, b"two")).await;
}
