//! libzmq 4.3.5 behind a small safe face of our own.
//!
//! The library is compiled from source by this crate's build script (see there for how, and [`build_flags`]).
//! What is here is thin on purpose: [`Context`] and [`Socket`] are the C objects with an owner, the calls keep
//! libzmq's meaning, and options keep libzmq's names. Two things differ from C: a socket begins with linger 0, so
//! that dropping it and its context never waits, and calls that a signal interrupts are repeated.
//!
//! Tests use [`Socket::send`] and [`Socket::recv`], whole messages as vectors; benches use
//! [`Socket::send_slice`] and [`Socket::recv_into`], which are `zmq_send` and `zmq_msg_recv` and nothing else.
//!
//! ```
//! use peers::libzmq::{Context, SocketType};
//!
//! let context = Context::new();
//! let pull = context.socket(SocketType::Pull)?;
//! let endpoint = pull.bind("tcp://127.0.0.1:*")?;
//! let push = context.socket(SocketType::Push)?;
//! push.connect(&endpoint)?;
//! push.send(&["two", "frames"])?;
//! assert_eq!(pull.recv()?, [b"two".to_vec(), b"frames".to_vec()]);
//! # Ok::<(), peers::libzmq::Error>(())
//! ```

mod context;
mod curve;
mod error;
#[allow(non_camel_case_types, unreachable_pub, reason = "these are C's names")]
mod ffi;
mod message;
mod monitor;
pub mod option;
mod poll;
mod socket;
#[cfg(test)]
mod tests;
mod zap;

use std::ffi::c_int;

pub use context::Context;
pub use curve::CurveKeys;
pub use error::{Error, Result};
pub use message::Msg;
pub use monitor::{Event, EventKind, Monitor};
pub use poll::{PollItem, poll};
pub use socket::{Socket, SocketType, Wait};
pub use zap::Zap;

/// The version of the library that runs: major, minor, patch.
pub fn version() -> (i32, i32, i32) {
    let (mut major, mut minor, mut patch): (c_int, c_int, c_int) = (0, 0, 0);
    // SAFETY: libzmq writes one number to each.
    unsafe { ffi::zmq_version(&mut major, &mut minor, &mut patch) };
    (major, minor, patch)
}

/// The compiler flags it was built with.
pub fn build_flags() -> &'static str {
    env!("PEERS_LIBZMQ_FLAGS")
}

/// Whether it was built with a capability: `"curve"`, `"ipc"`, `"draft"`, ….
pub fn has(capability: &str) -> bool {
    // SAFETY: the text ends with a zero and is only read.
    message::c_string("zmq_has", capability).is_ok_and(|text| unsafe { ffi::zmq_has(text.as_ptr()) } == 1)
}
