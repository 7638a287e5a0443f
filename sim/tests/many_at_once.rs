//! What happens when everybody comes at the same moment? Crowds in lockstep: every caller's nth request is served
//! before any caller's next one, which makes them collide as often as they can.

#![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

use std::sync::Arc;

use leasehold_core::acquire::{Ask, Mode};
use leasehold_core::machine::{Answer, Failure, Life, Machine, News, Notified, Operation, Outcome, Step};
use leasehold_core::nouns::{Holder, LeaseId, Limit, Millis, Prefix, Token};
use leasehold_core::release::What;
use leasehold_core::settings::Settings;
use leasehold_core::table::{Reply, Request};
use leasehold_sim::table::MemoryTable;

const NOW: Millis = Millis(1_000_000);

struct Crowd {
    settings: Arc<Settings>,
    table: MemoryTable,
    /// Which tokens were told of which lease.
    told: Vec<(String, LeaseId)>,
    /// How many requests were sent.
    requests: usize,
}

impl Crowd {
    fn new(limit: u64) -> Crowd {
        let prefix: Prefix = "crowd".parse().expect("a prefix");
        let settings = Arc::new(Settings::new(prefix, Limit::try_from(limit).expect("a limit")));
        Crowd { settings, table: MemoryTable::default(), told: vec![], requests: 0 }
    }

    /// Runs all of them in lockstep; returns what each came to.
    fn run(&mut self, operations: Vec<Operation>) -> Vec<Outcome> {
        let begin = |(at, operation)| Machine::start(operation, self.settings.clone(), NOW, at as u64);
        let mut calls: Vec<(Machine, Step)> = operations.into_iter().enumerate().map(begin).collect();
        while calls.iter().any(|(_, step)| !matches!(step, Step::Done(_))) {
            for (machine, step) in &mut calls {
                let answer = match step {
                    Step::Done(_) => continue,
                    Step::Ask { requests, .. } => {
                        self.requests += requests.len();
                        Answer::Replies(requests.iter().map(|request| self.table.serve(request)).collect())
                    }
                    Step::Notify(notices) => {
                        for notice in notices.iter() {
                            let News::Acquired(lease) = &notice.news else { panic!("nobody is failed here") };
                            self.told.push((notice.token.secret().to_owned(), lease.id.clone()));
                        }
                        Answer::Notices(notices.iter().map(|_| Notified::Delivered).collect())
                    }
                    Step::Alive(ids) => Answer::Lives(ids.iter().map(|_| Life::Running).collect()),
                };
                *step = machine.resume(answer, NOW);
            }
        }
        calls
            .into_iter()
            .filter_map(|(_, step)| if let Step::Done(outcome) = step { Some(outcome) } else { None })
            .collect()
    }

    fn ask(&self, name: String, at: u64) -> Operation {
        let holder = Holder::new(&name, "", None).expect("a holder");
        let attempt = Some(leasehold_core::nouns::Attempt::first(Millis(at)));
        let mode = Mode::Queue(Some(Token::new(&name).expect("a token")));
        Operation::Acquire(Ask { holder, attempt, mode, lease: None, wait: None, label: None })
    }

    fn waiting(&mut self) -> usize {
        match self.table.serve(&Request::Queue(u32::MAX)) {
            Reply::Queue(rows, _) => rows.len(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_hundred_who_release_at_once_hand_every_slot_to_a_waiter() {
    let mut crowd = Crowd::new(100);
    for at in 0..200 {
        let ask = crowd.ask(format!("holder-{at:03}"), at);
        crowd.run(vec![ask]);
    }
    assert_eq!((crowd.told.len(), crowd.waiting()), (100, 100));

    let releases = crowd.told.iter().map(|(_, id)| Operation::Release(What::Lease(id.clone()))).collect();
    let outcomes = crowd.run(releases);
    for outcome in &outcomes {
        assert!(matches!(outcome, Outcome::Released { already: false, .. }), "{outcome:?}");
    }
    let told: std::collections::BTreeSet<_> = crowd.told.iter().map(|(token, _)| token.clone()).collect();
    assert_eq!((told.len(), crowd.told.len(), crowd.waiting()), (200, 200, 0));
}

#[test]
fn a_hundred_who_ask_at_once_fill_every_slot_and_the_others_wait() {
    let mut crowd = Crowd::new(15);
    let asks = (0..100).map(|at| crowd.ask(format!("holder-{at:03}"), at)).collect();
    let outcomes = crowd.run(asks);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Acquired(_) | Outcome::Queued)), "{outcomes:?}");
    assert_eq!((crowd.told.len(), crowd.waiting()), (15, 85));
}

#[test]
fn slots_freed_one_after_the_other_are_granted_in_the_order_of_the_queue() {
    let mut crowd = Crowd::new(1);
    for at in 0..20 {
        let holder = Holder::new(&format!("holder-{at:03}"), "", None).expect("a holder");
        let attempt = Some(leasehold_core::nouns::Attempt::first(Millis(at)));
        let mode = Mode::Queue(Some(Token::new(&format!("{at}")).expect("a token")));
        let ask = Ask { holder, attempt, mode, lease: None, wait: None, label: None };
        // Each joins a millisecond after the one before.
        let (mut machine, mut step) =
            Machine::start(Operation::Acquire(ask), crowd.settings.clone(), Millis(NOW.0 + at), at);
        loop {
            step = match step {
                Step::Done(_) => break,
                Step::Ask { requests, .. } => {
                    let replies = requests.iter().map(|request| crowd.table.serve(request)).collect();
                    machine.resume(Answer::Replies(replies), Millis(NOW.0 + at))
                }
                Step::Notify(notices) => {
                    let News::Acquired(lease) = &notices[0].news else { panic!("nobody is failed here") };
                    crowd.told.push((notices[0].token.secret().to_owned(), lease.id.clone()));
                    machine.resume(Answer::Notices(vec![Notified::Delivered]), Millis(NOW.0 + at))
                }
                Step::Alive(_) => panic!("no task is closed here"),
            };
        }
    }
    for next in 1..20 {
        let (_, id) = crowd.told.last().cloned().expect("somebody holds it");
        crowd.run(vec![Operation::Release(What::Lease(id))]);
        assert_eq!(crowd.told.last().map(|(token, _)| token.as_str()), Some(format!("{next}").as_str()));
    }
}

#[test]
fn what_a_job_costs_does_not_depend_on_how_many_wait() {
    let cost = |waiters: u64| {
        let mut crowd = Crowd::new(3);
        for at in 0..3 + waiters {
            let ask = crowd.ask(format!("holder-{at:04}"), at);
            crowd.run(vec![ask]);
        }
        let before = crowd.requests;
        let ask = crowd.ask("the job".to_owned(), 1);
        crowd.run(vec![ask]);
        let (_, id) = crowd.told[0].clone();
        crowd.run(vec![Operation::Release(What::Lease(id))]);
        crowd.requests - before
    };
    assert_eq!(cost(1), cost(30));
    assert_eq!(cost(30), cost(300));
}

#[test]
fn a_second_task_of_one_attempt_is_refused_while_it_waits_and_while_it_holds() {
    let mut crowd = Crowd::new(1);
    for name in ["holds", "waits"] {
        let ask = crowd.ask(name.to_owned(), 1);
        crowd.run(vec![ask]);
        let Operation::Acquire(same) = crowd.ask(name.to_owned(), 1) else { panic!("it asks") };
        let other = Mode::Queue(Some(Token::new("another task").expect("a token")));
        let outcomes = crowd.run(vec![Operation::Acquire(Ask { mode: other, ..same })]);
        assert!(matches!(outcomes[..], [Outcome::Failed(Failure::Busy(_))]), "{name}: {outcomes:?}");
    }
}
