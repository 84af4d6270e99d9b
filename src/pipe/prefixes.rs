//! What a program wants to receive, as its receivers last saw it.
//!
//! Every received message is filtered, so this must cost nearly nothing. Of prefixes that begin with another one
//! only the shorter matters; those that remain are sorted, and then the greatest that is not above a topic is
//! the only one that can be a prefix of it: one search, one comparison. Receivers keep this copy under the lock
//! that they hold anyway and ask for a new one when its version is old.

use bytes::Bytes;

/// A set of prefixes at some version.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    pub(crate) version: u64,
    /// How often this was asked since it is old.
    pub(crate) misses: usize,
    /// Sorted, and none is a prefix of another.
    least: Vec<Bytes>,
}

impl Prefixes {
    /// Becomes the set of `all`, which are sorted.
    pub(crate) fn replace<'a>(&mut self, version: u64, all: impl Iterator<Item = &'a Bytes>) {
        self.version = version;
        self.misses = 0;
        self.least.clear();
        for prefix in all {
            // All that begin with a prefix stand right behind it.
            if self.least.last().is_none_or(|least| !prefix.starts_with(least)) {
                self.least.push(prefix.clone());
            }
        }
    }

    /// Whether one of them is a prefix of `topic`.
    #[inline]
    pub(crate) fn cover(&self, topic: &[u8]) -> bool {
        let candidate = match &*self.least {
            [only] => only,
            all => match all.partition_point(|prefix| **prefix <= *topic).checked_sub(1) {
                Some(place) => &all[place],
                None => return false,
            },
        };
        topic.starts_with(candidate)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn of(all: &BTreeSet<Bytes>) -> Prefixes {
        let mut prefixes = Prefixes::default();
        prefixes.replace(1, all.iter());
        prefixes
    }

    #[test]
    fn of_prefixes_of_each_other_the_shortest_is_kept() {
        let all = ["a.b", "a", "a.c", "b", "ab"].map(Bytes::from).into();
        assert_eq!(of(&all).least, ["a", "b"]);
    }

    fn word() -> impl Strategy<Value = Bytes> {
        prop::collection::vec(prop::sample::select(b"ab\xff".to_vec()), 0..5).prop_map(Bytes::from)
    }

    proptest! {
        #[test]
        fn a_topic_is_covered_if_any_is_a_prefix_of_it(
            all in prop::collection::btree_set(word(), 0..8),
            topic in word(),
        ) {
            let expected = all.iter().any(|prefix| topic.starts_with(prefix));
            prop_assert_eq!(of(&all).cover(&topic), expected);
        }
    }
}
