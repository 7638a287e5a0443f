//! Item sizes: how many bytes is a row in the table, by DynamoDB's rules?
//!
//! An item's size is the length of its attributes' names and values: text in UTF-8; a number one byte for every two
//! significant digits and one more; a flag one byte
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).
//!
//! `store/src/rows.rs` lays rows out. What is said of its attributes here is only as long as they are, and a test of
//! the store compares the two for rows of every kind.

use leasehold_core::{
    Attempt, Held, HighWaterRow, HistoryRow, Holder, HolderRow, HolderState, Lowered, Lowering, Notice, OverrideRow,
    PoolChange, PoolName, PoolRow, Row, RowKey, SlotRow, SummaryRow, TaskToken, Ticket, Timestamp, WaitRow,
};

/// The length of an ordinary execution's ARN, in bytes.
pub const ORDINARY_ID: usize = 120;
/// The length of an ordinary task token, in bytes: as Step Functions made them in 2024; at most 2,048.
pub const ORDINARY_TOKEN: usize = 700;

/// The length of what is kept of a task, in bytes.
const TASK: usize = 16;

/// How the rows of one pool are measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemSizes {
    /// The length of the pool's name, in bytes.
    prefix: u64,
    /// What an execution's id counts for at least, in bytes.
    shortest_id: usize,
    /// What a task token counts for at least, in bytes.
    shortest_token: usize,
}

impl ItemSizes {
    /// As the rows are.
    pub fn exact(pool: &PoolName) -> ItemSizes {
        ItemSizes { prefix: pool.as_str().len() as u64, shortest_id: 0, shortest_token: 0 }
    }

    /// As if ids and tokens were no shorter than ordinary ones: the simulator's are, to be read by people.
    pub fn ordinary(pool: &PoolName) -> ItemSizes {
        ItemSizes { shortest_id: ORDINARY_ID, shortest_token: ORDINARY_TOKEN, ..ItemSizes::exact(pool) }
    }

    /// The size of a row's item, in bytes.
    pub fn of(&self, row: &Row) -> u64 {
        let mut item = self.item(row.key());
        match row {
            Row::Slot(row) => return self.of_slot(row),
            Row::Holder(row) => return self.of_holder(row),
            Row::Wait(row) => return self.of_place(row),
            Row::Pool(row) => item.pool(row),
            Row::Override(row) => item.live(row),
            Row::Summary(row) => item.summary(row),
            Row::HighWater(row) => item.high_water(row),
            Row::History(row) => item.noted(row),
            Row::Unreadable(_, row) => item.add(row.image.len()),
        }
        if in_directory(row) {
            item.text("directory", "pools".len());
            item.sum += "directory_row".len() as u64 + self.prefix + 1 + sort_length(row.key());
        }
        item.sum
    }

    /// The size of a slot's item, in bytes.
    pub(crate) fn of_slot(&self, row: &SlotRow) -> u64 {
        let mut item = self.item(RowKey::Slot(row.slot));
        item.slot(row);
        item.sum
    }

    /// The size of a holder's item, in bytes.
    pub(crate) fn of_holder(&self, row: &HolderRow) -> u64 {
        let mut item = self.item(RowKey::Holder(row.holder.hashed()));
        item.holder_row(row);
        item.sum
    }

    /// The size of the item of a place in the queue, in bytes.
    pub(crate) fn of_place(&self, row: &WaitRow) -> u64 {
        let mut item = self.item(RowKey::Wait(row.ticket));
        item.place(row);
        item.sum
    }

    /// An item with nothing but its keys.
    fn item(&self, key: RowKey) -> ItemBytes<'_> {
        ItemBytes { sizes: self, sum: ("PKLEASES#SK".len() as u64) + self.prefix + sort_length(key) }
    }
}

/// Whether the index over all pools has an entry for this row: it repeats the whole item.
pub(crate) fn in_directory(row: &Row) -> bool {
    matches!(row, Row::Pool(_) | Row::Override(_) | Row::Summary(_))
}

fn sort_length(key: RowKey) -> u64 {
    let length = match key {
        RowKey::Pool => "pool".len(),
        RowKey::Override => "override".len(),
        RowKey::Summary => "summary".len(),
        RowKey::HighWater => "pool#high-water".len(),
        RowKey::Slot(slot) => "slot#".len() + digits(slot.0.into()).max(5),
        RowKey::Holder(_) => "holder#".len() + 32 + 1 + 32,
        RowKey::Wait(ticket) => "wait#".len() + ticket_length(ticket),
        RowKey::History(key) => "history#".len() + digits(key.at.0).max(13) + 1 + 16,
    };
    length as u64
}

fn ticket_length(ticket: Ticket) -> usize {
    digits(ticket.at.0).max(13) + 1 + 32
}

/// How many digits a number has.
fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// The size of a number's value, in bytes: leading and trailing zeros count for nothing.
pub fn number_bytes(number: u64) -> usize {
    let zeros = (1..20).take_while(|zeros| number > 0 && number.is_multiple_of(10u64.pow(*zeros))).count();
    (digits(number) - zeros).div_ceil(2) + 1
}

/// An item's bytes, attribute by attribute.
struct ItemBytes<'a> {
    sizes: &'a ItemSizes,
    sum: u64,
}

impl ItemBytes<'_> {
    fn add(&mut self, bytes: usize) {
        self.sum += bytes as u64;
    }

    fn text(&mut self, name: &str, length: usize) {
        self.add(name.len() + length);
    }

    fn number(&mut self, name: &str, number: impl Into<u64>) {
        self.add(name.len() + number_bytes(number.into()));
    }

    fn flag(&mut self, name: &str) {
        self.add(name.len() + 1);
    }

    fn time(&mut self, name: &str, at: Timestamp) {
        self.number(name, at.0);
    }

    fn lowered(&mut self, lowered: Option<Lowered>) {
        if let Some(Lowered { from, at }) = lowered {
            self.number("lowered_from", from.count());
            self.time("lowered_at", at);
        }
    }

    fn token(&mut self, token: Option<&TaskToken>) {
        if let Some(token) = token {
            self.text("token", token.secret().len().max(self.sizes.shortest_token));
        }
    }

    fn label(&mut self, label: Option<&str>) {
        if let Some(label) = label {
            self.text("label", label.len());
        }
    }

    fn holder(&mut self, holder: &Holder) {
        self.text("execution", holder.execution().len().max(self.sizes.shortest_id));
        if !holder.key().is_empty() {
            self.text("key", holder.key().len());
        }
        if let Some(parent) = holder.parent() {
            self.text("parent", parent.len().max(self.sizes.shortest_id));
        }
    }

    fn attempt(&mut self, attempt: Attempt) {
        let Attempt { entered, redrive, retry } = attempt;
        let length = [entered.0, redrive.into(), retry.into()].map(digits).iter().sum::<usize>();
        self.text("attempt", length + 2);
    }

    fn pool(&mut self, row: &PoolRow) {
        let PoolRow { limit, lowered, lease, grace, quiet, longest_wait, longest_hold, sweep_every } = row;
        self.number("edition", 2_u32);
        self.number("limit", limit.count());
        self.lowered(*lowered);
        let times = [
            ("lease_ms", lease),
            ("grace_ms", grace),
            ("quiet_ms", quiet),
            ("longest_wait_ms", longest_wait),
            ("longest_hold_ms", longest_hold),
            ("sweep_every_ms", sweep_every),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                self.number(name, time.0);
            }
        }
    }

    fn live(&mut self, row: &OverrideRow) {
        let OverrideRow { limit, lowered, at, until, who, why } = row;
        self.number("limit", limit.count());
        self.lowered(*lowered);
        self.time("made_at", *at);
        if let Some(until) = until {
            self.time("until", *until);
        }
        self.text("who", who.len());
        self.text("why", why.len());
    }

    fn noted(&mut self, row: &HistoryRow) {
        let HistoryRow { key: _, change, by } = row;
        self.text("change", change.name().len());
        let (from, to) = match change {
            PoolChange::Retired => (None, None),
            PoolChange::Made(limit) => (None, Some(limit)),
            PoolChange::Set(changes) => {
                self.text("settings", changes.to_string().len());
                (None, None)
            }
            PoolChange::Overridden { from, to, until } => {
                if let Some(until) = until {
                    self.time("until", *until);
                }
                (Some(from), Some(to))
            }
            PoolChange::Ended { from, to } | PoolChange::Lapsed { from, to } => (Some(from), Some(to)),
        };
        for (name, limit) in [("from", from), ("limit", to)] {
            if let Some(limit) = limit {
                self.number(name, limit.count());
            }
        }
        for (name, text) in [("who", &by.who), ("why", &by.why)] {
            if !text.is_empty() {
                self.text(name, text.len());
            }
        }
        self.number("ttl", row.ttl().0.div_ceil(1_000));
    }

    fn summary(&mut self, row: &SummaryRow) {
        let SummaryRow { at, limit, held, waiting, waiting_more: _, waiting_since } = row;
        self.time("seen_at", *at);
        self.number("limit", limit.count());
        self.number("held", *held);
        self.number("waiting", *waiting);
        self.flag("waiting_more");
        if let Some(since) = waiting_since {
            self.time("oldest_wait", *since);
        }
    }

    fn slot(&mut self, row: &SlotRow) {
        let SlotRow { slot: _, fence, held } = row;
        self.number("fence", fence.0);
        let Some(held) = held else { return };
        let Held { holder, attempt, acquired_at, expires_at, renewed_at, notice, label } = held;
        self.holder(holder);
        self.attempt(*attempt);
        self.time("acquired_at", *acquired_at);
        self.time("expires_at", *expires_at);
        if let Some(at) = renewed_at {
            self.time("renewed_at", *at);
        }
        match notice {
            Notice::Asked => {}
            Notice::Claimed(token) => self.token(Some(token)),
            Notice::Confirmed(_) => self.text("task", TASK),
            Notice::Uncollected => self.text("notice", "uncollected".len()),
            Notice::Untold(token) => {
                self.text("notice", "untold".len());
                self.token(Some(token));
            }
            Notice::MaybeTold(token) => {
                self.text("notice", "maybe_told".len());
                self.token(Some(token));
            }
        }
        self.label(label.as_deref());
    }

    fn holder_row(&mut self, row: &HolderRow) {
        let HolderRow { holder, attempt, state, ttl } = row;
        self.holder(holder);
        self.attempt(*attempt);
        self.number("ttl", ttl.0.div_ceil(1_000));
        match state {
            HolderState::Waiting { ticket, task } => {
                self.text("state", "waiting".len());
                self.text("ticket", ticket_length(*ticket));
                if task.is_some() {
                    self.text("task", TASK);
                }
            }
            HolderState::Holding { slot, fence } => {
                self.text("state", "holding".len());
                self.number("slot", slot.0);
                self.number("fence", fence.0);
            }
            HolderState::Ended => self.text("state", "ended".len()),
        }
    }

    fn place(&mut self, row: &WaitRow) {
        let WaitRow { ticket: _, holder, attempt, give_up_at, token, lease, label } = row;
        self.holder(holder);
        self.attempt(*attempt);
        self.time("give_up_at", *give_up_at);
        self.number("lease_ms", lease.0);
        self.token(token.as_ref());
        self.label(label.as_deref());
    }

    fn high_water(&mut self, row: &HighWaterRow) {
        let HighWaterRow { slots, fence, lower } = row;
        self.number("slots", *slots);
        self.number("fence", fence.0);
        if let Some(Lowering { to, since }) = lower {
            self.number("lower_to", to.count());
            self.time("lower_since", *since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_takes_a_byte_for_two_significant_digits() {
        let sizes = [0, 7, 70, 99, 123, 1_000_000, 1_760_000_000_001, u64::MAX].map(number_bytes);
        assert_eq!(sizes, [2, 2, 2, 2, 3, 2, 8, 11]);
    }
}
