//! One way through a proxy.

use std::task::{Context, Poll, ready};

use super::statistics::Count;
use crate::error::Closed;
use crate::message::Message;
use crate::socket::{Inlet, Outlet, Sent};

/// Messages that go one way in one turn, before the other way and everybody else have theirs.
const TURN: usize = 1000;

/// From one socket to the other.
pub(super) struct Way<'a> {
    pub(super) from: Inlet<'a>,
    pub(super) to: Outlet<'a>,
    /// Copies go here too.
    pub(super) capture: Option<Outlet<'a>>,
    /// The message that `to` holds back, if it does.
    pub(super) held: Count,
}

/// What one turn did.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) received: Count,
    pub(super) sent: Count,
    /// There may be more to do.
    pub(super) unfinished: bool,
}

impl Way<'_> {
    /// Leaves all lines.
    pub(super) fn leave(&mut self) {
        self.from.leave();
        self.to.leave();
        if let Some(capture) = &mut self.capture {
            capture.leave();
        }
    }

    /// Forwards what can be forwarded now, within bounds.
    pub(super) fn poll_turn(&mut self, cx: &mut Context<'_>, turn: &mut Turn) -> Result<(), Closed> {
        for _ in 0..TURN {
            match self.poll_next(cx, turn) {
                Poll::Pending => return Ok(()),
                Poll::Ready(message) => self.forward(message?, turn)?,
            }
        }
        turn.unfinished = true;
        Ok(())
    }

    /// The next message, for which there is room.
    fn poll_next(&mut self, cx: &mut Context<'_>, turn: &mut Turn) -> Poll<Result<Message, Closed>> {
        if let Some(capture) = &mut self.capture {
            while ready!(capture.poll_room(cx))?.is_some() {}
        }
        while let Some(sent) = ready!(self.to.poll_room(cx))? {
            if sent == Sent::Queued {
                turn.sent += self.held;
            }
        }
        self.from.poll_recv(cx)
    }

    fn forward(&mut self, message: Message, turn: &mut Turn) -> Result<(), Closed> {
        let count = Count::of(&message);
        turn.received += count;
        if let Some(capture) = &mut self.capture {
            capture.send(message.clone());
        }
        match self.to.send(message) {
            Sent::Queued => turn.sent += count,
            Sent::Held => self.held = count,
            Sent::Refused => {}
            Sent::Closed => return Err(Closed),
        }
        Ok(())
    }
}
