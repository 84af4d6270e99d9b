//! See `hubless::fuzzing::topics`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hubless::fuzzing::topics(data));
