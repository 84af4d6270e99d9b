//! Row 10: ten peers push to a program that works two microseconds for each message. All of them always have
//! something to send. In the attack one of the ten sends blocks of 64 KiB, the others 16 messages at a time as in the
//! idle run.

use std::thread;
use std::time::{Duration, Instant};

use hubless::Pull;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

use super::promise::{Limit, Promise, Row, Run, Unit};
use super::support::contestant::Runtime;
use super::support::process::{self, Role};
use super::support::{Failure, counters, plain};

pub const WORK: &str = "work";
pub const PUSH: &str = "push";

const PEERS: u8 = 10;

/// What the program does for each message.
const EFFORT: Duration = Duration::from_micros(2);

const WINDOW: Duration = Duration::from_millis(400);

/// Messages at a time: of a fair peer, and of one that floods.
const SOME: usize = 16;
const MANY: usize = 64 * 1024 / 18;

pub fn row() -> Row {
    Row {
        name: "row 10: one of ten peers floods",
        promises: &[Promise {
            what: "rate of the slowest of the other nine",
            unit: Unit::PerSecond,
            limit: Limit::OfIdleAtLeast(0.8),
        }],
        measure,
    }
}

fn measure(run: Run) -> Result<Vec<f64>, Failure> {
    let mut program = Role::new(WORK).start()?;
    let endpoint = program.endpoint()?;
    let last = match run {
        Run::Idle => SOME,
        Run::Attack => MANY,
    };
    let push = |first: u8, peers: u8, messages: usize| {
        let role = Role::new(PUSH).with("first", first).with("peers", peers);
        role.with("messages", messages).to(&endpoint).start()
    };
    let _flood = push(PEERS - 1, 1, last)?;
    let _others = push(0, PEERS - 1, SOME)?;
    // Whoever came first has filled its queues by then.
    program.wait_for_lanes(usize::from(PEERS), 2_000)?;
    let (start, before) = (Instant::now(), program.lanes()?);
    thread::sleep(WINDOW);
    let (after, time) = (program.lanes()?, start.elapsed().as_secs_f64());
    let received = |peer: usize| (after[peer] - before[peer]) as f64 / time;
    let others = (0..usize::from(PEERS - 1)).map(received);
    Ok(vec![others.fold(f64::INFINITY, f64::min)])
}

/// In the program that receives: counts for each peer.
pub fn work() -> Result<(), Failure> {
    Runtime::CurrentThread.run(async {
        let pull = Pull::new();
        process::tell_endpoint(&pull.bind("tcp://127.0.0.1:0").await?.to_string());
        loop {
            let message = pull.recv().await?;
            let busy_until = Instant::now() + EFFORT;
            let peer = message.frame(0).and_then(|body| body.first());
            counters::lane(usize::from(*peer.ok_or("every message names its peer")?)).add(1);
            while Instant::now() < busy_until {}
        }
    })
}

/// In the processes that send: peers from the first on, so many messages at a time.
pub fn push() -> Result<(), Failure> {
    let endpoint = process::endpoint()?;
    let (first, peers, messages): (u8, u8, usize) = (
        process::detail("first")?,
        process::detail("peers")?,
        process::detail("messages")?,
    );
    Runtime::CurrentThread.run(async move {
        let mut pushing = JoinSet::new();
        for peer in first..first + peers {
            let mut stream = plain::connect(&endpoint, "PUSH").await?;
            let mut words = Vec::new();
            for _ in 0..messages {
                plain::put_message(&mut words, &[peer; 16]);
            }
            pushing.spawn(async move {
                loop {
                    stream.write_all(&words).await?;
                }
            });
        }
        match pushing.join_next().await {
            Some(ended) => ended?,
            None => Err("nobody pushes".into()),
        }
    })
}
