//! A large world under way: what there is in it, and what happens next in it?

use std::sync::Arc;

use leasehold_core::diagnosis::PoolReading;
use leasehold_core::{Fence, HighWaterRow, Holder, Limit, Millis, PoolName, PoolRow, Reply, Request, Row, Timestamp};
use rustc_hash::FxHashMap;

use super::agenda::{Agenda, DoctorStep, Event, HolderTimer, Strike};
use super::call::Call;
use super::fault_kind::{FaultKind, FaultRates};
use super::machine_clock::{MachineState, right_time};
use super::plan::{CrowdPlan, MS, PoolPlan, SECOND, Shape, SweepPlan, TroubleKind, WorldPlan};
use super::population::{AskMode, Execution, ExecutionState, Member, Stage};
use super::quotas::TokenBucket;
use super::report::{BrokenPromise, WorldReport};
use super::rows_in_tree::RowTree;
use super::state_retry::{LeaseStates, RetriesUsed};
use crate::cost::{Cost, ItemSizes};
use crate::rng::{Rng, mix};
use crate::row_store::{RowStore, cost_of, serve};

/// A pool, as it is.
#[derive(Clone, Debug)]
pub(super) struct PoolState {
    pub(super) name: PoolName,
    pub(super) table: RowTree,
    sizes: ItemSizes,
    reads: TokenBucket,
    writes: TokenBucket,
    /// Machines of its function that run nothing.
    pub(super) idle: Vec<u32>,
    /// The limits that were in force, each from when on.
    pub(super) limits: Vec<(u64, u32)>,
    /// The highest fence of each slot so far, by what was granted.
    pub(super) fences: Vec<Fence>,
    /// How many were told that they hold a lease, have not given it back, and may not have lost it.
    pub(super) counting: u32,
    /// The limit that the newest change of the settings gave; none: they are as they were made.
    pub(super) set_limit: Option<Limit>,
    pub(super) grants: u64,
}

/// That a call reports an end, and when it began to look.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReportedEnd {
    pub(super) report: u32,
    pub(super) began: u64,
}

/// Something that arrives late.
#[derive(Clone, Debug)]
pub(super) enum LateArrival {
    Request(u16, Request, Option<ReportedEnd>),
    Notice(leasehold_core::TaskCallback),
}

/// The end of an execution, as it is reported.
#[derive(Clone, Debug)]
pub(super) struct EndReport {
    pub(super) execution: u32,
    pub(super) at: Timestamp,
    pub(super) redrive: u32,
    pub(super) pool: u16,
    /// How often it was delivered.
    pub(super) tries: u8,
}

/// A large world.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) plan: WorldPlan,
    pub(super) states: Arc<LeaseStates>,
    pub(super) agenda: Agenda,
    pub(super) rates: FaultRates,
    pub(super) is_calm: bool,
    pub(super) rng: Rng,
    pub(super) pools: Vec<PoolState>,
    pub(super) executions: Vec<Execution>,
    pub(super) members: Vec<Member>,
    /// The holder of each hash.
    pub(super) by_hash: FxHashMap<u128, u32>,
    pub(super) machines: Vec<MachineState>,
    pub(super) calls: Vec<Call>,
    pub(super) free_calls: Vec<u32>,
    pub(super) serial: u32,
    /// How many calls are under way, scheduled sweeps apart.
    pub(super) calls_open: u32,
    /// How many invocations run.
    pub(super) running: u32,
    pub(super) notices: TokenBucket,
    pub(super) late: Vec<Option<LateArrival>>,
    pub(super) late_open: u32,
    /// Of whatever arrives late now, if it reports an end.
    pub(super) late_end: Option<ReportedEnd>,
    pub(super) reports: Vec<EndReport>,
    /// What a doctor has read of each pool so far.
    pub(super) readings: Vec<PoolReading>,
    /// How many holders are not done, and how many executions are to be redriven or reported.
    pub(super) open: u32,
    pub(super) expected: u32,
    /// Until when the world is looked at, once it is calm.
    pub(super) drained_by: Option<u64>,
    before: Vec<(leasehold_core::RowKey, Option<Row>)>,
    pub(super) report: WorldReport,
    /// What happened, one line each; none: nobody reads it.
    pub(super) story: Option<Vec<String>>,
}

impl World {
    /// The world of this plan, at its beginning.
    pub(super) fn new(plan: WorldPlan, states: Arc<LeaseStates>, tells: bool) -> Option<World> {
        let rng = Rng::new(plan.seed);
        let mut world = World {
            states,
            agenda: Agenda::default(),
            rates: FaultRates::NONE,
            is_calm: false,
            rng: rng.keyed(1),
            pools: vec![],
            executions: vec![],
            members: vec![],
            by_hash: FxHashMap::default(),
            machines: vec![],
            calls: vec![],
            free_calls: vec![],
            serial: 0,
            calls_open: 0,
            running: 0,
            notices: TokenBucket::new(plan.quotas.notices, plan.quotas.notices_burst),
            late: vec![],
            late_open: 0,
            late_end: None,
            reports: vec![],
            readings: vec![],
            open: 0,
            expected: 0,
            drained_by: None,
            before: vec![],
            report: WorldReport::new(&plan),
            story: tells.then(Vec::new),
            plan,
        };
        for (at, pool) in world.plan.pools.clone().iter().enumerate() {
            world.add_pool(at, pool)?;
        }
        for (at, crowd) in world.plan.crowds.clone().iter().enumerate() {
            world.add_crowd(u32::try_from(at).ok()?, crowd)?;
        }
        for (at, trouble) in (0..).zip(world.plan.troubles.clone()) {
            world.agenda.at(trouble.from, Event::Trouble { at, begins: true });
            world.agenda.at(trouble.until, Event::Trouble { at, begins: false });
        }
        world.rates = world.rates_now();
        world.agenda.at(world.plan.calm_at, Event::Calm);
        Some(world)
    }

    fn add_pool(&mut self, at: usize, plan: &PoolPlan) -> Option<()> {
        let name: PoolName = format!("pool{at}").parse().ok()?;
        let limit = Limit::try_from(u64::from(plan.limit)).ok()?;
        let mut table = RowTree::default();
        let length = |ms: u64| Some(Millis(ms));
        table.put(Row::Pool(PoolRow {
            limit,
            lowered: None,
            lease: length(plan.lease),
            grace: length(plan.grace),
            quiet: length(plan.quiet),
            longest_wait: length(plan.longest_wait),
            longest_hold: length(plan.longest_hold),
            sweep_every: length(plan.sweep_every),
        }));
        table.put(Row::HighWater(HighWaterRow { slots: plan.limit, ..HighWaterRow::default() }));
        let quotas = self.plan.quotas;
        self.pools.push(PoolState {
            sizes: ItemSizes::ordinary(&name),
            name,
            table,
            reads: TokenBucket::new(quotas.read_units, quotas.read_units),
            writes: TokenBucket::new(quotas.write_units, quotas.write_units),
            idle: vec![],
            limits: vec![(0, plan.limit)],
            fences: vec![],
            counting: 0,
            set_limit: None,
            grants: 0,
        });
        let pool = u16::try_from(at).ok()?;
        for (change, (when, _)) in (0..).zip(&plan.limits) {
            self.agenda.at(*when, Event::Operate { pool, at: change });
        }
        self.readings.push(PoolReading::default());
        if let Some(every) = self.plan.doctor_every {
            self.agenda.at(every, Event::Examine { pool, step: DoctorStep::Before });
        }
        let first = self.rng.below(plan.sweep_every * MS + 1);
        match plan.sweeps {
            SweepPlan::Scheduled => self.agenda.at(first, Event::Sweep { pool }),
            SweepPlan::Always => self.agenda.at(0, Event::Sweep { pool }),
            SweepPlan::Never => {}
        }
        Some(())
    }

    fn add_crowd(&mut self, at: u32, crowd: &CrowdPlan) -> Option<()> {
        let mut rng = Rng::new(self.plan.seed).keyed(2).keyed(at.into());
        for _ in 0..crowd.times {
            let begins = crowd.begin.0 + rng.below(crowd.begin.1 - crowd.begin.0 + 1);
            match crowd.shape {
                Shape::MapRun(items) => {
                    let parent = self.add_execution(at, None, begins)?;
                    let first = u32::try_from(self.executions.len()).ok()?;
                    for _ in 0..items {
                        let item = self.add_execution(at, Some(parent), begins)?;
                        self.add_members(item, crowd, 1, &mut rng)?;
                    }
                    self.executions[parent as usize].items = (first, first + items);
                }
                shape => {
                    let execution = self.add_execution(at, None, begins)?;
                    self.add_members(execution, crowd, shape.holders(), &mut rng)?;
                }
            }
        }
        Some(())
    }

    fn add_execution(&mut self, crowd: u32, parent: Option<u32>, begins: u64) -> Option<u32> {
        let number = u32::try_from(self.executions.len()).ok()?;
        let process = self.plan.crowds[crowd as usize].shape == Shape::Process;
        let id = if process {
            format!("process-{number}")
        } else {
            format!("arn:aws:states:eu-central-1:123456789012:execution:work:{number}")
        };
        let holders = u32::try_from(self.members.len()).ok()?;
        self.executions.push(Execution {
            id,
            crowd,
            holders: (holders, holders),
            parent,
            items: (0, 0),
            redrive: 0,
            state: ExecutionState::NotBegun,
        });
        self.expected += 1;
        self.agenda.at(begins, Event::Begin { execution: number });
        Some(number)
    }

    fn add_members(&mut self, execution: u32, crowd: &CrowdPlan, many: u32, rng: &mut Rng) -> Option<()> {
        let mode = match crowd.shape {
            Shape::Process => AskMode::Process,
            _ if crowd.queues => AskMode::Queue,
            _ => AskMode::Poll,
        };
        for key in 0..many {
            let number = u32::try_from(self.members.len()).ok()?;
            let parent = self.executions[execution as usize].parent.map(|at| self.executions[at as usize].id.clone());
            let key = if many > 1 { format!("item{key:05}") } else { String::new() };
            let holder = Holder::new(&self.executions[execution as usize].id, &key, parent.as_deref()).ok()?;
            self.by_hash.insert(holder.hashed().own, number);
            let mut own = rng.keyed(number.into());
            let machine = (mode == AskMode::Process).then(|| self.new_machine(&mut own));
            let spread = self.plan.clock_spread;
            self.members.push(Member {
                execution,
                pool: u16::try_from(crowd.pool).ok()?,
                mode,
                holder,
                stage: Stage::Idle,
                epoch: 0,
                entered: Timestamp(0),
                retry: 0,
                redrive: 0,
                used: RetriesUsed::default(),
                task: 0,
                is_open: false,
                is_untellable: false,
                told: None,
                told_on: None,
                renewed: 0,
                lost_to_end: false,
                counts: false,
                dead_grant: None,
                overtaken: 0,
                work: crowd.work.0 + own.below(crowd.work.1.saturating_sub(crowd.work.0) + 1),
                clock: own.clock_offset(spread),
                pause: 250 * MS,
                is_unsure: false,
                began: 0,
                was: None,
                machine,
                rng: own,
            });
            self.executions[execution as usize].holders.1 = number + 1;
            self.open += 1;
        }
        Some(())
    }

    /// A machine that was just started, with whatever clock it has.
    pub(super) fn new_machine(&mut self, rng: &mut Rng) -> u32 {
        let mut offset = rng.clock_offset(self.plan.clock_spread);
        if rng.happens(self.plan.faults.of(FaultKind::ClockWrong)) && !self.is_calm {
            self.report.faults.count(FaultKind::ClockWrong);
            let by = [2_000, 20_000, 600_000, 7_200_000][rng.choice(4)];
            let by = i64::try_from(rng.below(by)).unwrap_or(0);
            offset = if rng.happens(5_000) { by } else { -by };
        }
        self.machines.push(MachineState::new(offset));
        u32::try_from(self.machines.len() - 1).unwrap_or(u32::MAX)
    }

    /// How often what goes wrong now.
    pub(super) fn rates_now(&self) -> FaultRates {
        if self.is_calm {
            return FaultRates::NONE;
        }
        let now = self.agenda.now();
        let under_way = self.plan.troubles.iter().filter(|trouble| (trouble.from..trouble.until).contains(&now));
        under_way.fold(self.plan.faults, |rates, trouble| match trouble.what {
            TroubleKind::Fault(kind, rate) => rates.with(kind, rate.max(rates.of(kind))),
            _ => rates,
        })
    }

    /// Whether this kind of fault befalls something now.
    pub(super) fn befalls(&mut self, kind: FaultKind, rng: &mut Rng) -> bool {
        let befalls = rng.happens(self.rates.of(kind));
        if befalls {
            self.report.faults.count(kind);
        }
        befalls
    }

    /// Takes what happens next; whether there was something.
    pub(super) fn step(&mut self) -> bool {
        let Some(event) = self.agenda.next() else { return false };
        self.report.events += 1;
        match event {
            Event::Begin { execution } => self.begin(execution),
            Event::Arrive { call, serial } if self.is_now(call, serial) => self.arrive(call),
            Event::Serve { call, serial, at, tries } if self.is_now(call, serial) => self.reach(call, at, tries),
            Event::Half { call, serial, at } if self.is_now(call, serial) => self.second_half(call, at),
            Event::Resume { call, serial } if self.is_now(call, serial) => self.resume(call),
            Event::Cut { call, serial } if self.is_now(call, serial) => self.cut(call),
            Event::Answer { call, serial } if self.is_now(call, serial) => self.answer(call),
            Event::Late { late } => self.arrives_late(late),
            Event::Holder { holder, epoch, timer } => {
                if self.members[holder as usize].epoch == epoch {
                    self.timer(holder, timer);
                }
            }
            Event::LeaseOver { holder } => self.lease_over(holder),
            Event::Strike { holder, strike } => self.strike(holder, strike),
            Event::Report { report } => self.deliver_report(report),
            Event::Redrive { execution, redrive } => self.redrive(execution, redrive),
            Event::Catch { execution, holder } => self.release_all(execution, Some(holder)),
            Event::Sweep { pool } => self.sweep(pool, true),
            Event::Operate { pool, at } => self.operate(pool, at),
            Event::Examine { pool, step } => self.examine(pool, step),
            Event::Trouble { at, begins } => self.trouble(at, begins),
            Event::Calm => self.calm(),
            Event::Arrive { .. }
            | Event::Serve { .. }
            | Event::Half { .. }
            | Event::Resume { .. }
            | Event::Cut { .. }
            | Event::Answer { .. } => {}
        }
        true
    }

    fn is_now(&self, call: u32, serial: u32) -> bool {
        self.calls[call as usize].serial == serial
    }

    fn trouble(&mut self, at: u16, begins: bool) {
        self.rates = self.rates_now();
        let what = self.plan.troubles[usize::from(at)].what;
        if self.story.is_some() {
            self.tell(format!("trouble {} {what:?}", if begins { "begins:" } else { "ends:" }));
        }
        if !begins || self.is_calm {
            return;
        }
        let of = |world: &World, crowd: usize| -> Vec<u32> {
            let mine = |member: &Member| world.executions[member.execution as usize].crowd as usize == crowd;
            (0..).zip(&world.members).filter(|(_, member)| mine(member)).map(|(at, _)| at).collect()
        };
        match what {
            TroubleKind::Fault(..) => {}
            TroubleKind::Stop(crowd) => {
                for holder in of(self, crowd) {
                    self.strike(holder, Strike::Stop);
                }
            }
            TroubleKind::AllWorkersDie(crowd) => {
                for holder in of(self, crowd) {
                    if self.members[holder as usize].stage == Stage::Working {
                        self.strike(holder, Strike::Kill);
                    }
                }
            }
            TroubleKind::FirstFails(crowd) => {
                if let Some(first) = of(self, crowd).first() {
                    self.fails(*first);
                }
            }
        }
    }

    /// From now on nothing goes wrong, limits are what they were, and every pool is swept.
    fn calm(&mut self) {
        self.is_calm = true;
        self.rates = FaultRates::NONE;
        if self.story.is_some() {
            self.tell("the world is calm");
        }
        for pool in 0..self.pools.len() {
            let at = u16::try_from(pool).unwrap_or(0);
            if !self.plan.pools[pool].limits.is_empty() {
                self.begin_again(at);
            }
            if self.plan.pools[pool].sweeps != SweepPlan::Scheduled {
                self.agenda.after(SECOND, Event::Sweep { pool: at });
            }
        }
        self.drained_by = Some(self.latest_drain());
    }

    /// A request is served, and judged.
    pub(super) fn serve(&mut self, pool: u16, request: &Request, by: Option<u32>) -> Reply {
        self.report.requests += 1;
        let state = &mut self.pools[usize::from(pool)];
        let metered = self.plan.quotas.write_units > 0 || self.plan.quotas.read_units > 0;
        let writes = request.writes();
        let mut before = std::mem::take(&mut self.before);
        before.clear();
        before.extend(writes.iter().map(|write| (write.key, state.table.row(write.key).cloned())));
        let ignored = self.ignored();
        let redacted = self.redacted_request(pool, request);
        let state = &mut self.pools[usize::from(pool)];
        let mut reply = serve(&mut state.table, redacted.as_ref().unwrap_or(request), ignored.as_slice());
        if metered {
            let rows: Vec<Option<Row>> = before.iter().map(|(_, row)| row.clone()).collect();
            let Cost { read_units, write_units, .. } = cost_of(&state.table, request, &rows, &reply, &state.sizes);
            state.reads.take(read_units);
            state.writes.take(write_units);
        }
        let kind = match reply {
            Reply::Written => 1,
            Reply::Refused(_) => 2,
            _ => 3,
        };
        self.report.digest = mix(self.report.digest ^ (self.agenda.now() << 2 | kind));
        if self.story.is_some() {
            self.tell_request(pool, request, &reply, by);
        }
        if reply == Reply::Written {
            self.judge_writes(pool, &before, by);
            self.judge_settings(pool, request);
            self.judge_cleared(pool, &before, request);
            self.forget_ended(pool, request);
        }
        self.redact_reply(pool, by, request, &mut reply);
        self.before = before;
        reply
    }

    /// Whether the partition takes another request of this kind now.
    pub(super) fn partition_takes(&mut self, pool: u16, request: &Request) -> bool {
        let now = self.agenda.now();
        let state = &mut self.pools[usize::from(pool)];
        if request.writes().is_empty() { state.reads.is_open(now) } else { state.writes.is_open(now) }
    }

    /// The right time.
    pub(super) fn time(&self) -> Timestamp {
        right_time(self.agenda.now())
    }

    /// What time a holder takes it to be.
    pub(super) fn time_of(&self, holder: u32) -> Timestamp {
        Timestamp(self.time().0.saturating_add_signed(self.members[holder as usize].clock))
    }

    /// A holder's timer is set.
    pub(super) fn remind(&mut self, holder: u32, after: u64, timer: HolderTimer) {
        let epoch = self.members[holder as usize].epoch;
        self.agenda.after(after, Event::Holder { holder, epoch, timer });
    }

    /// A promise is broken; only the first counts.
    pub(super) fn breaks(&mut self, promise: &'static str, what: impl Into<String>) {
        if self.report.broken.is_none() {
            let broken = BrokenPromise { promise, what: what.into(), at: self.agenda.now() / MS };
            if self.story.is_some() {
                self.tell(format!("BROKEN: {}: {}", broken.promise, broken.what));
            }
            self.report.broken = Some(broken);
        }
    }
}
