//! RADIO and DISH in plain threads.

use std::time::Duration;

use super::{Socket, wait, wait_for};
use crate::error::{GroupTooLong, SendError, TryRecvError, TrySendError, WaitError};
use crate::message::{Frame, Payload};
use crate::runtime::InsideRuntime;
use crate::socket::kind;

impl Socket<kind::Radio> {
    /// Sends a message to everybody in a group: see [`send_to`](crate::Socket::send_to).
    ///
    /// # Errors
    ///
    /// Those of the async method, and [`SendError::InsideRuntime`] where it would have to wait. All give the message back.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::blocking::{Dish, Radio};
    ///
    /// let (radio, dish) = (Radio::new(), Dish::new());
    /// dish.connect(&radio.bind("tcp://127.0.0.1:0")?)?;
    /// dish.join("weather")?;
    /// dish.joined()?;
    /// radio.send_to("weather", "sunny")?;
    /// assert_eq!(dish.recv_from()?.1, "sunny");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_to<'a>(
        &self,
        group: impl AsRef<[u8]>,
        message: impl Into<Payload<'a>>,
    ) -> Result<(), SendError> {
        let message = message.into().into_message();
        self.send_by(&message, |socket| socket.send_to(group, &message))
    }

    /// Sends a message to everybody in a group if that is possible at once.
    ///
    /// # Errors
    ///
    /// Those of the async method. All give the message back.
    ///
    /// Example: at [`Radio`](super::Radio).
    pub fn try_send_to<'a>(
        &self,
        group: impl AsRef<[u8]>,
        message: impl Into<Payload<'a>>,
    ) -> Result<(), TrySendError> {
        let sent = self.inner.try_send_to(group, message);
        self.mind_the_rest();
        sent
    }
}

impl Socket<kind::Dish> {
    /// Joins a group: see [`join`](crate::Socket::join).
    ///
    /// # Errors
    ///
    /// [`GroupTooLong`].
    ///
    /// Example: at [`Dish`](super::Dish).
    pub fn join(&self, group: impl AsRef<[u8]>) -> Result<bool, GroupTooLong> {
        let joined = self.inner.join(group);
        self.mind_the_rest();
        joined
    }

    /// Leaves a group; `false` when the socket was not in it.
    ///
    /// Example: at [`Dish`](super::Dish).
    pub fn leave(&self, group: impl AsRef<[u8]>) -> bool {
        let was_in_it = self.inner.leave(group);
        self.mind_the_rest();
        was_in_it
    }

    /// Waits until everybody knows the groups joined so far: see [`joined`](crate::Socket::joined).
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] when the socket is closed, [`WaitError::InsideRuntime`] where it would have to wait.
    ///
    /// Example: at [`Dish`](super::Dish).
    pub fn joined(&self) -> Result<(), WaitError> {
        Ok(wait(self.inner.shared(), self.inner.joined())??)
    }

    /// Receives the next message, or waits for one, and its group.
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] when the socket is closed, [`WaitError::InsideRuntime`] where it would have to wait.
    ///
    /// Example: at [`Dish`](super::Dish).
    pub fn recv_from(&self) -> Result<(Frame, Frame), WaitError> {
        Ok(wait(self.inner.shared(), self.inner.recv_from())??)
    }

    /// Receives a message if one is there, and its group.
    ///
    /// # Errors
    ///
    /// Those of the async method.
    ///
    /// Example: at [`Dish`](super::Dish).
    pub fn try_recv_from(&self) -> Result<(Frame, Frame), TryRecvError> {
        let received = self.inner.try_recv_from();
        self.mind_the_rest();
        received
    }

    /// Receives the next message, waiting at most `limit`, and its group.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] when none came in time, [`TryRecvError::Closed`] when the socket is closed,
    /// [`TryRecvError::InsideRuntime`] where it would have to wait.
    ///
    /// Example: at [`Dish`](super::Dish).
    pub fn recv_from_timeout(&self, limit: Duration) -> Result<(Frame, Frame), TryRecvError> {
        match wait_for(self.inner.shared(), limit, self.inner.recv_from()) {
            Ok(Some(received)) => Ok(received?),
            Ok(None) => Err(TryRecvError::Empty),
            Err(InsideRuntime) => Err(TryRecvError::InsideRuntime),
        }
    }
}
