//! One question, one answer: what either must look like, and which answer belongs to which question (RFC 28).
//!
//! ```text
//!  REQ ──[id] [empty] body──▶ ROUTER ──[address] [id] [empty] body──▶ REP
//!  REQ ◀──[id] [empty] body── ROUTER ◀──[address] [id] [empty] body── REP
//! ```
//!
//! The id is there only if the asker numbers its questions. One that does not has nothing but the connection to tell
//! an answer by: an answer counts when it comes from the peer that was asked, and a connection on which an answer
//! may still be under way to a question that was given up must go.
//!
//! Where a message lies and how a connection ends is the socket's business; here are the rules.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::ProtocolError;
use crate::message::{Envelope, Frames, Message};

/// The most addresses in front of a request's delimiter: more hops than that are a loop or an attack
/// (guarantees, row 13).
const MAX_ADDRESSES: usize = 16;

/// How a socket tells its questions from each other.
#[derive(Debug)]
pub(crate) enum Correlation {
    /// By their connections.
    Unnumbered,
    /// Also by numbers; this is the next.
    Numbered(AtomicU32),
}

impl Correlation {
    /// What the next question goes out in.
    pub(crate) fn next(&self) -> Question {
        match self {
            Self::Unnumbered => Question {
                id: None,
                envelope: Envelope::default(),
            },
            Self::Numbered(next) => {
                // The order of bytes is ours alone: the peer only gives them back.
                let id = next.fetch_add(1, Ordering::Relaxed).to_ne_bytes();
                Question {
                    id: Some(id),
                    envelope: Envelope::numbered(id),
                }
            }
        }
    }

    /// Whether a late answer can be told from the answer that is awaited, on the same connection.
    pub(crate) fn tells_late_answers(&self) -> bool {
        matches!(self, Self::Numbered(_))
    }
}

/// One question, as far as its answer must fit it.
#[derive(Debug)]
pub(crate) struct Question {
    id: Option<[u8; 4]>,
    envelope: Envelope,
}

impl Question {
    /// What stands in front of its body.
    pub(crate) fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Whether this message came back in the envelope that the question went out in, and with a body.
    pub(crate) fn is_answered_by(&self, message: &Message) -> bool {
        let mut frames = message.iter();
        self.id.is_none_or(|id| frames.next() == Some(&id))
            && frames.next().is_some_and(<[u8]>::is_empty)
            && frames.next().is_some()
    }
}

/// Whether a message has the shape of a request: addresses, not too many, an empty frame, a body.
pub(crate) fn is_request(message: &Message) -> bool {
    message.addresses(MAX_ADDRESSES).is_some()
}

/// The guard of an asker's connections: every message must be an answer to something (trap 15): an id of four bytes or
/// none, an empty frame, a body.
pub(crate) fn check_answer(frames: &[u8]) -> Result<(), ProtocolError> {
    let malformed = |problem| ProtocolError::Malformed {
        what: "reply",
        problem,
    };
    let mut frames = Frames::wire(frames);
    let first = frames.next();
    let delimiter = if first.is_some_and(|first| first.len() == 4) {
        frames.next()
    } else {
        first
    };
    if !delimiter.is_some_and(<[u8]>::is_empty) {
        return Err(malformed("no empty frame in front of its body"));
    }
    if frames.next().is_none() {
        return Err(malformed("no body behind its empty frame"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Run;
    use crate::message::Frame;

    fn checked(message: impl Into<Message>) -> Result<(), ProtocolError> {
        let mut run = Run::default();
        message.into().encode(&mut run, usize::MAX);
        let mut slices = [std::io::IoSlice::new(&[])];
        run.slices(0, &mut slices);
        check_answer(&slices[0])
    }

    #[test]
    fn trap_15_an_answer_without_an_empty_frame_is_a_fault_of_the_connection() {
        let no_delimiter = Err(ProtocolError::Malformed {
            what: "reply",
            problem: "no empty frame in front of its body",
        });
        let no_body = Err(ProtocolError::Malformed {
            what: "reply",
            problem: "no body behind its empty frame",
        });
        assert_eq!(checked(["", "body"]), Ok(()));
        assert_eq!(checked(["", ""]), Ok(()));
        assert_eq!(checked(["", "one", "two"]), Ok(()));
        assert_eq!(checked(["four", "", "body"]), Ok(()));
        assert_eq!(checked("body"), no_delimiter);
        assert_eq!(checked("four"), no_delimiter);
        assert_eq!(checked(["three", "", "body"]), no_delimiter);
        assert_eq!(checked(["four", "body"]), no_delimiter);
        assert_eq!(checked(["four", "four", "", "body"]), no_delimiter);
        assert_eq!(checked(""), no_body);
        assert_eq!(checked(["four", ""]), no_body);
    }

    #[test]
    fn an_unnumbered_question_takes_an_answer_without_a_number_only() {
        let question = Correlation::Unnumbered.next();
        assert_eq!(question.envelope().as_wire(), b"\x01\x00");
        assert!(question.is_answered_by(&["", "body"].into()));
        assert!(question.is_answered_by(&["", ""].into()));
        assert!(!question.is_answered_by(&["four", "", "body"].into()));
        assert!(!question.is_answered_by(&["body", "more"].into()));
        assert!(!question.is_answered_by(&"".into()));
    }

    #[test]
    fn trap_14_numbers_count_up_over_the_end_in_our_own_order_of_bytes() {
        let correlation = Correlation::Numbered(AtomicU32::new(u32::MAX));
        let (last, first) = (correlation.next(), correlation.next());
        assert_eq!(last.envelope().as_wire(), b"\x01\x04\xff\xff\xff\xff\x01\x00");
        assert_eq!(first.envelope().as_wire(), b"\x01\x04\x00\x00\x00\x00\x01\x00");
        assert_eq!(correlation.next().envelope().as_wire()[2..6], 1u32.to_ne_bytes());
    }

    #[test]
    fn a_numbered_question_takes_its_own_number_only() {
        let question = Correlation::Numbered(AtomicU32::new(0)).next();
        let answer = |id: &[u8]| Message::from([id, b"", b"body"]);
        assert!(question.is_answered_by(&answer(&[0; 4])));
        assert!(!question.is_answered_by(&answer(&[1; 4])));
        assert!(!question.is_answered_by(&answer(&[0; 5])));
        assert!(!question.is_answered_by(&["", "body"].into()));
        assert!(!question.is_answered_by(&[&[0; 4][..], b""].into()));
        assert!(!question.is_answered_by(&[&[0; 4][..], b"body"].into()));
    }

    #[test]
    fn a_request_has_up_to_sixteen_addresses() {
        let request = |addresses: usize| {
            let frames = std::iter::repeat_n("a", addresses).chain(["", "body"]);
            Message::try_from(frames.map(Frame::from).collect::<Vec<_>>()).expect("there are frames")
        };
        assert!(is_request(&request(0)));
        assert!(is_request(&request(16)));
        assert!(!is_request(&request(17)));
        assert!(!is_request(&["a", "body"].into()));
        assert!(!is_request(&["a", ""].into()));
    }
}
