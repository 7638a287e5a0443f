//! The page's scenarios, as a link carries them: is each either played and written back as it was, or refused in words?

use leasehold_sim::Strategy;
use leasehold_sim::simulator::{Scenario, World};
use serde_json::Value;

use crate::words::assert_harmless;

/// How much of a world is played: enough for every kind of event.
const EVENTS: u64 = 150;

/// What the page asks of a world that was read.
const POINTS: usize = 9;

/// A scenario as JSON.
pub(crate) fn judge(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let scenario = match Scenario::parse(&text) {
        Ok(scenario) => scenario,
        Err(wrong) => return assert_harmless(&wrong.to_string()),
    };
    assert_eq!(Scenario::read(&scenario.json()).as_ref(), Ok(&scenario), "it reads back as it was");
    let short = scenario.short().expect("what differs from the defaults");
    assert_eq!(Scenario::read(&short).as_ref(), Ok(&scenario), "a link carries all of it");

    let mut world = World::new(&scenario);
    world.advance_by(EVENTS);
    let frame = serde_json::to_value(world.frame()).expect("a frame is JSON");
    assert!(frame.is_object());
    for strategy in (0..).map_while(Strategy::from_index) {
        let _ = (world.jobs(strategy), world.requests(strategy), world.slots(strategy));
        let series = world.series(strategy, 0, 0.0, world.now(), POINTS);
        assert!(series.iter().all(|number| number.is_finite()), "{series:?}");
    }
    // What somebody does meanwhile is in the scenario then, or refused.
    let given: Value = serde_json::from_str(&text).unwrap_or_default();
    let done = given.pointer("/actions/0").cloned().unwrap_or_default();
    if let Err(wrong) = world.act(&done) {
        assert_harmless(&wrong.to_string());
    }
    assert!(Scenario::read(&world.scenario().json()).is_ok(), "what was done is written down");
}
