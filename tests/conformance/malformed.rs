//! Everything that a peer can do wrong, as a table, and what follows from it.
//!
//! The cases are in `malformed.txt`, one a line. Each is played against a socket that has another, well-behaved peer:
//! once by a peer that connected to it, once by one that it connected to. That one connection ends, for the reason in
//! the table, told by the event that belongs to the phase; the other peer's traffic goes on.

use std::collections::BTreeSet;

use hubless::{DisconnectReason, Endpoint, Event, Monitor, ProtocolError, Pull, Push};

use crate::bytes::{greeting, header, message, ready};
use crate::raw::{Raw, RawListener, event, handshake, soon};
use crate::vectors::frames;

mod notation;

use notation::Case;

/// The socket under test, and a peer of it that does everything right.
enum Subject {
    Pull(Pull),
    Push(Push),
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
            other => panic!("no socket of kind {other}"),
        };
        let (mut monitor, at, good) = match &subject {
            Subject::Pull(pull) => (pull.monitor(), pull.bind(at).await, "PUSH"),
            Subject::Push(push) => (push.monitor(), push.bind(at).await, "PULL"),
        };
        let at = at.expect("a free endpoint");
        let kind = if good == "PUSH" { "PULL" } else { "PUSH" };
        let mut raw = Raw::connect(&at).await;
        raw.shake_hands(good, kind).await;
        handshake(&mut monitor).await;
        Self {
            subject,
            monitor,
            at,
            good: raw,
            rounds: 0,
        }
    }

    /// One message through the good peer; no other is there.
    async fn the_good_peer_is_served(&mut self) {
        self.rounds += 1;
        let text = self.rounds.to_string();
        match &self.subject {
            Subject::Pull(pull) => {
                self.good.say(&message(&[text.as_bytes(), b"!"])).await;
                let received = soon("a message", pull.recv()).await.expect("the socket is open");
                assert_eq!(frames(&received), [text.as_bytes(), b"!"]);
            }
            Subject::Push(push) => {
                soon("room", push.send([text.as_str(), "!"]))
                    .await
                    .expect("the socket is open");
                self.good.expect(&message(&[text.as_bytes(), b"!"])).await;
            }
        }
    }

    fn connect(&self, to: &Endpoint) {
        match &self.subject {
            Subject::Pull(pull) => drop(pull.connect(to).expect("an endpoint")),
            Subject::Push(push) => drop(push.connect(to).expect("an endpoint")),
        }
    }

    async fn disconnect(&self, from: &Endpoint) {
        let done = match &self.subject {
            Subject::Pull(pull) => soon("disconnecting", pull.disconnect(from)).await,
            Subject::Push(push) => soon("disconnecting", push.disconnect(from)).await,
        };
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

    async fn play(&mut self, case: &Case, raw: &mut Raw) {
        let mut script = Vec::new();
        if case.after >= notation::Phase::Greeting {
            script.extend(greeting());
        }
        if case.after >= notation::Phase::Ready {
            script.extend(ready(case.peer()));
        }
        script.extend(&case.bytes);
        // It may be closed before it has said everything.
        let _ = raw.try_say(&script).await;
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
        bench.play(case, &mut raw).await;
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
        bench.play(case, &mut raw).await;
        let end = bench.end(case, |_, of| *of == endpoint).await;
        bench.check(case, end);
        raw.end().await;
        bench.the_good_peer_is_served().await;
        bench.disconnect(&endpoint).await;
    }
}

#[tokio::test]
async fn a_peer_of_a_pull_that_does_it_wrong_is_closed_and_others_are_served() {
    whoever_connects_and_does_it_wrong_is_closed("PULL", "tcp://127.0.0.1:*").await;
}

#[tokio::test]
async fn a_peer_of_a_push_that_does_it_wrong_is_closed_and_others_are_served() {
    whoever_connects_and_does_it_wrong_is_closed("PUSH", "tcp://127.0.0.1:*").await;
}

#[tokio::test]
async fn a_pull_that_connects_to_a_peer_that_does_it_wrong_closes_and_serves_others() {
    whomever_we_connect_to_and_does_it_wrong_is_closed("PULL").await;
}

#[tokio::test]
async fn a_push_that_connects_to_a_peer_that_does_it_wrong_closes_and_serves_others() {
    whomever_we_connect_to_and_does_it_wrong_is_closed("PUSH").await;
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
