//! What libFuzzer finds, for the judge of `pool_rows`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (leasehold_hostile::reader("pool_rows").judge)(input));
