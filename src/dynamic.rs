//! Sockets whose kind is a number: the base of a C ABI, and of programs that choose the kind at run time.
//!
//! ```
//! use hubless::dynamic::{Context, Errno, event, flag, kind, option};
//!
//! let context = Context::new();
//! let router = context.socket(kind::ROUTER)?;
//! router.set_int_option(option::ROUTER_MANDATORY, 1)?;
//! router.bind("tcp://127.0.0.1:*")?;
//! let endpoint = String::from_utf8_lossy(&router.option(option::LAST_ENDPOINT)?).into_owned();
//!
//! let dealer = context.socket(kind::DEALER)?;
//! dealer.set_option(option::ROUTING_ID, b"worker")?;
//! dealer.connect(&endpoint)?;
//! dealer.send_message(["ready", "for two"], 0)?;
//!
//! let message = router.recv_message(0)?;
//! assert_eq!(message.frames().frame(0), Some(&b"worker"[..])); // as libzmq has it: who sent it comes first
//! router.send("worker", flag::SNDMORE)?;
//! router.send("go", 0)?;
//! assert_eq!(dealer.recv(0)?, "go");
//!
//! assert_eq!(router.recv(flag::DONTWAIT), Err(Errno::EAGAIN));
//! assert_eq!(router.send_message(["nobody", "go"], 0), Err(Errno::EHOSTUNREACH));
//! # Ok::<(), Errno>(())
//! ```
mod building;
mod built;
mod context;
mod errno;
mod guard;
pub mod kind;
mod message;
pub mod option;
mod poll;
mod receiving;
mod sending;
mod settings;
mod socket;

pub use self::context::{BLOCKY, Context, IO_THREADS, IPV6, MAX_SOCKETS, SOCKET_LIMIT};
pub use self::errno::Errno;
pub use self::message::Message;
pub use self::poll::{PollItem, poll};
pub use self::socket::Socket;

/// How to send and receive.
pub mod flag {
    /// `ZMQ_DONTWAIT`: fails with [`EAGAIN`](super::Errno::EAGAIN) instead of waiting.
    pub const DONTWAIT: i32 = 1;
    /// `ZMQ_SNDMORE`: more frames of the same message follow.
    pub const SNDMORE: i32 = 2;
}

/// What a socket is ready for.
pub mod event {
    /// `ZMQ_POLLIN`: something can be received.
    pub const POLLIN: i16 = 1;
    /// `ZMQ_POLLOUT`: something can be sent.
    pub const POLLOUT: i16 = 2;

    pub(super) fn of(readable: bool, writable: bool) -> i16 {
        let bit = |is_set: bool, bit: i16| if is_set { bit } else { 0 };
        bit(readable, POLLIN) | bit(writable, POLLOUT)
    }
}
