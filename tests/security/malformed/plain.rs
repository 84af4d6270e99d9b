//! PLAIN, as a server and as a client.

use hubless::{Plain, PlainUsers, Pull};

use super::{Bench, Caller, Phase, check_names};
use crate::bytes::{command, frame, header, property};
use crate::raw::Raw;
use crate::script::{metadata, plain_greeting, plain_hello};

/// What a client says instead of what it should say, behind which commands, and what that is called.
struct Case {
    name: &'static str,
    /// It has said HELLO, and was welcomed.
    is_welcome: bool,
    bytes: Vec<u8>,
    reason: &'static str,
}

fn case(name: &'static str, is_welcome: bool, bytes: Vec<u8>, reason: &'static str) -> Case {
    Case {
        name,
        is_welcome,
        bytes,
        reason,
    }
}

fn of_clients() -> Vec<Case> {
    let hello = |data: &[u8]| command("HELLO", data);
    let initiate = |data: &[u8]| command("INITIATE", data);
    let many: Vec<u8> = (0..65).flat_map(|n| property(&format!("X-{n}"), b"")).collect();
    vec![
        case(
            "empty frame",
            false,
            frame(4, b""),
            "malformed command: its name ends beyond its body",
        ),
        case(
            "no name",
            false,
            frame(4, b"\0"),
            "malformed command: its name is empty",
        ),
        case(
            "hello empty",
            false,
            hello(b""),
            "malformed HELLO: its user name ends beyond its body",
        ),
        case(
            "name cut off",
            false,
            hello(b"\x04ann"),
            "malformed HELLO: its user name ends beyond its body",
        ),
        case(
            "no password",
            false,
            hello(b"\x03ann"),
            "malformed HELLO: its password ends beyond its body",
        ),
        case(
            "password cut off",
            false,
            hello(b"\x03ann\x03pw"),
            "malformed HELLO: its password ends beyond its body",
        ),
        case(
            "more behind it",
            false,
            hello(b"\x03ann\x02pw\0"),
            "malformed HELLO: something follows the password",
        ),
        case(
            "unknown",
            false,
            plain_hello("eve", "pw"),
            "the peer was not let in (400): no user eve with that password",
        ),
        case(
            "wrong password",
            false,
            plain_hello("ann", "pW"),
            "the peer was not let in (400): no user ann with that password",
        ),
        case(
            "name in the log",
            false,
            plain_hello("a\nb", ""),
            "the peer was not let in (400): no user a\\nb with that password",
        ),
        case(
            "ready first",
            false,
            command("READY", &metadata("PUSH")),
            "expected HELLO, found READY",
        ),
        case(
            "initiate first",
            false,
            initiate(&metadata("PUSH")),
            "expected HELLO, found INITIATE",
        ),
        case(
            "welcome first",
            false,
            command("WELCOME", b""),
            "expected HELLO, found WELCOME",
        ),
        case(
            "error first",
            false,
            command("ERROR", b"\x03400"),
            "expected HELLO, found ERROR",
        ),
        case(
            "a message first",
            false,
            frame(0, b"\x05hello"),
            "expected HELLO, found hello",
        ),
        case(
            "too large",
            false,
            header(4, 8193),
            "handshake command of 8193 bytes, the limit is 8192",
        ),
        case(
            "endless",
            false,
            header(4, u64::MAX),
            "handshake command of 18446744073709551615 bytes, the limit is 8192",
        ),
        case(
            "hello twice",
            true,
            plain_hello("ann", "pw"),
            "expected INITIATE, found HELLO",
        ),
        case(
            "ready instead",
            true,
            command("READY", &metadata("PUSH")),
            "expected INITIATE, found READY",
        ),
        case(
            "error instead",
            true,
            command("ERROR", b"\x03500"),
            "expected INITIATE, found ERROR",
        ),
        case(
            "metadata cut off",
            true,
            initiate(b"\x0BSocket-Type\0\0\0\x05PUSH"),
            "malformed metadata: a property ends beyond the command",
        ),
        case(
            "property without name",
            true,
            initiate(b"\0\0\0\0\0"),
            "malformed metadata: a property has no name",
        ),
        case(
            "kind twice",
            true,
            initiate(&metadata("PUSH").repeat(2)),
            "malformed metadata: Socket-Type is there twice",
        ),
        case(
            "too many properties",
            true,
            initiate(&many),
            "more than 64 properties",
        ),
        case(
            "wrong kind",
            true,
            initiate(&metadata("PUB")),
            "peer announced PUB, a PULL accepts PUSH",
        ),
        case(
            "large initiate",
            true,
            header(4, 8193),
            "handshake command of 8193 bytes, the limit is 8192",
        ),
    ]
}

async fn greeted(bench: &Bench) -> Raw {
    let mut raw = bench.connect().await;
    raw.say(&plain_greeting()).await;
    assert_eq!(raw.hear(64).await[12..17], *b"PLAIN");
    raw
}

#[tokio::test]
async fn whatever_a_plain_client_does_wrong_it_is_closed_and_others_are_served() {
    let users = PlainUsers::new().with("ann", "pw");
    let pull = Pull::builder().mechanism(Plain::server(users)).build();
    let mut bench = Bench::new(pull.expect("no contradiction")).await;
    let mut good = greeted(&bench).await;
    good.say(&plain_hello("ann", "pw")).await;
    good.expect(&command("WELCOME", b"")).await;
    good.say(&command("INITIATE", &metadata("PUSH"))).await;
    good.expect(&command("READY", &metadata("PULL"))).await;

    check_names(of_clients().iter().map(|case| case.name), 20);
    for case in of_clients() {
        let mut raw = greeted(&bench).await;
        if case.is_welcome {
            raw.say(&plain_hello("ann", "pw")).await;
            raw.expect(&command("WELCOME", b"")).await;
        }
        let _ = raw.try_say(&case.bytes).await;
        bench
            .ends(case.name, &mut raw, Phase::Handshake, case.reason)
            .await;
        good.say(&frame(0, case.name.as_bytes())).await;
        bench.hears(case.name).await;
    }
}

#[tokio::test]
async fn whatever_a_plain_server_does_wrong_we_leave_and_others_are_spoken_with() {
    let many: Vec<u8> = (0..65).flat_map(|n| property(&format!("X-{n}"), b"")).collect();
    #[rustfmt::skip] // A table reads best as one.
    let table: [(&str, bool, Vec<u8>, &str); 26] = [
        ("longer", false, command("WELCOME", b"!"), "malformed WELCOME: something follows it"),
        ("ready", false, command("READY", b""), "expected WELCOME, found READY"),
        ("hello", false, plain_hello("a", ""), "expected WELCOME, found HELLO"),
        ("initiate", false, command("INITIATE", &metadata("PULL")), "expected WELCOME, found INITIATE"),
        ("another command", false, command("PING", b"\0\0"), "expected WELCOME, found PING"),
        ("welcome in lower case", false, command("welcome", b""), "expected WELCOME, found welcome"),
        ("a message", false, frame(0, b"\x05hello"), "expected WELCOME, found hello"),
        ("empty frame", false, frame(4, b""), "malformed command: its name ends beyond its body"),
        ("no name", false, frame(4, b"\0"), "malformed command: its name is empty"),
        ("name cut off", false, frame(4, b"\x08WELCOME"), "malformed command: its name ends beyond its body"),
        ("too large", false, header(4, 8193), "handshake command of 8193 bytes, the limit is 8192"),
        ("endless", false, header(4, u64::MAX), "handshake command of 18446744073709551615 bytes, the limit is 8192"),
        ("refused", false, command("ERROR", b"\x03400"), "the server refused our user name and password: 400"),
        ("refused, misspelt", false, frame(4, b"^RROR\x03400"), "the server refused our user name and password: 400"),
        ("refused with words", false, command("ERROR", b"\x02no"), "the server refused our user name and password: no"),
        ("refused in many lines", false, command("ERROR", b"\x03a\nb"), "the server refused our user name and password: a\\nb"),
        ("refused, cut off", false, command("ERROR", b"\x04400"), "malformed ERROR: its reason ends beyond its body"),
        ("welcome twice", true, command("WELCOME", b""), "expected READY, found WELCOME"),
        ("initiate instead", true, command("INITIATE", &metadata("PULL")), "expected READY, found INITIATE"),
        ("wrong kind", true, command("READY", &metadata("SUB")), "peer announced SUB, a PUSH accepts PULL"),
        ("refused late", true, command("ERROR", b"\x03500"), "peer refused the connection: 500"),
        ("metadata cut off", true, command("READY", b"\x0BSocket-Type\0\0\0\x05PULL"), "malformed metadata: a property ends beyond the command"),
        ("property without name", true, command("READY", b"\0\0\0\0\0"), "malformed metadata: a property has no name"),
        ("kind twice", true, command("READY", &metadata("PULL").repeat(2)), "malformed metadata: Socket-Type is there twice"),
        ("too many properties", true, command("READY", &many), "more than 64 properties"),
        ("large ready", true, header(4, 8193), "handshake command of 8193 bytes, the limit is 8192"),
    ];
    check_names(table.iter().map(|(name, ..)| *name), 26);
    let (mut caller, mut good) = Caller::new(Plain::client("ann", "pw")).await;
    welcome(&mut good).await;
    good.say(&command("READY", &metadata("PULL"))).await;
    for (name, is_welcome, bytes, reason) in table {
        let (endpoint, mut raw) = caller.call().await;
        if is_welcome {
            welcome(&mut raw).await;
        } else {
            be_asked(&mut raw).await;
        }
        raw.say(&bytes).await;
        caller.leaves(name, &endpoint, &mut raw, reason).await;
        caller.says(name).await;
        good.expect(&frame(0, name.as_bytes())).await;
    }
}

/// A server up to HELLO.
async fn be_asked(raw: &mut Raw) {
    raw.say(&plain_greeting()).await;
    raw.hear(64).await;
    raw.expect(&plain_hello("ann", "pw")).await;
}

/// A server up to INITIATE.
async fn welcome(raw: &mut Raw) {
    be_asked(raw).await;
    raw.say(&command("WELCOME", b"")).await;
    raw.expect(&command("INITIATE", &metadata("PUSH"))).await;
}
