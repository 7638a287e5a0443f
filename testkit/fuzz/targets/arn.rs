//! What libFuzzer finds, for the judge of `arn`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (leasehold_hostile::reader("arn").judge)(input));
