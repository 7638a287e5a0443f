//! Do the promises hold in worlds too large to explore? Random histories to their ends, with every fault at once.
//!
//! A history that breaks one prints its seed; `LEASEHOLD_SEED=n cargo test --workspace --test
//! promises_hold_in_long_random_histories` begins with it. `LEASEHOLD_HISTORIES` sets how many are tried.

use leasehold_core::Guard;
use leasehold_sim::checker::{CheckedWorld, Faults, Order, random_walk};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(otherwise)
}

fn everything() -> Faults {
    Faults {
        crash: 2,
        lose: 2,
        refuse: 2,
        freeze: 1,
        copy: 2,
        die: 1,
        events: true,
        redrive: 1,
        older_release: 1,
        abandon: 1,
        unheard: 2,
        unknown_status: 1,
        ..Faults::NONE
    }
}

fn large() -> CheckedWorld {
    let world = CheckedWorld::new("five holders, three slots", 3).queue(3).poll(2).attempts(3).skew(0, 1).skew(3, 1);
    world.time(8, 3).sweeps(3).order(Order::Every).torn().faults(everything())
}

fn walks(world: CheckedWorld) {
    let (seed, histories) = (number("LEASEHOLD_SEED", 1), number("LEASEHOLD_HISTORIES", 4_000));
    let report = random_walk(world, seed, histories);
    println!("{report}");
    assert!(report.broken.is_none(), "{report}");
    assert!(report.seen.told && report.seen.granted_from_queue && report.seen.reclaimed, "{report}");
}

#[test]
fn five_holders_three_slots_and_every_fault() {
    walks(large());
}

#[test]
fn renewals_long_work_and_giving_up() {
    let world = CheckedWorld { give_up: 5, long_work: Some((6, 1)), ..large().renews(2) };
    walks(CheckedWorld { name: "renewals, long work, giving up", ..world });
}

#[test]
fn a_limit_lowered_below_what_is_held() {
    let faults = Faults { lose: 0, ..everything() };
    walks(CheckedWorld { name: "lowered", ..large().change(1, 1, 3).faults(faults) });
}

#[test]
fn a_limit_raised_while_an_earlier_lowering_settles() {
    let faults = Faults { lose: 0, ..everything() };
    walks(CheckedWorld { name: "raised again", ..large().change(1, 1, 3).and_change(2).faults(faults) });
}

#[test]
fn branches_that_share_a_name() {
    walks(CheckedWorld { name: "shared names", ..large().share_name(0, 1) });
}

#[test]
fn a_random_history_finds_a_guard_that_is_missing() {
    let report = random_walk(large().without(Guard::ClaimSlotUnchanged), 1, 20_000);
    assert!(report.broken.is_some_and(|broken| broken.seed.is_some()), "a random walk finds what exploring finds");
}
