//! Row 8: a peer that sends nothing but commands, as fast as it can, while another asks a REP question after question.
//!
//! Two floods: commands that nobody knows, all of which are read and ignored; and PINGs of a peer that does not
//! read the answers, which is not read either from the second answer on.

use tokio::io::AsyncWriteExt;

use super::promise::{Limit, Promise, Row, Run, Unit};
use super::support::Failure;
use super::support::case::{Case, Payload, Shape, Transport};
use super::support::cast::Part;
use super::support::contestant::{Contestant, Runtime};
use super::support::plain;
use super::support::process::{self, Role};
use super::support::round_trips::Percentiles;

pub const FLOOD: &str = "flood";

const PROMISES: &[Promise] = &[Promise {
    what: "another peer's round trip, p99",
    unit: Unit::Microseconds,
    limit: Limit::TimesIdleAtMost(3.0),
}];

/// What the other peer does.
pub fn round_trip() -> Case {
    Case::new(Transport::Tcp, Shape::RoundTrip, Payload::Slice(16))
}

pub fn unknown() -> Row {
    Row {
        name: "row 8: a flood of unknown commands",
        promises: PROMISES,
        measure: |run| measure(run, "NOISE"),
    }
}

pub fn pings() -> Row {
    Row {
        name: "row 8: a flood of PINGs",
        promises: PROMISES,
        measure: |run| measure(run, "PING"),
    }
}

fn measure(run: Run, command: &str) -> Result<Vec<f64>, Failure> {
    let (case, contestant) = (round_trip(), Contestant::Hubless(Runtime::CurrentThread));
    let answers = Part::Answer.start(&case, contestant, None)?;
    let endpoint = answers.endpoint()?;
    let _flood = match run {
        Run::Idle => None,
        Run::Attack => {
            let flood = Role::new(FLOOD).with("command", command).to(&endpoint).start()?;
            flood.line("flooding")?;
            Some(flood)
        }
    };
    let asks = Part::Ask.start(&case, contestant, Some(&endpoint))?;
    asks.line("warm")?;
    Ok(vec![Percentiles::parse(&asks.line("rtt")?)?.p99])
}

/// In the process that floods.
pub fn flood() -> Result<(), Failure> {
    let (endpoint, command): (String, String) = (process::endpoint()?, process::detail("command")?);
    Runtime::CurrentThread.run(async move {
        let mut stream = plain::connect(&endpoint, "REQ").await?;
        let mut commands = Vec::new();
        while commands.len() < 64 * 1024 {
            // A PING has a time to live, here none.
            plain::put_command(&mut commands, &command, &[0; 2]);
        }
        println!("flooding");
        loop {
            stream.write_all(&commands).await?;
        }
    })
}
