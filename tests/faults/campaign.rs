//! Rounds, their dice, and what every test waits with.

use std::env;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use hubless::{DropReason, Event, Monitor, OutgoingStats, Peer};

use crate::dice::Dice;
use crate::sockets::RECV_MARK;

const ROUNDS: u64 = 50;

/// Only what has failed waits so long.
const DEADLINE: Duration = Duration::from_secs(40);

/// What `work` comes to; a test in which it does not come at all fails and says what was awaited.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// Looks again and again until it is so.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    soon(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    })
    .await;
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// One test; when it fails, it says by which seed and in which round.
pub(crate) struct Campaign {
    name: &'static str,
    pub(crate) seed: u64,
    pub(crate) dice: Dice,
    round: u64,
}

impl Campaign {
    pub(crate) fn new(name: &'static str) -> Self {
        let seed = number("HUBLESS_FAULTS_SEED").unwrap_or_else(|| RandomState::new().hash_one(name));
        Self {
            name,
            seed,
            dice: Dice::new(seed),
            round: 0,
        }
    }

    /// The number of the next round, while there is one.
    pub(crate) fn next_round(&mut self) -> Option<u64> {
        self.round += 1;
        (self.round <= number("HUBLESS_FAULTS_ROUNDS").unwrap_or(ROUNDS)).then_some(self.round)
    }
}

impl Drop for Campaign {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self {
                name, seed, round, ..
            } = self;
            eprintln!("{name} failed in round {round}; again: HUBLESS_FAULTS_SEED={seed}");
        }
    }
}

/// Who shakes hands next.
pub(crate) async fn arrival(monitor: &mut Monitor) -> Peer {
    soon("a peer", async {
        loop {
            match monitor.next().await.expect("the socket is open") {
                Event::HandshakeDone { peer } => return peer,
                event => assert!(!matches!(event, Event::Lagged { .. }), "{event}"),
            }
        }
    })
    .await
}

/// This peer's connection ends; how many messages went with it.
pub(crate) async fn departure(monitor: &mut Monitor, of: &Peer) -> u64 {
    soon("the end of a connection", async {
        loop {
            match monitor.next().await.expect("the socket is open") {
                Event::Disconnected { peer, dropped, .. } if peer == *of => return dropped,
                event => assert!(!matches!(event, Event::Lagged { .. }), "{event}"),
            }
        }
    })
    .await
}

/// A connection has ended, so many messages went with it, and so many letters came: where is each that was accepted?
pub(crate) fn is_accounted_for(stats: &OutgoingStats, told: u64, came: u64) {
    let dropped = stats.dropped;
    assert_eq!(stats.queued.messages, 0, "{stats:?}");
    assert_eq!(
        stats.accepted.messages,
        stats.handed_over.messages + dropped.total(),
        "{stats:?}"
    );
    assert_eq!(told, dropped.by(DropReason::PipeClosed), "{stats:?}");
    assert!(dropped.by(DropReason::Cut) <= 1, "{stats:?}");
    missing(stats.handed_over.messages, came, 0, stats);
}

/// How many of the letters that have left did not come: no more than were torn, on their way, or received and not read.
pub(crate) fn missing(left: u64, came: u64, torn: u64, stats: &OutgoingStats) -> u64 {
    let missing = left.checked_sub(came);
    let missing = missing.unwrap_or_else(|| panic!("{came} letters came; {stats:?}"));
    assert!(
        missing <= stats.unconfirmed.messages + RECV_MARK + torn,
        "{missing}; {stats:?}"
    );
    missing
}
