//! The door for everything that is not a socket of the operating system: a byte stream behind a trait.
//!
//! A [`Carrier`] stands in for the operating system in one context. Simulation in virtual time and fault
//! injection come in here; TLS and WebSocket will. Whoever is behind it speaks bytes and readiness and knows
//! nothing of messages.

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::ReadBuf;

use crate::endpoint::Endpoint;

/// The outgoing half of a byte stream, shared by all who write to it.
pub trait Writer: Send + Sync + Debug {
    /// Writes as much of `bufs` as there is room for and says how many bytes that was; never waits.
    ///
    /// Writing nothing at all writes zero bytes. It never raises SIGPIPE.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is no room: [`ByteStream::poll_writable`] tells when there may be. Any other
    /// error ends the stream.
    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;
}

/// Both halves of a byte stream to one peer.
pub trait ByteStream: Send {
    /// Reads into the unfilled part of `into`; nothing read and `Ready(Ok)` is the end of the stream.
    ///
    /// # Errors
    ///
    /// Any error ends the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>>;

    /// Whether the peer has closed, though what it sent before may still be unread. A stream may always say no, and is
    /// then held as long as the program does not read.
    fn is_read_closed(&mut self, _cx: &mut Context<'_>) -> bool {
        false
    }

    /// The outgoing half.
    fn writer(&self) -> Arc<dyn Writer>;

    /// Ready when a write may make progress, which after a `WouldBlock` means: when it may again. Remembers
    /// the latest waker.
    ///
    /// # Errors
    ///
    /// When the stream has ended; a stream may as well be ready then and let the write fail.
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Says to the peer that nothing more comes; what was written before still arrives.
    ///
    /// # Errors
    ///
    /// When the stream has ended.
    fn shutdown_write(&self) -> io::Result<()>;

    /// Who is at the other end: `ip:port` in numbers, or what else tells peers apart.
    fn peer_address(&self) -> &str;
}

/// What listens for byte streams. Dropping it ends listening.
pub trait ByteListener: Send {
    /// Ready with the next stream.
    ///
    /// # Errors
    ///
    /// `ConnectionAborted` means that this one stream was gone before it was accepted; any other error that
    /// accepting will fail again unless given some time.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Box<dyn ByteStream>>>;

    /// Where it listens, without wildcards.
    fn endpoint(&self) -> Endpoint;
}

/// A byte stream in the making.
pub type Dialing = Pin<Box<dyn Future<Output = io::Result<Box<dyn ByteStream>>> + Send>>;

/// Replaces the operating system for one context: every byte stream comes from here.
pub trait Carrier: Send + Sync + Debug {
    /// Connects to `endpoint`, once.
    fn dial(&self, endpoint: &Endpoint) -> Dialing;

    /// Listens at `endpoint`, which may hold wildcards.
    ///
    /// # Errors
    ///
    /// As the operating system would: `AddrInUse`, `PermissionDenied`, …
    fn listen(&self, endpoint: &Endpoint) -> io::Result<Box<dyn ByteListener>>;

    /// So many bytes of randomness for the handshake of one connection; `None`: the system's own.
    fn entropy(&self, _len: usize) -> Option<Vec<u8>> {
        None
    }
}
