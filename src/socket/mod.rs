//! What users hold: typed handles over one core.
//!
//! A [`Socket`] is an [`Arc`] of a `core::Core` and a kind that exists for the compiler only. What every kind can do is
//! here; what those can do that send or receive freely is in `sending` and `receiving`, bound to a trait of
//! [`kind`]; what one kind has for itself stands with its pair in `pipeline`, `pubsub`, `reqrep`, `pair`, `scatter` and
//! `numbered`. Options are said once, to a [`Builder`], and `assembly` is the one place that turns a kind into
//! strategies for the floors below.

mod assembly;
mod budget;
mod builder;
mod connecting;
mod core;
mod datagram;
mod dealer;
pub mod kind;
mod marks;
mod numbered;
mod options;
mod pair;
mod peers;
mod pipeline;
mod plain;
mod publishing;
mod pubsub;
mod radio;
mod reach;
mod receiving;
mod relay;
mod reqrep;
mod router;
mod scatter;
mod sending;
mod stream;
mod untyped;
mod xpub;
mod xsub;
mod zap;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

pub(crate) use self::assembly::Options;
pub use self::builder::Builder;
pub use self::connecting::Connecting;
use self::core::Core;
pub use self::datagram::Datagram;
pub use self::dealer::Dealer;
use self::kind::{Kind, Shares};
pub use self::numbered::{Client, PeerSocket, Server};
pub use self::options::{Linger, Notify, Tuning};
pub use self::pair::{Channel, Pair};
pub use self::peers::Peers;
pub use self::pipeline::{Pull, Push};
pub(crate) use self::plain::Readiness;
pub use self::publishing::SlowPolicy;
pub use self::pubsub::{Pub, Sub, Subscribers};
pub use self::radio::{Dish, Radio};
pub use self::receiving::Messages;
pub(crate) use self::relay::{Inlet, Outlet, Sent};
pub(crate) use self::reqrep::Asked;
pub use self::reqrep::{Rep, Req, Request};
pub use self::router::Router;
pub use self::scatter::{Gather, Scatter};
pub use self::sending::{Outgoing, Permit};
pub use self::stream::{StreamEvent, StreamSocket};
pub(crate) use self::untyped::Room;
pub use self::xpub::XPub;
pub use self::xsub::XSub;
pub use self::zap::Zap;
use crate::endpoint::{Endpoint, ToEndpoint};
use crate::error::{BindError, EndpointError, Unsent};
use crate::monitor::Monitor;
use crate::stats::Stats;
use crate::transport::OpenListener;

/// A messaging socket of kind `K`, usually named by its alias: [`Push`], [`Pull`], [`Pub`], [`Sub`], [`Req`], [`Rep`],
/// [`Dealer`], [`Router`].
///
/// One socket has any number of connections. It [binds](Self::bind) and [connects](Self::connect) as often as you
/// like, in any order, and dials again what was lost; which of its peers a message goes to, or comes from, is a matter
/// of its kind.
///
/// A handle is cheap to clone, and clones share everything: endpoints, peers, queues, and what
/// [`close`](Self::close) does. All methods take `&self`, from any task or thread. ([`Req`] alone is one handle,
/// because question and answer alternate.)
///
/// # The runtime
///
/// The first `bind` or `connect` must happen on a tokio runtime: that one carries the socket's connections from then
/// on, whoever calls the socket later, and from wherever. When that runtime is shut down the socket is closed, and
/// what it had queued is counted as [`RuntimeGone`](crate::DropReason::RuntimeGone).
///
/// # Dropping
///
/// Dropping the last handle closes the socket without waiting: its connections finish in the background, within
/// [`linger`](Builder::linger), as long as the runtime lives. A program that ends earlier loses what is still queued,
/// so it should [`close`](Self::close) what it sent with.
///
/// # Examples
///
/// A function for any kind of socket:
///
/// ```
/// use hubless::kind::Kind;
/// use hubless::{Pull, Push, Socket};
///
/// async fn describe<K: Kind>(socket: &Socket<K>) -> String {
///     format!("{} peers at {} endpoints", socket.peers().count(), socket.endpoints().len())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let pull = Pull::new();
/// pull.bind("tcp://127.0.0.1:0").await?;
/// assert_eq!(describe(&pull).await, "0 peers at 1 endpoints");
/// assert_eq!(describe(&Push::new()).await, "0 peers at 0 endpoints");
/// # Ok(())
/// # }
/// ```
pub struct Socket<K: Kind> {
    core: Arc<Core>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Shares> Clone for Socket<K> {
    fn clone(&self) -> Self {
        Self {
            core: self.core.clone(),
            kind: PhantomData,
        }
    }
}

impl<K: Kind> Default for Socket<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Kind> fmt::Debug for Socket<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(K::KIND.name())
            .field("endpoints", &self.endpoints())
            .finish_non_exhaustive()
    }
}

impl<K: Kind> Socket<K> {
    /// A socket with default options.
    ///
    /// It does nothing, and needs no runtime, until it is bound or connected.
    ///
    /// # Examples
    ///
    /// ```
    /// let push = hubless::Push::new();
    /// assert!(push.endpoints().is_empty());
    /// ```
    pub fn new() -> Self {
        Self::builder()
            .build()
            .unwrap_or_else(|_| unreachable!("the defaults do not contradict each other"))
    }

    /// Begins to describe a socket that differs from the default.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Linger, Push};
    ///
    /// # fn main() -> Result<(), hubless::BuildError> {
    /// let push = Push::builder().send_hwm(10).linger(Linger::Discard).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> Builder<K> {
        Builder::new()
    }

    pub(crate) fn from_core(core: Core) -> Self {
        Self {
            core: Arc::new(core),
            kind: PhantomData,
        }
    }

    /// Listens at an endpoint, and returns it as the system resolved it.
    ///
    /// Peers can connect as soon as this is ready. A socket may listen at any number of endpoints, besides those it
    /// connects to. Where a port or a file is left to the system, the returned endpoint names it:
    ///
    /// | endpoint | listens |
    /// |---|---|
    /// | `tcp://127.0.0.1:5555`, `tcp://[::1]:5555` | at that address and port |
    /// | `tcp://*:5555` | at all IPv4 addresses; `tcp://[::]:5555` at those of IPv6 too |
    /// | `tcp://127.0.0.1:0` | at a free port |
    /// | `tcp://localhost:5555` | at what the name stands for, which must be an address of this machine |
    /// | `ipc:///run/app.sock` | at a Unix socket with mode 0600; a file that nobody answers at is replaced |
    /// | `ipc://@name` | at an abstract name (Linux) |
    /// | `ipc://*` | at a fresh file in a fresh directory that only this user can enter |
    /// | `inproc://name` | within this process, or [`Context`](crate::Context) |
    ///
    /// What listens goes on listening, whatever becomes of single connections, until [`unbind`](Self::unbind) or
    /// [`close`](Self::close).
    ///
    /// # Errors
    ///
    /// [`BindError::Parse`] when this is no endpoint, or none to bind. [`BindError::Io`] when the system refuses:
    /// the address is in use (perhaps by this very socket), is not ours, or needs a permission. [`BindError::NoRuntime`]
    /// outside of a tokio runtime, if this is the socket's first endpoint. [`BindError::Closed`] when it is closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it was ready, nothing is bound.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let pull = hubless::Pull::new();
    /// let endpoint = pull.bind("tcp://127.0.0.1:0").await?;
    /// assert!(!endpoint.to_string().ends_with(":0"));
    /// pull.bind("inproc://pull").await?;
    /// assert_eq!(pull.endpoints().len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn bind(&self, at: impl ToEndpoint) -> Result<Endpoint, BindError> {
        self.core.bind(at).await
    }

    /// Listens through a listener that is open already, and returns its endpoint.
    ///
    /// For programs that are handed their sockets, by systemd or by the program that they replace. A
    /// [`std::net::TcpListener`] is a `tcp://` endpoint, a [`std::os::unix::net::UnixListener`] an `ipc://` one, whose file
    /// is left alone when the socket ends. Everything else is as with [`bind`](Self::bind): the endpoint that is returned
    /// can be [unbound](Self::unbind), and connections get the [options of TCP](Builder::tcp) that can still be said.
    /// libzmq: `ZMQ_USE_FD`.
    ///
    /// # Errors
    ///
    /// [`BindError::Listener`] when this is no socket that listens, not one of its type's family, or one whose name is no
    /// endpoint; [`BindError::Kind`] when this kind of socket does not bind such endpoints; [`BindError::NoRuntime`] and
    /// [`BindError::Closed`] as with [`bind`](Self::bind). The listener is closed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Pull, Push};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?; // or what systemd has opened
    /// let pull = Pull::new();
    /// let endpoint = pull.bind_listener(listener)?;
    ///
    /// let push = Push::new();
    /// push.connect(&endpoint)?;
    /// push.send("hello").await?;
    /// assert_eq!(pull.recv().await?, "hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind_listener(&self, listener: impl Into<OpenListener>) -> Result<Endpoint, BindError> {
        self.core.bind_listener(listener.into())
    }

    /// Begins to dial an endpoint, and dials again whenever the connection is lost.
    ///
    /// This returns at once, and nobody needs to listen there yet. The connection comes about by itself: host names
    /// are resolved anew for every attempt, and the waits between attempts grow from 100 ms to 5 s
    /// ([`reconnect`](Builder::reconnect)). The returned [`Connecting`] may be awaited, to know when the first
    /// handshake is done, or be ignored.
    ///
    /// The addresses of a name are tried until one is connected, IPv6 and IPv4 by turns: the next one when another has
    /// failed, and beside the others when the latest has been silent for 250 ms (RFC 8305); at most eight at a time. Who
    /// gives a port to connect from has one tried after the other.
    ///
    /// A [`Push`] queues for the endpoint from now on, connected or not, unless it is
    /// [`immediate`](Builder::immediate).
    ///
    /// To connect twice to one endpoint makes a second, independent connection for [`Push`], [`Pull`] and [`Rep`]. For
    /// the other kinds it would only double every message or subscription, and is an error.
    ///
    /// # Errors
    ///
    /// Only what is wrong on this side: [`EndpointError::Parse`] when this is no endpoint, or none to connect to;
    /// [`EndpointError::AlreadyConnected`]; [`EndpointError::NoRuntime`] outside of a tokio runtime, if this is the
    /// socket's first endpoint; [`EndpointError::Closed`]. A peer that cannot be reached, or that refuses, is told by
    /// [`Connecting`] and the [monitor](Self::monitor).
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Pull, Push};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let push = Push::new();
    /// let connecting = push.connect("inproc://later")?;
    /// push.send("waits for somebody to bind").await?;
    ///
    /// let pull = Pull::new();
    /// pull.bind("inproc://later").await?;
    /// let peer = connecting.await?;
    /// assert_eq!(peer.kind(), Some(hubless::SocketKind::Pull));
    /// assert_eq!(pull.recv().await?, "waits for somebody to bind");
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect(&self, to: impl ToEndpoint) -> Result<Connecting, EndpointError> {
        self.core.connect(to)
    }

    /// Ends listening at an endpoint, and the connections that were accepted there.
    ///
    /// `at` is the endpoint as [`bind`](Self::bind) returned it. New connections are refused at once. Those that
    /// were accepted there end in good order: what is queued for them goes out first, for as long as
    /// [`linger`](Builder::linger) allows; what they sent and was received stays readable. A file that `ipc://` made
    /// is removed, if it is still ours. This is ready when all of it is done, and the endpoint is free to be bound
    /// again.
    ///
    /// # Errors
    ///
    /// [`EndpointError::NotFound`] when the socket does not listen there. [`EndpointError::Unsent`] with the messages
    /// that were left when linger ended; the endpoint is gone all the same.
    ///
    /// # Cancel safety
    ///
    /// The end has begun with the first poll, and goes on if the future is dropped. What is left unsent is then
    /// reported by [`close`](Self::close).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let pull = hubless::Pull::new();
    /// let endpoint = pull.bind("tcp://127.0.0.1:0").await?;
    /// pull.unbind(&endpoint).await?;
    /// assert!(pull.endpoints().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn unbind(&self, at: &Endpoint) -> Result<(), EndpointError> {
        self.core.unbind(at).await
    }

    /// Ends dialing an endpoint, and its connection.
    ///
    /// `from` is the endpoint that was given to [`connect`](Self::connect); of two connections to it one ends. What
    /// is queued goes out first, for as long as [`linger`](Builder::linger) allows, even if that needs another
    /// attempt to connect; what was received stays readable. Nothing new is queued for it meanwhile.
    ///
    /// # Errors
    ///
    /// [`EndpointError::NotFound`] when the socket is not connected there. [`EndpointError::Unsent`] with the
    /// messages that were left when linger ended; the endpoint is gone all the same.
    ///
    /// # Cancel safety
    ///
    /// As [`unbind`](Self::unbind): once begun it goes on, and [`close`](Self::close) reports what is left.
    ///
    /// # Examples
    ///
    /// What could not be sent comes back:
    ///
    /// ```
    /// use hubless::{EndpointError, Linger, Push};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let push = Push::builder().linger(Linger::Discard).build()?;
    /// let nobody = push.connect("inproc://nobody")?.endpoint().clone();
    /// push.send("hello?").await?;
    ///
    /// match push.disconnect(&nobody).await {
    ///     Err(EndpointError::Unsent(unsent)) => assert_eq!(unsent.messages(), 1),
    ///     other => panic!("expected the message back, found {other:?}"),
    /// }
    /// assert!(push.endpoints().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn disconnect(&self, from: &Endpoint) -> Result<(), EndpointError> {
        self.core.disconnect(from).await
    }

    /// The endpoints that are bound or connected, in the order in which they were added.
    ///
    /// Bound ones as the system resolved them, connected ones as they were given, whether or not there is a connection
    /// at the moment. None when the socket is closed, as soon as its connections have ended.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let push = hubless::Push::new();
    /// push.connect("tcp://example.com:5555")?;
    /// assert_eq!(push.endpoints()[0].to_string(), "tcp://example.com:5555");
    /// # Ok(())
    /// # }
    /// ```
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.core.endpoints()
    }

    /// Who is connected: a live view, which can also be waited on.
    ///
    /// A peer counts from the end of its handshake to the end of its connection. The view does not keep the socket
    /// open.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Pull, Push};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let pull = Pull::new();
    /// let push = Push::new();
    /// push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
    ///
    /// pull.peers().at_least(1).await?; // no program needs to sleep for its peers
    /// for peer in pull.peers().list() {
    ///     println!("{peer} speaks ZMTP {:?}", peer.version());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn peers(&self) -> Peers {
        Peers::new(&self.core.shared)
    }

    /// What was sent, received, dropped and queued so far, since the socket was made.
    ///
    /// A snapshot, exact when nothing is moving: `accepted = handed_over + dropped + queued` on the way out, `received
    /// = delivered + dropped + queued` on the way in. Bytes are those of frames with their headers. Counting is
    /// always on; asking takes the locks of the queues for a moment. Each [`Peer`](crate::Peer) has the same for
    /// itself.
    ///
    /// # Examples
    ///
    /// ```
    /// # use hubless::{Pull, Push};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let pull = Pull::new();
    /// # let push = Push::new();
    /// # push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
    /// push.send("hello").await?;
    /// pull.recv().await?;
    /// assert_eq!(push.stats().outgoing.accepted.messages, 1);
    /// assert_eq!(pull.stats().incoming.delivered.messages, 1);
    /// assert_eq!(push.stats().outgoing.dropped.total(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stats(&self) -> Stats {
        self.core.shared.stats()
    }

    /// What happens to listeners and connections from now on, as a stream of [`Event`](crate::Event)s.
    ///
    /// Any number of monitors may look at one socket; none of them holds it up or keeps it open. One that is more
    /// than 1 024 events behind loses the oldest, and is told how many. The stream ends after
    /// [`Event::Closed`](crate::Event::Closed); of a socket that is closed already, that is its only event.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Event, Pull, Push};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let pull = Pull::new();
    /// let mut monitor = pull.monitor();
    /// let push = Push::new();
    /// push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
    ///
    /// while let Some(event) = monitor.next().await {
    ///     println!("{event}"); // tcp://127.0.0.1:41035: accepted 127.0.0.1:52274
    ///     if let Event::HandshakeDone { peer } = event {
    ///         println!("{peer} can send");
    ///         break;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn monitor(&self) -> Monitor {
        self.core.shared.events.monitor()
    }

    /// Closes the socket, for all its handles, and waits until what was queued is on its way.
    ///
    /// From the first poll on, calls of all handles end with an error that says so: those that wait, and all later
    /// ones. Listening ends. Each connection ends in good order: what is queued for it is written, its sending half
    /// shut down, and what the peer still sends is read and discarded until it closes too, for a second at most. An
    /// endpoint that has no connection at the moment goes on dialing if something is queued for it. All this takes as
    /// long as [`linger`](Builder::linger) allows, 30 seconds by default, and no time when nothing is queued.
    ///
    /// *On its way* means handed to the system, or to the peer in this process. Whether the peer's program has read it
    /// only the peer's program can say. What was received here and not read is dropped.
    ///
    /// # Errors
    ///
    /// [`Unsent`] holds the messages that were left, by endpoint; no byte of them was sent. The socket is closed all
    /// the same. Of several handles that close at once, one is given them.
    ///
    /// # Cancel safety
    ///
    /// The closing has begun with the first poll, and goes on in the background if the future is dropped, as if the
    /// last handle had been dropped; what is left unsent is then only counted.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use hubless::{Linger, Push};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let push = Push::builder().linger(Linger::For(Duration::from_millis(10))).build()?;
    /// push.connect("inproc://nobody-listens-here")?;
    /// push.send("one").await?;
    /// push.send("two").await?;
    ///
    /// let unsent = push.close().await.expect_err("nobody was there");
    /// assert_eq!(unsent.to_string(), "2 messages were not sent: 2 to inproc://nobody-listens-here");
    /// assert!(unsent.into_messages().eq(["one", "two"]));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn close(self) -> Result<(), Unsent> {
        self.core.close().await
    }
}
