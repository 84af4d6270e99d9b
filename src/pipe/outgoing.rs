//! The outgoing logs of one socket, under one lock, and the senders that wait for room in them.
//!
//! A send locks once: it takes the pipe whose turn it is (or the one it was told), appends, counts in plain
//! fields, and is done. Only when the line is idle does it unlock, write itself, and lock again. All waiting
//! comes before the append and the append is the last thing that a send does, so a pending send has queued
//! nothing. A driver that makes room takes the waiters in the same critical section, so no wake-up is lost.

mod aimed;
mod asking;
mod budgeted;
mod looking;
mod named;
mod permits;
mod rerouting;
mod spell;
mod stretch;

use std::mem;
use std::task::{Poll, Waker, ready};

pub(crate) use aimed::AimedTicket;
use asking::Asked;
pub(crate) use asking::Fate;
use spell::Spell;
use stretch::Stretch;

use super::log::Stranded;
use super::{Batch, Line, Log, Marks, Next, Outgoing, PipeId, Ration, Share, Ticket, Turn, Unsent, Waiters};
use crate::message::Payload;
use crate::runtime;
use crate::stats::{Counters, DropReason, Load};
use crate::sync::{Mutex, MutexGuard};

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No pipe, or no room in any; or in the one that was named.
    Full,
    /// The pipe that was named has ended.
    Gone,
    /// The socket is closed.
    Closed,
}

/// How the logs of one socket are filled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutboxConfig {
    pub(crate) marks: Marks,
    /// Owned payloads from this size on are queued by reference.
    pub(crate) share_from: usize,
    /// Keep only the newest message.
    pub(crate) conflate: bool,
    /// What waits for a peer that is lost goes to another.
    pub(crate) reroute: bool,
}

#[cfg(test)]
impl OutboxConfig {
    /// With these marks, and nothing else that matters.
    pub(crate) fn with_marks(messages: usize, bytes: usize) -> Self {
        Self {
            marks: Marks { messages, bytes },
            share_from: usize::MAX,
            conflate: false,
            reroute: false,
        }
    }
}

/// A sender's place in the line for room.
pub(crate) type SendTicket = Ticket;

/// The outgoing side of one socket.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Taken by [`lock`](Self::lock), but for sends that [go on](stretch).
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    config: OutboxConfig,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Slots of the pipes in the order in which they take turns.
    ring: Vec<u32>,
    turn: usize,
    waiters: Waiters,
    spell: Spell,
    stretch: Stretch,
    ration: Ration,
    /// Of the budgets that these pipes draw on, if there are any.
    share: Option<Share>,
    closed: bool,
    /// The last request, if this socket asks.
    asked: Option<Asked>,
    /// What waited for peers that are lost, and finds no room at the others.
    stranded: Stranded,
    /// Counters of pipes that have ended.
    ended: Counters,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    log: Option<Log>,
    /// It is about to end: nothing new goes into it.
    retired: bool,
    /// Those who wait for room in this very pipe.
    waiters: Waiters,
}

impl Outbox {
    pub(crate) fn new(config: OutboxConfig) -> Self {
        let state = State {
            config,
            slots: Vec::new(),
            free: Vec::new(),
            ring: Vec::new(),
            turn: 0,
            waiters: Waiters::default(),
            spell: Spell::default(),
            stretch: Stretch::NONE,
            ration: Ration::default(),
            share: None,
            closed: false,
            asked: None,
            stranded: Stranded::default(),
            ended: Counters::default(),
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// Changes the high-water mark in messages, of pipes that there are too: whoever waits and has room now is woken. What is
    /// queued beyond a lower one stays.
    pub(crate) fn set_mark(&self, messages: usize) {
        let mut state = self.lock();
        state.config.marks.messages = messages;
        let heirs = state.grant_all();
        drop(state);
        heirs.into_iter().for_each(Waker::wake);
    }

    /// Sends to the pipe whose turn it is, or waits until one has room.
    #[inline]
    pub(crate) fn poll_send(
        &self,
        waker: &Waker,
        ticket: &mut SendTicket,
        envelope: &[u8],
        payload: &Payload<'_>,
    ) -> Poll<Result<PipeId, Refusal>> {
        self.poll_put(waker, ticket, envelope, payload, |_, _| ())
    }

    /// [`poll_send`](Self::poll_send), and a note taken under the same lock.
    #[inline]
    fn poll_put(
        &self,
        waker: &Waker,
        ticket: &mut SendTicket,
        envelope: &[u8],
        payload: &Payload<'_>,
        note: impl FnOnce(&mut State, PipeId),
    ) -> Poll<Result<PipeId, Refusal>> {
        let bytes = envelope.len() + payload.wire_len();
        let mut state = self.state.lock();
        if let Some(slot) = state.stretch.take(bytes) {
            let pipe = state.put(slot, envelope, payload, bytes);
            note(&mut state, pipe);
            return Poll::Ready(Ok(pipe));
        }
        state.stretch = Stretch::NONE;
        self.poll_look_and_put(state, waker, ticket, envelope, payload, note)
    }

    /// The same if nothing is known of the room. Apart, so that what is done for most messages stays small.
    #[inline(never)]
    fn poll_look_and_put(
        &self,
        mut state: MutexGuard<'_, State>,
        waker: &Waker,
        ticket: &mut SendTicket,
        envelope: &[u8],
        payload: &Payload<'_>,
        note: impl FnOnce(&mut State, PipeId),
    ) -> Poll<Result<PipeId, Refusal>> {
        if state.closed {
            return Poll::Ready(Err(Refusal::Closed));
        }
        let turn = ready!(state.waiters.poll_turn(ticket, waker));
        if !turn.was_granted() && state.spell_is_over() {
            // Before the append, so that a pending send has queued nothing.
            drop(state);
            waker.wake_by_ref();
            return Poll::Pending;
        }
        let bytes = envelope.len() + payload.wire_len();
        let Some(slot) = state.choose_paced(bytes) else {
            state.spell.begin();
            state.waiters.wait_on(turn, ticket, waker);
            return Poll::Pending;
        };
        let pipe = state.put(slot, envelope, payload, bytes);
        note(&mut state, pipe);
        let next = state.next(slot);
        let heir = state.pass_on(turn);
        state.begin_stretch(slot);
        drop(state);
        self.carry_out(slot, next);
        if let Some(heir) = heir {
            heir.wake();
        }
        Poll::Ready(Ok(pipe))
    }

    /// Sends without waiting; those who wait are not overtaken.
    pub(crate) fn try_send(&self, envelope: &[u8], payload: &Payload<'_>) -> Result<PipeId, Refusal> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refusal::Closed);
        }
        if !state.waiters.is_empty() {
            return Err(Refusal::Full);
        }
        let bytes = envelope.len() + payload.wire_len();
        let slot = state.choose(bytes).ok_or(Refusal::Full)?;
        Ok(self.append(state, slot, envelope, payload, bytes))
    }

    /// A send was given up while it waited.
    pub(crate) fn leave(&self, ticket: &mut SendTicket) {
        if !ticket.is_waiting() {
            return;
        }
        let mut state = self.lock();
        let heir = state.waiters.give_up(ticket);
        drop(state);
        if let Some(heir) = heir {
            heir.wake();
        }
    }

    /// Appends where there is room, releases the lock, and does what is left to do.
    #[inline]
    fn append(
        &self,
        mut state: MutexGuard<'_, State>,
        slot: u32,
        envelope: &[u8],
        payload: &Payload<'_>,
        bytes: usize,
    ) -> PipeId {
        let pipe = state.put(slot, envelope, payload, bytes);
        let next = state.next(slot);
        drop(state);
        self.carry_out(slot, next);
        pipe
    }

    /// Does what an append left to do, the lock released.
    #[inline]
    fn carry_out(&self, slot: u32, next: Next) {
        match next {
            Next::Done => {}
            Next::Wake(driver) => driver.wake(),
            Next::Write(batch, line) => self.write(slot, batch, &line),
        }
    }

    /// The sender writes itself.
    fn write(&self, slot: u32, mut batch: Batch, line: &Line) {
        line.carry(&mut batch);
        let mut state = self.lock();
        state.ration.wrote(runtime::now());
        // The slot cannot have changed hands: a log does not go offline while a sender writes.
        let Some(log) = state.slots[slot as usize].log.as_mut() else {
            return;
        };
        let driver = log.sender_wrote(batch);
        let waiters = state.grant(slot);
        drop(state);
        driver.into_iter().chain(waiters).for_each(Waker::wake);
    }
}

impl State {
    fn log(&mut self, pipe: PipeId) -> Option<&mut Log> {
        let slot = self.slots.get_mut(pipe.index())?;
        if slot.generation == pipe.generation {
            slot.log.as_mut()
        } else {
            None
        }
    }

    /// Whether the senders have had their spell; if so, the next one begins.
    #[inline]
    fn spell_is_over(&mut self) -> bool {
        self.spell.is_over(self.ring.len())
    }

    /// The pipe whose turn it is, full ones skipped. The turn goes on to the next.
    #[inline]
    fn choose(&mut self, bytes: usize) -> Option<u32> {
        self.choose_of(bytes, |_, _| true)
    }

    /// The same for one who can wait: those skipped too that have as much as keeps their lines busy.
    #[inline]
    fn choose_paced(&mut self, bytes: usize) -> Option<u32> {
        self.choose_of(bytes, Log::keeps_pace)
    }

    #[inline]
    fn choose_of(&mut self, bytes: usize, wanted: impl Fn(&Log, usize) -> bool) -> Option<u32> {
        let config = self.config;
        for _ in 0..self.ring.len() {
            if self.turn >= self.ring.len() {
                self.turn = 0;
            }
            let slot = self.ring[self.turn];
            self.turn += 1;
            let (log, share) = (&self.slots[slot as usize].log, self.share.as_mut());
            let promised = self.waiters.granted();
            if log.as_ref().is_some_and(|log| {
                config.conflate
                    || wanted(log, promised) && log.admits_within(config.marks, promised, bytes, share)
            }) {
                return Some(slot);
            }
        }
        None
    }

    /// This pipe's turn does not come any more.
    fn leave_ring(&mut self, slot: u32) {
        if let Some(at) = self.ring.iter().position(|other| *other == slot) {
            self.ring.remove(at);
            if at < self.turn {
                self.turn -= 1;
            }
        }
    }

    /// Whoever waited and leaves room behind passes it on: no room is left idle while somebody waits.
    #[inline]
    fn pass_on(&mut self, turn: Turn) -> Option<Waker> {
        if turn.was_granted() && self.has_room() {
            self.waiters.grant()
        } else {
            None
        }
    }

    /// Whether there is room for somebody who waits.
    fn has_room(&mut self) -> bool {
        !self.waiters.is_empty() && self.any_has_room()
    }

    fn any_has_room(&mut self) -> bool {
        let config = self.config;
        let (slots, share) = (&self.slots, &mut self.share);
        let mut logs = self
            .ring
            .iter()
            .filter_map(|slot| slots[*slot as usize].log.as_ref());
        let promised = self.waiters.granted();
        logs.any(|log| {
            config.conflate
                || log.keeps_pace(promised) && log.admits_within(config.marks, promised, 0, share.as_mut())
        })
    }

    #[inline]
    fn put(&mut self, slot: u32, envelope: &[u8], payload: &Payload<'_>, bytes: usize) -> PipeId {
        self.spell.count(bytes);
        let place = &mut self.slots[slot as usize];
        if let Some(log) = &mut place.log {
            if self.config.conflate {
                log.conflate();
            }
            log.append(envelope, payload, self.config.share_from);
            if let Some(share) = &mut self.share {
                log.settle_append(share);
            }
        }
        PipeId {
            slot,
            generation: place.generation,
        }
    }

    /// What the sender does after its append.
    #[inline]
    fn next(&mut self, slot: u32) -> Next {
        let ration = &mut self.ration;
        let Some(log) = &mut self.slots[slot as usize].log else {
            return Next::Done;
        };
        log.after_append(|| ration.meet_idle(runtime::now()))
    }

    /// Gives the room in one pipe to those who wait: first to those who wait for this very one.
    fn grant(&mut self, slot: u32) -> Vec<Waker> {
        let mut heirs = self.settle(slot);
        heirs.extend(self.take_over(slot));
        let place = &mut self.slots[slot as usize];
        if self.waiters.is_empty() && place.waiters.is_empty() {
            return heirs;
        }
        let Some(log) = &place.log else { return heirs };
        // Each waiter is counted as one message, those too who were granted and have not come yet: else these would
        // find their room promised to others. Whoever finds no room for its bytes waits on in its place.
        let mut promised = self.waiters.granted() + place.waiters.granted();
        while log.admits_within(self.config.marks, promised, 0, self.share.as_mut()) {
            // Who waits for this very pipe waits at its marks.
            let others = || match log.keeps_pace(promised) {
                true => self.waiters.grant(),
                false => None,
            };
            let Some(heir) = place.waiters.grant().or_else(others) else {
                break;
            };
            heirs.push(heir);
            promised += 1;
        }
        heirs
    }
}

impl Outgoing for Outbox {
    fn attach(&self) -> PipeId {
        let mut state = self.lock();
        let slot = state.free.pop().unwrap_or_else(|| {
            state.slots.push(Slot::default());
            (state.slots.len() - 1) as u32
        });
        let place = &mut state.slots[slot as usize];
        place.generation = place.generation.wrapping_add(1);
        place.log = Some(Log::new());
        place.retired = false;
        let pipe = PipeId {
            slot,
            generation: place.generation,
        };
        state.ring.push(pipe.slot);
        let heirs = state.grant(pipe.slot);
        drop(state);
        heirs.into_iter().for_each(Waker::wake);
        pipe
    }

    fn greet(&self, pipe: PipeId, frames: &[u8]) {
        let mut state = self.lock();
        if let Some(log) = state.log(pipe) {
            log.greet(frames);
            let calls = state.settle(pipe.slot);
            debug_assert!(calls.is_empty(), "nothing has left");
        }
    }

    fn online(&self, pipe: PipeId, line: Option<Line>) {
        if let Some(log) = self.lock().log(pipe) {
            log.online(line);
        }
    }

    fn poll_take(&self, pipe: PipeId, waker: &Waker, batch: &mut Batch, claim: bool) -> Poll<()> {
        let mut state = self.lock();
        let Some(log) = state.log(pipe) else {
            return Poll::Pending;
        };
        let taken = log.driver_takes(waker, batch, claim);
        let heirs = state.grant(pipe.slot);
        drop(state);
        heirs.into_iter().for_each(Waker::wake);
        taken
    }

    fn progress(&self, pipe: PipeId, batch: &mut Batch) {
        let mut state = self.lock();
        let Some(log) = state.log(pipe) else { return };
        log.progress(batch);
        let heirs = state.grant(pipe.slot);
        drop(state);
        heirs.into_iter().for_each(Waker::wake);
    }

    fn handle_blocked(&self, pipe: PipeId) {
        if let Some(log) = self.lock().log(pipe) {
            log.handle_blocked();
        }
    }

    fn pace(&self, pipe: PipeId) -> bool {
        let mut state = self.lock();
        state.log(pipe).map(Log::pace).is_some()
    }

    fn handle_stalled(&self, pipe: PipeId) {
        let mut state = self.lock();
        let Some(log) = state.log(pipe) else { return };
        log.handle_stalled();
        let heirs = state.grant(pipe.slot);
        drop(state);
        heirs.into_iter().for_each(Waker::wake);
    }

    fn poll_offline(&self, pipe: PipeId, waker: &Waker, batch: &mut Batch) -> Poll<()> {
        let mut state = self.lock();
        let Some(log) = state.log(pipe) else {
            return Poll::Ready(());
        };
        let offline = log.offline(waker, batch);
        let heirs = state.grant(pipe.slot);
        drop(state);
        heirs.into_iter().for_each(Waker::wake);
        offline
    }

    fn retire(&self, pipe: PipeId) {
        let mut state = self.lock();
        if state.log(pipe).is_none() {
            return;
        }
        state.leave_ring(pipe.slot);
        let waiters = state.retire(pipe.slot);
        drop(state);
        waiters.into_iter().for_each(Waker::wake);
    }

    fn detach(&self, pipe: PipeId, reason: DropReason) -> Unsent {
        let mut state = self.lock();
        let Some(mut log) = state.log(pipe).map(|log| mem::replace(log, Log::new())) else {
            return Unsent::default();
        };
        state.slots[pipe.index()].log = None;
        if !state.end_asked(pipe, &mut log) {
            state.free.push(pipe.slot);
        }
        state.leave_ring(pipe.slot);
        let mut wakers = state.reroute(&mut log, reason);
        let unsent = log.end(reason);
        state.ended += log.counters();
        wakers.extend(state.settle_ended(&mut log));
        wakers.extend(state.retire(pipe.slot));
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        unsent
    }

    fn alive(&self, pipe: PipeId) -> u64 {
        self.lock().log(pipe).map_or(0, Log::alive)
    }

    fn queued(&self, pipe: PipeId) -> Load {
        self.lock().log(pipe).map(|log| log.load()).unwrap_or_default()
    }

    fn counters(&self, pipe: PipeId) -> Option<Counters> {
        self.lock().log(pipe).map(|log| log.counters())
    }

    fn totals(&self) -> (Counters, Load) {
        let state = self.lock();
        let mut sum = (state.ended, state.stranded.load());
        sum.0.accepted += state.stranded.load();
        for log in state.slots.iter().filter_map(|slot| slot.log.as_ref()) {
            sum.0 += log.counters();
            sum.1 += log.load();
        }
        sum
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let mut waiters = state.waiters.grant_all();
        for place in &mut state.slots {
            waiters.extend(place.waiters.grant_all());
        }
        drop(state);
        waiters.into_iter().for_each(Waker::wake);
    }
}
