//! What carries a batch away from a log, for a sender that finds the line idle.
//!
//! A stream takes bytes; what it has no room for is finished by the driver. The incoming lane of a peer in this
//! process takes whole messages, as far as it has credit: no byte is copied, the batch changes hands. When that is
//! worth a sender's while differs too. A write is a system call, so it is rationed in time. A hand-over costs two
//! locks, and what it saves is the driver's turn between the sender and a receiver that waits; one that does not
//! wait is best served by a large batch later.

use std::fmt;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::{Batch, Inbox, PipeId};
use crate::sync::Arc;
use crate::transport::Writer;

/// A sender that meets an idle line within this time of another one is streaming.
pub(crate) const INLINE_SPACING: Duration = Duration::from_micros(2);

/// In this process owned payloads go by reference from this size on: no system call has to be told of each.
const SHARE_FROM: usize = 1024;

/// The way from a log to its peer.
#[derive(Clone)]
pub(crate) enum Line {
    /// A stream that takes frames as they are.
    Stream(Arc<dyn Writer>),
    /// A lane in this process.
    Lane(Arc<Inbox>, PipeId),
}

impl Line {
    /// Whether a sender should carry a batch itself. `may_write` is asked where that is a system call.
    #[inline]
    pub(super) fn invites(&self, may_write: impl FnOnce() -> bool) -> bool {
        match self {
            Self::Stream(_) => may_write(),
            Self::Lane(inbox, _) => inbox.is_awaited(),
        }
    }

    /// Carries away as much of the batch as goes without waiting. An error is left to the driver, who meets it
    /// again and owns its consequences.
    pub(crate) fn carry(&self, batch: &mut Batch) {
        match self {
            Self::Stream(writer) => drop(batch.write(&mut Vec::new(), &**writer)),
            // The driver comes for what is left, and is then called when there is room.
            Self::Lane(inbox, lane) => drop(inbox.poll_accept(*lane, Waker::noop(), batch)),
        }
    }

    /// From which size on owned payloads go by reference, if not from the size that the socket says.
    pub(super) fn share_from(&self) -> Option<usize> {
        match self {
            Self::Stream(_) => None,
            Self::Lane(..) => Some(SHARE_FROM),
        }
    }
}

/// Rations the writes of the senders of one socket: who streams is better served by a driver that writes batches.
///
/// It is counted for the whole socket, since in a round robin each line looks idle; and from the last idle line that
/// was met, or from the end of a sender's own write, since a stream that wrote every message itself would find every
/// line idle for ever.
#[derive(Debug, Default)]
pub(crate) struct Ration {
    last: Option<Instant>,
}

impl Ration {
    /// An idle line is met: whether the sender may write.
    #[inline]
    pub(crate) fn meet_idle(&mut self, now: Instant) -> bool {
        let last = self.last.replace(now);
        last.is_none_or(|last| now.duration_since(last) >= INLINE_SPACING)
    }

    /// A sender has written.
    #[inline]
    pub(crate) fn wrote(&mut self, now: Instant) {
        self.last = Some(now);
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(writer) => f.debug_tuple("Stream").field(writer).finish(),
            Self::Lane(_, lane) => f.debug_tuple("Lane").field(lane).finish(),
        }
    }
}
