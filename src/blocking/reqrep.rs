//! Asking and answering in plain threads.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Socket, wait, wait_for};
use crate::driver::Shared;
use crate::error::{RequestError, SendError, TryRecvError, WaitError};
use crate::message::{Message, Payload};
use crate::peer::Peer;
use crate::runtime::{self, InsideRuntime};
use crate::socket::{self, kind};

impl Socket<kind::Req> {
    /// Asks a peer, in turn, and waits for its answer: see [`request`](crate::Socket::request).
    ///
    /// # Errors
    ///
    /// Those of the async method, and [`SendError::InsideRuntime`] with the request: then nothing was sent.
    ///
    /// Example: at [`Rep`](super::Rep).
    pub fn request<'a>(&mut self, message: impl Into<Payload<'a>>) -> Result<Message, RequestError> {
        let message = message.into();
        if let Err(InsideRuntime) = runtime::may_wait() {
            return Err(SendError::InsideRuntime(message.into_message()).into());
        }
        let shared = self.inner.shared().clone();
        wait(&shared, self.inner.request(message)).unwrap_or(Err(RequestError::Closed))
    }

    /// Asks a peer, in turn, and waits for its answer, at most `limit` in all.
    ///
    /// A request whose time is up is abandoned: no answer that comes later can be taken for that of the next.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request), and [`RequestError::Timeout`].
    ///
    /// Example: at [`Req`](super::Req).
    pub fn request_timeout<'a>(
        &mut self,
        message: impl Into<Payload<'a>>,
        limit: Duration,
    ) -> Result<Message, RequestError> {
        let message = message.into();
        if let Err(InsideRuntime) = runtime::may_wait() {
            return Err(SendError::InsideRuntime(message.into_message()).into());
        }
        let shared = self.inner.shared().clone();
        match wait_for(&shared, limit, self.inner.request(message)) {
            Ok(Some(answered)) => answered,
            _ => Err(RequestError::Timeout),
        }
    }
}

impl Socket<kind::Rep> {
    /// Receives the next request, or waits for one: see [`recv_request`](crate::Socket::recv_request).
    ///
    /// # Errors
    ///
    /// [`WaitError::Closed`] when the socket is closed, [`WaitError::InsideRuntime`] where it would have to wait.
    ///
    /// Example: at [`Rep`](super::Rep).
    pub fn recv_request(&self) -> Result<Request, WaitError> {
        let received = wait(self.inner.shared(), self.inner.recv_request());
        Ok(self.received(received??))
    }

    /// Receives the next request, waiting at most `limit`. With a limit of zero it takes one that is there.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] when none came in time, [`TryRecvError::Closed`] when the socket is closed,
    /// [`TryRecvError::InsideRuntime`] where it would have to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use hubless::TryRecvError;
    /// use hubless::blocking::Rep;
    ///
    /// let request = Rep::new().recv_request_timeout(Duration::from_millis(1));
    /// assert_eq!(request.err(), Some(TryRecvError::Empty));
    /// ```
    pub fn recv_request_timeout(&self, limit: Duration) -> Result<Request, TryRecvError> {
        match wait_for(self.inner.shared(), limit, self.inner.recv_request()) {
            Ok(Some(received)) => Ok(self.received(received?)),
            Ok(None) => Err(TryRecvError::Empty),
            Err(InsideRuntime) => Err(TryRecvError::InsideRuntime),
        }
    }

    fn received(&self, request: socket::Request) -> Request {
        Request {
            request,
            shared: self.inner.shared().clone(),
        }
    }
}

/// A request that waits for its reply, in any thread: [`hubless::Request`](crate::Request) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::blocking::{Dealer, Rep, Request};
///
/// let (dealer, rep) = (Dealer::new(), Rep::new());
/// dealer.connect(&rep.bind("tcp://127.0.0.1:0")?)?;
/// dealer.send(("", "6 × 7"))?;
/// let request: Request = rep.recv_request()?;
/// println!("{} asks {:?}", request.peer(), request.message());
/// request.reply("42")?;
/// # Ok::<(), hubless::Error>(())
/// ```
pub struct Request {
    request: socket::Request,
    shared: Arc<Shared>,
}

impl Request {
    /// What is asked.
    pub fn message(&self) -> &Message {
        self.request.message()
    }

    /// Who asks.
    pub fn peer(&self) -> &Peer {
        self.request.peer()
    }

    /// Answers: see [`reply`](crate::Request::reply). It never waits.
    ///
    /// # Errors
    ///
    /// Those of the async method. All give the answer back.
    ///
    /// Example: at [`Rep`](super::Rep).
    pub fn reply<'a>(self, message: impl Into<Payload<'a>>) -> Result<(), SendError> {
        wait(&self.shared, self.request.reply(message))
            .unwrap_or_else(|_| unreachable!("a reply never waits"))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request.fmt(f)
    }
}
