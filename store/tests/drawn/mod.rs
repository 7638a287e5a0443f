//! Rows and requests drawn from a seed: which do tests meet? Those of every kind, over so few keys that conditions
//! often hold and often fail.
#![allow(dead_code, reason = "each test draws what it needs")]

use std::sync::Arc;

use fastrand::Rng;
use leasehold_core::{
    Attempt, Author, Condition, Fence, Guard, Held, HighWaterRow, HistoryKey, HistoryRow, Holder, HolderRow,
    HolderState, Intent, Limit, Lowered, Lowering, Millis, Mutation, Notice, OverrideRow, PoolChange, PoolRow, Request,
    Row, RowKey, SettingsRow, Slot, SlotRow, SummaryRow, TaskToken, Ticket, Timestamp, Unreadable, WaitRow, Write,
};
use leasehold_sim::table::MemoryTable;

/// The name says nothing here; every condition carries one.
const GUARD: Guard = Guard::ClaimSlotUnchanged;

/// A write on these conditions. What it is for says nothing here either.
pub(crate) fn write(key: RowKey, conditions: impl IntoIterator<Item = Condition>, mutation: Mutation) -> Write {
    let conditions = conditions.into_iter().map(|condition| (GUARD, condition)).collect();
    Write { key, conditions, mutation, intent: Intent::PointToSlot }
}

/// Puts a row there, whatever was there.
pub(crate) fn put(row: Row) -> Write {
    write(row.key(), [], Mutation::Put(row))
}

/// Draws rows and requests.
pub(crate) struct Drawn(Rng);

impl Drawn {
    pub(crate) fn seeded(seed: u64) -> Self {
        Drawn(Rng::with_seed(seed))
    }

    fn maybe<T>(&mut self, one: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.0.bool().then(|| one(self))
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.0.usize(..of.len())].clone()
    }

    fn millis(&mut self) -> u64 {
        self.one(&[0, 1, 2, 999, 1_000, 1_001, 1_700_000_000_000, u64::MAX])
    }

    fn time(&mut self) -> Timestamp {
        Timestamp(self.millis())
    }

    fn length(&mut self) -> Millis {
        Millis(self.millis())
    }

    fn slot(&mut self) -> Slot {
        Slot(self.one(&[0, 1, 2, 9_999]))
    }

    /// Never 0, as in the protocol: a slot row is written by its first grant.
    fn fence(&mut self) -> Fence {
        Fence(self.one(&[1, 2, 3]))
    }

    fn attempt(&mut self) -> Attempt {
        Attempt { entered: Timestamp(self.0.u64(0..2)), redrive: self.0.u32(0..2), retry: self.0.u32(0..2) }
    }

    fn holder(&mut self) -> Holder {
        let (execution, key, parent) = self.one(&[
            ("arn:aws:states:eu-west-1:123456789012:execution:m:1", "", None),
            ("e", "k", None),
            ("e", "ü \" # / \u{1F980}", None),
            ("child", "7", Some("e")),
            ("child", "8", Some("e")),
        ]);
        Holder::new(execution, key, parent).expect("a holder")
    }

    fn ticket(&mut self) -> Ticket {
        Ticket { at: Timestamp(self.one(&[5, 40, 1_700_000_000_000])), own: self.one(&[0, 7, u128::MAX]) }
    }

    fn text(&mut self) -> Arc<str> {
        self.one(&["", "x", "a longer \n text, ümläuts and \u{1F980}"]).into()
    }

    fn token(&mut self) -> TaskToken {
        let text = self.one(&["t".to_owned(), "A+/=".repeat(512)]);
        TaskToken::new(&text).expect("a token")
    }

    fn limit(&mut self) -> Limit {
        Limit::try_from(self.one(&[0, 5, 10_000])).expect("a limit")
    }

    fn lowered(&mut self) -> Lowered {
        Lowered { from: self.limit(), at: self.time() }
    }

    pub(crate) fn key(&mut self) -> RowKey {
        match self.0.u8(0..16) {
            12 => RowKey::History(HistoryKey { at: self.time(), own: self.one(&[0, u64::MAX]) }),
            0 => RowKey::Pool,
            1 => RowKey::Override,
            2 => RowKey::Summary,
            3 => RowKey::HighWater,
            4..8 => RowKey::Slot(self.slot()),
            8..12 => RowKey::Holder(self.holder().hashed()),
            _ => RowKey::Wait(self.ticket()),
        }
    }

    pub(crate) fn row(&mut self) -> Row {
        let key = self.key();
        self.row_at(key)
    }

    /// A row that lies at this key.
    pub(crate) fn row_at(&mut self, key: RowKey) -> Row {
        match key {
            RowKey::Pool => Row::Pool(self.pool()),
            RowKey::Override => Row::Override(OverrideRow {
                limit: self.limit(),
                lowered: self.maybe(Drawn::lowered),
                at: self.time(),
                until: self.maybe(Drawn::time),
                who: self.text(),
                why: self.text(),
            }),
            RowKey::Summary => Row::Summary(SummaryRow {
                at: self.time(),
                limit: self.limit(),
                held: self.0.u32(..),
                waiting: self.0.u32(..),
                waiting_more: self.0.bool(),
                waiting_since: self.maybe(Drawn::time),
            }),
            RowKey::Slot(slot) => {
                let held = if self.0.u8(0..4) > 0 { Some(self.held()) } else { None };
                Row::Slot(SlotRow { slot, fence: self.fence(), held })
            }
            RowKey::Holder(there) => {
                let mut holder = self.holder();
                while holder.hashed() != there {
                    holder = self.holder();
                }
                let ttl = Timestamp(self.time().0 / 1_000 * 1_000);
                Row::Holder(HolderRow { holder, attempt: self.attempt(), state: self.state(), ttl })
            }
            RowKey::HighWater => Row::HighWater(self.high_water()),
            RowKey::History(key) => {
                let by = Author { who: self.text(), why: self.text() };
                Row::History(HistoryRow { key, change: self.change(), by })
            }
            RowKey::Wait(ticket) => Row::Wait(WaitRow {
                ticket,
                holder: self.holder(),
                attempt: self.attempt(),
                give_up_at: self.time(),
                token: self.maybe(Drawn::token),
                lease: self.length(),
                label: self.maybe(Drawn::text),
            }),
        }
    }

    fn change(&mut self) -> PoolChange {
        let (from, to) = (self.limit(), self.limit());
        match self.0.u8(0..6) {
            0 => PoolChange::Made(to),
            1 => PoolChange::Set(self.one(&["", "limit 5 7;lease_ms - 60000"]).parse().expect("changes")),
            2 => PoolChange::Retired,
            3 => PoolChange::Overridden { from, to, until: self.maybe(Drawn::time) },
            4 => PoolChange::Ended { from, to },
            _ => PoolChange::Lapsed { from, to },
        }
    }

    fn pool(&mut self) -> PoolRow {
        PoolRow {
            limit: self.limit(),
            lowered: self.maybe(Drawn::lowered),
            lease: self.maybe(Drawn::length),
            grace: self.maybe(Drawn::length),
            quiet: self.maybe(Drawn::length),
            longest_wait: self.maybe(Drawn::length),
            longest_hold: self.maybe(Drawn::length),
            sweep_every: self.maybe(Drawn::length),
        }
    }

    fn held(&mut self) -> Held {
        Held {
            holder: self.holder(),
            attempt: self.attempt(),
            acquired_at: self.time(),
            expires_at: self.time(),
            renewed_at: self.maybe(Drawn::time),
            notice: self.notice(),
            label: self.maybe(Drawn::text),
        }
    }

    fn notice(&mut self) -> Notice {
        match self.0.u8(0..6) {
            0 => Notice::Uncollected,
            1 => Notice::Untold(self.token()),
            2 => Notice::MaybeTold(self.token()),
            3 => Notice::Confirmed(self.token().digest()),
            4 => Notice::Claimed(self.token()),
            _ => Notice::Asked,
        }
    }

    fn high_water(&mut self) -> HighWaterRow {
        let lower = self.maybe(|drawn| Lowering { to: drawn.limit(), since: drawn.time() });
        HighWaterRow { slots: self.0.u32(0..5), fence: Fence(self.0.u64(0..4)), lower }
    }

    fn state(&mut self) -> HolderState {
        match self.0.u8(0..3) {
            0 => HolderState::Waiting { ticket: self.ticket(), task: self.maybe(|drawn| drawn.token().digest()) },
            1 => HolderState::Holding { slot: self.slot(), fence: self.fence() },
            _ => HolderState::Ended,
        }
    }

    /// A request, of any kind. `now` is the table it will meet: most conditions are drawn so that they hold.
    pub(crate) fn request(&mut self, now: &MemoryTable) -> Request {
        match self.0.u8(0..20) {
            0..2 => Request::Get(self.key()),
            2 => Request::Slots(Slot(self.0.u32(0..3)), self.one(&[Slot(2), Slot(3), Slot(u32::MAX)])),
            3 => Request::Queue(self.0.u32(0..5)),
            4..6 => {
                let holder = self.holder().hashed();
                let after = match self.0.u8(0..4) {
                    0 => None,
                    1 => Some(u128::MAX),
                    2 => Some(0),
                    _ => Some(holder.own),
                };
                Request::Holders { group: holder.group, after, limit: self.0.u32(0..5) }
            }
            6..13 => {
                let key = self.key();
                Request::Write(self.write(now, key))
            }
            _ => {
                let mut keys: Vec<RowKey> = Vec::new();
                while keys.len() < self.0.usize(1..5) {
                    let key = self.key();
                    // Rarely the same row twice, which a table must refuse as a whole.
                    if !keys.contains(&key) || self.0.u8(0..12) == 0 {
                        keys.push(key);
                    }
                }
                Request::Transact(keys.into_iter().map(|key| self.part(now, key)).collect())
            }
        }
    }

    /// A write as part of a transaction: some only look.
    fn part(&mut self, now: &MemoryTable, key: RowKey) -> Write {
        let write = self.write(now, key);
        let looks = !write.conditions.is_empty() && self.0.u8(0..5) == 0;
        if looks { Write { mutation: Mutation::Check, ..write } } else { write }
    }

    fn write(&mut self, now: &MemoryTable, key: RowKey) -> Write {
        let there = if self.0.u8(0..5) > 0 { now.row(key) } else { None };
        let mut conditions = match key {
            RowKey::Slot(_) => self.of_slot(there),
            RowKey::Holder(_) => vec![self.of_holder(there)],
            RowKey::Override => vec![self.of_override(there)],
            RowKey::Pool => self.of_pool(there),
            RowKey::HighWater => vec![self.of_high_water(there)],
            RowKey::Wait(_) if self.0.bool() => vec![self.of_place(there)],
            _ => Vec::new(),
        };
        let mutation = match key {
            // Only of what is held, as in the protocol; the lease is the condition.
            RowKey::Slot(_) if self.0.u8(0..3) == 0 => {
                let fence = if let Some(Row::Slot(row)) = there { row.fence } else { self.fence() };
                // Most of what is drawn refuses it.
                if self.0.bool() {
                    conditions.clear();
                }
                if !conditions.iter().any(|c| matches!(c, Condition::SlotLease(_) | Condition::SlotExpires(..))) {
                    conditions.push(Condition::SlotLease(fence));
                }
                let extend = Mutation::Extend(self.time(), self.maybe(Drawn::time));
                let (confirm, collect) = (Mutation::Confirm(self.token().digest()), Mutation::Collect(self.time()));
                let mutation = self.one(&[extend, confirm, collect, Mutation::MayBeTold]);
                if mutation == Mutation::MayBeTold {
                    conditions.push(Condition::SlotPending(fence));
                }
                mutation
            }
            _ if self.0.u8(0..5) == 0 => Mutation::Delete,
            // Damage: the protocol never writes it. A row with nothing but its key.
            RowKey::Pool | RowKey::Override if self.0.u8(0..2) == 0 => {
                Mutation::Put(Row::Unreadable(key, unreadable("[]")))
            }
            _ => Mutation::Put(self.row_at(key)),
        };
        write(key, conditions, mutation)
    }

    fn of_pool(&mut self, there: Option<&Row>) -> Vec<Condition> {
        let expected = match there {
            Some(Row::Pool(row)) => Some(SettingsRow::Valid(row.clone())),
            Some(Row::Unreadable(_, row)) => Some(SettingsRow::Unreadable(row.clone())),
            _ => match self.0.u8(0..4) {
                0 => Some(SettingsRow::Valid(self.pool())),
                1 => Some(SettingsRow::Unreadable(self.elsewhere())),
                _ => None,
            },
        };
        // As a retirement, which asks for nothing.
        if self.0.u8(0..8) == 0 { Vec::new() } else { vec![Condition::SettingsAre(expected.map(Box::new))] }
    }

    fn of_override(&mut self, there: Option<&Row>) -> Condition {
        match there {
            Some(Row::Override(row)) => Condition::OverrideMade(Some(row.at)),
            Some(Row::Unreadable(_, row)) => Condition::OverrideUnreadable(row.clone()),
            _ => match self.0.u8(0..4) {
                0 => Condition::OverrideUnreadable(self.elsewhere()),
                _ => Condition::OverrideMade(self.maybe(Drawn::time)),
            },
        }
    }

    /// Damage, of which there is none like the second here.
    fn elsewhere(&mut self) -> Unreadable {
        unreadable(self.one(&["[]", r#"[{"name":"limit","kind":"N","value":"-5"}]"#]))
    }

    fn of_slot(&mut self, there: Option<&Row>) -> Vec<Condition> {
        let (fence, held) = match there {
            Some(Row::Slot(row)) => (row.fence, row.held.as_ref()),
            _ => (Fence(self.0.u64(0..4)), None),
        };
        let expires_at = held.map(|held| held.expires_at);
        let renewed_at = held.map_or_else(|| self.maybe(Drawn::time), |held| held.renewed_at);
        let expires_at = expires_at.unwrap_or_else(|| self.time());
        let lease = if fence.0 > 0 { Condition::SlotLease(fence) } else { Condition::SlotAbsentOrFree(fence) };
        // A slot that is there at all is worth more than one more refusal.
        if there.is_none() && self.0.bool() {
            return vec![Condition::SlotAbsentOrFree(fence)];
        }
        match self.0.u8(0..15) {
            12 | 13 => vec![Condition::SlotRenewed(fence, renewed_at)],
            7 => vec![Condition::SlotAbsentOrFree(fence)],
            8 => vec![Condition::SlotConfirmed(fence)],
            9 => vec![Condition::SlotPending(fence)],
            10 => vec![Condition::SlotUntold(fence)],
            11 => vec![Condition::SlotFree(fence)],
            0 => Vec::new(),
            1 => vec![Condition::SlotFence(fence)],
            2 | 14 => vec![lease],
            3 => vec![Condition::SlotExpires(fence, expires_at)],
            4 => vec![Condition::SlotExpiresBy(expires_at)],
            5 => vec![lease, Condition::SlotExpiresBy(expires_at)],
            _ => vec![lease.clone(), lease],
        }
    }

    fn of_high_water(&mut self, there: Option<&Row>) -> Condition {
        match there {
            Some(Row::HighWater(row)) => Condition::HighWaterIs(Some(*row)),
            _ => Condition::HighWaterIs(self.maybe(Drawn::high_water)),
        }
    }

    fn of_place(&mut self, there: Option<&Row>) -> Condition {
        match there {
            Some(Row::Wait(row)) => Condition::PlaceOf(Some(row.attempt)),
            _ => Condition::PlaceOf(self.maybe(Drawn::attempt)),
        }
    }

    fn of_holder(&mut self, there: Option<&Row>) -> Condition {
        match there {
            Some(Row::Holder(row)) => match &row.state {
                HolderState::Waiting { ticket, .. } => Condition::HolderWaits(*ticket, row.attempt),
                HolderState::Holding { slot, fence } => Condition::HolderHolds(*slot, *fence),
                HolderState::Ended => Condition::HolderEnded(row.attempt),
            },
            _ => match self.0.u8(0..5) {
                0 => Condition::HolderEnded(self.attempt()),
                1 => Condition::HolderWaits(self.ticket(), self.attempt()),
                2 => Condition::HolderHolds(self.slot(), self.fence()),
                _ => Condition::HolderAbsent,
            },
        }
    }
}

/// A damaged row that lies there so.
fn unreadable(image: &str) -> Unreadable {
    Unreadable {
        why: "it is damaged".into(),
        image: image.as_bytes().into(),
        newer_edition: None,
        remains: Box::default(),
    }
}
