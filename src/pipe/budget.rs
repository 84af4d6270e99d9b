//! Byte budgets over many pipes: of a whole socket, and of a whole context.
//!
//! ```text
//!  pipes of an outbox ─▶ share ─┐                      ┌─ line of those who were told no
//!                               ├─▶ socket's budget ───┴──▶ context's budget ◀── other sockets
//!  lanes of an inbox ──▶ share ─┘
//! ```
//!
//! A [`Budget`] limits what is queued in all pipes that draw on it. Each outbox, fan-out and inbox has one [`Share`]
//! of it, which lies under the lock that guards its pipes and knows how much these hold. What a share has drawn is never
//! less than that, so the sum over all pipes is never above what is drawn.
//!
//! **Who is told no is called.** A share that finds the budget short gets in its line, under the same lock; whoever gives
//! back takes the line out, under that lock too, and calls all who stand in it. So no call is lost, and none can be held
//! up by one who was called and does not come. They are called when an eighth of the budget is free, not for every byte: a
//! thousand who look for each message would be a thousand locks for each message. A call is a [`Waker`] like those of tasks, and
//! is made like theirs: when no lock of the caller's pipes is held. Behind it is [`Claimant::handle_room`].
//!
//! **Nobody is starved.** A pipe that holds nothing takes one message whatever the budget says: so what a peer reads makes
//! room for its next message, whoever else is stuck. The bound is therefore the budget and one message for each pipe.
//!
//! **Cheap while there is plenty.** As long as a quarter is not drawn a share draws some in advance, and looks at the budget
//! once for so many bytes. What is ahead goes back with the next that leaves; so it never takes more than that quarter.
//!
//! The lock of a budget is taken last of all: under the lock of a share's pipes, and the socket's before the context's.

use std::mem;
use std::task::Waker;

use crate::sync::{Arc, Mutex};

/// How much a share draws in advance.
const AHEAD: u64 = 64 * 1024;

/// The most bytes that many pipes may hold together.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    /// What is drawn here is drawn there too.
    within: Option<Arc<Budget>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    drawn: u64,
    /// Who was told no since the line was last called.
    line: Vec<Waker>,
}

/// Who holds a share, and is to look again when the budget has room.
pub(crate) trait Claimant {
    /// There may be room for what waits here.
    fn handle_room(&self);
}

impl Budget {
    pub(crate) fn new(limit: usize, within: Option<Arc<Self>>) -> Self {
        Self {
            limit: limit as u64,
            within,
            state: Mutex::default(),
        }
    }

    /// Draws `bytes` up to that part of the limit, here and wherever this one lies within. `false`: it is short, and
    /// `call` is in the line.
    fn draw(&self, bytes: u64, part: Part, call: Option<&Waker>) -> bool {
        let mut state = self.state.lock();
        let limit = match part {
            Part::Whole => self.limit,
            Part::Quarter => self.limit / 4,
            Part::Beyond => u64::MAX,
        };
        if state.drawn.saturating_add(bytes) > limit {
            state.line.extend(call.cloned());
            return false;
        }
        if self
            .within
            .as_ref()
            .is_some_and(|within| !within.draw(bytes, part, call))
        {
            return false;
        }
        state.drawn += bytes;
        true
    }

    /// How much is left. With nothing left, `call` is in the line.
    fn left(&self, call: Option<&Waker>) -> u64 {
        let mut state = self.state.lock();
        let left = self.limit.saturating_sub(state.drawn);
        if left == 0 {
            state.line.extend(call.cloned());
            return 0;
        }
        self.within
            .as_ref()
            .map_or(left, |within| left.min(within.left(call)))
    }

    /// Takes bytes back. Whom to call.
    fn give_back(&self, bytes: u64, calls: &mut Vec<Waker>) {
        let mut state = self.state.lock();
        state.drawn -= bytes;
        if state.drawn <= self.limit - self.limit / 8 {
            calls.append(&mut state.line);
        }
        drop(state);
        if let Some(within) = &self.within {
            within.give_back(bytes, calls);
        }
    }

    #[cfg(test)]
    fn drawn(&self) -> u64 {
        self.state.lock().drawn
    }
}

/// Up to which part of the limit something is drawn.
#[derive(Debug, Clone, Copy)]
enum Part {
    Quarter,
    Whole,
    /// As if there were none.
    Beyond,
}

/// What the pipes under one lock have of a budget.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    /// Calls whoever holds this.
    call: Waker,
    /// It is in a line, and was not called since.
    is_waiting: bool,
    /// What lies in the pipes.
    held: u64,
    /// What is drawn from the budget: all that is held, and perhaps some ahead.
    drawn: u64,
}

impl Share {
    pub(crate) fn new(budget: Arc<Budget>, call: Waker) -> Self {
        Self {
            budget,
            call,
            is_waiting: false,
            held: 0,
            drawn: 0,
        }
    }

    /// Whether so many bytes more have room, and draws them if so. Who is told no is called.
    pub(crate) fn fits(&mut self, bytes: usize) -> bool {
        let wanted = (self.held + (bytes as u64).max(1)).saturating_sub(self.drawn);
        if wanted == 0 {
            return true;
        }
        let ahead = wanted + AHEAD;
        let drawn = if self.budget.draw(ahead, Part::Quarter, None) {
            ahead
        } else if self.budget.draw(wanted, Part::Whole, self.when_called()) {
            wanted
        } else {
            self.is_waiting = true;
            return false;
        };
        self.drawn += drawn;
        true
    }

    /// How much more has room. Who is told that there is nothing is called.
    pub(crate) fn left(&mut self) -> u64 {
        let ahead = self.drawn - self.held;
        if ahead > 0 {
            return ahead + self.budget.left(None);
        }
        let left = self.budget.left(self.when_called());
        self.is_waiting |= left == 0;
        left
    }

    /// So many bytes more lie in the pipes, whether they fit or not.
    #[inline]
    pub(crate) fn add(&mut self, bytes: u64) {
        self.held += bytes;
        if self.held > self.drawn {
            self.budget.draw(self.held - self.drawn, Part::Beyond, None);
            self.drawn = self.held;
        }
    }

    /// So many bytes have left the pipes, and go back with all that is ahead. Whom to call.
    #[must_use]
    pub(crate) fn remove(&mut self, bytes: u64) -> Vec<Waker> {
        let mut calls = Vec::new();
        self.held -= bytes;
        let back = mem::replace(&mut self.drawn, self.held) - self.held;
        if back > 0 {
            self.budget.give_back(back, &mut calls);
        }
        calls
    }

    /// What lay in a pipe was so many bytes and is so many now. Whom to call.
    #[must_use]
    pub(crate) fn change(&mut self, before: u64, now: u64) -> Vec<Waker> {
        if now >= before {
            self.add(now - before);
            return Vec::new();
        }
        self.remove(before - now)
    }

    /// Its holder was called: if there is no room, it gets in line again.
    pub(crate) fn handle_call(&mut self) {
        self.is_waiting = false;
    }

    /// Whom to call, unless that is agreed already.
    fn when_called(&self) -> Option<&Waker> {
        (!self.is_waiting).then_some(&self.call)
    }
}

impl Drop for Share {
    /// What its pipes held goes with them.
    fn drop(&mut self) {
        let held = self.held;
        self.remove(held).into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests;
