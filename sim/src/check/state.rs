//! What is the state of a world? The clock, the table, the clients, the calls under way, and what is still
//! on the network.

use leasehold_core::machine::{Answer, Life, Machine, Notice, Notified, Step};
use leasehold_core::nouns::{Attempt, Fence, Millis, Slot};
use leasehold_core::table::{Reply, Request, SlotRow};

use super::world::{Faults, Shared};
use crate::count_then_put::CountThenPut;
use crate::digest::Hashed;
use crate::table::MemoryTable;

/// A state of a world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// True time.
    pub(crate) now: u64,
    pub(crate) table: MemoryTable,
    pub(crate) clients: Vec<Hashed<Asker>>,
    pub(crate) calls: Vec<Hashed<Call>>,
    /// Writes whose caller got no answer, and that may still be served.
    pub(crate) late: Vec<Hashed<Request>>,
    /// What may still go wrong.
    pub(crate) left: Faults,
    pub(crate) sweeps: u8,
    /// How many changes of the limit are still to come.
    pub(crate) changes: u8,
    /// When the limit was changed, in true time.
    pub(crate) changed_at: Option<u64>,
    /// Anything went wrong so far.
    pub(crate) faulted: bool,
}

/// A client: a workflow execution, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asker {
    pub(crate) stage: Stage,
    /// How many attempts it has begun.
    pub(crate) begun: u8,
    /// When it entered the state that asks.
    pub(crate) entered: Millis,
    /// The tasks of its attempts.
    pub(crate) tasks: Vec<Task>,
    /// What it was told last.
    pub(crate) lease: Option<Told>,
    pub(crate) renews: u8,
    /// How many were granted a lease before it though they joined the queue later.
    pub(crate) overtaken: u8,
    /// When its execution ended, if that is still to be reported.
    pub(crate) report: Option<Millis>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// About to ask, for the first time or once more.
    Idle,
    /// Its task waits.
    Asking,
    /// It was told that it has a lease.
    Working,
    /// It has asked to release.
    Releasing,
    /// Its execution has ended.
    Over,
}

/// The task of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    /// It waits.
    Open,
    /// It was told that it has a lease.
    Told,
    /// It failed or timed out.
    Closed,
}

/// A lease as a client was told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Told {
    pub(crate) slot: Slot,
    pub(crate) fence: Fence,
    pub(crate) expires_at: Millis,
}

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    pub(crate) by: By,
    /// How far its clock is ahead.
    pub(crate) skew: u64,
    pub(crate) engine: Engine,
    pub(crate) waits: Waits,
    /// When its last step was given, on its own clock; kept only where that clock is all it sees.
    pub(crate) stepped: Millis,
    /// All answers are there, but it is frozen.
    pub(crate) frozen: bool,
    /// It uses the settings from before the limit was changed.
    pub(crate) stale: bool,
}

/// Whose call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum By {
    Acquire(usize, u8),
    Release(usize),
    /// By an attempt that was followed by a newer one.
    OlderRelease(usize, Attempt),
    Renew(usize),
    /// With when it ended, if nothing else of this client's was under way when that was reported.
    Gone(usize, Option<Millis>),
    Sweep,
    /// With when it began.
    Change(u64),
}

/// What runs it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Engine {
    Leasehold(Box<Machine>),
    CountThenPut(CountThenPut),
}

impl Engine {
    pub(crate) fn resume(&mut self, answer: Answer, now: Millis) -> Step {
        match self {
            Engine::Leasehold(machine) => machine.resume(answer, now),
            Engine::CountThenPut(caller) => caller.resume(answer, now),
        }
    }
}

/// What a call waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Waits {
    Table(Vec<(Request, Got)>),
    Tasks(Vec<(Notice, Option<Notified>)>),
    Lives(Vec<(std::sync::Arc<str>, Option<Life>)>),
}

/// What came of a request so far.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Got {
    Nothing,
    /// The rows of a query that were read at an earlier moment: those below, or from, this index.
    Half {
        below: bool,
        index: u32,
        rows: Vec<SlotRow>,
    },
    All(Reply),
}

impl Waits {
    pub(crate) fn on(step: Step) -> Result<Waits, leasehold_core::machine::Outcome> {
        Ok(match step {
            Step::Ask { requests, .. } => {
                Waits::Table(requests.into_iter().map(|request| (request, Got::Nothing)).collect())
            }
            Step::Notify(notices) => Waits::Tasks(notices.into_iter().map(|notice| (notice, None)).collect()),
            Step::Alive(ids) => Waits::Lives(ids.into_iter().map(|id| (id, None)).collect()),
            Step::Done(outcome) => return Err(outcome),
        })
    }

    /// The answer, if nothing is missing.
    pub(crate) fn answer(&self) -> Option<Answer> {
        match self {
            Waits::Table(requests) => requests
                .iter()
                .map(|(_, got)| if let Got::All(reply) = got { Some(reply.clone()) } else { None })
                .collect::<Option<_>>()
                .map(Answer::Replies),
            Waits::Tasks(notices) => {
                notices.iter().map(|(_, answer)| *answer).collect::<Option<_>>().map(Answer::Notices)
            }
            Waits::Lives(lives) => lives.iter().map(|(_, life)| *life).collect::<Option<_>>().map(Answer::Lives),
        }
    }

    /// Whether the answer to this one is the last that is missing.
    pub(crate) fn is_last(&self, at: usize) -> bool {
        match self {
            Waits::Table(requests) => {
                requests.iter().enumerate().all(|(i, (_, got))| i == at || matches!(got, Got::All(_)))
            }
            Waits::Tasks(notices) => notices.iter().enumerate().all(|(i, (_, answer))| i == at || answer.is_some()),
            Waits::Lives(lives) => lives.iter().enumerate().all(|(i, (_, life))| i == at || life.is_some()),
        }
    }
}

impl Asker {
    /// Which attempt this is, as the holder's rows keep it. Clients that share a name never share an attempt.
    pub(crate) fn attempt(&self, client: usize, number: u8) -> Attempt {
        let retry = u32::from(number) * 8 + u32::try_from(client).unwrap_or(0);
        Attempt { entered: self.entered, retry }
    }

    /// Which of this client's attempts it is.
    pub(crate) fn number(client: usize, attempt: Attempt) -> Option<u8> {
        (attempt.retry as usize % 8 == client).then(|| u8::try_from(attempt.retry / 8).unwrap_or(u8::MAX))
    }
}

impl State {
    pub(crate) fn begin(shared: &Shared) -> State {
        let world = &shared.world;
        let asker = |client: &super::world::Client| {
            Hashed::new(Asker {
                stage: Stage::Idle,
                begun: 0,
                entered: Millis(super::world::BEGIN),
                tasks: vec![],
                lease: None,
                renews: client.renews,
                overtaken: 0,
                report: None,
            })
        };
        State {
            now: super::world::BEGIN,
            table: shared.begin(),
            clients: world.clients.iter().map(asker).collect(),
            calls: vec![],
            late: vec![],
            left: world.faults,
            sweeps: world.sweeps,
            changes: world.change.map_or(0, |change| 1 + u8::from(change.then.is_some())),
            changed_at: None,
            faulted: false,
        }
    }

    /// Nothing is under way: no call, nothing on the network.
    pub(crate) fn is_quiet(&self) -> bool {
        self.calls.is_empty() && self.late.is_empty()
    }

    pub(crate) fn client(&mut self, at: usize, change: impl FnOnce(&mut Asker)) {
        let mut asker = self.clients[at].clone().into_inner();
        change(&mut asker);
        self.clients[at] = Hashed::new(asker);
    }

    /// The settings have changed: every call under way began with the old ones.
    pub(crate) fn all_are_stale(&mut self) {
        for call in std::mem::take(&mut self.calls) {
            self.add_call(Call { stale: true, ..call.into_inner() });
        }
    }

    /// The digests decide the order, so that states which differ only in that order are one.
    pub(crate) fn add_call(&mut self, call: Call) {
        let call = Hashed::new(call);
        let at = self.calls.partition_point(|other| other.digest() < call.digest());
        self.calls.insert(at, call);
    }

    pub(crate) fn add_late(&mut self, request: Request) {
        let request = Hashed::new(request);
        let at = self.late.partition_point(|other| other.digest() < request.digest());
        self.late.insert(at, request);
    }
}
