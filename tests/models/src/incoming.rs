//! The incoming lane: drivers push what they have credit for, receivers take, credit goes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Plain, Ordering};
use std::task::{Poll, Waker};

use bytes::Bytes;

use crate::error::RecvError;
use crate::frame::{Run, put_header};
use crate::message::Message;
use crate::pipe::{Chunk, Filter, Inbox, Marks, Messages, PipeId, Prefixes, RecvTicket};
use crate::runtime::Time;
use crate::scene::{Said, assert_in_order, block_on, play, spawn};
use crate::stats::{DropReason, Load};

/// An inbox with this high-water mark.
pub(crate) fn inbox(hwm: usize) -> Arc<Inbox> {
    let marks = Marks {
        messages: hwm,
        bytes: usize::MAX,
    };
    Arc::new(Inbox::new(marks, false))
}

/// The reading half of a connection's driver, who has read these messages: `room` and `hand_over` of
/// `driver/connection.rs`.
pub(crate) struct Feeder {
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) lane: PipeId,
    who: u8,
    /// The bytes of each message.
    pub(crate) size: usize,
    /// Hands over this many at a time, if there is credit.
    at_a_time: usize,
    pub(crate) nth: u8,
}

impl Feeder {
    pub(crate) fn new(inbox: &Arc<Inbox>, who: u8) -> Self {
        Self {
            inbox: inbox.clone(),
            lane: inbox.attach(),
            who,
            size: 2,
            at_a_time: 1,
            nth: 0,
        }
    }

    /// Hands over `messages` more, and waits for credit where it must.
    pub(crate) fn feed(&mut self, messages: u8) {
        let last = self.nth + messages;
        while self.nth < last {
            self.feed_once(last);
        }
    }

    /// Hands over one chunk, with nothing behind the message `last` in it, when there is credit.
    fn feed_once(&mut self, last: u8) {
        let credit = block_on(|waker| self.inbox.poll_credit(self.lane, waker));
        assert!(credit.messages > 0);
        let most = self.at_a_time.min(credit.messages);
        self.push(last.min(self.nth + most as u8));
    }

    /// Hands over the messages up to this number as one chunk.
    pub(crate) fn push(&mut self, until: u8) {
        let mut frames = Vec::new();
        let messages = u64::from(until - self.nth);
        while self.nth < until {
            self.nth += 1;
            put_header(&mut frames, 0, self.size);
            frames.extend_from_slice(&[self.who, self.nth]);
            frames.resize(frames.len() + self.size - 2, 0);
        }
        let load = Load {
            messages,
            bytes: frames.len() as u64,
        };
        let messages = Messages::Read(Bytes::from(frames));
        self.inbox.push(self.lane, Chunk { messages, load });
    }
}

/// The future of one receive, as `socket/core.rs` has it.
struct Receiving<'a> {
    inbox: &'a Inbox,
    ticket: RecvTicket,
    from: Option<PipeId>,
}

/// Takes every message.
struct Everything;

impl Filter for Everything {
    fn refuse(&self, _: &mut Prefixes, _: &Message, _: PipeId) -> Option<DropReason> {
        None
    }
}

impl<'a> Receiving<'a> {
    fn new(inbox: &'a Inbox) -> Self {
        Self {
            inbox,
            ticket: RecvTicket::default(),
            from: None,
        }
    }

    fn poll(&mut self, waker: &Waker) -> Poll<Result<Said, RecvError>> {
        let filter: Option<&Everything> = None;
        let received = self
            .inbox
            .poll_recv(waker, &mut self.ticket, &mut self.from, filter);
        received.map_ok(|message| Said::read(message.frame(0).unwrap_or_default()))
    }
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        self.inbox.leave(&mut self.ticket);
    }
}

/// Receives so many messages, or as many as come before the inbox is closed.
pub(crate) fn recv(inbox: &Inbox, messages: usize) -> Vec<Said> {
    let mut all = Vec::new();
    while all.len() < messages {
        let mut receiving = Receiving::new(inbox);
        match block_on(|waker| receiving.poll(waker)) {
            Ok(said) => all.push(said),
            Err(_) => break,
        }
    }
    all
}

/// What came was delivered, and nothing is left (guarantees, G5).
pub(crate) fn assert_balanced(inbox: &Inbox, delivered: usize) {
    let (counters, queued) = inbox.totals();
    assert_eq!(queued, Load::default(), "{counters:?}");
    assert_eq!(counters.accepted.messages, delivered as u64, "{counters:?}");
    assert_eq!(counters.done, counters.accepted, "{counters:?}");
}

/// A driver stops at the mark, and its receiver gives credit back: whoever waits for the other is woken, at a mark of
/// 1, 2 and 3; the messages come in order, and the driver never hands over more than the mark allows.
pub fn credit_comes_back_to_a_driver_at_the_mark(name: &str) {
    for hwm in 1..=3 {
        play(name, Time::StandsStill, move || {
            let inbox = inbox(hwm);
            // How many receives were begun: no more can have been taken out.
            let begun = Arc::new(Plain::new(0));
            let mut feeder = Feeder::new(&inbox, 1);
            feeder.at_a_time = 2;
            let driver = spawn({
                let begun = begun.clone();
                move || {
                    while feeder.nth < 5 {
                        feeder.feed_once(5);
                        assert!(usize::from(feeder.nth) <= hwm + begun.load(Ordering::Relaxed));
                    }
                }
            });
            let mut all = Vec::new();
            for _ in 0..5 {
                begun.fetch_add(1, Ordering::Relaxed);
                all.extend(recv(&inbox, 1));
            }
            driver.join().unwrap();
            assert_in_order(&all);
            assert_eq!(all.len(), 5);
            assert_balanced(&inbox, 5);
        });
    }
}

/// Two drivers, two receivers who share the messages: each message goes to one of them, what one receiver gets of one
/// driver is in order, and nobody sleeps while a message is there for him.
pub fn receivers_share_what_drivers_bring(name: &str) {
    play(name, Time::StandsStill, || {
        let inbox = inbox(2);
        let mut feeders = [1, 2].map(|who| Feeder::new(&inbox, who));
        let other = spawn({
            let inbox = inbox.clone();
            move || recv(&inbox, 2)
        });
        feeders[1].push(2);
        let [mut feeder, _] = feeders;
        let driver = spawn(move || feeder.feed(2));
        let mut all = recv(&inbox, 2);
        let others = other.join().unwrap();
        driver.join().unwrap();
        assert_in_order(&all);
        assert_in_order(&others);
        all.extend(others);
        all.sort();
        let said = |who, nth| Said { who, nth };
        assert_eq!(all, [said(1, 1), said(1, 2), said(2, 1), said(2, 2)]);
        assert_balanced(&inbox, 4);
    });
}

/// Of two who wait for the one message that comes, one gives up, before or after it was called: the message is not
/// lost with it, and the other one is called.
pub fn who_gives_up_leaves_the_message_to_another(name: &str) {
    play(name, Time::StandsStill, || {
        let inbox = inbox(4);
        let mut feeder = Feeder::new(&inbox, 1);
        let hasty = spawn({
            let inbox = inbox.clone();
            move || {
                let mut receiving = Receiving::new(&inbox);
                // Looked at twice, as in a `select!`, he still waits only once.
                receiving.poll(Waker::noop()).is_ready() || receiving.poll(Waker::noop()).is_ready()
            }
        });
        let patient = spawn({
            let inbox = inbox.clone();
            move || recv(&inbox, 1)
        });
        feeder.feed(1);
        let taken = hasty.join().unwrap();
        if taken {
            feeder.feed(1);
        }
        assert_eq!(patient.join().unwrap().len(), 1);
        assert_balanced(&inbox, 1 + usize::from(taken));
    });
}

/// Two wait, and one chunk brings a message for each: only one of them is called by the driver, and he calls the
/// other, unless somebody who did not wait takes one away.
pub fn a_chunk_of_two_reaches_two_who_wait(name: &str) {
    for one_is_taken_away in [false, true] {
        play(name, Time::StandsStill, move || {
            let inbox = inbox(4);
            let mut feeder = Feeder::new(&inbox, 1);
            let receivers = [(), ()].map(|()| {
                let inbox = inbox.clone();
                spawn(move || recv(&inbox, 1))
            });
            feeder.push(2);
            if one_is_taken_away && inbox.try_recv(&mut None, None::<&Everything>).is_ok() {
                feeder.push(3);
            }
            for receiver in receivers {
                assert_eq!(receiver.join().unwrap().len(), 1);
            }
            assert_balanced(&inbox, usize::from(feeder.nth));
        });
    }
}

/// A peer leaves while a receiver still holds messages of it, and another comes at once: all are delivered, each under
/// the name of the peer that sent it, the counters of both add up, and a third peer finds a place that is free.
pub fn a_peer_that_has_left_is_read_to_its_end(name: &str) {
    play(name, Time::StandsStill, || {
        let inbox = inbox(8);
        let mut old = Feeder::new(&inbox, 1);
        let old_lane = old.lane;
        old.at_a_time = 2;
        let driver = spawn({
            let inbox = inbox.clone();
            move || {
                old.feed(2);
                inbox.detach(old.lane);
                let mut new = Feeder::new(&inbox, 2);
                new.feed(1);
                new.lane
            }
        });
        let mut from = Vec::new();
        for _ in 0..3 {
            let mut receiving = Receiving::new(&inbox);
            let said = block_on(|waker| receiving.poll(waker)).unwrap();
            from.push((said, receiving.from));
        }
        let new_lane = driver.join().unwrap();
        assert_ne!(old_lane, new_lane);
        for (said, from) in &from {
            assert_eq!(*from, Some(if said.who == 1 { old_lane } else { new_lane }));
        }
        assert_in_order(&from.iter().map(|(said, _)| *said).collect::<Vec<_>>());

        // Who looks once more gives back what is left of the credit, and the old place is free.
        assert!(Receiving::new(&inbox).poll(Waker::noop()).is_pending());
        assert!(inbox.attach().index() <= 1);
        assert_balanced(&inbox, 3);
    });
}

/// The inbox is closed while two wait and one message has come: both come back, with the message or with the news,
/// and what comes later is nobody's.
pub fn a_close_wakes_all_who_wait(name: &str) {
    play(name, Time::StandsStill, || {
        let inbox = inbox(1);
        let receivers = [(), ()].map(|()| {
            let inbox = inbox.clone();
            spawn(move || recv(&inbox, 1))
        });
        let mut feeder = Feeder::new(&inbox, 1);
        feeder.push(1);
        inbox.close();
        feeder.push(2);
        let got: usize = receivers
            .map(|receiver| receiver.join().unwrap().len())
            .iter()
            .sum();
        assert!(got <= 1);
        assert_eq!(recv(&inbox, 1), []);
    });
}
