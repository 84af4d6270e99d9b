//! What the program finds in a peer's lane besides what the peer sends: that it has come, and that it has left.
//!
//! A notice takes its place among the peer's messages, so that nothing of one connection can be taken for another's.
//! It is beyond the mark: there are two of them in the life of a connection.

use bytes::Bytes;

use super::Connection;
use crate::driver::{Incoming, Shared};
use crate::pipe::{Chunk, Messages, PipeId};
use crate::stats::Load;

/// What is put into the lane of each peer: plain frames, one message each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notices {
    /// Before everything that it sends.
    pub(crate) came: Option<Bytes>,
    /// Behind it.
    pub(crate) left: Option<Bytes>,
}

impl Connection {
    pub(super) fn notify(&self, pick: impl FnOnce(&Notices) -> &Option<Bytes>) {
        self.shared.notify(self.lane, pick);
    }
}

impl Shared {
    /// Puts a notice into a lane.
    pub(in crate::driver) fn notify(
        &self,
        lane: Option<PipeId>,
        pick: impl FnOnce(&Notices) -> &Option<Bytes>,
    ) {
        if let (Some(frames), Incoming::Messages(inbox), Some(lane)) =
            (pick(&self.config.notices), &self.traffic.incoming, lane)
        {
            let load = Load::one(frames.len());
            let messages = Messages::Read(frames.clone());
            inbox.push(lane, Chunk { messages, load });
        }
    }
}
