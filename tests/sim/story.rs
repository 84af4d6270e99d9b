//! Tells one story: sockets, those who use them, the weather, and the end.
//!
//! ```text
//!  storm ────────────── heal ──── scripts end ──── all moved ──── backlog, closing ──── nothing left
//!    scripts run, faults strike      │  G7: within bounds            │  G10: within linger
//! ```
//!
//! Everything runs on one paused runtime: time passes when all tasks wait, and only as far as the next of them.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hubless::kind::{HasIncoming, HasOutgoing, Receives, Sends, Shares};
use hubless::{
    Dealer, EndpointError, Mechanism, Message, Payload, Pull, Push, Router, RoutingId, SendError, Socket,
    TrySendError, Unsent,
};
use tokio::time::{Instant, sleep, timeout};

use crate::budget::{Holder, draw_common};
use crate::dice::Dice;
use crate::handle::Handle;
use crate::judge;
use crate::letter::{Id, Shape};
use crate::malice::Malice;
use crate::scenario::{Kinds, Options, Order, Scenario, Step};
use crate::stage::{self, LIVENESS, Outcome, Stage};
use crate::trust::Trust;

/// What tokio's clock and a few polls may add to a bound.
const SLACK: Duration = Duration::from_millis(20);

/// A socket of the story, for as long as the story lasts.
#[derive(Debug)]
pub(crate) struct Record {
    /// Its place in the plan, and whether it sends.
    pub(crate) place: usize,
    pub(crate) sends: bool,
    pub(crate) options: Options,
    /// A handle to ask for counters; none if the socket was dropped rather than closed.
    pub(crate) handle: Option<Handle>,
    /// By number: what its messages look like.
    pub(crate) shapes: Vec<Shape>,
    /// What `send` took, in the order in which it returned.
    pub(crate) accepted: Vec<u32>,
    /// What was handed back as not sent.
    pub(crate) unsent: Vec<Id>,
    /// What the program was given.
    pub(crate) delivered: Vec<Id>,
    /// It dials one endpoint twice: two pipes that cannot be told apart from outside.
    pub(crate) doubled: bool,
    /// It sends what waited for one peer to others.
    pub(crate) reroutes: bool,
    /// By number: at which place the receiver lives that a message is for, if it is for one.
    pub(crate) aims: BTreeMap<u32, usize>,
    /// It was told to end a connection, so it may have left something unread …
    pub(crate) parted: bool,
    /// … and to make it again.
    pub(crate) parted_early: bool,
    /// It is closed.
    pub(crate) closed: bool,
    /// Bytes of messages for which there was a permit, since nothing was queued.
    pub(crate) promised: u64,
    /// How many endpoints it dials.
    pub(crate) dials: usize,
}

/// Where one socket of the plan lives, and its successors.
struct Place {
    sends: bool,
    index: usize,
    /// Where it binds, if anybody dials it.
    binds: Option<String>,
    dials: Vec<String>,
    /// The socket that lives here now, by its number.
    current: Mutex<Option<(u16, Handle)>>,
}

pub(crate) struct World {
    stage: Stage,
    pub(crate) scenario: Scenario,
    places: Vec<Place>,
    records: Mutex<Vec<Record>>,
    /// Receivers do not read.
    stalled: AtomicBool,
    /// Tasks that are closing or reopening something.
    busy: AtomicUsize,
    /// All sockets are being closed: no new ones.
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
        let world = World::new(seed, malice, keep_log);
        world.clone().play().await;
        let delivered = world.records().iter().map(|record| record.delivered.len()).sum();
        let plan = if keep_log {
            format!("{:#?}", world.scenario)
        } else {
            String::new()
        };
        world.outcome(delivered, plan)
    })
}

impl World {
    fn new(seed: u64, malice: Option<Malice>, keep_log: bool) -> Arc<Self> {
        let mut scenario = Scenario::draw(seed);
        let stage = Stage::new(seed, scenario.climate.clone(), malice, keep_log);
        let plans = scenario.senders.iter_mut().chain(&mut scenario.receivers);
        draw_common(seed, malice, plans.map(|plan| &mut plan.options));
        if stage.trust == Trust::Curve {
            scenario.be_silent();
        }
        let places = places(&scenario);
        Arc::new(Self {
            stage,
            scenario,
            places,
            records: Mutex::default(),
            stalled: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
        })
    }

    pub(crate) fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The whole story.
    async fn play(self: Arc<Self>) {
        let clock = tokio::spawn(self.net.clone().run());
        for place in 0..self.places.len() {
            self.clone().open(place).await;
        }
        let weather = tokio::spawn({
            let world = self.clone();
            async move { world.weather(world.scenario.faults.clone()).await }
        });
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for (place, plan) in self.plans() {
            for (task, script) in plan.scripts.iter().enumerate() {
                let dice = Dice::new(self.seed).fork((place * 10 + task + 10) as u64);
                let actor = Actor {
                    world: self.clone(),
                    place,
                    dice,
                };
                if self.places[place].sends {
                    senders.push(tokio::spawn(actor.send_all(script.clone())));
                } else {
                    receivers.push(tokio::spawn(actor.receive_all(script.clone())));
                }
            }
        }
        let _ = weather.await;
        let deadline = self.net.heals() + LIVENESS;
        if !self.join(senders, deadline).await {
            return self.complain(format!("G7: a send did not end: {}", self.situation()));
        }
        if !self.moved(deadline).await {
            return self.complain(format!("G7: something did not move: {}", self.situation()));
        }
        judge::at_rest(&self);
        self.finale().await;
        if !self.join(receivers, Instant::now() + LIVENESS).await {
            return self.complain(format!("G7: a recv did not end: {}", self.situation()));
        }
        self.places.iter().for_each(|place| *place.lock() = None);
        self.left_nothing(clock, || self.situation()).await;
        judge::at_the_end(&self);
    }

    fn plans(&self) -> impl Iterator<Item = (usize, &crate::scenario::SocketPlan)> {
        self.scenario
            .senders
            .iter()
            .chain(&self.scenario.receivers)
            .enumerate()
    }

    /// Opens the next socket of a place.
    async fn open(self: Arc<Self>, place: usize) {
        let here = &self.places[place];
        let number = self.records().len() as u16;
        let plan = self.plans().nth(place).map(|(_, plan)| plan.options.clone());
        let options = plan.expect("every place has a plan");
        let seed = Dice::new(self.seed).fork(u64::from(number) + 1000).roll();
        let mechanism = self.trust.mechanism(!here.sends);
        let handle = self.build(here, &options, mechanism, self.net.port(number), seed);
        self.records().push(Record {
            place: here.index,
            sends: here.sends,
            options,
            handle: Some(handle.clone()),
            shapes: Vec::new(),
            accepted: Vec::new(),
            unsent: Vec::new(),
            delivered: Vec::new(),
            doubled: (1..here.dials.len()).any(|at| here.dials[..at].contains(&here.dials[at])),
            reroutes: self.scenario.reroute,
            aims: BTreeMap::new(),
            parted: false,
            parted_early: false,
            closed: false,
            promised: 0,
            dials: here.dials.len(),
        });
        self.net.note("socket", &[number.into(), place as u64]);
        if let Some(endpoint) = &here.binds {
            handle.bind(&self, endpoint).await;
        }
        for endpoint in &here.dials {
            if let Err(error) = handle.connect(endpoint) {
                self.complain(format!("connect: {error}"));
            }
        }
        *here.lock() = Some((number, handle));
    }

    fn build(
        &self,
        here: &Place,
        options: &Options,
        mechanism: Mechanism,
        carrier: Arc<dyn hubless::carrier::Carrier>,
        seed: u64,
    ) -> Handle {
        let reroute = self.scenario.reroute;
        let built = "the options do not contradict each other";
        if let Kinds::RouterAndDealer { mandatory, handover } = self.scenario.kinds
            && here.sends
        {
            let router = options
                .apply(Router::builder(), carrier, seed)
                .mechanism(mechanism)
                .mandatory(mandatory)
                .handover(handover);
            return Handle::Router(options.for_sending(router).build().expect(built));
        }
        match (self.scenario.kinds, here.sends) {
            (Kinds::PushAndPull, true) => {
                let push = options.apply(Push::builder(), carrier, seed).mechanism(mechanism);
                let push = push.conflate(options.conflate).immediate(options.immediate);
                let push = options.for_sending(push).reroute(reroute);
                Handle::Push(push.build().expect(built))
            }
            (Kinds::PushAndPull, false) => {
                let pull = options.apply(Pull::builder(), carrier, seed).mechanism(mechanism);
                let pull = options.for_receiving(pull.conflate(options.conflate));
                Handle::Pull(pull.build().expect(built))
            }
            (_, true) => {
                let dealer = options
                    .apply(Dealer::builder(), carrier, seed)
                    .mechanism(mechanism);
                let dealer = dealer.conflate(options.conflate).immediate(options.immediate);
                let dealer = options.for_sending(dealer).reroute(reroute);
                Handle::Dealer(dealer.build().expect(built))
            }
            (_, false) => {
                let dealer = options
                    .apply(Dealer::builder(), carrier, seed)
                    .mechanism(mechanism);
                let dealer = dealer.conflate(options.conflate).routing_id(name_of(here.index));
                Handle::Dealer(options.for_receiving(dealer).build().expect(built))
            }
        }
    }

    /// Waits until everything has moved that may.
    async fn moved(&self, deadline: Instant) -> bool {
        self.until(deadline, || {
            self.busy.load(Ordering::Relaxed) == 0 && judge::has_moved(self)
        })
        .await
    }

    /// G6, of all sockets that are open.
    fn check_budgets(&self) {
        let records = self.records();
        let largest = self.scenario.letters.largest();
        let open = records.iter().enumerate().filter(|(_, record)| !record.closed);
        let asked = open.filter(|(_, record)| record.sends || self.asks_receivers());
        self.stage.check_budgets(asked.filter_map(|(number, record)| {
            Some(Holder {
                number: number as u16,
                handle: record.handle.as_ref()?,
                options: &record.options,
                dials: record.dials,
                largest,
                promised: record.promised,
                reroutes: record.reroutes,
            })
        }));
    }

    /// What there is, for a complaint.
    fn situation(&self) -> String {
        let mut text = String::new();
        for (number, record) in self.records().iter().enumerate() {
            if let Some(handle) = &record.handle {
                let stats = handle.stats();
                text += &format!(
                    "\n    socket {number} at {}{}: {:?} {:?}, {} accepted, {} delivered{}",
                    if record.sends { "sender " } else { "receiver " },
                    record.place,
                    stats.outgoing,
                    stats.incoming,
                    record.accepted.len(),
                    record.delivered.len(),
                    if record.closed { ", closed" } else { "" },
                );
            }
        }
        self.net.look(|links| {
            for (number, link) in links.iter().enumerate().filter(|(_, link)| !link.is_gone()) {
                text += &format!("\n    link {number}: {link:?}");
            }
        });
        text
    }

    // ---- the end -------------------------------------------------------------------------------------------

    async fn finale(self: &Arc<Self>) {
        let finale = self.scenario.finale.clone();
        if let Some(backlog) = finale.backlog {
            self.stalled.store(true, Ordering::Relaxed);
            self.pile_up(backlog).await;
            if let Some(resumes) = finale.resumes {
                let world = self.clone();
                tokio::spawn(async move {
                    sleep(Duration::from_millis(resumes)).await;
                    world.stalled.store(false, Ordering::Relaxed);
                });
            }
        }
        self.ending.store(true, Ordering::Relaxed);
        let close = |sends: bool| {
            let places = (0..self.places.len()).filter(move |&place| self.places[place].sends == sends);
            places
                .map(|place| tokio::spawn(self.clone().close(place)))
                .collect::<Vec<_>>()
        };
        let longest = Instant::now() + Duration::from_secs(60);
        let mut tasks = Vec::new();
        if finale.order != Order::ReceiversFirst {
            tasks = close(true);
        }
        if finale.order == Order::SendersFirst {
            if !self.join(tasks, longest).await {
                return self.complain(format!("G10: a close did not end: {}", self.situation()));
            }
            self.stalled.store(false, Ordering::Relaxed);
            if !self.moved(Instant::now() + LIVENESS).await {
                return self.complain(format!("G7: something did not arrive: {}", self.situation()));
            }
            tasks = Vec::new();
        }
        tasks.extend(close(false));
        if finale.order == Order::ReceiversFirst {
            sleep(Duration::from_millis(50)).await;
            tasks.extend(close(true));
        }
        if !self.join(tasks, longest).await {
            self.complain(format!("G10: a close did not end: {}", self.situation()));
        }
        self.stalled.store(false, Ordering::Relaxed);
    }

    /// Sends while there is room.
    async fn pile_up(self: &Arc<Self>, messages: u32) {
        for place in (0..self.places.len()).filter(|&place| self.places[place].sends) {
            let mut actor = Actor {
                world: self.clone(),
                place,
                dice: Dice::new(self.seed).fork(5000 + place as u64),
            };
            for _ in 0..messages {
                actor.send_step(&Step::TrySend).await;
            }
        }
    }

    async fn close(self: Arc<Self>, place: usize) {
        let Some((number, handle)) = self.places[place].lock().take() else {
            return;
        };
        let options = self.records()[number as usize].options.clone();
        let start = Instant::now();
        self.net.note("close", &[number.into()]);
        let result = handle.close().await;
        let took = start.elapsed();
        self.net.note("closed", &[number.into(), result.is_err().into()]);
        if let Some(linger) = options.linger {
            let longest = Duration::from_millis(linger);
            if took > longest + SLACK {
                self.complain(format!("G10: close took {took:?} with a linger of {longest:?}"));
            }
        }
        self.keep_unsent(number, result.err());
        let record = &mut self.records()[number as usize];
        record.parted = true;
        record.closed = true;
    }

    fn keep_unsent(&self, number: u16, unsent: Option<Unsent>) {
        let messages: Vec<Message> = unsent.into_iter().flat_map(Unsent::into_messages).collect();
        for message in messages {
            match self.recognize(&message) {
                Ok(id) => self.records()[number as usize].unsent.push(id),
                Err(problem) => self.complain(format!("G3: unsent: {problem}")),
            }
        }
    }

    /// Which message this is, compared byte by byte.
    fn recognize(&self, message: &Message) -> Result<Id, String> {
        let id = message.frame(0).and_then(Id::decode);
        let id = id.ok_or_else(|| format!("a message that nobody sent: {message:?}"))?;
        let records = self.records();
        let shape = records
            .get(id.socket as usize)
            .and_then(|record| record.shapes.get(id.number as usize))
            .ok_or_else(|| format!("a message that nobody sent: {id:?}"))?;
        shape.compare(id, message)?;
        Ok(id)
    }
}

impl Place {
    fn lock(&self) -> MutexGuard<'_, Option<(u16, Handle)>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn places(scenario: &Scenario) -> Vec<Place> {
    let sender = |index: usize| format!("tcp://10.0.1.{index}:1000");
    let receiver = |index: usize| format!("tcp://10.0.2.{index}:1000");
    let mut places = Vec::new();
    for index in 0..scenario.senders.len() {
        let edges = || scenario.edges.iter().filter(move |edge| edge.sender == index);
        places.push(Place {
            sends: true,
            index,
            binds: edges().any(|edge| !edge.sender_dials).then(|| sender(index)),
            dials: edges()
                .filter(|edge| edge.sender_dials)
                .map(|edge| receiver(edge.receiver))
                .collect(),
            current: Mutex::new(None),
        });
    }
    for index in 0..scenario.receivers.len() {
        let edges = || scenario.edges.iter().filter(move |edge| edge.receiver == index);
        places.push(Place {
            sends: false,
            index,
            binds: edges().any(|edge| edge.sender_dials).then(|| receiver(index)),
            dials: edges()
                .filter(|edge| !edge.sender_dials)
                .map(|edge| sender(edge.sender))
                .collect(),
            current: Mutex::new(None),
        });
    }
    places
}

/// The routing id of whoever lives at this place among the receivers.
fn name_of(place: usize) -> String {
    format!("receiver {place}")
}

/// One task of the program, with its handle of a socket.
struct Actor {
    world: Arc<World>,
    place: usize,
    dice: Dice,
}

impl Actor {
    async fn send_all(mut self, script: Vec<Step>) {
        for step in script {
            self.send_step(&step).await;
        }
    }

    async fn receive_all(mut self, script: Vec<Step>) {
        'storm: loop {
            for step in &script {
                if self.world.is_calm() {
                    break 'storm;
                }
                self.receive_step(step).await;
            }
        }
        loop {
            while self.world.stalled.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(10)).await;
            }
            if self.current().await.is_none() {
                return;
            }
            self.receive_step(&Step::Recv).await;
        }
    }

    /// The socket that lives here, as soon as there is one.
    async fn current(&self) -> Option<(u16, Handle)> {
        loop {
            if let Some(current) = &*self.world.places[self.place].lock() {
                return Some(current.clone());
            }
            if self.world.ending.load(Ordering::Relaxed) {
                return None;
            }
            sleep(Duration::from_millis(3)).await;
        }
    }

    async fn common_step(&mut self, step: &Step) {
        let calm = self.world.is_calm();
        match step {
            Step::Pause(time) => sleep(Duration::from_millis(*time)).await,
            _ if calm => {}
            Step::Part(which, pause) => {
                self.world.busy.fetch_add(1, Ordering::Relaxed);
                self.part(*which, *pause).await;
                self.world.busy.fetch_sub(1, Ordering::Relaxed);
            }
            Step::Renew(close, pause) => {
                self.world.busy.fetch_add(1, Ordering::Relaxed);
                self.renew(*close, *pause).await;
                self.world.busy.fetch_sub(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// Ends one endpoint and opens it again.
    async fn part(&mut self, which: u64, pause: u64) {
        let Some((number, handle)) = self.current().await else {
            return;
        };
        let place = &self.world.places[self.place];
        let bound = place.binds.iter().map(|endpoint| (endpoint, true));
        let endpoints: Vec<_> = bound
            .chain(place.dials.iter().map(|endpoint| (endpoint, false)))
            .collect();
        let (endpoint, bound) = endpoints[which as usize % endpoints.len()];
        {
            let record = &mut self.world.records()[number as usize];
            (record.parted, record.parted_early) = (true, true);
        }
        self.world.net.note("part", &[number.into(), bound.into()]);
        let start = Instant::now();
        match handle.part(endpoint, bound).await {
            Err(EndpointError::Unsent(unsent)) => self.world.keep_unsent(number, Some(unsent)),
            Err(error) => self
                .world
                .complain(format!("cannot part from {endpoint}: {error}")),
            Ok(()) => {}
        }
        self.check_linger("part", number, start);
        sleep(Duration::from_millis(pause)).await;
        if bound {
            handle.bind(&self.world, endpoint).await;
        } else if let Err(error) = handle.connect(endpoint) {
            self.world.complain(format!("cannot connect again: {error}"));
        }
        self.world.net.note("back", &[number.into()]);
    }

    fn check_linger(&self, what: &str, number: u16, start: Instant) {
        let linger = self.world.records()[number as usize].options.linger;
        let took = start.elapsed();
        if linger.is_some_and(|linger| took > Duration::from_millis(linger) + SLACK) {
            self.world.complain(format!(
                "G10: {what} took {took:?} with a linger of {linger:?} ms"
            ));
        }
    }

    /// Closes or drops the socket; another takes its place.
    async fn renew(&mut self, close: bool, pause: u64) {
        let Some((number, handle)) = self.world.places[self.place].lock().take() else {
            return;
        };
        self.world.records()[number as usize].parted = true;
        // A clone that waits in another task would keep a socket that is only dropped, and nobody would ever hear
        // of one that lingers for ever.
        let plan = self.world.plans().nth(self.place).map(|(_, plan)| plan);
        let close = close || plan.is_some_and(|plan| plan.scripts.len() > 1 || plan.options.linger.is_none());
        self.world.net.note("renew", &[number.into(), close.into()]);
        if close {
            let start = Instant::now();
            let unsent = handle.close().await.err();
            self.check_linger("close", number, start);
            self.world.keep_unsent(number, unsent);
            self.world.records()[number as usize].closed = true;
        } else {
            let kept = self.world.records()[number as usize].handle.take();
            drop((kept, handle));
        }
        sleep(Duration::from_millis(pause)).await;
        self.world.clone().open(self.place).await;
    }

    // ---- senders -------------------------------------------------------------------------------------------

    async fn send_step(&mut self, step: &Step) {
        if matches!(step, Step::Pause(_) | Step::Part(..) | Step::Renew(..)) {
            return self.common_step(step).await;
        }
        match self.current().await {
            Some((number, Handle::Push(push))) => self.send_through(step, number, &push).await,
            Some((number, Handle::Dealer(dealer))) => self.send_through(step, number, &dealer).await,
            Some((number, Handle::Router(router))) => self.send_to_one(step, number, &router).await,
            _ => {}
        }
    }

    async fn send_through<K>(&mut self, step: &Step, number: u16, socket: &Socket<K>)
    where
        K: Sends + Shares + HasOutgoing,
    {
        let (id, message, body) = self.letter(number);
        let payload = payload(&message, &body);
        let accepted = match step {
            Step::Send => sent(socket.send(payload).await),
            Step::TrySend => tried(socket.try_send(payload)),
            Step::SendTimeout(limit) => socket
                .send_timeout(payload, Duration::from_millis(*limit))
                .await
                .map_err(|error| Some(error.into_message())),
            Step::SendGivenUp(polls, limit) => up_to(*polls, *limit, socket.send(payload))
                .await
                .map_or(Err(None), sent),
            Step::SendForgotten(hold) => forgotten(*hold, socket.send(payload))
                .await
                .map_or(Err(None), sent),
            Step::Reserve(hold, used) => match socket.reserve().await {
                Ok(permit) => {
                    sleep(Duration::from_millis(*hold)).await;
                    if *used {
                        sent(permit.send(payload))
                    } else {
                        Err(None)
                    }
                }
                Err(_) => Err(None),
            },
            Step::ReserveGivenUp(polls, limit) => {
                match up_to(*polls, *limit, Box::pin(socket.reserve())).await {
                    Some(Ok(permit)) => sent(permit.send(payload)),
                    _ => Err(None),
                }
            }
            _ => return,
        };
        let by_permit = matches!(step, Step::Reserve(..) | Step::ReserveGivenUp(..));
        if by_permit && accepted.is_ok() {
            let record = &mut self.world.records()[number as usize];
            record.promised += record.shapes[id.number as usize].wire_len();
        }
        self.note_sent(number, id, &message, accepted);
        let queued = socket.stats().outgoing.queued.messages;
        if queued == 0 {
            self.world.records()[number as usize].promised = 0;
        }
        self.check_send_mark(number, queued);
        self.world.check_budgets();
    }

    /// To one of those that this place deals with.
    async fn send_to_one(&mut self, step: &Step, number: u16, router: &Router) {
        let here = self.world.places[self.place].index;
        let edges = self.world.scenario.edges.iter();
        let others: Vec<usize> = edges
            .filter(|edge| edge.sender == here)
            .map(|edge| edge.receiver)
            .collect();
        let aim = self.dice.pick(&others);
        let to = RoutingId::from(name_of(aim));
        let (id, message, body) = self.letter(number);
        self.world.records()[number as usize].aims.insert(id.number, aim);
        let payload = payload(&message, &body);
        let accepted = match step {
            Step::TrySend => tried(router.try_send_to(&to, payload)),
            Step::SendTimeout(limit) => timeout(Duration::from_millis(*limit), router.send_to(&to, payload))
                .await
                .map_or(Err(None), sent),
            Step::SendGivenUp(polls, limit) | Step::ReserveGivenUp(polls, limit) => {
                up_to(*polls, *limit, router.send_to(&to, payload))
                    .await
                    .map_or(Err(None), sent)
            }
            Step::SendForgotten(hold) => forgotten(*hold, router.send_to(&to, payload))
                .await
                .map_or(Err(None), sent),
            _ => sent(router.send_to(&to, payload).await),
        };
        self.note_sent(number, id, &message, accepted);
        self.check_send_mark(number, router.stats().outgoing.queued.messages);
        self.world.check_budgets();
    }

    /// The next message, and its body if it is to be sent as a borrowed slice.
    fn letter(&mut self, number: u16) -> (Id, Message, Option<Vec<u8>>) {
        let (id, shape) = self.write_letter(number);
        let slice = shape.0.len() == 1 && self.dice.chance(self.world.scenario.letters.slices);
        let message = shape.message(id);
        let body = message.frame(0).filter(|_| slice).map(<[u8]>::to_vec);
        (id, message, body)
    }

    fn note_sent(&mut self, number: u16, id: Id, message: &Message, accepted: Sent) {
        // From the moment in which the future was ready to here nobody else has run.
        self.world.net.note(
            "send",
            &[number.into(), id.number.into(), accepted.is_ok().into()],
        );
        match accepted {
            Ok(()) => self.world.records()[number as usize].accepted.push(id.number),
            Err(Some(back)) if back != *message => self.world.complain(format!("{id:?} came back changed")),
            Err(_) => {}
        }
    }

    fn write_letter(&mut self, number: u16) -> (Id, Shape) {
        let shape = self.world.scenario.letters.draw(&mut self.dice);
        let mut records = self.world.records();
        let shapes = &mut records[number as usize].shapes;
        let id = Id {
            socket: number,
            number: shapes.len() as u32,
        };
        shapes.push(shape.clone());
        (id, shape)
    }

    fn check_send_mark(&mut self, number: u16, queued: u64) {
        if !self.dice.chance(20) {
            return;
        }
        let accepted = self
            .world
            .net
            .look(|links| links.iter().filter(|link| link.owners[1] == number).count());
        let pipes = self.world.places[self.place].dials.len() + accepted;
        let options = self.world.records()[number as usize].options.clone();
        // With conflate one is being written and one waits; the mark does not count.
        let hwm = if options.conflate { 2 } else { options.hwm };
        // What is rerouted and finds no room waits, as much as one queue may hold.
        let pipes = pipes + usize::from(self.world.scenario.reroute);
        if queued > (hwm * pipes) as u64 {
            self.world.complain(format!(
                "G6: {queued} messages are queued in {pipes} pipes with a mark of {hwm}"
            ));
        }
    }

    // ---- receivers -----------------------------------------------------------------------------------------

    async fn receive_step(&mut self, step: &Step) {
        if matches!(step, Step::Pause(_) | Step::Part(..) | Step::Renew(..)) {
            return self.common_step(step).await;
        }
        match self.current().await {
            Some((number, Handle::Pull(pull))) => self.receive_through(step, number, &pull).await,
            Some((number, Handle::Dealer(dealer))) => self.receive_through(step, number, &dealer).await,
            _ => {}
        }
    }

    async fn receive_through<K>(&mut self, step: &Step, number: u16, pull: &Socket<K>)
    where
        K: Receives + Shares + HasIncoming,
    {
        let millis = Duration::from_millis;
        let message = match step {
            Step::Recv => {
                let received = pull.recv().await;
                if received.is_err() {
                    // Closed: another socket will take its place, or nobody.
                    sleep(Duration::from_millis(1)).await;
                }
                received.ok()
            }
            Step::RecvFrom => match pull.recv_from().await {
                Ok((peer, message)) => {
                    self.check_peer(peer.address(), &message);
                    Some(message)
                }
                Err(_) => None,
            },
            Step::TryRecv => pull.try_recv().ok(),
            Step::RecvTimeout(limit) => pull.recv_timeout(millis(*limit)).await.ok(),
            Step::RecvMany(limit) => {
                let mut many = Vec::new();
                let received = timeout(millis(100), pull.recv_many(&mut many, *limit)).await;
                if received.is_ok_and(|received| received.is_ok_and(|n| n != many.len())) {
                    self.world.complain("recv_many counts wrong");
                }
                many.into_iter().for_each(|message| self.keep(number, &message));
                None
            }
            Step::RecvGivenUp(polls, limit) => up_to(*polls, *limit, pull.recv()).await.and_then(Result::ok),
            Step::RecvForgotten(hold) => forgotten(*hold, pull.recv()).await.and_then(Result::ok),
            _ => return,
        };
        if let Some(message) = message {
            self.keep(number, &message);
        }
        self.check_recv_mark(number, || pull.stats().incoming.queued.messages);
        self.world.check_budgets();
    }

    fn keep(&self, number: u16, message: &Message) {
        match self.world.recognize(message) {
            Ok(id) => {
                self.world
                    .net
                    .note("received", &[number.into(), id.socket.into(), id.number.into()]);
                self.world.records()[number as usize].delivered.push(id);
            }
            Err(problem) => self.world.complain(format!("G3: {problem}")),
        }
    }

    /// An accepted peer's address tells its socket.
    fn check_peer(&self, address: &str, message: &Message) {
        let Some(owner) = address
            .strip_prefix("10.1.0.")
            .and_then(|rest| rest.split_once(':'))
        else {
            return;
        };
        let sender = message
            .frame(0)
            .and_then(Id::decode)
            .map(|id| id.socket.to_string());
        if sender.as_deref() != Some(owner.0) {
            self.world.complain(format!(
                "a message from {sender:?} is said to come from {address}"
            ));
        }
    }

    fn check_recv_mark(&mut self, number: u16, queued: impl FnOnce() -> u64) {
        if !self.world.asks_receivers() || !self.dice.chance(20) {
            return;
        }
        // What came from a peer that has left is read to its end, beyond the mark.
        let (lanes, left) = self.world.net.look(|links| {
            let ours = || links.iter().filter(|link| link.owners.contains(&number));
            let ended = ours().filter(|link| !link.is_up());
            let read = ended.map(|link| link.ways.iter().map(|way| way.read.whole.len()).sum::<usize>());
            (ours().count(), read.sum::<usize>())
        });
        let hwm = self.world.records()[number as usize].options.hwm;
        let queued = queued();
        let most = (hwm * lanes + left) as u64;
        if queued > most && !self.world.records()[number as usize].options.conflate {
            self.world.complain(format!(
                "G6: {queued} messages are held in {lanes} lanes with a mark of {hwm}"
            ));
        }
    }
}

/// What came of sending: perhaps the message came back.
type Sent = Result<(), Option<Message>>;

fn sent(result: Result<(), SendError>) -> Sent {
    result.map_err(|error| Some(error.into_message()))
}

fn tried(result: Result<(), TrySendError>) -> Sent {
    result.map_err(|error| Some(error.into_message()))
}

fn payload<'a>(message: &Message, body: &'a Option<Vec<u8>>) -> Payload<'a> {
    match body {
        Some(body) => body.as_slice().into(),
        None => message.clone().into(),
    }
}

/// A future that is given up after so many polls.
struct UpTo<F> {
    future: F,
    polls: u32,
}

impl<F: Future + Unpin> Future for UpTo<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(result) = Pin::new(&mut self.future).poll(cx) {
            return Poll::Ready(Some(result));
        }
        self.polls -= 1;
        if self.polls == 0 {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    }
}

/// Polls at most so often and waits at most so long, then drops the future.
async fn up_to<F: Future + Unpin>(polls: u32, limit: u64, future: F) -> Option<F::Output> {
    let patience = Duration::from_millis(limit);
    timeout(patience, UpTo { future, polls }).await.ok().flatten()
}

/// Polls once, with a waker that does nothing, and drops the future some time later.
async fn forgotten<F: Future + Unpin>(hold: u64, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    if let Poll::Ready(result) = polled {
        return Some(result);
    }
    sleep(Duration::from_millis(hold)).await;
    None
}
