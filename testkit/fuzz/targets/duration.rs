//! What libFuzzer finds, for the judge of `duration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (leasehold_hostile::reader("duration").judge)(input));
