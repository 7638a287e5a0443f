//! Settling a pool: who gets which slot? While a slot is open and someone waits, it is granted: as many as there are, in
//! the order of the queue, in one round of requests.
//!
//! The same rounds serve every operation. Who gives a lease back knows the slot, so it only reads the head of the queue,
//! and hands the slot over or frees it and looks at the queue once more. Who has just joined the queue looks whether it is
//! first: only then can a slot have been freed that nobody saw to, and all of them are looked at. A sweep is thorough: it
//! also frees expired leases that nobody waits for, sends callbacks again that may not have arrived, and looks further down
//! the queue. While leases may lie above a lowered limit, everybody reads all slots.
//!
//! A round looks, reads the rows of waiters whose time is over, closes the tokens that must be closed before anything is
//! taken from their owners (*revoke*), writes, and delivers. A place whose holder's row does not wait there is nothing: the
//! grant to it is refused, and whoever finds that removes it.
//!
//! Order: the first try pairs open slots with the queue from its head. Callers that free slots at the same moment
//! all try the same waiter and collide; each then starts at a random one of the first 16, and if it collides again, of the
//! first `COUNTED`: so few rounds part them that a hundred at once take about seven requests each. When k slots free at once a
//! waiter is overtaken by at most k - 1 others for it, and besides only by callers that looked before it joined; where
//! slots are freed one after the other, by nobody.

mod written;

use std::sync::Arc;

use crate::backoff::{choose, jitter};
use crate::deliver::{Deliver, Delivered};
use crate::failure::Failure;
use crate::operation::{Machine, Replies, Step, TaskCallback, TaskResult};
use crate::plan::{Candidate, Pending, Plan, Planned, Round};
use crate::reads::{PoolView, failure_of, slot_row};
use crate::request::{Opening, Refusal, Reply, Request};
use crate::rows::{Held, HighWaterRow, Row, RowKey, SlotRow, WaitRow};
use crate::settings::{BATCH, COUNTED, QUEUE_HEAD, Settings};
use crate::tally::Tally;
use crate::time::{Millis, Timestamp};
use crate::types::{Attempt, Fence, Lease, Slot, Ticket};
use crate::writes;

/// At how many of the first waiters a call may start after its first collision.
const AMONG_AFTER_COLLISION: u32 = 16;

/// How many rounds one call makes while every one of them gets something done.
const ROUNDS: u8 = 16;

/// A lease to be given back, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Return {
    slot: Slot,
    fence: Fence,
    opening: Opening,
    state: ReturnState,
}

impl Return {
    /// By its holder.
    pub(crate) fn of(slot: Slot, fence: Fence) -> Return {
        Return { slot, fence, opening: Opening::Returned, state: ReturnState::Pending }
    }

    /// Because its holder has ended: unless that renews it, as it was redriven, after this was read.
    pub(crate) fn ended(slot: Slot, fence: Fence, held: &Held) -> Return {
        Return { opening: Opening::Ended(held.renewed_at), ..Return::of(slot, fence) }
    }

    /// Because its task was found closed, and its execution has ended.
    fn dead(lease: &Lease) -> Return {
        Return { opening: Opening::Ended(None), ..Return::of(lease.id.slot, lease.id.fence) }
    }

    /// Because its task was found closed before anybody told it.
    pub(crate) fn untold(lease: &Lease) -> Return {
        Return { opening: Opening::Untold, ..Return::of(lease.id.slot, lease.id.fence) }
    }

    fn is_open(&self) -> bool {
        matches!(self.state, ReturnState::Pending | ReturnState::Unsure)
    }

    /// The lease lies there still: it is not given back if its holder was redriven and renewed it.
    fn lies_there(&mut self, held: &Held) {
        if matches!(self.opening, Opening::Ended(renewed_at) if held.renewed_at != renewed_at) {
            self.is_gone();
        }
    }

    /// The lease lies there no more: somebody else gave it back, or a write of ours that got no answer did.
    fn is_gone(&mut self) {
        self.state = match self.state {
            ReturnState::Pending => ReturnState::Already,
            ReturnState::Unsure => ReturnState::Done,
            settled => settled,
        };
    }
}

/// What became of a lease to be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ReturnState {
    /// Nothing yet.
    Pending,
    /// A write that gives it back got no answer.
    Unsure,
    /// This call gave it back.
    Done,
    /// It was gone already.
    Already,
}

/// What a call settles.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// These leases are given back.
    Returns(Vec<Return>),
    /// Whoever has this place just joined behind others: if it is the first by now, every slot.
    Joined(Ticket),
    /// Whoever has this place just joined a queue that was empty: if it is the first, every slot.
    FirstPerhaps(Ticket),
    /// Every slot.
    All,
    /// Every slot, and what callers left behind.
    Sweep,
}

/// The rounds of one call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Settle {
    settings: Arc<Settings>,
    entropy: u64,
    thorough: bool,
    /// Whether a look reads all slots, not only the queue.
    all: bool,
    returns: Vec<Return>,
    /// Places that turned out to be nothing, whether or not they are removed yet.
    nothing: Vec<(Ticket, Attempt)>,
    /// Places of waiters that somebody else granted a slot meanwhile.
    raced: Vec<(Ticket, Attempt)>,
    /// Slots that this call freed.
    freed: Vec<(Slot, Fence)>,
    /// Grants that got no answer: if they happened, their callback is still to be sent.
    unsure: Vec<(Slot, Fence)>,
    /// Collisions over slots and waiters.
    tried: u8,
    /// High-water marks that could not be raised: somebody else moved it, or it was not read before. Nothing to do with who
    /// is served.
    unmarked: u8,
    rounds: u8,
    phase: Phase,
    progress: RoundProgress,
    failure: Option<Failure>,
    tally: Tally,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Raising(HighWaterRow),
    Joined(Ticket),
    Looking,
    Reading(Vec<Candidate>),
    Revoking(Vec<Planned>),
    Writing(Vec<Pending>),
    Delivering(Deliver),
    LookingAgain,
    Taken,
}

/// What this round came to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct RoundProgress {
    /// Something failed or changed under way: look again.
    collided: bool,
    /// The table is busy or does not answer: pause before.
    busy: bool,
    /// Slots were freed: whoever joined the queue meanwhile may have seen them held.
    freed: bool,
    /// Slots are open that found no waiter.
    open: bool,
    /// Something got done.
    done: bool,
    /// There was more to do than one round does.
    more: bool,
    /// A waiter left, or a place was nothing: perhaps the one that a slot was meant for.
    left: bool,
}

/// What the rounds of a call came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Settled {
    /// What was done.
    pub(crate) tally: Tally,
    /// What became of the leases to be given back, or why one was not: `Already` if all of them were gone.
    pub(crate) returned: Result<ReturnState, Failure>,
}

impl Settle {
    /// Starts with a look.
    pub(crate) fn start<T>(
        settings: Arc<Settings>,
        entropy: u64,
        scope: Scope,
        now: Timestamp,
    ) -> (Box<Settle>, Step<T>) {
        let level = settings.is_level(now);
        let mut settle = Box::new(Settle {
            settings,
            entropy,
            thorough: scope == Scope::Sweep,
            all: !level || matches!(scope, Scope::All | Scope::Sweep),
            returns: vec![],
            nothing: vec![],
            raced: vec![],
            freed: vec![],
            unsure: vec![],
            tried: 0,
            unmarked: 0,
            rounds: 0,
            phase: Phase::Taken,
            progress: RoundProgress::default(),
            failure: None,
            tally: Tally::default(),
        });
        let step = match scope {
            Scope::Returns(returns) => {
                settle.returns = returns;
                settle.look(Millis(0))
            }
            Scope::Joined(ticket) => {
                settle.phase = Phase::Joined(ticket);
                Step::send([Request::Queue(1)])
            }
            Scope::FirstPerhaps(ticket) => {
                settle.phase = Phase::Joined(ticket);
                settle.all = true;
                Step::send(PoolView::requests(1))
            }
            Scope::All | Scope::Sweep => settle.look(Millis(0)),
        };
        (settle, step)
    }

    fn all_returned(&self) -> Result<ReturnState, Failure> {
        if self.is_pending() {
            return Err(self.failure.clone().unwrap_or(Failure::Throttled));
        }
        let done = self.returns.iter().any(|one| one.state == ReturnState::Done);
        Ok(if done { ReturnState::Done } else { ReturnState::Already })
    }

    fn is_pending(&self) -> bool {
        self.returns.iter().any(Return::is_open)
    }

    /// How many waiters are read: a few more than there are slots for them, and more after each collision.
    fn head(&self) -> u32 {
        if self.thorough {
            return COUNTED;
        }
        let slots = if self.all { BATCH } else { self.returns.len() + self.freed.len() };
        let besides = u32::try_from(slots.saturating_sub(1) + self.nothing.len()).unwrap_or(u32::MAX);
        (self.among() + QUEUE_HEAD - 1).saturating_add(besides).min(COUNTED)
    }

    fn round(&self, now: Timestamp) -> Round<'_> {
        Round {
            settings: &self.settings,
            now,
            thorough: self.thorough,
            last_try: self.tried >= self.settings.tries || self.rounds >= ROUNDS,
            unsure: &self.unsure,
        }
    }

    fn looked(&mut self, view: PoolView, now: Timestamp) -> Step<Settled> {
        let PoolView { slots, mut queue, more } = view;
        queue.retain(|place| !self.nothing.contains(&(place.ticket, place.attempt)));
        // Who was granted a slot is not there any more, though its place is not removed yet.
        let granted = |place: &WaitRow| {
            let same = |row: &SlotRow| {
                row.held.as_ref().is_some_and(|held| (&held.holder, held.attempt) == (&place.holder, place.attempt))
            };
            slots.iter().any(same)
        };
        let (gone, queue): (Vec<_>, Vec<_>) = queue.into_iter().partition(granted);
        self.nothing.extend(gone.iter().map(|place| (place.ticket, place.attempt)));
        let hidden = !gone.is_empty();
        let queue = self.rotate(queue);
        let Plan { mut candidates, unpaired } = if self.all {
            self.settle_gone(&slots);
            let open = |row: &SlotRow| {
                let same = |one: &&Return| one.is_open() && (one.slot, one.fence) == (row.slot, row.fence);
                self.returns.iter().find(same).map(|one| one.opening)
            };
            let start = self.pick(usize::try_from(self.settings.limit.count()).unwrap_or(usize::MAX));
            self.round(now).plan_all(&slots, queue, start, open)
        } else {
            let seen = |slot, fence, opening| (SlotRow { slot, fence, held: None }, opening);
            let returns = self.returns.iter().filter(|one| one.is_open());
            let openings = returns.map(|one| seen(one.slot, one.fence, one.opening));
            let freed = self.freed.iter().map(|(slot, fence)| seen(*slot, *fence, Opening::Free));
            self.round(now).pair(openings.chain(freed).collect(), queue, self.settings.usable())
        };
        if self.thorough {
            candidates.extend(gone.into_iter().map(Candidate::GiveUp));
        }
        // Others may wait behind those.
        self.progress.left |= hidden && unpaired > 0;
        let cut = candidates.len() > BATCH;
        candidates.truncate(BATCH);
        self.progress.more = cut || (unpaired > 0 && more);
        // Who joined after the queue was read may have relied on one who is granted a slot now.
        self.progress.open = self.all && unpaired > 0;
        self.tally.more = self.progress.more;
        let requests: Vec<Request> = candidates
            .iter()
            .filter_map(Candidate::concerns)
            .map(|holder| Request::Get(RowKey::Holder(holder)))
            .collect();
        if requests.is_empty() {
            return self.read(candidates, std::iter::empty(), now);
        }
        self.phase = Phase::Reading(candidates);
        Step::send(requests)
    }

    /// Leases to be given back that lie on their slots no more are settled, and those that their holders renewed.
    fn settle_gone(&mut self, slots: &[SlotRow]) {
        for one in &mut self.returns {
            let row = slot_row(slots, one.slot, Fence(0));
            match row.held.filter(|_| row.fence == one.fence) {
                Some(held) => one.lies_there(&held),
                None => one.is_gone(),
            }
        }
    }

    /// The queue from its head; after a collision from one of the first few, after another from one of many.
    fn rotate(&self, mut queue: Vec<WaitRow>) -> Vec<WaitRow> {
        let among = usize::try_from(self.among()).unwrap_or(usize::MAX).min(queue.len());
        queue.rotate_left(self.pick(among));
        queue
    }

    /// How many of the first waiters this call may start at.
    fn among(&self) -> u32 {
        match self.tried {
            0 => 1,
            1 => AMONG_AFTER_COLLISION,
            _ => COUNTED,
        }
    }

    /// One of so many, after a collision; the first, before.
    fn pick(&self, among: usize) -> usize {
        if self.tried == 0 { 0 } else { choose(self.entropy, u64::from(self.tried), among) }
    }

    fn read(
        &mut self,
        candidates: Vec<Candidate>,
        replies: impl Iterator<Item = Reply>,
        now: Timestamp,
    ) -> Step<Settled> {
        let mut rows = vec![];
        for reply in replies {
            match reply {
                Reply::Row(Some(Row::Holder(row))) => rows.push(Some(row)),
                Reply::Row(_) => rows.push(None),
                other => return self.collided(failure_of(&other)),
            }
        }
        let mut rows = rows.into_iter();
        let round = self.round(now);
        let planned: Vec<Planned> = candidates.into_iter().map(|candidate| round.ready(candidate, &mut rows)).collect();
        let callbacks: Vec<TaskCallback> = planned
            .iter()
            .filter_map(|planned| planned.revoke.as_ref())
            .map(|(token, why)| TaskCallback { token: token.clone(), result: TaskResult::Failed(*why) })
            .collect();
        if callbacks.is_empty() {
            return self.write(planned, now);
        }
        self.phase = Phase::Revoking(planned);
        Step::call_back(callbacks)
    }

    /// Nothing is taken from whoever could not be told: its token may still be open.
    fn revoked(&mut self, planned: Vec<Planned>, replies: &Replies, now: Timestamp) -> Step<Settled> {
        let mut deliveries = replies.deliveries();
        let mut closed = vec![];
        for planned in planned {
            if planned.revoke.is_some() && !deliveries.next().is_some_and(crate::operation::Delivery::is_closed) {
                self.progress.collided = true;
                self.progress.busy = true;
                self.failure = Some(Failure::TasksUnavailable);
            } else {
                closed.push(planned);
            }
        }
        self.write(closed, now)
    }

    fn write(&mut self, planned: Vec<Planned>, now: Timestamp) -> Step<Settled> {
        let (requests, pending): (Vec<_>, Vec<_>) =
            planned.into_iter().map(|planned| planned.send(&self.settings, now)).unzip();
        if requests.is_empty() {
            return self.next_round();
        }
        self.phase = Phase::Writing(pending);
        Step::send(requests)
    }

    fn delivered(&mut self, delivered: Delivered) -> Step<Settled> {
        let Delivered { settled, dead, untold, renotified, refused: _ } = delivered;
        self.tally.renotified += renotified;
        // Where nobody could be told, another round would tell nobody either.
        self.progress.done |= !settled.is_empty() || !dead.is_empty() || !untold.is_empty();
        self.returns.extend(dead.iter().map(Return::dead));
        self.returns.extend(untold.iter().map(Return::untold));
        self.next_round()
    }

    fn collided(&mut self, failure: Failure) -> Step<Settled> {
        self.progress.collided = true;
        self.progress.busy = true;
        self.failure = Some(failure);
        self.next_round()
    }

    fn next_round(&mut self) -> Step<Settled> {
        let progress = std::mem::take(&mut self.progress);
        let pending = self.is_pending();
        self.rounds += 1;
        if progress.collided {
            // A round in which this call got on is not a try.
            self.tried += u8::from(!progress.done || progress.busy || self.rounds > ROUNDS);
            if self.tried <= self.settings.tries {
                let pause = if progress.busy { jitter(self.entropy, self.tried) } else { Millis(0) };
                return self.look(pause);
            }
            self.tally.more = true;
        } else if pending || progress.left || (progress.done && progress.more) {
            // A release does not pay for a whole backlog: a sweep does.
            let most = match (pending, self.thorough) {
                // What is given back is at least freed.
                (true, _) => ROUNDS + 2,
                (false, true) => ROUNDS,
                (false, false) => ROUNDS / 4,
            };
            if self.rounds <= most {
                return self.look(Millis(0));
            }
            self.tally.more = true;
        } else if progress.freed || (progress.open && progress.done) {
            self.phase = Phase::LookingAgain;
            return Step::send([Request::Queue(if self.all { 1 } else { self.head() })]);
        }
        self.done()
    }

    fn look<T>(&mut self, pause: Millis) -> Step<T> {
        if let Some(mark) = self.settings.higher_mark().filter(|_| self.unmarked <= self.settings.tries) {
            let request = writes::move_high_water(self.settings.high_water, mark);
            self.phase = Phase::Raising(mark);
            return Step::send_after(pause, [request]);
        }
        self.phase = Phase::Looking;
        if self.all {
            return Step::send_after(pause, PoolView::requests(self.head()));
        }
        Step::send_after(pause, [Request::Queue(self.head())])
    }

    fn seen(&mut self, replies: Replies, now: Timestamp) -> Step<Settled> {
        let view = if self.all { PoolView::of(replies.table()) } else { PoolView::of_queue(replies.table()) };
        match view {
            Ok(view) => self.looked(view, now),
            Err(failure) => self.collided(failure),
        }
    }

    /// Who is behind somebody need not look: that one does, or whoever frees a slot sees it. Who is behind nobody looks,
    /// also if it was granted a slot meanwhile: others may have relied on it.
    fn is_first(&mut self, ticket: Ticket, replies: Replies, now: Timestamp) -> Step<Settled> {
        if self.all {
            return match PoolView::of(replies.table()) {
                Ok(view) if is_behind_nobody(ticket, &view.queue) => self.looked(view, now),
                Ok(_) => self.done(),
                Err(failure) => self.collided(failure),
            };
        }
        match replies.table() {
            [Reply::Queue(queue, _)] if is_behind_nobody(ticket, &queue) => {
                self.all = true;
                self.look(Millis(0))
            }
            [Reply::Queue(..)] => self.done(),
            [other] => {
                self.all = true;
                self.collided(failure_of(&other))
            }
        }
    }

    /// Slots up to the limit may be used once the high-water mark says so.
    fn raised(&mut self, mark: HighWaterRow, replies: Replies) -> Step<Settled> {
        let [reply] = replies.table();
        match settings_after(&self.settings, mark, reply) {
            Ok(settings) => self.settings = settings,
            Err(failure) => self.failure = Some(failure),
        }
        self.unmarked += u8::from(self.settings.higher_mark().is_some());
        self.look(Millis(0))
    }

    fn done(&self) -> Step<Settled> {
        Step::done(Settled { tally: self.tally, returned: self.all_returned() })
    }
}

fn is_behind_nobody(ticket: Ticket, queue: &[WaitRow]) -> bool {
    queue.first().is_some_and(|first| ticket <= first.ticket)
}

/// The settings once the high-water mark was to be moved there: with that mark, or with the one that the table has instead.
pub(crate) fn settings_after(settings: &Settings, mark: HighWaterRow, reply: Reply) -> Result<Arc<Settings>, Failure> {
    let high_water = match reply {
        Reply::Written => Some(mark),
        Reply::Refused(refusals) => match refusals.into_iter().next() {
            Some(Refusal::Failed(Some(Row::HighWater(row)))) => Some(row),
            Some(Refusal::Failed(None)) => None,
            _ => return Err(Failure::Throttled),
        },
        other => return Err(failure_of(&other)),
    };
    Ok(Arc::new(Settings { high_water, ..settings.clone() }))
}

impl Machine for Settle {
    type Outcome = Settled;

    fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<Settled> {
        if let Phase::Delivering(deliver) = &mut self.phase {
            return deliver.resume(replies, now).and_then(|delivered| self.delivered(delivered));
        }
        match std::mem::replace(&mut self.phase, Phase::Taken) {
            Phase::Raising(mark) => self.raised(mark, replies),
            Phase::Joined(ticket) => self.is_first(ticket, replies, now),
            Phase::Looking => self.seen(replies, now),
            Phase::Reading(candidates) => self.read(candidates, replies.of_table(), now),
            Phase::Revoking(planned) => self.revoked(planned, &replies, now),
            Phase::Writing(pending) => self.wrote(pending, replies, now),
            Phase::LookingAgain => match replies.table() {
                [Reply::Queue(queue, _)] if queue.is_empty() => self.done(),
                [Reply::Queue(..)] if self.rounds > ROUNDS => {
                    self.tally.more = true;
                    self.done()
                }
                [Reply::Queue(..)] if self.all => self.look(Millis(0)),
                [Reply::Queue(queue, more)] => self.looked(PoolView { slots: vec![], queue, more }, now),
                [other] => self.collided(failure_of(&other)),
            },
            Phase::Delivering(_) | Phase::Taken => self.done(),
        }
    }
}
