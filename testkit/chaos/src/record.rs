//! Records: what does each caller write down of what it asked and was told? One JSON line an event, appended to a file
//! that is the caller's own, so that it survives the caller; and the world's list of whom it killed and stopped.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// One event, and when it was written down: milliseconds since the epoch by this machine's clock, which is the table's.
/// Programs with a wrong clock write no records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) at: u64,
    #[serde(flatten)]
    pub(crate) event: Event,
}

/// What happened. What a caller was told is written after it was told; what it gives back, before it asks for that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// A lease is asked for.
    Asked { holder: String },
    /// The caller was told that it has this lease; until when, where it was told that as well.
    Acquired { holder: String, slot: u32, fence: u64, expires_at: Option<u64> },
    /// It was told that its lease lasts until then.
    Renewed { holder: String, expires_at: u64 },
    /// From here on it does nothing under the lease.
    Releasing { holder: String },
    /// It was told that the lease is given back.
    Released { holder: String },
    /// It knows that its lease is over, and does nothing under it any more.
    Lost { holder: String, why: String },
    /// A job's work was done under a lease from its beginning to its end.
    Done { job: u64 },
    /// The world is about to kill this caller. With `ended`, its executions end with it, and may be reported.
    Killed { caller: String, ended: bool },
    /// The world is about to stop this caller.
    Stopped { caller: String },
}

/// A record that is being written.
#[derive(Debug)]
pub(crate) struct RecordWriter(File);

impl RecordWriter {
    /// Appends to this file.
    pub(crate) fn open(path: &Path) -> io::Result<RecordWriter> {
        Ok(RecordWriter(OpenOptions::new().create(true).append(true).open(path)?))
    }

    /// Writes an event down, now.
    pub(crate) fn write(&mut self, event: Event) -> io::Result<()> {
        self.write_at(now(), event)
    }

    /// Writes down an event of this moment.
    pub(crate) fn write_at(&mut self, at: u64, event: Event) -> io::Result<()> {
        let line = serde_json::to_string(&Line { at, event })?;
        // In one piece: a caller that is killed leaves a whole line or none.
        self.0.write_all(format!("{line}\n").as_bytes())
    }
}

/// All records of a run, by their callers' names, without the world's own.
pub(crate) fn records(folder: &Path) -> io::Result<BTreeMap<String, Vec<Line>>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let caller = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            all.insert(caller, lines(&path)?);
        }
    }
    Ok(all)
}

/// The lines of one record.
pub(crate) fn lines(path: &Path) -> io::Result<Vec<Line>> {
    std::fs::read_to_string(path)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Milliseconds since the epoch.
pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
