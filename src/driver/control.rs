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
    state: Mutex<(Option<Order>, Option<Waker>)>,
}

impl Control {
    /// Gives an order; a later one takes its place, but nothing takes the place of `Finish` except a nearer end.
    pub(crate) fn give(&self, order: Order) {
        let mut state = self.state.lock();
        if matches!(order, Order::Finish { .. }) || !matches!(state.0, Some(Order::Finish { .. })) {
            state.0 = Some(order);
        }
        self.raised.store(true, Ordering::Release);
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next order. Only the task itself polls, and only from that task: its waker is kept once.
    pub(crate) fn poll(&self, cx: &mut Context<'_>, watched: &mut bool) -> Poll<Order> {
        if *watched && !self.raised.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        let mut state = self.state.lock();
        self.raised.store(false, Ordering::Relaxed);
        if let Some(order) = state.0.take() {
            *watched = false;
            return Poll::Ready(order);
        }
        state.1 = Some(cx.waker().clone());
        *watched = true;
        Poll::Pending
    }
}
