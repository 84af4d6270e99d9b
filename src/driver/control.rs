//! What the owner of a task says to it: end, at leisure or at once, or dial anew.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::monitor::DisconnectReason;
use crate::sync::Mutex;

/// What a task is to do.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    /// Write what is queued, at most until `until` (`None`: however long it takes), then end in order.
    Finish {
        until: Option<Instant>,
        why: DisconnectReason,
    },
    /// End the connection at once; a dialer dials again without back-off.
    Renew,
    /// End the connection at once; a dialer dials again as after any loss.
    Break(DisconnectReason),
}

/// The line from an owner to one task.
#[derive(Debug, Default)]
pub(crate) struct Control {
    /// A hint: an order waits.
    raised: AtomicBool,
    /// Whoever ended the task asks for nothing that it leaves.
    is_let_go: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Boxed: most tasks are given none before their last.
    order: Option<Box<Order>>,
    /// The nearest end that was ordered, whether or not the task knows.
    end: Option<Until>,
    waker: Option<Waker>,
}

/// When a task has to end: by its time, or whenever it is done.
type Until = Option<Instant>;

impl Control {
    /// Gives an order. A later one takes the place of one that waits; only `Finish` stands, and gives way to a nearer end
    /// alone: who closes at once and then lets go of a socket that would have lingered does not have it linger again.
    ///
    /// `true`: it is the first end that the task is told.
    pub(crate) fn give(&self, order: Order) -> bool {
        let mut state = self.state.lock();
        let mut is_first_end = false;
        match &order {
            Order::Finish { until, .. } => {
                if state.end.is_some_and(|end| !is_nearer(*until, end)) {
                    return false;
                }
                is_first_end = state.end.replace(*until).is_none();
            }
            _ if matches!(state.order.as_deref(), Some(Order::Finish { .. })) => return false,
            _ => {}
        }
        state.order = Some(Box::new(order));
        self.raised.store(true, Ordering::Release);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        is_first_end
    }

    /// Nobody will ask what the task has left unsent: kept for one who never closes, it would grow with every peer.
    pub(crate) fn let_go(&self) {
        self.is_let_go.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_let_go(&self) -> bool {
        self.is_let_go.load(Ordering::Relaxed)
    }

    /// The next order. Only the task itself polls, and only from that task: its waker is kept once.
    pub(crate) fn poll(&self, cx: &mut Context<'_>, watched: &mut bool) -> Poll<Order> {
        if *watched && !self.raised.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        let mut state = self.state.lock();
        self.raised.store(false, Ordering::Relaxed);
        if let Some(order) = state.order.take() {
            *watched = false;
            return Poll::Ready(*order);
        }
        state.waker = Some(cx.waker().clone());
        *watched = true;
        Poll::Pending
    }
}

fn is_nearer(until: Until, end: Until) -> bool {
    match (until, end) {
        (Some(until), Some(end)) => until < end,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runtime;

    fn finish(until: Until, why: DisconnectReason) -> Order {
        Order::Finish { until, why }
    }

    /// The next order, if it is to finish: until when, and why.
    fn heard(control: &Control) -> Option<(Until, DisconnectReason)> {
        let mut cx = Context::from_waker(Waker::noop());
        match control.poll(&mut cx, &mut false) {
            Poll::Ready(Order::Finish { until, why }) => Some((until, why)),
            Poll::Ready(other) => panic!("expected an order to finish, found {other:?}"),
            Poll::Pending => None,
        }
    }

    #[test]
    fn an_end_gives_way_to_a_nearer_one_alone() {
        use DisconnectReason::{Close, Disconnect};
        let soon = runtime::now();
        let later = soon + Duration::from_secs(1);
        for is_heard_at_once in [false, true] {
            let control = Control::default();
            let mut all = Vec::new();
            for (until, why) in [
                (Some(later), Disconnect),
                (None, Close),
                (Some(later), Close),
                (Some(soon), Close),
                (Some(later), Close),
                (None, Close),
            ] {
                control.give(finish(until, why));
                if is_heard_at_once {
                    all.extend(heard(&control));
                }
            }
            all.extend(heard(&control));
            let nearest = (Some(soon), Close);
            match is_heard_at_once {
                false => assert_eq!(all, [nearest]),
                true => assert_eq!(all, [(Some(later), Disconnect), nearest]),
            }
        }
    }

    #[test]
    fn what_waits_gives_way_to_an_end_and_no_end_to_anything_else() {
        let control = Control::default();
        control.give(Order::Renew);
        control.give(finish(None, DisconnectReason::Close));
        control.give(Order::Break(DisconnectReason::TooSlow));
        assert_eq!(heard(&control), Some((None, DisconnectReason::Close)));
        assert_eq!(heard(&control), None);
    }
}
