//! Questions and answers: in any weather an answer belongs to its question, no question is served twice, and none
//! waits for ever.
//!
//! ```text
//!  storm ─────────── heal ──── all are connected ──── every question is answered ──── the end
//!    some are given up, some never answered, connections break, repliers come and go
//! ```

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hubless::{
    DropReason, EndpointError, Frame, Message, OutgoingStats, Rep, Req, Request, RequestError, Stats,
};
use tokio::time::{Instant, sleep, timeout};

use crate::budget::{Holder, draw_common};
use crate::dice::Dice;
use crate::handle::Handle;
use crate::letter::{Id, Shape};
use crate::malice::Malice;
use crate::net::{Climate, Fault};
use crate::scenario::{Letters, Options, draw_climate, draw_fault, draw_options};
use crate::stage::{self, LIVENESS, Outcome, Stage};

/// The last frame of an answer. What stands before it is the question.
const ANSWER: &[u8] = b"answered";

/// Of so many questions one is never answered.
const SILENT: u32 = 7;

/// How it is to go.
#[derive(Debug)]
struct Plan {
    climate: Climate,
    faults: Vec<(u64, u64, Fault)>,
    /// Each with its options, and whether it numbers its requests.
    askers: Vec<(Options, bool)>,
    repliers: Vec<Options>,
    /// For each asker and each replier, whether the asker dials.
    dials: Vec<Vec<bool>>,
    letters: Letters,
}

impl Plan {
    fn draw(seed: u64) -> Self {
        let dice = &mut Dice::new(seed).fork(4);
        let stormy = dice.chance(80);
        let heals = dice.between(200, 2500);
        let (askers, repliers) = dice.pick(&[(1, 1), (1, 1), (2, 1), (1, 2), (3, 1), (2, 2)]);
        let letters = Letters {
            frames: dice.pick(&[1, 3]),
            size: dice.pick(&[(1, 40), (1, 40), (1, 700), (1, 5000)]),
            large: dice.pick(&[0, 0, 10]),
            large_size: (30_000, 70_000),
            slices: 50,
        };
        // Each there and back.
        let climate = draw_climate(dice, stormy, heals, 200 * letters.mean());
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
            askers: (0..askers).map(|_| (options(dice), dice.chance(30))).collect(),
            repliers: (0..repliers).map(|_| options(dice)).collect(),
            dials: (0..askers)
                .map(|_| {
                    (0..repliers)
                        .map(|_| fixed.unwrap_or_else(|| dice.chance(50)))
                        .collect()
                })
                .collect(),
            letters,
            climate,
        }
    }

    fn asker_at(index: usize) -> String {
        format!("tcp://10.0.1.{index}:1000")
    }

    fn replier_at(index: usize) -> String {
        format!("tcp://10.0.2.{index}:1000")
    }
}

/// A question, and what became of it.
#[derive(Debug)]
struct Question {
    shape: Shape,
    /// How often a replier was given it.
    seen: u32,
    answered: bool,
    /// Its answer found no room, and was dropped (G4).
    refused: bool,
}

/// Where a replier lives, and its successors.
#[derive(Default)]
struct Place {
    current: Mutex<Option<(u16, Handle)>>,
}

/// What a socket should have counted.
#[derive(Debug)]
struct Record {
    /// A handle to ask, for as long as there is one; the last answer afterwards.
    handle: Option<Handle>,
    stats: Stats,
    delivered: u64,
    unanswered: u64,
    /// Of a replier: its place, while it is open.
    open_at: Option<usize>,
}

struct World {
    stage: Stage,
    plan: Plan,
    places: Vec<Place>,
    records: Mutex<Vec<Record>>,
    questions: Mutex<BTreeMap<Id, Question>>,
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
        let askers = plan.askers.iter_mut().map(|(options, _)| options);
        draw_common(seed, malice, askers.chain(&mut plan.repliers));
        let world = Arc::new(World {
            stage: Stage::new(seed, plan.climate.clone(), malice, keep_log),
            places: plan.repliers.iter().map(|_| Place::default()).collect(),
            plan,
            records: Mutex::default(),
            questions: Mutex::default(),
            ending: AtomicBool::new(false),
        });
        world.clone().play().await;
        let answered = world
            .questions()
            .values()
            .filter(|question| question.answered)
            .count();
        let plan = if keep_log {
            format!("{:#?}", world.plan)
        } else {
            String::new()
        };
        world.outcome(answered, plan)
    })
}

impl World {
    fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn questions(&self) -> MutexGuard<'_, BTreeMap<Id, Question>> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
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
        let (mut asking, mut answering, mut restless) = (Vec::new(), Vec::new(), Vec::new());
        for place in 0..self.places.len() {
            self.open(place).await;
            let dice = |purpose: u64| Dice::new(self.seed).fork(place as u64 * 10 + purpose);
            answering.push(tokio::spawn(self.clone().answer(place, dice(20))));
            restless.push(tokio::spawn(self.clone().be_restless(place, dice(21))));
        }
        for place in 0..self.plan.askers.len() {
            let asker = Asker {
                world: self.clone(),
                place,
                dice: Dice::new(self.seed).fork(place as u64 * 10 + 22),
            };
            asking.push(tokio::spawn(asker.ask_all()));
        }
        let _ = weather.await;
        let deadline = self.net.heals() + LIVENESS;
        if !self.join(restless, deadline).await {
            return self.complain("G10: a replier did not end");
        }
        // A question of the storm, meeting everybody, and a few more questions.
        if !self.join(asking, deadline + 8 * LIVENESS).await {
            return self.complain(format!("G7: a question hangs: {:?}", self.records()));
        }
        self.ending.store(true, Ordering::Relaxed);
        for place in 0..self.places.len() {
            self.close(place).await;
        }
        if !self.join(answering, Instant::now() + LIVENESS).await {
            self.complain("G7: a recv_request did not end");
        }
        self.left_nothing(clock, String::new).await;
        self.books();
    }

    /// Waits for an answer: not any longer if that was dropped for want of room.
    async fn unless_refused<T>(&self, id: Id, answer: impl Future<Output = T>) -> Option<T> {
        let mut answer = pin!(answer);
        loop {
            if let Ok(answer) = timeout(Duration::from_secs(1), answer.as_mut()).await {
                return Some(answer);
            }
            if self.questions().get(&id).is_some_and(|question| question.refused) {
                return None;
            }
        }
    }

    /// G6, of all repliers.
    fn check_budgets(&self) {
        if !self.asks_receivers() {
            return;
        }
        let records = self.records();
        let largest = self.plan.letters.largest();
        self.stage
            .check_budgets(records.iter().enumerate().filter_map(|(number, record)| {
                let place = record.open_at?;
                Some(Holder {
                    number: number as u16,
                    handle: record.handle.as_ref()?,
                    options: &self.plan.repliers[place],
                    dials: self.plan.dials.iter().filter(|dials| !dials[place]).count(),
                    largest,
                    promised: 0,
                    reroutes: false,
                })
            }));
    }

    /// Enters a socket.
    fn enter(&self, handle: Option<Handle>, open_at: Option<usize>) -> u16 {
        let mut records = self.records();
        records.push(Record {
            handle,
            stats: Stats::default(),
            delivered: 0,
            unanswered: 0,
            open_at,
        });
        (records.len() - 1) as u16
    }

    /// Opens the next socket of a replier.
    async fn open(&self, place: usize) {
        let options = &self.plan.repliers[place];
        let number = self.records().len() as u16;
        let seed = Dice::new(self.seed).fork(u64::from(number) + 1000).roll();
        let builder = options
            .apply(Rep::builder(), self.net.port(number), seed)
            .mechanism(self.trust.mechanism(true));
        let rep = builder.recv_hwm(options.hwm).build();
        let handle = Handle::Rep(rep.expect("the options do not contradict each other"));
        self.enter(Some(handle.clone()), Some(place));
        self.net.note("replier", &[number.into(), place as u64]);
        let at = Plan::replier_at(place);
        if self.plan.dials.iter().any(|dials| dials[place]) {
            handle.bind(self, &at).await;
        }
        for (asker, _) in self
            .plan
            .dials
            .iter()
            .enumerate()
            .filter(|(_, dials)| !dials[place])
        {
            if let Err(error) = handle.connect(&Plan::asker_at(asker)) {
                self.complain(format!("connect: {error}"));
            }
        }
        *self.current(place) = Some((number, handle));
    }

    async fn close(&self, place: usize) {
        let current = self.current(place).take();
        if let Some((number, handle)) = current {
            self.net.note("close", &[number.into()]);
            self.records()[number as usize].open_at = None;
            let _ = handle.close().await;
        }
    }

    /// Until the weather clears a replier comes and goes, and ends endpoints.
    async fn be_restless(self: Arc<Self>, place: usize, mut dice: Dice) {
        let chance = dice.pick(&[0, 0, 20]);
        while !self.is_calm() {
            sleep(Duration::from_millis(dice.size(1, 300))).await;
            if self.is_calm() || !dice.chance(chance) {
                continue;
            }
            let pause = Duration::from_millis(dice.size(1, 200));
            if dice.chance(50) {
                self.close(place).await;
                sleep(pause).await;
                self.open(place).await;
            } else if self.plan.dials.iter().any(|dials| dials[place]) {
                let Some((_, handle)) = self.current(place).clone() else {
                    continue;
                };
                let at = Plan::replier_at(place);
                match handle.part(&at, true).await {
                    Ok(()) | Err(EndpointError::Unsent(_)) => {}
                    Err(error) => self.complain(format!("cannot part: {error}")),
                }
                sleep(pause).await;
                handle.bind(&self, &at).await;
            }
        }
    }

    // ---- repliers ----------------------------------------------------------------------------------------------

    async fn answer(self: Arc<Self>, place: usize, mut dice: Dice) {
        let slow = dice.chance(50);
        loop {
            let current = self.current(place).clone();
            let Some((number, Handle::Rep(rep))) = current else {
                if self.ending.load(Ordering::Relaxed) {
                    return;
                }
                sleep(Duration::from_millis(3)).await;
                continue;
            };
            let Ok(request) = rep.recv_request().await else {
                sleep(Duration::from_millis(1)).await;
                continue;
            };
            self.check_budgets();
            let Some(id) = self.see(number, request.message()) else {
                continue;
            };
            if id.number.is_multiple_of(SILENT) {
                self.records()[number as usize].unanswered += 1;
                continue;
            }
            let delay = if slow { dice.size(1, 300) - 1 } else { 0 };
            // Those that take their time are answered in whatever order it comes to.
            tokio::spawn(
                self.clone()
                    .reply(number, id, request, Duration::from_millis(delay)),
            );
        }
    }

    /// A replier was given a question: one that was asked, as it was asked, and for the first time.
    fn see(&self, number: u16, message: &Message) -> Option<Id> {
        self.records()[number as usize].delivered += 1;
        let mut questions = self.questions();
        let id = message.frame(0).and_then(Id::decode);
        let question = id.and_then(|id| questions.get_mut(&id));
        let complaint = match (id, question) {
            (Some(id), Some(question)) => {
                question.seen += 1;
                if question.seen > 1 {
                    Some(format!("G1: {id:?} was served {} times", question.seen))
                } else {
                    question.shape.compare(id, message).err()
                }
            }
            _ => Some(format!("G3: a question that nobody asked: {message:?}")),
        };
        drop(questions);
        self.net.note("question", &[number.into()]);
        complaint
            .into_iter()
            .for_each(|complaint| self.complain(complaint));
        id
    }

    async fn reply(self: Arc<Self>, number: u16, id: Id, request: Request, delay: Duration) {
        sleep(delay).await;
        let mut frames: Vec<Frame> = request
            .message()
            .iter()
            .map(Bytes::copy_from_slice)
            .map(Frame::from)
            .collect();
        frames.push(Frame::from(Bytes::from_static(ANSWER)));
        let answer = Message::try_from(frames).expect("it has a frame");
        let asker = request.peer().clone();
        let before = asker.stats().outgoing;
        // Ready at once: nobody else runs meanwhile, and what is counted for the asker is this answer.
        if request.reply(answer).await.is_err() {
            self.records()[number as usize].unanswered += 1;
            return;
        }
        let dropped = |sent: OutgoingStats| sent.dropped.by(DropReason::Hwm);
        let refused = dropped(asker.stats().outgoing) > dropped(before);
        if let Some(question) = self.questions().get_mut(&id) {
            (question.answered, question.refused) = (!refused, refused);
        }
        if refused && before.queued.messages == 0 {
            self.complain(format!(
                "G4: the answer to {id:?} was dropped, and nothing waited"
            ));
        }
        self.check_budgets();
    }

    /// G5: what the sockets counted is what happened.
    fn books(&self) {
        let mut complaints = Vec::new();
        for (number, record) in self.records().iter().enumerate() {
            let stats = record.handle.as_ref().map_or(record.stats, Handle::stats);
            let mut check = |what: &str, counted: u64, found: u64| {
                if counted != found {
                    complaints.push(format!(
                        "G5: socket {number}: {what} is counted {counted} and was {found}: {stats:?}"
                    ));
                }
            };
            let (out, into) = (stats.outgoing, stats.incoming);
            check(
                "accepted (handed over + dropped + queued)",
                out.accepted.messages,
                out.handed_over.messages + out.dropped.total() + out.queued.messages,
            );
            check(
                "received (delivered + dropped + queued)",
                into.received.messages,
                into.delivered.messages + into.dropped.total() + into.queued.messages,
            );
            check("delivered", into.delivered.messages, record.delivered);
            check("unanswered", stats.unanswered, record.unanswered);
            if record.handle.is_some() {
                check("queued after close", out.queued.messages, 0);
            }
        }
        complaints
            .into_iter()
            .for_each(|complaint| self.complain(complaint));
    }
}

/// Who asks: one socket after the other.
struct Asker {
    world: Arc<World>,
    place: usize,
    dice: Dice,
}

impl Asker {
    async fn ask_all(mut self) {
        loop {
            let (number, mut req) = self.open().await;
            let mut asked = 0;
            while !self.world.is_calm() && !self.dice.chance(5) {
                self.ask_in_the_storm(number, &mut req, &mut asked).await;
            }
            let calm = self.world.is_calm();
            if calm {
                self.ask_in_the_calm(number, &mut req, &mut asked).await;
            }
            self.leave(number, req).await;
            if calm {
                return;
            }
            sleep(Duration::from_millis(self.dice.size(1, 100))).await;
        }
    }

    async fn open(&mut self) -> (u16, Req) {
        let world = &self.world;
        let (options, numbered) = &world.plan.askers[self.place];
        let number = world.records().len() as u16;
        let seed = Dice::new(world.seed).fork(u64::from(number) + 1000).roll();
        let builder = options
            .apply(Req::builder(), world.net.port(number), seed)
            .mechanism(world.trust.mechanism(false));
        let builder = builder
            .correlate(*numbered)
            .send_hwm(options.hwm)
            .recv_hwm(options.hwm);
        let req = builder.build().expect("the options do not contradict each other");
        world.enter(None, None);
        world.net.note("asker", &[number.into(), self.place as u64]);
        let dials = &world.plan.dials[self.place];
        if dials.contains(&false) {
            world.bind(&req, &Plan::asker_at(self.place)).await;
        }
        for (replier, _) in dials.iter().enumerate().filter(|(_, dials)| **dials) {
            if let Err(error) = req.connect(Plan::replier_at(replier).as_str()) {
                world.complain(format!("connect: {error}"));
            }
        }
        (number, req)
    }

    /// Closes or drops the socket, and keeps what it counted until then.
    async fn leave(&mut self, number: u16, req: Req) {
        self.world.records()[number as usize].stats = req.stats();
        self.world.net.note("leave", &[number.into()]);
        if self.dice.chance(50) {
            let _ = req.close().await;
        }
    }

    /// The next question, entered before it is asked.
    fn question(&mut self, number: u16, asked: &mut u32) -> (Id, Message) {
        let shape = self.world.plan.letters.draw(&mut self.dice);
        let id = Id {
            socket: number,
            number: *asked,
        };
        *asked += 1;
        let message = shape.message(id);
        let question = Question {
            shape,
            seen: 0,
            answered: false,
            refused: false,
        };
        self.world.questions().insert(id, question);
        (id, message)
    }

    async fn ask_in_the_storm(&mut self, number: u16, req: &mut Req, asked: &mut u32) {
        if self.dice.chance(40) {
            sleep(Duration::from_millis(self.dice.size(1, 100))).await;
        }
        let (id, message) = self.question(number, asked);
        let will_be_answered = !id.number.is_multiple_of(SILENT);
        let limit = Duration::from_millis(self.dice.size(1, 300));
        let reply = match self.dice.below(3) {
            // Without a limit: a connection that is lost must end it.
            0 if will_be_answered => self.world.unless_refused(id, req.request(message)).await,
            1 => {
                let polls = self.dice.below(4);
                let mut asking = pin!(req.request(message));
                let mut reply = None;
                for _ in 0..polls {
                    let polled = poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx))).await;
                    if let Poll::Ready(done) = polled {
                        reply = Some(done);
                        break;
                    }
                    sleep(limit / 10).await;
                }
                reply
            }
            _ => timeout(limit, req.request(message)).await.ok(),
        };
        match reply {
            Some(Ok(answer)) => self.check(id, &answer),
            Some(Err(RequestError::ConnectionLost { .. })) | None => {}
            Some(Err(error)) => self.world.complain(format!("{id:?} came to {error}")),
        }
    }

    /// Everybody is connected, and every question is answered.
    async fn ask_in_the_calm(&mut self, number: u16, req: &mut Req, asked: &mut u32) {
        let partners = self.world.plan.repliers.len();
        let deadline = self.world.net.heals() + LIVENESS;
        let peers = req.peers();
        let met = || peers.count() == partners;
        if !self.world.until(deadline, met).await {
            return self
                .world
                .complain(format!("G7: {} of {partners} are connected", peers.count()));
        }
        // What was given up has ended connections, and what was on its way when all met may yet do so.
        sleep(Duration::from_secs(1)).await;
        let _ = self.world.until(deadline, met).await;
        for _ in 0..3 * partners {
            if asked.is_multiple_of(SILENT) {
                *asked += 1;
            }
            let (id, message) = self.question(number, asked);
            match timeout(LIVENESS, req.request(message)).await {
                Ok(Ok(answer)) => self.check(id, &answer),
                Ok(Err(error)) => self.world.complain(format!("G7: in calm {id:?} came to {error}")),
                Err(_) => {
                    let stats = req.stats();
                    self.world
                        .complain(format!("G7: in calm {id:?} was not answered: {stats:?}"));
                    return;
                }
            }
        }
    }

    /// An answer belongs to its question.
    fn check(&self, id: Id, answer: &Message) {
        self.world.records()[id.socket as usize].delivered += 1;
        self.world
            .net
            .note("answer", &[id.socket.into(), id.number.into()]);
        let mut frames: Vec<Frame> = answer
            .iter()
            .map(Bytes::copy_from_slice)
            .map(Frame::from)
            .collect();
        let last = frames.pop();
        let question = Message::try_from(frames);
        let complaint = match (question, self.world.questions().get(&id)) {
            (Ok(question), Some(asked)) if last.as_deref() == Some(ANSWER) => asked
                .shape
                .compare(id, &question)
                .err()
                .map(|problem| format!("G8: {problem}")),
            _ => Some(format!("G3: {id:?} got an answer that nobody gave: {answer:?}")),
        };
        complaint
            .into_iter()
            .for_each(|complaint| self.world.complain(complaint));
    }
}
