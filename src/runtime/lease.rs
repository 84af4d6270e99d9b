//! A runtime that those who wait drive themselves.
//!
//! A thread of I/O beside the program costs two wake-ups of an idle processor for each message that somebody waits
//! for, and those are most of what a round trip costs. So there is none while anybody waits: a thread that has to wait
//! takes the *lease*, and runs the tasks of all sockets of the runtime until its own wait is over. A second one that
//! comes meanwhile is woken by the first, and goes on in its place when that leaves (tokio's `block_on` does both).
//!
//! ```text
//!   program:   send  recv─┐          recv─┐         computes …
//!                         └─ drives ──────└─ drives ─┐
//!   fallback:  naps                                  └─(1 ms)─ drives … gives way when somebody comes
//! ```
//!
//! When nobody has been inside for a millisecond, a *fallback* thread drives, so that what was queued is written,
//! peers are heard and heartbeats answered however long the program computes. It gives way to the next one who comes.
//!
//! It finds out by napping and looking: a millisecond, and after repeated looks in vain longer, up to ten. Who leaves
//! work behind shortens a long nap; while one and the same waiter stays inside, the fallback sleeps until it leaves. So a
//! program that waits and one that does nothing cost no wake-ups, and a busy one a hundred a second.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Runtime, RuntimeMetrics};
use tokio::sync::Notify;

use super::threads::{single_threaded, spawn_thread};
use super::waiting;

/// How long nobody must have been inside before the fallback takes over; its shortest nap.
const QUIET: Duration = Duration::from_millis(1);

/// Its longest nap.
const LONGEST_NAP: Duration = Duration::from_millis(10);

/// A runtime without a thread of its own. Dropping it, from wherever, ends the runtime and its fallback.
#[derive(Debug)]
pub(crate) struct Lease {
    /// The fallback's: it outlives us, so the runtime never ends within one of its own tasks.
    runtime: Weak<Runtime>,
    handle: Handle,
    metrics: RuntimeMetrics,
    desk: Arc<Desk>,
    fallback: Thread,
}

/// Who is inside: what callers and the fallback tell each other.
#[derive(Debug)]
struct Desk {
    /// Callers who drive, or wait for one who does.
    inside: AtomicUsize,
    /// How many ever came.
    came: AtomicU64,
    /// When the last one left, in nanoseconds since `opened`.
    left: AtomicU64,
    opened: Instant,
    /// What the fallback does: one of the constants below.
    fallback: AtomicU8,
    give_way: Notify,
    /// Somebody left work behind in a long nap.
    hurried: AtomicBool,
    closed: AtomicBool,
}

/// It drives.
const DRIVES: u8 = 0;
/// It looks again within [`QUIET`].
const NAPS: u8 = 1;
/// It looks again later than that.
const NAPS_LONG: u8 = 2;
/// It waits until the one who is inside leaves.
const SLEEPS: u8 = 3;

impl Lease {
    /// Opens a runtime, whose fallback is called `name`.
    pub(crate) fn open(name: &str) -> io::Result<Arc<Self>> {
        let runtime = Arc::new(single_threaded()?);
        let (weak, handle) = (Arc::downgrade(&runtime), runtime.handle().clone());
        let desk = Arc::new(Desk {
            inside: AtomicUsize::new(0),
            came: AtomicU64::new(0),
            left: AtomicU64::new(0),
            opened: Instant::now(),
            fallback: AtomicU8::new(NAPS),
            give_way: Notify::new(),
            hurried: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        });
        let fallback = spawn_thread(name, {
            let desk = desk.clone();
            move || fall_back(&runtime, &desk)
        })?;
        Ok(Arc::new(Self {
            runtime: weak,
            metrics: handle.metrics(),
            handle,
            desk,
            fallback,
        }))
    }

    /// Where to spawn what is to be driven.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Drives the runtime until `wait` is over.
    pub(super) fn drive<T>(&self, wait: impl Future<Output = T>) -> T {
        let _inside = Inside::enter(self);
        match self.runtime.upgrade() {
            Some(runtime) => runtime.block_on(wait),
            // The fallback has panicked: nobody drives any more.
            None => waiting::park(wait),
        }
    }

    /// Something was done outside that may have left work for the runtime's tasks.
    #[inline]
    pub(super) fn mind_the_rest(&self) {
        if self.desk.fallback.load(SeqCst) == NAPS_LONG && self.metrics.global_queue_depth() > 0 {
            self.hurry();
        }
    }

    /// Has the fallback look soon.
    #[cold]
    fn hurry(&self) {
        if !self.desk.hurried.swap(true, SeqCst) {
            self.fallback.unpark();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.desk.closed.store(true, SeqCst);
        self.desk.give_way.notify_one();
        self.fallback.unpark();
    }
}

/// A caller who is inside.
struct Inside<'a>(&'a Lease);

impl<'a> Inside<'a> {
    fn enter(lease: &'a Lease) -> Self {
        let desk = &lease.desk;
        desk.inside.fetch_add(1, SeqCst);
        desk.came.fetch_add(1, SeqCst);
        if desk.fallback.load(SeqCst) == DRIVES {
            desk.give_way.notify_one();
        }
        Self(lease)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let desk = &self.0.desk;
        let now = desk.opened.elapsed().as_nanos() as u64;
        desk.left.store(now, SeqCst);
        if desk.inside.fetch_sub(1, SeqCst) == 1 && desk.fallback.load(SeqCst) == SLEEPS {
            self.0.hurry();
        }
    }
}

/// The fallback thread.
fn fall_back(runtime: &Runtime, desk: &Desk) {
    let mut nap = QUIET;
    let mut came = desk.came.load(SeqCst);
    while !desk.closed.load(SeqCst) {
        let (inside, before) = (desk.inside.load(SeqCst), came);
        came = desk.came.load(SeqCst);
        if inside == 0 && (came == 0 || desk.is_quiet()) {
            desk.drive(runtime);
            nap = QUIET;
            desk.fallback.store(NAPS, SeqCst);
            thread::park_timeout(nap);
            continue;
        }
        if inside > 0 && came == before {
            desk.fallback.store(SLEEPS, SeqCst);
            // One who left before it saw that does not wake us.
            if desk.inside.load(SeqCst) > 0 && !desk.closed.load(SeqCst) {
                thread::park();
            }
        } else {
            nap = (nap * 2).min(LONGEST_NAP);
            desk.fallback.store(NAPS_LONG, SeqCst);
            thread::park_timeout(nap);
        }
        if desk.hurried.swap(false, SeqCst) {
            nap = QUIET;
            desk.fallback.store(NAPS, SeqCst);
            thread::park_timeout(nap);
        }
    }
}

impl Desk {
    /// Nobody has left within the last moments.
    fn is_quiet(&self) -> bool {
        let left = Duration::from_nanos(self.left.load(SeqCst));
        self.opened.elapsed().saturating_sub(left) >= QUIET
    }

    /// Drives until somebody comes.
    fn drive(&self, runtime: &Runtime) {
        self.fallback.store(DRIVES, SeqCst);
        // One who came before it saw that does not ask us to give way.
        if self.inside.load(SeqCst) == 0 && !self.closed.load(SeqCst) {
            runtime.block_on(self.give_way.notified());
        }
    }
}
