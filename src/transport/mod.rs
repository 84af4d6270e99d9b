//! The doors of the house: byte streams in and out of the process.
//!
//! A [`Stream`] is a run of bytes each way to one peer, a [`Listener`] is where streams come from, [`dial`]
//! makes one. That is all a connection needs: read what there is, write what there is room for, be told when
//! there is room again, end the outgoing half. What the bytes mean is not known here.
//!
//! ```text
//!            ┌─ Tcp   tcp.rs      sockets made by socket2, driven by tokio
//!   Stream ──┼─ Unix  ipc.rs
//!            └─ Boxed carrier.rs  simulation, faults; later TLS, WebSocket
//! ```
//!
//! The incoming half has one owner, the driver. The outgoing half is a [`Writer`] that senders share with it;
//! it never waits, since whoever finds the line full leaves the rest to the driver.
//!
//! UDP carries no streams: [`Datagrams`] is a door of its own. `inproc` carries no bytes and has no door.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, Interest, ReadBuf};

use crate::endpoint::{Address, Endpoint};
use crate::peer::Process;

mod abreast;
mod carrier;
mod interface;
#[cfg(unix)]
mod ipc;
mod open;
mod options;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

pub use carrier::{ByteListener, ByteStream, Carrier, Dialing, Writer};
pub use open::OpenListener;
pub(crate) use options::StreamOptions;
pub use options::{Keepalive, TcpOptions, UdpOptions};
pub(crate) use udp::Datagrams;

/// A byte stream to one peer. Dropping it, and every [`Writer`] of it, closes it.
pub(crate) enum Stream {
    Tcp(tcp::Connection),
    #[cfg(unix)]
    Unix(ipc::Connection),
    Boxed(Box<dyn ByteStream>),
}

impl Stream {
    /// Reads at most `limit` bytes to the end of `into`, within its spare capacity; 0 is the end of the
    /// stream.
    ///
    /// `limit` is not 0. One system call; a read that does not fill the room tells tokio that the line is
    /// empty, so the next poll costs none.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(connection) => read_into(connection.incoming(), cx, into, limit),
            #[cfg(unix)]
            Self::Unix(connection) => read_into(connection.incoming(), cx, into, limit),
            Self::Boxed(stream) => read_into(&mut Incoming(stream.as_mut()), cx, into, limit),
        }
    }

    /// Whether the peer has closed, though what it sent before may still be unread.
    pub(crate) fn is_read_closed(&mut self, cx: &mut Context<'_>) -> bool {
        let ready = match self {
            Self::Tcp(connection) => pin!(connection.incoming().ready(Interest::READABLE)).poll(cx),
            #[cfg(unix)]
            Self::Unix(connection) => pin!(connection.incoming().ready(Interest::READABLE)).poll(cx),
            Self::Boxed(stream) => return stream.is_read_closed(cx),
        };
        matches!(ready, Poll::Ready(Ok(ready)) if ready.is_read_closed())
    }

    /// The outgoing half. As long as anyone holds it, the stream is not closed.
    pub(crate) fn writer(&self) -> Arc<dyn Writer> {
        match self {
            Self::Tcp(connection) => connection.writer(),
            #[cfg(unix)]
            Self::Unix(connection) => connection.writer(),
            Self::Boxed(stream) => stream.writer(),
        }
    }

    /// Ready when a write may make progress. For one task, the driver: only the latest waker is kept.
    ///
    /// A fresh stream is writable only after this was polled, until then writes say `WouldBlock`.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(connection) => connection.poll_writable(cx),
            #[cfg(unix)]
            Self::Unix(connection) => connection.poll_writable(cx),
            Self::Boxed(stream) => stream.poll_writable(cx),
        }
    }

    /// Says to the peer that nothing more comes; what was written before still arrives.
    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Self::Tcp(connection) => connection.shutdown_write(),
            #[cfg(unix)]
            Self::Unix(connection) => connection.shutdown_write(),
            Self::Boxed(stream) => stream.shutdown_write(),
        }
    }

    /// Who is at the other end: `ip:port` in numbers; over ipc `:uid:gid:pid`, as libzmq writes it.
    pub(crate) fn peer_address(&self) -> &str {
        match self {
            Self::Tcp(connection) => connection.peer_address(),
            #[cfg(unix)]
            Self::Unix(connection) => connection.peer_address(),
            Self::Boxed(stream) => stream.peer_address(),
        }
    }

    /// The process at the other end, where the system knows it.
    pub(crate) fn peer_process(&self) -> Option<Process> {
        match self {
            #[cfg(unix)]
            Self::Unix(connection) => Some(connection.peer()),
            _ => None,
        }
    }

    /// The peer's address without its port, where it has one: what limits per source count by.
    pub(crate) fn peer_ip(&self) -> Option<IpAddr> {
        self.peer_address()
            .parse::<SocketAddr>()
            .ok()
            .map(|address| address.ip())
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stream").field(&self.peer_address()).finish()
    }
}

/// Where streams come from. Dropping it ends listening; an ipc path goes with it.
pub(crate) struct Listener {
    endpoint: Endpoint,
    door: Door,
}

enum Door {
    Tcp(tcp::Listener),
    #[cfg(unix)]
    Unix(ipc::Listener),
    Boxed(Box<dyn ByteListener>),
}

impl Listener {
    /// Starts to listen at `endpoint`: from here on peers can connect.
    pub(crate) async fn bind(
        endpoint: &Endpoint,
        options: &StreamOptions,
        carrier: Option<&dyn Carrier>,
    ) -> io::Result<Self> {
        if let Some(carrier) = carrier {
            let listener = carrier.listen(endpoint)?;
            return Ok(Self {
                endpoint: listener.endpoint(),
                door: Door::Boxed(listener),
            });
        }
        match endpoint.address() {
            Address::Tcp(address) => {
                let listener = tcp::Listener::bind(address, options).await?;
                Ok(Self {
                    endpoint: listener.local_address()?.into(),
                    door: Door::Tcp(listener),
                })
            }
            #[cfg(unix)]
            Address::Ipc(address) => {
                let (listener, chosen) = ipc::Listener::bind(address, options).await?;
                let endpoint = chosen.unwrap_or_else(|| endpoint.clone());
                Ok(Self {
                    endpoint,
                    door: Door::Unix(listener),
                })
            }
            _ => Err(no_door(endpoint)),
        }
    }

    /// Where it listens, as the system resolved it: numbers, no wildcards.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Ready with the next stream.
    ///
    /// The error `ConnectionAborted` means that this one stream was gone before it was accepted: go on. Any
    /// other (no descriptors, no memory) will come again at once: wait a little before the next try.
    pub(crate) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        match &mut self.door {
            Door::Tcp(listener) => listener.poll_accept(cx).map_ok(Stream::Tcp),
            #[cfg(unix)]
            Door::Unix(listener) => listener.poll_accept(cx).map_ok(Stream::Unix),
            Door::Boxed(listener) => listener.poll_accept(cx).map_ok(Stream::Boxed),
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listener").field(&self.endpoint.as_str()).finish()
    }
}

/// Makes one attempt to connect to `endpoint`: resolves its name anew and tries its addresses until one answers
/// ([`abreast`]). The error is that of the last one to fail.
pub(crate) async fn dial(
    endpoint: &Endpoint,
    options: &StreamOptions,
    carrier: Option<&dyn Carrier>,
) -> io::Result<Stream> {
    if let Some(carrier) = carrier {
        return carrier.dial(endpoint).await.map(Stream::Boxed);
    }
    match endpoint.address() {
        Address::Tcp(address) => tcp::dial(address, options).await.map(Stream::Tcp),
        #[cfg(unix)]
        Address::Ipc(address) => ipc::dial(address).map(Stream::Unix),
        _ => Err(no_door(endpoint)),
    }
}

fn no_door(endpoint: &Endpoint) -> io::Error {
    let scheme = endpoint.scheme();
    io::Error::new(
        io::ErrorKind::Unsupported,
        format!("{scheme} carries no byte streams on this system"),
    )
}

/// The incoming half of a boxed stream, with tokio's face.
struct Incoming<'a>(&'a mut dyn ByteStream);

impl AsyncRead for Incoming<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read(cx, into)
    }
}

/// `read_buf` is how spare capacity is read into without `unsafe` of our own; its future holds nothing
/// between polls, so one per poll is as good as one kept.
fn read_into(
    half: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    into: &mut BytesMut,
    limit: usize,
) -> Poll<io::Result<usize>> {
    debug_assert!(limit > 0, "no room would look like the end of the stream");
    let mut room = into.limit(limit);
    pin!(half.read_buf(&mut room)).poll(cx)
}

/// Linux's value, on every architecture.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MSG_NOSIGNAL: i32 = 0x4000;
#[cfg(any(target_os = "freebsd", target_os = "dragonfly"))]
const MSG_NOSIGNAL: i32 = 0x20000;
/// Elsewhere there is no such flag, or no such signal: on Apple's systems socket2 says it once per socket.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "dragonfly"
)))]
const MSG_NOSIGNAL: i32 = 0;

/// The most buffers one system call takes (Linux's `UIO_MAXIOV`); more would be refused.
const MAX_BUFFERS: usize = 1024;

/// Hands bytes to the kernel: the tail of every `Writer` over a socket.
///
/// `write` would raise SIGPIPE when the peer has gone, in programs that are not Rust from their `main` on.
fn send(socket: SockRef<'_>, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    match bufs {
        [] => Ok(0),
        [one] => socket.send_with_flags(one, MSG_NOSIGNAL),
        many => socket.send_vectored_with_flags(many.get(..MAX_BUFFERS).unwrap_or(many), MSG_NOSIGNAL),
    }
}
