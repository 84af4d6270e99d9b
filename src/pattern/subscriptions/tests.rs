//! The tree against a plain set of pairs.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Subscribe(u32, Vec<u8>),
    Cancel(u32, Vec<u8>),
    /// Cancels the n-th of what there is, so that trees also become empty again.
    CancelHeld(usize),
    RemoveAll(u32),
}

/// Few bytes and short words meet each other often.
fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(prop::sample::select(b"abc".to_vec()), 0..7),
        1 => prop::collection::vec(any::<u8>(), 0..3),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let slot = || 0u32..5;
    prop_oneof![
        6 => (slot(), word()).prop_map(|(slot, prefix)| Step::Subscribe(slot, prefix)),
        1 => (slot(), word()).prop_map(|(slot, prefix)| Step::Cancel(slot, prefix)),
        4 => any::<usize>().prop_map(Step::CancelHeld),
        1 => slot().prop_map(Step::RemoveAll),
    ]
}

/// A peer's slot and a prefix that it holds.
type Model = BTreeSet<(u32, Vec<u8>)>;

fn check_tree(tree: &Subscriptions, model: &Model) {
    let mut found = Model::new();
    let mut live = 0;
    let mut open = vec![(ROOT, Vec::new())];
    while let Some((id, prefix)) = open.pop() {
        let node = tree.node(id);
        live += 1;
        assert!(
            id == ROOT || !node.subscribers.is_empty() || node.kids.len() > 1,
            "a node that nobody needs"
        );
        assert!(node.kids.is_sorted_by(|(a, _), (b, _)| a < b));
        for &slot in &node.subscribers {
            assert!(tree.slots[slot as usize].nodes.contains(&id));
            assert!(found.insert((slot, prefix.clone())));
        }
        for &(first, kid) in &node.kids {
            assert_eq!(
                (tree.node(kid).label.first(), tree.node(kid).parent),
                (Some(&first), id)
            );
            open.push((kid, [&*prefix, &*tree.node(kid).label].concat()));
        }
    }
    assert_eq!(found, *model);
    assert_eq!(tree.nodes.len(), live + tree.free.len());
    assert!(tree.free.len() <= 64 + live + tree.len() / 4);
}

proptest! {
    #[test]
    fn a_tree_answers_like_the_set_of_its_pairs(
        steps in prop::collection::vec(step(), 1..200),
        topics in prop::collection::vec(word(), 1..20),
    ) {
        let (mut tree, mut model) = (Subscriptions::default(), Model::new());
        for step in steps {
            match step {
                Step::Subscribe(slot, prefix) => {
                    prop_assert_eq!(tree.subscribe(slot, &prefix), model.insert((slot, prefix)));
                }
                Step::Cancel(slot, prefix) => {
                    prop_assert_eq!(tree.cancel(slot, &prefix), model.remove(&(slot, prefix)));
                }
                Step::CancelHeld(n) => {
                    if let Some(held) = model.iter().nth(n % model.len().max(1)).cloned() {
                        prop_assert!(tree.cancel(held.0, &held.1));
                        model.remove(&held);
                    }
                }
                Step::RemoveAll(slot) => {
                    let held = model.iter().filter(|(holder, _)| *holder == slot);
                    let mut held: BTreeSet<_> = held.map(|(_, prefix)| prefix.clone()).collect();
                    model.retain(|&(holder, _)| holder != slot);
                    if held.len() % 2 == 0 {
                        tree.remove_all(slot);
                    } else {
                        tree.cancel_all(slot, |prefix, is_last| {
                            assert!(held.remove(prefix), "it held that, once");
                            assert_eq!(is_last, !model.iter().any(|(_, other)| other == prefix));
                        });
                        prop_assert!(held.is_empty());
                    }
                }
            }
            check_tree(&tree, &model);
            prop_assert_eq!(tree.len(), model.len());
            let topics: BTreeSet<_> = model.iter().map(|(_, prefix)| prefix).collect();
            prop_assert_eq!(tree.topics(), topics.len());
            for slot in 0..5 {
                let held = || model.iter().filter(|&&(holder, _)| holder == slot);
                let expected = (held().count(), held().map(|(_, prefix)| prefix.len()).sum());
                prop_assert_eq!(tree.held_by(slot), expected);
            }
        }
        for topic in topics {
            let mut matches = Vec::new();
            tree.for_each_match(&topic, |holders| matches.extend_from_slice(holders));
            matches.sort_unstable();
            let expected: Vec<u32> =
                model.iter().filter(|(_, prefix)| topic.starts_with(prefix)).map(|&(slot, _)| slot).collect();
            prop_assert_eq!(&matches, &expected);
            matches.dedup();
            prop_assert_eq!(tree.count_matching(&topic), matches.len());
            let exact: Vec<u32> =
                model.iter().filter(|(_, prefix)| *prefix == topic).map(|&(slot, _)| slot).collect();
            prop_assert_eq!(tree.holders(&topic), exact);
        }
    }
}

#[test]
fn the_empty_prefix_matches_everything_and_the_empty_topic_only_that() {
    let mut tree = Subscriptions::default();
    tree.subscribe(1, b"");
    tree.subscribe(2, b"a");
    assert_eq!(tree.count_matching(b""), 1);
    assert_eq!(tree.count_matching(b"anything"), 2);
}

#[test]
fn a_chain_as_deep_as_its_topic_is_walked_and_dropped_without_recursion() {
    let topic = [b'x'; 4_000];
    let mut tree = Subscriptions::default();
    for len in 0..=topic.len() {
        assert!(tree.subscribe(0, &topic[..len]));
    }
    let mut matches = 0;
    tree.for_each_match(&topic, |holders| matches += holders.len());
    assert_eq!((matches, tree.count_matching(&topic)), (topic.len() + 1, 1));
    for len in (0..topic.len()).step_by(2) {
        assert!(tree.cancel(0, &topic[..len]));
    }
    assert_eq!(tree.len(), topic.len() / 2 + 1);
}

#[test]
fn what_a_peer_held_is_freed_when_it_goes() {
    let mut tree = Subscriptions::default();
    tree.subscribe(1, b"stays");
    for i in 0..10_000u32 {
        tree.subscribe(0, &i.to_be_bytes());
    }
    tree.remove_all(0);
    assert_eq!((tree.len(), tree.held_by(0)), (1, (0, 0)));
    assert!(tree.nodes.capacity() <= 128 && tree.free.capacity() <= 128);
    assert!(tree.node(ROOT).kids.capacity() <= 4);
    assert_eq!(tree.count_matching(b"stays"), 1);
}

#[test]
fn a_crowd_on_one_prefix_comes_and_goes() {
    let mut tree = Subscriptions::default();
    for slot in 0..10_000 {
        assert!(tree.subscribe(slot, b"all"));
        assert!(!tree.subscribe(slot, b"all"));
    }
    assert_eq!(tree.count_matching(b"all of them"), 10_000);
    for slot in 0..10_000 {
        tree.remove_all(slot);
    }
    assert_eq!((tree.len(), tree.nodes.len() - tree.free.len()), (0, 1));
}
