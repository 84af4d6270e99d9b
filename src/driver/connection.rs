//! One connection, from the first byte of the greeting to the last of an orderly end.
//!
//! ```text
//!  Handshake ──READY──▶ Traffic ──ordered to finish, all written──▶ Draining
//!      │                   │                                           │
//!      └───────────────────┴──────── broken, refused, ended ───────────┴──▶ the future is ready
//! ```
//!
//! One poll is one pass: orders, timers, a read turn, a write turn; each turn is bounded, then the task yields.
//! Reading hands runs of whole messages to the incoming lane and commands to the session. Writing takes batches
//! from the outgoing log; commands of ours go out between batches. At the high-water mark the pass does not read:
//! the kernel's window does the rest.
//!
//! An orderly end is: write the last byte, shut down the writing side, then read and discard until the peer
//! closes. A socket that is closed over unread input sends RST, and the peer loses data that it had already
//! received (guarantees, G10).

mod changes;
mod ending;
mod events;
mod pacing;
mod reading;
mod writing;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::admission::Ticket;
use super::inflow::Inflow;
use super::question::Question;
use super::respelling::Respelling;
use super::seats::Seat;
use super::spin::Spin;
use super::{Control, Incoming, Link, Order, Shared};
use crate::endpoint::Endpoint;
use crate::error::ConnectError;
use crate::monitor::{DisconnectReason, Event};
use crate::peer::Peer;
use crate::pipe::{Batch, Credit, PipeId, Unsent};
use crate::runtime::{self, Alarm};
use crate::session::Session;
use crate::stats::DropReason;
use crate::transport::{Stream, Writer};
use crate::wire::decoder::Decoder;

/// More commands in one pass are a flood. They need no credit, so only we can hold back a peer that sends nothing else:
/// it is read a little at a time, and not before the runtime has looked after everybody else; and where they move
/// nothing here, as PINGs and unknown ones do, not before a [`REST`].
const COMMANDS: u32 = 32;

/// How long a peer that floods us with talk is not read. A few hundred PINGs in that time are answered all the same.
const REST: Duration = Duration::from_millis(1);

/// How a connection ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) reason: DisconnectReason,
    /// When its handshake was done, if it came to that.
    pub(crate) established: Option<Instant>,
    /// It was ordered to finish: until then, and why.
    pub(crate) finish: Option<Box<Finish>>,
    /// It was ordered to make room for a new connection.
    pub(crate) renew: bool,
    /// What the pipe still held, if it ended with the connection and by that order: for whoever closes. Nobody
    /// would ever ask for the rest, and it was counted.
    pub(crate) unsent: Unsent,
    /// The last lane of the endpoint through which anything came.
    pub(crate) lane: Option<PipeId>,
    pub(crate) announce: Announce,
}

/// An order to finish. Boxed where it is kept: it comes once at most, and a task has room for it all its life.
#[derive(Debug, Clone)]
pub(crate) struct Finish {
    pub(crate) until: Option<Instant>,
    pub(crate) why: DisconnectReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Handshake,
    Traffic,
    /// The writing side is shut down.
    Draining {
        until: Instant,
    },
}

/// What became of the bytes that were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// All that was whole has gone on.
    Open,
    /// Whole messages are left: the pipe is at its mark.
    AtMark,
    /// Somebody decides about the peer: nothing is read meanwhile.
    Asking,
}

/// The task of one connection, or a part of its dialer's.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    control: Arc<Control>,
    endpoint: Endpoint,
    stream: Stream,
    writer: Arc<dyn Writer>,
    session: Session,
    decoder: Decoder,
    inflow: Inflow,
    /// Where frames do not go as they are.
    respelling: Option<Box<Respelling>>,
    phase: Phase,
    /// Somebody is deciding about the peer.
    question: Option<Question>,
    /// Reading has stopped at the mark.
    at_mark: bool,
    /// When to look whether the peer is still there, while reading has stopped.
    look: Option<Instant>,
    pacing: pacing::Pacing,
    /// The writing side is broken: what the peer sent before is still read.
    write_error: Option<io::Error>,
    outgoing: Option<PipeId>,
    /// The pipe is the endpoint's and outlives this connection.
    keeps_pipe: bool,
    batch: Batch,
    /// The line is ours, until the pipe is asked again.
    holds_line: bool,
    lane: Option<PipeId>,
    /// The lane of an earlier connection of the same endpoint, to be read before this one's.
    lane_before: Option<PipeId>,
    credit: Credit,
    /// The peer has left: what it sent is taken in, whatever there is room for.
    takes_all: bool,
    interest: Option<(u64, u64)>,
    /// A barrier that is passed once all is written: for peers that know no PING.
    written_barrier: Option<u64>,
    link: Option<Link>,
    established: Option<Instant>,
    alarm: Alarm,
    spin: Spin,
    /// Messages of the read that is being digested, and whether their receiver waits on this thread.
    came: usize,
    /// Commands of the pass.
    commands: u32,
    /// Changes of what the peer wants among them.
    wishes: u32,
    /// Not before this is a peer read that floods us with the others.
    rest: Option<Instant>,
    same_thread: bool,
    /// Messages that were accepted for the peer when it was last read.
    accepted: u64,
    watched: bool,
    finish: Option<Box<Finish>>,
    renew: bool,
    ending: Option<Box<DisconnectReason>>,
    has_ended: bool,
    /// Apart, since only an end has anything in it.
    left_behind: Option<Box<Unsent>>,
    announce: Announce,
    /// Its place among the accepted ones.
    ticket: Option<Ticket>,
    /// Of one that was accepted, since it was told that it may send. A connecting endpoint has its own.
    seat: Option<Seat>,
}

/// Who waits for the first handshake of a connecting endpoint.
pub(crate) type Announce = Option<oneshot::Sender<Result<Peer, ConnectError>>>;

impl Connection {
    /// `pipe` is the outgoing pipe of a connecting endpoint that queues before it is connected.
    pub(crate) fn new(
        shared: Arc<Shared>,
        control: Arc<Control>,
        endpoint: Endpoint,
        stream: Stream,
        pipe: Option<PipeId>,
        finish: Option<Box<Finish>>,
        announce: Announce,
    ) -> Self {
        let config = &shared.config.session;
        let needed = config.mechanism.entropy();
        let given = shared
            .carrier
            .as_ref()
            .and_then(|carrier| carrier.entropy(needed));
        let entropy = given.map_or_else(|| runtime::entropy(needed), |bytes| Ok(bytes.into()));
        let (entropy, ending) = match entropy {
            Ok(entropy) => (entropy, None),
            Err(error) => (Default::default(), Some(Box::new(DisconnectReason::io(error)))),
        };
        let session = Session::new(config.clone(), runtime::now()).with_entropy(entropy);
        let decoder = Decoder::new(shared.config.limits);
        Self {
            writer: stream.writer(),
            control,
            endpoint,
            stream,
            session,
            decoder,
            inflow: Inflow::default(),
            respelling: None,
            phase: Phase::Handshake,
            question: None,
            at_mark: false,
            look: None,
            pacing: pacing::Pacing::default(),
            write_error: None,
            outgoing: pipe,
            keeps_pipe: pipe.is_some(),
            batch: Batch::default(),
            holds_line: false,
            lane: None,
            lane_before: None,
            credit: Credit {
                messages: 0,
                bytes: 0,
            },
            takes_all: false,
            interest: None,
            written_barrier: None,
            link: None,
            established: None,
            alarm: Alarm::default(),
            spin: Spin::new(shared.config.spin),
            came: 0,
            commands: 0,
            wishes: 0,
            rest: None,
            same_thread: false,
            accepted: 0,
            watched: false,
            finish,
            renew: false,
            ending,
            has_ended: false,
            left_behind: None,
            announce,
            ticket: None,
            seat: None,
            shared,
        }
    }

    /// It was accepted, and has this place.
    pub(crate) fn admitted(mut self, ticket: Ticket) -> Self {
        self.ticket = Some(ticket);
        if self.shared.seats.are_scarce() {
            self.session.hear_first();
        }
        self
    }

    /// It was dialed, and is not the first of its endpoint: what came through this lane is read before.
    pub(crate) fn after(mut self, lane: Option<PipeId>) -> Self {
        self.lane_before = lane;
        self
    }

    /// One pass. `Err` says why the connection ends.
    fn pass(&mut self, cx: &mut Context<'_>) -> Result<(), DisconnectReason> {
        self.take_orders(cx)?;
        if self.phase == Phase::Handshake && self.session.is_established() {
            // A peer that speaks no ZMTP may never say anything.
            self.take_events()?;
        }
        let mut again = self.read_turn(cx)?;
        // After reading: when it was us who were held up, the peer's signs of life are waiting to be read.
        if self.alarm.poll(cx).is_ready() {
            let now = runtime::now();
            self.session.handle_timeout(now)?;
            self.check_deadlines(now, cx)?;
        }
        self.run_errand(cx);
        again |= self.write_turn(cx)?;
        again |= self.finish_if_done()?;
        let deadline = self.next_deadline();
        self.alarm.set(deadline);
        if again || self.alarm.poll(cx).is_ready() {
            // One that wakes itself may be polled many times before the runtime looks. For messages that is right: looking
            // after each pass costs a tenth of the rate at 1 KiB.
            if self.commands > COMMANDS {
                runtime::look_again(cx);
            } else {
                cx.waker().wake_by_ref();
            }
        } else if self.phase == Phase::Traffic && self.spin.wants_to_look(runtime::now()) {
            runtime::look_again(cx);
        }
        Ok(())
    }

    fn take_orders(&mut self, cx: &mut Context<'_>) -> Result<(), DisconnectReason> {
        let control = self.control.clone();
        while let Poll::Ready(order) = control.poll(cx, &mut self.watched) {
            match order {
                Order::Finish { until, why } => {
                    self.finish = Some(Box::new(Finish { until, why }));
                    self.shared.traffic.retire(self.outgoing);
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
}

impl Drop for Connection {
    /// Dropped before its end, the connection has lost its runtime.
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        // First of all, so that whoever waits hears of the socket's end and not of the pipe's.
        self.shared.close();
        self.freeze_counters();
        let traffic = &self.shared.traffic;
        if let (Some(outgoing), Some(pipe)) = (&traffic.outgoing, self.outgoing) {
            // The socket is closed, so no sender begins to write; one that does still ends the pipe's log first.
            let offline = outgoing.poll_offline(pipe, Waker::noop(), &mut self.batch);
            if offline.is_ready() && !self.keeps_pipe {
                let unsent = outgoing.detach(pipe, DropReason::RuntimeGone);
                if let Some(link) = &self.link {
                    link.counters.settle(&unsent);
                }
            }
        }
        if let (Incoming::Messages(inbox), Some(lane)) = (&traffic.incoming, self.lane.take()) {
            inbox.detach(lane);
        }
        if let Some(link) = self.link.take() {
            self.shared.peers.remove(&link.peer);
            self.shared.events.emit(|| Event::Disconnected {
                peer: link.peer,
                reason: DisconnectReason::RuntimeGone,
                dropped: 0,
            });
        }
    }
}

impl Future for Connection {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let this = &mut *self;
        if this.ending.is_none() {
            match this.pass(cx) {
                Ok(()) => return Poll::Pending,
                Err(reason) => this.ending = Some(Box::new(reason)),
            }
        }
        ready!(this.poll_end(cx));
        this.has_ended = true;
        Poll::Ready(End {
            reason: this
                .ending
                .take()
                .map_or(DisconnectReason::PeerClosed, |reason| *reason),
            established: this.established,
            finish: this.finish.take(),
            renew: this.renew,
            unsent: *this.left_behind.take().unwrap_or_default(),
            lane: this.lane_before,
            announce: this.announce.take(),
        })
    }
}
