//! Waiting for several sockets at once.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::task::Poll;
use std::time::Duration;

use super::Socket;
use crate::error::WaitError;
use crate::runtime;
use crate::socket::Readiness;
use crate::socket::kind::Kind;

/// A socket for [`poll`] to look at, and what it found.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use hubless::blocking::{Pair, PollItem, poll};
///
/// let (one, other) = (Pair::new(), Pair::new());
/// other.connect(&one.bind("tcp://127.0.0.1:0")?)?.wait()?;
/// let mut items = [PollItem::writable(&other), PollItem::readable(&other), PollItem::either(&one)];
/// assert_eq!(poll(&mut items, Duration::from_secs(10))?, 2);
/// assert!(items[0].is_writable() && !items[1].is_readable());
/// assert!(items[2].is_writable() && !items[2].is_readable());
/// # Ok::<(), hubless::Error>(())
/// ```
pub struct PollItem<'a> {
    readiness: Readiness,
    socket: PhantomData<&'a ()>,
    wants: Ways,
    found: Ways,
}

/// Ways in which a socket may be ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ways {
    readable: bool,
    writable: bool,
}

impl<'a> PollItem<'a> {
    /// Waits until something can be received from the socket: a message, or that it is closed.
    ///
    /// Example: at [`PollItem`].
    pub fn readable<K: Kind>(socket: &'a Socket<K>) -> Self {
        Self::new(socket, true, false)
    }

    /// Waits until a message can be sent without waiting, or the socket is closed.
    ///
    /// Example: at [`PollItem`].
    pub fn writable<K: Kind>(socket: &'a Socket<K>) -> Self {
        Self::new(socket, false, true)
    }

    /// Waits for either.
    ///
    /// Example: at [`PollItem`].
    pub fn either<K: Kind>(socket: &'a Socket<K>) -> Self {
        Self::new(socket, true, true)
    }

    fn new<K: Kind>(socket: &'a Socket<K>, readable: bool, writable: bool) -> Self {
        Self {
            readiness: socket.inner.readiness(),
            socket: PhantomData,
            wants: Ways { readable, writable },
            found: Ways::default(),
        }
    }

    /// Whether something could be received when [`poll`] returned.
    pub fn is_readable(&self) -> bool {
        self.found.readable
    }

    /// Whether something could be sent when [`poll`] returned.
    pub fn is_writable(&self) -> bool {
        self.found.writable
    }
}

impl fmt::Debug for PollItem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollItem")
            .field("wants", &self.wants)
            .field("found", &self.found)
            .finish_non_exhaustive()
    }
}

/// Waits until one of several sockets is ready, at most for `limit` (`None`: however long it takes), and returns how many
/// are. With a limit of zero it only looks.
///
/// Nothing is received or sent. Another thread may be quicker, and what a filter throws away looks like a message from
/// here: use [`try_recv`](Socket::try_recv) and [`try_send`](Socket::try_send) on what is ready. A publisher can
/// always send.
///
/// # Errors
///
/// [`WaitError::InsideRuntime`] where it would have to wait. That the time is up is no error: then 0 are ready.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use hubless::blocking::{PollItem, Pull, Push, Sub, poll};
///
/// let (jobs, news, push) = (Pull::new(), Sub::new(), Push::new());
/// push.connect(&jobs.bind("tcp://127.0.0.1:0")?)?;
/// push.send("work")?;
///
/// let mut items = [PollItem::readable(&jobs), PollItem::readable(&news)];
/// assert_eq!(poll(&mut items, Duration::from_secs(10))?, 1);
/// assert!(items[0].is_readable() && !items[1].is_readable());
/// assert_eq!(jobs.try_recv()?, "work");
/// # Ok::<(), hubless::Error>(())
/// ```
pub fn poll(items: &mut [PollItem<'_>], limit: impl Into<Option<Duration>>) -> Result<usize, WaitError> {
    // Whichever runtime we drive: the others' fallbacks wake us.
    let keeper = items
        .iter()
        .find_map(|item| item.readiness.shared().keeper.get())
        .cloned();
    items.iter_mut().for_each(|item| item.found = Ways::default());
    let ready = poll_fn(|cx| {
        let mut ready = 0;
        for item in items.iter_mut() {
            item.found = Ways {
                readable: item.wants.readable && item.readiness.poll_readable(cx).is_ready(),
                writable: item.wants.writable && item.readiness.poll_writable(cx).is_ready(),
            };
            ready += usize::from(item.found != Ways::default());
        }
        if ready > 0 {
            Poll::Ready(ready)
        } else {
            Poll::Pending
        }
    });
    let waited = runtime::wait(keeper.as_ref(), limit.into(), ready);
    // What comes from now on is for others who wait.
    items.iter_mut().for_each(|item| item.readiness.leave());
    Ok(waited?.unwrap_or(0))
}
