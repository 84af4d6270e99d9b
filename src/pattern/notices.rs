//! What a publisher's program is told of who wants what: state, not traffic.
//!
//! ```text
//!  a peer subscribes ──▶ 01 topic ─┐                       ┌──▶ the program
//!                                  ├─ taken back together ─┤
//!  it cancels, or leaves ─▶ 00 topic ─┘                    └──▶ what it was told
//! ```
//!
//! Peers change their minds as often as they like, and a program reads when it likes. So what waits here is no list of
//! what has happened but the difference between what is so and what the program was told: a subscription that ends
//! before it was told is never told, and a topic waits once, however often it changed. So what waits is bounded by what
//! peers hold now and by what the program knows, and a peer that floods holds up nobody but itself.
//!
//! How much is told is a choice: of each topic its first subscriber and its last, or more.

use std::collections::{BTreeMap, BTreeSet};

use crate::sync::Arc;

/// Which changes a program is told of.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// That somebody wants a topic, and that nobody does any more.
    #[default]
    FirstAndLast,
    /// Every subscription, also of what its peer or others hold already; and that nobody wants a topic any more.
    EachSubscription,
    /// Every subscription, and every end of one.
    Each,
}

/// One change, as the program is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Subscribed, or cancelled.
    pub(crate) subscribe: bool,
    pub(crate) topic: Arc<[u8]>,
    /// Whose change it was; when it concerns all, that of the first or last of them.
    pub(crate) slot: u32,
}

/// Stands for all peers.
const ALL: u32 = u32::MAX;

/// A topic, and whose: one peer's, or `ALL`.
type Fact = (Arc<[u8]>, u32);

/// What the program does not know yet, and what it knows.
#[derive(Debug)]
pub(crate) struct Notices {
    telling: Telling,
    /// What the program knows to be held.
    told: BTreeSet<Fact>,
    /// What it is to be told, in order.
    waiting: BTreeMap<u64, Notice>,
    /// Where in that a fact, or its end, waits.
    places: BTreeMap<(Fact, bool), u64>,
    next: u64,
    /// How many notices wait of each peer.
    of_slot: BTreeMap<u32, usize>,
}

impl Notices {
    pub(crate) fn new(telling: Telling) -> Self {
        Self {
            telling,
            told: BTreeSet::new(),
            waiting: BTreeMap::new(),
            places: BTreeMap::new(),
            next: 0,
            of_slot: BTreeMap::new(),
        }
    }

    /// A peer has subscribed, perhaps to what it holds already; `is_first`: nobody held it before. Whose notice that took
    /// back, if any.
    pub(crate) fn subscribed(&mut self, slot: u32, topic: &[u8], is_first: bool) -> Option<u32> {
        let tells_first_only = self.telling == Telling::FirstAndLast;
        if tells_first_only && !is_first {
            return None;
        }
        let topic: Arc<[u8]> = topic.into();
        let known = self.known_as(&topic, slot);
        let spared = self.take_back(&known, false);
        if tells_first_only && self.told.contains(&known) {
            return spared;
        }
        let fact = if tells_first_only { known } else { (topic, slot) };
        self.tell(true, fact, slot);
        spared
    }

    /// A peer's subscription has ended; `is_last`: nobody holds it now. Whose notice that took back, if any.
    pub(crate) fn cancelled(&mut self, slot: u32, topic: &[u8], is_last: bool) -> Option<u32> {
        if self.telling == Telling::FirstAndLast && !is_last {
            return None;
        }
        let topic: Arc<[u8]> = topic.into();
        let known = self.known_as(&topic, slot);
        let fact = match self.telling {
            Telling::FirstAndLast => known.clone(),
            _ => (topic, slot),
        };
        let spared = self.take_back(&fact, true);
        if (is_last || self.telling == Telling::Each) && self.told.contains(&known) {
            self.tell(false, known, slot);
        }
        spared
    }

    /// The next notice: from here on the program knows it.
    pub(crate) fn pop(&mut self) -> Option<Notice> {
        let (_, notice) = self.waiting.pop_first()?;
        let known = self.known_as(&notice.topic, notice.slot);
        self.places
            .remove(&(self.fact_of(&notice, &known), notice.subscribe));
        if notice.subscribe {
            self.told.insert(known);
        } else {
            self.told.remove(&known);
        }
        self.count_gone(notice.slot);
        Some(notice)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a notice of this peer waits.
    pub(crate) fn waits_of(&self, slot: u32) -> bool {
        self.of_slot.contains_key(&slot)
    }

    /// Nobody will ask any more.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.telling);
    }

    /// As what the program knows a topic of this peer.
    fn known_as(&self, topic: &Arc<[u8]>, slot: u32) -> Fact {
        match self.telling {
            Telling::Each => (topic.clone(), slot),
            _ => (topic.clone(), ALL),
        }
    }

    /// As what a notice waits.
    fn fact_of(&self, notice: &Notice, known: &Fact) -> Fact {
        if notice.subscribe && self.telling == Telling::EachSubscription {
            (notice.topic.clone(), notice.slot)
        } else {
            known.clone()
        }
    }

    fn tell(&mut self, subscribe: bool, fact: Fact, slot: u32) {
        let topic = fact.0.clone();
        let place = self.next;
        if *self.places.entry((fact, subscribe)).or_insert(place) != place {
            return;
        }
        self.next += 1;
        *self.of_slot.entry(slot).or_default() += 1;
        self.waiting.insert(
            place,
            Notice {
                subscribe,
                topic,
                slot,
            },
        );
    }

    /// The program need not be told of this any more. Whose notice it was, if one waited.
    fn take_back(&mut self, fact: &Fact, subscribe: bool) -> Option<u32> {
        let place = self.places.remove(&(fact.clone(), subscribe))?;
        let notice = self.waiting.remove(&place)?;
        self.count_gone(notice.slot);
        Some(notice.slot)
    }

    fn count_gone(&mut self, slot: u32) {
        if let Some(count) = self.of_slot.get_mut(&slot) {
            *count -= 1;
            if *count == 0 {
                self.of_slot.remove(&slot);
            }
        }
    }
}

#[cfg(test)]
mod tests;
