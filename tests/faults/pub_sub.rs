//! A PUB and a SUB in two processes, of which one has an accident.
//!
//! A publisher drops at its high-water mark, so there are gaps, and each of them is counted: what came, and what the
//! counters say did not, is all there was.

use hubless::{DropReason, Peer, Pub, Sub};

use crate::campaign::{Campaign, arrival, departure, is_accounted_for, soon, until};
use crate::child::{Child, Said};
use crate::letter::{letter, opened};
use crate::place::{Over, Place};
use crate::sockets;

/// Numbers that only go up.
#[derive(Default)]
struct Rising {
    last: Option<u64>,
    count: u64,
}

impl Rising {
    fn take(&mut self, number: u64) {
        assert!(self.last < Some(number), "{number} after {:?}", self.last);
        self.last = Some(number);
        self.count += 1;
    }

    fn hear(&mut self, said: &Said) {
        assert_eq!(said.word, "got");
        self.take(said.numbers()[0]);
    }

    /// How many numbers up to the last one were left out.
    fn gaps(&self) -> u64 {
        self.last.map_or(0, |last| last + 1 - self.count)
    }
}

/// A publisher that counts what it publishes.
struct Press {
    publisher: Pub,
    seed: u64,
    count: u64,
}

impl Press {
    async fn publish(&mut self) {
        let letter = letter(self.seed, self.count);
        self.publisher.send(letter).await.expect("it is open");
        self.count += 1;
    }
}

fn dropped(peer: &Peer) -> u64 {
    peer.stats().outgoing.dropped.by(DropReason::Hwm)
}

/// The SUB is killed, now and then one that has stopped reading.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g05_every_letter_is_accounted_for_when_subscribers_are_killed() {
    let mut campaign =
        Campaign::new("pub_sub::g05_every_letter_is_accounted_for_when_subscribers_are_killed");
    let place = Place::new(Over::Tcp);
    let publisher = sockets::publisher();
    let mut monitor = publisher.monitor();
    place.bind(&publisher).await;
    let mut all_dropped = 0;
    while let Some(round) = campaign.next_round() {
        let mut press = Press {
            publisher: publisher.clone(),
            seed: campaign.seed ^ round,
            count: 0,
        };
        let count = 1 + campaign.dice.below(60);
        let holds = campaign.dice.chance(50);
        let limit = if holds { count } else { u64::MAX };
        let role = format!("sub connect {} {} {limit}", place.endpoint, press.seed);
        let mut child = Child::start(&role);
        let peer = arrival(&mut monitor).await;
        soon("a subscription", publisher.subscribers().at_least(1))
            .await
            .expect("it is open");
        let before = publisher.stats().outgoing.dropped.by(DropReason::NoSubscriber);
        let mut got = Rising::default();
        soon("letters to arrive", async {
            while got.count < count {
                press.publish().await;
                while let Some(said) = child.heard() {
                    got.hear(&said);
                }
            }
        })
        .await;
        if holds {
            soon("a publisher at its mark", async {
                while dropped(&peer) == 0 {
                    press.publish().await;
                }
            })
            .await;
        }
        child.kill().await;
        for _ in 0..campaign.dice.below(20) {
            press.publish().await;
        }
        let told = departure(&mut monitor, &peer).await;
        while let Some(said) = child.hear().await {
            got.hear(&said);
        }

        let stats = peer.stats().outgoing;
        let missed = publisher.stats().outgoing.dropped.by(DropReason::NoSubscriber) - before;
        assert_eq!(stats.accepted.messages + missed, press.count, "{stats:?}");
        is_accounted_for(&stats, told, got.count);
        // In the middle only what was dropped at the mark is missing.
        assert!(got.gaps() <= dropped(&peer), "{} gaps; {stats:?}", got.gaps());
        all_dropped += dropped(&peer);
    }
    assert!(all_dropped > 0, "nothing was dropped: the campaign is too gentle");
    let stats = publisher.stats().outgoing;
    assert_eq!(
        stats.accepted.messages,
        stats.handed_over.messages + stats.dropped.total(),
        "{stats:?}"
    );
}

/// Takes what has come.
fn drain(sub: &Sub, seed: u64, came: &mut Rising) {
    while let Ok(message) = sub.try_recv() {
        came.take(opened(seed, &message).expect("whole"));
    }
}

/// The PUB is killed; what came of it is whole, goes up, and leaves out only what the PUB had dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g03_whole_letters_only_when_publishers_are_killed() {
    let mut campaign = Campaign::new("pub_sub::g03_whole_letters_only_when_publishers_are_killed");
    let place = Place::new(Over::Tcp);
    let sub = sockets::subscriber();
    let mut monitor = sub.monitor();
    drop(sub.connect(place.endpoint.as_str()).expect("an endpoint"));
    while let Some(round) = campaign.next_round() {
        let seed = campaign.seed ^ round;
        let mut child = Child::start(&format!("pub bind {} {seed} -", place.endpoint));
        let peer = arrival(&mut monitor).await;
        let mut came = Rising::default();
        for _ in 0..campaign.dice.below(60) {
            let message = soon("a letter", sub.recv()).await.expect("it is open");
            came.take(opened(seed, &message).expect("whole"));
        }
        let (mut sent, mut lost) = (0, 0);
        let mut hear = |said: Said| {
            if said.word == "sent" {
                let [count, dropped] = said.numbers()[..] else {
                    panic!("{said:?}");
                };
                (sent, lost) = (count, dropped);
            }
            lost
        };
        if campaign.dice.chance(50) {
            // We read no more until it has dropped something.
            while hear(child.hear().await.expect("the process lives")) == 0 {}
        }
        child.kill().await;
        let departure = departure(&mut monitor, &peer);
        tokio::pin!(departure);
        loop {
            tokio::select! {
                _ = &mut departure => break,
                message = sub.recv() => {
                    came.take(opened(seed, &message.expect("it is open")).expect("whole"));
                }
            }
        }
        drain(&sub, seed, &mut came);
        while let Some(said) = child.hear().await {
            hear(said);
        }
        // One more that it had published, or dropped, and not said.
        assert!(
            came.count <= sent - lost + 1,
            "{} of {sent} without {lost}",
            came.count
        );
        assert!(
            came.gaps() <= lost + 1,
            "{} gaps, {lost} were dropped",
            came.gaps()
        );
    }
    let stats = sub.stats().incoming;
    assert_eq!(
        (stats.queued.messages, stats.dropped.total(), stats.delivered),
        (0, 0, stats.received),
        "{stats:?}"
    );
}

/// The SUB stands still until letters are dropped for it, and goes on: those are missing, and no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g05_exactly_what_was_dropped_is_missing_when_a_subscriber_stands_still() {
    let mut campaign =
        Campaign::new("pub_sub::g05_exactly_what_was_dropped_is_missing_when_a_subscriber_stands_still");
    let place = Place::new(Over::Tcp);
    let publisher = sockets::publisher();
    let mut monitor = publisher.monitor();
    place.bind(&publisher).await;
    let mut press = Press {
        publisher: publisher.clone(),
        seed: campaign.seed,
        count: 0,
    };
    let mut child = Child::start(&format!("sub connect {} {} -", place.endpoint, press.seed));
    let peer = arrival(&mut monitor).await;
    soon("a subscription", publisher.subscribers().at_least(1))
        .await
        .expect("it is open");
    let mut got = Rising::default();
    while campaign.next_round().is_some() {
        for _ in 0..campaign.dice.below(40) {
            press.publish().await;
        }
        child.stop().await;
        let enough = dropped(&peer) + 1 + campaign.dice.below(30);
        soon("a publisher at its mark", async {
            while dropped(&peer) < enough {
                press.publish().await;
            }
        })
        .await;
        child.resume();
        until("the queue to be worked off", || {
            peer.stats().outgoing.queued.messages == 0
        })
        .await;
        let stats = peer.stats().outgoing;
        assert_eq!(stats.accepted.messages, press.count);
        while got.count < press.count - dropped(&peer) {
            got.hear(&child.hear().await.expect("the process lives"));
        }
    }
    // Nothing comes behind that: the last one is the last one that was not dropped.
    soon("closing", publisher.close())
        .await
        .expect("all of it has gone");
    assert!(child.heard().is_none());
    assert_eq!(got.count, press.count - dropped(&peer));
}

/// The PUB stands still while our SUB is at its mark, and goes on: what it says that it dropped is missing, and no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g05_exactly_what_was_dropped_is_missing_when_a_publisher_stands_still() {
    let mut campaign =
        Campaign::new("pub_sub::g05_exactly_what_was_dropped_is_missing_when_a_publisher_stands_still");
    let place = Place::new(Over::Tcp);
    let sub = sockets::subscriber();
    place.bind(&sub).await;
    let seed = campaign.seed;
    let mut child = Child::start(&format!("pub connect {} {seed} -", place.endpoint));
    let mut came = Rising::default();
    let mut lost = 0;
    while campaign.next_round().is_some() {
        let before = lost;
        while lost <= before {
            lost = child.says("sent").await.numbers()[1];
        }
        child.stop().await;
        drain(&sub, seed, &mut came);
        child.resume();
        for _ in 0..campaign.dice.below(100) {
            let message = soon("a letter", sub.recv()).await.expect("it is open");
            came.take(opened(seed, &message).expect("whole"));
        }
        // What it said meanwhile is history.
        while let Some(said) = child.heard() {
            lost = said.numbers()[1];
        }
    }
    child.order("end").await;
    let mut left = None;
    while left != Some(came.count) {
        tokio::select! {
            message = soon("a letter", sub.recv()) => {
                came.take(opened(seed, &message.expect("it is open")).expect("whole"));
            }
            said = child.hear(), if left.is_none() => {
                let said = said.expect("the process lives until it has closed");
                if said.word == "closed" {
                    let [sent, dropped] = said.numbers()[..] else {
                        panic!("{said:?}");
                    };
                    left = Some(sent - dropped);
                }
            }
        }
        assert!(
            left.is_none_or(|left| came.count <= left),
            "{} came of {left:?}",
            came.count
        );
    }
}
