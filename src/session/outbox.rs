//! What a session has to say, in the order in which it should be heard.
//!
//! ```text
//! PONG ─────────────▶ answers ──┐
//! everything else ──▶ queue ────┼──▶ front ──▶ the driver writes it, in whatever pieces
//! heartbeat PING ───▶ question ─┘
//! ```
//!
//! An answer overtakes what waits, so that a thousand subscriptions do not make us look dead; but it must not land in
//! the middle of a command, and only the driver knows how much of one is out. So what is being written is never
//! touched: `front` is refilled when it is empty, with whole commands only, answers first. A question that still
//! waits is not asked twice.

use std::mem;

use crate::error::ProtocolError;
use crate::frame::{self, COMMAND, MORE};
use crate::wire::command;
use crate::wire::spelling::Spelling;

/// Buffers that are empty, and then hold no memory, nearly all the time.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Being written: the driver drains it.
    front: Vec<u8>,
    /// PONGs that overtake the queue.
    answers: Vec<u8>,
    /// Whole commands in their order.
    queue: Vec<u8>,
    /// A PING with this ttl.
    question: Option<u16>,
}

impl Outbox {
    /// What is to be written next.
    pub(super) fn front(&mut self) -> &mut Vec<u8> {
        if self.front.is_empty() {
            self.refill();
        }
        &mut self.front
    }

    /// What is to be written next, its frames translated: what is being written is already.
    pub(super) fn spell(&mut self, spelling: &mut dyn Spelling) -> Result<(), ProtocolError> {
        if self.front.is_empty() && !self.is_empty() {
            self.refill();
            let plain = mem::take(&mut self.front);
            for (header, body) in frame::Frames::new(&plain) {
                spelling.put(header.flags & (MORE | COMMAND), body, &mut self.front)?;
            }
        }
        Ok(())
    }

    /// What is not being written yet is never said.
    pub(super) fn clear(&mut self) {
        self.answers.clear();
        self.queue.clear();
        self.question = None;
    }

    /// Where whole commands are appended.
    pub(super) fn queue(&mut self) -> &mut Vec<u8> {
        &mut self.queue
    }

    /// Answers a PING.
    pub(super) fn answer(&mut self, context: &[u8]) {
        command::put_pong(&mut self.answers, context);
    }

    /// Asks whether the peer lives. `ttl` is in tenths of a second, 0 for none.
    pub(super) fn ask(&mut self, ttl: u16) {
        self.question = Some(ttl);
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

    /// What waits so far comes before everything later: no answer may overtake the handshake, whose end can come in
    /// one read with the first PING; and no message our first question.
    pub(super) fn seal(&mut self) {
        self.front.append(&mut mem::take(&mut self.queue));
        self.put_question();
    }

    fn put_question(&mut self) {
        if let Some(ttl) = self.question.take() {
            command::put_ping(&mut self.front, ttl, b"");
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.front.is_empty() && self.answers.is_empty() && self.queue.is_empty() && self.question.is_none()
    }

    /// Nothing more will be said: what waits is brought to the front, for one last write.
    pub(super) fn close(&mut self) {
        let mut front = mem::take(&mut self.front);
        self.refill();
        front.append(&mut self.front);
        self.front = front;
    }

    /// Replaces `front` by everything that waits: the queue too if there are answers, lest a stream of them starves
    /// it. Moving leaves no capacity behind: an idle connection keeps none.
    fn refill(&mut self) {
        self.front = mem::take(&mut self.answers);
        if self.front.is_empty() {
            self.front = mem::take(&mut self.queue);
        } else {
            self.front.append(&mut mem::take(&mut self.queue));
        }
        self.put_question();
    }
}
