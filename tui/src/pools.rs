//! `leasehold pools`: how do all pools of the table stand, as their last sweeps saw them, or as they are now?

mod check;

use std::cmp::Reverse;

use leasehold_core::occupancy::{Detail, Occupancy, PoolState};
use leasehold_core::{ID_BYTES, Limit, Millis, PoolName, Settings, Timestamp, shortened};
use leasehold_store::{Directory, ListedPool, directory};
use leasehold_tui::watch::listed_state::ListedState;
use leasehold_tui::watch::state::{PoolOrder, has_name, passes};
use leasehold_tui::watch::text::time_until;
use serde::Serialize;

use crate::advised_command::{advised, with_flags};
use crate::duration;
use crate::error::CliError;
use crate::output::{Alignment, OutputFormat, columns_that_fit, words_cell};
use crate::pool::OverrideOutput;
use crate::target::Target;
use check::PoolTrouble;

/// List all pools: how full they were at their last sweep, who waited, and how old that is
///
/// One query of the table's directory, however many leases there are. Pools that no sweep has told of lately are read as
/// they are now, up to 100 of them. `leasehold leases PREFIX` reads one pool live.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = after_help())]
pub(crate) struct PoolsOptions {
    /// List only pools that have each of these words in their name, or in their state: "team-a full", "over limit"
    #[arg(long, value_name = "WORDS")]
    filter: Option<String>,

    /// The order of the pools; within it, by name
    #[arg(long, value_name = "ORDER", value_enum, default_value_t = Sort::Name)]
    sort: Sort,

    /// For monitoring: read each listed pool now, say what is wrong with it, and end with status 1 if anything is
    #[arg(long)]
    check: bool,

    /// With --check: nobody may have waited for longer than this
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration::above_zero)]
    #[arg(requires = "check", allow_hyphen_values = true)]
    max_wait: Millis,

    /// With --check: a sweep may be so long ago; 0s: sweeps are not checked [default: three sweeps, at least 3m, while the
    /// pool is in use]
    #[arg(long, value_name = "TIME", value_parser = duration::parse, requires = "check", allow_hyphen_values = true)]
    max_sweep_age: Option<Millis>,
}

/// In which order pools are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    /// By name
    Name,
    /// The most alarming first
    Trouble,
    /// Those that most wait for first
    Waiting,
    /// The longest wait first
    LongestWait,
    /// The fullest first
    Fullness,
}

impl Sort {
    /// As the dashboard has it.
    fn order(self) -> PoolOrder {
        match self {
            Sort::Name => PoolOrder::Name,
            Sort::Trouble => PoolOrder::Trouble,
            Sort::Waiting => PoolOrder::Waiting,
            Sort::LongestWait => PoolOrder::LongestWait,
            Sort::Fullness => PoolOrder::Fullness,
        }
    }
}

/// The states in the order of `--sort trouble`, then what else is to be known.
fn after_help() -> String {
    let meaning = |state: ListedState| format!("    {:14}{}\n", state.as_str(), state.meaning());
    let states: String = ListedState::ALL.into_iter().map(meaning).collect();
    format!("STATE, the most alarming first:\n{states}{AFTER}     \"state\": {},\n{AFTER_STATE}", states_in_json())
}

/// The states that JSON may tell, as a help lists them.
pub(crate) fn states_in_json() -> String {
    let words = PoolState::ALL.map(|state| serde_json::to_string(&state).unwrap_or_default());
    let (last, others) = words.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
    format!("{} or {last}", others.join(", "))
}

const AFTER: &str = "
LIMIT is the one in force now; OVERRIDE says who made it, if an operator did. HELD and the columns right of it are what
the last sweep saw; SWEPT says how long ago that was. With --check they are of now. They are of now, too, if the limit
has changed since that sweep, or if no sweep came in the time of three sweeps, nor in the last 3m: as where only
`leasehold run` is used, and nobody runs anything now. No more than 100 such pools are read; the others show what their
last sweep saw.

--check reads the slots and the head of the queue of each listed pool (about one read unit a pool of 15 slots). Below
the list it says which pool has which trouble:
    broken        a row makes no sense: `leasehold doctor PREFIX` says what to do
    over limit    more hold a lease than the limit allows; while a lowered limit settles: than the limit before it. If
                  they are leases from before, it passes
    starving      somebody waits and nothing moves
    waits         the first in the queue has waited for longer than --max-wait
    sweeps        the pool is in use, and was not swept for three sweeps, or never; with --max-sweep-age: not for so
                  long, in use or not. In use is also one in which work may go on though its lease has ended
Where only `leasehold run` is used, it sweeps while it waits or holds a lease; a pool that nobody uses misses no sweep.

Exit status: 0 done, and with --check nothing is wrong; 1 with --check: something is wrong with a listed pool, or no
pool is listed; 2 the options make no sense; 3 the table cannot be used.

With --output json (null: not read, or the row cannot be read):

    {\"table\": NAME, \"at_ms\": now, \"pools\": [{\"prefix\", \"limit\": in force now, \"held\", \"waiting\",
     \"waiting_more\": whether there are more than that, \"oldest_wait_ms\": null if nobody waits,
";

const AFTER_STATE: &str = "\
\x20    \"settles_at_ms\": until when slots up to \"limit_was\" count as held, both null unless the limit was lowered,
     \"override\": null or {\"limit\", \"at_ms\", \"until_ms\", \"who\", \"why\"}, \"swept_at_ms\", \"stale\": whether the row tells the past, \"trouble\": what is wrong}],
     \"check\": null without --check, else [{\"prefix\", \"kind\": \"broken\", \"over_limit\", \"starving\", \"waits\" or
     \"sweeps\", \"what\": in words}], empty if nothing is wrong,
     \"foreign\": [the keys of rows in the directory that are none of leasehold's]}

Times are milliseconds; those that end in `at_ms` since 1970, as the pool's sweep read its clock.";

/// How many pools are read of which no sweep has told lately: about a unit each.
const UNSWEPT_READ: usize = 100;

/// How many rows that are none of leasehold's are told of one by one.
const FOREIGN_TOLD: usize = 3;

#[derive(Debug, Serialize)]
struct PoolsOutput<'a> {
    table: &'a str,
    at_ms: Timestamp,
    pools: Vec<PoolsRow>,
    check: Option<Vec<PoolTrouble>>,
    foreign: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PoolsRow {
    prefix: PoolName,
    limit: Option<Limit>,
    held: Option<u32>,
    waiting: Option<u32>,
    waiting_more: Option<bool>,
    oldest_wait_ms: Option<Millis>,
    state: Option<PoolState>,
    settles_at_ms: Option<Timestamp>,
    limit_was: Option<Limit>,
    #[serde(rename = "override")]
    live: Option<OverrideOutput>,
    swept_at_ms: Option<Timestamp>,
    stale: Option<bool>,
    trouble: Option<String>,
    /// How old its last sweep may be.
    #[serde(skip)]
    oldest_sweep: Option<Millis>,
    /// Whether the limit in force is another than the one that its last sweep knew.
    #[serde(skip)]
    limit_is_newer: bool,
    #[serde(skip)]
    seen: Option<Occupancy>,
}

impl PoolsOptions {
    /// The exit status.
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<u8, CliError> {
        let table = target.table().await?;
        let Directory { pools: listed, foreign } = directory(&table).await?;
        let now = table.now();
        let mut pools: Vec<PoolsRow> =
            listed.into_iter().map(|(prefix, listed)| PoolsRow::of(prefix, listed, now)).collect();
        let all = pools.len();
        // What was not asked for is not read; of the others the state may be another one now.
        pools.retain(|pool| self.names(&pool.prefix));
        if self.check {
            check::read_now(&table, &mut pools).await?;
        } else {
            check::read_unswept(&table, &mut pools, UNSWEPT_READ).await?;
        }
        let now = table.now();
        pools.retain(|pool| self.lists(pool));
        let order = self.sort.order();
        let weight = |pool: &PoolsRow| Reverse(order.weight(pool.listed_state(), pool.seen.as_ref()));
        pools.sort_by_key(weight);
        let check = self.check.then(|| self.troubles(&pools, now));
        let mut text = if pools.is_empty() && all > 0 {
            format!("no pool of table {} is listed: {}\n", table.name(), others(all))
        } else {
            words(table.name(), &pools, now)
        };
        match &check {
            Some(check) => text += &check::words(&pools, check),
            None => text += &told_troubles(&pools),
        }
        text += &told_foreign(&foreign);
        let well = check.as_ref().is_none_or(|check| check.is_empty() && !pools.is_empty());
        for pool in &mut pools {
            pool.stale = pool.stale.map(|_| pool.tells_the_past());
        }
        output.tell(&text, &PoolsOutput { table: table.name(), at_ms: now, pools, check, foreign })?;
        Ok(u8::from(!well))
    }

    fn terms(&self) -> Vec<String> {
        terms(self.filter.as_deref().unwrap_or_default())
    }

    /// Whether a pool of this name can be listed, whatever its state is.
    fn names(&self, prefix: &PoolName) -> bool {
        let is_state = |term: &str| ListedState::ALL.iter().any(|state| state.has_word(term));
        self.terms().iter().all(|term| is_state(term) || has_name(prefix, term))
    }

    fn lists(&self, pool: &PoolsRow) -> bool {
        let terms = self.terms();
        let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
        passes(&pool.prefix, pool.listed_state(), &terms)
    }

    fn troubles(&self, pools: &[PoolsRow], now: Timestamp) -> Vec<PoolTrouble> {
        pools.iter().flat_map(|pool| check::troubles(pool, self.max_wait, self.max_sweep_age, now)).collect()
    }
}

impl PoolsRow {
    fn of(prefix: PoolName, listed: ListedPool, now: Timestamp) -> PoolsRow {
        let (settings, trouble) = match listed.settings(&prefix, now) {
            Ok(settings) => (settings, None),
            Err(trouble) => (None, Some(with_flags(&trouble))),
        };
        let settings = settings.as_ref();
        // A summary without settings is of a pool that was just retired, or whose settings make no sense.
        let seen = settings.and_then(|settings| listed.seen(settings, now));
        let settling = settings.and_then(|settings| settings.settling(now));
        let oldest_sweep = settings.map(Settings::oldest_sweep);
        let stale = seen.as_ref().zip(oldest_sweep).map(|(seen, oldest)| now.since(seen.at) > oldest);
        let swept_under = listed.summary.as_ref().map(|summary| summary.limit);
        let limit_is_newer = swept_under.zip(settings).is_some_and(|(then, now)| then != now.limit);
        let mut row = PoolsRow {
            limit: settings.map(|settings| settings.limit),
            held: None,
            waiting: None,
            waiting_more: None,
            oldest_wait_ms: None,
            state: None,
            settles_at_ms: settling.map(|(until, _)| until),
            limit_was: settling.map(|(_, was)| was),
            live: listed.live_at(now).cloned().map(OverrideOutput::from),
            // Also of a pool whose settings make no sense.
            swept_at_ms: listed.summary.as_ref().map(|summary| summary.at),
            stale,
            prefix,
            trouble,
            oldest_sweep,
            limit_is_newer,
            seen: None,
        };
        row.see(seen);
        row
    }

    /// What is known of it now; none: nothing.
    fn see(&mut self, seen: Option<Occupancy>) {
        self.held = seen.as_ref().map(|seen| seen.held);
        self.waiting = seen.as_ref().map(|seen| seen.waiting);
        self.waiting_more = seen.as_ref().map(|seen| seen.waiting_more);
        self.oldest_wait_ms = seen.as_ref().and_then(|seen| seen.oldest_wait);
        self.state = seen.as_ref().map(|seen| seen.state);
        self.seen = seen;
    }

    /// Whether what is told of its leases is of a sweep that is longer ago than it should be.
    fn tells_the_past(&self) -> bool {
        self.stale == Some(true) && self.seen.as_ref().is_some_and(|seen| seen.detail == Detail::Summary)
    }

    fn listed_state(&self) -> ListedState {
        match (&self.trouble, self.state) {
            (Some(_), _) => ListedState::Broken,
            (None, Some(_)) if self.tells_the_past() => ListedState::Stale,
            (None, Some(state)) => ListedState::Known(state),
            (None, None) => ListedState::NotRead,
        }
    }

    fn cells(&self, now: Timestamp) -> [String; 8] {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        let more = if self.waiting_more == Some(true) { "+" } else { "" };
        let state = match (self.listed_state(), self.state, self.settles_at_ms) {
            (ListedState::Known(PoolState::Settling), _, Some(until)) => {
                format!("settling until {}", time_until(until, now))
            }
            (ListedState::Stale, Some(state), _) => format!("stale, was {state}"),
            (state, ..) => state.as_str().into(),
        };
        [
            self.prefix.to_string(),
            or_dash(self.held.map(|held| held.to_string())),
            or_dash(self.limit.map(|limit| limit.to_string())),
            or_dash(self.waiting.map(|waiting| format!("{waiting}{more}"))),
            or_dash(self.oldest_wait_ms.map(duration::seconds)),
            state,
            self.swept_at_ms.map_or("never".into(), |at| format!("{} ago", duration::seconds(now.since(at)))),
            or_dash(self.live.as_ref().map(|live| words_cell(&format!("by {}: {}", live.who, live.why)))),
        ]
    }
}

/// The first rows that are nobody's, and how many there are.
fn told_foreign(foreign: &[String]) -> String {
    let mut text = String::new();
    for keys in foreign.iter().take(FOREIGN_TOLD) {
        text += &format!("note: the directory has a row that leasehold did not write: {}\n", shortened(keys, ID_BYTES));
    }
    if foreign.len() > FOREIGN_TOLD {
        text += &format!("and {} more such rows\n", foreign.len() - FOREIGN_TOLD);
    }
    if !foreign.is_empty() {
        let doctor = advised("doctor");
        text += &format!(
            "all pools are listed all the same, but each such row costs reading; `{doctor}` says what to do\n"
        );
    }
    text
}

fn words(table: &str, pools: &[PoolsRow], now: Timestamp) -> String {
    if pools.is_empty() {
        return format!("table {table} has no pools; make one with `{}`\n", advised("pool set PREFIX --limit N"));
    }
    let headings = [
        ("PREFIX", Alignment::Left),
        ("HELD", Alignment::Right),
        ("LIMIT", Alignment::Right),
        ("WAITING", Alignment::Right),
        ("OLDEST WAIT", Alignment::Right),
        ("STATE", Alignment::Left),
        ("SWEPT", Alignment::Left),
        ("OVERRIDE", Alignment::Left),
    ];
    let rows: Vec<_> = pools.iter().map(|pool| pool.cells(now)).collect();
    columns_that_fit(headings, &rows, 7)
}

/// What is wrong with the rows of those that can not be read.
fn told_troubles(pools: &[PoolsRow]) -> String {
    let troubled = pools.iter().filter_map(|pool| Some((&pool.prefix, pool.trouble.as_ref()?)));
    troubled.map(|(prefix, trouble)| format!("pool {prefix}: {trouble}\n")).collect()
}

/// Of how many pools none is listed.
fn others(all: usize) -> String {
    if all == 1 { "1 has another name or state".into() } else { format!("{all} have other names or states") }
}

/// The words of a filter; a state's name in JSON means its words.
fn terms(filter: &str) -> Vec<String> {
    let in_json = |word: &str| ListedState::ALL.into_iter().find(|state| state.as_str().replace(' ', "_") == word);
    let words = filter.to_ascii_lowercase();
    let words = words.split_whitespace().map(|word| in_json(word).map_or(word, |state| state.as_str()));
    words.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_may_be_named_as_in_json() {
        assert_eq!(terms("Team_A over_limit full"), ["team_a", "over", "limit", "full"]);
        assert_eq!(terms(""), Vec::<String>::new());
    }

    #[test]
    fn one_other_pool_is_told_as_one() {
        assert_eq!([1, 2].map(others), ["1 has another name or state", "2 have other names or states"]);
    }
}
