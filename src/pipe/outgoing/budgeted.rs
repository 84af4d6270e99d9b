//! An outbox whose pipes draw on a budget.
//!
//! What the budget has no room for waits, or is dropped, as what a pipe has no room for: the same lines, the same turns. Only
//! who makes room differs, since it may be another socket, which [calls](Claimant).

use std::task::Waker;

use super::{Outbox, State};
use crate::pipe::{Claimant, Log, PipeId, Share};

impl Outbox {
    /// With pipes that draw on a budget.
    pub(crate) fn with_share(self, share: Option<Share>) -> Self {
        self.lock().share = share;
        self
    }
}

impl Claimant for Outbox {
    fn handle_room(&self) {
        let mut state = self.lock();
        if let Some(share) = &mut state.share {
            share.handle_call();
        }
        let heirs = state.grant_all();
        drop(state);
        heirs.into_iter().for_each(Waker::wake);
    }
}

impl State {
    /// Gives the room in all pipes to those who wait.
    pub(super) fn grant_all(&mut self) -> Vec<Waker> {
        (0..self.slots.len())
            .flat_map(|at| self.grant(at as u32))
            .collect()
    }

    /// The log of this pipe, and what it is to be asked within.
    pub(super) fn log_within(&mut self, pipe: PipeId) -> Option<(&mut Log, Option<&mut Share>)> {
        let slot = self.slots.get_mut(pipe.index())?;
        let log = slot.log.as_mut().filter(|_| slot.generation == pipe.generation)?;
        Some((log, self.share.as_mut()))
    }

    /// Tells the share what has come or gone in this pipe. Whom to call.
    #[inline]
    pub(super) fn settle(&mut self, slot: u32) -> Vec<Waker> {
        match (&mut self.share, &mut self.slots[slot as usize].log) {
            (Some(share), Some(log)) => log.settle(share),
            _ => Vec::new(),
        }
    }

    /// The same of a log that was taken out of its pipe, and of what of it went elsewhere.
    pub(super) fn settle_ended(&mut self, log: &mut Log) -> Vec<Waker> {
        let mut calls = self.settle_stranded();
        if let Some(share) = &mut self.share {
            calls.extend(log.settle(share));
        }
        calls
    }

    /// The same of what is between two logs.
    pub(super) fn settle_stranded(&mut self) -> Vec<Waker> {
        self.share
            .as_mut()
            .map_or_else(Vec::new, |share| self.stranded.settle(share))
    }
}
