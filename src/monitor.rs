//! What happens to listeners and connections, as a stream of events.
//!
//! The engine tells, whoever wants to know listens; the engine never waits for a listener and hardly notices
//! that there is none:
//!
//! ```text
//!   driver ── emit ──▶ Events ──┬──▶ ring of 1 024 ──▶ Monitor
//!                      (hub)    └──▶ ring of 1 024 ──▶ Monitor
//! ```
//!
//! An event is only made when somebody listens. Every monitor has a ring of its own; one that does not keep
//! up loses its oldest events and is told how many. All monitors see the events in the same order.
//!
//! ```text
//!   listener   Listening ─▶ Accepted ──┐                  ┌─▶ HandshakeFailed
//!              Refused, AcceptFailed   ├─▶ (handshake) ───┤
//!   dialer     Connecting ─▶ Connected ┘                  └─▶ HandshakeDone ─▶ Disconnected
//!                  ▲   └──▶ ConnectFailed                                          │
//!                  └────────────── RetryIn ◀───────────────────────────────────────┘
//! ```
//!
//! Events are facts for people and programs to look at; nothing in this crate acts on them.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use futures_core::stream::FusedStream;

use crate::sync::Mutex;

mod event;
#[cfg(test)]
mod tests;

pub use event::{DisconnectReason, Event, Limit};

/// How many events a monitor may be behind: enough for every connection of a busy socket to change at once,
/// and little memory for a monitor that nobody reads.
const RING: usize = 1024;

/// What happens to a socket's listeners and connections, from the monitor's creation on.
///
/// A `Stream` of [`Event`]s, and any number of them may look at one socket. It never holds the socket up:
/// when 1 024 events wait, the oldest is dropped for each new one, and the next event is one
/// [`Event::Lagged`]. The last event is [`Event::Closed`]; after it the stream has ended. A monitor does not
/// keep its socket open.
///
/// # Cancel safety
///
/// An event is taken only when it is returned, by [`next`](Self::next) or as an item of the stream.
///
/// # Examples
///
/// ```
/// use hubless::{Event, Monitor, Pull};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let pull = Pull::new();
/// let mut monitor: Monitor = pull.monitor();
/// pull.bind("tcp://127.0.0.1:0").await?;
/// assert!(matches!(monitor.next().await, Some(Event::Listening { .. })));
/// pull.close().await?;
/// assert!(matches!(monitor.next().await, Some(Event::Closed)));
/// assert!(monitor.next().await.is_none());
/// # Ok(())
/// # }
/// ```
pub struct Monitor {
    ring: Arc<Ring>,
}

impl Monitor {
    /// The next event; `None` after [`Event::Closed`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an event is taken only when it is returned.
    ///
    /// Example: at [`Monitor`].
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.ring.poll_next(cx)).await
    }
}

impl Stream for Monitor {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.ring.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ring.size_hint()
    }
}

impl FusedStream for Monitor {
    fn is_terminated(&self) -> bool {
        self.ring.size_hint() == (0, Some(0))
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waiting, _) = self.ring.size_hint();
        f.debug_struct("Monitor")
            .field("waiting", &waiting)
            .finish_non_exhaustive()
    }
}

/// Where one socket's events come together: told by its tasks, heard by its monitors. Dropping it closes it.
#[derive(Default)]
pub(crate) struct Events {
    /// Whether there may be a monitor, so that without one an event costs one load.
    heard: AtomicBool,
    hub: Mutex<Hub>,
}

/// Guarded by the hub's lock, which everyone who tells takes, and which puts events in order for all.
#[derive(Default)]
struct Hub {
    /// Monitors own their rings; those of dropped ones go at the next event.
    rings: Vec<Weak<Ring>>,
    closed: bool,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Tells every monitor, and the log; the event is made only if somebody listens.
    #[inline]
    pub(crate) fn emit(&self, event: impl FnOnce() -> Event) {
        #[cfg(feature = "tracing")]
        if tracing::enabled!(target: "hubless", tracing::Level::WARN) {
            let event = event();
            log(&event);
            return self.tell(event);
        }
        // Relaxed: who made a monitor before causing an event has ordered the two by what caused it.
        if self.heard.load(Ordering::Relaxed) {
            self.tell(event());
        }
    }

    /// A monitor that sees what happens from now on; of a closed socket only that it is closed.
    pub(crate) fn monitor(&self) -> Monitor {
        let ring = Arc::new(Ring::default());
        let mut hub = self.hub.lock();
        if hub.closed {
            ring.push(Event::Closed);
        } else {
            hub.rings.push(Arc::downgrade(&ring));
            self.heard.store(true, Ordering::Relaxed);
        }
        drop(hub);
        Monitor { ring }
    }

    /// Ends every monitor's stream with [`Event::Closed`]; nothing that is told later is heard.
    pub(crate) fn close(&self) {
        self.tell(Event::Closed);
    }

    #[cold]
    fn tell(&self, event: Event) {
        // Wakers, dropped events and rings of monitors that went meanwhile run code of others: not under a
        // lock.
        let mut afterwards = Vec::new();
        let mut hub = self.hub.lock();
        if hub.closed {
            return;
        }
        hub.closed = matches!(event, Event::Closed);
        hub.rings.retain(|ring| match ring.upgrade() {
            Some(ring) => {
                let (waker, dropped) = ring.push(event.clone());
                afterwards.push((waker, dropped, ring));
                true
            }
            None => false,
        });
        if hub.closed {
            hub.rings.clear();
        }
        self.heard.store(!hub.rings.is_empty(), Ordering::Relaxed);
        drop(hub);
        for (waker, ..) in &mut afterwards {
            waker.take().into_iter().for_each(Waker::wake);
        }
    }
}

/// The connection's story for whoever collects `tracing` events: routine at `debug`, trouble at `warn`.
#[cfg(feature = "tracing")]
fn log(event: &Event) {
    match event {
        Event::AcceptFailed { .. }
        | Event::DatagramFailed { .. }
        | Event::Refused { .. }
        | Event::HandshakeFailed { .. } => {
            tracing::warn!(target: "hubless", "{event}");
        }
        _ => tracing::debug!(target: "hubless", "{event}"),
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("heard", &self.heard)
            .finish_non_exhaustive()
    }
}

/// One monitor's share: its lock guards plain data and is taken by who tells and by who listens.
#[derive(Default)]
struct Ring(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    /// Dropped since the last event that was taken: they came before all that wait.
    missed: u64,
    /// `Closed` was told: nothing comes behind it.
    ended: bool,
    waker: Option<Waker>,
}

impl Ring {
    /// Puts `event` behind the others, and gives back who waits for it and what had to go for it.
    fn push(&self, event: Event) -> (Option<Waker>, Option<Event>) {
        let mut waiting = self.0.lock();
        let dropped = if waiting.events.len() < RING {
            None
        } else {
            waiting.events.pop_front()
        };
        waiting.missed += u64::from(dropped.is_some());
        waiting.ended = matches!(event, Event::Closed);
        waiting.events.push_back(event);
        (waiting.waker.take(), dropped)
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut waiting = self.0.lock();
        if waiting.missed > 0 {
            let missed = std::mem::take(&mut waiting.missed);
            return Poll::Ready(Some(Event::Lagged { missed }));
        }
        match waiting.events.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if waiting.ended => Poll::Ready(None),
            None => {
                waiting.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let waiting = self.0.lock();
        let count = waiting.events.len() + usize::from(waiting.missed > 0);
        (count, waiting.ended.then_some(count))
    }
}
