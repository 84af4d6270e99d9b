//! The processes of a measurement and the lines they exchange with the runner.
//!
//! ```text
//!  runner ── starts ──▶ binding process ── "endpoint tcp://127.0.0.1:49153" ──▶ runner
//!  runner ── starts, with the endpoint in the environment ──▶ connecting process
//!  runner ── "mark" ──▶ any process ── "mark <ns> <CPU ns> <count>" ──▶ runner
//!  runner ── "lanes" ──▶ any process ── "lanes <count> <count> …" ──▶ runner
//!  runner ── another word ──▶ a process that waits for it
//!  any process ── "failed <reason>" ──▶ runner
//!  latency: asking process ── "warm", then "rtt <p50> <p90> <p99> <p99.9>" ──▶ runner
//! ```
//! A process ends when its standard input does, so none outlives the runner; the runner kills them when it has
//! what it wants. Contestants do not close their sockets: how fast they close is not measured here.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::str::FromStr;
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::case::{PATIENCE, ipc_path_of};
use super::{Failure, counters};

const ROLE: &str = "HUBLESS_BENCH_ROLE";
const DETAIL: &str = "HUBLESS_BENCH_DETAIL_";

/// What a process is told to be: a name that the program knows, and what it needs to know besides.
#[derive(Debug, Clone)]
pub struct Role {
    name: &'static str,
    details: Vec<(&'static str, String)>,
}

impl Role {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            details: Vec::new(),
        }
    }

    /// The process finds this with [`detail`].
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.details.push((name, value.to_string()));
        self
    }

    /// Where another process listens: [`endpoint`].
    pub fn to(self, endpoint: &str) -> Self {
        self.with("endpoint", endpoint)
    }

    /// Executes this program again, in this role.
    pub fn start(&self) -> Result<Process, Failure> {
        let details = self.details.iter();
        let mut child = Command::new(std::env::current_exe()?)
            .env(ROLE, self.name)
            .envs(details.map(|(name, value)| (format!("{DETAIL}{name}"), value)))
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
        Ok(Process {
            child,
            orders,
            lines,
            role: self.name,
        })
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

/// What a process did between two marks, per second.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How much was counted.
    pub rate: f64,
    /// CPU seconds.
    pub cpu: f64,
}

impl Mark {
    pub fn since(self, before: Self) -> Pace {
        let seconds = (self.time - before.time).as_secs_f64();
        Pace {
            rate: (self.count - before.count) as f64 / seconds,
            cpu: (self.cpu - before.cpu).as_secs_f64() / seconds,
        }
    }
}

// ---- the runner's end ----

/// A running process of a measurement; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: std::process::Child,
    orders: ChildStdin,
    lines: mpsc::Receiver<String>,
    role: &'static str,
}

impl Process {
    /// Waits for a line that begins with `word` and returns the rest of it.
    pub fn line(&self, word: &str) -> Result<String, Failure> {
        let line = self
            .lines
            .recv_timeout(PATIENCE)
            .map_err(|_| format!("the {} process did not say {word:?}", self.role))?;
        match line.split_once(' ').unwrap_or((&line, "")) {
            (first, rest) if first == word => Ok(rest.to_owned()),
            ("failed", reason) => Err(format!("{} process: {reason}", self.role).into()),
            _ => Err(format!("the {} process said {line:?} instead of {word:?}", self.role).into()),
        }
    }

    /// Where a binding process listens.
    pub fn endpoint(&self) -> Result<String, Failure> {
        self.line("endpoint")
    }

    /// Says a word that the process waits for: [`wait_for_order`].
    pub fn order(&mut self, word: &str) {
        // A process that has gone has said why before.
        let _ = writeln!(self.orders, "{word}");
    }

    /// Asks for a mark.
    pub fn mark(&mut self) -> Result<Mark, Failure> {
        self.order("mark");
        match numbers(&self.line("mark")?)?[..] {
            [time, cpu, count] => Ok(Mark {
                time: Duration::from_nanos(time),
                cpu: Duration::from_nanos(cpu),
                count,
            }),
            _ => Err("a mark has three numbers".into()),
        }
    }

    /// Asks for what was counted in each lane.
    pub fn lanes(&mut self) -> Result<Vec<u64>, Failure> {
        self.order("lanes");
        numbers(&self.line("lanes")?)
    }

    /// Waits until the process has counted this far.
    pub fn wait_for_count(&mut self, count: u64) -> Result<(), Failure> {
        self.warm_up(count, |process| Ok(process.mark()?.count))
    }

    /// Waits until the process has counted this far in each of its first lanes.
    pub fn wait_for_lanes(&mut self, lanes: usize, count: u64) -> Result<(), Failure> {
        self.warm_up(count, |process| {
            Ok(process.lanes()?.into_iter().take(lanes).min().unwrap_or_default())
        })
    }

    fn warm_up(
        &mut self,
        count: u64,
        found: impl Fn(&mut Self) -> Result<u64, Failure>,
    ) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = found(self)?;
            if found >= count {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("only {found} of {count} messages came while warming up").into());
            }
            thread::sleep(Duration::from_millis(2)); // leaves the CPUs to those who warm up
        }
    }

    /// What the system calls it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory of the process's own, in bytes: without the pages of its program and libraries, of which every
    /// piece of code that runs for the first time brings in some, 1.3 MiB of them until a connection stands.
    pub fn resident(&self) -> Result<u64, Failure> {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id()))?;
        let mut pages = statm.split(' ').skip(1);
        let mut next = || pages.next().ok_or("statm has seven numbers");
        let (resident, of_files): (u64, u64) = (next()?.parse()?, next()?.parse()?);
        Ok(resident.saturating_sub(of_files) * peers::process::page_size())
    }
}

fn numbers(line: &str) -> Result<Vec<u64>, Failure> {
    Ok(line.split(' ').map(str::parse).collect::<Result<_, _>>()?)
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

/// If this process was started by a runner: plays its role and does not return.
pub fn play_role(play: impl FnOnce(&str) -> Result<(), Failure>) {
    let Ok(role) = std::env::var(ROLE) else { return };
    answer_orders();
    fail(
        peers::process::allow_many_files()
            .map_err(Failure::from)
            .and_then(|_| play(&role)),
    );
}

/// Ends this process; the runner is told why. Without a reason it says that the contestant has stopped, which
/// none should.
pub fn fail(ended: Result<(), Failure>) -> ! {
    let reason = ended.err().unwrap_or_else(|| "stopped by itself".into());
    println!("failed {reason}");
    std::process::exit(1);
}

/// What the runner said besides the role.
pub fn detail<T: FromStr>(name: &str) -> Result<T, Failure> {
    let value = std::env::var(format!("{DETAIL}{name}"))?;
    value
        .parse()
        .map_err(|_| format!("{name} cannot be {value:?}").into())
}

/// The endpoint that the other process has bound.
pub fn endpoint() -> Result<String, Failure> {
    detail("endpoint")
}

/// Tells the runner where this process listens.
pub fn tell_endpoint(endpoint: &str) {
    println!("endpoint {endpoint}");
}

/// Words of the runner that nobody has waited for yet.
static ORDERS: OnceLock<Mutex<mpsc::Receiver<String>>> = OnceLock::new();

/// Waits until the runner says `word`.
pub fn wait_for_order(word: &str) -> Result<(), Failure> {
    let orders = ORDERS.get().ok_or("no runner gives orders to this process")?;
    let order = orders.lock().unwrap_or_else(PoisonError::into_inner).recv()?;
    if order != word {
        return Err(format!("the runner said {order:?} instead of {word:?}").into());
    }
    Ok(())
}

/// Answers "mark" and "lanes" from a thread of its own, and ends the process with its standard input.
fn answer_orders() {
    let began = Instant::now();
    let (sender, orders) = mpsc::channel();
    let _ = ORDERS.set(Mutex::new(orders));
    thread::spawn(move || {
        for order in io::stdin().lines().map_while(Result::ok) {
            match order.as_str() {
                "mark" => {
                    let (count, time) = (counters::total(), began.elapsed());
                    let cpu = peers::process::cpu_time();
                    println!("mark {} {} {count}", time.as_nanos(), cpu.as_nanos());
                }
                "lanes" => {
                    let counts: Vec<_> = counters::lanes().map(|count| count.to_string()).collect();
                    println!("lanes {}", counts.join(" "));
                }
                // The receiver is static.
                _ => drop(sender.send(order)),
            }
        }
        std::process::exit(0);
    });
}
