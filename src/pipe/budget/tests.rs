//! What a budget and its shares promise each other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

/// Counts how often it is called.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bell {
    fn rings(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

fn share(budget: &Arc<Budget>) -> (Share, Arc<Bell>) {
    let bell = Arc::new(Bell::default());
    (Share::new(budget.clone(), Waker::from(bell.clone())), bell)
}

fn budget(limit: usize) -> Arc<Budget> {
    Arc::new(Budget::new(limit, None))
}

fn take_out(share: &mut Share, bytes: u64) {
    share.remove(bytes).into_iter().for_each(Waker::wake);
}

fn put(share: &mut Share, bytes: usize) -> bool {
    let fits = share.fits(bytes);
    if fits {
        share.add(bytes as u64);
    }
    fits
}

#[test]
fn what_fits_is_exact_to_the_byte() {
    let budget = budget(1000);
    let ((mut one, _), (mut two, _)) = (share(&budget), share(&budget));
    assert!(put(&mut one, 600));
    assert!(!put(&mut two, 401));
    assert!(put(&mut two, 400));
    assert!(!put(&mut one, 1) && !put(&mut two, 1));
    assert_eq!(budget.drawn(), 1000);
    assert_eq!((one.left(), two.left()), (0, 0));
}

#[test]
fn who_is_told_no_is_called_once_when_an_eighth_is_free() {
    let budget = budget(800);
    let ((mut holder, rings), (mut waits, bell)) = (share(&budget), share(&budget));
    assert!(put(&mut holder, 800));
    assert!(!put(&mut waits, 10) && !put(&mut waits, 10));
    take_out(&mut holder, 99);
    assert_eq!(bell.rings(), 0);
    take_out(&mut holder, 1);
    assert_eq!((bell.rings(), rings.rings()), (1, 0));
    take_out(&mut holder, 100);
    assert_eq!(bell.rings(), 0, "it was called, and has not asked again");
    waits.handle_call();
    assert!(!put(&mut waits, 500));
    take_out(&mut holder, 1);
    assert_eq!(bell.rings(), 1);
}

#[test]
fn all_who_wait_are_called_in_the_order_in_which_they_came() {
    let budget = budget(10);
    let (mut holder, _) = share(&budget);
    assert!(put(&mut holder, 10));
    let mut others: Vec<_> = (0..3).map(|_| share(&budget)).collect();
    for (other, _) in &mut others {
        assert!(!other.fits(1));
    }
    let calls = holder.remove(10);
    for ((_, bell), call) in others.iter().zip(&calls) {
        call.wake_by_ref();
        assert_eq!(bell.rings(), 1);
    }
    assert_eq!(calls.len(), 3);
}

#[test]
fn a_socket_within_a_context_keeps_to_both() {
    let context = budget(1000);
    let socket = Arc::new(Budget::new(600, Some(context.clone())));
    let ((mut inner, bell), (mut outer, _)) = (share(&socket), share(&context));
    assert!(!put(&mut inner, 601));
    assert_eq!(
        (socket.drawn(), context.drawn()),
        (0, 0),
        "nothing is drawn by halves"
    );
    inner.handle_call();
    assert!(put(&mut outer, 700));
    assert_eq!(inner.left(), 300);
    assert!(!put(&mut inner, 301));
    assert_eq!((socket.drawn(), context.drawn()), (0, 700));
    take_out(&mut outer, 700);
    assert_eq!(bell.rings(), 1);
    inner.handle_call();
    assert!(put(&mut inner, 600));
    assert_eq!((inner.left(), outer.left()), (0, 400));
    take_out(&mut inner, 600);
    assert_eq!((socket.drawn(), context.drawn()), (0, 0));
}

#[test]
fn what_goes_beyond_is_counted_and_nobody_else_fits_before_it_has_left() {
    let budget = budget(100);
    let ((mut one, _), (mut two, _)) = (share(&budget), share(&budget));
    one.add(500);
    assert_eq!(budget.drawn(), 500);
    assert!(!put(&mut two, 1));
    take_out(&mut one, 400);
    assert!(!put(&mut two, 1));
    take_out(&mut one, 100);
    assert!(put(&mut two, 100));
}

#[test]
fn while_there_is_plenty_a_share_looks_once_for_many_bytes_and_takes_no_more_than_a_quarter_ahead() {
    let limit = 16 * AHEAD;
    let budget = budget(limit as usize);
    let mut shares: Vec<_> = (0..16).map(|_| share(&budget).0).collect();
    assert!(put(&mut shares[0], 100));
    assert_eq!(budget.drawn(), 100 + AHEAD);
    while budget.drawn() < 100 + AHEAD + 1 {
        assert!(put(&mut shares[0], 100));
    }
    assert!(shares[0].held > AHEAD);
    for share in &mut shares {
        assert!(put(share, 100));
    }
    let held: u64 = shares.iter().map(|share| share.held).sum();
    assert!(budget.drawn() - held <= limit / 4);
    let (mut last, _) = share(&budget);
    assert!(
        put(&mut last, (limit - budget.drawn()) as usize),
        "the rest is for who needs it"
    );
    take_out(&mut shares[0], 100);
    assert_eq!(shares[0].drawn, shares[0].held, "what was ahead goes back");
}

#[test]
fn a_share_that_is_dropped_gives_all_back_and_calls() {
    let budget = budget(100);
    let ((mut gone, _), (mut waits, bell)) = (share(&budget), share(&budget));
    assert!(put(&mut gone, 100));
    assert!(!put(&mut waits, 1));
    drop(gone);
    assert_eq!((budget.drawn(), bell.rings()), (0, 1));
}
