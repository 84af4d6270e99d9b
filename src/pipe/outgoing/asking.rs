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
        let state = self.lock();
        state
            .asked
            .as_ref()
            .map_or(Fate::Lost { sent: false }, |asked| asked.fate)
    }

    /// Gives the last request up: takes it back if no byte of it has left. If one has, `false`; and with `retire`
    /// its pipe is given no further request.
    pub(crate) fn give_up(&self, retire: bool) -> bool {
        let mut state = self.lock();
        let Some(pipe) = state.asked.as_ref().map(|asked| asked.pipe) else {
            return true;
        };
        // Without its pipe it can meet nobody any more.
        let Some(log) = state.log(pipe) else { return true };
        // Nobody waits for the room that this makes here, one request being out at a time; but elsewhere may.
        if log.take_back() {
            let calls = state.settle(pipe.slot);
            drop(state);
            calls.into_iter().for_each(Waker::wake);
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

#[cfg(test)]
mod tests {
    use std::io::{self, IoSlice};
    use std::task::Waker;

    use super::*;
    use crate::pipe::line::INLINE_SPACING;
    use crate::pipe::{Batch, Line, OutboxConfig, Outgoing};
    use crate::runtime;
    use crate::stats::DropReason;
    use crate::sync::Arc;
    use crate::transport::Writer;

    /// It takes at most this many bytes of each write; `None`: the connection is broken.
    #[derive(Debug)]
    struct Kernel(Option<usize>);

    impl Writer for Kernel {
        fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
            match self.0 {
                None => Err(io::ErrorKind::BrokenPipe.into()),
                Some(0) => Err(io::ErrorKind::WouldBlock.into()),
                Some(most) => Ok(most.min(bufs.iter().map(|buf| buf.len()).sum())),
            }
        }
    }

    fn outbox() -> Outbox {
        Outbox::new(OutboxConfig::with_marks(10, usize::MAX))
    }

    /// A pipe to a peer behind this line, which is idle.
    fn pipe(outbox: &Outbox, line: Option<usize>) -> PipeId {
        let pipe = outbox.attach();
        outbox.online(pipe, Some(Line::Stream(Arc::new(Kernel(line)))));
        assert!(take(outbox, pipe, &mut Batch::default()).is_pending());
        pipe
    }

    fn take(outbox: &Outbox, pipe: PipeId, batch: &mut Batch) -> Poll<()> {
        outbox.poll_take(pipe, Waker::noop(), batch, false)
    }

    fn ask(outbox: &Outbox) -> Option<PipeId> {
        let mut ticket = SendTicket::default();
        let asked = outbox.poll_ask(Waker::noop(), &mut ticket, b"\x01\x00", &"question".into());
        outbox.leave(&mut ticket);
        match asked {
            Poll::Ready(pipe) => Some(pipe.expect("it is open")),
            Poll::Pending => None,
        }
    }

    fn lose(outbox: &Outbox, pipe: PipeId) {
        assert!(
            outbox
                .poll_offline(pipe, Waker::noop(), &mut Batch::default())
                .is_ready()
        );
        assert_eq!(outbox.detach(pipe, DropReason::PipeClosed).messages, 0);
    }

    /// Accepted, handed over, queued, dropped.
    fn counted(outbox: &Outbox) -> (u64, u64, u64, u64) {
        let (counters, queued) = outbox.totals();
        (
            counters.accepted.messages,
            counters.done.messages,
            queued.messages,
            counters.dropped.total(),
        )
    }

    #[test]
    fn what_waits_for_the_end_of_the_handshake_is_taken_back() {
        let outbox = outbox();
        let pipe = outbox.attach();
        assert_eq!(ask(&outbox), Some(pipe));
        assert!(outbox.give_up(true));
        assert_eq!(counted(&outbox), (0, 0, 0, 0));
        assert_eq!(ask(&outbox), Some(pipe), "its pipe keeps its turn");
    }

    #[test]
    fn what_found_no_room_in_the_line_is_taken_back_and_the_driver_finds_nothing_to_do() {
        for line in [Some(0), None] {
            let outbox = outbox();
            let pipe = pipe(&outbox, line);
            ask(&outbox);
            assert_eq!(counted(&outbox), (1, 0, 1, 0));
            assert!(outbox.give_up(true));
            assert_eq!(counted(&outbox), (0, 0, 0, 0));
            assert!(take(&outbox, pipe, &mut Batch::default()).is_pending());
            assert_eq!(ask(&outbox), Some(pipe));
        }
    }

    /// Two senders of one socket do not write themselves within 2 µs.
    fn until_a_sender_may_write_again() {
        let begun = runtime::now();
        while runtime::now().duration_since(begun) < INLINE_SPACING {}
    }

    #[test]
    fn what_has_left_is_not_taken_back_and_its_pipe_is_out_of_turn() {
        for line in [5, usize::MAX] {
            let outbox = outbox();
            let (first, second) = (pipe(&outbox, Some(line)), pipe(&outbox, Some(line)));
            assert_eq!(ask(&outbox), Some(first));
            assert!(!outbox.give_up(true));
            until_a_sender_may_write_again();
            assert_eq!(ask(&outbox), Some(second));
            assert!(!outbox.give_up(true));
            assert_eq!(ask(&outbox), None, "there is nobody else to ask");
            lose(&outbox, first);
            let third = pipe(&outbox, Some(line));
            assert_eq!(ask(&outbox), Some(third));
        }
    }

    #[test]
    fn what_the_driver_has_taken_counts_as_begun() {
        let outbox = outbox();
        let pipe = outbox.attach();
        ask(&outbox);
        outbox.online(pipe, None);
        let mut batch = Batch::default();
        assert!(take(&outbox, pipe, &mut batch).is_ready());
        assert!(!outbox.give_up(true));
    }

    #[test]
    fn a_numbered_request_that_has_left_keeps_its_pipe_in_turn() {
        let outbox = outbox();
        let pipe = pipe(&outbox, Some(5));
        ask(&outbox);
        assert!(!outbox.give_up(false));
        assert_eq!(ask(&outbox), Some(pipe));
        assert!(
            outbox.give_up(false),
            "it waits behind the one that was cut short"
        );
        assert_eq!(counted(&outbox), (1, 0, 1, 0));
    }

    #[test]
    fn the_fate_of_a_request_is_known_when_its_pipe_ends() {
        let fate = |line| {
            let outbox = outbox();
            let pipe = pipe(&outbox, line);
            ask(&outbox);
            assert_eq!(outbox.fate(), Fate::Out);
            lose(&outbox, pipe);
            (outbox.fate(), counted(&outbox))
        };
        assert_eq!(fate(Some(usize::MAX)), (Fate::Lost { sent: true }, (1, 1, 0, 0)));
        assert_eq!(fate(Some(5)), (Fate::Lost { sent: true }, (1, 0, 0, 1)));
        assert_eq!(fate(Some(0)), (Fate::Lost { sent: false }, (0, 0, 0, 0)));
        assert_eq!(fate(None), (Fate::Lost { sent: false }, (0, 0, 0, 0)));
    }

    #[test]
    fn the_place_of_a_lost_pipe_is_free_only_when_the_next_request_is_out() {
        let outbox = outbox();
        let lost = pipe(&outbox, Some(usize::MAX));
        ask(&outbox);
        lose(&outbox, lost);
        let next = pipe(&outbox, Some(usize::MAX));
        assert_ne!(next.slot, lost.slot);
        assert_eq!(ask(&outbox), Some(next));
        assert_eq!(outbox.attach().slot, lost.slot);
    }

    #[test]
    fn giving_up_a_request_whose_pipe_has_ended_changes_nothing() {
        let outbox = outbox();
        assert!(outbox.give_up(true), "none was ever sent");
        let pipe = pipe(&outbox, Some(usize::MAX));
        ask(&outbox);
        lose(&outbox, pipe);
        assert!(outbox.give_up(true));
        assert_eq!(counted(&outbox), (1, 1, 0, 0));
    }
}
