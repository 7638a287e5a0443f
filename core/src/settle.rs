//! Settling a pool: who gets which slot? While a slot is open and someone waits, it is granted: as many as there are, in
//! the order of the queue, in one round of requests.
//!
//! The same rounds serve every operation: a release brings the lease it gives back, a sweep is thorough
//! (it also frees expired leases that nobody waits for, sends unconfirmed callbacks again, removes places that
//! nobody has, and looks further down the queue). A round looks, reads the holders concerned, fails the tokens
//! that must be closed before anything is taken from their owners (*revoke*; also those of waiters that waited
//! too long), writes, and delivers.
//!
//! Order: the first try pairs open slots with the queue from its head. Callers that free slots at the same moment
//! all try the same waiter and collide; each then starts at a random one of the first 4, then 8, 16 and at most
//! `COUNTED`. So when k slots free at once a waiter is overtaken by at most k - 1 others for it, and besides only
//! by callers that looked before it joined; where slots are freed one after the other, by nobody.

use std::sync::Arc;

use crate::backoff::{choose, jitter};
use crate::deliver::{Deliver, Delivered};
use crate::failure::Failure;
use crate::operation::{Delivery, Machine, Replies, Step, TaskCallback, TaskResult};
use crate::plan::{Candidate, Pending, Plan, Planned, Round};
use crate::reads::{PoolView, failure_of, slot_row};
use crate::request::{Opening, Reply, Request};
use crate::rows::{Row, RowKey, SlotRow, WaitRow};
use crate::settings::{BATCH, COUNTED, QUEUE_HEAD, Settings};
use crate::tally::Tally;
use crate::time::{Millis, Timestamp};
use crate::types::{Fence, Lease, Slot, TaskToken};

/// How many rounds one call makes while every one of them gets something done.
const ROUNDS: u8 = 16;

/// A lease to be given back, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Return {
    slot: Slot,
    fence: Fence,
    state: ReturnState,
}

impl Return {
    pub(crate) fn of(slot: Slot, fence: Fence) -> Return {
        Return { slot, fence, state: ReturnState::Pending }
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

/// The rounds of one call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Settle {
    settings: Arc<Settings>,
    entropy: u64,
    thorough: bool,
    returns: Vec<Return>,
    /// Grants that got no answer: if they happened, their callback is still to be sent.
    unsure: Vec<(Slot, Fence)>,
    tried: u8,
    rounds: u8,
    phase: Phase,
    progress: RoundProgress,
    failure: Option<Failure>,
    tally: Tally,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Looking,
    Reading(Vec<Candidate>),
    Revoking(Vec<Planned>),
    Writing(Vec<Pending>, Vec<(Lease, TaskToken)>),
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
    /// Something got done.
    done: bool,
    /// There was more to do than one round does.
    more: bool,
    /// A waiter left, perhaps the one that a slot was meant for.
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
        thorough: bool,
        returns: Vec<Return>,
    ) -> (Box<Settle>, Step<T>) {
        let settle = Box::new(Settle {
            settings,
            entropy,
            thorough,
            returns,
            unsure: vec![],
            tried: 0,
            rounds: 0,
            phase: Phase::Looking,
            progress: RoundProgress::default(),
            failure: None,
            tally: Tally::default(),
        });
        let step = Step::send(PoolView::requests(settle.head()));
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
        self.returns.iter().any(|one| matches!(one.state, ReturnState::Pending | ReturnState::Unsure))
    }

    fn head(&self) -> u32 {
        if self.thorough || self.tried > 0 { COUNTED } else { QUEUE_HEAD }
    }

    fn round(&self, now: Timestamp) -> Round<'_> {
        Round {
            settings: &self.settings,
            now,
            thorough: self.thorough,
            last_try: self.tried >= self.settings.tries,
            unsure: &self.unsure,
        }
    }

    fn looked(&mut self, view: PoolView, now: Timestamp) -> Step<Settled> {
        self.settle_gone(&view.slots);
        let PoolView { slots, queue, more } = view;
        let queue = self.rotate(queue);
        let returns = &self.returns;
        let returned = |row: &SlotRow| returns.iter().any(|one| (one.slot, one.fence) == (row.slot, row.fence));
        let start = self.pick(usize::try_from(self.settings.limit.count()).unwrap_or(usize::MAX));
        let Plan { mut candidates, unpaired } = self.round(now).plan(&slots, queue, start, returned);
        let cut = candidates.len() > BATCH;
        candidates.truncate(BATCH);
        self.progress.more = cut || (unpaired > 0 && more);
        self.tally.more = self.progress.more;
        let concerned = candidates.iter().flat_map(Candidate::concerns);
        let requests: Vec<Request> = concerned.map(|holder| Request::Get(RowKey::Holder(holder))).collect();
        if requests.is_empty() {
            return self.read(candidates, std::iter::empty(), now);
        }
        self.phase = Phase::Reading(candidates);
        Step::send(requests)
    }

    /// Leases to be given back that lie on their slots no more are settled; a write of ours that got no
    /// answer may have done it.
    fn settle_gone(&mut self, slots: &[SlotRow]) {
        for one in &mut self.returns {
            let row = slot_row(slots, one.slot);
            if row.held.is_none() || row.fence != one.fence {
                one.state = match one.state {
                    ReturnState::Pending => ReturnState::Already,
                    ReturnState::Unsure => ReturnState::Done,
                    settled => settled,
                };
            }
        }
    }

    /// The queue from its head; after each collision from one of the first few, twice as many as before.
    fn rotate(&self, mut queue: Vec<WaitRow>) -> Vec<WaitRow> {
        let among = (2usize << self.tried.min(8)).min(queue.len());
        queue.rotate_left(self.pick(among));
        queue
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
        let expected = candidates.len();
        let mut rows = rows.into_iter();
        let round = self.round(now);
        let planned: Vec<Planned> =
            candidates.into_iter().filter_map(|candidate| round.ready(candidate, &mut rows)).collect();
        self.progress.collided |= planned.len() < expected;
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
            let open = planned.revoke.is_some() && matches!(deliveries.next(), None | Some(Delivery::Unknown));
            if open {
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
        let (mut requests, mut pending, mut told) = (vec![], vec![], vec![]);
        for planned in planned {
            match planned.send(&self.settings, now) {
                Ok((request, what)) => {
                    requests.push(request);
                    pending.push(what);
                }
                Err(tell) => {
                    // What has expired meanwhile is not told.
                    self.tally.renotified += u32::from(now < tell.0.expires_at);
                    told.push(tell);
                }
            }
        }
        if requests.is_empty() {
            return self.deliver(told, now);
        }
        self.phase = Phase::Writing(pending, told);
        Step::send(requests)
    }

    fn wrote(
        &mut self,
        pending: Vec<Pending>,
        mut told: Vec<(Lease, TaskToken)>,
        replies: Replies,
        now: Timestamp,
    ) -> Step<Settled> {
        for (pending, reply) in pending.into_iter().zip(replies.of_table()) {
            if reply != Reply::Written {
                self.not_written(&pending, &reply);
                continue;
            }
            self.progress.done = true;
            match pending {
                Pending::Granted { from, opening, tell } => {
                    self.tally.granted += 1;
                    self.taken(from, opening);
                    told.extend(tell);
                }
                Pending::Freed { from, opening } => {
                    self.progress.freed = true;
                    self.taken(from, opening);
                }
                Pending::Left => {
                    self.progress.left = true;
                    self.tally.left += 1;
                }
            }
        }
        self.deliver(told, now)
    }

    fn taken(&mut self, from: (Slot, Fence), opening: Opening) {
        match opening {
            Opening::Free => {}
            Opening::Expired => self.tally.reclaimed += 1,
            Opening::Returned => {
                self.tally.freed += 1;
                self.mark(from, ReturnState::Done);
            }
        }
    }

    fn not_written(&mut self, pending: &Pending, reply: &Reply) {
        self.progress.collided = true;
        self.progress.busy |= !matches!(reply, Reply::Refused(_));
        self.failure = Some(failure_of(reply));
        if *reply != Reply::Unknown {
            return;
        }
        if let Pending::Granted { from, tell: Some(_), .. } = pending {
            self.unsure.push((from.0, from.1.next()));
        }
        if let Pending::Granted { from, opening: Opening::Returned, .. }
        | Pending::Freed { from, opening: Opening::Returned } = pending
        {
            self.mark(*from, ReturnState::Unsure);
        }
    }

    fn mark(&mut self, at: (Slot, Fence), state: ReturnState) {
        for one in self.returns.iter_mut().filter(|one| (one.slot, one.fence) == at) {
            one.state = state;
        }
    }

    fn deliver(&mut self, told: Vec<(Lease, TaskToken)>, now: Timestamp) -> Step<Settled> {
        match Deliver::start(told, now) {
            Some((deliver, step)) => {
                self.phase = Phase::Delivering(deliver);
                step
            }
            None => self.next_round(),
        }
    }

    fn delivered(&mut self, Delivered { settled, dead }: Delivered) -> Step<Settled> {
        // Where nobody could be told, another round would tell nobody either.
        self.progress.done |= !settled.is_empty() || !dead.is_empty();
        self.returns.extend(dead.iter().map(|lease| Return::of(lease.id.slot, lease.id.fence)));
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
            let most = if self.thorough || pending { ROUNDS } else { ROUNDS / 4 };
            if self.rounds <= most {
                return self.look(Millis(0));
            }
            self.tally.more = true;
        } else if progress.freed {
            self.phase = Phase::LookingAgain;
            return Step::send([Request::Queue(1)]);
        }
        self.done()
    }

    fn look(&mut self, pause: Millis) -> Step<Settled> {
        self.phase = Phase::Looking;
        Step::send_after(pause, PoolView::requests(self.head()))
    }

    fn done(&self) -> Step<Settled> {
        Step::done(Settled { tally: self.tally, returned: self.all_returned() })
    }
}

impl Machine for Settle {
    type Outcome = Settled;

    fn resume(&mut self, replies: Replies, now: Timestamp) -> Step<Settled> {
        if let Phase::Delivering(deliver) = &mut self.phase {
            return deliver.resume(replies, now).and_then(|delivered| self.delivered(delivered));
        }
        match std::mem::replace(&mut self.phase, Phase::Taken) {
            Phase::Looking => match PoolView::of(replies.table()) {
                Ok(view) => self.looked(view, now),
                Err(failure) => self.collided(failure),
            },
            Phase::Reading(candidates) => self.read(candidates, replies.of_table(), now),
            Phase::Revoking(planned) => self.revoked(planned, &replies, now),
            Phase::Writing(pending, told) => self.wrote(pending, told, replies, now),
            Phase::LookingAgain => match replies.table() {
                [Reply::Queue(queue, _)] if queue.is_empty() => self.done(),
                [Reply::Queue(..)] => self.look(Millis(0)),
                [other] => self.collided(failure_of(&other)),
            },
            Phase::Delivering(_) | Phase::Taken => self.done(),
        }
    }
}
