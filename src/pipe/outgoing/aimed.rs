//! Sending to one pipe that is named, instead of the one whose turn it is.
//!
//! Whoever has nothing better to do with a message than to give it to that peer waits for room there, in a line of that
//! pipe's own. The line ends with the pipe: all who stand in it then hear that their peer has gone.

use std::task::{Poll, Waker};

use super::{Outbox, Refusal, Slot, State};
use crate::message::Payload;
use crate::pipe::{Marks, PipeId, Ticket};
use crate::stats::{DropReason, Load};

/// A sender's place in the line for room in one pipe.
#[derive(Debug, Default)]
pub(crate) struct AimedTicket {
    pipe: Option<PipeId>,
    ticket: Ticket,
    /// It has let others run since it began.
    has_yielded: bool,
}

impl AimedTicket {
    /// Before the append, so that a pending send has queued nothing.
    fn yields<T>(&mut self, waker: &Waker) -> Poll<T> {
        self.has_yielded = true;
        waker.wake_by_ref();
        Poll::Pending
    }
}

impl Outbox {
    /// Sends to one pipe without waiting. A message for a full pipe is counted as dropped there.
    pub(crate) fn send_to(
        &self,
        pipe: PipeId,
        envelope: &[u8],
        payload: &Payload<'_>,
    ) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Refusal::Closed);
        }
        let bytes = envelope.len() + payload.wire_len();
        let marks = self.config.marks;
        let Some(log) = state.log(pipe) else {
            state.ended.accepted += Load::one(bytes);
            state.ended.dropped.add(DropReason::NoPeer, 1);
            return Err(Refusal::Gone);
        };
        if !log.admits(marks, 0, bytes) {
            log.count_refused(bytes, DropReason::Hwm);
            return Err(Refusal::Full);
        }
        state.put(pipe.slot, self.config, envelope, payload, bytes);
        let next = state.next(pipe.slot);
        drop(state);
        self.carry_out(pipe.slot, next);
        Ok(())
    }

    /// Sends to one pipe. If that is full it waits for room, if it `waits`; if not, it lets others run once, since it may
    /// be that nothing holds the pipe up but that its driver was not able to run. A pipe that is about to end takes
    /// nothing new. Nothing is counted that was not taken.
    pub(crate) fn poll_send_to(
        &self,
        pipe: PipeId,
        waker: &Waker,
        aimed: &mut AimedTicket,
        payload: &Payload<'_>,
        waits: bool,
    ) -> Poll<Result<(), Refusal>> {
        let mut state = self.state.lock();
        if state.closed {
            return Poll::Ready(Err(Refusal::Closed));
        }
        let bytes = payload.wire_len();
        let marks = self.config.marks;
        let turn = state.take_aimed_turn(pipe, aimed);
        if turn.is_none() && !aimed.has_yielded && state.spell_is_over() {
            return aimed.yields(waker);
        }
        let Some(Slot {
            log: Some(log),
            waiters,
            ..
        }) = state.aim(pipe)
        else {
            return Poll::Ready(Err(Refusal::Gone));
        };
        let is_first = turn.is_some() || waiters.is_empty();
        if !is_first || !log.admits(marks, waiters.granted(), bytes) {
            if !waits {
                return if aimed.has_yielded || log.is_blocked() || !log.is_online() {
                    Poll::Ready(Err(Refusal::Full))
                } else {
                    aimed.yields(waker)
                };
            }
            aimed.pipe = Some(pipe);
            match turn {
                Some(id) => waiters.wait_again(&mut aimed.ticket, id, waker),
                None => waiters.wait(&mut aimed.ticket, waker),
            }
            return Poll::Pending;
        }
        state.put(pipe.slot, self.config, &[], payload, bytes);
        // Whoever leaves room behind passes it on.
        let mut heirs = Vec::new();
        if turn.is_some() {
            state.grant_aimed(marks, pipe.slot, &mut heirs);
        }
        let next = state.next(pipe.slot);
        drop(state);
        self.carry_out(pipe.slot, next);
        heirs.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }

    /// The same at once; those who wait are not overtaken.
    pub(crate) fn try_send_to(&self, pipe: PipeId, payload: &Payload<'_>) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Refusal::Closed);
        }
        let bytes = payload.wire_len();
        let Some(Slot {
            log: Some(log),
            waiters,
            ..
        }) = state.aim(pipe)
        else {
            return Err(Refusal::Gone);
        };
        if !waiters.is_empty() || !log.admits(self.config.marks, waiters.granted(), bytes) {
            return Err(Refusal::Full);
        }
        state.put(pipe.slot, self.config, &[], payload, bytes);
        let next = state.next(pipe.slot);
        drop(state);
        self.carry_out(pipe.slot, next);
        Ok(())
    }

    /// Why a message for nobody is not taken.
    pub(crate) fn refusal(&self) -> Refusal {
        if self.state.lock().closed {
            Refusal::Closed
        } else {
            Refusal::Gone
        }
    }

    /// Counts a message that is dropped instead of queued: in its pipe, if that is there.
    pub(crate) fn count_dropped(&self, pipe: Option<PipeId>, payload: &Payload<'_>, reason: DropReason) {
        let bytes = payload.wire_len();
        let mut state = self.state.lock();
        match pipe.and_then(|pipe| state.log(pipe)) {
            Some(log) => log.count_refused(bytes, reason),
            None => {
                state.ended.accepted += Load::one(bytes);
                state.ended.dropped.add(reason, 1);
            }
        }
    }

    /// A send was given up while it waited.
    pub(crate) fn leave_aimed(&self, aimed: &mut AimedTicket) {
        let Some(pipe) = aimed.pipe.filter(|_| aimed.ticket.is_waiting()) else {
            return;
        };
        let mut heirs = Vec::new();
        let mut state = self.state.lock();
        if let Some(place) = state.place(pipe)
            && place.waiters.leave(&mut aimed.ticket)
        {
            heirs.extend(place.waiters.grant());
        }
        drop(state);
        heirs.into_iter().for_each(Waker::wake);
    }
}

impl State {
    /// A pipe that takes messages still.
    fn aim(&mut self, pipe: PipeId) -> Option<&mut Slot> {
        self.place(pipe).filter(|place| !place.retired)
    }

    fn place(&mut self, pipe: PipeId) -> Option<&mut Slot> {
        self.slots
            .get_mut(pipe.index())
            .filter(|slot| slot.generation == pipe.generation && slot.log.is_some())
    }

    /// The turn of one who waited for this pipe, if it has come. A ticket of another pipe is of no use any more.
    fn take_aimed_turn(&mut self, pipe: PipeId, aimed: &mut AimedTicket) -> Option<u64> {
        if !aimed.ticket.is_waiting() {
            return None;
        }
        if aimed.pipe == Some(pipe) {
            return self.place(pipe)?.waiters.take_turn(&mut aimed.ticket);
        }
        if let Some(before) = aimed.pipe.and_then(|before| self.place(before)) {
            // Its pipe takes nothing any more, so nobody waits for this turn.
            before.waiters.leave(&mut aimed.ticket);
        }
        aimed.ticket = Ticket::default();
        None
    }

    /// Gives the room in one pipe to those who wait for it.
    pub(super) fn grant_aimed(&mut self, marks: Marks, slot: u32, heirs: &mut Vec<Waker>) {
        let place = &mut self.slots[slot as usize];
        if place.waiters.is_empty() {
            return;
        }
        let Some(log) = &place.log else { return };
        while log.admits(marks, place.waiters.granted(), 0) {
            let Some(heir) = place.waiters.grant() else { break };
            heirs.push(heir);
        }
    }

    /// A pipe is about to end: whoever waits for it hears of that.
    pub(super) fn retire(&mut self, pipe: PipeId) -> Vec<Waker> {
        // One whose socket closes goes on taking what is stranded.
        let closed = self.closed;
        let Some(place) = self.place(pipe) else {
            return Vec::new();
        };
        place.retired = !closed;
        place.waiters.grant_all()
    }

    /// A pipe has ended, and with it the line of those who wait for it: their tickets are worth nothing.
    pub(super) fn end_aimed(&mut self, pipe: PipeId) -> Vec<Waker> {
        std::mem::take(&mut self.slots[pipe.index()].waiters).grant_all()
    }
}
