//! Room that is kept for a message that comes later.

use std::task::{Poll, Waker, ready};

use super::{Outbox, Refusal, SendTicket};
use crate::message::Payload;
use crate::pipe::PipeId;

impl Outbox {
    /// Takes one message of credit in the pipe whose turn it is, and uses up that turn.
    pub(crate) fn poll_reserve(
        &self,
        waker: &Waker,
        ticket: &mut SendTicket,
    ) -> Poll<Result<PipeId, Refusal>> {
        let mut state = self.lock();
        if state.closed {
            return Poll::Ready(Err(Refusal::Closed));
        }
        let turn = ready!(state.waiters.poll_turn(ticket, waker));
        if !turn.was_granted() && state.spell_is_over() {
            drop(state);
            waker.wake_by_ref();
            return Poll::Pending;
        }
        let Some(slot) = state.choose_paced(0) else {
            state.spell.begin();
            state.waiters.wait_on(turn, ticket, waker);
            return Poll::Pending;
        };
        let heir = state.pass_on(turn);
        let place = &mut state.slots[slot as usize];
        if let Some(log) = &mut place.log {
            log.reserve();
        }
        let pipe = PipeId {
            slot,
            generation: place.generation,
        };
        drop(state);
        if let Some(heir) = heir {
            heir.wake();
        }
        Poll::Ready(Ok(pipe))
    }

    /// Uses a credit: appends to its pipe or, if that has ended, to the next with room.
    pub(crate) fn send_reserved(&self, pipe: PipeId, payload: &Payload<'_>) -> Result<(), Refusal> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refusal::Closed);
        }
        let bytes = payload.wire_len();
        let slot = match state.log(pipe) {
            Some(log) => {
                log.unreserve();
                pipe.slot
            }
            None => state.choose(bytes).ok_or(Refusal::Full)?,
        };
        self.append(state, slot, &[], payload, bytes);
        Ok(())
    }

    /// Gives a credit back and wakes one waiter.
    pub(crate) fn release(&self, pipe: PipeId) {
        let mut state = self.lock();
        if let Some(log) = state.log(pipe) {
            log.unreserve();
        }
        let heir = state.waiters.grant();
        drop(state);
        if let Some(heir) = heir {
            heir.wake();
        }
    }
}
