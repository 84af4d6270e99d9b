//! Tasks that wait for room or for a message: first come, first served, and no wake-up lost.
//!
//! A waiter holds a [`Ticket`]. Whoever makes room *grants* the oldest ticket under the lock that guards the
//! room, and wakes its task after unlocking. A granted ticket whose future is dropped instead of polled must
//! pass its turn on: [`Waiters::give_up`] does.

use std::collections::VecDeque;
use std::task::{Poll, Waker};

/// The line of waiting tasks. It lives under the lock of what they wait for.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// In order of arrival, so ids rise from front to back.
    line: VecDeque<(u64, Waker)>,
    next: u64,
    /// Tickets taken out of the line whose tasks have not been polled since.
    granted: usize,
}

/// A place in the line, or none.
#[derive(Debug, Default)]
pub(crate) struct Ticket(Option<u64>);

impl Ticket {
    /// Whether its holder is in the line, or was granted and has not looked yet.
    pub(crate) fn is_waiting(&self) -> bool {
        self.0.is_some()
    }
}

/// The turn of somebody who may look whether there is room: whom nobody in the line comes before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn(Option<u64>);

impl Turn {
    /// Whether its holder has waited for it. Who has passes on what it leaves.
    #[inline]
    pub(crate) fn was_granted(self) -> bool {
        self.0.is_some()
    }
}

impl Waiters {
    pub(crate) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.line.len()
    }

    /// How many were woken and have not come yet.
    pub(crate) fn granted(&self) -> usize {
        self.granted
    }

    /// Waits at the end of the line; a ticket that is in the line already keeps its place.
    pub(crate) fn wait(&mut self, ticket: &mut Ticket, waker: &Waker) {
        if let Some(at) = ticket.0.and_then(|id| self.place(id)) {
            self.line[at].1.clone_from(waker);
            return;
        }
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        ticket.0 = Some(id);
        self.line.push_back((id, waker.clone()));
    }

    /// The turn of whoever was granted, or comes while nobody waits. Pending: it is in the line.
    #[inline]
    pub(crate) fn poll_turn(&mut self, ticket: &mut Ticket, waker: &Waker) -> Poll<Turn> {
        let granted = if ticket.is_waiting() {
            self.take_turn(ticket)
        } else {
            None
        };
        if granted.is_none() && !self.is_empty() {
            self.wait(ticket, waker);
            return Poll::Pending;
        }
        Poll::Ready(Turn(granted))
    }

    /// Whose turn it was found nothing: waits, in its old place if it had one.
    #[inline]
    pub(crate) fn wait_on(&mut self, turn: Turn, ticket: &mut Ticket, waker: &Waker) {
        match turn.0 {
            Some(id) => self.wait_again(ticket, id, waker),
            None => self.wait(ticket, waker),
        }
    }

    /// Waits again in its old place: for one who was granted and found nothing.
    fn wait_again(&mut self, ticket: &mut Ticket, id: u64, waker: &Waker) {
        ticket.0 = Some(id);
        let at = self.line.partition_point(|(other, _)| *other < id);
        self.line.insert(at, (id, waker.clone()));
    }

    /// Takes the turn of a granted ticket: its id if it was granted, `None` if it is in the line or in none.
    pub(crate) fn take_turn(&mut self, ticket: &mut Ticket) -> Option<u64> {
        let id = ticket.0?;
        if self.place(id).is_some() {
            return None;
        }
        ticket.0 = None;
        self.granted -= 1;
        Some(id)
    }

    /// The next waiter's turn: wake it after unlocking.
    #[must_use]
    pub(crate) fn grant(&mut self) -> Option<Waker> {
        let (_, waker) = self.line.pop_front()?;
        self.granted += 1;
        Some(waker)
    }

    /// Wakes everybody for good: what they wait for has ended.
    pub(crate) fn grant_all(&mut self) -> Vec<Waker> {
        self.granted += self.line.len();
        self.line.drain(..).map(|(_, waker)| waker).collect()
    }

    /// Leaves the line. `true`: the ticket had been granted, so the turn must be passed on.
    pub(crate) fn leave(&mut self, ticket: &mut Ticket) -> bool {
        if self.take_turn(ticket).is_some() {
            return true;
        }
        if let Some(at) = ticket.0.take().and_then(|id| self.place(id)) {
            self.line.remove(at);
        }
        false
    }

    /// Leaves the line, and passes on the turn that it had been granted: whom to wake.
    #[must_use]
    pub(crate) fn give_up(&mut self, ticket: &mut Ticket) -> Option<Waker> {
        if self.leave(ticket) { self.grant() } else { None }
    }

    fn place(&self, id: u64) -> Option<usize> {
        self.line.binary_search_by_key(&id, |(id, _)| *id).ok()
    }
}
