//! How a plain thread waits for a future: it looks first, and then drives a runtime or parks.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::Lease;

/// Who looks after the sockets of plain threads.
#[derive(Debug, Clone)]
pub(crate) enum Keeper {
    /// They themselves, while they wait.
    Lease(Arc<Lease>),
    /// A thread that does nothing else.
    Thread(Handle),
}

impl Keeper {
    /// Where to spawn what is to be looked after.
    pub(crate) fn handle(&self) -> &Handle {
        match self {
            Self::Lease(lease) => lease.handle(),
            Self::Thread(handle) => handle,
        }
    }

    /// Something was done without waiting that may have left work behind.
    #[inline]
    pub(crate) fn mind_the_rest(&self) {
        if let Self::Lease(lease) = self {
            lease.mind_the_rest();
        }
    }

    /// Over when the tasks that are due now have had their turn, whoever drives them.
    fn turn(&self) -> impl Future<Output = ()> + use<> {
        // From outside, tasks run in the order in which they became due.
        let turn = self.handle().spawn(async {});
        async { drop(turn.await) }
    }
}

/// Why a thread does not wait: it runs a runtime's tasks, all of which would wait with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InsideRuntime;

/// Waits for a future, at most for `limit`: `None` when the time was up first. With a lease the thread drives that
/// runtime meanwhile; otherwise it parks, and whoever completes the future wakes it.
///
/// What is ready at once is never refused, nor is a look without waiting (a `limit` of zero).
#[inline]
pub(crate) fn wait<F: Future>(
    keeper: Option<&Keeper>,
    limit: Option<Duration>,
    future: F,
) -> Result<Option<F::Output>, InsideRuntime> {
    let mut future = pin!(future);
    let (looked, yields) = look(future.as_mut());
    if let Poll::Ready(output) = looked {
        if let Some(keeper) = keeper {
            keeper.mind_the_rest();
        }
        return Ok(Some(output));
    }
    if limit.is_some_and(|limit| limit.is_zero()) {
        return Ok(None);
    }
    wait_longer(keeper, limit, future, yields)
}

/// Waits for a future that was looked at, and only wants others to run if it `yields`.
#[inline(never)]
pub(crate) fn wait_on<F: Future + Unpin>(
    keeper: Option<&Keeper>,
    future: &mut F,
    yields: bool,
) -> Result<F::Output, InsideRuntime> {
    let waited = wait_longer(keeper, None, Pin::new(future), yields)?;
    Ok(waited.unwrap_or_else(|| unreachable!("there is no time that could be up")))
}

/// Refuses to wait where that would hold up a runtime.
pub(crate) fn may_wait() -> Result<(), InsideRuntime> {
    match super::current() {
        Some(_) => Err(InsideRuntime),
        None => Ok(()),
    }
}

fn wait_longer<F: Future>(
    keeper: Option<&Keeper>,
    limit: Option<Duration>,
    future: Pin<&mut F>,
    yields: bool,
) -> Result<Option<F::Output>, InsideRuntime> {
    let mut output = None;
    wait_out(keeper, limit, pin!(async { output = Some(future.await) }), yields)?;
    Ok(output)
}

/// The same for all futures, and apart: else each call of the blocking face gets a copy of the runtime's loop, here and
/// in the programs that use it.
fn wait_out(
    keeper: Option<&Keeper>,
    limit: Option<Duration>,
    future: Pin<&mut dyn Future<Output = ()>>,
    yields: bool,
) -> Result<(), InsideRuntime> {
    may_wait()?;
    let until = limit.and_then(|limit| Instant::now().checked_add(limit));
    // One that only wants others to run for once would be ready when looked at again at once.
    let turn = keeper.filter(|_| yields).map(Keeper::turn);
    let mut whole = pin!(async {
        if let Some(turn) = turn {
            turn.await;
        }
        future.await;
    });
    match (keeper, until) {
        (Some(Keeper::Lease(lease)), None) => lease.drive(whole),
        (Some(Keeper::Lease(lease)), Some(until)) => {
            lease.drive(async { drop(tokio::time::timeout_at(until.into(), whole).await) });
        }
        (_, until) => drop(park_until(until, &mut whole)),
    }
    Ok(())
}

/// Parks the thread until the future is ready.
pub(super) fn park<F: Future>(future: F) -> F::Output {
    match park_until(None, &mut pin!(future)) {
        Some(output) => output,
        None => unreachable!("there is no time that could be up"),
    }
}

fn park_until<F: Future>(until: Option<Instant>, future: &mut Pin<&mut F>) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        match until.map(|until| until.saturating_duration_since(Instant::now())) {
            None => thread::park(),
            Some(left) if left.is_zero() => return None,
            Some(left) => thread::park_timeout(left),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// One look at a future; and whether it only wants to be looked at again.
#[inline]
pub(crate) fn look<F: Future>(future: Pin<&mut F>) -> (Poll<F::Output>, bool) {
    LOOK.with(|look| {
        look.0.0.store(false, Ordering::Relaxed);
        let looked = future.poll(&mut Context::from_waker(&look.1));
        let yields = looked.is_pending() && look.0.0.load(Ordering::Relaxed);
        (looked, yields)
    })
}

struct Look(AtomicBool);

impl Wake for Look {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

thread_local! {
    static LOOK: (Arc<Look>, Waker) = {
        let look = Arc::new(Look(AtomicBool::new(false)));
        (look.clone(), look.into())
    };
}
