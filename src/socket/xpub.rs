//! XPUB: a publisher whose program hears who wants what (RFC 29).

use super::Socket;
use super::kind;

/// Publishes like a [`Pub`](super::Pub), and receives what its subscribers want.
///
/// | | |
/// |---|---|
/// | peers | [`Sub`](super::Sub), [`XSub`](super::XSub) |
/// | sends | as [`Pub`](super::Pub): to all who asked for it |
/// | receives | that somebody wants a topic, `01 topic`, and that nobody does any more, `00 topic`: [`as_subscription`](crate::Message::as_subscription); and what an [`XSub`](super::XSub) sends |
/// | a peer leaves | `00` for each topic that nobody else holds |
/// | the program does not read | messages of peers are held back; what it would be told is kept as state, see below |
/// | own options | [`verbose`](super::Builder::verbose), [`verboser`](super::Builder::verboser), [`manual`](super::Builder::manual), [`manual_last_value`](super::Builder::manual_last_value), [`welcome`](super::Builder::welcome) |
///
/// What it is told are no events but changes of state. They come in their order; one that has not been received yet is
/// taken back if the opposite happens: who subscribes and cancels while nobody looks is never heard of. So a program that
/// has received all there is knows what is so, and one that never receives costs no more than the subscriptions
/// themselves. They are not counted as messages.
///
/// # Examples
///
/// A publisher that works only while somebody listens:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// use hubless::{Sub, XPub};
///
/// let publisher = XPub::new();
/// let subscriber = Sub::new();
/// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0").await?)?;
///
/// subscriber.subscribe("weather.");
/// let news = publisher.recv().await?;
/// assert_eq!(news.as_subscription(), Some((true, &b"weather."[..])));
/// publisher.send(("weather.berlin", "21 °C")).await?;
/// assert_eq!(subscriber.recv().await?.len(), 2);
///
/// subscriber.close().await?;
/// let news = publisher.recv().await?;
/// assert_eq!(news.as_subscription(), Some((false, &b"weather."[..])));
/// # Ok(())
/// # }
/// ```
///
/// A cache: who comes late is given the last value, and nobody else hears it again.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// use hubless::{Sub, XPub};
///
/// let cache = XPub::builder().manual_last_value(true).build()?;
/// let late = Sub::new();
/// late.subscribe("price");
/// late.connect(&cache.bind("tcp://127.0.0.1:0").await?)?;
///
/// if let Some((true, topic)) = cache.recv().await?.as_subscription() {
///     cache.subscribe(topic); // it gets what it asked for
///     cache.send(("price", "42")).await?; // it alone gets this
/// }
/// assert_eq!(late.recv().await?.frame(1), Some(&b"42"[..]));
/// # Ok(())
/// # }
/// ```
///
/// Together with an [`XSub`](super::XSub) it forwards between publishers and subscribers that do not know of each other:
/// what either receives, the other sends.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// use hubless::{Pub, Sub, XPub, XSub};
///
/// let (back, front) = (XSub::new(), XPub::new());
/// let (for_publishers, for_subscribers) = (back.bind("inproc://back").await?, front.bind("inproc://front").await?);
/// tokio::spawn(async move {
///     loop {
///         tokio::select! {
///             message = back.recv() => front.send(message?).await?,
///             message = front.recv() => back.send(message?).await?,
///         }
///     }
///     # #[allow(unreachable_code)]
///     Ok::<_, hubless::Error>(())
/// });
///
/// let (publisher, subscriber) = (Pub::new(), Sub::new());
/// publisher.connect(&for_publishers)?;
/// subscriber.subscribe("news");
/// subscriber.connect(&for_subscribers)?;
/// publisher.subscribers().to("news").at_least(1).await?;
/// publisher.send("news: it went through both").await?;
/// assert_eq!(subscriber.recv().await?, "news: it went through both");
/// # Ok(())
/// # }
/// ```
pub type XPub = Socket<kind::XPub>;

impl Socket<kind::XPub> {
    /// How many different topics are subscribed to, by all peers together. libzmq: `ZMQ_TOPICS_COUNT`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(hubless::XPub::new().topics(), 0);
    /// ```
    pub fn topics(&self) -> usize {
        self.fan_out().topics()
    }

    /// Subscribes the peer whose notification was received last to what begins with `prefix`: that need not be what it
    /// asked for. `false` if it has it already, or has left.
    ///
    /// This is for sockets that are [`manual`](super::Builder::manual), where nobody else subscribes. A task that
    /// receives through another handle in between decides for another peer. libzmq: `ZMQ_SUBSCRIBE`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// use hubless::{Sub, XPub};
    ///
    /// let publisher = XPub::builder().manual(true).build()?;
    /// let subscriber = Sub::new();
    /// subscriber.subscribe("");
    /// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0").await?)?;
    ///
    /// publisher.recv().await?; // it wants everything, and gets the public part
    /// assert!(publisher.subscribe("public."));
    /// publisher.send("private.matters").await?;
    /// publisher.send("public.news").await?;
    /// assert_eq!(subscriber.recv().await?, "public.news");
    /// # Ok(())
    /// # }
    /// ```
    pub fn subscribe(&self, prefix: impl AsRef<[u8]>) -> bool {
        self.fan_out().decide(true, prefix.as_ref())
    }

    /// Ends a subscription of the peer whose notification was received last. `false` if it has no such, or has left.
    ///
    /// As [`subscribe`](Self::subscribe). libzmq: `ZMQ_UNSUBSCRIBE`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Sub, XPub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let publisher = XPub::builder().manual(true).build()?;
    /// let subscriber = Sub::new();
    /// subscriber.subscribe("news");
    /// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0").await?)?;
    /// publisher.recv().await?;
    /// assert!(publisher.subscribe("news"));
    ///
    /// subscriber.unsubscribe("news");
    /// publisher.recv().await?; // it wants them no more, which in a manual one is for us to do
    /// assert!(publisher.unsubscribe("news"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn unsubscribe(&self, prefix: impl AsRef<[u8]>) -> bool {
        self.fan_out().decide(false, prefix.as_ref())
    }
}
