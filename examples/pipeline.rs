//! Counts the words of a directory tree with worker processes.
//!
//! ```text
//! cargo run --release --example pipeline -- [PATH] [--workers N] [--transport tcp|ipc]
//! ```
//!
//! ```text
//!                            ┌─ Push ════▶ Pull  worker 1  Push ════┐
//!   files ──▶  ventilator  ──┤                                      ╞════▶ Pull  sink
//!              (cuts, deals) └─ Push ════▶ Pull  worker 2  Push ════┘      (adds up, compares)
//!              └──────────┘                └────────────────┘              └─────────────────┘
//!              this process                processes of their own          this process
//! ```
//!
//! The ventilator cuts the text of every file into chunks, numbers them, and deals them out to worker processes that
//! it starts itself. Each worker counts the words of its chunks and pushes the counts to the sink. Two things are
//! worth a look:
//!
//! - **Back-pressure does the balancing.** A worker that is slow has a full queue, and its feeder waits at the
//!   high-water mark; the next chunk goes to a worker that has room. See `ventilator::feed`.
//! - **Losing a worker is not an accident, but a case.** hubless delivers at most once: what a killed worker had in
//!   its hands is gone, and nobody sends it again behind our back. So whoever must know numbers the messages and
//!   compares. Kill a worker in the middle (its process number is printed): the job ends all the same, with status 2
//!   and the list of chunks that were not answered. See `sink::Ledger`.
//!
//! The exit status is 0 when the counts are those of a plain single-process count, 1 when they differ or something
//! failed, 2 when chunks were not answered.

#![allow(unreachable_pub)] // No library: `pub` says what other files of the example use.

// An inline module, for the files of an example belong into a directory of its own.
mod pipeline {
    pub mod messages;
    pub mod report;
    pub mod sink;
    pub mod text;
    pub mod ventilator;
    pub mod worker;

    /// Whatever goes wrong in an example is told and ends it.
    pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
}

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use hubless::Pull;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use pipeline::Result;
use pipeline::report::Report;
use pipeline::sink::{self, Ledger};
use pipeline::text::{Count, Tree};
use pipeline::ventilator;
use pipeline::worker;

/// Counts the words of a directory tree with worker processes.
#[derive(Debug, Parser)]
#[command(name = "pipeline")]
struct Args {
    /// A directory or a file; without it the sources and documents of hubless itself
    path: Option<PathBuf>,
    /// How many worker processes
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// What carries the messages
    #[arg(long, value_enum, default_value_t = Transport::Tcp)]
    transport: Transport,

    /// Be worker number so-and-so, with chunks from here and answers to there
    #[arg(long, hide = true, num_args = 3, value_names = ["NUMBER", "CHUNKS", "ANSWERS"])]
    as_worker: Option<Vec<String>>,
    /// Worker 1 stands still when it has answered this many chunks and has the next one in its hands
    #[arg(long, hide = true, value_name = "CHUNKS")]
    hold: Option<u64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Transport {
    Tcp,
    Ipc,
}

impl Transport {
    /// An endpoint that the system completes: with a free port, or a file in a fresh directory.
    fn anywhere(self) -> &'static str {
        match self {
            Self::Tcp => "tcp://127.0.0.1:0",
            Self::Ipc => "ipc://*",
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.as_worker.as_deref() {
        Some([number, chunks, answers]) => worker::run(number, chunks, answers, args.hold),
        _ => count(&args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("pipeline: {error}");
        ExitCode::FAILURE
    })
}

#[tokio::main]
async fn count(args: &Args) -> Result<ExitCode> {
    let tree = Arc::new(Tree::walk(&roots(args))?);
    println!("{}", tree.summary());

    // The sink is there before anybody can send to it, and hears of every connection from the first one on.
    let answers = Pull::new();
    let monitor = answers.monitor();
    let answers_at = answers.bind(args.transport.anywhere()).await?;

    let mut workers = Vec::new();
    for number in 1..=usize::from(args.workers) {
        let hold = args.hold.filter(|_| number == 1);
        workers.push(ventilator::Worker::start(number, args.transport.anywhere(), &answers_at, hold).await?);
    }
    for worker in &mut workers {
        worker.ready().await?;
        println!("worker {} is process {}", worker.number(), worker.process());
    }

    let bar = ProgressBar::new(tree.bytes()).with_style(ProgressStyle::with_template(
        "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {msg}",
    )?);
    let ledger = Ledger::new();
    let began = Instant::now();
    let (dealt, counted) = tokio::try_join!(
        ventilator::deal(tree.clone(), workers, ledger.clone()),
        sink::collect(&answers, monitor, args.workers.into(), &ledger, &bar),
    )?;
    let took = began.elapsed();
    bar.finish_and_clear();

    let report = Report {
        count: &counted,
        dealt: &dealt,
        ledger: &ledger,
        answers: answers.stats(),
        took,
    };
    print!("{report}");
    if report.is_incomplete() {
        return Ok(ExitCode::from(2));
    }
    // Read and counted once more, without chunks, workers and sockets.
    let plain = tree.count_plainly();
    Ok(verdict(&counted, &plain))
}

/// Whether the pipeline counted what a plain program counts.
fn verdict(counted: &Count, plain: &Count) -> ExitCode {
    if counted == plain {
        println!(
            "a single process counts the same {} words",
            HumanCount(plain.total())
        );
        return ExitCode::SUCCESS;
    }
    println!(
        "DIFFERENT: the pipeline counted {} words, a single process {}",
        HumanCount(counted.total()),
        HumanCount(plain.total()),
    );
    ExitCode::FAILURE
}

fn roots(args: &Args) -> Vec<PathBuf> {
    match &args.path {
        Some(path) => vec![path.clone()],
        // The examples are a package of their own, beside the rest of the repository.
        None => ["src", "docs", "tests", "examples"]
            .map(|part| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(part))
            .to_vec(),
    }
}
