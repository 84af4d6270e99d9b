//! When a connecting endpoint is given up instead of being dialed again.

use std::io;

use super::connection::End;
use crate::endpoint::{Address, Endpoint};

/// After what a connecting endpoint is not dialed again. By default after nothing: an endpoint outlives its peers.
///
/// libzmq: `ZMQ_RECONNECT_STOP` for the first two, `ZMQ_RECONNECT_IVL` of -1 for all three.
///
/// # Examples
///
/// A program that does one thing and ends, well or badly, need not wait for a server that is not there:
///
/// ```
/// use hubless::{ConnectError, Push, ReconnectStop};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let push = Push::builder().reconnect_stop(ReconnectStop::new().refused(true)).build()?;
/// match push.connect("tcp://127.0.0.1:1")?.await {
///     Err(ConnectError::Stopped { reason, .. }) => assert_eq!(reason, "connection refused"),
///     other => panic!("expected that nobody listens there, found {other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReconnectStop {
    refused: bool,
    handshake_failed: bool,
    lost: bool,
}

impl ReconnectStop {
    /// After nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// After an attempt that met nobody who listens (`ZMQ_RECONNECT_STOP_CONN_REFUSED`).
    ///
    /// Example: at [`ReconnectStop`].
    #[must_use]
    pub fn refused(mut self, stop: bool) -> Self {
        self.refused = stop;
        self
    }

    /// After a handshake that did not come to its end, whosever fault it was (`ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED`).
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{ConnectError, Pub, Push, ReconnectStop};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let publisher = Pub::new();
    /// let push = Push::builder().reconnect_stop(ReconnectStop::new().handshake_failed(true)).build()?;
    /// let connected = push.connect(&publisher.bind("tcp://127.0.0.1:0").await?)?.await;
    /// assert!(matches!(connected, Err(ConnectError::Stopped { .. })));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn handshake_failed(mut self, stop: bool) -> Self {
        self.handshake_failed = stop;
        self
    }

    /// After a connection that had been established: the endpoint has one in its life.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Event, Pull, Push, ReconnectStop};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let pull = Pull::new();
    /// let push = Push::builder().reconnect_stop(ReconnectStop::new().lost(true)).build()?;
    /// let mut events = push.monitor();
    /// push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?.await?;
    /// pull.close().await?;
    /// while !matches!(events.next().await, Some(Event::Disconnected { .. })) {}
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn lost(mut self, stop: bool) -> Self {
        self.lost = stop;
        self
    }

    /// Whether an attempt that failed like this was the last one.
    pub(super) fn after_attempt(self, endpoint: &Endpoint, error: &io::Error) -> bool {
        let nobody_listens = match error.kind() {
            io::ErrorKind::ConnectionRefused => true,
            // The file of a Unix socket.
            io::ErrorKind::NotFound => matches!(endpoint.address(), Address::Ipc(_)),
            _ => false,
        };
        self.refused && nobody_listens
    }

    /// Whether a connection that ended like this was the last one.
    pub(super) fn after_connection(self, end: &End) -> bool {
        match end.established {
            Some(_) => self.lost,
            None => self.handshake_failed,
        }
    }
}
