//! STREAM: connections to programs that know no ZMTP, seen as a socket.
//!
//! ```text
//!            ┌──▶ connection ──▶ curl, a browser, a meter …
//!  stream ───┤                                     each one is a `Peer`, named in every call
//!            └──▶ connection ──▶ …
//! ```
//!
//! Everything that a connection of bytes needs is that of the other kinds: listening, dialing again, marks on both
//! sides, an orderly end. Only nothing is said before the first byte, and messages have no frames on the wire. That a
//! peer has come or left lies among its bytes, in the order in which it happened.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::core::{Core, Receiving, Sending, order_to_finish};
use super::{Builder, Socket, kind};
use crate::driver::Occasions;
use crate::error::{RecvError, SendError, TryRecvError, TrySendError};
use crate::message::{Message, Payload};
use crate::monitor::DisconnectReason;
use crate::peer::Peer;
use crate::pipe::{Outbox, PipeId, Refusal, SendTicket};

/// The most bytes of one piece that is received.
const CHUNK: usize = 64 * 1024;

/// In the lane of a peer: a message of one empty frame says that it has come …
const CAME: &[u8] = &[0, 0];
/// … and one of two that it has left. A piece of what it sends is one frame and never empty.
const LEFT: &[u8] = &[1, 0, 0, 0];

/// Talks to programs that know no ZMTP, each over a connection of bytes.
///
/// | | |
/// |---|---|
/// | talks to | whatever speaks TCP, or connects to a Unix socket; to no other kind of socket |
/// | endpoints | `tcp://` and `ipc://` |
/// | sends | [`send_to`](#method.send_to), [`try_send_to`](#method.try_send_to): the bytes of all frames, one behind the other, to the peer that is named |
/// | receives | [`recv_from`](#method.recv_from), [`try_recv_from`](#method.try_recv_from): from each peer in turn, that it has come, a piece of what it sends, that it has left |
/// | that peer is at the high-water mark | waits; it never drops |
/// | at its high-water mark for a peer | stops reading that peer, which then has to wait |
/// | nobody receives | of peers that have come and left without a byte as many are told as the mark says; of any more neither is, and both are counted as [`Unread`](crate::DropReason::Unread) |
/// | a connection is lost | what was received stays readable, and its end is told behind it; what is queued for it is dropped and counted. A connecting endpoint dials again, and has a new peer then |
/// | own options | [`notify`](super::Builder::notify) |
///
/// A piece has at most 64 KiB, or [`max_message_size`](super::Builder::max_message_size) if that is less. Where it ends
/// means nothing: two things that were sent may come in one piece, and one in several. High-water marks count pieces,
/// and what is sent in one call; [`recv_hwm_bytes`](super::Builder::recv_hwm_bytes) and
/// [`send_hwm_bytes`](super::Builder::send_hwm_bytes) are what bounds memory.
///
/// A peer that closes its sending half has left: the connection ends. [`close_peer`](Socket::close_peer) ends one from
/// this side.
///
/// There is no handshake, so there is no mechanism, no heartbeat and no property either: a builder that was told of one
/// refuses. libzmq: `ZMQ_STREAM`, whose five bytes of routing id are here a [`Peer`].
///
/// # Examples
///
/// A web server, as small as can be:
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
///
/// use hubless::{StreamEvent, StreamSocket};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let server = StreamSocket::new();
/// let endpoint = server.bind("tcp://127.0.0.1:0").await?;
///
/// // What curl does.
/// let address = endpoint.as_str().trim_start_matches("tcp://").to_owned();
/// let browser = std::thread::spawn(move || {
///     let mut stream = TcpStream::connect(address)?;
///     stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
///     let mut page = String::new();
///     stream.read_to_string(&mut page)?;
///     Ok::<_, std::io::Error>(page)
/// });
///
/// let mut request = Vec::new();
/// loop {
///     match server.recv_from().await? {
///         (peer, StreamEvent::Connected) => println!("{} has come", peer.address()),
///         (peer, StreamEvent::Data(bytes)) => {
///             request.extend_from_slice(&bytes);
///             if request.ends_with(b"\r\n\r\n") {
///                 server.send_to(&peer, "HTTP/1.0 200 OK\r\n\r\nHello, world!").await?;
///                 server.close_peer(&peer); // once that is on its way
///             }
///         }
///         (_, StreamEvent::Disconnected) => break,
///         _ => {}
///     }
/// }
/// let page = browser.join().expect("it does not panic").expect("it was served");
/// assert!(page.ends_with("Hello, world!"));
/// # Ok(())
/// # }
/// ```
///
/// It does not send without saying to whom:
///
/// ```compile_fail
/// # async fn send() {
/// hubless::StreamSocket::new().send("to whom?").await;
/// # }
/// ```
pub type StreamSocket = Socket<kind::Stream>;

/// What a [`StreamSocket`] receives of one peer.
///
/// Example: at [`StreamSocket`].
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamEvent {
    /// It has come. Told before everything that it sends, unless [`notify`](super::Builder::notify) is off.
    Connected,
    /// The next bytes that it sent: at least one.
    Data(Bytes),
    /// It has left, or was left. Told behind everything that it sent, unless [`notify`](super::Builder::notify) is off.
    Disconnected,
}

/// Of the bytes only how many they are.
impl fmt::Debug for StreamEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("Connected"),
            Self::Data(bytes) => write!(f, "Data({} bytes)", bytes.len()),
            Self::Disconnected => f.write_str("Disconnected"),
        }
    }
}

impl From<Message> for StreamEvent {
    fn from(message: Message) -> Self {
        match message.into_bytes() {
            Ok(bytes) if bytes.is_empty() => Self::Connected,
            Ok(bytes) => Self::Data(bytes),
            Err(_) => Self::Disconnected,
        }
    }
}

/// What each peer is told of in its lane.
pub(super) fn notices() -> Occasions {
    let left = Some(Bytes::from_static(LEFT));
    Occasions {
        greeting: None,
        arrival: Some(Bytes::from_static(CAME)),
        departure: left.clone(),
        loss: left,
    }
}

/// In pieces of how many bytes a peer is read.
pub(super) fn chunk(max_message_size: u64) -> usize {
    usize::try_from(max_message_size).map_or(CHUNK, |most| most.min(CHUNK))
}

impl Socket<kind::Stream> {
    /// Receives what comes next, and of whom; or waits for it.
    ///
    /// Peers take turns. Clones of a socket share what comes: one that waits gets it.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] when the socket is closed. What goes wrong with a peer ends its connection, and why is in
    /// the [monitor](Socket::monitor).
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken before it is returned: dropping the future loses nothing.
    ///
    /// Example: at [`StreamSocket`].
    pub async fn recv_from(&self) -> Result<(Peer, StreamEvent), RecvError> {
        let mut receiving = self.core.recv();
        let message = (&mut receiving).await?;
        Ok((self.core.sender(receiving.from), message.into()))
    }

    /// Receives what comes next, if it is there.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] when nothing is, [`TryRecvError::Closed`] when the socket is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{StreamSocket, TryRecvError};
    ///
    /// assert_eq!(StreamSocket::new().try_recv_from().err(), Some(TryRecvError::Empty));
    /// ```
    pub fn try_recv_from(&self) -> Result<(Peer, StreamEvent), TryRecvError> {
        let Receiving::Pipes { inbox, wanted } = &self.core.receiving else {
            return Err(TryRecvError::Closed);
        };
        let mut from = None;
        let message = inbox.try_recv(&mut from, wanted.as_ref())?;
        Ok((self.core.sender(from), message.into()))
    }

    /// Sends bytes to one peer.
    ///
    /// Waits while the queue of that peer is at its high-water mark ([`send_hwm`](super::Builder::send_hwm),
    /// [`send_hwm_bytes`](super::Builder::send_hwm_bytes)); others may send to other peers meanwhile. Ready means queued:
    /// the bytes go out by themselves. Frames are written one behind the other; no bytes at all are written as such.
    ///
    /// # Errors
    ///
    /// [`SendError::NoRoute`] when this peer is not connected to this socket any more, also while it is waited for;
    /// [`SendError::Closed`] when the socket is closed; [`SendError::TooLarge`] beyond
    /// [`max_message_size`](super::Builder::max_message_size). All give the bytes back.
    ///
    /// # Cancel safety
    ///
    /// All waiting comes before the bytes are queued: if the future is dropped before it was ready, none of them was, and
    /// they are dropped with the future.
    ///
    /// # Examples
    ///
    /// The peer of a connecting endpoint is what [`Connecting`](crate::Connecting) brings:
    ///
    /// ```
    /// use hubless::{StreamEvent, StreamSocket};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let server = StreamSocket::new();
    /// # let endpoint = server.bind("tcp://127.0.0.1:0").await?;
    /// let client = StreamSocket::new();
    /// let peer = client.connect(&endpoint)?.await?;
    /// client.send_to(&peer, "EHLO here\r\n").await?;
    /// # assert_eq!(server.recv_from().await?.1, StreamEvent::Connected);
    /// # assert_eq!(server.recv_from().await?.1, StreamEvent::Data("EHLO here\r\n".into()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_to<'a>(
        &'a self,
        peer: &'a Peer,
        bytes: impl Into<Payload<'a>>,
    ) -> impl Future<Output = Result<(), SendError>> + Send + Unpin + 'a {
        SendingTo {
            core: &self.core,
            peer,
            payload: bytes.into(),
            waits: None,
        }
    }

    /// Sends bytes to one peer if that is possible at once.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] when its queue is at its high-water mark, or others wait for it already; otherwise as
    /// [`send_to`](Self::send_to). All give the bytes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{StreamSocket, TrySendError};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let server = StreamSocket::new();
    /// # let endpoint = server.bind("tcp://127.0.0.1:0").await?;
    /// let client = StreamSocket::new();
    /// let peer = client.connect(&endpoint)?.await?;
    /// client.try_send_to(&peer, "hello")?;
    ///
    /// let error = server.try_send_to(&peer, "hello").expect_err("it is a peer of the other socket");
    /// assert!(matches!(error, TrySendError::NoRoute(_)));
    /// assert_eq!(error.into_message(), "hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_send_to<'a>(&self, peer: &Peer, bytes: impl Into<Payload<'a>>) -> Result<(), TrySendError> {
        let payload = bytes.into();
        if !self.core.limits.admit(&payload) {
            return Err(self.core.limits.refuse(payload).into());
        }
        let sent = match (outbox(&self.core), self.core.pipe_to(peer)) {
            (Some(outbox), Some(pipe)) => outbox.try_send_to(pipe, &[], &payload),
            _ => Err(self.core.no_pipe()),
        };
        sent.map_err(|refusal| match refusal {
            Refusal::Full => TrySendError::Full(payload.into_message()),
            Refusal::Gone => TrySendError::NoRoute(payload.into_message()),
            Refusal::Closed => TrySendError::Closed(payload.into_message()),
        })
    }

    /// Ends the connection to a peer, in good order; whether there was one.
    ///
    /// What is queued for it goes out first, for as long as [`linger`](super::Builder::linger) allows, and nothing new is
    /// queued; what is left then is dropped and counted as [`Linger`](crate::DropReason::Linger). What it sends meanwhile can
    /// still be received, and behind that its end. Of a connecting endpoint it is the end, as with
    /// [`disconnect`](Socket::disconnect): it is not dialed again.
    ///
    /// libzmq: sending an empty frame, which drops what is queued.
    ///
    /// Example: at [`StreamSocket`].
    pub fn close_peer(&self, peer: &Peer) -> bool {
        let shared = &self.core.shared;
        let Some(link) = shared.peers.by_peer(peer) else {
            return false;
        };
        if let (Some(outgoing), Some(pipe)) = (&shared.traffic.outgoing, link.outgoing) {
            // At once: the connection hears of it later.
            outgoing.retire(pipe);
        }
        link.control.let_go();
        let order = order_to_finish(self.core.linger, DisconnectReason::Disconnect);
        link.control.give(order);
        true
    }
}

impl Builder<kind::Stream> {
    /// Whether it is told among a peer's bytes that it has come, and that it has left. Default: yes.
    ///
    /// libzmq: `ZMQ_STREAM_NOTIFY`.
    ///
    /// # Examples
    ///
    /// ```
    /// let quiet = hubless::StreamSocket::builder().notify(false).build()?;
    /// # Ok::<(), hubless::BuildError>(())
    /// ```
    pub fn notify(mut self, comings_and_goings: bool) -> Self {
        self.options.notify = comings_and_goings;
        self
    }
}

fn outbox(core: &Core) -> Option<&Outbox> {
    match &core.sending {
        Sending::Pipes(outbox) => Some(outbox),
        _ => None,
    }
}

impl Core {
    /// Who sent what came through this lane.
    fn sender(&self, from: Option<PipeId>) -> Peer {
        // The entry of a lane stays until the lane is used again, which it is not before it has been read empty.
        let link = from.and_then(|lane| self.shared.peers.by_lane(lane));
        link.unwrap_or_else(|| unreachable!("a message comes from a lane that somebody opened"))
            .peer
    }

    /// The pipe to a peer that is connected.
    fn pipe_to(&self, peer: &Peer) -> Option<PipeId> {
        self.shared.peers.by_peer(peer)?.outgoing
    }

    /// Why there is no pipe to a peer.
    fn no_pipe(&self) -> Refusal {
        match self.shared.peers.is_closed() {
            true => Refusal::Closed,
            false => Refusal::Gone,
        }
    }
}

/// The future of one `send_to`. All its waiting comes before the message is queued.
struct SendingTo<'a> {
    core: &'a Core,
    peer: &'a Peer,
    payload: Payload<'a>,
    /// The line that it is in.
    waits: Option<(PipeId, SendTicket)>,
}

impl Future for SendingTo<'_> {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let limits = this.core.limits;
        if !limits.admit(&this.payload) {
            let payload = mem::replace(&mut this.payload, (&[]).into());
            return Poll::Ready(Err(limits.refuse(payload)));
        }
        let pipe = match &this.waits {
            Some((pipe, _)) => Some(*pipe),
            None => this.core.pipe_to(this.peer),
        };
        let sent = match (outbox(this.core), pipe) {
            (Some(outbox), Some(pipe)) => {
                let (_, ticket) = this.waits.get_or_insert_with(|| (pipe, SendTicket::default()));
                ready!(outbox.poll_send_to(pipe, cx.waker(), ticket, &[], &this.payload))
            }
            _ => Err(this.core.no_pipe()),
        };
        this.waits = None;
        let payload = mem::replace(&mut this.payload, (&[]).into());
        Poll::Ready(sent.map_err(|refusal| match refusal {
            Refusal::Closed => SendError::Closed(payload.into_message()),
            Refusal::Full | Refusal::Gone => SendError::NoRoute(payload.into_message()),
        }))
    }
}

impl Drop for SendingTo<'_> {
    fn drop(&mut self) {
        if let (Some(outbox), Some((pipe, ticket))) = (outbox(self.core), &mut self.waits) {
            outbox.leave_line_of(*pipe, ticket);
        }
    }
}
