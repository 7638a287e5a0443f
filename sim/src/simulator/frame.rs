//! Frames: what is there to draw at this moment? Slots, jobs and requests as rows of plain numbers: a page takes
//! thousands of them sixty times a second.

use leasehold_core::occupancy::series::Span;
use leasehold_core::{Effect, EffectReply, Holder, Reply, Request, SlotRow, Timestamp};
use serde::Serialize;

use super::call::{Call, CallPurpose, Leg, Sent};
use super::clock::{BEGIN, micros, ms, shown};
use super::job::{Job, Phase};
use super::lane::Lane;
use super::pool::Pool;
use super::pool_series::Stretch;
use super::request_effect::{ReplySummary, RequestEffect};
use super::world::World;
use crate::count_then_put;
use crate::strategy::{PerStrategy, Strategy};

/// All lanes, in a few numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Frame {
    /// The moment.
    pub now_ms: f64,
    /// Whether clocks and caches are within what leasehold's promises rest on.
    pub promised: bool,
    /// The lanes.
    #[serde(rename = "doors")]
    pub lanes: PerStrategy<LaneFrame>,
}

/// One lane.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LaneFrame {
    /// Somewhere more hold a lease than may.
    pub over: bool,
    /// How many jobs came and are not over.
    pub in_flight: usize,
    /// The pools.
    pub pools: Vec<PoolFrame>,
}

/// One pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolFrame {
    /// Its name.
    pub prefix: String,
    /// How many may hold, as the table says.
    pub limit: u32,
    /// How many may hold once the table says what its operator wishes.
    pub wished: u32,
    /// How many may still hold rightly: after a lowering more than the limit.
    pub ceiling: u32,
    /// How many were told that they hold, and still do.
    pub held: u32,
    /// How many were refused or queued, and not told yet.
    pub waiting: u32,
    /// More hold than may.
    pub over: bool,
    /// The most that ever held.
    pub peak: u32,
    /// The slots below this may be claimed.
    pub effective: u32,
    /// Settling: slots look free, but until this moment those from the effective limit on stay closed, as somebody may
    /// still follow the limit from before it was lowered.
    pub settles_at_ms: Option<f64>,
}

/// A moment on a row, as milliseconds since the start.
fn moment(at: Timestamp) -> f64 {
    at.0 as f64 - BEGIN as f64
}

fn number(number: Option<u32>) -> f64 {
    number.map_or(-1.0, f64::from)
}

/// The states of a slot, as the page draws them.
const FREE: u32 = 0;
const HELD: u32 = 1;
const UNCONFIRMED: u32 = 2;
const EXPIRED: u32 = 3;
const ORPHANED: u32 = 4;

/// A slot, before it is a row of numbers.
struct SlotState {
    cell: u32,
    state: u32,
    job: Option<u32>,
    fence: u64,
    /// In milliseconds since the start; -1 if it is free.
    acquired: f64,
    expires: f64,
}

impl SlotState {
    fn free(cell: u32, fence: u64) -> SlotState {
        SlotState { cell, state: FREE, job: None, fence, acquired: -1.0, expires: -1.0 }
    }
}

impl Job {
    /// The cell in which it is drawn.
    fn drawn_in(&self) -> Option<u32> {
        self.cell.filter(|_| matches!(self.phase, Phase::Working | Phase::Releasing | Phase::Dead))
    }
}

impl Lane {
    /// At this moment, which may be between two events.
    fn frame(&self, now: Timestamp) -> LaneFrame {
        let pools = self.pools.iter().zip(&self.observer.pools).map(|(pool, seen)| PoolFrame {
            prefix: pool.prefix.to_string(),
            limit: seen.limit,
            wished: match self.strategy {
                Strategy::CountThenPut => seen.limit,
                Strategy::Leasehold => pool.operator.wish.count(),
            },
            ceiling: seen.ceiling,
            held: seen.held,
            waiting: seen.waiting,
            over: seen.over,
            peak: seen.stats.peak,
            effective: match self.strategy {
                Strategy::CountThenPut => seen.limit,
                Strategy::Leasehold => self.effective_limit(pool, now),
            },
            settles_at_ms: match self.strategy {
                Strategy::CountThenPut => None,
                Strategy::Leasehold => self.settles_at(pool, seen.held, now).map(moment),
            },
        });
        LaneFrame {
            over: self.observer.pools.iter().any(|pool| pool.over),
            in_flight: self.fleet.jobs.len(),
            pools: pools.collect(),
        }
    }

    fn effective_limit(&self, pool: &Pool, now: Timestamp) -> u32 {
        let settings = pool.settings_now();
        let limit = settings.limit.count();
        let above = pool.table.slots().any(|row| row.slot.0 >= limit && row.held.is_some());
        if !above && settings.lowered.is_none() {
            return limit;
        }
        let slots: Vec<SlotRow> = pool.table.slots().cloned().collect();
        settings.effective_limit(&slots, now)
    }

    /// Until when slots stay closed although they look free.
    fn settles_at(&self, pool: &Pool, held: u32, now: Timestamp) -> Option<Timestamp> {
        let settings = pool.settings_now();
        let limit = settings.limit.count();
        // Of a limit of 0 no slot looks free, and somebody may be let in all the same.
        let until = settings.followed_at(settings.lowered.filter(|_| held < limit || limit == 0)?);
        (now < until && (limit == 0 || self.effective_limit(pool, now) < limit)).then_some(until)
    }

    /// How many leases a caller counted, of the reply that tells it so and of the put that rests on it.
    fn counted_on(&self, call: &Call, sent: &Sent) -> Option<u32> {
        let CallPurpose::Acquire { job, .. } = call.purpose else { return None };
        match &sent.leg {
            Leg::Back { lost: false, answer: EffectReply::Table(Reply::Holders(rows, _)), .. } => {
                Some(count_then_put::lasting(rows, self.clock(call.skew)))
            }
            _ if matches!(&sent.effect, Effect::Request(Request::Write(_))) => {
                self.fleet.jobs.get(job)?.counted.map(|(counted, _)| counted)
            }
            _ => None,
        }
    }

    /// The number that goes with a message: the slot it writes, or how many leases its caller counted.
    fn carries(&self, call: &Call, sent: &Sent, effect: RequestEffect) -> Option<u32> {
        match self.strategy {
            Strategy::CountThenPut => self.counted_on(call, sent),
            Strategy::Leasehold => effect.cell(),
        }
    }

    /// Draws every cell of a pool of callers that count, then put.
    fn draw_cells(&self, pool: &Pool, limit: u32, draw: &mut impl FnMut(SlotState)) {
        let lease = self.scenario.leases.lease;
        let cells = u32::try_from(pool.cells.len()).unwrap_or(0).max(limit);
        for cell in 0..cells {
            let job = pool.cells.get(cell as usize).copied().flatten();
            let Some(job) = job.and_then(|job| self.fleet.jobs.get(job)) else {
                draw(SlotState::free(cell, 0));
                continue;
            };
            let expires = job.lease.as_ref().map_or(ms(job.since + lease), |lease| moment(lease.expires_at));
            let state = if job.dead {
                ORPHANED
            } else if job.holds || job.phase == Phase::Releasing {
                HELD
            } else {
                UNCONFIRMED
            };
            draw(SlotState { cell, state, job: Some(job.number), fence: 0, acquired: expires - ms(lease), expires });
        }
    }

    /// Draws every slot of a pool of leasehold's.
    fn draw_slots(&self, pool: &Pool, limit: u32, now: Timestamp, draw: &mut impl FnMut(SlotState)) {
        let mut rows = pool.table.slots().peekable();
        let mut cell = 0;
        while cell < limit || rows.peek().is_some() {
            let row = rows.next_if(|row| row.slot.0 == cell);
            match row.and_then(|row| row.held.as_ref().map(|held| (row.fence, held))) {
                Some((fence, held)) => {
                    let job = Job::of_holder(&held.holder);
                    let dead = job.and_then(|job| self.fleet.jobs.get(job)).is_none_or(|job| job.dead);
                    let state = if held.expires_at <= now {
                        EXPIRED
                    } else if dead {
                        ORPHANED
                    } else if held.pending_token().is_some() {
                        UNCONFIRMED
                    } else {
                        HELD
                    };
                    let (acquired, expires) = (moment(held.acquired_at), moment(held.expires_at));
                    draw(SlotState { cell, state, job, fence: fence.0, acquired, expires });
                }
                None if cell < limit || row.is_some() => draw(SlotState::free(cell, row.map_or(0, |row| row.fence.0))),
                None => {}
            }
            cell += 1;
        }
    }
}

impl World {
    /// What there is to draw besides slots, jobs and requests.
    pub fn frame(&self) -> Frame {
        let lanes = PerStrategy::new(|strategy| self.lane(strategy).frame(shown(self.micros(), 0)));
        Frame { now_ms: self.now(), promised: self.is_promised(), lanes }
    }

    /// Every slot of a lane: pool, cell, state, job, fence, acquired, expires, flags.
    pub fn slots(&self, strategy: Strategy) -> Vec<f64> {
        let (lane, now) = (self.lane(strategy), shown(self.micros(), 0));
        let mut all = vec![];
        for (at, (pool, seen)) in lane.pools.iter().zip(&lane.observer.pools).enumerate() {
            let limit = seen.limit;
            let mut draw = |slot: SlotState| {
                let job = slot.job.and_then(|job| lane.fleet.jobs.get(job));
                let works = job.is_some_and(|job| job.holds && job.cell == Some(slot.cell));
                let flags = u32::from(slot.cell >= limit) + 2 * u32::from(works);
                all.extend([
                    at as f64,
                    slot.cell.into(),
                    slot.state.into(),
                    number(slot.job),
                    slot.fence as f64,
                    slot.acquired,
                    slot.expires,
                    flags.into(),
                ]);
            };
            match strategy {
                Strategy::CountThenPut => lane.draw_cells(pool, limit, &mut draw),
                Strategy::Leasehold => lane.draw_slots(pool, limit, now, &mut draw),
            }
        }
        all
    }

    /// The slots of leasehold that are taken though no job is drawn in them: the lease was granted and its job is not told
    /// yet, or its job has stopped, and the lease or the grace still lasts. Two numbers each: pool, cell.
    pub fn taken(&self) -> Vec<f64> {
        let lane = self.lane(Strategy::Leasehold);
        let is_drawn = |cell: u32, holder: &Holder| {
            let job = Job::of_holder(holder).and_then(|job| lane.fleet.jobs.get(job));
            job.is_some_and(|job| job.drawn_in() == Some(cell))
        };
        let mut all = vec![];
        for (at, pool) in lane.pools.iter().enumerate() {
            for row in pool.table.slots() {
                if row.held.as_ref().is_some_and(|held| !is_drawn(row.slot.0, &held.holder)) {
                    all.extend([at as f64, row.slot.0.into()]);
                }
            }
        }
        all
    }

    /// Every job in flight in a lane: job, pool, phase, since, until, cell, workload, flags.
    pub fn jobs(&self, strategy: Strategy) -> Vec<f64> {
        let draw = |job: &Job| {
            let flags = u32::from(job.phase == Phase::Queued) + 2 * u32::from(job.lost);
            [
                job.number.into(),
                job.pool as f64,
                f64::from(job.phase as u8),
                ms(job.since),
                job.until.map_or(-1.0, ms),
                number(job.drawn_in()),
                job.workload as f64,
                flags.into(),
            ]
        };
        self.lane(strategy).fleet.jobs.all().flat_map(draw).collect()
    }

    /// Every request on its way in a lane: id, job, pool, kind, leg, from, to, outcome, operation, cell. Of who counts,
    /// then puts, `cell` is the number it is told or acts on: how many leases it counted.
    pub fn requests(&self, strategy: Strategy) -> Vec<f64> {
        let (lane, now) = (self.lane(strategy), self.micros());
        let mut all = vec![];
        for call in lane.calls.under_way.all() {
            let (job, pool) = (number(call.purpose.job()), call.pool as f64);
            let operation = f64::from(call.purpose.number());
            if now < call.invoked.1 && call.engine.is_none() && call.round == 0 && !call.dead {
                let (from, to) = (ms(call.invoked.0), ms(call.invoked.1));
                all.extend([-1.0, job, pool, 5.0, 0.0, from, to, -1.0, operation, -1.0]);
            }
            for sent in &call.sent {
                let (leg, from, to, outcome) = match &sent.leg {
                    Leg::There { from, to, lost } => (0, *from, *to, if *lost { 3 } else { -1 }),
                    Leg::Back { from, to, lost: true, .. } => (1, *from, *to, 3),
                    Leg::Back { from, to, answer, .. } => {
                        (1, *from, *to, i32::from(ReplySummary::of(answer).outcome()))
                    }
                    Leg::Here(_) => continue,
                };
                if from > now || to < now {
                    continue;
                }
                let effect = RequestEffect::of(&sent.effect, strategy);
                let operation = match (&sent.effect, effect) {
                    (Effect::Request(_), RequestEffect::Counts) => 6.0,
                    (Effect::Request(_), RequestEffect::Puts) if call.purpose.number() == 0 => 7.0,
                    _ => operation,
                };
                let (kind, cell) = (f64::from(effect.kind()), number(lane.carries(call, sent, effect)));
                let (from, to) = (ms(from), ms(to));
                let id = lane.observer.request_id(sent.number) as f64;
                all.extend([id, job, pool, kind, leg.into(), from, to, outcome.into(), operation, cell]);
            }
        }
        all
    }

    /// Held leases against the limit of a pool: from, most held, held, limit, waiting, and how many of the most held one by
    /// right (more than the limit after a lowering); at most so many points.
    pub fn series(&self, strategy: Strategy, pool: usize, from_ms: f64, to_ms: f64, points: usize) -> Vec<f64> {
        let Some(pool) = self.lane(strategy).observer.pools.get(pool) else { return vec![] };
        let stretches = pool.series.between(micros(from_ms), micros(to_ms).min(self.micros()), points);
        let draw = |(from, stretch): (u64, Stretch)| {
            let Span { most_held, last, .. } = stretch.span;
            let counts = [most_held, last.held, last.limit, last.waiting, stretch.by_right()].map(f64::from);
            std::iter::once(ms(from)).chain(counts)
        };
        stretches.into_iter().flat_map(draw).collect()
    }
}
