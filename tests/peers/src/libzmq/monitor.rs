//! What happens to a socket's listeners and connections, as libzmq tells it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::context::Context;
use super::error::{Error, Result, check};
use super::ffi;
use super::message::c_string;
use super::socket::{Socket, SocketType};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "they are the names of zmq.h")]
pub enum EventKind {
    Connected,
    ConnectDelayed,
    ConnectRetried,
    Listening,
    BindFailed,
    Accepted,
    AcceptFailed,
    Closed,
    CloseFailed,
    Disconnected,
    MonitorStopped,
    HandshakeFailedNoDetail,
    HandshakeSucceeded,
    HandshakeFailedProtocol,
    HandshakeFailedAuth,
    /// One that this list does not know.
    Other(u16),
}

/// One event of a [`Monitor`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// A descriptor, an errno, a time or a protocol error, depending on the kind; see `zmq_socket_monitor(3)`.
    pub value: u32,
    /// To which endpoint.
    pub endpoint: String,
}

/// The events of one socket, from the monitor's creation to its drop.
#[derive(Debug)]
pub struct Monitor<'a> {
    events: Socket,
    monitored: &'a Socket,
}

impl<'a> Monitor<'a> {
    /// Starts to watch a socket made from this context.
    pub fn new(context: &Context, monitored: &'a Socket) -> Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        const ALL_EVENTS: i32 = 0xFFFF;

        let address = format!(
            "inproc://peers-monitor-{}",
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let c_address = c_string("zmq_socket_monitor", &address)?;
        // SAFETY: the socket lives; the text ends with a zero and libzmq copies it.
        let started = unsafe { ffi::zmq_socket_monitor(monitored.raw(), c_address.as_ptr(), ALL_EVENTS) };
        check("zmq_socket_monitor", started)?;
        let events = context.socket(SocketType::Pair)?;
        events.connect(&address)?;
        Ok(Self { events, monitored })
    }

    /// The next event, waiting at most so long; after that fails with [`Error::would_block`].
    pub fn next(&self, limit: Duration) -> Result<Event> {
        let frames = self.events.recv_timeout(limit)?;
        let parsed = match frames.as_slice() {
            [head, endpoint] => head
                .as_slice()
                .try_into()
                .ok()
                .map(|[a, b, v0, v1, v2, v3]: [u8; 6]| Event {
                    kind: EventKind::from_raw(u16::from_ne_bytes([a, b])),
                    value: u32::from_ne_bytes([v0, v1, v2, v3]),
                    endpoint: String::from_utf8_lossy(endpoint).into_owned(),
                }),
            _ => None,
        };
        parsed.ok_or(Error::new("zmq_socket_monitor", libc::EPROTO))
    }

    /// Takes events until one of this kind comes, waiting at most so long for each.
    pub fn wait_for(&self, kind: EventKind, limit: Duration) -> Result<Event> {
        loop {
            let event = self.next(limit)?;
            if event.kind == kind {
                return Ok(event);
            }
        }
    }
}

impl Drop for Monitor<'_> {
    fn drop(&mut self) {
        // libzmq must stop before our end of the pair goes, or its I/O thread would wait for a reader.
        // SAFETY: the borrowed socket lives; a null address ends monitoring.
        unsafe { ffi::zmq_socket_monitor(self.monitored.raw(), std::ptr::null(), 0) };
    }
}

impl EventKind {
    fn from_raw(raw: u16) -> Self {
        match raw {
            0x0001 => Self::Connected,
            0x0002 => Self::ConnectDelayed,
            0x0004 => Self::ConnectRetried,
            0x0008 => Self::Listening,
            0x0010 => Self::BindFailed,
            0x0020 => Self::Accepted,
            0x0040 => Self::AcceptFailed,
            0x0080 => Self::Closed,
            0x0100 => Self::CloseFailed,
            0x0200 => Self::Disconnected,
            0x0400 => Self::MonitorStopped,
            0x0800 => Self::HandshakeFailedNoDetail,
            0x1000 => Self::HandshakeSucceeded,
            0x2000 => Self::HandshakeFailedProtocol,
            0x4000 => Self::HandshakeFailedAuth,
            other => Self::Other(other),
        }
    }
}
