//! What of the received messages is for the program.
//!
//! Nearly every kind takes whatever its peers send, and asks nobody. A subscriber takes what it subscribed to. A kind
//! whose messages have one frame each takes no others (RFC 37, "Thread-Safe Socket Types": a multipart message must be
//! discarded; the connection it came through goes on).

use std::sync::Arc;

use super::Interest;
use crate::message::Message;
use crate::pipe::{Filter, PipeId, Prefixes};
use crate::stats::DropReason;

/// What a receiver takes.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// What begins with one of the prefixes that were subscribed to.
    Subscribed(Arc<Interest>),
    /// What has one frame.
    SingleFrames,
}

impl Filter for Wanted {
    #[inline]
    fn refuse(&self, known: &mut Prefixes, message: &Message, from: PipeId) -> Option<DropReason> {
        match self {
            Self::Subscribed(interest) => interest.refuse(known, message, from),
            Self::SingleFrames => (message.len() > 1).then_some(DropReason::ProtocolError),
        }
    }

    #[inline]
    fn takes(&self, known: &Prefixes, first: &[u8], is_single: bool) -> bool {
        match self {
            Self::Subscribed(interest) => interest.takes(known, first, is_single),
            Self::SingleFrames => is_single,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_several_frames_is_refused_where_one_is_the_rule() {
        let refused = |message: Message| {
            let from = PipeId {
                slot: 0,
                generation: 1,
            };
            Wanted::SingleFrames.refuse(&mut Prefixes::default(), &message, from)
        };
        assert_eq!(refused("one".into()), None);
        assert_eq!(refused("".into()), None);
        assert_eq!(refused(["", ""].into()), Some(DropReason::ProtocolError));
        let taken = |is_single| Wanted::SingleFrames.takes(&Prefixes::default(), b"", is_single);
        assert_eq!((taken(true), taken(false)), (true, false));
    }
}
