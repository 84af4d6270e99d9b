//! The outgoing log: senders append, senders or the driver write, room goes back to those who wait.

use crate::runtime::Time;
use crate::scene::{
    Driver, Line, Peer, Room, Said, assert_balanced, assert_in_order, outbox, play, said, send, spawn,
};

/// Two senders, who write themselves when they find the line idle, and the driver: every message is written once, by
/// one hand at a time, each sender's in order, and none is left lying, however little the kernel takes.
pub fn senders_and_driver_share_one_line(name: &str) {
    for rooms in [&[][..], &[Room::Bytes(3)], &[Room::Bytes(0), Room::Bytes(5)]] {
        play(name, Time::Flies, move || {
            let (peer, outbox) = (Peer::default(), outbox(8));
            let line = Line::new(&peer, rooms);
            let driver = Driver::open(&outbox, &line).at_rest();
            let end = driver.end();
            let threads = [
                spawn(move || driver.run()),
                spawn({
                    let outbox = outbox.clone();
                    move || send(&outbox, 1, 1..=1).unwrap()
                }),
            ];
            send(&outbox, 2, 1..=2).unwrap();
            peer.wait_for(3);
            end.give();
            threads.into_iter().for_each(|thread| thread.join().unwrap());

            let (arrived, more) = line.arrived();
            assert!(!more);
            assert_in_order(&said(&arrived));
            assert_balanced(&outbox, 3, 0);
        });
    }
}
