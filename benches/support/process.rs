//! The processes of a measurement and the lines they exchange with the runner.
//!
//! ```text
//!  runner ── starts ──▶ binding process ── "endpoint tcp://127.0.0.1:49153" ──▶ runner
//!  runner ── starts, with the endpoint in the environment ──▶ connecting process
//!  runner ── "mark" ──▶ either process ── "mark <ns> <CPU ns> <count>" ──▶ runner
//!  either process ── "failed <reason>" ──▶ runner
//!  latency: asking process ── "warm", then "rtt <p50> <p90> <p99> <p99.9> <count>" ──▶ runner
//! ```
//! A process ends when its standard input does, so none outlives the runner; the runner kills them when it has
//! what it wants. Contestants do not close their sockets: how fast they close is not measured here.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use super::case::{Case, PATIENCE, ipc_path_of};
use super::contestant::Contestant;
use super::{Failure, counters};

const ROLE: &str = "HUBLESS_BENCH_ROLE";
const CASE: &str = "HUBLESS_BENCH_CASE";
const CONTESTANT: &str = "HUBLESS_BENCH_CONTESTANT";
const ENDPOINT: &str = "HUBLESS_BENCH_ENDPOINT";

/// What a process does in a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Send,
    Receive,
    /// Both ends of an in-process transfer.
    SendAndReceive,
    Ask,
    Answer,
    /// Both ends of in-process round trips.
    AskAndAnswer,
}

impl Role {
    const ALL: [(Role, &'static str); 6] = [
        (Role::Send, "send"),
        (Role::Receive, "receive"),
        (Role::SendAndReceive, "send-and-receive"),
        (Role::Ask, "ask"),
        (Role::Answer, "answer"),
        (Role::AskAndAnswer, "ask-and-answer"),
    ];

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(role, _)| *role == self)
            .expect("ALL lists every role")
            .1
    }
}

/// One moment of a process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark {
    /// Since the process began.
    pub time: Duration,
    /// CPU time used, user and system, all threads.
    pub cpu: Duration,
    /// Messages sent or received.
    pub count: u64,
}

// ---- the runner's end ----

/// A running process of a measurement; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: std::process::Child,
    orders: ChildStdin,
    lines: Receiver<String>,
    role: Role,
}

impl Process {
    /// Executes this program again in the given role.
    pub fn start(
        role: Role,
        case: &Case,
        contestant: Contestant,
        endpoint: Option<&str>,
    ) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .env(ROLE, role.name())
            .env(CASE, case.to_string())
            .env(CONTESTANT, contestant.name())
            .env(ENDPOINT, endpoint.unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(orders), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the pipes just asked for are missing".into());
        };
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            child,
            orders,
            lines,
            role,
        })
    }

    /// Waits for a line that begins with `word` and returns the rest of it.
    pub fn line(&self, word: &str) -> Result<String, Failure> {
        let line = self
            .lines
            .recv_timeout(PATIENCE)
            .map_err(|_| format!("the {} process did not say {word:?}", self.role.name()))?;
        match line.split_once(' ').unwrap_or((&line, "")) {
            (first, rest) if first == word => Ok(rest.to_owned()),
            ("failed", reason) => Err(format!("{} process: {reason}", self.role.name()).into()),
            _ => Err(format!(
                "the {} process said {line:?} instead of {word:?}",
                self.role.name()
            )
            .into()),
        }
    }

    /// Where a binding process listens.
    pub fn endpoint(&self) -> Result<String, Failure> {
        self.line("endpoint")
    }

    /// Asks for a mark.
    pub fn mark(&mut self) -> Result<Mark, Failure> {
        // A process that has gone has said why before.
        let _ = self.orders.write_all(b"mark\n");
        let line = self.line("mark")?;
        let mut numbers = line.split(' ').map(str::parse::<u64>);
        let mut number = || {
            numbers
                .next()
                .ok_or("a mark has three numbers")?
                .map_err(Failure::from)
        };
        Ok(Mark {
            time: Duration::from_nanos(number()?),
            cpu: Duration::from_nanos(number()?),
            count: number()?,
        })
    }

    /// Waits until the process has counted this far.
    pub fn wait_for_count(&mut self, count: u64) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.mark()?.count;
            if found >= count {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("only {found} of {count} messages came while warming up").into());
            }
            thread::sleep(Duration::from_millis(2)); // leaves the CPUs to those who warm up
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Errors mean that it has already gone, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(ipc_path_of(self.child.id()));
    }
}

// ---- the process's end ----

/// If this process was started by a runner: plays its role in one of `cases` and does not return.
pub fn play_role(cases: &[Case]) {
    let Ok(role) = std::env::var(ROLE) else { return };
    answer_orders();
    fail(play(&role, cases));
}

/// Ends this process; the runner is told why. Without a reason it says that the contestant has stopped, which
/// none should.
pub fn fail(ended: Result<(), Failure>) -> ! {
    let reason = ended.err().unwrap_or_else(|| "stopped by itself".into());
    println!("failed {reason}");
    std::process::exit(1);
}

fn play(role: &str, cases: &[Case]) -> Result<(), Failure> {
    let (case, contestant) = (std::env::var(CASE)?, std::env::var(CONTESTANT)?);
    let case = cases
        .iter()
        .find(|known| known.to_string() == case)
        .ok_or("unknown case")?;
    let contestant = Contestant::by_name(&contestant).ok_or("unknown contestant")?;
    let (role, _) = *Role::ALL
        .iter()
        .find(|(_, name)| *name == role)
        .ok_or("unknown role")?;
    if case.one_cpu {
        peers::process::pin_to_cpu(0)?;
    }
    peers::process::allow_many_files()?;
    let side = contestant.side();
    match role {
        Role::Send => side.send(case),
        Role::Receive => side.receive(case),
        Role::SendAndReceive => side.send_and_receive(case),
        Role::Ask => side.ask(case),
        Role::Answer => side.answer(case),
        Role::AskAndAnswer => side.ask_and_answer(case),
    }
}

/// Tells the runner where this process listens.
pub fn tell_endpoint(endpoint: &str) {
    println!("endpoint {endpoint}");
}

/// The endpoint that the other process has bound.
pub fn endpoint() -> Result<String, Failure> {
    Ok(std::env::var(ENDPOINT)?)
}

/// Answers "mark" lines from a thread of its own, and ends the process with its standard input.
fn answer_orders() {
    let began = Instant::now();
    thread::spawn(move || {
        for order in io::stdin().lines().map_while(Result::ok) {
            if order == "mark" {
                let (count, time) = (counters::total(), began.elapsed());
                let cpu = peers::process::cpu_time();
                println!("mark {} {} {count}", time.as_nanos(), cpu.as_nanos());
            }
        }
        std::process::exit(0);
    });
}
