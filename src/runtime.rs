//! The only room that spawns tasks and threads, reads clocks and rolls dice.
//!
//! Everything else gets time as an argument and randomness as a number, which is what lets the tests run whole
//! sockets in virtual time. The clock is tokio's: on a paused runtime it stands still until all tasks wait.

mod lease;
mod threads;
mod waiting;

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::time::Sleep;
use zeroize::Zeroizing;

pub(crate) use self::lease::Lease;
pub(crate) use self::threads::{IoThreads, OnStart, note_handled};
pub(crate) use self::waiting::{InsideRuntime, Keeper, look, may_wait, wait, wait_on};
use crate::sync::Mutex;

/// What time it is on the runtime's clock.
#[inline]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The runtime that we are called on, if there is one.
pub(crate) fn current() -> Option<Handle> {
    Handle::try_current().ok()
}

/// Runs a task to its end on `handle`. Its owner keeps what stops it: see `driver`.
pub(crate) fn spawn(handle: &Handle, task: impl Future<Output = ()> + Send + 'static) {
    drop(handle.spawn(task));
}

/// Waits for so long; for longer than a clock can tell: for ever.
pub(crate) async fn sleep(wait: Duration) {
    tokio::time::sleep(wait).await;
}

/// Has the running task polled again once the runtime has looked for news from outside, without going to sleep.
pub(crate) fn look_again(cx: &mut Context<'_>) {
    // The wake-up is given at the first poll and stays when the future is dropped.
    let _ = pin!(tokio::task::yield_now()).poll(cx);
}

/// Does `work` as if it were on `handle`, whichever thread or runtime polls it: what it opens and what it waits for is
/// then that runtime's, and not lost with another one.
pub(crate) async fn within<T>(handle: &Handle, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        let _inside = handle.enter();
        work.as_mut().poll(cx)
    })
    .await
}

/// The same of what does not wait.
pub(crate) fn inside<T>(handle: &Handle, work: impl FnOnce() -> T) -> T {
    let _inside = handle.enter();
    work()
}

/// Does `work`, at most for `limit`: `None` when the time was up first. The clock is that of the runtime that this is
/// called on; if there is none, that of `home`.
pub(crate) async fn timeout<T>(
    home: Option<&Handle>,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let timed = async { tokio::time::timeout(limit, work).await.ok() };
    match home {
        Some(home) if current().is_none() => within(home, timed).await,
        _ => timed.await,
    }
}

/// An alarm that may be set, moved and taken back; it costs nothing while it is not set.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    at: Option<Instant>,
}

impl Alarm {
    /// Sets the alarm, or with `None` takes it back.
    pub(crate) fn set(&mut self, at: Option<Instant>) {
        if self.at == at {
            return;
        }
        self.at = at;
        match (at, &mut self.sleep) {
            (Some(at), Some(sleep)) => sleep.as_mut().reset(at.into()),
            (Some(at), none) => *none = Some(Box::pin(tokio::time::sleep_until(at.into()))),
            (None, _) => self.sleep = None,
        }
    }

    /// Ready when the time has come, and until the alarm is set anew: one who looks twice must not miss it.
    /// Pending for ever while it is not set.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

/// Bytes that nobody can foresee, from the system: for keys and nonces. None are asked for where none are needed.
pub(crate) fn entropy(len: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    #[allow(unused_mut)] // Without CURVE nothing needs any.
    let mut bytes = Zeroizing::new(vec![0; len]);
    #[cfg(feature = "curve")]
    if len > 0 {
        getrandom::fill(&mut bytes)?;
    }
    #[cfg(not(feature = "curve"))]
    if len > 0 {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(bytes)
}

/// Dice: seeded by the system, or by hand for a run that can be repeated.
#[derive(Debug)]
pub(crate) struct Dice(Mutex<u64>);

impl Dice {
    /// Dice that nobody can foresee. The standard library seeds each process from the system's randomness.
    pub(crate) fn new() -> Self {
        Self::seeded(RandomState::new().hash_one(0))
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// The next number (SplitMix64: even, fast, and fit for jitter; nothing secret is made from it).
    pub(crate) fn roll(&self) -> u64 {
        let mut state = self.0.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A duration drawn evenly from the upper half of `whole`: what keeps a thousand peers from coming at once.
    pub(crate) fn jitter(&self, whole: Duration) -> Duration {
        let half = whole / 2;
        let part = (self.roll() >> 32) as u32;
        half + half.mul_f64(f64::from(part) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_alarm_stays_ready_until_it_is_set_anew() {
        let cx = &mut Context::from_waker(std::task::Waker::noop());
        let mut alarm = Alarm::default();
        assert!(alarm.poll(cx).is_pending());

        alarm.set(Some(now()));
        tokio::time::advance(Duration::from_millis(2)).await;
        assert!(alarm.poll(cx).is_ready());
        assert!(alarm.poll(cx).is_ready(), "whoever set it must not miss it");

        alarm.set(Some(now() + Duration::from_secs(1)));
        assert!(alarm.poll(cx).is_pending());
    }

    #[test]
    fn jitter_stays_in_the_upper_half() {
        let dice = Dice::seeded(7);
        for _ in 0..1000 {
            let drawn = dice.jitter(Duration::from_millis(100));
            assert!(
                (Duration::from_millis(50)..=Duration::from_millis(100)).contains(&drawn),
                "{drawn:?}"
            );
        }
    }
}
