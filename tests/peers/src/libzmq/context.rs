//! The context: libzmq's I/O threads and in-process names.

use std::ffi::{c_int, c_void};
use std::sync::Arc;

use super::error::{Result, check};
use super::ffi;
use super::socket::{Socket, SocketType};

/// I/O threads and in-process names, shared by the sockets made from it.
///
/// Clones share it. It ends with the last of its clones and sockets, whichever goes last; so a drop never waits
/// for sockets of its own. Messages that a socket with a non-zero linger has left behind are waited for.
#[derive(Debug, Clone)]
pub struct Context(pub(super) Arc<Raw>);

/// Owner of the C object.
#[derive(Debug)]
pub(super) struct Raw(pub(super) *mut c_void);

// SAFETY: zmq.h: "ØMQ contexts are thread safe and may be shared among as many application threads as necessary".
unsafe impl Send for Raw {}
// SAFETY: as above.
unsafe impl Sync for Raw {}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: the pointer came from zmq_ctx_new and ends here; every socket held a clone of the Arc around us,
        // so all of them are closed. The call is repeated only while a signal interrupts it.
        while unsafe { ffi::zmq_ctx_term(self.0) } != 0 {
            // SAFETY: reads a value of this thread.
            if unsafe { ffi::zmq_errno() } != libc::EINTR {
                break;
            }
        }
    }
}

impl Context {
    /// A context with one I/O thread, libzmq's default.
    ///
    /// # Panics
    /// When there is no memory for it.
    pub fn new() -> Self {
        // SAFETY: no arguments.
        let raw = unsafe { ffi::zmq_ctx_new() };
        assert!(!raw.is_null(), "no memory for a libzmq context");
        Self(Arc::new(Raw(raw)))
    }

    /// Sets the number of I/O threads; to be called before the first socket.
    pub fn set_io_threads(&self, threads: i32) -> Result<()> {
        self.set(1, threads)
    }

    /// Sets how many sockets may be open at once (1023 by default); to be called before the first socket.
    pub fn set_max_sockets(&self, sockets: i32) -> Result<()> {
        self.set(2, sockets)
    }

    /// A new socket with linger 0, so that dropping it never waits; everything else as libzmq has it.
    pub fn socket(&self, kind: SocketType) -> Result<Socket> {
        Socket::new(self, kind)
    }

    /// Ends all calls of its sockets: those that wait and all later ones fail with `ETERM`.
    pub fn shutdown(&self) -> Result<()> {
        // SAFETY: the context lives, and may be shut down from any thread.
        check("zmq_ctx_shutdown", unsafe { ffi::zmq_ctx_shutdown(self.0.0) }).map(drop)
    }

    fn set(&self, option: c_int, value: c_int) -> Result<()> {
        // SAFETY: the context lives; libzmq checks option and value.
        check("zmq_ctx_set", unsafe {
            ffi::zmq_ctx_set(self.0.0, option, value)
        })
        .map(drop)
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}
