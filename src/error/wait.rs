//! Waiting in a plain thread.

use super::{Closed, RecvError, Unsent};

/// A plain thread did not get what it waited for: see [`blocking`](crate::blocking).
///
/// # Examples
///
/// ```
/// use hubless::blocking::Pull;
/// use hubless::WaitError;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// // Here nobody may wait: the tasks of the runtime would wait with us.
/// assert_eq!(Pull::new().peers().at_least(1), Err(WaitError::InsideRuntime));
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The socket is closed.
    #[error("cannot wait: the socket is closed")]
    Closed,
    /// The time was up.
    #[error("cannot wait longer: the time is up")]
    Timeout,
    /// This thread runs the tasks of an async runtime, which would all wait with it.
    #[error("cannot wait inside an async runtime: use the async socket there")]
    InsideRuntime,
}

impl From<Closed> for WaitError {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl From<RecvError> for WaitError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Closed => Self::Closed,
        }
    }
}

/// A plain thread did not close a socket in good order: see [`blocking::Socket::close`](crate::blocking::Socket::close).
///
/// # Examples
///
/// ```
/// use hubless::blocking::Push;
/// use hubless::{CloseError, Linger};
///
/// let push = Push::from(hubless::Push::builder().linger(Linger::Discard).build()?);
/// push.connect("inproc://nobody")?;
/// push.send("hello?")?;
/// match push.close() {
///     Err(CloseError::Unsent(unsent)) => assert_eq!(unsent.messages(), 1),
///     other => panic!("expected the message back, found {other:?}"),
/// }
/// # Ok::<(), hubless::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// Messages were left.
    #[error(transparent)]
    Unsent(#[from] Unsent),
    /// This thread runs the tasks of an async runtime. The socket is closed all the same, in the background.
    #[error("cannot wait inside an async runtime until the socket is closed")]
    InsideRuntime,
}
