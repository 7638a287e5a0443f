//! The same worlds on another machine: does it come to what this one comes to? Says the number that some worlds come to here;
//! built with `LEASEHOLD_WORLDS_DIGEST`, ends with an error where that is another one. The page's tests run it as WebAssembly.

use std::process::ExitCode;
use std::sync::Arc;

use leasehold_sim::large_world::{LeaseStates, digest_of_some};

fn main() -> ExitCode {
    let digest = LeaseStates::rendered().ok().and_then(|states| digest_of_some(1..21, &Arc::new(states)));
    let Some(digest) = digest.map(|digest| format!("{digest:016x}")) else { return ExitCode::FAILURE };
    match option_env!("LEASEHOLD_WORLDS_DIGEST") {
        None => println!("{digest}"),
        Some(expected) if expected == digest => {}
        Some(_) => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}
