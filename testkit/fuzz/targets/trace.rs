//! What libFuzzer finds, for the judge of `trace`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (leasehold_hostile::reader("trace").judge)(input));
