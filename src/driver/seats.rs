//! How many peers a socket talks to at a time: any number, or one.
//!
//! Where there is one seat only, whoever talks to the socket holds it: an accepted connection from when it
//! is told that it may send to its own end, a connecting endpoint from `connect` to `disconnect`, connected or not, since its queue
//! is there all the time. Endpoints that come later wait, first come, first served; connections that come later are
//! turned away, and may come again.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The seats of one socket.
#[derive(Debug, Clone)]
pub(crate) struct Seats(Option<Arc<Semaphore>>);

/// One that is held. Dropping it gives it to whoever waits, or comes next.
#[derive(Debug)]
pub(crate) struct Seat {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Seats {
    /// As many as there are peers.
    pub(crate) fn enough() -> Self {
        Self(None)
    }

    /// A single one.
    pub(crate) fn one() -> Self {
        Self(Some(Arc::new(Semaphore::new(1))))
    }

    /// Whether there is one only.
    pub(super) fn are_scarce(&self) -> bool {
        self.0.is_some()
    }

    /// Takes one, if there is one.
    pub(super) fn take(&self) -> Option<Seat> {
        match &self.0 {
            None => Some(Seat { _permit: None }),
            Some(seats) => Some(Seat {
                _permit: Some(seats.clone().try_acquire_owned().ok()?),
            }),
        }
    }

    /// Waits for one.
    pub(super) async fn wait(&self) -> Seat {
        match &self.0 {
            None => Seat { _permit: None },
            // Nobody closes it.
            Some(seats) => Seat {
                _permit: seats.clone().acquire_owned().await.ok(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_are_enough_nobody_waits() {
        let seats = Seats::enough();
        let _held: Vec<_> = (0..3).map(|_| seats.take().expect("there are enough")).collect();
        assert!(!seats.are_scarce());
    }

    #[tokio::test]
    async fn a_single_seat_goes_to_who_waits_before_who_comes() {
        let seats = Seats::one();
        let held = seats.take().expect("it is free");
        assert!(seats.are_scarce() && seats.take().is_none());
        let mut waits = Box::pin(seats.wait());
        assert!(futures::poll!(&mut waits).is_pending());
        drop(held);
        assert!(seats.take().is_none(), "it is promised");
        drop(waits.await);
        assert!(seats.take().is_some());
    }
}
