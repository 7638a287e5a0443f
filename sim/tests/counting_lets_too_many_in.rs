//! What is wrong with what people use today? The shortest history in which count-then-put breaks its limit.

use leasehold_sim::check::{Strategy, World, explore, promise};

#[test]
fn two_callers_count_zero_and_both_put_their_lease() {
    let world = World { strategy: Strategy::CountThenPut, ..World::new("count, then put", 1).poll(2) };
    let report = explore(world, 1_000);
    let found = report.broken.as_ref().expect("a counterexample");
    assert_eq!(found.violation.promise, promise::CAP);
    assert_eq!(
        found.to_string(),
        "  1. [1000] h0 asks
  2. [1000] h1 asks
  3. [1000] acquire by h0, attempt 1: reads the holders of an execution
  4. [1000] acquire by h1, attempt 1: reads the holders of an execution
  5. [1000] acquire by h1, attempt 1: writes [h1 holds slot 0 fence 1]
  6. [1000] acquire by h0, attempt 1: writes [h0 holds slot 0 fence 1]
broken: cap: the limit is 1, and these hold a lease: [h0, h1]"
    );
}
