//! See `hubless::fuzzing::decoder`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hubless::fuzzing::decoder(data));
