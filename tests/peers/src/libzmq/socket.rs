//! A libzmq socket: one owner, one thread at a time.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use super::context::{self, Context};
use super::error::{Error, Result, check, check_uninterrupted};
use super::ffi::{self, ZMQ_DONTWAIT, ZMQ_SNDMORE};
use super::message::{Msg, c_string};
use super::option::{self, BytesOpt, Opt, Value};
use super::poll;

/// Which kind of socket; the numbers are libzmq's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "they are the names of zmq.h")]
#[repr(i32)]
pub enum SocketType {
    Pair = 0,
    Pub = 1,
    Sub = 2,
    Req = 3,
    Rep = 4,
    Dealer = 5,
    Router = 6,
    Pull = 7,
    Push = 8,
    XPub = 9,
    XSub = 10,
    Stream = 11,
    Server = 12,
    Client = 13,
    Radio = 14,
    Dish = 15,
    Gather = 16,
    Scatter = 17,
    Dgram = 18,
    Peer = 19,
    Channel = 20,
}

impl SocketType {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 21] = [
        Self::Pair,
        Self::Pub,
        Self::Sub,
        Self::Req,
        Self::Rep,
        Self::Dealer,
        Self::Router,
        Self::Pull,
        Self::Push,
        Self::XPub,
        Self::XSub,
        Self::Stream,
        Self::Server,
        Self::Client,
        Self::Radio,
        Self::Dish,
        Self::Gather,
        Self::Scatter,
        Self::Dgram,
        Self::Peer,
        Self::Channel,
    ];
}

/// Whether a call waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// Until it can be done, or until the socket's own timeout.
    #[default]
    Yes,
    /// Not at all: the call fails with an error for which [`Error::would_block`] is true.
    No,
}

impl Wait {
    const fn flag(self) -> c_int {
        match self {
            Self::Yes => 0,
            Self::No => ZMQ_DONTWAIT,
        }
    }
}

/// A libzmq socket. It may move to another thread, but only one at a time may use it. Dropping closes it; what is
/// unsent then is discarded unless [`option::LINGER`] was set.
#[derive(Debug)]
pub struct Socket {
    raw: *mut c_void,
    /// Keeps the context alive until this socket is closed.
    _context: Arc<context::Raw>,
    /// Sockets of libzmq are not to be used from two threads at once.
    _one_thread: PhantomData<Cell<()>>,
}

// SAFETY: zmq_socket(3): a socket may be migrated between threads with a full memory barrier; moving a value to
// another thread in Rust always passes one.
unsafe impl Send for Socket {}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: the pointer came from zmq_socket and ends here. The call does not wait.
        unsafe { ffi::zmq_close(self.raw) };
    }
}

impl Socket {
    pub(super) fn new(context: &Context, kind: SocketType) -> Result<Self> {
        // SAFETY: the context lives.
        let raw = unsafe { ffi::zmq_socket(context.0.0, kind as c_int) };
        if raw.is_null() {
            return Err(Error::last("zmq_socket"));
        }
        let socket = Self {
            raw,
            _context: Arc::clone(&context.0),
            _one_thread: PhantomData,
        };
        socket.set(option::LINGER, 0)?;
        Ok(socket)
    }

    pub(super) fn raw(&self) -> *mut c_void {
        self.raw
    }

    /// Starts listening and returns the endpoint as the system gave it.
    pub fn bind(&self, endpoint: &str) -> Result<String> {
        self.with_endpoint("zmq_bind", ffi::zmq_bind, endpoint)?;
        self.last_endpoint()
    }

    /// Starts connecting and returns the endpoint as libzmq understood it.
    pub fn connect(&self, endpoint: &str) -> Result<String> {
        self.with_endpoint("zmq_connect", ffi::zmq_connect, endpoint)?;
        self.last_endpoint()
    }

    /// PEER: starts connecting and returns the number of the peer that will be there.
    pub fn connect_peer(&self, endpoint: &str) -> Result<u32> {
        let endpoint = c_string("zmq_connect_peer", endpoint)?;
        // SAFETY: the socket lives; the text ends with a zero and libzmq copies it.
        match unsafe { ffi::zmq_connect_peer(self.raw, endpoint.as_ptr()) } {
            0 => Err(Error::last("zmq_connect_peer")),
            number => Ok(number),
        }
    }

    /// Stops listening there.
    pub fn unbind(&self, endpoint: &str) -> Result<()> {
        self.with_endpoint("zmq_unbind", ffi::zmq_unbind, endpoint)
    }

    /// Ends the connection to there.
    pub fn disconnect(&self, endpoint: &str) -> Result<()> {
        self.with_endpoint("zmq_disconnect", ffi::zmq_disconnect, endpoint)
    }

    /// SUB: asks for messages that begin with `prefix`.
    pub fn subscribe(&self, prefix: impl AsRef<[u8]>) -> Result<()> {
        self.set_bytes(option::SUBSCRIBE, prefix)
    }

    /// SUB: takes one subscription back.
    pub fn unsubscribe(&self, prefix: impl AsRef<[u8]>) -> Result<()> {
        self.set_bytes(option::UNSUBSCRIBE, prefix)
    }

    /// DISH: asks for messages of this group.
    pub fn join(&self, group: &str) -> Result<()> {
        self.with_endpoint("zmq_join", ffi::zmq_join, group)
    }

    /// DISH: stops asking for messages of this group.
    pub fn leave(&self, group: &str) -> Result<()> {
        self.with_endpoint("zmq_leave", ffi::zmq_leave, group)
    }

    /// Sends one message of one or more frames; waits at the high-water mark.
    pub fn send<F: AsRef<[u8]>>(&self, frames: &[F]) -> Result<()> {
        self.send_frames(frames, Wait::Yes)
    }

    /// Sends one message if that is possible without waiting.
    pub fn try_send<F: AsRef<[u8]>>(&self, frames: &[F]) -> Result<()> {
        self.send_frames(frames, Wait::No)
    }

    fn send_frames<F: AsRef<[u8]>>(&self, frames: &[F], wait: Wait) -> Result<()> {
        let Some((last, before)) = frames.split_last() else {
            return Err(Error::new("zmq_send", libc::EINVAL));
        };
        for frame in before {
            self.send_slice_flags(frame.as_ref(), wait.flag() | ZMQ_SNDMORE)?;
        }
        self.send_slice_flags(last.as_ref(), wait.flag())
    }

    /// Receives one message, all its frames; waits for one.
    pub fn recv(&self) -> Result<Vec<Vec<u8>>> {
        self.recv_frames(Wait::Yes)
    }

    /// Receives one message if one is there.
    pub fn try_recv(&self) -> Result<Vec<Vec<u8>>> {
        self.recv_frames(Wait::No)
    }

    /// Receives one message, waiting at most so long; after that fails with [`Error::would_block`].
    pub fn recv_timeout(&self, limit: Duration) -> Result<Vec<Vec<u8>>> {
        self.wait_readable(limit)?;
        self.recv_frames(Wait::No)
    }

    fn recv_frames(&self, wait: Wait) -> Result<Vec<Vec<u8>>> {
        let mut frames = Vec::with_capacity(1);
        let mut msg = Msg::new();
        self.recv_into(&mut msg, wait)?;
        frames.push(msg.bytes().to_vec());
        while msg.more() {
            // The frames of a message arrive together: this never waits.
            self.recv_into(&mut msg, Wait::Yes)?;
            frames.push(msg.bytes().to_vec());
        }
        Ok(frames)
    }

    /// Sends one frame as the whole message: plain `zmq_send`.
    #[inline]
    pub fn send_slice(&self, bytes: &[u8], wait: Wait) -> Result<()> {
        self.send_slice_flags(bytes, wait.flag())
    }

    /// Sends one frame of a message of which more will follow: plain `zmq_send` with `ZMQ_SNDMORE`.
    #[inline]
    pub fn send_slice_more(&self, bytes: &[u8], wait: Wait) -> Result<()> {
        self.send_slice_flags(bytes, wait.flag() | ZMQ_SNDMORE)
    }

    #[inline]
    fn send_slice_flags(&self, bytes: &[u8], flags: c_int) -> Result<()> {
        check_uninterrupted("zmq_send", || {
            // SAFETY: the socket lives; pointer and length are those of a slice, which libzmq copies.
            unsafe { ffi::zmq_send(self.raw, bytes.as_ptr().cast(), bytes.len(), flags) }
        })
        .map(drop)
    }

    /// Sends one frame as the whole message; on success `message` is empty afterwards.
    #[inline]
    pub fn send_msg(&self, message: &mut Msg, wait: Wait) -> Result<()> {
        check_uninterrupted("zmq_msg_send", || {
            // SAFETY: socket and message live; libzmq takes the contents only on success.
            unsafe { ffi::zmq_msg_send(&mut message.0, self.raw, wait.flag()) }
        })
        .map(drop)
    }

    /// Receives one frame in place of what `message` held: plain `zmq_msg_recv`.
    #[inline]
    pub fn recv_into(&self, message: &mut Msg, wait: Wait) -> Result<()> {
        check_uninterrupted("zmq_msg_recv", || {
            // SAFETY: socket and message live; libzmq frees the old contents.
            unsafe { ffi::zmq_msg_recv(&mut message.0, self.raw, wait.flag()) }
        })
        .map(drop)
    }

    /// Waits until a receive would not wait, and says whether that happened in time.
    pub fn wait_readable(&self, limit: Duration) -> Result<bool> {
        Ok(poll::poll(&mut [poll::PollItem::reading(self)], Some(limit))? > 0)
    }

    /// Waits until a send would not wait, and says whether that happened in time.
    pub fn wait_writable(&self, limit: Duration) -> Result<bool> {
        Ok(poll::poll(&mut [poll::PollItem::writing(self)], Some(limit))? > 0)
    }

    /// Sets a number-valued option.
    pub fn set<T: Value>(&self, option: Opt<T>, value: T) -> Result<()> {
        // SAFETY: pointer and size describe one number; libzmq refuses a wrong size.
        let done = unsafe {
            ffi::zmq_setsockopt(
                self.raw,
                option.id,
                std::ptr::from_ref(&value).cast(),
                size_of::<T>(),
            )
        };
        check("zmq_setsockopt", done).map(drop)
    }

    /// Sets a bytes-valued option.
    pub fn set_bytes(&self, option: BytesOpt, value: impl AsRef<[u8]>) -> Result<()> {
        let value = value.as_ref();
        // SAFETY: pointer and length are those of a slice, which libzmq copies.
        let done = unsafe { ffi::zmq_setsockopt(self.raw, option.0, value.as_ptr().cast(), value.len()) };
        check("zmq_setsockopt", done).map(drop)
    }

    /// Reads a number-valued option.
    pub fn get<T: Value>(&self, option: Opt<T>) -> Result<T> {
        let mut value = T::default();
        let mut len = size_of::<T>();
        // SAFETY: the pointer is valid for writes of `len` bytes, and any bits make a number.
        let done = unsafe {
            ffi::zmq_getsockopt(
                self.raw,
                option.id,
                std::ptr::from_mut(&mut value).cast(),
                &mut len,
            )
        };
        check("zmq_getsockopt", done)?;
        Ok(value)
    }

    /// Reads a bytes-valued option; text comes with the zero that ends it in C.
    pub fn get_bytes(&self, option: BytesOpt) -> Result<Vec<u8>> {
        self.get_sized(option, 1024)
    }

    /// Reads an option into so many bytes: some are told only when that is their exact size.
    pub fn get_sized(&self, option: BytesOpt, size: usize) -> Result<Vec<u8>> {
        let mut value = vec![0; size];
        let mut len = value.len();
        // SAFETY: the pointer is valid for writes of `len` bytes.
        let done = unsafe { ffi::zmq_getsockopt(self.raw, option.0, value.as_mut_ptr().cast(), &mut len) };
        check("zmq_getsockopt", done)?;
        value.truncate(len);
        Ok(value)
    }

    /// Its descriptor, [`option::FD`], once more: only to be waited for.
    pub fn descriptor(&self) -> Result<OwnedFd> {
        let number = self.get(option::FD)?;
        // SAFETY: it is open until the socket is closed, which is borrowed.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        Ok(descriptor.try_clone_to_owned().expect("another descriptor"))
    }

    fn last_endpoint(&self) -> Result<String> {
        let bytes = self.get_bytes(option::LAST_ENDPOINT)?;
        let text = CStr::from_bytes_until_nul(&bytes).unwrap_or_default();
        Ok(text.to_string_lossy().into_owned())
    }

    fn with_endpoint(
        &self,
        operation: &'static str,
        call: unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int,
        endpoint: &str,
    ) -> Result<()> {
        let endpoint = c_string(operation, endpoint)?;
        // SAFETY: the socket lives; the text ends with a zero and libzmq copies it.
        check(operation, unsafe { call(self.raw, endpoint.as_ptr()) }).map(drop)
    }
}
