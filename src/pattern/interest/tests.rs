//! What publishers are told, against what is wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};

use proptest::prelude::*;

use super::*;

/// A publisher as its driver sees it.
struct Told {
    key: u64,
    seen: u64,
    knows: BTreeSet<Bytes>,
}

impl Told {
    fn new(interest: &Interest) -> Self {
        Self {
            key: interest.attach(),
            seen: u64::MAX,
            knows: BTreeSet::new(),
        }
    }

    /// The driver's pass: the number of changes, and the barrier.
    fn hear(&mut self, interest: &Interest) -> (usize, Option<u64>) {
        let Some(errand) = interest.poll_errand(self.key, Waker::noop(), &mut self.seen) else {
            return (0, None);
        };
        for change in &errand.changes {
            let is_news = if change.subscribe {
                self.knows.insert(change.prefix.clone())
            } else {
                self.knows.remove(&change.prefix)
            };
            assert!(is_news, "it knew: {change:?}");
        }
        (errand.changes.len(), errand.barrier)
    }
}

fn is_ready(interest: &Interest, barrier: u64) -> bool {
    interest.poll_subscribed(Waker::noop(), barrier) == Poll::Ready(true)
}

/// Counts how often it was woken.
#[derive(Default)]
struct Calls(AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_new_publisher_is_told_every_prefix_once() {
    let interest = Interest::default();
    for prefix in ["a", "b", "a", "a"] {
        interest.subscribe(prefix.into());
    }
    let mut publisher = Told::new(&interest);
    assert_eq!(publisher.hear(&interest), (2, None));
    assert_eq!(publisher.hear(&interest), (0, None));
}

#[test]
fn only_the_first_subscription_and_the_last_cancellation_are_told() {
    let interest = Interest::default();
    let mut publisher = Told::new(&interest);
    publisher.hear(&interest);

    interest.subscribe("a".into());
    assert_eq!(publisher.hear(&interest), (1, None));
    interest.subscribe("a".into());
    assert!(interest.unsubscribe(b"a"));
    assert_eq!(publisher.hear(&interest), (0, None));
    assert!(interest.unsubscribe(b"a"));
    assert_eq!(publisher.hear(&interest), (1, None));
    assert!(!interest.unsubscribe(b"a"));
    assert_eq!(publisher.hear(&interest), (0, None));
}

#[test]
fn what_is_taken_back_before_the_driver_came_is_not_told() {
    let interest = Interest::default();
    interest.subscribe("kept".into());
    let mut publisher = Told::new(&interest);
    publisher.hear(&interest);

    interest.subscribe("brief".into());
    interest.unsubscribe(b"brief");
    interest.unsubscribe(b"kept");
    interest.subscribe("kept".into());
    assert_eq!(publisher.hear(&interest), (0, None));
}

#[test]
fn a_change_calls_the_driver_once() {
    let interest = Interest::default();
    let calls = Arc::new(Calls::default());
    let (key, mut seen) = (interest.attach(), u64::MAX);
    let waker = Waker::from(calls.clone());
    interest.poll_errand(key, &waker, &mut seen);
    for prefix in ["a", "b", "c"] {
        interest.subscribe(prefix.into());
    }
    assert_eq!(calls.0.load(Ordering::Relaxed), 1);
    assert!(interest.poll_errand(key, &waker, &mut seen).is_some());
    interest.unsubscribe(b"a");
    assert_eq!(calls.0.load(Ordering::Relaxed), 2);
}

#[test]
fn nobody_is_subscribed_without_a_publisher() {
    let interest = Interest::default();
    let barrier = interest.set_barrier();
    assert!(!is_ready(&interest, barrier));

    let mut publisher = Told::new(&interest);
    assert!(!is_ready(&interest, barrier));
    assert_eq!(publisher.hear(&interest), (0, Some(barrier)));
    interest.passed(publisher.key, barrier);
    assert!(is_ready(&interest, barrier));

    interest.detach(publisher.key);
    assert!(!is_ready(&interest, barrier));
}

#[test]
fn a_barrier_is_passed_when_every_publisher_has_passed_it() {
    let interest = Interest::default();
    let mut publishers = [Told::new(&interest), Told::new(&interest)];
    interest.subscribe("a".into());
    let first = interest.set_barrier();
    assert_eq!(publishers[0].hear(&interest), (1, Some(first)));
    // The other one is slower and meets both at once.
    let second = interest.set_barrier();
    assert_eq!(publishers[0].hear(&interest), (0, Some(second)));
    assert_eq!(publishers[1].hear(&interest), (1, Some(second)));

    interest.passed(publishers[0].key, first);
    interest.passed(publishers[1].key, second);
    assert!(is_ready(&interest, first) && !is_ready(&interest, second));
    interest.passed(publishers[0].key, second);
    assert!(is_ready(&interest, second));
}

#[test]
fn who_waits_is_called_when_a_barrier_is_passed_a_publisher_leaves_or_all_ends() {
    let calls = Arc::new(Calls::default());
    let waker = Waker::from(calls.clone());
    let interest = Interest::default();
    let (stays, leaves) = (interest.attach(), interest.attach());
    let barrier = interest.set_barrier();
    let mut expected = 0;
    let mut wait_for = |event: &dyn Fn()| {
        assert!(interest.poll_subscribed(&waker, barrier).is_pending());
        assert!(interest.poll_subscribed(&waker, barrier).is_pending());
        event();
        expected += 1;
        assert_eq!(calls.0.load(Ordering::Relaxed), expected);
    };
    wait_for(&|| interest.passed(stays, barrier));
    wait_for(&|| interest.detach(leaves));
    assert!(is_ready(&interest, barrier));
    let barrier = interest.set_barrier();
    assert!(interest.poll_subscribed(&waker, barrier).is_pending());
    interest.close();
    assert_eq!(calls.0.load(Ordering::Relaxed), expected + 1);
    assert_eq!(interest.poll_subscribed(&waker, barrier), Poll::Ready(false));
}

#[derive(Debug, Clone)]
enum Step {
    Subscribe(Bytes),
    Unsubscribe(Bytes),
    Attach,
    Detach(usize),
    Hear(usize),
    Receive(Bytes),
}

fn word() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(prop::sample::select(b"abc".to_vec()), 0..4).prop_map(Bytes::from)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => word().prop_map(Step::Subscribe),
        3 => word().prop_map(Step::Unsubscribe),
        1 => Just(Step::Attach),
        1 => any::<usize>().prop_map(Step::Detach),
        4 => any::<usize>().prop_map(Step::Hear),
        4 => word().prop_map(Step::Receive),
    ]
}

proptest! {
    /// Also checked in `hear`: nobody is told what it knows.
    #[test]
    fn publishers_know_what_is_wanted_and_receivers_get_it(steps in prop::collection::vec(step(), 0..100)) {
        let interest = Interest::default();
        let mut wanted = BTreeMap::<Bytes, u32>::new();
        let mut publishers = Vec::new();
        let mut known = Prefixes::default();
        for step in steps {
            match step {
                Step::Subscribe(prefix) => {
                    *wanted.entry(prefix.clone()).or_default() += 1;
                    interest.subscribe(prefix);
                }
                Step::Unsubscribe(prefix) => {
                    let count = wanted.get_mut(&prefix);
                    prop_assert_eq!(interest.unsubscribe(&prefix), count.is_some());
                    if let Some(count) = count {
                        *count -= 1;
                        wanted.retain(|_, count| *count > 0);
                    }
                }
                Step::Attach => publishers.push(Told::new(&interest)),
                Step::Detach(which) if !publishers.is_empty() => {
                    let gone = publishers.swap_remove(which % publishers.len());
                    interest.detach(gone.key);
                    let mut seen = u64::MAX;
                    prop_assert!(interest.poll_errand(gone.key, Waker::noop(), &mut seen).is_none());
                }
                Step::Hear(which) if !publishers.is_empty() => {
                    let which = which % publishers.len();
                    publishers[which].hear(&interest);
                    prop_assert!(publishers[which].knows.iter().eq(wanted.keys()));
                }
                Step::Receive(topic) => {
                    let expected = wanted.keys().any(|prefix| topic.starts_with(prefix));
                    let message = Message::from(&topic[..]);
                    let from = PipeId { slot: 0, generation: 0 };
                    prop_assert!(expected || !interest.takes(&known, &topic, true));
                    prop_assert_eq!(interest.refuse(&mut known, &message, from).is_none(), expected);
                }
                Step::Detach(_) | Step::Hear(_) => {}
            }
        }
    }
}

#[test]
fn who_speaks_for_others_says_again_what_is_said_already_but_once() {
    let interest = Interest::new(InterestConfig {
        matching: Matching::Everybody,
        repeats: true,
        tells_every_end: true,
    });
    let (key, mut seen) = (interest.attach(), u64::MAX);
    let mut said = || {
        let errand = interest.poll_errand(key, Waker::noop(), &mut seen);
        let changes = errand.map(|errand| errand.changes).unwrap_or_default();
        let shown = changes
            .into_iter()
            .map(|change| (change.subscribe, change.prefix));
        shown.collect::<Vec<_>>()
    };
    let (subscribe, cancel) = ((true, Bytes::from("a")), (false, Bytes::from("a")));
    for _ in 0..3 {
        interest.subscribe("a".into());
    }
    assert_eq!(said(), std::slice::from_ref(&subscribe), "nobody knew it");
    for _ in 0..3 {
        interest.subscribe("a".into());
    }
    assert_eq!(said(), std::slice::from_ref(&subscribe));
    interest.unsubscribe(b"a");
    interest.subscribe("a".into());
    assert_eq!(said(), [subscribe], "the last word counts");
    interest.unsubscribe(b"a");
    interest.unsubscribe(b"a");
    assert_eq!(said(), std::slice::from_ref(&cancel));
    while interest.unsubscribe(b"a") {}
    assert_eq!(said(), [cancel], "that was the end");
    assert_eq!(said(), []);
}
