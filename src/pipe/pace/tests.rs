//! Queues between the pace and the marks.

use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Wake, Waker};

use bytes::Bytes;

use super::PACE;
use crate::frame::put_header;
use crate::message::{Message, Payload};
use crate::pipe::{
    Batch, Chunk, Filter, Inbox, Marks, Messages, Outbox, OutboxConfig, Outgoing, PipeId, Prefixes,
    RecvTicket, SendTicket,
};
use crate::stats::{DropReason, Load};
use crate::sync::Arc;
use crate::transport::Writer;

const MARKS: Marks = Marks {
    messages: 1000,
    bytes: 8 * PACE.bytes as usize,
};

/// On the wire.
const SIZE: usize = 16 * 1024;

#[derive(Default)]
struct Bell(AtomicBool);

impl Bell {
    fn has_rung(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// It takes so much at once.
#[derive(Debug)]
struct Kernel(usize);

impl Writer for Kernel {
    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let there: usize = bufs.iter().map(|buf| buf.len()).sum();
        Ok(there.min(self.0))
    }
}

/// One who sends messages of one size for as long as there is room.
struct Sender {
    outbox: Outbox,
    pipe: PipeId,
    ticket: SendTicket,
    bell: Arc<Bell>,
    body: Vec<u8>,
}

impl Sender {
    fn new(size: usize) -> Self {
        let outbox = Outbox::new(OutboxConfig::with_marks(MARKS.messages, MARKS.bytes));
        Self {
            pipe: outbox.attach(),
            outbox,
            ticket: SendTicket::default(),
            bell: Arc::default(),
            body: vec![0; size - 9],
        }
    }

    fn online(self) -> Self {
        self.outbox.online(self.pipe, None);
        assert!(self.outbox.pace(self.pipe));
        self
    }

    /// How much is queued when it has to wait.
    fn fill(&mut self) -> u64 {
        let waker = Waker::from(self.bell.clone());
        loop {
            let payload = Payload::from(&self.body[..]);
            let sent = self.outbox.poll_send(&waker, &mut self.ticket, &[], &payload);
            if sent.is_pending() && self.ticket.is_waiting() {
                self.bell.has_rung();
                return self.outbox.queued(self.pipe).bytes;
            }
        }
    }

    fn take(&self, batch: &mut Batch) {
        let taken = self.outbox.poll_take(self.pipe, Waker::noop(), batch, false);
        assert!(taken.is_ready());
    }
}

#[test]
fn one_who_can_wait_fills_a_queue_to_the_pace_and_beyond_while_the_line_stands_still() {
    let mut sender = Sender::new(SIZE).online();
    assert_eq!(sender.fill(), PACE.bytes);
    sender.outbox.handle_stalled(sender.pipe);
    assert!(sender.bell.has_rung());
    assert_eq!(sender.fill(), MARKS.bytes as u64);

    // It moves: nothing is granted above the pace. At the mark one may be called who finds no room for its bytes.
    let mut batch = Batch::default();
    sender.take(&mut batch);
    assert_eq!(sender.fill(), MARKS.bytes as u64);
    for _ in 0..6 {
        let written = batch.write(&mut Vec::new(), &Kernel(PACE.bytes as usize));
        assert_eq!(written.expect("there is room"), PACE.bytes as usize);
        sender.outbox.progress(sender.pipe, &mut batch);
    }
    assert!(!sender.bell.has_rung());
    assert_eq!(sender.fill(), 2 * PACE.bytes);
    // Until it stands still again.
    sender.outbox.handle_stalled(sender.pipe);
    assert!(sender.bell.has_rung());
    assert_eq!(sender.fill(), MARKS.bytes as u64);
}

#[test]
fn one_who_waits_at_the_pace_goes_on_as_soon_as_something_has_left() {
    let mut sender = Sender::new(SIZE).online();
    sender.fill();
    let mut batch = Batch::default();
    sender.take(&mut batch);
    assert!(!sender.bell.has_rung(), "what is being written is there still");
    batch
        .write(&mut Vec::new(), &Kernel(PACE.bytes as usize / 4))
        .expect("there is room");
    sender.outbox.progress(sender.pipe, &mut batch);
    assert!(sender.bell.has_rung());
    assert_eq!(sender.fill(), PACE.bytes);
}

#[test]
fn without_a_line_a_queue_is_filled_to_its_marks() {
    let mut sender = Sender::new(SIZE);
    assert_eq!(sender.fill(), MARKS.bytes as u64);
    let mut sender = Sender::new(SIZE).online();
    assert_eq!(sender.fill(), PACE.bytes);
    let offline = sender
        .outbox
        .poll_offline(sender.pipe, Waker::noop(), &mut Batch::default());
    assert!(offline.is_ready());
    assert!(sender.bell.has_rung());
    assert_eq!(sender.fill(), MARKS.bytes as u64);
}

#[test]
fn who_cannot_wait_has_room_to_the_marks() {
    let sender = Sender::new(SIZE).online();
    let mut sent = 0;
    while sender
        .outbox
        .try_send(&[], &Payload::from(&sender.body[..]))
        .is_ok()
    {
        sent += SIZE;
    }
    assert_eq!(sent, MARKS.bytes);
}

#[test]
fn of_large_messages_some_wait() {
    let mut sender = Sender::new(PACE.bytes as usize).online();
    assert_eq!(sender.fill(), PACE.messages * PACE.bytes);
}

/// Takes every message.
struct Everything;

impl Filter for Everything {
    fn refuse(&self, _: &mut Prefixes, _: &Message, _: PipeId) -> Option<DropReason> {
        None
    }
}

/// A driver and the receivers of what it reads.
struct Lane {
    inbox: Inbox,
    pipe: PipeId,
    bell: Arc<Bell>,
}

impl Lane {
    fn new() -> Self {
        let inbox = Inbox::new(MARKS, false);
        Self {
            pipe: inbox.attach(),
            inbox,
            bell: Arc::default(),
        }
    }

    fn paced() -> Self {
        let lane = Self::new();
        lane.inbox.pace(lane.pipe);
        lane
    }

    /// Hands over messages one by one. How much there is when it has to stop.
    fn fill(&self) -> u64 {
        let waker = Waker::from(self.bell.clone());
        while let Poll::Ready(credit) = self.inbox.poll_credit(self.pipe, &waker) {
            assert!(credit.bytes > 0 && credit.bytes <= MARKS.bytes);
            let mut frame = Vec::new();
            put_header(&mut frame, 0, SIZE - 9);
            frame.resize(SIZE, 0);
            let messages = Messages::Read(Bytes::from(frame));
            let load = Load::one(SIZE);
            self.inbox.push(self.pipe, Chunk { messages, load });
        }
        self.queued()
    }

    fn queued(&self) -> u64 {
        self.inbox.totals().1.bytes
    }

    /// Receives until the driver is called. How much is left then.
    fn receive_until_called(&self) -> u64 {
        while !self.bell.has_rung() {
            let mut ticket = RecvTicket::default();
            let received = self
                .inbox
                .poll_recv(Waker::noop(), &mut ticket, &mut None, None::<&Everything>);
            assert!(received.is_ready());
        }
        self.queued()
    }

    /// It was stopped for a while, twice: something may have been received before.
    fn stands_still(&self) {
        assert!(self.inbox.is_paced(self.pipe));
        let may_go_on = self.inbox.handle_stalled(self.pipe) || self.inbox.handle_stalled(self.pipe);
        assert!(may_go_on);
    }
}

#[test]
fn a_driver_stops_at_the_pace_and_is_called_before_the_receivers_run_dry() {
    let lane = Lane::paced();
    assert_eq!(lane.fill(), PACE.bytes);
    let left = lane.receive_until_called();
    assert!((PACE.bytes / 4..=PACE.bytes / 2).contains(&left), "{left}");
    assert_eq!(lane.fill(), PACE.bytes);
}

#[test]
fn a_lane_that_stands_still_is_filled_to_its_marks() {
    let lane = Lane::paced();
    for paces in [1, 2, 4] {
        assert_eq!(lane.fill(), paces * PACE.bytes);
        lane.stands_still();
    }
    assert_eq!(lane.fill(), MARKS.bytes as u64);
    assert!(!lane.inbox.is_paced(lane.pipe), "there is nothing to look for");
    assert!(!lane.inbox.handle_stalled(lane.pipe));
    // Receivers come: from here on it keeps the pace again.
    lane.receive_until_called();
    assert!(lane.fill() > PACE.bytes, "it is full still");
    let left = lane.receive_until_called();
    assert!(left <= PACE.bytes / 2, "{left}");
    assert_eq!(lane.fill(), PACE.bytes);
}

#[test]
fn a_lane_of_which_something_is_received_does_not_stand_still() {
    let lane = Lane::paced();
    lane.fill();
    for _ in 0..PACE.bytes / SIZE as u64 / 4 {
        let received = lane.inbox.try_recv(&mut None, None::<&Everything>);
        assert!(received.is_ok());
    }
    assert!(!lane.inbox.handle_stalled(lane.pipe));
    let before = lane.queued();
    assert_eq!(lane.fill(), before, "not half of the pace is free");
    // Now nobody comes: wherever it stopped, it goes on.
    assert!(lane.inbox.handle_stalled(lane.pipe) || lane.inbox.handle_stalled(lane.pipe));
    assert_eq!(lane.fill(), 2 * PACE.bytes);
}

#[test]
fn a_lane_that_nobody_looks_after_is_filled_to_its_marks() {
    assert_eq!(Lane::new().fill(), MARKS.bytes as u64);
    // The next one in its slot keeps no pace either.
    let lane = Lane::paced();
    lane.inbox.detach(lane.pipe);
    let next = Lane {
        pipe: lane.inbox.attach(),
        ..lane
    };
    assert_eq!(next.fill(), MARKS.bytes as u64);
}
