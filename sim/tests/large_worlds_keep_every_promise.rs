//! Large worlds: does every promise hold in new ones, does each play the same again, and would they miss what is taken away?
//!
//! The seeds are new ones each time; the first is printed, and what breaks is told with the command that plays it again.
//! `SEEDS` says how many.

#![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::SystemTime;

use leasehold_core::Guard;
use leasehold_sim::checker::Ablation;
use leasehold_sim::large_world::{
    LeaseStates, PlayedWorlds, Removal, Smaller, WorldPlan, named_world, play, play_and_tell, play_many, random_world,
    shrink, target_worlds,
};

/// How many random worlds are played: about ten million requests.
const SEEDS: u64 = 400;

/// How many worlds are tried to miss what is taken away.
const TRIED: u64 = 400;

fn states() -> Arc<LeaseStates> {
    Arc::new(LeaseStates::rendered().expect("the rendered states"))
}

/// A seed that was not played before.
fn new_seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock");
    since.as_secs() << 16
}

fn many(seeds: u64, first: u64, plan: impl Fn(u64) -> Option<WorldPlan> + Sync) -> PlayedWorlds {
    let threads = available_parallelism().map_or(1, std::num::NonZero::get);
    play_many(first..first + seeds, threads, &states(), plan, |_, report| report.broken.is_none())
}

fn assert_holds(played: &PlayedWorlds, plan: impl Fn(u64) -> WorldPlan) {
    if let Some(report) = played.broken.first() {
        let again = Smaller::default().command(&plan(report.seed), &Smaller::default());
        panic!("{report}\nto see it: {again}");
    }
}

#[test]
fn new_random_worlds_keep_every_promise() {
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let first = new_seed();
    println!("{seeds} seeds from {first} on");
    let played = many(seeds, first, |seed| Some(random_world(seed)));
    println!("{}", played.tally);
    assert_holds(&played, random_world);
    assert_eq!(played.tally.worlds, seeds);
}

#[test]
fn worlds_aimed_at_something_keep_every_promise() {
    let seed = new_seed();
    println!("seed {seed}");
    for name in target_worlds() {
        let plan = |seed| named_world(name, seed);
        let played = many(1, seed, plan);
        println!("{name}: {}", played.tally);
        assert_holds(&played, |seed| plan(seed).expect("a world of this name"));
        assert_eq!(played.tally.worlds, 1);
    }
}

#[test]
fn a_crowd_throttled_for_minutes_loses_nobody() {
    for seed in 1..4 {
        let plan = named_world("account-throttled", seed).expect("a world of this name");
        let report = play(&plan, &states()).expect("a world");
        assert!(report.broken.is_none() && report.states_failed > 1_000, "{report}");
        assert_eq!(report.gave_up, 0, "{report}");
    }
}

#[test]
fn every_kind_of_fault_happens() {
    let played = many(100, 1, |seed| Some(random_world(seed)));
    assert_eq!(played.tally.faults.missing(), vec![], "{}", played.tally);
}

#[test]
fn a_doctor_finds_no_damage_and_repairs_while_callers_go_on() {
    let often = |seed| Some(WorldPlan { doctor_every: Some(2_000_000), ..random_world(seed) });
    let played = many(60, 1, often);
    assert_holds(&played, |seed| often(seed).expect("a world"));
    let tally = &played.tally;
    assert!(tally.examinations > 10_000 && tally.repairs > 50, "{tally}");
}

#[test]
fn a_seed_plays_the_same_world_again() {
    for plan in [random_world(7), named_world("processes-killed", 7).expect("a world of this name")] {
        let (once, told) = (play(&plan, &states()), play_and_tell(&plan, &states()).expect("a world"));
        assert_eq!(once.as_ref(), Some(&told.0));
        assert!(told.1.len() > 1_000);
        let other = WorldPlan { seed: 8, ..plan };
        assert_ne!(play(&other, &states()).map(|report| report.digest), once.map(|report| report.digest));
    }
}

#[test]
fn a_broken_world_is_made_smaller() {
    let whole = WorldPlan { without: Some(Removal::Condition(Guard::ClaimSlotUnchanged)), ..random_world(1) };
    let broken = play(&whole, &states()).and_then(|report| report.broken).expect("a broken promise");
    let (smaller, report) = shrink(&whole, &states()).expect("a smaller world");
    let same = report.broken.clone().expect("a broken promise");
    assert_eq!(broken.promise, same.promise);
    assert!(report.holders * 4 <= whole.holders(), "{report}");
    // The command that is printed plays the same.
    let command = smaller.command(&whole, &Smaller::default());
    let mut read = Smaller::default();
    let words: Vec<&str> = command.split(['"', ' ']).filter(|word| !word.is_empty()).collect();
    for (at, option) in words.iter().enumerate() {
        let value = words.get(at + 1).copied().unwrap_or_default();
        if read.read(option, value).is_none() {
            let others = ["--seed", "--remove", "--story"];
            assert!(!option.starts_with("--") || others.contains(option), "{command}");
        }
    }
    assert_eq!(play(&read.of(&whole), &states()), Some(report));
}

/// Where a removal is missed; an error says why only the checker can.
fn missed_in(removal: Removal) -> Result<&'static str, &'static str> {
    Ok(match removal {
        Removal::Condition(guard) => match guard {
            Guard::CollectSameLease | Guard::RenewSameLease | Guard::RenewNeverShortens | Guard::ReleaseSameLease => {
                "replies-past-expiry"
            }
            Guard::ReplaceWaiterUnchanged | Guard::RegrantSameLease => "redrives",
            Guard::RaiseHighWaterUnchanged | Guard::LowerHighWaterUnchanged | Guard::FoldSlotFree => "limit-breathes",
            Guard::LeaveSamePlace => "waits-run-out",
            Guard::SetLimitOverrideUnchanged | Guard::EndOverridePoolUnchanged => "operators-meet",
            Guard::ClearOverrideUnchanged => "overrides-lapse",
            Guard::RemoveSamePlace => return Err("a holder begins anew in the millisecond in which it left"),
            Guard::SetLimitPoolUnchanged | Guard::EndOverrideUnchanged | Guard::SetPoolUnchanged => {
                return Err(
                    "a lowering is forgotten, and somebody follows the old limit to the end of the quiet period",
                );
            }
            Guard::ClaimSlotUnchanged
            | Guard::ClaimHolderUnchanged
            | Guard::ReclaimUnchanged
            | Guard::GrantSlotUnchanged
            | Guard::GrantWaiterUnchanged
            | Guard::ReleaseConfirmed
            | Guard::ReturnUntold
            | Guard::ReturnUnrenewed
            | Guard::EnqueueHolderUnchanged
            | Guard::PutPlaceUnchanged
            | Guard::LeaveWaiterUnchanged
            | Guard::ConfirmSameLease => "random",
        },
        Removal::Rule(rule) => match rule {
            Ablation::Tombstones => "replies-past-expiry",
            Ablation::WhenItEnded => "redrives",
            Ablation::AboveLimit => "leases-outlast-a-lowering",
            Ablation::TableTime => "clocks-wrong",
            Ablation::SecondLook => "joins-meet-releases",
            Ablation::Lapse | Ablation::Quiet => {
                return Err("somebody follows the old limit to the end of the quiet period");
            }
            Ablation::Attempts
            | Ablation::Grace
            | Ablation::Unconfirmed
            | Ablation::Revoke
            | Ablation::ClosedMeansEnded
            | Ablation::SecondClock => "random",
        },
    })
}

#[test]
fn whatever_is_taken_away_is_missed() {
    for removal in Removal::ALL {
        let Ok(name) = missed_in(*removal) else { continue };
        let plan = |seed| if name == "random" { Some(random_world(seed)) } else { named_world(name, seed) };
        let without = |seed| Some(WorldPlan { without: Some(*removal), ..plan(seed)? });
        let played = many(TRIED, 1, without);
        let broken = played.broken.first().and_then(|report| report.broken.as_ref());
        println!("{removal}: {} worlds, {} requests: {broken:?}", played.tally.worlds, played.tally.requests);
        assert!(broken.is_some(), "{removal}: not missed in {} worlds of {name}", played.tally.worlds);
    }
}
