//! The report of an examination: what was found, in words and as JSON, and which exit status says so?

use leasehold_core::diagnosis::Remedy;
use leasehold_core::{PoolName, Timestamp};
use serde::Serialize;

use super::code::{Code, Severity};

/// One finding, as a person is told of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FindingReport {
    pub(crate) code: Code,
    pub(crate) severity: Severity,
    /// The pool; none: the table, or this machine.
    pub(crate) prefix: Option<PoolName>,
    /// The row's sort key, if it is about one.
    pub(crate) row: Option<String>,
    /// What is wrong.
    pub(crate) wrong: String,
    /// What that means.
    pub(crate) means: String,
    /// What to do.
    pub(crate) advice: String,
    /// Whether `--repair` does something about it.
    pub(crate) repairable: bool,
    #[serde(skip)]
    pub(crate) remedy: Option<Remedy>,
}

impl FindingReport {
    pub(crate) fn new(code: Code, wrong: impl Into<String>, means: &str, advice: impl Into<String>) -> FindingReport {
        FindingReport {
            code,
            severity: code.severity(),
            prefix: None,
            row: None,
            wrong: wrong.into(),
            means: means.into(),
            advice: advice.into(),
            repairable: false,
            remedy: None,
        }
    }

    pub(crate) fn of_pool(self, prefix: &PoolName) -> FindingReport {
        FindingReport { prefix: Some(prefix.clone()), ..self }
    }

    pub(crate) fn of_row(self, row: impl Into<String>) -> FindingReport {
        FindingReport { row: Some(row.into()), ..self }
    }

    pub(crate) fn with(self, remedy: Option<Remedy>) -> FindingReport {
        FindingReport { repairable: remedy.is_some(), remedy, ..self }
    }

    fn words(&self) -> String {
        let severity = match self.severity {
            Severity::Note => "note",
            Severity::Warning => "WARNING",
            Severity::Error => "ERROR",
        };
        let pool = self.prefix.as_ref().map(|prefix| format!(", pool {prefix}")).unwrap_or_default();
        let row = self.row.as_ref().map(|row| format!(", row {row}")).unwrap_or_default();
        let FindingReport { wrong, means, advice, .. } = self;
        format!("\n{severity} {}{pool}{row}\n  {wrong}\n  {means}\n  {advice}\n", self.code.as_str())
    }
}

/// What became of one repair.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RepairReport {
    pub(crate) code: Code,
    pub(crate) prefix: PoolName,
    pub(crate) row: Option<String>,
    /// Whether it was done.
    pub(crate) done: bool,
    /// What was done, or why it was not.
    pub(crate) said: String,
}

/// What was looked at, and what came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) table: &'a str,
    pub(crate) at_ms: Timestamp,
    pub(crate) pools: Vec<PoolName>,
    pub(crate) findings: Vec<FindingReport>,
    pub(crate) repairs: Vec<RepairReport>,
}

impl Report<'_> {
    /// 0: nothing is wrong; 1: something is.
    pub(crate) fn status(&self) -> u8 {
        u8::from(self.findings.iter().any(|one| one.severity > Severity::Note))
    }

    pub(crate) fn words(&self) -> String {
        let looked_at = match &self.pools[..] {
            [] => "no pool".to_owned(),
            [one] => format!("pool {one}"),
            many => format!("{} pools", many.len()),
        };
        let mut text = format!("table {}: {looked_at} looked at\n", self.table);
        for finding in &self.findings {
            text += &finding.words();
        }
        let count = |severity| self.findings.iter().filter(|one| one.severity == severity).count();
        text += &match [Severity::Error, Severity::Warning, Severity::Note].map(count) {
            [0, 0, 0] => "nothing is wrong\n".to_owned(),
            [0, 0, notes] => format!("\nnothing is wrong; worth to know: {notes}\n"),
            [errors, warnings, notes] => format!("\nerrors: {errors}, warnings: {warnings}, notes: {notes}\n"),
        };
        text
    }

    /// What the repairs came to, a line each.
    pub(crate) fn repair_words(&self) -> String {
        let line = |one: &RepairReport| {
            let row = one.row.as_ref().map(|row| format!(", row {row}")).unwrap_or_default();
            let done = if one.done { "repaired" } else { "not repaired" };
            format!("{done} {}, pool {}{row}: {}\n", one.code.as_str(), one.prefix, one.said)
        };
        self.repairs.iter().map(line).collect()
    }
}
