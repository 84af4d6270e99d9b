//! One story, drawn from one seed before it begins: who is there, what they do, what befalls them.

use std::sync::Arc;
use std::time::Duration;

use hubless::carrier::Carrier;
use hubless::kind::{HasIncoming, HasOutgoing, Kind};
use hubless::{Builder, Context, Heartbeat, Tuning};

use crate::budget::Common;
use crate::dice::Dice;
use crate::letter::{NAME, Shape};
use crate::net::{Climate, Cut, Fault};

/// A whole simulation, as it is to go.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) climate: Climate,
    pub(crate) senders: Vec<SocketPlan>,
    pub(crate) receivers: Vec<SocketPlan>,
    /// Sender, receiver, and whether the sender dials.
    pub(crate) edges: Vec<Edge>,
    pub(crate) letters: Letters,
    pub(crate) faults: Vec<(u64, u64, Fault)>,
    pub(crate) finale: Finale,
    pub(crate) kinds: Kinds,
    /// What waited for a peer that is lost goes to others.
    pub(crate) reroute: bool,
}

/// Of which kinds they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kinds {
    PushAndPull,
    DealerAndDealer,
    /// A ROUTER names whom it sends to, by the place where it lives.
    RouterAndDealer {
        mandatory: bool,
        handover: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) sender: usize,
    pub(crate) receiver: usize,
    pub(crate) sender_dials: bool,
}

/// One socket and those who use it.
#[derive(Debug, Clone)]
pub(crate) struct SocketPlan {
    pub(crate) options: Options,
    /// One script for each task that holds a handle. The first may close the socket and make a new one.
    pub(crate) scripts: Vec<Vec<Step>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) hwm: usize,
    /// 0: the default.
    pub(crate) hwm_bytes: usize,
    pub(crate) memory_budget: usize,
    /// What it may hold together with all others.
    pub(crate) common: Option<Common>,
    /// It does not keep to its budgets.
    pub(crate) overdraws: bool,
    pub(crate) linger: Option<u64>,
    pub(crate) immediate: bool,
    pub(crate) conflate: bool,
    pub(crate) reconnect: (u64, u64),
    pub(crate) handshake_timeout: u64,
    /// Interval and timeout, in milliseconds.
    pub(crate) heartbeat: Option<(u64, u64)>,
}

/// What a task does next. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Pause(u64),
    // Senders.
    Send,
    TrySend,
    SendTimeout(u64),
    /// Polls so many times at most, no longer than this, then gives up.
    SendGivenUp(u32, u64),
    /// Polls once with a waker that does nothing, holds the future so long, drops it.
    SendForgotten(u64),
    /// Holds a permit so long, then uses it or not.
    Reserve(u64, bool),
    ReserveGivenUp(u32, u64),
    // Receivers.
    Recv,
    RecvFrom,
    TryRecv,
    RecvTimeout(u64),
    RecvMany(usize),
    RecvGivenUp(u32, u64),
    RecvForgotten(u64),
    // Both.
    /// Ends one of its endpoints, and comes back so much later.
    Part(u64, u64),
    /// Closes the socket, or only drops it; so much later a new one takes its place.
    Renew(bool, u64),
}

/// What the messages are like.
#[derive(Debug, Clone)]
pub(crate) struct Letters {
    pub(crate) frames: u64,
    pub(crate) size: (u64, u64),
    /// In a hundred: messages with a frame of this size instead.
    pub(crate) large: u64,
    pub(crate) large_size: (u64, u64),
    /// In a hundred: sent as a borrowed slice where possible.
    pub(crate) slices: u64,
}

/// How it ends.
#[derive(Debug, Clone)]
pub(crate) struct Finale {
    /// Receivers stop reading and senders send so many more before they close.
    pub(crate) backlog: Option<u32>,
    /// Milliseconds after which receivers read again, if they do.
    pub(crate) resumes: Option<u64>,
    pub(crate) order: Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    SendersFirst,
    ReceiversFirst,
    Together,
}

impl Letters {
    pub(crate) fn draw(&self, dice: &mut Dice) -> Shape {
        let frames = dice.size(1, self.frames);
        let large = dice.chance(self.large).then(|| dice.below(frames));
        let shape = (0..frames).map(|frame| {
            let (low, high) = if large == Some(frame) {
                self.large_size
            } else {
                self.size
            };
            let size = if frame > 0 && dice.chance(20) {
                0
            } else {
                dice.size(low.max(1), high)
            };
            if frame == 0 { size.max(NAME as u64) } else { size }
        });
        Shape(shape.map(|size| size as u32).collect())
    }

    /// The most bytes that a message may have on the wire, an envelope included.
    pub(crate) fn largest(&self) -> u64 {
        let large = if self.large > 0 { self.large_size.1 } else { 0 };
        self.frames * (self.size.1.max(NAME as u64) + 9) + large + 40
    }

    /// Roughly how many bytes one message has.
    pub(crate) fn mean(&self) -> u64 {
        (self.frames.div_ceil(2)) * self.size.1 / 3 + self.large * self.large_size.1 / 150 + 12
    }
}

impl Scenario {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed).fork(1);
        let dice = &mut dice;
        let stormy = dice.chance(80);
        let heals = dice.between(200, 2500);
        let letters = draw_letters(dice);
        let (senders, receivers) = draw_numbers(dice);
        let edges = draw_edges(dice, senders, receivers);
        let total = dice.size(8, if letters.large > 0 { 20 } else { 120 });
        let bytes = total * letters.mean();
        let tasks: Vec<u64> = (0..senders)
            .map(|_| if dice.chance(30) { 2 } else { 1 })
            .collect();
        let each = (total / tasks.iter().sum::<u64>()).max(3);
        let senders = tasks
            .into_iter()
            .map(|tasks| SocketPlan {
                options: draw_options(dice, stormy),
                scripts: (0..tasks)
                    .map(|task| sender_script(dice, each, task == 0 && stormy))
                    .collect(),
            })
            .collect();
        let receivers = (0..receivers)
            .map(|_| SocketPlan {
                options: draw_options(dice, stormy),
                scripts: (0..if dice.chance(30) { 2 } else { 1 })
                    .map(|task| receiver_script(dice, task == 0 && stormy))
                    .collect(),
            })
            .collect();
        let faults = if stormy { dice.size(1, 8) - 1 } else { 0 };
        let mut scenario = Self {
            climate: draw_climate(dice, stormy, heals, bytes),
            senders,
            receivers,
            edges,
            letters,
            faults: (0..faults).map(|_| draw_fault(dice, heals)).collect(),
            finale: Finale {
                backlog: dice.chance(50).then(|| dice.size(1, 40) as u32),
                resumes: dice.chance(50).then(|| dice.between(1, 2000)),
                order: dice.pick(&[
                    Order::SendersFirst,
                    Order::SendersFirst,
                    Order::ReceiversFirst,
                    Order::Together,
                ]),
            },
            kinds: Kinds::PushAndPull,
            reroute: false,
        };
        scenario.draw_kinds(seed);
        scenario.make_possible();
        scenario
    }

    fn draw_kinds(&mut self, seed: u64) {
        let dice = &mut Dice::new(seed).fork(7);
        self.kinds = match dice.below(10) {
            0..6 => Kinds::PushAndPull,
            6..8 => Kinds::DealerAndDealer,
            _ => Kinds::RouterAndDealer {
                mandatory: dice.chance(70),
                handover: dice.chance(40),
            },
        };
        if self.kinds != Kinds::PushAndPull {
            // Only PUSH and PULL may dial one endpoint twice.
            self.edges.dedup();
        }
        match self.kinds {
            Kinds::RouterAndDealer { .. } => {
                // It has a queue for those that are there, and messages for one of them are not replaced by those for another.
                for plan in &mut self.senders {
                    (plan.options.immediate, plan.options.conflate) = (false, false);
                }
                // Of two ways to one name the second is closed, which is no end in good order.
                self.be_silent();
            }
            _ => self.reroute = dice.chance(25),
        }
        if self.reroute {
            for plan in &mut self.senders {
                plan.options.conflate = false;
            }
        }
    }

    /// No heartbeats: a sealed command of which a part has passed looks like a message.
    pub(crate) fn be_silent(&mut self) {
        for plan in self.senders.iter_mut().chain(&mut self.receivers) {
            plan.options.heartbeat = None;
        }
    }

    /// Takes out what no library could do: end in time what is told to wait for ever, or notice a dead peer
    /// sooner than a live one can answer.
    fn make_possible(&mut self) {
        let delay = self.climate.delay.1;
        let somebody_reads = self.finale.order == Order::SendersFirst
            && (self.finale.backlog.is_none() || self.finale.resumes.is_some());
        for plan in self.senders.iter_mut().chain(&mut self.receivers) {
            let options = &mut plan.options;
            if !somebody_reads {
                options.linger.get_or_insert(300);
            }
            options.be_patient(delay);
        }
    }
}

impl Options {
    /// What every kind of socket can be told.
    pub(crate) fn apply<K: Kind>(
        &self,
        builder: Builder<K>,
        carrier: Arc<dyn Carrier>,
        seed: u64,
    ) -> Builder<K> {
        let millis = Duration::from_millis;
        let (min, max) = self.reconnect;
        let heartbeat = self
            .heartbeat
            .map(|(interval, timeout)| Heartbeat::every(millis(interval)).timeout(millis(timeout)));
        builder
            .carrier(carrier, seed)
            .linger(self.linger())
            .reconnect(millis(min), millis(max))
            .handshake_timeout(millis(self.handshake_timeout))
            .heartbeat(heartbeat)
            .context(&self.context())
            .memory_budget(if self.overdraws { 0 } else { self.memory_budget })
            // One driver of a process spins, so whether this one does would depend on the stories told beside it.
            .tuning(Tuning::new().spin(false))
    }

    fn context(&self) -> Context {
        let common = self.common.iter().filter(|_| !self.overdraws);
        common
            .map(|common| common.context.clone())
            .next()
            .unwrap_or_default()
    }

    /// Marks of what is sent.
    pub(crate) fn for_sending<K: HasOutgoing>(&self, builder: Builder<K>) -> Builder<K> {
        let builder = builder.send_hwm(self.hwm);
        match self.hwm_bytes {
            0 => builder,
            bytes => builder.send_hwm_bytes(bytes),
        }
    }

    /// Marks of what is received.
    pub(crate) fn for_receiving<K: HasIncoming>(&self, builder: Builder<K>) -> Builder<K> {
        let builder = builder.recv_hwm(self.hwm);
        match self.hwm_bytes {
            0 => builder,
            bytes => builder.recv_hwm_bytes(bytes),
        }
    }

    /// Notices a dead peer no sooner than a live one can answer over a line that takes so many milliseconds.
    pub(crate) fn be_patient(&mut self, delay: u64) {
        self.handshake_timeout += 20 * delay;
        if let Some((_, timeout)) = &mut self.heartbeat {
            *timeout += 4 * delay + 300;
        }
    }

    pub(crate) fn linger(&self) -> hubless::Linger {
        match self.linger {
            None => hubless::Linger::Forever,
            Some(0) => hubless::Linger::Discard,
            Some(time) => hubless::Linger::For(Duration::from_millis(time)),
        }
    }
}

fn draw_letters(dice: &mut Dice) -> Letters {
    let kind = dice.below(10);
    Letters {
        frames: dice.pick(&[1, 3, 6]),
        size: match kind {
            0..6 => (1, 40),
            6..9 => (1, 700),
            _ => (1, 5000),
        },
        large: if kind == 6 { 20 } else { 0 },
        large_size: (30_000, if dice.chance(20) { 200_000 } else { 70_000 }),
        slices: dice.pick(&[0, 50, 100]),
    }
}

fn draw_numbers(dice: &mut Dice) -> (usize, usize) {
    dice.pick(&[
        (1, 1),
        (1, 1),
        (1, 1),
        (2, 1),
        (1, 2),
        (2, 2),
        (3, 1),
        (1, 3),
        (3, 3),
    ])
}

fn draw_edges(dice: &mut Dice, senders: usize, receivers: usize) -> Vec<Edge> {
    let fixed = dice.pick(&[Some(true), Some(true), Some(false), None]);
    let mut edges = Vec::new();
    for sender in 0..senders {
        for receiver in 0..receivers {
            for _ in 0..if dice.chance(5) { 2 } else { 1 } {
                edges.push(Edge {
                    sender,
                    receiver,
                    sender_dials: fixed.unwrap_or_else(|| dice.chance(50)),
                });
            }
        }
    }
    edges
}

pub(crate) fn draw_options(dice: &mut Dice, stormy: bool) -> Options {
    let min = dice.between(5, 100);
    let conflate = dice.chance(3);
    Options {
        hwm: dice.size(1, 20) as usize,
        hwm_bytes: if dice.chance(15) {
            dice.size(20, 4000) as usize
        } else {
            0
        },
        memory_budget: if dice.chance(15) {
            dice.size(1, 8000) as usize
        } else {
            0
        },
        common: None,
        overdraws: false,
        linger: dice.pick(&[None, Some(0), Some(20), Some(300), Some(1500), Some(30_000)]),
        immediate: !conflate && dice.chance(15),
        conflate,
        reconnect: (min, dice.between(min, 600)),
        handshake_timeout: dice.between(300, 3000),
        heartbeat: (stormy && dice.chance(20)).then(|| {
            let interval = dice.between(50, 400);
            (interval, dice.between(interval, 800))
        }),
    }
}

fn sender_script(dice: &mut Dice, messages: u64, owner: bool) -> Vec<Step> {
    let mut script = Vec::new();
    let restless = owner && dice.chance(35);
    let plain = dice.chance(30);
    let bursts = dice.chance(40);
    for _ in 0..messages {
        if dice.chance(if bursts { 5 } else { 40 }) {
            script.push(Step::Pause(dice.size(1, 150)));
        }
        if restless && dice.chance(8) {
            script.push(part_or_renew(dice));
        }
        script.push(if plain || dice.chance(50) {
            Step::Send
        } else {
            match dice.below(7) {
                0 => Step::TrySend,
                1 => Step::SendTimeout(dice.size(1, 200)),
                2 => Step::SendGivenUp(dice.between(1, 3) as u32, dice.size(1, 200)),
                3 => Step::SendForgotten(dice.size(1, 100)),
                4 => Step::ReserveGivenUp(dice.between(1, 3) as u32, dice.size(1, 200)),
                _ => Step::Reserve(dice.below(100), dice.chance(75)),
            }
        });
    }
    script
}

fn receiver_script(dice: &mut Dice, owner: bool) -> Vec<Step> {
    let mut script = Vec::new();
    let restless = owner && dice.chance(35);
    let lazy = dice.chance(40);
    for _ in 0..dice.between(3, 12) {
        if restless && dice.chance(8) {
            script.push(part_or_renew(dice));
        }
        script.push(match dice.below(if lazy { 16 } else { 12 }) {
            0..4 => Step::Recv,
            4..6 => Step::RecvFrom,
            6 => Step::TryRecv,
            7 => Step::RecvTimeout(dice.size(1, 200)),
            8 => Step::RecvGivenUp(dice.between(1, 3) as u32, dice.size(1, 200)),
            9 => Step::RecvForgotten(dice.size(1, 100)),
            10 => Step::RecvMany(dice.between(1, 20) as usize),
            11 => Step::Pause(dice.size(1, 40)),
            _ => Step::Pause(dice.size(50, 800)),
        });
    }
    // A script is repeated, so it has to let time pass.
    script.push(Step::RecvTimeout(dice.size(1, 100)));
    script
}

fn part_or_renew(dice: &mut Dice) -> Step {
    let pause = dice.size(1, 200);
    match dice.below(3) {
        0 => Step::Renew(dice.chance(75), pause),
        _ => Step::Part(dice.roll(), pause),
    }
}

pub(crate) fn draw_climate(dice: &mut Dice, stormy: bool, heals: u64, bytes: u64) -> Climate {
    // A story of many bytes in tiny pieces would be a long one.
    let finest = bytes / 400 + 1;
    let grain = |dice: &mut Dice| dice.pick(&[4, 30, 300, 65_536, 65_536]).max(finest);
    let storm = |dice: &mut Dice, percent: &[u64]| if stormy { dice.pick(percent) } else { 0 };
    let delay = dice.pick(&[(0, 0), (0, 0), (0, 20), (1, 1), (5, 100)]);
    // All of it should get through within a second or two.
    let low = dice
        .pick(&[1, 40, 1000, 100_000])
        .max(bytes / 200)
        .max(delay.1 * (10 + bytes / 1000));
    Climate {
        capacity: (low, low * dice.between(1, 10)),
        write_grain: grain(dice),
        read_grain: grain(dice),
        delay,
        blocked: dice.pick(&[0, 0, 5, 30]),
        refused: storm(dice, &[0, 0, 20, 60]),
        hanging: storm(dice, &[0, 0, 0, 5]),
        aborted: storm(dice, &[0, 0, 10]),
        exhausted: storm(dice, &[0, 0, 10]),
        doomed: storm(dice, &[0, 20, 50, 80]),
        doom: dice.pick(&[64, 200, 1000, 20_000]),
        heals,
    }
}

pub(crate) fn draw_fault(dice: &mut Dice, heals: u64) -> (u64, u64, Fault) {
    let fault = if dice.chance(70) {
        Fault::Cut(Cut::draw(dice))
    } else {
        Fault::Partition(dice.size(1, 1000))
    };
    (dice.below(heals), dice.roll(), fault)
}
