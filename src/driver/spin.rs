//! Keeps the runtime hot in a ping-pong, and nowhere else.
//!
//! A round trip on one machine costs two wake-ups of an idle processor, 5 to 35 µs each; everything else together is
//! some 10 µs. A driver that has just read may therefore look again instead of going to sleep: each look is one
//! zero-timeout poll for all connections of the thread, in turn with every other task. That pays only while
//! question and answer alternate, so it happens only behind a gate:
//!
//! * few messages came, and this pipe sent since the read before, three times in a row;
//! * reads came quickly after one another, `need` times in a row;
//! * the task that receives waits on this very thread: else there is a second processor to wake anyway;
//! * there are two processors, and nobody else in the process spins;
//! * it pays: answers come sooner than they did in the same ping-pong without it. Where both ends share a processor, or others
//!   want it, whoever keeps his thread awake keeps the other one from answering, and is put off himself when it matters.
//!
//! The answer that a spell has waited for in vain is its own too, and so is the time in which its thread was put off: both come
//! of it. And what is compared is how it was of late: the system moves both ends to one processor and away again as it
//! likes. A spell of fewer than eight hits doubles `need`: traffic that only looks like a ping-pong is soon left alone.

use std::mem;
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

/// Quick reads that are asked for at first, and at the most: then half a second without it goes before each spell.
const NEED: (u32, u32) = (3, 16 * 1024);

/// The most where it is known to pay: there it is only for the moment that no spell succeeds.
const NEED_WHERE_IT_PAYS: u32 = 256;

/// Answers with it that say whether it pays.
const TRIAL: u32 = 32;

/// The latest answers with it, and without it, that are remembered.
const LATEST: (u32, u32) = (1024, 16);

/// Reads after which it is known no more how it would be the other way: processes are moved, and others come.
const OLD: u32 = 4096;

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
    /// Reads since it was last seen how it is the other way.
    age: u32,
    /// A spell has ended since the last read: it waited in vain for the next one.
    in_vain: bool,
    trial: Trial,
    spell: Option<Spell>,
}

/// How soon answers come in this ping-pong, without spinning and with it.
#[derive(Debug, Default)]
struct Trial {
    without: Pace,
    with: Pace,
}

/// So many answers came in this time.
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
    /// All its answers have come, or have taken longer already than they would have without it.
    fn is_over(&self) -> bool {
        let (with, without) = (&self.with, &self.without);
        with.answers >= TRIAL || with.time * without.answers > without.time * TRIAL
    }

    /// Clearly: by an eighth.
    fn pays(&self) -> bool {
        let (with, without) = (&self.with, &self.without);
        with.time * without.answers * 8 < without.time * with.answers * 7
    }

    fn has_failed(&self) -> bool {
        self.is_over() && !self.pays()
    }
}

impl Pace {
    /// One more; what is known of those before the `latest` fades.
    fn count(&mut self, after: Duration, latest: u32) {
        if self.answers >= latest {
            self.time /= 2;
            self.answers /= 2;
        }
        self.time += after;
        self.answers += 1;
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
            age: 0,
            in_vain: false,
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
        let in_vain = mem::take(&mut self.in_vain);
        if self.alternations == 0 {
            self.trial = Trial::default();
        } else if let Some(after) = quick {
            match self.spell.is_some() || in_vain {
                true => self.trial.with.count(after, LATEST.0),
                false => self.trial.without.count(after, LATEST.1),
            }
        }
        if let Some(spell) = &mut self.spell {
            spell.hits += 1;
            spell.looks = 0;
            if spell.hits == PROVED {
                self.need = NEED.0;
            }
            if self.trial.has_failed() {
                self.spell = None;
            }
        }
        self.age += 1;
        if self.age == OLD {
            self.look_anew();
        }
    }

    /// Sees how it is the other way: goes without it for a while, or tries it once more.
    fn look_anew(&mut self) {
        self.age = 0;
        match self.spell.take() {
            Some(_) => {
                self.trial.without = Pace::default();
                self.quick = 0;
                self.need = self.need.max(LATEST.1);
            }
            None => self.trial.with = Pace::default(),
        }
    }

    /// Nothing is left to do: whether to look again instead of going to sleep.
    pub(crate) fn wants_to_look(&mut self, now: Instant) -> bool {
        if !self.allowed {
            return false;
        }
        if self.spell.is_none() {
            let open = self.answer
                && self.alternations >= ALTERNATIONS
                && self.quick >= self.need
                && !self.trial.has_failed();
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
        let was_put_off = turn >= SLOW_TURN;
        if in_time && !was_put_off && spell.looks < MOST_LOOKS && self.alternations >= ALTERNATIONS {
            return true;
        }
        if was_put_off {
            self.trial.with.time += turn;
        }
        if spell.hits < PROVED {
            let most = if self.trial.is_over() {
                NEED_WHERE_IT_PAYS
            } else {
                NEED.1
            };
            self.need = (self.need * 2).min(most.max(self.need));
        }
        self.in_vain = true;
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
    const SOON: Duration = Duration::from_micros(9);

    /// Reads as fast as a ping-pong without spinning; returns when the last one came.
    fn ping_pong(spin: &mut Spin, mut now: Instant, reads: u32, read: Read) -> Instant {
        for _ in 0..reads {
            now += STEP;
            spin.handle_read(now, read);
        }
        now
    }

    /// Spins, and is answered after `step` each time; returns when the last answer came.
    fn answered(spin: &mut Spin, mut now: Instant, answers: u32, step: Duration) -> Instant {
        for _ in 0..answers {
            assert!(spin.wants_to_look(now));
            now += step;
            spin.handle_read(now, ANSWER);
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

        now = answered(&mut spin, now, PROVED, SOON);
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

        drop(spin);

        what_is_old_is_seen_anew(start);
        what_does_not_pay_ends_until_it_may(start);
        answers_awaited_in_vain_count(start);
        where_it_pays_it_is_soon_tried_again(start);

        let mut spin = gate();
        let now = ping_pong(&mut spin, start, 5, ANSWER);
        let looks = (0..10 * MOST_LOOKS).take_while(|_| spin.wants_to_look(now));
        assert_eq!(looks.count(), MOST_LOOKS as usize, "time stands still");
    }

    fn what_is_old_is_seen_anew(start: Instant) {
        let mut spin = gate();
        let now = ping_pong(&mut spin, start, 5, ANSWER);
        let now = answered(&mut spin, now, OLD - 5, SOON);
        assert!(!spin.wants_to_look(now), "how it would be without it is old");
        let now = ping_pong(&mut spin, now, LATEST.1, ANSWER);
        answered(&mut spin, now, 1, SOON);
        assert!(spin.spell.is_some(), "it still pays");
    }

    fn what_does_not_pay_ends_until_it_may(start: Instant) {
        let late = STEP - Duration::from_micros(1);
        let mut spin = gate();
        let now = ping_pong(&mut spin, start, 5, ANSWER);
        let now = answered(&mut spin, now, TRIAL, late);
        assert!(!spin.wants_to_look(now));
        let now = ping_pong(&mut spin, now, 100, ANSWER);
        assert!(!spin.wants_to_look(now), "it does not pay");
        let now = ping_pong(&mut spin, now, OLD, ANSWER);
        let now = answered(&mut spin, now, TRIAL, late);
        assert!(!spin.wants_to_look(now), "tried once more, it does not");

        let mut now = ping_pong(&mut spin, now, 5, ANSWER);
        for _ in 0..LATEST.1 {
            now += 2 * STEP;
            spin.handle_read(now, ANSWER);
        }
        assert!(
            spin.wants_to_look(now),
            "without it answers come later than they did"
        );
    }

    fn answers_awaited_in_vain_count(start: Instant) {
        for (put_off, is_tried_again) in [(250, true), (3000, false)] {
            let mut spin = gate();
            let now = ping_pong(&mut spin, start, 5, ANSWER);
            let now = answered(&mut spin, now, PROVED, SOON);
            let now = now + Duration::from_micros(put_off);
            assert!(!spin.wants_to_look(now), "the thread was put off");
            let now = ping_pong(&mut spin, now, 10, ANSWER);
            assert_eq!(spin.wants_to_look(now), is_tried_again, "{put_off} us");
        }
    }

    fn where_it_pays_it_is_soon_tried_again(start: Instant) {
        let mut spin = gate();
        let now = ping_pong(&mut spin, start, 5, ANSWER);
        let mut now = answered(&mut spin, now, TRIAL, SOON);
        for _ in 0..10 {
            now += FIRST_PATIENCE;
            assert!(!spin.wants_to_look(now), "no hit");
            now = ping_pong(&mut spin, now, 1 + NEED_WHERE_IT_PAYS, ANSWER);
            assert!(spin.wants_to_look(now));
        }
        assert_eq!(spin.need, NEED_WHERE_IT_PAYS);
    }
}
