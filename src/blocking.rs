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
mod poll;
mod pubsub;
mod receiving;
mod reqrep;
mod sending;
mod views;

use std::fmt;
use std::time::Duration;

pub use self::poll::{PollItem, poll};
pub use self::pubsub::Subscribers;
pub use self::receiving::Messages;
pub use self::reqrep::Request;
pub use self::views::{Connecting, Monitor, Peers};
use crate::driver::Shared;
use crate::endpoint::{Endpoint, ToEndpoint};
use crate::error::{BindError, CloseError, EndpointError, WaitError};
use crate::runtime::{self, InsideRuntime};
use crate::socket::kind::{self, Kind, Shares};
use crate::socket::{self, Builder};
use crate::stats::Stats;

/// A socket of kind `K` for plain threads, usually named by its alias: [`Push`], [`Pull`], [`Pub`], [`Sub`], [`Req`],
/// [`Rep`] and so on.
///
/// See the [module](self) on who does the work, and [`hubless::Socket`](crate::Socket) on everything else: each method
/// does what the async one of the same name does, and waits until it is done.
pub struct Socket<K: Kind> {
    inner: socket::Socket<K>,
}

/// Sends each message to one [`Pull`], in turn: [`hubless::Push`](crate::Push) for plain threads.
///
/// # Examples
///
/// ```
/// use std::thread;
///
/// use hubless::blocking::{Pull, Push};
///
/// let pull = Pull::new();
/// let endpoint = pull.bind("tcp://127.0.0.1:0")?;
/// let pushing = thread::spawn(move || -> Result<(), hubless::Error> {
///     let push = Push::new();
///     push.connect(&endpoint)?;
///     for i in 0..100u8 {
///         push.send(&[i])?;
///     }
///     Ok(push.close()?)
/// });
/// for i in 0..100u8 {
///     assert_eq!(pull.recv()?, [i]);
/// }
/// pushing.join().expect("it does not panic")?;
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Push = Socket<kind::Push>;

/// Receives from each [`Push`] in turn: [`hubless::Pull`](crate::Pull) for plain threads.
///
/// # Examples
///
/// Clones share the messages:
///
/// ```
/// use std::thread;
///
/// use hubless::blocking::{Pull, Push};
///
/// let (pull, push) = (Pull::new(), Push::new());
/// push.connect(&pull.bind("tcp://127.0.0.1:0")?)?;
/// let workers: Vec<_> = (0..2)
///     .map(|_| {
///         let pull = pull.clone();
///         thread::spawn(move || pull.messages().count())
///     })
///     .collect();
/// for _ in 0..10 {
///     push.send("work")?;
/// }
/// push.close()?;
/// while pull.stats().incoming.delivered.messages < 10 {
///     thread::yield_now();
/// }
/// pull.close()?;
/// let done: usize = workers.into_iter().map(|worker| worker.join().expect("it does not panic")).sum();
/// assert_eq!(done, 10);
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Pull = Socket<kind::Pull>;

/// Publishes to every matching [`Sub`]: [`hubless::Pub`](crate::Pub) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::blocking::{Pub, Sub};
///
/// let (publisher, subscriber) = (Pub::new(), Sub::new());
/// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0")?)?;
/// subscriber.subscribe("news");
/// publisher.subscribers().to("news").at_least(1)?;
///
/// publisher.send(("news", "it works"))?;
/// let [_, body] = subscriber.recv()?.into_frames()?;
/// assert_eq!(body, "it works");
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Pub = Socket<kind::Pub>;

/// Receives what it subscribed to: [`hubless::Sub`](crate::Sub) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::blocking::{Pub, Sub};
///
/// let (publisher, subscriber) = (Pub::new(), Sub::new());
/// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0")?)?;
/// subscriber.subscribe("");
/// subscriber.subscribed()?; // from here on nothing is missed, as long as we keep up
///
/// publisher.send("hello")?;
/// assert_eq!(subscriber.recv()?, "hello");
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Sub = Socket<kind::Sub>;

/// Asks a [`Rep`] and waits for the answer: [`hubless::Req`](crate::Req) for plain threads.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use hubless::RequestError;
/// use hubless::blocking::Req;
///
/// let mut req = Req::new();
/// req.connect("inproc://nobody")?;
/// let answer = req.request_timeout("hello?", Duration::from_millis(1));
/// assert_eq!(answer, Err(RequestError::Timeout));
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Req = Socket<kind::Req>;

/// Answers each [`Req`]: [`hubless::Rep`](crate::Rep) for plain threads.
///
/// # Examples
///
/// ```
/// use std::thread;
///
/// use hubless::blocking::{Rep, Req};
///
/// let rep = Rep::new();
/// let endpoint = rep.bind("tcp://127.0.0.1:0")?;
/// let asking = thread::spawn(move || -> Result<_, hubless::Error> {
///     let mut req = Req::new();
///     req.connect(&endpoint)?;
///     Ok(req.request("6 × 7")?)
/// });
/// let request = rep.recv_request()?;
/// assert_eq!(*request.message(), "6 × 7");
/// request.reply("42")?;
/// assert_eq!(asking.join().expect("it does not panic")?, "42");
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Rep = Socket<kind::Rep>;

/// Sends to its peers in turn, and receives from them in turn: [`hubless::Dealer`](crate::Dealer) for plain threads.
pub type Dealer = Socket<kind::Dealer>;

/// Sends to the peer it names, and receives with the name of the sender: [`hubless::Router`](crate::Router) for plain threads.
pub type Router = Socket<kind::Router>;

/// Sends to everybody in a group: [`hubless::Radio`](crate::Radio) for plain threads.
pub type Radio = Socket<kind::Radio>;

/// Receives from the groups it joined: [`hubless::Dish`](crate::Dish) for plain threads.
pub type Dish = Socket<kind::Dish>;

/// Publishes, and sees who subscribes to what: [`hubless::XPub`](crate::XPub) for plain threads.
pub type XPub = Socket<kind::XPub>;

/// Receives what it subscribed to, and sends to its publishers: [`hubless::XSub`](crate::XSub) for plain threads.
pub type XSub = Socket<kind::XSub>;

/// Talks to exactly one other [`Pair`]: [`hubless::Pair`](crate::Pair) for plain threads.
pub type Pair = Socket<kind::Pair>;

/// Talks to exactly one other [`Channel`], a frame at a time: [`hubless::Channel`](crate::Channel) for plain threads.
pub type Channel = Socket<kind::Channel>;

/// Talks to a [`Server`]: [`hubless::Client`](crate::Client) for plain threads.
pub type Client = Socket<kind::Client>;

/// Answers the [`Client`] it names: [`hubless::Server`](crate::Server) for plain threads.
pub type Server = Socket<kind::Server>;

/// Sends to the peer it names, and receives with the name of the sender: [`hubless::PeerSocket`](crate::PeerSocket) for plain threads.
pub type PeerSocket = Socket<kind::Peer>;

/// Sends each message to one [`Gather`], in turn: [`hubless::Scatter`](crate::Scatter) for plain threads.
pub type Scatter = Socket<kind::Scatter>;

/// Receives from each [`Scatter`] in turn: [`hubless::Gather`](crate::Gather) for plain threads.
pub type Gather = Socket<kind::Gather>;

/// Talks to peers that know no ZMTP: [`hubless::StreamSocket`](crate::StreamSocket) for plain threads.
pub type StreamSocket = Socket<kind::Stream>;

/// Sends and receives UDP datagrams: [`hubless::Datagram`](crate::Datagram) for plain threads.
pub type Datagram = Socket<kind::Dgram>;

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
