//! Options that are more than a number.

use std::time::{Duration, Instant};

/// How long `close`, `disconnect` and `unbind` wait for messages that are still queued.
///
/// libzmq: `ZMQ_LINGER`.
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
