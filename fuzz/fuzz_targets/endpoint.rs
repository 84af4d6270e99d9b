//! See `hubless::fuzzing::endpoint`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hubless::fuzzing::endpoint(data));
