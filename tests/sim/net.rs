//! A network that exists only here: listeners, byte streams, delays and every misfortune of a real one.
//!
//! ```text
//!  try_write ─tap▶ [flight, arrives later] ──▶ [shore, ready to be read] ─tap▶ poll_read
//!            └─ room for `capacity` bytes in all ─┘
//! ```
//!
//! It behaves as TCP does where that matters: bytes come in order or not at all; a side that closes over unread
//! input, or that is sent something after it closed, answers with a reset, which may destroy what the other side
//! had received and not read; a cut may be seen by both sides, by one, or for a long time by none.
//!
//! One lock, one dice, one agenda: nothing here depends on a clock or an address.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hubless::Endpoint;
use hubless::carrier::{ByteListener, ByteStream, Carrier, Dialing, Writer};
use tokio::io::ReadBuf;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use crate::dice::Dice;
use crate::journal::Journal;
use crate::malice::{Malice, Tamper};
use crate::tap::Tap;
use crate::trust;

/// More turns than any honest simulation takes: somebody runs in a circle without time passing.
const MAX_TURNS: u64 = 200_000;

/// What this network is like.
#[derive(Debug, Clone)]
pub(crate) struct Climate {
    /// Bytes that one direction of a connection holds at most: drawn for each between these.
    pub(crate) capacity: (u64, u64),
    /// Most bytes taken by one write, and given by one read.
    pub(crate) write_grain: u64,
    pub(crate) read_grain: u64,
    /// Milliseconds from one side to the other.
    pub(crate) delay: (u64, u64),
    /// In a hundred: writes that block for a moment though there is room.
    pub(crate) blocked: u64,
    /// In a hundred: dials refused, dials that hang, streams aborted before they are accepted, failures to accept.
    pub(crate) refused: u64,
    pub(crate) hanging: u64,
    pub(crate) aborted: u64,
    pub(crate) exhausted: u64,
    /// In a hundred: connections that break by themselves after some bytes, at most this many.
    pub(crate) doomed: u64,
    pub(crate) doom: u64,
    /// Milliseconds from the start until all this ends.
    pub(crate) heals: u64,
}

impl Climate {
    /// For sealed frames, of which small ones are ten times as large.
    pub(crate) fn widened(mut self) -> Self {
        let (low, high) = self.capacity;
        self.capacity = (10 * low, 10 * high);
        self.write_grain *= 10;
        self.read_grain *= 10;
        self
    }
}

/// Who notices that a connection is cut before the weather clears: the side that dialed, the side that accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) told: [bool; 2],
    /// Whether what had arrived can still be read.
    pub(crate) keeps_shore: bool,
}

impl Cut {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        Self {
            told: dice.pick(&[
                [true, true],
                [true, true],
                [true, false],
                [false, true],
                [false, false],
            ]),
            keeps_shore: dice.chance(70),
        }
    }
}

/// Something that befalls a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Cut(Cut),
    /// Nothing arrives for so many milliseconds; nothing is lost.
    Partition(u64),
}

/// Why a connection may have lost bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoil {
    /// The weather's fault.
    Cut,
    /// This side closed with unread input.
    ClosedOnUnread(usize),
    /// This side had closed when more came.
    DataAfterClose(usize),
}

pub(crate) struct Net {
    state: Mutex<State>,
    stir: Notify,
    /// When the weather clears.
    heals: Instant,
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Net")
    }
}

struct State {
    dice: Dice,
    climate: Climate,
    malice: Option<Malice>,
    agenda: BTreeMap<(Instant, u64), Due>,
    serial: u64,
    links: Vec<Link>,
    doors: BTreeMap<String, Door>,
    turns: u64,
    journal: Journal,
    wake: Vec<Waker>,
}

#[derive(Debug, Clone, Copy)]
enum Due {
    Arrival { link: usize, way: usize },
    Room { link: usize, way: usize },
    Reunion { link: usize },
}

/// One connection. Side 0 dialed, side 1 accepted; way 0 leads from side 0 to side 1.
pub(crate) struct Link {
    pub(crate) endpoint: String,
    /// The sockets at its ends.
    pub(crate) owners: [u16; 2],
    pub(crate) ways: [Way; 2],
    pub(crate) spoiled: Option<Spoil>,
    ends: [Side; 2],
    delay: Duration,
    parted: bool,
    /// It is cut: nothing goes through any more.
    void: bool,
}

#[derive(Default)]
struct Side {
    closed: bool,
    /// It knows that the connection is broken.
    dead: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// One direction of a connection.
pub(crate) struct Way {
    /// What the writing socket's writes claimed to have taken.
    pub(crate) sent: Tap,
    /// What the reading socket has read.
    pub(crate) read: Tap,
    flight: VecDeque<(Instant, Parcel)>,
    in_flight: usize,
    shore: VecDeque<u8>,
    /// Taken after the cut.
    swallowed: usize,
    fin: Fin,
    blocked_until: Option<Instant>,
    doomed_at: Option<(u64, Cut)>,
    capacity: usize,
    tamper: Tamper,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fin {
    No,
    Sent,
    Arrived,
}

enum Parcel {
    Bytes(Vec<u8>),
    Fin,
    Reset,
}

struct Door {
    owner: u16,
    number: u64,
    backlog: VecDeque<Arc<End>>,
    waker: Option<Waker>,
}

impl Net {
    pub(crate) fn new(climate: Climate, dice: Dice, malice: Option<Malice>, journal: Journal) -> Arc<Self> {
        Arc::new(Self {
            heals: Instant::now() + Duration::from_millis(climate.heals),
            state: Mutex::new(State {
                dice,
                climate,
                malice,
                agenda: BTreeMap::new(),
                serial: 0,
                links: Vec::new(),
                doors: BTreeMap::new(),
                turns: 0,
                journal,
                wake: Vec::new(),
            }),
            stir: Notify::new(),
        })
    }

    /// The network as one socket sees it.
    pub(crate) fn port(self: &Arc<Self>, owner: u16) -> Arc<dyn Carrier> {
        Arc::new(Port {
            net: self.clone(),
            owner,
        })
    }

    pub(crate) fn heals(&self) -> Instant {
        self.heals
    }

    pub(crate) fn note(&self, what: &'static str, details: &[u64]) {
        self.lock().journal.note(what, details);
    }

    pub(crate) fn digest(&self) -> (u64, u64) {
        self.lock().journal.digest()
    }

    pub(crate) fn lines(&self) -> String {
        self.lock().journal.lines().to_owned()
    }

    /// Looks at all connections there have been.
    pub(crate) fn look<R>(&self, at: impl FnOnce(&[Link]) -> R) -> R {
        at(&self.lock().links)
    }

    /// Lets time pass for what is on its way. Runs for ever.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let next = self.lock().agenda.keys().next().map(|(at, _)| *at);
            match next {
                None => self.stir.notified().await,
                Some(at) => tokio::select! {
                    biased;
                    () = self.stir.notified() => {}
                    () = sleep_until(at) => self.with(State::handle_due),
                },
            }
        }
    }

    /// Something happens to one of the connections that are up.
    pub(crate) fn strike(&self, which: u64, fault: Fault) {
        self.with(|state| {
            let up: Vec<_> = (0..state.links.len())
                .filter(|&link| state.links[link].is_up())
                .collect();
            if up.is_empty() {
                return;
            }
            let link = up[which as usize % up.len()];
            match fault {
                Fault::Cut(cut) => state.cut(link, cut),
                Fault::Partition(time) => {
                    state.journal.note("partition", &[link as u64, time]);
                    state.links[link].parted = true;
                    state.plan(
                        Instant::now() + Duration::from_millis(time),
                        Due::Reunion { link },
                    );
                }
            }
        });
    }

    /// The weather clears: whoever does not know yet that a connection is broken learns it.
    pub(crate) fn heal(&self) {
        self.with(|state| {
            state.journal.note("heal", &[]);
            let calm = &mut state.climate;
            (calm.blocked, calm.refused, calm.hanging) = (0, 0, 0);
            (calm.aborted, calm.exhausted, calm.doomed) = (0, 0, 0);
            for link in 0..state.links.len() {
                state.links[link]
                    .ways
                    .iter_mut()
                    .for_each(|way| way.doomed_at = None);
                if state.links[link].void {
                    (0..2).for_each(|side| state.tell(link, side));
                }
                state.links[link].parted = false;
                (0..2).for_each(|way| state.arrive(link, way));
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something, then wakes whom it concerns.
    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let first = state.agenda.keys().next().copied();
        let result = work(&mut state);
        let sooner = state.agenda.keys().next().copied() != first;
        let wake = std::mem::take(&mut state.wake);
        drop(state);
        if sooner {
            self.stir.notify_one();
        }
        wake.into_iter().for_each(Waker::wake);
        result
    }

    fn connect(self: &Arc<Self>, owner: u16, endpoint: &Endpoint) -> io::Result<Arc<End>> {
        let end = |link, side, address: &str| {
            Arc::new(End {
                net: self.clone(),
                link,
                side,
                address: address.to_owned(),
            })
        };
        self.with(|state| {
            let Some(door) = state.doors.get(endpoint.as_str()) else {
                state.journal.note("refused", &[owner.into()]);
                return Err(ErrorKind::ConnectionRefused.into());
            };
            let acceptor = door.owner;
            let link = state.open(endpoint, [owner, acceptor]);
            let (near, far) = (
                end(link, 0, endpoint.as_str()),
                end(link, 1, &format!("10.1.0.{owner}:{link}")),
            );
            if let Some(door) = state.doors.get_mut(endpoint.as_str()) {
                door.backlog.push_back(far);
                state.wake.extend(door.waker.take());
            }
            Ok(near)
        })
    }
}

impl State {
    fn plan(&mut self, at: Instant, due: Due) {
        self.serial += 1;
        self.agenda.insert((at, self.serial), due);
    }

    fn turn(&mut self) {
        self.turns += 1;
        assert!(self.turns < MAX_TURNS, "somebody runs in a circle");
    }

    fn handle_due(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= now) {
            match entry.remove() {
                Due::Arrival { link, way } => self.arrive(link, way),
                Due::Room { link, way } => self.wake_writer(link, way),
                Due::Reunion { link } => {
                    self.links[link].parted = false;
                    (0..2).for_each(|way| self.arrive(link, way));
                }
            }
        }
    }

    fn open(&mut self, endpoint: &Endpoint, owners: [u16; 2]) -> usize {
        let (climate, dice) = (&self.climate, &mut self.dice);
        let mut way = || Way {
            sent: Tap::between(owners),
            read: Tap::between(owners),
            flight: VecDeque::new(),
            in_flight: 0,
            shore: VecDeque::new(),
            swallowed: 0,
            fin: Fin::No,
            blocked_until: None,
            doomed_at: dice
                .chance(climate.doomed)
                .then(|| (dice.size(1, climate.doom), Cut::draw(dice))),
            capacity: dice.between(climate.capacity.0, climate.capacity.1) as usize,
            tamper: Tamper::default(),
        };
        let ways = [way(), way()];
        let delay = dice.between(climate.delay.0, climate.delay.1);
        self.links.push(Link {
            endpoint: endpoint.as_str().to_owned(),
            owners,
            ways,
            spoiled: None,
            ends: Default::default(),
            delay: Duration::from_millis(delay),
            parted: false,
            void: false,
        });
        let link = self.links.len() - 1;
        self.journal
            .note("open", &[link as u64, owners[0].into(), owners[1].into(), delay]);
        link
    }

    fn cut(&mut self, link: usize, cut: Cut) {
        let this = &mut self.links[link];
        if this.void || !this.is_up() {
            return;
        }
        this.void = true;
        this.spoiled.get_or_insert(Spoil::Cut);
        for way in &mut this.ways {
            let mut survives = self.dice.below(way.in_flight as u64 + 1) as usize;
            for (_, parcel) in way.flight.drain(..) {
                if let Parcel::Bytes(bytes) = parcel {
                    let some = survives.min(bytes.len());
                    way.shore.extend(&bytes[..some]);
                    survives -= some;
                }
            }
            way.in_flight = 0;
            if !cut.keeps_shore {
                way.shore.clear();
            }
        }
        self.journal.note(
            "cut",
            &[
                link as u64,
                cut.told[0].into(),
                cut.told[1].into(),
                cut.keeps_shore.into(),
            ],
        );
        for side in 0..2 {
            if cut.told[side] {
                self.tell(link, side);
            } else {
                // What has arrived is news even to one who does not know of the cut.
                self.wake.extend(self.links[link].ends[side].reader.take());
            }
        }
    }

    /// One side learns that its connection is broken.
    fn tell(&mut self, link: usize, side: usize) {
        let side = &mut self.links[link].ends[side];
        side.dead = true;
        self.wake.extend(side.reader.take());
        self.wake.extend(side.writer.take());
    }

    fn wake_writer(&mut self, link: usize, way: usize) {
        self.wake.extend(self.links[link].ends[way].writer.take());
    }

    fn send(&mut self, link: usize, way: usize, parcel: Parcel) {
        let this = &mut self.links[link];
        if this.void {
            return;
        }
        let now = Instant::now();
        let lane = &mut this.ways[way];
        if let Parcel::Bytes(bytes) = &parcel {
            lane.in_flight += bytes.len();
        }
        let at = now + this.delay;
        lane.flight.push_back((at, parcel));
        if at <= now {
            self.arrive(link, way);
        } else {
            self.plan(at, Due::Arrival { link, way });
        }
    }

    /// What is due on this way arrives.
    fn arrive(&mut self, link: usize, way: usize) {
        let now = Instant::now();
        loop {
            let this = &mut self.links[link];
            let lane = &mut this.ways[way];
            if this.parted || lane.flight.front().is_none_or(|(at, _)| *at > now) {
                return;
            }
            let Some((_, parcel)) = lane.flight.pop_front() else {
                return;
            };
            let there = &mut this.ends[1 - way];
            match parcel {
                Parcel::Bytes(bytes) => {
                    lane.in_flight -= bytes.len();
                    if there.closed {
                        self.spoil(link, Spoil::DataAfterClose(1 - way));
                        self.send(link, 1 - way, Parcel::Reset);
                        continue;
                    }
                    lane.shore.extend(&bytes);
                    if self.malice != Some(Malice::LoseWake) || !self.dice.chance(5) {
                        self.wake.extend(there.reader.take());
                    }
                }
                Parcel::Fin => {
                    lane.fin = Fin::Arrived;
                    self.wake.extend(there.reader.take());
                }
                Parcel::Reset => {
                    if self.dice.chance(50) {
                        lane.shore.clear();
                    }
                    lane.flight.clear();
                    lane.in_flight = 0;
                    self.journal.note("reset", &[link as u64, 1 - way as u64]);
                    self.tell(link, 1 - way);
                }
            }
        }
    }

    fn spoil(&mut self, link: usize, how: Spoil) {
        self.links[link].spoiled.get_or_insert(how);
    }

    fn hang_up(&mut self, link: usize, side: usize) {
        self.journal.note("hang up", &[link as u64, side as u64]);
        let this = &mut self.links[link];
        let (reader, writer) = (this.ends[side].reader.take(), this.ends[side].writer.take());
        this.ends[side].closed = true;
        let (unread, dead) = (!this.ways[1 - side].shore.is_empty(), this.ends[side].dead);
        if !dead && unread {
            self.spoil(link, Spoil::ClosedOnUnread(side));
            self.send(link, side, Parcel::Reset);
        } else if !dead && self.links[link].ways[side].fin == Fin::No {
            self.finish(link, side);
        }
        // Dropped outside the lock: a waker may be the last to hold a task.
        self.wake.extend(reader.into_iter().chain(writer));
    }

    fn finish(&mut self, link: usize, way: usize) {
        let lane = &mut self.links[link].ways[way];
        lane.fin = Fin::Sent;
        let rest = lane.tamper.rest();
        if !rest.is_empty() {
            self.send(link, way, Parcel::Bytes(rest));
        }
        self.send(link, way, Parcel::Fin);
    }

    fn read(
        &mut self,
        link: usize,
        side: usize,
        cx: &Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.turn();
        let grain = self.dice.size(1, self.climate.read_grain) as usize;
        let this = &mut self.links[link];
        let lane = &mut this.ways[1 - side];
        if !lane.shore.is_empty() {
            let some = grain.min(lane.shore.len()).min(into.remaining());
            let (front, back) = lane.shore.as_slices();
            let front = &front[..some.min(front.len())];
            let back = &back[..some - front.len()];
            lane.read.pass(front);
            lane.read.pass(back);
            into.put_slice(front);
            into.put_slice(back);
            lane.shore.drain(..some);
            self.journal
                .note("read", &[link as u64, side as u64, some as u64]);
            self.wake_writer(link, 1 - side);
            return Poll::Ready(Ok(()));
        }
        if this.ends[side].dead {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if lane.fin == Fin::Arrived {
            return Poll::Ready(Ok(()));
        }
        this.ends[side].reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn write(&mut self, link: usize, side: usize, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.turn();
        let offered: usize = bufs.iter().map(|buf| buf.len()).sum();
        let now = Instant::now();
        let this = &mut self.links[link];
        let lane = &mut this.ways[side];
        if this.ends[side].dead || lane.fin != Fin::No {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if offered == 0 {
            return Ok(0);
        }
        let room = lane.room();
        if room == 0 || lane.blocked_until.is_some_and(|until| until > now) {
            return Err(ErrorKind::WouldBlock.into());
        }
        lane.blocked_until = None;
        if self.dice.chance(self.climate.blocked) {
            let until = now + Duration::from_millis(self.dice.between(1, 20));
            lane.blocked_until = Some(until);
            self.plan(until, Due::Room { link, way: side });
            self.journal.note("blocked", &[link as u64, side as u64]);
            return Err(ErrorKind::WouldBlock.into());
        }
        let grain = self.dice.size(1, self.climate.write_grain) as usize;
        let mut taken = grain.min(room).min(offered);
        let doom = lane
            .doomed_at
            .filter(|(at, _)| *at <= lane.sent.bytes + taken as u64);
        if let Some((at, cut)) = doom {
            let before = (at - lane.sent.bytes) as usize;
            if self.malice == Some(Malice::DenyWrite) {
                let all: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
                lane.shore.extend(&all);
                self.cut(link, cut);
                self.tell(link, side);
                return Err(ErrorKind::ConnectionReset.into());
            }
            taken = before;
        }
        let mut bytes = Vec::with_capacity(taken);
        for buf in bufs {
            bytes.extend_from_slice(&buf[..buf.len().min(taken - bytes.len())]);
        }
        lane.sent.pass(&bytes);
        self.journal
            .note("write", &[link as u64, side as u64, taken as u64]);
        if this.void {
            lane.swallowed += taken;
        } else {
            let bytes = lane.tamper.through(self.malice, &mut self.dice, bytes);
            if !bytes.is_empty() {
                self.send(link, side, Parcel::Bytes(bytes));
            }
        }
        if let Some((_, cut)) = doom {
            self.links[link].ways[side].doomed_at = None;
            self.cut(link, cut);
        }
        Ok(taken)
    }
}

impl Way {
    fn room(&self) -> usize {
        self.capacity
            .saturating_sub(self.in_flight + self.shore.len() + self.swallowed)
    }

    /// Whether no message is on its way; signs of life may be.
    pub(crate) fn is_still(&self) -> bool {
        self.sent.open.is_none() && self.sent.whole.len() <= self.read.whole.len()
    }
}

impl Link {
    /// Whether neither side has closed it nor knows it to be broken.
    pub(crate) fn is_up(&self) -> bool {
        self.ends.iter().all(|end| !end.closed && !end.dead)
    }

    /// Whether both sides have closed it.
    pub(crate) fn is_gone(&self) -> bool {
        self.ends.iter().all(|end| end.closed)
    }
}

/// The network as one socket sees it.
#[derive(Debug)]
struct Port {
    net: Arc<Net>,
    owner: u16,
}

impl Carrier for Port {
    fn entropy(&self, len: usize) -> Option<Vec<u8>> {
        Some(trust::entropy(self.owner, len))
    }

    fn dial(&self, endpoint: &Endpoint) -> Dialing {
        let (net, owner, endpoint) = (self.net.clone(), self.owner, endpoint.clone());
        Box::pin(async move {
            let (delay, refused, hangs) = net.with(|state| {
                let (climate, dice) = (&state.climate, &mut state.dice);
                let fate = (
                    dice.between(climate.delay.0, climate.delay.1),
                    dice.chance(climate.refused),
                    dice.chance(climate.hanging),
                );
                state
                    .journal
                    .note("dial", &[owner.into(), fate.0, fate.1.into(), fate.2.into()]);
                fate
            });
            if hangs {
                sleep_until(net.heals).await;
                return Err(ErrorKind::TimedOut.into());
            }
            if delay > 0 {
                sleep(Duration::from_millis(delay)).await;
            }
            if refused {
                return Err(ErrorKind::ConnectionRefused.into());
            }
            let end = net.connect(owner, &endpoint)?;
            Ok(Box::new(Stream(end)) as Box<dyn ByteStream>)
        })
    }

    fn listen(&self, endpoint: &Endpoint) -> io::Result<Box<dyn ByteListener>> {
        self.net.with(|state| {
            if state.doors.contains_key(endpoint.as_str()) {
                return Err(ErrorKind::AddrInUse.into());
            }
            state.serial += 1;
            let number = state.serial;
            let door = Door {
                owner: self.owner,
                number,
                backlog: VecDeque::new(),
                waker: None,
            };
            state.doors.insert(endpoint.as_str().to_owned(), door);
            state.journal.note("listen", &[self.owner.into()]);
            Ok(Box::new(Listening {
                net: self.net.clone(),
                endpoint: endpoint.clone(),
                number,
            }) as Box<dyn ByteListener>)
        })
    }
}

struct Listening {
    net: Arc<Net>,
    endpoint: Endpoint,
    number: u64,
}

impl ByteListener for Listening {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Box<dyn ByteStream>>> {
        let (end, aborted) = {
            let mut state = self.net.lock();
            let state = &mut *state;
            state.turn();
            let Some(door) = state.doors.get_mut(self.endpoint.as_str()) else {
                return Poll::Pending;
            };
            if door.backlog.is_empty() {
                door.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if state.dice.chance(state.climate.exhausted) {
                state.journal.note("exhausted", &[]);
                return Poll::Ready(Err(io::Error::other("no descriptors left")));
            }
            (door.backlog.pop_front(), state.dice.chance(state.climate.aborted))
        };
        match end {
            // Dropped outside the lock, which hangs up.
            Some(end) if aborted => {
                drop(end);
                Poll::Ready(Err(ErrorKind::ConnectionAborted.into()))
            }
            Some(end) => Poll::Ready(Ok(Box::new(Stream(end)))),
            None => Poll::Pending,
        }
    }

    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut state = self.net.lock();
        let door = state.doors.get(self.endpoint.as_str());
        let gone = if door.is_some_and(|door| door.number == self.number) {
            state.doors.remove(self.endpoint.as_str())
        } else {
            None
        };
        drop(state);
        drop(gone);
    }
}

/// One side of a connection; closed when nobody holds it any more.
#[derive(Debug)]
struct End {
    net: Arc<Net>,
    link: usize,
    side: usize,
    address: String,
}

impl Drop for End {
    fn drop(&mut self) {
        self.net.with(|state| state.hang_up(self.link, self.side));
    }
}

struct Stream(Arc<End>);

impl ByteStream for Stream {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let end = &self.0;
        end.net.with(|state| state.read(end.link, end.side, cx, into))
    }

    fn is_read_closed(&mut self, _cx: &mut Context<'_>) -> bool {
        let end = &self.0;
        end.net.with(|state| {
            let link = &state.links[end.link];
            link.ends[end.side].dead || link.ways[1 - end.side].fin == Fin::Arrived
        })
    }

    fn writer(&self) -> Arc<dyn Writer> {
        Arc::new(Pen(self.0.clone()))
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let end = &self.0;
        end.net.with(|state| {
            let this = &mut state.links[end.link];
            let lane = &this.ways[end.side];
            let blocked = lane.blocked_until.is_some_and(|until| until > Instant::now());
            if this.ends[end.side].dead || lane.fin != Fin::No || lane.room() > 0 && !blocked {
                return Poll::Ready(Ok(()));
            }
            this.ends[end.side].writer = Some(cx.waker().clone());
            Poll::Pending
        })
    }

    fn shutdown_write(&self) -> io::Result<()> {
        let end = &self.0;
        end.net.with(|state| {
            let this = &state.links[end.link];
            if this.ends[end.side].dead {
                return Err(ErrorKind::NotConnected.into());
            }
            if this.ways[end.side].fin == Fin::No {
                state.journal.note("fin", &[end.link as u64, end.side as u64]);
                state.finish(end.link, end.side);
            }
            Ok(())
        })
    }

    fn peer_address(&self) -> &str {
        &self.0.address
    }
}

#[derive(Debug)]
struct Pen(Arc<End>);

impl Writer for Pen {
    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let end = &self.0;
        end.net.with(|state| state.write(end.link, end.side, bufs))
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at {}", self.owners, self.endpoint)?;
        write!(
            f,
            ", {:?}, void {}, parted {}",
            self.spoiled, self.void, self.parted
        )?;
        for (end, way) in self.ends.iter().zip(&self.ways) {
            write!(
                f,
                "; closed {} dead {} sent {} in flight {} on shore {} read {}",
                end.closed,
                end.dead,
                way.sent.bytes,
                way.in_flight,
                way.shore.len(),
                way.read.bytes
            )?;
        }
        Ok(())
    }
}
