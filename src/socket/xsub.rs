//! XSUB: a subscriber that also sends to its publishers (RFC 29).

use super::Socket;
use super::kind;

/// Receives what it subscribed to like a [`Sub`](super::Sub), subscribes also by sending, and sends to its publishers.
///
/// | | |
/// |---|---|
/// | peers | [`Pub`](super::Pub), [`XPub`](super::XPub) |
/// | subscribes | with [`subscribe`](Socket::subscribe) and [`unsubscribe`](Socket::unsubscribe), or by sending `01 topic` and `00 topic` |
/// | sends | [`send`](Socket::send), [`try_send`](Socket::try_send): any other message, to every publisher that is connected; an [`XPub`](super::XPub) receives it, a [`Pub`](super::Pub) does not look at it |
/// | a publisher is at its high-water mark, or none is there | the message is dropped for it, and counted; a subscription never |
/// | receives | [`recv`](Socket::recv): whatever publishers send, without looking whether it was asked for |
/// | a connection is lost | subscriptions are made again when the publisher is back, messages are lost and counted |
/// | own options | [`verbose_unsubscribe`](super::Builder::verbose_unsubscribe), [`only_first_subscribe`](super::Builder::only_first_subscribe) |
///
/// Subscriptions count: what was subscribed twice is unsubscribed by the second time, and publishers are told of every
/// subscription and of the last end. A message of the program's own cannot begin with the byte 00 or 01, since nobody
/// could tell it from a subscription. In a message that does, every frame may be one; the others are sent without them. A
/// subscription may overtake messages.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// use hubless::{XPub, XSub};
///
/// let publisher = XPub::new();
/// let subscriber = XSub::new();
/// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0").await?)?;
///
/// subscriber.send(b"\x01news").await?; // as good as subscribe("news")
/// subscriber.subscribed().await?;
/// publisher.send("news: it is heard").await?;
/// assert_eq!(subscriber.recv().await?, "news: it is heard");
/// assert_eq!(publisher.recv().await?.as_subscription(), Some((true, &b"news"[..])));
///
/// subscriber.send(("to all publishers", "hello")).await?;
/// assert_eq!(publisher.recv().await?.len(), 2);
/// # Ok(())
/// # }
/// ```
pub type XSub = Socket<kind::XSub>;
