//! Worlds: what of a simulated world does the page play?

use leasehold_sim::simulator::{self, PRICES, REQUESTS_KEPT, Scenario, Stepped, Strategy};
use serde_json::json;
use wasm_bindgen::prelude::*;

use crate::plain::{error, object, value};

/// Both lanes (the page calls them doors), and all of their past. Times are milliseconds since the start.
#[wasm_bindgen]
pub struct World(simulator::World);

fn scenario(from: &JsValue) -> Result<Scenario, JsError> {
    Scenario::read(&value(from, "scenario")?).map_err(error)
}

fn stepped(world: &simulator::World, stepped: &Stepped) -> Result<JsValue, JsError> {
    let said: Vec<_> = stepped.events.iter().map(AsRef::as_ref).collect();
    let request = stepped.request.and_then(|id| world.request_entry(id));
    object(&json!({ "at_ms": stepped.at_ms, "door": stepped.lane, "said": said, "request": request }))
}

/// What there is to draw behind a door; nothing behind one that is not there.
fn of_door(door: usize, draw: impl FnOnce(Strategy) -> Vec<f64>) -> Vec<f64> {
    Strategy::from_index(door).map(draw).unwrap_or_default()
}

#[wasm_bindgen]
impl World {
    /// A world at its start.
    ///
    /// # Errors
    /// When the scenario is wrong: says which field.
    #[wasm_bindgen(constructor)]
    pub fn new(from: &JsValue) -> Result<World, JsError> {
        Ok(World(simulator::World::new(&scenario(from)?)))
    }

    /// The stories that come with it.
    ///
    /// # Errors
    /// Never, as they are tested.
    pub fn presets() -> Result<JsValue, JsError> {
        object(&simulator::presets().map_err(error)?)
    }

    /// What of the scenario differs from the defaults.
    ///
    /// # Errors
    /// When it is wrong: says which field.
    pub fn short(from: &JsValue) -> Result<JsValue, JsError> {
        object(&scenario(from)?.short().map_err(error)?)
    }

    /// What things cost.
    ///
    /// # Errors
    /// Never.
    pub fn prices() -> Result<JsValue, JsError> {
        object(&PRICES)
    }

    /// Its scenario, with everything that was done to it so far.
    ///
    /// # Errors
    /// Never.
    pub fn scenario(&self) -> Result<JsValue, JsError> {
        object(&self.0.scenario().json())
    }

    /// The moment it is at.
    pub fn now(&self) -> f64 {
        self.0.now()
    }

    /// How far it ever ran.
    pub fn reached(&self) -> f64 {
        self.0.reached()
    }

    /// Runs on until that moment, or until so many things have happened. Returns the moment it is at then.
    pub fn advance_to(&mut self, to: f64, max_events: Option<f64>) -> f64 {
        self.0.advance_to(to, max_events.map_or(u64::MAX, |most| most as u64))
    }

    /// Runs on until so many things have happened.
    pub fn advance_by(&mut self, count: f64) -> f64 {
        self.0.advance_by(count as u64)
    }

    /// Runs up to and including the next thing worth showing; null if nothing will happen any more.
    ///
    /// # Errors
    /// Never.
    pub fn step(&mut self) -> Result<JsValue, JsError> {
        match self.0.step() {
            Some(step) => stepped(&self.0, &step),
            None => Ok(JsValue::NULL),
        }
    }

    /// Goes to a moment, back or forth.
    pub fn seek(&mut self, to: f64) -> f64 {
        self.0.seek(to)
    }

    /// Does something now, and remembers it.
    ///
    /// # Errors
    /// When it is no action: says what is wrong.
    pub fn act(&mut self, action: &JsValue) -> Result<(), JsError> {
        self.0.act(&value(action, "action")?).map_err(error)
    }

    /// What there is to draw besides slots, jobs and requests.
    ///
    /// # Errors
    /// Never.
    pub fn frame(&self) -> Result<JsValue, JsError> {
        object(&self.0.frame())
    }

    /// Every job in flight behind a door, eight numbers each.
    pub fn jobs(&self, door: usize) -> Vec<f64> {
        of_door(door, |strategy| self.0.jobs(strategy))
    }

    /// The slots of leasehold that are taken though no job is drawn in them, two numbers each: pool, slot.
    pub fn taken(&self) -> Vec<f64> {
        self.0.taken()
    }

    /// Every request on its way behind a door, ten numbers each.
    pub fn requests(&self, door: usize) -> Vec<f64> {
        of_door(door, |strategy| self.0.requests(strategy))
    }

    /// Jobs that run against the limit over time, six numbers each.
    pub fn line(&self, door: usize, pool: usize, from: f64, to: f64, points: usize) -> Vec<f64> {
        of_door(door, |strategy| self.0.series(strategy, pool, from, to, points))
    }

    /// What happened, from this number on, and the number of the next.
    ///
    /// # Errors
    /// Never.
    pub fn events(&self, since: f64) -> Result<JsValue, JsError> {
        let (events, next) = self.0.events(since as u64);
        let events: Vec<_> = events.iter().map(AsRef::as_ref).collect();
        object(&json!({ "events": events, "next": next }))
    }

    /// How many requests of a door are kept: its newest.
    pub fn kept() -> usize {
        REQUESTS_KEPT
    }

    /// The newest requests of a door, newest first.
    ///
    /// # Errors
    /// Never.
    pub fn recent(&self, door: usize, count: usize) -> Result<JsValue, JsError> {
        match Strategy::from_index(door) {
            Some(strategy) => object(&self.0.recent_requests(strategy, count)),
            None => object(&json!([])),
        }
    }

    /// All of one request.
    ///
    /// # Errors
    /// When there was no such request until now.
    pub fn request(&self, id: f64) -> Result<JsValue, JsError> {
        let found = self.0.request(id as u64);
        object(&found.ok_or_else(|| error("there was no such request until now"))?)
    }

    /// Everything known of one job.
    ///
    /// # Errors
    /// When it did not come yet.
    pub fn job(&self, number: u32) -> Result<JsValue, JsError> {
        object(&self.0.job(number).ok_or_else(|| error(format!("job {number} has not come yet")))?)
    }

    /// What it came to so far.
    ///
    /// # Errors
    /// Never.
    pub fn numbers(&self) -> Result<JsValue, JsError> {
        object(&self.0.statistics())
    }

    /// A number that all that happened so far comes to, in 16 hexadecimal digits.
    pub fn digest(&self) -> String {
        format!("{:016x}", self.0.digest())
    }

    /// How many things happened so far.
    pub fn happened(&self) -> f64 {
        self.0.happened() as f64
    }
}
