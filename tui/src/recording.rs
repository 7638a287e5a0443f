//! Recordings on disk: how is what a dashboard sees kept in a file?

use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use leasehold_core::Millis;
use leasehold_store::Table;
use leasehold_tui::watch::input::Input;
use leasehold_tui::watch::recorder::Recorder;

use crate::duration;
use crate::error::CliError;

/// How a database begins, as that of an embedded store.
const DATABASE: &[u8] = b"SQLite format 3\0";

/// A recorder on a file. A database is not replaced: it may be the very table that is recorded.
pub(crate) fn recorder(
    file: &Path,
    table: &Table,
    region: Option<&str>,
) -> Result<Recorder<BufWriter<File>>, CliError> {
    let unwritable = |why| CliError::Unwritable { path: file.into(), why };
    // A pipe is only written to: to read of it would wait for ever.
    let is_file = std::fs::metadata(file).is_ok_and(|found| found.is_file());
    let mut begins = [0; DATABASE.len()];
    let read = |begins: &mut [u8]| File::open(file).and_then(|mut there| there.read_exact(begins));
    if is_file && read(&mut begins).is_ok() && begins == DATABASE {
        let why = "it is a database, such as `leasehold demo --store` makes; a recording goes into a file of its own";
        return Err(CliError::Usage(format!("{} is not replaced: {why}", file.display())));
    }
    let out = BufWriter::new(File::create(file).map_err(unwritable)?);
    Recorder::new(out, table.name(), region, table.now()).map_err(unwritable)
}

/// Keeps what a dashboard sees in a file, if it is to be kept. A file that can not be written any more does not end
/// the dashboard: that is told when it is over.
pub(crate) struct RecordingFile {
    file: PathBuf,
    table: Table,
    recorder: Option<Recorder<BufWriter<File>>>,
    wrong: Option<std::io::Error>,
}

impl RecordingFile {
    pub(crate) fn on(file: Option<&Path>, table: &Table, region: Option<&str>) -> Result<RecordingFile, CliError> {
        let recorder = file.map(|file| recorder(file, table, region)).transpose()?;
        let file = file.map(Into::into).unwrap_or_default();
        Ok(RecordingFile { file, table: table.clone(), recorder, wrong: None })
    }

    pub(crate) fn keep(&mut self, input: &Input) {
        if let Some(recorder) = &mut self.recorder
            && let Err(wrong) = recorder.keep(self.table.now(), input)
        {
            (self.recorder, self.wrong) = (None, Some(wrong));
        }
    }

    pub(crate) fn over(self) -> Result<(), CliError> {
        self.wrong.map_or(Ok(()), |why| Err(CliError::Unwritable { path: self.file, why }))
    }
}

/// The table's region, for the recording's header.
pub(crate) fn region(table: &Table) -> Option<&str> {
    table.region().map(AsRef::as_ref)
}

/// A recording's file, as an option gives it.
pub(crate) fn recording_file(text: &str) -> Result<PathBuf, String> {
    match text {
        "" | "-" => Err("expected a file's path: a recording goes into a file".into()),
        path => Ok(path.into()),
    }
}

/// The time between two looks, as an option gives it.
pub(crate) fn between_looks(text: &str) -> Result<Duration, String> {
    let time = duration::between(Millis(100), Millis::seconds(86_400), text)?;
    Ok(Duration::from_millis(time.0))
}
