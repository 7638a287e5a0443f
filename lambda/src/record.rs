//! The log line of an invocation: what does the function write of it? One line of JSON: what was asked, what came of
//! it, and the metrics in CloudWatch's embedded metric format. The crate's first page says what each metric counts.

use std::time::Duration;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use leasehold_core::contract::Response;
use leasehold_core::{SHOWN_CHARS, TaskToken, Timestamp, harmless_json};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use crate::config::{LogLevel, Reporting};
use crate::failure::InvocationFailure;
use crate::metrics::{InvocationCounts, PoolCount};

/// What the metrics and logs of this program are called by.
pub const SERVICE: &str = "lease-manager";

/// How many values one metric of one line may have (embedded metric format specification, 2024).
const VALUES: usize = 100;

/// What is known of one invocation, once it is over.
#[derive(Clone, Debug)]
pub struct InvocationRecord {
    pub(crate) at: Timestamp,
    pub(crate) took: Duration,
    pub(crate) cold_start: bool,
    pub(crate) function_name: String,
    pub(crate) request_id: String,
    pub(crate) prefix: Option<String>,
    pub(crate) action: Option<&'static str>,
    pub(crate) holder: Option<String>,
    pub(crate) lease_id: Option<String>,
    pub(crate) outcome: String,
    pub(crate) caller: CallerOutcome,
    pub(crate) error: Option<InvocationFailure>,
    pub(crate) counts: InvocationCounts,
    /// What the table was asked for, if it was asked anything.
    pub(crate) used: Option<TableUsage>,
}

/// What the caller was told, as far as metrics need to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CallerOutcome {
    Wait,
    Queued,
    NothingToRelease,
    #[default]
    Other,
}

/// What the table was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableUsage {
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
}

impl CallerOutcome {
    pub(crate) fn of(response: &Response) -> CallerOutcome {
        match response {
            Response::Wait { .. } => CallerOutcome::Wait,
            Response::Queued => CallerOutcome::Queued,
            Response::Released { note: Some(_), .. } | Response::ReleasedAll { count: 0, more: false } => {
                CallerOutcome::NothingToRelease
            }
            _ => CallerOutcome::Other,
        }
    }
}

impl InvocationRecord {
    /// The line, without its end. What was granted and counted is in it at every level; the rest of it only where
    /// the line is at least as grave as `reporting` wants.
    pub fn line(&self, reporting: &Reporting) -> String {
        let line = serde_json::to_string(&LogLine { record: self, reporting });
        line.map(harmless_json)
            .unwrap_or_else(|error| json!({ "level": "ERROR", "message": error.to_string() }).to_string())
    }

    /// Takes every task token out of whatever text it may have got into.
    pub(crate) fn without_tokens(mut self) -> InvocationRecord {
        let secrets = std::mem::take(&mut self.counts.secrets);
        let texts = self.holder.iter_mut().chain(&mut self.counts.notes);
        for text in texts.chain(self.error.iter_mut().map(|error| &mut error.message)) {
            *text = secrets.iter().fold(std::mem::take(text), without);
        }
        self
    }

    /// How grave it is.
    pub fn level(&self) -> LogLevel {
        match self.error.as_ref().map(|error| error.error_type) {
            // The caller is told no; the pool is well.
            Some("HolderBusy" | "LeaseLost" | "Throttled") => LogLevel::Warn,
            Some(_) => LogLevel::Error,
            None if self.counts.notices_refused > 0 => LogLevel::Error,
            None if !self.counts.notes.is_empty() => LogLevel::Warn,
            None => LogLevel::Info,
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
            ("LeaseWait", u32::from(self.caller == CallerOutcome::Wait)),
            ("LeaseQueued", u32::from(self.caller == CallerOutcome::Queued)),
            ("LeaseReleased", counts.released),
            ("LeaseExpired", counts.late + u32::from(self.caller == CallerOutcome::NothingToRelease)),
            ("LeaseReclaimed", counts.reclaimed),
            ("LeaseLost", u32::from(lost)),
            ("WaiterGone", counts.closed),
            ("NoticeRefused", counts.notices_refused),
            ("WaitsForAncestor", counts.wait_for_ancestors),
            ("WorkOutlastedLease", counts.outlasted),
            ("ExtensionsMissed", counts.extensions_missed),
            ("Sweeps", u32::from(self.action == Some("sweep") && self.error.is_none())),
            ("TableConflict", counts.conflicts),
            ("ClockCorrected", counts.clock_corrected),
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
        if let Some(PoolCount { held, waiting, oldest_wait }) = counts.pool {
            metrics.push(("Held", "Count", json!(held)));
            metrics.push(("Waiting", "Count", json!(waiting)));
            metrics.push(("OldestWait", "Milliseconds", json!(oldest_wait.0)));
            // Seldom: no data says that nothing settles.
            metrics.extend(counts.settling.map(|left| ("Settling", "Milliseconds", json!(left.0))));
        }
        metrics
    }
}

struct LogLine<'a> {
    record: &'a InvocationRecord,
    reporting: &'a Reporting,
}

impl Serialize for LogLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let LogLine { record, reporting } = self;
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
        let chosen = metrics.iter().filter(|(name, ..)| reporting.metrics.includes(name));
        let named: Vec<_> = chosen.map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
        // Without the pool there is no dimension to write them under.
        if record.prefix.is_some() && !named.is_empty() {
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

impl InvocationRecord {
    fn entries<M: SerializeMap>(&self, line: &mut M, level: LogLevel) -> Result<(), M::Error> {
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
        if let Some(InvocationFailure { error_type, message }) = &self.error {
            line.serialize_entry("error", &json!({ "type": error_type, "message": message }))?;
        }
        if !self.counts.notes.is_empty() {
            line.serialize_entry("notes", &self.counts.notes)?;
        }
        if let (LogLevel::Debug, Some(used)) = (level, self.used) {
            let TableUsage { reads, writes, read_units, write_units } = used;
            let table =
                json!({ "reads": reads, "writes": writes, "read_units": read_units, "write_units": write_units });
            line.serialize_entry("table", &table)?;
        }
        Ok(())
    }
}

/// A text without a token, wherever its caller put it: whole, or the beginning that an error shows.
fn without(text: String, secret: &TaskToken) -> String {
    const GONE: &str = "[task token]";
    let secret = secret.secret();
    let text = if text.contains(secret) { text.replace(secret, GONE) } else { text };
    match secret.get(..SHOWN_CHARS) {
        Some(shown) if text.contains(shown) => text.replace(shown, GONE),
        _ => text,
    }
}

/// A moment as logs write it: `2024-11-22T10:11:12.345Z`, always with its milliseconds.
fn timestamp(at: Timestamp) -> String {
    let (seconds, millis) = (at.0 / 1_000, at.0 % 1_000);
    let date = i64::try_from(seconds).ok().and_then(|at| DateTime::from_secs(at).fmt(Format::DateTime).ok());
    // Years of five digits have no such form.
    let Some(date) = date else { return at.0.to_string() };
    format!("{}.{millis:03}Z", date.trim_end_matches('Z'))
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
            assert_eq!(timestamp(Timestamp(millis)), text);
        }
    }

    #[test]
    fn a_token_is_taken_out_whole_or_cut() {
        let token = TaskToken::new(&"t".repeat(100)).expect("a token");
        let text = |secret: &str| format!("holder e#{secret}, key \"{}…\"", &secret[..SHOWN_CHARS]);
        assert!(!without(text(token.secret()), &token).contains("tttt"));
    }
}
