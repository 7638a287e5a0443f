//! Findings on a table and this machine: has the table the shape that leasehold needs, and what may be read of it? Nothing
//! is written to find out.

use leasehold_store::{
    DIRECTORY_KEYS, Directory, ErrorContext, IndexShape, KEYS, StoreError, Table, WrongClock, directory, table_shape,
    time_to_live,
};

use super::code::Code;
use super::report::FindingReport;
use super::words;
use crate::error::CliError;

/// What is wrong with a table, and its pools as far as they could be listed.
#[derive(Debug, Default)]
pub(crate) struct TableExamination {
    pub(crate) findings: Vec<FindingReport>,
    pub(crate) directory: Directory,
    /// It has other keys: nothing in it can be read.
    pub(crate) unusable: bool,
}

const MAKE: &str = "`leasehold table create --table NAME` or Terraform's `table` module make one";

pub(crate) async fn examine_table(table: &Table) -> Result<TableExamination, CliError> {
    let mut found = TableExamination::default();
    let shape = match table_shape(table).await {
        Ok(Some(shape)) => Some(shape),
        Ok(None) => {
            let context = ErrorContext("examining the table".into());
            return Err(StoreError::TableMissing { context, table: table.name().into() }.into());
        }
        Err(denied) if denied.is_not_signed_in() => return Err(denied.into()),
        Err(StoreError::Denied { why, .. }) => {
            found.findings.push(describe_denied(
                "dynamodb:DescribeTable",
                "whether the keys and the index are right",
                &why,
            ));
            None
        }
        Err(other) => return Err(other.into()),
    };
    if let Some(shape) = &shape {
        if shape.keys != KEYS {
            found.unusable = true;
            found.findings.push(FindingReport::new(
                Code::TableKeys,
                format!("The table's keys are {}; expected are {KEYS}.", shape.keys),
                "Nothing of leasehold can be in this table.",
                format!("Name another table (--table, LEASEHOLD_TABLE); {MAKE}."),
            ));
            return Ok(found);
        }
        found.findings.extend(index(shape.directory.as_ref()));
    }
    match time_to_live(table).await {
        Ok(attribute) => found.findings.extend(ttl(attribute.as_deref())),
        Err(StoreError::Denied { why, .. }) => {
            found.findings.push(describe_denied("dynamodb:DescribeTimeToLive", "whether old rows are deleted", &why));
        }
        Err(other) => return Err(other.into()),
    }
    if shape.is_none_or(|shape| shape.directory.is_some_and(|index| index.keys == DIRECTORY_KEYS && index.active)) {
        match directory(table).await {
            Ok(listed) => {
                found.findings.extend(listed.foreign.iter().map(|keys| words::foreign_in_index(keys)));
                found.directory = listed;
            }
            Err(StoreError::Denied { why, .. }) => {
                found.findings.push(read_denied("dynamodb:Query on the index directory", &why));
            }
            // There is none, and its description was denied.
            Err(StoreError::Rejected { .. }) => found.findings.extend(index(None)),
            Err(other) => return Err(other.into()),
        }
    }
    Ok(found)
}

fn index(found: Option<&IndexShape>) -> Option<FindingReport> {
    const MEANS: &str = "No pool can be listed as it is: `leasehold pools` and `watch` fail, list none, or show pools as broken. Leases are \
         granted all the same.";
    match found {
        None => Some(FindingReport::new(
            Code::IndexMissing,
            "The table has no index `directory`.",
            MEANS,
            format!(
                "Add it ({DIRECTORY_KEYS}, all attributes). If the table is another program's, take one of its own; {MAKE}."
            ),
        )),
        Some(index) if index.keys != DIRECTORY_KEYS || !index.whole => {
            let carries = if index.whole { "all attributes" } else { "not all attributes" };
            Some(FindingReport::new(
                Code::IndexShape,
                format!("The index `directory` has the keys {}, and carries {carries}.", index.keys),
                MEANS,
                format!("Delete that index, and add one with {DIRECTORY_KEYS} and all attributes; it fills by itself."),
            ))
        }
        Some(_) => None,
    }
}

fn ttl(attribute: Option<&str>) -> Option<FindingReport> {
    let wrong = match attribute {
        Some("ttl") => return None,
        Some(other) => format!("TTL is on for the attribute {other}; expected is ttl."),
        None => "TTL is off.".to_owned(),
    };
    let advice = if attribute.is_some() {
        "Turn it off for that attribute, wait for an hour, as AWS demands, and turn it on for ttl (Terraform does)."
    } else {
        "Turn it on for ttl: `leasehold table create` does that to a table that is there, and Terraform does."
    };
    let means = "Rows of holders that ended long ago are never deleted: the table grows, and what it costs. No lease \
                 depends on it.";
    Some(FindingReport::new(Code::TtlOff, wrong, means, advice))
}

fn describe_denied(action: &str, what: &str, why: &str) -> FindingReport {
    FindingReport::new(
        Code::DescribeDenied,
        format!("{action} was denied: {why}."),
        &format!("So this command cannot say {what}."),
        format!("Nothing needs it but this command. To know, use credentials that may {action}."),
    )
}

/// A read that was denied which callers and commands need.
pub(crate) fn read_denied(action: &str, why: &str) -> FindingReport {
    FindingReport::new(
        Code::ReadDenied,
        format!("{action} was denied: {why}."),
        "With these credentials the pools can not be looked at, so nothing more can be said of them.",
        format!("Let the policy of these credentials allow {action} (and the table's key, if it has one of yours)."),
    )
}

/// A clock that is wrong by the table's.
pub(crate) fn clock_wrong(wrong: WrongClock) -> FindingReport {
    FindingReport::new(
        Code::ClockWrong,
        format!("{wrong}.").replacen("this", "This", 1),
        "Nothing depends on it. AWS refuses signatures that are more than five minutes off, and is then asked again.",
        "Set this machine's clock, best by NTP.",
    )
}
