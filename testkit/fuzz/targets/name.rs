//! What libFuzzer finds, for the judge of `name`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (leasehold_hostile::reader("name").judge)(input));
