//! Socket options, typed: a constant knows which type of value it takes. The names are libzmq's.

use std::ffi::c_int;
use std::marker::PhantomData;

/// A number-valued option: its C constant and the type of its value.
#[derive(Debug, Clone, Copy)]
pub struct Opt<T> {
    pub(super) id: c_int,
    value: PhantomData<T>,
}

impl<T> Opt<T> {
    /// An option by its number in `zmq.h`, for those that have no name here. A wrong type is refused by libzmq,
    /// which compares sizes.
    pub const fn new(id: i32) -> Self {
        Self {
            id,
            value: PhantomData,
        }
    }
}

/// An option whose value is bytes or text.
#[derive(Debug, Clone, Copy)]
pub struct BytesOpt(pub(super) c_int);

impl BytesOpt {
    /// An option by its number in `zmq.h`, for those that have no name here.
    pub const fn new(id: i32) -> Self {
        Self(id)
    }
}

mod sealed {
    pub trait Sealed {}
}

/// What a number-valued option can hold: `i32`, `i64` or `u64`.
pub trait Value: Copy + Default + sealed::Sealed {}

impl sealed::Sealed for i32 {}
impl sealed::Sealed for i64 {}
impl sealed::Sealed for u64 {}
impl Value for i32 {}
impl Value for i64 {}
impl Value for u64 {}

macro_rules! options {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $id:literal;)*) => {
        $($(#[$doc])* pub const $name: $kind = <$kind>::new($id);)*
    };
}

options! {
    /// Most messages queued towards one peer; 0 = no limit.
    SNDHWM: Opt<i32> = 23;
    /// Most messages queued from one peer; 0 = no limit.
    RCVHWM: Opt<i32> = 24;
    /// How long close keeps unsent messages, in milliseconds; -1 = for ever. Zero here unless set.
    LINGER: Opt<i32> = 17;
    /// How long `recv` waits, in milliseconds; -1 = for ever.
    RCVTIMEO: Opt<i32> = 27;
    /// How long `send` waits, in milliseconds; -1 = for ever.
    SNDTIMEO: Opt<i32> = 28;
    /// The kernel's send buffer in bytes; -1 = the system's choice.
    SNDBUF: Opt<i32> = 11;
    /// The kernel's receive buffer in bytes; -1 = the system's choice.
    RCVBUF: Opt<i32> = 12;
    /// Queue messages only to connections whose handshake is complete.
    IMMEDIATE: Opt<i32> = 39;
    /// Keep only the newest message.
    CONFLATE: Opt<i32> = 54;
    /// Waiting connections at a listener.
    BACKLOG: Opt<i32> = 19;
    /// Whether IPv6 addresses are used.
    IPV6: Opt<i32> = 42;
    /// First wait before connecting again, in milliseconds.
    RECONNECT_IVL: Opt<i32> = 18;
    /// Longest wait before connecting again, in milliseconds.
    RECONNECT_IVL_MAX: Opt<i32> = 21;
    /// Longest wait for a connection, in milliseconds.
    CONNECT_TIMEOUT: Opt<i32> = 79;
    /// Longest wait for a handshake, in milliseconds.
    HANDSHAKE_IVL: Opt<i32> = 66;
    /// Time between PINGs, in milliseconds; 0 = none.
    HEARTBEAT_IVL: Opt<i32> = 75;
    /// What we tell the peer it should use as its timeout, in milliseconds.
    HEARTBEAT_TTL: Opt<i32> = 76;
    /// How long we wait for an answer to a PING, in milliseconds.
    HEARTBEAT_TIMEOUT: Opt<i32> = 77;
    /// Largest message we accept, in bytes; -1 = no limit.
    MAXMSGSIZE: Opt<i64> = 22;
    /// Which I/O threads serve new connections, as a bit set.
    AFFINITY: Opt<u64> = 4;
    /// Type-of-service bits of outgoing packets.
    TOS: Opt<i32> = 57;
    /// TCP keepalive: -1 = the system's choice, 0 = off, 1 = on.
    TCP_KEEPALIVE: Opt<i32> = 34;
    /// Whether the last frame received is followed by another.
    RCVMORE: Opt<i32> = 13;
    /// A descriptor that becomes readable when what would not wait may have changed.
    FD: Opt<i32> = 14;
    /// Which of [`POLLIN`] and [`POLLOUT`] would not wait now.
    EVENTS: Opt<i32> = 15;
    /// The socket's type as a number.
    TYPE: Opt<i32> = 16;
    /// The security mechanism: 0 NULL, 1 PLAIN, 2 CURVE.
    MECHANISM: Opt<i32> = 43;
    /// ROUTER: fail for an unknown routing id instead of dropping.
    ROUTER_MANDATORY: Opt<i32> = 33;
    /// ROUTER: a new peer takes over a routing id that is in use.
    ROUTER_HANDOVER: Opt<i32> = 56;
    /// Send an empty message to each new peer.
    PROBE_ROUTER: Opt<i32> = 51;
    /// REQ: number the requests and match replies.
    REQ_CORRELATE: Opt<i32> = 52;
    /// REQ: allow a new request before the reply.
    REQ_RELAXED: Opt<i32> = 53;
    /// XPUB: show repeated subscriptions too.
    XPUB_VERBOSE: Opt<i32> = 40;
    /// XPUB: show repeated subscriptions and cancellations too.
    XPUB_VERBOSER: Opt<i32> = 78;
    /// PUB, XPUB: wait instead of dropping at the high-water mark.
    XPUB_NODROP: Opt<i32> = 69;
    /// XPUB: the program subscribes for its peers.
    XPUB_MANUAL: Opt<i32> = 71;
    /// PUB, SUB: match what is not subscribed.
    INVERT_MATCHING: Opt<i32> = 74;
    /// SUB: how many subscriptions there are.
    TOPICS_COUNT: Opt<i32> = 116;
    /// PLAIN: this side checks.
    PLAIN_SERVER: Opt<i32> = 44;
    /// CURVE: this side is the server.
    CURVE_SERVER: Opt<i32> = 47;

    /// The id that a ROUTER peer will see.
    ROUTING_ID: BytesOpt = 5;
    /// The routing id of the peer of the next connect.
    CONNECT_ROUTING_ID: BytesOpt = 61;
    /// SUB: ask for a topic prefix.
    SUBSCRIBE: BytesOpt = 6;
    /// SUB: stop asking for a topic prefix.
    UNSUBSCRIBE: BytesOpt = 7;
    /// The endpoint of the last bind or connect, as the system gave it.
    LAST_ENDPOINT: BytesOpt = 32;
    /// PLAIN: the name to give.
    PLAIN_USERNAME: BytesOpt = 45;
    /// PLAIN: the password to give.
    PLAIN_PASSWORD: BytesOpt = 46;
    /// CURVE: our public key, 32 bytes or 40 characters of Z85.
    CURVE_PUBLICKEY: BytesOpt = 48;
    /// CURVE: our secret key, 32 bytes or 40 characters of Z85.
    CURVE_SECRETKEY: BytesOpt = 49;
    /// CURVE: the server's public key, on the client.
    CURVE_SERVERKEY: BytesOpt = 50;
    /// The domain that ZAP requests name.
    ZAP_DOMAIN: BytesOpt = 55;
    /// XPUB: a message each new subscriber gets.
    XPUB_WELCOME_MSG: BytesOpt = 72;
    /// A metadata property to announce, `X-name:value`.
    METADATA: BytesOpt = 95;
    /// A message each new peer gets.
    HELLO_MSG: BytesOpt = 110;
    /// A message we receive when a peer has gone.
    DISCONNECT_MSG: BytesOpt = 111;
    /// A message we receive when a connection is made again.
    HICCUP_MSG: BytesOpt = 114;
}

/// In [`EVENTS`]: a receive would not wait.
pub const POLLIN: i32 = 1;
/// In [`EVENTS`]: a send would not wait.
pub const POLLOUT: i32 = 2;
