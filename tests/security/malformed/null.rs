//! NULL where somebody decides: nothing is said to a stranger before, and not much is heard of it.

use hubless::auth::{Applicant, Verdict};
use hubless::{Null, Pull};
use tokio::sync::Semaphore;

use super::{Bench, Phase, check_names};
use crate::bytes::{command, frame, greeting, greeting_of, header, property, ready};
use crate::raw::Raw;
use crate::script::metadata;
use crate::wire::listening;

async fn greeted(bench: &Bench) -> Raw {
    let mut raw = bench.connect().await;
    raw.say(&greeting()).await;
    assert_eq!(raw.hear(64).await[12..16], *b"NULL");
    raw
}

#[tokio::test]
async fn whatever_a_peer_does_wrong_that_is_decided_about_it_is_closed_and_others_are_served() {
    let many: Vec<u8> = (0..65).flat_map(|n| property(&format!("X-{n}"), b"")).collect();
    #[rustfmt::skip] // A table reads best as one.
    let table: [(&str, Vec<u8>, &str); 18] = [
        ("empty frame", frame(4, b""), "malformed command: its name ends beyond its body"),
        ("no name", frame(4, b"\0"), "malformed command: its name is empty"),
        ("hello", command("HELLO", b"\x03ann\x02pw"), "expected READY, found HELLO"),
        ("welcome", command("WELCOME", b""), "expected READY, found WELCOME"),
        ("initiate", command("INITIATE", &metadata("PUSH")), "expected READY, found INITIATE"),
        ("sealed", command("MESSAGE", &[0; 33]), "expected READY, found MESSAGE"),
        ("ping", command("PING", b"\0\0"), "expected READY, found PING"),
        ("a message", frame(0, b"\x05hello"), "expected READY, found hello"),
        ("error", command("ERROR", b"\x03400"), "peer refused the connection: 400"),
        ("error, cut off", command("ERROR", b"\x04400"), "malformed ERROR: its reason ends beyond its body"),
        ("metadata cut off", command("READY", b"\x0BSocket-Type\0\0\0\x05PUSH"), "malformed metadata: a property ends beyond the command"),
        ("property without name", command("READY", b"\0\0\0\0\0"), "malformed metadata: a property has no name"),
        ("kind twice", command("READY", &metadata("PUSH").repeat(2)), "malformed metadata: Socket-Type is there twice"),
        ("identity too long", command("READY", &property("Identity", &[7; 256])), "identity of 256 bytes, the limit is 255"),
        ("too many properties", command("READY", &many), "more than 64 properties"),
        ("wrong kind", command("READY", &metadata("SUB")), "peer announced SUB, a PULL accepts PUSH"),
        ("too large", header(4, 8193), "handshake command of 8193 bytes, the limit is 8192"),
        ("endless", header(4, u64::MAX), "handshake command of 18446744073709551615 bytes, the limit is 8192"),
    ];
    check_names(table.iter().map(|(name, ..)| *name), 18);
    let mechanism = Null::server(async |_: Applicant| Verdict::accept_as("somebody"));
    let pull = Pull::builder().mechanism(mechanism).build();
    let mut bench = Bench::new(pull.expect("no contradiction")).await;
    let mut good = greeted(&bench).await;
    good.say(&ready("PUSH")).await;
    good.expect(&command("READY", &metadata("PULL"))).await;
    for (name, bytes, reason) in table {
        let mut raw = greeted(&bench).await;
        let _ = raw.try_say(&bytes).await;
        bench.ends(name, &mut raw, Phase::Handshake, reason).await;
        good.say(&frame(0, name.as_bytes())).await;
        bench.hears(name).await;
    }
    for mechanism in ["PLAIN", "CURVE", "null"] {
        let mut raw = bench.connect().await;
        raw.say(&greeting_of(3, 1, mechanism)).await;
        let reason = format!("peer announced the mechanism {mechanism}, this socket uses NULL");
        bench.ends(mechanism, &mut raw, Phase::Handshake, &reason).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_much_before_it_is_decided_about_is_closed_and_who_says_it_later_is_not_read() {
    static NEVER: Semaphore = Semaphore::const_new(0);
    let mechanism = Null::server(async |_: Applicant| {
        let _ = NEVER.acquire().await;
        Verdict::accept()
    });
    let (pull, wire) = listening(Pull::builder().mechanism(mechanism)).await;
    let mut monitor = pull.monitor();

    // In one piece with the greeting, so that it has come when the question is asked.
    let far = wire.arrive("127.0.0.1:1");
    far.piece(&[greeting(), ready("PUSH"), vec![0; 8202]].concat());
    let size = ready("PUSH").len() + 8202;
    let reason = format!("bytes ahead of a verdict of {size} bytes, the limit is 8201");
    assert_eq!(crate::failure(&mut monitor).await, reason);
    far.dropped().await;

    let far = wire.arrive("127.0.0.1:2");
    far.piece(&greeting());
    let mut raw = far.raw();
    raw.hear(64).await;
    far.piece(&ready("PUSH"));
    assert_eq!(
        crate::failure(&mut monitor).await,
        "handshake not complete in time"
    );
    assert_eq!(
        far.consumed(),
        64,
        "nobody looks at a peer that is being decided about"
    );
    assert_eq!(pull.peers().count(), 0);
}
