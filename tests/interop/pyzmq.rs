//! pyzmq, the library of most programs that speak ZMTP: each kind with NULL, PLAIN and CURVE, over tcp and ipc, with our
//! socket as the one that binds and as the one that connects. Who binds is the mechanism's server, but for REQ.
//!
//! ```text
//! test ── "send 6869 -" ──▶ stdin   pyzmq.py: one socket   stdout ──▶ "ok"
//! ```
//!
//! It takes a Python with pyzmq: `target/pyzmq`, which is made at the first run and kept. Where that cannot be done these
//! tests say why and pass, unless `HUBLESS_PYZMQ=required` is set, as `.ci/run` does.

use std::env;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use hubless::curve::{AllowList, KeyPair};
use hubless::kind::{Kind, Receives, Sends};
use hubless::{
    Curve, Dealer, Frame, Mechanism, Message, Pair, Plain, PlainUsers, Pub, Pull, Push, Rep, Req, Router,
    Socket, Sub, XPub, XSub,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::DEADLINE;

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
            XPub => "SUB": publishes_upon_news;
            XSub => "XPUB": subscribes_to_xpub;
            Req => "REP": asks;
            Rep => "REQ": answers;
            XPub => "XSUB": hears_a_subscription;
            Pair => "PAIR": converses;
            Dealer => "DEALER": converses;
            Dealer => "ROUTER": converses_with_a_router;
            Req => "ROUTER": asks_a_router;
            Router => "DEALER": routes;
            Router => "REQ": routes;
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

async fn sends<K: Kind + Sends>(ours: Socket<K>, python: &mut Python) {
    for message in messages() {
        ours.send(&message).await.expect("it is open");
        assert_eq!(python.recv().await, message);
    }
    ours.close().await.expect("nothing is left");
}

async fn receives<K: Kind + Receives>(ours: Socket<K>, python: &mut Python) {
    for message in messages() {
        python.send(&message).await;
        assert_eq!(ours.recv().await.expect("it is open"), message);
    }
}

async fn converses<K: Kind + Sends + Receives>(ours: Socket<K>, python: &mut Python) {
    for message in messages() {
        ours.send(&message).await.expect("it is open");
        let answer = python.recv().await;
        assert_eq!(answer, message);
        python.send(&answer).await;
        assert_eq!(ours.recv().await.expect("it is open"), message);
    }
}

/// It names us in front, and so do we not.
async fn converses_with_a_router<K: Kind + Sends + Receives>(ours: Socket<K>, python: &mut Python) {
    for message in messages() {
        ours.send(&message).await.expect("it is open");
        let heard = python.recv().await;
        assert!(heard.iter().skip(1).eq(message.iter()));
        python.send(&heard).await;
        assert_eq!(ours.recv().await.expect("it is open"), message);
    }
}

async fn asks_a_router(mut ours: Req, python: &mut Python) {
    for message in messages() {
        let answering = async {
            let question = python.recv().await;
            assert!(
                question.iter().skip(2).eq(message.iter()),
                "behind our id and an empty frame"
            );
            python.send(&question).await;
        };
        let (answer, ()) = tokio::join!(ours.request(&message), answering);
        assert_eq!(answer.expect("the connection stays"), message);
    }
}

async fn routes(ours: Router, python: &mut Python) {
    for message in messages() {
        python.send(&message).await;
        let (from, heard) = ours.recv_from().await.expect("it is open");
        ours.send_to(&from, heard).await.expect("it is open");
        assert_eq!(python.recv().await, message);
    }
}

async fn hears_a_subscription(ours: XPub, python: &mut Python) {
    python.send(&Message::from(b"\x01a")).await;
    let news = ours.recv().await.expect("it is open");
    assert_eq!(news.as_subscription(), Some((true, &b"a"[..])));
    topical(&ours, python).await;
}

async fn publishes(ours: Pub, python: &mut Python) {
    python.subscribe("a").await;
    ours.subscribers().at_least(1).await.expect("it is open");
    topical(&ours, python).await;
}

async fn publishes_to_xsub(ours: Pub, python: &mut Python) {
    python.send(&Message::from(b"\x01a")).await;
    ours.subscribers().at_least(1).await.expect("it is open");
    topical(&ours, python).await;
}

async fn publishes_upon_news(ours: XPub, python: &mut Python) {
    python.subscribe("a").await;
    let news = ours.recv().await.expect("it is open");
    assert_eq!(news.as_subscription(), Some((true, &b"a"[..])));
    topical(&ours, python).await;
}

async fn topical<K: Kind + Sends>(ours: &Socket<K>, python: &mut Python) {
    for message in messages() {
        ours.send("z: for nobody").await.expect("it is open");
        ours.send(&with_topic(&message)).await.expect("it is open");
        assert_eq!(python.recv().await, with_topic(&message));
    }
}

async fn subscribes(ours: Sub, python: &mut Python) {
    ours.subscribe("a");
    // A PUB of theirs does not say who has subscribed.
    let question = Message::from("a: can you hear me?");
    while ours.recv_timeout(Duration::from_millis(10)).await.is_err() {
        python.send(&question).await;
    }
    for message in messages() {
        python.send(&with_topic(&message)).await;
        let mut received = ours.recv().await.expect("it is open");
        while received == question {
            received = ours.recv().await.expect("it is open");
        }
        assert_eq!(received, with_topic(&message));
    }
}

/// Its program is told of every subscription.
async fn subscribes_to_xpub<K: Subscribes>(ours: Socket<K>, python: &mut Python) {
    K::subscribe(&ours, "a");
    assert_eq!(python.recv().await, Message::from(b"\x01a"));
    for message in messages() {
        python.send(&with_topic(&message)).await;
        assert_eq!(ours.recv().await.expect("it is open"), with_topic(&message));
    }
}

trait Subscribes: Kind + Receives {
    fn subscribe(socket: &Socket<Self>, prefix: &str)
    where
        Self: Sized;
}

impl Subscribes for hubless::kind::Sub {
    fn subscribe(socket: &Sub, prefix: &str) {
        socket.subscribe(prefix);
    }
}

impl Subscribes for hubless::kind::XSub {
    fn subscribe(socket: &XSub, prefix: &str) {
        socket.subscribe(prefix);
    }
}

async fn asks(mut ours: Req, python: &mut Python) {
    for message in messages() {
        let answering = async {
            let question = python.recv().await;
            assert_eq!(question, message);
            python.send(&question).await;
        };
        let (answer, ()) = tokio::join!(ours.request(&message), answering);
        assert_eq!(answer.expect("the connection stays"), message);
    }
}

async fn answers(ours: Rep, python: &mut Python) {
    for message in messages() {
        python.send(&message).await;
        let request = ours.recv_request().await.expect("it is open");
        let question = request.message().clone();
        assert_eq!(question, message);
        request.reply(question).await.expect("it is open");
        assert_eq!(python.recv().await, message);
    }
}

/// Around the sizes at which something changes on the wire, in CURVE, and in our buffers; one frame and three.
fn messages() -> impl Iterator<Item = Message> {
    [0, 1, 222, 223, 255, 256, 8193, 70_000]
        .into_iter()
        .flat_map(|size| {
            [1, 3].into_iter().map(move |count| {
                let frames = (b'b'..).take(count).map(|byte| Frame::from(vec![byte; size]));
                Message::try_from(frames.collect::<Vec<_>>()).expect("there is a frame")
            })
        })
}

fn with_topic(message: &Message) -> Message {
    let frames = std::iter::once(&b"a"[..]).chain(message.iter());
    Message::try_from(
        frames
            .map(|frame| Frame::from(frame.to_vec()))
            .collect::<Vec<_>>(),
    )
    .expect("there is a frame")
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
        python: &mut Python,
        builder: hubless::Builder<K>,
        theirs: &str,
        we_bind: bool,
    ) -> Socket<K> {
        python.order(&format!("open {theirs}")).await;
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
    async fn trust(&self, python: &mut Python, we_serve: bool) -> Mechanism {
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

async fn each_pair(python: &mut Python, place: Place) {
    with_each_pair! { python, place }
}

macro_rules! everywhere {
    ($($name:ident: $over:literal, $with:ident;)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let Some(mut python) = Python::start().await else { return };
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

// ---- Python --------------------------------------------------------------------------------------------

/// A process that has one socket at a time and does what it is told.
struct Python {
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Python {
    /// `None` where there is no pyzmq, which is said.
    async fn start() -> Option<Self> {
        static FOUND: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
        let python = match FOUND.get_or_init(find).await {
            Ok(python) => python,
            Err(why) => {
                let is_required = env::var_os("HUBLESS_PYZMQ").is_some_and(|value| value == "required");
                assert!(!is_required, "no pyzmq: {why}");
                println!("skipped, there is no pyzmq: {why}");
                return None;
            }
        };
        let mut process = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/pyzmq.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it was run before");
        let orders = process.stdin.take().expect("it is piped");
        let answers = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let mut python = Self {
            orders,
            answers,
            _process: process,
        };
        println!("{}", python.answer("its start").await);
        Some(python)
    }

    /// Has it do something; gives what came of it.
    async fn order(&mut self, order: &str) -> String {
        let line = format!("{order}\n");
        self.orders.write_all(line.as_bytes()).await.expect("it listens");
        self.answer(order.split(' ').next().unwrap_or_default()).await
    }

    async fn answer(&mut self, order: &str) -> String {
        let line = timeout(DEADLINE, self.answers.next_line()).await;
        let line = line.expect("it answers").expect("it is readable");
        let line = line.expect("it lives");
        match line.strip_prefix("ok") {
            Some(answer) => answer.trim_start().to_owned(),
            None => panic!("{order}: {line}"),
        }
    }

    async fn send(&mut self, message: &Message) {
        let mut order = "send".to_owned();
        for frame in message {
            order.push(' ');
            if frame.is_empty() {
                order.push('-');
            }
            for byte in frame {
                write!(order, "{byte:02x}").expect("text takes everything");
            }
        }
        self.order(&order).await;
    }

    async fn recv(&mut self) -> Message {
        let answer = self.order("recv").await;
        let frames = answer.split(' ').map(|frame| {
            let digits = frame.trim_matches('-');
            let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("two digits");
            Frame::from((0..digits.len() / 2).map(byte).collect::<Vec<_>>())
        });
        Message::try_from(frames.collect::<Vec<_>>()).expect("there is a frame")
    }

    async fn subscribe(&mut self, prefix: &str) {
        let digits: String = prefix.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.order(&format!("subscribe {digits}")).await;
    }
}

/// How long the network may take, once.
const INSTALLING: Duration = Duration::from_secs(120);

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

async fn run(command: &mut Command) -> Result<(), String> {
    let command = command.stdin(Stdio::null()).kill_on_drop(true);
    let what = format!("{:?}", command.as_std());
    let output = timeout(INSTALLING, command.output()).await;
    let output = output
        .map_err(|_| format!("{what} takes too long"))?
        .map_err(|error| format!("{what}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{what}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}
