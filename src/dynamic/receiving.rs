//! How each kind receives a whole message, and says that it could.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::Errno;
use super::built::{Any, Built, now, unless};
use super::message::{Message, of_frames};
use super::sending::Limit;
use crate::error::Closed;
use crate::message::Frame;
use crate::socket::kind::{self, Receives};
use crate::socket::{Asked, Readiness, Room, Socket, StreamEvent};

impl Built {
    /// Receives the next message.
    pub(super) fn recv(&self, limit: Limit) -> Result<Message, Errno> {
        match &self.any {
            Any::Pull(socket) => self.recv_freely(socket, limit),
            Any::Sub(socket) => self.recv_freely(socket, limit),
            Any::Dealer(socket) => self.recv_freely(socket, limit),
            Any::XPub(socket) => self.recv_freely(socket, limit),
            Any::XSub(socket) => self.recv_freely(socket, limit),
            Any::Pair(socket) => self.recv_freely(socket, limit),
            Any::Client(socket) => self.recv_freely(socket, limit),
            Any::Gather(socket) => self.recv_freely(socket, limit),
            Any::Channel(socket) => self.recv_freely(socket, limit),
            Any::Req(_) => self.hear(limit),
            Any::Rep(socket) => self.take_request(socket, limit),
            Any::Router(socket) => {
                let (from, message) = self.open(limit, socket.recv_from())?;
                Ok(Message::behind(from.into(), message))
            }
            Any::Server(socket) => {
                let (from, message) = self.open(limit, socket.recv_from())?;
                Ok(Message::from(message).with_routing_id(from.get()))
            }
            Any::Peer(socket) => {
                let (from, message) = self.open(limit, socket.recv_from())?;
                Ok(Message::from(message).with_routing_id(from.get()))
            }
            Any::Dish(socket) => {
                let (group, body) = self.open(limit, socket.recv_from())?;
                let mut message = Message::from(body);
                message.group = group.into_bytes();
                Ok(message)
            }
            Any::Stream(socket) => {
                let (peer, event) = self.open(limit, socket.recv_from())?;
                let bytes = match event {
                    StreamEvent::Data(bytes) => bytes,
                    StreamEvent::Connected | StreamEvent::Disconnected => Bytes::new(),
                };
                Ok(of_frames(vec![self.stream_id(&peer).into(), bytes.into()]))
            }
            Any::Dgram(socket) => {
                let (from, bytes) = self.open(limit, socket.recv_from())?;
                Ok(of_frames(vec![from.to_string().into(), bytes.into()]))
            }
            Any::Push(_) | Any::Pub(_) | Any::Radio(_) | Any::Scatter(_) => Err(Errno::ENOTSUP),
        }
    }

    fn recv_freely<K: Receives>(&self, socket: &Socket<K>, limit: Limit) -> Result<Message, Errno> {
        Ok(self.open(limit, socket.recv())?.into())
    }

    /// Waits for something to receive; that none will come can only mean that the socket is closed.
    fn open<T, E>(&self, limit: Limit, receiving: impl Future<Output = Result<T, E>>) -> Result<T, Errno> {
        self.wait(limit, receiving)?.map_err(|_| Errno::ENOTSOCK)
    }

    /// Waits for the answer to the question that is out.
    fn hear(&self, limit: Limit) -> Result<Message, Errno> {
        let hearing = poll_fn(|cx| {
            let mut asked = self.asked.lock();
            let Some(question) = asked.as_mut() else {
                return Poll::Ready(Err(Errno::EFSM));
            };
            ready!(poll_answered(question, cx));
            match asked.take().and_then(Asked::into_answer) {
                Some(Ok(answer)) => Poll::Ready(Ok(answer)),
                _ => Poll::Ready(Err(Errno::ENOTSOCK)),
            }
        });
        let heard = self.wait(limit, unless(self.closed(), hearing));
        if let Some(question) = self.asked.lock().as_mut() {
            question.leave();
        }
        Ok(heard?.unwrap_or(Err(Errno::ENOTSOCK))?.into())
    }

    fn take_request(&self, socket: &Socket<kind::Rep>, limit: Limit) -> Result<Message, Errno> {
        if self.request.lock().is_some() {
            return Err(Errno::EFSM);
        }
        let request = self.open(limit, socket.recv_request())?;
        let message = request.message().clone();
        *self.request.lock() = Some(request);
        Ok(message.into())
    }

    // ---- readiness ---------------------------------------------------------------------------------------------

    /// Looks at the socket, or waits for it, without receiving or sending.
    pub(super) fn watch(self: &Arc<Self>, manners: Manners) -> Watch {
        Watch {
            built: self.clone(),
            manners,
            readiness: self.readiness(),
            keeps_room: true,
            room: None,
            peers: None,
        }
    }

    /// Whether something can be received and sent now.
    pub(super) fn ready_now(self: &Arc<Self>, manners: Manners) -> (bool, bool) {
        let mut watch = self.watch(manners);
        let readable = now(poll_fn(|cx| watch.poll_readable(cx))).is_some();
        let writable = now(poll_fn(|cx| watch.poll_writable(cx))).is_some();
        watch.leave();
        (readable, writable)
    }
}

/// Options on which it depends whether something can be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manners {
    /// REQ: it may ask while a question is out.
    pub(super) relaxed: bool,
    /// ROUTER: it does not drop.
    pub(super) mandatory: bool,
}

/// One who looks at a socket. Waits in its lines, and leaves them when it is dropped.
pub(super) struct Watch {
    built: Arc<Built>,
    pub(super) manners: Manners,
    readiness: Readiness,
    /// Room that is found is the next message's; or else whoever comes first may have it.
    pub(super) keeps_room: bool,
    room: Option<Room>,
    peers: Option<Arrival>,
}

/// The wait for a first peer.
type Arrival = Pin<Box<dyn Future<Output = Result<(), Closed>> + Send>>;

impl Watch {
    /// Ready when something can be received, or the socket is closed.
    pub(super) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let never = match &self.built.any {
            Any::Req(_) => match self.built.asked.lock().as_mut() {
                Some(question) => {
                    let answered = poll_answered(question, cx);
                    // Its own place in the line is the only one.
                    if answered.is_ready() || !question.is_lost() {
                        return answered;
                    }
                    true
                }
                None => true,
            },
            Any::Rep(_) => self.built.request.lock().is_some(),
            _ => false,
        };
        if never && !self.built.shared().peers.is_closed() {
            return Poll::Pending;
        }
        self.readiness.poll_readable(cx)
    }

    /// Ready when something can be sent, or the socket is closed.
    pub(super) fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.built.any {
            Any::Sub(_) | Any::Pull(_) | Any::Gather(_) => Poll::Pending,
            Any::Dish(_) | Any::Server(_) | Any::Peer(_) | Any::Stream(_) => Poll::Ready(()),
            Any::Router(_) if !self.manners.mandatory => Poll::Ready(()),
            Any::Router(_) => self.poll_peers(cx),
            Any::Req(_) if !self.manners.relaxed && self.built.asked.lock().is_some() => Poll::Pending,
            Any::Req(_) => self.poll_peers(cx),
            Any::Rep(_) => match &*self.built.request.lock() {
                Some(_) => Poll::Ready(()),
                None => Poll::Pending,
            },
            Any::Dgram(socket) if socket.endpoints().is_empty() => Poll::Pending,
            Any::Dgram(_) => Poll::Ready(()),
            _ => self.poll_room(cx),
        }
    }

    /// Room that was taken is kept for the next message: to give it back would use up its peer's turn.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.built.room.lock().is_some() {
            return Poll::Ready(());
        }
        if !self.keeps_room {
            return self.readiness.poll_writable(cx);
        }
        let Some(mut room) = self.room.take().or_else(|| self.built.new_room()) else {
            return Poll::Pending;
        };
        match room.poll(cx) {
            Poll::Ready(Ok(())) => *self.built.room.lock() = Some(room),
            Poll::Ready(Err(Closed)) => {}
            Poll::Pending => {
                self.room = Some(room);
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    fn poll_peers(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let peers = self.peers.get_or_insert_with(|| {
            let built = self.built.clone();
            Box::pin(async move { built.some_peer().await })
        });
        let there = peers.as_mut().poll(cx);
        if there.is_ready() {
            self.peers = None;
        }
        there.map(drop)
    }

    /// Leaves the lines.
    pub(super) fn leave(&mut self) {
        if let Some(question) = self.built.asked.lock().as_mut() {
            question.leave();
        }
        self.readiness.leave();
        self.room = None;
        self.peers = None;
    }
}

/// Ready when there is an answer. As with libzmq a connection that is lost is not: whoever waits for an answer has to
/// know for how long.
fn poll_answered(question: &mut Asked, cx: &mut Context<'_>) -> Poll<()> {
    ready!(question.poll_ready(cx));
    if question.is_lost() {
        Poll::Pending
    } else {
        Poll::Ready(())
    }
}

/// The frames of a message, to be taken one by one.
pub(super) fn frames_of(message: Message) -> std::collections::VecDeque<Frame> {
    message.into_frames().into_iter().collect()
}
