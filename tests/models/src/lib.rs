//! Models of the traffic wing: its real files, run through every order of events that matters.
//!
//! The files of `src/pipe` are included as they stand, over loom's twins of lock, atomics and reference count. A model
//! sets up a small scene (senders, a driver, a line that takes a few bytes at a time, a program that gives up in the
//! middle) and loom plays it again and again, each time with another order of its threads' steps: all of them, with
//! at most three preemptions. What a model states in its doc then holds for every one of these orders.
//!
//! ```text
//!  src/pipe  src/frame  src/message  src/stats     the real files
//!  ───────────────────────────────────────────
//!  sync                                            loom's twins of `src/sync.rs`
//!  runtime  transport  error                       stand-ins: a clock to set, a trait, two names
//!  ───────────────────────────────────────────
//!  scene                                           tasks, lines, drivers
//!  outgoing  incoming  budget  pace                the models
//! ```
//!
//! A lost wake-up shows as a deadlock: a task that waits is parked until it is woken, and loom reports when all are.
//!
//! The models are functions of this library, so that the included files leave their own unit tests at home;
//! `tests/models.rs` runs them.

// Built as a test itself it would be those unit tests, and its documents are those of `hubless`.
#![cfg(not(any(test, doctest)))]
// The models use a part of what they include, and are called by our own tests alone.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    missing_debug_implementations
)]

/// The house's own files; the paths in them lead through the names below.
#[path = "../../../src"]
mod house {
    pub(crate) mod frame;
    pub(crate) mod message;
    pub(crate) mod pipe;
    pub(crate) mod stats;
}

use house::{frame, message, pipe, stats};

/// Of the errors those that receiving knows.
#[path = "../../../src/error"]
mod error {
    mod receive;

    pub(crate) use receive::{RecvError, TryRecvError};

    pub(crate) struct Closed;
}

mod runtime;
mod scene;
mod sync;
mod transport;

pub mod budget;
pub mod incoming;
pub mod outgoing;
pub mod pace;
