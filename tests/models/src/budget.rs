//! A budget that is short: what one socket gives back is room for another, which waits for it.

use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};

use crate::incoming::{Feeder, recv};
use crate::pipe::{Budget, Claimant, Inbox, Marks, Outbox, Outgoing, Share};
use crate::runtime::Time;
use crate::scene::{Driver, Line, Peer, Sending, block_on, config, play, send, spawn};

/// The bytes of each message of a scene.
const ONE: usize = 4;

/// As `socket/budget.rs` has it.
struct Call<T>(Weak<T>);

impl<T: Claimant + Send + Sync> Wake for Call<T> {
    fn wake(self: Arc<Self>) {
        if let Some(holder) = self.0.upgrade() {
            holder.handle_room();
        }
    }
}

fn with_share<T>(budget: &crate::sync::Arc<Budget>, build: impl FnOnce(Option<Share>) -> T) -> Arc<T>
where
    T: Claimant + Send + Sync + 'static,
{
    Arc::new_cyclic(|holder: &Weak<T>| {
        let call = Waker::from(Arc::new(Call(holder.clone())));
        build(Some(Share::new(budget.clone(), call)))
    })
}

/// Room for so many messages.
fn budget(messages: usize) -> crate::sync::Arc<Budget> {
    crate::sync::Arc::new(Budget::new(messages * ONE, None))
}

fn outbox(budget: &crate::sync::Arc<Budget>) -> Arc<Outbox> {
    with_share(budget, |share| Outbox::new(config(8)).with_share(share))
}

fn inbox(budget: &crate::sync::Arc<Budget>) -> Arc<Inbox> {
    let marks = Marks {
        messages: 8,
        bytes: usize::MAX,
    };
    with_share(budget, |share| Inbox::new(marks, false).with_share(share))
}

/// Two sockets hold all that their budget has room for. A sender of the second wants to send more, and nobody reads
/// there; what the first one holds leaves: whether the sender asks before, meanwhile or after, it is told.
pub fn what_leaves_one_socket_is_room_for_another(name: &str) {
    play(name, Time::StandsStill, || {
        let (peer, budget) = (Peer::default(), budget(3));
        let (first, second) = (outbox(&budget), outbox(&budget));
        let mut drivers = [(), ()].map(|()| Driver::open(&first, &Line::new(&peer, &[])));
        second.attach();
        send(&first, 1, 1..=2);
        send(&second, 2, 1..=1);
        let writes = spawn(move || {
            for driver in &mut drivers {
                assert!(driver.poll(Waker::noop()).is_pending());
            }
        });
        assert_eq!(send(&second, 2, 2..=3), 2);
        writes.join().unwrap();
        assert_eq!(second.totals().1.messages, 3);
        assert_eq!(first.totals().1.messages, 0);
    });
}

/// The same with two senders, of two sockets, who wait for the two places that the third makes, one after the other; and
/// with one who wants both at once, and is told too early.
pub fn all_who_wait_for_a_budget_are_told(name: &str) {
    play(name, Time::StandsStill, || {
        let (peer, budget) = (Peer::default(), budget(4));
        let [holder, one, two] = [(), (), ()].map(|()| outbox(&budget));
        let mut drivers = [(), ()].map(|()| Driver::open(&holder, &Line::new(&peer, &[])));
        send(&holder, 1, 1..=2);
        for other in [&one, &two] {
            other.attach();
            send(other, 2, 1..=1);
        }
        let writes = spawn(move || {
            for driver in &mut drivers {
                assert!(driver.poll(Waker::noop()).is_pending());
            }
        });
        let sender = spawn({
            let one = one.clone();
            move || send(&one, 2, 2..=2)
        });
        assert_eq!(send(&two, 2, 2..=2), 1);
        assert_eq!(sender.join().unwrap(), 1);
        writes.join().unwrap();
    });
    play(name, Time::StandsStill, || {
        let (peer, budget) = (Peer::default(), budget(3));
        let [holder, other] = [(), ()].map(|()| outbox(&budget));
        let mut drivers = [(), ()].map(|()| Driver::open(&holder, &Line::new(&peer, &[])));
        send(&holder, 1, 1..=2);
        other.attach();
        send(&other, 2, 1..=1);
        let writes = spawn(move || {
            for driver in &mut drivers {
                assert!(driver.poll(Waker::noop()).is_pending());
            }
        });
        let mut sending = Sending::of_size(&other, 2, 2, 2 * ONE - 2);
        assert!(block_on(|waker| sending.poll(waker)).is_ok());
        writes.join().unwrap();
    });
}

/// The one who was told gives up, before or after: the other sender of the same socket goes on.
pub fn who_gives_up_a_budget_keeps_nobody_waiting(name: &str) {
    play(name, Time::StandsStill, || {
        let (peer, budget) = (Peer::default(), budget(2));
        let (first, second) = (outbox(&budget), outbox(&budget));
        let mut driver = Driver::open(&first, &Line::new(&peer, &[]));
        let _stuck = second.attach();
        send(&first, 1, 1..=1);
        send(&second, 2, 1..=1);
        let writes = spawn(move || assert!(driver.poll(Waker::noop()).is_pending()));
        let hasty = spawn({
            let second = second.clone();
            move || Sending::new(&second, 3, 1).poll(Waker::noop()).is_ready()
        });
        if !hasty.join().unwrap() {
            assert_eq!(send(&second, 2, 2..=2), 1);
        }
        writes.join().unwrap();
        assert_eq!(second.totals().1.messages, 2);
    });
}

/// A budget of three messages, all of it used: one is to be sent, two were received.
fn at_the_budget() -> (Arc<Outbox>, Arc<Inbox>) {
    let budget = budget(3);
    let (outbox, inbox) = (outbox(&budget), inbox(&budget));
    outbox.attach();
    send(&outbox, 1, 1..=1);
    Feeder::new(&inbox, 2).feed(1);
    Feeder::new(&inbox, 3).feed(1);
    (outbox, inbox)
}

/// What is received and what is to be sent share a budget: what the program reads is room for who sends, in another
/// socket; and what was sent is room for a driver that has stopped reading.
pub fn what_is_read_and_what_is_sent_are_room_for_each_other(name: &str) {
    play(name, Time::StandsStill, || {
        let (outbox, inbox) = at_the_budget();
        let reader = spawn({
            let inbox = inbox.clone();
            move || recv(&inbox, 2).len()
        });
        assert_eq!(send(&outbox, 1, 2..=3), 2);
        assert_eq!(reader.join().unwrap(), 2);
    });
    play(name, Time::StandsStill, || {
        let (peer, budget) = (Peer::default(), budget(3));
        let (outbox, inbox) = (outbox(&budget), inbox(&budget));
        let mut drivers = [(), ()].map(|()| Driver::open(&outbox, &Line::new(&peer, &[])));
        send(&outbox, 1, 1..=2);
        let mut feeder = Feeder::new(&inbox, 2);
        feeder.feed(1);
        let writes = spawn(move || {
            for driver in &mut drivers {
                assert!(driver.poll(Waker::noop()).is_pending());
            }
        });
        feeder.feed(2);
        writes.join().unwrap();
        assert_eq!(inbox.totals().1.messages, 3);
    });
}

/// A socket that is closed with what it received unread gives its share back.
pub fn a_close_is_room_for_others(name: &str) {
    play(name, Time::StandsStill, || {
        let (outbox, inbox) = at_the_budget();
        let closes = spawn(move || inbox.close());
        assert_eq!(send(&outbox, 1, 2..=3), 2);
        closes.join().unwrap();
    });
}
