//! The futures of one message sent and of one received.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::{Core, Receiving, Sending};
use crate::error::{Closed, RecvError, SendError};
use crate::message::{Message, Payload};
use crate::pattern::{FanOut, Wanted};
use crate::peer::Peer;
use crate::pipe::{Inbox, PipeId, RecvTicket, SendTicket};
use crate::runtime::{self, Alarm};

/// The future of one `send`. All its waiting comes before the message is queued.
#[derive(Debug)]
pub(crate) struct SendFuture<'a> {
    pub(super) core: &'a Core,
    pub(super) payload: Payload<'a>,
    pub(super) ticket: SendTicket,
    /// When a publisher that waits for its subscribers has waited enough.
    pub(super) alarm: Option<Box<Alarm>>,
}

impl Future for SendFuture<'_> {
    type Output = Result<(), SendError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !this.core.limits.admit(&this.payload) {
            return Poll::Ready(Err(*this.too_large()));
        }
        let is_sent = match &this.core.sending {
            Sending::Pipes(outbox) => {
                ready!(outbox.poll_send(cx.waker(), &mut this.ticket, &[], &this.payload)).is_ok()
            }
            Sending::FanOut(fan_out) => {
                let sent = match fan_out.patience() {
                    None => fan_out.poll_send(cx.waker(), &this.payload, runtime::now),
                    Some(patience) => this.poll_patiently(cx, fan_out, patience),
                };
                this.core.show_out(fan_out);
                ready!(sent).is_ok()
            }
            Sending::Upstream(upstream) => {
                ready!(upstream.poll_send(cx.waker(), &this.payload, runtime::now)).is_ok()
            }
            Sending::Addressed(_) | Sending::Never => false,
        };
        if is_sent {
            Poll::Ready(Ok(()))
        } else {
            Poll::Ready(Err(*this.closed()))
        }
    }
}

impl<'a> SendFuture<'a> {
    #[cold]
    #[inline(never)]
    fn too_large(&mut self) -> Box<SendError> {
        Box::new(self.core.limits.refuse(self.take()))
    }

    #[cold]
    #[inline(never)]
    fn closed(&mut self) -> Box<SendError> {
        Box::new(SendError::Closed(self.take().into_message()))
    }

    /// Publishes, and waits for subscribers for as long as that is to be.
    #[cold]
    fn poll_patiently(
        &mut self,
        cx: &mut Context<'_>,
        fan_out: &FanOut,
        patience: Option<Duration>,
    ) -> Poll<Result<(), Closed>> {
        let _inside = match (runtime::current(), self.core.home.get()) {
            (None, Some(home)) => Some(home.enter()),
            _ => None,
        };
        loop {
            let is_over = self.alarm.as_mut().is_some_and(|alarm| alarm.poll(cx).is_ready());
            let (ticket, payload) = (&mut self.ticket, &self.payload);
            let sent = fan_out.poll_send_patiently(cx.waker(), ticket, payload, is_over, runtime::now);
            // Only who is in the line waits; others are asked again at once.
            let (Some(patience), None, true) = (patience, &self.alarm, self.ticket.is_waiting()) else {
                return sent;
            };
            let mut alarm = Box::<Alarm>::default();
            alarm.set(runtime::now().checked_add(patience));
            self.alarm = Some(alarm);
        }
    }

    /// Gives up waiting: the message, which was not queued.
    pub(crate) fn take(&mut self) -> Payload<'a> {
        std::mem::replace(&mut self.payload, (&[]).into())
    }
}

impl Drop for SendFuture<'_> {
    fn drop(&mut self) {
        if self.ticket.is_waiting() {
            self.core.leave_line(&mut self.ticket);
        }
    }
}

/// The future of one `recv`. Nothing is taken before it is returned.
#[derive(Debug)]
pub(crate) struct RecvFuture<'a> {
    pub(super) core: &'a Core,
    pub(super) ticket: RecvTicket,
    /// The pipe that the message came from.
    pub(crate) from: Option<PipeId>,
    /// Whose notice it is, if it is one.
    pub(super) noticed: Option<Peer>,
}

impl RecvFuture<'_> {
    /// Who sent what was received.
    pub(crate) fn sender(&mut self) -> Option<Peer> {
        let link = || self.core.shared.peers.by_lane(self.from?);
        self.noticed.take().or_else(|| link().map(|link| link.peer))
    }

    /// What there is to hear of subscribers, if there is something.
    fn take_notice(&mut self, inbox: &Inbox, fan_out: &FanOut, must: bool) -> Option<Message> {
        let peers = &self.core.shared.peers;
        let (notice, link) = fan_out.next_notice(must, |pipe| peers.by_pipe(pipe))?;
        self.noticed = link.map(|link| link.peer);
        inbox.leave(&mut self.ticket);
        Some(notice)
    }
}

impl Future for RecvFuture<'_> {
    type Output = Result<Message, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let (inbox, fan_out) = match &this.core.receiving {
            Receiving::Pipes { inbox, wanted } => {
                return inbox.poll_recv(cx.waker(), &mut this.ticket, &mut this.from, wanted.as_ref());
            }
            Receiving::Audience { inbox, fan_out } => (inbox, fan_out),
            Receiving::Never => return Poll::Ready(Err(RecvError::Closed)),
        };
        if let Some(notice) = this.take_notice(inbox, fan_out, false) {
            return Poll::Ready(Ok(notice));
        }
        let received = inbox.poll_recv(cx.waker(), &mut this.ticket, &mut this.from, None::<&Wanted>);
        // Before it was in the line nobody could call it.
        if received.is_pending()
            && let Some(notice) = this.take_notice(inbox, fan_out, true)
        {
            return Poll::Ready(Ok(notice));
        }
        received
    }
}

impl Drop for RecvFuture<'_> {
    fn drop(&mut self) {
        if let (true, Some(inbox)) = (self.ticket.is_waiting(), self.core.receiving.inbox()) {
            inbox.leave(&mut self.ticket);
        }
    }
}
