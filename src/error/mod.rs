//! What can go wrong, in one small type per operation.
//!
//! ```text
//! build            BuildError                    send      SendError  TrySendError  SendTimeoutError
//! bind             BindError                     recv      RecvError  TryRecvError
//! connect …        EndpointError  ConnectError   request   RequestError
//! close            Unsent                        reserve   Closed
//! threads          ThreadsError                  plain threads   WaitError  CloseError
//! ```
//!
//! Whoever was given a message gives it back (`into_message`). A peer's fault never surfaces here, except where
//! somebody waits for that very peer: it ends the connection, and the monitor says why with a [`ProtocolError`].
//! Every error converts into [`Error`], for `?` in programs that do not care which one it was.

mod build;
mod endpoint;
mod protocol;
mod receive;
mod send;
mod threads;
mod unsent;
mod wait;

pub use build::{BuildError, Contradiction};
pub(crate) use endpoint::Reason;
pub use endpoint::{BindError, ConnectError, EndpointError};
pub(crate) use protocol::escaped;
pub use protocol::{Foreign, ProtocolError};
pub use receive::{RecvError, TryRecvError};
pub use send::{GroupTooLong, RequestError, SendError, SendTimeoutError, TrySendError};
pub use threads::ThreadsError;
pub use unsent::{Unsent, UnsentTo};
pub use wait::{CloseError, WaitError};

use crate::endpoint::ParseEndpointError;
use crate::message::{FrameCountError, NoFrames};

/// The socket is closed: by [`close`](crate::Socket::close) on any of its handles, or with the runtime it lived on.
///
/// # Examples
///
/// ```
/// use hubless::{Closed, Push};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let push = Push::new();
/// let peers = push.peers();
/// push.close().await?;
/// assert_eq!(peers.at_least(1).await, Err(Closed));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the socket is closed")]
pub struct Closed;

/// Any error of this crate.
///
/// ```
/// use hubless::{Error, Message};
///
/// fn topic_of(message: Message) -> Result<String, Error> {
///     let [topic, _body] = message.into_frames()?;
///     Ok(String::from_utf8_lossy(&topic).into_owned())
/// }
///
/// assert_eq!(topic_of(("news", "…").into()).expect("there are two frames"), "news");
/// assert!(matches!(topic_of("news".into()), Err(Error::FrameCount(_))));
/// ```
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum Error {
    /// A socket could not be built as described.
    Build(#[from] BuildError),
    /// An address could not be listened at.
    Bind(#[from] BindError),
    /// An endpoint could not be added to a socket or taken from it.
    Endpoint(#[from] EndpointError),
    /// A connection did not come about.
    Connect(#[from] ConnectError),
    /// Text that is not an endpoint.
    ParseEndpoint(#[from] ParseEndpointError),
    /// A peer broke the protocol.
    Protocol(#[from] ProtocolError),
    /// A message was not sent.
    Send(#[from] SendError),
    /// A message was not sent, since that was not possible at once.
    TrySend(#[from] TrySendError),
    /// A message was not sent in time.
    SendTimeout(#[from] SendTimeoutError),
    /// A request was not answered.
    Request(#[from] RequestError),
    /// No message will be received.
    Recv(#[from] RecvError),
    /// No message was received at once.
    TryRecv(#[from] TryRecvError),
    /// A group cannot be joined.
    Group(#[from] GroupTooLong),
    /// The socket is closed.
    Closed(#[from] Closed),
    /// Messages were left when a socket was closed.
    Unsent(#[from] Unsent),
    /// The threads that carry sockets could not be started.
    Threads(#[from] ThreadsError),
    /// A plain thread did not see what it waited for.
    Wait(#[from] WaitError),
    /// A plain thread did not close a socket in good order.
    Close(#[from] CloseError),
    /// A message has another number of frames than expected.
    FrameCount(#[from] FrameCountError),
    /// A message without frames.
    NoFrames(#[from] NoFrames),
}

#[cfg(test)]
mod tests;
