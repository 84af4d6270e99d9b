//! What a socket that asks needs besides: to know what became of the one request that is out.
//!
//! ```text
//!            connection lost, nothing had left ──▶ Lost, to be sent elsewhere
//!   Out ──┬─ connection lost ────────────────────▶ Lost, perhaps served
//!         ├─ given up, nothing had left ─────────▶ taken back: as if it had never been
//!         └─ given up ───────────────────────────▶ its pipe is out of turn, its connection must go
//! ```
//!
//! The answer comes through the incoming side, so nothing here is told of it: the next request takes the place of
//! the last. Until then the slot of a lost pipe stays empty, so that it can still be told whose it was.

use std::task::{Poll, Waker};

use super::{Outbox, Refusal, SendTicket, State};
use crate::message::Payload;
use crate::pipe::{Log, PipeId};

/// The last request.
#[derive(Debug)]
pub(super) struct Asked {
    pipe: PipeId,
    fate: Fate,
}

/// What became of a request, as far as it is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its pipe is there: it is under way, or was answered.
    Out,
    /// Its pipe has ended. `sent`: the kernel had some of its bytes.
    Lost { sent: bool },
}

impl Outbox {
    /// Sends a request: as [`poll_send`](Self::poll_send), and remembers it.
    #[inline]
    pub(crate) fn poll_ask(
        &self,
        waker: &Waker,
        ticket: &mut SendTicket,
        envelope: &[u8],
        payload: &Payload<'_>,
    ) -> Poll<Result<PipeId, Refusal>> {
        self.poll_put(waker, ticket, envelope, payload, State::ask)
    }

    /// What became of the last request.
    pub(crate) fn fate(&self) -> Fate {
        let state = self.state.lock();
        state
            .asked
            .as_ref()
            .map_or(Fate::Lost { sent: false }, |asked| asked.fate)
    }

    /// Gives the last request up: takes it back if no byte of it has left. If one has, `false`; and with `retire`
    /// its pipe is given no further request.
    pub(crate) fn give_up(&self, retire: bool) -> bool {
        let mut state = self.state.lock();
        let Some(pipe) = state.asked.as_ref().map(|asked| asked.pipe) else {
            return true;
        };
        // Without its pipe it can meet nobody any more.
        let Some(log) = state.log(pipe) else { return true };
        // Nobody waits for the room that this makes: one request is out at a time.
        if log.take_back() {
            return true;
        }
        if retire {
            state.leave_ring(pipe.slot);
        }
        false
    }
}

impl State {
    fn ask(&mut self, pipe: PipeId) {
        let asked = Asked {
            pipe,
            fate: Fate::Out,
        };
        if let Some(before) = self.asked.replace(asked)
            && before.fate != Fate::Out
        {
            self.free.push(before.pipe.slot);
        }
    }

    /// This pipe ends, with its log. If the last request is in it, `true`: its fate is known now, and the slot is
    /// not free yet.
    pub(super) fn end_asked(&mut self, pipe: PipeId, log: &mut Log) -> bool {
        match &mut self.asked {
            Some(asked) if asked.pipe == pipe => {
                asked.fate = Fate::Lost {
                    sent: !log.take_back(),
                };
                true
            }
            _ => false,
        }
    }
}
