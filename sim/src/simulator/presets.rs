//! Presets: which stories are there to play? Each is a scenario, as data.

use serde::Serialize;
use serde_json::Value;

use super::scenario::{InvalidScenario, Scenario};

/// A story.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Preset {
    /// Its name in a link.
    pub id: String,
    /// Its name for a person.
    pub title: String,
    /// What it shows.
    pub story: String,
    /// The scenario, whole.
    pub scenario: Value,
}

const PRESETS: &str = include_str!("presets.json");

/// All of them, in the order in which they are best looked at.
///
/// # Errors
/// When the data that is built in is wrong: a test keeps that from happening.
pub fn presets() -> Result<Vec<Preset>, InvalidScenario> {
    let list: Value = serde_json::from_str(PRESETS)
        .map_err(|error| InvalidScenario::new("presets", "no JSON", &error.to_string()))?;
    let text = |preset: &Value, name: &str| preset[name].as_str().unwrap_or_default().to_owned();
    let preset = |preset: &Value| {
        let mut scenario = preset["scenario"].clone();
        scenario["name"] = preset["title"].clone();
        Ok(Preset {
            id: text(preset, "id"),
            title: text(preset, "title"),
            story: text(preset, "story"),
            scenario: Scenario::read(&scenario)?.json(),
        })
    };
    list.as_array().into_iter().flatten().map(preset).collect()
}
