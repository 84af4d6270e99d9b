//! What each of our kinds makes of a peer of any other: every name there is, and some that are none.

use hubless::kind::{self, Kind};
use hubless::{DisconnectReason, Event, ProtocolError, Socket};

use crate::bytes::{command, greeting, ready};
use crate::raw::{Raw, event, handshake};

/// Every name of the specifications (RFC 28 to 31, 41, 48, 49, 51, 52), and what is none.
const NAMES: [&str; 24] = [
    "REQ", "REP", "DEALER", "ROUTER", "PUB", "SUB", "XPUB", "XSUB", "PUSH", "PULL", "PAIR", "CLIENT",
    "SERVER", "RADIO", "DISH", "SCATTER", "GATHER", "PEER", "CHANNEL", "STREAM", "DGRAM", "", "push",
    "PUSHPULL",
];

/// Whom each kind accepts, as the tables of the specifications have it.
pub(crate) fn accepted_by(kind: &str) -> &'static [&'static str] {
    match kind {
        "REQ" => &["REP", "ROUTER"],
        "REP" => &["REQ", "DEALER"],
        "DEALER" => &["REP", "DEALER", "ROUTER"],
        "ROUTER" => &["REQ", "DEALER", "ROUTER"],
        "PUB" | "XPUB" => &["SUB", "XSUB"],
        "SUB" | "XSUB" => &["PUB", "XPUB"],
        "PUSH" => &["PULL"],
        "PULL" => &["PUSH"],
        "PAIR" => &["PAIR"],
        "CLIENT" => &["SERVER"],
        "SERVER" => &["CLIENT"],
        "RADIO" => &["DISH"],
        "DISH" => &["RADIO"],
        "SCATTER" => &["GATHER"],
        "GATHER" => &["SCATTER"],
        "PEER" => &["PEER"],
        "CHANNEL" => &["CHANNEL"],
        other => panic!("no socket of ours is a {other}"),
    }
}

#[tokio::test]
async fn every_kind_accepts_its_peers_and_refuses_all_others_by_name() {
    refuses_all_others::<kind::Req>().await;
    refuses_all_others::<kind::Rep>().await;
    refuses_all_others::<kind::Dealer>().await;
    refuses_all_others::<kind::Router>().await;
    refuses_all_others::<kind::Pub>().await;
    refuses_all_others::<kind::Sub>().await;
    refuses_all_others::<kind::XPub>().await;
    refuses_all_others::<kind::XSub>().await;
    refuses_all_others::<kind::Push>().await;
    refuses_all_others::<kind::Pull>().await;
    refuses_all_others::<kind::Pair>().await;
    refuses_all_others::<kind::Client>().await;
    refuses_all_others::<kind::Server>().await;
    refuses_all_others::<kind::Radio>().await;
    refuses_all_others::<kind::Dish>().await;
    refuses_all_others::<kind::Scatter>().await;
    refuses_all_others::<kind::Gather>().await;
    refuses_all_others::<kind::Peer>().await;
    refuses_all_others::<kind::Channel>().await;
}

async fn refuses_all_others<K: Kind>() {
    let ours = K::KIND.name();
    // A socket that has one peer at a time introduces itself last.
    let hears_first = matches!(ours, "PAIR" | "CHANNEL");
    for theirs in NAMES {
        let socket = Socket::<K>::new();
        let mut monitor = socket.monitor();
        let endpoint = socket.bind("tcp://127.0.0.1:0").await.expect("a free port");
        let mut raw = Raw::connect(&endpoint).await;
        raw.say(&[greeting(), ready(theirs)].concat()).await;
        raw.expect(&greeting()).await;
        if accepted_by(ours).contains(&theirs) {
            raw.expect(&ready(ours)).await;
            handshake(&mut monitor).await;
            continue;
        }
        if !hears_first {
            raw.expect(&ready(ours)).await;
        }
        let told = format!("wrong socket type for a {ours}");
        let error = command("ERROR", &[&[told.len() as u8], told.as_bytes()].concat());
        assert_eq!(raw.end().await, error, "{ours} and {theirs}");
        let reason = event(&mut monitor, "a refusal", |event| match event {
            Event::HandshakeFailed { reason, .. } => Some(reason.clone()),
            Event::HandshakeDone { .. } => panic!("a {ours} let a {theirs} in"),
            _ => None,
        })
        .await;
        let expected = ProtocolError::Kind {
            ours: K::KIND,
            theirs: theirs.to_owned(),
        };
        assert_eq!(reason, DisconnectReason::Protocol(expected));
        assert_eq!(socket.peers().count(), 0);
    }
}
