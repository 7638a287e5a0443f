//! Engines: what runs in a call, under each strategy?

use leasehold_core::acquire::{Ask, Mode};
use leasehold_core::change::NewLimit;
use leasehold_core::gone::Ended;
use leasehold_core::machine::{Answer, Failure, Machine, Operation, Outcome, Step};
use leasehold_core::nouns::{Attempt, Limit, Millis, Token};
use leasehold_core::release::What as Giving;
use leasehold_core::renew::Longer;
use leasehold_core::settings::Settings;
use leasehold_core::table::{Reply, Request};

use super::call::{Call, CallPurpose};
use super::draws::Draw;
use super::lane::Lane;
use super::strategy::Strategy;
use crate::count_then_put::{self, CountThenPut};

/// What runs in a call.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    /// One of the protocol's machines.
    Leasehold(Box<Machine>),
    /// A caller that counts, then puts.
    CountThenPut(CountThenPut),
    /// One write without a condition, and no more (count, then put: renew and release); until when the lease it puts
    /// lasts.
    Single(Millis),
}

impl Engine {
    /// Its next step, once all of this answer has come.
    pub(crate) fn resume(&mut self, answer: Answer, now: Millis) -> Step {
        match self {
            Engine::Leasehold(machine) => machine.resume(answer, now),
            Engine::CountThenPut(caller) => caller.resume(answer, now),
            Engine::Single(_) => Step::Done(match answer {
                Answer::Replies(replies) if replies == [Reply::Written] => {
                    Outcome::Released { lease: None, already: false }
                }
                _ => Outcome::Failed(Failure::Unavailable),
            }),
        }
    }

    /// How many leases it counted, if it counts and has done so.
    pub(crate) fn counted(&self) -> Option<u32> {
        match self {
            Engine::CountThenPut(caller) => caller.counted(),
            Engine::Leasehold(_) | Engine::Single(_) => None,
        }
    }

    /// Until when the lease lasts that its one write puts.
    pub(crate) fn expires_at(&self) -> Option<Millis> {
        match self {
            Engine::Single(expires_at) => Some(*expires_at),
            Engine::Leasehold(_) | Engine::CountThenPut(_) => None,
        }
    }
}

impl Lane {
    /// What runs in this call from now on, on its own clock, and its first step. None: what it was for is over.
    pub(crate) fn start_engine(&self, call: &Call, now: Millis) -> Option<(Engine, Step)> {
        // Its function may have read the settings some time ago.
        let cached = self.draws.of(Draw::Cached, call.key).below(self.scenario.leases.cache + 1);
        let settings = self.pools[call.pool].settings_at(self.queue.now().saturating_sub(cached));
        match self.strategy {
            Strategy::CountThenPut => self.start_count_then_put(call, settings, now),
            Strategy::Leasehold => {
                let operation = self.operation(call)?;
                let entropy = self.draws.of(Draw::Entropy, call.key).number();
                let (machine, step) = Machine::start(operation, settings.clone(), now, entropy);
                Some((Engine::Leasehold(Box::new(machine)), step))
            }
        }
    }

    fn start_count_then_put(&self, call: &Call, settings: &Settings, now: Millis) -> Option<(Engine, Step)> {
        let single = |request: Request| Step::Ask { requests: vec![request], pause: Millis(0) };
        let job = self.fleet.jobs.get(call.purpose.job()?)?;
        Some(match call.purpose {
            CallPurpose::Acquire { task, .. } if task == job.task => {
                let prefix = self.pools[call.pool].prefix.clone();
                let (caller, step) =
                    CountThenPut::start(prefix, job.holder.clone(), settings.limit.count(), settings.lease);
                (Engine::CountThenPut(caller), step)
            }
            CallPurpose::Release { .. } => (Engine::Single(now), single(count_then_put::remove(&job.holder))),
            CallPurpose::Renew { .. } => {
                (Engine::Single(now + settings.lease), single(count_then_put::put(&job.holder, now)))
            }
            _ => return None,
        })
    }

    /// What the protocol is asked for.
    fn operation(&self, call: &Call) -> Option<Operation> {
        let job = |job: u32| self.fleet.jobs.get(job);
        Some(match call.purpose {
            CallPurpose::Acquire { job: number, task } => {
                let job = job(number).filter(|job| job.task == task)?;
                let token = if self.scenario.queue { Some(Token::new(&job.token()).ok()?) } else { None };
                Operation::Acquire(Ask {
                    holder: job.holder.clone(),
                    attempt: Some(Attempt { entered: job.entered, retry: job.retry }),
                    mode: if self.scenario.queue { Mode::Queue(token) } else { Mode::Poll },
                    lease: None,
                    wait: None,
                    label: None,
                })
            }
            CallPurpose::Release { job: number } => {
                Operation::Release(Giving::Lease(job(number)?.lease.as_ref()?.id.clone()))
            }
            CallPurpose::Renew { job: number } => {
                Operation::Renew(Longer { id: job(number)?.lease.as_ref()?.id.clone(), lease: None })
            }
            CallPurpose::Sweep => Operation::Sweep,
            CallPurpose::Gone { job: number } => {
                let job = job(number)?;
                // Whatever was entered in the millisecond of the end was entered before.
                let at = self.clock(0) + Millis(1);
                Operation::Gone(Ended { execution: job.holder.execution().into(), at, after: None })
            }
            CallPurpose::Limit => Operation::Change(NewLimit {
                limit: Limit::try_from(u64::from(self.observer.pools[call.pool].limit)).ok()?,
                who: "operator".into(),
                why: "a live change".into(),
            }),
        })
    }
}
