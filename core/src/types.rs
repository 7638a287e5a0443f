//! The protocol's value types: what is a pool's name, a limit, a slot, a fence, a holder, a lease?
//!
//! Each is made once, where input comes in, from what was given there, and is trusted after.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::time::Timestamp;

/// The longest id a caller may give, in bytes (an execution's ARN is at most 1,600 in theory, about 250 in practice).
pub const ID_BYTES: usize = 1_024;

/// The longest prefix, in bytes.
const PREFIX_BYTES: usize = 64;

/// The highest limit a pool can have: slot rows are numbered with five digits, and one page should hold them.
const HIGHEST_LIMIT: u32 = 10_000;

/// A value that cannot be made from what was given: says what was expected.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{what} {got}: expected {expected}")]
pub struct InvalidValue {
    /// Which value.
    pub what: &'static str,
    /// What was given, shortened.
    pub got: String,
    /// What would have been right.
    pub expected: &'static str,
}

impl InvalidValue {
    pub(crate) fn new(what: &'static str, got: &str, expected: &'static str) -> Self {
        InvalidValue { what, got: quoted(got), expected }
    }
}

/// How many characters of a wrong value an error shows.
/// Whoever hides something in an error counts on that.
pub const SHOWN_CHARS: usize = 80;

/// A text as an error shows it: its beginning, in quotes.
pub fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

/// A text as an error shows it without quotes, in at most so many characters: escaped is what would move a terminal's cursor,
/// break a line or turn the direction of what is read.
pub fn shortened(text: &str, most: usize) -> String {
    let (mut shown, mut left) = (String::new(), most);
    for sign in text.chars() {
        let plain = matches!(sign, '"' | '\'' | '\\');
        let signs = if plain { 1 } else { sign.escape_debug().count() };
        if signs > left {
            shown.push('…');
            break;
        }
        left -= signs;
        if plain { shown.push(sign) } else { shown.extend(sign.escape_debug()) }
    }
    shown
}

/// The name of a pool: 1 to 64 of `A-Za-z0-9._-`. It is one partition key of the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PoolName(Arc<str>);

impl PoolName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PoolName {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let fits = (1..=PREFIX_BYTES).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if fits {
            Ok(PoolName(text.into()))
        } else {
            Err(InvalidValue::new("prefix", text, "1 to 64 of A-Z a-z 0-9 . _ -"))
        }
    }
}

impl TryFrom<String> for PoolName {
    type Error = InvalidValue;
    fn try_from(text: String) -> Result<Self, InvalidValue> {
        text.parse()
    }
}

impl From<PoolName> for String {
    fn from(prefix: PoolName) -> String {
        prefix.0.to_string()
    }
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many holders may hold a lease of a pool at once: 0 (nobody: drained) to 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u32")]
pub struct Limit(u32);

impl Limit {
    /// Nobody may hold one.
    pub const ZERO: Limit = Limit(0);

    /// The highest there can be.
    pub const HIGHEST: Limit = Limit(HIGHEST_LIMIT);

    /// The number.
    pub const fn count(self) -> u32 {
        self.0
    }
}

impl TryFrom<u64> for Limit {
    type Error = InvalidValue;
    fn try_from(count: u64) -> Result<Self, InvalidValue> {
        match u32::try_from(count) {
            Ok(count) if count <= HIGHEST_LIMIT => Ok(Limit(count)),
            _ => Err(InvalidValue::new("limit", &count.to_string(), "a whole number from 0 to 10000")),
        }
    }
}

impl From<Limit> for u32 {
    fn from(limit: Limit) -> u32 {
        limit.0
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One numbered place of a pool, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slot(pub u32);

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {}", self.0)
    }
}

/// A slot's generation. It only grows; 0 means never granted. Comparable only within its slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub u64);

impl Fence {
    /// The next generation.
    pub fn next(self) -> Fence {
        Fence(self.0 + 1)
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fence {}", self.0)
    }
}

/// Orders the repeats of one holder's request: when its state was entered, then how often its execution was redriven, then
/// how often the state was retried. A redrive keeps the time of entry and begins the retries anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attempt {
    /// When the asking state was entered.
    pub entered: Timestamp,
    /// How many redrives of the execution came before; 0 also where the caller does not know.
    #[serde(default)]
    pub redrive: u32,
    /// How many retries came before, in that same state, since the last redrive.
    pub retry: u32,
}

impl Attempt {
    /// The first attempt of a state entered then.
    pub const fn first(entered: Timestamp) -> Self {
        Attempt { entered, redrive: 0, retry: 0 }
    }

    /// The attempt right after this one.
    pub fn next(self) -> Self {
        Attempt { retry: self.retry.saturating_add(1), ..self }
    }

    /// Whether this is the same state as that attempt's, entered again by a redrive: that attempt's execution had ended before.
    pub fn redrives(self, older: Attempt) -> bool {
        self.entered == older.entered && self.redrive > older.redrive
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempt {}.{}.{}", self.entered.0, self.redrive, self.retry)
    }
}

/// Where a holder's row lies: the hash of its parent or execution, then of itself, so that
/// everything of one execution, or of one map run's parent, sorts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HolderKey {
    /// SHA-256 of the parent or the execution, cut to 128 bits.
    pub group: u128,
    /// SHA-256 of execution and key, cut to 128 bits.
    pub own: u128,
}

/// Who asks for a lease: an execution, and the item or branch inside it.
#[derive(Clone)]
pub struct Holder(Arc<HolderParts>);

struct HolderParts {
    execution: Arc<str>,
    key: Arc<str>,
    parent: Option<Arc<str>>,
    hashed: HolderKey,
}

impl Holder {
    /// A holder from its ids. `key` may be empty where an execution asks only once.
    ///
    /// # Errors
    /// When an id is empty (other than `key`) or longer than 1,024 bytes.
    pub fn new(execution: &str, key: &str, parent: Option<&str>) -> Result<Self, InvalidValue> {
        check_id("execution", execution, 1)?;
        check_id("key", key, 0)?;
        if let Some(parent) = parent {
            check_id("parent", parent, 1)?;
        }
        let group = Holder::group(parent.unwrap_or(execution));
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        let own = hash(&[&(execution.len() as u64).to_be_bytes(), execution.as_bytes(), key.as_bytes()]);
        Ok(Holder(Arc::new(HolderParts {
            execution: execution.into(),
            key: key.into(),
            parent: parent.map(Into::into),
            hashed: HolderKey { group, own },
        })))
    }

    /// The hash under which the holders of this execution, or of map items with this parent, sort together.
    pub fn group(execution: &str) -> u128 {
        hash(&[execution.as_bytes()])
    }

    /// The execution's ARN, or whatever stable id the caller gave.
    pub fn execution(&self) -> &str {
        &self.0.execution
    }

    /// Whether the id is that of an execution which Step Functions can be asked for. An express execution is none.
    pub fn is_execution(&self) -> bool {
        is_execution_arn(self.execution())
    }

    /// Which item or branch inside the execution.
    pub fn key(&self) -> &str {
        &self.0.key
    }

    /// The execution that started the map run, if any.
    pub fn parent(&self) -> Option<&str> {
        self.0.parent.as_deref()
    }

    /// Where its row lies.
    pub fn hashed(&self) -> HolderKey {
        self.0.hashed
    }

    /// Whether it goes when this execution goes.
    pub fn belongs_to(&self, execution: &str) -> bool {
        self.execution() == execution || self.parent() == Some(execution)
    }
}

impl PartialEq for Holder {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.execution() == other.execution() && self.key() == other.key() && self.parent() == other.parent())
    }
}

impl Eq for Holder {}

impl Hash for Holder {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hashed.hash(state);
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key().is_empty() {
            f.write_str(self.execution())
        } else {
            write!(f, "{}#{}", self.execution(), self.key())
        }
    }
}

/// Whether an id is the ARN of an execution which Step Functions can be asked for. That of an express execution is none.
pub fn is_execution_arn(id: &str) -> bool {
    id.starts_with("arn:") && id.contains(":states:") && id.contains(":execution:")
}

fn check_id(what: &'static str, id: &str, shortest: usize) -> Result<(), InvalidValue> {
    if (shortest..=ID_BYTES).contains(&id.len()) {
        Ok(())
    } else {
        Err(InvalidValue::new(what, id, "an id of at most 1024 bytes, not empty"))
    }
}

fn hash(parts: &[&[u8]]) -> u128 {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(part);
    }
    let digest = sha.finalize();
    digest.iter().take(16).fold(0, |sum, byte| (sum << 8) | u128::from(*byte))
}

/// A waiter's task token. Never logged: whoever has it can end the task.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TaskToken(Arc<str>);

impl TaskToken {
    /// A token as the workflow gave it: 1 to 2,048 bytes (Step Functions' own bound, API reference of 2024).
    ///
    /// # Errors
    /// When it is empty or longer.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        if (1..=2_048).contains(&text.len()) {
            Ok(TaskToken(text.into()))
        } else {
            Err(InvalidValue {
                what: "task_token",
                got: format!("of {} bytes", text.len()),
                expected: "1 to 2048 bytes",
            })
        }
    }

    /// The token itself, for the one call that uses it and the rows that keep it until it is used.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// What is kept of it once it was used: enough to know it again.
    pub fn digest(&self) -> TaskDigest {
        let digest = Sha256::digest(self.0.as_bytes());
        TaskDigest(digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
    }
}

/// Which task a token was for: the first 64 bits of its SHA-256. It tells two tasks of one holder apart, and is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskDigest(pub u64);

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskToken(…)")
    }
}

/// A place in the queue: arrival first, then the holder, so that no two are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// When the waiter joined, on the clock of the call that put it there.
    pub at: Timestamp,
    /// The holder's own hash.
    pub own: u128,
}

/// The name of one lease: prefix, slot and fence. Opaque to callers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaseId {
    /// Whose pool.
    pub prefix: PoolName,
    /// Which slot.
    pub slot: Slot,
    /// Under which fence.
    pub fence: Fence,
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.prefix, self.slot.0, self.fence.0)
    }
}

impl FromStr for LeaseId {
    type Err = InvalidValue;
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let parse = || {
            let mut parts = text.rsplitn(3, ':');
            let fence: u64 = parts.next()?.parse().ok().filter(|fence| *fence > 0)?;
            let slot: u32 = parts.next()?.parse().ok()?;
            let prefix = parts.next()?.parse().ok()?;
            let id = LeaseId { prefix, slot: Slot(slot), fence: Fence(fence) };
            // "+7" and "007" parse as numbers but are not what was handed out.
            (id.to_string() == text).then_some(id)
        };
        parse()
            .ok_or_else(|| InvalidValue::new("lease_id", text, "a lease id as acquire returned it, PREFIX:SLOT:FENCE"))
    }
}

/// A holder's time-bound right to one slot, as its caller is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Its name.
    pub id: LeaseId,
    /// Whose.
    pub holder: Holder,
    /// For which attempt.
    pub attempt: Attempt,
    /// Since when.
    pub acquired_at: Timestamp,
    /// Until when it is the holder's. It can be taken by another only `grace` later.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// They are in the rows: versions that share a table must come to the same. Reckoned by another program: the first bytes of
    /// SHA-256.
    #[test]
    fn what_rows_keep_of_holders_is_the_same_in_every_version() {
        let execution = "arn:aws:states:eu-central-1:123456789012:execution:nightly:7";
        let holder = |parent| Holder::new(execution, "item-1", parent).expect("a holder").hashed();
        let own = 0x17c0b7e299fef34c5750219a03e9afd3;
        assert_eq!(holder(Some("a map run")), HolderKey { group: 0x63ce4d8b5232b5480f9eaa80689fde21, own });
        assert_eq!(holder(None), HolderKey { group: 0x562a457ff2a29e8bd28540a062cd6459, own });
        assert_eq!(TaskToken::new("secret").expect("a token").digest(), TaskDigest(0x2bb80d537b1da3e3));
    }

    #[test]
    fn a_limit_is_shown_as_its_number() {
        assert_eq!(Limit::HIGHEST.to_string(), "10000");
    }

    #[test]
    fn what_is_shown_is_short_also_where_it_is_escaped() {
        assert_eq!(shortened("plain \"ü\" 漢", 20), "plain \"ü\" 漢");
        assert_eq!(shortened("a\u{1b}[2J\n\u{202e}", 40), "a\\u{1b}[2J\\n\\u{202e}");
        assert_eq!(shortened("abcd", 3), "abc…");
        assert_eq!(shortened("ab\u{202e}", 9), "ab…");
        assert_eq!((shortened("", 0), shortened("a", 0)), (String::new(), "…".into()));
    }

    #[test]
    fn a_lease_id_reads_back_as_it_was_written() {
        let id = LeaseId { prefix: "team.a-b_c".parse().expect("prefix"), slot: Slot(7), fence: Fence(42) };
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn a_lease_id_nobody_handed_out_is_refused() {
        for text in
            ["", "p", "p:1", "p:1:0", "p:+1:2", "p:01:2", "p:1:2x", "a b:1:2", ":1:2", "p:1:18446744073709551616"]
        {
            assert!(text.parse::<LeaseId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_prefix_is_one_to_sixty_four_plain_characters() {
        assert!("x".repeat(64).parse::<PoolName>().is_ok());
        for text in ["", "a b", "a#b", "ü", &"x".repeat(65)] {
            assert!(text.parse::<PoolName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn where_the_key_starts_tells_holders_apart() -> Result<(), InvalidValue> {
        let one = Holder::new("ab", "c", None)?;
        let other = Holder::new("a", "bc", None)?;
        assert_ne!(one.hashed().own, other.hashed().own);
        Ok(())
    }

    #[test]
    fn a_holder_reads_as_its_execution_and_its_key() -> Result<(), InvalidValue> {
        assert_eq!(Holder::new("e", "", None)?.to_string(), "e");
        assert_eq!(Holder::new("e", "k", Some("p"))?.to_string(), "e#k");
        Ok(())
    }

    #[test]
    fn items_of_one_map_run_share_their_parents_group() -> Result<(), InvalidValue> {
        let item = Holder::new("child", "7", Some("parent"))?;
        assert_eq!(item.hashed().group, Holder::new("parent", "", None)?.hashed().group);
        assert!(item.belongs_to("parent") && item.belongs_to("child") && !item.belongs_to("7"));
        Ok(())
    }

    #[test]
    fn a_token_is_never_printed() -> Result<(), InvalidValue> {
        assert!(!format!("{:?}", TaskToken::new("secret")?).contains("secret"));
        Ok(())
    }

    #[test]
    fn nothing_that_carries_a_token_prints_it() -> Result<(), InvalidValue> {
        use crate::operation::{Effect, TaskCallback, TaskResult};
        use crate::{FailureReason, Held, Millis, Mode, Notice, Row, SlotRow, WaitRow};
        let (token, holder) = (TaskToken::new("secret")?, Holder::new("e", "", None)?);
        let (at, attempt) = (Timestamp(1), Attempt::default());
        let ticket = Ticket { at, own: 1 };
        let waits = WaitRow {
            ticket,
            holder: holder.clone(),
            attempt,
            give_up_at: at,
            token: Some(token.clone()),
            lease: Millis(1),
            label: None,
        };
        let row = |notice| {
            let held = Held {
                holder: holder.clone(),
                attempt,
                acquired_at: at,
                expires_at: at,
                renewed_at: None,
                notice,
                label: None,
            };
            Row::Slot(SlotRow { slot: Slot(0), fence: Fence(1), held: Some(held) })
        };
        let result = TaskResult::Failed(FailureReason::Released);
        let printed = [
            format!("{:?}", Row::Wait(waits)),
            format!(
                "{:?}",
                [Notice::Claimed, Notice::Untold, Notice::MaybeTold].map(|notice| row(notice(token.clone())))
            ),
            format!("{:?}", Effect::Callback(TaskCallback { token: token.clone(), result })),
            format!("{:?}", Mode::Queue(Some(token))),
        ];
        assert!(printed.iter().all(|text| text.contains("TaskToken(…)") && !text.contains("secret")), "{printed:?}");
        Ok(())
    }

    #[test]
    fn attempts_are_ordered_by_entry_redrive_and_retry() {
        let first = Attempt::first(Timestamp(5));
        let redriven = Attempt { redrive: 1, ..first };
        assert!(first < first.next() && first.next() < redriven && redriven < redriven.next());
        assert!(redriven.next() < Attempt::first(Timestamp(6)));
        assert!(redriven.redrives(first.next()) && !redriven.next().redrives(redriven));
        assert!(!Attempt { redrive: 1, ..Attempt::first(Timestamp(6)) }.redrives(first));
    }
}
