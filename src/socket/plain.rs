//! What the sockets of plain threads (`blocking`) are built on: waiting without a task, and looking without taking.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::Socket;
use super::core::{Core, Receiving, SendFuture, Sending};
use super::kind::{Kind, Receives, Sends};
use crate::driver::Shared;
use crate::error::{SendError, SendTimeoutError, ThreadsError, WaitError};
use crate::message::{Message, Payload};
use crate::pipe::{RecvTicket, SendTicket};
use crate::runtime::{self, InsideRuntime};

impl<K: Kind> Socket<K> {
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.core.shared
    }

    /// Finds a home for the socket that needs no runtime here.
    pub(crate) fn settle(&self) -> Result<(), ThreadsError> {
        self.core.settle()
    }

    /// Sends in a plain thread.
    #[inline]
    pub(crate) fn send_waiting(&self, payload: Payload<'_>) -> Result<(), SendError>
    where
        K: Sends,
    {
        let mut sending = match self.core.look_to_send(payload) {
            Ok(sent) => {
                self.core.shared.mind_the_rest();
                return sent;
            }
            Err(sending) => sending,
        };
        // In no line, it only wants others to run.
        let yields = !sending.is_in_line();
        match runtime::wait_on(self.core.shared.keeper.get(), &mut sending, yields) {
            Ok(sent) => sent,
            Err(InsideRuntime) => Err(SendError::InsideRuntime(sending.take().into_message())),
        }
    }

    /// The same for a limited time.
    pub(crate) fn send_waiting_for(
        &self,
        payload: Payload<'_>,
        limit: Duration,
    ) -> Result<(), SendTimeoutError>
    where
        K: Sends,
    {
        let mut sending = self.core.send(payload);
        match runtime::wait(self.core.shared.keeper.get(), Some(limit), &mut sending) {
            Ok(Some(sent)) => Ok(sent?),
            Ok(None) => Err(SendTimeoutError::Timeout(sending.take().into_message())),
            Err(InsideRuntime) => Err(SendError::InsideRuntime(sending.take().into_message()).into()),
        }
    }

    /// Receives in a plain thread.
    #[inline]
    pub(crate) fn recv_waiting(&self) -> Result<Message, WaitError>
    where
        K: Receives,
    {
        if let Receiving::Pipes { inbox, wanted } = &self.core.receiving
            && let Some(message) = inbox.recv_at_sight(wanted.as_ref())
        {
            self.core.shared.mind_the_rest();
            return Ok(message);
        }
        let mut receiving = self.core.recv();
        if let Poll::Ready(received) = look(&mut receiving) {
            self.core.shared.mind_the_rest();
            return Ok(received?);
        }
        let yields = !receiving.is_in_line();
        match runtime::wait_on(self.core.shared.keeper.get(), &mut receiving, yields) {
            Ok(received) => Ok(received?),
            Err(InsideRuntime) => Err(WaitError::InsideRuntime),
        }
    }

    pub(crate) fn readiness(&self) -> Readiness {
        Readiness {
            core: self.core.clone(),
            receiving: RecvTicket::default(),
            sending: SendTicket::default(),
        }
    }
}

impl Core {
    /// Looks once whether a message can be sent: what became of it, or who goes on trying.
    ///
    /// As a rule it can, and then it is not moved before: each move of one that was just written stalls.
    #[inline(always)]
    fn look_to_send<'a>(&'a self, payload: Payload<'a>) -> Result<Result<(), SendError>, SendFuture<'a>> {
        if let Sending::Pipes(outbox) = &self.sending
            && self.limits.admit(&payload)
        {
            let mut ticket = SendTicket::default();
            return match outbox.poll_send(Waker::noop(), &mut ticket, &[], &payload) {
                Poll::Ready(Ok(_)) => Ok(Ok(())),
                Poll::Ready(Err(_)) => Ok(Err(SendError::Closed(payload.into_message()))),
                Poll::Pending => Err(self.send_on(payload, ticket)),
            };
        }
        let mut sending = self.send(payload);
        match look(&mut sending) {
            Poll::Ready(sent) => Ok(sent),
            Poll::Pending => Err(sending),
        }
    }
}

/// One look at a future. A message is moved as seldom as can be: each move of one that was just written stalls.
#[inline]
fn look<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Whether a socket has a message, or room for one. Waits in its lines, and leaves them when it is dropped.
#[derive(Debug)]
pub(crate) struct Readiness {
    core: Arc<Core>,
    receiving: RecvTicket,
    sending: SendTicket,
}

impl Readiness {
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.core.shared
    }

    /// Ready when something can be received, or the socket is closed; never on one that does not receive.
    pub(crate) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.core.receiving {
            Receiving::Pipes { inbox, .. } => inbox.poll_ready(cx.waker(), &mut self.receiving),
            Receiving::Audience { inbox, fan_out } => {
                let ready = inbox.poll_ready(cx.waker(), &mut self.receiving);
                // Looked for last: before we were in the line nobody could call us.
                if ready.is_pending() && fan_out.has_notice() {
                    inbox.leave(&mut self.receiving);
                    return Poll::Ready(());
                }
                ready
            }
            Receiving::Never => Poll::Pending,
        }
    }

    /// Ready when there is room for a message, or the socket is closed; at once on one that does not send.
    pub(crate) fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.core.poll_room(cx, &mut self.sending)
    }

    /// Leaves the lines.
    pub(crate) fn leave(&mut self) {
        self.core.leave_line(&mut self.sending);
        if let Some(inbox) = self.core.receiving.inbox() {
            inbox.leave(&mut self.receiving);
        }
    }
}

impl Drop for Readiness {
    fn drop(&mut self) {
        self.leave();
    }
}
