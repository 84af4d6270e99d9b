//! The outgoing log: senders append, senders or the driver write, room goes back to those who wait.

use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use loom::thread::JoinHandle;

use crate::message::Payload;
use crate::pipe::{Outbox, Outgoing, PipeId, Refusal, SendTicket};
use crate::runtime::Time;
use crate::scene::{
    Arrived, Driver, Line, Peer, Room, Said, Sending, Word, assert_balanced, assert_in_order, block_on,
    outbox, play, said, send, spawn,
};
use crate::stats::DropReason;

/// One outbox, one connection, its driver on a task of its own.
pub(crate) struct Scene {
    peer: Peer,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) line: Arc<Line>,
    pub(crate) pipe: PipeId,
    end: Word,
    driver: JoinHandle<()>,
}

impl Scene {
    /// The line is idle, and takes what `rooms` say.
    fn new(hwm: usize, rooms: &[Room]) -> Self {
        let (peer, outbox) = (Peer::default(), outbox(hwm));
        let line = Line::new(&peer, rooms);
        let driver = Driver::open(&outbox, &line).at_rest();
        Self::of(peer, outbox, line, driver)
    }

    /// This driver of these, which begins to run.
    pub(crate) fn of(peer: Peer, outbox: Arc<Outbox>, line: Arc<Line>, driver: Driver) -> Self {
        Self {
            peer,
            outbox,
            line,
            pipe: driver.pipe,
            end: driver.end(),
            driver: spawn(move || driver.run()),
        }
    }

    /// Does something with the outbox on a task of its own.
    pub(crate) fn spawn<T: 'static>(&self, work: impl FnOnce(&Outbox) -> T + 'static) -> JoinHandle<T> {
        let outbox = self.outbox.clone();
        spawn(move || work(&outbox))
    }

    /// Waits until so many messages have arrived, and looks whether all is in order: they were written once, by one
    /// hand at a time, each sender's in the order in which they were taken, and the counters say so too.
    pub(crate) fn ends_with(self, messages: usize) -> Vec<Said> {
        self.peer.wait_for(messages);
        self.end.give();
        self.driver.join().unwrap();

        let arrived = self.line.all_arrived();
        assert_eq!(arrived.len(), messages);
        assert_in_order(&arrived);
        assert_balanced(&self.outbox, messages, 0);
        arrived
    }
}

/// Two senders, who write themselves when they find the line idle, and the driver: every message is written once, by
/// one hand at a time, each sender's in order, and none is left lying, however little the kernel takes at a time.
pub fn senders_and_driver_share_one_line(name: &str) {
    for rooms in [&[][..], &[Room::Bytes(3)], &[Room::Bytes(0), Room::Bytes(5)]] {
        play(name, Time::Flies, move || {
            let scene = Scene::new(8, rooms);
            let sender = scene.spawn(|outbox| send(outbox, 1, 1..=2));
            send(&scene.outbox, 2, 1..=2);
            scene.ends_with(4);
            sender.join().unwrap();
        });
    }
}

/// The same with a driver that is called instead, since the senders have just written: the one call that each of them
/// leaves it to make is made.
pub fn a_driver_that_is_called_comes(name: &str) {
    play(name, Time::StandsStill, || {
        let scene = Scene::new(8, &[]);
        let sender = scene.spawn(|outbox| send(outbox, 1, 1..=3));
        send(&scene.outbox, 2, 1..=2);
        scene.ends_with(5);
        sender.join().unwrap();
    });
}

/// At a high-water mark of 1 two senders and the driver, who makes the room: whoever waits is woken when there is
/// room for him, whether the driver wrote or another sender did.
pub fn senders_at_the_mark_all_get_through(name: &str) {
    for (time, rooms) in [
        (Time::Flies, &[][..]),
        (Time::StandsStill, &[][..]),
        (Time::Flies, &[Room::Bytes(3)]),
    ] {
        play(name, time, move || {
            let scene = Scene::new(1, rooms);
            let sender = scene.spawn(|outbox| send(outbox, 1, 1..=2));
            send(&scene.outbox, 2, 1..=2);
            scene.ends_with(4);
            sender.join().unwrap();
        });
    }
}

/// A batch of two long messages is written to the first of its marks, and there the line is shut: the room that the
/// driver makes in the middle of its batch goes to the sender who waits for it, or is about to.
pub fn room_made_in_the_middle_of_a_batch_is_noticed(name: &str) {
    const LONG: usize = 130 * 1024;
    play(name, Time::StandsStill, || {
        let (peer, outbox) = (Peer::default(), outbox(2));
        let line = Line::new(&peer, &[Room::Bytes(LONG + 100), Room::Shut]);
        let driver = Driver::open(&outbox, &line);
        let mut long = vec![0; LONG];
        for nth in 1..=2 {
            long[..2].copy_from_slice(&[1, nth]);
            outbox
                .try_send(&[], &Payload::from(Bytes::from(long.clone())))
                .unwrap();
        }
        let scene = Scene::of(peer, outbox, line, driver);
        send(&scene.outbox, 1, 3..=3);
        scene.line.open();
        send(&scene.outbox, 1, 4..=4);
        scene.ends_with(4);
    });
}

/// Two wait for room, and the first gives up, before or after he is told of some: then the second gets it, and the
/// message of the first was queued whole or not at all.
pub fn who_gives_up_passes_his_turn_on(name: &str) {
    play(name, Time::Flies, || {
        let scene = Scene::new(1, &[]);
        send(&scene.outbox, 1, 1..=2);
        let hasty = scene.spawn(|outbox| {
            let mut sending = Sending::new(outbox, 2, 1);
            // Looked at twice, as in a `select!`, he still waits only once.
            let _ = sending.poll(Waker::noop()).is_ready() || sending.poll(Waker::noop()).is_ready();
        });
        send(&scene.outbox, 3, 1..=1);
        hasty.join().unwrap();
        let messages = scene.outbox.totals().0.accepted.messages as usize;
        assert!((3..=4).contains(&messages));
        scene.ends_with(messages);
    });
}

/// A permit keeps its room: two messages by permit, one of which is given back unused, and one without all get
/// through at a mark of 1, and none overtakes the mark.
pub fn a_permit_given_back_is_room_for_another(name: &str) {
    play(name, Time::Flies, || {
        let scene = Scene::new(1, &[]);
        let holder = scene.spawn(|outbox| {
            let unused = reserve(outbox);
            outbox.release(unused);
            let permit = reserve(outbox);
            outbox.send_reserved(permit, &Payload::from(&[1, 1][..])).unwrap();
        });
        send(&scene.outbox, 2, 1..=2);
        scene.ends_with(3);
        holder.join().unwrap();
    });
}

fn reserve(outbox: &Outbox) -> PipeId {
    let mut ticket = SendTicket::default();
    let permit = block_on(|waker| outbox.poll_reserve(waker, &mut ticket)).unwrap();
    outbox.leave(&mut ticket);
    permit
}

/// Closing while one sender waits and another writes: each is told whether his message was taken, and what was taken
/// goes out.
pub fn what_was_taken_before_the_close_goes_out(name: &str) {
    play(name, Time::Flies, || {
        let scene = Scene::new(1, &[Room::Bytes(3)]);
        let sender = scene.spawn(|outbox| send(outbox, 1, 1..=1));
        let closer = scene.spawn(Outbox::close);
        let taken = send(&scene.outbox, 2, 1..=1) + sender.join().unwrap();
        closer.join().unwrap();
        let late = scene.outbox.try_send(&[], &Payload::from(&[3, 1][..]));
        assert_eq!(late, Err(Refusal::Closed));
        scene.ends_with(taken);
    });
}

/// Without any peer all senders wait, with and without a permit; a close ends their waiting.
pub fn a_close_wakes_all_who_wait_for_a_peer(name: &str) {
    play(name, Time::Flies, || {
        let outbox = outbox(1);
        let sender = spawn({
            let outbox = outbox.clone();
            move || send(&outbox, 1, 1..=1)
        });
        let holder = spawn({
            let outbox = outbox.clone();
            move || {
                let mut ticket = SendTicket::default();
                block_on(|waker| outbox.poll_reserve(waker, &mut ticket))
            }
        });
        outbox.close();
        assert_eq!(sender.join().unwrap(), 0);
        assert_eq!(holder.join().unwrap(), Err(Refusal::Closed));
    });
}

/// Two pipes at a mark of 1, and each makes room, once. One sender waits for it, another comes later and sees that a
/// place is promised: both get one, and none of the two places stays empty while somebody waits.
pub fn room_in_two_pipes_is_room_for_two(name: &str) {
    play(name, Time::StandsStill, || {
        let (peer, outbox) = (Peer::default(), outbox(1));
        let mut drivers = [(), ()].map(|()| {
            let line = Line::new(&peer, &[Room::All, Room::Shut]);
            Driver::open(&outbox, &line)
        });
        send(&outbox, 1, 1..=2);
        let passes = spawn(move || {
            for driver in &mut drivers {
                assert!(driver.poll(Waker::noop()).is_pending());
            }
        });
        let sender = spawn({
            let outbox = outbox.clone();
            move || send(&outbox, 2, 1..=1)
        });
        send(&outbox, 3, 1..=1);
        sender.join().unwrap();
        passes.join().unwrap();
        assert_eq!(outbox.totals().0.accepted.messages, 4);
    });
}

/// The connection ends while a sender writes, and another takes its place: no message of which the old one has a byte
/// is sent again, the others are, in order, and behind a torn message the old one gets nothing more.
pub fn a_new_connection_goes_on_where_the_old_one_was_cut(name: &str) {
    for rooms in [
        &[Room::All][..],
        &[Room::Bytes(3), Room::Broken],
        &[Room::Bytes(3)],
        &[Room::Bytes(5), Room::Bytes(0), Room::Broken],
    ] {
        play(name, Time::Flies, move || {
            let (peer, outbox) = (Peer::default(), outbox(8));
            let lines = [Line::new(&peer, rooms), Line::new(&peer, &[])];
            let first = Driver::open(&outbox, &lines[0]).at_rest();
            let (cut, end) = (first.end(), Word::default());
            let driver = spawn({
                let (outbox, line, pipe, end) = (outbox.clone(), lines[1].clone(), first.pipe, end.clone());
                let old = lines[0].clone();
                move || {
                    first.run();
                    old.cut();
                    Driver::online(&outbox, pipe, &line).ended_by(end).run();
                }
            });
            let sender = spawn({
                let outbox = outbox.clone();
                move || send(&outbox, 1, 1..=3)
            });
            cut.give();
            sender.join().unwrap();
            peer.wait_for(3);
            end.give();
            driver.join().unwrap();

            let (before, torn) = lines[0].arrived();
            let (mut all, after) = (said(&before), lines[1].all_arrived());
            all.extend(after);
            assert_in_order(&all);
            assert_eq!(all.len() + usize::from(torn), 3);
            assert_balanced(&outbox, all.len(), usize::from(torn));
        });
    }
}

/// At a mark of 1 a message is torn with its connection, and no other connection comes: it is counted, and its room
/// goes to the sender who waits.
pub fn a_torn_message_leaves_its_room(name: &str) {
    play(name, Time::Flies, || {
        let scene = Scene::new(1, &[Room::Bytes(3), Room::Broken]);
        send(&scene.outbox, 1, 1..=1);
        assert_eq!(send(&scene.outbox, 1, 2..=2), 1);
        scene.driver.join().unwrap();
        let (counters, queued) = scene.outbox.totals();
        assert_eq!(
            (counters.dropped.by(DropReason::Cut), counters.done.messages),
            (1, 0)
        );
        assert_eq!(queued.messages, 1);
    });
}

/// A sender waits at the mark of the only pipe; that peer goes for good, and another one comes, not connected yet:
/// the sender queues for the new one, and what the old one did not get is counted and given back.
pub fn a_new_peer_is_room_for_those_who_wait(name: &str) {
    play(name, Time::Flies, || {
        let (peer, outbox) = (Peer::default(), outbox(1));
        let first = outbox.attach();
        send(&outbox, 1, 1..=1);
        let sender = spawn({
            let outbox = outbox.clone();
            move || send(&outbox, 1, 2..=2)
        });
        let leaving = spawn({
            let outbox = outbox.clone();
            move || {
                let unsent = outbox.detach(first, DropReason::PipeClosed);
                assert_eq!(unsent.messages, 1);
            }
        });
        let second = outbox.attach();
        sender.join().unwrap();
        leaving.join().unwrap();

        let line = Line::new(&peer, &[]);
        let driver = Driver::online(&outbox, second, &line);
        let end = driver.end();
        let driver = spawn(move || driver.run());
        send(&outbox, 1, 3..=3);
        peer.wait_for(2);
        end.give();
        driver.join().unwrap();
        assert_in_order(&line.all_arrived());
        assert_balanced(&outbox, 2, 1);
    });
}

/// The driver is told to send a command while a sender writes himself and is cut short: the command comes whole,
/// between two frames and never inside one.
pub fn a_command_never_lands_inside_a_message(name: &str) {
    for rooms in [&[Room::Bytes(3)][..], &[Room::Bytes(3), Room::Bytes(2)]] {
        play(name, Time::Flies, move || {
            let (peer, outbox) = (Peer::default(), outbox(8));
            let line = Line::new(&peer, rooms);
            let (driver, ping) = Driver::open(&outbox, &line).at_rest().with_commands();
            let scene = Scene::of(peer, outbox, line, driver);
            let sender = scene.spawn(|outbox| send(outbox, 1, 1..=2));
            ping.give();
            sender.join().unwrap();
            scene.ends_with(2);
        });
    }
}

/// A sender sends while the handshake ends, and time flies, so that he may write himself. He does not before the driver
/// has written what it has to say first: a peer would take a message for our READY.
pub fn nobody_writes_before_the_driver_has(name: &str) {
    play(name, Time::Flies, || {
        let (peer, outbox) = (Peer::default(), outbox(8));
        let (pipe, line) = (outbox.attach(), Line::new(&peer, &[Room::Bytes(2)]));
        send(&outbox, 1, 1..=1);
        let end = Word::default();
        let driver = spawn({
            let (outbox, line, end) = (outbox.clone(), line.clone(), end.clone());
            move || {
                let driver = Driver::online(&outbox, pipe, &line);
                driver.with_something_to_say().ended_by(end).run();
            }
        });
        send(&outbox, 1, 2..=3);
        peer.wait_for(3);
        end.give();
        driver.join().unwrap();

        assert_eq!(line.arrived().0[0], Arrived::Command);
        assert_in_order(&line.all_arrived());
        assert_balanced(&outbox, 3, 0);
    });
}

/// A request is given up while the driver is about to write it: it was taken back whole, or it goes out whole. The
/// next one finds room in either case.
pub fn a_request_is_taken_back_or_sent(name: &str) {
    for rooms in [&[][..], &[Room::Bytes(0)], &[Room::Bytes(1)]] {
        play(name, Time::Flies, move || {
            let scene = Scene::new(1, rooms);
            ask(&scene.outbox, 1);
            let taken_back = scene.outbox.give_up(false);
            ask(&scene.outbox, 2);
            let arrived = scene.ends_with(2 - usize::from(taken_back));
            assert_eq!(arrived.last(), Some(&Said { who: 1, nth: 2 }));
        });
    }
}

fn ask(outbox: &Outbox, nth: u8) {
    let mut ticket = SendTicket::default();
    let body = [1, nth];
    let payload = Payload::from(&body[..]);
    block_on(|waker| outbox.poll_ask(waker, &mut ticket, &[], &payload)).unwrap();
}

/// At a mark of 1 two senders who both name the same pipe, and the driver who makes the room: both get it, in the end,
/// for each of their messages.
pub fn who_names_a_pipe_waits_for_its_room(name: &str) {
    for (time, rooms) in [
        (Time::Flies, &[][..]),
        (Time::StandsStill, &[][..]),
        (Time::Flies, &[Room::Bytes(3)]),
    ] {
        play(name, time, move || {
            let scene = Scene::new(1, rooms);
            let pipe = scene.pipe;
            let sender = scene.spawn(move |outbox| send_to(outbox, pipe, 1, 1..=2));
            assert_eq!(send_to(&scene.outbox, pipe, 2, 1..=2), 2);
            scene.ends_with(4);
            assert_eq!(sender.join().unwrap(), 2);
        });
    }
}

/// Two wait for the room of one pipe, and the first gives up, before or after he is told of some: then the second gets
/// it, and the message of the first was queued whole or not at all.
pub fn who_gives_up_a_pipe_passes_his_turn_on(name: &str) {
    play(name, Time::Flies, || {
        let scene = Scene::new(1, &[]);
        let pipe = scene.pipe;
        send_to(&scene.outbox, pipe, 1, 1..=2);
        let hasty = scene.spawn(move |outbox| {
            let (mut ticket, body) = (SendTicket::default(), [2, 1]);
            for _ in 0..2 {
                let payload = Payload::from(&body[..]);
                if outbox
                    .poll_send_to(pipe, Waker::noop(), &mut ticket, &[], &payload)
                    .is_ready()
                {
                    break;
                }
            }
            outbox.leave_line_of(pipe, &mut ticket);
        });
        assert_eq!(send_to(&scene.outbox, pipe, 3, 1..=1), 1);
        hasty.join().unwrap();
        let messages = scene.outbox.totals().0.accepted.messages as usize;
        assert!((3..=4).contains(&messages));
        scene.ends_with(messages);
    });
}

/// A sender waits for a pipe that ends meanwhile, and another takes its slot: he is told, and the new one is nobody
/// else's.
pub fn the_end_of_a_pipe_is_told_to_who_waits_for_it(name: &str) {
    play(name, Time::Flies, || {
        let outbox = outbox(1);
        let pipe = outbox.attach();
        assert_eq!(send_to(&outbox, pipe, 1, 1..=1), 1);
        let sender = spawn({
            let outbox = outbox.clone();
            move || send_to(&outbox, pipe, 2, 1..=1)
        });
        outbox.retire(pipe);
        outbox.detach(pipe, DropReason::PipeClosed);
        let next = outbox.attach();
        assert_eq!(send_to(&outbox, next, 1, 2..=2), 1);
        assert_eq!(sender.join().unwrap(), 0);
        assert_eq!(outbox.totals().0.accepted.messages, 2);
    });
}

/// Sends to this pipe, and says how many of them it took.
fn send_to(outbox: &Outbox, pipe: PipeId, who: u8, nths: impl IntoIterator<Item = u8>) -> usize {
    let mut taken = 0;
    for nth in nths {
        let (mut ticket, body) = (SendTicket::default(), [who, nth]);
        let payload = Payload::from(&body[..]);
        match block_on(|waker| outbox.poll_send_to(pipe, waker, &mut ticket, &[], &payload)) {
            Ok(()) => taken += 1,
            Err(refusal) => assert!(matches!(refusal, Refusal::Closed | Refusal::Gone)),
        }
        outbox.leave_line_of(pipe, &mut ticket);
    }
    taken
}
