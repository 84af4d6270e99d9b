//! A clock that a scene sets.
//!
//! The outbox asks for the time to space out the writes that senders do themselves. A scene in which time flies has
//! every sender write that finds the line idle; one in which time stands still leaves all but the first to the driver.

use std::cell::Cell;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Time {
    Flies,
    StandsStill,
}

thread_local! {
    // loom plays all threads of a model on one thread of the system, so they share this.
    static CLOCK: Cell<Option<(Instant, Time)>> = const { Cell::new(None) };
}

/// Starts the clock of a scene.
pub(crate) fn set(time: Time) {
    CLOCK.set(Some((Instant::now(), time)));
}

pub(crate) fn now() -> Instant {
    let (mut now, time) = CLOCK.get().expect("a scene sets its clock");
    if matches!(time, Time::Flies) {
        now += Duration::from_secs(1);
        CLOCK.set(Some((now, time)));
    }
    now
}
