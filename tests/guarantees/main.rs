//! Promises of `docs/guarantees.md` that no other test covers, or not against libzmq. Each test's name begins with the
//! number of the promise it holds.
//!
//! What happens on the wire is in `tests/conformance`, what becomes of killed peers in `tests/faults`, one pattern's
//! share in `tests/behaviour` and `tests/reqrep`.

#[path = "../conformance/again.rs"]
#[allow(dead_code)]
mod again;
mod citizen;
mod close;
mod counters;
mod libzmq;
mod liveness;
mod once;
mod order;
mod process;
mod subscriptions;

use std::future::Future;
use std::time::Duration;

/// Only what has failed waits so long.
const DEADLINE: Duration = Duration::from_secs(30);

/// What `work` comes to; a test in which it does not come at all fails and says what was awaited.
async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// Looks again and again until it is so.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    soon(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

fn number(message: &hubless::Message) -> u64 {
    let frame = message.frame(0).expect("every message has a frame");
    u64::from_be_bytes(*frame.first_chunk().expect("a number"))
}
