//! How is what a dashboard saw kept and read again? A trace: JSON lines, one look at one pool each.
//!
//! `leasehold record` writes it; `leasehold watch --replay` and the browser page read it. The text is UTF-8, each
//! line one JSON object that ends with a newline.
//!
//! The first line says what the rest is:
//!
//! ```json
//! {"leasehold_trace":1,"table":"leases","region":"eu-central-1","recorded_at_ms":1700000000000,"program":"leasehold 0.1.0"}
//! ```
//!
//! | field | meaning |
//! |---|---|
//! | `leasehold_trace` | the version of the format: [`VERSION`] |
//! | `table` | the name of the table that was looked at |
//! | `region` | its AWS region; `null` if it has none (an embedded table, say) |
//! | `recorded_at_ms` | when the recording began |
//! | `program` | what wrote it, for people |
//!
//! Every line after it is one of these:
//!
//! ```json
//! {"at_ms":1700000000250,"pool":{"prefix":"analytics","at_ms":1700000000245,"detail":"rows","limit":15,"held":12}}
//! {"at_ms":1700000000900,"gone":"batch"}
//! {"at_ms":1700000001200,"broken":"nightly","why":"row slot#00001 ...","slots":[[1,"..."]],"rest":{"prefix":"nightly","limit":5}}
//! ```
//!
//! `pool` is a whole [`Occupancy`] (above it is shortened) and replaces what was known of the pool; `gone` says
//! that the pool was retired; `broken` that not all of its rows can be read, and why: `slots` are those whose rows can not, `rest`
//! is what the others show, if that can be told. (Programs from before there was `broken` leave those lines out.) `at_ms` is when the
//! recorder saw it, on its own clock; it never decreases from line
//! to line. The `at_ms` inside `pool` is the moment that the look shows: for a pool's rows about the same, for a
//! summary the time of the sweep.
//!
//! Events (granted, released, ...) are not in a trace: readers derive them with [`changes`](super::changes).
//! All times are milliseconds since the epoch. Fields that a reader does not know are to be ignored; a change that
//! would mislead a reader of this version gets a new version. A line that makes no sense is left out, and lines that are
//! out of order are put in order; the reader is told of both. So a recording that was cut off in its last line, or
//! damaged in its middle, is still good without that line.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Occupancy;
use crate::harmless::{harmless, harmless_json};
use crate::time::Timestamp;
use crate::types::{PoolName, SHOWN_CHARS, Slot, shortened};

/// The version of the format that is written, and the newest that is read.
pub const VERSION: u64 = 1;

/// The field that makes a line the first of a trace.
const MARK: &str = "leasehold_trace";

/// How many characters are told of what the JSON reader says: it shows the value that it did not expect, then what it did.
const SAID_CHARS: usize = 300;

/// A whole recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What was recorded.
    pub header: TraceHeader,
    /// What was seen, in order of time.
    pub entries: Vec<TraceEntry>,
    /// Something its reader should be told, though the rest is good: which lines were left out or put in order.
    pub note: Option<String>,
}

/// The first line: what was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceHeader {
    /// The table's name.
    pub table: String,
    /// Its region, if it has one.
    #[serde(default)]
    pub region: Option<String>,
    /// When the recording began, on the recorder's clock.
    #[serde(rename = "recorded_at_ms")]
    pub recorded_at: Timestamp,
    /// What wrote it: name and version.
    #[serde(default)]
    pub program: String,
}

/// One line: what was seen, and when.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Line")]
pub struct TraceEntry {
    /// When, on the recorder's clock.
    pub at: Timestamp,
    /// What.
    pub seen: PoolSeen,
}

/// An entry as it is read. One flat object: the page's size is counted, and each kind of object costs.
#[derive(Deserialize)]
struct Line {
    at_ms: Timestamp,
    #[serde(default)]
    pool: Option<Box<Occupancy>>,
    #[serde(default)]
    gone: Option<PoolName>,
    #[serde(default)]
    broken: Option<PoolName>,
    #[serde(default)]
    why: Option<String>,
    #[serde(default)]
    slots: Vec<(Slot, String)>,
    #[serde(default)]
    rest: Option<Box<Occupancy>>,
}

/// The same as it is written.
#[derive(Default, Serialize)]
struct WrittenLine<'a> {
    at_ms: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<&'a Occupancy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<&'a PoolName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<&'a PoolName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    slots: &'a [(Slot, String)],
    #[serde(skip_serializing_if = "Option::is_none")]
    rest: Option<&'a Occupancy>,
}

impl TryFrom<Line> for TraceEntry {
    type Error = &'static str;

    fn try_from(line: Line) -> Result<TraceEntry, &'static str> {
        let Line { at_ms, pool, gone, broken, why, slots, rest } = line;
        let seen = match (pool, gone, broken, why) {
            (Some(pool), None, None, _) => PoolSeen::Pool(pool),
            (None, Some(gone), None, _) => PoolSeen::Gone(gone),
            (None, None, Some(prefix), Some(why)) => {
                let why = harmless(&why);
                let slots = slots.into_iter().map(|(slot, why)| (slot, harmless(&why))).collect();
                PoolSeen::Broken(Box::new(BrokenPool { prefix, why, slots, rest }))
            }
            _ => return Err("not one of `pool`, `gone`, and `broken` with `why`"),
        };
        Ok(TraceEntry { at: at_ms, seen })
    }
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PoolSeen {
    /// A pool as it is now.
    Pool(Box<Occupancy>),
    /// The pool is not there any more: it was retired.
    Gone(PoolName),
    /// Not all of its rows can be read.
    Broken(Box<BrokenPool>),
}

/// A pool of which not all rows can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenPool {
    /// Which pool.
    pub prefix: PoolName,
    /// All that is wrong, and what to do; as [`harmless`] tells it.
    pub why: String,
    /// The slots whose rows can not be read, and what is wrong with each.
    pub slots: Vec<(Slot, String)>,
    /// What the other rows show; none if nothing can be shown.
    pub rest: Option<Box<Occupancy>>,
}

/// Why a text is no trace that can be read. Lines are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The first line is not the first line of a trace.
    #[error(
        "line 1: not a trace: {why}; a trace is what `leasehold record` wrote, and begins with `{{\"{MARK}\":{VERSION}`"
    )]
    NotATrace {
        /// What is there instead.
        why: String,
    },
    /// Written by a newer program.
    #[error("line 1: a trace of version {version}, this program reads up to {VERSION}; read it with a newer leasehold")]
    Newer {
        /// Its version.
        version: u64,
    },
    /// There are lines, and none of them makes sense: this is the first.
    #[error("line {line}: {why}; expected {{\"at_ms\":...,\"pool\":{{...}}}} or {{\"at_ms\":...,\"gone\":\"...\"}}")]
    BadLine {
        /// Which.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

impl TraceHeader {
    /// The line, without its newline.
    ///
    /// # Errors
    /// When it can not be said in JSON, which no value of this type brings about.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct Marked<'a> {
            leasehold_trace: u64,
            #[serde(flatten)]
            header: &'a TraceHeader,
        }
        serde_json::to_string(&Marked { leasehold_trace: VERSION, header: self }).map(harmless_json)
    }
}

impl TraceEntry {
    /// A look at a pool.
    pub fn pool(at: Timestamp, pool: Occupancy) -> TraceEntry {
        TraceEntry { at, seen: PoolSeen::Pool(Box::new(pool)) }
    }

    /// The line, without its newline.
    ///
    /// # Errors
    /// When it can not be said in JSON, which no value of this type brings about.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        let line = WrittenLine { at_ms: self.at, ..WrittenLine::default() };
        let line = match &self.seen {
            PoolSeen::Pool(pool) => WrittenLine { pool: Some(pool), ..line },
            PoolSeen::Gone(prefix) => WrittenLine { gone: Some(prefix), ..line },
            PoolSeen::Broken(broken) => {
                let BrokenPool { prefix, why, slots, rest } = &**broken;
                WrittenLine { broken: Some(prefix), why: Some(why), slots, rest: rest.as_deref(), ..line }
            }
        };
        serde_json::to_string(&line).map(harmless_json)
    }

    /// Which pool it is about.
    pub fn prefix(&self) -> &PoolName {
        match &self.seen {
            PoolSeen::Pool(pool) => &pool.prefix,
            PoolSeen::Gone(prefix) => prefix,
            PoolSeen::Broken(broken) => &broken.prefix,
        }
    }
}

impl Trace {
    /// Reads a trace.
    ///
    /// # Errors
    /// When the first line is not that of a trace, or no other line makes sense.
    pub fn parse(text: &str) -> Result<Trace, TraceError> {
        // What other programs put before a text to say that it is UTF-8.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = text.split_inclusive('\n').enumerate();
        let header = header(lines.next().map_or("", |(_, line)| line.trim_end()))?;
        let (mut entries, mut flaws): (Vec<TraceEntry>, Flaws) = Default::default();
        for (index, whole) in lines {
            let (line, text) = (index + 1, whole.trim_end());
            if text.is_empty() {
                continue;
            }
            match serde_json::from_str::<TraceEntry>(text) {
                Ok(entry) => {
                    flaws.out_of_order |= entries.last().is_some_and(|before| entry.at < before.at);
                    entries.push(entry);
                }
                // Only the very end of a file lacks its newline.
                Err(e) if e.is_eof() && !whole.ends_with('\n') => flaws.cut_off = Some(line),
                Err(e) => {
                    flaws.bad += 1;
                    flaws.first_bad.get_or_insert_with(|| (line, said(&e)));
                }
            }
        }
        if let (true, Some((line, why))) = (entries.is_empty(), &flaws.first_bad) {
            return Err(TraceError::BadLine { line: *line, why: why.clone() });
        }
        if flaws.out_of_order {
            entries.sort_by_key(|entry| entry.at);
        }
        Ok(Trace { header, entries, note: flaws.note() })
    }
}

/// What is wrong with the lines of a trace that can be read all the same.
#[derive(Default)]
struct Flaws {
    /// How many lines make no sense; the first of them, and why.
    bad: usize,
    first_bad: Option<(usize, String)>,
    out_of_order: bool,
    /// The last line, in which the recording ended.
    cut_off: Option<usize>,
}

impl Flaws {
    fn note(&self) -> Option<String> {
        let mut notes = vec![];
        match (&self.first_bad, self.bad) {
            (Some((line, why)), 1) => notes.push(format!("line {line} makes no sense and is left out: {why}")),
            (Some((line, why)), bad) => {
                notes.push(format!("{bad} lines make no sense and are left out, the first is line {line}: {why}"));
            }
            (None, _) => {}
        }
        if self.out_of_order {
            notes.push("its lines are not in order of time: they were put in order".to_owned());
        }
        if let Some(line) = self.cut_off {
            notes.push(format!("line {line} is cut off and left out: the recording ended within it"));
        }
        (!notes.is_empty()).then(|| notes.join("; "))
    }
}

impl fmt::Display for Trace {
    /// The whole text, as [`Trace::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.header.to_line().map_err(|_| fmt::Error)?)?;
        self.entries.iter().try_for_each(|entry| writeln!(f, "{}", entry.to_line().map_err(|_| fmt::Error)?))
    }
}

fn header(line: &str) -> Result<TraceHeader, TraceError> {
    let no = |why: String| TraceError::NotATrace { why };
    if line.is_empty() {
        return Err(no("it is empty".into()));
    }
    let value: Value = serde_json::from_str(line).map_err(|e| no(format!("no JSON: {}", said(&e))))?;
    let Some(mark) = value.get(MARK) else { return Err(no(format!("it has no field \"{MARK}\""))) };
    match mark.as_u64() {
        Some(VERSION) => {}
        Some(version) if version > VERSION => return Err(TraceError::Newer { version }),
        _ => {
            return Err(no(format!(
                "its \"{MARK}\" is {}, which is no version",
                shortened(&mark.to_string(), SHOWN_CHARS)
            )));
        }
    }
    serde_json::from_value(value).map_err(|e| no(said(&e)))
}

/// What is wrong, without the place: the line is named already, and the column of a long line tells nobody anything. What
/// somebody wrote there may be as long as the line.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    shortened(text.rsplit_once(" at line ").map_or(&text, |(what, _)| what), SAID_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{Held, Notice, SlotRow, WaitRow};
    use crate::settings::Settings;
    use crate::status::Snapshot;
    use crate::time::Millis;
    use crate::types::{Attempt, Fence, Holder, Limit, TaskToken, Ticket};

    fn pool(at: u64) -> Occupancy {
        let settings = Settings::new("analytics".parse().expect("prefix"), Limit::try_from(2).expect("limit"));
        let holder = |name: &str| Holder::new("an execution", name, Some("a parent")).expect("holder");
        let held = Held {
            holder: holder("1"),
            attempt: Attempt::default(),
            acquired_at: Timestamp(at - 500),
            expires_at: Timestamp(at + 500),
            renewed_at: None,
            notice: Notice::Untold(TaskToken::new("secret").expect("a token")),
            label: Some("one".into()),
        };
        let waits = holder("2");
        let ticket = Ticket { at: Timestamp(at - 100), own: waits.hashed().own };
        let slots = vec![SlotRow { slot: Slot(0), fence: Fence(3), held: Some(held) }];
        let queue = vec![WaitRow {
            ticket,
            holder: waits,
            attempt: Attempt::default(),
            give_up_at: Timestamp(at + 9_000),
            token: Some(TaskToken::new("secret").expect("a token")),
            lease: Millis(300_000),
            label: None,
        }];
        Occupancy::of(&Snapshot { at: Timestamp(at), limit: settings.limit, slots, queue, more: false }, &settings)
    }

    fn trace() -> Trace {
        let gone = PoolSeen::Gone("batch".parse().expect("prefix"));
        Trace {
            header: TraceHeader {
                table: "leases".into(),
                region: None,
                recorded_at: Timestamp(1_000),
                program: "leasehold 0.1.0".into(),
            },
            entries: vec![
                TraceEntry::pool(Timestamp(1_000), pool(1_000)),
                TraceEntry::pool(Timestamp(2_000), pool(1_990)),
                TraceEntry { at: Timestamp(2_000), seen: gone },
            ],
            note: None,
        }
    }

    fn lines() -> Vec<String> {
        trace().to_string().lines().map(Into::into).collect()
    }

    #[test]
    fn a_trace_reads_back_as_it_was_written() {
        assert_eq!(Trace::parse(&trace().to_string()), Ok(trace()));
        let empty = Trace { entries: vec![], ..trace() };
        assert_eq!(Trace::parse(&empty.to_string()), Ok(empty));
    }

    #[test]
    fn the_lines_look_as_the_format_says() {
        let lines = lines();
        let header = "{\"leasehold_trace\":1,\"table\":\"leases\",\"region\":null,\"recorded_at_ms\":1000,\
                      \"program\":\"leasehold 0.1.0\"}";
        assert_eq!(lines[0], header);
        assert!(
            lines[1]
                .starts_with("{\"at_ms\":1000,\"pool\":{\"prefix\":\"analytics\",\"at_ms\":1000,\"detail\":\"rows\"")
        );
        assert_eq!(lines[3], "{\"at_ms\":2000,\"gone\":\"batch\"}");
    }

    #[test]
    fn a_broken_pool_reads_back_with_what_could_be_read_and_without() {
        let broken = |slots, rest| {
            let broken = BrokenPool { prefix: "analytics".parse().expect("prefix"), why: "row x".into(), slots, rest };
            TraceEntry { at: Timestamp(3_000), seen: PoolSeen::Broken(Box::new(broken)) }
        };
        let slots = vec![(Slot(1), "fence is \"abc\"".into())];
        let all = Trace { entries: vec![broken(slots, Some(Box::new(pool(2_990)))), broken(vec![], None)], ..trace() };
        assert_eq!(Trace::parse(&all.to_string()), Ok(all.clone()));
        let last = "{\"at_ms\":3000,\"broken\":\"analytics\",\"why\":\"row x\"}";
        assert_eq!(all.to_string().lines().last(), Some(last));
        let mixed = last.replace("\"broken\"", "\"gone\":\"a\",\"broken\"");
        let text = format!("{}\n{mixed}\n", all.to_string().lines().next().expect("a header"));
        assert!(matches!(Trace::parse(&text), Err(TraceError::BadLine { line: 2, .. })));
    }

    #[test]
    fn what_was_not_written_by_a_recorder_is_no_trace() {
        for text in
            ["", "\n", "hello", "[]", "{}", "{\"at_ms\":1}", "{\"leasehold_trace\":\"1\"}", "{\"leasehold_trace\":0}"]
        {
            let error = Trace::parse(text).expect_err(text);
            assert!(matches!(error, TraceError::NotATrace { .. }), "{text:?}: {error:?}");
            assert!(error.to_string().contains("line 1: not a trace"), "{error}");
        }
        let error = Trace::parse("{\"leasehold_trace\":1,\"recorded_at_ms\":1}").expect_err("no table");
        assert_eq!(error.to_string().split(';').next(), Some("line 1: not a trace: missing field `table`"));
    }

    #[test]
    fn a_newer_version_is_refused_whatever_else_it_says() {
        let error = Trace::parse("{\"leasehold_trace\":2}").expect_err("newer");
        assert_eq!(error, TraceError::Newer { version: 2 });
        assert!(error.to_string().contains("newer leasehold"), "{error}");
    }

    #[test]
    fn a_bad_line_is_told_with_its_number() {
        let whole = lines();
        let bad = [
            "x",
            "{}",
            "{\"at_ms\":1500}",
            "{\"at_ms\":1500,\"gone\":\"a b\"}",
            "{\"at_ms\":1500,\"pool\":{}}",
            "{\"at_ms\":1500,\"pool\":null,\"gone\":null}",
            "{\"at_ms\"",
        ];
        for bad in bad {
            let error = Trace::parse(&[&whole[0], "", bad, ""].join("\n")).expect_err(bad);
            assert!(matches!(error, TraceError::BadLine { line: 3, .. }), "{bad}: {error:?}");
            assert!(error.to_string().starts_with("line 3: "), "{error}");
            let good = Trace::parse(&[&whole[0], &whole[1], bad, &whole[3], ""].join("\n")).expect(bad);
            let note = good.note.expect("a note");
            assert!(good.entries.len() == 2 && note.starts_with("line 3 makes no sense and is left out: "), "{note}");
        }
        let text = [&whole[0], "x", &whole[1], "y", "{\"at"].join("\n");
        let note = Trace::parse(&text).expect("a trace").note.expect("a note");
        assert!(note.starts_with("2 lines make no sense and are left out, the first is line 2: "), "{note}");
        assert!(note.ends_with("; line 5 is cut off and left out: the recording ended within it"), "{note}");
    }

    #[test]
    fn lines_that_are_out_of_order_are_put_in_order() {
        let mut wrong = trace();
        wrong.entries.swap(0, 2);
        let read = Trace::parse(&wrong.to_string()).expect("a trace");
        assert!(read.entries.is_sorted_by_key(|entry| entry.at) && read.entries.len() == 3);
        assert!(read.note.is_some_and(|note| note.contains("put in order")));
    }

    #[test]
    fn a_recording_cut_off_in_its_last_line_is_good_without_it() {
        let whole = trace().to_string();
        let last = whole.trim_end().rfind('\n').expect("lines") + 1;
        for end in last + 1..whole.len() - 1 {
            let cut = Trace::parse(&whole[..end]).expect("a trace");
            assert_eq!((cut.entries.len(), cut.note.is_some()), (2, true), "{:?}", &whole[last..end]);
        }
        // Only the newline is missing.
        assert_eq!(Trace::parse(whole.trim_end()), Ok(trace()));
        // Cut off in the middle is something else.
        let broken = whole.replacen("\"pool\"", "\"po\n", 1);
        assert!(Trace::parse(&broken).is_ok_and(|trace| trace.entries.len() == 2 && trace.note.is_some()));
    }

    #[test]
    fn fields_from_the_future_and_empty_lines_are_skipped() {
        let text = trace().to_string();
        let text = text
            .replace("\"gone\"", "\"new\":[1],\"gone\"")
            .replace("\"leasehold_trace\":1", "\"new\":{},\"leasehold_trace\":1");
        assert_eq!(Trace::parse(&text.replace('\n', "\r\n\r\n")), Ok(trace()));
    }
}
