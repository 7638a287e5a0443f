//! Reading items: which attribute has which value, and what is wrong with it if it has none?

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use leasehold_core::{
    Attempt, Fence, Held, HighWaterRow, Holder, HolderState, Limit, Lowered, Lowering, Millis, Notice, PoolChange,
    PoolPatch, PoolRow, SHOWN_CHARS, Slot, SlotRow, TaskDigest, TaskToken, Timestamp, quoted, shortened,
};

use super::{
    ACQUIRED_AT, ATTEMPT, CHANGE, EDITION, EDITION_SPOKEN, ENDED, EXECUTION, EXPIRES_AT, FENCE, FROM, GRACE_MS,
    HOLDING, Item, KEY, LABEL, LEASE_MS, LIMIT, LONGEST_HOLD_MS, LONGEST_WAIT_MS, LOWER_SINCE, LOWER_TO, LOWERED_AT,
    LOWERED_FROM, MAYBE_TOLD, NOTICE, PARENT, PK, QUIET_MS, RENEWED_AT, RowError, SET, SK, SLOT, SLOT_COUNT, SLOTS,
    STATE, SWEEP_EVERY_MS, TASK, TICKET, TOKEN, UNCOLLECTED, UNTIL, UNTOLD, WAITING, attempt, task_text, ticket,
};

/// The highest fence that is read. A slot that is granted a million times a second gets there in 292,000 years.
const HIGHEST_FENCE: u64 = u64::MAX / 2;

/// What a slot has besides its holder's name while it is held.
const OF_A_HOLDER: [&str; 10] = [KEY, PARENT, ATTEMPT, ACQUIRED_AT, EXPIRES_AT, RENEWED_AT, NOTICE, TOKEN, TASK, LABEL];

/// The attributes of one item.
pub(super) struct ItemReader<'a>(pub(super) &'a Item);

impl<'a> ItemReader<'a> {
    pub(super) fn wrong(&self, attribute: &'static str, expected: &'static str) -> RowError {
        let shown = |name: &str| match self.0.get(name) {
            Some(AttributeValue::S(text)) => shortened(text, SHOWN_CHARS),
            _ => "?".into(),
        };
        let found = match self.0.get(attribute) {
            None => "missing".into(),
            Some(_) if attribute == TOKEN => "something else".into(),
            Some(AttributeValue::S(text)) => format!("the text {}", quoted(text)),
            Some(AttributeValue::N(number)) => format!("the number {}", shortened(number, SHOWN_CHARS)),
            Some(AttributeValue::Bool(flag)) => format!("{flag}"),
            Some(_) => "of another type".into(),
        };
        RowError { pk: shown(PK), sk: shown(SK), attribute, found, expected }
    }

    pub(super) fn maybe_text(&self, name: &'static str) -> Result<Option<&'a str>, RowError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "text (S)")),
        }
    }

    pub(super) fn text(&self, name: &'static str) -> Result<&'a str, RowError> {
        self.maybe_text(name)?.ok_or_else(|| self.wrong(name, "text (S)"))
    }

    pub(super) fn maybe_number<N: std::str::FromStr>(&self, name: &'static str) -> Result<Option<N>, RowError> {
        let wrong = || self.wrong(name, "a whole number (N) that is not negative");
        match self.0.get(name) {
            None => Ok(None),
            Some(AttributeValue::N(number)) => number.parse().map(Some).map_err(|_| wrong()),
            Some(_) => Err(wrong()),
        }
    }

    pub(super) fn number(&self, name: &'static str) -> Result<u64, RowError> {
        self.maybe_number(name)?.ok_or_else(|| self.wrong(name, "a whole number (N)"))
    }

    pub(super) fn small(&self, name: &'static str) -> Result<u32, RowError> {
        self.maybe_number(name)?.ok_or_else(|| self.wrong(name, "a whole number (N)"))
    }

    pub(super) fn time(&self, name: &'static str) -> Result<Timestamp, RowError> {
        self.number(name).map(Timestamp)
    }

    pub(super) fn maybe_time(&self, name: &'static str) -> Result<Option<Timestamp>, RowError> {
        Ok(self.maybe_number(name)?.map(Timestamp))
    }

    pub(super) fn length(&self, name: &'static str) -> Result<Millis, RowError> {
        self.number(name).map(Millis)
    }

    pub(super) fn maybe_length(&self, name: &'static str) -> Result<Option<Millis>, RowError> {
        Ok(self.maybe_number(name)?.map(Millis))
    }

    pub(super) fn flag(&self, name: &'static str) -> Result<bool, RowError> {
        match self.0.get(name) {
            None => Ok(false),
            Some(AttributeValue::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong(name, "true or false (BOOL), or nothing")),
        }
    }

    pub(super) fn limit(&self) -> Result<Limit, RowError> {
        Limit::try_from(self.number(LIMIT)?).map_err(|e| self.wrong(LIMIT, e.expected))
    }

    pub(super) fn lowered(&self) -> Result<Option<Lowered>, RowError> {
        match (self.maybe_number::<u64>(LOWERED_FROM)?, self.maybe_time(LOWERED_AT)?) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(self.wrong(LOWERED_FROM, "there, as lowered_at is")),
            (Some(_), None) => Err(self.wrong(LOWERED_AT, "there, as lowered_from is")),
            (Some(from), Some(at)) => match Limit::try_from(from) {
                Ok(from) => Ok(Some(Lowered { from, at })),
                Err(e) => Err(self.wrong(LOWERED_FROM, e.expected)),
            },
        }
    }

    pub(super) fn pool(&self) -> Result<PoolRow, RowError> {
        if self.maybe_number::<u64>(EDITION)? != Some(EDITION_SPOKEN) {
            return Err(self.wrong(EDITION, "2, whose rows this version of leasehold reads and writes"));
        }
        Ok(PoolRow {
            limit: self.limit()?,
            lowered: self.lowered()?,
            lease: self.maybe_length(LEASE_MS)?,
            grace: self.maybe_length(GRACE_MS)?,
            quiet: self.maybe_length(QUIET_MS)?,
            longest_wait: self.maybe_length(LONGEST_WAIT_MS)?,
            longest_hold: self.maybe_length(LONGEST_HOLD_MS)?,
            sweep_every: self.maybe_length(SWEEP_EVERY_MS)?,
        })
    }

    /// What can be read of settings that make no sense as a whole.
    pub(super) fn remains(&self) -> PoolPatch {
        let length = |name| self.maybe_length(name).ok().flatten();
        PoolPatch {
            limit: self.limit().ok(),
            lease: length(LEASE_MS),
            grace: length(GRACE_MS),
            quiet: length(QUIET_MS),
            longest_wait: length(LONGEST_WAIT_MS),
            longest_hold: length(LONGEST_HOLD_MS),
            sweep_every: length(SWEEP_EVERY_MS),
        }
    }

    pub(super) fn change(&self) -> Result<PoolChange, RowError> {
        let from = || Limit::try_from(self.number(FROM)?).map_err(|e| self.wrong(FROM, e.expected));
        Ok(match self.text(CHANGE)? {
            "made" => PoolChange::Made(self.limit()?),
            "set" => PoolChange::Set(
                self.text(SET)?.parse().map_err(|_| self.wrong(SET, "settings with their values before and after"))?,
            ),
            "retired" => PoolChange::Retired,
            "overridden" => PoolChange::Overridden { from: from()?, to: self.limit()?, until: self.maybe_time(UNTIL)? },
            "ended" => PoolChange::Ended { from: from()?, to: self.limit()? },
            "lapsed" => PoolChange::Lapsed { from: from()?, to: self.limit()? },
            _ => return Err(self.wrong(CHANGE, "made, set, retired, overridden, ended or lapsed")),
        })
    }

    pub(super) fn holder(&self) -> Result<Holder, RowError> {
        let key = self.maybe_text(KEY)?.unwrap_or_default();
        Holder::new(self.text(EXECUTION)?, key, self.maybe_text(PARENT)?).map_err(|e| {
            let attribute = [KEY, PARENT].into_iter().find(|name| *name == e.what).unwrap_or(EXECUTION);
            self.wrong(attribute, e.expected)
        })
    }

    pub(super) fn attempt(&self) -> Result<Attempt, RowError> {
        let attempt = attempt(self.text(ATTEMPT)?);
        attempt.ok_or_else(|| self.wrong(ATTEMPT, "milliseconds, redrives and retries with a dot between"))
    }

    pub(super) fn token(&self) -> Result<Option<TaskToken>, RowError> {
        let token = self.maybe_text(TOKEN)?.map(TaskToken::new).transpose();
        token.map_err(|e| self.wrong(TOKEN, e.expected))
    }

    pub(super) fn task(&self) -> Result<Option<TaskDigest>, RowError> {
        let Some(text) = self.maybe_text(TASK)? else { return Ok(None) };
        let task = u64::from_str_radix(text, 16).ok().map(TaskDigest).filter(|task| task_text(*task) == text);
        task.map(Some).ok_or_else(|| self.wrong(TASK, "16 hex digits"))
    }

    pub(super) fn notice(&self) -> Result<Notice, RowError> {
        let token = || self.token()?.ok_or_else(|| self.wrong(TOKEN, "there, as the holder was not told"));
        match self.maybe_text(NOTICE)? {
            None => Ok(match (self.token()?, self.task()?) {
                (Some(token), _) => Notice::Claimed(token),
                (None, Some(task)) => Notice::Confirmed(task),
                (None, None) => Notice::Asked,
            }),
            Some(UNCOLLECTED) => Ok(Notice::Uncollected),
            Some(UNTOLD) => Ok(Notice::Untold(token()?)),
            Some(MAYBE_TOLD) => Ok(Notice::MaybeTold(token()?)),
            Some(_) => Err(self.wrong(NOTICE, "uncollected, untold, maybe_told, or nothing")),
        }
    }

    /// A fence that grows once more would be the first one again, and an old lease as good as a new one.
    fn fence(&self) -> Result<Fence, RowError> {
        let fence = self.number(FENCE)?;
        if fence > HIGHEST_FENCE {
            return Err(self.wrong(FENCE, "a fence that grants can have made, below 2^63"));
        }
        Ok(Fence(fence))
    }

    pub(super) fn high_water(&self) -> Result<HighWaterRow, RowError> {
        let lower = match (self.maybe_number::<u64>(LOWER_TO)?, self.maybe_time(LOWER_SINCE)?) {
            (None, None) => None,
            (Some(to), Some(since)) => {
                let to = Limit::try_from(to).map_err(|e| self.wrong(LOWER_TO, e.expected))?;
                Some(Lowering { to, since })
            }
            (None, Some(_)) => return Err(self.wrong(LOWER_TO, "there, as lower_since is")),
            (Some(_), None) => return Err(self.wrong(LOWER_SINCE, "there, as lower_to is")),
        };
        Ok(HighWaterRow { slots: self.small(SLOT_COUNT)?, fence: self.fence()?, lower })
    }

    /// What can be read of a high-water mark that makes no sense as a whole.
    pub(super) fn mark_remains(&self) -> HighWaterRow {
        let slots = self.small(SLOT_COUNT).unwrap_or_default();
        HighWaterRow { slots, fence: self.fence().unwrap_or_default(), lower: None }
    }

    pub(super) fn label(&self) -> Result<Option<Arc<str>>, RowError> {
        Ok(self.maybe_text(LABEL)?.map(Into::into))
    }

    pub(super) fn slot(&self, sk: &str) -> Result<SlotRow, RowError> {
        let number = sk.strip_prefix(SLOTS).and_then(|digits| digits.parse().ok()).filter(|slot| *slot < 100_000);
        let slot = Slot(number.ok_or_else(|| self.wrong(SK, "slot# and five digits"))?);
        let fence = self.fence()?;
        if self.maybe_text(EXECUTION)?.is_none() {
            // A free slot has nothing of a holder's. One that does is held, and it is not known by whom.
            if OF_A_HOLDER.iter().any(|attribute| self.0.contains_key(*attribute)) {
                return Err(self.wrong(EXECUTION, "text (S), as the slot has other attributes of a holder"));
            }
            return Ok(SlotRow { slot, fence, held: None });
        }
        let held = Held {
            holder: self.holder()?,
            attempt: self.attempt()?,
            acquired_at: self.time(ACQUIRED_AT)?,
            expires_at: self.time(EXPIRES_AT)?,
            renewed_at: self.maybe_time(RENEWED_AT)?,
            notice: self.notice()?,
            label: self.label()?,
        };
        Ok(SlotRow { slot, fence, held: Some(held) })
    }

    pub(super) fn state(&self) -> Result<HolderState, RowError> {
        match self.text(STATE)? {
            WAITING => Ok(HolderState::Waiting {
                ticket: ticket(self.text(TICKET)?)
                    .ok_or_else(|| self.wrong(TICKET, "13 digits, - and 32 hex digits"))?,
                task: self.task()?,
            }),
            HOLDING => Ok(HolderState::Holding { slot: Slot(self.small(SLOT)?), fence: self.fence()? }),
            ENDED => Ok(HolderState::Ended),
            _ => Err(self.wrong(STATE, "waiting, holding or ended")),
        }
    }
}
