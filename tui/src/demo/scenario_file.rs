//! Scenario files: what does one say, and where is it wrong?
//! TOML read by hand, so that every complaint names the line and what was expected there.

use std::collections::HashSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use leasehold_core::{Limit, PoolName, shortened};
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::scenario::{DemoScenario, EXAMPLE_ITEMS, Files, PoolPlan, Times, read};
use crate::error::{CliError, FileFlaw};

/// The longest time a scenario may name: a day, in seconds.
const LONGEST: f64 = 86_400.0;

/// The most items that a pool, and all pools together, may have.
const MOST_ITEMS: usize = 100_000;

/// The longest name of a file of items, in bytes.
const LONGEST_NAME: usize = 1_000;

/// How much a complaint shows, in characters: of what is there (a line may be as long as the file), of what is expected (the
/// TOML reader's words are among it).
const FOUND_CHARS: usize = 200;
const EXPECTED_CHARS: usize = 400;

/// The example that runs when no scenario is named.
const EXAMPLE: &str = include_str!("../../../examples/shared-table/scenario.toml");
const EXAMPLE_NAME: &str = "examples/shared-table/scenario.toml";

const LIMIT: &str = "limit = a whole number from 0 to 10000";
const ITEMS: &str = "items = a JSON file with an array of objects that have an \"id\", or a number from 1 to 100000";
const PREFIX: &str = "prefix = a name of 1 to 64 of A-Z a-z 0-9 . _ - in quotes";
const WORK: &str = "work_seconds = a number above 0 and at most 86400, in the pool or before the first one";
const POOL: &str = "at least one [[pool]] with prefix, limit and items";

/// Each time's name, and the least it may be in seconds: nothing can be expired, swept or asked without end.
const TIMES: [(&str, f64); 8] = [
    ("work_seconds", 0.001),
    ("lease_seconds", 0.1),
    ("grace_seconds", 0.0),
    ("sweep_seconds", 0.05),
    ("quiet_seconds", 0.0),
    ("poll_seconds", 0.01),
    ("wait_seconds", 0.1),
    ("start_seconds", 0.0),
];

/// The scenario of this file, or the shared-table example.
pub(crate) fn load(file: Option<&PathBuf>) -> Result<DemoScenario, CliError> {
    match file {
        Some(path) => scenario(&path.display().to_string(), &read(path)?, &Files::Beside(path)),
        None => scenario(EXAMPLE_NAME, EXAMPLE, &Files::Carried(&EXAMPLE_ITEMS)),
    }
}

/// Reads a scenario. `name` is the file's, for complaints.
pub(crate) fn scenario(name: &str, text: &str, files: &Files<'_>) -> Result<DemoScenario, CliError> {
    let source = SourceText { name, text };
    let table = DeTable::parse(text).map_err(|e| source.syntax(&e))?;
    let whole = TomlFields { source, table: table.get_ref(), at: 0..0 };
    whole.only(&["pool"])?;
    let common = whole.times()?;
    let Some(pools) = whole.table.get("pool") else {
        return Err(source.flaw(text.len()..text.len(), "the end of the file, and no pool", POOL).into());
    };
    let not_pools = || source.flaw(pools.span(), source.line_at(&pools.span()), POOL);
    let mut plans: Vec<PoolPlan> = vec![];
    for one in pools.get_ref().as_array().ok_or_else(not_pools)?.iter() {
        let table = one.get_ref().as_table().ok_or_else(not_pools)?;
        let (plan, at) = pool(&TomlFields { source, table, at: one.span() }, common, files)?;
        let items = plan.items.len() + plans.iter().map(|other| other.items.len()).sum::<usize>();
        if items > MOST_ITEMS {
            return Err(source
                .flaw(at.clone(), source.line_at(&at), "at most 100000 items in all pools together")
                .into());
        }
        if plans.iter().any(|other| other.prefix == plan.prefix) {
            return Err(source.flaw(at.clone(), source.line_at(&at), "a prefix that no other pool has").into());
        }
        plans.push(plan);
    }
    if plans.is_empty() {
        return Err(not_pools().into());
    }
    Ok(DemoScenario { pools: plans })
}

/// One pool, and where its prefix lies.
fn pool(fields: &TomlFields<'_, '_>, common: Times, files: &Files<'_>) -> Result<(PoolPlan, Range<usize>), CliError> {
    fields.only(&["prefix", "limit", "items"])?;
    let written = fields.needed("prefix", PREFIX)?;
    let prefix: Option<PoolName> = written.get_ref().as_str().and_then(|text| text.parse().ok());
    let prefix = prefix.ok_or_else(|| fields.wrong(written, PREFIX))?;
    let at = written.span();
    let written = fields.needed("limit", LIMIT)?;
    let limit = whole(written.get_ref()).and_then(|limit| Limit::try_from(limit).ok());
    let limit = limit.ok_or_else(|| fields.wrong(written, LIMIT))?;
    let times = fields.times()?.or(common);
    let Some(work) = times.work else {
        return Err(fields.source.flaw(fields.at.clone(), format!("pool {prefix} has no work_seconds"), WORK).into());
    };
    let written = fields.needed("items", ITEMS)?;
    let items = match written.get_ref() {
        DeValue::String(file) if file.len() <= LONGEST_NAME && shortened(file, LONGEST_NAME) == **file => {
            let missing = |wrong: CliError| {
                let there = format!("{}: {wrong}", fields.source.line_at(&written.span()));
                fields.source.flaw(written.span(), there, ITEMS)
            };
            let (name, text) = files.read(file).map_err(missing)?;
            items(&SourceText { name: &name, text: &text })?
        }
        other => {
            let count = whole(other).and_then(|count| usize::try_from(count).ok());
            let count = count.filter(|count| (1..=MOST_ITEMS).contains(count));
            let count = count.ok_or_else(|| fields.wrong(written, ITEMS))?;
            let width = count.to_string().len().max(3);
            (1..=count).map(|n| format!("{prefix}-{n:0width$}").into()).collect()
        }
    };
    Ok((PoolPlan::new(prefix, limit, items, work, times), at))
}

/// The ids of a file of items.
fn items(source: &SourceText<'_>) -> Result<Vec<Arc<str>>, FileFlaw> {
    #[derive(Deserialize)]
    struct Item {
        id: Arc<str>,
    }
    let mut json = serde_json::Deserializer::from_str(source.text);
    let items: Result<Vec<Item>, _> = serde_path_to_error::deserialize(&mut json);
    let wrong = |path: String, error: &serde_json::Error| {
        // Its own "at line 3 column 5" is in the line above already.
        let what = error.to_string().split(" at line ").next().unwrap_or_default().to_owned();
        let line = source.text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default().trim();
        FileFlaw {
            file: source.name.to_owned(),
            line: error.line(),
            // The path of the whole is a dot: what the parser calls it there is no help to who wrote it.
            found: match path.as_str() {
                _ if source.text.trim().is_empty() => "an empty file".into(),
                path if path == "." || !error.is_data() => shortened(line, FOUND_CHARS),
                path => shortened(&format!("{path}: {what}"), FOUND_CHARS),
            },
            expected: "a JSON array of objects, each with an \"id\" of its own".to_owned(),
        }
    };
    let items = items.map_err(|error| wrong(error.path().to_string(), error.inner()))?;
    json.end().map_err(|error| wrong(".".into(), &error))?;
    let mut seen = HashSet::new();
    let twice = items.iter().find(|item| !seen.insert(&item.id) || !(1..=200).contains(&item.id.len()));
    if let Some(Item { id }) = twice {
        // Where it is written last: a second one is behind the first.
        let at = source.text.rfind(&format!("{id:?}")).unwrap_or(0);
        return Err(source.flaw(at..at, format!("the id {id:?}"), "ids of 1 to 200 bytes, each only once"));
    }
    if items.is_empty() {
        return Err(source.flaw(0..0, "an empty array", "at least one item"));
    }
    Ok(items.into_iter().map(|item| item.id).collect())
}

fn whole(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A file's name and text.
#[derive(Clone, Copy)]
struct SourceText<'a> {
    name: &'a str,
    text: &'a str,
}

impl SourceText<'_> {
    fn flaw(&self, at: Range<usize>, found: impl Into<String>, expected: &str) -> FileFlaw {
        let before = self.text.get(..at.start.min(self.text.len())).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let (found, expected) = (shortened(&found.into(), FOUND_CHARS), shortened(expected, EXPECTED_CHARS));
        FileFlaw { file: self.name.to_owned(), line, found, expected }
    }

    /// The line of the text that something lies on, without its comment.
    fn line_at(&self, at: &Range<usize>) -> String {
        let before = self.text.get(..at.start.min(self.text.len())).unwrap_or(self.text);
        let line = self.text.lines().nth(before.matches('\n').count()).unwrap_or_default();
        line.split(" #").next().unwrap_or_default().trim().to_owned()
    }

    fn syntax(&self, error: &toml::de::Error) -> FileFlaw {
        let at = error.span().unwrap_or(0..0);
        let expected = format!("TOML, and there: {}", error.message().replace('\n', ", "));
        self.flaw(at.clone(), self.line_at(&at), &expected)
    }
}

/// One table of the file, and where it begins.
struct TomlFields<'a, 'i> {
    source: SourceText<'a>,
    table: &'a DeTable<'i>,
    at: Range<usize>,
}

impl<'a, 'i> TomlFields<'a, 'i> {
    /// Complains of a key that is neither one of these nor a time.
    fn only(&self, keys: &[&str]) -> Result<(), FileFlaw> {
        let known: Vec<&str> = keys.iter().copied().chain(TIMES.map(|(key, _)| key)).collect();
        let mut unknown: Vec<_> = self.table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())).collect();
        unknown.sort_by_key(|key| key.span().start);
        match unknown.first() {
            Some(key) => {
                let expected = format!("one of: {}", known.join(", "));
                Err(self.source.flaw(key.span(), self.source.line_at(&key.span()), &expected))
            }
            None => Ok(()),
        }
    }

    fn needed(&self, key: &str, expected: &str) -> Result<&'a Spanned<DeValue<'i>>, FileFlaw> {
        let missing = || self.source.flaw(self.at.clone(), format!("a pool without {key}"), expected);
        self.table.get(key).ok_or_else(missing)
    }

    fn wrong(&self, value: &Spanned<DeValue<'i>>, expected: &str) -> FileFlaw {
        self.source.flaw(value.span(), self.source.line_at(&value.span()), expected)
    }

    fn times(&self) -> Result<Times, FileFlaw> {
        let [work, lease, grace, sweep, quiet, poll, wait, start] = TIMES.map(|(key, least)| self.seconds(key, least));
        Ok(Times {
            work: work?,
            lease: lease?,
            grace: grace?,
            sweep: sweep?,
            quiet: quiet?,
            poll: poll?,
            wait: wait?,
            start: start?,
        })
    }

    fn seconds(&self, key: &str, least: f64) -> Result<Option<Duration>, FileFlaw> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let number = match value.get_ref() {
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            other => whole(other).and_then(|number| u32::try_from(number).ok()).map(f64::from),
        };
        match number.filter(|number| (least..=LONGEST).contains(number)) {
            Some(number) => Ok(Some(Duration::from_secs_f64(number))),
            None => Err(self.wrong(value, &format!("{key} = a number of seconds from {least} to {LONGEST}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_has_30_items_under_limit_15_and_20_under_limit_5() {
        let example = load(None).expect("the example");
        let shape = |pool: &PoolPlan| (pool.prefix.to_string(), pool.items.len(), pool.limit.count(), pool.work);
        let work = Duration::from_secs(3);
        let expected = [("analytics".to_owned(), 30, 15, work), ("batch".to_owned(), 20, 5, work)];
        assert_eq!(example.pools.iter().map(shape).collect::<Vec<_>>(), expected);
    }
}
