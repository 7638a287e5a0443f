//! Acquire: may this holder have a lease? The rules for asking, and for asking again.
//!
//! Reads the holder's row, all slots (also those above the limit) and the head of the queue, then decides:
//!
//! - nobody waits and a slot is open: claim it (an expired lease nobody was told of is revoked first);
//! - else in poll mode: wait and ask again; in queue mode: join the queue, then settle;
//! - this holder already waits or holds: the same attempt gets the same answer, a newer one takes over
//!   (the older attempt's task is failed first, so that none hangs), an older one changes nothing.
//!
//! A failed condition brings the rows back as they are: the view is patched and the decision made again.

use std::sync::Arc;

use crate::backoff::{choose, mix, next_try};
use crate::deliver::{Deliver, Delivered};
use crate::failure::{Failure, LossReason};
use crate::operation::{Delivery, FailureReason, Machine, Operation, Replies, Step, TaskCallback, TaskResult};
use crate::plan::token_of;
use crate::reads::{PoolView, failure_of, slot_row};
use crate::request::{Opening, Refusal, Reply, Request};
use crate::rows::{Held, HolderRow, HolderState, Row, RowKey, SlotRow, Waiting};
use crate::settings::{COUNTED, Settings};
use crate::settle::{Return, Settle};
use crate::time::{Millis, Timestamp};
use crate::types::{Attempt, Fence, Holder, Lease, Slot, TaskToken, Ticket};
use crate::writes::{self, Terms};

/// Who asks for what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AcquireRequest {
    /// Who.
    pub holder: Holder,
    /// Which attempt; none: a repeat of what this holder is doing now or, after it ended, a new start.
    pub attempt: Option<Attempt>,
    /// Whether to wait in the queue when the pool is full.
    pub mode: Mode,
    /// How long a lease: at most, and by default, the pool's lease duration.
    pub lease: Option<Millis>,
    /// How long to wait at most: by default, and at most, the pool's longest wait.
    pub wait: Option<Millis>,
    /// Shown to people.
    pub label: Option<Arc<str>>,
}

/// What to do when the pool is full.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Nothing: the caller asks again later.
    Poll,
    /// Join the queue; the grant is told to this token or, without one, by the holder's row.
    Queue(Option<TaskToken>),
}

impl Mode {
    fn token(&self) -> Option<&TaskToken> {
        match self {
            Mode::Queue(token) => token.as_ref(),
            Mode::Poll => None,
        }
    }
}

/// What an acquire came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AcquireOutcome {
    /// The caller has this lease.
    Acquired(Lease),
    /// The caller is in the queue; its callback comes later (or has come already).
    Queued,
    /// Nothing was granted: ask again later.
    Wait(RetryAdvice),
}

/// When to ask again, and how full the pool was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RetryAdvice {
    /// How much later.
    pub retry_after: Millis,
    /// How many hold a lease that has not expired.
    pub held: u32,
    /// How many wait, up to what was read.
    pub waiting: u32,
    /// Whether more than that wait.
    pub waiting_more: bool,
}

/// An acquire under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Acquire {
    request: AcquireRequest,
    /// The attempt that asks: the caller's, or what none means as things stand.
    attempt: Attempt,
    settings: Arc<Settings>,
    entropy: u64,
    tried: u8,
    view: View,
    phase: Phase,
    failure: Failure,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct View {
    row: Option<HolderRow>,
    pool: PoolView,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Looking,
    /// Reading whose token must be closed before the claim.
    Reading(SlotRow),
    /// Closing a token before this is done.
    Closing(Next),
    Writing(Request, Gain),
    Delivering(Deliver, Lease),
    Settling(Box<Settle>, Result<AcquireOutcome, Failure>),
    Taken,
}

/// What is written once a token is closed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Next {
    Claim(SlotRow, Opening),
    Regrant(Slot, Fence),
    Replace(Ticket, Attempt),
    Vacate(SlotRow),
}

/// What a write brings the caller if it happens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Gain {
    Lease(Lease, Option<TaskToken>),
    Place,
    Nothing,
}

impl Operation for AcquireRequest {
    type Outcome = AcquireOutcome;
    type Machine = Acquire;

    fn start(self, settings: Arc<Settings>, _: Timestamp, entropy: u64) -> (Acquire, Step<AcquireOutcome>) {
        let mut acquire = Acquire {
            attempt: self.attempt.unwrap_or_default(),
            request: self,
            settings,
            entropy,
            tried: 0,
            view: View::default(),
            phase: Phase::Looking,
            failure: Failure::Throttled,
        };
        let step = acquire.look(Millis(0));
        (acquire, step)
    }
}

impl Machine for Acquire {
    type Outcome = AcquireOutcome;

    fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<AcquireOutcome> {
        match &mut self.phase {
            Phase::Delivering(deliver, _) => {
                return deliver.resume(replies, now).and_then(|delivered| self.delivered(&delivered));
            }
            Phase::Settling(settle, outcome) => {
                return match settle.resume(replies, now) {
                    Step::Done(_) => Step::Done(outcome.clone()),
                    Step::Perform { effects, pause } => Step::Perform { effects, pause },
                };
            }
            _ => {}
        }
        match std::mem::replace(&mut self.phase, Phase::Taken) {
            Phase::Looking => self.looked(replies, now),
            Phase::Reading(slot) => self.read(slot, replies, now),
            // Only what is known to be closed is taken over.
            Phase::Closing(_) if replies.deliveries().any(|delivery| delivery == Delivery::Unknown) => {
                Step::failed(Failure::TasksUnavailable)
            }
            Phase::Closing(next) => self.write(next, now),
            Phase::Writing(request, gain) => self.wrote(&request, gain, replies, now),
            Phase::Delivering(..) | Phase::Settling(..) | Phase::Taken => Step::failed(self.failure.clone()),
        }
    }
}

impl Acquire {
    fn look(&mut self, pause: Millis) -> Step<AcquireOutcome> {
        self.phase = Phase::Looking;
        let row = Request::Get(RowKey::Holder(self.request.holder.hashed()));
        // Who polls is told how many wait; who queues only needs to know whether anybody does.
        let head = if self.request.mode == Mode::Poll { COUNTED } else { 1 };
        Step::send_after(pause, std::iter::once(row).chain(PoolView::requests(head)))
    }

    fn looked(&mut self, replies: Replies, now: Timestamp) -> Step<AcquireOutcome> {
        let [row, slots, queue] = replies.table();
        let row = match row {
            Reply::Row(Some(Row::Holder(row))) => Some(row),
            Reply::Row(_) => None,
            other => return self.again(failure_of(&other)),
        };
        match PoolView::of([slots, queue]) {
            Ok(pool) => self.view = View { row, pool },
            Err(failure) => return self.again(failure),
        }
        self.decide(now)
    }

    fn delivered(&mut self, delivered: &Delivered) -> Step<AcquireOutcome> {
        let Phase::Delivering(_, lease) = &self.phase else { return Step::failed(self.failure.clone()) };
        let lease = lease.clone();
        if !delivered.dead.is_empty() {
            let returns = vec![Return::of(lease.id.slot, lease.id.fence)];
            return self.settle(returns, Err(Failure::Lost(LossReason::Ended)));
        }
        let told = !delivered.settled.is_empty();
        Step::done(if told { AcquireOutcome::Acquired(lease) } else { AcquireOutcome::Queued })
    }

    /// Looks again after a collision, a bounded number of times.
    fn again(&mut self, failure: Failure) -> Step<AcquireOutcome> {
        self.failure = failure;
        match self.next_try() {
            Some(pause) => self.look(pause),
            None => Step::failed(self.failure.clone()),
        }
    }

    fn next_try(&mut self) -> Option<Millis> {
        next_try(&mut self.tried, self.settings.tries, self.entropy)
    }

    fn decide(&mut self, now: Timestamp) -> Step<AcquireOutcome> {
        let Some(row) = self.view.row.clone() else { return self.fresh(None, now) };
        match &row.state {
            HolderState::Ended { .. } => self.after_the_end(&row, now),
            HolderState::Waiting(waiting) => self.while_waiting(&row, waiting, now),
            HolderState::Holding { slot, fence, token, .. } => {
                let at = slot_row(&self.view.pool.slots, *slot);
                match &at.held {
                    Some(held) if at.fence == *fence && held.holder == self.request.holder => {
                        self.while_holding(&row, &at, held, token.as_ref(), now)
                    }
                    // Granted since the slots were read.
                    _ if at.fence < *fence => self.again(Failure::Throttled),
                    // It points nowhere.
                    _ => self.fresh(Some(row.attempt), now),
                }
            }
        }
    }

    /// The attempt that is asking; without one, what that means is decided anew at every look, so that a copy
    /// of the same request is a repeat and not a newer attempt.
    fn attempt_or(&mut self, otherwise: Attempt) -> Attempt {
        self.attempt = self.request.attempt.unwrap_or(otherwise);
        self.attempt
    }

    /// Whether the caller's task is another one than the row knows.
    fn other_task(&self, known: Option<&TaskToken>) -> bool {
        self.request.mode.token().is_some_and(|token| Some(token) != known)
    }

    /// What none means while this holder waits or holds: a repeat, or a newer attempt if its task is another one.
    fn repeat_or_newer(&mut self, row: &HolderRow, known: Option<&TaskToken>, now: Timestamp) -> Attempt {
        let newer = Attempt::first(now).max(row.attempt.next());
        self.attempt_or(if self.other_task(known) { newer } else { row.attempt })
    }

    /// A tombstone: a late copy of an attempt that has ended changes nothing.
    fn after_the_end(&mut self, row: &HolderRow, now: Timestamp) -> Step<AcquireOutcome> {
        match self.request.attempt {
            Some(attempt) if attempt < row.attempt => Step::failed(Failure::HolderConflict(row.attempt)),
            Some(attempt) if attempt == row.attempt => Step::failed(Failure::Lost(LossReason::Ended)),
            _ => self.fresh(Some(row.attempt), now),
        }
    }

    fn while_waiting(&mut self, row: &HolderRow, waiting: &Waiting, now: Timestamp) -> Step<AcquireOutcome> {
        let attempt = self.repeat_or_newer(row, waiting.token.as_ref(), now);
        // Two tasks of one attempt are two branches that share a name: the second would never be told.
        if attempt < row.attempt || (attempt == row.attempt && self.other_task(waiting.token.as_ref())) {
            return Step::failed(Failure::HolderConflict(row.attempt));
        }
        if attempt == row.attempt {
            return self.settle_waiting(now);
        }
        self.close(waiting.token.clone(), Next::Replace(waiting.ticket, row.attempt), now)
    }

    fn while_holding(
        &mut self,
        row: &HolderRow,
        at: &SlotRow,
        held: &Held,
        token: Option<&TaskToken>,
        now: Timestamp,
    ) -> Step<AcquireOutcome> {
        let attempt = self.repeat_or_newer(row, token, now);
        if attempt < row.attempt || (attempt == row.attempt && self.other_task(token)) {
            return Step::failed(Failure::HolderConflict(row.attempt));
        }
        let expired = now >= held.expires_at;
        if attempt == row.attempt && !expired {
            let lease = writes::lease_on(&self.settings, at.slot, at.fence, held);
            let token = token.filter(|_| held.unconfirmed).cloned();
            return self.tell(lease, token, now);
        }
        // A redrive keeps its time of entry, and begins only once what was before has ended.
        let beside = !attempt.redrives(row.attempt) && held.renewed_at.is_some_and(|at| at >= attempt.entered);
        if attempt > row.attempt && !expired && beside {
            // The older attempt renewed its lease after the newer one began: both run.
            return Step::failed(Failure::HolderConflict(row.attempt));
        }
        let open_task = token.filter(|_| held.unconfirmed).cloned();
        let below = at.slot.0 < self.settings.effective_limit(&self.view.pool.slots, now);
        match (attempt == row.attempt, below) {
            // Expired, but nobody took it: it goes on.
            (true, true) => {
                let expires_at = now + self.lease();
                let request = writes::extend(at.slot, at.fence, expires_at, None);
                let longer = Held { expires_at, ..held.clone() };
                let lease = writes::lease_on(&self.settings, at.slot, at.fence, &longer);
                self.send(request, Gain::Lease(lease, open_task))
            }
            // Expired above the limit: an attempt that may have had its lease does not begin anew.
            (true, false) => Step::failed(Failure::Lost(LossReason::Ended)),
            (false, true) => self.close(open_task, Next::Regrant(at.slot, at.fence), now),
            (false, false) => self.close(open_task, Next::Vacate(at.clone()), now),
        }
    }

    /// This holder has nothing here: it may claim, wait or join the queue.
    fn fresh(&mut self, last: Option<Attempt>, now: Timestamp) -> Step<AcquireOutcome> {
        let start = Attempt::first(now);
        self.attempt_or(last.map_or(start, |last| start.max(last.next())));
        match self.open_slot(now) {
            Some((slot, opening)) if self.view.pool.queue.is_empty() && !self.gave_in() => {
                let revoked = slot.held.as_ref().filter(|held| held.unconfirmed).map(|held| held.holder.hashed());
                match revoked {
                    Some(holder) => {
                        self.phase = Phase::Reading(slot);
                        Step::send([Request::Get(RowKey::Holder(holder))])
                    }
                    None => self.write(Next::Claim(slot, opening), now),
                }
            }
            _ => match self.request.mode {
                Mode::Poll => Step::done(self.wait_outcome(now)),
                Mode::Queue(_) => {
                    let request = writes::enqueue(self.view.row.as_ref(), &self.terms(), now, self.give_up_at(now));
                    self.send(request, Gain::Place)
                }
            },
        }
    }

    /// One of the open slots, free ones before expired ones; callers spread over them.
    fn open_slot(&self, now: Timestamp) -> Option<(SlotRow, Opening)> {
        let effective = self.settings.effective_limit(&self.view.pool.slots, now);
        let rows = (0..effective).map(|index| slot_row(&self.view.pool.slots, Slot(index)));
        let (free, held): (Vec<_>, Vec<_>) = rows.partition(|row| row.held.is_none());
        let lapsed =
            |row: &SlotRow| row.held.as_ref().is_some_and(|held| now >= self.settings.reclaimable_at(held.expires_at));
        let (mut from, opening) = if free.is_empty() {
            (held.into_iter().filter(lapsed).collect(), Opening::Expired)
        } else {
            (free, Opening::Free)
        };
        let pick = choose(self.entropy, u64::from(self.tried), from.len());
        (pick < from.len()).then(|| (from.swap_remove(pick), opening))
    }

    /// The holder whose expired lease is to be claimed was read: close its token first.
    fn read(&mut self, slot: SlotRow, replies: Replies, now: Timestamp) -> Step<AcquireOutcome> {
        let row = match replies.table() {
            [Reply::Row(Some(Row::Holder(row)))] => Some(row),
            [Reply::Row(_)] => None,
            [other] => return self.again(failure_of(&other)),
        };
        let Some(token) = token_of(row, &slot) else { return self.again(Failure::Throttled) };
        self.close_with(token, FailureReason::Expired, Next::Claim(slot, Opening::Expired), now)
    }

    fn close(&mut self, token: Option<TaskToken>, next: Next, now: Timestamp) -> Step<AcquireOutcome> {
        self.close_with(token, FailureReason::Superseded, next, now)
    }

    /// Fails a task, if there is one, before what it waited for is taken over.
    fn close_with(
        &mut self,
        token: Option<TaskToken>,
        why: FailureReason,
        next: Next,
        now: Timestamp,
    ) -> Step<AcquireOutcome> {
        match token {
            Some(token) => {
                self.phase = Phase::Closing(next);
                Step::call_back([TaskCallback { token, result: TaskResult::Failed(why) }])
            }
            None => self.write(next, now),
        }
    }

    fn write(&mut self, next: Next, now: Timestamp) -> Step<AcquireOutcome> {
        let terms = self.terms();
        let (settings, row) = (self.settings.clone(), self.view.row.as_ref());
        let granted = |slot: Slot, fence: Fence| {
            Gain::Lease(writes::lease_to(&settings, slot, fence.next(), &terms, now), terms.token.clone())
        };
        let (request, gain) = match next {
            Next::Claim(slot, opening) => {
                (writes::claim(&settings, &slot, opening, row, &terms, now), granted(slot.slot, slot.fence))
            }
            Next::Regrant(slot, fence) => (writes::regrant(slot, fence, &terms, now), granted(slot, fence)),
            Next::Replace(ticket, older) => (writes::replace(ticket, older, &terms, self.give_up_at(now)), Gain::Place),
            Next::Vacate(slot) if self.request.mode == Mode::Poll => {
                (writes::free(&settings, &slot, Opening::Returned, now), Gain::Nothing)
            }
            Next::Vacate(slot) => {
                (writes::vacate(slot.slot, slot.fence, &terms, now, self.give_up_at(now)), Gain::Place)
            }
        };
        self.send(request, gain)
    }

    fn send(&mut self, request: Request, gain: Gain) -> Step<AcquireOutcome> {
        self.phase = Phase::Writing(request.clone(), gain);
        Step::send([request])
    }

    fn wrote(&mut self, request: &Request, gain: Gain, replies: Replies, now: Timestamp) -> Step<AcquireOutcome> {
        match (replies.table(), gain) {
            ([Reply::Written], Gain::Lease(lease, token)) => self.tell(lease, token, now),
            ([Reply::Written], Gain::Place) => self.settle_waiting(now),
            ([Reply::Written], Gain::Nothing) => self.settle(vec![], Ok(self.wait_outcome(now))),
            ([Reply::Refused(refusals)], _) => {
                self.patch(request, refusals);
                self.refused(now)
            }
            // If it happened after all, the next look shows this attempt waiting or holding.
            ([other], _) => self.again(failure_of(&other)),
        }
    }

    /// Decides again on the patched view; where that collides too, on a new one. A caller that collided too often
    /// stops claiming: it waits as if the pool were full.
    fn refused(&mut self, now: Timestamp) -> Step<AcquireOutcome> {
        self.tried += 1;
        if self.tried > self.settings.tries + 1 {
            return Step::failed(Failure::Throttled);
        }
        // No pause: a condition that failed means that somebody else got on, not that the table is busy.
        if self.tried == 1 || self.gave_in() { self.decide(now) } else { self.look(Millis(0)) }
    }

    fn gave_in(&self) -> bool {
        self.tried > self.settings.tries
    }

    /// A failed condition brought the rows back as they are.
    fn patch(&mut self, request: &Request, refusals: Vec<Refusal>) {
        for (write, refusal) in request.writes().iter().zip(refusals) {
            let Refusal::Failed(row) = refusal else { continue };
            match (write.key, row) {
                (RowKey::Slot(_), Some(Row::Slot(row))) => {
                    match self.view.pool.slots.binary_search_by_key(&row.slot, |slot| slot.slot) {
                        Ok(at) => self.view.pool.slots[at] = row,
                        Err(at) => self.view.pool.slots.insert(at, row),
                    }
                }
                (RowKey::Slot(slot), _) => self.view.pool.slots.retain(|row| row.slot != slot),
                (RowKey::Holder(key), row) if key == self.request.holder.hashed() => {
                    self.view.row = row.and_then(|row| if let Row::Holder(row) = row { Some(row) } else { None });
                }
                _ => {}
            }
        }
    }

    /// The lease's own time is read again before it is told: the caller may have been frozen meanwhile.
    fn tell(&mut self, lease: Lease, token: Option<TaskToken>, now: Timestamp) -> Step<AcquireOutcome> {
        if now >= lease.expires_at {
            return Step::failed(Failure::Lost(LossReason::ExpiredUntold));
        }
        let Some(token) = token else { return Step::done(AcquireOutcome::Acquired(lease)) };
        match Deliver::start(vec![(lease.clone(), token)], now) {
            Some((deliver, step)) => {
                self.view = View::default();
                self.phase = Phase::Delivering(deliver, lease);
                step
            }
            None => Step::failed(Failure::Lost(LossReason::ExpiredUntold)),
        }
    }

    fn settle_waiting(&mut self, now: Timestamp) -> Step<AcquireOutcome> {
        let poll = self.request.mode == Mode::Poll;
        let outcome = if poll { self.wait_outcome(now) } else { AcquireOutcome::Queued };
        self.settle(vec![], Ok(outcome))
    }

    fn settle(&mut self, returns: Vec<Return>, outcome: Result<AcquireOutcome, Failure>) -> Step<AcquireOutcome> {
        self.view = View::default();
        let (settle, step) = Settle::start(self.settings.clone(), self.entropy, false, returns);
        self.phase = Phase::Settling(settle, outcome);
        step
    }

    fn wait_outcome(&self, now: Timestamp) -> AcquireOutcome {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        AcquireOutcome::Wait(RetryAdvice {
            retry_after: self.retry_after(now),
            held: count(self.view.pool.slots.iter().filter(|row| row.is_held_at(now)).count()),
            waiting: count(self.view.pool.queue.len()),
            waiting_more: self.view.pool.more,
        })
    }

    /// A sensible time to ask again: as long as the leases have lasted so far (the middle one of them), so that short
    /// work is asked for often and long work ever more rarely; from 2 s up to a twelfth of a lease, at most 30 s. A
    /// quarter more or less, so that callers that were refused together do not come back together.
    fn retry_after(&self, now: Timestamp) -> Millis {
        let most = (self.settings.lease.0 / 12).clamp(2_000, 30_000);
        let held = self.view.pool.slots.iter().filter_map(|row| row.held.as_ref());
        let mut ages: Vec<u64> = held.map(|held| now.since(held.acquired_at).0).collect();
        ages.sort_unstable();
        let base = ages.get(ages.len() / 2).map_or(most, |age| (*age).clamp(2_000, most));
        Millis(base * 3 / 4 + mix(self.entropy, 99) % (base / 2))
    }

    fn lease(&self) -> Millis {
        self.settings.lease_for(self.request.lease)
    }

    fn give_up_at(&self, now: Timestamp) -> Timestamp {
        now + self.settings.wait_for(self.request.wait)
    }

    fn terms(&self) -> Terms {
        Terms {
            holder: self.request.holder.clone(),
            attempt: self.attempt,
            token: self.request.mode.token().cloned(),
            lease: self.lease(),
            label: self.request.label.clone(),
        }
    }
}
