//! The two ends of whatever forwards: where messages come out of a socket, and where they go into one, in raw form.
//!
//! Room is taken before a message is: one that was received always has somewhere to go.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::Socket;
use super::core::{Core, Receiving, RecvFuture, Reservation, Sending};
use super::kind::Kind;
use crate::error::{Closed, SendError};
use crate::message::Message;

impl<K: Kind> Socket<K> {
    /// Waits until the socket is closed.
    pub(crate) async fn closed(&self) {
        let mut peers = self.core.shared.peers.watch();
        // The sender of this news is the socket itself, which we hold.
        let _ = peers.wait_for(|peers| peers.closed).await;
    }

    /// Where its messages come out; `None` for a kind that does not receive.
    pub(crate) fn inlet(&self) -> Option<Inlet<'_>> {
        match &self.core.receiving {
            Receiving::Never => None,
            _ => Some(Inlet {
                core: &self.core,
                receiving: self.core.recv(),
            }),
        }
    }

    /// Where messages go in; `None` for a kind that does not send.
    pub(crate) fn outlet(&self) -> Option<Outlet<'_>> {
        match &self.core.sending {
            Sending::Never => None,
            _ => Some(Outlet {
                core: &self.core,
                room: Reservation::default(),
                has_room: false,
                returned: None,
            }),
        }
    }
}

/// Where messages come out of a socket.
#[derive(Debug)]
pub(crate) struct Inlet<'a> {
    core: &'a Core,
    receiving: RecvFuture<'a>,
}

impl Inlet<'_> {
    /// Leaves the line: what comes now is for others.
    pub(crate) fn leave(&mut self) {
        self.receiving = self.core.recv();
    }

    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Closed>> {
        let received = ready!(Pin::new(&mut self.receiving).poll(cx));
        Poll::Ready(received.map_err(|_| Closed))
    }
}

/// Where messages go into a socket. Keeps the room that it has until it is used, and gives it back when it is dropped.
#[derive(Debug)]
pub(crate) struct Outlet<'a> {
    core: &'a Core,
    room: Reservation,
    has_room: bool,
    /// Its peer had left, and no other had room.
    returned: Option<Message>,
}

impl Outlet<'_> {
    /// Waits until there is room for a message.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        while !self.has_room {
            ready!(self.core.poll_reserve(cx, &mut self.room))?;
            self.has_room = true;
            if let Some(message) = self.returned.take()
                && let Sent::Closed = self.send(message)
            {
                return Poll::Ready(Err(Closed));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Leaves the line, and gives back the room.
    pub(crate) fn leave(&mut self) {
        self.core.leave(&mut self.room);
        self.core.release(&mut self.room);
        self.has_room = false;
    }

    /// Uses the room.
    pub(crate) fn send(&mut self, message: Message) -> Sent {
        self.has_room = false;
        match self.core.send_reserved(&mut self.room, message.into()) {
            Ok(()) => Sent::Queued,
            Err(SendError::NoRoute(message)) => {
                self.returned = Some(message);
                Sent::Queued
            }
            Err(SendError::Closed(_)) => Sent::Closed,
            Err(_) => Sent::Refused,
        }
    }
}

impl Drop for Outlet<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Queued,
    /// It is none that this socket may send.
    Refused,
    Closed,
}
