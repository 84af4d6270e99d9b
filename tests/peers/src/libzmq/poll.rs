//! Waiting for several sockets at once.

use std::ffi::{c_int, c_long};
use std::marker::PhantomData;
use std::ptr;
use std::time::Duration;

use super::error::{Result, check_uninterrupted};
use super::ffi::{self, ZMQ_POLLIN, ZMQ_POLLOUT};
use super::socket::Socket;

/// One socket and what it is waited for.
#[derive(Debug)]
#[repr(transparent)]
pub struct PollItem<'a> {
    raw: ffi::zmq_pollitem_t,
    socket: PhantomData<&'a Socket>,
}

impl<'a> PollItem<'a> {
    /// Waits until a receive would not wait.
    pub fn reading(socket: &'a Socket) -> Self {
        Self::new(socket, ZMQ_POLLIN)
    }

    /// Waits until a send would not wait.
    pub fn writing(socket: &'a Socket) -> Self {
        Self::new(socket, ZMQ_POLLOUT)
    }

    fn new(socket: &'a Socket, events: i16) -> Self {
        Self {
            raw: ffi::zmq_pollitem_t {
                socket: socket.raw(),
                fd: 0,
                events,
                revents: 0,
            },
            socket: PhantomData,
        }
    }

    /// Whether the last [`poll`] found a receive possible.
    pub fn readable(&self) -> bool {
        self.raw.revents & ZMQ_POLLIN != 0
    }

    /// Whether the last [`poll`] found a send possible.
    pub fn writable(&self) -> bool {
        self.raw.revents & ZMQ_POLLOUT != 0
    }
}

/// Waits until something is possible on one of the sockets, and returns on how many; without a limit for ever.
/// Limits are rounded up to milliseconds.
pub fn poll(items: &mut [PollItem<'_>], limit: Option<Duration>) -> Result<usize> {
    let timeout = match limit {
        Some(limit) => c_long::try_from(limit.as_nanos().div_ceil(1_000_000)).unwrap_or(c_long::MAX),
        None => -1,
    };
    let count = c_int::try_from(items.len()).unwrap_or(c_int::MAX);
    let ready = check_uninterrupted("zmq_poll", || {
        // SAFETY: PollItem is transparent over zmq_pollitem_t, `count` is at most the slice's length, and every
        // socket lives as long as its item. A PollItem is neither Send nor Sync, so each socket is on its thread.
        unsafe { ffi::zmq_poll(ptr::from_mut(items).cast(), count, timeout) }
    })?;
    Ok(ready as usize) // not negative: checked above
}
