//! How each kind sends a whole message.

use std::future::poll_fn;
use std::str;
use std::time::Duration;

use super::Errno;
use super::built::{Any, Built};
use super::message::Message;
use crate::error::SendError;
use crate::message::{self, Frame, Payload};
use crate::pattern::RoutingId;
use crate::peer::{Peer, PeerId};
use crate::socket::kind::{self, Numbers, Sends};
use crate::socket::{Room, Socket};

/// How long to wait: not at all, for a time, or as long as it takes.
pub(super) type Limit = Option<Duration>;

/// Sends at once or, where it may wait, in another way: a look at the one that waits would be no substitute, since it lets
/// others have their turn and fills queues to their pace only.
macro_rules! send {
    ($built:ident, $limit:ident: $at_once:expr, or $waiting:expr) => {
        match $limit.is_some_and(|limit| limit.is_zero()) {
            true => $built.sent($at_once),
            false => Ok($built.wait($limit, $waiting)??),
        }
    };
}

impl Built {
    /// Whether a message may begin now: what libzmq says to its first frame already.
    pub(super) fn may_begin(&self, relaxed: bool) -> Result<(), Errno> {
        match &self.any {
            Any::Sub(_) | Any::Pull(_) | Any::Dish(_) | Any::Gather(_) => Err(Errno::ENOTSUP),
            Any::Req(_) if !relaxed && self.asked.lock().is_some() => Err(Errno::EFSM),
            Any::Rep(_) if self.request.lock().is_none() => Err(Errno::EFSM),
            _ => Ok(()),
        }
    }

    /// Whether it sends and receives in turn.
    pub(super) fn takes_turns(&self) -> bool {
        matches!(&self.any, Any::Req(_) | Any::Rep(_))
    }

    /// Whether more may follow a frame behind so many others: `None` where it must not, and is refused.
    pub(super) fn takes_more(&self, before: usize) -> Option<bool> {
        match (&self.any, before) {
            (Any::Dgram(_), 1..) => None,
            // The second frame is the last, whatever is said.
            (Any::Stream(_), 1..) => Some(false),
            _ => Some(true),
        }
    }

    /// Whether messages of this kind have one frame each.
    pub(super) fn has_single_frames(&self) -> bool {
        matches!(
            &self.any,
            Any::Client(_)
                | Any::Server(_)
                | Any::Radio(_)
                | Any::Dish(_)
                | Any::Scatter(_)
                | Any::Gather(_)
                | Any::Peer(_)
                | Any::Channel(_)
        )
    }

    /// Whether a message that begins with this frame has somebody to go to.
    pub(super) fn may_go_to(&self, first: &Frame, mandatory: bool) -> Result<(), Errno> {
        let is_known = match &self.any {
            Any::Router(socket) => !mandatory || socket.knows(&RoutingId::from(first.clone())),
            Any::Stream(socket) => self.stream_peer(socket, first).is_some(),
            _ => true,
        };
        is_known.then_some(()).ok_or(Errno::EHOSTUNREACH)
    }

    /// Waits for the room that one message takes, where room is a matter of turns.
    pub(super) fn reserve(&self, limit: Limit) -> Result<Option<Room>, Errno> {
        if let Some(room) = self.room.lock().take() {
            return Ok(Some(room));
        }
        if let Any::Req(_) = &self.any {
            self.wait(limit, self.some_peer())?.map_err(|_| Errno::ENOTSOCK)?;
        }
        let Some(mut room) = self.new_room() else {
            return Ok(None);
        };
        let reserved = self.wait(limit, poll_fn(|cx| room.poll(cx)))?;
        reserved.map_err(|_| Errno::ENOTSOCK)?;
        Ok(Some(room))
    }

    /// Sends a message, into the room that was kept for it if there is some.
    pub(super) fn send(&self, message: Message, room: Option<Room>, limit: Limit) -> Result<(), Errno> {
        let Message {
            frames,
            routing_id,
            group,
        } = message;
        let frames = match room.or_else(|| self.room.lock().take()) {
            Some(room) => match self.send_kept(room, &group, frames)? {
                None => return Ok(()),
                // Its peer has left, and no other has room.
                Some(frames) => frames,
            },
            None => frames,
        };
        match &self.any {
            Any::Push(socket) => self.send_freely(socket, frames.into(), limit),
            Any::Dealer(socket) => self.send_freely(socket, frames.into(), limit),
            Any::Pair(socket) => self.send_freely(socket, frames.into(), limit),
            Any::Client(socket) => self.send_freely(socket, frames.into(), limit),
            Any::Scatter(socket) => self.send_freely(socket, frames.into(), limit),
            Any::Channel(socket) => self.send_freely(socket, frames.into(), limit),
            Any::Pub(socket) => self.send_freely(socket, frames.into(), limit),
            Any::XPub(socket) => self.send_freely(socket, frames.into(), limit),
            Any::XSub(socket) => self.send_freely(socket, frames.into(), limit),
            Any::Radio(socket) => {
                send!(self, limit: socket.try_send_to(group, frames), or socket.send_to(group, frames))
            }
            Any::Req(socket) => self.ask(socket, frames, limit),
            Any::Rep(_) => self.reply(frames),
            Any::Router(socket) => self.route(socket, frames, limit),
            Any::Server(socket) => self.send_numbered(socket, routing_id, frames, limit),
            Any::Peer(socket) => self.send_numbered(socket, routing_id, frames, limit),
            Any::Stream(socket) => self.send_bytes(socket, frames, limit),
            Any::Dgram(socket) => self.send_datagram(socket, frames, limit),
            Any::Sub(_) | Any::Pull(_) | Any::Dish(_) | Any::Gather(_) => Err(Errno::ENOTSUP),
        }
    }

    fn sent<E: Into<Errno>>(&self, sent: Result<(), E>) -> Result<(), Errno> {
        self.mind_the_rest();
        sent.map_err(E::into)
    }

    fn send_freely<K: Sends>(
        &self,
        socket: &Socket<K>,
        payload: Payload<'_>,
        limit: Limit,
    ) -> Result<(), Errno> {
        send!(self, limit: socket.try_send(payload), or socket.send(payload))
    }

    /// Sends a message into room that was kept. Gives it back when that is gone.
    fn send_kept(
        &self,
        room: Room,
        group: &[u8],
        frames: message::Message,
    ) -> Result<Option<message::Message>, Errno> {
        let frames = match (&self.any, frames.len()) {
            (Any::Radio(_), 1) => Message::behind(Frame::copy_from_slice(group), frames).frames,
            (Any::Radio(_), _) => return Err(Errno::EINVAL),
            _ => frames,
        };
        let sent = room.send(frames.into());
        self.mind_the_rest();
        match sent {
            Ok(()) => Ok(None),
            Err(SendError::NoRoute(frames)) => Ok(Some(frames)),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a question. The one before, if it is still out, is given up.
    fn ask(&self, socket: &Socket<kind::Req>, question: message::Message, limit: Limit) -> Result<(), Errno> {
        *self.asked.lock() = None;
        let mut asked = socket.ask(question);
        self.wait(limit, poll_fn(|cx| asked.poll_asked(cx)))??;
        asked.leave();
        *self.asked.lock() = Some(asked);
        Ok(())
    }

    /// Answers. An answer that cannot be sent leaves the request open.
    fn reply(&self, answer: message::Message) -> Result<(), Errno> {
        let request = self.request.lock().take().ok_or(Errno::EFSM)?;
        self.wait(None, request.reply(answer))??;
        Ok(())
    }

    fn route(
        &self,
        socket: &Socket<kind::Router>,
        message: message::Message,
        limit: Limit,
    ) -> Result<(), Errno> {
        let mut frames = message.into_iter();
        let to = frames.next().map(RoutingId::from);
        // A name with nothing behind it is no message to anybody.
        let (Some(to), Some(body)) = (to, frames.remaining()) else {
            return Ok(());
        };
        send!(self, limit: socket.try_send_to(&to, body), or socket.send_to(&to, body))
    }

    fn send_numbered<K: Numbers>(
        &self,
        socket: &Socket<K>,
        number: u32,
        message: message::Message,
        limit: Limit,
    ) -> Result<(), Errno> {
        if message.len() > 1 {
            return Err(Errno::EINVAL);
        }
        let to = PeerId::new(number).ok_or(Errno::EHOSTUNREACH)?;
        send!(self, limit: socket.try_send_to(to, message), or socket.send_to(to, message))
    }

    fn send_bytes(
        &self,
        socket: &Socket<kind::Stream>,
        message: message::Message,
        limit: Limit,
    ) -> Result<(), Errno> {
        let mut frames = message.into_iter();
        let (id, bytes) = match (frames.next(), frames.next(), frames.next()) {
            (Some(id), Some(bytes), None) => (id, bytes),
            (_, None, _) => return Ok(()),
            _ => return Err(Errno::EINVAL),
        };
        let peer = self.stream_peer(socket, &id).ok_or(Errno::EHOSTUNREACH)?;
        if bytes.is_empty() {
            socket.close_peer(&peer);
            self.mind_the_rest();
            return Ok(());
        }
        send!(self, limit: socket.try_send_to(&peer, bytes), or socket.send_to(&peer, bytes))
    }

    fn send_datagram(
        &self,
        socket: &Socket<kind::Dgram>,
        message: message::Message,
        limit: Limit,
    ) -> Result<(), Errno> {
        let [to, body] = message.into_frames().map_err(|_| Errno::EINVAL)?;
        // libzmq counts the zero at the end of a text as part of it.
        let to = to.strip_suffix(&[0]).unwrap_or(&to);
        let to = str::from_utf8(to).ok().and_then(|to| to.parse().ok());
        let to = to.ok_or(Errno::EINVAL)?;
        send!(self, limit: socket.try_send_to(to, body), or socket.send_to(to, body))
    }

    // ---- the peers of a STREAM -----------------------------------------------------------------------------

    /// The id of a peer of a STREAM: the name that it was given, or five bytes of which the first is 0.
    pub(super) fn stream_id(&self, peer: &Peer) -> Vec<u8> {
        let names = self.names.lock();
        let named = names.iter().find(|(endpoint, _)| endpoint == peer.endpoint());
        named.map_or_else(|| numbered(peer.id()), |(_, name)| name.clone())
    }

    /// The peer that has this id, as long as it is connected.
    fn stream_peer(&self, socket: &Socket<kind::Stream>, id: &[u8]) -> Option<Peer> {
        let peers = &socket.shared().peers;
        let number = |bytes: [u8; 4]| u64::from(u32::from_be_bytes(bytes));
        let peer = match id {
            [0, number_of @ ..] => peers.by_id(number(number_of.try_into().ok()?)),
            _ => peers.list().into_iter().find(|peer| self.stream_id(peer) == id),
        };
        peer.filter(|peer| self.stream_id(peer) == id)
    }
}

/// The id of a peer that was given no name.
fn numbered(number: u64) -> Vec<u8> {
    let number = number as u32; // No socket lives to see more connections.
    [&[0], &number.to_be_bytes()[..]].concat()
}
