//! What an XSUB sends: to all its publishers, and, where it begins with 01 or 00, what it wants to hear of them.
//!
//! ```text
//!  send ─┬─ 01 topic, 00 topic ──▶ interest ──▶ told to every publisher, now and after each reconnection
//!        └─ anything else ───────▶ fan-out ───▶ a message to every publisher that is there
//! ```
//!
//! Subscriptions are state and are never dropped; messages are dropped for a publisher whose pipe is full.

use std::task::{Poll, Waker};
use std::time::Instant;

use bytes::Bytes;

use super::{FanOut, Interest};
use crate::error::Closed;
use crate::message::{Frame, Message, Payload};
use crate::pipe::Refusal;
use crate::sync::Arc;

/// The outgoing side of an XSUB.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) fan_out: Arc<FanOut>,
    pub(crate) interest: Arc<Interest>,
    /// A message whose first frame is no change has none.
    pub(crate) only_first: bool,
}

/// What is left of a message when its changes are taken out.
enum Rest {
    All,
    Nothing,
    Some(Message),
}

impl Upstream {
    /// Takes changes in, and sends what is left. Pending at most once, and then nothing was done.
    pub(crate) fn poll_send(
        &self,
        waker: &Waker,
        payload: &Payload<'_>,
        clock: impl Fn() -> Instant + Copy,
    ) -> Poll<Result<(), Closed>> {
        match self.take_changes(payload)? {
            Rest::All => self.fan_out.poll_send(waker, payload, clock),
            Rest::Nothing => Poll::Ready(Ok(())),
            // Its changes are made: it must not come again.
            Rest::Some(message) => {
                let sent = self.fan_out.try_send(&message.into(), clock);
                Poll::Ready(sent.map_err(|_| Closed))
            }
        }
    }

    /// The same without letting others run.
    pub(crate) fn try_send(
        &self,
        payload: &Payload<'_>,
        clock: impl Fn() -> Instant + Copy,
    ) -> Result<(), Refusal> {
        match self.take_changes(payload).map_err(|_| Refusal::Closed)? {
            Rest::All => self.fan_out.try_send(payload, clock),
            Rest::Nothing => Ok(()),
            Rest::Some(message) => self.fan_out.try_send(&message.into(), clock),
        }
    }

    fn take_changes(&self, payload: &Payload<'_>) -> Result<Rest, Closed> {
        let begins = is_change(payload.first_frame());
        let has_changes = begins || !self.only_first && payload.frames().any(is_change);
        if !has_changes {
            return Ok(Rest::All);
        }
        if self.interest.is_closed() {
            return Err(Closed);
        }
        let mut rest = Vec::new();
        for frame in payload.frames() {
            match frame {
                [1, topic @ ..] => self.interest.subscribe(Bytes::copy_from_slice(topic)),
                [0, topic @ ..] => drop(self.interest.unsubscribe(topic)),
                other => rest.push(Frame::from(other)),
            }
        }
        Ok(Message::try_from(rest).map_or(Rest::Nothing, Rest::Some))
    }
}

/// Whether a frame is a subscription, or the end of one.
fn is_change(frame: &[u8]) -> bool {
    matches!(frame, [0 | 1, ..])
}
