//! The core's operations, replayed: how many instructions does each take? A run of one operation is kept with its replies, then
//! played so many times, so that nothing but the core runs (and what copies its replies). Counted by
//! `sim/tests/instructions_are_pinned.rs` and `make profile` under callgrind.
//!
//! `instructions OPERATION TIMES`; without arguments it lists the operations.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;

use leasehold_core::{
    AcquireRequest, Attempt, Delivery, Effect, EffectReply, ExecutionStatus, Holder, Limit, Machine, Millis, Mode,
    Operation, ReleaseTarget, RenewRequest, Replies, Settings, Slot, StatusRequest, Step, SweepRequest, TaskToken,
    Timestamp,
};
use leasehold_sim::table::MemoryTable;

/// An ordinary moment.
const NOW: Timestamp = Timestamp(1_760_000_123_457);

/// How many slots the pool has.
const LIMIT: u32 = 15;

/// What is replayed, by name.
const OPERATIONS: [(&str, Replayed); 8] = [
    ("acquire-at-once", |times| replay(pool(LIMIT / 2, 0)?, job(900, true)?, times)),
    ("acquire-joins-queue", |times| replay(pool(LIMIT, 10)?, job(900, true)?, times)),
    ("acquire-polls-in-vain", |times| replay(pool(LIMIT, 0)?, job(900, false)?, times)),
    ("release-nobody-waits", |times| with_lease(0, times, ReleaseTarget::Lease)),
    ("release-hands-over", |times| with_lease(10, times, ReleaseTarget::Lease)),
    ("renew", |times| with_lease(0, times, |id| RenewRequest { id, lease: None })),
    ("sweep", |times| replay(pool(LIMIT, 10)?, SweepRequest, times)),
    ("status", |times| replay(pool(LIMIT, 10)?, StatusRequest, times)),
];

type Wrong = Box<dyn Error>;

/// Replays an operation so many times.
type Replayed = fn(u64) -> Result<(), Wrong>;

fn main() -> Result<(), Wrong> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, times] = &arguments[..] else {
        OPERATIONS.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(());
    };
    let (_, replay) = OPERATIONS.iter().find(|(known, _)| known == name).ok_or("no such operation")?;
    replay(times.parse()?)
}

/// A pool with so many held and so many waiting.
fn pool(held: u32, waiting: u32) -> Result<(Arc<Settings>, MemoryTable), Wrong> {
    let settings = Arc::new(Settings::new("analytics".parse()?, Limit::try_from(u64::from(LIMIT))?));
    let mut table = MemoryTable::default();
    for number in 0..held + waiting {
        run(&settings, &mut table, job(number, true)?, NOW)?;
    }
    Ok((settings, table))
}

fn job(number: u32, queues: bool) -> Result<AcquireRequest, Wrong> {
    let execution =
        format!("arn:aws:states:eu-central-1:123456789012:execution:nightly-analytics-import:2f1c-{number:08}");
    let key = format!("item-{number:05}");
    let mode = if queues { Mode::Queue(Some(TaskToken::new(&format!("{key:A<700}"))?)) } else { Mode::Poll };
    let holder = Holder::new(&execution, &key, None)?;
    let attempt = Some(Attempt::first(NOW));
    Ok(AcquireRequest { holder, attempt, mode, lease: None, wait: None, label: Some(key.into()) })
}

/// An operation on the lease of the first slot, of a pool that is full.
fn with_lease<O: Operation + Clone>(
    waiting: u32,
    times: u64,
    operation: impl Fn(leasehold_core::LeaseId) -> O,
) -> Result<(), Wrong> {
    let (settings, table) = pool(LIMIT, waiting)?;
    let slot = table.slots().find(|row| row.held.is_some()).ok_or("nobody holds a slot")?;
    let (prefix, slot, fence): (_, Slot, _) = (settings.prefix.clone(), slot.slot, slot.fence);
    replay((settings, table), operation(leasehold_core::LeaseId { prefix, slot, fence }), times)
}

/// Runs an operation to its end: the replies that it got, step by step.
fn run<O: Operation>(
    settings: &Arc<Settings>,
    table: &mut MemoryTable,
    operation: O,
    now: Timestamp,
) -> Result<Vec<Replies>, Wrong> {
    let (mut machine, mut step) = operation.start(Arc::clone(settings), now, 7);
    let mut replies = Vec::new();
    loop {
        let effects = match step {
            Step::Done(Ok(_)) => return Ok(replies),
            Step::Done(Err(failure)) => return Err(format!("it failed: {failure:?}").into()),
            Step::Perform { effects, .. } => effects,
        };
        let mut serve = |effect| -> EffectReply {
            match effect {
                Effect::Request(request) => table.serve(&request).into(),
                Effect::Callback(_) => Delivery::Delivered.into(),
                Effect::StatusCheck(_) => ExecutionStatus::Running.into(),
            }
        };
        let heard: Replies = effects.into_iter().map(&mut serve).collect();
        replies.push(heard.clone());
        step = machine.resume(heard, now);
    }
}

fn replay<O: Operation + Clone>(
    (settings, mut table): (Arc<Settings>, MemoryTable),
    operation: O,
    times: u64,
) -> Result<(), Wrong> {
    let now = NOW + Millis(1_000);
    let replies = run(&settings, &mut table, operation.clone(), now)?;
    for _ in 0..times {
        let (mut machine, step) = operation.clone().start(Arc::clone(&settings), now, 7);
        black_box(step);
        for replies in &replies {
            black_box(machine.resume(replies.clone(), now));
        }
        black_box(&machine);
    }
    Ok(())
}
