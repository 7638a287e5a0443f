//! Events of a simulation: what just happened, in the ingredients of a caption? The page makes the sentences.

use serde::Serialize;

use crate::strategy::Strategy;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SimEvent {
    /// Its number: they are counted from the start, and the same in every run.
    pub seq: u64,
    /// When, in milliseconds since the start.
    pub at_ms: f64,
    /// In which lane; none: in all.
    #[serde(rename = "door")]
    pub lane: Option<Strategy>,
    /// In which pool.
    pub pool: Option<usize>,
    /// A seek ran past it once more.
    #[serde(rename = "again", skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// What.
    #[serde(flatten)]
    pub kind: SimEventKind,
}

/// What happened. `job` is whose; `cell` is a slot's number.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the documentation: they are the words of the page's interface")]
pub enum SimEventKind {
    Arrived {
        job: u32,
        workload: usize,
    },
    Acquired {
        job: u32,
        cell: Option<u32>,
        fence: u64,
        waited_ms: f64,
        held: u32,
        limit: u32,
        counted: Option<u32>,
        counted_at_ms: Option<f64>,
    },
    OverLimit {
        job: u32,
        held: u32,
        limit: u32,
        ceiling: u32,
        counted: Option<u32>,
        counted_at_ms: Option<f64>,
        /// Who acquired between this job's count and its put: they counted without each other.
        together: Vec<u32>,
    },
    WithinLimit {
        held: u32,
        ceiling: u32,
    },
    Queued {
        job: u32,
        waiting: u32,
        limit: u32,
        /// The limit that its call went by, which may be one of before.
        followed: u32,
    },
    Refused {
        job: u32,
        held: u32,
        again_ms: f64,
        limit: u32,
        /// The limit that its call went by, which may be one of before.
        followed: u32,
    },
    Collided {
        job: Option<u32>,
        operation: &'static str,
        guard: String,
        means: &'static str,
    },
    Released {
        job: u32,
        cell: u32,
        next: Option<u32>,
    },
    Expired {
        job: u32,
        cell: Option<u32>,
    },
    Reclaimed {
        job: u32,
        cell: u32,
        next: Option<u32>,
    },
    Freed {
        job: u32,
        cell: u32,
        next: Option<u32>,
        why: &'static str,
    },
    LostLease {
        job: u32,
    },
    Died {
        job: u32,
        holding: bool,
    },
    CallDied {
        job: Option<u32>,
        operation: &'static str,
    },
    Lost {
        job: Option<u32>,
        operation: &'static str,
        way: &'static str,
        request: u64,
    },
    Throttled {
        job: Option<u32>,
        operation: &'static str,
    },
    Told {
        job: u32,
        waited_ms: f64,
    },
    GaveUp {
        job: u32,
        waited_ms: f64,
    },
    Failed {
        job: u32,
        operation: &'static str,
        why: String,
    },
    Over {
        job: u32,
        took_ms: f64,
    },
    Swept {
        granted: u32,
        reclaimed: u32,
        renotified: u32,
        freed: u32,
        left: u32,
    },
    Limit {
        from: u32,
        to: u32,
        step: &'static str,
    },
}
