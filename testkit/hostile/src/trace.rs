//! Traces: is every text either a recording that is written back as it was, or refused with its line?

use leasehold_core::Timestamp;
use leasehold_core::occupancy::trace::Trace;
use leasehold_wasm::{RecordedPool, Recording};

use crate::words::{assert_harmless, assert_nothing_hidden};

/// How many points of a line are drawn.
const POINTS: usize = 7;

/// A trace as text: read as the dashboard and as the page read it.
pub(crate) fn judge(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (read, played) = (Trace::parse(&text), Recording::parse(&text));
    let trace = match read {
        Ok(trace) => trace,
        Err(wrong) => {
            assert_harmless(&wrong.to_string());
            return assert_eq!(played.err(), Some(wrong));
        }
    };
    trace.note.as_deref().into_iter().for_each(assert_harmless);
    let written = Trace { note: None, ..trace.clone() };
    assert_eq!(Trace::parse(&written.to_string()), Ok(written), "it reads back as it was");

    let played = played.expect("the page reads what the dashboard reads");
    let (from, to) = (played.from(), played.to());
    assert!(from <= to && played.next(to) == to);
    // From one moment to the next, no line twice.
    let (mut at, mut moments) = (from, 0);
    while at < to {
        let next = played.next(at);
        assert!(next > at, "{next} comes after {at}");
        (at, moments) = (next, moments + 1);
    }
    assert!(moments <= text.lines().count());
    assert_eq!(at, to);
    let said = serde_json::to_string(&played.events(Timestamp(0), to)).expect("events are JSON");
    assert!(said.starts_with('['));
    for pool in played.at(to) {
        match pool.pool {
            RecordedPool::Whole(pool) => {
                let line = played.line(pool.prefix.as_str(), POINTS);
                assert!((1..=POINTS).contains(&line.len()), "{} points", line.len());
            }
            RecordedPool::Broken { broken, .. } => assert_nothing_hidden(broken),
        }
    }
}
