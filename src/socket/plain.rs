//! What the sockets of plain threads (`blocking`) are built on: waiting without a task, and looking without taking.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::core::{Core, Receiving, Reservation};
use super::kind::{Kind, Receives, Sends};
use super::{Linger, Socket};
use crate::driver::{Order, Role, Shared, TaskId};
use crate::endpoint::Endpoint;
use crate::error::{Closed, SendError, SendTimeoutError, ThreadsError, WaitError};
use crate::message::{Message, Payload};
use crate::monitor::DisconnectReason;
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
        let mut sending = self.core.send(payload);
        if let Poll::Ready(sent) = look(&mut sending) {
            self.mind_the_rest();
            return sent;
        }
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
        let mut receiving = self.core.recv();
        if let Poll::Ready(received) = look(&mut receiving) {
            self.mind_the_rest();
            return Ok(received?);
        }
        let yields = !receiving.is_in_line();
        match runtime::wait_on(self.core.shared.keeper.get(), &mut receiving, yields) {
            Ok(received) => Ok(received?),
            Err(InsideRuntime) => Err(WaitError::InsideRuntime),
        }
    }

    /// Something was done without waiting that may have left work for whoever drives.
    #[inline]
    pub(crate) fn mind_the_rest(&self) {
        if let Some(keeper) = self.core.shared.keeper.get() {
            keeper.mind_the_rest();
        }
    }

    pub(crate) fn readiness(&self) -> Readiness<'_> {
        Readiness {
            core: &self.core,
            receiving: RecvTicket::default(),
            sending: SendTicket::default(),
        }
    }
}

/// One look at a future. A message is moved as seldom as can be: each move of one that was just written stalls.
#[inline]
fn look<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

impl<K: Kind> Socket<K> {
    /// Begins to close the socket, with a linger of its own; its tasks do the rest.
    pub(crate) fn close_within(&self, linger: Linger) {
        let shared = &self.core.shared;
        shared.close();
        let order = Order::Finish {
            until: linger.until(runtime::now()),
            why: DisconnectReason::Close,
        };
        if shared.tasks.close(&order) {
            shared.events.close();
        }
    }

    /// Begins to end whatever is bound or connected at an endpoint, with a linger of its own. What is returned is over
    /// when nobody listens there any more; connections may take longer.
    pub(crate) fn end_within(&self, at: &Endpoint, linger: Linger) -> impl Future<Output = ()> + use<'_, K> {
        let tasks = &self.core.shared.tasks;
        let until = linger.until(runtime::now());
        let is_ours = |role: Role| !matches!(role, Role::Accepted(_));
        let ours = tasks.pick(|_, task| is_ours(task.role) && task.endpoint == *at);
        let (listeners, dialers): (Vec<_>, Vec<_>) = ours
            .into_iter()
            .partition(|(_, task)| task.role == Role::Listener);
        let listeners: Vec<TaskId> = listeners.into_iter().map(|(id, _)| id).collect();
        let accepted = |id, role| match role {
            Role::Accepted(by) => listeners.contains(&by),
            _ => listeners.contains(&id),
        };
        let unbound = tasks.pick(|id, task| accepted(id, task.role));
        for (ending, why) in [
            (unbound, DisconnectReason::Unbind),
            (dialers, DisconnectReason::Disconnect),
        ] {
            for (_, task) in ending {
                let why = why.clone();
                task.control.give(Order::Finish { until, why });
            }
        }
        // What earlier ends have left, nobody asked for.
        drop(tasks.take_unsent(|_| true));
        async move { tasks.ended(|id, _| listeners.contains(&id)).await }
    }

    /// Somewhere to wait for room, and to keep it.
    pub(crate) fn room(&self) -> Room {
        Room {
            core: self.core.clone(),
            reservation: Reservation::default(),
        }
    }
}

/// Room for one message, kept by somebody who has the message not yet: a [`Permit`](super::Permit) that shares its
/// socket instead of borrowing it. Dropping it leaves the line, or gives the room back.
#[derive(Debug)]
pub(crate) struct Room {
    core: Arc<Core>,
    reservation: Reservation,
}

impl Room {
    /// Ready when there is room, which is kept.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.core.poll_reserve(cx, &mut self.reservation)
    }

    /// Uses it.
    pub(crate) fn send(mut self, payload: Payload<'_>) -> Result<(), SendError> {
        self.core.send_reserved(&mut self.reservation, payload)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.core.leave(&mut self.reservation);
        self.core.release(&mut self.reservation);
    }
}

/// Whether a socket has a message, or room for one. Waits in its lines, and leaves them when it is dropped.
#[derive(Debug)]
pub(crate) struct Readiness<'a> {
    core: &'a Core,
    receiving: RecvTicket,
    sending: SendTicket,
}

impl Readiness<'_> {
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

impl Drop for Readiness<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}
