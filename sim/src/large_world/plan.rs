//! Plans of large worlds: who asks for what, when, with which faults, and until when does anything go wrong? All of it is
//! known before a world begins, so a world can be played again, and a smaller one tried.

use super::fault_kind::{FaultKind, FaultRates};
use super::quotas::AccountQuotas;
use super::removal::Removal;

/// A millisecond, in microseconds: the unit in which a world's time passes.
pub(super) const MS: u64 = 1_000;
/// A second.
pub(super) const SECOND: u64 = 1_000 * MS;

/// All that a large world is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldPlan {
    /// What it is called.
    pub name: String,
    /// Where chance begins.
    pub seed: u64,
    /// Its pools.
    pub pools: Vec<PoolPlan>,
    /// Who asks for leases.
    pub crowds: Vec<CrowdPlan>,
    /// How often each kind of fault happens.
    pub faults: FaultRates,
    /// Times in which something else goes wrong.
    pub troubles: Vec<Trouble>,
    /// What the account may ask for.
    pub quotas: AccountQuotas,
    /// How long requests, calls and freezes take.
    pub times: TimesPlan,
    /// How far the clocks of machines are apart, in milliseconds; no more than any pool's grace.
    pub clock_spread: u64,
    /// From when on nothing goes wrong any more, and nobody new comes, in microseconds.
    pub calm_at: u64,
    /// How long after a look the doctor looks at a pool again and repairs what it finds, in microseconds; none: it never does.
    pub doctor_every: Option<u64>,
    /// What is taken away of the protocol, to see that it is missed.
    pub without: Option<Removal>,
}

/// One pool.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolPlan {
    /// How many may hold at once.
    pub limit: u32,
    /// How long a lease lasts, in milliseconds.
    pub lease: u64,
    /// The most that clocks differ, in milliseconds.
    pub grace: u64,
    /// How long somebody may still follow an old limit, in milliseconds.
    pub quiet: u64,
    /// How long a waiter may wait, in milliseconds.
    pub longest_wait: u64,
    /// How long sweeps keep the lease of running work, in milliseconds; 0: not at all.
    pub longest_hold: u64,
    /// The time between two sweeps, in milliseconds.
    pub sweep_every: u64,
    /// Whether it is swept.
    pub sweeps: SweepPlan,
    /// Whether executions that succeed are reported too.
    pub reports_success: bool,
    /// When an operator changes its limit, in microseconds, and how.
    pub limits: Vec<(u64, LimitChange)>,
}

/// What an operator does to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitChange {
    /// Overrides it.
    Override(u32),
    /// Overrides it for so many milliseconds.
    OverrideFor(u32, u64),
    /// Ends the override.
    EndOverride,
    /// Changes the pool's settings.
    Settings(u32),
}

/// Whether a pool is swept, until the world is calm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepPlan {
    /// As its schedule says.
    Scheduled,
    /// Never.
    Never,
    /// One sweep after the other.
    Always,
}

/// Executions or processes that are alike.
#[derive(Clone, Debug, PartialEq)]
pub struct CrowdPlan {
    /// What each is.
    pub shape: Shape,
    /// How many there are.
    pub times: u32,
    /// Which pool they ask.
    pub pool: usize,
    /// Whether their tasks wait in the queue, else they poll. Processes always queue.
    pub queues: bool,
    /// From when to when they begin, in microseconds.
    pub begin: (u64, u64),
    /// How long they work, in microseconds, from and to.
    pub work: (u64, u64),
    /// Whether they renew their leases while they work.
    pub renews: bool,
    /// Whether they give back by their name, else by their lease's id.
    pub by_name: bool,
    /// Whether they catch the failure of a branch and go on.
    pub catches: bool,
}

/// What one execution of a crowd is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One task.
    Alone,
    /// So many branches, or items of an inline Map, that share the execution's id.
    Branches(u32),
    /// A distributed Map run of so many items, each an execution of its own.
    MapRun(u32),
    /// A local process, without a token.
    Process,
}

impl Shape {
    /// How many holders it has.
    pub fn holders(self) -> u32 {
        match self {
            Shape::Alone | Shape::Process => 1,
            Shape::Branches(holders) | Shape::MapRun(holders) => holders,
        }
    }
}

/// A time in which something goes wrong that does not otherwise, or that happens at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// From when on, in microseconds.
    pub from: u64,
    /// Until when.
    pub until: u64,
    /// What.
    pub what: TroubleKind,
}

/// What goes wrong for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// This kind of fault, so often in ten thousand.
    Fault(FaultKind, u32),
    /// At its beginning all executions of this crowd are stopped.
    Stop(usize),
    /// At its beginning all work of this crowd dies: its executions fail, its processes are killed.
    AllWorkersDie(usize),
    /// At its beginning the work of the first holder of this crowd fails.
    FirstFails(usize),
}

/// How long things take in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimesPlan {
    /// One way to the table, or back, in microseconds: about so long.
    pub one_way: u64,
    /// After how long a request counts as unanswered, in microseconds.
    pub answer_within: u64,
    /// How long an invocation may take, in microseconds.
    pub call_within: u64,
    /// For how long settings are used, in microseconds.
    pub settings_fresh: u64,
    /// How late a request, a notice or a call may arrive, in microseconds.
    pub latest: u64,
    /// How long a call may stand still, in microseconds.
    pub longest_freeze: u64,
}

impl TimesPlan {
    /// As with AWS: requests of a few milliseconds, calls of 30 s, and what is late is so by minutes.
    pub const ORDINARY: TimesPlan = TimesPlan {
        one_way: 3 * MS,
        answer_within: 5 * SECOND,
        call_within: 30 * SECOND,
        settings_fresh: 5 * SECOND,
        latest: 120 * SECOND,
        longest_freeze: 300 * SECOND,
    };

    /// The same, and whatever began ends within this time: so it is where a limit changes, as nobody waits for longer.
    pub const BOUNDED: TimesPlan =
        TimesPlan { call_within: 10 * SECOND, latest: 5 * SECOND, longest_freeze: 5 * SECOND, ..TimesPlan::ORDINARY };

    /// How long somebody may go on with old settings, in milliseconds: the settings' age, a call that stands still, and
    /// what it sent last.
    pub fn quiet(&self) -> u64 {
        let longest = self.settings_fresh + self.call_within + self.longest_freeze + self.latest + self.answer_within;
        longest / MS + 1_000
    }
}

impl PoolPlan {
    /// A pool with this limit and ordinary settings.
    pub fn new(limit: u32) -> PoolPlan {
        PoolPlan {
            limit,
            lease: 300_000,
            grace: 5_000,
            quiet: 35_000,
            longest_wait: 24 * 3_600_000,
            longest_hold: 0,
            sweep_every: 60_000,
            sweeps: SweepPlan::Scheduled,
            reports_success: true,
            limits: vec![],
        }
    }
}

impl CrowdPlan {
    /// So many executions of this shape that queue at the first pool at once and work for so many seconds.
    pub fn new(shape: Shape, times: u32, work: (u64, u64)) -> CrowdPlan {
        CrowdPlan {
            shape,
            times,
            pool: 0,
            queues: true,
            begin: (0, SECOND),
            work: (work.0 * SECOND, work.1 * SECOND),
            renews: false,
            by_name: false,
            catches: false,
        }
    }
}

impl WorldPlan {
    /// A quiet world: these pools, nobody who asks, nothing that goes wrong.
    pub fn new(name: impl Into<String>, seed: u64, pools: Vec<PoolPlan>) -> WorldPlan {
        WorldPlan {
            name: name.into(),
            seed,
            pools,
            crowds: vec![],
            faults: FaultRates::NONE,
            troubles: vec![],
            quotas: AccountQuotas::NONE,
            times: TimesPlan::ORDINARY,
            clock_spread: 0,
            calm_at: 60 * SECOND,
            doctor_every: None,
            without: None,
        }
    }

    /// How many holders there are.
    pub fn holders(&self) -> u32 {
        self.crowds.iter().map(|crowd| crowd.times * crowd.shape.holders()).sum()
    }
}
