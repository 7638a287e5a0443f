//! A pool in memory that runs one operation after the other: what does each come to, and what does it leave behind?
//!
//! The table's replies, the notices' answers and the passing of time are the script's to decide.

#![allow(dead_code, clippy::expect_used, clippy::panic, reason = "each test uses a part of it, and fails by it")]

use std::sync::Arc;

use leasehold_core::acquire::{Ask, Mode};
use leasehold_core::change::NewLimit;
use leasehold_core::gone::Ended;
use leasehold_core::machine::{Answer, Life, Machine, News, Notice, Notified, Operation, Outcome, Step, Tally};
use leasehold_core::nouns::{Attempt, Holder, Lease, Limit, Millis, Token};
use leasehold_core::release::What;
use leasehold_core::renew::Longer;
use leasehold_core::settings::Settings;
use leasehold_core::table::{HolderRow, Key, OverrideRow, PoolRow, Reply, Request, Row, SlotRow, WaitRow};
use leasehold_sim::table::MemoryTable;

/// When every script begins.
pub(crate) const T: u64 = 1_000_000;

/// What the table answers instead of serving a request; none: it serves it.
type Trouble = Box<dyn FnMut(&mut MemoryTable, &Request) -> Option<Reply>>;

/// A pool, and what its tasks and executions answer.
pub(crate) struct Pool {
    pub(crate) settings: Settings,
    pub(crate) table: MemoryTable,
    /// The table's answers where it does not serve.
    pub(crate) trouble: Trouble,
    /// What every notice comes to.
    pub(crate) notified: Notified,
    /// What is known of every execution.
    pub(crate) life: Life,
    /// All notices so far, one list for each time that some were sent together.
    pub(crate) told: Vec<Vec<Notice>>,
    /// All requests so far.
    pub(crate) asked: Vec<Request>,
    /// How many milliseconds pass before each answer.
    pub(crate) late: u64,
}

impl Pool {
    pub(crate) fn new(of: u64) -> Pool {
        let mut pool = Pool {
            settings: Settings::new("p".parse().expect("a prefix"), limit(of)),
            table: MemoryTable::default(),
            trouble: Box::new(|_, _| None),
            notified: Notified::Delivered,
            life: Life::Running,
            told: vec![],
            asked: vec![],
            late: 0,
        };
        pool.table.put(Row::Pool(PoolRow::new(limit(of))));
        pool
    }

    /// Runs one operation to its end.
    pub(crate) fn run(&mut self, operation: Operation, now: u64) -> Outcome {
        let (mut machine, mut step) = Machine::start(operation, Arc::new(self.settings.clone()), Millis(now), 1);
        for turn in 1..1_000 {
            let answer = match step {
                Step::Done(outcome) => return outcome,
                Step::Ask { requests, .. } => {
                    let mut serve = |request: &Request| {
                        self.asked.push(request.clone());
                        (self.trouble)(&mut self.table, request).unwrap_or_else(|| self.table.serve(request))
                    };
                    Answer::Replies(requests.iter().map(&mut serve).collect())
                }
                Step::Notify(notices) => {
                    let answers = vec![self.notified; notices.len()];
                    self.told.push(notices);
                    Answer::Notices(answers)
                }
                Step::Alive(executions) => Answer::Lives(vec![self.life; executions.len()]),
            };
            step = machine.resume(answer, Millis(now + self.late * turn));
        }
        panic!("the operation never ends");
    }

    pub(crate) fn acquire(&mut self, ask: Ask, now: u64) -> Outcome {
        self.run(Operation::Acquire(ask), now)
    }

    /// Runs an acquire that must be answered with a lease.
    pub(crate) fn lease(&mut self, ask: Ask, now: u64) -> Lease {
        match self.acquire(ask, now) {
            Outcome::Acquired(lease) => lease,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn release(&mut self, what: What, now: u64) -> Outcome {
        self.run(Operation::Release(what), now)
    }

    pub(crate) fn give_back(&mut self, lease: &Lease, now: u64) -> Outcome {
        self.release(What::Lease(lease.id.clone()), now)
    }

    pub(crate) fn renew(&mut self, lease: &Lease, longer: Option<u64>, now: u64) -> Outcome {
        self.run(Operation::Renew(Longer { id: lease.id.clone(), lease: longer.map(Millis) }), now)
    }

    pub(crate) fn change(&mut self, to: u64, now: u64) -> Outcome {
        let new = NewLimit { limit: limit(to), who: "operator".into(), why: "because".into() };
        self.run(Operation::Change(new), now)
    }

    pub(crate) fn sweep(&mut self, now: u64) -> Tally {
        match self.run(Operation::Sweep, now) {
            Outcome::Swept(tally) => tally,
            other => panic!("{other:?}"),
        }
    }

    /// The execution ended at this moment.
    pub(crate) fn ended(&mut self, execution: &str, at: u64) -> Outcome {
        self.run(Operation::Gone(Ended { execution: execution.into(), at: Millis(at), after: None }), at)
    }

    /// A waiter is there though every slot may be free: it joined while the limit was zero.
    pub(crate) fn joined(&mut self, ask: Ask, now: u64) {
        let limit_now = std::mem::replace(&mut self.settings.limit, limit(0));
        assert_eq!(self.acquire(ask, now), Outcome::Queued);
        self.settings.limit = limit_now;
    }

    pub(crate) fn slots(&self) -> Vec<SlotRow> {
        self.table.slots().cloned().collect()
    }

    /// Who holds this slot; none: nobody.
    pub(crate) fn holder_of(&self, slot: u32) -> Option<String> {
        let row = self.table.slots().find(|row| row.slot.0 == slot)?;
        row.held.as_ref().map(|held| held.holder.execution().to_owned())
    }

    pub(crate) fn held(&self) -> usize {
        self.table.slots().filter(|row| row.held.is_some()).count()
    }

    pub(crate) fn queue(&self) -> Vec<WaitRow> {
        let place = |row: &Row| if let Row::Wait(row) = row { Some(row.clone()) } else { None };
        self.table.rows().filter_map(place).collect()
    }

    pub(crate) fn row_of(&self, name: &str) -> HolderRow {
        match self.table.row(Key::Holder(holder(name).hashed())) {
            Some(Row::Holder(row)) => row.clone(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn live_limit(&self) -> OverrideRow {
        match self.table.row(Key::Override) {
            Some(Row::Override(row)) => row.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// What this task was told so far.
    pub(crate) fn heard(&self, task: &str) -> Vec<News> {
        let mine = |notice: &&Notice| notice.token.secret() == task;
        self.told.iter().flatten().filter(mine).map(|notice| notice.news.clone()).collect()
    }

    /// Whether this task was told that it has a lease.
    pub(crate) fn has_a_lease(&self, task: &str) -> bool {
        self.heard(task).iter().any(|news| matches!(news, News::Acquired(_)))
    }
}

pub(crate) fn limit(of: u64) -> Limit {
    Limit::try_from(of).expect("a limit")
}

pub(crate) fn holder(name: &str) -> Holder {
    Holder::new(name, "", None).expect("a holder")
}

pub(crate) fn attempt(at: u64) -> Attempt {
    Attempt::first(Millis(at))
}

/// Asks without waiting.
pub(crate) fn poll(name: &str, at: Option<u64>) -> Ask {
    let attempt = at.map(attempt);
    Ask { holder: holder(name), attempt, mode: Mode::Poll, lease: None, wait: None, label: None }
}

/// Asks and waits; its task has the holder's name.
pub(crate) fn queue(name: &str, at: Option<u64>) -> Ask {
    task(name, name, at)
}

/// Asks and waits; its task has this name.
pub(crate) fn task(name: &str, task: &str, at: Option<u64>) -> Ask {
    Ask { mode: Mode::Queue(Some(Token::new(task).expect("a token"))), ..poll(name, at) }
}

/// Asks for one of the branches of an execution.
pub(crate) fn branch(execution: &str, key: u64, ask: Ask) -> Ask {
    Ask { holder: Holder::new(execution, &key.to_string(), None).expect("a holder"), ..ask }
}

/// An item of a map run.
pub(crate) fn item(execution: &str, key: &str, parent: &str) -> Holder {
    Holder::new(execution, key, Some(parent)).expect("a holder")
}
