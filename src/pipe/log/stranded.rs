//! Messages whose peer is lost and of which no byte has left, on their way to another peer.
//!
//! They change the log that counts them: the old one forgets that it ever accepted them, the new one accepts them. In
//! between they are counted here, so that each is counted once at any time.

use std::mem;
use std::task::Waker;

use super::Log;
use crate::frame::Run;
use crate::pipe::{Marks, Share, Unsent};
use crate::stats::{Counters, DropReason, Load};

/// Whole messages between two logs, in the order in which they were sent.
#[derive(Debug, Default)]
pub(crate) struct Stranded {
    run: Run,
    load: Load,
    /// The bytes of it that a share of a budget was told of.
    told: u64,
}

impl Stranded {
    pub(crate) fn is_empty(&self) -> bool {
        self.load.messages == 0
    }

    pub(crate) fn load(&self) -> Load {
        self.load
    }

    /// Nobody will come for them: they are counted in `counters`, and returned.
    pub(crate) fn give_up(&mut self, counters: &mut Counters, reason: DropReason) -> Unsent {
        let (run, load) = (mem::take(&mut self.run), mem::take(&mut self.load));
        counters.accepted += load;
        counters.dropped.add(reason, load.messages);
        Unsent {
            run,
            messages: load.messages as usize,
            counters: Counters::default(),
        }
    }

    /// Tells the share what has come or gone since it was last told. Whom to call.
    pub(crate) fn settle(&mut self, share: &mut Share) -> Vec<Waker> {
        let before = mem::replace(&mut self.told, self.load.bytes);
        share.change(before, self.load.bytes)
    }

    /// How many messages may leave for a place where this much is already, and how many bytes at most; none while the
    /// first does not fit.
    fn fitting(run: &Run, marks: Marks, there: Load) -> (usize, usize) {
        let (first, _) = run.boundary_at_or_after(1);
        if !marks.admit(there, first) {
            return (0, 0);
        }
        let messages = marks.messages as u64 - there.messages;
        let bytes = (marks.bytes as u64).saturating_sub(there.bytes);
        (messages as usize, bytes as usize)
    }
}

impl Log {
    /// Gives up what waits, as far as there is room for it between logs; the rest stays. Offline, and about to end.
    pub(crate) fn strand(&mut self, marks: Marks, stranded: &mut Stranded) {
        debug_assert!(!self.is_online(), "what may be written cannot go elsewhere");
        let greeting = self.set_greeting_aside();
        let (messages, bytes) = Stranded::fitting(&self.run, marks, stranded.load);
        let before = self.run.len();
        let messages = self.run.move_messages(messages, bytes, &mut stranded.run);
        let gone = Load {
            messages: messages as u64,
            bytes: (before - self.run.len()) as u64,
        };
        self.messages -= messages;
        self.load -= gone;
        self.counters.accepted -= gone;
        stranded.load += gone;
        self.put_greeting_back(greeting);
    }

    /// Takes in as much as there is room for, with `promised` places kept for others. Whether there was anything.
    pub(crate) fn take_over(&mut self, marks: Marks, promised: usize, stranded: &mut Stranded) -> bool {
        let mut there = self.load;
        there.messages += (self.reserved + promised) as u64;
        let (messages, bytes) = Stranded::fitting(&stranded.run, marks, there);
        let before = stranded.run.len();
        let messages = stranded.run.move_messages(messages, bytes, &mut self.run);
        let come = Load {
            messages: messages as u64,
            bytes: (before - stranded.run.len()) as u64,
        };
        if messages == 0 {
            return false;
        }
        stranded.load -= come;
        self.load += come;
        self.counters.accepted += come;
        self.count_queued(messages);
        true
    }
}
