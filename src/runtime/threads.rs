//! Threads of our own that run what is spawned on them, until their owner goes.
//!
//! Each thread drives a single-threaded runtime: what was started on it stays on it, with its buffers and its place in
//! the processor's caches. A thread ends when its [`IoThreads`] are dropped, from wherever that happens, also from one
//! of the threads themselves: it is told, and nobody waits for it.
//!
//! In the middle of a stream a thread that has run out of work lets others run before it sleeps. If they share its
//! processor they are what gives it more to do; else each of their messages would wake it up for a few (16 B, four threads
//! on two processors: 6.2 → 12.8 M/s). Where there is no stream it sleeps at once, since who sleeps is woken before others
//! have had their slice.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// What a thread does before anything else; it is told its number.
pub(crate) type OnStart = Arc<dyn Fn(usize) + Send + Sync>;

/// A thread through whose hands so many messages went since it last ran out of work is in the middle of a stream. More than
/// most programs have on the way that wait for answers.
const STREAM: usize = 128;

thread_local! {
    /// How many messages were handled here since the thread last ran out of work.
    static HANDLED: Cell<usize> = const { Cell::new(0) };
}

/// So many messages went through the hands of this thread.
pub(crate) fn note_handled(messages: usize) {
    HANDLED.set(HANDLED.get() + messages);
}

/// The thread has run out of work.
fn pause() {
    if HANDLED.take() >= STREAM {
        thread::yield_now();
    }
}

/// Threads that run until this is dropped.
pub(crate) struct IoThreads {
    threads: Vec<IoThread>,
    next: AtomicUsize,
}

struct IoThread {
    handle: Handle,
    /// Dropped, it ends the thread.
    _end: oneshot::Sender<()>,
}

impl IoThreads {
    /// Starts `count` threads, named by `prefix` and their number.
    pub(crate) fn start(count: usize, prefix: &str, on_start: Option<&OnStart>) -> io::Result<Self> {
        let start = |number| {
            let runtime = builder().on_thread_park(pause).build()?;
            let handle = runtime.handle().clone();
            let (end, ended) = oneshot::channel::<()>();
            let on_start = on_start.cloned();
            spawn_thread(&format!("{prefix}-{number}"), move || {
                if let Some(on_start) = on_start {
                    on_start(number);
                }
                let _ = runtime.block_on(ended);
            })?;
            Ok(IoThread { handle, _end: end })
        };
        Ok(Self {
            threads: (0..count).map(start).collect::<io::Result<_>>()?,
            next: AtomicUsize::new(0),
        })
    }

    /// The thread whose turn it is, unless there is none.
    pub(crate) fn pick(&self) -> Option<Handle> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let at = turn.checked_rem(self.threads.len())?;
        Some(self.threads[at].handle.clone())
    }
}

impl fmt::Debug for IoThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} threads", self.threads.len())
    }
}

pub(super) fn single_threaded() -> io::Result<Runtime> {
    builder().build()
}

fn builder() -> Builder {
    let mut builder = Builder::new_current_thread();
    builder.enable_io().enable_time();
    builder
}

/// Starts a thread that nobody waits for.
pub(super) fn spawn_thread(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<thread::Thread> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(run)?;
    Ok(started.thread().clone())
}
