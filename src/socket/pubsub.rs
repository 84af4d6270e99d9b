//! PUB and SUB: what is published goes to everybody who asked for it (RFC 29).

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;

use super::Socket;
use super::core::Receiving;
use super::kind::{self, Kind, Subscribes};
use crate::error::Closed;
use crate::pattern::{FanOut, Interest, Wanted};
use crate::pipe::Ticket;

/// Publishes every message to each [`Sub`] that asked for it.
///
/// The topic of a message is its first frame; a subscriber gets it if it subscribed to a *prefix* of that.
///
/// | | |
/// |---|---|
/// | peers | [`Sub`], [`XSub`](super::XSub) |
/// | sends | [`send`](Socket::send), [`try_send`](Socket::try_send), [`sink`](Socket::sink): to all who asked for it |
/// | receives | never |
/// | nobody asked for it | the message is dropped, and counted once |
/// | a subscriber is at its high-water mark | dropped for that one until half of its queue is free, and counted |
/// | waits | never for a subscriber: `send` only lets other tasks run now and then |
/// | a connection is lost | its queue is dropped and counted; the subscriber asks again when it is back |
///
/// Whoever publishes before a subscription has arrived publishes for nobody. So wait for your subscribers:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// use hubless::{Pub, Sub};
///
/// let publisher = Pub::new();
/// let endpoint = publisher.bind("tcp://127.0.0.1:0").await?;
///
/// let subscriber = Sub::new();
/// subscriber.subscribe("weather.");
/// subscriber.connect(&endpoint)?;
///
/// publisher.subscribers().to("weather.berlin").at_least(1).await?;
/// publisher.send(("weather.berlin", "21 °C")).await?;
/// publisher.send(("traffic.berlin", "slow")).await?; // nobody asked for it
/// publisher.send(("weather.rome", "27 °C")).await?;
///
/// let [topic, body] = subscriber.recv().await?.into_frames()?;
/// assert_eq!((topic, body), ("weather.berlin".into(), "21 °C".into()));
/// assert_eq!(subscriber.recv().await?.frame(0), Some(&b"weather.rome"[..]));
/// # Ok(())
/// # }
/// ```
pub type Pub = Socket<kind::Pub>;

/// Receives what it [subscribed](Socket::subscribe) to from its [`Pub`] peers.
///
/// A new socket is subscribed to nothing, and receives nothing.
///
/// | | |
/// |---|---|
/// | peers | [`Pub`], [`XPub`](super::XPub) |
/// | sends | never; subscriptions go out by themselves |
/// | receives | [`recv`](Socket::recv), [`messages`](Socket::messages): from its publishers in turn |
/// | at its high-water mark | that publisher is read no further: what is lost is lost and counted over there |
/// | a connection is lost | what was received stays readable, what is published meanwhile is missed |
///
/// Subscriptions are state: they may be made before there is a connection, and each new connection begins with all
/// of them. A publisher that does not filter is filtered here.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// use hubless::{Pub, Sub};
///
/// let publisher = Pub::new();
/// let subscriber = Sub::new();
/// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0").await?)?;
///
/// subscriber.subscribe("news");
/// subscriber.subscribed().await?;
/// publisher.send("news: nothing is missed from here on").await?;
/// assert!(subscriber.recv().await?.frame(0).is_some());
/// # Ok(())
/// # }
/// ```
pub type Sub = Socket<kind::Sub>;

impl<K: Subscribes> Socket<K> {
    /// Asks for all messages whose first frame begins with `prefix`; an empty prefix asks for everything.
    ///
    /// All publishers are told, those that connect later too. What they publish before they have heard of it is
    /// missed: see [`subscribed`](Self::subscribed). Subscriptions count: what was subscribed twice is unsubscribed
    /// by the second [`unsubscribe`](Self::unsubscribe).
    ///
    /// libzmq: `ZMQ_SUBSCRIBE`.
    ///
    /// # Examples
    ///
    /// ```
    /// let subscriber = hubless::Sub::new();
    /// subscriber.subscribe("news.");
    /// subscriber.subscribe(b"\x00\x01"); // topics are bytes
    /// subscriber.subscribe(""); // everything
    /// ```
    pub fn subscribe(&self, prefix: impl AsRef<[u8]>) {
        self.interest().subscribe(Bytes::copy_from_slice(prefix.as_ref()));
    }

    /// Takes one subscription to `prefix` back; `false` if there was none, and then nothing happens.
    ///
    /// When it was the last one, nothing that was asked for by it alone is received from here on.
    ///
    /// libzmq: `ZMQ_UNSUBSCRIBE`.
    ///
    /// # Examples
    ///
    /// ```
    /// let subscriber = hubless::Sub::new();
    /// subscriber.subscribe("news");
    /// assert!(subscriber.unsubscribe("news"));
    /// assert!(!subscriber.unsubscribe("news"));
    /// ```
    pub fn unsubscribe(&self, prefix: impl AsRef<[u8]>) -> bool {
        self.interest().unsubscribe(prefix.as_ref())
    }

    /// How many different prefixes this socket is subscribed to. libzmq: `ZMQ_TOPICS_COUNT`.
    ///
    /// # Examples
    ///
    /// ```
    /// let subscriber = hubless::Sub::new();
    /// subscriber.subscribe("news");
    /// subscriber.subscribe("news");
    /// assert_eq!(subscriber.topics(), 1);
    /// ```
    pub fn topics(&self) -> usize {
        self.interest().topics()
    }

    /// Waits until there is a publisher, and every publisher that is connected knows all that was
    /// [subscribed](Self::subscribe) to, or unsubscribed, before this call.
    ///
    /// A publisher proves it by answering a PING that was sent behind the subscriptions: exact with hubless; libzmq
    /// from 4.3.3 on has them in its I/O thread then. To peers that know no PING (ZMTP 3.0) it is until the
    /// subscriptions are written.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the socket is closed before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing: subscriptions go out whether or not somebody waits.
    ///
    /// # Examples
    ///
    /// ```
    /// # use hubless::{Pub, Sub};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let (publisher, subscriber) = (Pub::new(), Sub::new());
    /// # subscriber.connect(&publisher.bind("tcp://127.0.0.1:0").await?)?;
    /// subscriber.subscribe("a");
    /// subscriber.subscribed().await?;
    /// publisher.send("a: is not missed").await?;
    /// assert_eq!(subscriber.recv().await?, "a: is not missed");
    ///
    /// subscriber.unsubscribe("a");
    /// subscriber.subscribe("b");
    /// subscriber.subscribed().await?;
    /// publisher.send("a: is not even sent").await?;
    /// publisher.send("b: is not missed").await?;
    /// assert_eq!(subscriber.recv().await?, "b: is not missed");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn subscribed(&self) -> Result<(), Closed> {
        self.interest().passed_by_all().await
    }
}

impl<K: Kind> Socket<K> {
    /// What a socket that subscribes or joins wants.
    pub(super) fn interest(&self) -> &Interest {
        let Receiving::Pipes {
            wanted: Some(Wanted::Subscribed(interest)),
            ..
        } = &self.core.receiving
        else {
            unreachable!("who subscribes is built with an interest");
        };
        interest
    }
}

/// The peers that have subscribed at a publisher, or those that get one topic: see
/// [`Socket::subscribers`](Socket::subscribers).
///
/// # Examples
///
/// ```
/// use hubless::{Pub, Sub, Subscribers};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let (publisher, subscriber) = (Pub::new(), Sub::new());
/// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0").await?)?;
/// subscriber.subscribe("news");
///
/// let readers: Subscribers = publisher.subscribers().to("news.today");
/// readers.at_least(1).await?;
/// assert_eq!(readers.count(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Subscribers {
    fan_out: Arc<FanOut>,
    topic: Option<Bytes>,
}

impl Subscribers {
    pub(super) fn of(fan_out: &Arc<FanOut>) -> Self {
        Self {
            fan_out: fan_out.clone(),
            topic: None,
        }
    }

    /// Only those that get messages with this topic: that hold a prefix of it.
    ///
    /// Example: at [`Subscribers`].
    pub fn to(self, topic: impl AsRef<[u8]>) -> Self {
        Self {
            topic: Some(Bytes::copy_from_slice(topic.as_ref())),
            ..self
        }
    }

    /// How many there are now. A peer that is connected and has subscribed to nothing is none.
    pub fn count(&self) -> usize {
        self.fan_out.count_subscribers(self.topic.as_deref())
    }

    /// Waits until there are at least `n`.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the socket is closed before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    ///
    /// Example: at [`Subscribers`].
    pub async fn at_least(&self, n: usize) -> Result<(), Closed> {
        let mut waiting = Waiting {
            fan_out: &self.fan_out,
            ticket: Ticket::default(),
        };
        let topic = self.topic.as_deref();
        poll_fn(|cx| {
            let ticket = &mut waiting.ticket;
            waiting.fan_out.poll_subscribers(cx.waker(), ticket, topic, n)
        })
        .await
    }
}

impl fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribers")
            .field("topic", &self.topic)
            .field("count", &self.count())
            .finish()
    }
}

/// A place in the line for subscribers, given up when the future is dropped.
struct Waiting<'a> {
    fan_out: &'a FanOut,
    ticket: Ticket,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.fan_out.leave(&mut self.ticket);
    }
}
