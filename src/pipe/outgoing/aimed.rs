//! Sending to a named pipe without ever waiting for it: what it has no room for is dropped by who sends.
//!
//! Whoever drops must not do so for want of a driver's turn: in a loop on one thread nothing else would run, and nobody
//! would have written what fills the queue. So a send that finds its pipe full, though the connection has room, lets others
//! run once.

use std::task::{Poll, Waker};

use super::{Outbox, Refusal, SendTicket};
use crate::message::Payload;
use crate::pipe::PipeId;
use crate::stats::{DropReason, Load};

/// A sender's place in the line for room in one pipe, and what it has done already.
#[derive(Debug, Default)]
pub(crate) struct AimedTicket {
    /// Whose line it stands in.
    pub(crate) pipe: Option<PipeId>,
    pub(crate) ticket: SendTicket,
    /// It has let others run since it began.
    has_yielded: bool,
}

impl Outbox {
    /// Sends to one pipe. A message for a full pipe is counted as dropped there.
    pub(crate) fn send_to(
        &self,
        pipe: PipeId,
        envelope: &[u8],
        payload: &Payload<'_>,
    ) -> Result<(), Refusal> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refusal::Closed);
        }
        let bytes = envelope.len() + payload.wire_len();
        let marks = state.config.marks;
        let Some((log, share)) = state.log_within(pipe) else {
            state.ended.accepted += Load::one(bytes);
            state.ended.dropped.add(DropReason::NoPeer, 1);
            return Err(Refusal::Gone);
        };
        if !log.admits_within(marks, 0, bytes, share) {
            log.count_refused(bytes, DropReason::Hwm);
            return Err(Refusal::Full);
        }
        self.append(state, pipe.slot, envelope, payload, bytes);
        Ok(())
    }

    /// Sends to this pipe, if it has room. What is refused is neither queued nor counted.
    pub(crate) fn poll_give(
        &self,
        pipe: PipeId,
        waker: &Waker,
        aimed: &mut AimedTicket,
        payload: &Payload<'_>,
    ) -> Poll<Result<(), Refusal>> {
        let mut state = self.lock();
        if !aimed.has_yielded && state.spell_is_over() {
            return aimed.yields(waker);
        }
        match self.put_now(state, pipe, &[], payload) {
            Err(Refusal::Full) if !aimed.has_yielded && self.may_move(pipe) => aimed.yields(waker),
            sent => Poll::Ready(sent),
        }
    }

    /// Whether nothing holds this pipe up but that its driver was not able to run.
    fn may_move(&self, pipe: PipeId) -> bool {
        let mut state = self.lock();
        let log = state.log(pipe);
        log.is_some_and(|log| log.is_online() && !log.is_blocked())
    }

    /// Why a message for nobody is not taken.
    pub(crate) fn refusal(&self) -> Refusal {
        if self.lock().closed {
            Refusal::Closed
        } else {
            Refusal::Gone
        }
    }

    /// Counts a message that is dropped instead of queued: in its pipe, if that is there.
    pub(crate) fn count_dropped(&self, pipe: Option<PipeId>, payload: &Payload<'_>, reason: DropReason) {
        let bytes = payload.wire_len();
        let mut state = self.lock();
        match pipe.and_then(|pipe| state.log(pipe)) {
            Some(log) => log.count_refused(bytes, reason),
            None => {
                state.ended.accepted += Load::one(bytes);
                state.ended.dropped.add(reason, 1);
            }
        }
    }
}

impl AimedTicket {
    /// Before the append, so that a pending send has queued nothing.
    fn yields<T>(&mut self, waker: &Waker) -> Poll<T> {
        self.has_yielded = true;
        waker.wake_by_ref();
        Poll::Pending
    }
}
