//! Who gets which slot? While a slot is open and someone waits, it is granted: as many as there are, in the
//! order of the queue, in one round of requests.
//!
//! The same rounds serve every operation: a release brings the lease it gives back, a sweep is thorough
//! (it also frees expired leases that nobody waits for, sends unconfirmed notices again, and fails waiters
//! that waited too long). A round looks, reads the holders concerned, fails the tokens that must be closed
//! before anything is taken from their owners (*burn*), writes, and delivers.
//!
//! Order: the first try pairs open slots with the queue from its head. Callers that free slots at the same moment
//! all try the same waiter and collide; each then starts at a random one of the first 4, then 8, 16 and at most
//! `COUNTED`. So when k slots free at once a waiter is overtaken by at most k - 1 others for it, and besides only
//! by callers that looked before it joined; where slots are freed one after the other, by nobody.

use std::sync::Arc;

use crate::deliver::{Deliver, Delivery};
use crate::machine::{self, Answer, Failure, News, Notice, Notified, Step, Tally, ask, ask_after, jitter};
use crate::nouns::{Fence, Lease, Millis, Slot, Token};
use crate::plan::{Plan, Ready, Round, Sent, Work};
use crate::settings::{BATCH, COUNTED, QUEUE_HEAD, Settings};
use crate::status::{Seen, look, seen, why};
use crate::table::{Key, Reply, Request, Row, SlotRow, WaitRow};
use crate::writes::Open;

/// How many rounds one call makes while every one of them gets something done.
const ROUNDS: u8 = 16;

/// A lease to be given back, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Give {
    pub(crate) slot: Slot,
    pub(crate) fence: Fence,
    pub(crate) given: Given,
}

impl Give {
    pub(crate) fn back(slot: Slot, fence: Fence) -> Give {
        Give { slot, fence, given: Given::Pending }
    }
}

/// What became of a lease to be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Given {
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
    giving: Vec<Give>,
    /// Grants that got no answer: if they happened, their notice is still to be sent.
    unsure: Vec<(Slot, Fence)>,
    tried: u8,
    rounds: u8,
    phase: Phase,
    this: This,
    failure: Option<Failure>,
    tally: Tally,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Looking,
    Reading(Vec<Work>),
    Burning(Vec<Ready>),
    Writing(Vec<Sent>, Vec<(Lease, Token)>),
    Delivering(Deliver),
    LookingAgain,
}

/// What this round came to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct This {
    /// Something failed or changed under way: look again.
    collided: bool,
    /// The table is busy or does not answer: pause before.
    busy: bool,
    /// Slots were freed: whoever joined the queue meanwhile may have seen them held.
    freed: bool,
    /// Something got done.
    progress: bool,
    /// There was more to do than one round does.
    more: bool,
    /// A waiter left, perhaps the one that a slot was meant for.
    left: bool,
}

/// How the rounds go on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Settling {
    Next(Step),
    Done,
}

impl Settle {
    /// Starts with a look.
    pub(crate) fn start(
        settings: Arc<Settings>,
        entropy: u64,
        thorough: bool,
        giving: Vec<Give>,
    ) -> (Box<Settle>, Step) {
        let settle = Box::new(Settle {
            settings,
            entropy,
            thorough,
            giving,
            unsure: vec![],
            tried: 0,
            rounds: 0,
            phase: Phase::Looking,
            this: This::default(),
            failure: None,
            tally: Tally::default(),
        });
        let step = ask(look(settle.head()).into());
        (settle, step)
    }

    /// What was done.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// What became of what was to be given back, or why something was not: `Already` if all of it was gone.
    pub(crate) fn gave_all(&self) -> Result<Given, Failure> {
        if self.is_pending() {
            return Err(self.failure.clone().unwrap_or(Failure::Throttled));
        }
        let done = self.giving.iter().any(|give| give.given == Given::Done);
        Ok(if done { Given::Done } else { Given::Already })
    }

    fn is_pending(&self) -> bool {
        self.giving.iter().any(|give| matches!(give.given, Given::Pending | Given::Unsure))
    }

    fn head(&self) -> u32 {
        if self.thorough || self.tried > 0 { COUNTED } else { QUEUE_HEAD }
    }

    fn round(&self, now: Millis) -> Round<'_> {
        Round {
            settings: &self.settings,
            now,
            thorough: self.thorough,
            last_try: self.tried >= self.settings.tries,
            unsure: &self.unsure,
        }
    }

    pub(crate) fn resume(&mut self, answer: Answer, now: Millis) -> Settling {
        match (std::mem::replace(&mut self.phase, Phase::Looking), answer) {
            (Phase::Looking, Answer::Replies(replies)) => match <[Reply; 2]>::try_from(replies) {
                Ok([slots, queue]) => match seen(slots, queue) {
                    Ok(seen) => self.looked(seen, now),
                    Err(failure) => self.collided(failure),
                },
                Err(_) => self.collided(Failure::Unavailable),
            },
            (Phase::Reading(works), Answer::Replies(replies)) => self.read(works, replies, now),
            (Phase::Burning(ready), Answer::Notices(answers)) => self.burned(ready, answers, now),
            (Phase::Writing(sent, told), Answer::Replies(replies)) => self.wrote(sent, told, replies, now),
            (Phase::Delivering(mut deliver), answer) => match deliver.resume(answer) {
                Delivery::Next(step) => {
                    self.phase = Phase::Delivering(deliver);
                    Settling::Next(step)
                }
                Delivery::Done { dead, .. } => {
                    self.giving.extend(dead.iter().map(|lease| Give::back(lease.id.slot, lease.id.fence)));
                    self.next_round()
                }
            },
            (Phase::LookingAgain, Answer::Replies(replies)) => match replies.into_iter().next() {
                Some(Reply::Queue(queue, _)) if queue.is_empty() => Settling::Done,
                Some(Reply::Queue(..)) => self.look(Millis(0)),
                other => self.collided(other.as_ref().map_or(Failure::Unavailable, why)),
            },
            _ => self.collided(Failure::Unavailable),
        }
    }

    fn looked(&mut self, (slots, queue, more): Seen, now: Millis) -> Settling {
        self.settle_gone(&slots);
        let queue = self.spread(queue);
        let giving = &self.giving;
        let given = |row: &SlotRow| giving.iter().any(|give| (give.slot, give.fence) == (row.slot, row.fence));
        let start = self.pick(usize::try_from(self.settings.limit.count()).unwrap_or(usize::MAX));
        let Plan { mut works, unpaired } = self.round(now).plan(&slots, queue, start, given);
        let cut = works.len() > BATCH;
        works.truncate(BATCH);
        self.this.more = cut || (unpaired > 0 && more);
        self.tally.more = self.this.more;
        let concerned = works.iter().flat_map(Work::concerns);
        let requests: Vec<Request> = concerned.map(|holder| Request::Get(Key::Holder(holder))).collect();
        if requests.is_empty() {
            return self.read(works, vec![], now);
        }
        self.phase = Phase::Reading(works);
        Settling::Next(ask(requests))
    }

    /// Leases to be given back that lie on their slots no more are settled; a write of ours that got no
    /// answer may have done it.
    fn settle_gone(&mut self, slots: &[SlotRow]) {
        for give in &mut self.giving {
            let row = machine::slot_row(slots, give.slot);
            if row.held.is_none() || row.fence != give.fence {
                give.given = match give.given {
                    Given::Pending => Given::Already,
                    Given::Unsure => Given::Done,
                    settled => settled,
                };
            }
        }
    }

    /// The queue from its head; after each collision from one of the first few, twice as many as before.
    fn spread(&self, mut queue: Vec<WaitRow>) -> Vec<WaitRow> {
        let among = (2usize << self.tried.min(8)).min(queue.len());
        queue.rotate_left(self.pick(among));
        queue
    }

    /// One of so many, after a collision; the first, before.
    fn pick(&self, among: usize) -> usize {
        if self.tried == 0 || among == 0 {
            return 0;
        }
        let pick = machine::spread(self.entropy, u64::from(self.tried)) % (among as u64);
        usize::try_from(pick).unwrap_or(0)
    }

    fn read(&mut self, works: Vec<Work>, replies: Vec<Reply>, now: Millis) -> Settling {
        let mut rows = vec![];
        for reply in replies {
            match reply {
                Reply::Row(Some(Row::Holder(row))) => rows.push(Some(row)),
                Reply::Row(_) => rows.push(None),
                other => return self.collided(why(&other)),
            }
        }
        let expected = works.len();
        let mut rows = rows.into_iter();
        let round = self.round(now);
        let ready: Vec<Ready> = works.into_iter().filter_map(|work| round.ready(work, &mut rows)).collect();
        self.this.collided |= ready.len() < expected;
        let notices: Vec<Notice> = ready
            .iter()
            .filter_map(|ready| ready.burn.as_ref())
            .map(|(token, why)| Notice { token: token.clone(), news: News::Failed(*why) })
            .collect();
        if notices.is_empty() {
            return self.write(ready, now);
        }
        self.phase = Phase::Burning(ready);
        Settling::Next(Step::Notify(notices))
    }

    /// Nothing is taken from whoever could not be told: its token may still be open.
    fn burned(&mut self, ready: Vec<Ready>, answers: Vec<Notified>, now: Millis) -> Settling {
        let mut answers = answers.into_iter();
        let mut closed = vec![];
        for ready in ready {
            let open = ready.burn.is_some() && matches!(answers.next(), None | Some(Notified::Unknown));
            if open {
                self.this.collided = true;
                self.this.busy = true;
                self.failure = Some(Failure::Unavailable);
            } else {
                closed.push(ready);
            }
        }
        self.write(closed, now)
    }

    fn write(&mut self, ready: Vec<Ready>, now: Millis) -> Settling {
        let (mut requests, mut sent, mut told) = (vec![], vec![], vec![]);
        for ready in ready {
            match ready.send(&self.settings, now) {
                Ok((request, what)) => {
                    requests.push(request);
                    sent.push(what);
                }
                Err(tell) => {
                    self.tally.renotified += 1;
                    told.push(tell);
                }
            }
        }
        if requests.is_empty() {
            return self.deliver(told, now);
        }
        self.phase = Phase::Writing(sent, told);
        Settling::Next(ask(requests))
    }

    fn wrote(&mut self, sent: Vec<Sent>, mut told: Vec<(Lease, Token)>, replies: Vec<Reply>, now: Millis) -> Settling {
        for (sent, reply) in sent.into_iter().zip(replies) {
            if reply != Reply::Written {
                self.not_written(&sent, &reply);
                continue;
            }
            self.this.progress = true;
            match sent {
                Sent::Granted { from, open, tell } => {
                    self.tally.granted += 1;
                    self.taken(from, open);
                    told.extend(tell);
                }
                Sent::Freed { from, open } => {
                    self.this.freed = true;
                    self.taken(from, open);
                }
                Sent::Left => {
                    self.this.left = true;
                    self.tally.left += 1;
                }
            }
        }
        self.deliver(told, now)
    }

    fn taken(&mut self, from: (Slot, Fence), open: Open) {
        match open {
            Open::Free => {}
            Open::Lapsed => self.tally.reclaimed += 1,
            Open::Given => {
                self.tally.freed += 1;
                self.mark(from, Given::Done);
            }
        }
    }

    fn not_written(&mut self, sent: &Sent, reply: &Reply) {
        self.this.collided = true;
        self.this.busy |= !matches!(reply, Reply::Refused(_));
        self.failure = Some(why(reply));
        if *reply != Reply::Unknown {
            return;
        }
        if let Sent::Granted { from, tell: Some(_), .. } = sent {
            self.unsure.push((from.0, from.1.next()));
        }
        if let Sent::Granted { from, open: Open::Given, .. } | Sent::Freed { from, open: Open::Given } = sent {
            self.mark(*from, Given::Unsure);
        }
    }

    fn mark(&mut self, at: (Slot, Fence), given: Given) {
        for give in self.giving.iter_mut().filter(|give| (give.slot, give.fence) == at) {
            give.given = given;
        }
    }

    fn deliver(&mut self, told: Vec<(Lease, Token)>, now: Millis) -> Settling {
        match Deliver::start(told, now) {
            Some((deliver, step)) => {
                self.this.progress = true;
                self.phase = Phase::Delivering(deliver);
                Settling::Next(step)
            }
            None => self.next_round(),
        }
    }

    fn collided(&mut self, failure: Failure) -> Settling {
        self.this.collided = true;
        self.this.busy = true;
        self.failure = Some(failure);
        self.next_round()
    }

    fn next_round(&mut self) -> Settling {
        let this = std::mem::take(&mut self.this);
        let pending = self.is_pending();
        self.rounds += 1;
        if this.collided {
            // A round in which this call got on is not a try.
            self.tried += u8::from(!this.progress || this.busy || self.rounds > ROUNDS);
            if self.tried <= self.settings.tries {
                let pause = if this.busy { jitter(self.entropy, self.tried) } else { Millis(0) };
                return self.look(pause);
            }
        } else if pending || this.left || (this.progress && this.more) {
            // A release does not pay for a whole backlog: a sweep does.
            let most = if self.thorough || pending { ROUNDS } else { ROUNDS / 4 };
            if self.rounds <= most {
                return self.look(Millis(0));
            }
        } else if this.freed {
            self.phase = Phase::LookingAgain;
            return Settling::Next(ask(vec![Request::Queue(1)]));
        }
        Settling::Done
    }

    fn look(&mut self, pause: Millis) -> Settling {
        self.phase = Phase::Looking;
        Settling::Next(ask_after(pause, look(self.head()).into()))
    }
}
