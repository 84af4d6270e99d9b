//! What is told, against what is so.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What peers hold: a model of a publisher around its notices.
struct Publisher {
    notices: Notices,
    held: BTreeSet<(u32, Vec<u8>)>,
}

impl Publisher {
    fn new(telling: Telling) -> Self {
        Self {
            notices: Notices::new(telling),
            held: BTreeSet::new(),
        }
    }

    fn is_wanted(&self, topic: &[u8]) -> bool {
        self.held.iter().any(|(_, held)| held == topic)
    }

    fn subscribe(&mut self, slot: u32, topic: &[u8]) {
        let is_first = !self.is_wanted(topic);
        self.held.insert((slot, topic.to_vec()));
        self.notices.subscribed(slot, topic, is_first);
    }

    fn cancel(&mut self, slot: u32, topic: &[u8]) {
        if self.held.remove(&(slot, topic.to_vec())) {
            let is_last = !self.is_wanted(topic);
            self.notices.cancelled(slot, topic, is_last);
        }
    }

    /// All that is told now: `+` or `-`, the topic, the peer.
    fn told(&mut self) -> Vec<String> {
        let told = std::iter::from_fn(|| self.notices.pop()).map(|notice| {
            let sign = if notice.subscribe { '+' } else { '-' };
            format!("{sign}{}{}", notice.topic.escape_ascii(), notice.slot)
        });
        told.collect()
    }
}

#[test]
fn the_first_subscriber_of_a_topic_and_its_last_are_told() {
    let mut publisher = Publisher::new(Telling::FirstAndLast);
    publisher.subscribe(1, b"a");
    publisher.subscribe(2, b"a");
    publisher.subscribe(2, b"b");
    assert_eq!(publisher.told(), ["+a1", "+b2"]);
    publisher.subscribe(1, b"a");
    publisher.cancel(1, b"a");
    publisher.cancel(1, b"never");
    assert_eq!(publisher.told(), [""; 0]);
    publisher.cancel(2, b"a");
    assert_eq!(publisher.told(), ["-a2"]);
}

#[test]
fn what_ends_before_it_was_told_is_never_told() {
    for telling in [Telling::FirstAndLast, Telling::EachSubscription, Telling::Each] {
        let mut publisher = Publisher::new(telling);
        publisher.subscribe(1, b"a");
        publisher.cancel(1, b"a");
        assert_eq!(publisher.told(), [""; 0]);
        assert!(publisher.notices.is_empty() && !publisher.notices.waits_of(1));
    }
}

#[test]
fn what_begins_again_before_its_end_was_told_has_never_ended() {
    let mut publisher = Publisher::new(Telling::FirstAndLast);
    publisher.subscribe(1, b"a");
    publisher.told();
    publisher.cancel(1, b"a");
    publisher.subscribe(2, b"a");
    assert_eq!(publisher.told(), [""; 0]);
}

#[test]
fn each_subscription_is_told_also_the_same_once_more() {
    let mut publisher = Publisher::new(Telling::EachSubscription);
    publisher.subscribe(1, b"a");
    publisher.subscribe(2, b"a");
    assert_eq!(publisher.told(), ["+a1", "+a2"]);
    publisher.subscribe(1, b"a");
    publisher.subscribe(1, b"a");
    assert_eq!(publisher.told(), ["+a1"], "it waits once");
    publisher.cancel(1, b"a");
    assert_eq!(publisher.told(), [""; 0]);
    publisher.cancel(2, b"a");
    publisher.subscribe(2, b"a");
    assert_eq!(publisher.told(), ["+a2"], "whoever asks anew is told of");
    publisher.cancel(2, b"a");
    assert_eq!(publisher.told(), ["-a2"]);
}

#[test]
fn each_end_is_told_also_when_others_remain() {
    let mut publisher = Publisher::new(Telling::Each);
    publisher.subscribe(1, b"a");
    publisher.subscribe(2, b"a");
    publisher.subscribe(1, b"a");
    assert_eq!(publisher.told(), ["+a1", "+a2"]);
    publisher.cancel(1, b"a");
    publisher.cancel(2, b"a");
    assert_eq!(publisher.told(), ["-a1", "-a2"]);
}

#[test]
fn a_flood_of_changes_of_mind_leaves_nothing_behind() {
    for telling in [Telling::FirstAndLast, Telling::EachSubscription, Telling::Each] {
        let mut publisher = Publisher::new(telling);
        for round in 0..10_000u32 {
            let topic = round.to_be_bytes();
            publisher.subscribe(1, &topic);
            publisher.subscribe(1, &topic);
            publisher.cancel(1, &topic);
        }
        let notices = &publisher.notices;
        assert!(notices.waiting.is_empty() && notices.places.is_empty() && notices.told.is_empty());
    }
}

#[derive(Debug, Clone)]
enum Step {
    Subscribe(u32, u8),
    Cancel(u32, u8),
    Read(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0u32..4, 0u8..3).prop_map(|(slot, topic)| Step::Subscribe(slot, topic)),
        3 => (0u32..4, 0u8..3).prop_map(|(slot, topic)| Step::Cancel(slot, topic)),
        1 => (0usize..4).prop_map(Step::Read),
    ]
}

proptest! {
    #[test]
    fn a_program_that_has_read_all_knows_what_is_so(
        telling in prop::sample::select(vec![Telling::FirstAndLast, Telling::EachSubscription, Telling::Each]),
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut publisher = Publisher::new(telling);
        // What a program believes that counts as the notices tell it to.
        let mut believed: BTreeMap<Vec<u8>, BTreeSet<u32>> = BTreeMap::new();
        let mut read = |publisher: &mut Publisher, most: usize| {
            for _ in 0..most {
                let Some(notice) = publisher.notices.pop() else { break };
                let peers = believed.entry(notice.topic.to_vec()).or_default();
                match (telling, notice.subscribe) {
                    (Telling::Each, true) => drop(peers.insert(notice.slot)),
                    (Telling::Each, false) => assert!(peers.remove(&notice.slot), "the end of what was told"),
                    (_, true) => {
                        assert!(telling != Telling::FirstAndLast || peers.is_empty(), "told twice");
                        peers.insert(0);
                    }
                    (_, false) => assert!(peers.remove(&0), "the end of what was told"),
                }
            }
            believed.clone()
        };
        for step in steps {
            match step {
                Step::Subscribe(slot, topic) => publisher.subscribe(slot, &[topic]),
                Step::Cancel(slot, topic) => publisher.cancel(slot, &[topic]),
                Step::Read(most) => drop(read(&mut publisher, most)),
            }
            let notices = &publisher.notices;
            prop_assert_eq!(notices.waiting.len(), notices.places.len());
            prop_assert!(notices.waiting.len() <= publisher.held.len() + notices.told.len());
            prop_assert_eq!(notices.of_slot.values().sum::<usize>(), notices.waiting.len());
        }
        let believed = read(&mut publisher, usize::MAX);
        for topic in 0..3u8 {
            let peers = believed.get(&[topic][..]).cloned().unwrap_or_default();
            let holders = publisher.held.iter().filter(|(_, held)| *held == [topic]).map(|(slot, _)| *slot);
            let expected: BTreeSet<u32> = match telling {
                Telling::Each => holders.collect(),
                _ => holders.map(|_| 0).collect(),
            };
            prop_assert_eq!(peers, expected);
        }
    }
}
