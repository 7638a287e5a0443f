//! Worlds: which small world is explored? Its clients, its clocks, its faults, and what is taken away from it.

use std::sync::Arc;

use leasehold_core::{
    Fence, Guard, HighWaterRow, Holder, Limit, Lowered, Lowering, Millis, OverrideRow, PoolName, PoolRow, Row,
    Settings, Slot, SlotRow, TaskToken, Timestamp,
};

use super::ablations::{Ablation, Ablations};
use super::faults::Faults;
use crate::strategy::Strategy;
use crate::table::MemoryTable;

/// The moment every world begins, so that no clock is ever before zero.
pub(crate) const BEGIN: u64 = 1_000;

/// A world to explore.
#[derive(Clone, Debug)]
pub struct CheckedWorld {
    /// What it is about.
    pub name: &'static str,
    /// The pool's limit.
    pub limit: u32,
    /// How many milliseconds a lease lasts.
    pub lease: u64,
    /// The grace, in milliseconds; clocks differ by no more.
    pub grace: u64,
    /// How often a call tries again.
    pub tries: u8,
    /// How many milliseconds may pass.
    pub ticks: u64,
    /// How many sweeps may run.
    pub sweeps: u8,
    /// How far the sweeps' clock is ahead.
    pub sweep_skew: u64,
    /// After how many milliseconds a waiter gives up.
    pub give_up: u64,
    /// For how many milliseconds sweeps may keep a lease alive, and how long before its end they look after it.
    pub long_work: Option<(u64, u64)>,
    /// Who asks.
    pub clients: Vec<Client>,
    /// What may go wrong, and how often.
    pub faults: Faults,
    /// In which order what a step asks for together is served.
    pub order: Order,
    /// Whether a query may see rows of different moments.
    pub torn: bool,
    /// What operators do meanwhile; none: nobody changes the pool.
    pub operator_plan: Option<OperatorPlan>,
    /// The fence of a slot just above the limit, which was lowered long ago: the next sweep folds it away.
    pub slot_above: Option<u64>,
    /// How long a lease, and how long a wait, every client asks for; none: what the pool gives.
    pub asks_for: Option<(u64, u64)>,
    /// Whether clients release by who they are instead of by their lease.
    pub release_by_holder: bool,
    /// Whether callers may ask if an execution runs; else they are told that it is not known.
    pub may_describe: bool,
    /// Whether a redriven client says how often it was redriven.
    pub counts_redrives: bool,
    /// Whether clients begin to ask only while nothing is under way: far fewer states, for worlds with many of them.
    pub one_at_a_time: bool,
    /// Whether it is judged what a dead waiter costs.
    pub judges_dead: bool,
    /// For how many milliseconds a dead waiter without a token may keep a slot from its grant on; none: not judged.
    pub short_lease: Option<u64>,
    /// What decides: the protocol or what people use today.
    pub strategy: Strategy,
    /// What is taken away, to see what it was good for.
    pub without: Ablations,
}

/// Someone who asks.
#[derive(Clone, Debug)]
pub struct Client {
    /// Which holder it is; two clients may share a name.
    pub holder: usize,
    /// Whether it waits in the queue or asks again.
    pub queue: bool,
    /// How often it asks before it gives up.
    pub attempts: u8,
    /// How often it may renew.
    pub renews: u8,
    /// How far its clock, and that of its calls, is ahead.
    pub skew: u64,
    /// How far its local clock is ahead, where whoever runs its calls corrects it by the table's.
    pub wrong_clock: u64,
    /// Whether its task waits on a token; else it asks again to see whether it was granted a lease.
    pub token: bool,
    /// Whether it releases its lease; else it works until its execution ends.
    pub releases: bool,
    /// Whose execution it is a branch of; none: an execution of its own.
    pub branch_of: Option<usize>,
}

impl Default for Client {
    fn default() -> Client {
        Client {
            holder: 0,
            queue: true,
            attempts: 1,
            renews: 0,
            skew: 0,
            wrong_clock: 0,
            token: true,
            releases: true,
            branch_of: None,
        }
    }
}

/// In which order what a step asks for together is served: more orders, many more states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// All reads of a step at one moment, its writes and callbacks one after the other.
    ReadsTogether,
    /// One after the other, as they are listed.
    AsListed,
    /// Every order, at different moments.
    Every,
}

/// A pool that operators change while leases are held.
#[derive(Clone, Copy, Debug)]
pub struct OperatorPlan {
    /// What they do: each begins after the one before has begun, and may meet it under way.
    pub operators: [Option<OperatorAction>; 3],
    /// An override that is in force from the beginning.
    pub override_limit: Option<u32>,
    /// After how many milliseconds it ends by itself.
    pub lapses_after: Option<u64>,
    /// How long callers may go on with the old settings.
    pub cache: u64,
    /// Cache + longest operation.
    pub quiet: u64,
    /// Whether a caller may read the pool's two rows at different moments, one before a change and one after it.
    pub torn: bool,
}

/// What an operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorAction {
    /// Overrides the limit.
    SetLimit(u32),
    /// Ends the override.
    EndOverride,
    /// Sets the limit in the pool's settings.
    SetPool(u32),
    /// Retires the pool.
    RetirePool,
}

/// Which of the pool's rows a call's settings are from: as they are now, or as they were before the last change. The high-water
/// mark is read after the others, so it is as it is now where that is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SettingsOf {
    /// Both as they are now.
    Now,
    /// Both as they were before: cached.
    Before,
    /// The pool's row as it was before, the override as it is now: read around the change.
    PoolBefore,
    /// The override as it was before, the pool's row as it is now: read around the change.
    OverrideBefore,
    /// Both as they are now, the high-water mark as it was before it was moved last: cached.
    MarkBefore,
    /// All three as they were before.
    AllBefore,
}

/// What of a call's settings has changed since they were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct OldSettings {
    /// The pool's own rows.
    pub(crate) rows: bool,
    /// The high-water mark.
    pub(crate) mark: bool,
}

impl SettingsOf {
    /// What of them is not as it is now.
    pub(crate) fn old(self) -> OldSettings {
        OldSettings {
            rows: !matches!(self, SettingsOf::Now | SettingsOf::MarkBefore),
            mark: matches!(self, SettingsOf::MarkBefore | SettingsOf::AllBefore),
        }
    }
}

impl CheckedWorld {
    /// A world with no clients, no faults, and no time that passes.
    pub fn new(name: &'static str, limit: u32) -> Self {
        CheckedWorld {
            name,
            limit,
            lease: 4,
            grace: 1,
            tries: 3,
            ticks: 0,
            sweeps: 0,
            sweep_skew: 0,
            give_up: 1_000,
            long_work: None,
            clients: vec![],
            faults: Faults::default(),
            order: Order::ReadsTogether,
            torn: false,
            operator_plan: None,
            slot_above: None,
            asks_for: None,
            release_by_holder: false,
            may_describe: true,
            counts_redrives: true,
            one_at_a_time: false,
            judges_dead: false,
            short_lease: None,
            strategy: Strategy::Leasehold,
            without: Ablations::default(),
        }
    }

    /// With so many clients that wait in the queue.
    pub fn queue(self, clients: usize) -> Self {
        self.clients(clients, true)
    }

    /// With so many clients that poll.
    pub fn poll(self, clients: usize) -> Self {
        self.clients(clients, false)
    }

    fn clients(mut self, clients: usize, queue: bool) -> Self {
        for _ in 0..clients {
            let holder = self.clients.len();
            self.clients.push(Client { holder, queue, ..Client::default() });
        }
        self
    }

    /// With another clock for one client.
    pub fn skew(mut self, client: usize, ahead: u64) -> Self {
        self.clients[client].skew = ahead;
        self
    }

    /// With a wrong local clock for one client, which whoever runs its calls corrects by the table's.
    pub fn wrong_clock(mut self, client: usize, ahead: u64) -> Self {
        self.clients[client].wrong_clock = ahead;
        self
    }

    /// With so many clients that wait in the queue without a token, whose first lease is to be so short.
    pub fn tokenless(mut self, clients: usize, short_lease: u64) -> Self {
        let first = self.clients.len();
        self = self.queue(clients);
        self.clients[first..].iter_mut().for_each(|client| client.token = false);
        self.short_lease = Some(short_lease);
        self
    }

    /// With clients, from one on, that are branches of one execution.
    pub fn branches(mut self, first: usize) -> Self {
        self.clients[first..].iter_mut().for_each(|client| client.branch_of = Some(first));
        self
    }

    /// With clients that begin to ask one after the other.
    pub fn one_at_a_time(mut self) -> Self {
        self.one_at_a_time = true;
        self
    }

    /// With a judgement of what dead waiters cost.
    pub fn judging_dead(mut self) -> Self {
        self.judges_dead = true;
        self
    }

    /// With clients that do not say how often they were redriven.
    pub fn without_redrive_counts(mut self) -> Self {
        self.counts_redrives = false;
        self
    }

    /// With callers that may not ask whether an execution runs.
    pub fn without_permission(mut self) -> Self {
        self.may_describe = false;
        self
    }

    /// With so many attempts for every client.
    pub fn attempts(mut self, attempts: u8) -> Self {
        self.clients.iter_mut().for_each(|client| client.attempts = attempts);
        self
    }

    /// With so many renewals for every client.
    pub fn renews(mut self, renews: u8) -> Self {
        self.clients.iter_mut().for_each(|client| client.renews = renews);
        self
    }

    /// With two clients that share one name.
    pub fn share_name(mut self, one: usize, other: usize) -> Self {
        self.clients[other].holder = self.clients[one].holder;
        self
    }

    /// With so much time, and leases that last so long.
    pub fn time(mut self, ticks: u64, lease: u64) -> Self {
        (self.ticks, self.lease) = (ticks, lease);
        self
    }

    /// With so many sweeps.
    pub fn sweeps(mut self, sweeps: u8) -> Self {
        self.sweeps = sweeps;
        self
    }

    /// With clients that all ask for so long a lease and so long a wait.
    pub fn asks_for(mut self, lease: u64, wait: u64) -> Self {
        self.asks_for = Some((lease, wait));
        self
    }

    /// With these faults.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// With calls that try again only so often.
    pub fn tries(mut self, tries: u8) -> Self {
        self.tries = tries;
        self
    }

    /// With this order of what is asked for together.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// With queries that see rows of different moments.
    pub fn torn(mut self) -> Self {
        self.torn = true;
        self
    }

    /// With a free slot above the limit, and callers that go on for so long with what they have read.
    pub fn slot_above(self, fence: u64, cache: u64, quiet: u64) -> Self {
        let limit = self.limit;
        let mut world = self.change(limit, cache, quiet);
        world.plan().operators = [None; 3];
        world.slot_above = Some(fence);
        world
    }

    /// With a limit that changes.
    pub fn change(mut self, to: u32, cache: u64, quiet: u64) -> Self {
        let operators = [Some(OperatorAction::SetLimit(to)), None, None];
        self.operator_plan =
            Some(OperatorPlan { operators, override_limit: None, lapses_after: None, cache, quiet, torn: false });
        self
    }

    /// And with another operator who changes it too.
    ///
    /// # Panics
    /// When nobody is the first one, or there are three already.
    pub fn and_change(self, to: u32) -> Self {
        self.and(OperatorAction::SetLimit(to))
    }

    /// And with another operator.
    ///
    /// # Panics
    /// When nobody is the first one, or there are three already.
    pub fn and(mut self, action: OperatorAction) -> Self {
        let free = self.plan().operators.iter_mut().find(|operator| operator.is_none());
        let Some(free) = free else { panic!("a world has no more than three operators") };
        *free = Some(action);
        self
    }

    /// With one operator who does this.
    pub fn operator(mut self, action: OperatorAction, cache: u64, quiet: u64) -> Self {
        let operators = [Some(action), None, None];
        self.operator_plan =
            Some(OperatorPlan { operators, override_limit: None, lapses_after: None, cache, quiet, torn: false });
        self
    }

    /// With an override that is in force from the beginning.
    ///
    /// # Panics
    /// When no operator changes the pool.
    pub fn override_limit(mut self, limit: u32) -> Self {
        self.plan().override_limit = Some(limit);
        self
    }

    /// With an override that is in force from the beginning, and ends by itself after so many milliseconds.
    pub fn lapsing_override(mut self, limit: u32, after: u64, cache: u64, quiet: u64) -> Self {
        let (override_limit, lapses_after) = (Some(limit), Some(after));
        let none = OperatorPlan { operators: [None; 3], override_limit, lapses_after, cache, quiet, torn: false };
        let plan = self.operator_plan.unwrap_or(none);
        self.operator_plan = Some(OperatorPlan { override_limit, lapses_after, ..plan });
        self
    }

    /// With callers that read the pool's two rows at different moments.
    ///
    /// # Panics
    /// When no operator changes the pool.
    pub fn torn_settings(mut self) -> Self {
        self.plan().torn = true;
        self
    }

    fn plan(&mut self) -> &mut OperatorPlan {
        let Some(plan) = &mut self.operator_plan else { panic!("a world whose pool no operator changes") };
        plan
    }

    /// Without this condition.
    pub fn without(mut self, guard: Guard) -> Self {
        self.without.guards.push(guard);
        self
    }

    /// Without this.
    pub fn ablated(mut self, also: Ablation) -> Self {
        self.without.also = Some(also);
        self
    }

    /// Whether it makes no difference when a client begins to ask: its first step is a read, and neither the
    /// settings nor an attempt's or a ticket's place among others depend on that moment. Then it begins at once.
    pub(crate) fn asks_at_once(&self) -> bool {
        let shares = |(at, client): (usize, &Client)| client.holder != at;
        self.operator_plan.is_none()
            && !self.has_wrong_clocks()
            && self.strategy == Strategy::Leasehold
            && self.clients.iter().all(|client| client.renews == 0)
            && !self.clients.iter().enumerate().any(shares)
    }

    /// The highest limit that was ever in force; `changed`: since an operator changed it.
    pub(crate) fn highest(&self, changed: bool) -> u32 {
        let begin = self.operator_plan.and_then(|change| change.override_limit).unwrap_or(self.limit);
        let set = |action: &OperatorAction| match action {
            OperatorAction::SetLimit(limit) | OperatorAction::SetPool(limit) => *limit,
            OperatorAction::EndOverride => self.limit,
            OperatorAction::RetirePool => 0,
        };
        let lapses = changed && self.operator_plan.is_some_and(|plan| plan.lapses_after.is_some());
        let begin = if lapses { begin.max(self.limit) } else { begin };
        let operators = self.operator_plan.filter(|_| changed).map(|change| change.operators);
        operators.iter().flatten().flatten().map(set).fold(begin, u32::max)
    }

    /// How far the clock is ahead by which a client's calls go: as its local clock is wrong, the table's corrects it.
    pub(crate) fn skew_of(&self, client: usize) -> u64 {
        let Client { skew, wrong_clock, .. } = self.clients[client];
        skew + if self.is_ablated(Ablation::TableTime) { wrong_clock } else { wrong_clock.min(self.grace) }
    }

    /// Whether a client's local clock is wrong by more than clocks may differ.
    pub(crate) fn has_wrong_clocks(&self) -> bool {
        self.clients.iter().any(|client| client.wrong_clock > 0)
    }

    /// How far the fastest clock is ahead.
    pub(crate) fn most_skew(&self) -> u64 {
        (0..self.clients.len()).map(|client| self.skew_of(client)).fold(self.sweep_skew, u64::max)
    }

    pub(crate) fn is_ablated(&self, to: Ablation) -> bool {
        self.without.also == Some(to)
    }
}

/// What a world's states all share: made once.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) world: CheckedWorld,
    pub(crate) prefix: PoolName,
    pub(crate) holders: Vec<Holder>,
    pub(crate) settings: Settings,
}

impl Shared {
    pub(crate) fn new(world: CheckedWorld) -> Option<Shared> {
        let prefix: PoolName = "p".parse().ok()?;
        let mut settings = Settings::new(prefix.clone(), Limit::try_from(u64::from(world.limit)).ok()?);
        settings.lease = Millis(world.lease);
        settings.grace = Millis(if world.is_ablated(Ablation::Grace) { 0 } else { world.grace });
        settings.quiet = Millis(0);
        if let Some(change) = world.operator_plan.filter(|_| !world.is_ablated(Ablation::Quiet)) {
            settings.quiet = Millis(change.quiet);
        }
        settings.longest_wait = Millis(world.give_up);
        let (longest_hold, sweep_every) = world.long_work.unwrap_or((0, 0));
        settings.longest_hold = Millis(longest_hold);
        settings.sweep_every = Millis(sweep_every);
        settings.tombstone = Millis(0);
        settings.tries = world.tries;
        settings.collect_within = world.short_lease.map_or(settings.collect_within, Millis);
        let parent = (world.strategy == Strategy::CountThenPut).then_some("everyone");
        let holder = |at: usize| match world.clients[at].branch_of {
            Some(execution) => Holder::new(&format!("h{execution}"), &format!("b{at}"), parent).ok(),
            None => Holder::new(&format!("h{at}"), "", parent).ok(),
        };
        let holders = (0..world.clients.len()).map(holder).collect::<Option<Vec<_>>>()?;
        Some(Shared { world, prefix, holders, settings })
    }

    /// The pool's own rows that the world begins with.
    pub(crate) fn begin(&self) -> MemoryTable {
        let mut table = MemoryTable::default();
        if self.world.operator_plan.is_some() {
            table.put(Row::Pool(PoolRow {
                limit: self.settings.limit,
                lowered: None,
                lease: Some(self.settings.lease),
                grace: Some(self.settings.grace),
                quiet: Some(self.settings.quiet),
                longest_wait: Some(self.settings.longest_wait),
                longest_hold: Some(self.settings.longest_hold),
                sweep_every: Some(self.settings.sweep_every),
            }));
        }
        let live = self.world.operator_plan.and_then(|change| change.override_limit);
        if self.world.operator_plan.is_some() {
            let slots = self.settings.limit.count().max(live.unwrap_or(0));
            let level = HighWaterRow { slots, ..HighWaterRow::default() };
            let lower = Some(Lowering { to: self.settings.limit, since: Timestamp(0) });
            let above = self.world.slot_above.map(Fence);
            table.put(Row::HighWater(above.map_or(level, |_| HighWaterRow { slots: slots + 1, lower, ..level })));
            above.into_iter().for_each(|fence| table.put(Row::Slot(SlotRow { slot: Slot(slots), fence, held: None })));
        }
        if let Some(Ok(limit)) = live.map(|limit| Limit::try_from(u64::from(limit))) {
            let (at, who, why) = (Timestamp(BEGIN - 1), "operator".into(), "before".into());
            let until = self.lapses_at().map(Timestamp);
            table.put(Row::Override(OverrideRow { limit, lowered: None, at, until, who, why }));
        }
        table
    }

    /// When the override that is in force from the beginning ends by itself.
    pub(crate) fn lapses_at(&self) -> Option<u64> {
        self.world.operator_plan.and_then(|plan| plan.lapses_after).map(|after| BEGIN + after)
    }

    /// The world's settings with this limit and this mark.
    pub(crate) fn settings(&self, limit: Limit, lowered: Option<Lowered>) -> Arc<Settings> {
        let lowered = if self.world.is_ablated(Ablation::Quiet) { None } else { lowered };
        Arc::new(Settings { limit, lowered, ..self.settings.clone() })
    }

    pub(crate) fn holder(&self, client: usize) -> &Holder {
        &self.holders[self.world.clients[client].holder]
    }

    /// The token of one client's attempt.
    pub(crate) fn token(&self, client: usize, attempt: u8) -> Option<TaskToken> {
        TaskToken::new(&format!("{client}.{attempt}")).ok()
    }

    /// Whose token it is.
    pub(crate) fn owner(token: &TaskToken) -> Option<(usize, u8)> {
        let (client, attempt) = token.secret().split_once('.')?;
        Some((client.parse().ok()?, attempt.parse().ok()?))
    }
}
