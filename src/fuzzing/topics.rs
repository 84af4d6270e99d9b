//! What subscribers ask for, in an order of their choice.

use std::collections::BTreeSet;

use super::input::Input;
use crate::pattern::subscriptions::Subscriptions;

const SLOTS: u32 = 4;

/// The tree of subscriptions holds what a plain set holds.
pub fn topics(data: &[u8]) {
    let mut input = Input::new(data);
    let mut tree = Subscriptions::default();
    let mut held = BTreeSet::<(u32, &[u8])>::new();
    while !input.is_empty() {
        let order = input.byte();
        let slot = u32::from(order >> 2) % SLOTS;
        match order % 4 {
            0 | 1 => {
                let prefix = input.chunk();
                assert_eq!(tree.subscribe(slot, prefix), held.insert((slot, prefix)));
            }
            2 => {
                let prefix = input.chunk();
                assert_eq!(tree.cancel(slot, prefix), held.remove(&(slot, prefix)));
            }
            _ => {
                held.retain(|(holder, _)| *holder != slot);
                if order >> 4 & 1 == 0 {
                    tree.remove_all(slot);
                } else {
                    tree.cancel_all(slot, |prefix, is_last| {
                        assert_eq!(is_last, held.iter().all(|(_, other)| *other != prefix));
                    });
                }
            }
        }
    }
    for slot in 0..SLOTS {
        let its: Vec<_> = held.iter().filter(|(holder, _)| *holder == slot).collect();
        let bytes = its.iter().map(|(_, prefix)| prefix.len()).sum();
        assert_eq!(tree.held_by(slot), (its.len(), bytes));
    }
    for (_, prefix) in &held {
        let topic = [prefix, &b"a"[..]].concat();
        let expected: BTreeSet<_> = held
            .iter()
            .filter(|(_, prefix)| topic.starts_with(prefix))
            .map(|(slot, _)| *slot)
            .collect();
        let mut found = BTreeSet::new();
        tree.for_each_match(&topic, |slots| found.extend(slots));
        assert_eq!(found, expected);
        assert_eq!(tree.count_matching(&topic), expected.len());
    }
}
