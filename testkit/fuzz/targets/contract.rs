//! What libFuzzer finds, for the judge of `contract`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (leasehold_hostile::reader("contract").judge)(input));
