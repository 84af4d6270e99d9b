//! All subscribers of a publisher, and how far each of them has come with what many get.
//!
//! ```text
//!  tails        │ 7: ..40│ 7: ..40│ 7: ..12│ 7: ..40│    32 bytes each, side by side
//!                   │        │        │        │
//!  subscribers    ┌─┴─┐    ┌─┴─┐    ┌─┴─┐    ┌─┴─┐       a queue, its counters, whose hand is on the line …
//!                 └───┘    └───┘    └───┘    └───┘
//! ```
//!
//! Whoever got the last message of the shared log gets the next one by a note in its *tail*: the range behind its queue
//! is one message longer. That is all there is to do, as long as there is room and nobody has to be called; so of a
//! subscriber nothing else is touched (64 subscribers: queueing was 22 % of a publisher's time, and is 5 %). What a
//! tail knows its subscriber is told before anybody looks at it: there is no other way to one than through here.

use super::pace::Pace;
use super::shared_log::Range;
use super::subscriber::Subscriber;
use crate::pipe::{Marks, PipeId, Slots};
use crate::stats::Load;

/// Whoever publishes to them, and what they have got.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    places: Slots<Subscriber>,
    /// By slot.
    tails: Vec<Tail>,
}

/// What a subscriber has got since it was last looked at.
#[derive(Debug, Default, Clone, Copy)]
struct Tail {
    range: Range,
    /// How much more may be noted here, in messages and bytes.
    room: (u32, u32),
}

impl Subscribers {
    pub(super) fn insert(&mut self) -> PipeId {
        let pipe = self.places.insert(Subscriber::new);
        if pipe.index() >= self.tails.len() {
            self.tails.resize(pipe.index() + 1, Tail::default());
        }
        pipe
    }

    /// Takes one out. The place is nobody else's before it is [free](Self::free).
    pub(super) fn vacate(&mut self, pipe: PipeId) -> Option<Subscriber> {
        self.get_mut(pipe)?;
        self.places.vacate(pipe)
    }

    /// Frees a place that was vacated, once.
    pub(super) fn free(&mut self, slot: u32) {
        self.places.free(slot);
    }

    pub(super) fn contains(&self, pipe: PipeId) -> bool {
        self.places.get(pipe).is_some()
    }

    pub(super) fn get_mut(&mut self, pipe: PipeId) -> Option<&mut Subscriber> {
        self.catch_up(pipe.slot);
        self.places.get_mut(pipe)
    }

    /// Whoever sits there now.
    #[inline]
    pub(super) fn at_mut(&mut self, slot: u32) -> Option<&mut Subscriber> {
        self.catch_up(slot);
        self.places.at_mut(slot)
    }

    /// The name of whoever sits there now.
    pub(super) fn pipe_at(&self, slot: u32) -> Option<PipeId> {
        self.places.pipe_at(slot)
    }

    /// All of them, but for what they have got.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Subscriber)> {
        self.places.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Subscriber> {
        self.settle();
        self.places.iter_mut()
    }

    /// Tells all of them what was noted; nothing more is, before they are looked at.
    pub(super) fn settle(&mut self) {
        for slot in 0..self.tails.len() as u32 {
            self.catch_up(slot);
        }
    }

    /// Whether this one has not been asked about message `number` yet.
    pub(super) fn is_new(&mut self, slot: u32, number: u64) -> bool {
        let subscriber = self.places.at_mut(slot);
        subscriber.is_some_and(|one| one.is_new(number))
    }

    /// Queues a message that lies in the shared log, if nothing has to be done for it but to note that.
    #[inline]
    pub(super) fn note(&mut self, slot: u32, range: Range) -> bool {
        let Some(tail) = self.tails.get_mut(slot as usize) else {
            return false;
        };
        let (messages, bytes) = tail.room;
        let len = range.len() as u32;
        let is_noted = messages > 0 && len <= bytes && tail.range.extend(range);
        if is_noted {
            tail.room = (messages - 1, bytes - len);
        }
        is_noted
    }

    /// This one has got the message at `range`, and what comes behind that may be [noted](Self::note) for a while.
    pub(super) fn follow(&mut self, slot: u32, range: Range, load: Load, marks: Marks, blocked: bool) {
        let room = Pace::room(load, marks, blocked);
        if let Some(tail) = self.tails.get_mut(slot as usize) {
            let saturated = |room: u64| u32::try_from(room).unwrap_or(u32::MAX);
            *tail = Tail {
                range: range.behind(),
                room: (saturated(room.messages), saturated(room.bytes)),
            };
        }
    }

    /// Tells a subscriber what was noted.
    #[inline]
    fn catch_up(&mut self, slot: u32) {
        let Some(tail) = self.tails.get_mut(slot as usize) else {
            return;
        };
        tail.room = (0, 0);
        if tail.range.messages() > 0 {
            let Tail { range, .. } = std::mem::take(tail);
            if let Some(subscriber) = self.places.at_mut(slot) {
                subscriber.catch_up(range);
            }
        }
    }
}
