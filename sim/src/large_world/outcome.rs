//! Outcomes of calls: what did an operation come to, is it done, and what follows for its caller?

use leasehold_core::{
    AcquireOutcome, AnyOperation, AnyOutcome, ExecutionEnded, ExecutionFreed, Failure, LossReason, ReleaseAll, Tally,
    contract::ContractError,
};

use super::call::{CallOutcome, Caller};
use super::population::{AskMode, Stage};
use super::world::World;

/// How often one invocation sweeps a pool that has more to do than one round does, as the lease manager does.
const SWEEPS: u8 = 8;

impl World {
    /// An operation is done: its promises are judged, and its caller hears of it; or another round begins.
    pub(super) fn done(&mut self, at: u32, outcome: Result<AnyOutcome, Failure>) {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(failure) => return self.fails_with(at, &failure),
        };
        let (by, pool) = (self.calls[at as usize].by, self.calls[at as usize].pool);
        if self.story.is_some() {
            self.tell(format!("{}: done: {outcome:?}", self.name_of(at)));
        }
        match (by, &outcome) {
            (Caller::Sweep { is_scheduled }, AnyOutcome::Sweep(tally)) => {
                self.judge_sweep(at);
                if is_scheduled && self.sweeps_again(at, *tally) {
                    return;
                }
            }
            (Caller::Ended { report }, AnyOutcome::ExecutionEnded(freed)) => {
                if self.frees_more(at, *freed) {
                    return;
                }
                self.judge_gone(report);
            }
            (Caller::ReleaseAll { .. }, AnyOutcome::ReleaseAll(freed)) if self.frees_more(at, *freed) => return,
            (Caller::Release { holder, is_heard: true, epoch }, AnyOutcome::Release(_))
                if self.members[holder as usize].epoch == epoch =>
            {
                self.judge_given_back(pool, holder);
            }
            (
                Caller::Acquire { holder, task, is_heard: true },
                AnyOutcome::Acquire(AcquireOutcome::Acquired(lease)),
            ) => {
                if self.members[holder as usize].mode != AskMode::Queue {
                    self.judge_answer(at, lease.expires_at);
                }
                let member = &self.members[holder as usize];
                if member.mode == AskMode::Poll && member.task == task && member.stage == Stage::Asking {
                    let lease = lease.clone();
                    self.judge_told(holder, &lease);
                }
            }
            (Caller::Renew { holder, epoch }, AnyOutcome::Renew(renewed)) => {
                self.judge_answer(at, renewed.expires_at);
                if self.members[holder as usize].epoch == epoch {
                    self.judge_renewed(holder, renewed.expires_at);
                }
            }
            _ => {}
        }
        self.finish(at, Ok(CallOutcome::Operation(Box::new(outcome))));
    }

    fn sweeps_again(&mut self, at: u32, tally: Tally) -> bool {
        let call = &mut self.calls[at as usize];
        call.rounds += 1;
        // A round that did nothing would do nothing again; neither would one after trouble.
        let again = tally.more && tally.got_on() && !call.is_faulted && call.rounds < SWEEPS;
        if again {
            self.start(at);
        }
        again
    }

    fn frees_more(&mut self, at: u32, freed: ExecutionFreed) -> bool {
        let Some(more) = freed.more else { return false };
        let call = &mut self.calls[at as usize];
        let after = Some(more);
        call.operation = match call.operation.take() {
            Some(AnyOperation::ExecutionEnded(ended)) => Some(ExecutionEnded { after, ..ended }.into()),
            Some(AnyOperation::ReleaseAll(all)) => Some(ReleaseAll { after, ..all }.into()),
            other => other,
        };
        self.start(at);
        true
    }

    /// A call came to nothing: what its caller is told.
    pub(super) fn fails_with(&mut self, at: u32, failure: &Failure) {
        if self.story.is_some() {
            self.tell(format!("{}: fails: {failure}", self.name_of(at)));
        }
        self.report.calls_failed += 1;
        let mut error = ContractError::from(failure.clone()).error_type();
        let process = self.calls[at as usize].by.holder().map(|holder| self.members[holder as usize].mode);
        if *failure == Failure::Lost(LossReason::ExpiredUntold) && process == Some(AskMode::Process) {
            // It is still there, and the same attempt may have it for longer.
            error = ContractError::TableUnavailable.error_type();
        }
        self.finish(at, Err(error));
    }
}
