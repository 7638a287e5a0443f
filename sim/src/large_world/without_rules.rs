//! Worlds without a rule: what does a call not know, and the table not check, where a rule is taken away? All of it from
//! outside: the code under test is as it is.

use leasehold_core::{
    Condition, ExecutionStatus, FailureReason, Guard, HolderState, Millis, Notice, Reply, Request, Row, RowKey,
    Settings, TaskResult, Timestamp,
};

use super::call::Caller;
use super::removal::Removal;
use super::rows_in_tree::RowTree;
use super::world::World;
use crate::checker::Ablation;
use crate::row_store::RowStore;

impl World {
    /// Whether this rule is taken away.
    pub(super) fn is_without(&self, rule: Ablation) -> bool {
        self.plan.without == Some(Removal::Rule(rule))
    }

    /// The conditions that the table does not check.
    pub(super) fn ignored(&self) -> Option<Guard> {
        if let Some(Removal::Condition(guard)) = self.plan.without { Some(guard) } else { None }
    }

    /// The settings as a call is to know them.
    pub(super) fn redacted_settings(&self, mut settings: Settings) -> Settings {
        if self.is_without(Ablation::Grace) {
            settings.grace = Millis(0);
        }
        if self.is_without(Ablation::Quiet) {
            settings.quiet = Millis(0);
            settings.lowered = None;
        }
        settings
    }

    /// A request as the table is to know it.
    pub(super) fn redacted_request(&self, pool: u16, request: &Request) -> Option<Request> {
        if !self.is_without(Ablation::Attempts) || request.writes().is_empty() {
            return None;
        }
        let mut request = request.clone();
        let writes = match &mut request {
            Request::Write(write) => std::slice::from_mut(write),
            Request::Transact(writes) => writes.as_mut_slice(),
            _ => return None,
        };
        for write in writes {
            let Some(Row::Holder(row)) = self.pools[usize::from(pool)].table.row(write.key) else { continue };
            for (_, condition) in &mut write.conditions {
                if let Condition::HolderEnded(attempt) | Condition::HolderWaits(_, attempt) = condition {
                    *attempt = row.attempt;
                }
            }
        }
        Some(request)
    }

    /// Takes from a reply what a call is not to know.
    pub(super) fn redact_reply(&self, pool: u16, by: Option<u32>, request: &Request, reply: &mut Reply) {
        let Some(Removal::Rule(rule)) = self.plan.without else { return };
        match (rule, reply) {
            (Ablation::SecondLook, Reply::Queue(rows, more)) if *request == Request::Queue(1) => {
                rows.clear();
                *more = false;
            }
            (Ablation::Unconfirmed, Reply::Slots(rows)) => {
                for held in rows.iter_mut().filter_map(|row| row.held.as_mut()) {
                    if let Some(token) = held.open_token() {
                        held.notice = Notice::Confirmed(token.digest());
                    }
                }
            }
            (Ablation::AboveLimit, Reply::Slots(rows)) => {
                let asks = by.is_some_and(|by| matches!(self.calls[by as usize].by, Caller::Acquire { .. }));
                let limits = self.pools[usize::from(pool)].limits.iter().map(|(_, limit)| *limit);
                let lowest = limits.min().unwrap_or(u32::MAX);
                rows.retain(|row| !asks || row.slot.0 < lowest);
            }
            (Ablation::Attempts, Reply::Row(Some(Row::Holder(row)))) => row.attempt = Default::default(),
            _ => {}
        }
    }

    /// Forgets the holders' rows that a write just ended.
    pub(super) fn forget_ended(&mut self, pool: u16, written: &Request) {
        if !self.is_without(Ablation::Tombstones) {
            return;
        }
        let table: &mut RowTree = &mut self.pools[usize::from(pool)].table;
        for write in written.writes() {
            let ended = match table.row(write.key) {
                Some(Row::Holder(row)) => row.state == HolderState::Ended,
                _ => false,
            };
            if ended {
                table.remove(write.key);
            }
            if let Some(Row::Slot(row)) = table.row(write.key)
                && row.held.is_none()
            {
                let (slot, fence) = (row.slot, row.fence);
                let stale = |row: &Row| match row {
                    Row::Holder(row) if row.state == (HolderState::Holding { slot, fence }) => {
                        Some(row.holder.hashed())
                    }
                    _ => None,
                };
                let stale = table.rows().find_map(stale);
                if let Some(key) = stale {
                    table.remove(RowKey::Holder(key));
                }
            }
        }
    }

    /// Whether a callback is only said to have arrived.
    pub(super) fn is_not_revoked(&self, result: &TaskResult) -> bool {
        self.is_without(Ablation::Revoke)
            && matches!(result, TaskResult::Failed(FailureReason::Expired | FailureReason::Released))
    }

    /// What is said of an execution that a call asks for.
    pub(super) fn redacted_status(&self, status: ExecutionStatus) -> ExecutionStatus {
        if self.is_without(Ablation::ClosedMeansEnded) { ExecutionStatus::Ended } else { status }
    }

    /// When an execution is said to have ended.
    pub(super) fn redacted_end(&self, ended: Timestamp) -> Timestamp {
        if self.is_without(Ablation::WhenItEnded) { self.time() + Millis(1) } else { ended }
    }
}
