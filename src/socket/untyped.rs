//! What sockets whose kind is a number (`dynamic`) need besides: ends with a linger of their own, and room that is kept
//! without borrowing the socket.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::core::{Core, Reservation};
use super::kind::Kind;
use super::{Linger, Socket};
use crate::driver::{Role, TaskId};
use crate::endpoint::Endpoint;
use crate::error::{Closed, SendError};
use crate::message::Payload;
use crate::monitor::DisconnectReason;

impl<K: Kind> Socket<K> {
    /// Begins to close the socket; its tasks do the rest.
    pub(crate) fn close_within(&self, linger: Linger) {
        self.core.begin_close(linger);
    }

    /// Begins to end whatever is bound or connected at an endpoint. What is returned is over when nobody listens there any
    /// more; connections may take longer.
    pub(crate) fn end_within(&self, at: &Endpoint, linger: Linger) -> impl Future<Output = ()> + use<'_, K> {
        let tasks = &self.core.shared.tasks;
        let ours = tasks.pick(|_, task| task.role == Role::Listener && task.endpoint == *at);
        let listeners: Vec<TaskId> = ours.into_iter().map(|(id, _)| id).collect();
        self.core
            .begin_end(linger, DisconnectReason::Unbind, |id, task| match task.role {
                Role::Accepted(by) => listeners.contains(&by),
                _ => listeners.contains(&id),
            });
        self.core
            .begin_end(linger, DisconnectReason::Disconnect, |_, task| {
                task.role == Role::Dialer && task.endpoint == *at
            });
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
