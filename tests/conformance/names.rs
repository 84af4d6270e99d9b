//! The names of peers at a ROUTER, and those who claim what is not theirs (guarantees, row 12).
//!
//! In every test there is a bystander, who talks with the same socket before, between and after: whatever somebody
//! claims, what concerns others arrives there, and nowhere else.

use std::time::Duration;

use hubless::{
    Dealer, DisconnectReason, DropReason, Event, Mechanism, Monitor, Plain, PlainUsers, ProtocolError,
    Router, RoutingId,
};

use crate::bytes::{command, frame, greeting, message, ping, pong, property, ready};
use crate::raw::{Raw, disconnection, event, failed_handshake, handshake, soon};

/// A ROUTER, where it is, what it tells, and somebody who has nothing to do with it all.
struct Scene {
    router: Router,
    at: hubless::Endpoint,
    monitor: Monitor,
    bystander: Raw,
}

impl Scene {
    async fn of(router: Router) -> Self {
        let mut monitor = router.monitor();
        let at = router.bind("tcp://127.0.0.1:*").await.expect("a free port");
        let bystander = let_in(&at, &mut monitor, b"bystander").await;
        let mut scene = Self {
            router,
            at,
            monitor,
            bystander,
        };
        scene.nobody_noticed().await;
        scene
    }

    /// Somebody claims a name, and is let in.
    async fn let_in(&mut self, name: &[u8]) -> Raw {
        let_in(&self.at, &mut self.monitor, name).await
    }

    /// Somebody claims a name, says something at once, and is not let in: why, and that it hears of no message.
    async fn turned_away(&mut self, name: &[u8]) -> DisconnectReason {
        let mut raw = Raw::connect(&self.at).await;
        raw.say(&[greeting(), introduction(name), frame(0, b"it was me")].concat())
            .await;
        let told = raw.end().await;
        let rest = told.strip_prefix(&greeting()[..]).unwrap_or_default();
        let rest = rest.strip_prefix(&ready("ROUTER")[..]).unwrap_or(rest);
        let is_error = rest.get(2..8) == Some(b"\x05ERROR") && rest.len() == 2 + usize::from(rest[1]);
        assert!(rest.is_empty() || is_error, "it heard {rest:?}");
        event(&mut self.monitor, "a refusal", |event| match event {
            Event::HandshakeFailed { reason, .. } => Some(reason.clone()),
            Event::HandshakeDone { peer } => panic!("{peer} was let in"),
            Event::Disconnected { peer, .. } => panic!("{peer} was thrown out"),
            _ => None,
        })
        .await
    }

    /// A message goes there, and comes back from there: by this name.
    async fn converses(&mut self, name: &[u8], raw: &mut Raw) {
        let id = RoutingId::from(name);
        soon("room", self.router.send_to(&id, "for you alone"))
            .await
            .expect("it is open");
        raw.expect(&frame(0, b"for you alone")).await;
        raw.say(&message(&[b"from", b"me"])).await;
        self.says(name, &["from", "me"]).await;
    }

    async fn says(&mut self, name: &[u8], frames: &[&str]) {
        let (from, said) = soon("a message", self.router.recv_from())
            .await
            .expect("it is open");
        assert_eq!(from, RoutingId::from(name));
        assert!(
            said.iter().eq(frames.iter().map(|frame| frame.as_bytes())),
            "{said:?}"
        );
    }

    /// The bystander is where it was, and hears what is for it and nothing else.
    async fn nobody_noticed(&mut self) {
        let id = RoutingId::from("bystander");
        soon("room", self.router.send_to(&id, "are you there?"))
            .await
            .expect("it is open");
        self.bystander.expect(&frame(0, b"are you there?")).await;
        self.bystander
            .say(&[frame(0, b"here"), ping(0, b"?")].concat())
            .await;
        self.bystander.expect(&pong(b"?")).await;
        self.says(b"bystander", &["here"]).await;
    }
}

/// READY of a DEALER that claims this name.
fn introduction(name: &[u8]) -> Vec<u8> {
    let metadata = [property("Socket-Type", b"DEALER"), property("Identity", name)];
    command("READY", &metadata.concat())
}

async fn let_in(at: &hubless::Endpoint, monitor: &mut Monitor, name: &[u8]) -> Raw {
    let mut raw = Raw::connect(at).await;
    raw.greet().await;
    raw.expect(&ready("ROUTER")).await;
    raw.say(&introduction(name)).await;
    handshake(monitor).await;
    raw
}

fn router(handover: bool) -> Router {
    Router::builder()
        .handover(handover)
        .build()
        .expect("no contradiction")
}

#[tokio::test]
async fn row_12_nobody_claims_a_name_that_was_made_up_for_another() {
    for handover in [false, true] {
        let mut scene = Scene::of(router(handover)).await;
        // Who says no name is given one; it is told to the program alone.
        let mut nameless = scene.let_in(b"").await;
        nameless.say(&frame(0, b"hello")).await;
        let (made_up, _) = soon("a message", scene.router.recv_from())
            .await
            .expect("it is open");
        assert_eq!((made_up.len(), made_up[0]), (5, 0));
        // The next one of it too, before anybody has it.
        let [_, a, b, c, d] = made_up[..] else {
            unreachable!("five bytes")
        };
        let next = u32::from_be_bytes([a, b, c, d]).wrapping_add(1).to_be_bytes();
        for claimed in [
            &made_up[..],
            &[&[0], &next[..]].concat(),
            b"\0",
            b"\0name",
            &[0; 255],
        ] {
            let reason = scene.turned_away(claimed).await;
            assert!(
                matches!(
                    reason,
                    DisconnectReason::Protocol(ProtocolError::Malformed { what: "identity", .. })
                ),
                "{claimed:?}: {reason}"
            );
            scene.nobody_noticed().await;
        }
        scene.converses(&made_up, &mut nameless).await;
    }
}

#[tokio::test]
async fn row_12_a_name_has_one_to_255_bytes() {
    for handover in [false, true] {
        let (mut scene, mut all) = (Scene::of(router(handover)).await, Vec::new());
        for name in [&b"x"[..], &[0xFF; 255], b"with\0zero", b"\x01\0\0\0\0"] {
            let mut raw = scene.let_in(name).await;
            scene.converses(name, &mut raw).await;
            all.push(raw);
        }
        for size in [256, 4096] {
            let reason = scene.turned_away(&vec![b'x'; size]).await;
            assert!(
                matches!(
                    reason,
                    DisconnectReason::Protocol(ProtocolError::TooLarge {
                        what: "identity",
                        limit: 255,
                        ..
                    })
                ),
                "{reason}"
            );
            scene.nobody_noticed().await;
        }
    }
}

#[tokio::test]
async fn row_12_of_two_with_one_name_the_second_is_closed_and_gets_nothing() {
    let mut scene = Scene::of(router(false)).await;
    let mut first = scene.let_in(b"same").await;
    for _ in 0..3 {
        let reason = scene.turned_away(b"same").await;
        assert_eq!(reason, DisconnectReason::RoutingIdTaken { id: "same".into() });
        scene.converses(b"same", &mut first).await;
        scene.nobody_noticed().await;
    }
    // When it has gone the name is free.
    drop(first);
    disconnection(&mut scene.monitor).await;
    let mut next = scene.let_in(b"same").await;
    scene.converses(b"same", &mut next).await;
    scene.nobody_noticed().await;
}

#[tokio::test]
async fn row_12_who_takes_a_name_over_gets_what_is_sent_from_then_on_and_nothing_from_before() {
    let router = Router::builder()
        .handover(true)
        .send_hwm_bytes(0)
        .build()
        .expect("no contradiction");
    let mut scene = Scene::of(router).await;
    let mut old = scene.let_in(b"same").await;
    old.say(&frame(0, b"before")).await;
    // Twice what buffers on the way hold, so that half of it waits here for one that does not read.
    let to_old = RoutingId::from("same");
    for _ in 0..32 {
        let secret = vec![b's'; 1 << 20];
        soon("room", scene.router.send_to(&to_old, secret))
            .await
            .expect("it is open");
    }
    let mut new = scene.let_in(b"same").await;
    let (reason, dropped) = event(
        &mut scene.monitor,
        "the end of the old one",
        |event| match event {
            Event::Disconnected { reason, dropped, .. } => Some((reason.clone(), *dropped)),
            _ => None,
        },
    )
    .await;
    assert_eq!(reason, DisconnectReason::HandedOver);
    let counted = scene.router.stats().outgoing;
    assert!(dropped >= 16, "{dropped}");
    assert_eq!(counted.dropped.by(DropReason::PipeClosed), dropped);
    assert_eq!(
        counted.accepted.messages,
        counted.handed_over.messages + counted.dropped.total() + counted.queued.messages
    );
    // What the old one had said is not taken back, and what it says now is said to nobody.
    scene.says(b"same", &["before"]).await;
    let _ = old.try_say(&frame(0, b"still me")).await;
    for _ in 0..3 {
        scene.converses(b"same", &mut new).await;
        scene.nobody_noticed().await;
    }
    assert!(scene.router.try_recv_from().is_err());
    // The bystander's own name is as open to everybody: without a mechanism nobody is known to be somebody.
    let mut other = scene.let_in(b"bystander").await;
    scene.converses(b"bystander", &mut other).await;
}

#[tokio::test]
async fn row_12_where_a_mechanism_says_who_is_who_a_name_passes_within_one_user() {
    let users = PlainUsers::new().with("alice", "a").with("mallory", "m");
    let router = Router::builder()
        .handover(true)
        .mechanism(Plain::server(users))
        .build()
        .expect("no contradiction");
    let mut monitor = router.monitor();
    let at = router.bind("tcp://127.0.0.1:*").await.expect("a free port");
    // Nobody whose connection is lost comes back by itself before this is over.
    let never = Duration::from_secs(3600);
    let dealer = |mechanism: Mechanism| {
        let dealer = Dealer::builder()
            .routing_id("alices")
            .reconnect(never, never)
            .mechanism(mechanism)
            .build()
            .expect("no contradiction");
        drop(dealer.connect(&at).expect("an endpoint"));
        dealer
    };
    let first = dealer(Plain::client("alice", "a"));
    handshake(&mut monitor).await;
    let mallory = dealer(Plain::client("mallory", "m"));
    let reason = failed_handshake(&mut monitor).await;
    assert_eq!(reason, DisconnectReason::RoutingIdTaken { id: "alices".into() });
    soon("room", router.send_to(&"alices".into(), "one"))
        .await
        .expect("it is open");
    assert_eq!(soon("a message", first.recv()).await.expect("it is open"), "one");
    mallory.close().await.expect("nothing is queued");

    // She comes back before it was noticed that she had gone.
    let again = dealer(Plain::client("alice", "a"));
    assert_eq!(disconnection(&mut monitor).await, DisconnectReason::HandedOver);
    soon("room", router.send_to(&"alices".into(), "two"))
        .await
        .expect("it is open");
    assert_eq!(soon("a message", again.recv()).await.expect("it is open"), "two");
    assert!(first.try_recv().is_err());
}
