//! The door for fuzzing: one function for everything that reads what a stranger wrote.
//!
//! Each takes any bytes, plays them against the real code, and panics where a promise is broken: not only that nothing
//! panics by itself, but what must be true of the answer, such as that it does not matter how a stream was cut.
//!
//! ```text
//! fuzz/fuzz_targets/decoder.rs ──▶ fuzzing::decoder ◀── tests: every file of fuzz/corpus/decoder
//! ```
//!
//! libFuzzer finds inputs (`cargo fuzz run decoder`); the few that are worth keeping lie in `fuzz/corpus`, and an
//! ordinary test plays them again. None of this is in a usual build: it takes `cfg(fuzzing)`, which cargo-fuzz sets.

mod input;
mod mechanisms;
mod session;
#[cfg(test)]
mod tests;
mod text;
mod topics;
mod wire;

pub use mechanisms::{curve, plain, spelling, zap};
pub use session::session;
pub use text::endpoint;
pub use topics::topics;
pub use wire::{command, decoder, greeting, metadata};
