//! The message that goes before all others on each new connection.
//!
//! It belongs to the connection and not to the queue, so it stands in front of what has waited for that connection,
//! and is there once: one that no connection has begun to write is the greeting of the next.

use std::mem;

use super::Log;
use crate::frame::Run;
use crate::stats::Load;

impl Log {
    /// Puts one message, in wire form, in front of all that waits.
    pub(crate) fn greet(&mut self, frames: &[u8]) {
        debug_assert!(!self.is_online(), "a greeting comes before everything");
        if self.greeting {
            return;
        }
        let mut greeting = Run::default();
        greeting.put_frames(frames);
        self.accept(Load::one(greeting.len()));
        self.put_greeting_back(greeting);
    }

    /// Takes the greeting out of the queue, if it is there still.
    pub(super) fn set_greeting_aside(&mut self) -> Run {
        let mut greeting = Run::default();
        if mem::take(&mut self.greeting) {
            self.messages -= self.run.move_messages(1, usize::MAX, &mut greeting);
        }
        greeting
    }

    /// Puts it in front again.
    pub(super) fn put_greeting_back(&mut self, mut greeting: Run) {
        // Marks are places behind it.
        self.marks.clear();
        if greeting.is_empty() {
            return;
        }
        greeting.append(mem::take(&mut self.run));
        self.run = greeting;
        self.messages += 1;
        self.greeting = true;
    }
}
