//! What is counted: always on, in plain fields under locks that are held anyway.
//!
//! The unit is the *delivery*: one message to one peer. At rest, for each direction,
//!
//! ```text
//! accepted = handed over + dropped + queued          received = delivered + dropped + queued
//! ```
//!
//! holds exactly (guarantees, G5). A snapshot takes the locks and copies; nothing on the way of a message is
//! shared for the sake of counting.

use std::fmt;
use std::ops::{AddAssign, SubAssign};

/// A number of messages and of their bytes.
///
/// # Examples
///
/// ```
/// use hubless::{Load, Push};
///
/// let queued: Load = Push::new().stats().outgoing.queued;
/// assert_eq!((queued.messages, queued.bytes), (0, 0));
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Whole messages, whatever their frames.
    pub messages: u64,
    /// Their frames with headers: what a queue holds and the wire carries.
    pub bytes: u64,
}

impl Load {
    #[inline]
    pub(crate) fn one(bytes: usize) -> Self {
        Self {
            messages: 1,
            bytes: bytes as u64,
        }
    }
}

impl AddAssign for Load {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

impl SubAssign for Load {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        self.messages -= other.messages;
        self.bytes -= other.bytes;
    }
}

/// Why a message was dropped.
///
/// # Examples
///
/// ```
/// assert_eq!(hubless::DropReason::NoSubscriber.name(), "no_subscriber");
/// assert_eq!(hubless::DropReason::Hwm.to_string(), "hwm");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// A publisher's pipe was at its high-water mark, or the peer that it was for was; or a datagram came when the receiver was.
    Hwm,
    /// The peer that it was for was not there.
    NoPeer,
    /// No subscriber's subscription matched.
    NoSubscriber,
    /// A newer message took its place.
    Conflated,
    /// It was queued for a connection that ended for good.
    PipeClosed,
    /// It was partly written when the connection broke.
    Cut,
    /// It was still queued when linger ended.
    Linger,
    /// It matched no subscription of the subscriber that received it.
    Filtered,
    /// It did not have the shape that the pattern asks for.
    ProtocolError,
    /// The runtime of the socket was shut down.
    RuntimeGone,
    /// It was received, and the socket closed before the program took it.
    Unread,
    /// It was a datagram that the system did not take: there is no way to its address, or it is too long for that way.
    Refused,
}

impl DropReason {
    /// Every reason, in the order of [`Dropped::iter`].
    const ALL: [Self; 12] = [
        Self::Hwm,
        Self::NoPeer,
        Self::NoSubscriber,
        Self::Conflated,
        Self::PipeClosed,
        Self::Cut,
        Self::Linger,
        Self::Filtered,
        Self::ProtocolError,
        Self::RuntimeGone,
        Self::Unread,
        Self::Refused,
    ];

    /// The name in logs and metrics: `hwm`, `no_peer`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Hwm => "hwm",
            Self::NoPeer => "no_peer",
            Self::NoSubscriber => "no_subscriber",
            Self::Conflated => "conflated",
            Self::PipeClosed => "pipe_closed",
            Self::Cut => "cut",
            Self::Linger => "linger",
            Self::Filtered => "filtered",
            Self::ProtocolError => "protocol_error",
            Self::RuntimeGone => "runtime_gone",
            Self::Unread => "unread",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Messages dropped, by reason.
///
/// # Examples
///
/// ```
/// use hubless::{DropReason, Dropped, Pub};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let publisher = Pub::new();
/// publisher.send("nobody asked for this").await?;
///
/// let dropped: Dropped = publisher.stats().outgoing.dropped;
/// assert_eq!(dropped.by(DropReason::NoSubscriber), 1);
/// assert_eq!(dropped.total(), 0); // it was meant for no peer
/// for (reason, messages) in dropped.iter() {
///     println!("{reason}: {messages}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub struct Dropped([u64; DropReason::ALL.len()]);

impl Dropped {
    /// How many were dropped for this reason.
    ///
    /// Example: at [`Dropped`].
    pub fn by(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// How many were dropped in all, those without any subscriber left out: they were never meant for a peer.
    pub fn total(&self) -> u64 {
        self.0.iter().sum::<u64>() - self.by(DropReason::NoSubscriber)
    }

    /// Every reason with its number.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL
            .into_iter()
            .map(|reason| (reason, self.by(reason)))
    }

    #[inline]
    pub(crate) fn add(&mut self, reason: DropReason, messages: u64) {
        self.0[reason as usize] += messages;
    }
}

impl AddAssign for Dropped {
    fn add_assign(&mut self, other: Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }
}

impl fmt::Debug for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.iter()
                    .filter(|(_, n)| *n > 0)
                    .map(|(reason, n)| (reason.name(), n)),
            )
            .finish()
    }
}

/// What a socket, or one of its peers, has done so far: a snapshot.
///
/// ```
/// # use hubless::Push;
/// let push = Push::new();
/// assert_eq!(push.stats().outgoing.accepted.messages, 0);
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// On the way to peers.
    pub outgoing: OutgoingStats,
    /// On the way from peers.
    pub incoming: IncomingStats,
    /// How often a connecting endpoint was connected again.
    pub reconnects: u64,
    /// Commands of ended connections that are unknown here, and were ignored.
    pub unknown_commands: u64,
    /// Requests that were dropped without a reply.
    pub unanswered: u64,
}

/// The outgoing half of [`Stats`]: `accepted = handed_over + dropped + queued`.
///
/// # Examples
///
/// ```
/// use hubless::{DropReason, Linger, Push};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let push = Push::builder().linger(Linger::Discard).build()?;
/// push.connect("inproc://nobody")?;
/// push.send("hello").await?;
/// let sent = push.stats().outgoing;
/// assert_eq!((sent.accepted.messages, sent.queued.messages), (1, 1));
/// assert_eq!(sent.queued.bytes, 7); // a header of two bytes
///
/// let handle = push.clone();
/// assert!(push.close().await.is_err());
/// let sent = handle.stats().outgoing;
/// assert_eq!((sent.handed_over.messages, sent.queued.messages), (0, 0));
/// assert_eq!(sent.dropped.by(DropReason::Linger), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutgoingStats {
    /// Deliveries that `send` took: one for each message, for a publisher one for each matching subscriber.
    pub accepted: Load,
    /// What the kernel, or the peer in this process, took to the last byte. What the kernel then loses with the
    /// connection cannot be known.
    pub handed_over: Load,
    /// What waits, or is being written.
    pub queued: Load,
    /// What was dropped, and why.
    pub dropped: Dropped,
    /// What was handed over since the connections last showed life: no more than this is lost if they are dead.
    /// Outside the sum.
    pub unconfirmed: Load,
}

/// The incoming half of [`Stats`]: `received = delivered + dropped + queued`.
///
/// Messages of peers. What an [`XPub`](crate::XPub) is told of subscriptions is in none of it, not even in what waits: it is
/// no traffic but the difference between what is so and what the program knows. That a peer has come or left, where a
/// [`Router`](crate::Router) or a [`StreamSocket`](crate::StreamSocket) is told of it, lies among the messages and is counted
/// as one.
///
/// # Examples
///
/// ```
/// use hubless::{IncomingStats, Pull};
///
/// let received: IncomingStats = Pull::new().stats().incoming;
/// assert_eq!(received.received.messages, received.delivered.messages + received.queued.messages);
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct IncomingStats {
    /// What came from peers and was queued, or dropped.
    pub received: Load,
    /// What the program was given.
    pub delivered: Load,
    /// What waits for the program.
    pub queued: Load,
    /// What was dropped, and why.
    pub dropped: Dropped,
}

/// Something whose counters can be asked for.
pub(crate) trait Counted: Send + Sync + fmt::Debug {
    fn stats(&self) -> Stats;
}

/// One direction of one pipe, or the sum over pipes.
///
/// At rest `accepted = done + dropped + queued` (guarantees, G5).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Outgoing: what `send` took. Incoming: what came from the peer.
    pub(crate) accepted: Load,
    /// Outgoing: what the kernel took to its last byte. Incoming: what the program was given.
    pub(crate) done: Load,
    pub(crate) dropped: Dropped,
    /// Outgoing: what was done when the connection last showed life.
    pub(crate) confirmed: Load,
}

impl Counters {
    /// As the public half, with what is queued besides.
    pub(crate) fn outgoing(self, queued: Load) -> OutgoingStats {
        let mut unconfirmed = self.done;
        unconfirmed -= self.confirmed;
        OutgoingStats {
            accepted: self.accepted,
            handed_over: self.done,
            queued,
            dropped: self.dropped,
            unconfirmed,
        }
    }

    /// As the public half, with what is queued besides.
    pub(crate) fn incoming(self, queued: Load) -> IncomingStats {
        IncomingStats {
            received: self.accepted,
            delivered: self.done,
            queued,
            dropped: self.dropped,
        }
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.done += other.done;
        self.dropped += other.dropped;
        self.confirmed += other.confirmed;
    }
}
