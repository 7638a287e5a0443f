//! What libFuzzer finds, for the judge of `page_scenario`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (leasehold_hostile::reader("page_scenario").judge)(input));
