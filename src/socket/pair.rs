//! PAIR and CHANNEL: two sockets that have nobody but each other (RFC 31, RFC 52).
//!
//! ```text
//!  Pair ◀──────▶ Pair          ┌── turned away, comes again
//!                 ▲ one seat ──┴── the next one, when it is free
//! ```
//!
//! Who holds the one seat is the business of the driver (`driver/seats.rs`); that all of one peer is read before
//! anything of the next, that of the incoming side of the pipe. What is left are the two pages.

use super::{Socket, kind};

/// Talks to exactly one other [`Pair`], both ways.
///
/// | | |
/// |---|---|
/// | talks to | PAIR, one at a time |
/// | sends | [`send`](Socket::send), [`try_send`](Socket::try_send), [`send_timeout`](Socket::send_timeout), [`reserve`](Socket::reserve), [`sink`](Socket::sink) |
/// | receives | [`recv`](Socket::recv), [`try_recv`](Socket::try_recv), [`recv_timeout`](Socket::recv_timeout), [`recv_many`](Socket::recv_many), [`recv_from`](Socket::recv_from), [`messages`](Socket::messages) |
/// | no peer, or at the high-water mark | waits; it never drops |
/// | a second connection | is turned away, see below |
/// | a connection is lost | a connecting endpoint keeps its queue for the next connection; the queue of an accepted one is dropped and counted; what was received stays readable, before anything of the next peer |
/// | own options | [`immediate`](super::Builder::immediate) |
///
/// # One at a time
///
/// Two Pairs that each bind, or each connect, elsewhere too, still have one peer at a time:
///
/// * An accepted connection is the peer from when it is told that it may send to its own end. Mostly that is the end of its
///   handshake; with a client of PLAIN or CURVE that is bound, and with a peer of ZMTP 2.0, it is one step before. One that
///   stops there has the seat until [`handshake_timeout`](super::Builder::handshake_timeout).
/// * A connecting endpoint is the peer, or will be, from [`connect`](Socket::connect) until
///   [`disconnect`](Socket::disconnect), connected or not: its queue is there all the time.
///   A further endpoint waits, and is dialed when the one before it has been disconnected.
/// * Whoever connects to a socket that has its peer is turned away before it is told that it may send: so nothing is lost
///   of what it has queued, whatever the mechanism. (Only peers of ZMTP 1.0, which
///   [`legacy`](super::Builder::legacy) lets in, send without being told: of what they had written into a connection that
///   is turned away nothing arrives.) It comes again, with [back-off](super::Builder::reconnect). Both monitors tell:
///   [`DisconnectReason::Occupied`](crate::DisconnectReason::Occupied) here, while the other side sees the connection
///   closed and can only [guess](crate::ProtocolError::ClosedUpon).
///
/// So whoever must not wait behind a peer that has silently died sets a [heartbeat](super::Builder::heartbeat). (A PAIR
/// of libzmq neither closes a second connection nor ever takes it: whoever made it waits for good.)
///
/// # Examples
///
/// Two tasks that talk to each other:
///
/// ```
/// use hubless::Pair;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let (here, there) = (Pair::new(), Pair::new());
/// here.connect("inproc://worker")?;
/// there.bind("inproc://worker").await?;
/// tokio::spawn(async move {
///     while let Ok(message) = there.recv().await {
///         let length = message.byte_len().to_string();
///         let _ = there.send((message, length)).await;
///     }
/// });
///
/// here.send("how long?").await?;
/// let [question, answer] = here.recv().await?.into_frames()?;
/// assert_eq!((question, answer), ("how long?".into(), "9".into()));
/// # Ok(())
/// # }
/// ```
///
/// The next one has its turn when the first has gone:
///
/// ```
/// use hubless::{DisconnectReason, Event, Pair};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let pair = Pair::new();
/// let endpoint = pair.bind("tcp://127.0.0.1:0").await?;
/// let (first, second) = (Pair::new(), Pair::new());
/// first.connect(&endpoint)?;
/// pair.peers().at_least(1).await?;
///
/// let mut monitor = pair.monitor();
/// let connecting = second.connect(&endpoint)?;
/// second.send("at last").await?; // queued
/// while let Some(event) = monitor.next().await {
///     if let Event::HandshakeFailed { reason, .. } = event {
///         assert_eq!(reason, DisconnectReason::Occupied);
///         break;
///     }
/// }
/// first.close().await?;
/// connecting.await?;
/// assert_eq!(pair.recv().await?, "at last");
/// # Ok(())
/// # }
/// ```
pub type Pair = Socket<kind::Pair>;

/// Talks to exactly one other [`Channel`], both ways, in messages of one frame.
///
/// | | |
/// |---|---|
/// | talks to | CHANNEL, one at a time |
/// | sends | [`send`](Socket::send), [`try_send`](Socket::try_send), [`send_timeout`](Socket::send_timeout), [`reserve`](Socket::reserve), [`sink`](Socket::sink) |
/// | receives | [`recv`](Socket::recv), [`try_recv`](Socket::try_recv), [`recv_timeout`](Socket::recv_timeout), [`recv_many`](Socket::recv_many), [`recv_from`](Socket::recv_from), [`messages`](Socket::messages) |
/// | a message of several frames | sent: [`SendError::Multipart`](crate::SendError::Multipart), with the message; received: dropped, and counted as [`ProtocolError`](crate::DropReason::ProtocolError) |
/// | all else | as [`Pair`], a second connection too |
///
/// What libzmq calls a draft: a libzmq built without drafts knows no CHANNEL.
///
/// # Examples
///
/// ```
/// use hubless::Channel;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let (one, other) = (Channel::new(), Channel::new());
/// other.connect(&one.bind("tcp://127.0.0.1:0").await?)?;
/// one.send("ping").await?;
/// assert_eq!(other.recv().await?, "ping");
/// other.send("pong").await?;
/// assert_eq!(one.recv().await?, "pong");
/// # Ok(())
/// # }
/// ```
pub type Channel = Socket<kind::Channel>;
