//! A descriptor that becomes readable when its socket may have become ready: libzmq's `ZMQ_FD`, for programs that wait for
//! descriptors in a loop of their own.
//!
//! ```text
//!  lines of the socket ──wake──▶ task ──looks──▶ a byte ──▶ descriptor ──▶ the program's loop
//!         ▲                                                                    │
//!         └──────── waits ──────── looks ◀──────── EVENTS, EAGAIN ◀────────────┘
//! ```
//!
//! It tells of edges. A way (receiving, sending) is *awaited* from when the program was told that nothing goes there, by
//! `EVENTS` or by `EAGAIN`, until it is found to be open: then a byte is written, and stays until the program has asked
//! again. So a byte may be there for nothing, but none is missing: every call looks at what is awaited before it returns,
//! and whatever happens after that wakes the task, which waits in the lines of the socket as callers do. It is driven by
//! whoever drives the socket's connections: while the program waits elsewhere, the [lease](crate::runtime)'s fallback.
//!
//! The task takes nothing, neither a message nor room. While a call is inside, it stands aside on that way: what comes is
//! the caller's, and a question of a REQ has one place in the line only.

use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
#[cfg(not(unix))]
use std::net::TcpStream as Stream;
#[cfg(unix)]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
#[cfg(unix)]
use std::os::unix::net::UnixStream as Stream;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use super::Errno;
use super::event::{POLLIN, POLLOUT};
use super::receiving::Watch;
use super::socket::Inner;
use crate::runtime;
use crate::sync::Mutex;

/// The descriptor of one socket.
pub(super) struct Signal {
    /// The program's end.
    told: Stream,
    bell: Arc<Mutex<Bell>>,
}

struct Bell {
    /// Our end; `None` when the socket is closed.
    end: Option<Stream>,
    /// One who looks, as soon as there is a socket to look at.
    watch: Option<Watch>,
    /// The task that has it look when something has happened.
    task: Option<Waker>,
    /// What the program knows that it cannot do.
    awaited: i16,
    /// What it can do since, and has not asked for.
    found: i16,
    /// How many calls are receiving, and sending.
    inside: [usize; 2],
}

const WAYS: [i16; 2] = [POLLIN, POLLOUT];

impl Signal {
    fn new() -> Result<Self, Errno> {
        let (told, end) = pair().map_err(|error| match error.kind() {
            io::ErrorKind::Unsupported => Errno::EINVAL,
            _ => Errno::of(&error),
        })?;
        let bell = Bell {
            end: Some(end),
            watch: None,
            task: None,
            awaited: POLLIN,
            found: 0,
            inside: [0; 2],
        };
        Ok(Self {
            told,
            bell: Arc::new(Mutex::new(bell)),
        })
    }

    #[cfg(unix)]
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.told.as_fd()
    }

    /// The number of the descriptor.
    pub(super) fn number(&self) -> i32 {
        #[cfg(unix)]
        return self.told.as_raw_fd();
        #[cfg(not(unix))]
        unreachable!("there is none that could have a number");
    }

    /// The program has asked for these ways, and was told which of them are open.
    pub(super) fn seen(&self, asked: i16, open: i16) {
        let mut bell = self.bell.lock();
        let was_told = bell.found != 0;
        bell.found &= !asked;
        bell.awaited = bell.awaited & !asked | asked & !open;
        if was_told && bell.found == 0 {
            // To the last: nobody rings meanwhile.
            while matches!((&self.told).read(&mut [0; 16]), Ok(16)) {}
        }
    }

    /// The context was shut down: every call tells that now.
    pub(super) fn ring(&self) {
        self.bell.lock().ring();
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        let mut bell = self.bell.lock();
        bell.end = None;
        let (watch, task) = (bell.watch.take(), bell.task.take());
        drop(bell);
        drop(watch);
        // It has nothing to do any more.
        task.into_iter().for_each(Waker::wake);
    }
}

impl Bell {
    /// Looks whether what is awaited has come, and waits for it if not. Some may be `open` anyway.
    fn look(&mut self, open: i16) {
        let mut found = self.awaited & open;
        // A task that has not come yet looks when it does.
        if let (Some(watch), Some(task)) = (&mut self.watch, &self.task) {
            let cx = &mut Context::from_waker(task);
            let [receiving, sending] = self.inside.map(|calls| calls > 0);
            if self.awaited & POLLIN != 0 && !receiving && watch.poll_readable(cx).is_ready() {
                found |= POLLIN;
            }
            if self.awaited & POLLOUT != 0 && !sending && watch.poll_writable(cx).is_ready() {
                found |= POLLOUT;
            }
        }
        if found != 0 {
            self.awaited &= !found;
            self.found |= found;
            self.ring();
        }
    }

    fn ring(&mut self) {
        if let Some(mut end) = self.end.as_ref() {
            // If there is no room for another byte, there are some.
            let _ = end.write(&[1]);
        }
    }

    fn count(&mut self, ways: i16, count: impl Fn(&mut usize)) {
        for (way, calls) in WAYS.iter().zip(&mut self.inside) {
            if ways & way != 0 {
                count(calls);
            }
        }
    }
}

/// Looks whenever something has happened, until the socket is closed.
fn look_on(bell: Weak<Mutex<Bell>>) -> impl Future<Output = ()> {
    poll_fn(move |cx| {
        let Some(bell) = bell.upgrade() else {
            return Poll::Ready(());
        };
        let mut bell = bell.lock();
        if bell.end.is_none() {
            return Poll::Ready(());
        }
        match &mut bell.task {
            Some(task) => task.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        bell.look(0);
        Poll::Pending
    })
}

/// A call that may receive or send, or change what can be.
pub(super) struct Call<'a> {
    inner: &'a Inner,
    signal: Option<&'a Signal>,
    ways: i16,
}

impl Inner {
    /// The descriptor, which is made when it is first asked for.
    pub(super) fn signal(&self) -> Result<&Signal, Errno> {
        if self.signal.get().is_none() {
            let made = Signal::new()?;
            self.signal.get_or_init(|| made);
            drop(self.call(0));
        }
        self.signal.get().ok_or(Errno::EINVAL)
    }

    /// Has the signal stand aside on these ways until the call is over, and look then.
    pub(super) fn call(&self, ways: i16) -> Call<'_> {
        let signal = self.signal.get();
        if let Some(signal) = signal {
            let mut bell = signal.bell.lock();
            bell.count(ways, |calls| *calls += 1);
            if let Some(watch) = &mut bell.watch {
                watch.leave();
            }
            bell.look(0);
        }
        Call {
            inner: self,
            signal,
            ways,
        }
    }
}

impl Call<'_> {
    /// What the call has to say; that it would have to wait is a promise to tell when not.
    pub(super) fn says<T>(&self, answer: Result<T, Errno>) -> Result<T, Errno> {
        let answer = answer.map_err(|error| self.inner.judge(error));
        if let (Some(signal), Err(Errno::EAGAIN)) = (self.signal, &answer) {
            signal.seen(self.ways, 0);
        }
        answer
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let Some(signal) = self.signal else { return };
        let (manners, built) = (self.inner.manners(), self.inner.built.get());
        let open = self.inner.is_in_the_middle();
        let mut bell = signal.bell.lock();
        bell.count(self.ways, |calls| *calls -= 1);
        if bell.watch.is_none()
            && let Some(built) = built
            && let Some(keeper) = built.shared().keeper.get()
        {
            let mut watch = built.watch(manners);
            watch.keeps_room = false;
            bell.watch = Some(watch);
            runtime::spawn(keeper.handle(), look_on(Arc::downgrade(&signal.bell)));
            keeper.mind_the_rest();
        }
        if let Some(watch) = &mut bell.watch {
            watch.manners = manners;
        }
        bell.look(super::event::of(open.0, open.1));
    }
}

#[cfg(unix)]
fn pair() -> io::Result<(Stream, Stream)> {
    let (one, other) = Stream::pair()?;
    one.set_nonblocking(true)?;
    other.set_nonblocking(true)?;
    Ok((one, other))
}

/// There are no descriptors.
#[cfg(not(unix))]
fn pair() -> io::Result<(Stream, Stream)> {
    Err(io::ErrorKind::Unsupported.into())
}
