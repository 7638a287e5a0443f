//! Is a pool that lies on several partitions as the page says? The page's numbers, and what must hold of each run.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

use leasehold_sim::split_pool::{Measured, SplitPool, SplitWay, TRIED, runs, scaling_report};

#[test]
fn the_numbers_of_split_pools_are_pinned() {
    let page = include_str!("../../docs/scaling.md");
    let printed = scaling_report();
    let there = page.contains(&format!("```text\n{printed}```"));
    assert!(there, "`make bench-scaling ARGS=--update` puts this there:\n{printed}");
}

#[test]
fn a_split_pool_keeps_its_limit_and_loses_nobody() {
    for (limit, load) in TRIED {
        for (name, pool) in runs(limit, load) {
            let run = pool.play();
            assert!(run.most_held <= limit, "{name:?}: {run:?}");
            assert_eq!(run.lost, 0, "{name:?}: {run:?}");
        }
    }
}

/// A pool with this way on this many partitions, asked for more than it has.
fn overloaded(partitions: u32, way: SplitWay) -> Measured {
    let (_, one) = runs(1_600, 110)[1];
    SplitPool { partitions, way, ..one }.play()
}

#[test]
fn one_partition_leaves_slots_empty_where_four_do_not() {
    let [one, four] = [1, 4].map(|partitions| overloaded(partitions, SplitWay::Steal).utilisation);
    assert!(one < 0.5 && four > 0.95, "{one} {four}");
}

#[test]
fn the_older_of_two_is_fairer_than_each_on_its_own() {
    let [alone, older] = [SplitWay::Hash, SplitWay::OlderOfTwo].map(|way| overloaded(8, way));
    assert!(older.jain > alone.jain && older.overtaken * 10.0 < alone.overtaken, "{alone:?} {older:?}");
}

#[test]
fn the_same_seed_plays_the_same_and_another_does_not() {
    let (_, pool) = runs(160, 90).pop().expect("a run");
    assert_eq!(pool.play(), pool.play());
    assert_ne!(pool.play(), SplitPool { seed: pool.seed + 1, ..pool }.play());
}
