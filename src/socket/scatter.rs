//! SCATTER and GATHER: work is dealt out and collected, one frame a message (RFC 49).
//!
//! PUSH and PULL again, but of single frames, as all kinds of libzmq that several threads may share. Here every socket
//! may be shared, so these two are for talking to theirs.

use super::{Socket, kind};

/// Sends each message, of one frame, to one of its [`Gather`] peers, in turn.
///
/// | | |
/// |---|---|
/// | talks to | GATHER |
/// | sends | [`send`](Socket::send), [`try_send`](Socket::try_send), [`send_timeout`](Socket::send_timeout), [`reserve`](Socket::reserve), [`sink`](Socket::sink): to one peer, round robin over those that have room |
/// | receives | never |
/// | a message of several frames | [`SendError::Multipart`](crate::SendError::Multipart), with the message |
/// | no peer, or all at their high-water mark | waits; it never drops |
/// | a connection is lost | as with [`Push`](super::Push) |
/// | own options | [`immediate`](super::Builder::immediate) |
///
/// What libzmq calls a draft: a libzmq built without drafts knows no SCATTER.
///
/// # Examples
///
/// ```
/// use hubless::{Gather, Scatter, SendError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let (scatter, gather) = (Scatter::new(), Gather::new());
/// gather.connect(&scatter.bind("tcp://127.0.0.1:0").await?)?;
/// scatter.send("work").await?;
/// assert_eq!(gather.recv().await?, "work");
///
/// match scatter.send(("two", "frames")).await {
///     Err(SendError::Multipart { message, frames: 2, .. }) => assert_eq!(message.len(), 2),
///     other => panic!("expected the message back, found {other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
///
/// It only sends:
///
/// ```compile_fail
/// # async fn receive() {
/// let message = hubless::Scatter::new().recv().await;
/// # }
/// ```
pub type Scatter = Socket<kind::Scatter>;

/// Receives messages of one frame from its [`Scatter`] peers, in turn.
///
/// | | |
/// |---|---|
/// | talks to | SCATTER |
/// | sends | never |
/// | receives | [`recv`](Socket::recv), [`try_recv`](Socket::try_recv), [`recv_timeout`](Socket::recv_timeout), [`recv_many`](Socket::recv_many), [`recv_from`](Socket::recv_from), [`messages`](Socket::messages): one message from each peer that has some, in turn |
/// | a message of several frames | is dropped, and counted as [`ProtocolError`](crate::DropReason::ProtocolError); its connection goes on |
/// | at its high-water mark for a peer | stops reading that peer, which then has to wait; it never drops |
/// | a connection is lost | what was received stays readable |
///
/// # Examples
///
/// ```
/// use hubless::{Gather, Scatter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let gather = Gather::new();
/// let endpoint = gather.bind("tcp://127.0.0.1:0").await?;
/// for worker in 0..3 {
///     let scatter = Scatter::new();
///     scatter.connect(&endpoint)?;
///     scatter.send(format!("done by {worker}")).await?;
///     scatter.close().await?; // what was sent arrives all the same
/// }
/// for _ in 0..3 {
///     println!("{:?}", gather.recv().await?);
/// }
/// # Ok(())
/// # }
/// ```
///
/// It only receives:
///
/// ```compile_fail
/// # async fn send() {
/// hubless::Gather::new().send("work").await;
/// # }
/// ```
pub type Gather = Socket<kind::Gather>;
