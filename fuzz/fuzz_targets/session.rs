//! See `hubless::fuzzing::session`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hubless::fuzzing::session(data));
