//! See `hubless::fuzzing::metadata`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hubless::fuzzing::metadata(data));
