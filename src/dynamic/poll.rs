//! Waiting for several sockets at once.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use super::receiving::Watch;
use super::socket::Socket;
use super::{Errno, event};
use crate::runtime::{self, InsideRuntime};

/// A socket for [`poll`] to look at, and what it found: libzmq's `zmq_pollitem_t`.
///
/// # Examples
///
/// See [`poll`].
#[derive(Debug)]
pub struct PollItem<'a> {
    socket: &'a Socket,
    events: i16,
    found: i16,
}

impl<'a> PollItem<'a> {
    /// Waits for these [events](super::event).
    pub fn new(socket: &'a Socket, events: i16) -> Self {
        Self {
            socket,
            events,
            found: 0,
        }
    }

    /// Those of them that were there when [`poll`] returned.
    pub fn found(&self) -> i16 {
        self.found
    }
}

/// Waits until one of several sockets is ready, at most for `limit` (`None`: however long it takes), and returns how many
/// are. With a limit of zero it only looks. libzmq: `zmq_poll`.
///
/// Nothing is received or sent; room that is found is kept for the socket's next message. What a filter throws away
/// looks like a message from here, so receive with [`DONTWAIT`](super::flag::DONTWAIT).
///
/// # Errors
///
/// [`ETERM`](Errno::ETERM) when a context was shut down, [`EDEADLK`](Errno::EDEADLK) where it would have to wait inside
/// an async runtime, and what is wrong with a socket that is used for the first time. That the time is up is no error.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use hubless::dynamic::{Context, Errno, PollItem, event, flag, kind, poll};
///
/// let context = Context::new();
/// let (jobs, push) = (context.socket(kind::PULL)?, context.socket(kind::PUSH)?);
/// jobs.bind("inproc://jobs")?;
/// push.connect("inproc://jobs")?;
/// push.send("work", 0)?;
///
/// let mut items = [PollItem::new(&jobs, event::POLLIN)];
/// assert_eq!(poll(&mut items, Duration::from_secs(10))?, 1);
/// assert_eq!(items[0].found(), event::POLLIN);
/// assert_eq!(jobs.recv(flag::DONTWAIT)?, "work");
/// # Ok::<(), Errno>(())
/// ```
pub fn poll(items: &mut [PollItem<'_>], limit: impl Into<Option<Duration>>) -> Result<usize, Errno> {
    let mut watches = Vec::with_capacity(items.len());
    let mut calls = Vec::with_capacity(items.len());
    for item in &mut *items {
        item.found = 0;
        let inner = item.socket.inner();
        inner.is_alive()?;
        calls.push(inner.call(item.events));
        watches.push(inner.built()?.watch(inner.manners()));
    }
    // Whichever runtime we drive: the others' fallbacks wake us.
    let keeper = items.iter().find_map(|item| {
        let built = item.socket.inner().built.get()?;
        built.shared().keeper.get().cloned()
    });
    let looking = poll_fn(|cx| {
        let mut ready = 0;
        for (item, watch) in items.iter_mut().zip(&mut watches) {
            let (receiving, sending) = item.socket.inner().is_in_the_middle();
            let wants = |event| item.events & event != 0;
            let readable = wants(event::POLLIN) && (receiving || watch.poll_readable(cx).is_ready());
            let writable = wants(event::POLLOUT) && (sending || watch.poll_writable(cx).is_ready());
            item.found = event::of(readable, writable);
            ready += usize::from(item.found != 0);
        }
        if ready > 0 {
            Poll::Ready(ready)
        } else {
            Poll::Pending
        }
    });
    let waited = runtime::wait(keeper.as_ref(), limit.into(), looking);
    // What comes from now on is for others who wait.
    watches.iter_mut().for_each(Watch::leave);
    drop((watches, calls));
    items.iter().try_for_each(|item| item.socket.inner().is_alive())?;
    match waited {
        Ok(ready) => Ok(ready.unwrap_or(0)),
        Err(InsideRuntime) => Err(Errno::EDEADLK),
    }
}
