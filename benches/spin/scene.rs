//! The scenes: who is in them, whom it could harm, and what is counted.

use std::thread;
use std::time::Duration;

use super::Quantity;
use super::parts::Part;
use super::support::Failure;
use super::support::contestant::Contestant;
use super::support::crowd::{ANYWHERE, Crowd};
use super::support::process::Process;

/// How long is counted in one round.
const WINDOW: Duration = Duration::from_millis(300);

/// Long enough for the gate to open, and to shut again where it should.
const WARM_UP: Duration = Duration::from_millis(100);

/// One scene.
pub struct Scene {
    pub name: &'static str,
    pub quantities: &'static [Quantity],
    cast: fn(Contestant) -> Result<Vec<Actor>, Failure>,
}

/// A process in it.
struct Actor {
    process: Process,
    job: Job,
}

/// What of it counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Job {
    /// What it counts and what it costs.
    Works,
    /// What it costs.
    Serves,
    /// What it counts, apart from the others, and what it costs.
    WorksAside,
    /// What it counts, apart from the others.
    StandsBy,
}

/// What one round found.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// What is counted, per second.
    rate: f64,
    /// What others count, per second.
    aside: f64,
    /// CPU seconds per second.
    cpu: f64,
}

impl Figure {
    /// CPU microseconds for each that is counted.
    fn cost(&self) -> f64 {
        self.cpu * 1e6 / self.rate
    }
}

const MESSAGES: Quantity = Quantity::rate("messages", |figure| figure.rate);
const PER_MESSAGE: Quantity = Quantity::cost("CPU for each", Figure::cost);
const BESIDE: Quantity = Quantity::rate("round trips", |figure| figure.aside);
const ROUND_TRIPS: Quantity = Quantity::rate("round trips", |figure| figure.rate);
const PER_ROUND_TRIP: Quantity = Quantity::cost("CPU for each", Figure::cost);
const HOGS: Quantity = Quantity::rate("progress of the hogs", |figure| figure.aside);
const CPU: Quantity = Quantity::cpu("CPU of both ends", |figure| figure.cpu);

pub fn all() -> Vec<Scene> {
    vec![
        Scene {
            name: "round trips alone",
            quantities: &[ROUND_TRIPS, PER_ROUND_TRIP],
            cast: |who| round_trips(who, Duration::ZERO, Duration::ZERO),
        },
        Scene {
            name: "stream of 16 B",
            quantities: &[MESSAGES, PER_MESSAGE],
            cast: |who| pair(who, Part::Push(16), Part::Pull, Job::Serves, Job::Works),
        },
        Scene {
            name: "stream of 1 KiB",
            quantities: &[MESSAGES, PER_MESSAGE],
            cast: |who| pair(who, Part::Push(1024), Part::Pull, Job::Serves, Job::Works),
        },
        Scene {
            name: "round trips beside a stream",
            quantities: &[MESSAGES, PER_MESSAGE, BESIDE],
            cast: stream_and_round_trips,
        },
        Scene {
            name: "peer works 70 µs",
            quantities: &[ROUND_TRIPS, PER_ROUND_TRIP],
            cast: |who| round_trips(who, Duration::from_micros(70), Duration::ZERO),
        },
        Scene {
            name: "slow peer, 1 ms",
            quantities: &[ROUND_TRIPS, PER_ROUND_TRIP],
            cast: |who| round_trips(who, Duration::ZERO, Duration::from_millis(1)),
        },
        Scene {
            name: "slow peer, 10 ms",
            quantities: &[ROUND_TRIPS, PER_ROUND_TRIP],
            cast: |who| round_trips(who, Duration::ZERO, Duration::from_millis(10)),
        },
        Scene {
            name: "beside two CPU hogs",
            quantities: &[ROUND_TRIPS, PER_ROUND_TRIP, HOGS],
            cast: beside_hogs,
        },
        Scene {
            name: "8 pairs at once",
            quantities: &[ROUND_TRIPS, PER_ROUND_TRIP],
            cast: many_pairs,
        },
        Scene {
            name: "both on one CPU",
            quantities: &[ROUND_TRIPS, PER_ROUND_TRIP],
            cast: |who| {
                let answers = Part::ANSWER.start(who, true, "")?;
                let asks = Part::Ask.start(who, true, &answers.endpoint()?)?;
                Ok(vec![asks.does(Job::Works), answers.does(Job::Serves)])
            },
        },
        Scene {
            name: "both moved to one CPU later",
            quantities: &[ROUND_TRIPS, PER_ROUND_TRIP],
            cast: moved_to_one_cpu,
        },
        Scene {
            name: "1 000 idle connections",
            quantities: &[CPU],
            cast: idle,
        },
    ]
}

impl Scene {
    /// Plays it once.
    pub fn play(&self, contestant: Contestant) -> Result<Figure, Failure> {
        let mut actors = (self.cast)(contestant)?;
        for actor in &mut actors {
            if matches!(actor.job, Job::Works | Job::WorksAside) {
                actor.process.wait_for_count(10)?;
            }
        }
        thread::sleep(WARM_UP);
        let mut marks = Vec::new();
        for actor in &mut actors {
            marks.push(actor.process.mark()?);
        }
        thread::sleep(WINDOW);
        let mut figure = Figure {
            rate: 0.0,
            aside: 0.0,
            cpu: 0.0,
        };
        for (actor, before) in actors.iter_mut().zip(marks) {
            let pace = actor.process.mark()?.since(before);
            if actor.job == Job::Works {
                figure.rate += pace.rate;
            }
            if matches!(actor.job, Job::WorksAside | Job::StandsBy) {
                figure.aside += pace.rate;
            }
            if actor.job != Job::StandsBy {
                figure.cpu += pace.cpu;
            }
        }
        Ok(figure)
    }
}

impl Process {
    fn does(self, job: Job) -> Actor {
        Actor { process: self, job }
    }
}

/// One process that connects, and one that it connects to.
fn pair(
    who: Contestant,
    connects: Part,
    binds: Part,
    its_job: Job,
    the_others: Job,
) -> Result<Vec<Actor>, Failure> {
    let bound = binds.start(who, false, "")?;
    let connected = connects.start(who, false, &bound.endpoint()?)?;
    Ok(vec![connected.does(its_job), bound.does(the_others)])
}

fn round_trips(who: Contestant, works: Duration, sleeps: Duration) -> Result<Vec<Actor>, Failure> {
    pair(
        who,
        Part::Ask,
        Part::Answer { works, sleeps },
        Job::Works,
        Job::Serves,
    )
}

fn stream_and_round_trips(who: Contestant) -> Result<Vec<Actor>, Failure> {
    let bound = Part::PullAndAnswer.start(who, false, "")?;
    // First the PULL's, then the REP's.
    let endpoints = format!("{} {}", bound.endpoint()?, bound.endpoint()?);
    let connected = Part::PushAndAsk.start(who, false, &endpoints)?;
    Ok(vec![connected.does(Job::WorksAside), bound.does(Job::Works)])
}

fn beside_hogs(who: Contestant) -> Result<Vec<Actor>, Failure> {
    let mut actors = round_trips(who, Duration::ZERO, Duration::ZERO)?;
    for _ in 0..2 {
        actors.push(Part::Burn.start(who, false, "")?.does(Job::StandsBy));
    }
    Ok(actors)
}

fn many_pairs(who: Contestant) -> Result<Vec<Actor>, Failure> {
    let mut actors = Vec::new();
    for _ in 0..8 {
        actors.extend(round_trips(who, Duration::ZERO, Duration::ZERO)?);
    }
    Ok(actors)
}

/// They have counted two processors, and spin when they find themselves on one.
fn moved_to_one_cpu(who: Contestant) -> Result<Vec<Actor>, Failure> {
    let mut actors = round_trips(who, Duration::ZERO, Duration::ZERO)?;
    actors[0].process.wait_for_count(10)?;
    for actor in &actors {
        peers::process::move_to_cpu(actor.process.id(), 0)?;
    }
    Ok(actors)
}

fn idle(who: Contestant) -> Result<Vec<Actor>, Failure> {
    let crowd = Crowd {
        peers: 1000,
        own_sockets: true,
        contestant: who,
    };
    let gathering = crowd.gathers_at(ANYWHERE)?;
    let mut coming = crowd.comes_to(&gathering.endpoint()?)?;
    coming.order("go");
    gathering.line("complete")?;
    Ok(vec![gathering.does(Job::Serves), coming.does(Job::Serves)])
}
