//! What blocking sockets can do that name their peers: ROUTER, SERVER, PEER, STREAM and DGRAM.
//!
//! Whoever needs a limit of time has [`Socket::wait_for_timeout`].

use std::net::SocketAddr;

use bytes::Bytes;

use super::{Connecting, Socket, wait};
use crate::endpoint::ToEndpoint;
use crate::error::{EndpointError, SendError, TryRecvError, TrySendError, WaitError};
use crate::message::{Message, Payload};
use crate::pattern::RoutingId;
use crate::peer::{Peer, PeerId};
use crate::runtime::InsideRuntime;
use crate::socket::kind::{self, Kind, Numbers};
use crate::socket::{self, StreamEvent};

impl<K: Numbers> Socket<K> {
    /// Sends a message to one peer, waiting while its queue is full: see [`send_to`](crate::Socket::send_to).
    ///
    /// # Errors
    ///
    /// Those of the async method, and [`SendError::InsideRuntime`] where it would have to wait. All give the message back.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::blocking::{Client, Server};
    ///
    /// let (server, client) = (Server::new(), Client::new());
    /// client.connect(&server.bind("tcp://127.0.0.1:0")?)?;
    /// client.send("hello")?;
    /// let (from, message) = server.recv_from()?;
    /// server.send_to(from, message)?;
    /// assert_eq!(client.recv()?, "hello");
    /// # Ok::<(), hubless::Error>(())
    /// ```
    pub fn send_to<'a>(&self, to: PeerId, message: impl Into<Payload<'a>>) -> Result<(), SendError> {
        let message = message.into().into_message();
        self.send_by(&message, |socket| socket.send_to(to, &message))
    }

    /// Sends a message to one peer if that is possible at once: see [`try_send_to`](crate::Socket::try_send_to).
    ///
    /// # Errors
    ///
    /// Those of the async method. All give the message back.
    ///
    /// Example: at [`Server`](super::Server).
    pub fn try_send_to<'a>(&self, to: PeerId, message: impl Into<Payload<'a>>) -> Result<(), TrySendError> {
        let sent = self.inner.try_send_to(to, message);
        self.mind_the_rest();
        sent
    }

    /// Receives a message if one is there, and who sent it.
    ///
    /// # Errors
    ///
    /// Those of the async method.
    ///
    /// Example: at [`Server`](super::Server).
    pub fn try_recv_from(&self) -> Result<(PeerId, Message), TryRecvError> {
        let received = self.inner.try_recv_from();
        self.mind_the_rest();
        received
    }

    /// Ends the connection of one peer: see [`disconnect_peer`](crate::Socket::disconnect_peer).
    ///
    /// # Errors
    ///
    /// Those of the async method; [`WaitError::InsideRuntime`] where it would have to wait.
    ///
    /// Example: at [`Server`](super::Server).
    pub fn disconnect_peer(&self, peer: PeerId) -> Result<Result<(), EndpointError>, WaitError> {
        self.wait_for(|socket| socket.disconnect_peer(peer))
    }
}

impl Socket<kind::Server> {
    /// Receives the next message, or waits for one, and who sent it: see [`recv_from`](crate::Socket::recv_from).
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] when the socket is closed, [`WaitError::InsideRuntime`] where it would have to wait.
    ///
    /// Example: at [`Server`](super::Server).
    pub fn recv_from(&self) -> Result<(PeerId, Message), WaitError> {
        Ok(wait(self.inner.shared(), self.inner.recv_from())??)
    }
}

impl Socket<kind::Peer> {
    /// Receives the next message, or waits for one, and who sent it: see [`recv_from`](crate::Socket::recv_from).
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] when the socket is closed, [`WaitError::InsideRuntime`] where it would have to wait.
    ///
    /// Example: at [`PeerSocket`](super::PeerSocket).
    pub fn recv_from(&self) -> Result<(PeerId, Message), WaitError> {
        Ok(wait(self.inner.shared(), self.inner.recv_from())??)
    }

    /// Begins to dial an endpoint, and says at once what its peer is called: see
    /// [`connect_peer`](crate::Socket::connect_peer).
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// Example: at [`PeerSocket`](super::PeerSocket).
    pub fn connect_peer(&self, to: impl ToEndpoint) -> Result<PeerId, EndpointError> {
        let endpoint = self.prepare(to)?;
        let peer = self.inner.connect_peer(&endpoint)?;
        self.mind_the_rest();
        Ok(peer)
    }
}

impl Socket<kind::Router> {
    /// Receives the next message, or waits for one, and who sent it: see [`recv_from`](crate::Socket::recv_from).
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] when the socket is closed, [`WaitError::InsideRuntime`] where it would have to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::blocking::{Dealer, Router};
    ///
    /// let (router, dealer) = (Router::new(), Dealer::new());
    /// dealer.connect(&router.bind("tcp://127.0.0.1:0")?)?;
    /// dealer.send("hello")?;
    /// let (from, message) = router.recv_from()?;
    /// router.send_to(&from, message)?;
    /// assert_eq!(dealer.recv()?, "hello");
    /// # Ok::<(), hubless::Error>(())
    /// ```
    pub fn recv_from(&self) -> Result<(RoutingId, Message), WaitError> {
        Ok(wait(self.inner.shared(), self.inner.recv_from())??)
    }

    /// Receives a message if one is there, and who sent it.
    ///
    /// # Errors
    ///
    /// Those of the async method.
    ///
    /// Example: at [`Router`](super::Router).
    pub fn try_recv_from(&self) -> Result<(RoutingId, Message), TryRecvError> {
        let received = self.inner.try_recv_from();
        self.mind_the_rest();
        received
    }

    /// Sends a message to one peer: see [`send_to`](crate::Socket::send_to).
    ///
    /// # Errors
    ///
    /// Those of the async method, and [`SendError::InsideRuntime`] where it would have to wait. All give the message back.
    ///
    /// Example: at [`Router`](super::Router).
    pub fn send_to<'a>(&self, to: &RoutingId, message: impl Into<Payload<'a>>) -> Result<(), SendError> {
        let message = message.into().into_message();
        self.send_by(&message, |socket| socket.send_to(to, &message))
    }

    /// Sends a message to one peer if that is possible at once.
    ///
    /// # Errors
    ///
    /// Those of the async method. All give the message back.
    ///
    /// Example: at [`Router`](super::Router).
    pub fn try_send_to<'a>(
        &self,
        to: &RoutingId,
        message: impl Into<Payload<'a>>,
    ) -> Result<(), TrySendError> {
        let sent = self.inner.try_send_to(to, message);
        self.mind_the_rest();
        sent
    }

    /// The peer that has this name now.
    ///
    /// Example: at [`Router`](super::Router).
    pub fn peer(&self, id: &RoutingId) -> Option<Peer> {
        self.inner.peer(id)
    }

    /// Begins to dial an endpoint, whose peer is known by this name whatever it says: see
    /// [`connect_as`](crate::Socket::connect_as).
    ///
    /// # Errors
    ///
    /// Those of the async method, and those of [`connect`](Self::connect).
    ///
    /// Example: at [`Router`](super::Router).
    pub fn connect_as(
        &self,
        to: impl ToEndpoint,
        routing_id: impl Into<RoutingId>,
    ) -> Result<Connecting, EndpointError> {
        let endpoint = self.prepare(to)?;
        let connecting = self.inner.connect_as(&endpoint, routing_id)?;
        self.mind_the_rest();
        Ok(Connecting::new(connecting, self.inner.shared()))
    }
}

impl Socket<kind::Stream> {
    /// Receives what happens next: see [`recv_from`](crate::Socket::recv_from).
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] when the socket is closed, [`WaitError::InsideRuntime`] where it would have to wait.
    ///
    /// Example: at [`StreamSocket`](super::StreamSocket).
    pub fn recv_from(&self) -> Result<(Peer, StreamEvent), WaitError> {
        Ok(wait(self.inner.shared(), self.inner.recv_from())??)
    }

    /// Receives what has happened, if something has.
    ///
    /// # Errors
    ///
    /// Those of the async method.
    ///
    /// Example: at [`StreamSocket`](super::StreamSocket).
    pub fn try_recv_from(&self) -> Result<(Peer, StreamEvent), TryRecvError> {
        let received = self.inner.try_recv_from();
        self.mind_the_rest();
        received
    }

    /// Sends bytes to one peer, waiting while its queue is full: see [`send_to`](crate::Socket::send_to).
    ///
    /// # Errors
    ///
    /// Those of the async method, and [`SendError::InsideRuntime`] where it would have to wait. All give the bytes back.
    ///
    /// Example: at [`StreamSocket`](super::StreamSocket).
    pub fn send_to<'a>(&self, peer: &Peer, bytes: impl Into<Payload<'a>>) -> Result<(), SendError> {
        let message = bytes.into().into_message();
        self.send_by(&message, |socket| socket.send_to(peer, &message))
    }

    /// Sends bytes to one peer if that is possible at once.
    ///
    /// # Errors
    ///
    /// Those of the async method. All give the bytes back.
    ///
    /// Example: at [`StreamSocket`](super::StreamSocket).
    pub fn try_send_to<'a>(&self, peer: &Peer, bytes: impl Into<Payload<'a>>) -> Result<(), TrySendError> {
        let sent = self.inner.try_send_to(peer, bytes);
        self.mind_the_rest();
        sent
    }

    /// Ends the connection of one peer: see [`close_peer`](crate::Socket::close_peer).
    ///
    /// Example: at [`StreamSocket`](super::StreamSocket).
    pub fn close_peer(&self, peer: &Peer) -> bool {
        let was_there = self.inner.close_peer(peer);
        self.mind_the_rest();
        was_there
    }
}

impl Socket<kind::Dgram> {
    /// Receives the next datagram, or waits for one, and where it came from.
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] when the socket is closed, [`WaitError::InsideRuntime`] where it would have to wait.
    ///
    /// Example: at [`Datagram`](super::Datagram).
    pub fn recv_from(&self) -> Result<(SocketAddr, Bytes), WaitError> {
        Ok(wait(self.inner.shared(), self.inner.recv_from())??)
    }

    /// Receives a datagram if one is there.
    ///
    /// # Errors
    ///
    /// Those of the async method.
    ///
    /// Example: at [`Datagram`](super::Datagram).
    pub fn try_recv_from(&self) -> Result<(SocketAddr, Bytes), TryRecvError> {
        let received = self.inner.try_recv_from();
        self.mind_the_rest();
        received
    }

    /// Sends a datagram: see [`send_to`](crate::Socket::send_to).
    ///
    /// # Errors
    ///
    /// Those of the async method, and [`SendError::InsideRuntime`] where it would have to wait. All give the bytes back.
    ///
    /// Example: at [`Datagram`](super::Datagram).
    pub fn send_to<'a>(&self, to: SocketAddr, bytes: impl Into<Payload<'a>>) -> Result<(), SendError> {
        let message = bytes.into().into_message();
        self.send_by(&message, |socket| socket.send_to(to, &message))
    }

    /// Sends a datagram if that is possible at once.
    ///
    /// # Errors
    ///
    /// Those of the async method. All give the bytes back.
    ///
    /// Example: at [`Datagram`](super::Datagram).
    pub fn try_send_to<'a>(&self, to: SocketAddr, bytes: impl Into<Payload<'a>>) -> Result<(), TrySendError> {
        let sent = self.inner.try_send_to(to, bytes);
        self.mind_the_rest();
        sent
    }
}

impl<K: Kind> Socket<K> {
    /// Sends a message, which is given back where that would have to wait.
    pub(super) fn send_by<'m, F>(
        &'m self,
        message: &Message,
        send: impl FnOnce(&'m socket::Socket<K>) -> F,
    ) -> Result<(), SendError>
    where
        F: Future<Output = Result<(), SendError>>,
    {
        let sent = wait(self.inner.shared(), send(&self.inner));
        sent.unwrap_or_else(|InsideRuntime| Err(SendError::InsideRuntime(message.clone())))
    }
}
