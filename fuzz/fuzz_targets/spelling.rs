//! See `hubless::fuzzing::spelling`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hubless::fuzzing::spelling(data));
