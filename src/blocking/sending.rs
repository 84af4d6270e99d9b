//! What blocking sockets that send can do.

use std::time::Duration;

use super::Socket;
use crate::error::{SendError, SendTimeoutError, TrySendError};
use crate::message::Payload;
use crate::socket::kind::{Kind, Sends};

impl<K: Kind> Socket<K> {
    /// Sends a message, waiting while no peer has room: see [`send`](crate::Socket::send).
    ///
    /// # Errors
    ///
    /// Those of the async method, and [`SendError::InsideRuntime`] where it would have to wait. All give the message back.
    ///
    /// Example: at [`Push`](super::Push).
    #[inline]
    pub fn send<'a>(&self, message: impl Into<Payload<'a>>) -> Result<(), SendError>
    where
        K: Sends,
    {
        self.inner.send_waiting(message.into())
    }

    /// Sends a message if that is possible at once: see [`try_send`](crate::Socket::try_send).
    ///
    /// # Errors
    ///
    /// Those of the async method. All give the message back.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::TrySendError;
    /// use hubless::blocking::Push;
    ///
    /// let full = Push::new().try_send("hello");
    /// assert_eq!(full, Err(TrySendError::Full("hello".into())));
    /// ```
    pub fn try_send<'a>(&self, message: impl Into<Payload<'a>>) -> Result<(), TrySendError>
    where
        K: Sends,
    {
        let sent = self.inner.try_send(message);
        self.mind_the_rest();
        sent
    }

    /// Sends a message, waiting at most `limit`: see [`send_timeout`](crate::Socket::send_timeout). libzmq: `ZMQ_SNDTIMEO`.
    ///
    /// # Errors
    ///
    /// Those of the async method, and [`SendError::InsideRuntime`] where it would have to wait. All give the message back.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use hubless::SendTimeoutError;
    /// use hubless::blocking::Push;
    ///
    /// let sent = Push::new().send_timeout("hello", Duration::from_millis(1));
    /// assert_eq!(sent, Err(SendTimeoutError::Timeout("hello".into())));
    /// ```
    pub fn send_timeout<'a>(
        &self,
        message: impl Into<Payload<'a>>,
        limit: Duration,
    ) -> Result<(), SendTimeoutError>
    where
        K: Sends,
    {
        self.inner.send_waiting_for(message.into(), limit)
    }
}
