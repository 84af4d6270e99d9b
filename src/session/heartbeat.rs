//! What a program says about heartbeats.

use std::time::Duration;

use crate::wire::command::{ttl_from_tenths, ttl_in_tenths};

/// How a socket makes sure that its peers live: it asks each of them again and again, and ends the connection of one
/// that gives no sign of life in time. A connecting socket then connects again.
///
/// Any byte from a peer is a sign of life. A peer that is merely busy is not taken for dead: while a socket reads
/// nothing because its program does not, it suspends its own check and keeps telling peers that ask that it lives;
/// and while a peer is slow to take what is sent, each byte that it takes is a sign of life too.
///
/// Off by default; without it TCP notices dead peers, on its own terms. Peers that speak ZMTP 3.0 (libzmq before
/// 4.3.3) are never asked, because some of them would take the question for a message.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hubless::Heartbeat;
///
/// let heartbeat = Heartbeat::every(Duration::from_secs(5))
///     .timeout(Duration::from_secs(15))
///     .ttl(Duration::from_secs(30));
/// # let _ = heartbeat;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    /// In tenths of a second, as it is sent; 0 for none.
    pub(super) ttl: u16,
}

impl Heartbeat {
    /// The shortest interval: below it the questions would be all that is left of a connection.
    const MIN_INTERVAL: Duration = Duration::from_millis(1);

    /// Asks as soon as a connection is made and then every `interval` (libzmq: `ZMQ_HEARTBEAT_IVL`); below a
    /// millisecond it counts as one. The timeout is the same unless [set](Self::timeout).
    ///
    /// Example: at [`Heartbeat`].
    pub fn every(interval: Duration) -> Self {
        let interval = interval.max(Self::MIN_INTERVAL);
        Self {
            interval,
            timeout: interval,
            ttl: 0,
        }
    }

    /// How long to wait for the answer (libzmq: `ZMQ_HEARTBEAT_TIMEOUT`): a peer is given up when nothing was heard of
    /// it for interval and timeout together; with zero never, it is asked all the same. Choose it generously: the answer
    /// waits behind whatever the peer is sending.
    ///
    /// Example: at [`Heartbeat`].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Tells the peer to give *us* up after a silence of this long (libzmq: `ZMQ_HEARTBEAT_TTL`), so that a peer
    /// without heartbeats of its own notices too. It must be longer than the interval, or the peer would give us up
    /// between two of our questions. None by default, and for zero; sent in tenths of a second, rounded down but not to
    /// nothing, and at most 65.5 s.
    ///
    /// Example: at [`Heartbeat`].
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl_in_tenths(ttl);
        self
    }

    /// Whether the ttl, as it is sent, ends before we speak again.
    pub(crate) fn is_too_short_lived(&self) -> bool {
        self.ttl != 0 && ttl_from_tenths(self.ttl) <= self.interval
    }
}
