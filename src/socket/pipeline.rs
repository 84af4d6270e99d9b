//! PUSH and PULL: work is dealt out and collected (RFC 30).
//!
//! ```text
//!           ┌──▶ Pull   Push ──┐
//!   Push ───┤                  ├───▶ Pull
//!           └──▶ Pull   Push ──┘
//! ```
//!
//! All that these two do is in every sending or receiving socket: this file is their page.

use super::{Socket, kind};

/// Sends each message to one of its [`Pull`] peers, in turn.
///
/// | | |
/// |---|---|
/// | talks to | PULL |
/// | sends | [`send`](Socket::send), [`try_send`](Socket::try_send), [`send_timeout`](Socket::send_timeout), [`reserve`](Socket::reserve), [`sink`](Socket::sink): to one peer, round robin over those that have room |
/// | receives | never |
/// | no peer, or all at their high-water mark | waits; it never drops |
/// | a connection is lost | a connecting endpoint keeps its queue for the next connection; the queue of an accepted one is dropped and counted |
/// | own options | [`immediate`](super::Builder::immediate) |
///
/// A connecting endpoint has a queue from the start, so that messages can be sent before the other side is there.
/// With [`immediate`](super::Builder::immediate) only peers that are connected get messages.
///
/// # Examples
///
/// Two workers share the work; one that is busy has a full queue, and the other one gets what comes next:
///
/// ```
/// use hubless::{Pull, Push};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let push = Push::new();
/// let endpoint = push.bind("tcp://127.0.0.1:0").await?;
/// let (one, two) = (Pull::new(), Pull::new());
/// one.connect(&endpoint)?;
/// two.connect(&endpoint)?;
/// push.peers().at_least(2).await?;
///
/// for number in 0..4 {
///     push.send(format!("work {number}")).await?;
/// }
/// for worker in [&one, &two] {
///     worker.recv().await?;
///     worker.recv().await?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// It only sends:
///
/// ```compile_fail
/// # async fn receive() {
/// let message = hubless::Push::new().recv().await;
/// # }
/// ```
pub type Push = Socket<kind::Push>;

/// Receives from its [`Push`] peers, in turn.
///
/// | | |
/// |---|---|
/// | talks to | PUSH |
/// | sends | never |
/// | receives | [`recv`](Socket::recv), [`try_recv`](Socket::try_recv), [`recv_timeout`](Socket::recv_timeout), [`recv_many`](Socket::recv_many), [`recv_from`](Socket::recv_from), [`messages`](Socket::messages): one message from each peer that has some, in turn |
/// | at its high-water mark for a peer | stops reading that peer, which then has to wait; it never drops |
/// | a connection is lost | what was received stays readable |
///
/// # Examples
///
/// One collects what many send:
///
/// ```
/// use hubless::{Pull, Push};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let pull = Pull::new();
/// let endpoint = pull.bind("tcp://127.0.0.1:0").await?;
/// for worker in 0..3 {
///     let push = Push::new();
///     push.connect(&endpoint)?;
///     push.send(format!("done by {worker}")).await?;
///     push.close().await?; // what was sent arrives all the same
/// }
/// for _ in 0..3 {
///     let (peer, message) = pull.recv_from().await?;
///     println!("{peer}: {message:?}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// It only receives:
///
/// ```compile_fail
/// # async fn send() {
/// hubless::Pull::new().send("work").await;
/// # }
/// ```
pub type Pull = Socket<kind::Pull>;
