//! What does the function write of an invocation? One JSON line: what was asked, what came of it, and the metrics in
//! CloudWatch's embedded metric format. The crate's first page says what each metric counts.

use std::time::Duration;

use leasehold_core::machine::Outcome;
use leasehold_core::nouns::{Millis, Token};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use crate::config::{Level, Reporting};
use crate::failed::Failed;
use crate::seen::{Counts, Pool};

/// What the metrics and logs of this program are called by.
pub const SERVICE: &str = "lease-manager";

/// How many values one metric of one line may have (embedded metric format specification, 2024).
const VALUES: usize = 100;

/// How much of a token an error may show of a field that it was put into by mistake.
const SHOWN: usize = 80;

/// What is known of one invocation, once it is over.
#[derive(Clone, Debug)]
pub struct Record {
    pub(crate) at: Millis,
    pub(crate) took: Duration,
    pub(crate) cold_start: bool,
    pub(crate) function_name: String,
    pub(crate) request_id: String,
    pub(crate) prefix: Option<String>,
    pub(crate) action: Option<&'static str>,
    pub(crate) holder: Option<String>,
    pub(crate) lease_id: Option<String>,
    pub(crate) outcome: String,
    pub(crate) said: Said,
    pub(crate) error: Option<Failed>,
    pub(crate) counts: Counts,
    pub(crate) used: Option<Used>,
}

/// What the caller was told, as far as metrics need to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Said {
    Wait,
    Queued,
    NothingToRelease,
    #[default]
    Other,
}

/// What the table was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
}

impl Said {
    pub(crate) fn of(outcome: &Outcome) -> Said {
        match outcome {
            Outcome::Wait { .. } => Said::Wait,
            Outcome::Queued => Said::Queued,
            Outcome::Released { already: true, .. } => Said::NothingToRelease,
            _ => Said::Other,
        }
    }
}

impl Record {
    /// The line, without its end. What was granted and counted is in it at every level; the rest of it only where
    /// the line is at least as grave as `reporting` wants.
    pub fn line(&self, reporting: &Reporting) -> String {
        let line = serde_json::to_string(&Line { record: self, reporting });
        line.unwrap_or_else(|error| json!({ "level": "ERROR", "message": error.to_string() }).to_string())
    }

    /// Takes every task token out of whatever text it may have got into.
    pub(crate) fn without_tokens(mut self) -> Record {
        let secrets = std::mem::take(&mut self.counts.secrets);
        let texts = self.holder.iter_mut().chain(&mut self.counts.notes);
        for text in texts.chain(self.error.iter_mut().map(|error| &mut error.message)) {
            *text = secrets.iter().fold(std::mem::take(text), without);
        }
        self
    }

    /// How grave it is.
    pub fn level(&self) -> Level {
        match self.error.as_ref().map(|error| error.error_type) {
            // The caller is told no; the pool is well.
            Some("HolderBusy" | "LeaseLost" | "Throttled") => Level::Warn,
            Some(_) => Level::Error,
            None if !self.counts.notes.is_empty() => Level::Warn,
            None => Level::Info,
        }
    }

    fn message(&self) -> String {
        let action = self.action.unwrap_or("invocation");
        match &self.error {
            Some(error) => format!("{action} failed with {}", error.error_type),
            None => format!("{action}: {}", self.outcome),
        }
    }

    /// The metrics that apply: name, unit, value.
    fn metrics(&self) -> Vec<(&'static str, &'static str, Value)> {
        let counts = &self.counts;
        let lost = self.error.as_ref().is_some_and(|error| error.error_type == "LeaseLost");
        let counted = [
            ("LeaseGranted", counts.granted),
            ("LeaseWait", u32::from(self.said == Said::Wait)),
            ("LeaseQueued", u32::from(self.said == Said::Queued)),
            ("LeaseReleased", counts.released),
            ("LeaseExpired", counts.late + u32::from(self.said == Said::NothingToRelease)),
            ("LeaseReclaimed", counts.reclaimed),
            ("LeaseLost", u32::from(lost)),
            ("WaiterGone", counts.closed),
            ("TableConflict", counts.conflicts),
            ("ColdStart", u32::from(self.cold_start)),
        ];
        let mut metrics: Vec<_> = counted
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| (name, "Count", json!(count)))
            .collect();
        // Also when there is none: its average is then the share of calls that fail.
        metrics.push(("Errors", "Count", json!(u32::from(self.error.is_some()))));
        for (name, times) in [("WaitTime", &counts.waits), ("HoldTime", &counts.holds)] {
            match &times[..] {
                [] => {}
                [time] => metrics.push((name, "Milliseconds", json!(time))),
                times => metrics.push((name, "Milliseconds", json!(times[..times.len().min(VALUES)]))),
            }
        }
        if let Some(Pool { held, waiting, oldest_wait }) = counts.pool {
            metrics.push(("Held", "Count", json!(held)));
            metrics.push(("Waiting", "Count", json!(waiting)));
            metrics.push(("OldestWait", "Milliseconds", json!(oldest_wait.0)));
        }
        metrics
    }
}

struct Line<'a> {
    record: &'a Record,
    reporting: &'a Reporting,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Line { record, reporting } = self;
        let level = record.level();
        let full = level >= reporting.level;
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("level", level.name())?;
        if full {
            line.serialize_entry("message", &record.message())?;
        }
        line.serialize_entry("timestamp", &timestamp(record.at))?;
        line.serialize_entry("service", SERVICE)?;
        if let Some(prefix) = &record.prefix {
            line.serialize_entry("prefix", prefix)?;
        }
        if full {
            record.entries(&mut line, reporting.level)?;
        }
        let metrics = record.metrics();
        for (name, _, value) in &metrics {
            line.serialize_entry(name, value)?;
        }
        // Without the pool there is no dimension to write them under.
        if record.prefix.is_some() {
            let named: Vec<_> = metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
            let directive = json!({
                "Namespace": reporting.namespace,
                "Dimensions": [["service", "prefix"]],
                "Metrics": named,
            });
            line.serialize_entry("_aws", &json!({ "Timestamp": record.at.0, "CloudWatchMetrics": [directive] }))?;
        }
        line.end()
    }
}

impl Record {
    fn entries<M: SerializeMap>(&self, line: &mut M, level: Level) -> Result<(), M::Error> {
        line.serialize_entry("cold_start", &self.cold_start)?;
        line.serialize_entry("function_name", &self.function_name)?;
        line.serialize_entry("function_request_id", &self.request_id)?;
        if let Some(action) = self.action {
            line.serialize_entry("action", action)?;
        }
        line.serialize_entry("outcome", &self.outcome)?;
        if let Some(holder) = &self.holder {
            line.serialize_entry("holder", holder)?;
        }
        if let Some(lease_id) = &self.lease_id {
            line.serialize_entry("lease_id", lease_id)?;
        }
        line.serialize_entry("duration_ms", &u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX))?;
        if let Some(Failed { error_type, message }) = &self.error {
            line.serialize_entry("error", &json!({ "type": error_type, "message": message }))?;
        }
        if !self.counts.notes.is_empty() {
            line.serialize_entry("notes", &self.counts.notes)?;
        }
        if let (Level::Debug, Some(used)) = (level, self.used) {
            let Used { reads, writes, read_units, write_units } = used;
            let table =
                json!({ "reads": reads, "writes": writes, "read_units": read_units, "write_units": write_units });
            line.serialize_entry("table", &table)?;
        }
        Ok(())
    }
}

/// A text without a token, wherever its caller put it: whole, or the beginning that an error shows.
fn without(text: String, secret: &Token) -> String {
    const GONE: &str = "[task token]";
    let secret = secret.secret();
    let text = if text.contains(secret) { text.replace(secret, GONE) } else { text };
    match secret.get(..SHOWN) {
        Some(shown) if text.contains(shown) => text.replace(shown, GONE),
        _ => text,
    }
}

/// A moment as logs write it: `2024-11-22T10:11:12.345Z`.
fn timestamp(at: Millis) -> String {
    let (days, millis) = (at.0 / 86_400_000, at.0 % 86_400_000);
    // Days since 1970 to a date, by eras of 400 years that begin on the first of March of year 0.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", millis % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_logs_do() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_732_270_272_345, "2024-11-22T10:11:12.345Z"),
            (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(timestamp(Millis(millis)), text);
        }
    }

    #[test]
    fn a_token_is_taken_out_whole_or_cut() {
        let token = Token::new(&"t".repeat(100)).expect("a token");
        let text = |secret: &str| format!("holder e#{secret}, key \"{}…\"", &secret[..SHOWN]);
        assert!(!without(text(token.secret()), &token).contains("tttt"));
    }
}
