//! May this holder have a lease? The rules for asking, and for asking again.
//!
//! Reads the holder's row, all slots (also those above the limit) and the head of the queue, then decides:
//!
//! - nobody waits and a slot is open: claim it (an expired lease nobody was told of is burned first);
//! - else in poll mode: wait and ask again; in queue mode: join the queue, then settle;
//! - this holder already waits or holds: the same attempt gets the same answer, a newer one takes over
//!   (the older attempt's task is failed first, so that none hangs), an older one changes nothing.
//!
//! A failed condition brings the rows back as they are: the view is patched and the decision made again.

use std::sync::Arc;

use crate::deliver::{Deliver, Delivery};
use crate::machine::{
    self, Answer, Failure, News, Notice, Notified, Outcome, Step, WhyFailed, WhyLost, ask, ask_after, failed, jitter,
    slot_row,
};
use crate::nouns::{Attempt, Fence, Holder, Lease, Millis, Slot, Ticket, Token};
use crate::plan::token_of;
use crate::settings::{COUNTED, Settings};
use crate::settle::{Give, Settle, Settling};
use crate::status::{look, replies, seen, why};
use crate::table::{Held, HolderRow, HolderState, Key, Refusal, Reply, Request, Row, SlotRow, WaitRow, Waiting};
use crate::writes::{self, Open, Terms};

/// Who asks for what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ask {
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
    Queue(Option<Token>),
}

impl Mode {
    fn token(&self) -> Option<&Token> {
        match self {
            Mode::Queue(token) => token.as_ref(),
            Mode::Poll => None,
        }
    }
}

/// An acquire under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Acquire {
    ask: Ask,
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
    slots: Vec<SlotRow>,
    queue: Vec<WaitRow>,
    more: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Looking,
    /// Reading whose token must be closed before the claim.
    Reading(SlotRow),
    /// Closing a token before this is done.
    Closing(Next),
    Writing(Request, Gives),
    Delivering(Deliver, Lease),
    Settling(Box<Settle>, Outcome),
}

/// What is written once a token is closed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Next {
    Claim(SlotRow, Open),
    Regrant(Slot, Fence),
    Replace(Ticket, Attempt),
    Vacate(SlotRow),
}

/// What a write gives the caller if it happens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Gives {
    Lease(Lease, Option<Token>),
    Place,
    Nothing,
}

impl Acquire {
    pub(crate) fn start(ask: Ask, settings: Arc<Settings>, entropy: u64) -> (Acquire, Step) {
        let mut acquire = Acquire {
            attempt: ask.attempt.unwrap_or_default(),
            ask,
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

    fn look(&mut self, pause: Millis) -> Step {
        self.phase = Phase::Looking;
        let row = Request::Get(Key::Holder(self.ask.holder.hashed()));
        // Who polls is told how many wait; who queues only needs to know whether anybody does.
        let head = if self.ask.mode == Mode::Poll { COUNTED } else { 1 };
        ask_after(pause, std::iter::once(row).chain(look(head)).collect())
    }

    pub(crate) fn resume(&mut self, answer: Answer, now: Millis) -> Step {
        match std::mem::replace(&mut self.phase, Phase::Looking) {
            Phase::Looking => self.looked(answer, now),
            Phase::Reading(slot) => self.read(slot, answer, now),
            Phase::Closing(next) => match answer {
                // Only what is known to be closed is taken over.
                Answer::Notices(answers) if answers.iter().all(|answer| *answer != Notified::Unknown) => {
                    self.write(next, now)
                }
                _ => failed(Failure::Unavailable),
            },
            Phase::Writing(request, gives) => self.wrote(&request, gives, answer, now),
            Phase::Delivering(mut deliver, lease) => match deliver.resume(answer) {
                Delivery::Next(step) => {
                    self.phase = Phase::Delivering(deliver, lease);
                    step
                }
                Delivery::Done { dead, .. } if !dead.is_empty() => {
                    let give = vec![Give::back(lease.id.slot, lease.id.fence)];
                    self.settle(give, Outcome::Failed(Failure::Lost(WhyLost::Ended)))
                }
                Delivery::Done { settled, .. } if settled.is_empty() => Step::Done(Outcome::Queued),
                Delivery::Done { .. } => Step::Done(Outcome::Acquired(lease)),
            },
            Phase::Settling(mut settle, outcome) => match settle.resume(answer, now) {
                Settling::Next(step) => {
                    self.phase = Phase::Settling(settle, outcome);
                    step
                }
                Settling::Done => Step::Done(outcome),
            },
        }
    }

    fn looked(&mut self, answer: Answer, now: Millis) -> Step {
        let Some([row, slots, queue]) = replies(answer) else { return failed(Failure::Unavailable) };
        let row = match row {
            Reply::Row(Some(Row::Holder(row))) => Some(row),
            Reply::Row(_) => None,
            other => return self.again(why(&other)),
        };
        match seen(slots, queue) {
            Ok((slots, queue, more)) => self.view = View { row, slots, queue, more },
            Err(failure) => return self.again(failure),
        }
        self.decide(now)
    }

    /// Looks again after a collision, a bounded number of times.
    fn again(&mut self, failure: Failure) -> Step {
        self.failure = failure;
        match self.next_try() {
            Some(pause) => self.look(pause),
            None => failed(self.failure.clone()),
        }
    }

    fn next_try(&mut self) -> Option<Millis> {
        self.tried += 1;
        (self.tried <= self.settings.tries).then(|| jitter(self.entropy, self.tried))
    }

    fn decide(&mut self, now: Millis) -> Step {
        let Some(row) = self.view.row.clone() else { return self.fresh(None, now) };
        match &row.state {
            HolderState::Ended { .. } => self.after_the_end(&row, now),
            HolderState::Waiting(waiting) => self.while_waiting(&row, waiting, now),
            HolderState::Holding { slot, fence, token, .. } => {
                let at = slot_row(&self.view.slots, *slot);
                match &at.held {
                    Some(held) if at.fence == *fence && held.holder == self.ask.holder => {
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
        self.attempt = self.ask.attempt.unwrap_or(otherwise);
        self.attempt
    }

    /// Whether the caller's task is another one than the row knows.
    fn other_task(&self, known: Option<&Token>) -> bool {
        self.ask.mode.token().is_some_and(|token| Some(token) != known)
    }

    /// What none means while this holder waits or holds: a repeat, or a newer attempt if its task is another one.
    fn repeat_or_newer(&mut self, row: &HolderRow, known: Option<&Token>, now: Millis) -> Attempt {
        let newer = Attempt::first(now).max(row.attempt.next());
        self.attempt_or(if self.other_task(known) { newer } else { row.attempt })
    }

    /// A tombstone: a late copy of an attempt that has ended changes nothing.
    fn after_the_end(&mut self, row: &HolderRow, now: Millis) -> Step {
        match self.ask.attempt {
            Some(attempt) if attempt < row.attempt => failed(Failure::Busy(row.attempt)),
            Some(attempt) if attempt == row.attempt => failed(Failure::Lost(WhyLost::Ended)),
            _ => self.fresh(Some(row.attempt), now),
        }
    }

    fn while_waiting(&mut self, row: &HolderRow, waiting: &Waiting, now: Millis) -> Step {
        let attempt = self.repeat_or_newer(row, waiting.token.as_ref(), now);
        // Two tasks of one attempt are two branches that share a name: the second would never be told.
        if attempt < row.attempt || (attempt == row.attempt && self.other_task(waiting.token.as_ref())) {
            return failed(Failure::Busy(row.attempt));
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
        token: Option<&Token>,
        now: Millis,
    ) -> Step {
        let attempt = self.repeat_or_newer(row, token, now);
        if attempt < row.attempt || (attempt == row.attempt && self.other_task(token)) {
            return failed(Failure::Busy(row.attempt));
        }
        let expired = now >= held.expires_at;
        if attempt == row.attempt && !expired {
            let lease = writes::lease_on(&self.settings, at.slot, at.fence, held);
            let token = token.filter(|_| held.unconfirmed).cloned();
            return self.tell(lease, token, now);
        }
        if attempt > row.attempt && !expired && held.renewed_at.is_some_and(|renewed| renewed >= attempt.entered) {
            // The older attempt renewed its lease after the newer one began: both run.
            return failed(Failure::Busy(row.attempt));
        }
        let open_task = token.filter(|_| held.unconfirmed).cloned();
        let below = at.slot.0 < self.settings.effective_limit(&self.view.slots, now);
        match (attempt == row.attempt, below) {
            // Expired, but nobody took it: it goes on.
            (true, true) => {
                let expires_at = now + self.lease();
                let request = writes::extend(at.slot, at.fence, expires_at, None);
                let longer = Held { expires_at, ..held.clone() };
                let lease = writes::lease_on(&self.settings, at.slot, at.fence, &longer);
                self.send(request, Gives::Lease(lease, open_task))
            }
            // Expired above the limit: an attempt that may have had its lease does not begin anew.
            (true, false) => failed(Failure::Lost(WhyLost::Ended)),
            (false, true) => self.close(open_task, Next::Regrant(at.slot, at.fence), now),
            (false, false) => self.close(open_task, Next::Vacate(at.clone()), now),
        }
    }

    /// This holder has nothing here: it may claim, wait or join the queue.
    fn fresh(&mut self, last: Option<Attempt>, now: Millis) -> Step {
        let start = Attempt::first(now);
        self.attempt_or(last.map_or(start, |last| start.max(last.next())));
        match self.open_slot(now) {
            Some((slot, open)) if self.view.queue.is_empty() && !self.gave_in() => {
                let burn = slot.held.as_ref().filter(|held| held.unconfirmed).map(|held| held.holder.hashed());
                match burn {
                    Some(holder) => {
                        self.phase = Phase::Reading(slot);
                        ask(vec![Request::Get(Key::Holder(holder))])
                    }
                    None => self.write(Next::Claim(slot, open), now),
                }
            }
            _ => match self.ask.mode {
                Mode::Poll => self.wait(now),
                Mode::Queue(_) => {
                    let request = writes::enqueue(self.view.row.as_ref(), &self.terms(), now, self.give_up_at(now));
                    self.send(request, Gives::Place)
                }
            },
        }
    }

    /// One of the open slots, free ones before expired ones; callers spread over them.
    fn open_slot(&self, now: Millis) -> Option<(SlotRow, Open)> {
        let effective = self.settings.effective_limit(&self.view.slots, now);
        let rows = (0..effective).map(|index| slot_row(&self.view.slots, Slot(index)));
        let (free, held): (Vec<_>, Vec<_>) = rows.partition(|row| row.held.is_none());
        let lapsed = |row: &SlotRow| row.held.as_ref().is_some_and(|held| now >= self.settings.lapses(held.expires_at));
        let (mut from, open) = if free.is_empty() {
            (held.into_iter().filter(lapsed).collect(), Open::Lapsed)
        } else {
            (free, Open::Free)
        };
        let pick = machine::spread(self.entropy, u64::from(self.tried)) % (from.len().max(1) as u64);
        let pick = usize::try_from(pick).unwrap_or(0);
        (pick < from.len()).then(|| (from.swap_remove(pick), open))
    }

    /// The holder whose expired lease is to be claimed was read: close its token first.
    fn read(&mut self, slot: SlotRow, answer: Answer, now: Millis) -> Step {
        let row = match replies(answer) {
            Some([Reply::Row(Some(Row::Holder(row)))]) => Some(row),
            Some([Reply::Row(_)]) => None,
            Some([other]) => return self.again(why(&other)),
            None => return failed(Failure::Unavailable),
        };
        let Some(token) = token_of(row, &slot) else { return self.again(Failure::Throttled) };
        self.close_with(token, WhyFailed::Expired, Next::Claim(slot, Open::Lapsed), now)
    }

    fn close(&mut self, token: Option<Token>, next: Next, now: Millis) -> Step {
        self.close_with(token, WhyFailed::Superseded, next, now)
    }

    /// Fails a task, if there is one, before what it waited for is taken over.
    fn close_with(&mut self, token: Option<Token>, why: WhyFailed, next: Next, now: Millis) -> Step {
        match token {
            Some(token) => {
                self.phase = Phase::Closing(next);
                Step::Notify(vec![Notice { token, news: News::Failed(why) }])
            }
            None => self.write(next, now),
        }
    }

    fn write(&mut self, next: Next, now: Millis) -> Step {
        let terms = self.terms();
        let (settings, row) = (self.settings.clone(), self.view.row.as_ref());
        let granted = |slot: Slot, fence: Fence| {
            Gives::Lease(writes::lease_to(&settings, slot, fence.next(), &terms, now), terms.token.clone())
        };
        let (request, gives) = match next {
            Next::Claim(slot, open) => {
                (writes::claim(&settings, &slot, open, row, &terms, now), granted(slot.slot, slot.fence))
            }
            Next::Regrant(slot, fence) => (writes::regrant(slot, fence, &terms, now), granted(slot, fence)),
            Next::Replace(ticket, older) => {
                (writes::replace(ticket, older, &terms, self.give_up_at(now)), Gives::Place)
            }
            Next::Vacate(slot) if self.ask.mode == Mode::Poll => {
                (writes::free(&settings, &slot, Open::Given, now), Gives::Nothing)
            }
            Next::Vacate(slot) => {
                (writes::vacate(slot.slot, slot.fence, &terms, now, self.give_up_at(now)), Gives::Place)
            }
        };
        self.send(request, gives)
    }

    fn send(&mut self, request: Request, gives: Gives) -> Step {
        self.phase = Phase::Writing(request.clone(), gives);
        ask(vec![request])
    }

    fn wrote(&mut self, request: &Request, gives: Gives, answer: Answer, now: Millis) -> Step {
        match replies(answer) {
            Some([Reply::Written]) => match gives {
                Gives::Lease(lease, token) => self.tell(lease, token, now),
                Gives::Place => self.settle_waiting(now),
                Gives::Nothing => {
                    let wait = self.waits(now);
                    self.settle(vec![], wait)
                }
            },
            Some([Reply::Refused(refusals)]) => {
                self.patch(request, refusals);
                self.refused(now)
            }
            // If it happened after all, the next look shows this attempt waiting or holding.
            Some([other]) => self.again(why(&other)),
            None => failed(Failure::Unavailable),
        }
    }

    /// Decides again on the patched view; where that collides too, on a new one. A caller that collided too often
    /// stops claiming: it waits as if the pool were full.
    fn refused(&mut self, now: Millis) -> Step {
        self.tried += 1;
        if self.tried > self.settings.tries + 1 {
            return failed(Failure::Throttled);
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
                (Key::Slot(_), Some(Row::Slot(row))) => {
                    match self.view.slots.binary_search_by_key(&row.slot, |slot| slot.slot) {
                        Ok(at) => self.view.slots[at] = row,
                        Err(at) => self.view.slots.insert(at, row),
                    }
                }
                (Key::Slot(slot), _) => self.view.slots.retain(|row| row.slot != slot),
                (Key::Holder(key), row) if key == self.ask.holder.hashed() => {
                    self.view.row = row.and_then(|row| if let Row::Holder(row) = row { Some(row) } else { None });
                }
                _ => {}
            }
        }
    }

    /// The lease's own time is read again before it is told: the caller may have been frozen meanwhile.
    fn tell(&mut self, lease: Lease, token: Option<Token>, now: Millis) -> Step {
        if now >= lease.expires_at {
            return failed(Failure::Lost(WhyLost::ExpiredUntold));
        }
        let Some(token) = token else { return Step::Done(Outcome::Acquired(lease)) };
        match Deliver::start(vec![(lease.clone(), token)], now) {
            Some((deliver, step)) => {
                self.view = View::default();
                self.phase = Phase::Delivering(deliver, lease);
                step
            }
            None => failed(Failure::Lost(WhyLost::ExpiredUntold)),
        }
    }

    fn settle_waiting(&mut self, now: Millis) -> Step {
        let outcome = if self.ask.mode == Mode::Poll { self.waits(now) } else { Outcome::Queued };
        self.settle(vec![], outcome)
    }

    fn settle(&mut self, giving: Vec<Give>, outcome: Outcome) -> Step {
        self.view = View::default();
        let (settle, step) = Settle::start(self.settings.clone(), self.entropy, false, giving);
        self.phase = Phase::Settling(settle, outcome);
        step
    }

    fn wait(&self, now: Millis) -> Step {
        Step::Done(self.waits(now))
    }

    fn waits(&self, now: Millis) -> Outcome {
        let lasting = |row: &&SlotRow| row.held.as_ref().is_some_and(|held| now < held.expires_at);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Outcome::Wait {
            retry_after: self.retry_after(now),
            held: count(self.view.slots.iter().filter(lasting).count()),
            waiting: count(self.view.queue.len()),
            waiting_more: self.view.more,
        }
    }

    /// A sensible time to ask again: as long as the leases have lasted so far (the middle one of them), so that short
    /// work is asked for often and long work ever more rarely; from 2 s up to a twelfth of a lease, at most 30 s. A
    /// quarter more or less, so that callers that were refused together do not come back together.
    fn retry_after(&self, now: Millis) -> Millis {
        let most = (self.settings.lease.0 / 12).clamp(2_000, 30_000);
        let held = self.view.slots.iter().filter_map(|row| row.held.as_ref());
        let mut ages: Vec<u64> = held.map(|held| now.since(held.acquired_at).0).collect();
        ages.sort_unstable();
        let base = ages.get(ages.len() / 2).map_or(most, |age| (*age).clamp(2_000, most));
        Millis(base * 3 / 4 + machine::spread(self.entropy, 99) % (base / 2))
    }

    fn lease(&self) -> Millis {
        self.ask.lease.map_or(self.settings.lease, |lease| lease.min(self.settings.lease))
    }

    fn give_up_at(&self, now: Millis) -> Millis {
        now + self.ask.wait.map_or(self.settings.longest_wait, |wait| wait.min(self.settings.longest_wait))
    }

    fn terms(&self) -> Terms {
        Terms {
            holder: self.ask.holder.clone(),
            attempt: self.attempt,
            token: self.ask.mode.token().cloned(),
            lease: self.lease(),
            label: self.ask.label.clone(),
        }
    }
}
