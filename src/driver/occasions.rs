//! What happens besides when a peer comes and when it goes: it is named, greeted, and told of.
//!
//! ```text
//!  handshake done ──▶ introduce ──▶ a name; whoever must give it up is ended ──▶ greeting out, arrival in ──▶ traffic
//!           connection ended ──▶ departure or loss in, behind all that the peer has sent
//! ```
//!
//! What the program is told comes as a message of that peer, through its lane. It is not held up by the mark: there
//! are two of them for each connection at most; and of connections that have ended, and were never heard of, no more
//! than the mark says.

use bytes::Bytes;

use super::{Incoming, Order, Shared};
use crate::error::escaped;
use crate::monitor::DisconnectReason;
use crate::pipe::{Chunk, Messages, Newcomer, PipeId};
use crate::stats::Load;

/// Messages that mark the beginning and the end of a connection, in wire form.
#[derive(Debug, Default)]
pub(crate) struct Occasions {
    /// The first that the peer gets.
    pub(crate) greeting: Option<Bytes>,
    /// The first that the program gets from it …
    pub(crate) arrival: Option<Bytes>,
    /// … and the last: from a peer that had come to us …
    pub(crate) departure: Option<Bytes>,
    /// … and from one that we had connected to.
    pub(crate) loss: Option<Bytes>,
}

impl Shared {
    /// The peer of this pipe says who it is: the name by which it goes from here on.
    pub(super) fn introduce(
        &self,
        pipe: Option<PipeId>,
        who: Newcomer<'_>,
    ) -> Result<Bytes, DisconnectReason> {
        let name = Bytes::copy_from_slice(who.name);
        let (Some(outgoing), Some(pipe)) = (&self.traffic.outgoing, pipe) else {
            return Ok(name);
        };
        let welcome = outgoing
            .introduce(pipe, who)
            .map_err(|_| DisconnectReason::RoutingIdTaken { id: escaped(&name) })?;
        if let Some(link) = welcome.displaced.and_then(|pipe| self.peers.by_pipe(pipe)) {
            link.control.give(Order::Break(DisconnectReason::HandedOver));
        }
        Ok(welcome.name.unwrap_or(name))
    }

    /// A peer has come: the first message goes each way.
    pub(super) fn welcome(&self, pipe: Option<PipeId>, lane: Option<PipeId>) {
        let occasions = &self.config.occasions;
        if let (Some(outgoing), Some(pipe), Some(greeting)) =
            (&self.traffic.outgoing, pipe, &occasions.greeting)
        {
            outgoing.greet(pipe, greeting);
        }
        self.tell(lane, occasions.arrival.as_ref());
    }

    /// A peer has gone: the last message from it.
    pub(super) fn bid_farewell(&self, lane: PipeId, had_come_to_us: bool) {
        let occasions = &self.config.occasions;
        let last = if had_come_to_us {
            &occasions.departure
        } else {
            &occasions.loss
        };
        if let (Some(_), Some(last), Incoming::Messages(inbox)) =
            (&occasions.arrival, last, &self.traffic.incoming)
            && inbox.forget(lane, last.len())
        {
            return;
        }
        self.tell(Some(lane), last.as_ref());
    }

    fn tell(&self, lane: Option<PipeId>, message: Option<&Bytes>) {
        if let (Incoming::Messages(inbox), Some(lane), Some(frames)) = (&self.traffic.incoming, lane, message)
        {
            let chunk = Chunk {
                messages: Messages::Read(frames.clone()),
                load: Load::one(frames.len()),
            };
            inbox.push(lane, chunk);
        }
    }
}
