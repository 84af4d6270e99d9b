//! Everything that a peer can do wrong, as a table, and what follows from it.
//!
//! The cases are in `malformed.txt`, one a line. Each is played against a socket that has another, well-behaved peer:
//! once by a peer that connected to it, once by one that it connected to. That one connection ends, for the reason in
//! the table, told by the event that belongs to the phase; the other peer's traffic goes on.

use std::collections::BTreeSet;

use hubless::{DisconnectReason, Endpoint, Event, Monitor, ProtocolError, Pub, Pull, Push, Rep, Req, Sub};

use crate::bytes::{command, greeting, header, message, ready};
use crate::cuts::told_to_pull;
use crate::raw::{Raw, RawListener, event, handshake, soon};
use crate::vectors::frames;

pub(crate) mod notation;

use notation::Case;

/// The socket under test, and a peer of it that does everything right.
enum Subject {
    Pull(Pull),
    Push(Push),
    Pub(Pub),
    Sub(Sub),
    Req(Req),
    Rep(Rep),
}

/// The same for every kind.
macro_rules! with {
    ($subject:expr, $socket:ident => $work:expr) => {
        match $subject {
            Subject::Pull($socket) => $work,
            Subject::Push($socket) => $work,
            Subject::Pub($socket) => $work,
            Subject::Sub($socket) => $work,
            Subject::Req($socket) => $work,
            Subject::Rep($socket) => $work,
        }
    };
}

struct Bench {
    subject: Subject,
    monitor: Monitor,
    at: Endpoint,
    good: Raw,
    rounds: u32,
}

impl Bench {
    async fn new(kind: &str, at: &str) -> Self {
        let subject = match kind {
            "PULL" => Subject::Pull(Pull::new()),
            // With a pipe only while there is a connection, so that no message waits for a peer of the table.
            "PUSH" => Subject::Push(Push::builder().immediate(true).build().expect("no contradiction")),
            "PUB" => Subject::Pub(Pub::new()),
            "SUB" => Subject::Sub(Sub::new()),
            "REQ" => Subject::Req(Req::new()),
            "REP" => Subject::Rep(Rep::new()),
            other => panic!("no socket of kind {other}"),
        };
        let mut monitor = with!(&subject, socket => socket.monitor());
        let at = with!(&subject, socket => socket.bind(at).await).expect("a free endpoint");
        let mut good = Raw::connect(&at).await;
        good.shake_hands(notation::peer_of(kind), kind).await;
        handshake(&mut monitor).await;
        match &subject {
            Subject::Pub(publisher) => {
                good.say(&command("SUBSCRIBE", b"")).await;
                let subscribers = publisher.subscribers();
                soon("a subscriber", subscribers.at_least(1))
                    .await
                    .expect("the socket is open");
            }
            Subject::Sub(subscriber) => {
                subscriber.subscribe("");
                good.expect(&command("SUBSCRIBE", b"")).await;
            }
            _ => {}
        }
        Self {
            subject,
            monitor,
            at,
            good,
            rounds: 0,
        }
    }

    /// One message through the good peer, and back where there is a way back; no other is there.
    async fn the_good_peer_is_served(&mut self) {
        self.rounds += 1;
        let text = self.rounds.to_string();
        let plain = message(&[text.as_bytes(), b"!"]);
        let enveloped = message(&[b"", text.as_bytes(), b"!"]);
        match &mut self.subject {
            Subject::Pull(pull) => {
                self.good.say(&plain).await;
                let received = soon("a message", pull.recv()).await.expect("the socket is open");
                assert_eq!(frames(&received), [text.as_bytes(), b"!"]);
            }
            Subject::Sub(subscriber) => {
                self.good.say(&plain).await;
                let received = soon("a message", subscriber.recv()).await;
                assert_eq!(
                    frames(&received.expect("the socket is open")),
                    [text.as_bytes(), b"!"]
                );
            }
            Subject::Push(push) => {
                soon("room", push.send([text.as_str(), "!"]))
                    .await
                    .expect("the socket is open");
                self.good.expect(&plain).await;
            }
            Subject::Pub(publisher) => {
                publisher
                    .send([text.as_str(), "!"])
                    .await
                    .expect("the socket is open");
                self.good.expect(&plain).await;
            }
            Subject::Req(req) => {
                let answering = async {
                    self.good.expect(&enveloped).await;
                    self.good.say(&message(&[b"", b"yes"])).await;
                };
                let request = soon("an answer", req.request([text.as_str(), "!"]));
                let (answer, ()) = tokio::join!(request, answering);
                assert_eq!(frames(&answer.expect("it is answered")), [b"yes"]);
            }
            Subject::Rep(rep) => {
                self.good.say(&enveloped).await;
                let request = soon("a request", rep.recv_request())
                    .await
                    .expect("the socket is open");
                assert_eq!(frames(request.message()), [text.as_bytes(), b"!"]);
                soon("room", request.reply("yes"))
                    .await
                    .expect("the socket is open");
                self.good.expect(&message(&[b"", b"yes"])).await;
            }
        }
    }

    fn connect(&self, to: &Endpoint) {
        with!(&self.subject, socket => drop(socket.connect(to).expect("an endpoint")));
    }

    async fn disconnect(&self, from: &Endpoint) {
        let done = with!(&self.subject, socket => soon("disconnecting", socket.disconnect(from)).await);
        done.expect("it was connected");
    }

    /// How the connection that `is_it` knows by its address and endpoint ends.
    async fn end(
        &mut self,
        case: &Case,
        is_it: impl Fn(&str, &Endpoint) -> bool,
    ) -> (bool, DisconnectReason) {
        event(
            &mut self.monitor,
            &format!("the end of {}", case.name),
            |event| match event {
                Event::HandshakeFailed {
                    endpoint,
                    address,
                    reason,
                } if is_it(address, endpoint) => Some((false, reason.clone())),
                Event::Disconnected { peer, reason, .. } if is_it(peer.address(), peer.endpoint()) => {
                    Some((true, reason.clone()))
                }
                _ => None,
            },
        )
        .await
    }

    fn check(&self, case: &Case, (was_in_traffic, reason): (bool, DisconnectReason)) {
        let name = &case.name;
        assert_eq!(
            was_in_traffic,
            case.after == notation::Phase::Ready,
            "{name}: {reason}"
        );
        assert!(
            matches!(reason, DisconnectReason::Protocol(_)),
            "{name}: {reason:?}"
        );
        // The table cannot say blanks at the end of a line.
        assert_eq!(reason.to_string().trim_end(), case.reason, "{name}");
    }
}

#[test]
fn the_table_is_large_and_every_name_is_there_once() {
    let cases = notation::cases();
    let names: BTreeSet<_> = cases.iter().map(|case| &case.name).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() >= 60, "{} cases", cases.len());
}

async fn whoever_connects_and_does_it_wrong_is_closed(kind: &str, at: &str) {
    let mut bench = Bench::new(kind, at).await;
    for case in notation::cases().iter().filter(|case| case.kind == kind) {
        let mut raw = Raw::connect(&bench.at).await;
        // It may be closed before it has said everything.
        let _ = raw.try_say(&case.script()).await;
        let address = raw.address.clone();
        let end = bench.end(case, |from, _| from == address).await;
        bench.check(case, end);
        raw.end().await;
        bench.the_good_peer_is_served().await;
    }
}

async fn whomever_we_connect_to_and_does_it_wrong_is_closed(kind: &str) {
    let mut bench = Bench::new(kind, "tcp://127.0.0.1:*").await;
    for case in notation::cases().iter().filter(|case| case.kind == kind) {
        let listener = RawListener::tcp().await;
        let endpoint = listener.endpoint();
        bench.connect(&endpoint);
        let mut raw = listener.accept().await;
        // It may be closed before it has said everything.
        let _ = raw.try_say(&case.script()).await;
        let end = bench.end(case, |_, of| *of == endpoint).await;
        bench.check(case, end);
        raw.end().await;
        bench.the_good_peer_is_served().await;
        bench.disconnect(&endpoint).await;
    }
}

/// Both roles, for each kind.
macro_rules! for_every_kind {
    ($($kind:ident)+) => {$(
        mod $kind {
            use super::*;

            fn kind() -> String {
                stringify!($kind).trim_start_matches("r#").to_uppercase()
            }

            #[tokio::test]
            async fn whoever_connects_and_does_it_wrong_is_closed_and_others_are_served() {
                whoever_connects_and_does_it_wrong_is_closed(&kind(), "tcp://127.0.0.1:*").await;
            }

            #[tokio::test]
            async fn whomever_we_connect_to_and_does_it_wrong_is_closed_and_others_are_served() {
                whomever_we_connect_to_and_does_it_wrong_is_closed(&kind()).await;
            }
        }
    )+};
}

for_every_kind! { pull push r#pub sub req rep }

#[tokio::test(start_paused = true)]
async fn the_reason_is_the_same_however_the_bytes_come() {
    for case in notation::cases().iter().filter(|case| case.kind == "PULL") {
        let script = case.script();
        let whole = told_to_pull([&script[..]], |_| {}).await;
        assert!(whole.tells(&case.reason), "{}: {whole:?}", case.name);
        let first = case.bytes.len();
        let cut = script.len() - first;
        for pieces in [
            vec![&script[..cut + first / 2], &script[cut + first / 2..]],
            script.chunks(1).collect(),
        ] {
            let story = told_to_pull(pieces, |_| {}).await;
            // Answers may have been on their way when the connection ended.
            let (told, expected) = ((&story.events, &story.messages), (&whole.events, &whole.messages));
            assert_eq!(told, expected, "{}", case.name);
        }
    }
}

#[tokio::test]
async fn whatever_a_program_allows_no_announced_size_is_added_up_to_an_overflow() {
    let pull = Pull::builder()
        .max_message_size(u64::MAX)
        .build()
        .expect("no contradiction");
    let mut monitor = pull.monitor();
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    for size in [u64::MAX, 1 << 63, (1 << 63) - 1] {
        let mut raw = Raw::connect(&at).await;
        raw.say(&[greeting(), ready("PUSH"), header(0, size)].concat())
            .await;
        let reason = event(&mut monitor, "the end", |event| match event {
            Event::Disconnected { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        let expected = ProtocolError::TooLarge {
            what: "message",
            size,
            limit: (isize::MAX / 2) as u64,
        };
        assert_eq!(reason.await, DisconnectReason::Protocol(expected));
        raw.end().await;
    }
    // What is allowed is waited for, and takes no memory before it comes.
    let mut raw = Raw::connect(&at).await;
    raw.say(&[greeting(), ready("PUSH"), header(0, 1 << 61), vec![0; 1000]].concat())
        .await;
    handshake(&mut monitor).await;
}
