//! What does the page show of a trace? The last look at every pool, what happened in between, and how each fared.

#![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

use leasehold_core::occupancy::trace::{BrokenPool, PoolSeen, Trace, TraceEntry, TraceHeader};
use leasehold_core::occupancy::{Occupancy, PoolEventKind};
use leasehold_core::{Attempt, Fence, Held, Holder, Limit, Notice, Settings, Slot, SlotRow, Snapshot, Timestamp};
use leasehold_wasm::{LastLook, RecordedChange, RecordedPool, Recording};

/// A slot: its fence, and whether it is held.
type Slots = [(u64, bool); 2];

/// A look at a pool of two slots.
fn look(prefix: &str, at: u64, slots: Slots) -> Occupancy {
    let settings = Settings::new(prefix.parse().expect("prefix"), Limit::try_from(2).expect("limit"));
    let slot = |(slot, (fence, held)): (usize, (u64, bool))| {
        let slot = Slot(u32::try_from(slot).expect("a slot"));
        let held = held.then(|| Held {
            holder: Holder::new("execution", &format!("{}.{fence}", slot.0), None).expect("holder"),
            attempt: Attempt::default(),
            acquired_at: Timestamp(fence * 900),
            expires_at: Timestamp(60_000),
            renewed_at: None,
            notice: Notice::Asked,
            label: None,
        });
        SlotRow { slot, fence: Fence(fence), held }
    };
    let slots = slots.into_iter().enumerate().map(slot).collect();
    Occupancy::of(&Snapshot { at: Timestamp(at), limit: settings.limit, slots, queue: vec![], more: false }, &settings)
}

fn recording() -> Recording {
    let header = TraceHeader {
        table: "leases".into(),
        region: None,
        recorded_at: Timestamp(900),
        program: "leasehold 0.1.0".into(),
    };
    let entries = vec![
        TraceEntry::pool(Timestamp(1_000), look("b", 1_000, [(1, true), (0, false)])),
        TraceEntry::pool(Timestamp(1_000), look("a", 1_000, [(1, false), (1, false)])),
        TraceEntry::pool(Timestamp(2_000), look("a", 2_000, [(2, true), (2, true)])),
        TraceEntry::pool(Timestamp(3_000), look("b", 3_000, [(1, false), (0, false)])),
        TraceEntry { at: Timestamp(4_000), seen: PoolSeen::Gone("b".parse().expect("prefix")) },
        TraceEntry::pool(Timestamp(5_000), look("a", 5_000, [(2, false), (2, true)])),
    ];
    let text = Trace { header, entries, note: None }.to_string();
    Recording::parse(&text).expect("a trace")
}

#[test]
fn every_pool_shows_as_it_was_seen_last() {
    let recording = recording();
    let held = |at: u64| -> Vec<String> {
        let shown = |look: &LastLook| match look.pool {
            RecordedPool::Whole(pool) => format!("{} {}", pool.prefix, pool.held),
            RecordedPool::Broken { prefix, broken, .. } => format!("{prefix} broken: {broken}"),
        };
        recording.at(Timestamp(at)).iter().map(shown).collect()
    };
    assert_eq!(held(999), [""; 0]);
    assert_eq!(held(1_000), ["a 0", "b 1"]);
    assert_eq!(held(2_500), ["a 2", "b 1"]);
    assert_eq!(held(3_999), ["a 2", "b 0"]);
    assert_eq!(held(4_000), ["a 2"], "b is retired");
    assert_eq!(held(90_000), ["a 1"]);
}

#[test]
fn a_broken_pool_shows_as_broken_until_it_is_read_again() {
    let entry = |at, rest| {
        let slots = vec![(Slot(1), "no fence".into())];
        let broken = BrokenPool { prefix: "a".parse().expect("prefix"), why: "row slot#00001".into(), slots, rest };
        TraceEntry { at: Timestamp(at), seen: PoolSeen::Broken(Box::new(broken)) }
    };
    let header =
        TraceHeader { table: "t".into(), region: None, recorded_at: Timestamp(900), program: "leasehold".into() };
    let entries = vec![
        TraceEntry::pool(Timestamp(1_000), look("a", 1_000, [(1, true), (1, false)])),
        entry(2_000, Some(Box::new(look("a", 2_000, [(2, true), (1, false)])))),
        entry(3_000, None),
        TraceEntry::pool(Timestamp(4_000), look("a", 4_000, [(2, false), (1, false)])),
    ];
    let recording = Recording::parse(&Trace { header, entries, note: None }.to_string()).expect("a trace");
    let at = |at: u64| serde_json::to_value(recording.at(Timestamp(at))[0].pool).expect("JSON");
    assert_eq!((&at(1_500)["held"], &at(1_500)["broken"]), (&1.into(), &serde_json::Value::Null));
    let broken = at(2_500);
    assert_eq!((&broken["prefix"], &broken["broken"]), (&"a".into(), &"row slot#00001".into()));
    assert_eq!(broken["rest"]["held"], 1);
    assert_eq!(at(3_500)["rest"], serde_json::Value::Null);
    assert_eq!((&at(4_500)["held"], recording.looks()), (&0.into(), 4));
    // Of what nobody could read nothing is told.
    assert!(recording.events(Timestamp(0), Timestamp(9_000)).is_empty());
    assert_eq!(recording.line("a", 10).len(), 2);
}

#[test]
fn its_moments_are_walked_one_by_one() {
    let recording = recording();
    let mut moments = vec![recording.from().0];
    while moments.last() != Some(&recording.to().0) {
        moments.push(recording.next(Timestamp(*moments.last().expect("one"))).0);
    }
    assert_eq!(moments, [1_000, 2_000, 3_000, 4_000, 5_000]);
    assert_eq!((recording.looks(), recording.next(Timestamp(9_000))), (5, Timestamp(5_000)));
}

#[test]
fn what_happened_between_two_moments_is_told_once() {
    let recording = recording();
    let told = |after: u64, until: u64| -> Vec<(String, &'static str)> {
        let name = |event: &RecordedChange| match event {
            RecordedChange::Event(event) => match event.what {
                PoolEventKind::Granted { .. } => "granted",
                PoolEventKind::Released(_) => "released",
                _ => "another",
            },
            RecordedChange::Gone { at: Timestamp(4_000), what } => what,
            RecordedChange::Gone { .. } => "gone at another time",
            RecordedChange::Made { what, .. } => what,
        };
        let events = recording.events(Timestamp(after), Timestamp(until));
        events.iter().map(|told| (told.prefix.to_string(), name(&told.event))).collect()
    };
    let pair = |prefix: &str, what: &'static str| (prefix.to_owned(), what);
    assert_eq!(told(0, 1_000), []);
    assert_eq!(told(1_000, 2_000), [pair("a", "granted"), pair("a", "granted")]);
    assert_eq!(told(2_000, 5_000), [pair("b", "released"), pair("b", "gone"), pair("a", "released")]);
    assert_eq!(told(0, 9_000).len(), 5);
    assert_eq!(told(5_000, 1_000), []);
}

#[test]
fn a_pool_that_goes_is_told_once_and_none_that_never_was() {
    let header = "{\"leasehold_trace\":1,\"table\":\"t\",\"recorded_at_ms\":7}\n";
    let lines = "{\"at_ms\":8,\"gone\":\"a\"}\n{\"at_ms\":9,\"broken\":\"a\",\"why\":\"w\"}\n\
        {\"at_ms\":10,\"gone\":\"a\"}\n{\"at_ms\":11,\"gone\":\"a\"}\n";
    let recording = Recording::parse(&format!("{header}{lines}")).expect("a trace");
    let events = serde_json::to_value(recording.events(Timestamp(0), Timestamp(99))).expect("JSON");
    let told = [(9, "made_again"), (10, "gone")]
        .map(|(at, what)| serde_json::json!({ "prefix": "a", "at_ms": at, "what": what }));
    assert_eq!(events, serde_json::json!(told));
}

/// Looks at pool `a` every second, except that nobody looked for a while; and at `b`, which is made meanwhile, goes and
/// is made again. `c` comes with the second look at `a`, which is as soon as all were looked at once.
fn with_holes() -> Recording {
    let header = TraceHeader { table: "t".into(), region: None, recorded_at: Timestamp(7), program: "p".into() };
    let entry = |prefix: &str, at: u64| TraceEntry::pool(Timestamp(at), look(prefix, at, [(1, true), (0, false)]));
    let gone = |at: u64| TraceEntry { at: Timestamp(at), seen: PoolSeen::Gone("b".parse().expect("prefix")) };
    let mut entries: Vec<TraceEntry> = [1, 2, 3, 4, 14, 15, 16, 17].map(|at| entry("a", at * 1_000)).into();
    entries.extend([entry("a", 1_006), entry("c", 1_006)]);
    entries.extend([entry("b", 2_000), entry("b", 3_000), gone(4_000), entry("b", 16_000)]);
    entries.sort_by_key(|entry| entry.at);
    Recording::parse(&Trace { header, entries, note: None }.to_string()).expect("a trace")
}

#[test]
fn a_pool_that_is_made_meanwhile_or_again_is_told() {
    let recording = with_holes();
    let events = serde_json::to_value(recording.events(Timestamp(0), Timestamp(99_000))).expect("JSON");
    let told = |at: u64, what: &str| serde_json::json!({ "prefix": "b", "at_ms": at, "what": what });
    assert_eq!(events, serde_json::json!([told(2_000, "made"), told(4_000, "gone"), told(16_000, "made_again")]));
}

#[test]
fn an_old_look_is_not_the_present() {
    let recording = with_holes();
    let old = |at: u64| recording.at(Timestamp(at))[0].old_since;
    assert_eq!((old(1_000), old(8_000)), (None, None), "one may come late");
    assert_eq!((old(8_001), old(13_999), old(14_000)), (Some(Timestamp(4_000)), Some(Timestamp(4_000)), None));
    // As often as it was seen: of one look alone nobody knows.
    let header = "{\"leasehold_trace\":1,\"table\":\"t\",\"recorded_at_ms\":7}\n";
    let recording =
        Recording::parse(&format!("{header}{{\"at_ms\":8,\"broken\":\"a\",\"why\":\"w\"}}\n")).expect("a trace");
    assert_eq!(recording.at(Timestamp(9_000_000))[0].old_since, None);
}

#[test]
fn a_line_has_a_hole_where_nobody_looked_or_the_pool_was_gone() {
    let recording = with_holes();
    let lasting = |prefix: &str, points: usize| -> Vec<(u64, u64)> {
        recording.line(prefix, points).iter().map(|point| (point.at / 1_000, point.until / 1_000)).collect()
    };
    let each = [(1, 1), (1, 2), (2, 3), (3, 4), (4, 8), (14, 15), (15, 16), (16, 17), (17, 21)];
    assert_eq!(lasting("a", 10), each);
    assert_eq!(lasting("a", 2), [(1, 8), (14, 21)]);
    assert_eq!(lasting("a", 1), [(1, 8)]);
    assert_eq!(lasting("b", 10)[..2], [(2, 3), (3, 4)], "it was gone after that");
}

#[test]
fn a_line_keeps_its_peaks_however_few_its_points() {
    let recording = recording();
    let held = |points: usize| recording.line("a", points).iter().map(|point| point.held).collect::<Vec<_>>();
    assert_eq!(held(10), [0, 2, 1]);
    assert_eq!(held(2), [2, 1]);
    assert_eq!(held(1), [2]);
    assert!(recording.line("nobody", 10).is_empty());
}

#[test]
fn what_is_no_trace_is_told_with_the_line() {
    let error = Recording::parse("hello").expect_err("no trace").to_string();
    assert!(error.starts_with("line 1: not a trace"), "{error}");
    let header = "{\"leasehold_trace\":1,\"table\":\"t\",\"recorded_at_ms\":7}\n";
    let error = Recording::parse(&format!("{header}{{}}\n")).expect_err("a bad line").to_string();
    assert!(error.starts_with("line 2: "), "{error}");
    let empty = Recording::parse(header).expect("a trace in which nothing was seen");
    assert_eq!((empty.from(), empty.to(), empty.looks()), (Timestamp(7), Timestamp(7), 0));
}
