//! Receiving fails only when there is nothing left to receive from.

use super::Closed;

/// No message will be received.
///
/// # Examples
///
/// ```
/// use hubless::{Pull, RecvError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let pull = Pull::new();
/// let handle = pull.clone();
/// pull.close().await?;
/// assert_eq!(handle.recv().await, Err(RecvError::Closed));
/// # Ok(())
/// # }
/// ```
// One variant without data: so `Result<Message, RecvError>` is laid out as the message, and is moved as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The socket is closed.
    #[error("cannot receive: the socket is closed")]
    Closed,
}

/// No message was received at once.
///
/// # Examples
///
/// ```
/// use hubless::{Pull, TryRecvError};
///
/// assert_eq!(Pull::new().try_recv(), Err(TryRecvError::Empty));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryRecvError {
    /// There is no message now; there may be one later.
    #[error("cannot receive: no message is there")]
    Empty,
    /// The socket is closed.
    #[error("cannot receive: the socket is closed")]
    Closed,
    /// A blocking socket's thread runs the tasks of an async runtime, which would all wait with it.
    #[error("cannot receive: this thread runs an async runtime, and must not wait")]
    InsideRuntime,
}

impl From<Closed> for RecvError {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl From<Closed> for TryRecvError {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Closed => Self::Closed,
        }
    }
}
