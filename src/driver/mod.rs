//! Tasks that carry messages between the floors: the only place that knows both wings.
//!
//! One task for each listener, for each endpoint that is dialed, and for each accepted connection. ([`inproc`] has
//! the same tasks, only that no bytes lie between them.) Every task is
//! in its socket's [`Tasks`]: there it gets its orders, and its owner sees it end. A task that is dropped with
//! its runtime closes the socket behind itself, so nobody waits for a driver that will never come.

mod admission;
mod connection;
mod control;
pub(crate) mod datagrams;
mod dialer;
mod inflow;
pub(crate) mod inproc;
mod listener;
mod occasions;
mod question;
mod respelling;
mod seats;
mod spin;
mod stopping;
mod tasks;

pub(crate) use admission::{Admission, AdmissionLimits};
pub(crate) use control::{Control, Order};
pub(crate) use occasions::Occasions;
pub(crate) use question::QUESTIONS;
pub(crate) use seats::Seats;
pub use stopping::ReconnectStop;
pub(crate) use tasks::{NotAlone, Role, Task, TaskId, Tasks};

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::context::Context;
use crate::error::ProtocolError;
use crate::monitor::Events;
use crate::pattern::{Interest, Numbers, Publications};
use crate::peer::{Peer, PeerId};
use crate::pipe::{Inbox, Outgoing, PipeId, Unsent};
use crate::runtime::{Dice, Keeper};
use crate::session::SessionConfig;
use crate::stats::{Counted, Load, Stats};
use crate::sync::Mutex;
use crate::transport::{Carrier, StreamOptions, UdpOptions};
use crate::wire::decoder::Limits;

pub(crate) use dialer::dial;
pub(crate) use listener::listen;

/// What all tasks of one socket share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: DriverConfig,
    pub(crate) traffic: Traffic,
    pub(crate) events: Events,
    pub(crate) peers: Peers,
    pub(crate) tasks: Tasks,
    pub(crate) admission: Arc<Admission>,
    pub(crate) seats: Seats,
    /// Places for questions to whoever decides about peers.
    pub(crate) questions: Arc<Semaphore>,
    pub(crate) dice: Arc<Dice>,
    pub(crate) carrier: Option<Arc<dyn Carrier>>,
    /// Where `inproc` names are looked up.
    pub(crate) context: Context,
    /// Who looks after a blocking socket, kept for as long as it has tasks.
    pub(crate) keeper: OnceLock<Keeper>,
    /// How often a dialer's connection was not its first.
    pub(crate) reconnects: AtomicU64,
    /// Commands that nobody here knows, ignored.
    pub(crate) unknown_commands: AtomicU64,
    /// Requests that were dropped without a reply.
    pub(crate) unanswered: AtomicU64,
}

impl Shared {
    /// Ends all calls of the program: pending and later ones fail.
    pub(crate) fn close(&self) {
        self.traffic.close();
        self.peers.close();
    }

    /// Something was done without waiting that may have left work for whoever drives.
    #[inline]
    pub(crate) fn mind_the_rest(&self) {
        if let Some(keeper) = self.keeper.get() {
            keeper.mind_the_rest();
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats {
            reconnects: self.reconnects.load(Ordering::Relaxed),
            unknown_commands: self.unknown_commands.load(Ordering::Relaxed),
            unanswered: self.unanswered.load(Ordering::Relaxed),
            ..Stats::default()
        };
        if let Some(outgoing) = &self.traffic.outgoing {
            let (counters, queued) = outgoing.totals();
            stats.outgoing = counters.outgoing(queued);
        }
        if let Incoming::Messages(inbox) = &self.traffic.incoming {
            let (counters, queued) = inbox.totals();
            stats.incoming = counters.incoming(queued);
        }
        stats
    }

    /// The same for the pipe of one peer.
    fn stats_of(&self, outgoing: Option<PipeId>, incoming: Option<PipeId>) -> Stats {
        let mut stats = Stats::default();
        if let (Some(side), Some(pipe)) = (&self.traffic.outgoing, outgoing) {
            stats.outgoing = side
                .counters(pipe)
                .unwrap_or_default()
                .outgoing(side.queued(pipe));
        }
        if let (Incoming::Messages(inbox), Some(lane)) = (&self.traffic.incoming, incoming) {
            let (counters, queued) = inbox.counters(lane).unwrap_or_default();
            stats.incoming = counters.incoming(queued);
        }
        stats
    }
}

/// What was counted for one peer: live while its connection is, the last state afterwards.
#[derive(Debug)]
pub(crate) struct PeerCounters {
    shared: Weak<Shared>,
    outgoing: Option<PipeId>,
    incoming: Option<PipeId>,
    /// Apart: it takes more room than everything else that is known of a peer.
    last: Mutex<Option<Box<Stats>>>,
}

impl PeerCounters {
    pub(crate) fn new(shared: &Arc<Shared>, outgoing: Option<PipeId>, incoming: Option<PipeId>) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::downgrade(shared),
            outgoing,
            incoming,
            last: Mutex::new(None),
        })
    }

    /// The connection has ended: the pipe's slots may soon be another's.
    pub(crate) fn freeze(&self) {
        let stats = self.stats();
        self.last.lock().get_or_insert_with(|| Box::new(stats));
    }

    /// The outgoing pipe has ended after that: what it had queued is dropped now, with whatever came in between.
    pub(crate) fn settle(&self, unsent: &Unsent) {
        if let Some(last) = &mut *self.last.lock() {
            last.outgoing = unsent.counters.outgoing(Load::default());
        }
    }
}

impl Counted for PeerCounters {
    fn stats(&self) -> Stats {
        if let Some(last) = &*self.last.lock() {
            return **last;
        }
        self.shared
            .upgrade()
            .map(|shared| shared.stats_of(self.outgoing, self.incoming))
            .unwrap_or_default()
    }
}

/// What the drivers of one socket go by.
#[derive(Debug)]
pub(crate) struct DriverConfig {
    pub(crate) session: Arc<SessionConfig>,
    pub(crate) limits: Limits,
    pub(crate) stream: StreamOptions,
    pub(crate) udp: UdpOptions,
    pub(crate) reconnect: Reconnect,
    /// A connecting endpoint has a pipe only while it is connected.
    pub(crate) immediate: bool,
    /// Drivers may keep the runtime hot in a ping-pong.
    pub(crate) spin: bool,
    /// Every incoming message must have this shape, or its connection is closed.
    pub(crate) guard: Option<Guard>,
    /// What subscribers ask for.
    pub(crate) asks: Asks,
    pub(crate) occasions: Occasions,
    /// Where in messages subscribers say what they want.
    pub(crate) changes_in: ChangesIn,
}

/// What is asked for by those who subscribe: it has words of its own on the wire.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// Topics, by their prefixes.
    #[default]
    Topics,
    /// Groups.
    Groups,
}

/// Which frames of messages are subscriptions, or ends of them, in the form of ZMTP 3.0.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangesIn {
    /// None: messages are messages.
    #[default]
    Nothing,
    /// The only frame of a message.
    Whole,
    /// Any frame of a message that begins with one.
    First,
    /// Any frame.
    Any,
}

/// Looks at one message's frames; `Err` closes the connection it came through.
pub(crate) type Guard = fn(&[u8]) -> Result<(), ProtocolError>;

/// When a connecting endpoint tries again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reconnect {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
    /// When it does not.
    pub(crate) stop: ReconnectStop,
}

/// Where messages come from and go to: the traffic wing as the drivers see it.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) outgoing: Option<Arc<dyn Outgoing>>,
    pub(crate) incoming: Incoming,
    /// What becomes of what a publisher's peers ask for.
    pub(crate) publications: Option<Arc<dyn Publications>>,
    /// What a subscriber tells its publishers.
    pub(crate) interest: Option<Arc<Interest>>,
    /// The numbers by which the program names its peers.
    pub(crate) numbers: Option<Arc<Numbers>>,
}

/// What becomes of the messages of a peer.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// They are for the program.
    Messages(Arc<Inbox>),
    /// Nobody reads them.
    Nothing,
}

/// A peer and the two halves of its pipe.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) peer: Peer,
    pub(crate) outgoing: Option<PipeId>,
    pub(crate) incoming: Option<PipeId>,
    pub(crate) control: Arc<Control>,
    pub(crate) counters: Arc<PeerCounters>,
}

impl Traffic {
    /// The number of the peer behind this pipe, if peers have numbers.
    fn number(&self, outgoing: Option<PipeId>) -> Option<PeerId> {
        Some(self.numbers.as_ref()?.of(outgoing?))
    }

    /// Ready while more peers may come: what is unread of those that have left has a limit. Only of a socket that does
    /// nothing but receive. One that sends as well may never be read, and would be shut for good.
    fn poll_open(&self, waker: &Waker) -> Poll<()> {
        match (&self.outgoing, &self.incoming) {
            (None, Incoming::Messages(inbox)) => inbox.poll_open(waker),
            _ => Poll::Ready(()),
        }
    }

    /// Whoever holds this pipe was ordered to finish: nothing new goes into it.
    fn retire(&self, outgoing: Option<PipeId>) {
        if let (Some(side), Some(pipe)) = (&self.outgoing, outgoing) {
            side.retire(pipe);
        }
    }

    /// Ends traffic for good: pending and later calls of the program fail.
    pub(crate) fn close(&self) {
        if let Some(outgoing) = &self.outgoing {
            outgoing.close();
        }
        if let Incoming::Messages(inbox) = &self.incoming {
            inbox.close();
        }
        if let Some(interest) = &self.interest {
            interest.close();
        }
    }
}

/// The peers of one socket, from handshake done to connection ended.
pub(crate) struct Peers {
    state: Mutex<PeersState>,
    count: tokio::sync::watch::Sender<PeerCount>,
}

/// How many peers there are, and whether there may be more.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct PeerCount {
    pub(crate) peers: usize,
    pub(crate) closed: bool,
}

#[derive(Default)]
struct PeersState {
    /// By the number of the peer.
    links: BTreeMap<u64, Link>,
    next: u64,
    /// By incoming slot, kept until the slot is used again: a message may be read after its peer has left.
    by_lane: Vec<Option<Link>>,
    /// By outgoing slot, kept as long: who a message was for may be asked after it has left.
    by_pipe: Vec<Option<Link>>,
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers")
            .field("count", &self.count.borrow().peers)
            .finish_non_exhaustive()
    }
}

impl Peers {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            count: tokio::sync::watch::Sender::default(),
        }
    }

    /// A number that no other peer of this socket has had.
    pub(crate) fn next_id(&self) -> u64 {
        let mut state = self.state.lock();
        state.next += 1;
        state.next
    }

    pub(crate) fn add(&self, link: Link) {
        let mut state = self.state.lock();
        keep(&mut state.by_lane, link.incoming, &link);
        keep(&mut state.by_pipe, link.outgoing, &link);
        state.links.insert(link.peer.id(), link);
        self.count.send_modify(|count| count.peers = state.links.len());
    }

    pub(crate) fn remove(&self, peer: &Peer) {
        let mut state = self.state.lock();
        state.links.remove(&peer.id());
        self.count.send_modify(|count| count.peers = state.links.len());
    }

    pub(crate) fn list(&self) -> Vec<Peer> {
        self.state
            .lock()
            .links
            .values()
            .map(|link| link.peer.clone())
            .collect()
    }

    /// The peer of this number, as long as its connection lasts.
    pub(crate) fn by_id(&self, id: u64) -> Option<Peer> {
        let state = self.state.lock();
        state.links.get(&id).map(|link| link.peer.clone())
    }

    /// The connection to this very peer, as long as it lasts.
    pub(crate) fn by_peer(&self, peer: &Peer) -> Option<Link> {
        let state = self.state.lock();
        // Another socket has a peer of that number too.
        let link = state.links.get(&peer.id()).filter(|link| link.peer == *peer);
        link.cloned()
    }

    /// The peer whose messages come through this lane, also after it has left.
    pub(crate) fn by_lane(&self, lane: PipeId) -> Option<Link> {
        let state = self.state.lock();
        let link = state.by_lane.get(lane.index())?.as_ref()?;
        (link.incoming == Some(lane)).then(|| link.clone())
    }

    /// The outgoing pipe that belongs to this lane, also after its peer has left.
    pub(crate) fn pipe_of(&self, lane: PipeId) -> Option<PipeId> {
        let state = self.state.lock();
        let link = state.by_lane.get(lane.index())?.as_ref()?;
        if link.incoming == Some(lane) {
            link.outgoing
        } else {
            None
        }
    }

    /// The number of the peer whose messages come through this lane, also after it has left.
    pub(crate) fn number_of(&self, lane: PipeId) -> Option<PeerId> {
        let state = self.state.lock();
        let link = state.by_lane.get(lane.index())?.as_ref()?;
        link.peer.number().filter(|_| link.incoming == Some(lane))
    }

    /// Who sends through this lane, and the pipe on which to answer; also after it has left.
    pub(crate) fn reply_path(&self, lane: PipeId) -> Option<(Peer, PipeId)> {
        let state = self.state.lock();
        let link = state.by_lane.get(lane.index())?.as_ref()?;
        let pipe = link.outgoing.filter(|_| link.incoming == Some(lane))?;
        Some((link.peer.clone(), pipe))
    }

    /// The peer behind this outgoing pipe, also after it has left.
    pub(crate) fn by_pipe(&self, pipe: PipeId) -> Option<Link> {
        let state = self.state.lock();
        let link = state.by_pipe.get(pipe.index())?.as_ref()?;
        (link.outgoing == Some(pipe)).then(|| link.clone())
    }

    /// The peer behind this outgoing pipe, while it is connected.
    pub(crate) fn connected(&self, pipe: PipeId) -> Option<Peer> {
        let state = self.state.lock();
        let link = state.by_pipe.get(pipe.index())?.as_ref()?;
        let is_it = link.outgoing == Some(pipe) && state.links.contains_key(&link.peer.id());
        is_it.then(|| link.peer.clone())
    }

    /// Whether there will be no more of them.
    pub(crate) fn is_closed(&self) -> bool {
        self.count.borrow().closed
    }

    /// Ends all waiting for peers.
    pub(crate) fn close(&self) {
        self.count.send_modify(|count| count.closed = true);
    }

    /// Follows the number of peers.
    pub(crate) fn watch(&self) -> tokio::sync::watch::Receiver<PeerCount> {
        self.count.subscribe()
    }
}

/// Keeps a link in the slot of its pipe.
fn keep(slots: &mut Vec<Option<Link>>, pipe: Option<PipeId>, link: &Link) {
    let Some(pipe) = pipe else { return };
    if slots.len() <= pipe.index() {
        slots.resize(pipe.index() + 1, None);
    }
    slots[pipe.index()] = Some(link.clone());
}

/// The runtime of a socket: that of its first `bind` or `connect`.
pub(crate) type Home = Handle;
