//! Publishing and subscribing in plain threads.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Socket, wait, wait_for};
use crate::driver::Shared;
use crate::error::WaitError;
use crate::socket;
use crate::socket::kind::{self, Publishes, Subscribes};

impl<K: Publishes> Socket<K> {
    /// Who has subscribed: see [`subscribers`](crate::Socket::subscribers).
    pub fn subscribers(&self) -> Subscribers {
        Subscribers {
            subscribers: self.inner.subscribers(),
            shared: self.inner.shared().clone(),
        }
    }
}

impl<K: Subscribes> Socket<K> {
    /// Asks for messages that begin with `prefix`: see [`subscribe`](crate::Socket::subscribe).
    ///
    /// Example: at [`Sub`](super::Sub).
    pub fn subscribe(&self, prefix: impl AsRef<[u8]>) {
        self.inner.subscribe(prefix);
        self.mind_the_rest();
    }

    /// Takes back one [`subscribe`](Self::subscribe); `false` when there was none.
    ///
    /// # Examples
    ///
    /// ```
    /// let subscriber = hubless::blocking::Sub::new();
    /// subscriber.subscribe("news");
    /// assert!(subscriber.unsubscribe("news"));
    /// assert!(!subscriber.unsubscribe("news"));
    /// ```
    pub fn unsubscribe(&self, prefix: impl AsRef<[u8]>) -> bool {
        let was_subscribed = self.inner.unsubscribe(prefix);
        self.mind_the_rest();
        was_subscribed
    }

    /// How many different prefixes this socket is subscribed to: see [`topics`](crate::Socket::topics).
    pub fn topics(&self) -> usize {
        self.inner.topics()
    }

    /// Waits until every connected publisher knows all subscriptions made so far: see
    /// [`subscribed`](crate::Socket::subscribed).
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] when the socket is closed, [`WaitError::InsideRuntime`] where it would have to wait.
    ///
    /// Example: at [`Sub`](super::Sub).
    pub fn subscribed(&self) -> Result<(), WaitError> {
        Ok(wait(self.inner.shared(), self.inner.subscribed())??)
    }
}

impl Socket<kind::XPub> {
    /// How many topics are subscribed to: see [`topics`](crate::Socket::topics).
    pub fn topics(&self) -> usize {
        self.inner.topics()
    }

    /// Subscribes whoever spoke last to `prefix`: see [`subscribe`](crate::Socket::subscribe) of an XPUB.
    ///
    /// Example: at [`XPub`](super::XPub).
    pub fn subscribe(&self, prefix: impl AsRef<[u8]>) -> bool {
        self.inner.subscribe(prefix)
    }

    /// Takes a subscription from whoever spoke last: see [`unsubscribe`](crate::Socket::unsubscribe) of an XPUB.
    ///
    /// Example: at [`XPub`](super::XPub).
    pub fn unsubscribe(&self, prefix: impl AsRef<[u8]>) -> bool {
        self.inner.unsubscribe(prefix)
    }
}

/// The subscribers of a publisher, or of one of its topics: [`hubless::Subscribers`](crate::Subscribers) for plain
/// threads.
///
/// # Examples
///
/// ```
/// use hubless::blocking::{Pub, Sub, Subscribers};
///
/// let (publisher, subscriber) = (Pub::new(), Sub::new());
/// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0")?)?;
/// subscriber.subscribe("news");
///
/// let readers: Subscribers = publisher.subscribers().to("news.today");
/// readers.at_least(1)?;
/// assert_eq!(readers.count(), 1);
/// assert_eq!(publisher.subscribers().to("weather").count(), 0);
/// # Ok::<(), hubless::Error>(())
/// ```
#[derive(Clone)]
pub struct Subscribers {
    subscribers: socket::Subscribers,
    shared: Arc<Shared>,
}

impl Subscribers {
    /// Only those who would receive a message of this topic.
    ///
    /// Example: at [`Subscribers`].
    pub fn to(self, topic: impl AsRef<[u8]>) -> Self {
        Self {
            subscribers: self.subscribers.to(topic),
            ..self
        }
    }

    /// How many there are now.
    pub fn count(&self) -> usize {
        self.subscribers.count()
    }

    /// Waits until there are at least `n`.
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] when the socket is closed before, [`WaitError::InsideRuntime`] where it would have to wait.
    ///
    /// Example: at [`Subscribers`].
    pub fn at_least(&self, n: usize) -> Result<(), WaitError> {
        Ok(wait(&self.shared, self.subscribers.at_least(n))??)
    }

    /// Waits until there are at least `n`, at most for `limit`.
    ///
    /// # Errors
    ///
    /// As [`at_least`](Self::at_least), and [`WaitError::Timeout`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use hubless::WaitError;
    /// use hubless::blocking::Pub;
    ///
    /// let nobody = Pub::new().subscribers().at_least_timeout(1, Duration::from_millis(1));
    /// assert_eq!(nobody, Err(WaitError::Timeout));
    /// ```
    pub fn at_least_timeout(&self, n: usize, limit: Duration) -> Result<(), WaitError> {
        Ok(wait_for(&self.shared, limit, self.subscribers.at_least(n))?.ok_or(WaitError::Timeout)??)
    }
}

impl fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.subscribers.fmt(f)
    }
}
