//! The two ends of whatever forwards: where messages come out of a socket, and where they go into one, in raw form.
//!
//! Room is taken before a message is: one that was received always has somewhere to go. In raw form the first frame of
//! a ROUTER's message names the peer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::Socket;
use super::core::{Core, Receiving, RecvFuture, Reservation, Sending};
use super::kind::Kind;
use super::router::{self, ReceivingFrom};
use crate::error::{Closed, SendError};
use crate::message::{Frame, Message};
use crate::pattern::RoutingId;
use crate::pipe::{AimedTicket, Refusal};
use crate::stats::DropReason;

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
                source: Source::of(&self.core),
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
                aim: AimedTicket::default(),
                returned: None,
            }),
        }
    }
}

/// Where messages come out of a socket.
#[derive(Debug)]
pub(crate) struct Inlet<'a> {
    core: &'a Core,
    source: Source<'a>,
}

#[derive(Debug)]
enum Source<'a> {
    Anybody(RecvFuture<'a>),
    Named(ReceivingFrom<'a>),
}

impl<'a> Source<'a> {
    fn of(core: &'a Core) -> Self {
        match router::sides(core) {
            Some(_) => Self::Named(ReceivingFrom::new(core)),
            None => Self::Anybody(core.recv()),
        }
    }
}

impl Inlet<'_> {
    /// Leaves the line: what comes now is for others.
    pub(crate) fn leave(&mut self) {
        self.source = Source::of(self.core);
    }

    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Closed>> {
        let received = match &mut self.source {
            Source::Anybody(receiving) => ready!(Pin::new(receiving).poll(cx)),
            Source::Named(receiving) => {
                ready!(Pin::new(receiving).poll(cx)).map(|(from, message)| addressed(&from, message))
            }
        };
        Poll::Ready(received.map_err(|_| Closed))
    }
}

/// A message behind the name of its peer.
fn addressed(peer: &RoutingId, message: Message) -> Message {
    let mut frames = vec![Frame::copy_from_slice(peer)];
    frames.extend(message);
    Message::try_from(frames).unwrap_or_else(|_| unreachable!("there is the name"))
}

/// The other way round; `None` when there is nothing behind the name.
fn apart(message: Message) -> Option<(RoutingId, Message)> {
    let mut frames = message.into_iter();
    let peer = frames.next()?;
    Some((peer.into_bytes().into(), frames.remaining()?))
}

/// Where messages go into a socket. Keeps the room that it has until it is used, and gives it back when it is dropped.
#[derive(Debug)]
pub(crate) struct Outlet<'a> {
    core: &'a Core,
    room: Reservation,
    has_room: bool,
    aim: AimedTicket,
    /// Its peer had left, and no other had room; or its peer has none, and must be waited for.
    returned: Option<Message>,
}

impl Outlet<'_> {
    /// Waits until there is room for a message, and tells before what became of the one that was held back, if one was.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Sent>, Closed>> {
        if let Some((addressed, _)) = router::sides(self.core) {
            // Whether there is room depends on the message: one may have to wait here.
            if let Some((to, message)) = self.returned.clone().and_then(apart) {
                let sent = ready!(addressed.poll_send(&to, cx.waker(), &mut self.aim, &message.into()));
                self.returned = None;
                return Poll::Ready(match sent {
                    Ok(()) => Ok(Some(Sent::Queued)),
                    Err(Refusal::Closed) => Err(Closed),
                    Err(Refusal::Full | Refusal::Gone) => Ok(Some(Sent::Refused)),
                });
            }
            return Poll::Ready(Ok(None));
        }
        while !self.has_room {
            ready!(self.core.poll_reserve(cx, &mut self.room))?;
            self.has_room = true;
            match self.returned.take().map(|message| self.send(message)) {
                None | Some(Sent::Held) => {}
                Some(Sent::Closed) => return Poll::Ready(Err(Closed)),
                Some(sent) => return Poll::Ready(Ok(Some(sent))),
            }
        }
        Poll::Ready(Ok(None))
    }

    /// Leaves the line, and gives back the room.
    pub(crate) fn leave(&mut self) {
        self.core.leave(&mut self.room);
        self.core.release(&mut self.room);
        self.has_room = false;
        if let Some((addressed, _)) = router::sides(self.core) {
            addressed.leave(&mut self.aim);
        }
    }

    /// Uses the room.
    pub(crate) fn send(&mut self, message: Message) -> Sent {
        if router::sides(self.core).is_some() {
            return self.send_to_named(message);
        }
        self.has_room = false;
        match self.core.send_reserved(&mut self.room, message.into()) {
            Ok(()) => Sent::Queued,
            Err(SendError::NoRoute(message)) => {
                self.returned = Some(message);
                Sent::Held
            }
            Err(SendError::Closed(_)) => Sent::Closed,
            Err(_) => Sent::Refused,
        }
    }

    /// Counts a message that is dropped because nobody waits any more for it to find room.
    fn give_up(&self, message: Message) {
        match &self.core.sending {
            Sending::Pipes(outbox) => outbox.count_dropped(None, &message.into(), DropReason::NoPeer),
            Sending::Addressed(addressed) => {
                if let Some((to, message)) = apart(message) {
                    addressed.give_up(&to, &message.into());
                }
            }
            Sending::FanOut(fan_out) => fan_out.give_up(),
            Sending::Upstream(upstream) => upstream.fan_out.give_up(),
            Sending::Never => {}
        }
    }

    fn send_to_named(&mut self, message: Message) -> Sent {
        let Some((addressed, _)) = router::sides(self.core) else {
            return Sent::Closed;
        };
        let Some((to, body)) = apart(message.clone()) else {
            return Sent::Refused;
        };
        let payload = body.into();
        if !self.core.limits.admit(&payload) {
            return Sent::Refused;
        }
        match addressed.try_send(&to, &payload) {
            Ok(()) => Sent::Queued,
            Err(Refusal::Full) => {
                self.returned = Some(message);
                Sent::Held
            }
            Err(Refusal::Gone) => Sent::Refused,
            Err(Refusal::Closed) => Sent::Closed,
        }
    }
}

impl Drop for Outlet<'_> {
    fn drop(&mut self) {
        self.leave();
        if let Some(message) = self.returned.take() {
            self.give_up(message);
        }
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Queued,
    /// There was no room after all: it goes as soon as there is.
    Held,
    /// It is none that this socket may send, or none that anybody could get.
    Refused,
    Closed,
}
