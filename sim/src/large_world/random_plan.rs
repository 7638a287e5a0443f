//! Random plans: which worlds does chance make? Hundreds to thousands of holders, one to three pools, every setting and every
//! rate of every fault drawn from the seed.

use super::fault_kind::{FaultKind, FaultRates};
use super::plan::{
    CrowdPlan, LimitChange, MS, PoolPlan, SECOND, Shape, SweepPlan, TimesPlan, Trouble, TroubleKind, WorldPlan,
};
use super::quotas::AccountQuotas;
use crate::rng::Rng;

/// How long all of a pool's work may take if nothing goes wrong, in microseconds.
const LONGEST: u64 = 600 * SECOND;

/// The most callers of a world that ask again and again: each costs a call every few seconds.
const MOST_POLLING: u32 = 60;

/// What is drawn for one world.
struct Drawing(Rng);

/// What may still be asked of a world.
struct Left {
    /// How long the work of each pool may still take, in microseconds.
    work: Vec<u64>,
    /// How many may still ask again and again.
    polling: u32,
}

impl Drawing {
    fn one_of<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.0.choice(things.len())]
    }

    fn often(&mut self, percent: u32) -> bool {
        self.0.happens(percent * 100)
    }

    fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.0.below(to - from + 1)
    }

    /// As likely to be between 1 and 2 as between 1,000 and 2,000 times the least.
    fn spread(&mut self, least: u64, doublings: u64) -> u64 {
        let base = least << self.0.below(doublings);
        base + self.0.below(base)
    }
}

/// The random world of this seed.
pub fn random_world(seed: u64) -> WorldPlan {
    let mut draw = Drawing(Rng::new(seed).keyed(0x0070_6c61_6e73));
    let many_pools = draw.one_of(&[1, 1, 1, 2, 3]);
    let mut plan = WorldPlan::new("random", seed, vec![]);
    plan.faults = FaultRates::drawn(&mut draw.0);
    let flaps = draw.often(30);
    plan.times = if flaps { TimesPlan::BOUNDED } else { TimesPlan::ORDINARY };
    plan.times.one_way = draw.one_of(&[MS, 3 * MS, 20 * MS]);
    plan.quotas = if draw.often(15) { AccountQuotas::ORDINARY } else { AccountQuotas::NONE };
    if draw.often(15) {
        plan.quotas.concurrency = draw.one_of(&[3, 10, 50]);
    }
    let holders = draw.spread(60, 5);
    for _ in 0..many_pools {
        plan.pools.push(pool(&mut draw, flaps, &plan.times));
    }
    let mut left = holders;
    let mut may = Left { work: vec![LONGEST; plan.pools.len()], polling: MOST_POLLING };
    while left > 0 {
        let crowd = crowd(&mut draw, &plan, u32::try_from(left).unwrap_or(u32::MAX), &mut may);
        left = left.saturating_sub(u64::from(crowd.times * crowd.shape.holders()));
        plan.crowds.push(crowd);
    }
    let dated = plan.faults.of(FaultKind::ClockWrong) > 0;
    if dated {
        // What the dates of replies tell is right to a second and the time of a request: no grace may be shorter.
        plan.pools.iter_mut().for_each(|pool| pool.grace = 10_000);
    }
    let grace = plan.pools.iter().map(|pool| pool.grace).min().unwrap_or(0);
    plan.clock_spread = if dated { 0 } else { draw.one_of(&[0, grace / 2, grace]) };
    let last = plan.crowds.iter().map(|crowd| crowd.begin.1).max().unwrap_or(0);
    plan.calm_at = last + draw.between(10 * SECOND, 300 * SECOND);
    if flaps {
        let calm_at = plan.calm_at;
        for pool in &mut plan.pools {
            limits(&mut draw, pool, calm_at);
        }
    }
    for _ in 0..draw.one_of(&[0, 0, 1, 2]) {
        trouble(&mut draw, &mut plan);
    }
    plan.doctor_every = draw.one_of(&[None, None, Some(2 * SECOND), Some(30 * SECOND)]);
    plan
}

fn pool(draw: &mut Drawing, flaps: bool, times: &TimesPlan) -> PoolPlan {
    let lease = draw.one_of(&[4_000, 10_000, 30_000, 60_000, 300_000]);
    PoolPlan {
        limit: draw.one_of(&[1, 1, 2, 3, 5, 8, 20, 60, 200]),
        lease,
        grace: draw.one_of(&[500, 1_000, 5_000]),
        quiet: if flaps { times.quiet() } else { 35_000 },
        longest_wait: draw.one_of(&[60_000, 600_000, 3_600_000, 24 * 3_600_000]),
        longest_hold: draw.one_of(&[0, 0, 2 * lease, 10 * lease]),
        sweep_every: draw.one_of(&[5_000, 20_000, 60_000]),
        sweeps: draw.one_of(&[SweepPlan::Scheduled, SweepPlan::Scheduled, SweepPlan::Never, SweepPlan::Always]),
        reports_success: draw.often(70),
        limits: vec![],
    }
}

fn crowd(draw: &mut Drawing, plan: &WorldPlan, most: u32, may: &mut Left) -> CrowdPlan {
    let at = draw.0.choice(plan.pools.len());
    let pool = &plan.pools[at];
    let many = u32::try_from(draw.between(1, u64::from(most))).unwrap_or(1);
    let shape = match draw.0.choice(10) {
        0..4 => Shape::Alone,
        4..6 => Shape::Branches(many.min(draw.one_of(&[2, 5, 20]))),
        6..8 => Shape::MapRun(many.min(draw.one_of(&[3, 30, 300]))),
        _ => Shape::Process,
    };
    let shape = if shape == Shape::Process && may.polling == 0 { Shape::Alone } else { shape };
    let queues = draw.often(75) || may.polling == 0;
    let polls = shape == Shape::Process || !queues;
    let shape = match shape {
        Shape::Branches(many) if polls => Shape::Branches(many.min(may.polling)),
        Shape::MapRun(many) if polls => Shape::MapRun(many.min(may.polling)),
        other => other,
    };
    let times = (many / shape.holders()).max(1);
    let times = if polls { times.min((may.polling / shape.holders()).max(1)) } else { times };
    may.polling = may.polling.saturating_sub(if polls { times * shape.holders() } else { 0 });
    // All of it is done in a time that a test can wait for.
    let jobs = u64::from(times * shape.holders()).div_ceil(u64::from(pool.limit)).max(1);
    let share = may.work[at] / 2;
    may.work[at] -= share;
    let longest = (share / jobs).min(2 * pool.lease * MS).max(20 * MS);
    let shortest = draw.one_of(&[longest / 50, longest / 3, longest]);
    let from = draw.one_of(&[0, 10 * SECOND, 100 * SECOND]);
    CrowdPlan {
        shape,
        times,
        pool: at,
        queues,
        begin: (from, from + draw.one_of(&[100 * MS, SECOND, 30 * SECOND, 300 * SECOND])),
        work: (shortest, longest),
        renews: draw.often(30) || shape == Shape::Process,
        by_name: draw.often(20),
        catches: draw.often(50),
    }
}

/// A limit that flaps until the world is calm.
fn limits(draw: &mut Drawing, pool: &mut PoolPlan, calm_at: u64) {
    let mut at = draw.between(SECOND, 60 * SECOND);
    while at < calm_at && pool.limits.len() < 12 {
        let limit = u64::from(pool.limit);
        let to = draw.one_of(&[limit / 2, limit * 2, 1, 0, limit + 3]);
        let to = u32::try_from(to.min(400)).unwrap_or(0);
        let change = match draw.0.choice(10) {
            0..4 => LimitChange::Override(to),
            4..6 => LimitChange::EndOverride,
            6 => LimitChange::Settings(to),
            _ => LimitChange::OverrideFor(to, draw.one_of(&[500, 5_000, 30_000, 90_000])),
        };
        pool.limits.push((at, change));
        at += draw.one_of(&[0, 5 * MS, SECOND, 20 * SECOND, 90 * SECOND]);
    }
}

fn trouble(draw: &mut Drawing, plan: &mut WorldPlan) {
    let crowd = draw.0.choice(plan.crowds.len());
    let what = match draw.0.choice(8) {
        0 => TroubleKind::Stop(crowd),
        1 => TroubleKind::AllWorkersDie(crowd),
        2 => TroubleKind::FirstFails(crowd),
        3 => TroubleKind::Fault(FaultKind::Throttled, 9_000),
        4 => TroubleKind::Fault(FaultKind::NoticeLost, 10_000),
        5 => TroubleKind::Fault(FaultKind::Slow, 5_000),
        6 => TroubleKind::Fault(FaultKind::ReplyLost, 3_000),
        _ => TroubleKind::Fault(FaultKind::NoticeNotSent, 9_000),
    };
    let from = draw.between(0, plan.calm_at);
    let until = from + draw.one_of(&[5 * SECOND, 60 * SECOND, 300 * SECOND]);
    plan.troubles.push(Trouble { from, until: until.min(plan.calm_at.max(from)), what });
}
