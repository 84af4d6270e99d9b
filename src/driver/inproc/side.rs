//! One socket at its end of a link: what is attached there, and given back.

use std::sync::Arc;

use bytes::Bytes;

use crate::driver::dialer::Dialer;
use crate::driver::{Incoming, Shared};
use crate::monitor::DisconnectReason;
use crate::pipe::{Line, Newcomer, PipeId, Principal};
use crate::stats::DropReason;

/// One socket and its ends of the two pipes of a link.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub(super) shared: Arc<Shared>,
    pub(super) outgoing: Option<PipeId>,
    pub(super) lane: Option<PipeId>,
    /// The outgoing pipe is the endpoint's and outlives this link.
    pub(super) keeps_pipe: bool,
    /// It has connected; the other one was bound.
    pub(super) dials: bool,
}

impl Side {
    /// One that was bound, and is connected to.
    pub(super) fn of_bound(shared: &Arc<Shared>) -> Self {
        Self::attach(shared, None, None, false)
    }

    /// A connecting endpoint: its outgoing pipe, if it queues before it is connected, and the lane that is read before
    /// what comes now.
    pub(super) fn of_dialer(dialer: &Dialer) -> Self {
        Self::attach(&dialer.shared, dialer.pipe, dialer.lane, true)
    }

    fn attach(shared: &Arc<Shared>, pipe: Option<PipeId>, before: Option<PipeId>, dials: bool) -> Self {
        let traffic = &shared.traffic;
        let attach = || traffic.outgoing.as_ref().map(|outgoing| outgoing.attach());
        let lane = match &traffic.incoming {
            Incoming::Messages(inbox) => Some(inbox.attach_after(before)),
            Incoming::Nothing => None,
        };
        Self {
            shared: shared.clone(),
            outgoing: pipe.or_else(attach),
            lane,
            keeps_pipe: pipe.is_some(),
            dials,
        }
    }

    /// The other side says who it is: the name by which it goes here.
    pub(super) fn introduce(&self, other: &Self) -> Result<Bytes, DisconnectReason> {
        let who = Newcomer {
            name: &other.shared.config.session.routing_id,
            principal: Principal::Anybody,
            lane: self.lane,
            outlives: self.keeps_pipe,
        };
        self.shared.introduce(self.outgoing, who)
    }

    /// Gives back what was attached: there will be no link.
    pub(super) fn detach(&self) {
        let traffic = &self.shared.traffic;
        if let (Some(outgoing), Some(pipe), false) = (&traffic.outgoing, self.outgoing, self.keeps_pipe) {
            outgoing.detach(pipe, DropReason::PipeClosed);
        }
        if let (Incoming::Messages(inbox), Some(lane)) = (&traffic.incoming, self.lane) {
            inbox.detach(lane);
        }
    }

    /// The way to this side, if messages go there.
    pub(super) fn line(&self) -> Option<Line> {
        match (&self.shared.traffic.incoming, self.lane) {
            (Incoming::Messages(inbox), Some(lane)) => Some(Line::Lane(inbox.clone(), lane)),
            _ => None,
        }
    }
}
