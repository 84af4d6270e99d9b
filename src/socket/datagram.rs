//! DGRAM: UDP as it is, each datagram with the address of the other side.
//!
//! ```text
//!   datagram ◀──▶ one port ◀──▶ any number of addresses
//! ```
//!
//! Nothing is connected and nobody is a peer; what this adds to a socket of the system are the queues, the counters and
//! the way in which all sockets here are opened, waited for and closed.

use std::future::Future;
use std::io::Write;
use std::mem;
use std::net::SocketAddr;
use std::pin::Pin;
use std::str;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::core::{Core, Receiving, Sending};
use super::{Builder, Socket, kind};
use crate::error::{RecvError, SendError, TryRecvError, TrySendError};
use crate::frame::{MORE, put_header};
use crate::message::{Message, Payload};
use crate::pipe::{Refusal, SendTicket};
use crate::transport::UdpOptions;

/// The most bytes that the data of a datagram can have over IPv4 …
const MOST_V4: usize = 65_507;
/// … and over IPv6, whose header is not counted.
const MOST_V6: usize = 65_527;

/// Sends and receives UDP datagrams, to and from any address.
///
/// | | |
/// |---|---|
/// | talks to | whatever speaks UDP |
/// | endpoints | binds one of `udp://`, and connects to none: `udp://127.0.0.1:5555`, `udp://*:5555` for all of this machine over IPv4, `udp://[::]:5555` for both, `udp://239.0.0.1:5555` or `udp://eth0;239.0.0.1:5555` for a multicast group |
/// | sends | [`send_to`](#method.send_to), [`try_send_to`](#method.try_send_to): to the address that is named |
/// | receives | [`recv_from`](#method.recv_from), [`try_recv_from`](#method.try_recv_from): with the address of the sender |
/// | not bound, or at its outgoing high-water mark | waits |
/// | at its incoming high-water mark | drops what comes, and counts it as [`Hwm`](crate::DropReason::Hwm) |
/// | own options | [`udp`](super::Builder::udp) |
///
/// A datagram arrives whole or not at all, and that it was sent says nothing about whether it arrived. What is too long
/// for any datagram is not sent, and given back; what the system does not take, because there is no way to the address
/// or it is too long for that way, is counted as [`Refused`](crate::DropReason::Refused), and the reason is told in an
/// [`Event::DatagramFailed`](crate::Event::DatagramFailed). One that is received and has more bytes than
/// [`max_message_size`](super::Builder::max_message_size) is dropped.
///
/// libzmq: `ZMQ_DGRAM`, which is a draft there, knows IPv4 only, and takes the address for a first frame.
///
/// # Examples
///
/// One that sends back what it gets, and one that asks it:
///
/// ```
/// use hubless::Datagram;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let echo = Datagram::new();
/// let endpoint = echo.bind("udp://127.0.0.1:0").await?;
/// let at = endpoint.as_str().trim_start_matches("udp://").parse()?;
///
/// let asker = Datagram::new();
/// asker.bind("udp://127.0.0.1:0").await?;
/// asker.send_to(at, "anyone there?").await?;
///
/// let (from, question) = echo.recv_from().await?;
/// echo.send_to(from, question).await?;
/// let (from, answer) = asker.recv_from().await?;
/// assert_eq!((from, &answer[..]), (at, &b"anyone there?"[..]));
/// # Ok(())
/// # }
/// ```
///
/// It does not send without saying to whom:
///
/// ```compile_fail
/// # async fn send() {
/// hubless::Datagram::new().send("to whom?").await;
/// # }
/// ```
pub type Datagram = Socket<kind::Dgram>;

impl Socket<kind::Dgram> {
    /// Receives the next datagram and the address that it came from, or waits for one.
    ///
    /// Clones of a socket share what comes: each goes to one of those who wait.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] when the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken before it is returned: dropping the future loses no datagram.
    ///
    /// Example: at [`Datagram`].
    pub async fn recv_from(&self) -> Result<(SocketAddr, Bytes), RecvError> {
        Ok(apart(self.core.recv().await?))
    }

    /// Receives a datagram if one is there.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] when there is none, [`TryRecvError::Closed`] when the socket is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Datagram, TryRecvError};
    ///
    /// assert_eq!(Datagram::new().try_recv_from(), Err(TryRecvError::Empty));
    /// ```
    pub fn try_recv_from(&self) -> Result<(SocketAddr, Bytes), TryRecvError> {
        let Receiving::Pipes { inbox, wanted } = &self.core.receiving else {
            return Err(TryRecvError::Closed);
        };
        inbox.try_recv(&mut None, wanted.as_ref()).map(apart)
    }

    /// Sends a datagram to an address.
    ///
    /// Waits while the socket is not bound, and while the queue is at its high-water mark
    /// ([`send_hwm`](super::Builder::send_hwm)), which it hardly ever is: the system takes datagrams about as fast as they
    /// are made. Ready means queued. Frames go one behind the other in one datagram.
    ///
    /// # Errors
    ///
    /// [`SendError::TooLarge`] beyond 65 507 bytes, to IPv6 65 527, or beyond
    /// [`max_message_size`](super::Builder::max_message_size); [`SendError::Closed`] when the socket is closed. Both give
    /// the bytes back. What the system says later is counted and told: see [`Datagram`].
    ///
    /// # Cancel safety
    ///
    /// All waiting comes before the datagram is queued: if the future is dropped before it was ready, nothing will be
    /// sent, and the bytes are dropped with the future.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Datagram, SendError};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let socket = Datagram::new();
    /// socket.bind("udp://127.0.0.1:0").await?;
    /// match socket.send_to("127.0.0.1:9".parse()?, vec![0; 70_000]).await {
    ///     Err(SendError::TooLarge { message, limit: 65_507, .. }) => assert_eq!(message.byte_len(), 70_000),
    ///     other => panic!("expected that it is too large, found {other:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_to<'a>(
        &'a self,
        to: SocketAddr,
        bytes: impl Into<Payload<'a>>,
    ) -> impl Future<Output = Result<(), SendError>> + Send + Unpin + 'a {
        SendingDatagram {
            core: &self.core,
            to,
            address: frame_of(to),
            payload: whole(bytes.into()),
            ticket: SendTicket::default(),
        }
    }

    /// Sends a datagram to an address if that is possible at once.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] when the socket is not bound, when the queue is at its high-water mark, or others wait
    /// already; otherwise as [`send_to`](Self::send_to). All give the bytes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Datagram, TrySendError};
    ///
    /// let unbound = Datagram::new();
    /// let error = unbound.try_send_to(([127, 0, 0, 1], 9).into(), "hello").expect_err("it has no port");
    /// assert!(matches!(error, TrySendError::Full(_)));
    /// ```
    pub fn try_send_to<'a>(&self, to: SocketAddr, bytes: impl Into<Payload<'a>>) -> Result<(), TrySendError> {
        let payload = whole(bytes.into());
        if let Some(limit) = exceeded(&self.core, to, &payload) {
            return Err(too_large(payload, limit).into());
        }
        let sent = match &self.core.sending {
            Sending::Pipes(outbox) => outbox.try_send(&frame_of(to), &payload).map(drop),
            _ => Err(Refusal::Closed),
        };
        sent.map_err(|refusal| match refusal {
            Refusal::Closed => TrySendError::Closed(payload.into_message()),
            Refusal::Full | Refusal::Gone => TrySendError::Full(payload.into_message()),
        })
    }
}

macro_rules! takes_udp_options {
    ($($kind:ident)+) => {$(
        impl Builder<kind::$kind> {
            /// Options of `udp://` endpoints; each says what it is to libzmq. Default: those of [`UdpOptions::new`].
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use hubless::{Builder, UdpOptions, kind::", stringify!($kind), "};")]
            ///
            #[doc = concat!("fn far(builder: Builder<", stringify!($kind), ">) -> Builder<", stringify!($kind), "> {")]
            ///     builder.udp(UdpOptions::new().multicast_hops(8))
            /// }
            /// ```
            pub fn udp(mut self, options: UdpOptions) -> Self {
                self.options.udp = options;
                self
            }
        }
    )+};
}

takes_udp_options! { Dgram Radio Dish }

/// The address as a frame in front of the datagram's: its text, as libzmq has it.
fn frame_of(to: SocketAddr) -> Vec<u8> {
    let mut text = Vec::with_capacity(64);
    // Writing to a vector does not fail.
    let _ = write!(text, "{to}");
    let mut frame = Vec::with_capacity(64);
    put_header(&mut frame, MORE, text.len());
    frame.extend_from_slice(&text);
    frame
}

/// One frame of all.
fn whole(payload: Payload<'_>) -> Payload<'_> {
    match payload.frame_count() {
        1 => payload,
        _ => payload.into_message().iter().collect::<Vec<_>>().concat().into(),
    }
}

/// Sender and data of what the driver has taken in.
fn apart(message: Message) -> (SocketAddr, Bytes) {
    let apart = message.into_frames::<2>().ok().and_then(|[address, data]| {
        let address = str::from_utf8(&address).ok()?.parse().ok()?;
        Some((address, data.into_bytes()))
    });
    apart.unwrap_or_else(|| unreachable!("a datagram is an address and its data"))
}

/// The limit that a payload exceeds.
fn exceeded(core: &Core, to: SocketAddr, payload: &Payload<'_>) -> Option<usize> {
    let most = if to.is_ipv4() { MOST_V4 } else { MOST_V6 };
    let limit = most.min(core.limits.bytes);
    (payload.byte_len() > limit).then_some(limit)
}

#[cold]
fn too_large(payload: Payload<'_>, limit: usize) -> SendError {
    SendError::TooLarge {
        size: payload.byte_len(),
        message: payload.into_message(),
        limit,
    }
}

/// The future of one `send_to`. All its waiting comes before the datagram is queued.
struct SendingDatagram<'a> {
    core: &'a Core,
    to: SocketAddr,
    address: Vec<u8>,
    payload: Payload<'a>,
    ticket: SendTicket,
}

impl Future for SendingDatagram<'_> {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(limit) = exceeded(this.core, this.to, &this.payload) {
            let payload = mem::replace(&mut this.payload, (&[]).into());
            return Poll::Ready(Err(too_large(payload, limit)));
        }
        if let Sending::Pipes(outbox) = &this.core.sending
            && ready!(outbox.poll_send(cx.waker(), &mut this.ticket, &this.address, &this.payload)).is_ok()
        {
            return Poll::Ready(Ok(()));
        }
        let payload = mem::replace(&mut this.payload, (&[]).into());
        Poll::Ready(Err(SendError::Closed(payload.into_message())))
    }
}

impl Drop for SendingDatagram<'_> {
    fn drop(&mut self) {
        if let (true, Sending::Pipes(outbox)) = (self.ticket.is_waiting(), &self.core.sending) {
            outbox.leave(&mut self.ticket);
        }
    }
}
