//! The futures of one message sent and of one received.

use std::future::{Future, poll_fn};
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
            _ => ready!(this.poll_to_all(cx)),
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

    /// Sends to all who want it: whether that went well. A call of its own, so that those who send to one are not slowed.
    #[inline(never)]
    fn poll_to_all(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let sent = match &self.core.sending {
            Sending::FanOut(fan_out) => {
                let sent = match fan_out.patience() {
                    None => fan_out.poll_send(cx.waker(), &self.payload, runtime::now),
                    Some(patience) => self.poll_patiently(cx, fan_out, patience),
                };
                self.core.tell_who_is_slow(fan_out);
                sent
            }
            Sending::Upstream(upstream) => {
                let sent = upstream.poll_send(cx.waker(), &self.payload, runtime::now);
                self.core.tell_who_is_slow(&upstream.fan_out);
                sent
            }
            Sending::Pipes(_) | Sending::Addressed(_) | Sending::Never => return Poll::Ready(false),
        };
        sent.map(|sent| sent.is_ok())
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

    /// Pending, it waits for room or for its turn. Otherwise it only lets others run.
    pub(crate) fn is_in_line(&self) -> bool {
        self.ticket.is_waiting()
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
}

impl RecvFuture<'_> {
    /// Pending, it waits for a message. Otherwise it only lets others run.
    pub(crate) fn is_in_line(&self) -> bool {
        self.ticket.is_waiting()
    }

    /// What is received, and who sent it.
    pub(crate) async fn with_sender(mut self) -> Result<(Option<Peer>, Message), RecvError> {
        let mut noticed = None;
        let message = poll_fn(|cx| match self.poll_messages(cx) {
            Some(received) => received,
            None => self.poll_audience(cx, &mut noticed),
        })
        .await?;
        let link = || self.core.shared.peers.by_lane(self.from?);
        Ok((noticed.or_else(|| link().map(|link| link.peer)), message))
    }

    /// What peers send, where that is all there is to receive.
    #[inline(always)]
    fn poll_messages(&mut self, cx: &mut Context<'_>) -> Option<Poll<Result<Message, RecvError>>> {
        let Receiving::Pipes { inbox, wanted } = &self.core.receiving else {
            return None;
        };
        Some(inbox.poll_recv(cx.waker(), &mut self.ticket, &mut self.from, wanted.as_ref()))
    }

    /// Receives what peers send and, in between, what subscribers want. A call of its own, so that those who receive
    /// messages alone are not slowed.
    #[inline(never)]
    fn poll_audience(
        &mut self,
        cx: &mut Context<'_>,
        noticed: &mut Option<Peer>,
    ) -> Poll<Result<Message, RecvError>> {
        let Receiving::Audience { inbox, fan_out } = &self.core.receiving else {
            return Poll::Ready(Err(RecvError::Closed));
        };
        if let Some(notice) = self.take_notice(inbox, fan_out, noticed, false) {
            return Poll::Ready(Ok(notice));
        }
        let received = inbox.poll_recv(cx.waker(), &mut self.ticket, &mut self.from, None::<&Wanted>);
        // Before it was in the line nobody could call it.
        if received.is_pending()
            && let Some(notice) = self.take_notice(inbox, fan_out, noticed, true)
        {
            return Poll::Ready(Ok(notice));
        }
        received
    }

    /// What there is to hear of subscribers, if there is something, and in `noticed` of whom.
    fn take_notice(
        &mut self,
        inbox: &Inbox,
        fan_out: &FanOut,
        noticed: &mut Option<Peer>,
        must: bool,
    ) -> Option<Message> {
        let peers = &self.core.shared.peers;
        let (notice, link) = fan_out.next_notice(must, |pipe| peers.by_pipe(pipe))?;
        *noticed = link.map(|link| link.peer);
        inbox.leave(&mut self.ticket);
        Some(notice)
    }
}

impl Future for RecvFuture<'_> {
    type Output = Result<Message, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Receiving::Pipes { inbox, wanted } = &this.core.receiving {
            return inbox.poll_recv(cx.waker(), &mut this.ticket, &mut this.from, wanted.as_ref());
        }
        this.poll_audience(cx, &mut None)
    }
}

impl Drop for RecvFuture<'_> {
    fn drop(&mut self) {
        if let (true, Some(inbox)) = (self.ticket.is_waiting(), self.core.receiving.inbox()) {
            inbox.leave(&mut self.ticket);
        }
    }
}
