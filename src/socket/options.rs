//! Options that are more than a number.

use std::time::{Duration, Instant};

/// How long `close`, `disconnect` and `unbind` wait for messages that are still queued.
///
/// libzmq: `ZMQ_LINGER`. Example: at [`Builder`](crate::Builder).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linger {
    /// As long as it takes. A peer that never reads keeps it for ever.
    Forever,
    /// Not at all: what is queued is dropped, counted and returned.
    Discard,
    /// At most this long.
    For(Duration),
}

impl Default for Linger {
    /// 30 seconds.
    fn default() -> Self {
        Self::For(Duration::from_secs(30))
    }
}

impl Linger {
    /// When the waiting that begins now is over; `None`: never.
    pub(crate) fn until(self, now: Instant) -> Option<Instant> {
        match self {
            Self::Forever => None,
            Self::Discard => Some(now),
            Self::For(time) => now.checked_add(time),
        }
    }
}

/// Of which of its peers' comings and goings a [`Router`](crate::Router) is told by messages.
///
/// # Examples
///
/// ```
/// use hubless::{Dealer, Notify, Router};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let router = Router::builder().notify(Notify::Both).build()?;
/// let endpoint = router.bind("tcp://127.0.0.1:0").await?;
/// let dealer = Dealer::builder().routing_id("worker").build()?;
/// dealer.connect(&endpoint)?;
/// dealer.send("hello").await?;
/// dealer.close().await?;
///
/// for expected in ["", "hello", ""] {
///     let (id, message) = router.recv_from().await?;
///     assert_eq!((id, message), ("worker".into(), expected.into()));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    /// An empty message when a peer has come, before all that it sends.
    Connect,
    /// An empty message when a peer has gone, behind all that it sent.
    Disconnect,
    /// Both.
    Both,
}

impl Notify {
    pub(crate) fn includes(self, when: Self) -> bool {
        self == when || self == Self::Both
    }
}

/// What only a measurement can justify. Measure first.
///
/// # Examples
///
/// ```
/// use hubless::{Rep, Tuning};
///
/// let rep = Rep::builder().tuning(Tuning::new().spin(false)).build()?;
/// # let _ = rep;
/// # Ok::<(), hubless::BuildError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tuning {
    pub(crate) spin: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self::new()
    }
}

impl Tuning {
    /// The defaults.
    pub fn new() -> Self {
        Self { spin: true }
    }

    /// Whether a driver may keep its thread awake for some 50 µs after a read, while question and answer alternate
    /// quickly on one thread of the runtime. Default: yes.
    ///
    /// Saves two wake-ups of an idle processor, 5 to 35 µs each, in every round trip on one machine. One connection of a process
    /// does so at a time, none on a machine with one processor, and none for long where answers do not come sooner by it,
    /// as when both ends share a processor. On a runtime of several threads another one may stand in for the one that is
    /// awake: it saves less there. Measured in each scene by `cargo bench --bench spin`. Example: at [`Tuning`].
    pub fn spin(mut self, spin: bool) -> Self {
        self.spin = spin;
        self
    }
}
