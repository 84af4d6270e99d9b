//! Brokerless, ZeroMQ-style messaging.

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
mod pattern;
mod session;

mod driver;

mod socket;

pub use context::Context;
pub use endpoint::{Endpoint, EndpointProblem, ParseEndpointError, ToEndpoint};
pub use error::{
    BindError, BuildError, Closed, ConnectError, Contradiction, EndpointError, Error, Foreign, ProtocolError,
    RecvError, RequestError, SendError, SendTimeoutError, TryRecvError, TrySendError, Unsent, UnsentTo,
};
pub use message::{Frame, FrameCountError, Frames, IntoFrames, Message, NoFrames, Payload};
pub use monitor::{DisconnectReason, Event, Limit, Monitor};
pub use peer::Peer;
pub use session::Heartbeat;
pub use socket::{
    Builder, Connecting, Linger, Messages, Outgoing, Peers, Permit, Pub, Pull, Push, Rep, Req, Request,
    Socket, Sub, Subscribers, Tuning, kind,
};
pub use socket_kind::SocketKind;
pub use stats::{DropReason, Dropped, IncomingStats, Load, OutgoingStats, Stats};
pub use transport::{Keepalive, TcpOptions};

/// The door for simulation and fault injection: what stands in for the operating system.
#[doc(hidden)]
pub mod carrier {
    pub use crate::transport::{ByteListener, ByteStream, Carrier, Dialing, Writer};
}

/// Compiles and runs what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
