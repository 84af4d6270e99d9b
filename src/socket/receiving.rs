//! What sockets that receive can do.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_core::stream::FusedStream;

use super::Socket;
use super::core::RecvFuture;
use super::kind::{Kind, Receives};
use crate::error::{RecvError, TryRecvError};
use crate::message::Message;
use crate::peer::Peer;
use crate::runtime;

impl<K: Kind> Socket<K> {
    /// Receives the next message, or waits for one.
    ///
    /// Peers take turns, one whole message each. Clones of a socket share its messages: each goes to one of those
    /// who wait.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] when the socket is closed. A peer's fault is never an error here: it is in the
    /// [monitor](Socket::monitor).
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken before it is returned: dropping the future loses no message.
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
    /// push.send(("topic", "body")).await?;
    ///
    /// let [topic, body] = pull.recv().await?.into_frames()?;
    /// assert_eq!((topic, body), ("topic".into(), "body".into()));
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn recv(&self) -> impl Future<Output = Result<Message, RecvError>> + Send + Unpin + '_
    where
        K: Receives,
    {
        self.core.recv()
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
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let (pull, push) = (hubless::Pull::new(), hubless::Push::new());
    /// # push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
    /// use hubless::TryRecvError;
    ///
    /// assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
    /// push.send("hello").await?;
    /// while pull.stats().incoming.queued.messages == 0 {
    ///     tokio::task::yield_now().await;
    /// }
    /// assert_eq!(pull.try_recv()?, "hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_recv(&self) -> Result<Message, TryRecvError>
    where
        K: Receives,
    {
        self.core.try_recv()
    }

    /// Receives the next message, waiting at most `limit`. libzmq: `ZMQ_RCVTIMEO`.
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
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let (pull, push) = (hubless::Pull::new(), hubless::Push::new());
    /// # push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
    /// use std::time::Duration;
    ///
    /// use hubless::TryRecvError;
    ///
    /// assert_eq!(pull.recv_timeout(Duration::from_millis(1)).await, Err(TryRecvError::Empty));
    /// push.send("hello").await?;
    /// assert_eq!(pull.recv_timeout(Duration::from_secs(10)).await?, "hello");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv_timeout(&self, limit: Duration) -> Result<Message, TryRecvError>
    where
        K: Receives,
    {
        match runtime::timeout(self.core.home.get(), limit, self.core.recv()).await {
            Some(Ok(message)) => Ok(message),
            Some(Err(_)) => Err(TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Receives at least one message, and up to `limit` that are there already; appends them to `into` and returns
    /// how many they were. It waits only for the first. With a `limit` of 0 it returns 0 at once.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv); nothing was appended then.
    ///
    /// # Cancel safety
    ///
    /// As [`recv`](Self::recv): dropped before it was ready it has taken nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let (pull, push) = (hubless::Pull::new(), hubless::Push::new());
    /// # push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
    /// for number in 0..10 {
    ///     push.send(format!("{number}")).await?;
    /// }
    /// let mut batch = Vec::new();
    /// while batch.len() < 10 {
    ///     pull.recv_many(&mut batch, 4).await?;
    /// }
    /// assert_eq!(batch[9], "9");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv_many(&self, into: &mut Vec<Message>, limit: usize) -> Result<usize, RecvError>
    where
        K: Receives,
    {
        self.core.recv_many(into, limit).await
    }

    /// This socket as a [`Stream`] of messages, which ends when the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the stream loses no message.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let (pull, push) = (hubless::Pull::new(), hubless::Push::new());
    /// # push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
    /// use futures::StreamExt;
    ///
    /// push.send("hello").await?;
    /// let mut messages: hubless::Messages<'_, _> = pull.messages();
    /// assert_eq!(messages.next().await.expect("the socket is open"), "hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn messages(&self) -> Messages<'_, K>
    where
        K: Receives,
    {
        Messages {
            receiving: self.core.recv(),
            ended: false,
            kind: PhantomData,
        }
    }
}

// The bound is here and not on the method: kinds that say in another way from whom a message came have a `recv_from` of
// their own.
impl<K: Receives> Socket<K> {
    /// Receives the next message together with the peer that sent it.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let (pull, push) = (hubless::Pull::new(), hubless::Push::new());
    /// # push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
    /// push.send("hello").await?;
    /// let (peer, message) = pull.recv_from().await?;
    /// assert_eq!(message, "hello");
    /// assert!(peer.address().starts_with("127.0.0.1:"));
    /// assert_eq!(peer.stats().incoming.received.messages, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv_from(&self) -> Result<(Peer, Message), RecvError> {
        let (sender, message) = self.core.recv().with_sender().await?;
        // The entry of a lane stays until the lane is used again, which it is not before it has been read empty.
        let peer = sender.unwrap_or_else(|| unreachable!("a message comes from a lane that somebody opened"));
        Ok((peer, message))
    }
}

/// A socket as a stream of messages: see [`Socket::messages`].
///
/// # Cancel safety
///
/// An item is taken only when it is returned: dropping the stream, or a future of its next item, loses no message.
///
/// # Examples
///
/// ```
/// use futures::StreamExt;
/// use hubless::{Messages, Pull, Push, kind};
///
/// async fn first_two(mut messages: Messages<'_, kind::Pull>) -> Vec<hubless::Message> {
///     messages.by_ref().take(2).collect().await
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let (pull, push) = (Pull::new(), Push::new());
/// push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
/// for text in ["one", "two", "three"] {
///     push.send(text).await?;
/// }
/// assert_eq!(first_two(pull.messages()).await, ["one", "two"]);
/// assert_eq!(pull.recv().await?, "three"); // nothing is taken that was not given out
/// # Ok(())
/// # }
/// ```
pub struct Messages<'a, K> {
    receiving: RecvFuture<'a>,
    ended: bool,
    kind: PhantomData<fn() -> K>,
}

impl<K> fmt::Debug for Messages<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl<K: Receives> Stream for Messages<'_, K> {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let received = std::task::ready!(Pin::new(&mut self.receiving).poll(cx));
        self.ended = received.is_err();
        Poll::Ready(received.ok())
    }
}

impl<K: Receives> FusedStream for Messages<'_, K> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}
