//! Sending to one pipe by its name, and waiting for room in that very one.
//!
//! ```text
//!             ┌─ room ──────────────────▶ appended
//!  named pipe ┼─ full ──▶ in its line ──▶ woken when it has room, or has ended
//!             └─ ended, or about to ────▶ Gone: the message stays with the sender
//! ```
//!
//! Each pipe has a line of its own, so that one whose peer does not read holds up nobody who sends to others. The
//! line ends with its pipe: whoever is in it is woken, comes back, and finds by the generation in the name that
//! nothing is left to wait for.
//!
//! An outbox is used by turns or by names. Where both were mixed, those who name a pipe would be given its room first.

use std::mem;
use std::task::{Poll, Waker, ready};

use super::{Outbox, Refusal, SendTicket, Slot, State};
use crate::message::Payload;
use crate::pipe::PipeId;
use crate::sync::MutexGuard;

impl Outbox {
    /// Sends to this pipe, or waits until it has room. What is refused is neither queued nor counted.
    pub(crate) fn poll_send_to(
        &self,
        pipe: PipeId,
        waker: &Waker,
        ticket: &mut SendTicket,
        envelope: &[u8],
        payload: &Payload<'_>,
    ) -> Poll<Result<(), Refusal>> {
        let mut state = self.lock();
        if state.closed {
            return Poll::Ready(Err(Refusal::Closed));
        }
        let Some(place) = state.named(pipe) else {
            // The line that it was in has ended with its pipe.
            *ticket = SendTicket::default();
            return Poll::Ready(Err(Refusal::Gone));
        };
        let turn = ready!(place.waiters.poll_turn(ticket, waker));
        if !turn.was_granted() && state.spell_is_over() {
            // Before the append, so that a pending send has queued nothing.
            drop(state);
            waker.wake_by_ref();
            return Poll::Pending;
        }
        let bytes = envelope.len() + payload.wire_len();
        if !state.admits(pipe.slot, bytes) {
            state.spell.begin();
            let waiters = &mut state.slots[pipe.index()].waiters;
            waiters.wait_on(turn, ticket, waker);
            return Poll::Pending;
        }
        state.put(pipe.slot, envelope, payload, bytes);
        let next = state.next(pipe.slot);
        // As in a round robin: whoever was granted and leaves room behind passes it on.
        let heir = if turn.was_granted() && state.admits(pipe.slot, 0) {
            state.slots[pipe.index()].waiters.grant()
        } else {
            None
        };
        drop(state);
        self.carry_out(pipe.slot, next);
        if let Some(heir) = heir {
            heir.wake();
        }
        Poll::Ready(Ok(()))
    }

    /// The same without waiting; those who wait for this pipe are not overtaken.
    pub(crate) fn try_send_to(
        &self,
        pipe: PipeId,
        envelope: &[u8],
        payload: &Payload<'_>,
    ) -> Result<(), Refusal> {
        self.put_now(self.lock(), pipe, envelope, payload)
    }

    /// Appends, if there is room, and does what is left to do.
    #[inline]
    pub(super) fn put_now(
        &self,
        mut state: MutexGuard<'_, State>,
        pipe: PipeId,
        envelope: &[u8],
        payload: &Payload<'_>,
    ) -> Result<(), Refusal> {
        if state.closed {
            return Err(Refusal::Closed);
        }
        let place = state.named(pipe).ok_or(Refusal::Gone)?;
        let is_awaited = !place.waiters.is_empty();
        let bytes = envelope.len() + payload.wire_len();
        if is_awaited || !state.admits(pipe.slot, bytes) {
            return Err(Refusal::Full);
        }
        self.append(state, pipe.slot, envelope, payload, bytes);
        Ok(())
    }

    /// A send to this pipe was given up while it waited.
    pub(crate) fn leave_line_of(&self, pipe: PipeId, ticket: &mut SendTicket) {
        if !ticket.is_waiting() {
            return;
        }
        let mut state = self.lock();
        let heir = match state.named(pipe) {
            Some(place) => place.waiters.give_up(ticket),
            None => {
                *ticket = SendTicket::default();
                None
            }
        };
        drop(state);
        if let Some(heir) = heir {
            heir.wake();
        }
    }
}

impl State {
    /// Where this pipe lies, if messages may still go into it.
    fn named(&mut self, pipe: PipeId) -> Option<&mut Slot> {
        self.slots
            .get_mut(pipe.index())
            .filter(|place| place.generation == pipe.generation && place.log.is_some() && !place.retired)
    }

    /// Whether the pipe in this slot has room besides what is promised to others.
    fn admits(&mut self, slot: u32, bytes: usize) -> bool {
        let (place, share) = (&self.slots[slot as usize], self.share.as_mut());
        let promised = self.waiters.granted() + place.waiters.granted();
        place
            .log
            .as_ref()
            .is_some_and(|log| log.admits_within(self.config.marks, promised, bytes, share))
    }

    /// Nothing new goes into the pipe in this slot: those who waited for it are to be woken.
    pub(super) fn retire(&mut self, slot: u32) -> Vec<Waker> {
        let place = &mut self.slots[slot as usize];
        place.retired = true;
        mem::take(&mut place.waiters).grant_all()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, IoSlice};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::pipe::{Batch, OutboxConfig, Outgoing};
    use crate::stats::DropReason;
    use crate::sync::Arc;
    use crate::transport::Writer;

    /// It takes everything.
    #[derive(Debug)]
    struct Kernel;

    impl Writer for Kernel {
        fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
            Ok(bufs.iter().map(|buf| buf.len()).sum())
        }
    }

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Somebody who sends to one pipe.
    struct Sender<'a> {
        outbox: &'a Outbox,
        pipe: PipeId,
        ticket: SendTicket,
        bell: Arc<Bell>,
        size: usize,
    }

    impl<'a> Sender<'a> {
        fn new(outbox: &'a Outbox, pipe: PipeId) -> Self {
            Self {
                outbox,
                pipe,
                ticket: SendTicket::default(),
                bell: Arc::default(),
                size: 1,
            }
        }

        fn of_size(self, size: usize) -> Self {
            Self { size, ..self }
        }

        fn poll(&mut self) -> Poll<Result<(), Refusal>> {
            let waker = Waker::from(self.bell.clone());
            let body = vec![0; self.size];
            let payload = Payload::from(&body[..]);
            self.outbox
                .poll_send_to(self.pipe, &waker, &mut self.ticket, &[], &payload)
        }

        fn sent(&mut self) -> bool {
            self.poll() == Poll::Ready(Ok(()))
        }

        fn gives_up(&mut self) {
            self.outbox.leave_line_of(self.pipe, &mut self.ticket);
            assert!(!self.ticket.is_waiting());
        }

        /// How often it was woken since it was last asked.
        fn rings(&self) -> usize {
            self.bell.0.swap(0, Ordering::Relaxed)
        }
    }

    fn outbox(messages: usize, bytes: usize) -> Outbox {
        Outbox::new(OutboxConfig::with_marks(messages, bytes))
    }

    /// A connected pipe that is full.
    fn full(outbox: &Outbox) -> PipeId {
        let pipe = outbox.attach();
        outbox.online(pipe, None);
        while outbox.try_send_to(pipe, &[], &"x".into()).is_ok() {}
        pipe
    }

    /// The driver writes all that is queued in this pipe.
    fn write_all(outbox: &Outbox, pipe: PipeId) {
        let mut batch = Batch::default();
        while outbox
            .poll_take(pipe, Waker::noop(), &mut batch, false)
            .is_ready()
        {
            batch
                .write(&mut Vec::new(), &Kernel)
                .expect("it takes everything");
        }
    }

    fn end(outbox: &Outbox, pipe: PipeId) {
        let offline = outbox.poll_offline(pipe, Waker::noop(), &mut Batch::default());
        assert!(offline.is_ready());
        outbox.detach(pipe, DropReason::PipeClosed);
    }

    #[test]
    fn who_names_a_full_pipe_waits_for_it_though_others_have_room() {
        let outbox = outbox(1, usize::MAX);
        let (named, other) = (full(&outbox), outbox.attach());
        let mut sender = Sender::new(&outbox, named);
        assert!(sender.poll().is_pending());
        assert_eq!(outbox.try_send_to(named, &[], &"x".into()), Err(Refusal::Full));
        assert!(Sender::new(&outbox, other).sent());
        write_all(&outbox, other);
        assert_eq!(sender.rings(), 0);
        write_all(&outbox, named);
        assert_eq!(sender.rings(), 1);
        assert!(sender.sent());
        assert_eq!(outbox.queued(named).messages, 1);
        let (counters, _) = outbox.totals();
        assert_eq!(counters.dropped.total(), 0, "what is refused was never taken");
    }

    #[test]
    fn those_who_wait_are_served_in_their_order_and_not_overtaken() {
        let outbox = outbox(1, usize::MAX);
        let pipe = full(&outbox);
        let mut senders: Vec<_> = (0..3).map(|_| Sender::new(&outbox, pipe)).collect();
        for sender in &mut senders {
            assert!(sender.poll().is_pending());
        }
        for at in 0..3 {
            write_all(&outbox, pipe);
            let rings: Vec<_> = senders.iter().map(Sender::rings).collect();
            assert_eq!(rings, [0, 1, 2].map(|other| usize::from(other == at)));
            assert_eq!(outbox.try_send_to(pipe, &[], &"x".into()), Err(Refusal::Full));
            assert!(Sender::new(&outbox, pipe).poll().is_pending());
            assert!(senders[at].sent());
        }
    }

    #[test]
    fn all_the_room_of_a_batch_is_given_to_as_many() {
        let outbox = outbox(2, usize::MAX);
        let pipe = full(&outbox);
        let mut senders: Vec<_> = (0..3).map(|_| Sender::new(&outbox, pipe)).collect();
        for sender in &mut senders {
            assert!(sender.poll().is_pending());
        }
        write_all(&outbox, pipe);
        assert_eq!(senders.iter().map(Sender::rings).sum::<usize>(), 2);
        assert!(senders[0].sent() && senders[1].sent());
        assert!(senders[2].poll().is_pending());
    }

    #[test]
    fn who_gives_up_after_being_woken_passes_the_room_on() {
        let outbox = outbox(1, usize::MAX);
        let pipe = full(&outbox);
        let (mut first, mut second) = (Sender::new(&outbox, pipe), Sender::new(&outbox, pipe));
        assert!(first.poll().is_pending() && second.poll().is_pending());
        write_all(&outbox, pipe);
        assert_eq!((first.rings(), second.rings()), (1, 0));
        first.gives_up();
        assert_eq!(second.rings(), 1);
        assert!(second.sent());
    }

    #[test]
    fn who_gives_up_in_the_line_leaves_no_trace() {
        let outbox = outbox(1, usize::MAX);
        let pipe = full(&outbox);
        let (mut first, mut second) = (Sender::new(&outbox, pipe), Sender::new(&outbox, pipe));
        assert!(first.poll().is_pending() && second.poll().is_pending());
        first.gives_up();
        write_all(&outbox, pipe);
        assert_eq!((first.rings(), second.rings()), (0, 1));
        assert!(second.sent());
    }

    #[test]
    fn one_that_needs_more_bytes_than_there_are_keeps_its_place() {
        let outbox = outbox(10, 12);
        let pipe = outbox.attach();
        outbox.online(pipe, None);
        assert!(Sender::new(&outbox, pipe).of_size(6).sent());
        let mut large = Sender::new(&outbox, pipe).of_size(6);
        let mut small = Sender::new(&outbox, pipe);
        assert!(large.poll().is_pending() && small.poll().is_pending());
        // Somebody made room for a message, but for none of this size.
        let batch = &mut Batch::default();
        assert!(outbox.poll_take(pipe, Waker::noop(), batch, false).is_ready());
        large.rings();
        assert!(large.poll().is_pending());
        batch
            .write(&mut Vec::new(), &Kernel)
            .expect("it takes everything");
        assert!(outbox.poll_take(pipe, Waker::noop(), batch, false).is_pending());
        assert!(large.rings() > 0);
        assert!(large.sent());
        assert_eq!(small.rings(), 1);
        assert!(small.sent());
    }

    #[test]
    fn the_end_of_a_pipe_wakes_all_who_wait_for_it_and_its_successor_knows_nothing_of_them() {
        let outbox = outbox(1, usize::MAX);
        let pipe = full(&outbox);
        let (mut comes, mut gives_up) = (Sender::new(&outbox, pipe), Sender::new(&outbox, pipe));
        assert!(comes.poll().is_pending() && gives_up.poll().is_pending());
        end(&outbox, pipe);
        assert_eq!((comes.rings(), gives_up.rings()), (1, 1));
        let next = full(&outbox);
        assert_eq!((next.slot, next == pipe), (pipe.slot, false));
        let mut waits = Sender::new(&outbox, next);
        assert!(waits.poll().is_pending());

        assert_eq!(comes.poll(), Poll::Ready(Err(Refusal::Gone)));
        comes.gives_up();
        gives_up.gives_up();
        assert_eq!(outbox.try_send_to(pipe, &[], &"x".into()), Err(Refusal::Gone));
        assert_eq!(waits.rings(), 0);
        write_all(&outbox, next);
        assert!(waits.sent());
    }

    #[test]
    fn a_pipe_that_is_about_to_end_takes_nothing_new() {
        let outbox = outbox(1, usize::MAX);
        let pipe = full(&outbox);
        let mut sender = Sender::new(&outbox, pipe);
        assert!(sender.poll().is_pending());
        outbox.retire(pipe);
        assert_eq!(sender.rings(), 1);
        write_all(&outbox, pipe);
        assert_eq!(sender.poll(), Poll::Ready(Err(Refusal::Gone)));
        assert_eq!(outbox.try_send_to(pipe, &[], &"x".into()), Err(Refusal::Gone));
        end(&outbox, pipe);
    }

    #[test]
    fn the_end_of_the_socket_wakes_all() {
        let outbox = outbox(1, usize::MAX);
        let pipe = full(&outbox);
        let (mut comes, mut gives_up) = (Sender::new(&outbox, pipe), Sender::new(&outbox, pipe));
        assert!(comes.poll().is_pending() && gives_up.poll().is_pending());
        outbox.close();
        assert_eq!((comes.rings(), gives_up.rings()), (1, 1));
        assert_eq!(comes.poll(), Poll::Ready(Err(Refusal::Closed)));
        comes.gives_up();
        gives_up.gives_up();
        assert_eq!(outbox.try_send_to(pipe, &[], &"x".into()), Err(Refusal::Closed));
    }

    #[test]
    fn a_sender_that_never_waits_lets_others_run_now_and_then() {
        let outbox = outbox(usize::MAX, usize::MAX);
        let pipe = outbox.attach();
        let mut sender = Sender::new(&outbox, pipe);
        let mut sent = 0;
        while sender.sent() {
            sent += 1;
        }
        assert!((1000..10_000).contains(&sent), "{sent}");
        assert_eq!(sender.rings(), 1);
        assert!(sender.sent());
    }
}
