//! What libFuzzer finds, for the judge of `demo_scenario`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (leasehold_hostile::reader("demo_scenario").judge)(input));
