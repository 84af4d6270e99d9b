//! Everything that a peer can do wrong, as a table, and what follows from it.
//!
//! The cases are in `malformed.txt`, one a line; those of a PULL are what peers of any kind can do wrong. Each is played against a socket that has another, well-behaved peer:
//! once by a peer that connected to it, once by one that it connected to. That one connection ends, for the reason in
//! the table, told by the event that belongs to the phase; the other peer's traffic goes on.

use std::collections::BTreeSet;

use hubless::{DisconnectReason, Endpoint, Event, ProtocolError, Pull, SocketKind};

use crate::bytes::{greeting, header, ready};
use crate::cuts::told_to_pull;
use crate::raw::{Raw, RawListener, disconnection, event, handshake};
use crate::subject::{Bench, KINDS};

pub(crate) mod notation;

use notation::Case;

/// How the connection that `is_it` knows by its address and endpoint ends.
async fn end(
    bench: &mut Bench,
    case: &Case,
    is_it: impl Fn(&str, &Endpoint) -> bool,
) -> (bool, DisconnectReason) {
    event(
        &mut bench.monitor,
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

fn check(case: &Case, (was_in_traffic, reason): (bool, DisconnectReason)) {
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

#[test]
fn the_table_is_large_and_every_name_is_there_once() {
    let cases = notation::cases();
    let names: BTreeSet<_> = cases.iter().map(|case| &case.name).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() >= 60, "{} cases", cases.len());
}

async fn whoever_connects_and_does_it_wrong_is_closed(kind: SocketKind) {
    let mut bench = Bench::new(kind, None).await;
    for case in notation::cases_for(kind.name()) {
        let mut raw = Raw::connect(&bench.at).await;
        // It may be closed before it has said everything.
        let _ = raw.try_say(&case.script()).await;
        let address = raw.address.clone();
        let end = end(&mut bench, &case, |from, _| from == address).await;
        check(&case, end);
        raw.end().await;
        bench.nothing_was_delivered();
        bench.the_good_peer_is_served().await;
    }
}

async fn whomever_we_connect_to_and_does_it_wrong_is_closed(kind: SocketKind) {
    let mut bench = Bench::new(kind, None).await;
    for case in notation::cases_for(kind.name()) {
        let listener = RawListener::tcp().await;
        let endpoint = listener.endpoint();
        bench.connect(&endpoint);
        let mut raw = listener.accept().await;
        // It may be closed before it has said everything.
        let _ = raw.try_say(&case.script()).await;
        let end = end(&mut bench, &case, |_, of| *of == endpoint).await;
        check(&case, end);
        raw.end().await;
        bench.disconnect(&endpoint).await;
        bench.nothing_was_delivered();
        bench.the_good_peer_is_served().await;
    }
}

/// Both roles, for each kind.
macro_rules! for_every_kind {
    ($($name:ident $kind:ident;)+) => {
        #[test]
        fn every_kind_is_in_the_table() {
            assert_eq!(KINDS, [$(SocketKind::$kind),+]);
        }

        $(mod $name {
            use super::*;

            #[tokio::test]
            async fn whoever_connects_and_does_it_wrong_is_closed_and_others_are_served() {
                whoever_connects_and_does_it_wrong_is_closed(SocketKind::$kind).await;
            }

            #[tokio::test]
            async fn whomever_we_connect_to_and_does_it_wrong_is_closed_and_others_are_served() {
                whomever_we_connect_to_and_does_it_wrong_is_closed(SocketKind::$kind).await;
            }
        })+
    };
}

for_every_kind! {
    push Push; pull Pull; r#pub Pub; sub Sub; req Req; rep Rep; dealer Dealer; router Router; xpub XPub; xsub XSub;
    pair Pair; client Client; server Server; radio Radio; dish Dish; scatter Scatter; gather Gather; peer Peer;
    channel Channel;
}

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
        let reason = disconnection(&mut monitor).await;
        let expected = ProtocolError::TooLarge {
            what: "message",
            size,
            limit: (isize::MAX / 2) as u64,
        };
        assert_eq!(reason, DisconnectReason::Protocol(expected));
        raw.end().await;
    }
    // What is allowed is waited for, and takes no memory before it comes.
    let mut raw = Raw::connect(&at).await;
    raw.say(&[greeting(), ready("PUSH"), header(0, 1 << 61), vec![0; 1000]].concat())
        .await;
    handshake(&mut monitor).await;
}
