//! Row 21: the process that a thousand peers are connected to is killed, and another listens in its place nine tenths
//! of a second later. The idle run is the same with a quarter of the peers: what is linear costs each of them as much.

use std::thread;
use std::time::{Duration, Instant};

use super::promise::{Limit, Promise, Row, Run, Unit};
use super::support::Failure;
use super::support::contestant::{Contestant, Runtime};
use super::support::crowd::{ANYWHERE, Crowd};

const PEERS: usize = 1000;
const OUTAGE: Duration = Duration::from_millis(900);

pub fn row() -> Row {
    Row {
        name: "row 21: an outage (idle: 250 peers)",
        promises: &[
            Promise {
                what: "until 1 000 peers are back",
                unit: Unit::Seconds,
                limit: Limit::AtMost(2.0),
            },
            Promise {
                what: "CPU for each, both ends",
                unit: Unit::Microseconds,
                limit: Limit::TimesIdleAtMost(2.0),
            },
        ],
        measure,
    }
}

fn measure(run: Run) -> Result<Vec<f64>, Failure> {
    let crowd = Crowd {
        peers: match run {
            Run::Idle => PEERS / 4,
            Run::Attack => PEERS,
        },
        own_sockets: true,
        contestant: Contestant::Hubless(Runtime::CurrentThread),
    };
    let server = crowd.gathers_at(ANYWHERE)?;
    let endpoint = server.endpoint()?;
    let mut peers = crowd.comes_to(&endpoint)?;
    peers.order("go");
    server.line("complete")?;

    let before = peers.mark()?;
    drop(server); // kills it
    thread::sleep(OUTAGE);
    let mut server = crowd.gathers_at(&endpoint)?;
    server.endpoint()?;
    let back = Instant::now();
    server.line("complete")?;
    let time = back.elapsed().as_secs_f64();
    let cpu = server.mark()?.cpu + peers.mark()?.cpu - before.cpu;
    Ok(vec![time, cpu.as_secs_f64() * 1e6 / crowd.peers as f64])
}
