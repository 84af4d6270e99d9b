//! See `hubless::fuzzing::plain`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hubless::fuzzing::plain(data));
