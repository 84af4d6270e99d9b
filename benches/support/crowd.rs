//! A thousand connections that nothing is sent over, of either library: PUSH sockets in one process connect to the
//! one PULL of another.

use std::time::Duration;

use hubless::{Pull, Push, Tuning};
use peers::libzmq::{Context, EventKind, Monitor, SocketType, option};

use super::Failure;
use super::case::PATIENCE;
use super::contestant::{Contestant, Runtime, no_spin};
use super::process::{self, Process, Role};

/// How many come, to whom, and how.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    pub peers: usize,
    /// Each has a socket of its own; else one socket connects as often.
    pub own_sockets: bool,
    pub contestant: Contestant,
}

impl Crowd {
    /// Starts the process they come to. It tells where it listens, and says "complete" when all are there.
    pub fn gathers_at(&self, endpoint: &str) -> Result<Process, Failure> {
        self.role("gather").to(endpoint).start()
    }

    /// Starts the process they come from. It says "ready", and connects when it is told to "go".
    pub fn comes_to(&self, endpoint: &str) -> Result<Process, Failure> {
        let crowd = self
            .role("crowd")
            .with("own_sockets", self.own_sockets)
            .to(endpoint)
            .start()?;
        crowd.line("ready")?;
        Ok(crowd)
    }

    fn role(&self, name: &'static str) -> Role {
        Role::new(name)
            .with("peers", self.peers)
            .with("contestant", self.contestant)
    }
}

/// Where a process listens that has no address yet.
pub const ANYWHERE: &str = "tcp://127.0.0.1:0";

/// In the process they come to.
pub fn gather() -> Result<(), Failure> {
    let (at, peers) = (process::endpoint()?, process::detail("peers")?);
    match contestant()? {
        Member::Hubless(runtime, tuning) => runtime.run(async move {
            let pull = Pull::builder().tuning(tuning).build()?;
            process::tell_endpoint(&pull.bind(at.as_str()).await?.to_string());
            pull.peers().at_least(peers).await?;
            println!("complete");
            std::future::pending().await
        }),
        Member::Libzmq => {
            let context = Context::new();
            let pull = context.socket(SocketType::Pull)?;
            // As many as with hubless: with libzmq's default of 100 the kernel turns most of them away at first.
            pull.set(option::BACKLOG, 4096)?;
            let monitor = Monitor::new(&context, &pull)?;
            process::tell_endpoint(&pull.bind(&at.replace(":0", ":*"))?);
            for _ in 0..peers {
                monitor.wait_for(EventKind::HandshakeSucceeded, PATIENCE)?;
            }
            println!("complete");
            park()
        }
    }
}

/// In the process they come from.
pub fn come() -> Result<(), Failure> {
    let (to, peers) = (process::endpoint()?, process::detail("peers")?);
    let sockets = if process::detail("own_sockets")? { peers } else { 1 };
    match contestant()? {
        Member::Hubless(runtime, tuning) => runtime.run(async move {
            println!("ready");
            tokio::task::spawn_blocking(|| process::wait_for_order("go")).await??;
            let mut crowd = Vec::with_capacity(sockets);
            for _ in 0..sockets {
                let push = Push::builder().tuning(tuning.clone()).build()?;
                for _ in 0..peers / sockets {
                    push.connect(to.as_str())?;
                }
                crowd.push(push);
            }
            std::future::pending().await
        }),
        Member::Libzmq => {
            let context = Context::new();
            context.set_max_sockets(peers as i32 + 1000)?;
            println!("ready");
            process::wait_for_order("go")?;
            let mut crowd = Vec::with_capacity(sockets);
            for _ in 0..sockets {
                let push = context.socket(SocketType::Push)?;
                for _ in 0..peers / sockets {
                    push.connect(&to)?;
                }
                crowd.push(push);
            }
            park()
        }
    }
}

/// Whose sockets a process has.
enum Member {
    Hubless(Runtime, Tuning),
    Libzmq,
}

fn contestant() -> Result<Member, Failure> {
    let name: String = process::detail("contestant")?;
    match Contestant::by_name(&name) {
        Some(Contestant::Hubless(runtime)) => Ok(Member::Hubless(runtime, Tuning::new())),
        Some(Contestant::HublessNoSpin(runtime)) => Ok(Member::Hubless(runtime, no_spin())),
        Some(Contestant::Libzmq) => Ok(Member::Libzmq),
        _ => Err(format!("{name} has no sockets").into()),
    }
}

/// Until the runner has seen enough.
fn park() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}
