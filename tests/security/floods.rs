//! Floods of peers that begin a handshake and never end it, at every point of those that cost most: a good peer gets
//! through, and who is younger than a second keeps its place (guarantees, row 2).

use std::time::Duration;

use hubless::curve::{KeyPair, PublicKey, SecretKey};
use hubless::{Builder, Curve, Plain, PlainUsers, Pull, kind};
use tokio::time::Instant;

use crate::bytes::{command, frame};
use crate::raw::{Raw, soon};
use crate::script::{CLIENT, Client, SERVER, curve_greeting, metadata, plain_greeting, plain_hello, public};
use crate::wire::{Far, Wire};

/// How far those of the flood go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stops {
    BehindHello,
    BehindWelcome,
}

async fn plain(raw: &mut Raw, stops: Option<Stops>) {
    raw.say(&plain_greeting()).await;
    raw.say(&plain_hello("ann", "pw")).await;
    if stops == Some(Stops::BehindHello) {
        return;
    }
    raw.hear(64).await;
    raw.expect(&command("WELCOME", b"")).await;
    if stops.is_none() {
        raw.say(&command("INITIATE", &metadata("PUSH"))).await;
        raw.expect(&command("READY", &metadata("PULL"))).await;
        raw.say(&frame(0, b"through")).await;
    }
}

async fn curve(raw: &mut Raw, stops: Option<Stops>) {
    let mut client = Client::new();
    raw.say(&curve_greeting()).await;
    raw.say(&client.hello()).await;
    if stops == Some(Stops::BehindHello) {
        return;
    }
    raw.hear(64).await;
    client.hear_welcome(&raw.frame().await.1);
    if stops.is_none() {
        raw.say(&client.initiate("PUSH")).await;
        assert_eq!(client.hear_ready(&raw.frame().await.1), metadata("PULL"));
        raw.say(&client.message(b"\0through")).await;
    }
}

fn plain_server() -> Builder<kind::Pull> {
    Pull::builder().mechanism(Plain::server(PlainUsers::new().with("ann", "pw")))
}

fn curve_server() -> Builder<kind::Pull> {
    let own: KeyPair = SecretKey::from(SERVER).into();
    let allowed = [PublicKey::from(public(&CLIENT))];
    Pull::builder().mechanism(Curve::server(own).allow(allowed))
}

/// 128 of them at 16 places, and a good peer in their middle.
async fn a_good_peer_gets_through(
    server: Builder<kind::Pull>,
    stops: Stops,
    come: impl AsyncFn(&mut Raw, Option<Stops>),
) {
    let (wire, _) = Wire::new();
    let pull = server
        .carrier(wire.clone(), 1)
        .max_pending_handshakes(16)
        .build()
        .expect("no contradiction");
    pull.bind("tcp://1.2.3.4:5")
        .await
        .expect("a carrier takes everything");
    let flood = |port: u32| wire.arrive(&format!("127.0.0.1:{port}"));
    let mut halted: Vec<Far> = (0..64).map(flood).collect();
    let good = wire.arrive("127.0.0.1:9999");
    halted.extend((64..128).map(flood));
    let start = Instant::now();
    let halting = async {
        let mut raws = Vec::new();
        for far in &halted {
            let mut raw = far.raw();
            // Who has not been let in yet says nothing: it waits for its turn as the good one does.
            come(&mut raw, Some(stops)).await;
            raws.push(raw);
        }
        std::future::pending::<()>().await;
        drop(raws);
    };
    let through = async {
        let mut raw = good.raw();
        come(&mut raw, None).await;
        let message = soon("a message", pull.recv()).await.expect("it is open");
        assert_eq!(message, "through");
    };
    tokio::select! {
        () = through => {}
        () = halting => {}
    }
    // 64 were before it, 16 at a time, a second each.
    assert!(
        start.elapsed() <= Duration::from_millis(4100),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(pull.peers().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn row_02_a_good_peer_gets_through_a_flood_that_stops_behind_the_password() {
    a_good_peer_gets_through(plain_server(), Stops::BehindHello, plain).await;
}

#[tokio::test(start_paused = true)]
async fn row_02_a_good_peer_gets_through_a_flood_that_was_welcomed_with_its_password() {
    a_good_peer_gets_through(plain_server(), Stops::BehindWelcome, plain).await;
}

#[tokio::test(start_paused = true)]
async fn row_02_a_good_peer_gets_through_a_flood_that_stops_behind_a_sealed_hello() {
    a_good_peer_gets_through(curve_server(), Stops::BehindHello, curve).await;
}

#[tokio::test(start_paused = true)]
async fn row_02_a_good_peer_gets_through_a_flood_that_has_cookies_and_never_brings_them_back() {
    a_good_peer_gets_through(curve_server(), Stops::BehindWelcome, curve).await;
}
