//! `inproc://`: two sockets of this process, joined without a byte of any protocol.
//!
//! ```text
//!   connecting socket                                 binding socket
//!   outgoing log ──▶ half (its dialer's task) ──────▶ incoming lane
//!   incoming lane ◀────────── half (a task of its own) ◀── outgoing log
//! ```
//!
//! A link has two *halves*, one for each socket, on that socket's own runtime. A half takes batches from its
//! socket's outgoing log and hands them to the other's incoming lane, as far as that has credit: so a message
//! moves when its sender's runtime runs, and neither socket ever waits for the runtime of the other. Subscriptions
//! are applied to the publisher directly, and a barrier behind them is passed at once.
//!
//! When a half ends, however it ends, the other one hears of it, as a connection hears that its peer has closed.
//! What was not handed over by then is treated as over tcp: a connecting endpoint keeps it for the next link, a
//! bound one drops and counts it. Events, peers and counters are the same too, and so is the check that the two
//! kinds of socket may talk; there is no greeting, no mechanism and no heartbeat.
//!
//! Who is bound is found in the [context](crate::context). A connecting endpoint whose name nobody holds, or whose
//! holder turned it away, waits for the next one to bind it.

mod side;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use bytes::Bytes;
use side::Side;
use tokio::sync::oneshot;

use super::connection::{End, Finish};
use super::dialer::Dialer;
use super::seats::Seat;
use super::tasks::{self, Role, TaskGuard, TaskId};
use super::{Control, Home, Incoming, Link, Order, PeerCounters, Shared};
use crate::context::{Claim, Host};
use crate::endpoint::Endpoint;
use crate::error::{BindError, ProtocolError};
use crate::monitor::{DisconnectReason, Event};
use crate::peer::{Peer, PeerInfo};
use crate::pipe::{Batch, PipeId, Unsent};
use crate::runtime::{self, Alarm};
use crate::socket_kind::SocketKind;
use crate::stats::DropReason;
use crate::sync::Mutex;

/// Batches handed over in one pass, before others run.
const BATCHES: usize = 8;

/// What speaks for the version of a peer in this process: the one we speak on every other transport.
const VERSION: (u8, u8) = (3, 1);

// ---- binding -----------------------------------------------------------------------------------------------

/// A bound endpoint, as those who connect to it find it behind its name.
#[derive(Debug)]
struct Bound {
    home: Home,
    shared: Arc<Shared>,
    endpoint: Endpoint,
    listener: TaskId,
    /// Whether guests are let in. Held while one comes in, so that none slips by when the door is shut.
    open: Mutex<bool>,
}

/// Takes a name, and holds it until ordered to finish.
pub(crate) fn listen(home: &Home, mut guard: TaskGuard, name: &str) -> Result<(), BindError> {
    let bound = Arc::new(Bound {
        home: home.clone(),
        shared: guard.shared.clone(),
        endpoint: guard.endpoint.clone(),
        listener: guard.id,
        open: Mutex::new(false),
    });
    // Whoever finds the name at once waits here until the event is out.
    let mut open = bound.open.lock();
    let Some(claim) = guard.shared.context.claim(name, bound.clone()) else {
        let endpoint = guard.endpoint.clone();
        guard.end();
        let source = io::ErrorKind::AddrInUse.into();
        return Err(BindError::Io { endpoint, source });
    };
    guard.shared.events.emit(|| Event::Listening {
        endpoint: guard.endpoint.clone(),
    });
    *open = true;
    drop(open);
    tasks::start(home, hold(bound, claim, guard));
    Ok(())
}

async fn hold(bound: Arc<Bound>, claim: Claim, mut guard: TaskGuard) {
    let mut watched = false;
    let order = poll_fn(|cx| {
        loop {
            let order = ready!(guard.control.poll(cx, &mut watched));
            if matches!(order, Order::Finish { .. }) {
                return Poll::Ready(order);
            }
        }
    })
    .await;
    drop(claim);
    bound.shut(&order);
    guard.end();
}

impl Bound {
    /// Lets nobody in any more, and passes the order on to guests who came in too late to have heard it.
    fn shut(&self, order: &Order) {
        *self.open.lock() = false;
        self.shared.tasks.pass_on(self.listener, order);
    }
}

// ---- connecting --------------------------------------------------------------------------------------------

/// The life of a connecting endpoint: look for the name, be linked, look again, until all is done.
pub(super) async fn meet(dialer: &mut Dialer, name: &str) {
    let shared = dialer.shared.clone();
    // Claims up to this number are not looked for any more.
    let mut after = 0;
    loop {
        shared.events.emit(|| Event::Connecting {
            endpoint: dialer.guard.endpoint.clone(),
        });
        let found = dialer.unless_done(shared.context.find(name, after)).await;
        let Some((number, host)) = found else { return };
        let Some(bound) = bound(host) else { return };
        after = number;
        let half = match join(dialer, &bound) {
            Ok(Some(half)) => half,
            Ok(None) => continue,
            Err(DisconnectReason::Protocol(reason)) => {
                dialer.refused(reason);
                continue;
            }
            Err(_) => {
                // The same one is met again.
                after = number - 1;
                let wait = dialer.back_off();
                if dialer.pause(wait).await.is_none() {
                    return;
                }
                continue;
            }
        };
        let end = half.await;
        dialer.lane = end.lane;
        dialer.has_ended(end.finish, end.established, end.unsent);
        if dialer.is_done() {
            return;
        }
        let misfit = matches!(&end.reason, DisconnectReason::Protocol(_));
        if misfit || !*bound.open.lock() {
            continue;
        }
        // The other socket is still there, but has ended this link, or we have: the same one is met again.
        after = number - 1;
        if !end.renew {
            let wait = dialer.back_off();
            if dialer.pause(wait).await.is_none() {
                return;
            }
        }
    }
}

fn bound(host: Host) -> Option<Arc<Bound>> {
    let bound = host.downcast().ok();
    debug_assert!(bound.is_some(), "nothing else is put into a context");
    bound
}

/// Joins the two sockets: our half of the link, the other one being on its way. `Ok(None)`: the other is leaving.
fn join(dialer: &mut Dialer, bound: &Bound) -> Result<Option<Half>, DisconnectReason> {
    let open = bound.open.lock();
    if !*open {
        return Ok(None);
    }
    let role = Role::Accepted(bound.listener);
    let Some(mut guest) = bound
        .shared
        .tasks
        .enter(&bound.shared, bound.endpoint.clone(), role)
    else {
        return Ok(None);
    };
    let (endpoint, address) = (dialer.guard.endpoint.clone(), bound.endpoint.as_str());
    dialer.shared.events.emit(|| Event::Connected {
        endpoint: endpoint.clone(),
        address: address.to_owned(),
    });
    bound.shared.events.emit(|| Event::Accepted {
        endpoint: bound.endpoint.clone(),
        address: address.to_owned(),
    });
    if !kind(&dialer.shared).accepts(kind(&bound.shared)) {
        let reason = misfit(&dialer.shared, &bound.shared);
        turn_away(&dialer.shared, &endpoint, &reason);
        turn_away(
            &bound.shared,
            &bound.endpoint,
            &misfit(&bound.shared, &dialer.shared),
        );
        guest.end();
        return Err(reason);
    }
    let Some(seat) = bound.shared.seats.take() else {
        let reason = DisconnectReason::Occupied;
        turn_away(&dialer.shared, &endpoint, &reason);
        turn_away(&bound.shared, &bound.endpoint, &reason);
        guest.end();
        return Err(reason);
    };
    if dialer.connections > 0 {
        dialer.shared.reconnects.fetch_add(1, Ordering::Relaxed);
    }
    let ours = Side::of_dialer(dialer);
    let theirs = Side::of_bound(&bound.shared);
    let names = theirs
        .introduce(&ours)
        .and_then(|here| Ok((here, ours.introduce(&theirs)?)));
    let (our_name, their_name) = match names {
        Ok(names) => names,
        Err(reason) => {
            turn_away(&dialer.shared, &endpoint, &reason);
            turn_away(&bound.shared, &bound.endpoint, &reason);
            ours.detach();
            theirs.detach();
            guest.end();
            return Err(reason);
        }
    };
    let (here, gone_there) = oneshot::channel();
    let (there, gone_here) = oneshot::channel();
    let mut other = Half::new(&theirs, &ours, our_name, &guest, (there, gone_there));
    let mut half = Half::new(&ours, &theirs, their_name, &dialer.guard, (here, gone_here));
    other.seat = Some(seat);
    half.finish = dialer.finish.take();
    half.lane_before = dialer.lane;
    // Before anything moves: the one that is in traffic first may send at once.
    theirs.shared.welcome(theirs.outgoing, theirs.lane);
    ours.shared.welcome(ours.outgoing, ours.lane);
    other.enter_traffic();
    half.enter_traffic();
    if let Some(announce) = dialer.announce.take() {
        let _ = announce.send(Ok(half.link.peer.clone()));
    }
    tasks::start(&bound.home, serve(other, guest));
    Ok(Some(half))
}

/// The task of a half on the binding side.
async fn serve(half: Half, mut guard: TaskGuard) {
    let end = half.await;
    guard.leave_unsent(end.unsent);
    guard.end();
}

fn kind(shared: &Shared) -> SocketKind {
    shared.config.session.kind
}

/// The other is of a kind that this socket does not talk to.
fn misfit(shared: &Shared, other: &Shared) -> DisconnectReason {
    let (ours, theirs) = (kind(shared), kind(other).name().to_owned());
    ProtocolError::Kind { ours, theirs }.into()
}

/// Tells of a handshake that failed.
fn turn_away(shared: &Shared, endpoint: &Endpoint, reason: &DisconnectReason) {
    shared.events.emit(|| Event::HandshakeFailed {
        endpoint: endpoint.clone(),
        address: endpoint.to_string(),
        reason: reason.clone(),
    });
}

// ---- a link ------------------------------------------------------------------------------------------------

/// One socket's half of a link: carries what that socket sends.
struct Half {
    here: Side,
    there: Side,
    control: Arc<Control>,
    link: Link,
    /// Of one that was let in. A connecting endpoint has its own.
    seat: Option<Seat>,
    /// The last lane of the endpoint through which anything came.
    lane_before: Option<PipeId>,
    batch: Batch,
    /// What the subscriber here has told the publisher there.
    interest: Option<(u64, u64)>,
    established: Instant,
    finish: Option<Box<Finish>>,
    renew: bool,
    ending: Option<DisconnectReason>,
    has_ended: bool,
    alarm: Alarm,
    watched: bool,
    /// The other half lives as long as its end of this.
    other: oneshot::Receiver<()>,
    /// And this one as long as this.
    _alive: oneshot::Sender<()>,
}

impl Half {
    fn new(
        here: &Side,
        there: &Side,
        routing_id: Bytes,
        guard: &TaskGuard,
        (alive, other): (oneshot::Sender<()>, oneshot::Receiver<()>),
    ) -> Self {
        let shared = &here.shared;
        let counters = PeerCounters::new(shared, here.outgoing, here.lane);
        let peer = Peer::new(PeerInfo {
            id: shared.peers.next_id(),
            endpoint: guard.endpoint.clone(),
            address: guard.endpoint.as_str().into(),
            kind: Some(kind(&there.shared)),
            routing_id,
            number: shared.traffic.number(here.outgoing),
            version: VERSION,
            mechanism: "NULL",
            process: None,
            user_id: None,
            metadata: Vec::new(),
            counters: counters.clone(),
        });
        Self {
            here: here.clone(),
            there: there.clone(),
            control: guard.control.clone(),
            link: Link {
                peer,
                outgoing: here.outgoing,
                incoming: here.lane,
                control: guard.control.clone(),
                counters,
            },
            seat: None,
            lane_before: None,
            batch: Batch::default(),
            interest: None,
            established: runtime::now(),
            finish: None,
            renew: false,
            ending: None,
            has_ended: false,
            alarm: Alarm::default(),
            watched: false,
            other,
            _alive: alive,
        }
    }

    /// From here on there is a peer, and messages move.
    fn enter_traffic(&mut self) {
        let shared = &self.here.shared;
        shared.peers.add(self.link.clone());
        // Not before it can be found, as in a connection.
        if let (Some(outgoing), Some(pipe)) = (&shared.traffic.outgoing, self.here.outgoing) {
            outgoing.online(pipe, self.there.line());
        }
        if let Some(interest) = &shared.traffic.interest {
            self.interest = Some((interest.attach(), u64::MAX));
        }
        shared.events.emit(|| Event::HandshakeDone {
            peer: self.link.peer.clone(),
        });
    }

    /// One pass. `Err` says why this half ends.
    fn pass(&mut self, cx: &mut Context<'_>) -> Result<(), DisconnectReason> {
        self.take_orders(cx)?;
        if Pin::new(&mut self.other).poll(cx).is_ready() {
            return Err(DisconnectReason::PeerClosed);
        }
        self.run_errand(cx)?;
        let again = self.carry(cx);
        self.finish_if_done()?;
        self.alarm
            .set(self.finish.as_ref().and_then(|finish| finish.until));
        if again || self.alarm.poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    fn take_orders(&mut self, cx: &mut Context<'_>) -> Result<(), DisconnectReason> {
        while let Poll::Ready(order) = self.control.poll(cx, &mut self.watched) {
            match order {
                Order::Finish { until, why } => {
                    self.finish = Some(Box::new(Finish { until, why }));
                    self.here.shared.traffic.retire(self.here.outgoing);
                }
                Order::Renew => {
                    self.renew = true;
                    return Err(DisconnectReason::Abandoned);
                }
                Order::Break(why) => return Err(why),
            }
        }
        Ok(())
    }

    /// Hands over what there is, within bounds. `true`: there may be more.
    fn carry(&mut self, cx: &mut Context<'_>) -> bool {
        let (Some(outgoing), Some(pipe)) = (&self.here.shared.traffic.outgoing, self.here.outgoing) else {
            return false;
        };
        let there = match (&self.there.shared.traffic.incoming, self.there.lane) {
            (Incoming::Messages(inbox), Some(lane)) => Some((inbox, lane)),
            _ => None,
        };
        for _ in 0..BATCHES {
            if self.batch.is_written()
                && outgoing
                    .poll_take(pipe, cx.waker(), &mut self.batch, false)
                    .is_pending()
            {
                return false;
            }
            match there {
                // Nobody reads there, as nobody would behind a stream.
                None => self.batch.discard(),
                Some((inbox, lane)) => {
                    if inbox.poll_accept(lane, cx.waker(), &mut self.batch).is_pending() {
                        return false;
                    }
                }
            }
            outgoing.progress(pipe, &mut self.batch);
            // Handed over in this process is confirmed.
            outgoing.alive(pipe);
        }
        true
    }

    /// Tells the publisher there what has changed in what the subscriber here wants to hear.
    fn run_errand(&mut self, cx: &mut Context<'_>) -> Result<(), ProtocolError> {
        let (Some(interest), Some((key, seen))) = (&self.here.shared.traffic.interest, &mut self.interest)
        else {
            return Ok(());
        };
        let Some(errand) = interest.poll_errand(*key, cx.waker(), seen) else {
            return Ok(());
        };
        if let (Some(publications), Some(pipe)) =
            (&self.there.shared.traffic.publications, self.there.outgoing)
        {
            publications
                .apply(pipe, errand.changes)
                .map_err(|too_many| ProtocolError::TooMany {
                    what: too_many.what,
                    limit: too_many.limit,
                })?;
        }
        if let Some(barrier) = errand.barrier {
            interest.passed(*key, barrier);
        }
        Ok(())
    }

    /// Ordered to finish, and nothing left to hand over or no time left for it.
    fn finish_if_done(&self) -> Result<(), DisconnectReason> {
        let Some(finish) = &self.finish else { return Ok(()) };
        let queued = match (&self.here.shared.traffic.outgoing, self.here.outgoing) {
            (Some(outgoing), Some(pipe)) => outgoing.queued(pipe).messages,
            _ => 0,
        };
        if queued == 0 || finish.until.is_some_and(|until| runtime::now() >= until) {
            return Err(finish.why.clone());
        }
        Ok(())
    }

    /// Gives everything back: what the pipe still held, if it ends with this link. Pending while a sender writes.
    fn poll_end(&mut self, cx: &mut Context<'_>, reason: DropReason) -> Poll<Unsent> {
        let traffic = &self.here.shared.traffic;
        let mut unsent = Unsent::default();
        if let (Some(outgoing), Some(pipe)) = (&traffic.outgoing, self.here.outgoing) {
            ready!(outgoing.poll_offline(pipe, cx.waker(), &mut self.batch));
            self.link.counters.freeze();
            if !self.here.keeps_pipe {
                unsent = outgoing.detach(pipe, reason);
                self.link.counters.settle(&unsent);
            }
        }
        if let (Incoming::Messages(inbox), Some(lane)) = (&traffic.incoming, self.here.lane) {
            self.here.shared.bid_farewell(lane, !self.here.dials);
            self.link.counters.freeze();
            if inbox.detach(lane) {
                self.lane_before = Some(lane);
            }
        }
        if let (Some(interest), Some((key, _))) = (&traffic.interest, self.interest) {
            interest.detach(key);
        }
        Poll::Ready(unsent)
    }
}

impl Drop for Half {
    /// Dropped before its end, the link has lost its runtime on this side.
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        // First of all, so that whoever waits hears of the socket's end and not of the pipe's.
        self.here.shared.close();
        // Nobody writes but this half, so there is nobody to wait for.
        let _ = self.poll_end(&mut Context::from_waker(Waker::noop()), DropReason::RuntimeGone);
        let shared = &self.here.shared;
        shared.peers.remove(&self.link.peer);
        shared.events.emit(|| Event::Disconnected {
            peer: self.link.peer.clone(),
            reason: DisconnectReason::RuntimeGone,
            dropped: 0,
        });
    }
}

impl Future for Half {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let this = &mut *self;
        if this.ending.is_none() {
            match this.pass(cx) {
                Ok(()) => return Poll::Pending,
                Err(reason) => this.ending = Some(reason),
            }
        }
        let why = match this.finish {
            Some(_) => DropReason::Linger,
            None => DropReason::PipeClosed,
        };
        let unsent = ready!(this.poll_end(cx, why));
        this.has_ended = true;
        this.seat = None;
        let reason = this.ending.take().unwrap_or(DisconnectReason::PeerClosed);
        let shared = &this.here.shared;
        shared.peers.remove(&this.link.peer);
        shared.events.emit(|| Event::Disconnected {
            peer: this.link.peer.clone(),
            reason: reason.clone(),
            dropped: unsent.messages as u64,
        });
        let finish = this.finish.take();
        Poll::Ready(End {
            reason,
            established: Some(this.established),
            renew: this.renew,
            unsent: if finish.is_some() {
                unsent
            } else {
                Unsent::default()
            },
            finish,
            lane: this.lane_before,
            announce: None,
        })
    }
}
