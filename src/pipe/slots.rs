//! Numbered places that are used again when their owners have left.
//!
//! A place is found by its number in one step. The generation in a [`PipeId`] says which of its successive owners
//! is meant, so whoever comes late for one that has left finds nobody instead of a stranger.

use super::PipeId;

/// What lies in the places.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    owner: Option<T>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slots<T> {
    /// Takes a free place, or makes one, for an owner who may know by which name it is found.
    pub(crate) fn insert(&mut self, owner: impl FnOnce(PipeId) -> T) -> PipeId {
        let slot = self.free.pop().unwrap_or_else(|| {
            if self.places.is_empty() {
                // Most sockets have one peer; a vector would begin with room for four.
                self.places.reserve_exact(1);
            }
            self.places.push(Place {
                generation: 0,
                owner: None,
            });
            (self.places.len() - 1) as u32
        });
        let place = &mut self.places[slot as usize];
        place.generation = place.generation.wrapping_add(1);
        let pipe = PipeId {
            slot,
            generation: place.generation,
        };
        place.owner = Some(owner(pipe));
        pipe
    }

    /// Takes the owner out. The place is nobody else's before it is [free](Self::free).
    pub(crate) fn vacate(&mut self, pipe: PipeId) -> Option<T> {
        let place = self.places.get_mut(pipe.index())?;
        if place.generation != pipe.generation {
            return None;
        }
        place.owner.take()
    }

    /// Frees a place that was vacated, once.
    pub(crate) fn free(&mut self, slot: u32) {
        debug_assert!(self.at_mut(slot).is_none());
        self.free.push(slot);
    }

    pub(crate) fn get(&self, pipe: PipeId) -> Option<&T> {
        let place = self.places.get(pipe.index())?;
        if place.generation == pipe.generation {
            place.owner.as_ref()
        } else {
            None
        }
    }

    pub(crate) fn get_mut(&mut self, pipe: PipeId) -> Option<&mut T> {
        let place = self.places.get_mut(pipe.index())?;
        if place.generation == pipe.generation {
            place.owner.as_mut()
        } else {
            None
        }
    }

    /// Whoever sits there now.
    #[inline]
    pub(crate) fn at_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.places.get_mut(slot as usize)?.owner.as_mut()
    }

    /// The name of whoever sits there now.
    pub(crate) fn pipe_at(&self, slot: u32) -> Option<PipeId> {
        let generation = self.places.get(slot as usize)?.generation;
        Some(PipeId { slot, generation })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let places = self.places.iter().enumerate();
        places.filter_map(|(slot, place)| Some((slot as u32, place.owner.as_ref()?)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().filter_map(|place| place.owner.as_mut())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_used_again_is_not_found_by_its_old_name() {
        let mut slots = Slots::default();
        let first = slots.insert(|_| "first");
        assert_eq!(slots.vacate(first), Some("first"));
        let elsewhere = slots.insert(|_| "elsewhere");
        assert_ne!(elsewhere.slot, first.slot, "it is not free yet");
        slots.free(first.slot);
        let second = slots.insert(|_| "second");

        assert_eq!(second.slot, first.slot);
        assert_eq!((slots.get(first), slots.get(second)), (None, Some(&"second")));
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.vacate(first), None);
        assert_eq!(slots.at_mut(second.slot), Some(&mut "second"));
    }

    #[test]
    fn free_places_are_stepped_over() {
        let mut slots = Slots::default();
        let pipes: Vec<_> = (0..3).map(|owner| slots.insert(|_| owner)).collect();
        slots.vacate(pipes[1]);
        slots.free(pipes[1].slot);

        assert_eq!(slots.iter().collect::<Vec<_>>(), [(0, &0), (2, &2)]);
        assert_eq!(slots.iter_mut().map(|owner| *owner).collect::<Vec<_>>(), [0, 2]);
    }
}
