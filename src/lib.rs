//! Messaging between threads, processes and machines without a server in the middle: ZeroMQ's sockets and wire protocol
//! (ZMTP 3.1), in safe Rust on tokio.
//!
//! A *socket* here is not a connection. It has any number of them, makes them again when they break, queues what cannot
//! go yet, and deals messages out to its peers by a rule that is its *kind*:
//!
//! ```
//! use hubless::{Pull, Push};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), hubless::Error> {
//! let pull = Pull::new();
//! let endpoint = pull.bind("tcp://127.0.0.1:0").await?; // resolved: tcp://127.0.0.1:49153
//!
//! let push = Push::new();
//! push.connect(&endpoint)?; // dialing starts; either side may come first
//! push.send("hello").await?;
//!
//! assert_eq!(pull.recv().await?, "hello");
//! push.close().await?; // waits until everything is on its way
//! # Ok(())
//! # }
//! ```
//!
//! # Kinds
//!
//! | kind | talks to | rule |
//! |---|---|---|
//! | [`Push`] | [`Pull`] | each message goes to one peer, in turn; waits when all are full |
//! | [`Pull`] | [`Push`] | takes one message from each peer in turn |
//! | [`Pub`] | [`Sub`] | each message goes to all who asked for it; who is too slow misses some |
//! | [`Sub`] | [`Pub`] | says what it wants by prefixes of topics |
//! | [`XPub`] | [`Sub`], [`XSub`] | publishes, and hears who wants what |
//! | [`XSub`] | [`Pub`], [`XPub`] | says what it wants by messages, and sends others to its publishers |
//! | [`Radio`] | [`Dish`] | each message goes to all in its group |
//! | [`Dish`] | [`Radio`] | joins groups, by their whole names |
//! | [`Req`] | [`Rep`] | asks one peer, in turn, and waits for its answer |
//! | [`Rep`] | [`Req`] | answers whoever asks |
//! | [`Dealer`] | [`Router`], [`Rep`], [`Dealer`] | sends to one peer, in turn, and takes from each in turn: many requests at once |
//! | [`Router`] | [`Dealer`], [`Req`], [`Router`] | sends to the peer that it names, and is told who sent |
//! | [`Pair`] | [`Pair`] | two that have nobody but each other |
//! | [`Client`] | [`Server`] | messages of one frame, to one peer in turn |
//! | [`Server`] | [`Client`] | answers the peer that it names by its number |
//! | [`PeerSocket`] | [`PeerSocket`] | a [`Server`] on both sides |
//! | [`Scatter`] | [`Gather`] | a [`Push`] of single frames |
//! | [`Gather`] | [`Scatter`] | a [`Pull`] of single frames |
//! | [`Channel`] | [`Channel`] | a [`Pair`] of single frames |
//! | [`StreamSocket`] | any program, over TCP or a Unix socket | bytes to and from the connection that it names |
//! | [`Datagram`] | any program, over UDP | datagrams to and from the address that it names |
//!
//! All of them are the one struct [`Socket`], so [`bind`](Socket::bind), [`connect`](Socket::connect),
//! [`peers`](Socket::peers), [`stats`](Socket::stats), [`monitor`](Socket::monitor) and [`close`](Socket::close) are the
//! same everywhere. What a kind cannot do does not compile. Options are set on a [`Builder`], once.
//!
//! # Endpoints
//!
//! `tcp://host:port`, `ipc://path` (Unix sockets), `inproc://name` (within the process), and for [`Radio`], [`Dish`] and
//! [`Datagram`] `udp://host:port`, also of a multicast group: see [`Endpoint`]. A socket binds to and connects to as many as
//! you like; a [`Datagram`] has one.
//!
//! # Messages
//!
//! A [`Message`] has one or more [`Frame`]s, and arrives whole or not at all. Slices, text, vectors and
//! [`Bytes`](https://docs.rs/bytes) are messages of one frame, tuples and arrays of several:
//!
//! ```
//! # use hubless::{Pub, Sub};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), hubless::Error> {
//! # let (publisher, subscriber) = (Pub::new(), Sub::new());
//! # subscriber.connect(&publisher.bind("tcp://127.0.0.1:0").await?)?;
//! subscriber.subscribe("weather.");
//! subscriber.subscribed().await?; // from here on nothing is missed, as long as we keep up
//!
//! publisher.send(("weather.berlin", vec![21, 60])).await?;
//! let [topic, body] = subscriber.recv().await?.into_frames()?;
//! assert_eq!(topic, "weather.berlin");
//! assert_eq!(body, [21, 60]);
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! **At most once**, whole, and in order as seen from one peer. Every loss is counted, queues are bounded, and dropping a
//! future never sends half a message nor loses a received one: each async method says precisely what, under *Cancel
//! safety*. The whole list, with the tests of each promise, is in `docs/guarantees.md`.
//!
//! A peer's fault is never an error of `send` or `recv`. It ends that peer's connection, and is an [`Event`] with a reason.
//!
//! # Security
//!
//! By default there is none ([NULL](Null)): whoever reaches an endpoint gets in. [`Plain`] asks for a name and a password, in
//! clear. `Curve`, behind the feature `curve`, encrypts everything, and both sides prove who they are by their keys.
//! Who may enter is decided by a list or by an [async function](auth::Authenticator) of yours; why somebody may not is
//! an [`Event`] on both sides. Set a [mechanism](Builder::mechanism) on both sockets, the same one.
//!
//! # Waiting instead of sleeping
//!
//! Connections come about in their own time, which is what sleeps in programs of this kind are for. Here there is
//! something to await: [`Connecting`] (the first handshake of an endpoint), [`Peers::at_least`],
//! [`Subscribers::at_least`] (somebody wants this topic) and [`subscribed`](Socket::subscribed) (the publishers know
//! what we want).
//!
//! # Runtime
//!
//! A socket lives on the tokio runtime of its first `bind` or `connect`, which needs its I/O and time drivers
//! (`enable_all`, or `#[tokio::main]`). It may be used from any task, thread or other runtime.
//!
//! # Features
//!
//! * `tracing` (on by default) tells the story of each connection as events of that crate, target `hubless`: routine at
//!   `debug`, trouble at `warn`.
//! * `curve` adds the mechanism CURVE, and the crates of its cryptography.

// The house, from the ground up (docs/architecture.md).
mod frame;
mod socket_kind;
mod stats;
mod sync;

mod endpoint;
mod message;
mod runtime;

mod error;

mod monitor;
mod peer;
mod transport;
mod wire;

mod mechanism;
mod pipe;

mod context;
#[cfg(feature = "curve")]
mod keys;
mod pattern;
mod session;

mod driver;

mod socket;

pub mod blocking;
pub mod dynamic;
mod proxy;

pub use context::{Context, ContextBuilder};
pub use driver::ReconnectStop;
pub use endpoint::{Endpoint, EndpointProblem, ParseEndpointError, ToEndpoint};
pub use error::{
    BindError, BuildError, CloseError, Closed, ConnectError, Contradiction, EndpointError, Error, Foreign,
    GroupTooLong, ProtocolError, RecvError, RequestError, SendError, SendTimeoutError, ThreadsError,
    TryRecvError, TrySendError, Unsent, UnsentTo, WaitError,
};
#[cfg(feature = "curve")]
pub use mechanism::Curve;
pub use mechanism::{Mechanism, Null, Plain, PlainUsers};
pub use message::{Frame, FrameCountError, Frames, IntoFrames, Message, NoFrames, Payload};
pub use monitor::{DisconnectReason, Event, Limit, Monitor};
pub use pattern::RoutingId;
pub use peer::{Peer, PeerId, Process};
pub use proxy::{Proxy, ProxyControl, ProxyHandle, ProxyStatistics, SideStatistics, proxy};
pub use session::Heartbeat;
pub use socket::{
    Builder, Channel, Client, Connecting, Datagram, Dealer, Dish, Gather, Linger, Messages, Notify, Outgoing,
    Pair, PeerSocket, Peers, Permit, Pub, Pull, Push, Radio, Rep, Req, Request, Router, Scatter, Server,
    SlowPolicy, Socket, StreamEvent, StreamSocket, Sub, Subscribers, Tuning, XPub, XSub, kind,
};
pub use socket_kind::SocketKind;
pub use stats::{DropReason, Dropped, IncomingStats, Load, OutgoingStats, Stats};
pub use transport::{Keepalive, OpenListener, TcpOptions, UdpOptions};

/// Deciding who may enter.
pub mod auth {
    pub use crate::mechanism::auth::{Applicant, Authenticator, Credentials, LocalUsers, Password, Verdict};
    pub use crate::socket::Zap;
}

/// Keys of CURVE, and whom they let in.
#[cfg(feature = "curve")]
pub mod curve {
    pub use crate::keys::KeyFileError;
    pub use crate::mechanism::curve::keys::{KeyPair, ParseKeyError, PublicKey, SecretKey};
    pub use crate::mechanism::curve::policy::{AllowList, CurveServer, ServerKeys};
}

/// The door for simulation and fault injection: what stands in for the operating system.
#[doc(hidden)]
pub mod carrier {
    pub use crate::transport::{ByteListener, ByteStream, Carrier, Dialing, Writer};
}

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;

/// Compiles and runs what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
