//! What libzmq's `errno` said, with the call that failed.

use std::ffi::{CStr, c_int};
use std::fmt;

use super::ffi;

/// A failed call into libzmq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    operation: &'static str,
    errno: c_int,
}

/// The result of a call into libzmq.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The error that libzmq has just left behind on this thread.
    #[cold]
    pub(super) fn last(operation: &'static str) -> Self {
        // SAFETY: reads a value of this thread; no arguments.
        let errno = unsafe { ffi::zmq_errno() };
        Self { operation, errno }
    }

    pub(super) const fn new(operation: &'static str, errno: c_int) -> Self {
        Self { operation, errno }
    }

    /// The number; libzmq's own numbers lie above 156384712.
    pub fn errno(&self) -> i32 {
        self.errno
    }

    /// The name of the C function that failed.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// `EAGAIN`: the socket cannot do this now, or its timeout has passed.
    pub fn would_block(&self) -> bool {
        self.errno == libc::EAGAIN
    }

    /// `EINTR`: a signal came; the call can be repeated.
    pub(super) fn interrupted(&self) -> bool {
        self.errno == libc::EINTR
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: takes any number and returns a text that is never freed.
        let text = unsafe { CStr::from_ptr(ffi::zmq_strerror(self.errno)) };
        write!(
            f,
            "{}: {} (errno {})",
            self.operation,
            text.to_string_lossy(),
            self.errno
        )
    }
}

impl std::error::Error for Error {}

/// Turns C's "-1 and errno" into a result.
pub(super) fn check(operation: &'static str, returned: c_int) -> Result<c_int> {
    if returned < 0 {
        Err(Error::last(operation))
    } else {
        Ok(returned)
    }
}

/// The same, repeating the call while a signal interrupts it.
pub(super) fn check_uninterrupted(operation: &'static str, mut call: impl FnMut() -> c_int) -> Result<c_int> {
    loop {
        match check(operation, call()) {
            Err(error) if error.interrupted() => {}
            done => return done,
        }
    }
}
