//! What a session has to say, in the order in which it should be heard.
//!
//! ```text
//! PONG ───────────────▶ answers ─┐
//!                                ├─▶ front ──▶ the driver writes it, in whatever pieces
//! everything else ────▶ queue ───┘
//! ```
//!
//! An answer overtakes what waits, so that a thousand subscriptions do not make us look dead; but it must not land in
//! the middle of a command, and only the driver knows how much of one is out. So what is being written is never
//! touched: `front` is refilled when it is empty, with whole commands only, answers first.

use crate::wire::command;

/// Three buffers that are empty, and then hold no memory, nearly all the time.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Being written: the driver drains it.
    front: Vec<u8>,
    /// PONGs that overtake the queue.
    answers: Vec<u8>,
    /// Whole commands in their order.
    queue: Vec<u8>,
}

impl Outbox {
    /// What is to be written next.
    pub(super) fn front(&mut self) -> &mut Vec<u8> {
        if self.front.is_empty() {
            // Moving leaves buffers without capacity behind: an idle connection keeps none.
            self.front = std::mem::take(&mut self.answers);
            if self.front.is_empty() {
                self.front = std::mem::take(&mut self.queue);
            } else {
                // All of it, lest a stream of answers starves the queue.
                self.front.append(&mut std::mem::take(&mut self.queue));
            }
        }
        &mut self.front
    }

    /// Where whole commands are appended.
    pub(super) fn queue(&mut self) -> &mut Vec<u8> {
        &mut self.queue
    }

    /// Answers a PING.
    pub(super) fn answer(&mut self, context: &[u8]) {
        command::put_pong(&mut self.answers, context);
    }

    /// Whether the answer to a PING with this context is the last one that waits.
    pub(super) fn is_answering(&self, context: &[u8]) -> bool {
        let mut answer = Vec::new();
        command::put_pong(&mut answer, context);
        self.answers.ends_with(&answer)
    }

    /// Whether more than one answer waits behind what is being written.
    pub(super) fn owes_answers(&self) -> bool {
        self.answers.len() > command::MAX_PONG
    }

    pub(super) fn is_empty(&self) -> bool {
        self.front.is_empty() && self.answers.is_empty() && self.queue.is_empty()
    }
}
