//! What can be said to the builder of a socket that publishes, or subscribes.

use std::sync::Arc;
use std::time::Duration;

use super::core::Sending;
use super::kind::Publishes;
use super::{Builder, Socket, Subscribers, kind};
use crate::error::Contradiction;
use crate::message::{Message, Payload};
use crate::pattern::{AskLimits, Audience, FanOut, FanOutConfig, InterestConfig, Matching, Slow, Telling};
use crate::pipe::{Inbox, Marks};
use crate::socket_kind::SocketKind;

/// What a publisher does with a message for a subscriber that does not keep up: whose queue is at its
/// [high-water mark](Builder::send_hwm).
///
/// Whatever is dropped is counted as [`Hwm`](crate::DropReason::Hwm), of the socket and of [that peer](crate::Peer::stats);
/// when it begins, [`Event::SlowPeer`](crate::Event::SlowPeer) says for whom.
///
/// | | who misses what | who waits |
/// |---|---|---|
/// | `DropNewest` | this subscriber, what comes while its queue is full, until half of it is free | nobody |
/// | `DropOldest` | this subscriber, what waited longest | nobody |
/// | `Wait(time)` | this subscriber, as with `DropNewest`, after that time | all |
/// | `Disconnect` | this subscriber, all until it is back | nobody |
/// | [`nodrop`](Builder::nodrop) | nobody | all, for as long as it takes |
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use hubless::{Pub, SlowPolicy};
///
/// let patient = Pub::builder().on_slow(SlowPolicy::Wait(Duration::from_millis(100))).build()?;
/// let strict = Pub::builder().on_slow(SlowPolicy::Disconnect).build()?;
/// # let _ = (patient, strict);
/// # Ok::<(), hubless::BuildError>(())
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowPolicy {
    /// It is dropped for this subscriber, and so is all that follows until half of its queue is free. What is lost is lost
    /// in one piece. The fastest.
    #[default]
    DropNewest,
    /// What waits longest in its queue is dropped to make room: it always gets the newest. What is being written does not
    /// count, so that a queue may hold twice its mark.
    DropOldest,
    /// `send` waits for it, at most this long in all for a message, and nobody gets the message meanwhile. Then it is
    /// dropped for whoever is still full, and these are not waited for again before half of their queue is free.
    /// `try_send` and permits do not wait.
    Wait(Duration),
    /// Its connection is closed, which is an [`Event::Disconnected`](crate::Event::Disconnected) with the reason
    /// [`TooSlow`](crate::DisconnectReason::TooSlow). What was queued for it is dropped and counted; it may come back.
    Disconnect,
}

/// What was said of publishing.
#[derive(Debug, Clone)]
pub(crate) struct Publishing {
    pub(crate) matching: Matching,
    pub(crate) limits: AskLimits,
    pub(crate) welcome: Option<Message>,
    pub(crate) telling: Telling,
    pub(crate) manual: bool,
    pub(crate) last_value: bool,
    pub(crate) only_first: bool,
    pub(crate) on_slow: SlowPolicy,
    pub(crate) nodrop: bool,
}

/// How a subscriber of this kind behaves unless something else is said.
pub(super) fn interest_of(kind: SocketKind) -> InterestConfig {
    InterestConfig {
        matching: match kind {
            SocketKind::XSub => Matching::Everybody,
            SocketKind::Dish => Matching::Exact,
            _ => Matching::Prefix,
        },
        repeats: kind == SocketKind::XSub,
        tells_every_end: false,
    }
}

impl Publishing {
    /// The defaults for a kind.
    pub(super) fn of(kind: SocketKind) -> Self {
        Self {
            matching: Matching::Prefix,
            limits: match kind {
                SocketKind::Radio => AskLimits::of_groups(),
                _ => AskLimits::default(),
            },
            welcome: None,
            telling: Telling::default(),
            manual: false,
            last_value: false,
            only_first: true,
            on_slow: SlowPolicy::default(),
            nodrop: false,
        }
    }

    pub(super) fn contradictions(&self, conflate: bool) -> Vec<Contradiction> {
        let mut found = Vec::new();
        if self.limits.subscriptions == 0 {
            found.push(Contradiction::new(
                ["max_subscriptions"],
                "nobody could ever subscribe",
            ));
        }
        let has_policy = self.on_slow != SlowPolicy::default();
        if self.nodrop && has_policy {
            found.push(Contradiction::new(
                ["nodrop", "on_slow"],
                "what to do with a slow subscriber is said twice",
            ));
        }
        if conflate && (self.nodrop || has_policy) {
            let option = if self.nodrop { "nodrop" } else { "on_slow" };
            found.push(Contradiction::new(
                ["conflate", option],
                "the queue of one message is never full",
            ));
        }
        found
    }

    /// The fan-out of a socket.
    pub(super) fn fan_out(
        &self,
        marks: Marks,
        share_from: usize,
        conflate: bool,
        matching: Matching,
    ) -> FanOut {
        let config = FanOutConfig {
            share_from,
            conflate,
            matching,
            slow: match self.on_slow {
                _ if self.nodrop => Slow::Wait(None),
                SlowPolicy::DropNewest => Slow::DropNewest,
                SlowPolicy::DropOldest => Slow::DropOldest,
                SlowPolicy::Wait(patience) => Slow::Wait(Some(patience)),
                SlowPolicy::Disconnect => Slow::Disconnect,
            },
            limits: self.limits,
        };
        FanOut::new(marks, config).with_welcome(self.welcome.clone())
    }

    /// How an XPUB that receives from `inbox` follows its subscribers.
    pub(super) fn audience(&self, inbox: &Arc<Inbox>) -> Audience {
        Audience {
            telling: if self.manual { Telling::Each } else { self.telling },
            manual: self.manual,
            last_value: self.last_value,
            readers: inbox.clone(),
        }
    }
}

impl Socket<kind::Pub> {
    /// How many topics its subscribers want.
    pub(crate) fn wanted_topics(&self) -> usize {
        self.fan_out().topics()
    }
}

impl<K: Publishes> Socket<K> {
    /// Who has subscribed: a live view.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let publisher = hubless::Pub::new();
    /// # let subscriber = hubless::Sub::new();
    /// # subscriber.connect(&publisher.bind("tcp://127.0.0.1:0").await?)?;
    /// subscriber.subscribe("a");
    /// publisher.subscribers().at_least(1).await?;
    /// assert_eq!(publisher.subscribers().to("apple").count(), 1);
    /// assert_eq!(publisher.subscribers().to("pear").count(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn subscribers(&self) -> Subscribers {
        Subscribers::of(self.fan_out())
    }

    pub(super) fn fan_out(&self) -> &Arc<FanOut> {
        let Sending::FanOut(fan_out) = &self.core.sending else {
            unreachable!("who publishes is built with a fan-out");
        };
        fan_out
    }
}

impl<K: Publishes> Builder<K> {
    /// What becomes of a message for a subscriber whose queue is at its high-water mark. Default:
    /// [`DropNewest`](SlowPolicy::DropNewest), which is what libzmq does. libzmq: none.
    ///
    /// ```
    /// use hubless::{Pub, SlowPolicy};
    ///
    /// let prices = Pub::builder().send_hwm(100).on_slow(SlowPolicy::DropOldest).build()?;
    /// # let _ = prices;
    /// # Ok::<(), hubless::BuildError>(())
    /// ```
    pub fn on_slow(mut self, policy: SlowPolicy) -> Self {
        self.options.publishing.on_slow = policy;
        self
    }

    /// Waits for its subscribers, for as long as it takes. Default: off. libzmq: `ZMQ_XPUB_NODROP`.
    ///
    /// A message is queued for all whom it concerns or for none: while one of them is at its high-water mark,
    /// [`send`](Socket::send) waits and [`try_send`](Socket::try_send) is [`Full`](crate::TrySendError::Full). A
    /// [permit](Socket::reserve) is given when no subscriber at all is full; if one is when it is used, it fails with
    /// [`NoRoute`](crate::SendError::NoRoute). So one subscriber that stands still stops the publisher, and with it all
    /// others: let connections have a [`heartbeat`](Self::heartbeat), or take [`SlowPolicy::Wait`].
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Pub, Sub, TrySendError};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let publisher = Pub::builder().nodrop(true).send_hwm(1).build()?;
    /// let subscriber = Sub::builder().recv_hwm(1).build()?;
    /// subscriber.subscribe("");
    /// subscriber.connect(&publisher.bind("inproc://careful").await?)?;
    /// publisher.subscribers().at_least(1).await?;
    ///
    /// // It does not read, so some day nothing goes any more.
    /// while publisher.try_send("each of these counts").is_ok() {}
    /// assert!(matches!(publisher.try_send("full"), Err(TrySendError::Full(_))));
    /// assert_eq!(publisher.stats().outgoing.dropped.total(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn nodrop(mut self, wait: bool) -> Self {
        self.options.publishing.nodrop = wait;
        self
    }

    /// How many subscriptions one peer may have; with more it is disconnected. Default: 100 000. libzmq: no limit.
    ///
    /// The longest topic that may be subscribed to has 64 KiB.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::Pub;
    ///
    /// // For subscribers that nobody knows.
    /// let publisher = Pub::builder().max_subscriptions(100).max_subscription_bytes(64 << 10).build()?;
    /// # let _ = publisher;
    /// # Ok::<(), hubless::BuildError>(())
    /// ```
    pub fn max_subscriptions(mut self, subscriptions: usize) -> Self {
        self.options.publishing.limits.subscriptions = subscriptions;
        self
    }

    /// How many bytes the topics may have in all that one peer subscribes to. Default: 16 MiB. libzmq: no limit.
    ///
    /// Example: at [`max_subscriptions`](Self::max_subscriptions).
    pub fn max_subscription_bytes(mut self, bytes: usize) -> Self {
        self.options.publishing.limits.bytes = bytes;
        self
    }
}

impl Builder<kind::XPub> {
    /// Tells of every subscription, also of a topic that somebody holds already. Default: off.
    ///
    /// The program is told each time a peer subscribes, which is what a cache of last values needs; of ends, as without
    /// this, only when nobody holds a topic any more. libzmq: `ZMQ_XPUB_VERBOSE`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Sub, XPub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let publisher = XPub::builder().verbose(true).build()?;
    /// let endpoint = publisher.bind("tcp://127.0.0.1:0").await?;
    /// let (first, second) = (Sub::new(), Sub::new());
    /// for subscriber in [&first, &second] {
    ///     subscriber.subscribe("news");
    ///     subscriber.connect(&endpoint)?;
    ///     assert_eq!(publisher.recv().await?, "\x01news"); // of the second, too
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn verbose(self, every_subscription: bool) -> Self {
        self.telling(every_subscription, Telling::EachSubscription)
    }

    /// Tells of every subscription and of every end of one, also if others remain. Default: off.
    ///
    /// libzmq: `ZMQ_XPUB_VERBOSER`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Sub, XPub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let publisher = XPub::builder().verboser(true).build()?;
    /// let endpoint = publisher.bind("tcp://127.0.0.1:0").await?;
    /// let (first, second) = (Sub::new(), Sub::new());
    /// for subscriber in [&first, &second] {
    ///     subscriber.subscribe("news");
    ///     subscriber.connect(&endpoint)?;
    ///     assert_eq!(publisher.recv().await?, "\x01news");
    /// }
    /// second.unsubscribe("news");
    /// assert_eq!(publisher.recv().await?, "\x00news"); // though the first still wants it
    /// # Ok(())
    /// # }
    /// ```
    pub fn verboser(self, every_change: bool) -> Self {
        self.telling(every_change, Telling::Each)
    }

    fn telling(mut self, on: bool, telling: Telling) -> Self {
        self.options.publishing.telling = if on { telling } else { Telling::default() };
        self
    }

    /// What peers ask for is only told, and the program decides what they get. Default: off.
    ///
    /// Every change is told, as with [`verboser`](Self::verboser). [`subscribe`](Socket::subscribe) and
    /// [`unsubscribe`](Socket::unsubscribe) of this socket then act for the peer of the notification that was received
    /// last. libzmq: `ZMQ_XPUB_MANUAL`.
    ///
    /// Example: at [`XPub::subscribe`](Socket::subscribe).
    pub fn manual(mut self, program_decides: bool) -> Self {
        self.options.publishing.manual = program_decides;
        self
    }

    /// As [`manual`](Self::manual); and the message that is sent next after a subscription was received goes to its peer
    /// alone, if it matches. Default: off.
    ///
    /// So a newcomer can be given the last value of a topic, and nobody else hears it again. libzmq:
    /// `ZMQ_XPUB_MANUAL_LAST_VALUE`.
    ///
    /// Example: at [`XPub`](crate::XPub).
    pub fn manual_last_value(mut self, program_decides: bool) -> Self {
        self.options.publishing.manual = program_decides;
        self.options.publishing.last_value = program_decides;
        self
    }

    /// What every peer is sent first, whatever it subscribes to. Default: nothing. libzmq: `ZMQ_XPUB_WELCOME_MSG`.
    ///
    /// A SUB shows it to its program only if it matches one of its subscriptions.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Sub, XPub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let publisher = XPub::builder().welcome("news: you are connected").build()?;
    /// let subscriber = Sub::new();
    /// subscriber.subscribe("news");
    /// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0").await?)?;
    /// assert_eq!(subscriber.recv().await?, "news: you are connected");
    /// # Ok(())
    /// # }
    /// ```
    pub fn welcome<'a>(mut self, message: impl Into<Payload<'a>>) -> Self {
        self.options.publishing.welcome = Some(message.into().into_message());
        self
    }

    /// Looks for subscriptions only in messages whose first frame is one. Default: on.
    ///
    /// This is about messages of several frames that an XSUB sends. With `false` every frame that begins with 00 or 01 is
    /// a subscription or the end of one, and taken out of its message, as libzmq does unless told otherwise. libzmq:
    /// `ZMQ_ONLY_FIRST_SUBSCRIBE`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{XPub, XSub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let publisher = XPub::builder().only_first_subscribe(false).build()?;
    /// let subscriber = XSub::builder().only_first_subscribe(true).build()?;
    /// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0").await?)?.await?;
    ///
    /// subscriber.send(("a message", "\x01news")).await?; // to that one it is one, as its first frame is no subscription
    /// publisher.subscribers().to("news").at_least(1).await?; // and this one takes the second frame for one
    /// # Ok(())
    /// # }
    /// ```
    pub fn only_first_subscribe(mut self, by_first_frame: bool) -> Self {
        self.options.publishing.only_first = by_first_frame;
        self
    }
}

impl Builder<kind::XSub> {
    /// Looks for subscriptions only in messages whose first frame is one. Default: on.
    ///
    /// This is about messages of several frames that are sent. With `false` every frame that begins with 00 or 01 is taken
    /// for a subscription or the end of one, and out of its message, as libzmq does unless told otherwise. libzmq:
    /// `ZMQ_ONLY_FIRST_SUBSCRIBE`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{XPub, XSub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let publisher = XPub::new();
    /// let subscriber = XSub::builder().only_first_subscribe(false).build()?;
    /// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0").await?)?.await?;
    ///
    /// subscriber.send(("a message", "\x01news")).await?; // and behind it a subscription
    /// publisher.subscribers().to("news").at_least(1).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn only_first_subscribe(mut self, by_first_frame: bool) -> Self {
        self.options.publishing.only_first = by_first_frame;
        self
    }

    /// Tells publishers of every end of a subscription, also if it was made more than once. Default: off.
    ///
    /// A publisher then takes the topic for cancelled, unless it counts, which neither ours nor libzmq's does. libzmq:
    /// `ZMQ_XSUB_VERBOSE_UNSUBSCRIBE`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{XPub, XSub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let subscriber = XSub::builder().verbose_unsubscribe(true).build()?;
    /// let publisher = XPub::new();
    /// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0").await?)?;
    /// subscriber.subscribe("news");
    /// subscriber.subscribe("news");
    /// assert_eq!(publisher.recv().await?, "\x01news");
    ///
    /// subscriber.unsubscribe("news"); // one is left, and still the publisher is told
    /// assert_eq!(publisher.recv().await?, "\x00news");
    /// # Ok(())
    /// # }
    /// ```
    pub fn verbose_unsubscribe(mut self, every_end: bool) -> Self {
        self.options.interest.tells_every_end = every_end;
        self
    }
}

macro_rules! inverts {
    ($kind:ident, $where:ident) => {
        impl Builder<kind::$kind> {
            /// Turns matching round: who subscribed to a topic gets all messages but those. Default: off.
            ///
            /// Must be set on both sides, since both filter. libzmq: `ZMQ_INVERT_MATCHING`.
            ///
            /// # Examples
            ///
            /// ```
            /// use hubless::{Pub, Sub};
            ///
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), hubless::Error> {
            /// let publisher = Pub::builder().invert_matching(true).build()?;
            /// let subscriber = Sub::builder().invert_matching(true).build()?;
            /// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0").await?)?;
            /// subscriber.subscribe("debug");
            /// subscriber.subscribed().await?;
            ///
            /// publisher.send("debug: nobody wants to know").await?;
            /// publisher.send("error: but this").await?;
            /// assert_eq!(subscriber.recv().await?, "error: but this");
            /// # Ok(())
            /// # }
            /// ```
            pub fn invert_matching(mut self, invert: bool) -> Self {
                self.options.$where.matching = if invert {
                    Matching::Inverted
                } else {
                    Matching::Prefix
                };
                self
            }
        }
    };
}

inverts!(Pub, publishing);
inverts!(XPub, publishing);
inverts!(Sub, interest);
