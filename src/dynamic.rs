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
//!
//! This is libzmq's C interface, call for call, over the sockets that have types: [`Push`](crate::Push) and
//! [`dynamic::Socket`](Socket) of kind [`PUSH`](kind::PUSH) are the same on the wire and in their promises. Where the kind is
//! known, use the types: what is an error here does not compile there.
//!
//! # As in libzmq
//!
//! * Kinds, [options](option), [flags](flag), [events](event) and [errors](Errno) have libzmq's numbers, and calls fail with its
//!   errors: our tests tell the same script to both libraries and compare what they say.
//! * Messages are raw: the [table](Message) says what stands in front of what.
//! * A REQ asks and hears in turn, a REP hears and answers in turn, or it is [`EFSM`](Errno::EFSM).
//! * When the context is [shut down](Context::shutdown), every call of its sockets fails with [`ETERM`](Errno::ETERM).
//! * Dropping a socket returns at once, and [`Context::terminate`] waits for what it left.
//!
//! # Not as in libzmq
//!
//! | | libzmq | here |
//! |---|---|---|
//! | threads | one, beside the program | none: whoever waits does the work, as with [`blocking`](crate::blocking); or as many as [`IO_THREADS`] says |
//! | who may call | one thread at a time, but for the drafts | any thread |
//! | defaults | those of libzmq | those of hubless, where a promise hangs on them: the table of `docs/options.md` names all |
//! | fixed options | count for what is bound or connected later | are [`EINVAL`](Errno::EINVAL) once the socket is used |
//! | REQ | sends into the queue of a peer that is not there yet | waits for one that is there, and sends to another what no byte has left of |
//! | CURVE without a handler of ZAP | lets everybody in | lets nobody in, unless [`ZAP_ENFORCE_DOMAIN`](option::ZAP_ENFORCE_DOMAIN) is 0 |
//! | [`FD`](option::FD) | none of the kinds for several threads | of every kind: [`Socket::fd`] |
//! | frame by frame | the last frame never waits | it may, where others send meanwhile, and for a full peer of a ROUTER |
//! | STREAM | its peer has an id before it is connected | when it is; [`ROUTING_ID`](option::ROUTING_ID) tells that of the newest. What is queued for a peer that is closed goes out first |
//! | DGRAM | drops what has no proper address | [`EINVAL`](Errno::EINVAL); addresses come without a zero at the end |
//! | a port above 65 535 | counts from the beginning again | [`EINVAL`](Errno::EINVAL) |
//! | a message above `MAXMSGSIZE` | is sent, and closes the connection over there | is [`EMSGSIZE`](Errno::EMSGSIZE) |
//! | a thread of an async runtime | waits, and all tasks with it | is told [`EDEADLK`](Errno::EDEADLK) where it would have to wait |

mod building;
mod built;
mod context;
mod errno;
mod frames;
mod guard;
pub mod kind;
mod message;
pub mod option;
mod poll;
mod receiving;
mod sending;
mod settings;
mod signal;
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
