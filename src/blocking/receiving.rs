//! What blocking sockets that receive can do.

use std::fmt;
use std::iter::FusedIterator;
use std::time::Duration;

use super::{Socket, wait, wait_for};
use crate::error::{TryRecvError, WaitError};
use crate::message::Message;
use crate::peer::Peer;
use crate::runtime::InsideRuntime;
use crate::socket::kind::{Kind, Receives};

impl<K: Kind> Socket<K> {
    /// Receives the next message, or waits for one: see [`recv`](crate::Socket::recv).
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] when the socket is closed, [`WaitError::InsideRuntime`] where it would have to wait.
    ///
    /// Example: at [`Push`](super::Push).
    #[inline]
    pub fn recv(&self) -> Result<Message, WaitError>
    where
        K: Receives,
    {
        self.inner.recv_waiting()
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
    /// use hubless::TryRecvError;
    /// use hubless::blocking::Pull;
    ///
    /// assert_eq!(Pull::new().try_recv(), Err(TryRecvError::Empty));
    /// ```
    pub fn try_recv(&self) -> Result<Message, TryRecvError>
    where
        K: Receives,
    {
        let received = self.inner.try_recv();
        self.mind_the_rest();
        received
    }

    /// Receives the next message, waiting at most `limit`. libzmq: `ZMQ_RCVTIMEO`.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] when none came in time, [`TryRecvError::Closed`] when the socket is closed,
    /// [`TryRecvError::InsideRuntime`] where it would have to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use hubless::TryRecvError;
    /// use hubless::blocking::Pull;
    ///
    /// let received = Pull::new().recv_timeout(Duration::from_millis(1));
    /// assert_eq!(received, Err(TryRecvError::Empty));
    /// ```
    pub fn recv_timeout(&self, limit: Duration) -> Result<Message, TryRecvError>
    where
        K: Receives,
    {
        match wait_for(self.inner.shared(), limit, self.inner.recv()) {
            Ok(Some(received)) => Ok(received?),
            Ok(None) => Err(TryRecvError::Empty),
            Err(InsideRuntime) => Err(TryRecvError::InsideRuntime),
        }
    }

    /// Receives messages that are there, at least one and at most `limit`, and appends them: see
    /// [`recv_many`](crate::Socket::recv_many).
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::blocking::{Pull, Push};
    ///
    /// let (pull, push) = (Pull::new(), Push::new());
    /// push.connect(&pull.bind("tcp://127.0.0.1:0")?)?;
    /// push.send("one")?;
    /// push.send("two")?;
    ///
    /// let mut messages = Vec::new();
    /// while messages.len() < 2 {
    ///     pull.recv_many(&mut messages, 100)?;
    /// }
    /// assert_eq!(messages, ["one", "two"]);
    /// # Ok::<(), hubless::Error>(())
    /// ```
    pub fn recv_many(&self, into: &mut Vec<Message>, limit: usize) -> Result<usize, WaitError>
    where
        K: Receives,
    {
        Ok(wait(self.inner.shared(), self.inner.recv_many(into, limit))??)
    }

    /// The messages of this socket, one after the other, until it is closed.
    pub fn messages(&self) -> Messages<'_, K>
    where
        K: Receives,
    {
        Messages {
            socket: self,
            ended: false,
        }
    }
}

impl<K: Receives> Socket<K> {
    /// Receives the next message together with the peer that sent it.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::blocking::{Pull, Push};
    ///
    /// let (pull, push) = (Pull::new(), Push::new());
    /// push.connect(&pull.bind("tcp://127.0.0.1:0")?)?;
    /// push.send("hello")?;
    /// let (who, message) = pull.recv_from()?;
    /// println!("{who} says {message:?}");
    /// # Ok::<(), hubless::Error>(())
    /// ```
    pub fn recv_from(&self) -> Result<(Peer, Message), WaitError> {
        Ok(wait(self.inner.shared(), self.inner.recv_from())??)
    }
}

/// The messages of a socket as an iterator, which waits for each and ends when the socket is closed: see
/// [`Socket::messages`].
///
/// # Examples
///
/// ```
/// use hubless::blocking::{Messages, Pull, Push};
///
/// let (pull, push) = (Pull::new(), Push::new());
/// push.connect(&pull.bind("tcp://127.0.0.1:0")?)?;
/// push.send("one")?;
/// push.send("two")?;
/// let messages: Messages<'_, _> = pull.messages();
/// assert!(messages.take(2).eq(["one", "two"]));
/// # Ok::<(), hubless::Error>(())
/// ```
pub struct Messages<'a, K: Kind> {
    socket: &'a Socket<K>,
    ended: bool,
}

impl<K: Receives> Iterator for Messages<'_, K> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        if self.ended {
            return None;
        }
        let received = self.socket.recv().ok();
        self.ended = received.is_none();
        received
    }
}

impl<K: Receives> FusedIterator for Messages<'_, K> {}

impl<K: Kind> fmt::Debug for Messages<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
