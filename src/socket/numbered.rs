//! CLIENT, SERVER and PEER: single frames to peers that are named by numbers (RFC 41, RFC 51).
//!
//! ```text
//!  Client ── frame ──▶ Server::recv_from ──▶ (PeerId, Message)
//!  Client ◀── frame ── Server::send_to (PeerId, …)
//! ```
//!
//! A number is a property of the message on this side and never on the wire; who gives it and for how long it holds
//! is in `pattern/numbered.rs`. A sender that names a peer waits for that one alone: `pipe/outgoing/named.rs`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::core::{Core, Sending};
use super::{Socket, kind};
use crate::endpoint::ToEndpoint;
use crate::error::{EndpointError, RecvError, SendError, TryRecvError, TrySendError};
use crate::message::{Message, Payload};
use crate::monitor::DisconnectReason;
use crate::peer::PeerId;
use crate::pipe::{PipeId, Refusal, SendTicket};

/// Talks to [`Server`]s, in messages of one frame.
///
/// | | |
/// |---|---|
/// | talks to | SERVER |
/// | sends | [`send`](Socket::send), [`try_send`](Socket::try_send), [`send_timeout`](Socket::send_timeout), [`reserve`](Socket::reserve), [`sink`](Socket::sink): to one peer, round robin over those that have room; usually there is one |
/// | receives | [`recv`](Socket::recv), [`try_recv`](Socket::try_recv), [`recv_timeout`](Socket::recv_timeout), [`recv_many`](Socket::recv_many), [`recv_from`](Socket::recv_from), [`messages`](Socket::messages): one message from each peer that has some, in turn |
/// | a message of several frames | sent: [`SendError::Multipart`], with the message; received: dropped, and counted as [`ProtocolError`](crate::DropReason::ProtocolError) |
/// | no peer, or all at their high-water mark | waits; it never drops |
/// | a connection is lost | as with [`Push`](super::Push) on the way out; what was received stays readable |
/// | own options | [`immediate`](super::Builder::immediate), [`hello_message`](super::Builder::hello_message), [`hiccup_message`](super::Builder::hiccup_message) |
///
/// Questions and answers may cross: nothing says which answer belongs to which question. What libzmq calls a draft: a
/// libzmq built without drafts knows neither CLIENT nor SERVER.
///
/// # Examples
///
/// ```
/// use hubless::{Client, Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let (server, client) = (Server::new(), Client::new());
/// client.connect(&server.bind("tcp://127.0.0.1:0").await?)?;
/// client.send("6 × 7").await?;
///
/// let (from, question) = server.recv_from().await?;
/// assert_eq!(question, "6 × 7");
/// server.send_to(from, "42").await?;
/// assert_eq!(client.recv().await?, "42");
/// # Ok(())
/// # }
/// ```
pub type Client = Socket<kind::Client>;

/// Talks to [`Client`]s, each by its number, in messages of one frame.
///
/// | | |
/// |---|---|
/// | talks to | CLIENT |
/// | receives | [`recv_from`](#method.recv_from), [`try_recv_from`](Socket::try_recv_from): one message from each peer that has some, in turn, with the number of its sender |
/// | sends | [`send_to`](Socket::send_to), [`try_send_to`](Socket::try_send_to): to the peer that has this number |
/// | a number without a peer | [`SendError::NoRoute`], with the message |
/// | that peer is at its high-water mark | waits for it, and for no other; it never drops |
/// | a message of several frames | sent: [`SendError::Multipart`], with the message; received: dropped, and counted as [`ProtocolError`](crate::DropReason::ProtocolError) |
/// | a connection is lost | the queue of an accepted one is dropped and counted, and its number is gone; a connecting endpoint keeps both; what was received stays readable |
/// | throws a peer out | [`disconnect_peer`](Socket::disconnect_peer) |
/// | own options | [`hello_message`](super::Builder::hello_message), [`disconnect_message`](super::Builder::disconnect_message) |
///
/// A client that has sent nothing yet is found in [`peers`](Socket::peers) or the [monitor](Socket::monitor), with its
/// [number](crate::Peer::number).
///
/// # Examples
///
/// A server that answers each client in its own time, from as many tasks as there are questions:
///
/// ```
/// use hubless::{Client, Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let server = Server::new();
/// let endpoint = server.bind("tcp://127.0.0.1:0").await?;
/// tokio::spawn(async move {
///     while let Ok((from, question)) = server.recv_from().await {
///         let server = server.clone();
///         tokio::spawn(async move { server.send_to(from, question.byte_len().to_string()).await });
///     }
/// });
///
/// let (one, two) = (Client::new(), Client::new());
/// one.connect(&endpoint)?;
/// two.connect(&endpoint)?;
/// one.send("how long?").await?;
/// two.send("and how long is this?").await?;
/// assert_eq!(one.recv().await?, "9");
/// assert_eq!(two.recv().await?, "21");
/// # Ok(())
/// # }
/// ```
pub type Server = Socket<kind::Server>;

/// Talks to other [`PeerSocket`]s, each by its number, in messages of one frame: a [`Server`] on both sides.
///
/// (The kind is PEER; [`Peer`](crate::Peer) is another word here.)
///
/// | | |
/// |---|---|
/// | talks to | PEER |
/// | connects | [`connect_peer`](#method.connect_peer): the number of the new peer at once; [`connect`](Socket::connect) |
/// | receives | [`recv_from`](#method.recv_from), [`try_recv_from`](Socket::try_recv_from) |
/// | sends | [`send_to`](Socket::send_to), [`try_send_to`](Socket::try_send_to) |
/// | all else | as [`Server`] |
///
/// # Examples
///
/// ```
/// use hubless::PeerSocket;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let (here, there) = (PeerSocket::new(), PeerSocket::new());
/// let endpoint = there.bind("tcp://127.0.0.1:0").await?;
///
/// let number = here.connect_peer(&endpoint)?;
/// here.send_to(number, "hello").await?; // it need not be connected yet
///
/// let (from, hello) = there.recv_from().await?;
/// assert_eq!(hello, "hello");
/// there.send_to(from, "hello yourself").await?;
/// assert_eq!(here.recv_from().await?, (number, "hello yourself".into()));
/// # Ok(())
/// # }
/// ```
pub type PeerSocket = Socket<kind::Peer>;

impl Socket<kind::Server> {
    /// Receives the next message and the number of the peer that sent it, or waits for one.
    ///
    /// Peers take turns, one message each. Clones of a socket share its messages. The number may belong to a peer that
    /// has left meanwhile.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] when the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken before it is returned: dropping the future loses no message.
    ///
    /// # Examples
    ///
    /// ```
    /// # use hubless::{Client, Server};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let (server, client) = (Server::new(), Client::new());
    /// # client.connect(&server.bind("tcp://127.0.0.1:0").await?)?;
    /// # client.send("hello").await?;
    /// let (from, message) = server.recv_from().await?;
    /// println!("client {from} says {message:?}");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv_from(&self) -> Result<(PeerId, Message), RecvError> {
        self.core.recv_numbered().await
    }
}

impl Socket<kind::Peer> {
    /// Receives the next message and the number of the peer that sent it, or waits for one: see
    /// [`Server`](Server#method.recv_from).
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] when the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken before it is returned: dropping the future loses no message.
    ///
    /// # Examples
    ///
    /// ```
    /// # use hubless::PeerSocket;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let (here, there) = (PeerSocket::new(), PeerSocket::new());
    /// # let number = there.connect_peer(&here.bind("tcp://127.0.0.1:0").await?)?;
    /// # there.send_to(number, "hello").await?;
    /// let (from, message) = here.recv_from().await?;
    /// here.send_to(from, message).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv_from(&self) -> Result<(PeerId, Message), RecvError> {
        self.core.recv_numbered().await
    }

    /// [Connects](Socket::connect), and returns the number of the peer that will be there.
    ///
    /// It can be sent to at once: what is sent waits until the connection is there. The number stays, whatever becomes
    /// of single connections, until the endpoint is disconnected.
    ///
    /// # Errors
    ///
    /// As [`connect`](Socket::connect).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let peer = hubless::PeerSocket::new();
    /// let later = peer.connect_peer("inproc://later")?;
    /// peer.send_to(later, "when you are there").await?;
    /// assert_eq!(peer.stats().outgoing.queued.messages, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_peer(&self, to: impl ToEndpoint) -> Result<PeerId, EndpointError> {
        let (_, pipe) = self.core.dial(to, |_| Ok(None))?;
        Ok(self
            .core
            .number(pipe)
            .unwrap_or_else(|| unreachable!("each endpoint of this kind has its pipe")))
    }
}

impl<K: kind::Numbers> Socket<K> {
    /// Receives a message and the number of its sender if one is there.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] when there is none, [`TryRecvError::Closed`] when the socket is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Server, TryRecvError};
    ///
    /// assert_eq!(Server::new().try_recv_from(), Err(TryRecvError::Empty));
    /// ```
    pub fn try_recv_from(&self) -> Result<(PeerId, Message), TryRecvError> {
        let mut from = None;
        let message = self.core.try_recv_lane(&mut from)?;
        Ok((self.core.sender_number(from), message))
    }

    /// Sends a message of one frame to the peer that has this number.
    ///
    /// Waits while that peer's queue is at its high-water mark ([`send_hwm`](super::Builder::send_hwm)); those who wait
    /// for the same peer are served in the order in which they came, and others are not held up. Ready means queued.
    ///
    /// # Errors
    ///
    /// [`SendError::NoRoute`] when no peer has this number, or none any more, also if it leaves while this waits;
    /// [`SendError::Multipart`] when the message has several frames; [`SendError::TooLarge`] beyond
    /// [`max_message_size`](super::Builder::max_message_size); [`SendError::Closed`]. All give the message back.
    ///
    /// # Cancel safety
    ///
    /// All waiting comes before the message is queued: if the future is dropped before it was ready, nothing was queued
    /// and nothing will be sent, and the message is dropped with the future.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Client, SendError, Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let (server, client) = (Server::new(), Client::new());
    /// client.connect(&server.bind("tcp://127.0.0.1:0").await?)?;
    /// client.send("hello").await?;
    /// let (from, _) = server.recv_from().await?;
    /// server.send_to(from, "hello yourself").await?;
    /// assert_eq!(client.recv().await?, "hello yourself");
    ///
    /// let mut monitor = server.monitor();
    /// client.close().await?;
    /// while !matches!(monitor.next().await, Some(hubless::Event::Disconnected { .. })) {}
    /// let gone = server.send_to(from, "are you there?").await;
    /// assert_eq!(gone, Err(SendError::NoRoute("are you there?".into())));
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_to<'a>(
        &'a self,
        to: PeerId,
        message: impl Into<Payload<'a>>,
    ) -> impl Future<Output = Result<(), SendError>> + Send + Unpin + 'a {
        SendingTo {
            core: &self.core,
            pipe: self.core.pipe(to),
            payload: message.into(),
            ticket: SendTicket::default(),
        }
    }

    /// Sends a message of one frame to the peer that has this number, if that is possible at once.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] when that peer has no room, or others wait for it already; otherwise as
    /// [`send_to`](Self::send_to). All give the message back.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{PeerId, Server, TrySendError};
    ///
    /// let nobody = PeerId::new(7).expect("it is not zero");
    /// let error = Server::new().try_send_to(nobody, "hello").expect_err("nobody is there");
    /// assert_eq!(error, TrySendError::NoRoute("hello".into()));
    /// ```
    pub fn try_send_to<'a>(&self, to: PeerId, message: impl Into<Payload<'a>>) -> Result<(), TrySendError> {
        let payload = message.into();
        if !self.core.limits.admit(&payload) {
            return Err(self.core.limits.refuse(payload).into());
        }
        let sent = match (&self.core.sending, self.core.pipe(to)) {
            (Sending::Pipes(outbox), Some(pipe)) => outbox.try_send_to(pipe, &[], &payload),
            _ => Err(Refusal::Gone),
        };
        sent.map_err(|refusal| match refusal {
            Refusal::Full => TrySendError::Full(payload.into_message()),
            Refusal::Gone => TrySendError::NoRoute(payload.into_message()),
            Refusal::Closed => TrySendError::Closed(payload.into_message()),
        })
    }

    /// Ends the connection to the peer that has this number; if it is one of our connecting endpoints, the endpoint.
    ///
    /// What is queued for it goes out first, for as long as [`linger`](super::Builder::linger) allows; what it sent and
    /// was received stays readable. Nothing new is queued for it meanwhile. A peer that connects again is let in, and
    /// has another number.
    ///
    /// # Errors
    ///
    /// [`EndpointError::NoPeer`] when no peer has this number. [`EndpointError::Unsent`] with the messages that were
    /// left when linger ended; the connection is gone all the same.
    ///
    /// # Cancel safety
    ///
    /// The end has begun with the first poll, and goes on if the future is dropped. What is left unsent is then
    /// reported by [`close`](Socket::close).
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Client, Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let (server, client) = (Server::new(), Client::new());
    /// client.connect(&server.bind("tcp://127.0.0.1:0").await?)?;
    /// client.send("something rude").await?;
    /// let (from, _) = server.recv_from().await?;
    /// server.send_to(from, "goodbye").await?;
    /// server.disconnect_peer(from).await?;
    /// assert_eq!(client.recv().await?, "goodbye");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn disconnect_peer(&self, peer: PeerId) -> Result<(), EndpointError> {
        self.core.disconnect_peer(peer).await
    }
}

impl Core {
    /// The pipe of the peer that has this number, open or not.
    fn pipe(&self, number: PeerId) -> Option<PipeId> {
        self.shared.traffic.numbers.as_ref()?.pipe(number)
    }

    /// The number of an open pipe.
    fn number(&self, pipe: Option<PipeId>) -> Option<PeerId> {
        Some(self.shared.traffic.numbers.as_ref()?.of(pipe?))
    }

    /// Who sent what came through this lane.
    fn sender_number(&self, lane: Option<PipeId>) -> PeerId {
        // As with `recv_from`: the entry of a lane stays until the lane is used again.
        lane.and_then(|lane| self.shared.peers.number_of(lane))
            .unwrap_or_else(|| {
                unreachable!("a message comes from a lane that somebody opened, and he has a number")
            })
    }

    async fn recv_numbered(&self) -> Result<(PeerId, Message), RecvError> {
        let mut receiving = self.recv();
        let message = (&mut receiving).await?;
        Ok((self.sender_number(receiving.from), message))
    }

    async fn disconnect_peer(&self, number: PeerId) -> Result<(), EndpointError> {
        let unknown = || EndpointError::NoPeer(number.get());
        let pipe = self.pipe(number).ok_or_else(unknown)?;
        let link = self.shared.peers.by_pipe(pipe);
        // One that is dialed may never have been connected.
        let picked = self.shared.tasks.pick(|_, task| {
            task.pipe == Some(pipe)
                || link
                    .as_ref()
                    .is_some_and(|link| Arc::ptr_eq(&link.control, &task.control))
        });
        let (id, task) = picked.first().ok_or_else(unknown)?;
        let id = *id;
        self.end(&task.endpoint, DisconnectReason::Disconnect, move |other, _| {
            other == id
        })
        .await
    }
}

/// The future of one `send_to`. All its waiting comes before the message is queued.
#[derive(Debug)]
struct SendingTo<'a> {
    core: &'a Core,
    pipe: Option<PipeId>,
    payload: Payload<'a>,
    ticket: SendTicket,
}

impl Future for SendingTo<'_> {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !this.core.limits.admit(&this.payload) {
            let payload = std::mem::replace(&mut this.payload, (&[]).into());
            return Poll::Ready(Err(this.core.limits.refuse(payload)));
        }
        let sent = match (&this.core.sending, this.pipe) {
            (Sending::Pipes(outbox), Some(pipe)) => {
                ready!(outbox.poll_send_to(pipe, cx.waker(), &mut this.ticket, &[], &this.payload))
            }
            _ => Err(Refusal::Gone),
        };
        Poll::Ready(sent.map_err(|refusal| {
            let message = std::mem::replace(&mut this.payload, (&[]).into()).into_message();
            match refusal {
                Refusal::Closed => SendError::Closed(message),
                Refusal::Full | Refusal::Gone => SendError::NoRoute(message),
            }
        }))
    }
}

impl Drop for SendingTo<'_> {
    fn drop(&mut self) {
        if let (true, Sending::Pipes(outbox), Some(pipe)) =
            (self.ticket.is_waiting(), &self.core.sending, self.pipe)
        {
            outbox.leave_line_of(pipe, &mut self.ticket);
        }
    }
}
