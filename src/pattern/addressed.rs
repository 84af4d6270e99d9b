//! Sending to the peer that is named, and telling who sent.
//!
//! ```text
//!  routing id ──▶ hint: a pipe, if it came with a message ──still there──▶ that pipe
//!           └──▶ names: by bytes ───────────────────────────────────────▶ the pipe of whoever has it now
//! ```
//!
//! A name belongs to a pipe, from the first handshake to the end of the pipe; so it goes over reconnects where the pipe
//! is an endpoint's. Two pipes never have the same one. A peer that claims a name which another has is refused, or
//! takes it over, if the socket hands names over and nothing speaks against it:
//!
//! * the other is a peer that came to us: the name of an endpoint that we connected to is its for as long as that stays;
//! * both were shown to be the same, or nobody asked either.
//!
//! Who claims none is given one: a zero byte, which no claimed name begins with, and a number that counts up.
//!
//! Here are the rules, in [`Names`], and an outbox that is asked by name. The start of the numbers comes from outside.

use std::collections::BTreeMap;
use std::task::{Poll, Waker};

use super::RoutingId;
use crate::message::{Frame, Payload};
use crate::pipe::{
    AimedTicket, Batch, Claimant, Line, NameTaken, Newcomer, Outbox, OutboxConfig, Outgoing, PipeId,
    Principal, Refusal, Share, Unsent, Welcome,
};
use crate::stats::{Counters, DropReason, Load};
use crate::sync::Mutex;

/// How peers are addressed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AddressedConfig {
    pub(crate) outbox: OutboxConfig,
    /// A newcomer takes over the name that it claims.
    pub(crate) handover: bool,
    /// A message that cannot go is given back, or waits; else it is dropped and counted.
    pub(crate) mandatory: bool,
    /// The first number of a generated name.
    pub(crate) first: u32,
}

/// The outgoing side of a socket whose peers have names.
#[derive(Debug)]
pub(crate) struct Addressed {
    outbox: Outbox,
    mandatory: bool,
    names: Mutex<Names>,
}

impl Addressed {
    pub(crate) fn new(config: AddressedConfig) -> Self {
        Self {
            outbox: Outbox::new(config.outbox),
            mandatory: config.mandatory,
            names: Mutex::new(Names {
                handover: config.handover,
                next: config.first,
                ..Names::default()
            }),
        }
    }

    /// With pipes that draw on a budget.
    pub(crate) fn with_share(mut self, share: Option<Share>) -> Self {
        self.outbox = self.outbox.with_share(share);
        self
    }

    /// Changes the high-water mark in messages, of pipes that there are too.
    pub(crate) fn set_mark(&self, messages: usize) {
        self.outbox.set_mark(messages);
    }

    /// Sends to the peer of this name, or waits for room there.
    pub(crate) fn poll_send(
        &self,
        to: &RoutingId,
        waker: &Waker,
        ticket: &mut AimedTicket,
        payload: &Payload<'_>,
    ) -> Poll<Result<(), Refusal>> {
        let first = ticket.pipe.or(to.hint());
        let mut send = |pipe| {
            ticket.pipe = Some(pipe);
            if self.mandatory {
                self.outbox
                    .poll_send_to(pipe, waker, &mut ticket.ticket, &[], payload)
            } else {
                self.outbox.poll_give(pipe, waker, ticket, payload)
            }
        };
        let (pipe, sent) = match first.map(|pipe| (Some(pipe), send(pipe))) {
            Some(sent) if !matches!(sent.1, Poll::Ready(Err(Refusal::Gone))) => sent,
            // The line that it stood in, if in any, has ended with its pipe.
            _ => match self.find(to) {
                Some(pipe) => (Some(pipe), send(pipe)),
                None => (None, Poll::Ready(Err(self.outbox.refusal()))),
            },
        };
        sent.map(|sent| self.judge(pipe, payload, sent))
    }

    /// The same at once.
    pub(crate) fn try_send(&self, to: &RoutingId, payload: &Payload<'_>) -> Result<(), Refusal> {
        let (pipe, sent) = match to
            .hint()
            .map(|pipe| (Some(pipe), self.outbox.try_send_to(pipe, &[], payload)))
        {
            Some(sent) if sent.1 != Err(Refusal::Gone) => sent,
            _ => match self.find(to) {
                Some(pipe) => (Some(pipe), self.outbox.try_send_to(pipe, &[], payload)),
                None => (None, Err(self.outbox.refusal())),
            },
        };
        self.judge(pipe, payload, sent)
    }

    /// Counts a message that waited, and is dropped because nobody waits any more.
    pub(crate) fn give_up(&self, to: &RoutingId, payload: &Payload<'_>) {
        let pipe = self.find(to);
        let reason = match pipe {
            Some(_) => DropReason::Hwm,
            None => DropReason::NoPeer,
        };
        self.outbox.count_dropped(pipe, payload, reason);
    }

    /// What becomes of a message that was not taken.
    #[inline]
    fn judge(
        &self,
        pipe: Option<PipeId>,
        payload: &Payload<'_>,
        sent: Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let reason = match sent {
            Err(Refusal::Full) if !self.mandatory => DropReason::Hwm,
            Err(Refusal::Gone) if !self.mandatory => DropReason::NoPeer,
            sent => return sent,
        };
        self.outbox.count_dropped(pipe, payload, reason);
        Ok(())
    }

    /// A send was given up while it waited.
    pub(crate) fn leave(&self, ticket: &mut AimedTicket) {
        if let Some(pipe) = ticket.pipe {
            self.outbox.leave_line_of(pipe, &mut ticket.ticket);
        }
    }

    /// Who has this name now.
    pub(crate) fn find(&self, id: &[u8]) -> Option<PipeId> {
        self.names.lock().by_id.get(id).copied()
    }

    /// Who sends through this lane; also after it has left, until the lane is used again.
    #[inline]
    pub(crate) fn sender(&self, lane: PipeId) -> Option<RoutingId> {
        self.names.lock().sender(lane)
    }

    /// Opens the pipe of an endpoint whose peer is known by this name whatever it says.
    pub(crate) fn attach_as(&self, id: &RoutingId) -> Result<PipeId, NameTaken> {
        let pipe = self.outbox.attach();
        let named = self.names.lock().give(pipe, id.frame().clone());
        if named.is_err() {
            self.outbox.detach(pipe, DropReason::PipeClosed);
        }
        named.map(|()| pipe)
    }
}

impl Claimant for Addressed {
    fn handle_room(&self) {
        self.outbox.handle_room();
    }
}

impl Outgoing for Addressed {
    fn attach(&self) -> PipeId {
        self.outbox.attach()
    }

    fn introduce(&self, pipe: PipeId, who: Newcomer<'_>) -> Result<Welcome, NameTaken> {
        let welcome = self.names.lock().introduce(pipe, who)?;
        if let Some(displaced) = welcome.displaced {
            self.outbox.retire(displaced);
        }
        Ok(welcome)
    }

    fn greet(&self, pipe: PipeId, frames: &[u8]) {
        self.outbox.greet(pipe, frames);
    }

    fn online(&self, pipe: PipeId, line: Option<Line>) {
        self.outbox.online(pipe, line);
    }

    fn poll_take(&self, pipe: PipeId, waker: &Waker, batch: &mut Batch, claim: bool) -> Poll<()> {
        self.outbox.poll_take(pipe, waker, batch, claim)
    }

    fn progress(&self, pipe: PipeId, batch: &mut Batch) {
        self.outbox.progress(pipe, batch);
    }

    fn handle_blocked(&self, pipe: PipeId) {
        self.outbox.handle_blocked(pipe);
    }

    fn poll_offline(&self, pipe: PipeId, waker: &Waker, batch: &mut Batch) -> Poll<()> {
        self.outbox.poll_offline(pipe, waker, batch)
    }

    fn retire(&self, pipe: PipeId) {
        self.outbox.retire(pipe);
    }

    fn detach(&self, pipe: PipeId, reason: DropReason) -> Unsent {
        self.names.lock().forget(pipe);
        self.outbox.detach(pipe, reason)
    }

    fn alive(&self, pipe: PipeId) -> u64 {
        self.outbox.alive(pipe)
    }

    fn queued(&self, pipe: PipeId) -> Load {
        self.outbox.queued(pipe)
    }

    fn counters(&self, pipe: PipeId) -> Option<Counters> {
        self.outbox.counters(pipe)
    }

    fn totals(&self) -> (Counters, Load) {
        self.outbox.totals()
    }

    fn close(&self) {
        self.outbox.close();
    }
}

/// Who has which name.
#[derive(Debug, Default)]
struct Names {
    handover: bool,
    next: u32,
    by_id: BTreeMap<Frame, PipeId>,
    /// By the slots of their pipes.
    holders: Vec<Option<Holder>>,
    /// By the slots of lanes, until a slot is used again: a message may be read after its peer has left.
    senders: Vec<Option<(PipeId, RoutingId)>>,
}

/// A pipe that has a name.
#[derive(Debug)]
struct Holder {
    pipe: PipeId,
    id: Frame,
    principal: Principal,
    /// The name cannot be taken over.
    keeps: bool,
}

impl Names {
    /// A peer says who it is.
    fn introduce(&mut self, pipe: PipeId, who: Newcomer<'_>) -> Result<Welcome, NameTaken> {
        let mut displaced = None;
        let id = match self.holder(pipe) {
            // What else it calls itself is of no interest: whoever sends to this name means this endpoint.
            Some(holder) => holder.id.clone(),
            None => {
                let id = if who.name.is_empty() {
                    self.generate()
                } else {
                    Frame::from(who.name)
                };
                displaced = self.by_id.get(&id).copied();
                if let Some(other) = displaced {
                    if !self.may_take_over(other, &who.principal) {
                        return Err(NameTaken);
                    }
                    self.forget(other);
                }
                self.hold(Holder {
                    pipe,
                    id: id.clone(),
                    principal: who.principal,
                    keeps: who.outlives,
                });
                id
            }
        };
        if let Some(lane) = who.lane {
            put(&mut self.senders, lane, (lane, RoutingId::new(id.clone(), pipe)));
        }
        Ok(Welcome {
            name: Some(id.into_bytes()),
            displaced,
        })
    }

    /// Names a pipe of which nobody has heard yet.
    fn give(&mut self, pipe: PipeId, id: Frame) -> Result<(), NameTaken> {
        if self.by_id.contains_key(&id) {
            return Err(NameTaken);
        }
        self.hold(Holder {
            pipe,
            id,
            principal: Principal::Anybody,
            keeps: true,
        });
        Ok(())
    }

    fn may_take_over(&self, other: PipeId, principal: &Principal) -> bool {
        self.handover
            && *principal != Principal::Unnamed
            && self
                .holder(other)
                .is_some_and(|holder| !holder.keeps && holder.principal == *principal)
    }

    /// A name that nobody has. Numbers come again after four thousand millions of them, if nobody has them then.
    fn generate(&mut self) -> Frame {
        loop {
            let [a, b, c, d] = self.next.to_be_bytes();
            self.next = self.next.wrapping_add(1);
            let id = Frame::copy_from_slice(&[0, a, b, c, d]);
            if !self.by_id.contains_key(&id) {
                return id;
            }
        }
    }

    fn hold(&mut self, holder: Holder) {
        self.by_id.insert(holder.id.clone(), holder.pipe);
        put(&mut self.holders, holder.pipe, holder);
    }

    fn holder(&self, pipe: PipeId) -> Option<&Holder> {
        let holder = self.holders.get(pipe.index())?.as_ref()?;
        (holder.pipe == pipe).then_some(holder)
    }

    /// This pipe has no name any more.
    fn forget(&mut self, pipe: PipeId) {
        if self.holder(pipe).is_some()
            && let Some(holder) = self.holders.get_mut(pipe.index()).and_then(Option::take)
        {
            self.by_id.remove(&holder.id);
        }
    }

    fn sender(&self, lane: PipeId) -> Option<RoutingId> {
        let (of, sender) = self.senders.get(lane.index())?.as_ref()?;
        (*of == lane).then(|| sender.clone())
    }
}

/// Puts something into the slot of a pipe.
fn put<T>(slots: &mut Vec<Option<T>>, pipe: PipeId, what: T) {
    if slots.len() <= pipe.index() {
        slots.resize_with(pipe.index() + 1, || None);
    }
    slots[pipe.index()] = Some(what);
}

#[cfg(test)]
mod tests;
