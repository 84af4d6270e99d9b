//! ROUTER: to the peer that is named (RFC 28).
//!
//! ```text
//!   "a" Dealer ──┐              ┌──▶ recv_from: ("a", message)
//!   "b" Dealer ◀─┴──▶ Router ───┤
//!    ?  Req    ◀────▶           └◀── send_to("b", message)
//! ```
//!
//! Who has which name is kept in [`Addressed`]; here are the calls, and what they give back.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::connecting::Connecting;
use super::core::{Core, Receiving, Sending};
use super::options::Notify;
use super::{Builder, Socket, kind};
use crate::endpoint::ToEndpoint;
use crate::error::{EndpointError, RecvError, SendError, TryRecvError, TrySendError, escaped};
use crate::message::{Message, Payload};
use crate::pattern::{Addressed, RoutingId};
use crate::peer::Peer;
use crate::pipe::{AimedTicket, Filter, Inbox, PipeId, Prefixes, RecvTicket, Refusal};
use crate::stats::DropReason;

/// Sends to the peer that it names, and is told who sent what it receives.
///
/// | | |
/// |---|---|
/// | talks to | DEALER, REQ, ROUTER |
/// | sends | [`send_to`](Socket::send_to), [`try_send_to`](Socket::try_send_to): to the peer with that [`RoutingId`] |
/// | receives | [`recv_from`](Socket::recv_from), [`try_recv_from`](Socket::try_recv_from): one message from each peer that has some, in turn, with its routing id |
/// | the peer is unknown, or at its high-water mark | drops and counts; with [`mandatory`](super::Builder::mandatory) an error, or waits |
/// | two peers with one routing id | the second is refused, or takes it over ([`handover`](super::Builder::handover)) |
/// | a connection is lost | the peer of a connecting endpoint keeps its name and its queue; an accepted one is forgotten, its queue dropped and counted; what was received stays readable |
/// | on the wire | the message as it is: the routing id stays here |
/// | own options | [`immediate`](super::Builder::immediate), [`mandatory`](super::Builder::mandatory), [`handover`](super::Builder::handover), [`notify`](super::Builder::notify), [`routing_id`](super::Builder::routing_id), [`probe`](super::Builder::probe), [`hello_message`](super::Builder::hello_message), [`disconnect_message`](super::Builder::disconnect_message) |
///
/// It is to a [`Dealer`](super::Dealer) what a clerk is to a crowd: it answers whom it likes, when it likes, and may speak
/// first to whom it knows. Names come from the peers ([`routing_id`](super::Builder::routing_id)), from this program
/// ([`connect_as`](Socket::connect_as)), or are made up.
///
/// # Examples
///
/// It answers in any order:
///
/// ```
/// use hubless::{Dealer, Router};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let router = Router::new();
/// let endpoint = router.bind("tcp://127.0.0.1:0").await?;
/// let (one, two) = (Dealer::new(), Dealer::new());
/// one.connect(&endpoint)?;
/// two.connect(&endpoint)?;
/// one.send("one").await?;
/// two.send("two").await?;
///
/// let (first, said) = router.recv_from().await?;
/// let (second, also) = router.recv_from().await?;
/// router.send_to(&second, ("you said", also)).await?;
/// router.send_to(&first, ("you said", said)).await?;
/// assert_eq!(one.recv().await?, hubless::Message::from(("you said", "one")));
/// assert_eq!(two.recv().await?, hubless::Message::from(("you said", "two")));
/// # Ok(())
/// # }
/// ```
///
/// A [`Req`](super::Req) sends its question in an envelope, and takes an answer in that envelope only:
///
/// ```
/// use hubless::{Message, Req, Router};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let router = Router::new();
/// let mut req = Req::new();
/// req.connect(&router.bind("tcp://127.0.0.1:0").await?)?;
///
/// let (answer, done) = tokio::join!(req.request("6 × 7"), async {
///     let (id, message) = router.recv_from().await?;
///     let (envelope, question) = message.split_envelope().expect("it comes from a REQ");
///     assert_eq!(question, "6 × 7");
///     router.send_to(&id, Message::with_envelope(envelope, "42")).await?;
///     Ok::<(), hubless::Error>(())
/// });
/// done?;
/// assert_eq!(answer?, "42");
/// # Ok(())
/// # }
/// ```
pub type Router = Socket<kind::Router>;

impl Builder<kind::Router> {
    /// A message that cannot go is not dropped. Default: off.
    ///
    /// For a peer that is not known, [`send_to`](Socket::send_to) fails with [`SendError::NoRoute`]; while a peer is at its
    /// high-water mark it waits, and [`try_send_to`](Socket::try_send_to) fails with [`TrySendError::Full`]. libzmq:
    /// `ZMQ_ROUTER_MANDATORY`.
    ///
    /// Example: at [`send_to`](Socket::send_to).
    pub fn mandatory(mut self, no_drops: bool) -> Self {
        self.options.mandatory = no_drops;
        self
    }

    /// A peer that announces a routing id which another one has takes it over, and the other's connection is closed
    /// with [`DisconnectReason::HandedOver`](crate::DisconnectReason::HandedOver). Default: off: the newcomer is closed with
    /// [`DisconnectReason::RoutingIdTaken`](crate::DisconnectReason::RoutingIdTaken), and may try again.
    ///
    /// It is for peers that come back, under their old name, before it was noticed that they had gone. Without it they
    /// are let in when it was: turn on [`heartbeat`](Self::heartbeat) to notice it soon. Anybody who reaches the
    /// endpoint can take over any name, unless a [mechanism](Self::mechanism) or an authenticator says who a peer is:
    /// then only the same [user](crate::Peer::user_id) can. Two that live and have one name take it from each other again and
    /// again. The name of a peer that this socket has connected to is never handed
    /// over. libzmq: `ZMQ_ROUTER_HANDOVER`.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Dealer, ReconnectStop, Router};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let router = Router::builder().handover(true).build()?;
    /// let endpoint = router.bind("tcp://127.0.0.1:0").await?;
    /// let once = ReconnectStop::new().lost(true);
    /// let old = Dealer::builder().routing_id("worker").reconnect_stop(once).build()?;
    /// old.connect(&endpoint)?.await?;
    ///
    /// // It has crashed, for all we know, and nobody has noticed yet.
    /// let new = Dealer::builder().routing_id("worker").build()?;
    /// new.connect(&endpoint)?;
    /// new.send("here I am again").await?;
    /// let (worker, _) = router.recv_from().await?;
    /// router.send_to(&worker, "go on").await?;
    /// assert_eq!(new.recv().await?, "go on");
    /// # Ok(())
    /// # }
    /// ```
    pub fn handover(mut self, to_newcomers: bool) -> Self {
        self.options.handover = to_newcomers;
        self
    }

    /// Which comings and goings of peers [`recv_from`](Socket::recv_from) tells by empty messages. Default: none; the
    /// [monitor](Socket::monitor) tells of all of them in any case. libzmq: `ZMQ_ROUTER_NOTIFY`.
    ///
    /// Example: at [`Notify`].
    pub fn notify(mut self, of: impl Into<Option<Notify>>) -> Self {
        self.options.announce = of.into();
        self
    }
}

impl Socket<kind::Router> {
    /// Connects to an endpoint, and names the peer there, whatever it calls itself.
    ///
    /// As [`connect`](Self::connect); besides, messages can be sent to this name at once, and wait in the endpoint's queue.
    /// The name stays the endpoint's as long as it is connected, through all its connections. libzmq:
    /// `ZMQ_CONNECT_ROUTING_ID`.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect). [`EndpointError::RoutingIdTaken`] when another peer has this name,
    /// [`EndpointError::RoutingIdInvalid`] when it has not 1 to 255 bytes or begins with 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Dealer, Router};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let router = Router::new();
    /// router.connect_as("inproc://worker", "worker")?;
    /// router.send_to(&"worker".into(), "begin as soon as you are there").await?;
    ///
    /// let worker = Dealer::new();
    /// worker.bind("inproc://worker").await?;
    /// assert_eq!(worker.recv().await?, "begin as soon as you are there");
    /// worker.send("done").await?;
    /// assert_eq!(router.recv_from().await?, ("worker".into(), "done".into()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_as(
        &self,
        to: impl ToEndpoint,
        routing_id: impl Into<RoutingId>,
    ) -> Result<Connecting, EndpointError> {
        let id = routing_id.into();
        let dialed = self.core.dial(to, |endpoint| {
            let endpoint = endpoint.clone();
            if !id.may_be_chosen() {
                let id = escaped(&id);
                return Err(EndpointError::RoutingIdInvalid { endpoint, id });
            }
            let Some((addressed, _)) = sides(&self.core) else {
                return Err(EndpointError::Closed);
            };
            addressed.attach_as(&id).map(Some).map_err(|_| {
                let id = escaped(&id);
                EndpointError::RoutingIdTaken { endpoint, id }
            })
        });
        Ok(dialed?.0)
    }

    /// Sends a message to the peer with this routing id.
    ///
    /// Ready means queued, as with every kind's `send`. By default this never waits for a peer (but may let other tasks
    /// run): a message for a peer that is not there is dropped and counted as [`DropReason::NoPeer`], one for a peer that is
    /// at its high-water mark as [`DropReason::Hwm`]. With [`mandatory`](Builder::mandatory) the former is an error, and
    /// the latter waits; those who wait for one peer are served in the order in which they came.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] when the socket is closed, [`SendError::TooLarge`] and [`SendError::TooManyFrames`] beyond its
    /// limits; with [`mandatory`](Builder::mandatory) also [`SendError::NoRoute`] when nobody has this routing id, or the
    /// peer has left while this waited for it. All give the message back.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Socket::send): if the future is dropped before it was ready, nothing was queued and nothing will be sent,
    /// and the message is dropped with the future.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{DropReason, Router, SendError};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let router = Router::new();
    /// router.send_to(&"nobody".into(), "hello?").await?;
    /// assert_eq!(router.stats().outgoing.dropped.by(DropReason::NoPeer), 1);
    ///
    /// let router = Router::builder().mandatory(true).build()?;
    /// let sent = router.send_to(&"nobody".into(), "hello?").await;
    /// assert_eq!(sent, Err(SendError::NoRoute("hello?".into())));
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn send_to<'a>(
        &'a self,
        to: &'a RoutingId,
        message: impl Into<Payload<'a>>,
    ) -> impl Future<Output = Result<(), SendError>> + Send + Unpin + 'a {
        SendingTo {
            core: &self.core,
            to,
            payload: message.into(),
            ticket: AimedTicket::default(),
        }
    }

    /// Sends a message to the peer with this routing id, if that is possible at once.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to); with [`mandatory`](Builder::mandatory) also [`TrySendError::Full`] when that peer has
    /// no room, or others wait for it already. All give the message back.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Router, TrySendError};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let router = Router::builder().mandatory(true).send_hwm(1).build()?;
    /// router.connect_as("inproc://nobody", "worker")?;
    /// router.try_send_to(&"worker".into(), "one")?;
    /// let second = router.try_send_to(&"worker".into(), "two");
    /// assert_eq!(second, Err(TrySendError::Full("two".into())));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_send_to<'a>(
        &self,
        to: &RoutingId,
        message: impl Into<Payload<'a>>,
    ) -> Result<(), TrySendError> {
        let (payload, limits) = (message.into(), self.core.limits);
        if !limits.admit(&payload) {
            return Err(limits.refuse(payload).into());
        }
        let sent = match sides(&self.core) {
            Some((addressed, _)) => addressed.try_send(to, &payload),
            None => Err(Refusal::Closed),
        };
        sent.map_err(|refusal| match refusal {
            Refusal::Full => TrySendError::Full(payload.into_message()),
            Refusal::Gone => TrySendError::NoRoute(payload.into_message()),
            Refusal::Closed => TrySendError::Closed(payload.into_message()),
        })
    }

    /// Receives the next message, with the routing id of the peer that sent it; or waits for one.
    ///
    /// Peers take turns, one whole message each. The message is what the peer sent, without the id. Clones of a socket share its
    /// messages: each goes to one of those who wait.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] when the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken before it is returned: dropping the future loses no message.
    ///
    /// # Examples
    ///
    /// ```
    /// # use hubless::{Dealer, Router};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// let router = Router::new();
    /// let dealer = Dealer::builder().routing_id("worker 1").build()?;
    /// dealer.connect(&router.bind("tcp://127.0.0.1:0").await?)?;
    /// dealer.send("ready").await?;
    ///
    /// let (id, message) = router.recv_from().await?;
    /// assert_eq!((id.to_string(), message), ("worker 1".to_owned(), "ready".into()));
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn recv_from(
        &self,
    ) -> impl Future<Output = Result<(RoutingId, Message), RecvError>> + Send + Unpin + '_ {
        ReceivingFrom::new(&self.core)
    }

    /// Receives a message, with the routing id of the peer that sent it, if one is there.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] when there is none, [`TryRecvError::Closed`] when the socket is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Router, TryRecvError};
    ///
    /// assert_eq!(Router::new().try_recv_from(), Err(TryRecvError::Empty));
    /// ```
    pub fn try_recv_from(&self) -> Result<(RoutingId, Message), TryRecvError> {
        let Some((addressed, inbox)) = sides(&self.core) else {
            return Err(TryRecvError::Closed);
        };
        let senders = Senders::new(addressed);
        let message = inbox.try_recv(&mut None, Some(&senders))?;
        Ok(senders.of(message))
    }

    /// The peer that has this routing id now, if it is connected.
    ///
    /// # Examples
    ///
    /// ```
    /// # use hubless::{Dealer, Router};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hubless::Error> {
    /// # let router = Router::new();
    /// # let dealer = Dealer::new();
    /// # dealer.connect(&router.bind("tcp://127.0.0.1:0").await?)?;
    /// # dealer.send("hello").await?;
    /// let (id, _) = router.recv_from().await?;
    /// let peer = router.peer(&id).expect("it is here still");
    /// println!("{id} is {peer}, let in as {:?}", peer.user_id());
    /// assert_eq!(peer.routing_id(), &id[..]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn peer(&self, id: &RoutingId) -> Option<Peer> {
        let (addressed, _) = sides(&self.core)?;
        let pipe = addressed.find(id)?;
        self.core.shared.peers.connected(pipe)
    }
}

impl Socket<kind::Router> {
    /// Whether messages can be addressed to this routing id, its peer connected or not.
    pub(crate) fn knows(&self, id: &RoutingId) -> bool {
        sides(&self.core).is_some_and(|(addressed, _)| addressed.find(id).is_some())
    }
}

/// The two sides of a socket whose peers have names.
pub(super) fn sides(core: &Core) -> Option<(&Addressed, &Inbox)> {
    match (&core.sending, &core.receiving) {
        (Sending::Addressed(addressed), Receiving::Pipes { inbox, .. }) => Some((addressed, inbox)),
        _ => None,
    }
}

/// The future of one `send_to`. All its waiting comes before the message is queued.
#[derive(Debug)]
struct SendingTo<'a> {
    core: &'a Core,
    to: &'a RoutingId,
    payload: Payload<'a>,
    ticket: AimedTicket,
}

impl Future for SendingTo<'_> {
    type Output = Result<(), SendError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !this.core.limits.admit(&this.payload) {
            return Poll::Ready(Err(*this.too_large()));
        }
        let sent = match sides(this.core) {
            Some((addressed, _)) => {
                ready!(addressed.poll_send(this.to, cx.waker(), &mut this.ticket, &this.payload))
            }
            None => Err(Refusal::Closed),
        };
        match sent {
            Ok(()) => Poll::Ready(Ok(())),
            Err(refusal) => Poll::Ready(Err(*this.refused(refusal))),
        }
    }
}

impl<'a> SendingTo<'a> {
    #[cold]
    #[inline(never)]
    fn too_large(&mut self) -> Box<SendError> {
        Box::new(self.core.limits.refuse(self.take()))
    }

    #[cold]
    #[inline(never)]
    fn refused(&mut self, refusal: Refusal) -> Box<SendError> {
        let message = self.take().into_message();
        Box::new(match refusal {
            Refusal::Closed => SendError::Closed(message),
            Refusal::Full | Refusal::Gone => SendError::NoRoute(message),
        })
    }

    fn take(&mut self) -> Payload<'a> {
        std::mem::replace(&mut self.payload, (&[]).into())
    }
}

impl Drop for SendingTo<'_> {
    fn drop(&mut self) {
        if let Some((addressed, _)) = sides(self.core) {
            addressed.leave(&mut self.ticket);
        }
    }
}

/// The future of one `recv_from`. Nothing is taken before it is returned.
#[derive(Debug)]
pub(super) struct ReceivingFrom<'a> {
    core: &'a Core,
    ticket: RecvTicket,
}

impl<'a> ReceivingFrom<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        Self {
            core,
            ticket: RecvTicket::default(),
        }
    }
}

impl Future for ReceivingFrom<'_> {
    type Output = Result<(RoutingId, Message), RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some((addressed, inbox)) = sides(this.core) else {
            return Poll::Ready(Err(RecvError::Closed));
        };
        let senders = Senders::new(addressed);
        let received = ready!(inbox.poll_recv(cx.waker(), &mut this.ticket, &mut None, Some(&senders)))?;
        Poll::Ready(Ok(senders.of(received)))
    }
}

impl Drop for ReceivingFrom<'_> {
    fn drop(&mut self) {
        if let Some((_, inbox)) = sides(self.core) {
            inbox.leave(&mut self.ticket);
        }
    }
}

/// Wants every message, and notes whom it comes from while its lane cannot become another peer's.
struct Senders<'a> {
    addressed: &'a Addressed,
    last: Cell<Option<RoutingId>>,
}

impl<'a> Senders<'a> {
    fn new(addressed: &'a Addressed) -> Self {
        Self {
            addressed,
            last: Cell::new(None),
        }
    }

    /// With its sender, the message that was received.
    fn of(&self, message: Message) -> (RoutingId, Message) {
        match self.last.take() {
            Some(sender) => (sender, message),
            None => unreachable!("what comes from nobody is refused"),
        }
    }
}

impl Filter for Senders<'_> {
    #[inline]
    fn refuse(&self, _: &mut Prefixes, _: &Message, from: PipeId) -> Option<DropReason> {
        let sender = self.addressed.sender(from);
        let is_unknown = sender.is_none();
        self.last.set(sender);
        // Every lane's sender was introduced before its first message.
        is_unknown.then_some(DropReason::NoPeer)
    }
}
