//! What libFuzzer finds, for the judge of `item`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (leasehold_hostile::reader("item").judge)(input));
