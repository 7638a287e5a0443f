//! Acquire: may this holder have a lease? The rules for asking, and for asking again.
//!
//! Reads the head of the queue and, if nobody waits, a few slots, then decides:
//!
//! - nobody waits and a slot is open: claim it (an expired lease nobody was told of is revoked first);
//! - else in poll mode: wait and ask again; in queue mode: join the queue, then look whether it is the first there.
//!
//! The holder's own row is not read before: a claim, and joining the queue, are made on the condition that there is none.
//! Where there is one, the refused write brings it back:
//!
//! - this holder already waits or holds: the same attempt gets the same answer, a newer one takes over
//!   (the older attempt's task is failed first, so that none hangs), an older one changes nothing;
//! - it has ended: only a newer attempt begins anew.
//!
//! A failed condition brings the rows back as they are: the view is patched and the decision made again. While leases may
//! lie above a lowered limit, all slots are read.

mod asking_again;
mod looking;

use std::cmp::Ordering;
use std::sync::Arc;

use crate::backoff::{mix, next_try};
use crate::deliver::{Deliver, Delivered, Outbox, Tell, Teller};
use crate::failure::{Failure, LossReason};
use crate::operation::{Delivery, FailureReason, Machine, Operation, Replies, Step, TaskCallback, TaskResult};
use crate::reads::failure_of;
use crate::request::{Opening, Refusal, Reply, Request};
use crate::rows::{Held, HighWaterRow, HolderRow, HolderState, Row, RowKey, SlotRow, WaitRow};
use crate::settings::Settings;
use crate::settle::{Return, ReturnState, Scope, Settle};
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

/// What was read so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct View {
    /// The holder's own row; none: not read yet.
    row: Option<Option<HolderRow>>,
    queue: Vec<WaitRow>,
    more: bool,
    /// Which slots were looked at, the first and the last; none: not yet.
    window: Option<(u32, u32)>,
    /// Those of them that have a row.
    slots: Vec<SlotRow>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Raising(HighWaterRow),
    Queueing,
    Probing {
        second: bool,
    },
    /// Reading its own row, before it is told to wait.
    Owning,
    /// Reading the slot that its own row points at.
    Checking,
    /// Reading the place whose token has to be closed, as an older attempt waits there.
    Replacing(Ticket, Attempt),
    /// Closing a token before this is done.
    Closing(Next),
    Writing(Request, Gain),
    Placing(WaitRow),
    /// Saying on the slot that its callback is sent again.
    Marking(Lease, TaskToken),
    Delivering(Deliver, Lease, Teller),
    Settling(Box<Settle>, Result<AcquireOutcome, Failure>),
    /// Giving back what nobody was told of, and why.
    GivingBack(Box<Settle>, Failure),
    /// Giving up a slot above the limit, before joining the queue.
    Vacating(Box<Settle>),
    Taken,
}

/// What is written once a token is closed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Next {
    Claim(SlotRow, Opening),
    Regrant(Slot, Fence),
    /// Of which attempt is the row, and of which the place, if there is one?
    Replace(Ticket, Attempt, Option<Attempt>),
    /// The place itself, instead of that of an older attempt.
    Place(WaitRow, Attempt),
    Vacate(Slot, Fence),
}

/// What a write brings the caller if it happens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Gain {
    /// A lease, whose task nobody else has told.
    Lease(Lease, Option<TaskToken>),
    /// A lease that this holder had, whose task somebody may have told.
    Longer(Lease, Option<TaskToken>),
    /// The holder's row says that it waits there: now the place itself, instead of that of an older attempt.
    Place(WaitRow, Option<Attempt>),
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
            phase: Phase::Taken,
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
            Phase::Delivering(deliver, ..) => {
                return deliver.resume(replies, now).and_then(|delivered| self.delivered(&delivered, now));
            }
            Phase::Settling(settle, outcome) => {
                return match settle.resume(replies, now) {
                    Step::Done(_) => Step::Done(outcome.clone()),
                    Step::Perform { effects, pause } => Step::Perform { effects, pause },
                };
            }
            Phase::GivingBack(settle, failure) => {
                let failure = failure.clone();
                return settle.resume(replies, now).and_then(|settled| match settled.returned {
                    // Somebody else tells it again, and sees to it.
                    Ok(ReturnState::Already) => Step::done(AcquireOutcome::Queued),
                    _ => Step::failed(failure),
                });
            }
            Phase::Vacating(settle) => {
                return settle.resume(replies, now).and_then(|settled| match settled.returned {
                    Ok(_) => self.look(Millis(0)),
                    Err(failure) => self.again(failure),
                });
            }
            _ => {}
        }
        match std::mem::replace(&mut self.phase, Phase::Taken) {
            Phase::Raising(mark) => self.raised(mark, replies),
            Phase::Queueing => self.saw_queue(replies, now),
            Phase::Probing { second } => self.probed(second, replies, now),
            Phase::Owning => self.owned(replies, now),
            Phase::Checking => self.checked(replies, now),
            Phase::Replacing(ticket, older) => self.saw_place(ticket, older, replies, now),
            // Only what is known to be closed is taken over.
            Phase::Closing(_) if !replies.deliveries().all(Delivery::is_closed) => {
                Step::failed(Failure::TasksUnavailable)
            }
            Phase::Closing(next) => self.write(next, now),
            Phase::Writing(request, gain) => self.wrote(&request, gain, replies, now),
            Phase::Placing(place) => self.placed(place, replies, now),
            Phase::Marking(lease, token) => self.marked(lease, token, replies, now),
            Phase::Delivering(..) | Phase::Settling(..) | Phase::GivingBack(..) | Phase::Vacating(_) | Phase::Taken => {
                Step::failed(self.failure.clone())
            }
        }
    }
}

impl Acquire {
    fn delivered(&mut self, delivered: &Delivered, now: Timestamp) -> Step<AcquireOutcome> {
        let Phase::Delivering(_, lease, by) = &self.phase else { return Step::failed(self.failure.clone()) };
        let (lease, by) = (lease.clone(), *by);
        if !delivered.untold.is_empty() {
            let failure = if delivered.refused { Failure::NoticeRefused } else { Failure::Lost(LossReason::Ended) };
            let returns = Scope::Returns(vec![Return::untold(&lease)]);
            let (settle, step) = Settle::start(self.settings.clone(), self.entropy, returns, now);
            self.phase = Phase::GivingBack(settle, failure);
            return step;
        }
        if !delivered.dead.is_empty() {
            let returns = vec![Return::of(lease.id.slot, lease.id.fence)];
            return self.settle(Scope::Returns(returns), Err(Failure::Lost(LossReason::Ended)), now);
        }
        if !delivered.settled.is_empty() {
            return Step::done(AcquireOutcome::Acquired(lease));
        }
        if by == Teller::Another {
            return Step::done(AcquireOutcome::Queued);
        }
        // Nobody else tells it. If it was not told, its task is failed by this call; else nobody heeds the call.
        Step::failed(Failure::TasksUnavailable)
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
        let Some(row) = self.own_row().cloned() else { return self.fresh(None, now) };
        match row.state {
            HolderState::Ended => self.after_the_end(&row, now),
            HolderState::Waiting { ticket, task } => self.while_waiting(&row, ticket, task, now),
            HolderState::Holding { slot, .. } => {
                self.phase = Phase::Checking;
                Step::send([Request::Get(RowKey::Slot(slot))])
            }
        }
    }

    /// Whether a slot lies below the effective limit.
    fn is_below(&self, slot: Slot, now: Timestamp) -> bool {
        if self.settings.is_level(now) {
            return slot.0 < self.settings.usable();
        }
        slot.0 < self.settings.effective_limit(&self.view.slots, now)
    }

    /// This holder has nothing here: it may claim, wait or join the queue.
    fn fresh(&mut self, last: Option<Attempt>, now: Timestamp) -> Step<AcquireOutcome> {
        let start = Attempt::first(now);
        self.attempt_or(last.map_or(start, |last| start.max(last.next())));
        match self.open_slot(now) {
            Some((slot, opening)) if self.view.queue.is_empty() && !self.gave_in() => {
                let revoked = slot.held.as_ref().and_then(Held::open_token).cloned();
                self.close_with(revoked, FailureReason::Expired, Next::Claim(slot, opening), now)
            }
            _ => match self.request.mode {
                // It may have a lease already, whose answer was lost.
                Mode::Poll if self.view.row.is_none() => self.own(),
                Mode::Poll => Step::done(self.wait_outcome(now)),
                Mode::Queue(_) => {
                    let place = self.place(Ticket { at: now, own: self.request.holder.hashed().own });
                    let request = writes::enqueue(&self.settings, self.own_row(), &place);
                    self.send(request, Gain::Place(place, None))
                }
            },
        }
    }

    fn own_row(&self) -> Option<&HolderRow> {
        self.view.row.as_ref()?.as_ref()
    }

    fn place(&self, ticket: Ticket) -> WaitRow {
        WaitRow {
            ticket,
            holder: self.request.holder.clone(),
            attempt: self.attempt,
            give_up_at: ticket.at + self.settings.wait_for(self.request.wait),
            token: self.request.mode.token().cloned(),
            lease: self.lease(),
            label: self.request.label.clone(),
        }
    }

    /// Fails the task of an older attempt, but never the one that asks.
    fn close(&mut self, token: Option<TaskToken>, next: Next, now: Timestamp) -> Step<AcquireOutcome> {
        let token = token.filter(|token| !self.is_own(token));
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
        let (settings, token) = (self.settings.clone(), self.request.mode.token().cloned());
        let granted =
            |slot: Slot, fence: Fence| Gain::Lease(writes::lease_to(&settings, slot, fence.next(), &terms, now), token);
        let (request, gain) = match next {
            Next::Claim(slot, opening) => {
                (writes::claim(&settings, &slot, opening, self.own_row(), &terms, now), granted(slot.slot, slot.fence))
            }
            Next::Regrant(slot, fence) => (writes::regrant(&settings, slot, fence, &terms, now), granted(slot, fence)),
            Next::Replace(ticket, older, instead) => {
                let place = self.place(ticket);
                (writes::replace(&settings, older, &place), Gain::Place(place, instead))
            }
            Next::Place(place, older) => return self.put_place(place, Some(older)),
            Next::Vacate(slot, fence) => {
                let returns = Scope::Returns(vec![Return::of(slot, fence)]);
                let (settle, step) = Settle::start(settings, self.entropy, returns, now);
                self.phase = Phase::Vacating(settle);
                return step;
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
            ([Reply::Written], Gain::Lease(lease, token)) => self.tell(lease, token, Teller::Caller, now),
            ([Reply::Written], Gain::Longer(lease, token)) => self.tell_again(lease, token, now),
            ([Reply::Written], Gain::Place(place, instead)) => self.put_place(place, instead),
            ([Reply::Refused(refusals)], _) => {
                self.patch(request, refusals);
                self.refused(now)
            }
            // If it happened after all, the next look shows this attempt waiting or holding.
            ([other], _) => self.again(failure_of(&other)),
        }
    }

    fn put_place(&mut self, place: WaitRow, instead: Option<Attempt>) -> Step<AcquireOutcome> {
        self.phase = Phase::Placing(place.clone());
        Step::send([writes::put_place(place, instead)])
    }

    fn placed(&mut self, place: WaitRow, replies: Replies, now: Timestamp) -> Step<AcquireOutcome> {
        // Who found the queue empty is most likely the first: then one look more is saved.
        let alone = self.view.window.is_some() && self.view.queue.is_empty();
        let joined = |ticket| if alone { Scope::FirstPerhaps(ticket) } else { Scope::Joined(ticket) };
        let refusal = match replies.table() {
            [Reply::Written] => return self.settle(joined(place.ticket), Ok(AcquireOutcome::Queued), now),
            [Reply::Refused(refusals)] => refusals.into_iter().next(),
            [other] => return self.again(failure_of(&other)),
        };
        let Some(Refusal::Failed(Some(Row::Wait(there)))) = refusal else { return self.again(Failure::Throttled) };
        match there.attempt.cmp(&place.attempt) {
            Ordering::Equal => self.settle(joined(place.ticket), Ok(AcquireOutcome::Queued), now),
            // An older attempt put its place there after its row was taken over: its task is failed now.
            Ordering::Less => self.close(there.token, Next::Place(place, there.attempt), now),
            // A newer attempt has taken the place over.
            Ordering::Greater => self.again(Failure::Throttled),
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
        if self.tried == 1 || self.gave_in() { self.decide(now) } else { self.look_again() }
    }

    /// A new look that keeps what the refused write brought back of its own row.
    fn look_again(&mut self) -> Step<AcquireOutcome> {
        let row = self.view.row.take();
        let step = self.look(Millis(0));
        self.view.row = row;
        step
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
                    match self.view.slots.binary_search_by_key(&row.slot, |slot| slot.slot) {
                        Ok(at) => self.view.slots[at] = row,
                        Err(at) => self.view.slots.insert(at, row),
                    }
                }
                (RowKey::Slot(slot), _) => self.view.slots.retain(|row| row.slot != slot),
                (RowKey::Holder(key), row) if key == self.request.holder.hashed() => {
                    self.view.row = Some(row.and_then(|row| if let Row::Holder(row) = row { Some(row) } else { None }));
                }
                _ => {}
            }
        }
    }

    /// The lease's own time is read again before it is told: the caller may have been frozen meanwhile.
    fn tell(&mut self, lease: Lease, token: Option<TaskToken>, by: Teller, now: Timestamp) -> Step<AcquireOutcome> {
        if now >= lease.expires_at {
            return Step::failed(Failure::Lost(LossReason::ExpiredUntold));
        }
        let Some(token) = token else { return Step::done(AcquireOutcome::Acquired(lease)) };
        let outbox = Outbox { tells: vec![Tell { lease: lease.clone(), token, by }], ..Outbox::default() };
        match Deliver::start(outbox, self.entropy, now) {
            Some((deliver, step)) => {
                self.view = View::default();
                self.phase = Phase::Delivering(deliver, lease, by);
                step
            }
            None => Step::failed(Failure::Lost(LossReason::ExpiredUntold)),
        }
    }

    /// Somebody else may be telling it too: the slot says so before it is told again.
    fn tell_again(&mut self, lease: Lease, token: Option<TaskToken>, now: Timestamp) -> Step<AcquireOutcome> {
        let Some(token) = token else { return self.tell(lease, None, Teller::Another, now) };
        let request = writes::may_be_told(lease.id.slot, lease.id.fence);
        self.phase = Phase::Marking(lease, token);
        Step::send([request])
    }

    fn marked(&mut self, lease: Lease, token: TaskToken, replies: Replies, now: Timestamp) -> Step<AcquireOutcome> {
        match replies.table() {
            [Reply::Written] => self.tell(lease, Some(token), Teller::Another, now),
            // It was told meanwhile, or it was taken: the next look shows which.
            [other] => self.again(failure_of(&other)),
        }
    }

    fn settle(
        &mut self,
        scope: Scope,
        outcome: Result<AcquireOutcome, Failure>,
        now: Timestamp,
    ) -> Step<AcquireOutcome> {
        self.view = View::default();
        let (settle, step) = Settle::start(self.settings.clone(), self.entropy, scope, now);
        self.phase = Phase::Settling(settle, outcome);
        step
    }

    fn wait_outcome(&self, now: Timestamp) -> AcquireOutcome {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let seen = self.view.slots.iter().filter(|row| row.is_held_at(now)).count();
        // Who did not look at every slot has seen that the pool is full.
        let all =
            self.view.window.is_some_and(|(from, to)| from == 0 && to.saturating_add(1) >= self.settings.usable());
        AcquireOutcome::Wait(RetryAdvice {
            retry_after: self.retry_after(now),
            held: if all { count(seen) } else { self.settings.limit.count() },
            waiting: count(self.view.queue.len()),
            waiting_more: self.view.more,
        })
    }

    /// A sensible time to ask again: as long as the leases have lasted so far (the middle one of them), so that short
    /// work is asked for often and long work ever more rarely; from 2 s up to a twelfth of a lease, at most 30 s. A
    /// quarter more or less, so that callers that were refused together do not come back together.
    fn retry_after(&self, now: Timestamp) -> Millis {
        let most = (self.settings.lease.0 / 12).clamp(2_000, 30_000);
        let held = self.view.slots.iter().filter_map(|row| row.held.as_ref());
        let mut ages: Vec<u64> = held.map(|held| now.since(held.acquired_at).0).collect();
        ages.sort_unstable();
        let base = ages.get(ages.len() / 2).map_or(most, |age| (*age).clamp(2_000, most));
        Millis(base * 3 / 4 + mix(self.entropy, 99) % (base / 2))
    }

    fn lease(&self) -> Millis {
        self.settings.lease_for(self.request.lease)
    }

    fn terms(&self) -> Terms {
        Terms::of_caller(
            self.request.holder.clone(),
            self.attempt,
            self.request.mode.token().cloned(),
            self.lease(),
            self.request.label.clone(),
        )
    }
}
