//! The pace: whoever is stopped at it goes on when there is room, when the line or the lane stands still, and when both happen
//! at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Plain, Ordering};
use std::task::{Poll, Waker};

use loom::thread::JoinHandle;

use crate::incoming::{Feeder, assert_balanced, inbox, recv};
use crate::outgoing::Scene;
use crate::pipe::{Inbox, Outbox, Outgoing};
use crate::runtime::Time;
use crate::scene::{Driver, Line, Peer, Room, Sending, Word, assert_in_order, block_on, outbox, play, spawn};

/// Four messages of so many bytes reach the pace.
const LARGE: usize = 256 * 1024;

/// A driver whose lane has a pace, and who reads messages of that size.
fn paced(inbox: &Arc<Inbox>) -> Feeder {
    let mut feeder = Feeder::new(inbox, 1);
    feeder.size = LARGE;
    inbox.pace(feeder.lane);
    feeder
}

/// Receivers take all there is, and no clock runs: a driver that has stopped at the pace is called, and no more waits than
/// that.
pub fn a_driver_at_the_pace_is_called_by_receivers(name: &str) {
    play(name, Time::StandsStill, || {
        let inbox = inbox(16);
        let begun = Arc::new(Plain::new(0));
        let mut feeder = paced(&inbox);
        let driver = spawn({
            let begun = begun.clone();
            move || {
                while feeder.nth < 6 {
                    feeder.feed(1);
                    assert!(usize::from(feeder.nth) <= 4 + begun.load(Ordering::Relaxed));
                }
            }
        });
        let mut all = Vec::new();
        for _ in 0..6 {
            begun.fetch_add(1, Ordering::Relaxed);
            all.extend(recv(&inbox, 1));
        }
        driver.join().unwrap();
        assert_in_order(&all);
        assert_balanced(&inbox, 6);
    });
}

/// Of the four at the pace receivers take none, one or two, and come back when all has been read, not before: by the clock or
/// by their call, whichever comes first or in the middle of the other, the driver goes on.
pub fn a_driver_at_the_pace_goes_on_by_the_clock(name: &str) {
    for taken in 0..=2 {
        play(name, Time::StandsStill, move || {
            let inbox = inbox(16);
            let (set, alarm, end) = (Word::default(), Word::default(), Word::default());
            let clock = spawn({
                let (set, alarm, end) = (set.clone(), alarm.clone(), end.clone());
                move || run_clock(&set, &alarm, &end)
            });
            let mut feeder = paced(&inbox);
            feeder.feed(4);
            let driver = spawn(move || feed_by_the_clock(&mut feeder, 5, &set, &alarm));
            recv(&inbox, taken);
            driver.join().unwrap();
            end.give();
            clock.join().unwrap();
            assert_eq!(recv(&inbox, 5 - taken).len(), 5 - taken);
            assert_balanced(&inbox, 5);
        });
    }
}

/// Rings some time after it was set.
fn run_clock(set: &Word, alarm: &Word, end: &Word) {
    let is_set = |waker: &Waker| match (end.take(waker), set.take(waker)) {
        (true, _) => Poll::Ready(false),
        (false, true) => Poll::Ready(true),
        (false, false) => Poll::Pending,
    };
    while block_on(is_set) {
        alarm.give();
    }
}

/// The passes of a connection's driver, as far as it reads: `read_turn`, then what is due, then the alarm for what is not.
fn feed_by_the_clock(feeder: &mut Feeder, last: u8, set: &Word, alarm: &Word) {
    let mut is_set = false;
    block_on(|waker| {
        while feeder.nth < last {
            if feeder.inbox.poll_credit(feeder.lane, waker).is_ready() {
                feeder.push(feeder.nth + 1);
                continue;
            }
            if alarm.take(waker) {
                is_set = false;
                if feeder.inbox.handle_stalled(feeder.lane) {
                    continue;
                }
            }
            if !is_set && feeder.inbox.is_paced(feeder.lane) {
                is_set = true;
                set.give();
            }
            return Poll::Pending;
        }
        Poll::Ready(())
    });
}

/// The sizes of a sender's messages: the fourth reaches the pace.
const SIZES: [usize; 5] = [2, 2, 2, 4 * LARGE, 2];

/// A sender waits at the pace of a line that moves, and no clock runs: it goes on.
pub fn a_sender_at_the_pace_goes_on_as_the_line_moves(name: &str) {
    for rooms in [&[][..], &[Room::Bytes(3)]] {
        play(name, Time::StandsStill, move || {
            let scene = scene(rooms);
            send_all(&scene.outbox);
            scene.ends_with(SIZES.len());
        });
    }
}

/// The line takes nothing until a sender, who could wait, has sent all: told that it stands still, before, while or after he
/// comes to the pace, he goes on.
pub fn a_sender_at_the_pace_goes_on_while_the_line_stands_still(name: &str) {
    play(name, Time::StandsStill, || {
        let scene = scene(&[Room::Shut]);
        let still = tell_that_it_stands_still(&scene, |_| {});
        send_all(&scene.outbox);
        scene.line.open();
        still.join().unwrap();
        scene.ends_with(SIZES.len());
    });
}

/// It goes on just when that is told.
pub fn a_line_that_goes_on_when_it_stood_still_keeps_nobody_waiting(name: &str) {
    play(name, Time::StandsStill, || {
        let scene = scene(&[Room::Shut]);
        let still = tell_that_it_stands_still(&scene, |line| line.open());
        send_all(&scene.outbox);
        still.join().unwrap();
        scene.ends_with(SIZES.len());
    });
}

/// A pipe with a pace.
fn scene(rooms: &[Room]) -> Scene {
    let (peer, outbox) = (Peer::default(), outbox(16));
    let line = Line::new(&peer, rooms);
    let driver = Driver::open(&outbox, &line).at_rest();
    assert!(outbox.pace(driver.pipe));
    Scene::of(peer, outbox, line, driver)
}

fn send_all(outbox: &Outbox) {
    for (nth, size) in (1..).zip(SIZES) {
        let mut sending = Sending::of_size(outbox, 1, nth, size);
        assert!(block_on(|waker| sending.poll(waker)).is_ok());
    }
}

fn tell_that_it_stands_still(scene: &Scene, then: fn(&Line)) -> JoinHandle<()> {
    let (line, pipe) = (scene.line.clone(), scene.pipe);
    scene.spawn(move |outbox| {
        outbox.handle_stalled(pipe);
        then(&line);
    })
}
