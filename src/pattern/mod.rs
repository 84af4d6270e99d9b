//! Who gets the next message, and from whom the next one is taken. Pure: no clock, no dice, no I/O.

mod addressed;
pub(crate) mod exchange;
mod fan_out;
mod interest;
mod notices;
mod numbered;
mod routing_id;
pub(crate) mod subscriptions;
mod upstream;
mod wanted;

use std::fmt;

pub(crate) use addressed::{Addressed, AddressedConfig};
pub(crate) use fan_out::{AskLimits, Audience, FanOut, FanOutConfig, MAX_GROUP, Matching, Slow};
pub(crate) use interest::{Change, Interest, InterestConfig};
pub(crate) use notices::Telling;
pub(crate) use numbered::Numbers;
pub use routing_id::RoutingId;
pub(crate) use upstream::Upstream;
pub(crate) use wanted::Wanted;

use crate::pipe::PipeId;

/// What a publisher does with what its subscribers ask for.
pub(crate) trait Publications: Send + Sync + fmt::Debug {
    /// Takes in changes of one peer, in order. `Err`: the peer asks for more than it may.
    fn apply(&self, pipe: PipeId, changes: Vec<Change>) -> Result<(), TooManySubscriptions>;

    /// One peer cannot ask: it gets every message that is for whom asks for exactly that.
    fn give_everything(&self, pipe: PipeId);
}

/// A peer has more subscriptions, or more bytes of them, than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManySubscriptions {
    pub(crate) what: &'static str,
    pub(crate) limit: u64,
}
