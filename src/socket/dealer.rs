//! DEALER: many questions at once, to many peers (RFC 28).
//!
//! ```text
//!                    ┌──▶ Router, Rep, Dealer
//!   Dealer ◀──any────┤
//!          ──turns──▶└──▶ Router, Rep, Dealer
//! ```
//!
//! It sends as a PUSH and receives as a PULL; all that it has for itself is what happens when a connection begins or
//! ends.

use super::{Socket, kind};

/// Sends each message to one of its [`Router`](super::Router), [`Rep`](super::Rep) or [`Dealer`] peers, in turn, and
/// receives from each in turn.
///
/// | | |
/// |---|---|
/// | talks to | ROUTER, REP, DEALER |
/// | sends | [`send`](Socket::send), [`try_send`](Socket::try_send), [`send_timeout`](Socket::send_timeout), [`reserve`](Socket::reserve), [`sink`](Socket::sink): to one peer, round robin over those that have room |
/// | receives | [`recv`](Socket::recv), [`try_recv`](Socket::try_recv), [`recv_timeout`](Socket::recv_timeout), [`recv_many`](Socket::recv_many), [`recv_from`](Socket::recv_from), [`messages`](Socket::messages): one message from each peer that has some, in turn |
/// | no peer, or all at their high-water mark | waits; it never drops |
/// | a connection is lost | a connecting endpoint keeps its queue for the next connection; the queue of an accepted one is dropped and counted, or goes to others ([`reroute`](super::Builder::reroute)); what was received stays readable |
/// | on the wire | the message as it is: nothing is added or removed |
/// | own options | [`immediate`](super::Builder::immediate), [`conflate`](super::Builder::conflate), [`reroute`](super::Builder::reroute), [`routing_id`](super::Builder::routing_id), [`probe`](super::Builder::probe), [`hello_message`](super::Builder::hello_message), [`hiccup_message`](super::Builder::hiccup_message) |
///
/// Where a [`Req`](super::Req) asks one thing at a time, it asks as many as it likes. Which answer belongs to which question
/// is for the program to say, for instance by a frame that the other side returns.
///
/// # Examples
///
/// A [`Rep`](super::Rep) expects requests in an envelope, whose last frame is empty, and returns it with the answer. What
/// stands in it before that is ours:
///
/// ```
/// use hubless::{Dealer, Message, Rep};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let rep = Rep::new();
/// let endpoint = rep.bind("tcp://127.0.0.1:0").await?;
/// tokio::spawn(async move {
///     while let Ok(request) = rep.recv_request().await {
///         let length = request.message().byte_len().to_string();
///         let _ = request.reply(length).await;
///     }
/// });
///
/// let dealer = Dealer::new();
/// dealer.connect(&endpoint)?;
/// dealer.send(("first", "", "how long is this?")).await?;
/// dealer.send(("second", "", "and this?")).await?;
/// assert_eq!(dealer.recv().await?, Message::from(("first", "", "17")));
/// assert_eq!(dealer.recv().await?, Message::from(("second", "", "9")));
/// # Ok(())
/// # }
/// ```
///
/// With a [`Router`](super::Router) there is no envelope at all: see there.
pub type Dealer = Socket<kind::Dealer>;
