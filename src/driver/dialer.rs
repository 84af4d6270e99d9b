//! The task of one connecting endpoint: dial, carry the connection, wait, dial again.
//!
//! The endpoint outlives its connections. Unless it is *immediate* its outgoing pipe does too: what is queued
//! survives a broken connection and goes out on the next. Waits grow from the reconnect minimum to its maximum,
//! each drawn from the upper half, and begin anew after some time in traffic. A peer that refuses for good is
//! asked again rarely, not never: endpoints outlive deployments (`docs/decisions.md`).

use std::future::{Future, poll_fn};
use std::io;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::connection::{Announce, Connection, Finish};
use super::datagrams;
use super::inproc;
use super::seats::Seat;
use super::tasks::{self, TaskGuard};
use super::{Home, Order, Shared};
use crate::endpoint::Address;
use crate::error::{ConnectError, ProtocolError, Reason};
use crate::monitor::{DisconnectReason, Event};
use crate::pipe::{PipeId, Unsent};
use crate::runtime::{self, Alarm};
use crate::stats::DropReason;
use crate::transport;

/// After this long in traffic the next failure is a first one again.
const SETTLED: Duration = Duration::from_secs(5);

/// How long after a refusal for good the peer is asked again, drawn from the upper half like every wait.
const REFUSED: Duration = Duration::from_secs(30);

/// Starts to dial. `announce` hears of the first handshake, or why there will be none; `pipe` is the endpoint's, if it
/// has one already. Returns it, if it has one from the start.
pub(crate) fn dial(
    home: &Home,
    guard: TaskGuard,
    announce: Announce,
    pipe: Option<PipeId>,
) -> Option<PipeId> {
    let shared = guard.shared.clone();
    let seat = shared.seats.take();
    let mut dialer = Dialer {
        shared,
        guard,
        seat,
        pipe,
        lane: None,
        announce,
        connections: 0,
        failures: 0,
        finish: None,
        alarm: Alarm::default(),
        watched: false,
    };
    if dialer.seat.is_some() {
        dialer.open_pipe();
    }
    let pipe = dialer.pipe;
    // By reference: an `async fn` has room for what it was given twice.
    tasks::start(home, async move { dialer.run().await });
    pipe
}

pub(super) struct Dialer {
    pub(super) shared: Arc<Shared>,
    pub(super) guard: TaskGuard,
    /// Without one it waits, and has no pipe.
    seat: Option<Seat>,
    /// The endpoint's own pipe, if it queues before it is connected.
    pub(super) pipe: Option<PipeId>,
    /// The last lane through which anything came: what is left of it is read before what the next connection brings.
    pub(super) lane: Option<PipeId>,
    pub(super) announce: Announce,
    /// Connections so far that came to traffic.
    pub(super) connections: u64,
    /// Attempts in a row that did not settle.
    failures: u32,
    pub(super) finish: Option<Box<Finish>>,
    alarm: Alarm,
    watched: bool,
}

impl Dialer {
    async fn run(&mut self) {
        let endpoint = self.guard.endpoint.clone();
        if self.sit_down().await.is_some() {
            match endpoint.address() {
                Address::Inproc(name) => inproc::meet(self, name).await,
                Address::Udp(address) => datagrams::send(self, address).await,
                _ => self.dial().await,
            }
        }
        if let Some(announce) = self.announce.take() {
            let why = self.finish.as_ref().map(|finish| &finish.why);
            let disconnected = matches!(why, Some(DisconnectReason::Disconnect));
            let error = if disconnected {
                ConnectError::Disconnected
            } else {
                ConnectError::Closed
            };
            let _ = announce.send(Err(error(endpoint)));
        }
        if let (Some(outgoing), Some(pipe)) = (&self.shared.traffic.outgoing, self.pipe.take()) {
            self.guard.leave_unsent(outgoing.detach(pipe, DropReason::Linger));
        }
        self.guard.end();
    }

    /// Waits for a seat; `None` when all is done before.
    async fn sit_down(&mut self) -> Option<()> {
        if self.seat.is_none() {
            let seats = self.shared.seats.clone();
            self.seat = Some(self.unless_done(seats.wait()).await?);
            self.open_pipe();
        }
        Some(())
    }

    /// From here on the endpoint has its queue, unless that comes and goes with each connection.
    fn open_pipe(&mut self) {
        if let (Some(outgoing), false) = (&self.shared.traffic.outgoing, self.shared.config.immediate) {
            let pipe = self.pipe.unwrap_or_else(|| outgoing.attach());
            self.pipe = Some(pipe);
            self.shared.tasks.hold(self.guard.id, pipe);
        }
    }

    /// Dials again and again until all is done.
    async fn dial(&mut self) {
        while let Some(wait) = self.attempt().await {
            if self.pause(wait).await.is_none() {
                break;
            }
        }
    }

    /// One connection from dialing to its end: how long to wait for the next, or `None` when all is done.
    async fn attempt(&mut self) -> Option<Duration> {
        let shared = self.shared.clone();
        // What is over when the connection begins is in a block of its own, or it would lie beside it all the time.
        let connection = {
            let endpoint = self.guard.endpoint.clone();
            shared.events.emit(|| Event::Connecting {
                endpoint: endpoint.clone(),
            });
            let dialing = transport::dial(&endpoint, &shared.config.stream, shared.carrier.as_deref());
            let stream = match self.unless_done(dialing).await? {
                Ok(stream) => stream,
                Err(error) => return self.not_reached(error),
            };
            shared.events.emit(|| Event::Connected {
                endpoint: endpoint.clone(),
                address: stream.peer_address().to_owned(),
            });
            if self.connections > 0 {
                shared.reconnects.fetch_add(1, Ordering::Relaxed);
            }
            let control = self.guard.control.clone();
            let (finish, announce) = (self.finish.take(), self.announce.take());
            let shared = shared.clone();
            Connection::new(shared, control, endpoint, stream, self.pipe, finish, announce).after(self.lane)
        };
        let mut end = connection.await;
        self.announce = end.announce.take();
        self.lane = end.lane;
        self.has_ended(end.finish.take(), end.established, mem::take(&mut end.unsent));
        if self.is_done() {
            return None;
        }
        if end.renew {
            return Some(Duration::ZERO);
        }
        if shared.config.reconnect.stop.after_connection(&end) {
            return self.stop(end.reason.to_string());
        }
        if let DisconnectReason::Protocol(reason) = end.reason
            && reason.is_fatal_refusal()
        {
            self.refused(reason);
            return Some(shared.dice.jitter(REFUSED));
        }
        Some(self.back_off())
    }

    /// Nobody answers there: as [`attempt`](Self::attempt).
    fn not_reached(&mut self, error: io::Error) -> Option<Duration> {
        let endpoint = self.guard.endpoint.clone();
        let stops = self.shared.config.reconnect.stop.after_attempt(&endpoint, &error);
        let why = Reason(&error).to_string();
        self.shared.events.emit(|| Event::ConnectFailed {
            endpoint,
            error: Arc::new(error),
        });
        match stops {
            true => self.stop(why),
            false => Some(self.back_off()),
        }
    }

    /// A connection has ended, and gives back what it was lent.
    pub(super) fn has_ended(
        &mut self,
        finish: Option<Box<Finish>>,
        established: Option<Instant>,
        unsent: Unsent,
    ) {
        self.finish = finish;
        self.watched = false;
        self.guard.leave_unsent(unsent);
        if let Some(at) = established {
            self.connections += 1;
            if runtime::now().duration_since(at) >= SETTLED {
                self.failures = 0;
            }
        }
    }

    /// The endpoint is given up.
    fn stop(&mut self, reason: String) -> Option<Duration> {
        let endpoint = self.guard.endpoint.clone();
        self.shared.events.emit(|| Event::ConnectStopped {
            endpoint: endpoint.clone(),
        });
        if let Some(announce) = self.announce.take() {
            let _ = announce.send(Err(ConnectError::Stopped { endpoint, reason }));
        }
        None
    }

    /// Says to whoever waits for the first handshake that there will be none with this peer.
    pub(super) fn refused(&mut self, reason: ProtocolError) {
        if let Some(announce) = self.announce.take() {
            let endpoint = self.guard.endpoint.clone();
            let _ = announce.send(Err(ConnectError::Refused { endpoint, reason }));
        }
    }

    /// Waits before the next attempt; `None` when all is done.
    pub(super) async fn pause(&mut self, wait: Duration) -> Option<()> {
        if wait.is_zero() {
            return Some(());
        }
        self.shared.events.emit(|| Event::RetryIn {
            endpoint: self.guard.endpoint.clone(),
            delay: wait,
        });
        self.unless_done(runtime::sleep(wait)).await
    }

    pub(super) fn back_off(&mut self) -> Duration {
        let reconnect = self.shared.config.reconnect;
        let whole = reconnect
            .min
            .saturating_mul(1u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        self.shared.dice.jitter(whole.min(reconnect.max))
    }

    /// Ordered to finish, and nothing left to finish or no time left for it.
    pub(super) fn is_done(&self) -> bool {
        let Some(finish) = &self.finish else { return false };
        let queued = match (&self.shared.traffic.outgoing, self.pipe) {
            (Some(outgoing), Some(pipe)) => outgoing.queued(pipe).messages,
            _ => 0,
        };
        queued == 0 || finish.until.is_some_and(|until| runtime::now() >= until)
    }

    /// Does `work` unless the endpoint is done before.
    pub(super) async fn unless_done<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let control = self.guard.control.clone();
        poll_fn(|cx| {
            while let Poll::Ready(order) = control.poll(cx, &mut self.watched) {
                if let Order::Finish { until, why } = order {
                    self.finish = Some(Box::new(Finish { until, why }));
                    self.shared.traffic.retire(self.pipe);
                }
            }
            if self.is_done() {
                return Poll::Ready(None);
            }
            self.alarm.set(self.deadline());
            if self.alarm.poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            work.as_mut().poll(cx).map(Some)
        })
        .await
    }

    fn deadline(&self) -> Option<Instant> {
        self.finish.as_ref().and_then(|finish| finish.until)
    }
}

impl Drop for Dialer {
    /// Dropped before its end, the endpoint has lost its runtime.
    fn drop(&mut self) {
        if let (Some(outgoing), Some(pipe)) = (&self.shared.traffic.outgoing, self.pipe) {
            outgoing.detach(pipe, DropReason::RuntimeGone);
        }
    }
}
