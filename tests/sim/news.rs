//! Publishers and subscribers: in any weather each subscriber gets what it wants, in order and once, or it is counted.
//!
//! ```text
//!  storm ──────────── heal ──── all are connected ──── one message of each topic ──── the end
//!    everybody publishes, reads,   │ G7: within bounds    │ G9: to all who want it,
//!    subscribes and cancels        │                      │ and to nobody else
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hubless::{DropReason, EndpointError, Message, Payload, Pub, Sub};
use tokio::time::{Instant, sleep, timeout};

use crate::budget::{Holder, draw_common};
use crate::dice::Dice;
use crate::handle::Handle;
use crate::judge::{outgoing, taken_in};
use crate::letter::{Id, SIGN, Shape, TOPICS};
use crate::malice::Malice;
use crate::net::{Climate, Fault, Link};
use crate::scenario::{Letters, Options, draw_climate, draw_fault, draw_options};
use crate::stage::{self, LIVENESS, Outcome, Stage};

/// What tokio's clock and a few polls may add to a bound.
const SLACK: Duration = Duration::from_millis(20);

/// How it is to go.
#[derive(Debug)]
struct Plan {
    climate: Climate,
    faults: Vec<(u64, u64, Fault)>,
    publishers: Vec<Options>,
    subscribers: Vec<Options>,
    /// For each publisher and each subscriber, whether the subscriber dials.
    dials: Vec<Vec<bool>>,
    letters: Letters,
    /// So many messages from each publisher.
    messages: u64,
    publishers_end_first: bool,
}

impl Plan {
    fn draw(seed: u64) -> Self {
        let dice = &mut Dice::new(seed).fork(3);
        let stormy = dice.chance(80);
        let heals = dice.between(200, 2500);
        let (publishers, subscribers) = dice.pick(&[(1, 1), (1, 1), (1, 2), (2, 1), (1, 3), (2, 2), (1, 9)]);
        let messages = dice.size(8, 80);
        let letters = Letters {
            frames: dice.pick(&[1, 3]),
            // What goes to several, and is large or goes to many, lies in a log that they share.
            size: dice.pick(&[(1, 40), (1, 40), (1, 700), (1, 5000), (3000, 9000)]),
            large: 0,
            large_size: (1, 1),
            slices: dice.pick(&[0, 50, 100]),
        };
        let bytes = messages * publishers as u64 * letters.size.1;
        let climate = draw_climate(dice, stormy, heals, bytes);
        let fixed = dice.pick(&[Some(true), Some(true), Some(false), None]);
        let faults = if stormy { dice.size(1, 8) - 1 } else { 0 };
        let options = |dice: &mut Dice| {
            let mut options = draw_options(dice, stormy);
            options.be_patient(climate.delay.1);
            options.linger.get_or_insert(1500);
            options
        };
        Self {
            faults: (0..faults).map(|_| draw_fault(dice, heals)).collect(),
            publishers: (0..publishers).map(|_| options(dice)).collect(),
            subscribers: (0..subscribers).map(|_| options(dice)).collect(),
            dials: (0..publishers)
                .map(|_| {
                    (0..subscribers)
                        .map(|_| fixed.unwrap_or_else(|| dice.chance(50)))
                        .collect()
                })
                .collect(),
            letters,
            messages,
            publishers_end_first: dice.chance(50),
            climate,
        }
    }
}

/// Where one socket lives, and its successors.
struct Place {
    publishes: bool,
    options: Options,
    binds: Option<String>,
    dials: Vec<String>,
    /// How many are at the other ends.
    partners: usize,
    current: Mutex<Option<(u16, Handle)>>,
}

/// A socket of the story.
struct Record {
    handle: Handle,
    place: usize,
    publishes: bool,
    shapes: Vec<Shape>,
    /// What `send` took, in the order in which it returned.
    sent: Vec<u32>,
    delivered: Vec<Id>,
    /// What it is subscribed to, and how often.
    wanted: BTreeMap<Vec<u8>, u32>,
    /// It was told to end a connection, so it may have left something unread.
    parted: bool,
    /// It made an endpoint again that it had ended.
    parted_early: bool,
    /// It is closed: what it had received is not read any more.
    closed: bool,
}

impl Record {
    fn wants(&self, id: Id) -> bool {
        let topic = id.encode();
        self.wanted.keys().any(|prefix| topic.starts_with(prefix))
    }
}

struct World {
    stage: Stage,
    plan: Plan,
    places: Vec<Place>,
    records: Mutex<Vec<Record>>,
    /// Tasks that are closing or reopening something.
    busy: AtomicUsize,
    ending: AtomicBool,
}

impl std::ops::Deref for World {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

/// Runs one seed from beginning to end.
pub(crate) fn tell(seed: u64, malice: Option<Malice>, keep_log: bool) -> Outcome {
    stage::play(async {
        let mut plan = Plan::draw(seed);
        draw_common(
            seed,
            malice,
            plan.publishers.iter_mut().chain(&mut plan.subscribers),
        );
        let stage = Stage::new(seed, plan.climate.clone(), malice, keep_log);
        let world = Arc::new(World {
            stage,
            places: places(&plan),
            plan,
            records: Mutex::default(),
            busy: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
        });
        world.clone().play().await;
        let delivered = world.records().iter().map(|record| record.delivered.len()).sum();
        let plan = if keep_log {
            format!("{:#?}", world.plan)
        } else {
            String::new()
        };
        world.outcome(delivered, plan)
    })
}

fn places(plan: &Plan) -> Vec<Place> {
    let publisher = |index: usize| format!("tcp://10.0.1.{index}:1000");
    let subscriber = |index: usize| format!("tcp://10.0.2.{index}:1000");
    let (publishers, subscribers) = (plan.publishers.len(), plan.subscribers.len());
    let place = |publishes, options: &Options, binds, dials| Place {
        publishes,
        options: options.clone(),
        binds,
        dials,
        partners: if publishes { subscribers } else { publishers },
        current: Mutex::new(None),
    };
    let of_publishers = (0..publishers).map(|index| {
        let dialed = (0..subscribers).filter(|&other| !plan.dials[index][other]);
        let dialed: Vec<String> = dialed.map(subscriber).collect();
        let binds = (dialed.len() < subscribers).then(|| publisher(index));
        place(true, &plan.publishers[index], binds, dialed)
    });
    let of_subscribers = (0..subscribers).map(|index| {
        let dialed = (0..publishers).filter(|&other| plan.dials[other][index]);
        let dialed: Vec<String> = dialed.map(publisher).collect();
        let binds = (dialed.len() < publishers).then(|| subscriber(index));
        place(false, &plan.subscribers[index], binds, dialed)
    });
    of_publishers.chain(of_subscribers).collect()
}

impl World {
    fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self, place: usize) -> MutexGuard<'_, Option<(u16, Handle)>> {
        let current = self.places[place].current.lock();
        current.unwrap_or_else(PoisonError::into_inner)
    }

    async fn play(self: Arc<Self>) {
        let clock = tokio::spawn(self.net.clone().run());
        let weather = tokio::spawn({
            let world = self.clone();
            async move { world.weather(world.plan.faults.clone()).await }
        });
        let (mut working, mut reading) = (Vec::new(), Vec::new());
        for place in 0..self.places.len() {
            self.open(place).await;
            let actor = |purpose: u64| Actor {
                world: self.clone(),
                place,
                dice: Dice::new(self.seed).fork(place as u64 * 10 + purpose),
            };
            if self.places[place].publishes {
                working.push(tokio::spawn(actor(10).publish()));
            } else {
                working.push(tokio::spawn(actor(11).choose()));
                reading.push(tokio::spawn(actor(12).read()));
            }
        }
        let _ = weather.await;
        let deadline = self.net.heals() + LIVENESS;
        if !self.join(working, deadline).await {
            return self.complain(format!("G7: a call did not end: {}", self.situation()));
        }
        if !self.all_meet(deadline).await {
            return self.complain(format!("G7: not everybody is connected: {}", self.situation()));
        }
        if !self.has_moved(deadline).await {
            return self.complain(format!("G7: something did not move: {}", self.situation()));
        }
        self.books();
        self.try_every_topic().await;
        self.end(reading).await;
        self.left_nothing(clock, || self.situation()).await;
        self.books();
        self.ways();
    }

    /// Opens the next socket of a place.
    async fn open(&self, place: usize) {
        let here = &self.places[place];
        let number = self.records().len() as u16;
        let seed = Dice::new(self.seed).fork(u64::from(number) + 1000).roll();
        let carrier = self.net.port(number);
        let built = "the options do not contradict each other";
        let handle = if here.publishes {
            let builder = here
                .options
                .apply(Pub::builder(), carrier, seed)
                .mechanism(self.trust.mechanism(true));
            Handle::Pub(builder.send_hwm(here.options.hwm).build().expect(built))
        } else {
            let builder = here
                .options
                .apply(Sub::builder(), carrier, seed)
                .mechanism(self.trust.mechanism(false));
            Handle::Sub(builder.recv_hwm(here.options.hwm).build().expect(built))
        };
        self.records().push(Record {
            handle: handle.clone(),
            place,
            publishes: here.publishes,
            shapes: Vec::new(),
            sent: Vec::new(),
            delivered: Vec::new(),
            wanted: BTreeMap::new(),
            parted: false,
            parted_early: false,
            closed: false,
        });
        self.net.note("socket", &[number.into(), place as u64]);
        if let Some(endpoint) = &here.binds {
            handle.bind(self, endpoint).await;
        }
        for endpoint in &here.dials {
            if let Err(error) = handle.connect(endpoint) {
                self.complain(format!("connect: {error}"));
            }
        }
        *self.current(place) = Some((number, handle));
    }

    /// Everybody has as many peers as partners, and each subscriber's publishers know what it wants.
    async fn all_meet(&self, deadline: Instant) -> bool {
        let met = self.until(deadline, || {
            (0..self.places.len()).all(|place| {
                let current = self.current(place);
                let peers = current.as_ref().map(|(_, handle)| handle.peers().count());
                peers == Some(self.places[place].partners)
            })
        });
        if !met.await {
            return false;
        }
        for place in 0..self.places.len() {
            let Some((number, Handle::Sub(sub))) = self.current(place).clone() else {
                continue;
            };
            if !matches!(timeout(LIVENESS, sub.subscribed()).await, Ok(Ok(()))) {
                self.complain(format!("G9: socket {number} does not hear that it is subscribed"));
            }
        }
        true
    }

    /// Waits until nothing is queued, nothing on its way and nothing unread.
    async fn has_moved(&self, deadline: Instant) -> bool {
        self.until(deadline, || {
            let mut up = true;
            self.net.look(|links| {
                let mut links = links.iter().filter(|link| link.is_up());
                up = links.all(|link| link.ways.iter().all(|way| way.is_still()));
            });
            let records = self.records();
            let mut open = records.iter().filter(|record| !record.closed);
            up && open.all(|record| {
                let stats = record.handle.stats();
                stats.outgoing.queued.messages == 0 && stats.incoming.queued.messages == 0
            })
        })
        .await
    }

    /// A message of each topic from each publisher reaches exactly those who want it (G9), for nobody is slow now.
    async fn try_every_topic(&self) {
        for place in (0..self.places.len()).filter(|&place| self.places[place].publishes) {
            let Some((number, Handle::Pub(publisher))) = self.current(place).clone() else {
                continue;
            };
            for _ in 0..TOPICS {
                let (id, shape) = self.write_letter(number, &mut Dice::new(self.seed).fork(9));
                if publisher.send(shape.message(id)).await.is_ok() {
                    self.records()[number as usize].sent.push(id.number);
                }
                if !self.has_moved(Instant::now() + LIVENESS).await {
                    return self.complain(format!("G7: {id:?} did not move: {}", self.situation()));
                }
                self.reached_who_wants_it(id);
            }
        }
    }

    fn reached_who_wants_it(&self, id: Id) {
        for place in (0..self.places.len()).filter(|&place| !self.places[place].publishes) {
            let Some((reader, _)) = *self.current(place) else {
                continue;
            };
            let (got, wants) = {
                let record = &self.records()[reader as usize];
                let got = record.delivered.iter().filter(|other| **other == id).count();
                (got, record.wants(id))
            };
            if got != usize::from(wants) {
                self.complain(format!(
                    "G9: socket {reader} got {id:?} {got} times and {} it: {}",
                    if wants { "wants" } else { "does not want" },
                    self.situation()
                ));
            }
        }
    }

    fn write_letter(&self, number: u16, dice: &mut Dice) -> (Id, Shape) {
        let shape = self.plan.letters.draw(dice);
        let shapes = &mut self.records()[number as usize].shapes;
        let id = Id {
            socket: number,
            number: shapes.len() as u32,
        };
        shapes.push(shape.clone());
        (id, shape)
    }

    async fn end(self: &Arc<Self>, reading: Vec<tokio::task::JoinHandle<()>>) {
        self.ending.store(true, Ordering::Relaxed);
        for publishers in [self.plan.publishers_end_first, !self.plan.publishers_end_first] {
            let places = (0..self.places.len()).filter(|&place| self.places[place].publishes == publishers);
            let closing = places.map(|place| tokio::spawn(self.clone().close(place)));
            let closing = closing.collect();
            if !self.join(closing, Instant::now() + Duration::from_secs(60)).await {
                self.complain(format!("G10: a close did not end: {}", self.situation()));
            }
        }
        if !self.join(reading, Instant::now() + LIVENESS).await {
            self.complain(format!("G7: a recv did not end: {}", self.situation()));
        }
    }

    async fn close(self: Arc<Self>, place: usize) {
        let Some((number, handle)) = self.current(place).take() else {
            return;
        };
        self.net.note("close", &[number.into()]);
        {
            let record = &mut self.records()[number as usize];
            (record.parted, record.closed) = (true, true);
        }
        let start = Instant::now();
        let _ = handle.close().await;
        self.check_linger(place, "close", start);
    }

    fn check_linger(&self, place: usize, what: &str, start: Instant) {
        let linger = self.places[place].options.linger.unwrap_or(u64::MAX);
        let took = start.elapsed();
        if took > Duration::from_millis(linger) + SLACK {
            self.complain(format!("G10: {what} took {took:?} with a linger of {linger} ms"));
        }
    }

    /// G6, of all sockets that are open.
    fn check_budgets(&self) {
        let records = self.records();
        let largest = self.plan.letters.largest();
        let open = records.iter().enumerate().filter(|(_, record)| !record.closed);
        let asked = open.filter(|(_, record)| record.publishes || self.asks_receivers());
        self.stage.check_budgets(asked.map(|(number, record)| Holder {
            number: number as u16,
            handle: &record.handle,
            options: &self.places[record.place].options,
            dials: self.places[record.place].dials.len(),
            largest,
            promised: 0,
            reroutes: false,
        }));
    }

    fn situation(&self) -> String {
        let mut text = String::new();
        for (number, record) in self.records().iter().enumerate() {
            let stats = record.handle.stats();
            text += &format!(
                "\n    socket {number}: {:?} {:?}, {} peers, {} sent, {} delivered, wants {:?}",
                stats.outgoing,
                stats.incoming,
                record.handle.peers().count(),
                record.sent.len(),
                record.delivered.len(),
                record.wanted.keys().collect::<Vec<_>>(),
            );
        }
        self.net.look(|links| {
            for (number, link) in links.iter().enumerate().filter(|(_, link)| !link.is_gone()) {
                text += &format!("\n    link {number}: {link:?}");
            }
        });
        text
    }

    // ---- what happened, against what is promised --------------------------------------------------------------

    /// G5: what the sockets counted is what happened.
    fn books(&self) {
        let records = self.records();
        self.judge(|links, complaints| {
            for (number, record) in records.iter().enumerate() {
                books(links, number as u16, record, complaints);
            }
        });
    }

    /// G1 to G4: what left and what arrived, connection by connection.
    fn ways(&self) {
        let records = self.records();
        self.judge(|links, complaints| {
            for (number, record) in records.iter().enumerate() {
                if record.publishes {
                    departures(links, number as u16, record, complaints);
                } else {
                    arrivals(links, number as u16, record, complaints);
                }
            }
        });
    }
}

fn books(links: &[Link], number: u16, record: &Record, complaints: &mut Vec<String>) {
    let stats = record.handle.stats();
    let mut check = |what: &str, counted: u64, found: u64| {
        if counted != found {
            complaints.push(format!(
                "G5: socket {number}: {what} is counted {counted} and was {found}: {stats:?}"
            ));
        }
    };
    let (out, into) = (stats.outgoing, stats.incoming);
    let (mut whole, mut bytes, mut cut, mut perhaps) = (0, 0, 0, 0);
    for link in links {
        if let Some(side) = outgoing(link, number) {
            let sent = &link.ways[side].sent;
            whole += sent.whole.len() as u64;
            bytes += sent.whole.iter().map(|passed| passed.bytes).sum::<u64>();
            cut += u64::from(sent.is_open() == Some(true));
            perhaps += u64::from(sent.is_open().is_none());
        }
    }
    if record.publishes {
        // A publisher answers questions: what of a sealed answer is cut looks like a message.
        let counted = out.dropped.by(DropReason::Cut);
        let cut = counted.clamp(cut, cut + perhaps);
        if cut + perhaps == 0 {
            check("bytes handed over", out.handed_over.bytes, bytes);
        }
        if out.queued.messages == 0 {
            check("bytes queued", out.queued.bytes, 0);
        }
        check("handed over", out.handed_over.messages, whole);
        check("cut", out.dropped.by(DropReason::Cut), cut);
        check(
            "accepted (handed over + dropped + queued)",
            out.accepted.messages,
            out.handed_over.messages + out.dropped.total() + out.queued.messages,
        );
    } else {
        check(
            "delivered",
            into.delivered.messages,
            record.delivered.len() as u64,
        );
        check(
            "received (delivered + dropped + queued)",
            into.received.messages,
            into.delivered.messages + into.dropped.total() + into.queued.messages,
        );
        let read = taken_in(links, number).messages;
        if !record.parted || into.received.messages > read {
            check("received", into.received.messages, read);
        }
    }
}

/// Where messages leave: nothing twice on one connection, nothing that was not accepted, everything in its order.
fn departures(links: &[Link], number: u16, record: &Record, complaints: &mut Vec<String>) {
    let sent = record.sent.iter().enumerate();
    let order: BTreeMap<u32, usize> = sent.map(|(at, number)| (*number, at)).collect();
    for (at, link) in links.iter().enumerate() {
        let Some(side) = outgoing(link, number) else {
            continue;
        };
        let (mut last, reader) = (None, link.owners[1 - side]);
        for id in link.ways[side].sent.whole.iter().filter_map(|passed| passed.id) {
            let Some(&place) = order.get(&id.number).filter(|_| id.socket == number) else {
                complaints.push(format!(
                    "G8: {id:?} was sent on link {at}, though `send` did not take it"
                ));
                continue;
            };
            if last.is_some_and(|last| last >= place) {
                complaints.push(format!(
                    "G2: {id:?} left for socket {reader} after a later one, or again"
                ));
            }
            last = Some(place);
        }
        let (sent, read) = (&link.ways[side].sent.whole, &link.ways[side].read.whole);
        let ids = |passed: &[crate::tap::Passed]| passed.iter().map(|one| one.id).collect::<Vec<_>>();
        if !ids(sent).starts_with(&ids(read)) {
            complaints.push(format!(
                "G2: on link {at} left {:?} and arrived {:?}",
                ids(sent),
                ids(read)
            ));
        }
    }
}

/// Where messages arrive: nothing twice, and from each connection in its order.
fn arrivals(links: &[Link], number: u16, record: &Record, complaints: &mut Vec<String>) {
    let mut read = BTreeMap::new();
    for (at, link) in links.iter().enumerate() {
        if let Some(side) = outgoing(link, number) {
            let whole = link.ways[1 - side].read.whole.iter().enumerate();
            read.extend(whole.filter_map(|(place, passed)| Some((passed.id?, (at, place)))));
        }
    }
    let (mut seen, mut last) = (BTreeSet::new(), BTreeMap::new());
    let mut newest: BTreeMap<&str, usize> = BTreeMap::new();
    for id in &record.delivered {
        if !seen.insert(*id) {
            complaints.push(format!("G1: {id:?} was delivered to socket {number} twice"));
        }
        let Some(&(link, place)) = read.get(id) else {
            complaints.push(format!(
                "G1: {id:?} was delivered to socket {number}, which never read it"
            ));
            continue;
        };
        // A dialed endpoint is one pipe over all its connections. (One that was given up and dialed again is another.)
        if outgoing(&links[link], number) == Some(0) && !record.parted_early {
            let newest = newest.entry(links[link].endpoint.as_str()).or_insert(link);
            if link < *newest {
                complaints.push(format!(
                    "G2: {id:?} of link {link} was delivered after something of link {newest}"
                ));
            }
            *newest = link.max(*newest);
        }
        if last.insert(link, place).is_some_and(|before| before >= place) {
            complaints.push(format!(
                "G2: {id:?} of link {link} was delivered after a later one"
            ));
        }
    }
}

/// One task of the program.
struct Actor {
    world: Arc<World>,
    place: usize,
    dice: Dice,
}

impl Actor {
    /// The socket that lives here, as soon as there is one.
    async fn current(&self) -> Option<(u16, Handle)> {
        loop {
            if let Some(current) = &*self.world.current(self.place) {
                return Some(current.clone());
            }
            if self.world.ending.load(Ordering::Relaxed) {
                return None;
            }
            sleep(Duration::from_millis(3)).await;
        }
    }

    async fn publish(mut self) {
        let bursts = self.dice.chance(40);
        for _ in 0..self.world.plan.messages {
            if self.dice.chance(if bursts { 5 } else { 40 }) {
                sleep(Duration::from_millis(self.dice.size(1, 150))).await;
            }
            self.be_restless(2).await;
            self.publish_one().await;
        }
    }

    async fn publish_one(&mut self) {
        let Some((number, Handle::Pub(publisher))) = self.current().await else {
            return;
        };
        let (id, shape) = self.world.write_letter(number, &mut self.dice);
        let message = shape.message(id);
        let body = message.frame(0).map(<[u8]>::to_vec).unwrap_or_default();
        let slice = message.len() == 1 && self.dice.chance(self.world.plan.letters.slices);
        let payload: Payload<'_> = if slice {
            body.as_slice().into()
        } else {
            message.into()
        };
        let taken = match self.dice.below(5) {
            0 => publisher.try_send(payload).is_ok(),
            1 => match publisher.reserve().await {
                Ok(permit) if self.dice.chance(75) => permit.send(payload).is_ok(),
                _ => false,
            },
            2 => {
                let sending = pin!(publisher.send(payload));
                let polled = sending.poll(&mut Context::from_waker(Waker::noop()));
                matches!(polled, Poll::Ready(Ok(())))
            }
            _ => publisher.send(payload).await.is_ok(),
        };
        self.world
            .net
            .note("publish", &[number.into(), id.number.into(), taken.into()]);
        if taken {
            self.world.records()[number as usize].sent.push(id.number);
        }
        self.world.check_budgets();
    }

    async fn choose(mut self) {
        // Some are subscribed from the start.
        for _ in 0..self.dice.below(4) {
            self.subscribe(true).await;
        }
        while !self.world.is_calm() {
            sleep(Duration::from_millis(self.dice.size(1, 200))).await;
            self.be_restless(10).await;
            let more = self.dice.chance(60);
            self.subscribe(more).await;
        }
        // A socket that has just come is subscribed to nothing, and would show nothing.
        for _ in 0..self.dice.below(3) {
            self.subscribe(true).await;
        }
    }

    async fn subscribe(&mut self, more: bool) {
        let Some((number, Handle::Sub(sub))) = self.current().await else {
            return;
        };
        let topic = self.dice.below(TOPICS.into()) as u8;
        let prefix = match self.dice.below(10) {
            0 => vec![],
            1 => vec![SIGN],
            2 => vec![SIGN, topic, self.dice.below(3) as u8],
            3 => vec![topic],
            _ => vec![SIGN, topic],
        };
        let mut records = self.world.records();
        let wanted = &mut records[number as usize].wanted;
        let mut complaint = None;
        if more {
            sub.subscribe(&prefix);
            *wanted.entry(prefix).or_default() += 1;
        } else {
            let was = wanted.get(&prefix).copied().unwrap_or_default();
            if sub.unsubscribe(&prefix) != (was > 0) {
                complaint = Some(format!(
                    "G9: {prefix:?} was wanted {was} times, and cancelled otherwise"
                ));
            }
            match was {
                0 | 1 => drop(wanted.remove(&prefix)),
                _ => drop(wanted.insert(prefix, was - 1)),
            }
        }
        drop(records);
        complaint
            .into_iter()
            .for_each(|complaint| self.world.complain(complaint));
    }

    async fn read(mut self) {
        let lazy = self.dice.chance(40);
        loop {
            let Some((number, Handle::Sub(sub))) = self.current().await else {
                return;
            };
            let calm = self.world.is_calm();
            let limit = Duration::from_millis(self.dice.size(1, 200));
            match if calm {
                0
            } else {
                self.dice.below(if lazy { 9 } else { 5 })
            } {
                0 => match sub.recv().await {
                    Ok(message) => self.keep(number, &message),
                    // Closed: another will take its place, or nobody.
                    Err(_) => sleep(Duration::from_millis(1)).await,
                },
                1 => {
                    if let Ok(message) = sub.recv_timeout(limit).await {
                        self.keep(number, &message);
                    }
                }
                2 => {
                    let mut many = Vec::new();
                    let _ = timeout(limit, sub.recv_many(&mut many, 5)).await;
                    many.iter().for_each(|message| self.keep(number, message));
                }
                3 => {
                    if let Ok(message) = sub.try_recv() {
                        self.keep(number, &message);
                    }
                    sleep(Duration::from_millis(1)).await;
                }
                _ => sleep(limit * 4).await,
            }
            self.world.check_budgets();
        }
    }

    /// Enters a message: one that its sender made, and that this socket wants at this very moment.
    fn keep(&self, number: u16, message: &Message) {
        let mut records = self.world.records();
        let id = message.frame(0).and_then(Id::decode);
        let shape = id.and_then(|id| records.get(id.socket as usize)?.shapes.get(id.number as usize));
        let verdict = match (id, shape) {
            (Some(id), Some(shape)) => shape.compare(id, message).map(|()| id),
            _ => Err(format!("a message that nobody sent: {message:?}")),
        };
        let complaint = match verdict {
            Ok(id) => {
                let record = &mut records[number as usize];
                record.delivered.push(id);
                (!record.wants(id))
                    .then(|| format!("G9: socket {number} was given {id:?}, which it does not want"))
            }
            Err(problem) => Some(format!("G3: {problem}")),
        };
        drop(records);
        self.world.net.note("received", &[number.into()]);
        complaint
            .into_iter()
            .for_each(|complaint| self.world.complain(complaint));
    }

    /// Now and then ends an endpoint and opens it again, or closes the socket for another to take its place.
    async fn be_restless(&mut self, chance: u64) {
        if self.world.is_calm() || !self.dice.chance(chance) {
            return;
        }
        self.world.busy.fetch_add(1, Ordering::Relaxed);
        let pause = Duration::from_millis(self.dice.size(1, 200));
        if self.dice.chance(30) {
            self.world.clone().close(self.place).await;
            sleep(pause).await;
            self.world.open(self.place).await;
        } else {
            self.part(pause).await;
        }
        self.world.busy.fetch_sub(1, Ordering::Relaxed);
    }

    async fn part(&mut self, pause: Duration) {
        let Some((number, handle)) = self.current().await else {
            return;
        };
        let place = &self.world.places[self.place];
        let bound = place.binds.iter().map(|endpoint| (endpoint, true));
        let endpoints: Vec<_> = bound
            .chain(place.dials.iter().map(|endpoint| (endpoint, false)))
            .collect();
        let (endpoint, bound) = self.dice.pick(&endpoints);
        {
            let record = &mut self.world.records()[number as usize];
            (record.parted, record.parted_early) = (true, true);
        }
        self.world.net.note("part", &[number.into(), bound.into()]);
        let start = Instant::now();
        match handle.part(endpoint, bound).await {
            Ok(()) | Err(EndpointError::Unsent(_)) => {}
            Err(error) => self
                .world
                .complain(format!("cannot part from {endpoint}: {error}")),
        }
        self.world.check_linger(self.place, "part", start);
        sleep(pause).await;
        if bound {
            handle.bind(&self.world, endpoint).await;
        } else if let Err(error) = handle.connect(endpoint) {
            self.world.complain(format!("cannot connect again: {error}"));
        }
    }
}
