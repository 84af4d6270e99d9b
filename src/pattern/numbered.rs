//! Peers that are named by numbers (RFC 41, RFC 51).
//!
//! ```text
//!  pipe ──opened──▶ number      7 ─▶ pipe a
//!  number ─────────▶ pipe       8 ─▶ pipe b      next: 9
//! ```
//!
//! A number belongs to a pipe: to an accepted connection as long as it lasts, to a connecting endpoint for good,
//! through all its connections. Numbers count up from a random start, over the end and past zero, and none is given
//! again while the table still knows whose it was; so a number that outlives its peer names nobody, not a stranger.
//! They are ours alone: the peer never hears of its number.
//!
//! Where a pipe lies and whether it still lives is not known here. An entry stays until its place is used again, and
//! the outbox finds by the generation in the name that the pipe has gone.

use std::collections::BTreeMap;

use crate::peer::PeerId;
use crate::pipe::PipeId;
use crate::sync::Mutex;

/// The numbers of one socket's peers.
#[derive(Debug)]
pub(crate) struct Numbers(Mutex<State>);

#[derive(Debug)]
struct State {
    next: u32,
    /// By the slot of the pipe.
    places: Vec<Option<(PipeId, PeerId)>>,
    pipes: BTreeMap<PeerId, PipeId>,
}

impl Numbers {
    pub(crate) fn starting_at(next: u32) -> Self {
        Self(Mutex::new(State {
            next,
            places: Vec::new(),
            pipes: BTreeMap::new(),
        }))
    }

    /// The number of a pipe that is open: a new one if it has none.
    pub(crate) fn of(&self, pipe: PipeId) -> PeerId {
        let mut state = self.0.lock();
        if state.places.len() <= pipe.index() {
            state.places.resize(pipe.index() + 1, None);
        }
        match state.places[pipe.index()] {
            Some((known, number)) if known == pipe => return number,
            Some((_, of_one_that_ended)) => drop(state.pipes.remove(&of_one_that_ended)),
            None => {}
        }
        let number = state.free();
        state.places[pipe.index()] = Some((pipe, number));
        state.pipes.insert(number, pipe);
        number
    }

    /// The pipe that has this number, open or not; `None` if there is none.
    pub(crate) fn pipe(&self, number: PeerId) -> Option<PipeId> {
        self.0.lock().pipes.get(&number).copied()
    }
}

impl State {
    /// The next number that names nobody.
    fn free(&mut self) -> PeerId {
        loop {
            let number = PeerId::new(self.next);
            self.next = self.next.wrapping_add(1);
            if let Some(number) = number.filter(|number| !self.pipes.contains_key(number)) {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipe(slot: u32, generation: u32) -> PipeId {
        PipeId { slot, generation }
    }

    fn number(number: u32) -> PeerId {
        PeerId::new(number).expect("it is not zero")
    }

    #[test]
    fn a_pipe_keeps_its_number_and_others_get_the_next() {
        let numbers = Numbers::starting_at(7);
        assert_eq!(numbers.of(pipe(0, 1)), number(7));
        assert_eq!(numbers.of(pipe(2, 1)), number(8));
        assert_eq!(numbers.of(pipe(0, 1)), number(7));
        assert_eq!(numbers.pipe(number(8)), Some(pipe(2, 1)));
        assert_eq!(numbers.pipe(number(9)), None);
    }

    #[test]
    fn a_number_that_outlives_its_peer_names_nobody() {
        let numbers = Numbers::starting_at(7);
        assert_eq!(numbers.of(pipe(0, 1)), number(7));
        assert_eq!(numbers.of(pipe(0, 2)), number(8));
        assert_eq!(numbers.pipe(number(7)), None);
        assert_eq!(numbers.pipe(number(8)), Some(pipe(0, 2)));
    }

    #[test]
    fn numbers_go_over_the_end_and_leave_out_zero_and_those_that_are_taken() {
        let numbers = Numbers::starting_at(u32::MAX);
        assert_eq!(numbers.of(pipe(0, 1)), number(u32::MAX));
        assert_eq!(numbers.of(pipe(1, 1)), number(1));
        numbers.0.lock().next = u32::MAX;
        assert_eq!(numbers.of(pipe(2, 1)), number(2));
    }
}
