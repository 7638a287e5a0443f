//! `leasehold leases`: who holds a lease of a pool and who waits, since when and until when?
//! One pool, read live.

use std::sync::Arc;

use leasehold_core::diagnosis::Places;
use leasehold_core::occupancy::{LeaseView, Occupancy, PoolState, SlotView, WaiterView};
use leasehold_core::{COUNTED, Fence, LeaseId, Limit, PoolName, RowKey, Settings, Slot, Snapshot, Timestamp};
use leasehold_store::rows::row_key;
use leasehold_store::{PoolExamination, RowError, StoreError, WrongRow, examine, limit_rows};
use leasehold_tui::watch::text::{held, how_to_open, settling, timestamp};
use serde::Serialize;

use crate::advised_command::{flags, with_flags};
use crate::duration;
use crate::error::CliError;
use crate::operation::look;
use crate::output::{Alignment, OutputFormat, columns_that_fit, complain, words_cell};
use crate::pool::OverrideOutput;
use crate::pools::states_in_json;
use crate::target::{CliRunner, Target};

/// Say who holds a lease of a pool and who waits, since when and until when
///
/// Reads the pool's slots and the first 100 of its queue as they are now. If a row makes no sense, the reason goes to
/// standard error, the rest is printed, and the exit status is 3.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = after_help())]
pub(crate) struct LeasesOptions {
    /// The pool
    prefix: PoolName,
}

fn after_help() -> String {
    format!("{AFTER}     than that, \"state\": {},\n{AFTER_STATE}", states_in_json())
}

const AFTER: &str = "\
NOTE: `expired` (not the holder's any more; another may have its slot when the grace is over), `not told` (its callback
is not known to have arrived), `above the limit` (held since before the limit was lowered), and the holder's label, cut
after 60 columns. On a terminal, a HOLDER that is too long for a line is cut in its middle. An expired lease is not
counted as held. `leasehold pools --help` says what the states mean.

With --output json (null: not known, as a row cannot be read):

    {\"table\": NAME, \"prefix\", \"at_ms\": now, \"limit\", \"held\", \"waiting\", \"waiting_more\": whether there are more
";

const AFTER_STATE: &str = "\
\x20    \"settles_at_ms\": until when slots up to \"limit_was\" count as held, both null unless the limit was lowered,
     \"override\": null or {\"limit\", \"at_ms\", \"until_ms\": null if it stays until it is ended, \"who\", \"why\"},
     \"trouble\": null, or which rows cannot be read and what to do,
     \"leases\": [{\"lease_id\", \"slot\", \"fence\", \"above_limit\", \"holder\": {\"execution\", \"key\", \"parent\"}, \"label\",
     \"acquired_at_ms\", \"expires_at_ms\", \"lapses_at_ms\": when another may take it, \"renewed_at_ms\",
     \"held_for_ms\", \"expires_in_ms\", \"expired\", \"lapsed\", \"unconfirmed\": its callback may not have arrived}],
     \"queue\": [{\"holder\", \"since_ms\", \"waits_for_ms\", \"give_up_at_ms\"}]}

`key` and `parent` are there if the holder has them. Times are milliseconds; moments since 1970. Where the limit is
null, the default grace of 5 s is assumed.";

#[derive(Debug, Serialize)]
struct LeasesOutput<'a> {
    table: &'a str,
    prefix: &'a PoolName,
    at_ms: Timestamp,
    limit: Option<Limit>,
    held: Option<u32>,
    waiting: Option<u32>,
    waiting_more: Option<bool>,
    state: Option<PoolState>,
    settles_at_ms: Option<Timestamp>,
    limit_was: Option<Limit>,
    #[serde(rename = "override")]
    live: Option<OverrideOutput>,
    trouble: Option<String>,
    leases: &'a [LeaseRow<'a>],
    queue: &'a [WaiterView],
}

#[derive(Debug, Serialize)]
struct LeaseRow<'a> {
    lease_id: String,
    slot: Slot,
    fence: Fence,
    above_limit: bool,
    #[serde(flatten)]
    lease: &'a LeaseView,
}

impl LeasesOptions {
    /// The exit status.
    pub(crate) async fn run(self, target: &Target, output: OutputFormat) -> Result<u8, CliError> {
        let runner = target.runner().await?;
        let (mut pool, unread, live) = match runner.settings(&self.prefix).await {
            Err(wrong) if is_damage(&wrong) => {
                complain(&wrong.to_string());
                // Of the settings nothing but the time that a lease has to go is told, and that only where it is over.
                let settings = Settings::new(self.prefix.clone(), Limit::HIGHEST);
                let (pool, unread) = what_can_be_read(&runner, &settings, Some(wrong)).await?;
                (pool, unread, None)
            }
            settings => {
                let settings = settings?;
                let (pool, unread) = look_at_what_can_be_read(&runner, &settings).await?;
                (pool, unread, limit_rows(runner.table(), &self.prefix).await?.live_in_force().cloned())
            }
        };
        pool.overridden = live.clone().map(Into::into);
        let leases: Vec<LeaseRow<'_>> = pool.slots.iter().filter_map(|slot| LeaseRow::of(&self.prefix, slot)).collect();
        let live = live.map(OverrideOutput::from);
        let table = runner.table().name();
        let text = words(table, &pool, &unread, live.as_ref(), &leases);
        let answer = LeasesOutput {
            table,
            prefix: &self.prefix,
            at_ms: pool.at,
            limit: unread.knows_settings().then_some(pool.limit),
            held: unread.knows_slots().then_some(pool.held),
            waiting: unread.knows_places().then_some(pool.waiting),
            waiting_more: unread.knows_places().then_some(pool.waiting_more),
            state: unread.is_empty().then_some(pool.state),
            settles_at_ms: pool.settles_at,
            limit_was: pool.limit_was,
            live,
            trouble: unread.trouble(),
            leases: &leases,
            queue: &pool.queue,
        };
        output.tell(&text, &answer)?;
        // What can be read is told all the same, and the status says that it is not all.
        Ok(if unread.is_empty() { 0 } else { UNREADABLE })
    }
}

/// The exit status where not all of the pool's rows make sense: as if the table could not be used.
pub(crate) const UNREADABLE: u8 = 3;

/// The rows of a pool that make no sense: a lease or a place in the queue may lie on them.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    slots: Vec<RowError>,
    places: Vec<RowError>,
    others: Vec<RowError>,
    /// Why the pool's settings are not known.
    settings: Option<StoreError>,
}

/// Whether a pool's own rows make no sense, which says nothing of its other rows. Those of another edition may mean something
/// else.
fn is_damage(wrong: &StoreError) -> bool {
    matches!(
        wrong,
        StoreError::PoolMisconfigured { row: WrongRow::Settings | WrongRow::Override | WrongRow::HighWater, .. }
    )
}

impl Unread {
    fn of(damaged: Vec<RowError>) -> Unread {
        let mut unread = Unread::default();
        for row in damaged {
            let kind = match row_key(&row.sk) {
                Some(RowKey::Slot(_)) => &mut unread.slots,
                Some(RowKey::Wait(_)) => &mut unread.places,
                _ => &mut unread.others,
            };
            kind.push(row);
        }
        unread
    }

    fn rows(&self) -> impl Iterator<Item = &RowError> {
        self.slots.iter().chain(&self.places).chain(&self.others)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows().next().is_none() && self.knows_settings()
    }

    /// Whether the pool's own rows can be read.
    fn knows_settings(&self) -> bool {
        self.settings.is_none()
    }

    /// Whether every slot can be read.
    pub(crate) fn knows_slots(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether every place in the queue can be read.
    pub(crate) fn knows_places(&self) -> bool {
        self.places.is_empty()
    }

    /// What is wrong with them, in the words of the other lists.
    fn trouble(&self) -> Option<String> {
        let rows = self.rows().map(|row| format!("{row}; {}", row.advice()));
        let told = self.settings.iter().map(StoreError::to_string).chain(rows);
        let told: Vec<String> = told.map(|advice| with_flags(&advice)).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// How many cannot be read, for the line that counts the others.
    pub(crate) fn counted(&self) -> String {
        if !self.knows_settings() {
            return "broken: nobody is let in, as its own rows make no sense".into();
        }
        let counted = [(self.slots.len(), "slot"), (self.places.len(), "place"), (self.others.len(), "other row")];
        let some = counted.into_iter().filter(|(count, _)| *count > 0);
        let words = some.map(|(count, what)| format!("{count} {what}{}", if count == 1 { "" } else { "s" }));
        format!("broken: {} cannot be read", words.collect::<Vec<_>>().join(", "))
    }
}

/// A look at the pool; without its rows that make no sense, if there are any.
pub(crate) async fn look_at_what_can_be_read(
    runner: &CliRunner,
    settings: &Arc<Settings>,
) -> Result<(Occupancy, Unread), CliError> {
    match look(runner, settings).await {
        Err(CliError::Store(StoreError::BadRow { .. })) => what_can_be_read(runner, settings, None).await,
        looked => Ok((looked?, Unread::default())),
    }
}

/// The pool without its rows that make no sense, each of which is complained of: who holds those slots is not known.
/// `misconfigured`: why its settings are not known, which was complained of.
pub(crate) async fn what_can_be_read(
    runner: &CliRunner,
    settings: &Settings,
    misconfigured: Option<StoreError>,
) -> Result<(Occupancy, Unread), CliError> {
    let table = runner.table();
    let PoolExamination { reading, mut damaged, .. } = examine(table, &settings.prefix, || table.now()).await?;
    if misconfigured.is_some() {
        damaged.retain(|row| !matches!(row_key(&row.sk), Some(RowKey::Pool | RowKey::Override | RowKey::HighWater)));
    }
    for row in &damaged {
        complain(&format!("not shown: {row}; {}", row.advice()));
    }
    let Places { slots, mut queue } = reading.after;
    let most = usize::try_from(COUNTED).unwrap_or(usize::MAX);
    let more = queue.len() > most;
    queue.truncate(most);
    let snapshot = Snapshot { at: reading.at, limit: settings.limit, slots, queue, more };
    Ok((Occupancy::of(&snapshot, settings), Unread { settings: misconfigured, ..Unread::of(damaged) }))
}

impl<'a> LeaseRow<'a> {
    fn of(prefix: &PoolName, view: &'a SlotView) -> Option<Self> {
        let SlotView { slot, fence, above_limit, lease } = view;
        let lease_id = LeaseId { prefix: prefix.clone(), slot: *slot, fence: *fence }.to_string();
        let lease = lease.as_ref()?;
        Some(LeaseRow { lease_id, slot: *slot, fence: *fence, above_limit: *above_limit, lease })
    }

    fn cells(&self) -> [String; 6] {
        let LeaseView { holder, acquired_at, expires_at, label, .. } = self.lease;
        let LeaseView { expired, lapsed, lapses_at, work_may_go_on, .. } = self.lease;
        let expired = expired.then(|| match lapsed {
            // Nobody may have a slot above the limit.
            _ if self.above_limit => "expired".to_owned(),
            true if *work_may_go_on => "expired, the next may have it, its work may go on".to_owned(),
            true => "expired, the next may have it".to_owned(),
            false => format!("expired, the next may have it from {} UTC on", lapses_at.time_of_day()),
        });
        let special = [(self.lease.unconfirmed, "not told"), (self.above_limit, "above the limit")];
        let special = special.into_iter().filter(|(holds, _)| *holds).map(|(_, note)| note.to_owned());
        let notes = expired.into_iter().chain(special);
        let notes = notes.chain(label.as_deref().map(words_cell));
        [
            self.lease_id.clone(),
            self.fence.0.to_string(),
            timestamp(*acquired_at),
            timestamp(*expires_at),
            holder.to_string(),
            notes.collect::<Vec<_>>().join(", "),
        ]
    }
}

fn words(
    table: &str,
    pool: &Occupancy,
    unread: &Unread,
    live: Option<&OverrideOutput>,
    leases: &[LeaseRow<'_>],
) -> String {
    let Occupancy { prefix, waiting, state, .. } = pool;
    let more = if pool.waiting_more { "+" } else { "" };
    // What cannot be read may be a lease.
    let at_least = |rows: &[RowError]| if rows.is_empty() { "" } else { "at least " };
    let (least_held, least_waiting) = (at_least(&unread.slots), at_least(&unread.places));
    let held = if unread.knows_settings() { held(pool) } else { format!("{} held", pool.held) };
    let state = if unread.is_empty() { state.to_string() } else { unread.counted() };
    let mut text =
        format!("pool {prefix} in table {table}: {least_held}{held}, {least_waiting}{waiting}{more} waiting, {state}");
    match settling(pool) {
        Some(words) => text += &format!("; {words}\n"),
        None => text.push('\n'),
    }
    if let Some(live) = live {
        text += &live.words(prefix);
    }
    if let Some(opens) = how_to_open(pool, flags()).filter(|_| unread.knows_settings()) {
        text += &format!("{opens}\n");
    }
    if !leases.is_empty() {
        let headings = ["LEASE", "FENCE", "SINCE", "UNTIL", "HOLDER", "NOTE"];
        let sides =
            [Alignment::Left, Alignment::Right, Alignment::Left, Alignment::Left, Alignment::Left, Alignment::Left];
        let rows: Vec<_> = leases.iter().map(LeaseRow::cells).collect();
        text.push('\n');
        text += &columns_that_fit(std::array::from_fn(|at| (headings[at], sides[at])), &rows, 4);
    }
    if !pool.queue.is_empty() {
        let row = |(at, waiter): (usize, &WaiterView)| {
            let since = timestamp(waiter.since);
            let gives_up = timestamp(waiter.give_up_at);
            [(at + 1).to_string(), since, duration::seconds(waiter.waits_for), gives_up, waiter.holder.to_string()]
        };
        let rows: Vec<_> = pool.queue.iter().enumerate().map(row).collect();
        let headings = [
            ("WAITS", Alignment::Right),
            ("SINCE", Alignment::Left),
            ("FOR", Alignment::Right),
            ("GIVES UP", Alignment::Left),
            ("HOLDER", Alignment::Left),
        ];
        text.push('\n');
        text += &columns_that_fit(headings, &rows, 4);
    }
    text
}
