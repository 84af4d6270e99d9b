//! See `hubless::fuzzing::command`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hubless::fuzzing::command(data));
