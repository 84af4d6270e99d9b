//! A log whose senders keep the [pace](crate::pipe::pace).

use super::Log;
use crate::pipe::{Marks, pace};
use crate::stats::Load;

/// How far those fill a log who can wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// To the marks: nobody would say when the line stands still.
    None,
    Kept,
    /// To the marks, until the line moves.
    Lifted,
}

impl Log {
    /// Its driver will say when the line [stands still](Self::handle_stalled). It lasts until it is offline.
    pub(crate) fn pace(&mut self) {
        self.pace = Pace::Kept;
    }

    /// Nothing has been written for a while that should have been.
    pub(crate) fn handle_stalled(&mut self) {
        if self.pace == Pace::Kept {
            self.pace = Pace::Lifted;
        }
    }

    /// So much has left.
    #[inline]
    pub(super) fn handle_left(&mut self, newly: Load) {
        if self.pace == Pace::Lifted && newly.bytes > 0 {
            self.pace = Pace::Kept;
        }
    }

    /// Whether one who can wait may append, with `promised` places kept for others: beside the marks, and whatever it
    /// appends, so that nobody is granted room and finds too little.
    #[inline]
    pub(crate) fn keeps_pace(&self, promised: usize) -> bool {
        if self.pace != Pace::Kept {
            return true;
        }
        let mut there = self.load;
        there.messages += (self.reserved + promised) as u64;
        !pace::is_reached(there, 1)
    }

    /// What is sure to fit for one who can wait, as long as no place is promised to others. More may fit: one large
    /// message into an empty log, or beyond the pace while messages are few.
    pub(crate) fn room(&self, marks: Marks) -> Marks {
        let bytes = match self.pace {
            Pace::Kept => marks.bytes.min(pace::PACE.bytes as usize),
            Pace::None | Pace::Lifted => marks.bytes,
        };
        Marks {
            messages: marks
                .messages
                .saturating_sub(self.load.messages as usize + self.reserved),
            bytes: bytes.saturating_sub(self.load.bytes as usize),
        }
    }
}
