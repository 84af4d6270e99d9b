//! What all handles of one socket share, and what the typed handles are a thin cover of.

mod calls;
mod closing;

use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

pub(crate) use self::calls::{RecvFuture, SendFuture};
use super::connecting::Connecting;
use super::options::Linger;
use super::reach;
use crate::driver::datagrams::Form;
use crate::driver::{self, Home, NotAlone, Order, Role, Shared, TaskId};
use crate::endpoint::{Address, Endpoint, ToEndpoint, UdpAddress};
use crate::error::{
    BindError, Closed, EndpointError, RecvError, SendError, ThreadsError, TryRecvError, TrySendError, Unsent,
};
use crate::message::{Envelope, Message, Payload};
use crate::monitor::{DisconnectReason, Event};
use crate::pattern::exchange::Correlation;
use crate::pattern::{Addressed, FanOut, Upstream, Wanted};
use crate::pipe::{Inbox, Outbox, PipeId, RecvTicket, Refusal, SendTicket};
use crate::runtime::{self, Keeper};
use crate::socket_kind::SocketKind;
use crate::stats::DropReason;
use crate::transport::{Datagrams, Listener, OpenListener};
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
    /// To the peer that is named by its routing id.
    Addressed(Arc<Addressed>),
    /// To all publishers, changes of what is wanted among them.
    Upstream(Arc<Upstream>),
    /// Nowhere.
    Never,
}

/// Where messages come from.
#[derive(Debug)]
pub(crate) enum Receiving {
    /// From all pipes in turn; `wanted` says what is for the program, if not all of it.
    Pipes {
        inbox: Arc<Inbox>,
        wanted: Option<Wanted>,
    },
    /// From all pipes in turn, and in between what subscribers want.
    Audience { inbox: Arc<Inbox>, fan_out: Arc<FanOut> },
    /// Nowhere.
    Never,
}

impl Receiving {
    pub(crate) fn inbox(&self) -> Option<&Inbox> {
        match self {
            Self::Pipes { inbox, .. } | Self::Audience { inbox, .. } => Some(inbox),
            Self::Never => None,
        }
    }
}

/// The largest message that a peer of ours would take is the largest that we send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SendLimits {
    pub(crate) bytes: usize,
    pub(crate) frames: usize,
    /// The kind, if its messages have one frame each.
    pub(crate) single: Option<SocketKind>,
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
        if let (Some(kind), 2..) = (self.single, frames) {
            return SendError::Multipart {
                message,
                frames,
                kind,
            };
        }
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
        let shared = &self.shared;
        let bound = shared.tasks.pick(|_, task| task.role == Role::Listener).len();
        reach::check_bind(self.kind, &endpoint, bound)?;
        let home = self
            .home()
            .ok_or_else(|| BindError::NoRuntime(endpoint.clone()))?;
        if let Address::Inproc(name) = endpoint.address() {
            let listener = shared.tasks.enter(shared, endpoint.clone(), Role::Listener);
            let guard = listener.ok_or_else(|| BindError::Closed(endpoint.clone()))?;
            driver::inproc::listen(&home, guard, name)?;
            return Ok(endpoint);
        }
        if let Address::Udp(address) = endpoint.address() {
            return self.bind_datagrams(&home, &endpoint, address).await;
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

    /// Listens through a listener that is open already.
    pub(crate) fn bind_listener(&self, open: OpenListener) -> Result<Endpoint, BindError> {
        let shared = &self.shared;
        let endpoint = open.endpoint().map_err(BindError::Listener)?;
        reach::check_bind(self.kind, &endpoint, 0)?;
        let home = self
            .home()
            .ok_or_else(|| BindError::NoRuntime(endpoint.clone()))?;
        let adopted = runtime::inside(&home, || Listener::adopt(open, &shared.config.stream));
        let listener = adopted.map_err(BindError::Listener)?;
        let guard = shared.tasks.enter(shared, endpoint.clone(), Role::Listener);
        let guard = guard.ok_or_else(|| BindError::Closed(endpoint.clone()))?;
        driver::listen(&home, guard, listener);
        Ok(endpoint)
    }

    async fn bind_datagrams(
        &self,
        home: &Home,
        endpoint: &Endpoint,
        address: &UdpAddress,
    ) -> Result<Endpoint, BindError> {
        let shared = &self.shared;
        let binding = Datagrams::bind(address, &shared.config.udp);
        let bound = runtime::within(home, binding).await;
        let (socket, resolved) = bound.map_err(|source| BindError::Io {
            endpoint: endpoint.clone(),
            source,
        })?;
        let guard = shared.tasks.enter(shared, resolved.clone(), Role::Listener);
        let guard = guard.ok_or_else(|| BindError::Closed(endpoint.clone()))?;
        let form = match self.kind {
            SocketKind::Dgram => Form::Addressed,
            _ => Form::Grouped { to: None },
        };
        driver::datagrams::bind(home, guard, socket, form);
        Ok(resolved)
    }

    pub(crate) fn connect(&self, to: impl ToEndpoint) -> Result<Connecting, EndpointError> {
        Ok(self.dial(to, |_| Ok(None))?.0)
    }

    /// Connects, with a pipe that is there already, if so; it is asked for when nothing else is in the way. And the
    /// pipe of the new endpoint, if it has one from the start.
    pub(crate) fn dial(
        &self,
        to: impl ToEndpoint,
        pipe: impl FnOnce(&Endpoint) -> Result<Option<PipeId>, EndpointError>,
    ) -> Result<(Connecting, Option<PipeId>), EndpointError> {
        let endpoint = to.to_endpoint()?;
        endpoint.for_connect()?;
        reach::check_connect(self.kind, &endpoint)?;
        let home = self
            .home()
            .ok_or_else(|| EndpointError::NoRuntime(endpoint.clone()))?;
        let tasks = &self.shared.tasks;
        let entered = match self.connects_once() {
            true => tasks.enter_alone(&self.shared, endpoint.clone(), Role::Dialer),
            false => Ok(tasks.enter(&self.shared, endpoint.clone(), Role::Dialer)),
        };
        let mut guard = entered
            .map_err(|NotAlone| EndpointError::AlreadyConnected(endpoint.clone()))?
            .ok_or(EndpointError::Closed)?;
        let pipe = pipe(&endpoint).inspect_err(|_| guard.end())?;
        let (announce, ready) = oneshot::channel();
        let pipe = driver::dial(&home, guard, Some(announce), pipe);
        Ok((Connecting { endpoint, ready }, pipe))
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
        let why = DisconnectReason::Disconnect;
        let order = order_to_finish(self.linger, why.clone());
        // One that was told to end before is another call's, as long as there is one that was not.
        let told = dialers.iter().find(|(_, task)| task.control.give(order.clone()));
        let Some(&(dialer, _)) = told.or(dialers.first()) else {
            return Err(EndpointError::NotFound(from.clone()));
        };
        self.end(from, why, move |id, _| id == dialer).await
    }

    pub(crate) async fn end(
        &self,
        endpoint: &Endpoint,
        why: DisconnectReason,
        which: impl Fn(TaskId, &driver::Task) -> bool,
    ) -> Result<(), EndpointError> {
        let tasks = &self.shared.tasks;
        self.begin_end(self.linger, why, &which);
        tasks.ended(which).await;
        let unsent = tasks.take_unsent(|of| of == endpoint);
        Ok(Unsent::unless_empty(
            unsent
                .into_iter()
                .map(|(endpoint, unsent)| (endpoint, unsent.run)),
        )?)
    }

    /// Tells these tasks to finish.
    pub(crate) fn begin_end(
        &self,
        linger: Linger,
        why: DisconnectReason,
        which: impl Fn(TaskId, &driver::Task) -> bool,
    ) {
        let order = order_to_finish(linger, why);
        for (_, task) in self.shared.tasks.pick(which) {
            task.control.give(order.clone());
        }
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
        let home = self.shared.context.io_thread().or_else(runtime::current)?;
        Some(self.home.get_or_init(|| home).clone())
    }

    /// Finds a home that needs no runtime here: a thread of the context, or the runtime of its blocking sockets.
    pub(crate) fn settle(&self) -> Result<(), ThreadsError> {
        if self.home.get().is_some() {
            return Ok(());
        }
        let context = &self.shared.context;
        let keeper = match context.io_thread() {
            Some(thread) => Keeper::Thread(thread),
            None => Keeper::Lease(context.lease()?),
        };
        let keeper = self.shared.keeper.get_or_init(|| keeper);
        self.home.get_or_init(|| keeper.handle().clone());
        Ok(())
    }

    // ---- messages ------------------------------------------------------------------------------------------

    #[inline]
    pub(crate) fn send<'a>(&'a self, payload: Payload<'a>) -> SendFuture<'a> {
        self.send_on(payload, SendTicket::default())
    }

    /// Goes on with a message that has this place in the line.
    #[inline]
    pub(crate) fn send_on<'a>(&'a self, payload: Payload<'a>, ticket: SendTicket) -> SendFuture<'a> {
        SendFuture {
            core: self,
            payload,
            ticket,
            alarm: None,
        }
    }

    pub(crate) fn try_send(&self, payload: Payload<'_>) -> Result<(), TrySendError> {
        if !self.limits.admit(&payload) {
            return Err(self.limits.refuse(payload).into());
        }
        let sent = match &self.sending {
            Sending::Pipes(outbox) => outbox.try_send(&[], &payload).map(drop),
            Sending::FanOut(fan_out) => self.publish(fan_out, &payload),
            Sending::Upstream(upstream) => self.publish_upstream(upstream, &payload),
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
            Sending::FanOut(fan_out) => {
                return fan_out.poll_turn(cx.waker(), &mut reservation.ticket, runtime::now);
            }
            Sending::Upstream(upstream) => {
                return upstream
                    .fan_out
                    .poll_turn(cx.waker(), &mut reservation.ticket, runtime::now);
            }
            Sending::Addressed(_) | Sending::Never => return Poll::Ready(Err(Closed)),
        };
        if reservation.pipe.is_none() {
            let reserved = ready!(outbox.poll_reserve(cx.waker(), &mut reservation.ticket));
            reservation.pipe = Some(reserved.map_err(|_| Closed)?);
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when there is room, of which nothing is taken, or the socket is closed; at once on one that does not send.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>, ticket: &mut SendTicket) -> Poll<()> {
        let (waker, clock) = (cx.waker(), runtime::now);
        match &self.sending {
            Sending::Pipes(outbox) => outbox.poll_room(waker, ticket),
            Sending::FanOut(fan_out) => fan_out.poll_turn(waker, ticket, clock).map(drop),
            Sending::Upstream(upstream) => upstream.fan_out.poll_turn(waker, ticket, clock).map(drop),
            Sending::Addressed(_) | Sending::Never => Poll::Ready(()),
        }
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
            (Sending::FanOut(fan_out), _) => self.publish(fan_out, &payload),
            (Sending::Upstream(upstream), _) => self.publish_upstream(upstream, &payload),
            _ => Err(Refusal::Closed),
        };
        sent.map_err(|refusal| match refusal {
            Refusal::Closed => SendError::Closed(payload.into_message()),
            Refusal::Full | Refusal::Gone => SendError::NoRoute(payload.into_message()),
        })
    }

    /// Gives up waiting for room.
    pub(crate) fn leave(&self, reservation: &mut Reservation) {
        self.leave_line(&mut reservation.ticket);
    }

    pub(crate) fn leave_line(&self, ticket: &mut SendTicket) {
        match &self.sending {
            Sending::Pipes(outbox) => outbox.leave(ticket),
            Sending::FanOut(fan_out) => fan_out.leave_senders(ticket),
            Sending::Addressed(_) | Sending::Upstream(_) | Sending::Never => {}
        }
    }

    /// Publishes without waiting.
    fn publish(&self, fan_out: &FanOut, payload: &Payload<'_>) -> Result<(), Refusal> {
        let sent = fan_out.try_send(payload, runtime::now);
        self.tell_who_is_slow(fan_out);
        sent
    }

    /// The same of one who speaks to its publishers.
    fn publish_upstream(&self, upstream: &Upstream, payload: &Payload<'_>) -> Result<(), Refusal> {
        let sent = upstream.try_send(payload, runtime::now);
        self.tell_who_is_slow(&upstream.fan_out);
        sent
    }

    /// Tells of those who have begun to lose what was published, and closes the connections of those who have to go.
    #[inline]
    fn tell_who_is_slow(&self, fan_out: &FanOut) {
        for (pipe, queued) in fan_out.take_slow() {
            let Some(link) = self.shared.peers.by_pipe(pipe) else {
                continue;
            };
            self.shared.events.emit(|| Event::SlowPeer {
                peer: link.peer,
                reason: DropReason::Hwm,
                queued,
            });
            if fan_out.is_strict() {
                link.control.give(Order::Break(DisconnectReason::TooSlow));
            }
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
        self.try_recv_lane(&mut None)
    }

    /// A message that is there, and in `from` the pipe that it came from.
    pub(crate) fn try_recv_lane(&self, from: &mut Option<PipeId>) -> Result<Message, TryRecvError> {
        match &self.receiving {
            Receiving::Pipes { inbox, wanted } => inbox.try_recv(from, wanted.as_ref()),
            Receiving::Audience { inbox, fan_out } => {
                if let Some((notice, ())) = fan_out.next_notice(false, |_| ()) {
                    return Ok(notice);
                }
                let received = inbox.try_recv(from, None::<&Wanted>);
                if received == Err(TryRecvError::Empty)
                    && let Some((notice, ())) = fan_out.next_notice(true, |_| ())
                {
                    return Ok(notice);
                }
                received
            }
            Receiving::Never => Err(TryRecvError::Closed),
        }
    }

    pub(crate) async fn recv_many(&self, into: &mut Vec<Message>, limit: usize) -> Result<usize, RecvError> {
        let before = into.len();
        if limit > 0 {
            into.push(self.recv().await?);
        }
        if let Receiving::Pipes { inbox, wanted } = &self.receiving {
            inbox.recv_more(into, limit.saturating_sub(1), wanted.as_ref());
        } else {
            while into.len() - before < limit
                && let Ok(message) = self.try_recv()
            {
                into.push(message);
            }
        }
        Ok(into.len() - before)
    }
}

/// What a task is told that is to end: now, or when this linger is over.
pub(super) fn order_to_finish(linger: Linger, why: DisconnectReason) -> Order {
    let until = linger.until(runtime::now());
    Order::Finish { until, why }
}

/// Room for one message, or a place in the line for it.
#[derive(Debug, Default)]
pub(crate) struct Reservation {
    pipe: Option<PipeId>,
    ticket: SendTicket,
}
