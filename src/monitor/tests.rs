//! Events on their way to those who listen: whole, in order, bounded, and told in plain words.

use std::task::Wake;
use std::thread;

use super::*;

use crate::peer::tests::peer;

/// Counts how often it is woken.
#[derive(Default)]
struct Counter(Mutex<usize>);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        *self.0.lock() += 1;
    }
}

fn poll(monitor: &mut Monitor) -> Poll<Option<Event>> {
    poll_with(monitor, Waker::noop())
}

fn poll_with(monitor: &mut Monitor, waker: &Waker) -> Poll<Option<Event>> {
    Pin::new(monitor).poll_next(&mut Context::from_waker(waker))
}

/// Event number `id`.
fn event(id: u64) -> Event {
    Event::Unanswered { peer: peer(id) }
}

/// What waits, as the peers' numbers; whatever else there is ends the list.
fn waiting(monitor: &mut Monitor) -> Vec<u64> {
    std::iter::from_fn(|| match poll(monitor) {
        Poll::Ready(Some(Event::Unanswered { peer })) => Some(peer.id()),
        _ => None,
    })
    .collect()
}

#[test]
fn a_monitor_sees_what_happens_after_its_creation() {
    let events = Events::new();
    let mut early = events.monitor();
    events.emit(|| event(1));
    let mut late = events.monitor();
    events.emit(|| event(2));
    assert_eq!(waiting(&mut early), [1, 2]);
    assert_eq!(waiting(&mut late), [2]);
    assert!(poll(&mut early).is_pending());
}

#[test]
fn without_a_monitor_events_are_not_even_made() {
    let events = Events::new();
    events.emit(|| panic!("nobody listens"));
    drop(events.monitor());
    events.emit(|| event(1)); // Notices that the monitor has gone.
    events.emit(|| panic!("nobody listens any more"));
    assert_eq!(events.monitor().size_hint(), (0, None));
}

#[test]
fn a_monitor_that_waits_is_woken_once_per_wait() {
    let events = Events::new();
    let mut monitor = events.monitor();
    let counter = Arc::new(Counter::default());
    let waker = Waker::from(counter.clone());
    assert!(poll_with(&mut monitor, &waker).is_pending());
    events.emit(|| event(1));
    events.emit(|| event(2));
    assert_eq!(*counter.0.lock(), 1);
    assert_eq!(waiting(&mut monitor), [1, 2]);
    assert!(poll_with(&mut monitor, &waker).is_pending());
    events.close();
    assert_eq!(*counter.0.lock(), 2);
}

#[test]
fn who_does_not_keep_up_loses_the_oldest_and_is_told_how_many() {
    let events = Events::new();
    let (mut slow, mut brisk) = (events.monitor(), events.monitor());
    let total = RING as u64 + 10;
    for id in 0..total {
        events.emit(|| event(id));
        assert_eq!(waiting(&mut brisk), [id]);
    }
    assert_eq!(slow.size_hint(), (RING + 1, None));
    assert!(matches!(
        poll(&mut slow),
        Poll::Ready(Some(Event::Lagged { missed: 10 }))
    ));
    assert_eq!(waiting(&mut slow), (10..total).collect::<Vec<_>>());
    events.emit(|| event(0));
    assert_eq!(waiting(&mut slow), [0], "told once");
}

#[test]
fn closed_is_the_last_event() {
    let events = Events::new();
    let mut monitor = events.monitor();
    events.emit(|| event(1));
    events.close();
    events.emit(|| event(2));
    events.close();
    assert_eq!(monitor.size_hint(), (2, Some(2)));
    assert!(matches!(
        poll(&mut monitor),
        Poll::Ready(Some(Event::Unanswered { .. }))
    ));
    assert!(!monitor.is_terminated());
    assert!(matches!(poll(&mut monitor), Poll::Ready(Some(Event::Closed))));
    assert!(monitor.is_terminated());
    assert!(matches!(poll(&mut monitor), Poll::Ready(None)));

    let mut too_late = events.monitor();
    assert!(matches!(poll(&mut too_late), Poll::Ready(Some(Event::Closed))));
    assert!(matches!(poll(&mut too_late), Poll::Ready(None)));
}

#[test]
fn closed_reaches_a_monitor_whose_ring_is_full() {
    let events = Events::new();
    let mut monitor = events.monitor();
    for id in 0..RING as u64 {
        events.emit(|| event(id));
    }
    drop(events); // Closes, whoever forgot to.
    assert!(matches!(
        poll(&mut monitor),
        Poll::Ready(Some(Event::Lagged { missed: 1 }))
    ));
    assert_eq!(waiting(&mut monitor).len(), RING - 1);
    assert!(monitor.is_terminated(), "the list ended with Closed");
}

#[test]
fn a_waker_may_use_the_hub() {
    struct Curious(Arc<Events>);
    impl Wake for Curious {
        fn wake(self: Arc<Self>) {
            drop(self.0.monitor());
            self.0.emit(|| event(2));
        }
    }
    let events = Arc::new(Events::new());
    let mut monitor = events.monitor();
    assert!(poll_with(&mut monitor, &Waker::from(Arc::new(Curious(events.clone())))).is_pending());
    events.emit(|| event(1));
    assert_eq!(waiting(&mut monitor), [1, 2]);
}

#[test]
fn all_monitors_see_the_same_order() {
    let events = Arc::new(Events::new());
    let (mut a, mut b) = (events.monitor(), events.monitor());
    thread::scope(|scope| {
        for teller in 0..4 {
            let events = &events;
            scope.spawn(move || (0..200).for_each(|n| events.emit(|| event(teller * 1000 + n))));
        }
    });
    let (seen_by_a, seen_by_b) = (waiting(&mut a), waiting(&mut b));
    assert_eq!(seen_by_a.len(), 800);
    assert_eq!(seen_by_a, seen_by_b);
}

#[tokio::test]
async fn next_waits_and_may_be_dropped_without_loss() {
    let events = Arc::new(Events::new());
    let mut monitor = events.monitor();
    {
        let mut abandoned = std::pin::pin!(monitor.next());
        assert!(
            abandoned
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        events.emit(|| event(1));
    }
    assert!(matches!(monitor.next().await, Some(Event::Unanswered { peer }) if peer.id() == 1));
    let teller = tokio::spawn({
        let events = events.clone();
        async move {
            events.emit(|| event(2));
            events.close();
        }
    });
    assert!(matches!(monitor.next().await, Some(Event::Unanswered { peer }) if peer.id() == 2));
    assert!(matches!(monitor.next().await, Some(Event::Closed)));
    assert!(monitor.next().await.is_none());
    teller.await.expect("no panic");
}
