//! Other libraries that speak ZMTP, each behind a small safe face.
//!
//! hubless promises to understand its relatives and to be faster than them. Both are sentences about other
//! programs, so those programs are built here, from source and in known versions: interop tests talk to them,
//! benches run beside them.
//!
//! - [`libzmq`]: the C++ library that defines the protocol in practice, 4.3.5, with CURVE and the draft sockets.
//! - [`zeromq`]: the crate of that name, written in Rust; it announces ZMTP 3.0, so it also stands for older peers.
//! - [`process`]: what a bench asks of its own process: CPU time, a CPU of its own, more open files.
//! - [`signal`]: what a test does to another process: stop it, let it go on.
//! - [`sodium`]: the cryptography of libzmq's CURVE, for peers that are scripts.
//!
//! This crate is never published and nothing in the library depends on it. It holds the only `unsafe` code in the
//! tree, all of it calls into C with a `SAFETY` line each.

pub mod libzmq;
pub mod process;
pub mod signal;
pub mod sodium;

pub use zeromq;
