//! What libFuzzer finds, for the judge of `log_line`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (leasehold_hostile::reader("log_line").judge)(input));
