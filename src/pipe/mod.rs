//! The bounded lane to and from one peer.
//!
//! ```text
//!  senders ──append──▶ outgoing log ──batch──▶ driver ──▶ peer
//!  receivers ◀──message── held chunks ◀──arrivals── driver ◀── peer
//! ```
//!
//! Only bytes cross between program and driver, as runs of plain frames. The outgoing logs of one socket lie
//! under one lock ([`Outbox`]), and so do its held incoming chunks ([`Inbox`]): a lock for each pipe besides
//! costs a third of the small-message rate (`docs/performance.md`).
//!
//! A pipe knows messages, bytes and marks. It does not know commands, mechanisms, versions or kinds of socket.

mod budget;
mod incoming;
mod line;
mod log;
mod outgoing;
mod pace;
mod prefixes;
mod slots;
mod waiters;

pub(crate) use budget::{Budget, Claimant, Share};
pub(crate) use incoming::{Chunk, Credit, Filter, Inbox, Messages, RecvTicket};
pub(crate) use line::{Line, Ration};
pub(crate) use log::{Batch, Log, Next};
pub(crate) use outgoing::{AimedTicket, Fate, Outbox, OutboxConfig, Refusal, SendTicket};
pub(crate) use prefixes::Prefixes;
pub(crate) use slots::Slots;
pub(crate) use waiters::{Ticket, Turn, Waiters};

use std::fmt;
use std::task::{Poll, Waker};

use bytes::Bytes;

use crate::frame::Run;
use crate::stats::{Counters, DropReason, Load};

/// Names one pipe of a socket. The generation tells a pipe from a later one in the same slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PipeId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl PipeId {
    #[inline]
    pub(crate) fn index(self) -> usize {
        self.slot as usize
    }
}

/// The most messages and bytes that one direction of a pipe may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The high-water mark in whole messages; `usize::MAX` for none.
    pub(crate) messages: usize,
    /// The budget in bytes beside it; `usize::MAX` for none.
    pub(crate) bytes: usize,
}

impl Default for Marks {
    /// None.
    fn default() -> Self {
        Self {
            messages: usize::MAX,
            bytes: usize::MAX,
        }
    }
}

impl Marks {
    /// Whether a message of `bytes` more may join what is there. One larger than the budget is admitted into
    /// an empty pipe: otherwise it could never be sent.
    #[inline]
    pub(crate) fn admit(self, there: Load, bytes: usize) -> bool {
        there.messages < self.messages as u64
            && (there.bytes.saturating_add(bytes as u64) <= self.bytes as u64 || there.messages == 0)
    }
}

/// What the driver of a connection does with the outgoing side of its pipe, whatever the pattern above.
pub(crate) trait Outgoing: Send + Sync + fmt::Debug {
    /// Opens a pipe; nobody writes to its connection before [`online`](Self::online).
    fn attach(&self) -> PipeId;

    /// The peer said who it is: by which name it goes here, if peers have names here.
    fn introduce(&self, _pipe: PipeId, _who: Newcomer<'_>) -> Result<Welcome, NameTaken> {
        Ok(Welcome::default())
    }

    /// Puts a message in front of all that waits, before the pipe is [online](Self::online).
    fn greet(&self, _pipe: PipeId, _frames: &[u8]) {}

    /// The handshake is done: batches may be taken, and senders may use `line` while it is idle.
    fn online(&self, pipe: PipeId, line: Option<Line>);

    /// Gives back the batch that was written to its end, if there was one, and takes the next. With `claim` the
    /// line is taken even when there is nothing to send: then the batch is empty, and the driver may write
    /// commands of its own before it comes back.
    ///
    /// Pending: nothing to take, or a sender is writing just now; the waker is kept.
    fn poll_take(&self, pipe: PipeId, waker: &Waker, batch: &mut Batch, claim: bool) -> Poll<()>;

    /// The batch was written a good piece further: makes room for what has left.
    fn progress(&self, pipe: PipeId, batch: &mut Batch);

    /// The driver cannot write on: the kernel has no room. It lasts until the next batch is taken.
    fn handle_blocked(&self, _pipe: PipeId) {}

    /// From here on, until it is offline, the driver says when the line [stands still](Self::handle_stalled). Whether
    /// that is of interest: senders who can wait fill the pipe no further than the pace.
    fn pace(&self, _pipe: PipeId) -> bool {
        false
    }

    /// Nothing could be written for a while. Senders may fill the pipe to its marks, until something is.
    fn handle_stalled(&self, _pipe: PipeId) {}

    /// The connection is gone. Cuts the batch at the first message of which no byte was accepted by the
    /// kernel; what lies behind the cut stays in the log. Pending while a sender is still writing.
    fn poll_offline(&self, pipe: PipeId, waker: &Waker, batch: &mut Batch) -> Poll<()>;

    /// The pipe is about to end: it takes no turn any more. What it holds still goes out.
    fn retire(&self, pipe: PipeId);

    /// Ends the pipe. What it still held is counted under `reason` and returned.
    fn detach(&self, pipe: PipeId, reason: DropReason) -> Unsent;

    /// The connection showed life: what was handed over has not died with it yet. Returns how many messages were
    /// accepted for it so far.
    fn alive(&self, pipe: PipeId) -> u64;

    /// Messages and bytes that wait in this pipe or are being written.
    fn queued(&self, pipe: PipeId) -> Load;

    /// The counters of one pipe.
    fn counters(&self, pipe: PipeId) -> Option<Counters>;

    /// The sum over all pipes, those that have ended too, and what is queued now.
    fn totals(&self) -> (Counters, Load);

    /// Ends sending for good: pending and later sends fail. The logs stay, for the drivers to write.
    fn close(&self);
}

/// What a peer says of itself, and what is known of it, as far as it matters where peers have names.
#[derive(Debug)]
pub(crate) struct Newcomer<'a> {
    /// The name that it wishes to have; empty if it does not care.
    pub(crate) name: &'a [u8],
    pub(crate) principal: Principal,
    /// Where its messages will come from.
    pub(crate) lane: Option<PipeId>,
    /// The pipe is an endpoint's, and outlives this connection.
    pub(crate) outlives: bool,
}

/// Who a peer has been shown to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Principal {
    /// Nobody asked.
    Anybody,
    /// It was let in, and nobody gave it a name.
    Unnamed,
    /// It was let in as this one.
    Named(Box<str>),
}

/// A peer may come in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Welcome {
    /// The name by which it goes.
    pub(crate) name: Option<Bytes>,
    /// The pipe that had this name before, and must end.
    pub(crate) displaced: Option<PipeId>,
}

/// Another peer has the name that was claimed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NameTaken;

/// What a pipe held when it ended: whole messages, none of which was begun.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    pub(crate) run: Run,
    pub(crate) messages: usize,
    /// What was counted for the pipe, these messages as dropped among it.
    pub(crate) counters: Counters,
}
