//! Row 4: more connections than the process has descriptors for. The listener waits longer and longer between two
//! attempts; it must neither burn a processor meanwhile nor miss that there is room again.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use hubless::{Event, Pull};

use super::promise::{Limit, Promise, Row, Run, Unit};
use super::support::Failure;
use super::support::contestant::Runtime;
use super::support::plain;
use super::support::process::{self, Role};

pub const LISTEN: &str = "listen";

/// What the process may have open, and how many come.
const DESCRIPTORS: u64 = 64;
const CROWD: usize = 100;

/// How long its processor time is counted, from the first failure on.
const WINDOW: Duration = Duration::from_secs(1);

pub fn row() -> Row {
    Row {
        name: "row 4: no descriptors left",
        promises: &[
            Promise {
                what: "CPU of the listening process",
                unit: Unit::Share,
                limit: Limit::AtMost(0.02),
            },
            Promise {
                // The longest wait between two attempts is a second.
                what: "until a new peer is served after it",
                unit: Unit::Seconds,
                limit: Limit::AtMost(1.1),
            },
        ],
        measure,
    }
}

fn measure(run: Run) -> Result<Vec<f64>, Failure> {
    let mut listener = Role::new(LISTEN).start()?;
    let endpoint = listener.endpoint()?;
    let address = endpoint.trim_start_matches("tcp://").to_owned();
    let mut crowd = Vec::new();
    if run == Run::Attack {
        for _ in 0..CROWD {
            crowd.push(TcpStream::connect(&address)?);
        }
        listener.line("exhausted")?;
    }
    let before = listener.mark()?;
    thread::sleep(WINDOW);
    let cpu = listener.mark()?.since(before).cpu;

    drop(crowd);
    let room = Instant::now();
    let mut late = TcpStream::connect(&address)?;
    let mut words = plain::hello("PUSH");
    plain::put_message(&mut words, b"late");
    late.write_all(&words)?;
    listener.line("served")?;
    Ok(vec![cpu, room.elapsed().as_secs_f64()])
}

/// In the process that listens.
pub fn listen() -> Result<(), Failure> {
    peers::process::allow_files(DESCRIPTORS)?;
    Runtime::CurrentThread.run(async {
        let pull = Pull::new();
        let mut monitor = pull.monitor();
        process::tell_endpoint(&pull.bind("tcp://127.0.0.1:0").await?.to_string());
        let watch = async {
            while let Some(event) = monitor.next().await {
                if matches!(event, Event::AcceptFailed { .. }) {
                    println!("exhausted");
                    break;
                }
            }
            Ok::<(), Failure>(())
        };
        let serve = async {
            pull.recv().await?;
            println!("served");
            std::future::pending::<Result<(), Failure>>().await
        };
        tokio::try_join!(watch, serve).map(drop)
    })
}
