//! Keeps the runtime hot in a ping-pong, and nowhere else.
//!
//! A round trip on one machine costs two wake-ups of an idle processor, 5 to 20 µs each; everything else together is
//! some 10 µs. A driver that has just read may therefore look again instead of going to sleep: each look is one
//! zero-timeout poll for all connections of the thread, in turn with every other task. That pays only while
//! question and answer alternate, so it happens only behind a gate:
//!
//! * few messages came, and this pipe sent since the read before, three times in a row;
//! * reads came quickly after one another, `need` times in a row;
//! * the task that receives waits on this very thread: else there is a second processor to wake anyway;
//! * there are two processors, and nobody else in the process spins;
//! * it pays: answers come sooner than they did in the same ping-pong without it, what the thread was kept from running
//!   included. Where both ends share a processor, or others want it, whoever keeps his thread awake keeps the other one from
//!   answering, and is put off himself when it matters.
//!
//! A spell of fewer than eight hits doubles `need`, and one that does not pay makes it four times as much: traffic that only
//! looks like a ping-pong is soon left alone.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A read with more messages than this is not an answer.
const FEW: usize = 4;

/// Alternations in a row before the first look.
const ALTERNATIONS: u32 = 3;

/// Reads within this time of one another are quick: two idle wake-ups and as much again.
const QUICK: Duration = Duration::from_micros(150);

/// How long after the last read a spell goes on …
const PATIENCE: Duration = Duration::from_micros(50);

/// … and how long before it has proved itself.
const FIRST_PATIENCE: Duration = Duration::from_micros(100);

/// Hits that prove a spell.
const PROVED: u32 = 8;

/// A look that took longer than this met a busy thread: others need it more.
const SLOW_TURN: Duration = Duration::from_micros(200);

/// Looks after which a spell ends whatever the clock says: on a paused runtime it stands still as long as anybody looks.
/// No machine looks so often within its patience.
const MOST_LOOKS: u32 = 4096;

/// Quick reads that are asked for at first, and at the most: then half a second without it goes before each trial.
const NEED: (u32, u32) = (3, 16 * 1024);

/// Answers after which it is judged whether it pays, and from then on whenever the thread was put off …
const TRIAL: u32 = 32;

/// … and after which that is known no more: processes are moved, and others come.
const OLD: u32 = 4096;

/// Reads without it, then, before it is tried again.
const WITHOUT: u32 = 16;

/// Taken by the one driver of the process that spins: processors are the process's, not a socket's.
static SPINNING: AtomicBool = AtomicBool::new(false);

/// Asked once: the answer takes 70 µs, and a program with a thousand connections would ask a thousand times.
static HAS_TWO_PROCESSORS: LazyLock<bool> =
    LazyLock::new(|| thread::available_parallelism().is_ok_and(|processors| processors.get() >= 2));

/// Gives the place back, however the spell ends.
#[derive(Debug)]
struct Token;

impl Token {
    fn take() -> Option<Self> {
        SPINNING
            .compare_exchange(false, true, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
            .then_some(Self)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        SPINNING.store(false, Ordering::Relaxed);
    }
}

/// The gate of one connection.
#[derive(Debug)]
pub(crate) struct Spin {
    allowed: bool,
    alternations: u32,
    quick: u32,
    need: u32,
    last_read: Option<Instant>,
    /// The last read brought few messages to a task that waits on this thread.
    answer: bool,
    trial: Trial,
    spell: Option<Spell>,
}

/// How soon answers come in this ping-pong, without spinning and with it.
#[derive(Debug, Default)]
struct Trial {
    without: Pace,
    with: Pace,
}

/// So many answers in this time.
#[derive(Debug, Default)]
struct Pace {
    time: Duration,
    answers: u32,
}

#[derive(Debug)]
struct Spell {
    hits: u32,
    /// Since the last read.
    looks: u32,
    last_look: Instant,
    _token: Token,
}

/// What a read brought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read {
    pub(crate) messages: usize,
    /// This pipe sent since the read before.
    pub(crate) sent: bool,
    /// The task that receives waits on this thread.
    pub(crate) same_thread: bool,
}

impl Trial {
    /// Clearly: by an eighth.
    fn pays(&self) -> bool {
        let (with, without) = (&self.with, &self.without);
        with.time * without.answers * 8 < without.time * with.answers * 7
    }
}

impl Pace {
    fn count(&mut self, after: Duration) {
        self.time += after;
        self.answers = self.answers.saturating_add(1);
    }
}

impl Spin {
    pub(crate) fn new(allowed: bool) -> Self {
        Self {
            allowed: allowed && *HAS_TWO_PROCESSORS,
            alternations: 0,
            quick: 0,
            need: NEED.0,
            last_read: None,
            answer: false,
            trial: Trial::default(),
            spell: None,
        }
    }

    /// Something was read.
    pub(crate) fn handle_read(&mut self, now: Instant, read: Read) {
        if !self.allowed {
            return;
        }
        self.answer = read.messages <= FEW && read.same_thread;
        self.alternations = if read.messages <= FEW && read.sent {
            self.alternations.saturating_add(1)
        } else {
            0
        };
        let quick = self
            .last_read
            .map(|last| now.duration_since(last))
            .filter(|after| *after < QUICK);
        self.quick = quick.map_or(0, |_| self.quick.saturating_add(1));
        self.last_read = Some(now);
        if self.alternations == 0 {
            self.trial = Trial::default();
        } else if let Some(after) = quick {
            match self.spell {
                Some(_) => self.trial.with.count(after),
                None => self.trial.without.count(after),
            }
        }
        if let Some(spell) = &mut self.spell {
            spell.hits += 1;
            spell.looks = 0;
            match self.trial.with.answers {
                OLD => self.begin_anew(WITHOUT),
                TRIAL => self.judge(),
                _ => {}
            }
        }
    }

    fn judge(&mut self) {
        if !self.trial.pays() {
            self.begin_anew((4 * self.need).min(NEED.1));
        }
    }

    /// With so many answers without spinning.
    fn begin_anew(&mut self, need: u32) {
        self.need = need;
        self.quick = 0;
        self.trial = Trial::default();
        self.spell = None;
    }

    /// Nothing is left to do: whether to look again instead of going to sleep.
    pub(crate) fn wants_to_look(&mut self, now: Instant) -> bool {
        if !self.allowed {
            return false;
        }
        if self.spell.is_none() {
            let open = self.answer && self.alternations >= ALTERNATIONS && self.quick >= self.need;
            // Asked once for each read: a spell that has ended begins anew with a read only.
            self.answer = false;
            let Some(token) = open.then(Token::take).flatten() else {
                return false;
            };
            self.spell = Some(Spell {
                hits: 0,
                looks: 0,
                last_look: now,
                _token: token,
            });
            return true;
        }
        let Some(spell) = &mut self.spell else {
            return false;
        };
        let patience = if spell.hits < PROVED {
            FIRST_PATIENCE
        } else {
            PATIENCE
        };
        let in_time = self
            .last_read
            .is_some_and(|last| now.duration_since(last) < patience);
        let turn = now.duration_since(spell.last_look);
        spell.last_look = now;
        spell.looks += 1;
        if turn >= SLOW_TURN {
            self.trial.with.time += turn;
            self.spell = None;
            self.judge();
            return false;
        }
        if in_time && spell.looks < MOST_LOOKS && self.alternations >= ALTERNATIONS {
            return true;
        }
        if spell.hits < PROVED {
            self.need = (self.need * 2).min(NEED.1);
        }
        self.spell = None;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: Read = Read {
        messages: 1,
        sent: true,
        same_thread: true,
    };
    const STEP: Duration = Duration::from_micros(60);

    /// Reads as fast as a ping-pong without spinning; returns when the last one came.
    fn ping_pong(spin: &mut Spin, mut now: Instant, reads: u32, read: Read) -> Instant {
        for _ in 0..reads {
            now += STEP;
            spin.handle_read(now, read);
        }
        now
    }

    fn gate() -> Spin {
        Spin {
            allowed: true,
            ..Spin::new(true)
        }
    }

    /// The token is the process's, so all that spin are in one test.
    #[test]
    fn only_a_quick_ping_pong_on_one_thread_spins_and_only_while_it_lasts() {
        let start = Instant::now();
        for bad in [
            Read {
                sent: false,
                ..ANSWER
            },
            Read {
                same_thread: false,
                ..ANSWER
            },
            Read {
                messages: 5,
                ..ANSWER
            },
        ] {
            let mut spin = gate();
            let now = ping_pong(&mut spin, start, 20, bad);
            assert!(!spin.wants_to_look(now), "{bad:?}");
        }

        let mut spin = gate();
        let mut now = ping_pong(&mut spin, start, 5, ANSWER);
        assert!(spin.wants_to_look(now));

        let mut other = gate();
        ping_pong(&mut other, start, 5, ANSWER);
        assert!(!other.wants_to_look(now), "one spins at a time");

        for _ in 0..PROVED {
            now += Duration::from_micros(9);
            assert!(spin.wants_to_look(now));
            spin.handle_read(now, ANSWER);
        }
        assert!(spin.wants_to_look(now + Duration::from_micros(40)));
        assert!(
            !spin.wants_to_look(now + Duration::from_micros(51)),
            "patience ends"
        );
        assert_eq!(spin.need, NEED.0, "a spell that proved itself costs nothing");

        now = ping_pong(&mut spin, now, 5, ANSWER);
        assert!(spin.wants_to_look(now), "the token came back");
        assert!(!spin.wants_to_look(now + Duration::from_micros(101)));
        assert_eq!(spin.need, 2 * NEED.0, "a spell without hits is paid for");

        now = ping_pong(&mut spin, now, 20, ANSWER);
        assert!(spin.wants_to_look(now));
        for _ in PROVED..OLD {
            assert!(spin.wants_to_look(now));
            now += Duration::from_micros(9);
            spin.handle_read(now, ANSWER);
        }
        assert!(!spin.wants_to_look(now), "what was known is old");

        now = ping_pong(&mut spin, now, WITHOUT, ANSWER);
        for _ in 0..TRIAL {
            assert!(spin.wants_to_look(now));
            now += Duration::from_micros(59);
            spin.handle_read(now, ANSWER);
        }
        assert!(!spin.wants_to_look(now), "it does not pay");
        assert_eq!(spin.need, 4 * WITHOUT);

        let need = spin.need;
        now = ping_pong(&mut spin, now, need, ANSWER);
        for _ in 0..PROVED {
            assert!(spin.wants_to_look(now));
            now += Duration::from_micros(9);
            spin.handle_read(now, ANSWER);
        }
        now += Duration::from_micros(250);
        assert!(!spin.wants_to_look(now), "the thread was put off a little");
        assert_eq!(spin.need, 4 * WITHOUT, "and yet it pays");
        now = ping_pong(&mut spin, now, need + 1, ANSWER);
        assert!(spin.wants_to_look(now));
        now += Duration::from_millis(3);
        assert!(!spin.wants_to_look(now), "the thread was put off long");
        assert_eq!(spin.need, 16 * WITHOUT, "no answer comes so soon that it pays");

        let need = spin.need;
        now = ping_pong(&mut spin, now, need + 1, ANSWER);
        let looks = (0..10 * MOST_LOOKS).take_while(|_| spin.wants_to_look(now));
        assert_eq!(looks.count(), MOST_LOOKS as usize, "time stands still");
    }
}
