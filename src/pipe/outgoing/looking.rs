//! Looking whether there is room, without taking any: nobody's turn is used up, and nothing is promised.

use std::task::{Poll, Waker, ready};

use super::{Outbox, SendTicket};

impl Outbox {
    /// Ready when a message could be sent without waiting, or the socket is closed.
    pub(crate) fn poll_room(&self, waker: &Waker, ticket: &mut SendTicket) -> Poll<()> {
        let mut state = self.lock();
        if state.closed {
            return Poll::Ready(());
        }
        let turn = ready!(state.waiters.poll_turn(ticket, waker));
        if !state.any_has_room() {
            state.waiters.wait_on(turn, ticket, waker);
            return Poll::Pending;
        }
        // What it was called for it does not take: whoever waits next may.
        let heir = state.pass_on(turn);
        drop(state);
        if let Some(heir) = heir {
            heir.wake();
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipe::{OutboxConfig, Outgoing, PipeId};
    use crate::stats::DropReason;

    fn outbox() -> Outbox {
        Outbox::new(OutboxConfig::with_marks(1, usize::MAX))
    }

    fn looks(outbox: &Outbox, ticket: &mut SendTicket) -> bool {
        outbox.poll_room(Waker::noop(), ticket).is_ready()
    }

    fn is_sent(outbox: &Outbox) -> Option<PipeId> {
        outbox.try_send(&[], &"x".into()).ok()
    }

    #[test]
    fn looking_uses_up_no_turn_and_no_room() {
        let outbox = outbox();
        let (first, second) = (outbox.attach(), outbox.attach());
        let mut ticket = SendTicket::default();
        for pipe in [Some(first), Some(second)] {
            assert!(looks(&outbox, &mut ticket));
            assert_eq!(is_sent(&outbox), pipe);
        }
        assert!(!looks(&outbox, &mut ticket));
        assert!(ticket.is_waiting());
        outbox.leave(&mut ticket);
    }

    #[test]
    fn who_looks_in_vain_waits_in_the_line_and_passes_its_turn_on() {
        let outbox = outbox();
        let (mut looking, mut behind) = (SendTicket::default(), SendTicket::default());
        assert!(!looks(&outbox, &mut looking), "there is no pipe");
        let send = |ticket: &mut SendTicket| outbox.poll_send(Waker::noop(), ticket, &[], &"x".into());
        assert!(send(&mut behind).is_pending());
        let pipe = outbox.attach();
        assert!(looks(&outbox, &mut looking));
        assert!(!looking.is_waiting());
        assert_eq!(send(&mut behind), Poll::Ready(Ok(pipe)));
        outbox.detach(pipe, DropReason::PipeClosed);
    }

    #[test]
    fn a_closed_socket_keeps_nobody() {
        let outbox = outbox();
        let mut ticket = SendTicket::default();
        assert!(!looks(&outbox, &mut ticket));
        outbox.close();
        assert!(looks(&outbox, &mut ticket));
        outbox.leave(&mut ticket);
        assert!(!ticket.is_waiting());
    }
}
