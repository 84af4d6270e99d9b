//! What sockets have in common, and whose end is the end of them all.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use tokio::sync::watch;

use super::socket::{Inner as SocketInner, Socket};
use super::{Errno, built};
use crate::context;
use crate::driver::Shared;
use crate::runtime::{self, InsideRuntime};
use crate::sync::Mutex;

/// `ZMQ_IO_THREADS`: how many threads carry the sockets. Default: 0, and then callers do it themselves while they
/// wait, as with [`blocking`](crate::blocking).
pub const IO_THREADS: i32 = 1;
/// `ZMQ_MAX_SOCKETS`: how many sockets there may be at a time. Default: 1023.
pub const MAX_SOCKETS: i32 = 2;
/// `ZMQ_SOCKET_LIMIT`: the largest number that [`MAX_SOCKETS`] takes.
pub const SOCKET_LIMIT: i32 = 3;
/// `ZMQ_IPV6`: 1, whatever is said.
pub const IPV6: i32 = 42;
/// `ZMQ_BLOCKY`: with 0, new sockets begin with a `LINGER` of 0. Default: 1.
pub const BLOCKY: i32 = 70;

/// The largest number of sockets, that of libzmq.
const LIMIT: i32 = 65_535;

/// A set of sockets that end together: libzmq's context.
///
/// Clones are the same context. It has names of `inproc://` of its own, and a thread when a socket needs it.
///
/// # Examples
///
/// ```
/// use hubless::dynamic::{Context, Errno, flag, kind};
///
/// let context = Context::new();
/// let pull = context.socket(kind::PULL)?;
/// context.shutdown();
/// assert_eq!(pull.recv(flag::DONTWAIT), Err(Errno::ETERM));
/// drop(pull);
/// context.terminate()?; // waits until every socket is closed, and what they had queued is on its way
/// # Ok::<(), Errno>(())
/// ```
#[derive(Debug, Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) context: OnceLock<context::Context>,
    is_down: AtomicBool,
    state: Mutex<State>,
    /// How many sockets are open.
    open: watch::Sender<usize>,
}

#[derive(Debug)]
struct State {
    io_threads: i32,
    max_sockets: i32,
    blocky: bool,
    next: u64,
    sockets: BTreeMap<u64, Weak<SocketInner>>,
    /// Sockets that were closed and may still have something on its way.
    closing: Vec<Arc<Shared>>,
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Context {
    /// One without sockets.
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                context: OnceLock::new(),
                is_down: AtomicBool::new(false),
                state: Mutex::new(State {
                    io_threads: 0,
                    max_sockets: 1023,
                    blocky: true,
                    next: 0,
                    sockets: BTreeMap::new(),
                    closing: Vec::new(),
                }),
                open: watch::Sender::new(0),
            }),
        }
    }

    /// A new socket of the kind that has this [number](super::kind). libzmq: `zmq_socket`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`](Errno::EINVAL) when no kind has it, [`EMFILE`](Errno::EMFILE) when there are [`MAX_SOCKETS`] already,
    /// [`EMTHREAD`](Errno::EMTHREAD) when the threads of the context cannot be started, [`ETERM`](Errno::ETERM).
    pub fn socket(&self, kind: i32) -> Result<Socket, Errno> {
        if self.inner.is_down() {
            return Err(Errno::ETERM);
        }
        built::kind_of(kind)?;
        self.inner.start()?;
        let mut state = self.inner.state.lock();
        if state.sockets.len() >= usize::try_from(state.max_sockets).unwrap_or(0) {
            return Err(Errno::EMFILE);
        }
        let id = state.next;
        state.next += 1;
        let socket = Socket::new(kind, id, &self.inner, state.blocky);
        state.sockets.insert(id, Arc::downgrade(socket.inner()));
        self.inner.open.send_replace(state.sockets.len());
        Ok(socket)
    }

    /// Says something about the context. libzmq: `zmq_ctx_set`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`](Errno::EINVAL) for an option that is none of this module's, and a value that it cannot have; for
    /// [`IO_THREADS`] when there is a socket already.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::dynamic::{Context, Errno, MAX_SOCKETS, kind};
    ///
    /// let context = Context::new();
    /// context.set(MAX_SOCKETS, 1)?;
    /// let _first = context.socket(kind::PUB)?;
    /// assert_eq!(context.socket(kind::PUB).err(), Some(Errno::EMFILE));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn set(&self, option: i32, value: i32) -> Result<(), Errno> {
        let mut state = self.inner.state.lock();
        match (option, value) {
            (IO_THREADS, 0..) if self.inner.context.get().is_none() => state.io_threads = value,
            (MAX_SOCKETS, 1..=LIMIT) => state.max_sockets = value,
            (BLOCKY, 0..) => state.blocky = value != 0,
            (IPV6, 0..) => {}
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    /// What was said about the context. libzmq: `zmq_ctx_get`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`](Errno::EINVAL) for an option that is none of this module's.
    pub fn get(&self, option: i32) -> Result<i32, Errno> {
        let state = self.inner.state.lock();
        match option {
            IO_THREADS => Ok(state.io_threads),
            MAX_SOCKETS => Ok(state.max_sockets),
            SOCKET_LIMIT => Ok(LIMIT),
            BLOCKY => Ok(state.blocky.into()),
            IPV6 => Ok(1),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Ends all calls of its sockets: those that wait, and all later ones, fail with [`ETERM`](Errno::ETERM). Returns at
    /// once. libzmq: `zmq_ctx_shutdown`.
    ///
    /// Each socket is still to be dropped. What they have queued goes out meanwhile, for as long as their `LINGER` allows.
    pub fn shutdown(&self) {
        self.inner.is_down.store(true, Ordering::SeqCst);
        let sockets: Vec<_> = {
            let state = self.inner.state.lock();
            state.sockets.values().filter_map(Weak::upgrade).collect()
        };
        for socket in sockets {
            socket.end();
        }
    }

    /// [Shuts down](Self::shutdown), and waits until every socket is dropped and what they had queued is on its way, or
    /// their `LINGER` over. libzmq: `zmq_ctx_term`.
    ///
    /// # Errors
    ///
    /// [`EDEADLK`](Errno::EDEADLK) inside an async runtime, which must not wait; everything is shut down then all the same.
    pub fn terminate(&self) -> Result<(), Errno> {
        self.shutdown();
        let mut open = self.inner.open.subscribe();
        // The sender of this news is the context, which we hold.
        let all_closed = runtime::wait(None, None, async { drop(open.wait_for(|open| *open == 0).await) });
        let waited = |waited: Result<Option<()>, InsideRuntime>| waited.map_err(|_| Errno::EDEADLK);
        waited(all_closed)?;
        let closing = std::mem::take(&mut self.inner.state.lock().closing);
        for shared in closing {
            waited(runtime::wait(
                shared.keeper.get(),
                None,
                shared.tasks.ended(|_, _| true),
            ))?;
        }
        Ok(())
    }
}

impl Inner {
    pub(super) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::SeqCst)
    }

    /// Makes what the first socket needs.
    fn start(&self) -> Result<(), Errno> {
        if self.context.get().is_some() {
            return Ok(());
        }
        let threads = self.state.lock().io_threads;
        let made = match usize::try_from(threads) {
            Ok(threads @ 1..) => context::Context::builder().io_threads(threads).build()?,
            _ => context::Context::new(),
        };
        self.context.get_or_init(|| made);
        Ok(())
    }

    /// A socket was closed; what it left behind is waited for at the end.
    pub(super) fn leave(&self, id: u64, left: Option<Arc<Shared>>) {
        let is_over = |shared: &Shared| shared.tasks.pick(|_, _| true).is_empty();
        let mut state = self.state.lock();
        state.closing.retain(|shared| !is_over(shared));
        state.closing.extend(left.filter(|shared| !is_over(shared)));
        state.sockets.remove(&id);
        self.open.send_replace(state.sockets.len());
    }
}
