//! Who is let in: how many connections may come, and who has to go for a newcomer.
//!
//! A connection costs nothing to open, so before its handshake is done nobody knows whether it is worth its
//! descriptor. Their number is limited, and what a crowd of strangers can do is make others wait a little:
//!
//! ```text
//!   backlog ──▶ │ door │ ──▶ pending, oldest first ──handshake──▶ established
//!                  │            │ older than a second, and a newcomer is there
//!                  │            └──▶ evicted
//!                  └── shut while as many are pending as may be, all of them young: the kernel's backlog waits
//! ```
//!
//! * At the cap the listener stops accepting. A pending connection that is older than a second may be evicted for a
//!   newcomer, the oldest first; a younger one never, so that nobody is thrown out who only has a slow line.
//! * One source may have a quarter of the cap; the next one from there takes the place of its own oldest, or is
//!   closed. Loopback and ipc are exempt: there everybody has the same address.
//! * Beyond `max_connections` a newcomer takes the place of an old pending one, or is closed.
//!
//! What to do is decided by a function of the numbers, [`judge`]; the rest of this file keeps them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::{Control, Order};
use crate::monitor::{DisconnectReason, Limit};
use crate::sync::Mutex;

/// For this long every connection may take its time.
const YOUNG: Duration = Duration::from_secs(1);

/// How many may come in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdmissionLimits {
    /// Connections whose handshake is not done. At least one.
    pub(crate) pending: usize,
    /// All accepted connections of a socket.
    pub(crate) connections: Option<usize>,
}

impl AdmissionLimits {
    /// What a single source may have pending.
    fn share(self) -> usize {
        (self.pending / 4).max(1)
    }
}

/// Where a connection comes from, as far as sources are told apart.
type Source = Option<IpAddr>;

/// A connection whose handshake is not done.
#[derive(Debug)]
struct Pending {
    since: Instant,
    source: Source,
    control: Arc<Control>,
}

impl Pending {
    fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= YOUNG
    }
}

/// What becomes of a newcomer.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Admit,
    /// This one has to go.
    InPlaceOf(u64),
    Refuse(Limit),
}

/// Decides about a newcomer. `pending` is in order of age.
fn judge(
    limits: AdmissionLimits,
    pending: &BTreeMap<u64, Pending>,
    established: usize,
    source: Source,
    now: Instant,
) -> Verdict {
    let in_place_of = |oldest: Option<(&u64, &Pending)>, limit| match oldest {
        Some((id, oldest)) if oldest.is_old(now) => Verdict::InPlaceOf(*id),
        _ => Verdict::Refuse(limit),
    };
    // Only a crowd is counted by source.
    if source.is_some() && pending.len() >= limits.share() {
        let mut of_source = pending.iter().filter(|(_, pending)| pending.source == source);
        let oldest = of_source.next();
        if oldest.is_some() && 1 + of_source.count() >= limits.share() {
            return in_place_of(oldest, Limit::PendingHandshakesOfSource);
        }
    }
    if pending.len() >= limits.pending {
        return in_place_of(pending.first_key_value(), Limit::PendingHandshakes);
    }
    if limits
        .connections
        .is_some_and(|most| pending.len() + established >= most)
    {
        return in_place_of(pending.first_key_value(), Limit::Connections);
    }
    Verdict::Admit
}

/// When the next connection may be accepted, if not now.
fn opens(limits: AdmissionLimits, pending: &BTreeMap<u64, Pending>, now: Instant) -> Option<Instant> {
    if pending.len() < limits.pending {
        return None;
    }
    let (_, oldest) = pending.first_key_value()?;
    (!oldest.is_old(now)).then(|| oldest.since + YOUNG)
}

/// The accepted connections of one socket.
#[derive(Debug)]
pub(crate) struct Admission {
    limits: AdmissionLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// By a running number, and so in order of age.
    pending: BTreeMap<u64, Pending>,
    established: usize,
    /// Listeners that found the door shut.
    waiting: Vec<Waker>,
}

impl Admission {
    pub(crate) fn new(limits: AdmissionLimits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
        }
    }

    /// Until when nothing is to be accepted; `None`: the door is open. It may open earlier, and then wakes.
    pub(crate) fn opens(&self, now: Instant, waker: &Waker) -> Option<Instant> {
        let mut state = self.state.lock();
        let at = opens(self.limits, &state.pending, now)?;
        if !state.waiting.iter().any(|waiting| waiting.will_wake(waker)) {
            state.waiting.push(waker.clone());
        }
        Some(at)
    }

    /// Decides about a connection that was accepted; `control` is how it hears that it has to go.
    pub(crate) fn admit(
        self: &Arc<Self>,
        now: Instant,
        address: Option<IpAddr>,
        control: &Arc<Control>,
    ) -> Result<Ticket, Limit> {
        let source = address.and_then(source);
        let mut state = self.state.lock();
        let evicted = match judge(self.limits, &state.pending, state.established, source, now) {
            Verdict::Admit => None,
            Verdict::InPlaceOf(oldest) => state.pending.remove(&oldest),
            Verdict::Refuse(limit) => return Err(limit),
        };
        let id = state.next;
        state.next += 1;
        state.pending.insert(
            id,
            Pending {
                since: now,
                source,
                control: control.clone(),
            },
        );
        drop(state);
        if let Some(evicted) = evicted {
            evicted.control.give(Order::Finish {
                until: Some(now),
                why: DisconnectReason::Evicted,
            });
        }
        Ok(Ticket {
            admission: self.clone(),
            stage: Stage::Pending(id),
        })
    }
}

/// An admitted connection's place. Dropping it makes room.
#[derive(Debug)]
pub(crate) struct Ticket {
    admission: Arc<Admission>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Pending(u64),
    Established,
}

impl Ticket {
    /// The handshake is done. `false`: too late, the place was given away.
    pub(crate) fn establish(&mut self) -> bool {
        let Stage::Pending(id) = self.stage else {
            return true;
        };
        let mut state = self.admission.state.lock();
        if state.pending.remove(&id).is_none() {
            return false;
        }
        state.established += 1;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.stage = Stage::Established;
        waiting.into_iter().for_each(Waker::wake);
        true
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.admission.state.lock();
        match self.stage {
            Stage::Pending(id) => drop(state.pending.remove(&id)),
            Stage::Established => state.established -= 1,
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// An IPv6 host has a network of its own to choose addresses from, so that network is the source.
fn source(address: IpAddr) -> Source {
    let source = match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64))
        }
        address => address,
    };
    (!source.is_loopback()).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// Pending connections by age in milliseconds and source, oldest first.
    fn crowd(now: Instant, pending: &[(u64, &str)]) -> BTreeMap<u64, Pending> {
        let pending = pending.iter().map(|(age, from)| Pending {
            since: now - Duration::from_millis(*age),
            source: source(address(from)),
            control: Arc::default(),
        });
        (0..).zip(pending).collect()
    }

    const EIGHT: AdmissionLimits = AdmissionLimits {
        pending: 8,
        connections: None,
    };

    #[test]
    fn row_02_a_newcomer_is_judged_by_numbers_ages_and_sources() {
        use Limit::{Connections, PendingHandshakes, PendingHandshakesOfSource};
        use Verdict::{Admit, InPlaceOf, Refuse};

        let others = [
            (1500, "10.0.0.1"),
            (900, "10.0.0.2"),
            (800, "10.0.0.3"),
            (700, "10.0.0.4"),
        ];
        let young = others.map(|(age, from)| (age % 1000, from));
        let full = [others, others].concat();
        let full_of_young = [young, young].concat();
        let from_one = [(1100, "10.0.0.9"), (50, "10.0.0.9"), (40, "10.0.0.1")];
        let from_home = [(1100, "127.0.0.1"); 7];
        let eight = |connections| AdmissionLimits { connections, ..EIGHT };
        #[allow(clippy::type_complexity)] // A table reads best as one.
        let table: [(&str, AdmissionLimits, &[(u64, &str)], usize, &str, Verdict); 13] = [
            ("nobody is there", EIGHT, &[], 0, "10.0.0.9", Admit),
            ("there is room", EIGHT, &others, 10_000, "10.0.0.9", Admit),
            ("full, and one is old", EIGHT, &full, 0, "10.0.0.9", InPlaceOf(0)),
            (
                "full of young ones",
                EIGHT,
                &full_of_young,
                0,
                "10.0.0.9",
                Refuse(PendingHandshakes),
            ),
            (
                "full of young ones, from home",
                EIGHT,
                &full_of_young,
                0,
                "127.0.0.1",
                Refuse(PendingHandshakes),
            ),
            (
                "its source has its share, one old",
                EIGHT,
                &from_one,
                0,
                "10.0.0.9",
                InPlaceOf(0),
            ),
            (
                "its share, all young",
                EIGHT,
                &from_one[1..],
                0,
                "10.0.0.1",
                Admit,
            ),
            (
                "its share of two",
                EIGHT,
                &[(10, "10.0.0.9"); 2],
                0,
                "10.0.0.9",
                Refuse(PendingHandshakesOfSource),
            ),
            (
                "the same in IPv6",
                EIGHT,
                &[(10, "2001:db8::1"), (9, "2001:db8::2")],
                0,
                "2001:db8::3",
                Refuse(PendingHandshakesOfSource),
            ),
            (
                "IPv4 in IPv6",
                EIGHT,
                &[(10, "10.0.0.9"), (9, "::ffff:10.0.0.9")],
                0,
                "10.0.0.9",
                Refuse(PendingHandshakesOfSource),
            ),
            ("home is exempt", EIGHT, &from_home, 0, "::1", Admit),
            (
                "enough connections",
                eight(Some(10)),
                &young,
                6,
                "10.0.0.9",
                Refuse(Connections),
            ),
            (
                "enough connections, one pending too long",
                eight(Some(10)),
                &others,
                6,
                "10.0.0.9",
                InPlaceOf(0),
            ),
        ];
        let now = Instant::now() + Duration::from_secs(10);
        for (name, limits, pending, established, from, verdict) in table {
            let judged = judge(
                limits,
                &crowd(now, pending),
                established,
                source(address(from)),
                now,
            );
            assert_eq!(judged, verdict, "{name}");
        }
    }

    #[test]
    fn row_02_the_door_is_shut_while_all_are_young() {
        let now = Instant::now() + Duration::from_secs(10);
        let full = crowd(now, &[(900, "10.0.0.1"); 8]);
        assert_eq!(opens(EIGHT, &full, now), Some(now + Duration::from_millis(100)));
        assert_eq!(opens(EIGHT, &full, now + Duration::from_millis(100)), None);
        assert_eq!(opens(EIGHT, &crowd(now, &[(900, "10.0.0.1"); 7]), now), None);
    }

    #[test]
    fn whoever_leaves_or_is_done_makes_room() {
        let limits = AdmissionLimits {
            pending: 1,
            connections: Some(2),
        };
        let admission = Arc::new(Admission::new(limits));
        let now = Instant::now();
        let admit = |later: u64| admission.admit(now + Duration::from_millis(later), None, &Arc::default());
        let mut first = admit(0).expect("room");
        assert_eq!(admit(999).err(), Some(Limit::PendingHandshakes));
        assert!(first.establish() && first.establish());
        let mut second = admit(999).expect("room");
        assert!(second.establish());
        assert_eq!(admit(999).err(), Some(Limit::Connections));
        drop(first);
        let mut third = admit(999).expect("room");
        let fourth = admit(1999).expect("the third is old");
        assert!(!third.establish(), "its place was given away");
        drop((third, fourth, second));
        assert!(admission.state.lock().pending.is_empty());
        assert_eq!(admission.state.lock().established, 0);
    }
}
