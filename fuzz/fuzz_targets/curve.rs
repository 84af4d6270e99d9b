//! See `hubless::fuzzing::curve`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hubless::fuzzing::curve(data));
