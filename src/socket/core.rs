//! What all handles of one socket share, and what the typed handles are a thin cover of.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use super::options::Linger;
use crate::driver::{self, Home, Order, Role, Shared, TaskId};
use crate::endpoint::{Address, Endpoint, ToEndpoint};
use crate::error::{
    BindError, Closed, ConnectError, EndpointError, RecvError, SendError, TryRecvError, TrySendError, Unsent,
};
use crate::message::{Envelope, Message, Payload};
use crate::monitor::DisconnectReason;
use crate::pattern::exchange::Correlation;
use crate::pattern::{Addressed, FanOut, Interest};
use crate::peer::Peer;
use crate::pipe::{Inbox, Outbox, PipeId, RecvTicket, Refusal, SendTicket};
use crate::runtime;
use crate::socket_kind::SocketKind;
use crate::transport::Listener;
use crate::wire::decoder::FRAME_CHARGE;

/// One socket.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) kind: SocketKind,
    pub(crate) shared: Arc<Shared>,
    pub(crate) sending: Sending,
    pub(crate) receiving: Receiving,
    pub(crate) limits: SendLimits,
    pub(crate) linger: Linger,
    pub(crate) correlation: Correlation,
    /// The runtime of the first `bind` or `connect`.
    pub(crate) home: OnceLock<Home>,
}

/// Where messages go.
#[derive(Debug)]
pub(crate) enum Sending {
    /// To one pipe each.
    Pipes(Arc<Outbox>),
    /// To all who asked for them.
    FanOut(Arc<FanOut>),
    /// To the peer that is named.
    Addressed(Arc<Addressed>),
    /// Nowhere.
    Never,
}

/// Where messages come from.
#[derive(Debug)]
pub(crate) enum Receiving {
    /// From all pipes in turn, `interest` filtering what was not asked for.
    Pipes {
        inbox: Arc<Inbox>,
        interest: Option<Arc<Interest>>,
    },
    /// Nowhere.
    Never,
}

/// The largest message that a peer of ours would take is the largest that we send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SendLimits {
    pub(crate) bytes: usize,
    pub(crate) frames: usize,
}

impl SendLimits {
    #[inline]
    pub(crate) fn admit(self, payload: &Payload<'_>) -> bool {
        self.admits(payload, (0, 0))
    }

    /// The same for a payload that goes out in an envelope.
    #[inline]
    pub(crate) fn admit_in(self, envelope: &Envelope, payload: &Payload<'_>) -> bool {
        self.admits(payload, envelope.size())
    }

    #[inline]
    fn admits(self, payload: &Payload<'_>, envelope: (usize, usize)) -> bool {
        let (frames, bytes) = Self::size(payload, envelope);
        frames <= self.frames && bytes <= self.bytes
    }

    /// Frames, and bytes as the peer counts them: frames beyond the first are charged for.
    #[inline]
    fn size(payload: &Payload<'_>, envelope: (usize, usize)) -> (usize, usize) {
        let frames = payload.frame_count() + envelope.0;
        let charge = (frames - 1) * FRAME_CHARGE as usize;
        (frames, payload.byte_len() + envelope.1 + charge)
    }

    #[cold]
    pub(crate) fn refuse(self, payload: Payload<'_>) -> SendError {
        self.refusal(payload, (0, 0))
    }

    /// Why a payload is not admitted.
    #[cold]
    pub(crate) fn refuse_in(self, envelope: &Envelope, payload: Payload<'_>) -> SendError {
        self.refusal(payload, envelope.size())
    }

    fn refusal(self, payload: Payload<'_>, envelope: (usize, usize)) -> SendError {
        let (frames, size) = Self::size(&payload, envelope);
        let message = payload.into_message();
        if size > self.bytes {
            return SendError::TooLarge {
                message,
                size,
                limit: self.bytes,
            };
        }
        SendError::TooManyFrames {
            message,
            frames,
            limit: self.frames,
        }
    }
}

impl Core {
    // ---- endpoints -----------------------------------------------------------------------------------------

    pub(crate) async fn bind(&self, at: impl ToEndpoint) -> Result<Endpoint, BindError> {
        let endpoint = at.to_endpoint()?;
        endpoint.for_bind()?;
        let home = self
            .home()
            .ok_or_else(|| BindError::NoRuntime(endpoint.clone()))?;
        let shared = &self.shared;
        if let Address::Inproc(name) = endpoint.address() {
            let listener = shared.tasks.enter(shared, endpoint.clone(), Role::Listener);
            let guard = listener.ok_or_else(|| BindError::Closed(endpoint.clone()))?;
            driver::inproc::listen(&home, guard, name)?;
            return Ok(endpoint);
        }
        let binding = Listener::bind(&endpoint, &shared.config.stream, shared.carrier.as_deref());
        // Not the caller's, which may be another runtime or none.
        let listener = runtime::within(&home, binding)
            .await
            .map_err(|source| BindError::Io {
                endpoint: endpoint.clone(),
                source,
            })?;
        let resolved = listener.endpoint().clone();
        let guard = shared
            .tasks
            .enter(shared, resolved.clone(), Role::Listener)
            .ok_or(BindError::Closed(endpoint))?;
        driver::listen(&home, guard, listener);
        Ok(resolved)
    }

    pub(crate) fn connect(&self, to: impl ToEndpoint) -> Result<Connecting, EndpointError> {
        self.connect_with(to, |_| Ok(None))
    }

    /// Connects an endpoint that may have a pipe already; `pipe` is asked when nothing else is in the way.
    pub(crate) fn connect_with(
        &self,
        to: impl ToEndpoint,
        pipe: impl FnOnce(&Endpoint) -> Result<Option<PipeId>, EndpointError>,
    ) -> Result<Connecting, EndpointError> {
        let endpoint = to.to_endpoint()?;
        endpoint.for_connect()?;
        let home = self
            .home()
            .ok_or_else(|| EndpointError::NoRuntime(endpoint.clone()))?;
        let tasks = &self.shared.tasks;
        let is_this = |_: TaskId, task: &driver::Task| task.role == Role::Dialer && task.endpoint == endpoint;
        if self.connects_once() && !tasks.pick(is_this).is_empty() {
            return Err(EndpointError::AlreadyConnected(endpoint));
        }
        let mut guard = tasks
            .enter(&self.shared, endpoint.clone(), Role::Dialer)
            .ok_or(EndpointError::Closed)?;
        let pipe = pipe(&endpoint).inspect_err(|_| guard.end())?;
        let (announce, ready) = oneshot::channel();
        driver::dial(&home, guard, Some(announce), pipe);
        Ok(Connecting { endpoint, ready })
    }

    /// Whether a second connection to the same endpoint would only double every message or subscription.
    fn connects_once(&self) -> bool {
        use SocketKind::{Dealer, Pub, Req, Sub, XSub};
        matches!(self.kind, Pub | Sub | XSub | Req | Dealer)
    }

    pub(crate) async fn unbind(&self, at: &Endpoint) -> Result<(), EndpointError> {
        let listeners = self
            .shared
            .tasks
            .pick(|_, task| task.role == Role::Listener && task.endpoint == *at);
        let Some((listener, _)) = listeners.first() else {
            return Err(EndpointError::NotFound(at.clone()));
        };
        let listener = *listener;
        self.end(at, DisconnectReason::Unbind, move |id, task| {
            id == listener || task.role == Role::Accepted(listener)
        })
        .await
    }

    pub(crate) async fn disconnect(&self, from: &Endpoint) -> Result<(), EndpointError> {
        let dialers = self
            .shared
            .tasks
            .pick(|_, task| task.role == Role::Dialer && task.endpoint == *from);
        let Some((dialer, _)) = dialers.first() else {
            return Err(EndpointError::NotFound(from.clone()));
        };
        let dialer = *dialer;
        self.end(from, DisconnectReason::Disconnect, move |id, _| id == dialer)
            .await
    }

    async fn end(
        &self,
        endpoint: &Endpoint,
        why: DisconnectReason,
        which: impl Fn(TaskId, &driver::Task) -> bool,
    ) -> Result<(), EndpointError> {
        let tasks = &self.shared.tasks;
        let order = Order::Finish {
            until: self.linger.until(runtime::now()),
            why,
        };
        tasks
            .pick(&which)
            .into_iter()
            .for_each(|(_, task)| task.control.give(order.clone()));
        tasks.ended(which).await;
        let unsent = tasks.take_unsent(|of| of == endpoint);
        Ok(Unsent::unless_empty(
            unsent
                .into_iter()
                .map(|(endpoint, unsent)| (endpoint, unsent.run)),
        )?)
    }

    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        let open = self
            .shared
            .tasks
            .pick(|_, task| !matches!(task.role, Role::Accepted(_)));
        open.into_iter().map(|(_, task)| task.endpoint).collect()
    }

    fn home(&self) -> Option<Home> {
        if let Some(home) = self.home.get() {
            return Some(home.clone());
        }
        let current = runtime::current()?;
        Some(self.home.get_or_init(|| current).clone())
    }

    // ---- messages ------------------------------------------------------------------------------------------

    #[inline]
    pub(crate) fn send<'a>(&'a self, payload: Payload<'a>) -> SendFuture<'a> {
        SendFuture {
            core: self,
            payload,
            ticket: SendTicket::default(),
        }
    }

    pub(crate) fn try_send(&self, payload: Payload<'_>) -> Result<(), TrySendError> {
        if !self.limits.admit(&payload) {
            return Err(self.limits.refuse(payload).into());
        }
        let sent = match &self.sending {
            Sending::Pipes(outbox) => outbox.try_send(&[], &payload).map(drop),
            Sending::FanOut(fan_out) => fan_out
                .try_send(&payload, runtime::now)
                .map_err(|_| Refusal::Closed),
            Sending::Addressed(_) | Sending::Never => Err(Refusal::Closed),
        };
        match sent {
            Ok(_) => Ok(()),
            Err(Refusal::Closed) => Err(TrySendError::Closed(payload.into_message())),
            Err(Refusal::Full | Refusal::Gone) => Err(TrySendError::Full(payload.into_message())),
        }
    }

    /// Waits for room and keeps it in `reservation`, unless that holds some already.
    pub(crate) fn poll_reserve(
        &self,
        cx: &mut Context<'_>,
        reservation: &mut Reservation,
    ) -> Poll<Result<(), Closed>> {
        let outbox = match &self.sending {
            Sending::Pipes(outbox) => outbox,
            Sending::FanOut(fan_out) => return fan_out.poll_turn(cx.waker(), runtime::now),
            Sending::Addressed(_) | Sending::Never => return Poll::Ready(Err(Closed)),
        };
        if reservation.pipe.is_none() {
            let reserved = ready!(outbox.poll_reserve(cx.waker(), &mut reservation.ticket));
            reservation.pipe = Some(reserved.map_err(|_| Closed)?);
        }
        Poll::Ready(Ok(()))
    }

    /// Uses what was reserved.
    pub(crate) fn send_reserved(
        &self,
        reservation: &mut Reservation,
        payload: Payload<'_>,
    ) -> Result<(), SendError> {
        if !self.limits.admit(&payload) {
            return Err(self.limits.refuse(payload));
        }
        let sent = match (&self.sending, reservation.pipe.take()) {
            (Sending::Pipes(outbox), Some(pipe)) => outbox.send_reserved(pipe, &payload),
            (Sending::FanOut(fan_out), _) => fan_out
                .try_send(&payload, runtime::now)
                .map_err(|_| Refusal::Closed),
            _ => Err(Refusal::Closed),
        };
        sent.map_err(|refusal| match refusal {
            Refusal::Closed => SendError::Closed(payload.into_message()),
            Refusal::Full | Refusal::Gone => SendError::NoRoute(payload.into_message()),
        })
    }

    /// Gives up waiting for room.
    pub(crate) fn leave(&self, reservation: &mut Reservation) {
        if let Sending::Pipes(outbox) = &self.sending {
            outbox.leave(&mut reservation.ticket);
        }
    }

    /// Gives room back that was not used.
    pub(crate) fn release(&self, reservation: &mut Reservation) {
        if let (Sending::Pipes(outbox), Some(pipe)) = (&self.sending, reservation.pipe.take()) {
            outbox.release(pipe);
        }
    }

    #[inline]
    pub(crate) fn recv(&self) -> RecvFuture<'_> {
        RecvFuture {
            core: self,
            ticket: RecvTicket::default(),
            from: None,
        }
    }

    pub(crate) fn try_recv(&self) -> Result<Message, TryRecvError> {
        let Receiving::Pipes { inbox, interest } = &self.receiving else {
            return Err(TryRecvError::Closed);
        };
        inbox.try_recv(&mut None, interest.as_deref())
    }

    pub(crate) async fn recv_many(&self, into: &mut Vec<Message>, limit: usize) -> Result<usize, RecvError> {
        let before = into.len();
        if limit > 0 {
            into.push(self.recv().await?);
        }
        if let Receiving::Pipes { inbox, interest } = &self.receiving {
            inbox.recv_more(into, limit.saturating_sub(1), interest.as_deref());
        }
        Ok(into.len() - before)
    }

    // ---- closing -------------------------------------------------------------------------------------------

    pub(crate) async fn close(&self) -> Result<(), Unsent> {
        let first = self.endpoints().into_iter().next();
        self.begin_close();
        self.shared.tasks.ended(|_, _| true).await;
        self.shared.events.close();
        let mut unsent = self.shared.tasks.take_unsent(|_| true);
        if let (Some(endpoint), Sending::Pipes(outbox)) = (first, &self.sending) {
            // What lost its peer and found no other would have gone to whoever came next.
            unsent.push((endpoint, outbox.give_up_stranded()));
        }
        Unsent::unless_empty(
            unsent
                .into_iter()
                .map(|(endpoint, unsent)| (endpoint, unsent.run)),
        )
    }

    /// Ends all calls and tells every task to finish; the tasks do the rest on their runtime.
    fn begin_close(&self) {
        self.shared.close();
        let until = self.linger.until(runtime::now());
        if self.shared.tasks.close(&Order::Finish {
            until,
            why: DisconnectReason::Close,
        }) {
            self.shared.events.close();
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.begin_close();
    }
}

/// Room for one message, or a place in the line for it.
#[derive(Debug, Default)]
pub(crate) struct Reservation {
    pipe: Option<PipeId>,
    ticket: SendTicket,
}

/// The future of one `send`. All its waiting comes before the message is queued.
#[derive(Debug)]
pub(crate) struct SendFuture<'a> {
    core: &'a Core,
    payload: Payload<'a>,
    ticket: SendTicket,
}

impl Future for SendFuture<'_> {
    type Output = Result<(), SendError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !this.core.limits.admit(&this.payload) {
            return Poll::Ready(Err(*this.too_large()));
        }
        let is_sent = match &this.core.sending {
            Sending::Pipes(outbox) => {
                ready!(outbox.poll_send(cx.waker(), &mut this.ticket, &[], &this.payload)).is_ok()
            }
            Sending::FanOut(fan_out) => {
                ready!(fan_out.poll_send(cx.waker(), &this.payload, runtime::now)).is_ok()
            }
            Sending::Addressed(_) | Sending::Never => false,
        };
        if is_sent {
            Poll::Ready(Ok(()))
        } else {
            Poll::Ready(Err(*this.closed()))
        }
    }
}

impl<'a> SendFuture<'a> {
    #[cold]
    #[inline(never)]
    fn too_large(&mut self) -> Box<SendError> {
        Box::new(self.core.limits.refuse(self.take()))
    }

    #[cold]
    #[inline(never)]
    fn closed(&mut self) -> Box<SendError> {
        Box::new(SendError::Closed(self.take().into_message()))
    }

    /// Gives up waiting: the message, which was not queued.
    pub(crate) fn take(&mut self) -> Payload<'a> {
        std::mem::replace(&mut self.payload, (&[]).into())
    }
}

impl Drop for SendFuture<'_> {
    fn drop(&mut self) {
        if let (true, Sending::Pipes(outbox)) = (self.ticket.is_waiting(), &self.core.sending) {
            outbox.leave(&mut self.ticket);
        }
    }
}

/// The future of one `recv`. Nothing is taken before it is returned.
#[derive(Debug)]
pub(crate) struct RecvFuture<'a> {
    core: &'a Core,
    ticket: RecvTicket,
    /// The pipe that the message came from.
    pub(crate) from: Option<PipeId>,
}

impl Future for RecvFuture<'_> {
    type Output = Result<Message, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Receiving::Pipes { inbox, interest } = &this.core.receiving else {
            return Poll::Ready(Err(RecvError::Closed));
        };
        inbox.poll_recv(cx.waker(), &mut this.ticket, &mut this.from, interest.as_deref())
    }
}

impl Drop for RecvFuture<'_> {
    fn drop(&mut self) {
        if let (true, Receiving::Pipes { inbox, .. }) = (self.ticket.is_waiting(), &self.core.receiving) {
            inbox.leave(&mut self.ticket);
        }
    }
}

/// A connection on its way: ready when the first handshake of this endpoint is done.
///
/// Dialing has begun and goes on whether or not this is awaited; dropping it changes nothing. It waits through
/// failed attempts, and fails when the endpoint is disconnected, when the peer refuses for good (another
/// mechanism, an incompatible kind, not ZMTP), or when the socket closes.
///
/// # Cancel safety
///
/// Awaiting it can be given up at any time; the endpoint stays connected.
///
/// # Examples
///
/// ```
/// use hubless::{Connecting, Pull, Push};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let (pull, push) = (Pull::new(), Push::new());
/// let connecting: Connecting = push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
/// println!("dialing {}", connecting.endpoint());
/// println!("{} is there", connecting.await?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Connecting {
    endpoint: Endpoint,
    ready: oneshot::Receiver<Result<Peer, ConnectError>>,
}

impl Connecting {
    /// The endpoint that is dialed.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Future for Connecting {
    type Output = Result<Peer, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let announced = ready!(Pin::new(&mut self.ready).poll(cx));
        Poll::Ready(announced.unwrap_or_else(|_| Err(ConnectError::Closed(self.endpoint.clone()))))
    }
}
