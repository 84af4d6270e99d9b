//! What sockets that send can do.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_sink::Sink;

use super::Socket;
use super::core::{Core, Reservation};
use super::kind::{Kind, Sends};
use crate::error::{Closed, SendError, SendTimeoutError, TrySendError};
use crate::message::Payload;
use crate::runtime;

impl<K: Kind> Socket<K> {
    /// Sends a message.
    ///
    /// Waits while no peer has room: while there is none, or while the queues of all are at their high-water mark
    /// ([`send_hwm`](super::Builder::send_hwm)). A publisher does not wait for its subscribers, unless
    /// [told to](super::Builder::on_slow). Those who wait are
    /// served in the order in which they came. Ready means queued: the message goes out by itself, without this
    /// future and without another call.
    ///
    /// A borrowed slice is copied once, straight to where it is sent from. What owns its bytes goes by reference
    /// from 32 KiB on. A tuple or an array is a message of several frames.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] when the socket is closed, [`SendError::TooLarge`] and [`SendError::TooManyFrames`]
    /// beyond [`max_message_size`](super::Builder::max_message_size) and
    /// [`max_message_frames`](super::Builder::max_message_frames). All give the message back.
    ///
    /// # Cancel safety
    ///
    /// All waiting comes before the message is queued: if the future is dropped before it was ready, nothing was
    /// queued and nothing will be sent, and the message is dropped with the future. Use [`reserve`](Self::reserve)
    /// or [`send_timeout`](Self::send_timeout) to keep it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use hubless::{Pull, Push};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let pull = Pull::new();
    /// let push = Push::new();
    /// push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
    ///
    /// push.send("text").await?;
    /// push.send(("two", "frames")).await?;
    ///
    /// assert_eq!(pull.recv().await?, "text");
    /// assert_eq!(pull.recv().await?.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn send<'a>(
        &'a self,
        message: impl Into<Payload<'a>>,
    ) -> impl Future<Output = Result<(), SendError>> + Send + Unpin + 'a
    where
        K: Sends,
    {
        self.core.send(message.into())
    }

    /// Sends a message if that is possible at once.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] when no peer has room, or others wait already; otherwise as [`send`](Self::send).
    /// All give the message back.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// use hubless::{Push, TrySendError};
    ///
    /// let push = Push::new();
    /// match push.try_send("hello") {
    ///     Err(TrySendError::Full(message)) => assert_eq!(message, "hello"),
    ///     other => panic!("expected that nobody is there, found {other:?}"),
    /// }
    /// push.connect("inproc://somebody")?;
    /// push.try_send("hello")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_send<'a>(&self, message: impl Into<Payload<'a>>) -> Result<(), TrySendError>
    where
        K: Sends,
    {
        self.core.try_send(message.into())
    }

    /// Sends a message, waiting at most `limit`. libzmq: `ZMQ_SNDTIMEO`.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError::Timeout`] when no peer had room in time; otherwise as [`send`](Self::send). All give the
    /// message back.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, if the socket has no endpoint yet: then there is no clock to wait by.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send): nothing was queued, and the message is dropped with the future.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// use std::time::Duration;
    ///
    /// let push = hubless::Push::new();
    /// let error = push.send_timeout("hello", Duration::from_millis(1)).await.expect_err("nobody came");
    /// assert_eq!(error.into_message(), "hello");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send_timeout<'a>(
        &self,
        message: impl Into<Payload<'a>>,
        limit: Duration,
    ) -> Result<(), SendTimeoutError>
    where
        K: Sends,
    {
        let mut sending = self.core.send(message.into());
        match runtime::timeout(self.core.home.get(), limit, &mut sending).await {
            Some(sent) => Ok(sent?),
            None => Err(SendTimeoutError::Timeout(sending.take().into_message())),
        }
    }

    /// Waits for room and keeps it: the permit's message will not wait.
    ///
    /// Takes one message of credit from the peer whose turn it is, and uses up that turn. A publisher gives a
    /// permit at once, unless it is one that [drops nothing](super::Builder::nodrop). With a byte budget the permit counts as a message, not as bytes.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the line, and nothing else.
    ///
    /// # Examples
    ///
    /// ```
    /// # use hubless::{Pull, Push};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let pull = Pull::new();
    /// # let push = Push::new();
    /// # push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
    /// let permit = push.reserve().await?;
    /// permit.send("made only now that it can be sent")?;
    /// # pull.recv().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn reserve(&self) -> Result<Permit<'_, K>, Closed>
    where
        K: Sends,
    {
        let mut reservation = Reservation::default();
        let guard = ReserveGuard {
            core: &self.core,
            reservation: &mut reservation,
        };
        std::future::poll_fn(|cx| guard.core.poll_reserve(cx, guard.reservation)).await?;
        drop(guard);
        Ok(Permit {
            core: &self.core,
            reservation,
            kind: PhantomData,
        })
    }

    /// This socket as a [`Sink`].
    ///
    /// `poll_ready` reserves, `poll_flush` is ready at once since queued is sent, `poll_close` ends this sink only.
    ///
    /// # Cancel safety
    ///
    /// Giving up `poll_ready` loses nothing: the sink keeps its place in the line, or the room it has got, until it is
    /// dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let (pull, push) = (hubless::Pull::new(), hubless::Push::new());
    /// # push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
    /// use futures::{SinkExt, StreamExt, stream};
    ///
    /// let mut sink: hubless::Outgoing<'_, _> = push.sink();
    /// sink.send("hello").await?;
    /// stream::iter(["many", "more"]).map(Ok).forward(sink).await?;
    /// for expected in ["hello", "many", "more"] {
    ///     assert_eq!(pull.recv().await?, expected);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn sink(&self) -> Outgoing<'_, K>
    where
        K: Sends,
    {
        Outgoing {
            core: &self.core,
            reservation: Reservation::default(),
            closed: false,
            kind: PhantomData,
        }
    }
}

/// Gives up the place in the line if the future is dropped.
struct ReserveGuard<'a> {
    core: &'a Core,
    reservation: &'a mut Reservation,
}

impl Drop for ReserveGuard<'_> {
    fn drop(&mut self) {
        self.core.leave(self.reservation);
    }
}

/// Room for one message, kept. Dropping it gives the room back.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// # let (pull, push) = (hubless::Pull::new(), hubless::Push::new());
/// # push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
/// let permit: hubless::Permit<'_, _> = push.reserve().await?;
/// permit.send("hello")?;
/// assert_eq!(pull.recv().await?, "hello");
///
/// let unused = push.reserve().await?;
/// drop(unused); // somebody else may send
/// # Ok(())
/// # }
/// ```
pub struct Permit<'a, K> {
    core: &'a Core,
    reservation: Reservation,
    kind: PhantomData<fn() -> K>,
}

impl<K> fmt::Debug for Permit<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

impl<K: Sends> Permit<'_, K> {
    /// Sends a message without waiting. If the peer it was kept for has left, the next one with room gets it.
    ///
    /// # Errors
    ///
    /// As [`Socket::send`]; [`SendError::NoRoute`] when its peer has left and no other has room.
    ///
    /// Example: at [`Permit`].
    pub fn send<'m>(mut self, message: impl Into<Payload<'m>>) -> Result<(), SendError> {
        self.core.send_reserved(&mut self.reservation, message.into())
    }
}

impl<K> Drop for Permit<'_, K> {
    fn drop(&mut self) {
        self.core.release(&mut self.reservation);
    }
}

/// A socket as a sink of messages: see [`Socket::sink`].
///
/// # Cancel safety
///
/// As of [`Socket::sink`]: what was not given to `start_send` was not sent, and dropping the sink gives its room back.
///
/// Example: at [`sink`](Socket::sink).
pub struct Outgoing<'a, K> {
    core: &'a Core,
    reservation: Reservation,
    closed: bool,
    kind: PhantomData<fn() -> K>,
}

impl<K> fmt::Debug for Outgoing<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl<K: Sends, T: Into<Payload<'static>>> Sink<T> for Outgoing<'_, K> {
    type Error = SendError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let this = &mut *self;
        // A socket that closes meanwhile is told with the message in hand.
        if !this.closed {
            let _ = ready!(this.core.poll_reserve(cx, &mut this.reservation));
        }
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, message: T) -> Result<(), SendError> {
        let this = &mut *self;
        let payload = message.into();
        if this.closed {
            return Err(SendError::Closed(payload.into_message()));
        }
        this.core.send_reserved(&mut this.reservation, payload)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let this = &mut *self;
        this.closed = true;
        // It may live on, and nobody shall wait behind it.
        this.core.leave(&mut this.reservation);
        this.core.release(&mut this.reservation);
        Poll::Ready(Ok(()))
    }
}

impl<K> Drop for Outgoing<'_, K> {
    fn drop(&mut self) {
        self.core.leave(&mut self.reservation);
        self.core.release(&mut self.reservation);
    }
}
