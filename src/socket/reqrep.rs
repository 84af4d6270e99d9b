//! REQ and REP: one question, one answer (RFC 28).
//!
//! ```text
//!  Req::request ──▶ asking: waits for a peer and for room ──▶ waiting for the answer of that peer ──▶ Message
//!                        ▲                                        │    │
//!                        └── connection lost, no byte had left ───┘    └── connection lost ──▶ RequestError
//! ```
//!
//! A request is sending and receiving in one call that borrows the socket, so the two alternate because nothing
//! else compiles. On the other side each request is a token, owned and answered once, so one REP may answer many
//! peers at the same time and in any order.

mod asked;

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::mem;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

pub(crate) use self::asked::Asked;
use super::core::{Core, Receiving, Sending};
use super::{Builder, Socket, kind};
use crate::driver::{self, Order};
use crate::error::{RecvError, RequestError, SendError};
use crate::message::{Envelope, Message, Payload};
use crate::monitor::Event;
use crate::pattern::exchange::{self, Question};
use crate::peer::Peer;
use crate::pipe::{Fate, Filter, Inbox, Outbox, PipeId, Prefixes, RecvTicket, Refusal, SendTicket};
use crate::stats::DropReason;

/// Asks one of its [`Rep`] (or ROUTER) peers, in turn, and waits for its answer.
///
/// | | |
/// |---|---|
/// | talks to | REP, ROUTER |
/// | asks | [`request`](Socket::request): round robin over connected peers, waits while there is none |
/// | takes | the answer of the peer that was asked, nothing else |
/// | at the high-water mark | waits |
/// | on the wire | an empty frame, then the body |
///
/// It asks one question at a time, so it is no use to several tasks at once: it cannot be cloned, and
/// [`request`](Socket::request) borrows it mutably. Give each task its own; it costs a connection.
///
/// ```compile_fail
/// let req = hubless::Req::new();
/// let second = req.clone(); // a second handle could ask in between
/// ```
///
/// # Examples
///
/// ```
/// use hubless::{Rep, Req};
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
/// let mut req = Req::new();
/// req.connect(&endpoint)?;
/// assert_eq!(req.request("how long is this?").await?, "17");
/// # Ok(())
/// # }
/// ```
pub type Req = Socket<kind::Req>;

/// Answers requests of its [`Req`] (or DEALER) peers.
///
/// | | |
/// |---|---|
/// | talks to | REQ, DEALER |
/// | receives | [`recv_request`](Socket::recv_request): peers take turns |
/// | answers | [`Request::reply`], once for each request, in any order, from any task |
/// | at the high-water mark | drops the reply, counted |
/// | on the wire | the request's envelope, as it came, then the body |
///
/// Messages that are no requests, having no empty frame with something behind it, or more than 16 frames before
/// it, are dropped and counted as [`DropReason::ProtocolError`].
///
/// # Examples
///
/// Several requests at once, each answered by a task of its own:
///
/// ```
/// use hubless::{Rep, Req};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let rep = Rep::new();
/// let endpoint = rep.bind("tcp://127.0.0.1:0").await?;
/// tokio::spawn(async move {
///     while let Ok(request) = rep.recv_request().await {
///         tokio::spawn(async move {
///             let answer = request.message().clone();
///             request.reply(answer).await
///         });
///     }
/// });
///
/// let (mut first, mut second) = (Req::new(), Req::new());
/// first.connect(&endpoint)?;
/// second.connect(&endpoint)?;
/// let (one, two) = tokio::join!(first.request("1"), second.request("2"));
/// assert_eq!(one?, "1");
/// assert_eq!(two?, "2");
/// # Ok(())
/// # }
/// ```
pub type Rep = Socket<kind::Rep>;

impl Builder<kind::Req> {
    /// Numbers the requests, so that a late reply to one that was given up cannot be taken for the reply to another.
    /// Default: off.
    ///
    /// Giving a request up then leaves its connection alone. Each request carries a frame of four bytes in front of
    /// the empty one, which the peer must return: a REP does, a ROUTER's program must return the whole envelope.
    /// libzmq: `ZMQ_REQ_CORRELATE`. Its `ZMQ_REQ_RELAXED`, which allows the next request before the reply to the last, is no
    /// option here: dropping the future of a request gives it up, and the next one may go out at once.
    ///
    /// Example: at [`Builder`].
    pub fn correlate(mut self, numbered: bool) -> Self {
        self.options.correlate = numbered;
        self
    }
}

impl Socket<kind::Req> {
    /// Sends a request to the peer whose turn it is, and waits for its reply.
    ///
    /// Only peers whose handshake is done are asked; while there is none, or none has room, this waits. It waits for
    /// the reply for as long as the peer stays connected: put a `timeout` around it. Other messages that come
    /// meanwhile, from that peer or others, are dropped and counted as [`DropReason::ProtocolError`].
    ///
    /// A request whose connection is lost before any byte of it has left is sent to the next peer: nobody can have
    /// seen it.
    ///
    /// # Errors
    ///
    /// [`RequestError::ConnectionLost`] when the connection that carried the request ends before the reply: the
    /// peer may have served it or not, so it is not sent again, and the program decides. The socket goes on: the
    /// endpoint is dialed again, and the next request waits for a peer.
    /// [`RequestError::Send`] when the request is larger than the socket allows, or the socket has closed.
    /// [`RequestError::Closed`] when the socket's runtime ends while the reply is awaited.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up, and the socket is ready for the next. If no byte of it has left it
    /// is taken back, and no peer will see it. Otherwise the connection it went out on is closed, and where this
    /// socket is the one that connects it is dialed again at once: so a late reply cannot meet the next request.
    /// With [`correlate`](super::Builder::correlate) the connection stays, and a late reply is told by its number.
    ///
    /// # Examples
    ///
    /// A peer that does not answer in time is given up:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use hubless::{Rep, Req};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let rep = Rep::new();
    /// let mut req = Req::new();
    /// req.connect(&rep.bind("tcp://127.0.0.1:0").await?)?;
    ///
    /// let silent = tokio::time::timeout(Duration::from_millis(50), req.request("too late")).await;
    /// assert!(silent.is_err());
    ///
    /// let (reply, _) = tokio::join!(req.request("in time"), async {
    ///     rep.recv_request().await?.reply("ignored: this one was given up").await?;
    ///     rep.recv_request().await?.reply("here").await?;
    ///     Ok::<(), hubless::Error>(())
    /// });
    /// assert_eq!(reply?, "here");
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn request<'a>(
        &'a mut self,
        message: impl Into<Payload<'a>>,
    ) -> impl Future<Output = Result<Message, RequestError>> + Send + Unpin + 'a {
        Requesting {
            core: &*self.core,
            payload: message.into(),
            question: self.core.correlation.next(),
            stage: Stage::Asking(SendTicket::default()),
        }
    }
}

impl Socket<kind::Rep> {
    /// Receives the next request, or waits for one.
    ///
    /// Peers take turns, one request each. Requests do not have to be answered one by one: as many may be
    /// outstanding as the program likes. Clones of a socket share its requests.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] when the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken before it is returned: dropping the future loses no request.
    ///
    /// # Examples
    ///
    /// ```
    /// # use hubless::{Rep, Req};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let (rep, mut req) = (Rep::new(), Req::new());
    /// # req.connect(&rep.bind("tcp://127.0.0.1:0").await?)?;
    /// # let asking = tokio::spawn(async move { req.request("6 × 7").await });
    /// let request = rep.recv_request().await?;
    /// println!("{} asks {:?}", request.peer(), request.message());
    /// request.reply("42").await?;
    /// # assert_eq!(asking.await.expect("it does not panic")?, "42");
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn recv_request(&self) -> impl Future<Output = Result<Request, RecvError>> + Send + Unpin + '_ {
        ReceivingRequest {
            core: &self.core,
            ticket: RecvTicket::default(),
        }
    }
}

/// A request that waits for its reply: see [`Rep`].
///
/// Answer it with [`reply`](Self::reply), from any task. Dropped instead, it sends nothing: its peer waits in
/// vain, which [`Stats::unanswered`](crate::Stats::unanswered) counts and [`Event::Unanswered`] tells.
///
/// It keeps its socket open, as a handle of the socket does.
///
/// # Examples
///
/// ```
/// use hubless::{Rep, Req, Request};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let rep = Rep::new();
/// let mut req = Req::new();
/// req.connect(&rep.bind("tcp://127.0.0.1:0").await?)?;
/// let (reply, answered) = tokio::join!(req.request("6 × 7"), async {
///     let request: Request = rep.recv_request().await?;
///     println!("{} asks {:?}", request.peer(), request.message());
///     request.reply("42").await?;
///     Ok::<(), hubless::Error>(())
/// });
/// answered?;
/// assert_eq!(reply?, "42");
/// # Ok(())
/// # }
/// ```
pub struct Request {
    core: Arc<Core>,
    peer: Peer,
    pipe: PipeId,
    envelope: Envelope,
    message: Message,
    answered: bool,
}

impl Request {
    /// What was asked, without its envelope.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// Who asked. Behind a proxy this is the proxy.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Answers, and is ready at once.
    ///
    /// A reply whose peer has left, or whose queue is full because it does not read, is dropped: that is the
    /// peer's fault, and no error. It is counted as [`DropReason::NoPeer`] or [`DropReason::Hwm`].
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] when the socket was closed, [`SendError::TooLarge`] and [`SendError::TooManyFrames`]
    /// beyond the socket's limits, envelope included. The request is unanswered then.
    ///
    /// # Cancel safety
    ///
    /// The reply is queued when the future is first polled. Dropped before, it leaves the request unanswered.
    ///
    /// # Examples
    ///
    /// ```
    /// # use hubless::{Rep, Req};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let (rep, mut req) = (Rep::new(), Req::new());
    /// # req.connect(&rep.bind("tcp://127.0.0.1:0").await?)?;
    /// # let asking = tokio::spawn(async move { req.request("which way?").await });
    /// let request = rep.recv_request().await?;
    /// request.reply(("left", "then right")).await?; // two frames
    /// # assert_eq!(asking.await.expect("it does not panic")?.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn reply<'a>(
        self,
        message: impl Into<Payload<'a>>,
    ) -> impl Future<Output = Result<(), SendError>> + Send + Unpin + 'a {
        Replying {
            request: Some(self),
            payload: message.into(),
        }
    }

    fn send(mut self, payload: Payload<'_>) -> Result<(), SendError> {
        let limits = self.core.limits;
        if !limits.admit_in(&self.envelope, &payload) {
            return Err(limits.refuse_in(&self.envelope, payload));
        }
        let Sending::Pipes(outbox) = &self.core.sending else {
            return Err(SendError::Closed(payload.into_message()));
        };
        match outbox.send_to(self.pipe, self.envelope.as_wire(), &payload) {
            Err(Refusal::Closed) => Err(SendError::Closed(payload.into_message())),
            // Counted where it was refused.
            Ok(()) | Err(Refusal::Full | Refusal::Gone) => {
                self.answered = true;
                Ok(())
            }
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.answered {
            let shared = &self.core.shared;
            shared.unanswered.fetch_add(1, Ordering::Relaxed);
            shared.events.emit(|| Event::Unanswered {
                peer: self.peer.clone(),
            });
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("peer", &self.peer)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

/// The two sides of a socket that exchanges.
fn sides(core: &Core) -> Option<(&Outbox, &Inbox)> {
    match (&core.sending, &core.receiving) {
        (Sending::Pipes(outbox), Receiving::Pipes { inbox, .. }) => Some((outbox, inbox)),
        _ => None,
    }
}

/// The future of one request, which borrows its socket, or shares it.
#[derive(Debug)]
struct Requesting<'a, C: Deref<Target = Core>> {
    core: C,
    /// Kept until the end: a request of which nothing has left may have to be sent again.
    payload: Payload<'a>,
    question: Question,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Waits for a peer and for room.
    Asking(SendTicket),
    /// Was sent to this pipe, and waits for the answer.
    Waiting(PipeId, RecvTicket),
    Done,
}

impl<C: Deref<Target = Core> + Unpin> Future for Requesting<'_, C> {
    type Output = Result<Message, RequestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some((outbox, inbox)) = sides(&this.core) else {
            return Poll::Ready(Err(RequestError::Closed));
        };
        let done = loop {
            match &mut this.stage {
                Stage::Asking(ticket) => {
                    let (limits, envelope) = (this.core.limits, this.question.envelope());
                    if !limits.admit_in(envelope, &this.payload) {
                        break Err(limits.refuse_in(envelope, take(&mut this.payload).into()).into());
                    }
                    // What came before the question is no answer to it.
                    inbox.discard();
                    match ready!(outbox.poll_ask(cx.waker(), ticket, envelope.as_wire(), &this.payload)) {
                        Ok(pipe) => this.stage = Stage::Waiting(pipe, RecvTicket::default()),
                        Err(_) => break Err(SendError::Closed(take(&mut this.payload)).into()),
                    }
                }
                Stage::Waiting(pipe, ticket) => {
                    let peers = &this.core.shared.peers;
                    let answers = Answers {
                        peers,
                        asked: *pipe,
                        question: &this.question,
                    };
                    if let Poll::Ready(answer) =
                        inbox.poll_recv(cx.waker(), ticket, &mut None, Some(&answers))
                    {
                        break answer.map_err(|_| RequestError::Closed);
                    }
                    // Looked at only now that an end which comes later will wake us.
                    let Fate::Lost { sent } = outbox.fate() else {
                        return Poll::Pending;
                    };
                    inbox.leave(ticket);
                    // The connection may have brought the answer as the last thing it did.
                    if let Ok(answer) = inbox.try_recv(&mut None, Some(&answers)) {
                        break Ok(answer);
                    }
                    if sent {
                        break Err(this.core.lost(*pipe));
                    }
                    this.stage = Stage::Asking(SendTicket::default());
                }
                Stage::Done => return Poll::Pending,
            }
        };
        this.stage = Stage::Done;
        Poll::Ready(done.map(body))
    }
}

impl<C: Deref<Target = Core>> Drop for Requesting<'_, C> {
    fn drop(&mut self) {
        let Some((outbox, inbox)) = sides(&self.core) else {
            return;
        };
        match &mut self.stage {
            Stage::Asking(ticket) => outbox.leave(ticket),
            Stage::Waiting(pipe, ticket) => {
                inbox.leave(ticket);
                let retire = !self.core.correlation.tells_late_answers();
                if !outbox.give_up(retire)
                    && retire
                    && let Some(link) = self.core.shared.peers.by_pipe(*pipe)
                {
                    link.control.give(Order::Renew);
                }
            }
            Stage::Done => {}
        }
    }
}

impl Core {
    /// The request that was sent to this pipe will not be answered.
    #[cold]
    fn lost(&self, pipe: PipeId) -> RequestError {
        match self.shared.peers.by_pipe(pipe) {
            Some(link) => RequestError::ConnectionLost {
                endpoint: link.peer.endpoint().clone(),
                sent: true,
                message: None,
            },
            None => RequestError::Closed,
        }
    }
}

/// What a request may take for its answer.
struct Answers<'a> {
    peers: &'a driver::Peers,
    asked: PipeId,
    question: &'a Question,
}

impl Filter for Answers<'_> {
    #[inline]
    fn refuse(&self, _: &mut Prefixes, message: &Message, from: PipeId) -> Option<DropReason> {
        let answers = self.peers.pipe_of(from) == Some(self.asked) && self.question.is_answered_by(message);
        (!answers).then_some(DropReason::ProtocolError)
    }
}

/// An answer out of its envelope.
fn body(answer: Message) -> Message {
    match answer.open_envelope() {
        Ok((_, body)) => body,
        Err(_) => unreachable!("an answer without an envelope is refused"),
    }
}

/// Takes a payload that is not needed any more.
fn take(payload: &mut Payload<'_>) -> Message {
    mem::replace(payload, (&[]).into()).into_message()
}

/// The future of one `recv_request`. Nothing is taken before it is returned.
#[derive(Debug)]
struct ReceivingRequest<'a> {
    core: &'a Arc<Core>,
    ticket: RecvTicket,
}

impl Future for ReceivingRequest<'_> {
    type Output = Result<Request, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some((_, inbox)) = sides(this.core) else {
            return Poll::Ready(Err(RecvError::Closed));
        };
        let requests = Requests {
            peers: &this.core.shared.peers,
            from: Cell::new(None),
        };
        let received = ready!(inbox.poll_recv(cx.waker(), &mut this.ticket, &mut None, Some(&requests)))?;
        let (Some((peer, pipe)), Ok((envelope, message))) = (requests.from.take(), received.open_envelope())
        else {
            unreachable!("what is no request, or comes from nobody, is refused")
        };
        Poll::Ready(Ok(Request {
            core: this.core.clone(),
            peer,
            pipe,
            envelope,
            message,
            answered: false,
        }))
    }
}

impl Drop for ReceivingRequest<'_> {
    fn drop(&mut self) {
        if let Some((_, inbox)) = sides(self.core) {
            inbox.leave(&mut self.ticket);
        }
    }
}

/// What a replier takes for a request, and where the last one came from.
struct Requests<'a> {
    peers: &'a driver::Peers,
    from: Cell<Option<(Peer, PipeId)>>,
}

impl Filter for Requests<'_> {
    #[inline]
    fn refuse(&self, _: &mut Prefixes, message: &Message, from: PipeId) -> Option<DropReason> {
        if !exchange::is_request(message) {
            return Some(DropReason::ProtocolError);
        }
        self.from.set(self.peers.reply_path(from));
        None
    }
}

/// The future of one reply.
struct Replying<'a> {
    request: Option<Request>,
    payload: Payload<'a>,
}

impl Future for Replying<'_> {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let payload = mem::replace(&mut self.payload, (&[]).into());
        match self.request.take() {
            Some(request) => Poll::Ready(request.send(payload)),
            None => Poll::Pending,
        }
    }
}
