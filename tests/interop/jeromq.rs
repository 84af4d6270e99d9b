//! JeroMQ 0.3.6, which Debian has: a library of 2015 that speaks ZMTP 2.0, as libzmq 3.2 did, whose Java version it is. Each two
//! kinds that talk to each other, with our socket as the one that binds and as the one that connects. Over tcp: what it calls
//! ipc is tcp too.
//!
//! It takes a JDK, and the package `libjeromq-java`. Where these are not there the test says so and passes, unless
//! `HUBLESS_JEROMQ=required` is set, as `.ci/run` does. What the oldest libzmqs said is played again by `tests/conformance`.

use hubless::kind::Kind;
use hubless::{Builder, Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Socket, Sub, XPub, XSub};
use tokio::process::Command;
use tokio::time::timeout;

use crate::DEADLINE;
use crate::puppet::*;

macro_rules! with_each_pair {
    ($java:expr; $($ours:ident => $theirs:literal: $work:ident;)+) => {$(
        for we_bind in [true, false] {
            let what = format!("{} with {}, we bind: {we_bind}", stringify!($ours), $theirs);
            let work = async {
                let ours = meet::<_>($java, <$ours>::builder(), $theirs, we_bind).await;
                $work(ours, $java).await;
            };
            timeout(DEADLINE, work).await.unwrap_or_else(|_| panic!("{what}: it hangs"));
            println!("{what}: fine");
        }
    )+};
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_speaks_zmtp_2_with_jeromq() {
    let Some(mut java) = java().await else { return };
    with_each_pair! { &mut java;
        Push => "PULL": sends;
        Pull => "PUSH": receives;
        Pub => "SUB": publishes;
        Pub => "XSUB": publishes_to_xsub;
        Sub => "PUB": subscribes;
        Sub => "XPUB": subscribes_to_xpub;
        XPub => "SUB": publishes_upon_news;
        XPub => "XSUB": hears_a_subscription;
        XSub => "PUB": subscribes;
        XSub => "XPUB": subscribes_to_xpub;
        Req => "REP": asks;
        Req => "ROUTER": asks_a_router;
        Rep => "REQ": answers;
        Rep => "DEALER": answers_a_dealer;
        Dealer => "REP": asks_by_hand;
        Dealer => "DEALER": converses;
        Dealer => "ROUTER": converses_with_a_router;
        Router => "DEALER": routes;
        Router => "REQ": routes;
        Router => "ROUTER": routes_to_a_router;
        Pair => "PAIR": converses;
    }
}

/// A socket of ours that has met one of theirs, which speaks ZMTP 2.0.
async fn meet<K: Kind>(java: &mut Puppet, builder: Builder<K>, theirs: &str, we_bind: bool) -> Socket<K> {
    java.order(&format!("open {theirs}")).await;
    if theirs == "ROUTER" {
        java.name().await;
    }
    let ours = builder.build().expect("no contradiction");
    if we_bind {
        let at = ours.bind("tcp://127.0.0.1:*").await.expect("a free port");
        java.order(&format!("connect {at}")).await;
        ours.peers().at_least(1).await.expect("it is open");
    } else {
        let at = java.order("bind").await;
        ours.connect(&at)
            .expect("an endpoint")
            .await
            .expect("we are let in");
    }
    let peer = ours.peers().list().pop().expect("it has come");
    assert_eq!(peer.version(), (2, 0));
    ours
}

const JAR: &str = "/usr/share/java/jeromq.jar";

/// A socket of JeroMQ. `None` where there is none, which is said.
async fn java() -> Option<Puppet> {
    let command = || {
        let mut java = Command::new("java");
        java.args(["-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", JAR]);
        java.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/Jeromq.java"));
        java
    };
    // It ends at once, since nobody tells it anything.
    found("JeroMQ", "HUBLESS_JEROMQ", run(&mut command()).await)?;
    Some(Puppet::start(&mut command()).await)
}
