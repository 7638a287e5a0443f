//! Replays: what of a recorded trace does the page play?

use leasehold_core::Timestamp;
use serde_json::json;
use wasm_bindgen::prelude::*;

use crate::plain::{error, object};
use crate::recording::{Point, Recording};

/// A trace that `leasehold record` wrote. Times are milliseconds since the epoch.
#[wasm_bindgen]
pub struct Replay(Recording);

fn moment(ms: f64) -> Timestamp {
    Timestamp(if ms > 0.0 { ms as u64 } else { 0 })
}

#[wasm_bindgen]
impl Replay {
    /// Reads a trace.
    ///
    /// # Errors
    /// When it is none: says which line is wrong.
    #[wasm_bindgen(constructor)]
    pub fn new(text: &str) -> Result<Replay, JsError> {
        Recording::parse(text).map(Replay).map_err(error)
    }

    /// The first moment.
    pub fn from(&self) -> f64 {
        self.0.from().0 as f64
    }

    /// The last moment.
    pub fn to(&self) -> f64 {
        self.0.to().0 as f64
    }

    /// The next moment at which something was seen.
    pub fn next(&self, after: f64) -> f64 {
        self.0.next(moment(after)).0 as f64
    }

    /// What was recorded.
    ///
    /// # Errors
    /// Never.
    pub fn title(&self) -> Result<JsValue, JsError> {
        let header = self.0.header();
        object(&json!({
            "table": header.table,
            "region": header.region,
            "program": header.program,
            "recorded_at_ms": header.recorded_at,
            "looks": self.0.looks(),
            "pools": self.0.pools_seen(),
            "note": self.0.note(),
        }))
    }

    /// Every pool as it was seen last at that moment; and of each when that was, if it is too long ago for the present.
    ///
    /// # Errors
    /// Never.
    pub fn at(&self, at: f64) -> Result<JsValue, JsError> {
        let (pools, old): (Vec<_>, Vec<_>) =
            self.0.at(moment(at)).into_iter().map(|look| (look.pool, look.old_since)).unzip();
        object(&json!({ "at_ms": at, "pools": pools, "old_since_ms": old }))
    }

    /// What happened after one moment and until another.
    ///
    /// # Errors
    /// Never.
    pub fn events(&self, after: f64, until: f64) -> Result<JsValue, JsError> {
        object(&self.0.events(moment(after), moment(until)))
    }

    /// How a pool fared, five numbers each: when, held, limit, waiting, and until when that is taken for the present.
    pub fn line(&self, prefix: &str, points: usize) -> Vec<f64> {
        let draw = |Point { at, held, limit, waiting, until }: Point| {
            [at as f64, held.into(), limit.into(), waiting.into(), until as f64]
        };
        self.0.line(prefix, points).into_iter().flat_map(draw).collect()
    }
}
