//! What blocking sockets hand out to be waited on: peers, events, and connections on their way.

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Duration;

use super::{wait, wait_for};
use crate::driver::Shared;
use crate::endpoint::Endpoint;
use crate::error::{ConnectError, WaitError};
use crate::monitor::{self, Event};
use crate::peer::Peer;
use crate::socket;

/// The peers of a socket: [`hubless::Peers`](crate::Peers) for plain threads.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use hubless::WaitError;
/// use hubless::blocking::{Peers, Pull, Push};
///
/// let (pull, push) = (Pull::new(), Push::new());
/// let peers: Peers = pull.peers();
/// assert_eq!(peers.at_least_timeout(1, Duration::from_millis(1)), Err(WaitError::Timeout));
///
/// push.connect(&pull.bind("tcp://127.0.0.1:0")?)?;
/// peers.at_least(1)?;
/// assert_eq!(peers.count(), 1);
/// println!("{} is there", peers.list()[0]);
/// # Ok::<(), hubless::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Peers {
    peers: socket::Peers,
    shared: Arc<Shared>,
}

impl Peers {
    pub(super) fn new(peers: socket::Peers, shared: &Arc<Shared>) -> Self {
        Self {
            peers,
            shared: shared.clone(),
        }
    }

    /// How many there are now.
    pub fn count(&self) -> usize {
        self.peers.count()
    }

    /// Those that are there now.
    pub fn list(&self) -> Vec<Peer> {
        self.peers.list()
    }

    /// Waits until there are at least `n`.
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] when the socket is closed before, [`WaitError::InsideRuntime`] where it would have to wait.
    ///
    /// Example: at [`Peers`].
    pub fn at_least(&self, n: usize) -> Result<(), WaitError> {
        Ok(wait(&self.shared, self.peers.at_least(n))??)
    }

    /// Waits until there are at least `n`, at most for `limit`.
    ///
    /// # Errors
    ///
    /// As [`at_least`](Self::at_least), and [`WaitError::Timeout`].
    ///
    /// Example: at [`Peers`].
    pub fn at_least_timeout(&self, n: usize, limit: Duration) -> Result<(), WaitError> {
        Ok(wait_for(&self.shared, limit, self.peers.at_least(n))?.ok_or(WaitError::Timeout)??)
    }
}

/// What happens to listeners and connections, as an iterator that waits for each event and ends after
/// [`Event::Closed`]: [`hubless::Monitor`](crate::Monitor) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::Event;
/// use hubless::blocking::{Monitor, Pull};
///
/// let pull = Pull::new();
/// let mut events: Monitor = pull.monitor();
/// pull.bind("tcp://127.0.0.1:0")?;
/// assert!(matches!(events.next(), Some(Event::Listening { .. })));
/// pull.close()?;
/// assert!(matches!(events.last(), Some(Event::Closed)));
/// # Ok::<(), hubless::Error>(())
/// ```
pub struct Monitor {
    monitor: monitor::Monitor,
    shared: Arc<Shared>,
}

impl Monitor {
    pub(super) fn new(monitor: monitor::Monitor, shared: &Arc<Shared>) -> Self {
        Self {
            monitor,
            shared: shared.clone(),
        }
    }

    /// The next event, if it comes within `limit`; `Ok(None)` after [`Event::Closed`].
    ///
    /// # Errors
    ///
    /// [`WaitError::Timeout`], and [`WaitError::InsideRuntime`] where it would have to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use hubless::blocking::Pull;
    /// use hubless::{Event, WaitError};
    ///
    /// let pull = Pull::new();
    /// let mut events = pull.monitor();
    /// let nothing = events.next_timeout(Duration::from_millis(1));
    /// assert_eq!(nothing.err(), Some(WaitError::Timeout));
    /// pull.bind("tcp://127.0.0.1:0")?;
    /// assert!(matches!(events.next_timeout(Duration::from_secs(10))?, Some(Event::Listening { .. })));
    /// # Ok::<(), hubless::Error>(())
    /// ```
    pub fn next_timeout(&mut self, limit: Duration) -> Result<Option<Event>, WaitError> {
        wait_for(&self.shared, limit, self.monitor.next())?.ok_or(WaitError::Timeout)
    }
}

impl Iterator for Monitor {
    type Item = Event;

    /// The next event. `None` after [`Event::Closed`], and inside an async runtime where it would have to wait.
    fn next(&mut self) -> Option<Event> {
        wait(&self.shared, self.monitor.next()).ok().flatten()
    }
}

impl FusedIterator for Monitor {}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.monitor.fmt(f)
    }
}

/// A connection on its way: [`hubless::Connecting`](crate::Connecting) for plain threads.
///
/// Dialing has begun and goes on whether or not this is waited for; dropping it changes nothing.
///
/// # Examples
///
/// ```
/// use hubless::blocking::{Connecting, Pull, Push};
///
/// let (pull, push) = (Pull::new(), Push::new());
/// let connecting: Connecting = push.connect(&pull.bind("tcp://127.0.0.1:0")?)?;
/// println!("dialing {}", connecting.endpoint());
/// println!("{} is there", connecting.wait()?);
/// # Ok::<(), hubless::Error>(())
/// ```
#[derive(Debug)]
pub struct Connecting {
    connecting: socket::Connecting,
    shared: Arc<Shared>,
}

impl Connecting {
    pub(super) fn new(connecting: socket::Connecting, shared: &Arc<Shared>) -> Self {
        Self {
            connecting,
            shared: shared.clone(),
        }
    }

    /// The endpoint that is dialed.
    pub fn endpoint(&self) -> &Endpoint {
        self.connecting.endpoint()
    }

    /// Waits until the first handshake of this endpoint is done.
    ///
    /// # Errors
    ///
    /// Those of [`hubless::Connecting`](crate::Connecting), and [`ConnectError::InsideRuntime`] where it would have to
    /// wait.
    ///
    /// Example: at [`Connecting`].
    pub fn wait(self) -> Result<Peer, ConnectError> {
        let endpoint = self.connecting.endpoint().clone();
        let connected = wait(&self.shared, self.connecting);
        connected.unwrap_or(Err(ConnectError::InsideRuntime(endpoint)))
    }
}
