//! What nobody reads of peers that have left.
//!
//! It is kept, and a lane with it, however many they are. So a socket that does nothing but receive lets nobody in while as
//! many peers have left unread as one may have messages unread, or as many bytes of them: whoever comes waits before the
//! door, and nothing is dropped.
//!
//! Where it is told among its messages that a peer has come and that it has left, whoever connects and leaves in a loop
//! would have two notices kept each time. So when too many have left unread, one more that nobody has heard of yet is not
//! heard of at all: its two notices go together. They are not looked for, for thousands may leave at once: the lane is freed,
//! and what lies there of a lane that is another's by now is swept out when it is half of all, or when it would be read.

use std::mem;
use std::task::{Poll, Waker};

use super::held::Held;
use super::{Arrivals, Inbox};
use crate::pipe::PipeId;
use crate::stats::{DropReason, Load};
use crate::sync::Ordering;

impl Inbox {
    /// Ready while more peers may come. Pending: others have left too much behind, and the waker is called when some of it
    /// has been read.
    pub(crate) fn poll_open(&self, waker: &Waker) -> Poll<()> {
        if self.arrivals.lock().is_open() {
            return Poll::Ready(());
        }
        // Under this lock, so that whoever empties a lane from here on says so at once.
        let mut held = self.held.lock();
        self.shut.store(true, Ordering::Relaxed);
        for slot in mem::take(&mut held.emptied) {
            self.give_credit(&mut held, slot);
        }
        let mut arrivals = self.arrivals.lock();
        if arrivals.is_open() {
            return Poll::Ready(());
        }
        if !arrivals.doors.iter().any(|door| door.will_wake(waker)) {
            arrivals.doors.push(waker.clone());
        }
        Poll::Pending
    }

    /// A peer is about to leave behind a notice of `last` bytes. `true`: too many others have left before it, and of this
    /// one there is nothing but the notice that it has come. Neither is told then, and both are counted.
    pub(crate) fn forget(&self, pipe: PipeId, last: usize) -> bool {
        let has_room = |arrivals: &Arrivals| arrivals.left < arrivals.marks.messages;
        if has_room(&self.arrivals.lock()) {
            return false;
        }
        let mut held = self.held.lock();
        let mut arrivals = self.arrivals.lock();
        let Some(lane) = arrivals.lane(pipe) else {
            return false;
        };
        if lane.counters.accepted.messages != 1 || lane.queued.messages != 1 || !held.lets_go(pipe) {
            return false;
        }
        let queued = mem::take(&mut lane.queued);
        lane.counters.accepted += Load::one(last);
        lane.counters.dropped.add(DropReason::Unread, 2);
        lane.stopped = None;
        arrivals.leave(pipe.slot);
        if !held.take_out(pipe) {
            arrivals.stale += 1;
            if 2 * arrivals.stale > arrivals.chunks.len() {
                arrivals.sweep();
            }
        }
        let calls = arrivals.handle_left(queued.bytes);
        drop(arrivals);
        drop(held);
        calls.into_iter().for_each(Waker::wake);
        true
    }
}

impl Arrivals {
    /// Nothing more comes through this lane.
    pub(super) fn leave(&mut self, slot: u32) {
        let lane = &mut self.lanes[slot as usize];
        if mem::take(&mut lane.open) {
            self.left += 1;
            self.left_bytes += lane.queued.bytes;
        }
        self.free_if_done(slot);
    }

    fn is_open(&self) -> bool {
        let marks = self.marks;
        self.closed || self.left < marks.messages && self.left_bytes < marks.bytes as u64
    }

    /// Something of a peer that has left was read. Whom to call.
    pub(super) fn open_doors(&mut self) -> Vec<Waker> {
        match self.is_open() {
            true => mem::take(&mut self.doors),
            false => Vec::new(),
        }
    }

    /// Throws away the chunks of lanes that were forgotten.
    pub(super) fn sweep(&mut self) {
        if mem::take(&mut self.stale) > 0 {
            let lanes = &self.lanes;
            self.chunks
                .retain(|(of, _)| lanes[of.index()].generation == of.generation);
        }
    }
}

impl Held {
    /// Whether nothing of this pipe was read, and it is not the next of another: that one would look for it.
    fn lets_go(&self, pipe: PipeId) -> bool {
        let lane = self.lanes.get(pipe.index());
        let Some(lane) = lane.filter(|lane| lane.pipe == Some(pipe)) else {
            return true;
        };
        lane.taken == Load::default() && (lane.current.is_none() || self.ring.contains(&pipe.slot))
    }

    /// Takes out the only chunk of this pipe, if it is here.
    fn take_out(&mut self, pipe: PipeId) -> bool {
        let lane = self.lanes.get_mut(pipe.index());
        let Some(lane) = lane.filter(|lane| lane.pipe == Some(pipe) && lane.current.is_some()) else {
            return false;
        };
        // Nothing of it was taken, so there is no credit to be given back.
        lane.current = None;
        if let Some(at) = self.ring.iter().position(|slot| *slot == pipe.slot) {
            self.ring.remove(at);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

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
    fn thousands_that_leave_at_once_are_not_looked_for_one_by_one() {
        let inbox = inbox();
        let all: Vec<_> = (0..20_000).map(|_| comes(&inbox)).collect();
        let told = all.iter().filter(|pipe| leaves(&inbox, **pipe)).count();
        assert_eq!(told, 2);
        // What was forgotten is less than half of what is there.
        assert!(inbox.arrivals.lock().chunks.len() <= 2 * 4);
        let read = std::iter::from_fn(|| read(&inbox)).count();
        assert_eq!((read, unread(&inbox).0), (4, 0));
    }

    #[test]
    fn the_next_connection_of_an_endpoint_is_told_of_while_the_last_one_is_read() {
        let inbox = inbox();
        let first = comes(&inbox);
        put(&inbox, first, &[0, 1, b'x']);
        inbox.detach(first);
        assert!(leaves(&inbox, comes(&inbox)));
        let second = inbox.attach_after(Some(first));
        put(&inbox, second, NOTICE);
        // Both are in the receivers' hands now, and the second has its turn after the first.
        assert_eq!(read(&inbox), Some(first));
        assert!(leaves(&inbox, second));
        let rest: Vec<_> = std::iter::from_fn(|| read(&inbox)).collect();
        assert_eq!(rest.iter().filter(|from| **from == second).count(), 2);
        assert_eq!(rest.len(), 5);
    }

    /// Whether the door is open, and else how often it was called since.
    fn door(inbox: &Inbox) -> (Poll<()>, Arc<Calls>) {
        let calls = Arc::new(Calls::default());
        (inbox.poll_open(&calls.clone().into()), calls)
    }

    #[derive(Default)]
    struct Calls(std::sync::atomic::AtomicUsize);

    impl Wake for Calls {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    impl Calls {
        fn count(&self) -> usize {
            self.0.load(std::sync::atomic::Ordering::Relaxed)
        }
    }

    /// Sends one message, and leaves.
    fn passes(inbox: &Inbox, frames: &'static [u8]) {
        let pipe = inbox.attach();
        put(inbox, pipe, frames);
        inbox.detach(pipe);
    }

    #[test]
    fn the_door_is_shut_while_as_many_have_left_unread_as_one_may_have_messages() {
        let inbox = inbox();
        let stays = inbox.attach();
        for _ in 0..5 {
            put(&inbox, stays, NOTICE);
        }
        passes(&inbox, NOTICE);
        assert!(door(&inbox).0.is_ready(), "who is there does not count");
        passes(&inbox, NOTICE);
        let (shut, calls) = door(&inbox);
        assert!(shut.is_pending());
        while calls.count() == 0 {
            assert!(read(&inbox).is_some(), "there is no other reason to open it");
        }
        assert_eq!(inbox.arrivals.lock().left, 1);
        assert!(door(&inbox).0.is_ready());
    }

    #[test]
    fn the_last_message_that_is_read_opens_the_door_though_nobody_looks_for_another() {
        let inbox = inbox();
        passes(&inbox, NOTICE);
        passes(&inbox, NOTICE);
        let (shut, calls) = door(&inbox);
        assert!(shut.is_pending() && read(&inbox).is_some());
        assert_eq!(calls.count(), 1);
        // Read before anybody has asked.
        passes(&inbox, NOTICE);
        assert!(read(&inbox).is_some());
        assert!(door(&inbox).0.is_ready());
    }

    #[test]
    fn the_door_is_shut_while_too_many_bytes_of_those_who_left_are_unread() {
        let marks = Marks {
            messages: 100,
            bytes: 6,
        };
        let inbox = Inbox::new(marks, false);
        passes(&inbox, &[0, 1, b'x']);
        assert!(door(&inbox).0.is_ready());
        passes(&inbox, &[0, 2, b'x', b'y']);
        let (shut, calls) = door(&inbox);
        assert!(shut.is_pending() && read(&inbox).is_some());
        assert_eq!((calls.count(), inbox.arrivals.lock().left_bytes), (1, 4));
        inbox.close();
        assert!(door(&inbox).0.is_ready(), "nobody waits before a closed socket");
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
