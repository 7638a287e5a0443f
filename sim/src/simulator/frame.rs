//! What is there to draw at this moment? Slots, jobs and requests as rows of plain numbers: a page takes thousands of
//! them sixty times a second.

use leasehold_core::nouns::Millis;
use leasehold_core::table::{Reply, Request, SlotRow};
use serde::Serialize;

use super::World;
use super::call::{Call, CallPurpose, Leg, Message, Received, Sent};
use super::job::{Job, Phase};
use super::lane::{BEGIN, Lane, ms};
use super::request_log::{ReplySummary, RequestEffect};
use crate::count_then_put;

/// Both doors, in a few numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Frame {
    /// The moment.
    pub now_ms: f64,
    /// Whether clocks and caches are within what leasehold's promises rest on.
    pub promised: bool,
    /// The doors.
    pub doors: Vec<LaneFrame>,
}

/// One door.
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
    /// How many may hold.
    pub limit: u32,
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
}

/// A moment on a row, as milliseconds since the start.
fn moment(at: Millis) -> f64 {
    at.0 as f64 - BEGIN as f64
}

impl Lane {
    /// How many leases a caller counted, of the reply that tells it so and of the put that rests on it.
    fn counted(&self, call: &Call, sent: &Sent) -> Option<u32> {
        let CallPurpose::Acquire { job, .. } = call.duty else { return None };
        match &sent.leg {
            Leg::Back { lost: false, answer: Received::Reply(Reply::Holders(rows, _)), .. } => {
                let lease = self.pools[call.pool].settings_now().lease;
                Some(count_then_put::lasting(rows, lease, self.clock(call.skew)))
            }
            _ if matches!(&sent.what, Message::Request(Request::Write(_))) => {
                self.jobs.get(job)?.counted.map(|(counted, _)| counted)
            }
            _ => None,
        }
    }
}

fn number(number: Option<u32>) -> f64 {
    number.map_or(-1.0, f64::from)
}

impl World {
    /// What there is to draw besides slots, jobs and requests.
    pub fn frame(&self) -> Frame {
        let doors = self.state.doors.iter().map(|door| LaneFrame {
            over: door.pools.iter().any(|pool| pool.over),
            in_flight: door.jobs.len(),
            pools: door
                .pools
                .iter()
                .map(|pool| {
                    let effective = if door.counts() {
                        pool.limit
                    } else {
                        let settings = pool.settings_now();
                        let limit = settings.limit.count();
                        let above = pool.table.slots().any(|row| row.slot.0 >= limit && row.held.is_some());
                        if above || settings.lowered.is_some() {
                            let slots: Vec<SlotRow> = pool.table.slots().cloned().collect();
                            settings.effective_limit(&slots, door.clock(0))
                        } else {
                            limit
                        }
                    };
                    PoolFrame {
                        prefix: pool.prefix.to_string(),
                        limit: pool.limit,
                        ceiling: pool.ceiling,
                        held: pool.held,
                        waiting: pool.waiting,
                        over: pool.over,
                        peak: pool.fared.peak,
                        effective,
                    }
                })
                .collect(),
        });
        Frame { now_ms: self.now(), promised: self.scenario.is_promised(), doors: doors.collect() }
    }

    /// Every slot of a door: pool, cell, state, job, fence, acquired, expires, flags.
    pub fn slots(&self, door: usize) -> Vec<f64> {
        let Some(door) = self.state.doors.get(door) else { return vec![] };
        let mut all = vec![];
        for (at, pool) in door.pools.iter().enumerate() {
            let limit = pool.limit;
            let mut draw = |cell: u32, state: u32, job: Option<u32>, fence: u64, acquired: f64, expires: f64| {
                let works =
                    job.and_then(|job| door.jobs.get(job)).is_some_and(|job| job.holds && job.cell == Some(cell));
                let flags = u32::from(cell >= limit) + 2 * u32::from(works);
                all.extend([
                    at as f64,
                    cell.into(),
                    state.into(),
                    number(job),
                    fence as f64,
                    acquired,
                    expires,
                    flags.into(),
                ]);
            };
            if door.counts() {
                let lease = self.scenario.leases.lease;
                let cells = u32::try_from(pool.cells.len()).unwrap_or(0).max(limit);
                for cell in 0..cells {
                    let job = pool.cells.get(cell as usize).copied().flatten();
                    match job.and_then(|job| door.jobs.get(job)) {
                        None => draw(cell, 0, None, 0, -1.0, -1.0),
                        Some(job) => {
                            let expires =
                                job.lease.as_ref().map_or(ms(job.since + lease), |lease| moment(lease.expires_at));
                            let state = if job.dead {
                                4
                            } else if job.holds || job.phase == Phase::Releasing {
                                1
                            } else {
                                2
                            };
                            draw(cell, state, Some(job.number), 0, expires - ms(lease), expires);
                        }
                    }
                }
                continue;
            }
            let mut rows = pool.table.slots().peekable();
            let mut cell = 0;
            while cell < limit || rows.peek().is_some() {
                let row = rows.next_if(|row| row.slot.0 == cell);
                match row.and_then(|row| row.held.as_ref().map(|held| (row.fence, held))) {
                    Some((fence, held)) => {
                        let job = Job::of_holder(&held.holder);
                        let dead = job.and_then(|job| door.jobs.get(job)).is_none_or(|job| job.dead);
                        let state = if held.expires_at <= door.clock(0) {
                            3
                        } else if dead {
                            4
                        } else {
                            1 + u32::from(held.unconfirmed)
                        };
                        draw(cell, state, job, fence.0, moment(held.acquired_at), moment(held.expires_at));
                    }
                    None if cell < limit || row.is_some() => {
                        draw(cell, 0, None, row.map_or(0, |row| row.fence.0), -1.0, -1.0);
                    }
                    None => {}
                }
                cell += 1;
            }
        }
        all
    }

    /// Every job in flight behind a door: job, pool, phase, since, until, cell, workload, flags.
    pub fn jobs(&self, door: usize) -> Vec<f64> {
        let Some(door) = self.state.doors.get(door) else { return vec![] };
        let draw = |job: &Job| {
            let flags = u32::from(job.phase == Phase::Queued) + 2 * u32::from(job.lost);
            [
                job.number.into(),
                job.pool as f64,
                f64::from(job.phase as u8),
                ms(job.since),
                job.until.map_or(-1.0, ms),
                number(job.cell.filter(|_| matches!(job.phase, Phase::Working | Phase::Releasing | Phase::Dead))),
                job.workload as f64,
                flags.into(),
            ]
        };
        door.jobs.all().flat_map(draw).collect()
    }

    /// Every request on its way behind a door: id, job, pool, kind, leg, from, to, outcome, operation, cell. Of who
    /// counts, then puts, `cell` is the number it is told or acts on: how many leases it counted.
    pub fn requests(&self, door: usize) -> Vec<f64> {
        let Some(door) = self.state.doors.get(door) else { return vec![] };
        let now = self.state.now;
        let mut all = vec![];
        for call in door.calls.all() {
            let (job, pool) = (number(call.duty.job()), call.pool as f64);
            let operation = f64::from(call.duty.number());
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
                let does = RequestEffect::of(&sent.what, door.counts());
                let operation = match (&sent.what, does) {
                    (Message::Request(_), RequestEffect::Counts) => 6.0,
                    (Message::Request(_), RequestEffect::Puts) if call.duty.number() == 0 => 7.0,
                    _ => operation,
                };
                let carries = if door.counts() { door.counted(call, sent) } else { does.cell() };
                let (kind, cell) = (f64::from(does.kind()), number(carries));
                let (from, to) = (ms(from), ms(to));
                let id = door.id(sent.id) as f64;
                all.extend([id, job, pool, kind, leg.into(), from, to, outcome.into(), operation, cell]);
            }
        }
        all
    }

    /// Held leases against the limit of a pool: from, most held, held, limit, waiting; at most so many points.
    pub fn line(&self, door: usize, pool: usize, from_ms: f64, to_ms: f64, points: usize) -> Vec<f64> {
        let pool = self.state.doors.get(door).and_then(|door: &Lane| door.pools.get(pool));
        let Some(pool) = pool else { return vec![] };
        let to = super::micros(to_ms).min(self.state.now);
        let buckets = pool.line.between(super::micros(from_ms), to, points);
        let draw = |(from, bucket): (u64, super::series::Bucket)| {
            [ms(from), bucket.most.into(), bucket.held.into(), bucket.limit.into(), bucket.waiting.into()]
        };
        buckets.into_iter().flat_map(draw).collect()
    }
}
