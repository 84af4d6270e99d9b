//! See `hubless::fuzzing::greeting`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hubless::fuzzing::greeting(data));
