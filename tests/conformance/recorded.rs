//! Peers from before ZMTP 3, as they really spoke: streams of libzmq 2.2.0 (ZMTP 1.0) and libzmq 3.2.2 (ZMTP 2.0), written
//! down between two sockets of each. A socket of ours takes the place of the one, the script that of the other: it says what
//! was said there, and expects of ours what the other said, byte for byte. Only our greeting is our own, since it offers more.
//!
//! ```text
//! recorded     PUSH ── 0100, 020061, … ──▶ PULL
//! played       script ── 0100, 020061, … ──▶ our PULL        and       our PUSH ── ff…7f, 020061, … ──▶ script
//! ```

use std::collections::VecDeque;

use hubless::kind::Kind;
use hubless::{Builder, Dealer, Message, Pub, Pull, Push, Rep, Req, Router, RoutingId, Socket, Sub};

use crate::raw::{Raw, RawListener, soon};

/// A recording, and whether it is of ZMTP 1.0.
const RECORDINGS: [(&str, bool); 2] = [
    (include_str!("recorded/libzmq-2.2.0.txt"), true),
    (include_str!("recorded/libzmq-3.2.2.txt"), false),
];

/// What was sent where two kinds did nothing but send: around the sizes at which frames are spelled otherwise.
fn messages() -> impl Iterator<Item = Message> {
    let sized = |byte: u8, size| Message::from(vec![byte; size]);
    [
        Message::from("a"),
        Message::from(("", "b")),
        sized(b'c', 253),
        sized(b'd', 254),
        sized(b'e', 255),
        Message::from((vec![b'f'; 256], "", "g")),
    ]
    .into_iter()
}

/// The part of one side in a scene, and what it hears of the other.
struct Old {
    raw: Raw,
    is_of_one: bool,
    us: &'static str,
    /// Who says what, in the order in which it was said.
    entries: VecDeque<(String, Vec<u8>)>,
}

impl Old {
    /// Says what comes next, which is theirs to say.
    async fn says(&mut self) {
        let (who, bytes) = self.entries.pop_front().expect("there is more");
        assert_ne!(who, self.us, "it is ours to speak");
        self.raw.say(&bytes).await;
    }

    /// Hears what comes next, which is ours to say.
    async fn hears(&mut self) {
        let (who, bytes) = self.entries.pop_front().expect("there is more");
        assert_eq!(who, self.us, "it is theirs to speak");
        self.raw.expect(&bytes).await;
    }
}

/// What was said between these two, the first of which connected.
fn entries(recording: &str, caller: &str, host: &str) -> VecDeque<(String, Vec<u8>)> {
    let scene = format!("= {caller} {host}");
    let mut lines = recording.lines().skip_while(|line| *line != scene).skip(1);
    let mut entries = VecDeque::new();
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        let (who, digits) = line.rsplit_once(' ').expect("who, and what");
        let digits = digits.as_bytes().chunks(2);
        let bytes = digits.map(|pair| {
            let pair = str::from_utf8(pair).expect("digits");
            u8::from_str_radix(pair, 16).expect("two digits")
        });
        if who.trim().is_empty() {
            let (_, said) = entries.back_mut().expect("something to go on with");
            Vec::extend(said, bytes);
        } else {
            entries.push_back((who.to_owned(), bytes.collect()));
        }
    }
    assert!(entries.len() > 2, "nothing is recorded of {scene}");
    entries
}

/// What we say where that was said: of 1.0, which has a frame with the identity only, its length and the identity in a form
/// that a later version knows to be none; of 2.0, that we speak 3.
fn our_hello(is_of_one: bool, recorded: &[u8]) -> Vec<u8> {
    if is_of_one {
        let (length, identity) = (recorded[0], &recorded[2..]);
        [&[0xFF, 0, 0, 0, 0, 0, 0, 0, length, 0x7F], identity].concat()
    } else {
        [b"\xFF\0\0\0\0\0\0\0\0\x7F\x03", &recorded[11..]].concat()
    }
}

/// A socket of ours in place of `us`, which has greeted the other as it was recorded.
async fn meet<K: Kind>(
    builder: Builder<K>,
    (recording, is_of_one): (&str, bool),
    [caller, host]: [&'static str; 2],
    us: &'static str,
    we_bind: bool,
) -> (Socket<K>, Old) {
    let mut entries = entries(recording, caller, host);
    // 2.0 is spoken unasked.
    let ours = builder.legacy(is_of_one).build().expect("no contradiction");
    let mut raw = if we_bind {
        let at = ours.bind("tcp://127.0.0.1:*").await.expect("a free port");
        Raw::connect(&at).await
    } else {
        let listener = RawListener::tcp().await;
        ours.connect(listener.endpoint()).expect("an endpoint");
        listener.accept().await
    };
    // Which of the two greeted first depends on them, and ours is to go by what it hears.
    let mut hello = |who| {
        let (said_by, bytes) = entries.remove(usize::from(entries[0].0 != who))?;
        (said_by == who).then_some(bytes)
    };
    let them = if us == caller { host } else { caller };
    let [theirs, ours_was] = [them, us].map(|who| hello(format!("hello {who}")).expect("both greeted first"));
    raw.say(&theirs).await;
    raw.expect(&our_hello(is_of_one, &ours_was)).await;
    soon("the other", ours.peers().at_least(1))
        .await
        .expect("it is open");
    let old = Old {
        raw,
        is_of_one,
        us,
        entries,
    };
    (ours, old)
}

/// Each scene with each recording, as the one that binds and as the one that connects.
macro_rules! in_both_roles {
    ($($(#[$doc:meta])* $name:ident: $builder:expr, $scene:expr, $us:literal, |$ours:ident, $old:ident| $work:expr;)+) => {$(
        $(#[$doc])*
        #[tokio::test]
        async fn $name() {
            for recording in RECORDINGS {
                for we_bind in [true, false] {
                    #[allow(unused_mut)]
                    let (mut $ours, mut $old) = meet($builder, recording, $scene, $us, we_bind).await;
                    soon("the end of the scene", $work).await;
                }
            }
        }
    )+};
}

in_both_roles! {
    a_recorded_push_is_understood: Pull::builder(), ["PUSH", "PULL"], "PULL", |ours, old| async {
        for message in messages() {
            old.says().await;
            assert_eq!(ours.recv().await.expect("it is open"), message);
        }
    };
    a_push_says_to_a_recorded_pull_what_a_push_said: Push::builder(), ["PUSH", "PULL"], "PUSH", |ours, old| async {
        for message in messages() {
            ours.send(message).await.expect("it is open");
            old.hears().await;
        }
    };
    a_publisher_says_to_a_recorded_sub_what_a_publisher_said: Pub::builder(), ["SUB", "PUB"], "PUB", |ours, old| async {
        if !old.is_of_one {
            old.says().await;
        }
        ours.subscribers().to("A").at_least(1).await.expect("it is open");
        ours.send("A: one").await.expect("it is open");
        old.hears().await;
        ours.send("B: none").await.expect("it is open");
        // Who is of 1.0 gets everything, and chooses itself.
        if old.is_of_one {
            old.hears().await;
        }
        ours.send(("A", "two")).await.expect("it is open");
        old.hears().await;
        if !old.is_of_one {
            old.says().await;
            while ours.subscribers().to("A").count() > 0 {
                tokio::task::yield_now().await;
            }
        }
        ours.send("A: nobody").await.expect("it is open");
        if old.is_of_one {
            old.hears().await;
        }
        ours.close().await.expect("nothing is left");
        assert_eq!(old.raw.end().await, b"");
    };
    /// A PUB of 1.0 hears of our wishes too, as those of 2.0 do, and does not care: the SUB of its day told it nothing.
    a_recorded_pub_is_understood: Sub::builder(), ["SUB", "PUB"], "SUB", |ours, old| async {
        ours.subscribe("A");
        if old.is_of_one {
            old.raw.expect(b"\x03\x00\x01A").await;
        } else {
            old.hears().await;
        }
        old.says().await;
        assert_eq!(ours.recv().await.expect("it is open"), "A: one");
        if old.is_of_one {
            old.says().await;
        }
        old.says().await;
        assert_eq!(ours.recv().await.expect("it is open"), Message::from(("A", "two")));
        ours.unsubscribe("A");
        if old.is_of_one {
            old.raw.expect(b"\x03\x00\x00A").await;
        } else {
            old.hears().await;
        }
    };
    a_req_asks_a_recorded_rep: Req::builder(), ["REQ", "REP"], "REQ", |ours, old| async {
        for message in messages() {
            let answering = async {
                old.hears().await;
                old.says().await;
            };
            let (answer, ()) = tokio::join!(ours.request(&message), answering);
            assert_eq!(answer.expect("the connection stays"), message);
        }
    };
    a_rep_answers_a_recorded_req: Rep::builder(), ["REQ", "REP"], "REP", |ours, old| async {
        for message in messages() {
            old.says().await;
            let request = ours.recv_request().await.expect("it is open");
            assert_eq!(*request.message(), message);
            request.reply(message).await.expect("it is open");
            old.hears().await;
        }
    };
    a_dealer_converses_with_a_recorded_router: Dealer::builder().routing_id("me"), ["DEALER", "ROUTER"], "DEALER", |ours, old| async {
        for message in messages() {
            ours.send(&message).await.expect("it is open");
            old.hears().await;
            old.says().await;
            assert_eq!(ours.recv().await.expect("it is open"), message);
        }
    };
    a_router_converses_with_a_recorded_dealer_by_its_name: Router::builder(), ["DEALER", "ROUTER"], "ROUTER", |ours, old| async {
        for message in messages() {
            old.says().await;
            let (from, heard) = ours.recv_from().await.expect("it is open");
            assert_eq!((&from, &heard), (&RoutingId::from("me"), &message));
            ours.send_to(&from, heard).await.expect("it is open");
            old.hears().await;
        }
    };
}
