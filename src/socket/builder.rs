//! A socket's options, said once and checked together.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Socket;
use super::assembly::Options;
use super::kind::{
    Conflates, Greets, HasIncoming, HasOutgoing, HearsDepartures, HearsLosses, Identifies, Kind, QueuesAhead,
    Reroutes,
};
use super::options::{Linger, Tuning};
use crate::context::Context;
use crate::driver::{Reconnect, ReconnectStop};
use crate::error::BuildError;
use crate::mechanism::Mechanism;
use crate::message::Message;
use crate::session::Heartbeat;
use crate::transport::{Carrier, TcpOptions};

/// Describes a socket, then [builds](Builder::build) it.
///
/// Every option is fixed when the socket is built. What only some kinds have exists only on their builders.
///
/// ```
/// use hubless::{Linger, Push};
///
/// # fn main() -> Result<(), hubless::BuildError> {
/// let push = Push::builder().send_hwm(10_000).linger(Linger::Forever).build()?;
/// # Ok(())
/// # }
/// ```
///
/// What every kind has, with the defaults:
///
/// ```
/// use std::time::Duration;
///
/// use hubless::{Context, Heartbeat, Linger, ReconnectStop, Rep, TcpOptions, Tuning};
///
/// let rep = Rep::builder()
///     .send_hwm(1000)
///     .send_hwm_bytes(8 << 20)
///     .recv_hwm(1000)
///     .recv_hwm_bytes(8 << 20)
///     .memory_budget(0)
///     .linger(Linger::For(Duration::from_secs(30)))
///     .reconnect(Duration::from_millis(100), Duration::from_secs(5))
///     .reconnect_stop(ReconnectStop::new())
///     .connect_timeout(None)
///     .handshake_timeout(Duration::from_secs(10))
///     .heartbeat(None)
///     .max_message_size(256 << 20)
///     .max_message_frames(16_384)
///     .max_pending_handshakes(1024)
///     .max_connections(None)
///     .backlog(4096)
///     .tcp(TcpOptions::new())
///     .tuning(Tuning::new().spin(true))
///     .context(&Context::new())
///     .build()?;
///
/// let other = Rep::builder().heartbeat(Heartbeat::every(Duration::from_secs(5)));
/// # let _ = (rep, other);
/// # Ok::<(), hubless::BuildError>(())
/// ```
///
/// (A kind that only sends has no `recv_hwm`, and one that only receives no `send_hwm`.) And what some have for
/// themselves:
///
/// ```
/// use hubless::{Pub, Push, Req};
///
/// let push = Push::builder().immediate(true).build()?;
/// let publisher = Pub::builder().conflate(true).build()?;
/// let req = Req::builder().routing_id("asker").correlate(true).build()?;
/// # let _ = (push, publisher, req);
/// # Ok::<(), hubless::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Builder<K> {
    pub(super) options: Options,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Builder<K> {
    pub(crate) fn new() -> Self {
        Self {
            options: Options::of(K::KIND),
            kind: PhantomData,
        }
    }

    /// With options that were said elsewhere, by number.
    pub(crate) fn with(options: Options) -> Self {
        Self {
            options,
            kind: PhantomData,
        }
    }

    /// How long closing waits for queued messages. Default: 30 seconds. libzmq: `ZMQ_LINGER`, which waits for ever.
    ///
    /// Example: at [`Builder`].
    pub fn linger(mut self, linger: Linger) -> Self {
        self.options.linger = linger;
        self
    }

    /// The most bytes that all queues of this socket may hold together, outgoing and incoming; 0 is unlimited. Default: 0.
    ///
    /// The high-water marks are each peer's own, so what a socket may hold grows with the number of its peers; this does not.
    /// Counted are the messages that wait to be sent, those just being written among them, and those that were received and not
    /// read, as frames with their headers. What a publisher has queued for several peers counts for each of them.
    ///
    /// What has no room is treated as at a high-water mark: who sends waits, as long as [`send`](Socket::send) waits for
    /// room at all; a publisher drops for the peer concerned, counted as [`Hwm`](crate::DropReason::Hwm), and so do a
    /// [`Rep`](crate::Rep) and a [`Router`](crate::Router) that is not `mandatory`, for a peer that has not taken what was sent
    /// to it before; and peers are not read. Those who wait go on when an eighth of the budget is free.
    ///
    /// **A peer whose queue is empty may always have one message**, each way. So nobody is kept waiting for ever because others
    /// do not read, and the bound is this many bytes and one message for each queue. Two things more may go beyond it: a
    /// message for which a [permit](Socket::reserve) was given, and, where several threads read at the same moment, 256 KiB for
    /// each of them. Not counted are buffers and messages that have not come to their end (guarantees, G6).
    ///
    /// A [context](crate::ContextBuilder::memory_budget) can have such a budget for all of its sockets. libzmq: none.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::Router;
    ///
    /// // However many peers there are, and whether they read or not.
    /// let router = Router::builder().memory_budget(64 << 20).build()?;
    /// # let _ = router;
    /// # Ok::<(), hubless::BuildError>(())
    /// ```
    pub fn memory_budget(mut self, bytes: usize) -> Self {
        self.options.memory_budget = bytes;
        self
    }

    /// The first and the longest wait before a connecting endpoint tries again. Default: 100 ms and 5 s.
    ///
    /// Each wait is twice the one before, up to `max`, and drawn from its upper half, so that many peers do not
    /// come back at once. A peer that refuses for good is asked again after 15 to 30 s, whatever is said here. libzmq:
    /// `ZMQ_RECONNECT_IVL`, `ZMQ_RECONNECT_IVL_MAX`.
    ///
    /// Example: at [`Builder`].
    pub fn reconnect(mut self, min: Duration, max: Duration) -> Self {
        self.options.reconnect = Reconnect {
            min,
            max,
            ..self.options.reconnect
        };
        self
    }

    /// After what a connecting endpoint is given up. Default: after nothing.
    ///
    /// It is gone then, as if it had been disconnected: what was queued for it is dropped, counted, and returned by
    /// [`close`](Socket::close), and whoever waits for [`Connecting`](crate::Connecting) is told.
    /// libzmq: `ZMQ_RECONNECT_STOP`.
    ///
    /// Example: at [`Builder`].
    pub fn reconnect_stop(mut self, stop: ReconnectStop) -> Self {
        self.options.reconnect.stop = stop;
        self
    }

    /// How long one attempt to connect to one address may take; `None`: as long as the system tries, some two minutes.
    /// Default: `None`. For `tcp://`; the others answer at once. A name's [next address](super::Socket::connect) does not
    /// wait for it.
    ///
    /// libzmq: `ZMQ_CONNECT_TIMEOUT`.
    ///
    /// Example: at [`Builder`].
    pub fn connect_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.options.stream.connect_timeout = limit.into();
        self
    }

    /// How long a peer may take from connected to the end of the handshake; `None`: for ever. Default: 10 s.
    ///
    /// libzmq: `ZMQ_HANDSHAKE_IVL`.
    ///
    /// Example: at [`Builder`].
    pub fn handshake_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.options.handshake_timeout = limit.into();
        self
    }

    /// Asks silent peers for a sign of life. Default: none. libzmq: `ZMQ_HEARTBEAT_IVL`, `ZMQ_HEARTBEAT_TIMEOUT`, `ZMQ_HEARTBEAT_TTL`.
    ///
    /// Example: at [`Builder`].
    pub fn heartbeat(mut self, heartbeat: impl Into<Option<Heartbeat>>) -> Self {
        self.options.heartbeat = heartbeat.into();
        self
    }

    /// The largest message, all frames together, in bytes: a larger one is refused when sent, and closes the
    /// connection it comes from. Default: 256 MiB. libzmq: `ZMQ_MAXMSGSIZE`, which counts each frame alone.
    ///
    /// Example: at [`Builder`].
    pub fn max_message_size(mut self, bytes: u64) -> Self {
        self.options.max_message_size = bytes;
        self
    }

    /// The most frames of one message. Default: 16 384. libzmq: none.
    ///
    /// Example: at [`Builder`].
    pub fn max_message_frames(mut self, frames: usize) -> Self {
        self.options.max_message_frames = frames;
        self
    }

    /// How this socket and its peers come to trust each other. Default: NULL, not at all.
    ///
    /// Both sides must use the same mechanism: a peer that names another one, or speaks a version of ZMTP that has
    /// none, is refused. libzmq: `ZMQ_PLAIN_SERVER`, `ZMQ_CURVE_SERVER` and those beside them.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Plain, PlainUsers, Pull};
    ///
    /// let users = PlainUsers::new().with("ann", "secret");
    /// let pull = Pull::builder().mechanism(Plain::server(users)).build()?;
    /// # let _ = pull;
    /// # Ok::<(), hubless::BuildError>(())
    /// ```
    pub fn mechanism(mut self, mechanism: impl Into<Mechanism>) -> Self {
        self.options.mechanism = mechanism.into();
        self
    }

    /// Whether peers are spoken with that speak ZMTP 1.0, the language of libzmq 2 (2012). Default: no.
    ///
    /// It has no greeting, no heartbeat and no security: such a peer cannot be told from any other program but by how
    /// its first two bytes look. Peers that speak 2.0, the language of libzmq 3, are spoken with in any case, unless a
    /// [mechanism](Self::mechanism) is set. A publisher sends everything to a peer of 1.0, which chooses itself.
    /// libzmq: always.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::Pub;
    ///
    /// // For a machine whose libzmq nobody dares to touch.
    /// let publisher = Pub::builder().legacy(true).build()?;
    /// # let _ = publisher;
    /// # Ok::<(), hubless::BuildError>(())
    /// ```
    pub fn legacy(mut self, speak_zmtp_1: bool) -> Self {
        self.options.legacy = speak_zmtp_1;
        self
    }

    /// Tells every peer a property of this socket: a name that begins with `X-` and a value. Default: none.
    ///
    /// The peer can [read](crate::Peer::property) it. Of the name letters, digits and `- _ . +` are allowed, at most 255
    /// bytes; all properties together may have 4 KiB. Peers of ZMTP 2.0 and before are told nothing, and neither are those
    /// over `inproc://`. libzmq: `ZMQ_METADATA`.
    ///
    /// Example: at [`Peer`](crate::Peer).
    pub fn property(mut self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.options.properties.push((name.into(), value.into()));
        self
    }

    /// How many connections may wait to be accepted; the kernel clamps it. Default: 4 096. libzmq: `ZMQ_BACKLOG`.
    ///
    /// Example: at [`Builder`].
    pub fn backlog(mut self, connections: u32) -> Self {
        self.options.stream.backlog = connections;
        self
    }

    /// How many accepted connections may be in their handshake at a time. Default: 1 024.
    ///
    /// At this number no more are accepted: they wait in the kernel's backlog. One that is older than a second may be
    /// closed to make room, the oldest first. A single source (an IPv4 address, or the /64 network of an IPv6 one) may
    /// have a quarter of them, loopback and ipc excepted. libzmq: none.
    ///
    /// Example: at [`Builder`].
    pub fn max_pending_handshakes(mut self, connections: usize) -> Self {
        self.options.admission.pending = connections;
        self
    }

    /// How many accepted connections the socket may have in all; one more is closed at once. Default: no limit.
    ///
    /// Does not count those that the socket itself opens with `connect`. libzmq: none.
    ///
    /// Example: at [`Builder`].
    pub fn max_connections(mut self, connections: impl Into<Option<usize>>) -> Self {
        self.options.admission.connections = connections.into();
        self
    }

    /// Options of TCP connections; each says what it is to libzmq. Default: those of [`TcpOptions::new`].
    ///
    /// Example: at [`Builder`].
    pub fn tcp(mut self, options: TcpOptions) -> Self {
        self.options.stream.tcp = options;
        self
    }

    /// What only a measurement can justify: measure first. Default: those of [`Tuning::new`]. libzmq: none.
    ///
    /// Example: at [`Builder`].
    pub fn tuning(mut self, tuning: Tuning) -> Self {
        self.options.tuning = tuning;
        self
    }

    /// The context whose `inproc://` names this socket sees. Default: one for the whole process.
    /// libzmq: what `zmq_socket` is given.
    ///
    /// Example: at [`Builder`].
    pub fn context(mut self, context: &Context) -> Self {
        self.options.context = context.clone();
        self
    }

    /// What stands in for the operating system, and the seed of all dice.
    #[doc(hidden)]
    pub fn carrier(mut self, carrier: Arc<dyn Carrier>, seed: u64) -> Self {
        self.options.carrier = Some(carrier);
        self.options.seed = Some(seed);
        self
    }

    /// Builds the socket.
    ///
    /// # Errors
    ///
    /// Names every contradiction among the options, all at once.
    ///
    /// Example: at [`Builder`].
    pub fn build(self) -> Result<Socket<K>, BuildError> {
        let options = self.options;
        BuildError::unless_none(options.contradictions(K::KIND))?;
        Ok(Socket::from_core(options.build(K::KIND)))
    }
}

impl<K: HasOutgoing> Builder<K> {
    /// The most messages that wait for one peer; 0 is unlimited. Default: 1000. libzmq: `ZMQ_SNDHWM`.
    ///
    /// Whole messages for each peer, counted until the kernel has taken them. At the mark `send` waits; a
    /// publisher drops, for that subscriber alone, or does what [`on_slow`](Self::on_slow) says. Without a mark and a byte budget, memory is bounded by nothing.
    ///
    /// Example: at [`Builder`].
    pub fn send_hwm(mut self, messages: usize) -> Self {
        self.options.send_hwm = messages;
        self
    }

    /// The most bytes that wait for one peer; 0 is unlimited. Default: 8 MiB; for a publisher unlimited. libzmq: none.
    ///
    /// Counts frames with their headers. One larger message is admitted into an empty queue. Towards a peer in another
    /// process a waiting `send` that names no peer fills no more than 1 MiB, or four messages, while the connection moves: what waits longer
    /// has left the processor's caches. When nothing could be written for some 2 ms it goes on to the budget, as `try_send`
    /// does at once.
    ///
    /// Example: at [`Builder`].
    pub fn send_hwm_bytes(mut self, bytes: usize) -> Self {
        self.options.send_hwm_bytes = bytes;
        self
    }
}

impl<K: HasIncoming> Builder<K> {
    /// The most messages from one peer that wait to be received; 0 is unlimited. Default: 1000.
    ///
    /// At the mark that peer is not read any more, and is held back by its own kernel: nothing is dropped.
    /// libzmq: `ZMQ_RCVHWM`.
    ///
    /// Example: at [`Builder`].
    pub fn recv_hwm(mut self, messages: usize) -> Self {
        self.options.recv_hwm = messages;
        self
    }

    /// The most bytes from one peer that wait to be received; 0 is unlimited. Default: 8 MiB. libzmq: none.
    ///
    /// What was read in one piece is handed over whole: up to 256 KiB, or one message, beyond. From a peer in another
    /// process no more than 1 MiB, or four messages, are read ahead while the program receives; twice as much each time that
    /// nothing was received for some 2 ms, up to the budget. What publishers send is always read up to the budget.
    ///
    /// Example: at [`Builder`].
    pub fn recv_hwm_bytes(mut self, bytes: usize) -> Self {
        self.options.recv_hwm_bytes = bytes;
        self
    }
}

impl<K: Conflates> Builder<K> {
    /// Keeps only the newest message for each peer; the high-water marks do not apply. Default: off.
    ///
    /// Messages of several frames count whole; each one replaced is counted. libzmq: `ZMQ_CONFLATE`.
    ///
    /// Example: at [`Builder`].
    pub fn conflate(mut self, newest_only: bool) -> Self {
        self.options.conflate = newest_only;
        self
    }
}

impl<K: QueuesAhead> Builder<K> {
    /// Queues only for peers that are connected. Default: off: a connecting endpoint queues from the start.
    ///
    /// What is queued for a connection is lost with it, and counted. A [`Router`](crate::Router) then knows a peer it has
    /// connected to while that is connected, but one of [`connect_as`](Socket::connect_as) always. libzmq: `ZMQ_IMMEDIATE`.
    ///
    /// Example: at [`Builder`].
    pub fn immediate(mut self, connected_only: bool) -> Self {
        self.options.immediate = connected_only;
        self
    }
}

impl<K: Identifies> Builder<K> {
    /// The name by which a ROUTER knows this socket: 1 to 255 bytes, the first not 0. Default: none.
    ///
    /// libzmq: `ZMQ_ROUTING_ID`.
    ///
    /// Example: at [`Builder`].
    pub fn routing_id(mut self, id: impl Into<Bytes>) -> Self {
        self.options.routing_id = id.into();
        self
    }

    /// Sends an empty message as the first on every new connection. Default: off.
    ///
    /// So a ROUTER at the other end learns that this socket is there, and its name, before it has anything to say. No other
    /// kind expects it: a REP drops it as no request. libzmq: `ZMQ_PROBE_ROUTER`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Dealer, Router};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let router = Router::new();
    /// let worker = Dealer::builder().routing_id("worker").probe(true).build()?;
    /// worker.connect(&router.bind("tcp://127.0.0.1:0").await?)?;
    ///
    /// let (id, _) = router.recv_from().await?;
    /// assert_eq!(id, "worker".into());
    /// router.send_to(&id, "a job that it did not have to ask for").await?;
    /// assert_eq!(worker.recv().await?, "a job that it did not have to ask for");
    /// # Ok(())
    /// # }
    /// ```
    pub fn probe(mut self, first: bool) -> Self {
        self.options.probe = first;
        self
    }
}

impl<K: Reroutes> Builder<K> {
    /// What is queued for a peer that is lost goes to other peers, instead of being dropped. Default: off.
    ///
    /// Lost is an accepted peer whose connection ended, or an endpoint that was disconnected and whose
    /// [`linger`](Self::linger) is over. Only messages go elsewhere of which no byte had left, so none is ever received twice;
    /// what was handed to the system is not known to have arrived, and is not sent again. They keep their order, and come
    /// before what is sent later. The others are not filled above their marks: what finds no room waits for it, or for
    /// the next peer, as much as one queue may hold; what is beyond that is dropped and counted as
    /// [`DropReason::PipeClosed`](crate::DropReason::PipeClosed). Each message is counted once, at the peer that gets it. libzmq: none.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Endpoint, Linger, Pull, Push};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let push = Push::builder().reroute(true).linger(Linger::Discard).build()?;
    /// let nobody: Endpoint = "inproc://nobody".parse()?;
    /// push.connect(&nobody)?;
    /// push.send("job").await?; // waits in the queue of that endpoint
    ///
    /// let pull = Pull::new();
    /// push.connect(&pull.bind("inproc://there").await?)?.await?;
    /// push.disconnect(&nobody).await?;
    /// assert_eq!(pull.recv().await?, "job");
    /// # Ok(())
    /// # }
    /// ```
    pub fn reroute(mut self, to_others: bool) -> Self {
        self.options.reroute = to_others;
        self
    }
}

impl<K: Greets> Builder<K> {
    /// The first message on every new connection, before all that is queued. Default: none.
    ///
    /// It counts like any other message, and goes out again on each connection of an endpoint. libzmq: `ZMQ_HELLO_MSG`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Client, Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let server = Server::builder().hello_message("welcome").build()?;
    /// let client = Client::new();
    /// client.connect(&server.bind("tcp://127.0.0.1:0").await?)?;
    /// assert_eq!(client.recv().await?, "welcome");
    /// # Ok(())
    /// # }
    /// ```
    pub fn hello_message(mut self, message: impl Into<Message>) -> Self {
        self.options.hello = Some(message.into());
        self
    }
}

impl<K: HearsLosses> Builder<K> {
    /// What is received, as if the peer had sent it, when the connection of an endpoint that we connected is lost: behind
    /// all that came through it. Default: nothing.
    ///
    /// It is how a program that only receives learns that answers may be missing. It counts as received like any other
    /// message, and a peer can send the same bytes: whoever must not be deceived asks the [monitor](Socket::monitor).
    /// libzmq: `ZMQ_HICCUP_MSG`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Dealer, Router};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let router = Router::new();
    /// let dealer = Dealer::builder().hiccup_message("connection lost").build()?;
    /// dealer.connect(&router.bind("tcp://127.0.0.1:0").await?)?.await?;
    /// router.close().await?;
    /// assert_eq!(dealer.recv().await?, "connection lost");
    /// # Ok(())
    /// # }
    /// ```
    pub fn hiccup_message(mut self, message: impl Into<Message>) -> Self {
        self.options.hiccup_message = Some(message.into());
        self
    }
}

impl<K: HearsDepartures> Builder<K> {
    /// What is received, as if the peer had sent it, when a peer that had connected to us has gone: behind all that it
    /// sent. Default: nothing.
    ///
    /// The [monitor](Socket::monitor) tells the same, with the reason; this tells it in its place among the messages. On
    /// a ROUTER it takes the place of what [`notify`](Builder::notify) would tell. It counts as received like any other
    /// message, and a peer can send the same bytes: whoever must not be deceived asks the monitor. libzmq:
    /// `ZMQ_DISCONNECT_MSG`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Client, Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let server = Server::builder().disconnect_message("(has left)").build()?;
    /// let client = Client::new();
    /// client.connect(&server.bind("tcp://127.0.0.1:0").await?)?;
    /// client.send("goodbye").await?;
    /// client.close().await?;
    ///
    /// let (who, goodbye) = server.recv_from().await?;
    /// assert_eq!(goodbye, "goodbye");
    /// assert_eq!(server.recv_from().await?, (who, "(has left)".into()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn disconnect_message(mut self, message: impl Into<Message>) -> Self {
        self.options.disconnect_message = Some(message.into());
        self
    }
}
