//! What libFuzzer finds, for the judge of `row`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (leasehold_hostile::reader("row").judge)(input));
