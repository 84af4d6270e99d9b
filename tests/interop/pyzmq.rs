//! pyzmq, the library of most programs that speak ZMTP: each two kinds that talk to each other and are in its wheels, which
//! have no draft kinds (those are tried with libzmq itself), with NULL, PLAIN and CURVE, over tcp and ipc, with our socket as
//! the one that binds and as the one that connects; messages of one frame and of three, of up to 70 kB each. STREAM has
//! neither mechanisms nor ipc. Who binds is the mechanism's server, but for REQ.
//!
//! It takes a Python with pyzmq: `target/pyzmq`, which is made at the first run and kept. Where that cannot be done these
//! tests say why and pass, unless `HUBLESS_PYZMQ=required` is set, as `.ci/run` does.

use std::path::PathBuf;

use hubless::curve::{AllowList, KeyPair};
use hubless::kind::Kind;
use hubless::{
    Curve, Dealer, Mechanism, Message, Pair, Plain, PlainUsers, Pub, Pull, Push, Rep, Req, Router, Socket,
    StreamEvent, StreamSocket, Sub, XPub, XSub,
};
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::DEADLINE;
use crate::puppet::*;
use crate::raw::{heard_here, heard_there};

/// What each test does: a pair of kinds, ours first, and how it is seen that they understand each other.
macro_rules! with_each_pair {
    ($python:expr, $place:expr) => {
        with_each_pair! { $python, $place;
            Push => "PULL": sends;
            Pull => "PUSH": receives;
            Pub => "SUB": publishes;
            Pub => "XSUB": publishes_to_xsub;
            Sub => "PUB": subscribes;
            Sub => "XPUB": subscribes_to_xpub;
            XSub => "PUB": subscribes;
            XPub => "SUB": publishes_upon_news;
            XSub => "XPUB": subscribes_to_xpub;
            Req => "REP": asks;
            Rep => "REQ": answers;
            Rep => "DEALER": answers_a_dealer;
            Dealer => "REP": asks_by_hand;
            XPub => "XSUB": hears_a_subscription;
            Pair => "PAIR": converses;
            Dealer => "DEALER": converses;
            Dealer => "ROUTER": converses_with_a_router;
            Req => "ROUTER": asks_a_router;
            Router => "DEALER": routes;
            Router => "REQ": routes;
            Router => "ROUTER": routes_to_a_router;
        }
    };
    ($python:expr, $place:expr; $($ours:ident => $theirs:literal: $work:ident;)+) => {$(
        for we_bind in [true, false] {
            let what = format!("{} with {} over {}, we bind: {we_bind}", stringify!($ours), $theirs, $place.over);
            let work = async {
                let ours = $place.meet::<_>($python, <$ours>::builder(), $theirs, we_bind).await;
                $work(ours, $python).await;
            };
            timeout(DEADLINE, work).await.unwrap_or_else(|_| panic!("{what}: it hangs"));
            println!("{what}: fine");
        }
    )+};
}

// ---- where they meet -----------------------------------------------------------------------------------

/// How both sides come to trust each other.
#[derive(Debug, Clone, Copy)]
enum With {
    Null,
    Plain,
    Curve,
}

struct Place {
    over: &'static str,
    with: With,
}

impl Place {
    /// A socket of ours that has met one of theirs of this kind.
    async fn meet<K: Kind>(
        &self,
        python: &mut Puppet,
        builder: hubless::Builder<K>,
        theirs: &str,
        we_bind: bool,
    ) -> Socket<K> {
        python.order(&format!("open {theirs}")).await;
        if theirs == "ROUTER" {
            python.name().await;
        }
        // libzmq hands the user id of a ZAP handler on as a message, which its own REQ takes for a broken reply: so a REQ
        // of theirs is never the server.
        let mechanism = self.trust(python, we_bind || theirs == "REQ").await;
        let ours = builder.mechanism(mechanism).build().expect("no contradiction");
        let any = match self.over {
            "tcp" => "tcp://127.0.0.1:*",
            _ => "ipc://*",
        };
        if we_bind {
            let at = ours.bind(any).await.expect("a free endpoint");
            python.order(&format!("connect {at}")).await;
            ours.peers().at_least(1).await.expect("it is open");
        } else {
            let at = python.order(&format!("bind {any}")).await;
            ours.connect(&at)
                .expect("an endpoint")
                .await
                .expect("we are let in");
        }
        ours
    }

    /// Sets their mechanism, and says ours.
    async fn trust(&self, python: &mut Puppet, we_serve: bool) -> Mechanism {
        let pair = || KeyPair::generate().expect("there is randomness");
        let (ours, theirs) = (pair(), pair());
        let their_secret = theirs.secret_key().expose_text();
        let (order, mechanism) = match (self.with, we_serve) {
            (With::Null, _) => return Mechanism::default(),
            (With::Plain, true) => (
                "plain_client ann pw".to_owned(),
                Plain::server(PlainUsers::new().with("ann", "pw")),
            ),
            (With::Plain, false) => ("plain_server ann pw".to_owned(), Plain::client("ann", "pw")),
            (With::Curve, true) => (
                format!(
                    "curve_client {} {} {}",
                    ours.public_key(),
                    theirs.public_key(),
                    *their_secret
                ),
                Curve::server(ours).allow(AllowList::from([theirs.public_key()])),
            ),
            (With::Curve, false) => (
                format!("curve_server {} {}", *their_secret, ours.public_key()),
                Curve::client(theirs.public_key(), ours),
            ),
        };
        python.order(&order).await;
        mechanism
    }
}

async fn each_pair(python: &mut Puppet, place: Place) {
    with_each_pair! { python, place }
}

macro_rules! everywhere {
    ($($name:ident: $over:literal, $with:ident;)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let Some(mut python) = python().await else { return };
            let place = Place { over: $over, with: With::$with };
            each_pair(&mut python, place).await;
        }
    )+};
}

everywhere! {
    each_kind_speaks_with_pyzmq_over_tcp: "tcp", Null;
    each_kind_speaks_with_pyzmq_over_ipc: "ipc", Null;
    each_kind_speaks_with_pyzmq_over_tcp_with_plain: "tcp", Plain;
    each_kind_speaks_with_pyzmq_over_ipc_with_plain: "ipc", Plain;
    each_kind_speaks_with_pyzmq_over_tcp_with_curve: "tcp", Curve;
    each_kind_speaks_with_pyzmq_over_ipc_with_curve: "ipc", Curve;
}

/// Bytes as they come, in pieces of any size.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_exchanges_bytes_with_pyzmq() {
    let Some(mut python) = python().await else { return };
    let place = Place {
        over: "tcp",
        with: With::Null,
    };
    for we_bind in [true, false] {
        let ours: StreamSocket = place
            .meet(&mut python, StreamSocket::builder(), "STREAM", we_bind)
            .await;
        let (peer, event) = ours.recv_from().await.expect("it is open");
        assert_eq!(event, StreamEvent::Connected);
        let came = python.recv().await;
        let id = came.frame(0).expect("the id of our end").to_vec();
        assert_eq!(came.frame(1), Some(&b""[..]));
        for size in [1, 255, 8193, 70_000] {
            let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            ours.send_to(&peer, &bytes).await.expect("it is there");
            let got = heard_there(async || python.recv().await, &id, size).await;
            assert!(got == bytes, "{size} bytes from us");
            python.send(&Message::from((id.clone(), bytes.clone()))).await;
            let got = heard_here(&ours, &peer, size).await;
            assert!(got == bytes, "{size} bytes from them");
        }
    }
}

// ---- Python --------------------------------------------------------------------------------------------

/// A socket of pyzmq. `None` where there is no pyzmq, which is said.
async fn python() -> Option<Puppet> {
    static FOUND: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    let python = found("pyzmq", "HUBLESS_PYZMQ", FOUND.get_or_init(find).await.clone())?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/pyzmq.py");
    Some(Puppet::start(Command::new(python).arg(script)).await)
}

/// A Python that has pyzmq: the one that was made before, the system's, or one that is made now.
async fn find() -> Result<PathBuf, String> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let place = target.parent().unwrap_or(&target).join("pyzmq");
    let made = place.join("bin/python");
    for python in [&made, &PathBuf::from("python3")] {
        if run(Command::new(python).args(["-c", "import zmq.auth"]))
            .await
            .is_ok()
        {
            return Ok(python.clone());
        }
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&place))
    .await?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--only-binary",
        ":all:",
        "pyzmq>=26,<28",
    ];
    run(Command::new(&made).args(pip)).await?;
    Ok(made)
}
