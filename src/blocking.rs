//! The same sockets for threads without a runtime.
//!
//! A [`blocking::Socket`](Socket) is a [`Socket`](crate::Socket) whose methods wait instead of returning futures. Nothing
//! has to be started for it, and it can be used from any number of threads at once.
//!
//! ```
//! use hubless::blocking::{Pull, Push};
//!
//! let pull = Pull::new();
//! let push = Push::new();
//! push.connect(&pull.bind("tcp://127.0.0.1:0")?)?;
//!
//! push.send("hello")?;
//! assert_eq!(pull.recv()?, "hello");
//! push.close()?;
//! # Ok::<(), hubless::Error>(())
//! ```
//!
//! # Who does the work
//!
//! Connections must be looked after: bytes read and written, heartbeats answered, lost peers dialed again. A thread
//! that waits in one of these methods does that while it waits, for all blocking sockets of its
//! [`Context`](crate::Context). So a message wakes the thread that wants it, and not first another one, which is most
//! of what a round trip costs. While nobody waits, a thread of the library's own takes over, within a millisecond or
//! (while others come and go all the time) a few; it ends when the last of these sockets has.
//!
//! In a context with [`io_threads`](crate::ContextBuilder::io_threads) those do all the work, and callers only sleep. That is
//! slower for each message that somebody waits for, and serves programs whose threads must not do anything but their own.
//!
//! # Never inside a runtime
//!
//! A thread that runs the tasks of an async runtime must not wait: all tasks would wait with it. There `bind`, `connect` and
//! whatever would have to wait fail with an error `InsideRuntime`. Use the async socket there; [`Socket::as_async`]
//! and [`Socket::into_async`] are it, and `Socket::from` makes a blocking one of it.
//!
//! # What is the same
//!
//! Everything else: kinds, options, [endpoints](crate::Endpoint), limits, errors, counters and promises. A socket is
//! described by the same [`Builder`]:
//!
//! ```
//! use hubless::blocking::Push;
//!
//! let push: Push = Push::builder().send_hwm(10).build()?.into();
//! # Ok::<(), hubless::BuildError>(())
//! ```

mod addressed;
mod groups;
mod kinds;
mod poll;
mod pubsub;
mod receiving;
mod reqrep;
mod sending;
mod views;

use std::fmt;
use std::time::Duration;

pub use self::kinds::{
    Channel, Client, Datagram, Dealer, Dish, Gather, Pair, PeerSocket, Pub, Pull, Push, Radio, Rep, Req,
    Router, Scatter, Server, StreamSocket, Sub, XPub, XSub,
};
pub use self::poll::{PollItem, poll};
pub use self::pubsub::Subscribers;
pub use self::receiving::Messages;
pub use self::reqrep::Request;
pub use self::views::{Connecting, Monitor, Peers};
use crate::driver::Shared;
use crate::endpoint::{Endpoint, ToEndpoint};
use crate::error::{BindError, CloseError, EndpointError, WaitError};
use crate::runtime::{self, InsideRuntime};
use crate::socket::kind::{Kind, Shares};
use crate::socket::{self, Builder};
use crate::stats::Stats;

/// A socket of kind `K` for plain threads, usually named by its alias: [`Push`], [`Pull`], [`Pub`], [`Sub`], [`Req`],
/// [`Rep`] and so on.
///
/// See the [module](self) on who does the work, and [`hubless::Socket`](crate::Socket) on everything else: each method
/// does what the async one of the same name does, and waits until it is done.
///
/// # Examples
///
/// ```
/// use hubless::blocking::Socket;
/// use hubless::kind::{Pull, Push, Sends};
///
/// fn greet<K: Sends>(socket: &Socket<K>) -> Result<(), hubless::SendError> {
///     socket.send("hello")
/// }
///
/// let (pull, push) = (Socket::<Pull>::new(), Socket::<Push>::new());
/// push.connect(&pull.bind("tcp://127.0.0.1:0")?)?;
/// greet(&push)?;
/// assert_eq!(pull.recv()?, "hello");
/// # Ok::<(), hubless::Error>(())
/// ```
pub struct Socket<K: Kind> {
    inner: socket::Socket<K>,
}

impl<K: Kind> Socket<K> {
    /// A socket with default options.
    pub fn new() -> Self {
        socket::Socket::new().into()
    }

    /// Begins to describe a socket that differs from the default; what is built is made blocking by
    /// [`into`](Into::into).
    pub fn builder() -> Builder<K> {
        Builder::new()
    }

    /// Listens at an endpoint, and returns it as the system resolved it: see [`bind`](crate::Socket::bind).
    ///
    /// # Errors
    ///
    /// Those of the async method except `NoRuntime`; [`BindError::InsideRuntime`]; [`BindError::Threads`] when nobody
    /// could look after the socket.
    ///
    /// Example: at [`Push`].
    pub fn bind(&self, at: impl ToEndpoint) -> Result<Endpoint, BindError> {
        let endpoint = at.to_endpoint()?;
        runtime::may_wait().map_err(|_| BindError::InsideRuntime(endpoint.clone()))?;
        self.inner.settle()?;
        let bound = wait(self.inner.shared(), self.inner.bind(&endpoint));
        bound.unwrap_or(Err(BindError::InsideRuntime(endpoint)))
    }

    /// Begins to dial an endpoint, and dials again whenever the connection is lost: see
    /// [`connect`](crate::Socket::connect). It does not wait; the returned [`Connecting`] can.
    ///
    /// # Errors
    ///
    /// Those of the async method except `NoRuntime`; [`EndpointError::InsideRuntime`]; [`EndpointError::Threads`] when
    /// nobody could look after the socket.
    ///
    /// Example: at [`Push`].
    pub fn connect(&self, to: impl ToEndpoint) -> Result<Connecting, EndpointError> {
        let endpoint = self.prepare(to)?;
        let connecting = self.inner.connect(&endpoint)?;
        self.mind_the_rest();
        Ok(Connecting::new(connecting, self.inner.shared()))
    }

    /// What is to be dialed, on a socket that has a home.
    fn prepare(&self, to: impl ToEndpoint) -> Result<Endpoint, EndpointError> {
        let endpoint = to.to_endpoint()?;
        runtime::may_wait().map_err(|_| EndpointError::InsideRuntime(endpoint.clone()))?;
        self.inner.settle()?;
        Ok(endpoint)
    }

    /// Ends listening at an endpoint, and the connections that were accepted there: see
    /// [`unbind`](crate::Socket::unbind).
    ///
    /// # Errors
    ///
    /// Those of the async method, and [`EndpointError::InsideRuntime`]: then nothing was done.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::blocking::{Pull, Push};
    ///
    /// let (pull, push) = (Pull::new(), Push::new());
    /// let endpoint = pull.bind("tcp://127.0.0.1:0")?;
    /// push.connect(&endpoint)?.wait()?;
    ///
    /// push.disconnect(&endpoint)?;
    /// pull.unbind(&endpoint)?;
    /// assert!(push.endpoints().is_empty() && pull.endpoints().is_empty());
    /// # Ok::<(), hubless::Error>(())
    /// ```
    pub fn unbind(&self, at: &Endpoint) -> Result<(), EndpointError> {
        runtime::may_wait().map_err(|_| EndpointError::InsideRuntime(at.clone()))?;
        let ended = wait(self.inner.shared(), self.inner.unbind(at));
        ended.unwrap_or_else(|InsideRuntime| Err(EndpointError::InsideRuntime(at.clone())))
    }

    /// Ends dialing an endpoint, and its connection: see [`disconnect`](crate::Socket::disconnect).
    ///
    /// # Errors
    ///
    /// Those of the async method, and [`EndpointError::InsideRuntime`]: then nothing was done.
    ///
    /// Example: at [`unbind`](Self::unbind).
    pub fn disconnect(&self, from: &Endpoint) -> Result<(), EndpointError> {
        runtime::may_wait().map_err(|_| EndpointError::InsideRuntime(from.clone()))?;
        let ended = wait(self.inner.shared(), self.inner.disconnect(from));
        ended.unwrap_or_else(|InsideRuntime| Err(EndpointError::InsideRuntime(from.clone())))
    }

    /// The endpoints that are bound or connected, in the order in which they were added.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.inner.endpoints()
    }

    /// Who is connected: a live view, which can also be waited on.
    pub fn peers(&self) -> Peers {
        Peers::new(self.inner.peers(), self.inner.shared())
    }

    /// What was sent, received, dropped and queued so far: see [`stats`](crate::Socket::stats).
    pub fn stats(&self) -> Stats {
        self.inner.stats()
    }

    /// What happens to listeners and connections from now on.
    pub fn monitor(&self) -> Monitor {
        Monitor::new(self.inner.monitor(), self.inner.shared())
    }

    /// Closes the socket, for all its handles, and waits until what was queued is on its way, at most for
    /// [`linger`](Builder::linger): see [`close`](crate::Socket::close).
    ///
    /// # Errors
    ///
    /// [`CloseError::Unsent`] with the messages that were left. [`CloseError::InsideRuntime`] there; the socket is then
    /// closed in the background, as if its last handle had been dropped.
    ///
    /// Example: at [`Push`].
    pub fn close(self) -> Result<(), CloseError> {
        let shared = self.inner.shared().clone();
        match wait(&shared, self.inner.close()) {
            Ok(closed) => Ok(closed?),
            Err(InsideRuntime) => Err(CloseError::InsideRuntime),
        }
    }

    /// Waits for anything that the async socket can do and this one has no method for.
    ///
    /// # Errors
    ///
    /// [`WaitError::InsideRuntime`].
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::blocking::{Pull, Push};
    ///
    /// let (pull, push) = (Pull::new(), Push::new());
    /// push.connect(&pull.bind("tcp://127.0.0.1:0")?)?;
    /// let permit = push.wait_for(|push| push.reserve())??;
    /// permit.send("made only now that it can be sent")?;
    /// # assert_eq!(pull.recv()?, "made only now that it can be sent");
    /// # Ok::<(), hubless::Error>(())
    /// ```
    pub fn wait_for<'a, F: Future>(
        &'a self,
        call: impl FnOnce(&'a socket::Socket<K>) -> F,
    ) -> Result<F::Output, WaitError> {
        wait(self.inner.shared(), call(&self.inner)).map_err(|InsideRuntime| WaitError::InsideRuntime)
    }

    /// The same for a limited time.
    ///
    /// # Errors
    ///
    /// [`WaitError::Timeout`], and [`WaitError::InsideRuntime`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use hubless::WaitError;
    /// use hubless::blocking::Push;
    ///
    /// let push = Push::new();
    /// let permit = push.wait_for_timeout(Duration::from_millis(1), |push| push.reserve());
    /// assert_eq!(permit.err(), Some(WaitError::Timeout));
    /// ```
    pub fn wait_for_timeout<'a, F: Future>(
        &'a self,
        limit: Duration,
        call: impl FnOnce(&'a socket::Socket<K>) -> F,
    ) -> Result<F::Output, WaitError> {
        wait_for(self.inner.shared(), limit, call(&self.inner))?.ok_or(WaitError::Timeout)
    }

    /// The async socket that this is a cover of.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::blocking::{Pull, Push};
    ///
    /// let (pull, push) = (Pull::new(), Push::new());
    /// push.connect(&pull.bind("inproc://both-worlds")?)?;
    /// push.send("hello")?;
    ///
    /// // In a part of the program that has a runtime.
    /// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// let received = runtime.block_on(pull.as_async().recv())?;
    /// assert_eq!(received, "hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn as_async(&self) -> &socket::Socket<K> {
        &self.inner
    }

    /// The async socket. Its connections stay where they are.
    pub fn into_async(self) -> socket::Socket<K> {
        self.inner
    }

    /// Something was done without waiting that may have left work for whoever drives.
    #[inline]
    fn mind_the_rest(&self) {
        self.inner.shared().mind_the_rest();
    }
}

/// Waits for a future of one socket.
fn wait<F: Future>(shared: &Shared, future: F) -> Result<F::Output, InsideRuntime> {
    let waited = runtime::wait(shared.keeper.get(), None, future)?;
    Ok(waited.unwrap_or_else(|| unreachable!("there is no time that could be up")))
}

/// The same for a limited time: `None` when that was up first.
fn wait_for<F: Future>(
    shared: &Shared,
    limit: Duration,
    future: F,
) -> Result<Option<F::Output>, InsideRuntime> {
    runtime::wait(shared.keeper.get(), Some(limit), future)
}

impl From<InsideRuntime> for WaitError {
    fn from(_: InsideRuntime) -> Self {
        Self::InsideRuntime
    }
}

impl<K: Kind> From<socket::Socket<K>> for Socket<K> {
    fn from(inner: socket::Socket<K>) -> Self {
        Self { inner }
    }
}

impl<K: Shares> Clone for Socket<K> {
    fn clone(&self) -> Self {
        self.inner.clone().into()
    }
}

impl<K: Kind> Default for Socket<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Kind> fmt::Debug for Socket<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
