//! What the session has to tell, and what a subscriber tells its publishers.

use std::task::Context;

use super::{Connection, Phase};
use crate::driver::question::Question;
use crate::driver::{Asks, Incoming, Link, PeerCounters};
use crate::monitor::{DisconnectReason, Event};
use crate::peer::{Peer, PeerInfo};
use crate::pipe::{Line, Newcomer, Principal};
use crate::runtime;
use crate::session::{Introduction, SessionEvent};

impl Connection {
    pub(super) fn take_events(&mut self) -> Result<(), DisconnectReason> {
        while let Some(event) = self.session.poll_event() {
            match event {
                SessionEvent::Ask(credentials) => {
                    let question = Question::ask(&self.shared, &self.endpoint, &self.stream, credentials);
                    self.question = Some(question);
                }
                SessionEvent::Invited => self.sit_down()?,
                SessionEvent::Established(introduction) => {
                    if self.ticket.as_mut().is_some_and(|ticket| !ticket.establish()) {
                        self.session.fall_silent();
                        return Err(DisconnectReason::Evicted);
                    }
                    self.sit_down()?;
                    self.enter_traffic(introduction)?;
                }
                SessionEvent::Subscribe(topic) => self.take_wish(Asks::Topics, true, topic)?,
                SessionEvent::Cancel(topic) => self.take_wish(Asks::Topics, false, topic)?,
                SessionEvent::Join(group) => self.take_wish(Asks::Groups, true, group)?,
                SessionEvent::Leave(group) => self.take_wish(Asks::Groups, false, group)?,
                SessionEvent::Pong(context) => self.pass_barrier(&context),
            }
        }
        Ok(())
    }

    /// The peer that was accepted is about to be told that it may send, and there may be no seat for it. Then it is told
    /// nothing, an ERROR least of all: that would be a refusal for good, and it is to come again.
    fn sit_down(&mut self) -> Result<(), DisconnectReason> {
        if self.ticket.is_none() || self.seat.is_some() {
            return Ok(());
        }
        self.seat = self.shared.seats.take();
        if self.seat.is_none() {
            self.session.fall_silent();
            return Err(DisconnectReason::Occupied);
        }
        Ok(())
    }

    fn enter_traffic(&mut self, introduction: Introduction) -> Result<(), DisconnectReason> {
        let traffic = &self.shared.traffic;
        if let Incoming::Messages(inbox) = &traffic.incoming {
            self.lane = Some(inbox.attach_after(self.lane_before));
        }
        if let Some(outgoing) = &traffic.outgoing {
            self.outgoing.get_or_insert_with(|| outgoing.attach());
        }
        let user_id = introduction.user_id.as_deref();
        let who = Newcomer {
            name: &introduction.routing_id,
            principal: principal(introduction.mechanism, user_id),
            lane: self.lane,
            outlives: self.keeps_pipe,
        };
        let named = self.shared.introduce(self.outgoing, who);
        // Refused, it is told nothing either.
        let routing_id = named.inspect_err(|_| self.session.fall_silent())?;
        self.phase = Phase::Traffic;
        self.established = Some(runtime::now());
        if let Some(interest) = &traffic.interest {
            self.interest = Some((interest.attach(), u64::MAX));
        }
        let counters = PeerCounters::new(&self.shared, self.outgoing, self.lane);
        let peer = Peer::new(PeerInfo {
            id: self.shared.peers.next_id(),
            endpoint: self.endpoint.clone(),
            address: self.stream.peer_address().into(),
            process: self.stream.peer_process(),
            kind: introduction.kind,
            routing_id,
            number: traffic.number(self.outgoing),
            version: introduction.version,
            mechanism: introduction.mechanism,
            user_id: introduction.user_id.map(Into::into),
            metadata: introduction
                .metadata
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
            counters: counters.clone(),
        });
        let control = self.control.clone();
        let link = Link {
            peer,
            outgoing: self.outgoing,
            incoming: self.lane,
            control,
            counters,
        };
        self.link = Some(link.clone());
        self.shared.peers.add(link.clone());
        self.respelling = self.session.spelling().map(|_| Box::default());
        // Where frames are spelled in another way, senders have no line to write on themselves.
        let line = match self.respelling {
            None => Some(Line::Stream(self.writer.clone())),
            Some(_) => None,
        };
        self.shared.welcome(self.outgoing, self.lane);
        // Not before it can be found: whoever gives up a request of which bytes have left must reach its connection.
        if let (Some(outgoing), Some(pipe)) = (&traffic.outgoing, self.outgoing) {
            outgoing.online(pipe, line);
        }
        self.begin_pacing();
        self.shared.events.emit(|| Event::HandshakeDone {
            peer: link.peer.clone(),
        });
        if let Some(announce) = self.announce.take() {
            let _ = announce.send(Ok(link.peer));
        }
        Ok(())
    }

    /// Tells a publisher what has changed in what we want to hear.
    pub(super) fn run_errand(&mut self, cx: &mut Context<'_>) {
        let (Some(interest), Some((key, seen))) = (&self.shared.traffic.interest, &mut self.interest) else {
            return;
        };
        let Some(errand) = interest.poll_errand(*key, cx.waker(), seen) else {
            return;
        };
        for change in errand.changes {
            match (self.shared.config.asks, change.subscribe) {
                (Asks::Topics, true) => self.session.subscribe(&change.prefix),
                (Asks::Topics, false) => self.session.cancel(&change.prefix),
                (Asks::Groups, true) => self.session.join(&change.prefix),
                (Asks::Groups, false) => self.session.leave(&change.prefix),
            }
        }
        if let Some(barrier) = errand.barrier
            && !self.session.ping(&barrier.to_be_bytes())
        {
            self.written_barrier = Some(barrier);
            self.pass_written_barrier();
        }
    }

    /// All that was ordered before it may have been written long ago.
    pub(super) fn pass_written_barrier(&mut self) {
        if self.has_said_all()
            && let Some(barrier) = self.written_barrier.take()
        {
            self.pass_barrier(&barrier.to_be_bytes());
        }
    }

    fn pass_barrier(&mut self, context: &[u8]) {
        if let (Some(interest), Some((key, _))) = (&self.shared.traffic.interest, self.interest)
            && let Ok(barrier) = context.try_into()
        {
            interest.passed(key, u64::from_be_bytes(barrier));
        }
    }
}

/// Who the peer has been shown to be.
fn principal(mechanism: &str, user_id: Option<&str>) -> Principal {
    match user_id {
        Some(user) => Principal::Named(user.into()),
        None if mechanism == "NULL" => Principal::Anybody,
        None => Principal::Unnamed,
    }
}
