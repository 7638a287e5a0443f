//! The same worlds elsewhere: does this machine come to what native code comes to? Built for WebAssembly and run by the page's
//! tests; it ends with an error where it does not.

use std::process::ExitCode;
use std::sync::Arc;

use leasehold_sim::large_world::{LeaseStates, digest_of_some};

/// What a test of the simulator holds native code to.
const NATIVE: &str = include_str!("../tests/worlds_digest.txt");

fn main() -> ExitCode {
    let digest = LeaseStates::rendered().ok().and_then(|states| digest_of_some(1..21, &Arc::new(states)));
    let same = digest.is_some_and(|digest| format!("{digest:016x}") == NATIVE.trim());
    if same { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
