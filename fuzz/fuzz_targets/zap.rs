//! See `hubless::fuzzing::zap`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hubless::fuzzing::zap(data));
