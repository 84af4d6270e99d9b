//! What the processes of a scene do, each until it is killed: the loops that a user would write, counted.

use std::hint::black_box;
use std::time::{Duration, Instant};

use hubless::{Pull, Push, Rep, Req, Tuning};

use super::support::contestant::{Contestant, Runtime, no_spin};
use super::support::process::{self, Process, Role};
use super::support::{Failure, counters, crowd};

/// What a process does.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// Sends messages of this many bytes.
    Push(usize),
    Pull,
    /// Asks, one question at a time.
    Ask,
    /// Answers each question once it has worked, or slept, for so long.
    Answer {
        works: Duration,
        sleeps: Duration,
    },
    /// Pushes and asks, in two tasks.
    PushAndAsk,
    PullAndAnswer,
    /// Keeps a processor busy with something else.
    Burn,
}

impl Part {
    pub const ANSWER: Self = Self::Answer {
        works: Duration::ZERO,
        sleeps: Duration::ZERO,
    };

    fn role(self) -> Role {
        match self {
            Self::Push(size) => Role::new("push").with("size", size),
            Self::Pull => Role::new("pull"),
            Self::Ask => Role::new("ask"),
            Self::Answer { works, sleeps } => Role::new("answer")
                .with("works", works.as_micros())
                .with("sleeps", sleeps.as_micros()),
            Self::PushAndAsk => Role::new("push-and-ask"),
            Self::PullAndAnswer => Role::new("pull-and-answer"),
            Self::Burn => Role::new("burn"),
        }
    }

    pub fn start(self, contestant: Contestant, one_cpu: bool, endpoint: &str) -> Result<Process, Failure> {
        self.role()
            .with("contestant", contestant)
            .with("one_cpu", one_cpu)
            .to(endpoint)
            .start()
    }
}

/// In the process.
pub fn play(role: &str) -> Result<(), Failure> {
    match role {
        "gather" => return crowd::gather(),
        "crowd" => return crowd::come(),
        _ => {}
    }
    if process::detail("one_cpu")? {
        peers::process::pin_to_cpu(0)?;
    }
    let name: String = process::detail("contestant")?;
    let (runtime, tuning) = match Contestant::by_name(&name) {
        Some(Contestant::Hubless(runtime)) => (runtime, Tuning::new()),
        Some(Contestant::HublessNoSpin(runtime)) => (runtime, no_spin()),
        _ => return Err(format!("{name} does not spin").into()),
    };
    match role {
        "push" => runtime.run(push(process::endpoint()?, process::detail("size")?, tuning)),
        "pull" => runtime.run(async { pull(bound_pull(tuning).await?).await }),
        "ask" => runtime.run(ask(process::endpoint()?, tuning)),
        "answer" => {
            let works = Duration::from_micros(process::detail("works")?);
            let sleeps = Duration::from_micros(process::detail("sleeps")?);
            runtime.run(async move { answer(bound_rep(tuning).await?, works, sleeps).await })
        }
        "push-and-ask" => push_and_ask(runtime, tuning),
        "pull-and-answer" => runtime.run(pull_and_answer(tuning)),
        "burn" => burn(),
        _ => Err(format!("unknown role {role}").into()),
    }
}

async fn push(endpoint: String, size: usize, tuning: Tuning) -> Result<(), Failure> {
    let push = Push::builder().tuning(tuning).build()?;
    push.connect(endpoint.as_str())?;
    let message = vec![b'x'; size];
    loop {
        push.send(&message[..]).await?;
    }
}

async fn bound_pull(tuning: Tuning) -> Result<Pull, Failure> {
    let pull = Pull::builder().tuning(tuning).build()?;
    process::tell_endpoint(&pull.bind("tcp://127.0.0.1:0").await?.to_string());
    Ok(pull)
}

async fn pull(pull: Pull) -> Result<(), Failure> {
    loop {
        black_box(pull.recv().await?);
        counters::lane(0).add(1);
    }
}

async fn ask(endpoint: String, tuning: Tuning) -> Result<(), Failure> {
    let mut req = Req::builder().tuning(tuning).build()?;
    req.connect(endpoint.as_str())?;
    loop {
        black_box(req.request(&[b'x'; 16]).await?);
        counters::lane(1).add(1);
    }
}

async fn bound_rep(tuning: Tuning) -> Result<Rep, Failure> {
    let rep = Rep::builder().tuning(tuning).build()?;
    process::tell_endpoint(&rep.bind("tcp://127.0.0.1:0").await?.to_string());
    Ok(rep)
}

async fn answer(rep: Rep, works: Duration, sleeps: Duration) -> Result<(), Failure> {
    loop {
        let request = rep.recv_request().await?;
        if !works.is_zero() {
            let done = Instant::now() + works;
            while Instant::now() < done {}
        }
        if !sleeps.is_zero() {
            tokio::time::sleep(sleeps).await;
        }
        let same = request.message().clone();
        request.reply(same).await?;
    }
}

/// The endpoint is two.
fn push_and_ask(runtime: Runtime, tuning: Tuning) -> Result<(), Failure> {
    let endpoints = process::endpoint()?;
    let (to_pull, to_rep) = endpoints.split_once(' ').ok_or("expected two endpoints")?;
    runtime.run_both(
        push(to_pull.to_owned(), 128, tuning.clone()),
        ask(to_rep.to_owned(), tuning),
    )
}

async fn pull_and_answer(tuning: Tuning) -> Result<(), Failure> {
    let bound = bound_pull(tuning.clone()).await?;
    tokio::spawn(answer(bound_rep(tuning).await?, Duration::ZERO, Duration::ZERO));
    pull(bound).await
}

fn burn() -> Result<(), Failure> {
    let mut state = 1_u64;
    loop {
        for _ in 0..1000 {
            state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
        counters::lane(0).add(1);
    }
}
