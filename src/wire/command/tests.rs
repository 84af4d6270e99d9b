//! Commands as bytes.

use super::*;
use crate::frame::Header;

/// What a `put_*` function appends.
fn put_by(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out);
    out
}

/// The command in a whole frame.
fn decode_frame(frame: &[u8]) -> Command<'_> {
    let header = Header::decode(frame).expect("the frame is whole");
    assert!(header.is_command() && !header.has_more());
    assert_eq!(header.size, (frame.len() - header.len) as u64);
    Command::decode(&frame[header.len..]).expect("it was made by us")
}

#[test]
fn commands_are_the_vectors_of_the_specification() {
    let table: [(Vec<u8>, &[u8]); 7] = [
        (
            put_by(|out| put_ping(out, 0, b"LOL")),
            b"\x04\x0A\x04PING\x00\x00LOL",
        ),
        (put_by(|out| put_pong(out, b"LOL")), b"\x04\x08\x04PONGLOL"),
        (put_by(|out| put_subscribe(out, b"A")), b"\x04\x0B\x09SUBSCRIBEA"),
        (put_by(|out| put_cancel(out, b"A")), b"\x04\x08\x06CANCELA"),
        (
            put_by(|out| put_subscription_message(out, true, b"A")),
            b"\x00\x02\x01A",
        ),
        (
            put_by(|out| put_subscription_message(out, false, b"A")),
            b"\x00\x02\x00A",
        ),
        (put_by(|out| put_error(out, b"400")), b"\x04\x0A\x05ERROR\x03400"),
    ];
    for (bytes, vector) in table {
        assert_eq!(bytes, vector);
    }
}

#[test]
fn what_is_put_is_read_again() {
    let long_topic = [b't'; 300];
    let table = [
        (put_by(|out| put_ready(out, b"m")), Command::Ready(b"m")),
        (put_by(|out| put_error(out, b"no")), Command::Error(b"no")),
        (put_by(|out| put_subscribe(out, b"")), Command::Subscribe(b"")),
        (
            put_by(|out| put_subscribe(out, &long_topic)),
            Command::Subscribe(&long_topic),
        ),
        (put_by(|out| put_cancel(out, b"t")), Command::Cancel(b"t")),
        (
            put_by(|out| put_ping(out, 655, b"c")),
            Command::Ping {
                ttl: Duration::from_millis(65_500),
                context: b"c",
            },
        ),
        (put_by(|out| put_pong(out, b"")), Command::Pong(b"")),
    ];
    for (frame, command) in table {
        assert_eq!(decode_frame(&frame), command);
    }
}

#[test]
fn a_topic_of_more_than_246_bytes_needs_the_long_form() {
    assert_eq!(put_by(|out| put_subscribe(out, &[b't'; 245]))[..2], [0x04, 255]);
    let long = put_by(|out| put_subscribe(out, &[b't'; 246]));
    assert_eq!(long[..9], [0x06, 0, 0, 0, 0, 0, 0, 1, 0]);
    let message = put_by(|out| put_subscription_message(out, true, &[b't'; 255]));
    assert_eq!(
        message[..10],
        [0x02, 0, 0, 0, 0, 0, 0, 1, 0, 1],
        "libzmq forgets the flag here"
    );
}

#[test]
fn every_command_knows_its_name() {
    let bodies: [&[u8]; 12] = [
        b"\x05READY",
        b"\x05ERROR\x00",
        b"\x09SUBSCRIBE",
        b"\x06CANCEL",
        b"\x04PING\x00\x00",
        b"\x04PONG",
        b"\x05HELLO",
        b"\x07WELCOME",
        b"\x08INITIATE",
        b"\x04JOIN",
        b"\x05LEAVE",
        b"\x04NEWS",
    ];
    for body in bodies {
        let command = Command::decode(body).expect("it is well-formed");
        let len = usize::from(body[0]);
        assert_eq!(command.name(), &body[1..=len]);
        assert_eq!(matches!(command, Command::Other(_)), command.name() == b"NEWS");
    }
    let lower = Command::decode(b"\x05ready").expect("it is well-formed");
    assert_eq!(lower, Command::Other(b"ready"), "names are case-sensitive");
}

#[test]
fn the_error_of_libzmq_s_plain_server_is_understood() {
    let error = Command::decode(b"^RROR\x03400").expect("we know what it means");
    assert_eq!(error, Command::Error(b"400"));
    for body in [&b"^RROR"[..], b"^RROR\x03", b"^RROS\x03400", b"^"] {
        Command::decode(body).expect_err("that is something else");
    }
}

#[test]
fn a_malformed_command_is_an_error_that_says_what_is_wrong() {
    let table: [(&[u8], &str); 9] = [
        (b"", "malformed command: its name ends beyond its body"),
        (b"\x00", "malformed command: its name is empty"),
        (b"\x00READY", "malformed command: its name is empty"),
        (b"\x05READ", "malformed command: its name ends beyond its body"),
        (b"\xFFREADY", "malformed command: its name ends beyond its body"),
        (b"\x05ERROR", "malformed ERROR: its reason ends beyond its body"),
        (
            b"\x05ERROR\x03no",
            "malformed ERROR: its reason ends beyond its body",
        ),
        (b"\x04PING", "malformed PING: it has no ttl"),
        (b"\x04PING\x00", "malformed PING: it has no ttl"),
    ];
    for (body, text) in table {
        let error = Command::decode(body).expect_err("it is malformed");
        assert_eq!(error.to_string(), text, "{}", body.escape_ascii());
    }
}

#[test]
fn trap_12_a_ping_has_two_bytes_of_ttl_never_above_655_and_a_context_of_at_most_16_bytes() {
    let table = [
        (Duration::ZERO, 0),
        (Duration::from_nanos(1), 1),
        (Duration::from_millis(99), 1),
        (Duration::from_millis(100), 1),
        (Duration::from_millis(1_999), 19),
        (Duration::from_millis(65_500), 655),
        (Duration::from_millis(65_600), 655),
        (Duration::from_secs(100_000), 655),
        (Duration::MAX, 655),
    ];
    for (ttl, tenths) in table {
        assert_eq!(ttl_in_tenths(ttl), tenths, "{ttl:?}");
    }
    assert_eq!(put_by(|out| put_ping(out, 0, b"")), b"\x04\x07\x04PING\x00\x00");
    let context = b"0123456789abcdefgh";
    assert_eq!(
        put_by(|out| put_ping(out, 1, context)),
        b"\x04\x17\x04PING\x00\x010123456789abcdef"
    );
    let Ok(Command::Ping { ttl, context }) = Command::decode(b"\x04PING\xFF\xFF0123456789abcdefgh") else {
        panic!("it is a PING");
    };
    assert_eq!(
        (ttl, context),
        (Duration::from_millis(6_553_500), &b"0123456789abcdef"[..])
    );
    let longest = put_by(|out| put_pong(out, context));
    assert_eq!(longest.len(), MAX_PONG);
}

#[test]
fn trap_13_a_pong_has_no_ttl() {
    assert_eq!(
        Command::decode(b"\x04PONG\x00\x01x"),
        Ok(Command::Pong(b"\x00\x01x"))
    );
    assert_eq!(put_by(|out| put_pong(out, b"x")), b"\x04\x06\x04PONGx");
}

#[test]
fn trap_18_the_reason_of_an_error_is_any_text() {
    assert_eq!(Command::decode(b"\x05ERROR\x03400"), Ok(Command::Error(b"400")));
    assert_eq!(Command::decode(b"\x05ERROR\x00"), Ok(Command::Error(b"")));
    assert_eq!(
        Command::decode(b"\x05ERROR\x02no, really"),
        Ok(Command::Error(b"no"))
    );
    let long = put_by(|out| put_error(out, &[b'x'; 300]));
    assert_eq!(decode_frame(&long), Command::Error(&[b'x'; 255]));
}

#[test]
fn trap_08_a_subscription_may_be_a_message() {
    assert_eq!(
        subscription_from_message(b"\x01topic"),
        Some((true, &b"topic"[..]))
    );
    assert_eq!(
        subscription_from_message(b"\x00topic"),
        Some((false, &b"topic"[..]))
    );
    assert_eq!(subscription_from_message(b"\x01"), Some((true, &b""[..])));
    assert_eq!(subscription_from_message(b"\x02topic"), None);
    assert_eq!(subscription_from_message(b""), None);
}
