//! What a context with threads or a budget of its own is made of.

use std::fmt;
use std::sync::Arc;

use super::Context;
use crate::error::ThreadsError;
use crate::pipe::Budget;
use crate::runtime::{IoThreads, OnStart};

/// What threads are called that were given no name.
pub(super) const THREAD_NAME: &str = "hubless-io";

/// Describes a context with threads or a budget of its own: see [`Context::builder`].
///
/// On a runtime of the program's own, sockets are served in turn with everything else: a program that computes without
/// awaiting, on a `current_thread` runtime, neither sends nor answers heartbeats meanwhile. Threads of the context
/// serve sockets whatever the program does, at the price of a wake-up from one thread to another for each message that
/// somebody waits for.
///
/// Each socket lives on one thread, and they are dealt out in turn at its first `bind` or `connect`. The threads end when
/// the last handle of the context is gone, and the last of its sockets has ended.
///
/// # Examples
///
/// ```
/// use hubless::{Context, Pull, Push};
///
/// let context = Context::builder().io_threads(2).thread_name("io").build()?;
/// let pull = Pull::builder().context(&context).build()?;
/// let push = Push::builder().context(&context).build()?;
///
/// // No runtime is needed to bind and to connect, and what is sent goes out by itself.
/// let endpoint = futures::executor::block_on(pull.bind("tcp://127.0.0.1:0"))?;
/// push.connect(&endpoint)?;
/// futures::executor::block_on(push.send("hello"))?;
/// assert_eq!(futures::executor::block_on(pull.recv())?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ContextBuilder {
    threads: usize,
    name: String,
    on_start: Option<OnStart>,
    memory_budget: usize,
}

impl Default for ContextBuilder {
    fn default() -> Self {
        Self {
            threads: 0,
            name: THREAD_NAME.to_owned(),
            on_start: None,
            memory_budget: 0,
        }
    }
}

impl fmt::Debug for ContextBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextBuilder")
            .field("io_threads", &self.threads)
            .field("thread_name", &self.name)
            .field("memory_budget", &self.memory_budget)
            .finish_non_exhaustive()
    }
}

impl ContextBuilder {
    /// How many threads carry the sockets of this context. Default: 0, which leaves that to the runtime of the program.
    ///
    /// One is enough for most programs. libzmq: `ZMQ_IO_THREADS`.
    ///
    /// Example: at [`ContextBuilder`].
    pub fn io_threads(mut self, count: usize) -> Self {
        self.threads = count;
        self
    }

    /// What the threads are called: this, a hyphen and their number. Default: `hubless-io`.
    ///
    /// Without I/O threads, the one that stands in for [blocking](crate::blocking) sockets while nobody waits is called so,
    /// without a number. Linux shows the first 15 bytes of a thread's name. libzmq: `ZMQ_THREAD_NAME_PREFIX`.
    ///
    /// Example: at [`ContextBuilder`].
    pub fn thread_name(mut self, prefix: impl Into<String>) -> Self {
        self.name = prefix.into();
        self
    }

    /// What each thread does first, given its number from 0: choose its processor, its priority, or count it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let (started, starts) = mpsc::channel();
    /// let context = hubless::Context::builder()
    ///     .io_threads(1)
    ///     .on_thread_start(move |number| started.send(number).unwrap_or(()))
    ///     .build()?;
    /// assert_eq!(starts.recv(), Ok(0));
    /// # Ok::<(), hubless::ThreadsError>(())
    /// ```
    pub fn on_thread_start(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.on_start = Some(Arc::new(hook));
        self
    }

    /// The most bytes that the queues of all sockets of this context may hold together; 0 is unlimited. Default: 0.
    ///
    /// It is for all of them what [`memory_budget`](crate::Builder::memory_budget) is for one socket, and says the same of what is
    /// counted, who waits and who drops. A socket may have a smaller one of its own besides. What a socket held is free for
    /// others when it has closed: what waits to be sent once it was sent, or dropped at the end of
    /// [`linger`](crate::Builder::linger). libzmq: none.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Context, Pull, Push};
    ///
    /// let context = Context::builder().memory_budget(256 << 20).build()?;
    /// let pull = Pull::builder().context(&context).build()?;
    /// let push = Push::builder().context(&context).memory_budget(16 << 20).build()?;
    /// # let _ = (pull, push);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn memory_budget(mut self, bytes: usize) -> Self {
        self.memory_budget = bytes;
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// [`ThreadsError`] when the system has no thread, or no descriptor, to spare.
    ///
    /// Example: at [`ContextBuilder`].
    pub fn build(self) -> Result<Context, ThreadsError> {
        let threads = IoThreads::start(self.threads, &self.name, self.on_start.as_ref());
        Ok(Context::with_threads(
            threads.map_err(ThreadsError::new)?,
            self.name,
            (self.memory_budget > 0).then(|| Budget::new(self.memory_budget, None)),
        ))
    }
}
