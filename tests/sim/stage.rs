//! What every story is played on: a runtime whose time does not pass by itself, a network, and a book of complaints.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hubless::kind::Kind;
use hubless::{BindError, Socket};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::dice::Dice;
use crate::journal::Journal;
use crate::malice::Malice;
use crate::net::{Climate, Fault, Link, Net};
use crate::trust::Trust;

/// After the weather has cleared, all that may move has moved within this: several waits to reconnect, a
/// handshake and a heartbeat.
pub(crate) const LIVENESS: Duration = Duration::from_secs(15);

/// What came of one seed.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What must not be; empty if all went well.
    pub(crate) complaints: Vec<String>,
    /// The event log in one number, and how many events it has.
    pub(crate) digest: (u64, u64),
    pub(crate) log: String,
    /// How it was to go.
    pub(crate) plan: String,
    /// By which mechanism the sockets came to trust each other; none if the story broke off.
    pub(crate) trust: Option<Trust>,
    /// Messages that reached a program.
    pub(crate) delivered: usize,
}

pub(crate) struct Stage {
    pub(crate) net: Arc<Net>,
    pub(crate) seed: u64,
    pub(crate) trust: Trust,
    complaints: Mutex<Vec<String>>,
}

/// Plays a story on a runtime of its own.
pub(crate) fn play(story: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing from the system");
    crate::panics::forget();
    let mut outcome = runtime.block_on(story);
    drop(runtime);
    outcome.complaints.splice(0..0, crate::panics::take());
    outcome
}

impl Stage {
    pub(crate) fn new(seed: u64, climate: Climate, malice: Option<Malice>, keep_log: bool) -> Self {
        let journal = Journal::new(Instant::now(), keep_log);
        // A planted bug tampers with frames: sealed ones would not open, and that is no story about a bug.
        let trust = match malice {
            None => Trust::draw(seed),
            Some(_) => Trust::Null,
        };
        let climate = match trust {
            Trust::Curve => climate.widened(),
            Trust::Null | Trust::Plain => climate,
        };
        Self {
            net: Net::new(climate, Dice::new(seed).fork(2), malice, journal),
            seed,
            trust,
            complaints: Mutex::default(),
        }
    }

    pub(crate) fn complain(&self, what: impl Into<String>) {
        self.net.note("complaint", &[]);
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        complaints.push(what.into());
    }

    /// Holds what went over the links against what is promised. The judge collects, and complains when it has seen all:
    /// a complaint is noted in the network, which is not to change meanwhile.
    pub(crate) fn judge(&self, judge: impl FnOnce(&[Link], &mut Vec<String>)) {
        let mut complaints = Vec::new();
        self.net.look(|links| judge(links, &mut complaints));
        complaints
            .into_iter()
            .for_each(|complaint| self.complain(complaint));
    }

    pub(crate) fn outcome(&self, delivered: usize, plan: String) -> Outcome {
        Outcome {
            complaints: std::mem::take(&mut *self.complaints.lock().unwrap_or_else(PoisonError::into_inner)),
            digest: self.net.digest(),
            log: self.net.lines(),
            plan,
            trust: Some(self.trust),
            delivered,
        }
    }

    pub(crate) fn is_calm(&self) -> bool {
        Instant::now() >= self.net.heals()
    }

    /// The faults of a plan, each at its time, until the weather clears.
    pub(crate) async fn weather(&self, mut faults: Vec<(u64, u64, Fault)>) {
        let start = Instant::now();
        faults.sort_by_key(|(at, ..)| *at);
        for (at, which, fault) in faults {
            sleep_until(start + Duration::from_millis(at)).await;
            self.net.strike(which, fault);
        }
        sleep_until(self.net.heals()).await;
        self.net.heal();
    }

    /// Binds; the socket that was here before may need a moment to let go.
    pub(crate) async fn bind<K: Kind>(&self, socket: &Socket<K>, endpoint: &str) {
        for _ in 0..100 {
            match socket.bind(endpoint).await {
                Ok(_) | Err(BindError::Closed(_)) => return,
                Err(_) => sleep(Duration::from_millis(5)).await,
            }
        }
        self.complain(format!("{endpoint} is not let go"));
    }

    /// Waits until all of them are done; `false` if the time was up first.
    pub(crate) async fn join(&self, tasks: Vec<JoinHandle<()>>, deadline: Instant) -> bool {
        for task in tasks {
            if timeout_at(deadline, task).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Waits until it is so; `false` if the time was up first.
    pub(crate) async fn until(&self, deadline: Instant, mut it_is_so: impl FnMut() -> bool) -> bool {
        while !it_is_so() {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// After the end no task runs and no connection is held.
    pub(crate) async fn left_nothing(&self, clock: JoinHandle<()>, situation: impl Fn() -> String) {
        clock.abort();
        let _ = clock.await;
        let metrics = tokio::runtime::Handle::current().metrics();
        // What was dropped rather than closed may still linger.
        let deadline = Instant::now() + Duration::from_secs(40);
        while metrics.num_alive_tasks() > 0 || !self.net.look(|links| links.iter().all(|link| link.is_gone()))
        {
            if Instant::now() >= deadline {
                let tasks = metrics.num_alive_tasks();
                return self.complain(format!("G12: {tasks} tasks are left: {}", situation()));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}
