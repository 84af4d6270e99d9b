//! Sending: every error holds the message that was not sent.

use super::Closed;
use crate::endpoint::Endpoint;
use crate::message::Message;
use crate::socket_kind::SocketKind;

/// A message was not sent, and never will be on this socket.
///
/// # Examples
///
/// ```
/// use hubless::{Push, SendError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let push = Push::builder().max_message_size(3).build()?;
/// match push.send("four").await {
///     Err(SendError::TooLarge { message, size: 4, limit: 3, .. }) => assert_eq!(message, "four"),
///     other => panic!("expected that it is too large, found {other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The socket is closed.
    #[error("cannot send: the socket is closed")]
    Closed(Message),
    /// The message has more bytes than `max_message_size` allows.
    #[error("cannot send: the message has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// The message, whole.
        message: Message,
        /// Its bytes, with those the socket adds.
        size: usize,
        /// The socket's limit.
        limit: usize,
    },
    /// The message has more frames than `max_message_frames` allows.
    #[error("cannot send: the message has {frames} frames, the limit is {limit}")]
    TooManyFrames {
        /// The message, whole.
        message: Message,
        /// Its frames, with those the socket adds.
        frames: usize,
        /// The socket's limit.
        limit: usize,
    },
    /// The message has several frames, and those of this kind of socket have one.
    #[error("cannot send: the message has {frames} frames, those of a {kind} have one")]
    Multipart {
        /// The message, whole.
        message: Message,
        /// Its frames.
        frames: usize,
        /// The socket's kind.
        kind: SocketKind,
    },
    /// The one peer that the message is for is not connected: nobody has its routing id, or it has left.
    #[error("cannot send: the peer that the message is for is not connected")]
    NoRoute(Message),
    /// The name of the group, which is the first frame, has more than 255 bytes.
    #[error("cannot send: the name of a group has at most 255 bytes")]
    GroupTooLong(Message),
    /// A blocking socket's thread runs the tasks of an async runtime, which would all wait with it.
    #[error("cannot send: this thread runs an async runtime, and must not wait")]
    InsideRuntime(Message),
}

impl SendError {
    /// The message that was not sent.
    pub fn into_message(self) -> Message {
        match self {
            Self::Closed(message) | Self::NoRoute(message) | Self::GroupTooLong(message) => message,
            Self::InsideRuntime(message) => message,
            Self::TooLarge { message, .. }
            | Self::TooManyFrames { message, .. }
            | Self::Multipart { message, .. } => message,
        }
    }
}

/// A group cannot be joined: its name has more than 255 bytes.
///
/// # Examples
///
/// ```
/// let error = hubless::Dish::new().join("x".repeat(256)).expect_err("it is too long");
/// assert_eq!(error.to_string(), "cannot join a group of 256 bytes: the limit is 255");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot join a group of {size} bytes: the limit is 255")]
#[non_exhaustive]
pub struct GroupTooLong {
    /// The bytes of its name.
    pub size: usize,
}

/// A message was not sent, since that was not possible without waiting, or at all.
///
/// # Examples
///
/// ```
/// use hubless::{Push, TrySendError};
///
/// let error = Push::new().try_send("hello").expect_err("nobody is there");
/// assert!(matches!(error, TrySendError::Full(_)));
/// assert_eq!(error.into_message(), "hello");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrySendError {
    /// The socket is mute: no peer can take another message now.
    #[error("cannot send: no peer can take another message now")]
    Full(Message),
    /// The socket is closed.
    #[error("cannot send: the socket is closed")]
    Closed(Message),
    /// The message has more bytes than `max_message_size` allows.
    #[error("cannot send: the message has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// The message, whole.
        message: Message,
        /// Its bytes, with those the socket adds.
        size: usize,
        /// The socket's limit.
        limit: usize,
    },
    /// The message has more frames than `max_message_frames` allows.
    #[error("cannot send: the message has {frames} frames, the limit is {limit}")]
    TooManyFrames {
        /// The message, whole.
        message: Message,
        /// Its frames, with those the socket adds.
        frames: usize,
        /// The socket's limit.
        limit: usize,
    },
    /// The message has several frames, and those of this kind of socket have one.
    #[error("cannot send: the message has {frames} frames, those of a {kind} have one")]
    Multipart {
        /// The message, whole.
        message: Message,
        /// Its frames.
        frames: usize,
        /// The socket's kind.
        kind: SocketKind,
    },
    /// The one peer that the message is for is not connected.
    #[error("cannot send: the peer that the message is for is not connected")]
    NoRoute(Message),
    /// The name of the group, which is the first frame, has more than 255 bytes.
    #[error("cannot send: the name of a group has at most 255 bytes")]
    GroupTooLong(Message),
    /// A blocking socket's thread runs the tasks of an async runtime, which would all wait with it.
    #[error("cannot send: this thread runs an async runtime, and must not wait")]
    InsideRuntime(Message),
}

impl TrySendError {
    /// The message that was not sent.
    pub fn into_message(self) -> Message {
        match self {
            Self::Full(message) | Self::Closed(message) | Self::NoRoute(message) => message,
            Self::GroupTooLong(message) | Self::InsideRuntime(message) => message,
            Self::TooLarge { message, .. }
            | Self::TooManyFrames { message, .. }
            | Self::Multipart { message, .. } => message,
        }
    }
}

impl From<SendError> for TrySendError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Closed(message) => Self::Closed(message),
            SendError::TooLarge { message, size, limit } => Self::TooLarge { message, size, limit },
            SendError::TooManyFrames {
                message,
                frames,
                limit,
            } => Self::TooManyFrames {
                message,
                frames,
                limit,
            },
            SendError::Multipart {
                message,
                frames,
                kind,
            } => Self::Multipart {
                message,
                frames,
                kind,
            },
            SendError::NoRoute(message) => Self::NoRoute(message),
            SendError::GroupTooLong(message) => Self::GroupTooLong(message),
            SendError::InsideRuntime(message) => Self::InsideRuntime(message),
        }
    }
}

/// A message was not sent in time, or at all.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use hubless::{Push, SendTimeoutError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let error = Push::new().send_timeout("hello", Duration::from_millis(1)).await.expect_err("nobody came");
/// assert!(matches!(error, SendTimeoutError::Timeout(_)));
/// assert_eq!(error.into_message(), "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendTimeoutError {
    /// The socket was mute all the time.
    #[error("cannot send: no peer could take another message in time")]
    Timeout(Message),
    /// Time would not have helped.
    #[error(transparent)]
    Failed(#[from] SendError),
}

impl SendTimeoutError {
    /// The message that was not sent.
    pub fn into_message(self) -> Message {
        match self {
            Self::Timeout(message) => message,
            Self::Failed(error) => error.into_message(),
        }
    }
}

/// A request was not answered.
///
/// A peer that stays connected and silent is no error: put a timeout around the request.
///
/// # Examples
///
/// ```
/// use hubless::{Rep, Req, RequestError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let rep = Rep::new();
/// let mut req = Req::new();
/// req.connect(&rep.bind("tcp://127.0.0.1:0").await?)?;
/// let (reply, _) = tokio::join!(req.request("hello?"), async {
///     drop(rep.recv_request().await?);
///     rep.close().await?;
///     Ok::<(), hubless::Error>(())
/// });
/// // It may have been served or not: whether to ask again is for the program to say.
/// assert!(matches!(reply, Err(RequestError::ConnectionLost { sent: true, .. })));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The request did not go out, and never will on this socket.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The socket was closed while the answer was awaited.
    #[error("cannot complete the request: the socket is closed")]
    Closed,
    /// The answer did not come within the time that a blocking socket was given. The request is abandoned.
    #[error("cannot complete the request: no answer came in time")]
    Timeout,
    /// The connection that carried the request ended before the answer came.
    #[error(
        "cannot complete the request: the connection to {endpoint} was lost {}",
        if *.sent { "before the answer came" } else { "before the request was sent" }
    )]
    #[non_exhaustive]
    ConnectionLost {
        /// The peer it was sent to.
        endpoint: Endpoint,
        /// Whether the peer may have seen the request: some of its bytes had been handed to the system. If not, it
        /// can be sent again without harm.
        sent: bool,
        /// The request, if nothing of it was sent.
        message: Option<Message>,
    },
}

impl RequestError {
    /// The request, if nothing of it was sent.
    pub fn into_message(self) -> Option<Message> {
        match self {
            Self::Send(error) => Some(error.into_message()),
            Self::Closed | Self::Timeout => None,
            Self::ConnectionLost { message, .. } => message,
        }
    }
}

impl From<Closed> for RequestError {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}
