//! Endpoints of a socket: adding them, taking them away, and waiting for them.

use std::fmt;
use std::io;

use super::{Closed, ProtocolError, ThreadsError, Unsent};
use crate::endpoint::{Endpoint, ParseEndpointError};
use crate::socket_kind::SocketKind;

/// An endpoint could not be bound.
///
/// # Examples
///
/// ```
/// use hubless::{BindError, Pull};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let (first, second) = (Pull::new(), Pull::new());
/// let endpoint = first.bind("tcp://127.0.0.1:0").await?;
/// match second.bind(&endpoint).await {
///     Err(BindError::Io { source, .. }) => assert_eq!(source.kind(), std::io::ErrorKind::AddrInUse),
///     other => panic!("expected that it is taken, found {other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// It is not an endpoint, or not one that can be bound.
    #[error(transparent)]
    Parse(#[from] ParseEndpointError),
    /// The system refused; the name of an inproc endpoint may be taken.
    #[error("cannot bind {endpoint}: {}", Reason(.source))]
    Io {
        /// Where the socket was to listen.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// The kind of the socket has no such endpoints, or none more.
    #[error("cannot bind {endpoint}: a {kind} binds {expected}")]
    Kind {
        /// Where the socket was to listen.
        endpoint: Endpoint,
        /// The socket's kind.
        kind: SocketKind,
        /// What it binds.
        expected: &'static str,
    },
    /// An open listener cannot be taken over.
    #[error("cannot bind the listener: {}", Reason(.0))]
    Listener(#[source] io::Error),
    /// There is no such transport on this platform.
    #[error("cannot bind {0}: this platform has no such endpoints")]
    Unsupported(Endpoint),
    /// A socket's first endpoint must be given on a tokio runtime, which then carries its connections.
    #[error("cannot bind {0}: no tokio runtime is running here")]
    NoRuntime(Endpoint),
    /// The socket is closed.
    #[error("cannot bind {0}: the socket is closed")]
    Closed(Endpoint),
    /// A blocking socket's thread runs the tasks of an async runtime, which would all wait with it.
    #[error("cannot bind {0}: this thread runs an async runtime, and must not wait")]
    InsideRuntime(Endpoint),
    /// The threads that are to carry a blocking socket could not be started.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
}

/// An endpoint could not be connected to, or not be taken away again.
///
/// # Examples
///
/// ```
/// use hubless::{EndpointError, Sub};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let subscriber = Sub::new();
/// subscriber.connect("tcp://127.0.0.1:5555")?;
/// let again = subscriber.connect("tcp://127.0.0.1:5555");
/// assert!(matches!(again, Err(EndpointError::AlreadyConnected(_))));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It is not an endpoint, or not one that can be connected to.
    #[error(transparent)]
    Parse(#[from] ParseEndpointError),
    /// The socket has no such endpoint.
    #[error("the socket has no endpoint {0}")]
    NotFound(Endpoint),
    /// No peer of the socket has this [number](crate::PeerId), or none any more.
    #[error("the socket has no peer {0}")]
    NoPeer(u32),
    /// A second connection to one endpoint would only double every message or subscription.
    #[error("cannot connect to {0}: the socket is connected to it already")]
    AlreadyConnected(Endpoint),
    /// Another peer of this socket has the routing id that this one was to have.
    #[error("cannot connect to {endpoint}: another peer has the routing id {id}")]
    RoutingIdTaken {
        /// Where the peer is.
        endpoint: Endpoint,
        /// The routing id, escaped.
        id: String,
    },
    /// A routing id that is chosen has 1 to 255 bytes, and the first is not 0.
    #[error(
        "cannot connect to {endpoint}: {id:?} is no routing id, which has 1 to 255 bytes, the first not 0"
    )]
    RoutingIdInvalid {
        /// Where the peer is.
        endpoint: Endpoint,
        /// What was to be the routing id, escaped.
        id: String,
    },
    /// The kind of the socket connects to no such endpoints.
    #[error("cannot connect to {endpoint}: a {kind} connects to {expected}")]
    Kind {
        /// Where the socket was to connect to.
        endpoint: Endpoint,
        /// The socket's kind.
        kind: SocketKind,
        /// What it connects to.
        expected: &'static str,
    },
    /// There is no such transport on this platform.
    #[error("cannot connect to {0}: this platform has no such endpoints")]
    Unsupported(Endpoint),
    /// A socket's first endpoint must be given on a tokio runtime, which then carries its connections.
    #[error("cannot connect to {0}: no tokio runtime is running here")]
    NoRuntime(Endpoint),
    /// The endpoint is gone, and some messages for it are left.
    #[error(transparent)]
    Unsent(#[from] Unsent),
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// A blocking socket's thread runs the tasks of an async runtime, which would all wait with it.
    #[error("cannot change the endpoint {0}: this thread runs an async runtime, and must not wait")]
    InsideRuntime(Endpoint),
    /// The threads that are to carry a blocking socket could not be started.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
}

impl From<Closed> for EndpointError {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

/// A connection did not come about: what [`Connecting`](crate::Connecting) says.
///
/// # Examples
///
/// ```
/// use hubless::{ConnectError, Pub, Push};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let publisher = Pub::new();
/// let endpoint = publisher.bind("tcp://127.0.0.1:0").await?;
/// match Push::new().connect(&endpoint)?.await {
///     Err(ConnectError::Refused { reason, .. }) => {
///         assert_eq!(reason.to_string(), "peer announced PUB, a PUSH accepts PULL");
///     }
///     other => panic!("expected that they do not fit, found {other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The peer is none that this socket can talk to. The endpoint is still tried from time to time, for the peer
    /// may be replaced.
    #[error("cannot connect to {endpoint}: {reason}")]
    Refused {
        /// Where the peer was met.
        endpoint: Endpoint,
        /// What was wrong with it, or with us in its eyes.
        #[source]
        reason: ProtocolError,
    },
    /// It did not come about, and is not tried any more, as `reconnect_stop` says: the endpoint is gone.
    #[error("cannot connect to {endpoint}, which is not tried any more: {reason}")]
    Stopped {
        /// What was tried.
        endpoint: Endpoint,
        /// What was wrong the last time.
        reason: String,
    },
    /// The endpoint was disconnected before.
    #[error("cannot connect to {0}: it was disconnected")]
    Disconnected(Endpoint),
    /// The socket was closed before.
    #[error("cannot connect to {0}: the socket is closed")]
    Closed(Endpoint),
    /// A plain thread was to wait that runs the tasks of an async runtime, which would all wait with it. Dialing goes
    /// on.
    #[error("cannot wait for {0}: this thread runs an async runtime")]
    InsideRuntime(Endpoint),
}

/// What the system said, in the style of our own texts: `permission denied` for `Permission denied (os error 13)`.
/// The number is still there in the error's source.
pub(crate) struct Reason<'a>(pub(crate) &'a io::Error);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let text = match (self.0.raw_os_error(), text.rsplit_once(" (os error ")) {
            (Some(_), Some((text, _))) => text,
            _ => &text,
        };
        let mut rest = text.chars();
        let first = rest.next().map(char::to_lowercase).into_iter().flatten();
        // A name such as "TLS" at the start keeps its capitals.
        if rest.clone().next().is_some_and(char::is_uppercase) {
            return f.write_str(text);
        }
        first.chain(rest).try_for_each(|c| fmt::Write::write_char(f, c))
    }
}
