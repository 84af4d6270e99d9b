//! The ventilator: starts the workers and deals the chunks out.
//!
//! One Push with all workers for peers would deal them out by itself. This one wants to know who got which chunk, so it
//! has a Push for each worker, and a feeder for each Push; the feeders take their chunks from one queue.

use std::env;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use hubless::{Endpoint, Push, Stats};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::{self, JoinSet};

use super::Result;
use super::messages::Chunk;
use super::sink::Ledger;
use super::text::Tree;

/// A worker process, as seen from here.
pub struct Worker {
    number: usize,
    process: u32,
    child: Child,
    /// Ends with this process, and so tells the worker. It is kept apart because `Child::wait` would close it.
    _lifeline: Option<ChildStdin>,
    push: Push,
}

impl Worker {
    /// Starts this very program once more, in another role.
    pub async fn start(number: usize, at: &str, answers: &Endpoint, hold: Option<u64>) -> Result<Self> {
        // A short queue: chunks are better off here, where whoever is free can take them.
        let push = Push::builder().send_hwm(2).build()?;
        let chunks = push.bind(at).await?;
        let mut command = Command::new(env::current_exe()?);
        command
            .arg("--as-worker")
            .args([number.to_string(), chunks.to_string(), answers.to_string()])
            .stdin(Stdio::piped())
            .kill_on_drop(true);
        if let Some(chunks) = hold {
            command.args(["--hold", &chunks.to_string()]);
        }
        let mut child = command.spawn()?;
        Ok(Self {
            number,
            process: child.id().ok_or("a worker ended as soon as it began")?,
            _lifeline: child.stdin.take(),
            child,
            push,
        })
    }

    /// Waits until the worker has connected, or is known not to.
    pub async fn ready(&mut self) -> Result<()> {
        tokio::select! {
            connected = async { self.push.peers().at_least(1).await } => Ok(connected?),
            status = self.child.wait() => {
                Err(format!("worker {} ended before it was ready: {}", self.number, status?).into())
            }
        }
    }

    pub fn number(&self) -> usize {
        self.number
    }

    pub fn process(&self) -> u32 {
        self.process
    }
}

/// How it went.
#[derive(Debug)]
pub struct Dealt {
    /// All workers, in order.
    pub workers: Vec<Fed>,
    /// The first chunk that nobody was left for.
    pub nobody_for: Option<u64>,
}

/// What became of one worker.
#[derive(Debug)]
pub struct Fed {
    pub number: usize,
    pub process: u32,
    pub status: ExitStatus,
    pub stats: Stats,
}

/// Cuts the text and deals it out; done when every worker has ended.
pub async fn deal(tree: Arc<Tree>, workers: Vec<Worker>, ledger: Ledger) -> Result<Dealt> {
    let (queue, mut chunks) = mpsc::channel(16);
    let cutting = task::spawn_blocking(move || {
        for (number, text) in (0..).zip(tree.chunks()) {
            if queue.blocking_send(Chunk { number, text }).is_err() {
                return Some(number);
            }
        }
        None
    });

    // The first round goes in order, so that everybody has something to do.
    let mut hands = Vec::new();
    for worker in workers {
        hands.push((worker, chunks.recv().await));
    }
    let chunks = Arc::new(Mutex::new(chunks));
    let mut feeders = JoinSet::new();
    for (worker, first) in hands {
        feeders.spawn(feed(worker, first, chunks.clone(), ledger.clone()));
    }
    drop(chunks);

    let mut workers = Vec::new();
    while let Some(fed) = feeders.join_next().await {
        workers.push(fed??);
    }
    workers.sort_by_key(|fed| fed.number);
    let nobody_for = cutting.await?;
    Ok(Dealt { workers, nobody_for })
}

/// Feeds one worker until there are no more chunks, or the worker is gone.
async fn feed(
    mut worker: Worker,
    mut first: Option<Chunk>,
    chunks: Arc<Mutex<mpsc::Receiver<Chunk>>>,
    ledger: Ledger,
) -> Result<Fed> {
    // It is this worker's, even if that is gone before it has room.
    if let Some(chunk) = &first {
        ledger.give(chunk, worker.number);
    }
    let status = loop {
        // Room first, then a chunk: nobody holds one that another could have sent.
        let room = tokio::select! {
            room = worker.push.reserve() => room?,
            status = worker.child.wait() => break status?,
        };
        let chunk = match first.take() {
            Some(chunk) => Some(chunk),
            None => chunks.lock().await.recv().await,
        };
        match chunk {
            Some(chunk) => {
                // Entered before it goes, or the answer might be here before the question.
                ledger.give(&chunk, worker.number);
                // If the worker has left this very moment, the ledger will tell.
                let _ = room.send(chunk.into_message());
            }
            None => {
                let _ = room.send("end");
                break worker.child.wait().await?;
            }
        }
    };
    Ok(Fed {
        number: worker.number,
        process: worker.process,
        status,
        stats: worker.push.stats(),
    })
}
