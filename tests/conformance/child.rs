//! Processes of their own: what costs memory, descriptors or processor time is read off `/proc` of a process that
//! does nothing else.
//!
//! The test binary starts itself again with a role in its environment. The two talk in lines: a child says
//! `bound tcp://…`, `event …`, `message …`; it ends with its standard input.

use std::time::Duration;

use hubless::{Builder, Endpoint, Event, Monitor, Pull, Push, Socket, kind};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::again::{Again, MARK, program};
use crate::raw::{DEADLINE, soon};
use crate::vectors::frames;

const ROLE: &str = "HUBLESS_CONFORMANCE_ROLE";
const OPTIONS: &str = "HUBLESS_CONFORMANCE_OPTIONS";

/// Another process with a socket.
pub(crate) struct Child(Again);

impl Child {
    pub(crate) async fn new(role: &str, options: &str) -> Self {
        Self::start(&mut program(), role, options)
    }

    /// One that may have so many descriptors.
    pub(crate) async fn with_descriptors(most: u32, role: &str, options: &str) -> Self {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("ulimit -n {most} && exec \"$0\" \"$@\"")])
            .arg(program().as_std().get_program());
        Self::start(&mut shell, role, options)
    }

    fn start(command: &mut Command, role: &str, options: &str) -> Self {
        command.env(ROLE, role).env(OPTIONS, options);
        Self(Again::start(command, "child::plays_its_role"))
    }

    /// The rest of the next line that begins with `word` and contains `text`.
    pub(crate) async fn line(&mut self, word: &str, text: &str) -> String {
        soon(&format!("a line {word} … {text}"), async {
            loop {
                let line = self.0.lines.recv().await.expect("the child lives");
                let said = line.split_once(MARK).and_then(|(_, said)| said.split_once(' '));
                match said {
                    Some((first, rest)) if first == word && rest.contains(text) => return rest.to_owned(),
                    _ => {}
                }
            }
        })
        .await
    }

    pub(crate) async fn endpoint(&mut self, word: &str) -> Endpoint {
        self.line(word, "").await.parse().expect("an endpoint")
    }

    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(self.0.proc("fd"))
            .expect("the child lives")
            .count()
    }

    /// Resident memory that is its own, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.0.memory()
    }

    /// Processor time that it has used.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(self.0.proc("stat")).expect("the child lives");
        let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
        // From the third field on: utime and stime are the 14th and the 15th, in ticks of 10 ms.
        let ticks = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok());
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    /// Waits until it has taken so much memory.
    pub(crate) async fn grows_to(&self, memory: usize) {
        soon("a process to grow", async {
            while self.memory() < memory {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// Waits until no more than so much memory and so many descriptors are left.
    pub(crate) async fn settles(&self, memory: usize, descriptors: usize) {
        let settling = async {
            while self.memory() > memory || self.descriptors() > descriptors {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(DEADLINE, settling).await.is_err() {
            let (has, holds) = (self.memory() / 1024, self.descriptors());
            let memory = memory / 1024;
            panic!("{has} KiB of {memory} and {holds} descriptors of {descriptors} are left");
        }
    }
}

/// Says a line to the parent.
fn say(word: &str, rest: impl std::fmt::Display) {
    println!("{MARK}{word} {rest}");
}

/// Where a child begins; without a role there is nothing to do.
#[test]
fn plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let role = async {
            match role.as_str() {
                "pull" => pull().await,
                "idle" => idle().await,
                "unread" => unread().await,
                "push" => push().await,
                "dials" => dials().await,
                "crowd" => crowd().await,
                "bind" => match std::env::var(OPTIONS).as_deref() {
                    Ok("PULL") => bind::<kind::Pull>().await,
                    Ok("PUSH") => bind::<kind::Push>().await,
                    Ok("PUB") => bind::<kind::Pub>().await,
                    Ok("SUB") => bind::<kind::Sub>().await,
                    Ok("XPUB") => bind::<kind::XPub>().await,
                    Ok("REQ") => bind::<kind::Req>().await,
                    Ok("REP") => bind::<kind::Rep>().await,
                    other => panic!("no kind {other:?}"),
                },
                other => panic!("no role {other}"),
            }
        };
        tokio::select! {
            () = role => {}
            () = parent_has_gone() => {}
        }
    });
    runtime.shutdown_background();
}

async fn parent_has_gone() {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(_)) = lines.next_line().await {}
}

fn number(value: &str) -> usize {
    value.parse().expect("a number")
}

/// A builder as the options in the environment say.
fn configured(mut builder: Builder<kind::Pull>) -> Builder<kind::Pull> {
    let options = std::env::var(OPTIONS).unwrap_or_default();
    for option in options.split_whitespace() {
        builder = match option.split_once('=').expect("name=value") {
            ("max_pending_handshakes", value) => builder.max_pending_handshakes(number(value)),
            ("handshake_timeout", value) => {
                builder.handshake_timeout(Duration::from_secs(number(value) as u64))
            }
            ("recv_hwm", value) => builder.recv_hwm(number(value)),
            // Of those that dial.
            ("dial", _) => builder,
            (other, _) => panic!("no option {other}"),
        };
    }
    builder
}

/// A PULL that tells everything it sees.
async fn pull() {
    let (pull, mut monitor) = listening().await;
    let messages = async {
        while let Ok(message) = pull.recv().await {
            let frames = frames(&message);
            say("message", frames[0].escape_ascii());
        }
    };
    tokio::join!(tell(&mut monitor), messages);
}

/// A PULL that listens as the options say, and its monitor.
async fn listening() -> (Pull, Monitor) {
    let pull = configured(Pull::builder()).build().expect("no contradiction");
    let monitor = pull.monitor();
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    say("bound", at);
    (pull, monitor)
}

/// A PULL that receives nothing.
async fn idle() {
    let (_pull, mut monitor) = listening().await;
    tell(&mut monitor).await;
}

/// A PULL with a monitor that is not read, besides the one that tells.
async fn unread() {
    let (pull, mut monitor) = listening().await;
    let _unread = pull.monitor();
    tell(&mut monitor).await;
}

/// A PULL, and a PUSH that sends 64 KiB again and again, and says so when nothing moves any more.
async fn push() {
    let (_pull, mut monitor) = listening().await;
    let push = Push::new();
    let at = push.bind("tcp://127.0.0.1:*").await.expect("a free port");
    say("pushes", at);
    let sending = async {
        push.peers().at_least(1).await.expect("it is open");
        let body = vec![7; 64 * 1024];
        let mut refused = 0;
        while refused < 1000 {
            refused = match push.try_send(&body) {
                Ok(()) => 0,
                Err(_) => refused + 1,
            };
            tokio::task::yield_now().await;
        }
        say("stuck", "");
    };
    tokio::join!(tell(&mut monitor), sending);
}

/// Where to dial, and how often: `dial=tcp://…*100`.
fn dialed() -> (Endpoint, usize) {
    let options = std::env::var(OPTIONS).unwrap_or_default();
    let dial = options
        .split_whitespace()
        .find_map(|option| option.strip_prefix("dial="));
    let (endpoint, times) = dial
        .and_then(|dial| dial.rsplit_once('*'))
        .expect("dial=endpoint*times");
    (endpoint.parse().expect("an endpoint"), number(times))
}

/// Waits until somebody has been here for a second and said nothing, so that nothing is done for the first time later.
async fn warmed_up(monitor: &mut Monitor) {
    while let Some(event) = monitor.next().await {
        say("event", &event);
        if matches!(event, Event::HandshakeFailed { .. }) {
            break;
        }
    }
}

/// A PULL that also dials one endpoint many times.
async fn dials() {
    let (pull, mut monitor) = listening().await;
    let (endpoint, times) = dialed();
    warmed_up(&mut monitor).await;
    say("dialing", &endpoint);
    for _ in 0..times {
        pull.connect(&endpoint).expect("an endpoint");
    }
    tell(&mut monitor).await;
}

/// A PULL, and many PUSHes that dial one endpoint.
async fn crowd() {
    let (_pull, mut monitor) = listening().await;
    let (endpoint, times) = dialed();
    let pushes = std::iter::repeat_with(Push::new).take(times);
    let pushes: Vec<Push> = pushes.collect();
    for push in &pushes {
        push.connect(&endpoint).expect("an endpoint");
    }
    tell(&mut monitor).await;
}

/// A socket that listens, and does nothing else.
async fn bind<K: kind::Kind>() {
    let socket = Socket::<K>::new();
    let mut monitor = socket.monitor();
    let at = socket.bind("tcp://127.0.0.1:*").await.expect("a free port");
    say("bound", at);
    tell(&mut monitor).await;
}

async fn tell(monitor: &mut Monitor) {
    while let Some(event) = monitor.next().await {
        say("event", event);
    }
}
