//! How many messages per second, at what cost in CPU time, beside libzmq and a raw tokio stream.
//!
//! ```text
//! cargo bench --bench throughput                        # the table of docs/performance.md, about two minutes
//! cargo bench --bench throughput -- --full --rounds 9
//! cargo bench --bench throughput -- --only "tcp 16 B"
//! ```
//! One line of the report is one contestant in one case: messages (for publishers: deliveries) per second, CPU
//! seconds of both processes per million of them, and both as ratios to libzmq's of the same rounds. For
//! publishers the CPU is the publisher's alone, and `delivered` says which share of what it published reached
//! the subscribers that read.

mod support;

use std::thread;
use std::time::Duration;

use support::Failure;
use support::case::Payload::{self, Owned, Parts, Slice};
use support::case::Transport::{self, Inproc, Ipc, Tcp};
use support::case::{Case, Readers, Shape, Topics};
use support::cast::{self, Part};
use support::contestant::Contestant;
use support::figures::{self, Count, Rounds};
use support::options::Options;
use support::process::play_role;
use support::table::Table;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// How long messages are counted in one round.
const WINDOW: Duration = Duration::from_millis(200);

fn cases() -> Vec<Case> {
    vec![
        one_to_one(Tcp, Slice(16)).quick().goal("3.5"),
        one_to_one(Tcp, Slice(128)).quick().goal("4.0"),
        one_to_one(Tcp, Slice(KIB)).quick().goal("6.0"),
        one_to_one(Tcp, Slice(8 * KIB)).quick().goal("5.0"),
        one_to_one(Tcp, Slice(64 * KIB)).quick().goal("3.0"),
        one_to_one(Tcp, Slice(MIB)).quick().goal("1.1"),
        one_to_one(Tcp, Owned(MIB)).quick().goal("1.5"),
        one_to_one(Tcp, Parts { count: 3, size: 32 }).quick().goal("4.0"),
        one_to_one(Tcp, Slice(16)).sealed().quick(),
        one_to_one(Tcp, Slice(KIB)).sealed().quick(),
        one_to_one(Tcp, Slice(64 * KIB)).sealed().quick(),
        one_to_one(Ipc, Slice(16)).quick().goal("3.0"),
        one_to_one(Ipc, Slice(128)).goal("3.0"),
        one_to_one(Ipc, Slice(KIB)).quick().goal("3.0"),
        one_to_one(Ipc, Slice(8 * KIB)).goal("3.0"),
        one_to_one(Ipc, Slice(64 * KIB)).quick().goal("3.0"),
        one_to_one(Ipc, Slice(MIB)),
        one_to_one(Ipc, Owned(MIB)),
        one_to_one(Inproc, Slice(16)).quick().goal("2.0"),
        one_to_one(Inproc, Slice(128)),
        one_to_one(Inproc, Slice(KIB)).quick().goal("3.0"),
        one_to_one(Inproc, Slice(8 * KIB)),
        one_to_one(Inproc, Slice(64 * KIB)),
        one_to_one(Inproc, Owned(64 * KIB)),
        one_to_one(Inproc, Owned(MIB)),
        pipeline(8, 1, Slice(16)).quick().goal("2.2"),
        pipeline(8, 1, Slice(128)).quick().goal("3.0"),
        pipeline(64, 1, Slice(16)).quick().goal("2.0"),
        pipeline(64, 1, Slice(128)).goal("2.0"),
        pipeline(1, 8, Slice(16)).quick().goal("2.0"),
        pipeline(1, 8, Slice(128)).quick().goal("3.5"),
        Case::new(Tcp, Shape::Window { requests: 100 }, Slice(16))
            .quick()
            .goal("1.6"),
        publish(8, Topics::Same, Readers::Plain).quick().goal("6.0"),
        publish(8, Topics::Same, Readers::PlainOneStalled).quick(),
        publish(8, Topics::Same, Readers::Own),
        publish(64, Topics::Same, Readers::Plain).quick().goal("6.0"),
        publish(64, Topics::Same, Readers::Own),
        publish(1000, Topics::Same, Readers::Plain).quick().goal("6.0"),
        publish(1000, Topics::Own, Readers::Plain).quick().goal("1.5"),
    ]
}

fn one_to_one(transport: Transport, payload: Payload) -> Case {
    Case::new(
        transport,
        Shape::Pipeline {
            senders: 1,
            receivers: 1,
        },
        payload,
    )
}

fn pipeline(senders: usize, receivers: usize, payload: Payload) -> Case {
    Case::new(Tcp, Shape::Pipeline { senders, receivers }, payload)
}

fn publish(subscribers: usize, topics: Topics, readers: Readers) -> Case {
    Case::new(
        Tcp,
        Shape::Publish {
            subscribers,
            topics,
            readers,
        },
        Slice(128),
    )
}

fn main() {
    let cases = cases();
    play_role(|role| cast::play(role, &cases));

    let names: Vec<_> = cases.iter().map(ToString::to_string).collect();
    let options = Options::from_args(&names);
    println!("{}", figures::provenance());
    println!(
        "{} rounds of {} ms each, in turn\n",
        options.rounds,
        WINDOW.as_millis()
    );
    let mut table = Table::new(options.markdown, "case", "contestant", &HEADINGS);
    for case in cases
        .iter()
        .filter(|case| options.selects(&case.to_string(), case.quick))
    {
        let contestants = options.contestants(case);
        let rounds = figures::in_turn(contestants, options.rounds, |one| measure(case, one));
        table.case(case, &rounds, |one| cells(case, one, &rounds[0]));
    }
}

/// What one round found.
#[derive(Debug, Clone, Copy)]
struct Figure {
    /// Messages received per second.
    rate: f64,
    /// CPU time per message received: both processes, or only the publisher's.
    cpu_per_message: f64,
    /// Received of what was sent to those who read.
    share: f64,
}

fn measure(case: &Case, contestant: Contestant) -> Result<Figure, Failure> {
    let start = |part: Part, endpoint: Option<&str>| part.start(case, contestant, endpoint);
    if case.transport == Transport::Inproc {
        let mut both = start(Part::SendAndReceive, None)?;
        both.wait_for_count(case.warm_up())?;
        let before = both.mark()?;
        thread::sleep(WINDOW);
        let after = both.mark()?.since(before);
        return Ok(Figure {
            rate: after.rate,
            cpu_per_message: after.cpu / after.rate,
            share: 1.0,
        });
    }

    let (binds, connects) = if case.sender_binds() {
        (Part::Send, Part::Receive)
    } else {
        (Part::Receive, Part::Send)
    };
    let bound = start(binds, None)?;
    let connected = start(connects, Some(&bound.endpoint()?))?;
    let (mut sender, mut receiver) = if case.sender_binds() {
        (bound, connected)
    } else {
        (connected, bound)
    };

    receiver.wait_for_count(case.warm_up())?;
    let before = (sender.mark()?, receiver.mark()?);
    thread::sleep(WINDOW);
    let sent = sender.mark()?.since(before.0);
    let received = receiver.mark()?.since(before.1);
    let (cpu, readers) = match case.shape {
        Shape::Publish { readers, .. } => (sent.cpu, readers),
        _ => (sent.cpu + received.cpu, Readers::Own),
    };
    let stalled = usize::from(readers == Readers::PlainOneStalled);
    let wanted = sent.rate * (case.deliveries_per_message() - stalled) as f64;
    Ok(Figure {
        rate: received.rate,
        cpu_per_message: cpu / received.rate,
        // In flight at either mark: a per mille or two.
        share: (received.rate / wanted).min(1.0),
    })
}

const HEADINGS: [&str; 7] = ["msg/s", "±", "GB/s", "CPU s/M", "× libzmq", "CPU ×", "delivered"];

/// One contestant's cells.
fn cells(
    case: &Case,
    one: &Rounds<Contestant, Figure>,
    baseline: &Rounds<Contestant, Figure>,
) -> Vec<String> {
    let rate = one.median(|figure| figure.rate);
    let share = match case.shape {
        Shape::Publish { .. } => format!("{:.1} %", 100.0 * one.median(|figure| figure.share).value),
        Shape::Pipeline { .. } | Shape::RoundTrip | Shape::Window { .. } => String::new(),
    };
    vec![
        Count(rate.value).to_string(),
        rate.spread(),
        format!("{:.3}", rate.value * case.payload.bytes() as f64 / 1e9),
        format!("{:.3}", 1e6 * one.median(|figure| figure.cpu_per_message).value),
        one.times(baseline, |figure| figure.rate),
        one.times(baseline, |figure| figure.cpu_per_message),
        share,
    ]
}
