//! The start of a call: what runs in it, under each strategy, and what is it asked for?

use std::sync::Arc;

use leasehold_core::{
    AcquireRequest, Attempt, Effect, ExecutionEnded, ExpectedOverride, Millis, Mode, Operation, ReleaseTarget,
    RenewRequest, Request, SetLimit, Settings, Step, SweepRequest, TaskToken, Timestamp,
};

use super::call::{Call, CallPurpose};
use super::draws::Draw;
use super::engine::Engine;
use super::lane::Lane;
use super::played_operation::{PlayedOperation, PlayedOutcome};
use crate::count_then_put::{self, CountThenPut};
use crate::strategy::Strategy;

impl Lane {
    /// The settings that this call goes by, which begins now: its function may have read them some time ago.
    pub(crate) fn settings_of(&self, call: &Call) -> &Arc<Settings> {
        let cached = self.draws.of(Draw::Cached, call.key).below(self.scenario.leases.cache + 1);
        self.pools[call.pool].settings_at(self.queue.now().saturating_sub(cached))
    }

    /// What runs in this call from now on, on its own clock, and its first step. None: what it was for is over.
    pub(crate) fn start_engine(&self, call: &Call, now: Timestamp) -> Option<(Engine, Step<PlayedOutcome>)> {
        let settings = self.settings_of(call);
        match self.strategy {
            Strategy::CountThenPut => self.start_count_then_put(call, settings, now),
            Strategy::Leasehold => {
                let operation = self.operation(call)?;
                let entropy = self.draws.of(Draw::Entropy, call.key).number();
                let (machine, step) = operation.start(settings.clone(), now, entropy);
                Some((Engine::Leasehold(Box::new(machine)), step))
            }
        }
    }

    fn start_count_then_put(
        &self,
        call: &Call,
        settings: &Settings,
        now: Timestamp,
    ) -> Option<(Engine, Step<PlayedOutcome>)> {
        let single = |request: Request| Step::Perform { effects: vec![Effect::Request(request)], pause: Millis(0) };
        let job = self.fleet.jobs.get(call.purpose.job()?)?;
        Some(match call.purpose {
            CallPurpose::Acquire { task, .. } if task == job.task => {
                let prefix = self.pools[call.pool].prefix.clone();
                let (caller, step) =
                    CountThenPut::start(prefix, job.holder.clone(), settings.limit.count(), settings.lease);
                (Engine::CountThenPut(caller), step.map(PlayedOutcome::Acquire))
            }
            CallPurpose::Release { .. } => (Engine::Single(now), single(count_then_put::remove(&job.holder))),
            CallPurpose::Renew { .. } => {
                (Engine::Single(now + settings.lease), single(count_then_put::put(&job.holder, now + settings.lease)))
            }
            _ => return None,
        })
    }

    /// What the protocol is asked for.
    fn operation(&self, call: &Call) -> Option<PlayedOperation> {
        let job = |job: u32| self.fleet.jobs.get(job);
        Some(match call.purpose {
            CallPurpose::Acquire { job: number, task } => {
                let job = job(number).filter(|job| job.task == task)?;
                let token = if self.scenario.queue { Some(TaskToken::new(&job.token()).ok()?) } else { None };
                PlayedOperation::Acquire(AcquireRequest {
                    holder: job.holder.clone(),
                    attempt: Some(Attempt { entered: job.entered, redrive: 0, retry: job.retry }),
                    mode: if self.scenario.queue { Mode::Queue(token) } else { Mode::Poll },
                    lease: None,
                    wait: None,
                    label: None,
                })
            }
            CallPurpose::Release { job: number } => {
                PlayedOperation::Release(ReleaseTarget::Lease(job(number)?.lease.as_ref()?.id.clone()))
            }
            CallPurpose::Renew { job: number } => {
                PlayedOperation::Renew(RenewRequest { id: job(number)?.lease.as_ref()?.id.clone(), lease: None })
            }
            CallPurpose::Sweep => PlayedOperation::Sweep(SweepRequest),
            CallPurpose::ExecutionEnded { job: number } => {
                let job = job(number)?;
                // Whatever was entered in the millisecond of the end was entered before.
                let at = self.clock(0) + Millis(1);
                PlayedOperation::ExecutionEnded(ExecutionEnded {
                    execution: job.holder.execution().into(),
                    at,
                    redrive: None,
                    after: None,
                })
            }
            CallPurpose::Limit => PlayedOperation::SetLimit(SetLimit {
                limit: self.pools[call.pool].operator.wish,
                who: "operator".into(),
                why: "a live change".into(),
                lasts: None,
                expected: ExpectedOverride::Any,
            }),
        })
    }
}
