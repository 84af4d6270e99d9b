//! What becomes of messages that waited for a peer which is lost, if the socket sends them to others.
//!
//! ```text
//!  lost log ──▶ stranded, at most a mark's worth ──▶ whichever log has room, before those who wait to send
//!         └──▶ dropped and counted, what is beyond that
//! ```
//!
//! Only messages of which no byte has left come here ([`Log::strand`]), so none is ever sent twice. They keep their order,
//! and stand before whatever is sent later to the same peer. Others are not filled above their marks for them.

use std::task::Waker;

use super::{Outbox, State};
use crate::pipe::{Log, Next, Unsent};
use crate::stats::DropReason;

impl Outbox {
    /// The socket has closed and all its pipes have ended: what is stranded still.
    pub(crate) fn give_up_stranded(&self) -> Unsent {
        let mut state = self.lock();
        let unsent = state.give_up_stranded(DropReason::Linger);
        let calls = state.settle_stranded();
        drop(state);
        calls.into_iter().for_each(Waker::wake);
        unsent
    }
}

impl State {
    /// A pipe is lost: others get what waited in its log. Whom to wake.
    pub(super) fn reroute(&mut self, log: &mut Log, reason: DropReason) -> Vec<Waker> {
        if reason == DropReason::RuntimeGone {
            self.give_up_stranded(reason);
        } else if self.config.reroute && !self.closed {
            log.strand(self.config.marks, &mut self.stranded);
        }
        let mut drivers = Vec::new();
        for _ in 0..self.ring.len() {
            if self.stranded.is_empty() {
                break;
            }
            // As if they were sent now: whose turn it is comes first, and the next send goes to the next.
            self.turn = if self.turn < self.ring.len() { self.turn } else { 0 };
            let slot = self.ring[self.turn];
            self.turn += 1;
            drivers.extend(self.take_over(slot));
        }
        drivers
    }

    /// There may be room in this pipe: what is stranded comes first. Its driver, if it is to be woken, and whom else to
    /// call.
    pub(super) fn take_over(&mut self, slot: u32) -> Vec<Waker> {
        if self.stranded.is_empty() {
            return Vec::new();
        }
        // While the socket closes all pipes are about to end, and there is no other place left.
        let closed = self.closed;
        let place = self.slots.get_mut(slot as usize);
        let Some(log) = place
            .filter(|slot| closed || !slot.retired)
            .and_then(|slot| slot.log.as_mut())
        else {
            return Vec::new();
        };
        if !log.take_over(self.config.marks, self.waiters.granted(), &mut self.stranded) {
            return Vec::new();
        }
        // Nobody here carries anything away, not even to a peer of this process that waits for it.
        let driver = match log.call_driver() {
            Next::Wake(driver) => Some(driver),
            Next::Done | Next::Write(..) => None,
        };
        let mut wakers = self.settle(slot);
        wakers.extend(self.settle_stranded());
        wakers.extend(driver);
        wakers
    }

    fn give_up_stranded(&mut self, reason: DropReason) -> Unsent {
        self.stranded.give_up(&mut self.ended, reason)
    }
}
