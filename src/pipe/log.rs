//! The outgoing log of one pipe, and the hand-over between those who write from it.
//!
//! A log holds whole messages as plain frames, ready for the wire. Many may append; one at a time may *write*:
//! the connection's driver or, when the line is idle, the sender itself. Whose hand is on the line is one enum:
//!
//! ```text
//!              online               nothing left
//!  Offline ──────────────▶ Driver ────────────────▶ Idle ◀──────────────┐
//!     ▲                     │ ▲ ▲                    │ │               │
//!     └── connection lost ──┘ │ │ comes      append: │ │ append: the   │ all
//!                             │ │      driver called │ │ sender writes │ written
//!                             │ └────── Due ◀────────┘ ▼ himself       │
//!                             │          ▲           Sender ───────────┤
//!                    takes it │          └────────────────── and more ─┤
//!                             └─────── Rest ◀────────────── cut short ─┘
//! ```
//!
//! Nobody but the driver writes before it has written the handshake to its end and come for the first batch;
//! *idle* is set only under the lock with the log seen empty; and a batch is never taken while another is being
//! written. These three rules keep the bytes in order and wake-ups from being lost: see `tests/models`.
//!
//! A log has no lock of its own: [`Outbox`](super::Outbox) and the publisher keep all logs of a socket under one.

mod budgeted;
mod greeting;
mod pacing;
mod refused;
mod shedding;
mod stranded;
mod taking_back;

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem;
use std::task::{Poll, Waker};

use super::{Chunk, Credit, Line, Marks, Messages, Unsent};
use crate::frame::{Header, Run};
use crate::message::Payload;
use crate::stats::{Counters, DropReason, Load};
use crate::transport::Writer;
use pacing::Pace;
pub(crate) use stranded::Stranded;

/// Room is made for the sender each time this much of a batch is written, not only at its end: one wait for a
/// whole batch of large messages would leave the line empty (1 MiB messages: 0.66 → 1.08 of libzmq).
const MARK_EVERY: usize = 128 * 1024;

/// A buffer larger than this is not kept for the next batch.
pub(super) const KEEP: usize = 1024 * 1024;

/// A sender leaves the line to the driver while the driver's batches hold this many messages: then the socket is
/// streaming, and one write for many messages is worth more than one wake-up saved.
const STREAMING: usize = 8;

/// The most slices handed to one vectored write.
const MAX_SLICES: usize = 32;

/// Messages on their way to the kernel: taken out of the log, written from there.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    run: Run,
    messages: usize,
    marks: VecDeque<Mark>,
    /// Bytes that the kernel has accepted.
    written: usize,
    /// What was counted as handed over already, at marks passed.
    counted: Load,
    /// What a peer in this process took out, and was not counted yet.
    handed: Load,
    /// Of what counts as written the system did not take this.
    refused: Load,
    /// The connection ended inside a message: whatever came behind would be taken for the rest of it.
    torn: bool,
    /// It begins with the connection's greeting.
    greeting: bool,
}

/// At `end` bytes into a run, `messages` of it are whole.
#[derive(Debug, Clone, Copy)]
struct Mark {
    end: usize,
    messages: usize,
}

impl Batch {
    pub(crate) fn is_written(&self) -> bool {
        self.written == self.run.len()
    }

    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// Whether a piece worth telling the pipe about was written since it was last told.
    pub(crate) fn has_passed_a_mark(&self) -> bool {
        self.marks.front().is_some_and(|mark| mark.end <= self.written)
    }

    /// Writes once, `ahead` before what is left of the batch; what was accepted of `ahead` is taken off it.
    ///
    /// Commands stand between messages: one that was begun is written to its end first.
    pub(crate) fn write(&mut self, ahead: &mut Vec<u8>, writer: &dyn Writer) -> io::Result<usize> {
        if self.torn {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        if !ahead.is_empty() {
            let (boundary, _) = self.run.boundary_at_or_after(self.written);
            if boundary > self.written {
                self.run.slices(self.written, &mut slices[..1]);
                let rest = (boundary - self.written).min(slices[0].len());
                let accepted = writer.try_write_vectored(&[IoSlice::new(&slices[0][..rest])])?;
                self.written += accepted;
                return Ok(accepted);
            }
            slices[0] = IoSlice::new(ahead);
            count = 1;
        }
        count += self.run.slices(self.written, &mut slices[count..]);
        let accepted = writer.try_write_vectored(&slices[..count])?;
        let of_ahead = accepted.min(ahead.len());
        ahead.drain(..of_ahead);
        self.written += accepted - of_ahead;
        Ok(accepted)
    }

    /// The frame that begins at this offset; `None` at the end.
    pub(crate) fn frame_at(&self, offset: usize) -> Option<(Header, &[u8])> {
        self.run.frame_at(offset)
    }

    /// The kernel has taken what stands for the first `written` bytes, in another spelling.
    pub(crate) fn advance_to(&mut self, written: usize) {
        self.written = written;
    }

    /// Throws away what is left, as a peer does that reads nothing.
    pub(crate) fn discard(&mut self) {
        self.written = self.run.len();
    }

    /// Takes out as much as `credit` allows, at least one message, for a peer in this process. `spent` is an empty
    /// run for a buffer in return.
    pub(super) fn hand_over(&mut self, credit: Credit, mut spent: Run) -> Chunk {
        // Marks are places in a run that stays whole while it is written; this one does not.
        self.marks.clear();
        self.greeting = false;
        let before = self.run.len();
        let messages = if self.messages <= credit.messages && before <= credit.bytes {
            mem::swap(&mut self.run, &mut spent);
            self.messages
        } else {
            self.run.move_messages(credit.messages, credit.bytes, &mut spent)
        };
        let load = Load {
            messages: messages as u64,
            bytes: (before - self.run.len()) as u64,
        };
        self.messages -= messages;
        self.handed += load;
        Chunk {
            messages: Messages::Local(spent),
            load,
        }
    }

    /// What has left, before the last mark passed or by hand, and was not counted yet.
    fn newly_written(&mut self) -> Load {
        let mut whole = self.counted;
        while let Some(mark) = self.marks.front().filter(|mark| mark.end <= self.written) {
            whole = Load {
                messages: mark.messages as u64,
                bytes: mark.end as u64,
            };
            self.marks.pop_front();
        }
        if self.is_written() {
            whole = Load {
                messages: self.messages as u64,
                bytes: self.written as u64,
            };
        }
        let mut newly = whole;
        newly -= self.counted;
        self.counted = whole;
        newly += mem::take(&mut self.handed);
        newly
    }
}

/// Whose hand is on the line.
#[derive(Debug)]
enum Hand {
    /// No connection: nobody may write.
    Offline,
    /// Nothing to write: a sender may write itself.
    Idle,
    /// A sender is writing. `called`: the driver waits for it to end.
    Sender { called: bool },
    /// The driver was called and will come.
    Due,
    /// The driver is writing. `blocked`: as far as the kernel had room.
    Driver { blocked: bool },
    /// A sender's write was cut short; the driver was called to finish it.
    Rest(Batch),
}

/// What a sender does after its append, once the lock is released.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing: somebody is writing, or will.
    Done,
    /// Wake the driver.
    Wake(Waker),
    /// Write this batch, then call [`Log::sender_wrote`].
    Write(Batch, Line),
}

/// Messages that wait for one peer.
#[derive(Debug)]
pub(crate) struct Log {
    run: Run,
    messages: usize,
    marks: VecDeque<Mark>,
    /// Queued and being written, together: what the high-water mark counts.
    load: Load,
    /// The bytes of it that a share of a budget was told of.
    told: u64,
    /// The first message is the connection's greeting.
    greeting: bool,
    /// Credit taken by permits.
    reserved: usize,
    pace: Pace,
    hand: Hand,
    line: Option<Line>,
    /// From which size on owned payloads go by reference on this line, if it has a say.
    share_from: Option<usize>,
    driver: Option<Waker>,
    /// Messages in the driver's last batch.
    last_batch: usize,
    /// An empty run whose buffer is used again.
    spare: Run,
    counters: Counters,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            run: Run::default(),
            messages: 0,
            marks: VecDeque::new(),
            load: Load::default(),
            told: 0,
            greeting: false,
            reserved: 0,
            pace: Pace::None,
            hand: Hand::Offline,
            line: None,
            share_from: None,
            driver: None,
            last_batch: 0,
            spare: Run::default(),
            counters: Counters::default(),
        }
    }

    /// Whether a message of `bytes` may join, with `promised` places kept for others.
    #[inline]
    pub(crate) fn admits(&self, marks: Marks, promised: usize, bytes: usize) -> bool {
        let mut there = self.load;
        there.messages += (self.reserved + promised) as u64;
        marks.admit(there, bytes)
    }

    pub(crate) fn is_online(&self) -> bool {
        !matches!(self.hand, Hand::Offline)
    }

    /// Whether what is being written waits for room in the kernel.
    pub(crate) fn is_blocked(&self) -> bool {
        matches!(self.hand, Hand::Driver { blocked: true } | Hand::Rest(_))
    }

    /// The driver cannot write on.
    pub(crate) fn handle_blocked(&mut self) {
        if let Hand::Driver { blocked } = &mut self.hand {
            *blocked = true;
        }
    }

    pub(crate) fn load(&self) -> Load {
        self.load
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    /// The connection showed life. Returns how many messages were accepted so far.
    pub(crate) fn alive(&mut self) -> u64 {
        self.counters.confirmed = self.counters.done;
        self.counters.accepted.messages
    }

    /// Counts messages that were dropped instead of queued.
    pub(crate) fn count_refused(&mut self, bytes: usize, reason: DropReason) {
        self.counters.accepted += Load::one(bytes);
        self.counters.dropped.add(reason, 1);
    }

    pub(crate) fn reserve(&mut self) {
        self.reserved += 1;
    }

    pub(crate) fn unreserve(&mut self) {
        self.reserved -= 1;
    }

    /// Appends one message: `envelope` (plain frames, or nothing) and then `payload`.
    #[inline]
    pub(crate) fn append(&mut self, envelope: &[u8], payload: &Payload<'_>, share_from: usize) {
        let before = self.run.len();
        if !envelope.is_empty() {
            self.run.put_frames(envelope);
        }
        payload.encode(&mut self.run, self.share_from.unwrap_or(share_from));
        self.accept(Load::one(self.run.len() - before));
        self.count_queued(1);
    }

    /// Counts messages as queued that wait elsewhere, to be [brought](Self::bring) in their turn.
    #[inline]
    pub(crate) fn accept(&mut self, more: Load) {
        self.load += more;
        self.counters.accepted += more;
    }

    /// Appends whole messages that were [accepted](Self::accept) before.
    pub(crate) fn bring(&mut self, frames: &[u8], messages: usize) {
        self.run.put_frames(frames);
        self.count_queued(messages);
    }

    #[inline]
    fn count_queued(&mut self, messages: usize) {
        self.messages += messages;
        let end = self.run.len();
        if end >= self.marks.back().map_or(0, |mark| mark.end) + MARK_EVERY {
            self.marks.push_back(Mark {
                end,
                messages: self.messages,
            });
        }
    }

    /// Whether the driver would take a batch now, if there is something to take.
    pub(crate) fn may_be_taken(&self) -> bool {
        matches!(self.hand, Hand::Idle | Hand::Due)
    }

    /// How many bytes are here and not being written.
    pub(crate) fn len(&self) -> usize {
        self.run.len()
    }

    /// Queues in `buffer` from here on, if nothing is queued now; returns the buffer that is not needed then.
    pub(crate) fn lend(&mut self, buffer: Run) -> Run {
        if self.run.is_empty() {
            mem::replace(&mut self.run, buffer)
        } else {
            buffer
        }
    }

    /// What the sender does now. `may_write` is asked only when the line is idle: whether it may write itself.
    #[inline]
    pub(crate) fn after_append(&mut self, may_write: impl FnOnce() -> bool) -> Next {
        let invites = |line: &Line| line.invites(may_write);
        match self.hand {
            Hand::Idle if self.last_batch < STREAMING && self.line.as_ref().is_some_and(invites) => {
                self.sender_takes()
            }
            _ => self.call_driver(),
        }
    }

    /// What the sender does if it will not write itself in any case.
    #[inline]
    pub(crate) fn call_driver(&mut self) -> Next {
        if !matches!(self.hand, Hand::Idle) {
            return Next::Done;
        }
        self.hand = Hand::Due;
        self.driver.take().map_or(Next::Done, Next::Wake)
    }

    fn sender_takes(&mut self) -> Next {
        let Some(line) = self.line.clone() else {
            return self.call_driver();
        };
        self.hand = Hand::Sender { called: false };
        Next::Write(self.take(), line)
    }

    /// A sender's write has ended, at the end of the batch or before. Returns the driver, if it must come.
    pub(crate) fn sender_wrote(&mut self, mut batch: Batch) -> Option<Waker> {
        let Hand::Sender { called } = self.hand else {
            debug_assert!(false, "only the sender whose hand is on the line writes");
            return None;
        };
        if !batch.is_written() {
            self.progress(&mut batch);
            self.hand = Hand::Rest(batch);
            return self.driver.take();
        }
        let buffer = self.take_in(&mut batch);
        self.keep(buffer);
        if self.run.is_empty() && !called {
            self.hand = Hand::Idle;
            return None;
        }
        self.hand = Hand::Due;
        self.driver.take()
    }

    /// The handshake is done. The line is the driver's until it asks for the first batch: it may not have written all
    /// of the handshake yet.
    pub(crate) fn online(&mut self, line: Option<Line>) {
        self.share_from = line.as_ref().and_then(Line::share_from);
        self.line = line;
        self.hand = Hand::Driver { blocked: false };
    }

    /// The first half of the driver's turn: takes in the batch that it has written, if it has one, and returns its
    /// buffer, to be [kept](Self::keep) or used elsewhere.
    pub(crate) fn driver_returns(&mut self, batch: &mut Batch) -> Option<Run> {
        if !matches!(self.hand, Hand::Driver { .. }) {
            return None;
        }
        self.hand = Hand::Due;
        Some(self.take_in(batch))
    }

    /// The driver's turn: see [`Outgoing::poll_take`](super::Outgoing::poll_take).
    pub(crate) fn driver_takes(&mut self, waker: &Waker, batch: &mut Batch, claim: bool) -> Poll<()> {
        if let Some(buffer) = self.driver_returns(batch) {
            self.keep(buffer);
        }
        match mem::replace(&mut self.hand, Hand::Due) {
            Hand::Rest(rest) => {
                *batch = rest;
                self.hand = Hand::Driver { blocked: false };
                return Poll::Ready(());
            }
            Hand::Driver { .. } | Hand::Due | Hand::Idle => {}
            other @ (Hand::Offline | Hand::Sender { .. }) => {
                self.hand = match other {
                    Hand::Sender { .. } => Hand::Sender { called: true },
                    other => other,
                };
                self.call(waker);
                return Poll::Pending;
            }
        }
        if self.run.is_empty() && !claim {
            self.hand = Hand::Idle;
            self.call(waker);
            return Poll::Pending;
        }
        *batch = self.take();
        if batch.messages > 0 {
            self.last_batch = batch.messages;
        }
        self.hand = Hand::Driver { blocked: false };
        Poll::Ready(())
    }

    fn call(&mut self, waker: &Waker) {
        match &mut self.driver {
            Some(kept) => kept.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// The log as a batch; an empty log with the spare buffer takes its place.
    fn take(&mut self) -> Batch {
        Batch {
            run: mem::replace(&mut self.run, mem::take(&mut self.spare)),
            messages: mem::take(&mut self.messages),
            marks: mem::take(&mut self.marks),
            written: 0,
            counted: Load::default(),
            handed: Load::default(),
            refused: Load::default(),
            torn: false,
            greeting: mem::take(&mut self.greeting),
        }
    }

    /// Counts what has left. Returns the buffer, empty.
    fn take_in(&mut self, batch: &mut Batch) -> Run {
        self.progress(batch);
        self.count_refusals(batch);
        let mut buffer = mem::take(batch).run;
        buffer.clear();
        buffer
    }

    /// Keeps a buffer for the next batch but one.
    pub(crate) fn keep(&mut self, buffer: Run) {
        if self.spare.capacity() == 0 && buffer.capacity() <= KEEP {
            self.spare = buffer;
        }
    }

    /// Makes room for what has left.
    pub(crate) fn progress(&mut self, batch: &mut Batch) {
        let newly = batch.newly_written();
        self.load -= newly;
        self.counters.done += newly;
        self.handle_left(newly);
    }

    /// The connection is gone: see [`Outgoing::poll_offline`](super::Outgoing::poll_offline).
    pub(crate) fn offline(&mut self, waker: &Waker, batch: &mut Batch) -> Poll<()> {
        match mem::replace(&mut self.hand, Hand::Offline) {
            Hand::Sender { .. } => {
                self.hand = Hand::Sender { called: true };
                self.call(waker);
                return Poll::Pending;
            }
            Hand::Rest(rest) => *batch = self.cut(rest),
            Hand::Driver { .. } => *batch = self.cut(mem::take(batch)),
            Hand::Offline | Hand::Idle | Hand::Due => {}
        }
        self.line = None;
        self.pace = Pace::None;
        Poll::Ready(())
    }

    /// Keeps of a broken batch what may be sent again: the messages of which the kernel has no byte (G1). Returns what
    /// is left of it for the driver: nothing, but whether it was torn.
    fn cut(&mut self, mut batch: Batch) -> Batch {
        self.progress(&mut batch);
        let (boundary, mut before) = batch.run.boundary_at_or_after(batch.written);
        let gone = Load {
            messages: before as u64,
            bytes: boundary as u64,
        };
        let mut newly = gone;
        newly -= batch.counted;
        self.load -= newly;
        let torn = boundary > batch.written;
        if torn {
            before -= 1;
            newly.messages -= 1;
            self.counters.dropped.add(DropReason::Cut, 1);
        }
        // Bytes of the message that was cut count as handed over with it left out: they did leave.
        self.counters.done += newly;
        self.count_refusals(&mut batch);
        let kept = batch.messages - before - usize::from(torn);
        self.greeting |= batch.greeting && boundary == 0;
        batch.run.split_off_front(boundary);
        batch.run.append(mem::take(&mut self.run));
        self.run = batch.run;
        self.messages += kept;
        self.marks.clear();
        Batch {
            torn,
            ..Batch::default()
        }
    }

    /// Ends the log: what it held is counted and returned.
    pub(crate) fn end(&mut self, reason: DropReason) -> Unsent {
        debug_assert!(!self.is_online(), "a log ends offline");
        let messages = mem::take(&mut self.messages);
        self.counters.dropped.add(reason, messages as u64);
        self.load = Load::default();
        Unsent {
            run: mem::take(&mut self.run),
            messages,
            counters: self.counters,
        }
    }
}
