//! How long senders go on that never have to wait.
//!
//! A program that sends in a loop would let nothing else run on its thread while there is room: no driver would write. So
//! after a spell it lets others run once, before it appends anything. Others run as well while a sender waits for room, and
//! then the next spell begins: one that went on would end a few messages behind the mark, and these would be a batch of
//! their own (128 B: every other write had 24 messages).

use crate::pipe::Marks;

/// A spell ends after this many messages for each pipe …
const MESSAGES: usize = 1024;

/// … or after this many bytes in all: enough that the line does not run dry while the next spell is filled
/// (64 KiB messages, 256 KiB a spell: 1.9 GB/s, 4 MiB: 3.0; 1 KiB: 2.7 and 5.4 M/s).
const BYTES: usize = 4 * 1024 * 1024;

/// What was sent since senders last let others run.
#[derive(Debug, Default)]
pub(super) struct Spell {
    messages: usize,
    bytes: usize,
}

impl Spell {
    #[inline]
    pub(super) fn count(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes;
    }

    /// What may be sent before it is over.
    #[inline]
    pub(super) fn left(&self, pipes: usize) -> Marks {
        Marks {
            messages: (MESSAGES * pipes.max(1)).saturating_sub(self.messages),
            bytes: BYTES.saturating_sub(self.bytes),
        }
    }

    /// Others run: the next one begins.
    pub(super) fn begin(&mut self) {
        *self = Self::default();
    }

    /// Whether others shall run now; if so, the next one begins.
    #[inline]
    pub(super) fn is_over(&mut self, pipes: usize) -> bool {
        let left = self.left(pipes);
        let is_over = left.messages == 0 || left.bytes == 0;
        if is_over {
            self.begin();
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::pipe::outgoing::SendTicket;
    use crate::pipe::{Batch, Outbox, OutboxConfig, Outgoing, PipeId};

    const MARK: usize = 1000;

    /// How many messages go through before one is pending.
    fn send(outbox: &Outbox, ticket: &mut SendTicket) -> usize {
        let mut sent = || {
            outbox
                .poll_send(Waker::noop(), ticket, &[], &"x".into())
                .is_ready()
        };
        (0..10 * MARK).take_while(|_| sent()).count()
    }

    /// Its driver takes everything.
    fn drain(outbox: &Outbox, pipe: PipeId) {
        let mut batch = Batch::default();
        while outbox
            .poll_take(pipe, Waker::noop(), &mut batch, false)
            .is_ready()
        {
            batch.discard();
        }
    }

    #[test]
    fn a_sender_that_never_waits_lets_others_run_after_a_spell() {
        let outbox = Outbox::new(OutboxConfig::with_marks(usize::MAX, usize::MAX));
        outbox.attach();
        let mut ticket = SendTicket::default();
        assert_eq!(send(&outbox, &mut ticket), MESSAGES);
        assert!(!ticket.is_waiting());
        assert_eq!(send(&outbox, &mut ticket), MESSAGES);
    }

    #[test]
    fn one_that_waited_for_room_begins_anew() {
        let outbox = Outbox::new(OutboxConfig::with_marks(MARK, usize::MAX));
        let pipe = outbox.attach();
        outbox.online(pipe, None);
        let mut ticket = SendTicket::default();
        for _ in 0..3 {
            assert_eq!(send(&outbox, &mut ticket), MARK);
            assert!(ticket.is_waiting());
            drain(&outbox, pipe);
        }
    }
}
