//! RADIO and DISH: what is published in a group goes to everybody who joined it (RFC 48).

use std::time::Duration;

use bytes::Bytes;

use super::Socket;
use super::kind;
use crate::error::{Closed, GroupTooLong, RecvError, SendError, TryRecvError, TrySendError};
use crate::message::{Frame, Message, Payload};
use crate::pattern::MAX_GROUP;
use crate::runtime;
use crate::socket_kind::SocketKind;

/// Publishes every message to each [`Dish`] that joined its group.
///
/// A group has a name of at most 255 bytes, and a message is for one group: the whole name counts, where a
/// [`Pub`](super::Pub) compares prefixes. A message has one frame.
///
/// | | |
/// |---|---|
/// | peers | [`Dish`] |
/// | endpoints | as other kinds; and connects to `udp://`, where everything is sent to whoever listens, in one datagram each |
/// | sends | `send_to`, `try_send_to`: to all who joined the group |
/// | receives | never |
/// | nobody joined it | the message is dropped, and counted once |
/// | a DISH is at its high-water mark | as [`on_slow`](super::Builder::on_slow) says; dropped for that one, and counted, unless said otherwise |
/// | a connection is lost | its queue is dropped and counted; the DISH joins again when it is back |
///
/// Over `udp://`, as in `udp://10.0.0.7:5555` or, to all of a local network, `udp://eth0;239.0.0.1:5555`, nobody is asked,
/// nobody waits, and nothing says what arrived. Group and body fit into a datagram of 65 507 bytes; what does not is counted
/// as [`Refused`](crate::DropReason::Refused), as is what the system finds no way for. Options:
/// [`udp`](super::Builder::udp).
///
/// As with every publisher: whoever sends before somebody has joined sends to nobody.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// use hubless::{Dish, Radio};
///
/// let radio = Radio::new();
/// let dish = Dish::new();
/// dish.connect(&radio.bind("tcp://127.0.0.1:0").await?)?;
/// dish.join("weather")?;
///
/// radio.subscribers().to("weather").at_least(1).await?;
/// radio.send_to("weather.berlin", "is another group").await?;
/// radio.send_to("weather", "21 °C").await?;
/// let (group, body) = dish.recv_from().await?;
/// assert_eq!((group, body), ("weather".into(), "21 °C".into()));
/// # Ok(())
/// # }
/// ```
pub type Radio = Socket<kind::Radio>;

/// Receives what is published in the groups that it [joined](Socket::join), from its [`Radio`] peers in turn.
///
/// A new socket has joined no group, and receives nothing.
///
/// | | |
/// |---|---|
/// | peers | [`Radio`] |
/// | endpoints | as other kinds; and binds `udp://`, an address of its own or a multicast group |
/// | sends | never; joining and leaving goes out by itself |
/// | receives | `recv_from`, `try_recv_from`, `recv_from_timeout`: the group and what was published there |
/// | a message that was not asked for, or of another shape | is dropped here, and counted |
/// | at its high-water mark | that peer is read no further: what is lost is lost and counted over there |
/// | a connection is lost | what was received stays readable; its groups are joined again when the peer is back |
/// | over `udp://` | there is no peer to be told or held up: it hears everything, drops what it did not join, and at its high-water mark what comes |
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// use hubless::{Dish, Radio};
///
/// let radio = Radio::new();
/// let dish = Dish::new();
/// dish.connect(&radio.bind("inproc://news").await?)?;
/// dish.join("news")?;
/// dish.joined().await?;
///
/// radio.send_to("news", "nothing is missed from here on").await?;
/// let (group, _) = dish.recv_from().await?;
/// assert_eq!(group, "news");
/// # Ok(())
/// # }
/// ```
pub type Dish = Socket<kind::Dish>;

impl Socket<kind::Radio> {
    /// Publishes a message, of one frame, in a group.
    ///
    /// It waits for nobody, unless [`on_slow`](super::Builder::on_slow) or [`nodrop`](super::Builder::nodrop) says so; it
    /// only lets other tasks run now and then. Ready means queued, or dropped and counted.
    ///
    /// # Errors
    ///
    /// [`SendError::GroupTooLong`] when the group has more than 255 bytes, [`SendError::Multipart`] when the message
    /// has more than one frame, [`SendError::TooLarge`] beyond [`max_message_size`](super::Builder::max_message_size),
    /// [`SendError::Closed`] when the socket is closed. All give the message back, its group in front as a frame.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Socket::send) of other kinds: if the future is dropped before it was ready, nothing was sent.
    ///
    /// Example: at [`Radio`].
    pub fn send_to<'a>(
        &'a self,
        group: impl AsRef<[u8]>,
        message: impl Into<Payload<'a>>,
    ) -> impl Future<Output = Result<(), SendError>> + Send + 'a {
        let message = in_group(group.as_ref(), message.into());
        async move { self.core.send(message?.into()).await }
    }

    /// Publishes a message if that is possible at once.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to); and [`TrySendError::Full`] when it would have to wait, which is only with
    /// [`nodrop`](super::Builder::nodrop).
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{DropReason, Radio};
    ///
    /// let radio = Radio::new();
    /// radio.try_send_to("weather", "nobody is there")?;
    /// assert_eq!(radio.stats().outgoing.dropped.by(DropReason::NoSubscriber), 1);
    /// # Ok::<(), hubless::TrySendError>(())
    /// ```
    pub fn try_send_to<'a>(
        &self,
        group: impl AsRef<[u8]>,
        message: impl Into<Payload<'a>>,
    ) -> Result<(), TrySendError> {
        self.core
            .try_send(in_group(group.as_ref(), message.into())?.into())
    }
}

/// The message as it goes out: its group, and its only frame.
fn in_group(group: &[u8], payload: Payload<'_>) -> Result<Message, SendError> {
    let frames = payload.frame_count();
    let message = Message::from([group.into(), payload]);
    if group.len() > MAX_GROUP {
        return Err(SendError::GroupTooLong(message));
    }
    if frames != 1 {
        return Err(SendError::Multipart {
            message,
            frames,
            kind: SocketKind::Radio,
        });
    }
    Ok(message)
}

impl Socket<kind::Dish> {
    /// Joins a group: what is published there is received from now on. `false` if it was joined before.
    ///
    /// All peers are told, those that connect later too. What they publish before they have heard of it is missed: see
    /// [`joined`](Self::joined). Unlike subscriptions, groups do not count: joined twice is joined.
    ///
    /// libzmq: `zmq_join`, which fails the second time.
    ///
    /// # Errors
    ///
    /// [`GroupTooLong`] when its name has more than 255 bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// let dish = hubless::Dish::new();
    /// assert!(dish.join("news")?);
    /// assert!(!dish.join("news")?);
    /// assert!(dish.leave("news"));
    /// assert!(!dish.leave("news"));
    /// # Ok::<(), hubless::Error>(())
    /// ```
    pub fn join(&self, group: impl AsRef<[u8]>) -> Result<bool, GroupTooLong> {
        let group = group.as_ref();
        if group.len() > MAX_GROUP {
            return Err(GroupTooLong { size: group.len() });
        }
        Ok(self.interest().add(Bytes::copy_from_slice(group)))
    }

    /// Leaves a group; `false` if it was not joined, and then nothing happens. libzmq: `zmq_leave`.
    ///
    /// Nothing of it is received from here on.
    ///
    /// Example: at [`join`](Self::join).
    pub fn leave(&self, group: impl AsRef<[u8]>) -> bool {
        self.interest().unsubscribe(group.as_ref())
    }

    /// Waits until there is a peer, and every peer that is connected knows all that was joined or left before this call.
    ///
    /// A RADIO proves it by answering a PING that was sent behind it, as with [`subscribed`](Socket::subscribed); to those
    /// that know no PING it is until all is written.
    /// Over `udp://` nobody has to be told: an endpoint that is bound there counts as a peer that knows, from the start.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the socket is closed before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing: groups are joined whether or not somebody waits.
    ///
    /// Example: at [`Dish`].
    pub async fn joined(&self) -> Result<(), Closed> {
        self.interest().passed_by_all().await
    }

    /// Receives the next message, or waits for one: its group, and what was published there.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] when the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken before it is returned: dropping the future loses no message.
    ///
    /// Example: at [`Dish`].
    pub async fn recv_from(&self) -> Result<(Frame, Frame), RecvError> {
        Ok(parts(self.core.recv().await?))
    }

    /// Receives a message if one is there.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] when there is none, [`TryRecvError::Closed`] when the socket is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Dish, TryRecvError};
    ///
    /// assert_eq!(Dish::new().try_recv_from(), Err(TryRecvError::Empty));
    /// ```
    pub fn try_recv_from(&self) -> Result<(Frame, Frame), TryRecvError> {
        self.core.try_recv().map(parts)
    }

    /// Receives the next message, waiting at most `limit`.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] when none came in time, [`TryRecvError::Closed`] when the socket is closed.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, if the socket has no endpoint yet: then there is no clock to wait by.
    ///
    /// # Cancel safety
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use hubless::{Dish, TryRecvError};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let dish = Dish::new();
    /// dish.connect("inproc://nobody")?;
    /// let received = dish.recv_from_timeout(Duration::from_millis(1)).await;
    /// assert_eq!(received, Err(TryRecvError::Empty));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv_from_timeout(&self, limit: Duration) -> Result<(Frame, Frame), TryRecvError> {
        match runtime::timeout(self.core.home.get(), limit, self.core.recv()).await {
            Some(Ok(message)) => Ok(parts(message)),
            Some(Err(_)) => Err(TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        }
    }
}

/// A message that was let through has a group and a body.
fn parts(message: Message) -> (Frame, Frame) {
    match message.into_frames() {
        Ok([group, body]) => (group, body),
        Err(_) => unreachable!("a message of another shape is refused"),
    }
}
