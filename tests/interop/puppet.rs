//! A program in another language that has one socket of another library at a time and does what it is told, and what we do
//! with it.
//!
//! ```text
//! test ── "send 6869 -" ──▶ stdin   pyzmq.py, Jeromq.java: one socket   stdout ──▶ "ok"
//! ```

use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::process::Stdio;
use std::time::Duration;

use hubless::kind::{Kind, Receives, Sends};
use hubless::{Dealer, Frame, Message, Pub, Rep, Req, Router, RoutingId, Socket, Sub, XPub, XSub};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::DEADLINE;

/// What is there, or says why nothing is: which fails the test where `variable` says `required`, as `.ci/run` does.
pub(crate) fn found<T>(what: &str, variable: &str, found: Result<T, String>) -> Option<T> {
    found
        .inspect_err(|why| {
            let is_required = env::var_os(variable).is_some_and(|value| value == OsStr::new("required"));
            assert!(!is_required, "no {what}: {why}");
            println!("skipped, there is no {what}: {why}");
        })
        .ok()
}

pub(crate) async fn sends<K: Kind + Sends>(ours: Socket<K>, other: &mut Puppet) {
    for message in messages() {
        ours.send(&message).await.expect("it is open");
        assert_eq!(other.recv().await, message);
    }
    ours.close().await.expect("nothing is left");
}

pub(crate) async fn receives<K: Kind + Receives>(ours: Socket<K>, other: &mut Puppet) {
    for message in messages() {
        other.send(&message).await;
        assert_eq!(ours.recv().await.expect("it is open"), message);
    }
}

pub(crate) async fn converses<K: Kind + Sends + Receives>(ours: Socket<K>, other: &mut Puppet) {
    for message in messages() {
        ours.send(&message).await.expect("it is open");
        let answer = other.recv().await;
        assert_eq!(answer, message);
        other.send(&answer).await;
        assert_eq!(ours.recv().await.expect("it is open"), message);
    }
}

/// It names us in front, and so do we not.
pub(crate) async fn converses_with_a_router<K: Kind + Sends + Receives>(ours: Socket<K>, other: &mut Puppet) {
    for message in messages() {
        ours.send(&message).await.expect("it is open");
        let heard = other.recv().await;
        assert!(heard.iter().skip(1).eq(message.iter()));
        other.send(&heard).await;
        assert_eq!(ours.recv().await.expect("it is open"), message);
    }
}

pub(crate) async fn asks_a_router(mut ours: Req, other: &mut Puppet) {
    for message in messages() {
        let answering = async {
            let question = other.recv().await;
            assert!(
                question.iter().skip(2).eq(message.iter()),
                "behind our id and an empty frame"
            );
            other.send(&question).await;
        };
        let (answer, ()) = tokio::join!(ours.request(&message), answering);
        assert_eq!(answer.expect("the connection stays"), message);
    }
}

pub(crate) async fn routes(ours: Router, other: &mut Puppet) {
    for message in messages() {
        other.send(&message).await;
        let (from, heard) = ours.recv_from().await.expect("it is open");
        ours.send_to(&from, heard).await.expect("it is open");
        assert_eq!(other.recv().await, message);
    }
}

pub(crate) async fn hears_a_subscription(ours: XPub, other: &mut Puppet) {
    other.send(&Message::from(b"\x01a")).await;
    let news = ours.recv().await.expect("it is open");
    assert_eq!(news.as_subscription(), Some((true, &b"a"[..])));
    topical(&ours, other).await;
}

pub(crate) async fn publishes(ours: Pub, other: &mut Puppet) {
    other.subscribe("a").await;
    ours.subscribers().at_least(1).await.expect("it is open");
    topical(&ours, other).await;
}

pub(crate) async fn publishes_to_xsub(ours: Pub, other: &mut Puppet) {
    other.send(&Message::from(b"\x01a")).await;
    ours.subscribers().at_least(1).await.expect("it is open");
    topical(&ours, other).await;
}

pub(crate) async fn publishes_upon_news(ours: XPub, other: &mut Puppet) {
    other.subscribe("a").await;
    let news = ours.recv().await.expect("it is open");
    assert_eq!(news.as_subscription(), Some((true, &b"a"[..])));
    topical(&ours, other).await;
}

async fn topical<K: Kind + Sends>(ours: &Socket<K>, other: &mut Puppet) {
    for message in messages() {
        ours.send("z: for nobody").await.expect("it is open");
        ours.send(&with_topic(&message)).await.expect("it is open");
        assert_eq!(other.recv().await, with_topic(&message));
    }
}

pub(crate) async fn subscribes<K: Subscribes>(ours: Socket<K>, other: &mut Puppet) {
    K::subscribe(&ours, "a");
    // A PUB of theirs does not say who has subscribed.
    let question = Message::from("a: can you hear me?");
    while ours.recv_timeout(Duration::from_millis(10)).await.is_err() {
        other.send(&question).await;
    }
    for message in messages() {
        other.send(&with_topic(&message)).await;
        let mut received = ours.recv().await.expect("it is open");
        while received == question {
            received = ours.recv().await.expect("it is open");
        }
        assert_eq!(received, with_topic(&message));
    }
}

/// Its program is told of every subscription.
pub(crate) async fn subscribes_to_xpub<K: Subscribes>(ours: Socket<K>, other: &mut Puppet) {
    K::subscribe(&ours, "a");
    assert_eq!(other.recv().await, Message::from(b"\x01a"));
    for message in messages() {
        other.send(&with_topic(&message)).await;
        assert_eq!(ours.recv().await.expect("it is open"), with_topic(&message));
    }
}

pub(crate) trait Subscribes: Kind + Receives {
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

pub(crate) async fn asks(mut ours: Req, other: &mut Puppet) {
    for message in messages() {
        let answering = async {
            let question = other.recv().await;
            assert_eq!(question, message);
            other.send(&question).await;
        };
        let (answer, ()) = tokio::join!(ours.request(&message), answering);
        assert_eq!(answer.expect("the connection stays"), message);
    }
}

pub(crate) async fn answers(ours: Rep, other: &mut Puppet) {
    for message in messages() {
        other.send(&message).await;
        let request = ours.recv_request().await.expect("it is open");
        let question = request.message().clone();
        assert_eq!(question, message);
        request.reply(question).await.expect("it is open");
        assert_eq!(other.recv().await, message);
    }
}

/// Who asks by hand says where the names of those on the way end.
pub(crate) async fn asks_by_hand(ours: Dealer, other: &mut Puppet) {
    for message in messages() {
        ours.send(with_frame("", &message)).await.expect("it is open");
        let question = other.recv().await;
        assert_eq!(question, message);
        other.send(&question).await;
        assert_eq!(ours.recv().await.expect("it is open"), with_frame("", &message));
    }
}

/// They ask by hand, and get back what they put in front.
pub(crate) async fn answers_a_dealer(ours: Rep, other: &mut Puppet) {
    for message in messages() {
        let envelope = with_frame("hop", &with_frame("", &message));
        other.send(&envelope).await;
        let request = ours.recv_request().await.expect("it is open");
        assert_eq!(*request.message(), message);
        request.reply(message).await.expect("it is open");
        assert_eq!(other.recv().await, envelope);
    }
}

/// It was given a name, by which we begin; it answers by the one that it knows us by.
pub(crate) async fn routes_to_a_router(ours: Router, other: &mut Puppet) {
    let name = RoutingId::from(NAME);
    for message in messages() {
        ours.send_to(&name, &message).await.expect("it is there");
        let heard = other.recv().await;
        assert!(heard.iter().skip(1).eq(message.iter()));
        other.send(&heard).await;
        let answer = ours.recv_from().await.expect("it is open");
        assert_eq!(answer, (name.clone(), message));
    }
}

/// The name of a ROUTER of theirs.
pub(crate) const NAME: &str = "theirs";

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
    with_frame("a", message)
}

fn with_frame(first: &'static str, message: &Message) -> Message {
    let frames = std::iter::once(first.as_bytes()).chain(message.iter());
    let frames: Vec<_> = frames.map(|frame| Frame::from(frame.to_vec())).collect();
    Message::try_from(frames).expect("there is a frame")
}

// ---- the process ----------------------------------------------------------------------------------------

/// A process that has one socket at a time and does what it is told.
pub(crate) struct Puppet {
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Puppet {
    pub(crate) async fn start(command: &mut Command) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it was run before");
        let orders = process.stdin.take().expect("it is piped");
        let answers = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let mut puppet = Self {
            orders,
            answers,
            _process: process,
        };
        println!("{}", puppet.answer("its start").await);
        puppet
    }

    /// Has it do something; gives what came of it.
    pub(crate) async fn order(&mut self, order: &str) -> String {
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

    pub(crate) async fn send(&mut self, message: &Message) {
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

    pub(crate) async fn recv(&mut self) -> Message {
        let answer = self.order("recv").await;
        let frames = answer.split(' ').map(|frame| {
            let digits = frame.trim_matches('-');
            let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("two digits");
            Frame::from((0..digits.len() / 2).map(byte).collect::<Vec<_>>())
        });
        Message::try_from(frames.collect::<Vec<_>>()).expect("there is a frame")
    }

    pub(crate) async fn subscribe(&mut self, prefix: &str) {
        self.order(&format!("subscribe {}", digits(prefix))).await;
    }

    /// Has its socket be called [`NAME`].
    pub(crate) async fn name(&mut self) {
        self.order(&format!("name {}", digits(NAME))).await;
    }
}

fn digits(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// How long a program may take that brings another one here.
const INSTALLING: Duration = Duration::from_secs(120);

/// Has a program do its work, and says what it says where it cannot.
pub(crate) async fn run(command: &mut Command) -> Result<(), String> {
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
