//! What a log tells the [share](Share) of a budget that it draws on.

use std::mem;
use std::task::Waker;

use super::Log;
use crate::pipe::{Marks, Share};

impl Log {
    /// Whether nothing is here, nor promised to a permit: then one message has room whatever a budget says.
    #[inline]
    pub(crate) fn is_vacant(&self) -> bool {
        self.load.messages == 0 && self.reserved == 0
    }

    /// [`admits`](Self::admits), where the pipes draw on a budget if `share` is one.
    #[inline]
    pub(crate) fn admits_within(
        &self,
        marks: Marks,
        promised: usize,
        bytes: usize,
        share: Option<&mut Share>,
    ) -> bool {
        self.admits(marks, promised, bytes) && share.is_none_or(|share| share.fits(bytes) || self.is_vacant())
    }

    /// Tells the share what has come or gone since it was last told. Whom to call.
    pub(crate) fn settle(&mut self, share: &mut Share) -> Vec<Waker> {
        let before = mem::replace(&mut self.told, self.load.bytes);
        share.change(before, self.load.bytes)
    }

    /// The same after an append. Where something went besides, whoever is told of that settles it.
    #[inline]
    pub(crate) fn settle_append(&mut self, share: &mut Share) {
        if self.load.bytes > self.told {
            share.add(self.load.bytes - self.told);
            self.told = self.load.bytes;
        }
    }
}
