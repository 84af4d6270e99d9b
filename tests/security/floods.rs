//! Floods of peers that begin a handshake and never end it, at every point of those that cost most: a good peer gets
//! through, and who is younger than a second keeps its place (guarantees, row 2).

use hubless::curve::{KeyPair, PublicKey, SecretKey};
use hubless::{Builder, Curve, Plain, PlainUsers, Pull, kind};

use crate::bytes::{command, frame};
use crate::flood::a_good_peer_gets_through;
use crate::raw::Raw;
use crate::script::{CLIENT, Client, SERVER, curve_greeting, metadata, plain_greeting, plain_hello, public};

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

async fn flooded(server: Builder<kind::Pull>, stops: Stops, come: impl AsyncFn(&mut Raw, Option<Stops>)) {
    let halts = async |raw: &mut Raw| come(raw, Some(stops)).await;
    a_good_peer_gets_through(server, halts, async |raw: &mut Raw| come(raw, None).await).await;
}

#[tokio::test(start_paused = true)]
async fn row_02_a_good_peer_gets_through_a_flood_that_stops_behind_the_password() {
    flooded(plain_server(), Stops::BehindHello, plain).await;
}

#[tokio::test(start_paused = true)]
async fn row_02_a_good_peer_gets_through_a_flood_that_was_welcomed_with_its_password() {
    flooded(plain_server(), Stops::BehindWelcome, plain).await;
}

#[tokio::test(start_paused = true)]
async fn row_02_a_good_peer_gets_through_a_flood_that_stops_behind_a_sealed_hello() {
    flooded(curve_server(), Stops::BehindHello, curve).await;
}

#[tokio::test(start_paused = true)]
async fn row_02_a_good_peer_gets_through_a_flood_that_has_cookies_and_never_brings_them_back() {
    flooded(curve_server(), Stops::BehindWelcome, curve).await;
}
