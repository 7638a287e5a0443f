//! Worlds by name: what is aimed at that chance would seldom meet? Each is one sentence of what happens to a pool.

use super::fault_kind::{FaultKind, FaultRates};
use super::plan::{
    CrowdPlan, LimitChange, MS, PoolPlan, SECOND, Shape, SweepPlan, TimesPlan, Trouble, TroubleKind, WorldPlan,
};
use super::quotas::AccountQuotas;

type MakesPlan = fn(&str, u64) -> WorldPlan;

/// All of them, by name.
const WORLDS: &[(&str, MakesPlan)] = &[
    ("map-of-ten-thousand", map_of_ten_thousand),
    ("account-throttled", account_throttled),
    ("ten-thousand-stopped", ten_thousand_stopped),
    ("first-item-fails", first_item_fails),
    ("first-item-fails-caught", first_item_fails_caught),
    ("redrives", redrives),
    ("limit-flaps", limit_flaps),
    ("joins-meet-releases", joins_meet_releases),
    ("waits-run-out", waits_run_out),
    ("limit-breathes", limit_breathes),
    ("operators-meet", operators_meet),
    ("overrides-lapse", overrides_lapse),
    ("leases-outlast-a-lowering", leases_outlast_a_lowering),
    ("all-workers-die", all_workers_die),
    ("replies-past-expiry", replies_past_expiry),
    ("notices-lost", notices_lost),
    ("never-swept", never_swept),
    ("always-swept", always_swept),
    ("processes-killed", processes_killed),
    ("clocks-wrong", clocks_wrong),
];

/// The names of the worlds that are aimed at something.
pub fn target_worlds() -> impl Iterator<Item = &'static str> {
    WORLDS.iter().map(|(name, _)| *name)
}

/// The world of this name, with chance from this seed.
pub fn named_world(name: &str, seed: u64) -> Option<WorldPlan> {
    let (name, makes) = WORLDS.iter().find(|(known, _)| *known == name)?;
    Some(makes(name, seed))
}

fn fault(from: u64, until: u64, kind: FaultKind, rate: u32) -> Trouble {
    Trouble { from: from * SECOND, until: until * SECOND, what: TroubleKind::Fault(kind, rate) }
}

fn at(from: u64, what: TroubleKind) -> Trouble {
    Trouble { from: from * SECOND, until: from * SECOND + MS, what }
}

/// A distributed Map of 10,000 items that all ask within a second, under the quotas of an ordinary account.
fn map_of_ten_thousand(name: &str, seed: u64) -> WorldPlan {
    let mut plan = WorldPlan::new(name, seed, vec![PoolPlan::new(500)]);
    plan.quotas = AccountQuotas::ORDINARY;
    plan.crowds = vec![CrowdPlan::new(Shape::MapRun(10_000), 1, (5, 30))];
    plan
}

/// An account whose table is throttled for five minutes, while a crowd asks.
fn account_throttled(name: &str, seed: u64) -> WorldPlan {
    let mut plan = WorldPlan::new(name, seed, vec![PoolPlan::new(20)]);
    let begin = (0, 120 * SECOND);
    plan.crowds = vec![
        CrowdPlan { begin, ..CrowdPlan::new(Shape::Alone, 400, (5, 20)) },
        CrowdPlan { begin, queues: false, ..CrowdPlan::new(Shape::Alone, 50, (5, 20)) },
    ];
    plan.troubles = vec![fault(30, 330, FaultKind::Throttled, 9_900)];
    plan.calm_at = 600 * SECOND;
    plan
}

/// 10,000 waiters whose execution is stopped, and others behind them.
fn ten_thousand_stopped(name: &str, seed: u64) -> WorldPlan {
    let mut plan = WorldPlan::new(name, seed, vec![PoolPlan::new(10)]);
    plan.quotas = AccountQuotas::ORDINARY;
    let begin = (61 * SECOND, 70 * SECOND);
    plan.crowds = vec![
        CrowdPlan { begin: (0, 40 * SECOND), ..CrowdPlan::new(Shape::MapRun(10_000), 1, (20, 60)) },
        CrowdPlan { begin, ..CrowdPlan::new(Shape::Alone, 50, (1, 5)) },
    ];
    plan.troubles = vec![at(80, TroubleKind::Stop(0))];
    plan.calm_at = 90 * SECOND;
    plan
}

/// A Map whose first item fails: the others are cancelled.
fn first_item_fails(name: &str, seed: u64) -> WorldPlan {
    let mut plan = WorldPlan::new(name, seed, vec![PoolPlan::new(5)]);
    plan.crowds = vec![
        CrowdPlan::new(Shape::Branches(400), 1, (5, 20)),
        CrowdPlan { begin: (SECOND, 10 * SECOND), ..CrowdPlan::new(Shape::Alone, 100, (1, 5)) },
    ];
    plan.troubles = vec![at(20, TroubleKind::FirstFails(0))];
    plan
}

/// The same, and its execution catches that and goes on.
fn first_item_fails_caught(name: &str, seed: u64) -> WorldPlan {
    let mut plan = first_item_fails(name, seed);
    plan.crowds[0].catches = true;
    plan.crowds.push(CrowdPlan { catches: true, ..CrowdPlan::new(Shape::MapRun(300), 1, (5, 20)) });
    plan.troubles.push(at(30, TroubleKind::FirstFails(2)));
    plan
}

/// Executions that are stopped and redriven, while the reports of their ends come late.
fn redrives(name: &str, seed: u64) -> WorldPlan {
    let mut plan = WorldPlan::new(name, seed, vec![PoolPlan { lease: 60_000, ..PoolPlan::new(10) }]);
    let begin = (0, 100 * SECOND);
    plan.crowds = vec![
        CrowdPlan { begin, ..CrowdPlan::new(Shape::Alone, 300, (5, 30)) },
        CrowdPlan { begin, ..CrowdPlan::new(Shape::Branches(10), 20, (5, 30)) },
        CrowdPlan { begin, ..CrowdPlan::new(Shape::MapRun(30), 5, (5, 30)) },
        CrowdPlan { begin, queues: false, ..CrowdPlan::new(Shape::Alone, 60, (5, 30)) },
    ];
    plan.faults = plan
        .faults
        .with(FaultKind::ExecutionStopped, 4_000)
        .with(FaultKind::WorkFails, 1_000)
        .with(FaultKind::Redriven, 8_000)
        .with(FaultKind::EndLate, 5_000)
        .with(FaultKind::EndTwice, 3_000);
    plan.calm_at = 600 * SECOND;
    plan
}

/// A limit that goes up and down every few seconds.
fn limit_flaps(name: &str, seed: u64) -> WorldPlan {
    let times = TimesPlan::BOUNDED;
    let mut pool = PoolPlan { quiet: times.quiet(), lease: 30_000, sweep_every: 10_000, ..PoolPlan::new(10) };
    let over = LimitChange::Override;
    let end = LimitChange::EndOverride;
    let lapses = LimitChange::OverrideFor;
    let limits = [
        over(3),
        over(12),
        end,
        over(0),
        over(30),
        over(1),
        end,
        lapses(20, 9_000),
        over(5),
        lapses(2, 5_000),
        over(4),
        lapses(0, 3_000),
        over(11),
        end,
    ];
    pool.limits = (0..60).map(|at| ((10 + 7 * at) * SECOND, limits[at as usize % limits.len()])).collect();
    let mut plan = WorldPlan::new(name, seed, vec![pool]);
    plan.times = times;
    plan.clock_spread = 5_000;
    plan.crowds = vec![
        CrowdPlan { begin: (0, 400 * SECOND), ..CrowdPlan::new(Shape::Alone, 600, (2, 20)) },
        CrowdPlan { begin: (0, 400 * SECOND), queues: false, ..CrowdPlan::new(Shape::Alone, 50, (2, 20)) },
    ];
    plan.faults = plan.faults.with(FaultKind::ReplyLost, 50).with(FaultKind::ServedLate, 50);
    plan.calm_at = 450 * SECOND;
    plan
}

/// Callers that join just as the slot is given back, where no sweep helps.
fn joins_meet_releases(name: &str, seed: u64) -> WorldPlan {
    let mut plan = WorldPlan::new(name, seed, vec![PoolPlan { sweeps: SweepPlan::Never, ..PoolPlan::new(1) }]);
    let crowd = CrowdPlan { begin: (0, 300 * SECOND), ..CrowdPlan::new(Shape::Alone, 1_000, (0, 0)) };
    plan.crowds = vec![CrowdPlan { work: (0, 50 * MS), ..crowd }];
    plan.calm_at = 400 * SECOND;
    plan
}

/// Waiters whose tasks time out and are entered anew, just as they have waited too long.
fn waits_run_out(name: &str, seed: u64) -> WorldPlan {
    let pool = PoolPlan { longest_wait: 30_000, sweeps: SweepPlan::Always, ..PoolPlan::new(2) };
    let mut plan = WorldPlan::new(name, seed, vec![pool]);
    plan.times.one_way = 20 * MS;
    plan.crowds = vec![CrowdPlan { begin: (0, 60 * SECOND), ..CrowdPlan::new(Shape::Alone, 600, (1, 5)) }];
    plan.faults = plan.faults.with(FaultKind::TaskTimesOut, 9_000).with(FaultKind::Slow, 500);
    plan.calm_at = 120 * SECOND;
    plan
}

/// A limit that is raised again just as the slots above it are folded away.
fn limit_breathes(name: &str, seed: u64) -> WorldPlan {
    let mut plan = limit_flaps(name, seed);
    plan.times = TimesPlan { settings_fresh: SECOND / 2, call_within: 3 * SECOND, answer_within: SECOND, ..plan.times };
    plan.times = TimesPlan { longest_freeze: SECOND, latest: SECOND, ..plan.times };
    plan.clock_spread = 0;
    let pool = &mut plan.pools[0];
    (pool.quiet, pool.grace, pool.sweeps) = (plan.times.quiet(), 500, SweepPlan::Always);
    // Only then nobody can follow the higher limit any more.
    let folded_after = (2 * pool.quiet + pool.grace) * MS;
    pool.limits = (0..30u64)
        .flat_map(|at| {
            let lowered = (5 + 22 * at) * SECOND;
            let raised = lowered + folded_after + at * 50 * MS;
            [(lowered, LimitChange::Override(2)), (raised, LimitChange::Override(20))]
        })
        .collect();
    for crowd in &mut plan.crowds {
        crowd.begin = (0, 650 * SECOND);
        crowd.work = (100 * MS, 2 * SECOND);
    }
    plan.calm_at = 700 * SECOND;
    plan
}

/// Three operators at a time change the limit, each in another way.
fn operators_meet(name: &str, seed: u64) -> WorldPlan {
    let mut plan = limit_flaps(name, seed);
    let times = TimesPlan { settings_fresh: SECOND, ..plan.times };
    plan.times = TimesPlan { longest_freeze: SECOND, latest: SECOND, ..times };
    let changes = [
        [LimitChange::Override(2), LimitChange::EndOverride, LimitChange::Settings(20)],
        [LimitChange::Settings(3), LimitChange::Override(25), LimitChange::EndOverride],
        [LimitChange::EndOverride, LimitChange::Settings(15), LimitChange::Settings(2)],
        [LimitChange::Override(1), LimitChange::Override(20), LimitChange::Settings(10)],
    ];
    let pool = &mut plan.pools[0];
    (pool.quiet, pool.lease) = (plan.times.quiet(), 60_000);
    pool.limits = (0..60u64)
        .flat_map(|at| {
            let meet = changes[at as usize % changes.len()];
            // Apart by less than a request takes.
            meet.into_iter().zip(0..).map(move |(change, apart)| (10 * SECOND + 7 * at * SECOND + apart * MS, change))
        })
        .collect();
    plan
}

/// Overrides that lapse, and operators who override again just as sweeps clear those away.
fn overrides_lapse(name: &str, seed: u64) -> WorldPlan {
    let mut plan = limit_flaps(name, seed);
    let times = TimesPlan { settings_fresh: 50 * MS, call_within: 3 * SECOND, answer_within: SECOND, ..plan.times };
    plan.times = TimesPlan { longest_freeze: SECOND, latest: SECOND, ..times };
    (plan.clock_spread, plan.faults) = (0, FaultRates::NONE);
    let pool = &mut plan.pools[0];
    (pool.quiet, pool.grace, pool.sweeps) = (plan.times.quiet(), 500, SweepPlan::Always);
    // Only then nobody can follow it any more.
    let cleared_after = 2 * SECOND + (2 * pool.quiet + pool.grace) * MS;
    pool.limits = (0..30u64)
        .flat_map(|at| {
            let from = SECOND + at * (cleared_after + 2 * SECOND);
            let lapses = LimitChange::OverrideFor(if at % 2 == 0 { 20 } else { 2 }, 2_000);
            [(from, lapses), (from + cleared_after + (30 + at) * MS, LimitChange::Override(5))]
        })
        .collect();
    plan
}

/// Work that goes on above a lowered limit for long after everybody follows that, while others ask.
fn leases_outlast_a_lowering(name: &str, seed: u64) -> WorldPlan {
    let times =
        TimesPlan { settings_fresh: SECOND, call_within: 3 * SECOND, answer_within: SECOND, ..TimesPlan::BOUNDED };
    let times = TimesPlan { longest_freeze: SECOND, latest: SECOND, ..times };
    let pool = PoolPlan {
        quiet: times.quiet(),
        grace: 500,
        limits: vec![(20 * SECOND, LimitChange::Override(5))],
        ..PoolPlan::new(20)
    };
    let mut plan = WorldPlan::new(name, seed, vec![pool]);
    plan.times = times;
    let polls = |crowd: CrowdPlan, from: u64, until: u64| CrowdPlan {
        queues: false,
        renews: true,
        begin: (from * SECOND, until * SECOND),
        ..crowd
    };
    plan.crowds = vec![
        polls(CrowdPlan::new(Shape::Alone, 20, (20, 300)), 0, 5),
        polls(CrowdPlan::new(Shape::Alone, 60, (5, 20)), 40, 250),
    ];
    plan.calm_at = 320 * SECOND;
    plan
}

/// All that work die at once, and nobody reports it.
fn all_workers_die(name: &str, seed: u64) -> WorldPlan {
    let mut plan = WorldPlan::new(name, seed, vec![PoolPlan { lease: 60_000, ..PoolPlan::new(50) }]);
    plan.crowds = vec![
        CrowdPlan::new(Shape::Alone, 400, (10, 40)),
        CrowdPlan { renews: true, ..CrowdPlan::new(Shape::Process, 50, (10, 40)) },
    ];
    plan.faults = plan.faults.with(FaultKind::EndLost, 10_000);
    plan.troubles = vec![at(30, TroubleKind::AllWorkersDie(0)), at(30, TroubleKind::AllWorkersDie(1))];
    plan
}

/// A partition that delays every reply, until leases have expired.
fn replies_past_expiry(name: &str, seed: u64) -> WorldPlan {
    let pool = PoolPlan { lease: 2_000, grace: 500, sweep_every: 5_000, ..PoolPlan::new(5) };
    let mut plan = WorldPlan::new(name, seed, vec![pool]);
    plan.clock_spread = 500;
    plan.crowds = vec![
        CrowdPlan { begin: (0, 60 * SECOND), ..CrowdPlan::new(Shape::Alone, 300, (0, 1)) },
        CrowdPlan { begin: (0, 60 * SECOND), queues: false, ..CrowdPlan::new(Shape::Alone, 60, (0, 1)) },
        CrowdPlan { begin: (0, 60 * SECOND), renews: true, ..CrowdPlan::new(Shape::Process, 50, (0, 12)) },
    ];
    plan.troubles = vec![
        fault(10, 70, FaultKind::Slow, 9_500),
        fault(30, 60, FaultKind::Frozen, 500),
        fault(70, 100, FaultKind::ServedLate, 1_000),
        fault(70, 100, FaultKind::ServedTwice, 1_000),
    ];
    plan.calm_at = 120 * SECOND;
    plan
}

/// No notice arrives for a minute.
fn notices_lost(name: &str, seed: u64) -> WorldPlan {
    let mut plan = WorldPlan::new(name, seed, vec![PoolPlan { lease: 60_000, ..PoolPlan::new(10) }]);
    plan.crowds = vec![CrowdPlan { begin: (0, 60 * SECOND), ..CrowdPlan::new(Shape::Alone, 300, (2, 10)) }];
    plan.troubles = vec![
        fault(20, 80, FaultKind::NoticeLost, 10_000),
        fault(100, 130, FaultKind::NoticeUnheard, 10_000),
        fault(140, 170, FaultKind::NoticeNotSent, 10_000),
    ];
    plan.calm_at = 200 * SECOND;
    plan
}

fn busy(name: &str, seed: u64, sweeps: SweepPlan) -> WorldPlan {
    let mut plan = WorldPlan::new(name, seed, vec![PoolPlan { sweeps, lease: 30_000, ..PoolPlan::new(8) }]);
    let begin = (0, 120 * SECOND);
    plan.crowds = vec![
        CrowdPlan { begin, ..CrowdPlan::new(Shape::Alone, 300, (1, 8)) },
        CrowdPlan { begin, queues: false, ..CrowdPlan::new(Shape::Alone, 40, (1, 8)) },
        CrowdPlan { begin, renews: true, ..CrowdPlan::new(Shape::Process, 40, (1, 8)) },
    ];
    plan.faults = plan
        .faults
        .with(FaultKind::DiesAfter, 30)
        .with(FaultKind::ReplyLost, 30)
        .with(FaultKind::NoticeLost, 100)
        .with(FaultKind::Conflict, 200);
    plan.calm_at = 200 * SECOND;
    plan
}

/// Nobody sweeps the pool until the world is calm.
fn never_swept(name: &str, seed: u64) -> WorldPlan {
    busy(name, seed, SweepPlan::Never)
}

/// One sweep follows the other.
fn always_swept(name: &str, seed: u64) -> WorldPlan {
    busy(name, seed, SweepPlan::Always)
}

/// Processes that wait or work are killed, and nobody says so.
fn processes_killed(name: &str, seed: u64) -> WorldPlan {
    let mut plan = WorldPlan::new(name, seed, vec![PoolPlan { lease: 30_000, ..PoolPlan::new(3) }]);
    plan.crowds =
        vec![CrowdPlan { renews: true, begin: (0, 60 * SECOND), ..CrowdPlan::new(Shape::Process, 120, (1, 4)) }];
    plan.faults = plan.faults.with(FaultKind::ProcessKilled, 4_000);
    plan.calm_at = 120 * SECOND;
    plan
}

/// Half of the machines have clocks that are wrong by seconds or hours.
fn clocks_wrong(name: &str, seed: u64) -> WorldPlan {
    let mut plan = busy(name, seed, SweepPlan::Scheduled);
    plan.faults = plan.faults.with(FaultKind::ClockWrong, 5_000);
    plan
}
