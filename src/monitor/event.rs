//! What can happen, and why. Texts are for one line of a log: what came from a peer is escaped where it was
//! read.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::{ProtocolError, Reason};
use crate::peer::Peer;
use crate::stats::{DropReason, Load};

/// Something that happened to a listener or a connection of one socket.
///
/// Example: at [`Monitor`](crate::Monitor).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A `bind` succeeded: peers can connect.
    Listening {
        /// As the system resolved it.
        endpoint: Endpoint,
    },
    /// A listener has a new connection; its handshake begins.
    Accepted {
        /// The listener's.
        endpoint: Endpoint,
        /// Where the connection comes from.
        address: String,
    },
    /// A listener could not accept, for want of descriptors or memory as a rule. It goes on after a pause; of
    /// a series of failures one a second is told.
    AcceptFailed {
        /// The listener's.
        endpoint: Endpoint,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// A connection was closed before its handshake, since there are enough.
    Refused {
        /// The listener's.
        endpoint: Endpoint,
        /// Where the connection came from.
        address: String,
        /// The limit that it met.
        limit: Limit,
    },
    /// The system did not send, or receive, a datagram. The rest go on; of a series of failures one a second is told.
    DatagramFailed {
        /// Where it came or was to leave from.
        endpoint: Endpoint,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// An attempt to connect begins, the first one or another.
    Connecting {
        /// What we connect to.
        endpoint: Endpoint,
    },
    /// An attempt to connect failed before there was a connection.
    ConnectFailed {
        /// What we tried to connect to.
        endpoint: Endpoint,
        /// What the system said; of a name with several addresses, about the last one.
        error: Arc<io::Error>,
    },
    /// An attempt to connect succeeded; the handshake begins.
    Connected {
        /// What we connected to.
        endpoint: Endpoint,
        /// Where that turned out to be.
        address: String,
    },
    /// The handshake is done: messages can move.
    HandshakeDone {
        /// Who is at the other end.
        peer: Peer,
    },
    /// A connection ended before its handshake was done.
    HandshakeFailed {
        /// What we connected to, or where we listen.
        endpoint: Endpoint,
        /// Where the connection came from or went to.
        address: String,
        /// Why.
        reason: DisconnectReason,
    },
    /// A connection ended after its handshake was done.
    Disconnected {
        /// Who was at the other end.
        peer: Peer,
        /// Why.
        reason: DisconnectReason,
        /// How many messages were queued for it and went with it; a connecting endpoint keeps them for the
        /// next connection, so this is 0 there.
        dropped: u64,
    },
    /// A connecting endpoint will try again.
    RetryIn {
        /// What it will connect to.
        endpoint: Endpoint,
        /// After this time.
        delay: Duration,
    },
    /// A connecting endpoint is given up, as [`reconnect_stop`](crate::Builder::reconnect_stop) says.
    ConnectStopped {
        /// What it connected to.
        endpoint: Endpoint,
    },
    /// A request was dropped without a reply: its peer will wait in vain.
    Unanswered {
        /// Who asked.
        peer: Peer,
    },
    /// A publisher has begun to drop messages for a peer whose queue is at its
    /// [high-water mark](crate::Builder::send_hwm).
    ///
    /// It is told when the first one is dropped, and once: not again before half of the queue was free, or the peer has come
    /// back. How many follow, its [counters](crate::Peer::stats) say. With
    /// [`SlowPolicy::Disconnect`](crate::SlowPolicy::Disconnect) the end of the connection comes next; with
    /// [`nodrop`](crate::Builder::nodrop) and `conflate` nothing is dropped at the mark, and nothing told. Nor is it where a
    /// [memory budget](crate::Builder::memory_budget) is used up, which says nothing of how fast a peer is: that is only counted.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Event, Pub, Sub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let publisher = Pub::builder().send_hwm(10).build()?;
    /// let mut monitor = publisher.monitor();
    /// let lazy = Sub::builder().recv_hwm(10).build()?;
    /// lazy.subscribe("");
    /// lazy.connect(&publisher.bind("inproc://prices").await?)?;
    /// publisher.subscribers().at_least(1).await?;
    /// for price in 0..100 {
    ///     publisher.send(price.to_string()).await?;
    /// }
    ///
    /// let slow = loop {
    ///     match monitor.next().await {
    ///         Some(Event::SlowPeer { peer, .. }) => break peer,
    ///         event => println!("{event:?}"),
    ///     }
    /// };
    /// assert!(slow.stats().outgoing.dropped.total() > 0);
    /// # Ok(())
    /// # }
    /// ```
    SlowPeer {
        /// Who does not keep up.
        peer: Peer,
        /// As what the dropped messages are counted.
        reason: DropReason,
        /// What waited for it when the first one was dropped.
        queued: Load,
    },
    /// This monitor did not keep up: its oldest events were dropped. They stood where this one stands.
    Lagged {
        /// How many.
        missed: u64,
    },
    /// The socket is closed. No event comes after this one.
    Closed,
}

impl Event {
    /// The endpoint of ours that this happened to: what we connected to, or where we listen; `None` for what
    /// concerns the whole monitor.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Listening { endpoint }
            | Self::Accepted { endpoint, .. }
            | Self::AcceptFailed { endpoint, .. }
            | Self::Refused { endpoint, .. }
            | Self::DatagramFailed { endpoint, .. }
            | Self::Connecting { endpoint }
            | Self::ConnectFailed { endpoint, .. }
            | Self::Connected { endpoint, .. }
            | Self::HandshakeFailed { endpoint, .. }
            | Self::RetryIn { endpoint, .. }
            | Self::ConnectStopped { endpoint } => Some(endpoint),
            Self::HandshakeDone { peer }
            | Self::Disconnected { peer, .. }
            | Self::Unanswered { peer }
            | Self::SlowPeer { peer, .. } => Some(peer.endpoint()),
            Self::Lagged { .. } | Self::Closed => None,
        }
    }

    /// The peer that this is about, where its handshake was done.
    pub fn peer(&self) -> Option<&Peer> {
        match self {
            Self::HandshakeDone { peer }
            | Self::Disconnected { peer, .. }
            | Self::Unanswered { peer }
            | Self::SlowPeer { peer, .. } => Some(peer),
            _ => None,
        }
    }
}

/// One line for a log.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(endpoint) = self.endpoint() {
            write!(f, "{endpoint}: ")?;
        }
        match self {
            Self::Listening { .. } => f.write_str("listening"),
            Self::Accepted { address, .. } => write!(f, "accepted {address}"),
            Self::AcceptFailed { error, .. } => write!(f, "cannot accept: {}", Reason(error)),
            Self::Refused { address, limit, .. } => write!(f, "refused {address}: {limit}"),
            Self::DatagramFailed { error, .. } => write!(f, "datagram failed: {}", Reason(error)),
            Self::Connecting { .. } => f.write_str("connecting"),
            Self::ConnectFailed { error, .. } => write!(f, "cannot connect: {}", Reason(error)),
            Self::Connected { address, .. } => write!(f, "connected to {address}"),
            Self::HandshakeDone { peer } => write!(f, "handshake done with {peer}"),
            Self::HandshakeFailed { address, reason, .. } => {
                write!(f, "handshake with {address} failed: {reason}")
            }
            Self::Disconnected {
                peer,
                reason,
                dropped: 0,
            } => write!(f, "disconnected from {peer}: {reason}"),
            Self::Disconnected {
                peer,
                reason,
                dropped,
            } => {
                write!(
                    f,
                    "disconnected from {peer}, {dropped} queued messages dropped: {reason}"
                )
            }
            Self::RetryIn { delay, .. } => write!(f, "next attempt in {delay:?}"),
            Self::ConnectStopped { .. } => f.write_str("not tried any more"),
            Self::Unanswered { peer } => write!(f, "a request from {peer} was dropped unanswered"),
            Self::SlowPeer { peer, reason, queued } => {
                let messages = queued.messages;
                write!(
                    f,
                    "{peer} is slow: messages for it are dropped ({reason}), {messages} wait"
                )
            }
            Self::Lagged { missed } => write!(f, "{missed} events missed"),
            Self::Closed => f.write_str("the socket is closed"),
        }
    }
}

/// Why a connection ended.
///
/// # Examples
///
/// ```
/// use hubless::{DisconnectReason, Event, Pull, Push};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let (pull, push) = (Pull::new(), Push::new());
/// let mut monitor = pull.monitor();
/// push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?.await?;
/// push.close().await?;
///
/// while let Some(event) = monitor.next().await {
///     if let Event::Disconnected { reason, .. } = &event {
///         assert_eq!(*reason, DisconnectReason::PeerClosed);
///         assert!(event.peer().is_some());
///         break;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The peer closed it in good order.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// Reading or writing failed: reset by the peer, keepalive unanswered, …
    #[error("{text}")]
    Io {
        /// What kind of failure it was.
        kind: io::ErrorKind,
        /// What the system said.
        text: String,
    },
    /// The peer misbehaved, does not fit, refused us or fell silent.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// A pending handshake, older than a second, made room for a newer connection.
    #[error("evicted to make room for newer connections")]
    Evicted,
    /// One of the two sockets talks to one peer at a time, and has one.
    #[error("one peer at a time, and there is one already")]
    Occupied,
    /// The request that went out on it was abandoned: its answer must not meet the next one.
    #[error("its request was abandoned")]
    Abandoned,
    /// Another peer has the routing id that this one announced. It may come back when that one has gone.
    #[error("another peer has the routing id {id}")]
    RoutingIdTaken {
        /// The routing id, escaped.
        id: String,
    },
    /// A peer that came later took over its routing id.
    #[error("its routing id was handed over to a newer connection")]
    HandedOver,
    /// It did not keep up with what was published, and that is what [is done](crate::SlowPolicy::Disconnect) with those.
    #[error("it did not keep up with what was published")]
    TooSlow,
    /// The endpoint was disconnected by this program.
    #[error("the endpoint was disconnected here")]
    Disconnect,
    /// The listener that accepted it was unbound by this program.
    #[error("the endpoint was unbound here")]
    Unbind,
    /// The socket was closed by this program.
    #[error("the socket was closed here")]
    Close,
    /// The runtime that carried the socket was shut down.
    #[error("the runtime was shut down")]
    RuntimeGone,
}

impl DisconnectReason {
    pub(crate) fn io(error: io::Error) -> Self {
        Self::Io {
            kind: error.kind(),
            text: Reason(&error).to_string(),
        }
    }
}

/// Which limit a new connection met.
///
/// # Examples
///
/// ```
/// assert_eq!(hubless::Limit::Connections.to_string(), "too many connections");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// As many handshakes are pending as the socket allows, all of them too young to be evicted.
    PendingHandshakes,
    /// One source has as many pending handshakes as a single one may.
    PendingHandshakesOfSource,
    /// The socket has as many connections as it allows.
    Connections,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PendingHandshakes => "too many pending handshakes",
            Self::PendingHandshakesOfSource => "too many pending handshakes from there",
            Self::Connections => "too many connections",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::peer::tests::peer;

    fn line(event: &Event) -> String {
        let line = event.to_string();
        assert!(!line.contains('\n'));
        line
    }

    #[test]
    fn every_event_is_a_line_that_names_endpoint_peer_and_reason() {
        let endpoint: Endpoint = "tcp://10.0.0.2:5555".parse().expect("an endpoint");
        let address = "10.0.0.1:49153".to_owned();
        let error = Arc::new(io::Error::other("no more descriptors"));
        let reason = DisconnectReason::PeerClosed;
        let events = [
            (
                Event::Listening {
                    endpoint: endpoint.clone(),
                },
                "listening",
            ),
            (
                Event::Accepted {
                    endpoint: endpoint.clone(),
                    address: address.clone(),
                },
                "accepted 10.0.0.1:49153",
            ),
            (
                Event::AcceptFailed {
                    endpoint: endpoint.clone(),
                    error: error.clone(),
                },
                "cannot accept: no more descriptors",
            ),
            (
                Event::Refused {
                    endpoint: endpoint.clone(),
                    address: address.clone(),
                    limit: Limit::Connections,
                },
                "refused 10.0.0.1:49153: too many connections",
            ),
            (
                Event::DatagramFailed {
                    endpoint: endpoint.clone(),
                    error: error.clone(),
                },
                "datagram failed: no more descriptors",
            ),
            (
                Event::Connecting {
                    endpoint: endpoint.clone(),
                },
                "connecting",
            ),
            (
                Event::ConnectFailed {
                    endpoint: endpoint.clone(),
                    error,
                },
                "cannot connect: no more descriptors",
            ),
            (
                Event::Connected {
                    endpoint: endpoint.clone(),
                    address: address.clone(),
                },
                "connected to 10.0.0.1:49153",
            ),
            (
                Event::HandshakeDone { peer: peer(1) },
                "handshake done with PULL at 10.0.0.1:49153",
            ),
            (
                Event::HandshakeFailed {
                    endpoint: endpoint.clone(),
                    address,
                    reason,
                },
                "handshake with 10.0.0.1:49153 failed: the peer closed the connection",
            ),
            (
                Event::Disconnected {
                    peer: peer(1),
                    reason: DisconnectReason::PeerClosed,
                    dropped: 0,
                },
                "disconnected from PULL at 10.0.0.1:49153: the peer closed the connection",
            ),
            (
                Event::Disconnected {
                    peer: peer(1),
                    reason: DisconnectReason::Unbind,
                    dropped: 7,
                },
                "disconnected from PULL at 10.0.0.1:49153, 7 queued messages dropped: the endpoint was unbound here",
            ),
            (
                Event::RetryIn {
                    endpoint: endpoint.clone(),
                    delay: Duration::from_millis(150),
                },
                "next attempt in 150ms",
            ),
            (
                Event::ConnectStopped {
                    endpoint: endpoint.clone(),
                },
                "not tried any more",
            ),
            (
                Event::Unanswered { peer: peer(1) },
                "a request from PULL at 10.0.0.1:49153 was dropped unanswered",
            ),
            (
                Event::SlowPeer {
                    peer: peer(1),
                    reason: DropReason::Hwm,
                    queued: Load {
                        messages: 1000,
                        bytes: 64_000,
                    },
                },
                "PULL at 10.0.0.1:49153 is slow: messages for it are dropped (hwm), 1000 wait",
            ),
        ];
        for (event, expected) in events {
            assert_eq!(event.endpoint(), Some(&endpoint));
            assert_eq!(event.peer().is_some(), expected.contains("PULL"));
            assert_eq!(line(&event), format!("tcp://10.0.0.2:5555: {expected}"));
        }
        for (event, expected) in [
            (Event::Lagged { missed: 3 }, "3 events missed"),
            (Event::Closed, "the socket is closed"),
        ] {
            assert!(event.endpoint().is_none() && event.peer().is_none());
            assert_eq!(line(&event), expected);
        }
    }

    #[test]
    fn a_protocol_reason_speaks_for_itself() {
        let error = ProtocolError::HandshakeTimeout;
        assert_eq!(
            DisconnectReason::from(error.clone()).to_string(),
            error.to_string()
        );
    }

    #[test]
    fn an_io_reason_keeps_what_the_system_said() {
        let reset = io::Error::from_raw_os_error(104);
        let reason = DisconnectReason::io(reset);
        assert!(matches!(
            reason,
            DisconnectReason::Io {
                kind: io::ErrorKind::ConnectionReset,
                ..
            }
        ));
        assert_eq!(reason.to_string(), "connection reset by peer");
    }
}
