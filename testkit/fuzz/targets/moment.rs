//! What libFuzzer finds, for the judge of `moment`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (leasehold_hostile::reader("moment").judge)(input));
