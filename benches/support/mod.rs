//! What the benches share that start processes.
//!
//! A bench is a list of things to measure and a runner. The runner starts, for every one of them, contestant and
//! round, the processes of that one measurement by executing itself again with a role in the environment
//! ([`process`]). Where libraries are compared (`throughput`, `latency`) that is a part in a [`case`]
//! ([`cast`]), and a [`contestant`] plays it: hubless on one of tokio's runtimes or on plain threads, libzmq on its own threads, or a raw
//! tokio stream that carries the same bytes without any library. Contestants take turns (A B C A B C …), because
//! the machine drifts more between minutes than the libraries differ; only the ratios of one run mean something.
//! [`figures`] turns the rounds into medians.
//!
//! The processes count what they do in [`counters`]. Nothing in their loops looks at a clock: the runner asks for
//! a mark (time, CPU time, count), waits, and asks again.

#![allow(dead_code, reason = "each bench uses its part")]
#![allow(
    unreachable_pub,
    reason = "a bench is a program, and these are the walls inside it"
)]

pub mod case;
pub mod cast;
pub mod contestant;
pub mod counters;
pub mod crowd;
pub mod figures;
pub mod options;
pub mod plain;
pub mod process;
pub mod round_trips;
pub mod table;

mod blocking_side;
mod hubless_side;
mod libzmq_side;
mod raw_side;
mod subscribers;
mod zeromq_side;

/// Why a measurement could not be made: shown, and the run goes on with the next.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
