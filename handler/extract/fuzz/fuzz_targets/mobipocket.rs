#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| handler_parsers::fuzzing::run("mobipocket", bytes));
