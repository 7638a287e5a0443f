//! The layout of rows: how does a row lie in the table? Its keys, the names of its attributes, and both ways between
//! them and [`Row`]. No other file knows these names; Terraform writes `pool` rows with the same ones.

mod item_reader;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use leasehold_core::{
    Attempt, Author, HighWaterRow, HistoryKey, HistoryRow, Holder, HolderKey, HolderRow, HolderState, Lowered, Millis,
    Notice, OverrideRow, PoolChange, PoolName, PoolPatch, PoolRow, Row, RowKey, Slot, SummaryRow, TaskDigest, Ticket,
    Timestamp, WaitRow,
};

use self::item_reader::ItemReader;

/// A row as DynamoDB's API carries it.
pub type Item = HashMap<String, AttributeValue>;

/// The partition key: `LEASES#<prefix>`.
pub const PK: &str = "PK";
/// The sort key: which row of the pool.
pub const SK: &str = "SK";
/// When DynamoDB may delete the row, in seconds since the epoch, as its TTL wants them. Only on holders' rows and on notes.
pub const TTL: &str = "ttl";
/// The sparse index over `pool`, `override` and `summary` rows, and its partition key, always [`POOLS`].
pub const DIRECTORY: &str = "directory";
/// The index's sort key: `<prefix>#pool`, `<prefix>#override` or `<prefix>#summary`.
pub const DIRECTORY_ROW: &str = "directory_row";
/// The one value of [`DIRECTORY`].
pub const POOLS: &str = "pools";

pub(crate) const SLOTS: &str = "slot#";
pub(crate) const WAITS: &str = "wait#";
/// What is noted of a pool's changes.
pub(crate) const NOTES: &str = "history#";

/// The edition of the protocol whose rows the pool has. Only on the pool's own row; the first edition wrote none.
const EDITION: &str = "edition";
/// The one edition of the protocol whose rows this version reads and writes.
pub const EDITION_SPOKEN: u64 = 2;

const LIMIT: &str = "limit";
const LOWERED_FROM: &str = "lowered_from";
const LOWERED_AT: &str = "lowered_at";
const LEASE_MS: &str = "lease_ms";
const GRACE_MS: &str = "grace_ms";
const QUIET_MS: &str = "quiet_ms";
const LONGEST_WAIT_MS: &str = "longest_wait_ms";
const LONGEST_HOLD_MS: &str = "longest_hold_ms";
const SWEEP_EVERY_MS: &str = "sweep_every_ms";
pub(crate) const FENCE: &str = "fence";
pub(crate) const EXECUTION: &str = "execution";
/// One attribute, so that one condition compares it: `ENTERED.REDRIVE.RETRY`.
pub(crate) const ATTEMPT: &str = "attempt";
pub(crate) const EXPIRES_AT: &str = "expires_at";
pub(crate) const RENEWED_AT: &str = "renewed_at";
/// Whether the holder knows that it has its lease: absent once it does.
pub(crate) const NOTICE: &str = "notice";
pub(crate) const TOKEN: &str = "token";
/// What is left of the token once it was used.
pub(crate) const TASK: &str = "task";
pub(crate) const STATE: &str = "state";
pub(crate) const TICKET: &str = "ticket";
pub(crate) const SLOT: &str = "slot";
pub(crate) const MADE_AT: &str = "made_at";
pub(crate) const UNTIL: &str = "until";

pub(crate) const WAITING: &str = "waiting";
pub(crate) const HOLDING: &str = "holding";
pub(crate) const ENDED: &str = "ended";

pub(crate) const UNCOLLECTED: &str = "uncollected";
pub(crate) const UNTOLD: &str = "untold";
pub(crate) const MAYBE_TOLD: &str = "maybe_told";

/// The number of slots that there may be.
pub(crate) const SLOT_COUNT: &str = "slots";
/// A lower limit that sweeps see, and since when.
pub(crate) const LOWER_TO: &str = "lower_to";
pub(crate) const LOWER_SINCE: &str = "lower_since";

/// What a pool's settings are made of.
pub(crate) const SETTINGS: [&str; 10] = [
    EDITION,
    LIMIT,
    LOWERED_FROM,
    LOWERED_AT,
    LEASE_MS,
    GRACE_MS,
    QUIET_MS,
    LONGEST_WAIT_MS,
    LONGEST_HOLD_MS,
    SWEEP_EVERY_MS,
];

/// What an override is made of.
pub(crate) const OVERRIDE: [&str; 7] = [LIMIT, LOWERED_FROM, LOWERED_AT, MADE_AT, UNTIL, WHO, WHY];

/// The attributes of a high-water mark.
pub(crate) const HIGH_WATER: [&str; 4] = [SLOT_COUNT, FENCE, LOWER_TO, LOWER_SINCE];

pub(crate) const HOLDERS: &str = "holder#";
const KEY: &str = "key";
const PARENT: &str = "parent";
const ACQUIRED_AT: &str = "acquired_at";
const LABEL: &str = "label";
const GIVE_UP_AT: &str = "give_up_at";
const WHO: &str = "who";
const WHY: &str = "why";
const SEEN_AT: &str = "seen_at";
const HELD: &str = "held";
const WAITING_COUNT: &str = "waiting";
const WAITING_MORE: &str = "waiting_more";
const OLDEST_WAIT: &str = "oldest_wait";
/// Of a note: what was changed, the limit before, and the settings with their values before and after.
const CHANGE: &str = "change";
const FROM: &str = "from";
const SET: &str = "settings";

/// A row that is not what this crate would have written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.words())]
pub struct RowError {
    /// Its partition key, as far as it could be read.
    pub pk: String,
    /// Its sort key.
    pub sk: String,
    /// Which attribute.
    pub attribute: &'static str,
    /// What it is instead. Never the value of a token.
    pub found: String,
    /// What it should be.
    pub expected: &'static str,
}

impl RowError {
    fn words(&self) -> String {
        let RowError { pk, sk, attribute, found, expected } = self;
        match self.newer_edition() {
            Some(edition) => format!("row {sk} of {pk} is of edition {edition}, this program knows {EDITION_SPOKEN}"),
            None => format!("row {sk} of {pk}: attribute {attribute} is {found}, expected {expected}"),
        }
    }

    /// The edition of the protocol that a pool's row says, where it is a later one than this program knows.
    pub fn newer_edition(&self) -> Option<u64> {
        let found = self.found.strip_prefix("the number ").filter(|_| self.attribute == EDITION)?;
        found.parse().ok().filter(|edition| *edition > EDITION_SPOKEN)
    }

    /// What to do about it: a clause. No row with a fence is deleted: it would begin again, and a late holder pass for the new.
    pub fn advice(&self) -> String {
        let advice = match row_key(&self.sk) {
            Some(RowKey::Pool | RowKey::Override | RowKey::HighWater) => self.wrong_row().advice(),
            Some(RowKey::Summary) => "the next sweep writes it anew (`leasehold sweep PREFIX`)",
            // Its key is what is wrong with it: nobody reads a slot there, and no fence is kept.
            None if self.sk.starts_with(SLOTS) => "delete that row: it is no slot",
            None if self.sk.starts_with(WAITS) => "delete that row: it is no place in the queue",
            _ if self.sk.starts_with(SLOTS) && self.attribute != FENCE => {
                "correct that row, but not its fence (under another one its holder has lost the lease), and do not delete it"
            }
            _ if self.sk.starts_with(SLOTS) || self.sk.starts_with("pool#") => {
                "correct that row, with the fence of its holder's row or one higher than any before, and do not delete it"
            }
            _ if self.sk.starts_with(WAITS) => {
                "correct that row; if you delete it, a `leasehold run` that waits there puts itself back, and a workflow is \
                 never told: stop its execution and start it again"
            }
            _ if is_note(&self.sk) => "delete that row: only the pool's history reads it",
            _ => "correct or delete that row",
        };
        // As far as the row says whose it is.
        let prefix = self.pk.strip_prefix("LEASES#").filter(|name| name.parse::<PoolName>().is_ok());
        advice.replace(PREFIX, prefix.unwrap_or(PREFIX))
    }

    /// Which of a pool's own rows this is; of any other row, the settings.
    pub fn wrong_row(&self) -> WrongRow {
        match (row_key(&self.sk), self.newer_edition()) {
            (Some(RowKey::Override), _) => WrongRow::Override,
            (Some(RowKey::HighWater), _) => WrongRow::HighWater,
            (_, Some(edition)) => WrongRow::NewerEdition(edition),
            (_, None) if self.attribute == EDITION => WrongRow::OtherEdition,
            (_, None) => WrongRow::Settings,
        }
    }
}

/// Which of a pool's own rows makes no sense, for who says what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongRow {
    /// Its settings.
    Settings,
    /// Its settings, which are of a later edition of the protocol than this program knows.
    NewerEdition(u64),
    /// Its settings, which do not say of which edition they are, or say an older one.
    OtherEdition,
    /// An operator's override.
    Override,
    /// Its high-water mark.
    HighWater,
}

/// Where a pool's prefix belongs in an advice.
pub(crate) const PREFIX: &str = "PREFIX";

impl WrongRow {
    /// What to do about it: a clause about the pool [`PREFIX`].
    pub(crate) fn advice(self) -> &'static str {
        match self {
            WrongRow::Settings => "set the pool again (`leasehold pool set PREFIX --limit N`, or Terraform)",
            WrongRow::NewerEdition(_) => "use a newer leasehold",
            // Settings written anew would let both editions work on one pool.
            WrongRow::OtherEdition => {
                "the pool may be of another edition: use a leasehold that speaks it, or carry the pool over \
                 (docs/guide/upgrading.md)"
            }
            WrongRow::Override => "end the override (`leasehold pool override PREFIX --end`)",
            WrongRow::HighWater => "let `leasehold doctor PREFIX --repair` write it anew, and do not delete it",
        }
    }
}

/// Which row a sort key is of; none: of no kind that leasehold writes.
pub fn row_key(sk: &str) -> Option<RowKey> {
    let own = [RowKey::Pool, RowKey::Override, RowKey::Summary, RowKey::HighWater];
    let hash = |text: &str| u128::from_str_radix(text, 16).ok();
    let key = own.into_iter().find(|key| sort(key) == sk).or_else(|| {
        if let Some(digits) = sk.strip_prefix(SLOTS) {
            return Some(RowKey::Slot(Slot(digits.parse().ok()?)));
        }
        if let Some(hashes) = sk.strip_prefix(HOLDERS) {
            let (group, own) = hashes.split_once('#')?;
            return Some(RowKey::Holder(HolderKey { group: hash(group)?, own: hash(own)? }));
        }
        sk.strip_prefix(WAITS).and_then(ticket).map(RowKey::Wait)
    });
    key.filter(|key| sort(key) == sk)
}

/// Whether a sort key is that of a note on a change of the pool.
pub fn is_note(sk: &str) -> bool {
    sk.starts_with(NOTES)
}

/// The partition of a pool.
pub fn partition(prefix: &PoolName) -> String {
    format!("LEASES#{prefix}")
}

/// The sort key of a row.
pub fn sort(key: &RowKey) -> String {
    match key {
        RowKey::Pool => "pool".into(),
        RowKey::Override => "override".into(),
        RowKey::Summary => "summary".into(),
        RowKey::HighWater => "pool#high-water".into(),
        RowKey::Slot(slot) => format!("{SLOTS}{:05}", slot.0),
        RowKey::Holder(HolderKey { group, own }) => format!("{HOLDERS}{group:032x}#{own:032x}"),
        RowKey::Wait(ticket) => format!("{WAITS}{}", ticket_text(*ticket)),
        RowKey::History(HistoryKey { at, own }) => format!("{NOTES}{:013}-{own:016x}", at.0),
    }
}

/// A place in the queue as text that sorts as the queue does (13 digits of milliseconds: until 2286).
pub(crate) fn ticket_text(ticket: Ticket) -> String {
    format!("{:013}-{:032x}", ticket.at.0, ticket.own)
}

/// The primary key of a row.
pub fn key(prefix: &PoolName, key: &RowKey) -> Item {
    HashMap::from([(PK.into(), s(partition(prefix))), (SK.into(), s(sort(key)))])
}

/// The whole row.
pub fn item(prefix: &PoolName, row: &Row) -> Item {
    let mut item = key(prefix, &row.key());
    let mut set = |name: &str, value: AttributeValue| {
        item.insert(name.into(), value);
    };
    match row {
        Row::Pool(pool) => {
            write_settings(&mut set, pool);
            write_directory(&mut set, prefix, row);
        }
        Row::Override(live) => {
            set(LIMIT, n(u64::from(live.limit.count())));
            set(MADE_AT, n(live.at.0));
            if let Some(until) = live.until {
                set(UNTIL, n(until.0));
            }
            set(WHO, s(&*live.who));
            set(WHY, s(&*live.why));
            write_lowered(&mut set, live.lowered);
            write_directory(&mut set, prefix, row);
        }
        Row::Summary(summary) => {
            set(SEEN_AT, n(summary.at.0));
            set(LIMIT, n(u64::from(summary.limit.count())));
            set(HELD, n(u64::from(summary.held)));
            set(WAITING_COUNT, n(u64::from(summary.waiting)));
            set(WAITING_MORE, AttributeValue::Bool(summary.waiting_more));
            if let Some(since) = summary.waiting_since {
                set(OLDEST_WAIT, n(since.0));
            }
            write_directory(&mut set, prefix, row);
        }
        Row::Slot(slot) => {
            set(FENCE, n(slot.fence.0));
            if let Some(held) = &slot.held {
                write_holder(&mut set, &held.holder);
                write_attempt(&mut set, held.attempt);
                set(ACQUIRED_AT, n(held.acquired_at.0));
                set(EXPIRES_AT, n(held.expires_at.0));
                if let Some(at) = held.renewed_at {
                    set(RENEWED_AT, n(at.0));
                }
                write_notice(&mut set, &held.notice);
                if let Some(label) = &held.label {
                    set(LABEL, s(&**label));
                }
            }
        }
        Row::Holder(holder) => {
            write_holder(&mut set, &holder.holder);
            write_attempt(&mut set, holder.attempt);
            write_state(&mut set, &holder.state);
            // Rounded up: the row must not go early.
            set(TTL, n(holder.ttl.0.div_ceil(1_000)));
        }
        Row::Wait(wait) => {
            write_holder(&mut set, &wait.holder);
            write_attempt(&mut set, wait.attempt);
            set(GIVE_UP_AT, n(wait.give_up_at.0));
            set(LEASE_MS, n(wait.lease.0));
            if let Some(token) = &wait.token {
                set(TOKEN, s(token.secret()));
            }
            if let Some(label) = &wait.label {
                set(LABEL, s(&**label));
            }
        }
        Row::HighWater(mark) => {
            set(SLOT_COUNT, n(u64::from(mark.slots)));
            set(FENCE, n(mark.fence.0));
            if let Some(lower) = mark.lower {
                set(LOWER_TO, n(u64::from(lower.to.count())));
                set(LOWER_SINCE, n(lower.since.0));
            }
        }
        Row::History(noted) => {
            write_change(&mut set, &noted.change);
            // DynamoDB took no empty text before May 2020, and its local engines may be older.
            for (name, text) in [(WHO, &noted.by.who), (WHY, &noted.by.why)] {
                if !text.is_empty() {
                    set(name, s(&**text));
                }
            }
            set(TTL, n(noted.ttl().0.div_ceil(1_000)));
        }
        // Nobody writes one.
        Row::Unreadable(..) => {}
    }
    item
}

/// The attributes of a pool's settings.
pub(crate) fn settings_of(pool: &PoolRow) -> Item {
    let mut item = Item::new();
    write_settings(
        &mut |name, value| {
            item.insert(name.into(), value);
        },
        pool,
    );
    item
}

fn write_settings(set: &mut impl FnMut(&str, AttributeValue), pool: &PoolRow) {
    set(EDITION, n(EDITION_SPOKEN));
    set(LIMIT, n(u64::from(pool.limit.count())));
    for (name, time) in pool_times(pool) {
        if let Some(time) = time {
            set(name, n(time.0));
        }
    }
    write_lowered(set, pool.lowered);
}

/// What can be read of a pool's settings that make no sense as a whole.
pub(crate) fn remains(item: &Item) -> PoolPatch {
    ItemReader(item).remains()
}

/// What can be read of a high-water mark that makes no sense as a whole.
pub(crate) fn mark_remains(item: &Item) -> HighWaterRow {
    ItemReader(item).mark_remains()
}

/// The row that an item is, and whose pool's.
///
/// # Errors
/// When a key or an attribute is missing or not of its kind.
pub fn row(item: &Item) -> Result<(PoolName, Row), RowError> {
    let read = ItemReader(item);
    let prefix = prefix(item)?;
    let sk = read.text(SK)?;
    let row = match sk {
        "pool" => Row::Pool(read.pool()?),
        "override" => Row::Override(OverrideRow {
            limit: read.limit()?,
            lowered: read.lowered()?,
            at: read.time(MADE_AT)?,
            until: read.maybe_time(UNTIL)?,
            who: read.text(WHO)?.into(),
            why: read.text(WHY)?.into(),
        }),
        "summary" => Row::Summary(SummaryRow {
            at: read.time(SEEN_AT)?,
            limit: read.limit()?,
            held: read.small(HELD)?,
            waiting: read.small(WAITING_COUNT)?,
            waiting_more: read.flag(WAITING_MORE)?,
            waiting_since: read.maybe_time(OLDEST_WAIT)?,
        }),
        "pool#high-water" => Row::HighWater(read.high_water()?),
        _ if sk.starts_with(SLOTS) => Row::Slot(read.slot(sk)?),
        _ if sk.starts_with(HOLDERS) => Row::Holder(HolderRow {
            holder: read.holder()?,
            attempt: read.attempt()?,
            state: read.state()?,
            ttl: Timestamp(read.number(TTL)?.saturating_mul(1_000)),
        }),
        _ if sk.starts_with(NOTES) => Row::History(HistoryRow {
            key: history_key(sk).ok_or_else(|| read.wrong(SK, ROW_KINDS))?,
            change: read.change()?,
            by: Author::new(read.maybe_text(WHO)?.unwrap_or_default(), read.maybe_text(WHY)?.unwrap_or_default()),
        }),
        _ => Row::Wait(WaitRow {
            ticket: sk.strip_prefix(WAITS).and_then(ticket).ok_or_else(|| read.wrong(SK, ROW_KINDS))?,
            holder: read.holder()?,
            attempt: read.attempt()?,
            give_up_at: read.time(GIVE_UP_AT)?,
            token: read.token()?,
            lease: read.length(LEASE_MS)?,
            label: read.label()?,
        }),
    };
    if sort(&row.key()) == sk { Ok((prefix, row)) } else { Err(read.wrong(SK, "the key that the row's own ids give")) }
}

/// Whose pool's row an item is.
///
/// # Errors
/// When its partition key is not one of ours.
pub fn prefix(item: &Item) -> Result<PoolName, RowError> {
    let read = ItemReader(item);
    let prefix = read.text(PK)?.strip_prefix("LEASES#").and_then(|prefix| prefix.parse().ok());
    prefix.ok_or_else(|| read.wrong(PK, "LEASES# and a prefix"))
}

const ROW_KINDS: &str = "pool, override, summary, pool#high-water, slot#…, holder#…, wait#… or history#…";

fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn pool_times(pool: &PoolRow) -> [(&'static str, Option<Millis>); 6] {
    [
        (LEASE_MS, pool.lease),
        (GRACE_MS, pool.grace),
        (QUIET_MS, pool.quiet),
        (LONGEST_WAIT_MS, pool.longest_wait),
        (LONGEST_HOLD_MS, pool.longest_hold),
        (SWEEP_EVERY_MS, pool.sweep_every),
    ]
}

fn write_lowered(set: &mut impl FnMut(&str, AttributeValue), lowered: Option<Lowered>) {
    if let Some(lowered) = lowered {
        set(LOWERED_FROM, n(u64::from(lowered.from.count())));
        set(LOWERED_AT, n(lowered.at.0));
    }
}

fn write_directory(set: &mut impl FnMut(&str, AttributeValue), prefix: &PoolName, row: &Row) {
    set(DIRECTORY, s(POOLS));
    set(DIRECTORY_ROW, s(format!("{prefix}#{}", sort(&row.key()))));
}

/// Whether the index of pools has this row of a pool, as far as the row says.
pub(crate) fn is_listed(item: &Item, prefix: &PoolName, row: &Row) -> bool {
    let mut listed = true;
    write_directory(&mut |name, value| listed &= item.get(name) == Some(&value), prefix, row);
    listed
}

fn write_change(set: &mut impl FnMut(&str, AttributeValue), change: &PoolChange) {
    set(CHANGE, s(change.name()));
    let (from, to) = match change {
        PoolChange::Retired => (None, None),
        PoolChange::Made(limit) => (None, Some(limit)),
        PoolChange::Set(changes) => {
            set(SET, s(changes.to_string()));
            (None, None)
        }
        PoolChange::Overridden { from, to, until } => {
            if let Some(until) = until {
                set(UNTIL, n(until.0));
            }
            (Some(from), Some(to))
        }
        PoolChange::Ended { from, to } | PoolChange::Lapsed { from, to } => (Some(from), Some(to)),
    };
    for (name, limit) in [(FROM, from), (LIMIT, to)] {
        if let Some(limit) = limit {
            set(name, n(u64::from(limit.count())));
        }
    }
}

fn history_key(sk: &str) -> Option<HistoryKey> {
    let (at, own) = sk.strip_prefix(NOTES)?.split_once('-')?;
    Some(HistoryKey { at: Timestamp(at.parse().ok()?), own: u64::from_str_radix(own, 16).ok()? })
}

fn write_holder(set: &mut impl FnMut(&str, AttributeValue), holder: &Holder) {
    set(EXECUTION, s(holder.execution()));
    if !holder.key().is_empty() {
        set(KEY, s(holder.key()));
    }
    if let Some(parent) = holder.parent() {
        set(PARENT, s(parent));
    }
}

fn write_attempt(set: &mut impl FnMut(&str, AttributeValue), attempt: Attempt) {
    set(ATTEMPT, s(attempt_text(attempt)));
}

/// An attempt as text, the same for the same attempt; not to be sorted by.
pub(crate) fn attempt_text(Attempt { entered, redrive, retry }: Attempt) -> String {
    format!("{}.{redrive}.{retry}", entered.0)
}

fn attempt(text: &str) -> Option<Attempt> {
    let mut parts = text.split('.');
    let entered = Timestamp(parts.next()?.parse().ok()?);
    let attempt = Attempt { entered, redrive: parts.next()?.parse().ok()?, retry: parts.next()?.parse().ok()? };
    (attempt_text(attempt) == text).then_some(attempt)
}

fn write_state(set: &mut impl FnMut(&str, AttributeValue), state: &HolderState) {
    match state {
        HolderState::Waiting { ticket, task } => {
            set(STATE, s(WAITING));
            set(TICKET, s(ticket_text(*ticket)));
            if let Some(task) = task {
                set(TASK, s(task_text(*task)));
            }
        }
        HolderState::Holding { slot, fence } => {
            set(STATE, s(HOLDING));
            set(SLOT, n(u64::from(slot.0)));
            set(FENCE, n(fence.0));
        }
        HolderState::Ended => set(STATE, s(ENDED)),
    }
}

fn write_notice(set: &mut impl FnMut(&str, AttributeValue), notice: &Notice) {
    let (state, token) = match notice {
        Notice::Asked => return,
        Notice::Claimed(token) => return set(TOKEN, s(token.secret())),
        Notice::Confirmed(task) => return set(TASK, s(task_text(*task))),
        Notice::Uncollected => (UNCOLLECTED, None),
        Notice::Untold(token) => (UNTOLD, Some(token)),
        Notice::MaybeTold(token) => (MAYBE_TOLD, Some(token)),
    };
    set(NOTICE, s(state));
    if let Some(token) = token {
        set(TOKEN, s(token.secret()));
    }
}

/// A task as text: 16 hex digits.
pub(crate) fn task_text(task: TaskDigest) -> String {
    format!("{:016x}", task.0)
}

fn ticket(text: &str) -> Option<Ticket> {
    let (at, own) = text.split_once('-')?;
    let ticket = Ticket { at: Timestamp(at.parse().ok()?), own: u128::from_str_radix(own, 16).ok()? };
    (ticket_text(ticket) == text).then_some(ticket)
}
