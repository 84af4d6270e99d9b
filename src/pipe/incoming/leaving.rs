//! What nobody reads of peers that come and leave without a message.
//!
//! That a peer has come and that it has left is told among its messages, and what is not read is kept. Whoever connects
//! and leaves in a loop would have two notices kept each time, and a lane. So when as many peers have left unread as one may
//! have messages unread, one more that nobody has heard of yet is not heard of at all: its two notices go together.

use std::mem;
use std::task::Waker;

use super::held::Held;
use super::{Arrivals, Inbox};
use crate::pipe::PipeId;
use crate::stats::{DropReason, Load};

impl Inbox {
    /// A peer is about to leave behind a notice of `last` bytes. `true`: too many others have left before it, and of this
    /// one there is nothing but the notice that it has come. Neither is told then, and both are counted.
    pub(crate) fn forget(&self, pipe: PipeId, last: usize) -> bool {
        if self.arrivals.lock().left < self.marks.messages {
            return false;
        }
        let mut held = self.held.lock();
        let mut arrivals = self.arrivals.lock();
        let Some(lane) = arrivals.lane(pipe) else {
            return false;
        };
        let is_all = lane.counters.accepted.messages == 1 && lane.queued.messages == 1;
        if !is_all || !(arrivals.take_out(pipe) || held.take_out(pipe)) {
            return false;
        }
        let mut calls = Vec::new();
        if let Some(lane) = arrivals.lane(pipe) {
            let queued = mem::take(&mut lane.queued);
            lane.counters.accepted += Load::one(last);
            lane.counters.dropped.add(DropReason::Unread, 2);
            calls = arrivals.handle_left(queued.bytes);
        }
        drop(arrivals);
        drop(held);
        calls.into_iter().for_each(Waker::wake);
        true
    }
}

impl Arrivals {
    /// Takes out the only chunk of this pipe, if it is here. The youngest are looked at first: that is where it lies when
    /// peers come and leave in a loop.
    fn take_out(&mut self, pipe: PipeId) -> bool {
        let at = self.chunks.iter().rposition(|(of, _)| *of == pipe);
        at.map(|at| self.chunks.remove(at)).is_some()
    }
}

impl Held {
    /// The same where receivers have it, unless it was read.
    fn take_out(&mut self, pipe: PipeId) -> bool {
        let lane = self.lanes.get_mut(pipe.index());
        let Some(lane) = lane.filter(|lane| lane.pipe == Some(pipe) && lane.current.is_some()) else {
            return false;
        };
        // Nothing of it was taken, so there is no credit to be given back.
        lane.current = None;
        self.ring.retain(|slot| *slot != pipe.slot);
        true
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::pipe::{Chunk, Marks, Messages};
    use crate::stats::Counters;

    const NOTICE: &[u8] = &[0, 0];

    fn inbox() -> Inbox {
        let marks = Marks {
            messages: 2,
            bytes: usize::MAX,
        };
        Inbox::new(marks, false)
    }

    fn put(inbox: &Inbox, pipe: PipeId, frames: &'static [u8]) {
        let chunk = Chunk {
            messages: Messages::Read(Bytes::from_static(frames)),
            load: Load::one(frames.len()),
        };
        inbox.push(pipe, chunk);
    }

    fn comes(inbox: &Inbox) -> PipeId {
        let pipe = inbox.attach();
        put(inbox, pipe, NOTICE);
        pipe
    }

    /// Whether it is told.
    fn leaves(inbox: &Inbox, pipe: PipeId) -> bool {
        let is_told = !inbox.forget(pipe, NOTICE.len());
        if is_told {
            put(inbox, pipe, NOTICE);
        }
        inbox.detach(pipe);
        is_told
    }

    fn read(inbox: &Inbox) -> Option<PipeId> {
        let mut from = None;
        let filter = None::<&super::super::Nothing>;
        inbox.try_recv(&mut from, filter).ok()?;
        from
    }

    fn unread(inbox: &Inbox) -> (u64, Counters) {
        let (counters, queued) = inbox.totals();
        (queued.messages, counters)
    }

    #[test]
    fn peers_that_come_and_leave_unread_are_kept_up_to_the_mark() {
        let inbox = inbox();
        let told = (0..100).filter(|_| leaves(&inbox, comes(&inbox))).count();
        assert_eq!(told, 2);
        let (queued, counters) = unread(&inbox);
        assert_eq!((queued, counters.accepted.messages), (4, 200));
        assert_eq!(counters.dropped.by(DropReason::Unread), 196);
        assert_eq!(inbox.arrivals.lock().lanes.len(), 3, "places are used again");
        // Once they are read there is room again.
        while read(&inbox).is_some() {}
        assert!(leaves(&inbox, comes(&inbox)));
    }

    #[test]
    fn who_was_heard_of_or_has_sent_something_is_told_of_to_the_end() {
        let inbox = inbox();
        let (heard_of, has_sent, mute) = (comes(&inbox), comes(&inbox), comes(&inbox));
        assert_eq!(read(&inbox), Some(heard_of));
        put(&inbox, has_sent, &[0, 1, b'x']);
        for _ in 0..2 {
            assert!(leaves(&inbox, comes(&inbox)));
        }
        // One that a receiver has swapped in already.
        assert!(!leaves(&inbox, mute));
        assert!(leaves(&inbox, heard_of) && leaves(&inbox, has_sent));
        let mut all = Vec::new();
        while let Some(from) = read(&inbox) {
            all.push(from);
        }
        let of = |pipe| all.iter().filter(|from| **from == pipe).count();
        assert_eq!((of(heard_of), of(has_sent), of(mute)), (1, 3, 0));
        assert_eq!(unread(&inbox).0, 0);
    }
}
