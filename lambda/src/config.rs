//! The function's environment: which pool does it serve, and how does it report? Read once.

use std::fmt;

use leasehold_core::PoolName;

/// The name of the table.
pub(crate) const TABLE_NAME: &str = "LEASE_TABLE_NAME";
/// The pool's prefix.
pub(crate) const PREFIX: &str = "LEASE_PREFIX";
/// Under which CloudWatch namespace metrics are written; [`DEFAULT_NAMESPACE`] if not set.
pub(crate) const METRICS_NAMESPACE: &str = "LEASE_METRICS_NAMESPACE";
/// Which metrics are written: their names with commas between them, or `none`; all of them if not set.
pub(crate) const METRICS: &str = "LEASE_METRICS";
/// How much is logged: `error`, `warn`, `info` (the default) or `debug`.
pub(crate) const LOG_LEVEL: &str = "LEASE_LOG_LEVEL";

/// The namespace of the metrics, if none is given.
pub(crate) const DEFAULT_NAMESPACE: &str = "leasehold";

/// CloudWatch's own bound on the length of a namespace, in bytes (API reference of `PutMetricData`, 2024).
const NAMESPACE_BYTES: usize = 255;

/// What the function serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The table's name.
    pub table: String,
    /// The pool.
    pub prefix: PoolName,
    /// How it reports.
    pub reporting: Reporting,
}

/// How the function reports: also known where what it serves is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reporting {
    /// The CloudWatch namespace of its metrics.
    pub namespace: String,
    /// Which metrics CloudWatch is to take out of the log.
    pub metrics: MetricChoice,
    /// How much it logs.
    pub level: LogLevel,
}

/// Which metrics CloudWatch is to take out of the log: each costs by the month. Their values are in the log in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MetricChoice {
    /// All there are.
    #[default]
    All,
    /// Those with these names.
    Only(Vec<String>),
}

/// How grave a log line is, and from which on they are written in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For whoever looks for a cause.
    Debug,
    /// What was asked and what came of it.
    Info,
    /// It worked, but something on the way did not; or the caller was told no.
    Warn,
    /// It did not work.
    Error,
}

/// A variable of the environment that makes no sense: which, and what is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misconfigured(String);

impl fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Reporting {
    fn default() -> Self {
        Reporting { namespace: DEFAULT_NAMESPACE.into(), metrics: MetricChoice::All, level: LogLevel::Info }
    }
}

impl Config {
    /// Reads the variables that `get` knows. An empty one is the same as none.
    ///
    /// # Errors
    /// Says every variable that is missing or wrong, and what is expected of each.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Config, Misconfigured> {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let mut wrong = Vec::new();
        let table = get(TABLE_NAME).unwrap_or_else(|| {
            wrong.push(format!("{TABLE_NAME} is not set: expected the name of the table of leases"));
            String::new()
        });
        let prefix = match get(PREFIX).map(|prefix| prefix.parse::<PoolName>()) {
            Some(Ok(prefix)) => Some(prefix),
            Some(Err(not)) => {
                wrong.push(format!("{PREFIX} is {}: expected {}", not.got, not.expected));
                None
            }
            None => {
                wrong.push(format!("{PREFIX} is not set: expected the pool's prefix, 1 to 64 of A-Z a-z 0-9 . _ -"));
                None
            }
        };
        let reporting = Reporting::read(get).unwrap_or_else(|reasons| {
            wrong.extend(reasons);
            Reporting::default()
        });
        match prefix {
            Some(prefix) if wrong.is_empty() => Ok(Config { table, prefix, reporting }),
            _ => Err(Misconfigured(format!("the function's environment is wrong: {}", wrong.join("; ")))),
        }
    }
}

impl Reporting {
    fn read(get: impl Fn(&str) -> Option<String>) -> Result<Reporting, Vec<String>> {
        let mut wrong = Vec::new();
        let namespace = get(METRICS_NAMESPACE).unwrap_or_else(|| DEFAULT_NAMESPACE.into());
        if namespace.len() > NAMESPACE_BYTES || namespace.starts_with("AWS/") || namespace.starts_with(':') {
            wrong.push(format!(
                "{METRICS_NAMESPACE} is {namespace:?}: expected at most {NAMESPACE_BYTES} bytes that begin with \
                 neither AWS/ nor a colon"
            ));
        }
        let metrics = match get(METRICS).as_deref() {
            None => MetricChoice::All,
            Some("none") => MetricChoice::Only(Vec::new()),
            Some(names) => MetricChoice::Only(names.split(',').map(|name| name.trim().to_owned()).collect()),
        };
        if let MetricChoice::Only(names) = &metrics
            && let Some(name) = names.iter().find(|name| !name.starts_with(|first: char| first.is_ascii_uppercase()))
        {
            wrong
                .push(format!("{METRICS} names {name:?}: expected names of metrics with commas between them, or none"));
        }
        let level = match get(LOG_LEVEL).as_deref() {
            Some("debug") => LogLevel::Debug,
            Some("info") | None => LogLevel::Info,
            Some("warn") => LogLevel::Warn,
            Some("error") => LogLevel::Error,
            Some(other) => {
                wrong.push(format!("{LOG_LEVEL} is {other:?}: expected one of error, warn, info, debug"));
                LogLevel::Info
            }
        };
        if wrong.is_empty() { Ok(Reporting { namespace, metrics, level }) } else { Err(wrong) }
    }
}

impl MetricChoice {
    /// Whether CloudWatch is to take the metric of this name.
    pub(crate) fn includes(&self, name: &str) -> bool {
        match self {
            MetricChoice::All => true,
            MetricChoice::Only(names) => names.iter().any(|one| one == name),
        }
    }
}

impl LogLevel {
    /// As log lines say it.
    pub fn name(self) -> &'static str {
        match self {
            LogLevel::Debug => "DEBUG",
            LogLevel::Info => "INFO",
            LogLevel::Warn => "WARN",
            LogLevel::Error => "ERROR",
        }
    }
}
