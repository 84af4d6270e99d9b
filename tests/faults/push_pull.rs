//! A PUSH and a PULL in two processes, of which one has an accident.
//!
//! On one connection whatever arrives is contiguous, so the numbers of the letters say all: where a connection must
//! begin is known from the counters of those before it, exactly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hubless::{DropReason, OutgoingStats, Pull, Push};
use tokio::task::JoinHandle;

use crate::campaign::{Campaign, arrival, departure, is_accounted_for, missing, soon, until};
use crate::child::Child;
use crate::letter::{letter, opened};
use crate::place::{Over, Place};
use crate::sockets::{self, RECV_MARK, SEND_MARK};

/// Letters without end, until it is enough.
struct Load {
    enough: Arc<AtomicBool>,
    sending: JoinHandle<u64>,
}

impl Load {
    fn new(push: Push, seed: u64) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let stop = enough.clone();
        let sending = tokio::spawn(async move {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                push.send(letter(seed, count)).await.expect("it is open");
                count += 1;
            }
            count
        });
        Self { enough, sending }
    }

    /// How many letters were sent in all.
    async fn ends(self) -> u64 {
        self.enough.store(true, Ordering::Relaxed);
        soon("the last letter to be sent", self.sending)
            .await
            .expect("it does not panic")
    }
}

async fn at_its_mark(push: &Push) {
    until("a PUSH at its mark", || {
        push.stats().outgoing.queued.messages >= SEND_MARK
    })
    .await;
}

/// The numbers that a PULL of another process has said, which must be contiguous.
struct Got {
    /// The first number of its connection.
    first: u64,
    count: u64,
}

impl Got {
    fn from(first: u64) -> Self {
        Self { first, count: 0 }
    }

    fn take(&mut self, number: u64) {
        assert_eq!(number, self.first + self.count, "after {} letters", self.count);
        self.count += 1;
    }

    async fn up_to(&mut self, count: u64, child: &mut Child) {
        while self.count < count {
            self.take(child.says("got").await.numbers()[0]);
        }
    }

    /// Until it has said the last thing.
    async fn all(&mut self, child: &mut Child) {
        while let Some(said) = child.hear().await {
            self.take(said.numbers()[0]);
        }
    }
}

/// Runs with the flow, or into a peer that does not read any more: then both sides are at their marks, and the line has
/// taken a part of a letter.
fn fate(campaign: &mut Campaign) -> (u64, bool) {
    (1 + campaign.dice.below(60), campaign.dice.chance(50))
}

/// One that lives gets all that is sent from here on, and the PUSH closes; what that has counted.
async fn the_rest_arrives(push: Push, load: Load, mut got: Got, child: &mut Child) -> OutgoingStats {
    let count = load.ends().await;
    soon("closing", push.clone().close())
        .await
        .expect("all of it goes");
    got.up_to(count - got.first, child).await;
    let stats = push.stats().outgoing;
    assert_eq!(stats.accepted.messages, count);
    assert_eq!(stats.handed_over.messages + stats.dropped.total(), count);
    stats
}

/// The PULL is killed. Our PUSH listens: each PULL has a queue of its own, which goes with it.
async fn accepted_receivers_are_killed(name: &'static str, over: Over) {
    let mut campaign = Campaign::new(name);
    let place = Place::new(over);
    let push = sockets::push();
    let mut monitor = push.monitor();
    place.bind(&push).await;
    let (seed, load) = (campaign.seed, Load::new(push.clone(), campaign.seed));
    let mut before = 0;
    let mut torn = 0;
    while campaign.next_round().is_some() {
        let (count, holds) = fate(&mut campaign);
        let limit = if holds { count } else { u64::MAX };
        let mut child = Child::start(&format!("pull connect {} {seed} {limit}", place.endpoint));
        let peer = arrival(&mut monitor).await;
        let mut got = Got::from(before);
        got.up_to(count, &mut child).await;
        if holds {
            at_its_mark(&push).await;
        }
        child.kill().await;
        let told = departure(&mut monitor, &peer).await;
        got.all(&mut child).await;

        let stats = peer.stats().outgoing;
        is_accounted_for(&stats, told, got.count);
        let torn_now = stats.dropped.by(DropReason::Cut);
        assert_eq!(told + torn_now, stats.dropped.total(), "{stats:?}");
        before += stats.accepted.messages;
        torn += torn_now;
    }
    assert!(torn > 0, "no letter was torn: the campaign is too gentle");

    let mut child = Child::start(&format!("pull connect {} {seed} -", place.endpoint));
    let _ = arrival(&mut monitor).await;
    the_rest_arrives(push, load, Got::from(before), &mut child).await;
}

/// The PULL is killed, and the next one listens at the same place. Our PUSH has one queue for all of them, which goes on
/// where the line broke: no letter twice, no step back, and the gaps are what the counters say.
async fn receivers_that_we_call_are_killed(name: &'static str, over: Over) {
    let mut campaign = Campaign::new(name);
    let place = Place::new(over);
    let push = sockets::push();
    let mut monitor = push.monitor();
    let (seed, load) = (campaign.seed, Load::new(push.clone(), campaign.seed));
    drop(push.connect(place.endpoint.as_str()).expect("an endpoint"));
    let mut gone = 0;
    let mut lost = 0;
    while campaign.next_round().is_some() {
        let (count, holds) = fate(&mut campaign);
        let limit = if holds { count } else { u64::MAX };
        let mut child = Child::start(&format!("pull bind {} {seed} {limit}", place.endpoint));
        child.says("ready").await;
        let peer = arrival(&mut monitor).await;
        let mut got = Got::from(gone);
        got.up_to(count, &mut child).await;
        if holds {
            at_its_mark(&push).await;
        }
        child.kill().await;
        assert_eq!(departure(&mut monitor, &peer).await, 0, "the queue is kept");
        got.all(&mut child).await;

        // Without a connection nothing leaves. What has left, whole or in part, will never leave again.
        let stats = push.stats().outgoing;
        let left = stats.handed_over.messages + stats.dropped.by(DropReason::Cut) - gone;
        assert_eq!(stats.dropped.total(), stats.dropped.by(DropReason::Cut));
        gone += left;
        // One of those that left may have been torn.
        lost += missing(left, got.count, 1, &stats);
    }
    let torn = push.stats().outgoing.dropped.by(DropReason::Cut);
    assert!(torn > 0, "no letter was torn: the campaign is too gentle");

    let mut child = Child::start(&format!("pull bind {} {seed} -", place.endpoint));
    child.says("ready").await;
    let _ = arrival(&mut monitor).await;
    the_rest_arrives(push, load, Got::from(gone), &mut child).await;
    assert!(lost > 0, "nothing was lost: the campaign is too gentle");
}

/// Until it holds what it may hold: who was at the mark and is read a little goes on only when half of it is free.
async fn full(pull: &Pull) {
    until("a PULL at its mark", || {
        pull.stats().incoming.queued.messages > RECV_MARK / 2
    })
    .await;
}

/// The PUSH is killed; what came of it is a beginning of what it sent, in whole letters.
async fn senders_are_killed(name: &'static str, over: Over, we_bind: bool) {
    let mut campaign = Campaign::new(name);
    let place = Place::new(over);
    let pull = sockets::pull();
    let mut monitor = pull.monitor();
    let theirs = if we_bind {
        place.bind(&pull).await;
        "connect"
    } else {
        drop(pull.connect(place.endpoint.as_str()).expect("an endpoint"));
        "bind"
    };
    let mut all = 0;
    while let Some(round) = campaign.next_round() {
        let seed = campaign.seed ^ round;
        let mut child = Child::start(&format!("push {theirs} {} {seed} -", place.endpoint));
        let peer = arrival(&mut monitor).await;
        let mut came = 0;
        let mut take = |message| {
            assert_eq!(opened(seed, &message), Ok(came));
            came += 1;
        };
        for _ in 0..campaign.dice.below(60) {
            take(soon("a letter", pull.recv()).await.expect("it is open"));
        }
        if campaign.dice.chance(50) {
            full(&pull).await;
        }
        child.kill().await;
        // Now and then nobody reads until it is known that the peer has gone: that takes a moment. Over tcp it may take
        // minutes: the end of the stream waits in the dead peer's kernel, behind what has no room in ours.
        let reads = over == Over::Tcp || !campaign.dice.chance(10);
        let departure = departure(&mut monitor, &peer);
        tokio::pin!(departure);
        loop {
            tokio::select! {
                _ = &mut departure => break,
                message = pull.recv(), if reads => take(message.expect("it is open")),
            }
        }
        while let Ok(message) = pull.try_recv() {
            take(message);
        }
        let mut sent = 0;
        while let Some(said) = child.hear().await {
            if said.word == "sent" {
                sent = said.numbers()[0];
            }
        }
        // One that it had sent and not said.
        assert!(came <= sent + 1, "{came} letters came of {sent}");
        let stats = peer.stats().incoming;
        // Counted up to the end of the connection; what was unread then has been read since.
        assert_eq!(stats.received.messages, came, "{stats:?}");
        assert_eq!(
            stats.delivered.messages + stats.queued.messages,
            came,
            "{stats:?}"
        );
        all += came;
    }
    let stats = pull.stats().incoming;
    assert_eq!(
        (stats.received.messages, stats.delivered.messages),
        (all, all),
        "{stats:?}"
    );
    assert_eq!(
        (stats.queued.messages, stats.dropped.total()),
        (0, 0),
        "{stats:?}"
    );
}

/// The PULL stands still until our PUSH is at its mark, and goes on: nothing is lost.
async fn a_receiver_stands_still(name: &'static str, over: Over) {
    let mut campaign = Campaign::new(name);
    let place = Place::new(over);
    let push = sockets::push();
    let mut monitor = push.monitor();
    place.bind(&push).await;
    let (seed, load) = (campaign.seed, Load::new(push.clone(), campaign.seed));
    let mut child = Child::start(&format!("pull connect {} {seed} -", place.endpoint));
    let _ = arrival(&mut monitor).await;
    let mut got = Got::from(0);
    while campaign.next_round().is_some() {
        let count = got.count + campaign.dice.below(60);
        got.up_to(count, &mut child).await;
        child.stop().await;
        at_its_mark(&push).await;
        let accepted = push.stats().outgoing.accepted.messages;
        child.resume();
        got.up_to(accepted, &mut child).await;
    }
    let stats = the_rest_arrives(push, load, got, &mut child).await;
    assert_eq!(stats.dropped.total(), 0, "{stats:?}");
}

/// The PUSH stands still, with our PULL at its mark; what has come is read, and it goes on: nothing is lost.
async fn a_sender_stands_still(name: &'static str, over: Over) {
    let mut campaign = Campaign::new(name);
    let place = Place::new(over);
    let pull = sockets::pull();
    place.bind(&pull).await;
    let seed = campaign.seed;
    let mut child = Child::start(&format!("push connect {} {seed} -", place.endpoint));
    let mut came = 0;
    while campaign.next_round().is_some() {
        full(&pull).await;
        child.stop().await;
        let mut take = |message| {
            assert_eq!(opened(seed, &message), Ok(came));
            came += 1;
        };
        // Whatever is on its way may come or not: it stands still for at least a part of it.
        while let Ok(message) = pull.try_recv() {
            take(message);
        }
        child.resume();
        for _ in 0..campaign.dice.below(100) {
            take(soon("a letter", pull.recv()).await.expect("it is open"));
        }
    }
    child.order("end").await;
    let mut closed = None;
    loop {
        tokio::select! {
            message = soon("a letter", pull.recv()) => {
                assert_eq!(opened(seed, &message.expect("it is open")), Ok(came));
                came += 1;
            }
            said = child.hear(), if closed.is_none() => {
                let said = said.expect("the process lives until it has closed");
                if said.word == "closed" {
                    closed = Some(said.numbers()[0]);
                }
            }
        }
        assert!(closed.is_none_or(|sent| came <= sent), "{came} of {closed:?}");
        if closed == Some(came) {
            break;
        }
    }
    let stats = pull.stats().incoming;
    assert_eq!((stats.delivered.messages, stats.dropped.total()), (came, 0));
}

macro_rules! over_both {
    ($($name:ident => $test:expr;)+) => {
        mod tcp {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                ($test)(concat!("push_pull::tcp::", stringify!($name)), Over::Tcp).await;
            })+
        }
        mod ipc {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                ($test)(concat!("push_pull::ipc::", stringify!($name)), Over::Ipc).await;
            })+
        }
    };
}

over_both! {
    g01_no_letter_comes_twice_when_accepted_receivers_are_killed => accepted_receivers_are_killed;
    g02_no_step_back_and_no_letter_twice_when_receivers_that_we_call_are_killed => receivers_that_we_call_are_killed;
    g03_whole_letters_only_when_accepted_senders_are_killed => |name, over| senders_are_killed(name, over, true);
    g03_whole_letters_only_when_senders_that_we_call_are_killed => |name, over| senders_are_killed(name, over, false);
    g04_nothing_is_lost_when_a_receiver_stands_still => a_receiver_stands_still;
    g04_nothing_is_lost_when_a_sender_stands_still => a_sender_stands_still;
}
