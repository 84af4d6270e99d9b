//! Sockets by number, and that they answer as libzmq's do: the same script is told to both, and what they say is compared
//! call by call.

mod context;
mod kinds;
mod library;
mod mirror;
mod options;
mod polling;
mod signal;
mod traps;

use std::time::Duration;

/// How long anything may take that comes at all.
const DEADLINE: Duration = Duration::from_secs(20);
