//! Faults: peer processes that are killed, and that are stopped and go on, in the middle of traffic.
//!
//! Each test is a campaign of fifty rounds. In a round a process of its own sends to this one, or receives from it;
//! SIGKILL ends it or SIGSTOP stops it at a random moment, or when one of the two is at its high-water mark. Letters
//! are numbered, and each can be compared with what it should be, so what is seen on either side shows whether
//! anything came twice, in another order, or in part; what did not come is held against the counters
//! (guarantees, G1 to G5 and G7).
//!
//! ```text
//! HUBLESS_FAULTS_SEED=4711 cargo test --test faults g01      the same dice again
//! HUBLESS_FAULTS_ROUNDS=1000 cargo test --test faults        a longer campaign
//! ```
//!
//! `roles` is what the other processes do, `child` how they are started, stopped and killed; `letter` what travels,
//! `sockets` and `place` by which marks and ways. Processes are awaited by the lines they say, sockets by events
//! and counters.

#![cfg(unix)]

#[path = "../conformance/again.rs"]
#[allow(dead_code)]
mod again;
mod campaign;
mod child;
#[path = "../sim/dice.rs"]
#[allow(dead_code)]
mod dice;
mod letter;
mod place;
mod pub_sub;
mod push_pull;
mod roles;
mod sockets;
