//! A message that is given up before a byte of it has left.

use std::mem;

use super::{Hand, Log};
use crate::stats::Load;

impl Log {
    /// Takes back what is queued and of which no byte has left, as if it had never been sent. `false`: there is
    /// nothing of that kind.
    pub(crate) fn take_back(&mut self) -> bool {
        let greeting = self.set_greeting_aside();
        let mut back = Load {
            messages: mem::take(&mut self.messages) as u64,
            bytes: self.run.len() as u64,
        };
        self.run.clear();
        self.put_greeting_back(greeting);
        if let Hand::Rest(batch) = &self.hand
            && batch.written == 0
        {
            back += Load {
                messages: batch.messages as u64,
                bytes: batch.run.len() as u64,
            };
            // The driver was called to finish it, and will find nothing to do.
            self.hand = Hand::Due;
        }
        self.load -= back;
        self.counters.accepted -= back;
        back.messages > 0
    }
}
