//! The words of findings on a pool: what is wrong, what does it mean, what is to be done? In sentences for whoever is on
//! call. None advises to delete a slot's row: its fence would start again.

use leasehold_core::diagnosis::{Diagnosed, Finding, FoundLease};
use leasehold_core::{HolderState, LeaseId, Millis, PoolName, RowKey, Settings, Slot, quoted};
use leasehold_store::{RowError, rows};
use leasehold_tui::watch::text::timestamp;

use super::code::{Code, Severity};
use super::report::FindingReport;
use crate::advised_command::{advised, with_flags};
use crate::duration;

const NOTHING_TO_DO: &str = "Nothing has to be done.";
const BY_REPAIR: &str = "`--repair` does that.";

/// A finding on a pool, in words.
pub(crate) fn finding(prefix: &PoolName, (finding, remedy): Diagnosed) -> FindingReport {
    Pool(prefix).words(finding).of_pool(prefix).with(remedy)
}

/// What does not fit in a pool's settings, in words.
pub(crate) fn misfits(settings: &Settings, cached_for: Millis) -> Vec<FindingReport> {
    let found = leasehold_core::diagnosis::misfits(settings, cached_for).into_iter();
    found.map(|one| finding(&settings.prefix, (one, None))).collect()
}

/// A row that makes no sense.
pub(crate) fn damaged(prefix: &PoolName, wrong: &RowError) -> FindingReport {
    let what = format!("Its attribute {} is {}; expected is {}.", wrong.attribute, wrong.found, wrong.expected);
    let report = if wrong.attribute == "edition" {
        FindingReport::new(
            Code::EditionOther,
            what,
            "The pool's rows are of another edition of the protocol: this version neither reads nor writes them.",
            match wrong.newer_edition() {
                Some(_) => "Use a newer leasehold. Do not set the pool with this one: its settings would be lost.",
                None => "Use a version of leasehold that speaks it, or carry the pool over (docs/guide/upgrading.md).",
            },
        )
    } else {
        let means = match rows::row_key(&wrong.sk) {
            Some(RowKey::Pool | RowKey::Override) => "Every call of the pool fails with PoolMisconfigured.",
            Some(RowKey::Summary) => "The lists of pools show this one as broken; nobody decides by this row.",
            Some(RowKey::Holder(_)) => "Calls of this holder fail with TableUnavailable.",
            None if rows::is_note(&wrong.sk) => "Only the pool's history reads it: that change is not shown.",
            _ => "Calls that read this row fail with TableUnavailable, which may be all calls of the pool.",
        };
        let advice = with_flags(&wrong.advice());
        let mut letters = advice.chars();
        let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
        let advice = format!("Save the row, then: {}{}.", first.to_lowercase(), letters.as_str());
        FindingReport::new(Code::RowDamaged, what, means, advice)
    };
    report.of_pool(prefix).of_row(&*wrong.sk)
}

/// A row that leasehold did not write.
pub(crate) fn foreign(prefix: &PoolName, sk: &str) -> FindingReport {
    FindingReport::new(
        Code::RowForeign,
        "It is of no kind that leasehold writes.",
        "Another program writes into the pool's partition. A row between those of leasehold can make the dashboard fail.",
        "Find out who writes there, and let it use another table or another partition key.",
    )
    .of_pool(prefix)
    .of_row(sk)
}

/// Not everything was read.
pub(crate) fn cut(prefix: &PoolName) -> FindingReport {
    FindingReport::new(
        Code::LookCut,
        "The pool has more rows than are read for a diagnosis.",
        "The findings on slots, holders and the first waiters are complete. Of the rest a part was read.",
        NOTHING_TO_DO,
    )
    .of_pool(prefix)
}

struct Pool<'a>(&'a PoolName);

impl Pool<'_> {
    fn slot(&self, slot: Slot) -> String {
        rows::sort(&RowKey::Slot(slot))
    }

    fn id(&self, lease: &FoundLease) -> String {
        LeaseId { prefix: self.0.clone(), slot: lease.slot, fence: lease.fence }.to_string()
    }

    fn set(&self, options: &str) -> String {
        advised(format_args!("pool set {} {options}", self.0))
    }

    fn end_override(&self) -> String {
        advised(format_args!("pool override {} --end", self.0))
    }

    fn release(&self, lease: &FoundLease) -> String {
        advised(format_args!("release {}", self.id(lease)))
    }

    fn words(&self, finding: Finding) -> FindingReport {
        let time = |length: Millis| duration::words(length);
        let ago = |length: Millis| duration::seconds(length);
        let set = |option: &str| match option.split_once(", ") {
            Some((option, time)) => format!("Set it: `{}` (TIME: {time}), or Terraform.", self.set(option)),
            None => format!("Set it: `{}`, or Terraform.", self.set(option)),
        };
        match finding {
            Finding::PoolMissing { held, waiting, summary } => {
                let left = match (held, waiting) {
                    (0, 0) => String::new(),
                    _ => format!(" Leases that last yet: {held}; waiters: {waiting}."),
                };
                let repair = if summary { " Its summary is left: `--repair` removes that." } else { "" };
                FindingReport::new(
                    Code::PoolMissing,
                    format!("There are rows of this pool, and no settings.{left}"),
                    "Nobody is granted a lease. A retired pool looks like this; its slots stay, for their fences.",
                    format!(
                        "If it is to be used, make it: `{}`, or Terraform. If it was retired, let the rows lie.{repair}",
                        self.set("--limit N")
                    ),
                )
            }
            Finding::SettingsInvalid(wrong) => FindingReport::new(
                Code::SettingsInvalid,
                format!("The settings make no sense: {wrong}."),
                "Every call of the pool fails with PoolMisconfigured.",
                format!("Set them again: `{}`, or Terraform.", self.set("--lease 5m --limit N")),
            )
            .of_row("pool"),
            Finding::QuietShort { quiet, least } => FindingReport::new(
                Code::SettingsQuietShort,
                format!("The quiet period is {}, less than the {} for which callers cache settings.", time(quiet), time(least)),
                "After a limit is lowered, callers may still follow the old one when nobody counts with that any more: the \
                 limit may be exceeded.",
                set("--quiet 35s"),
            )
            .of_row("pool"),
            Finding::GraceShort { grace, least } => FindingReport::new(
                Code::SettingsGraceShort,
                format!("The grace is {}; callers may differ about the time by {}.", time(grace), time(least)),
                "A lease may be taken by another while its holder still believes that it lasts.",
                set("--grace 5s"),
            )
            .of_row("pool"),
            Finding::LeaseShort { lease, least } => FindingReport::new(
                Code::SettingsLeaseShort,
                format!("A lease lasts {}; {} or longer is advised.", time(lease), time(least)),
                "Its holder renews it well before its end. A slow request, or a machine that pauses for seconds, is enough to lose it.",
                set("--lease 5m"),
            )
            .of_row("pool"),
            Finding::GraceLong { grace, lease } => FindingReport::new(
                Code::SettingsGraceLong,
                format!("The grace ({}) is not shorter than the lease ({}).", time(grace), time(lease)),
                "The slot of a dead holder stays closed for as long again as its lease lasted.",
                set(match (lease > Millis::seconds(5), grace < Millis::seconds(300)) {
                    (true, _) => "--grace 5s",
                    (false, true) => "--lease 5m",
                    (false, false) => "--lease 5m --grace 5s",
                }),
            )
            .of_row("pool"),
            Finding::SweepSlow { lease, sweep_every } => FindingReport::new(
                Code::SettingsSweepSlow,
                format!("Sweeps come every {} and are to extend leases of {}.", time(sweep_every), time(lease)),
                "A lease can end before a sweep has extended it: work goes on without a lease, and the limit may be \
                 exceeded.",
                set("--lease TIME, at least twice the time between two sweeps"),
            )
            .of_row("pool"),
            Finding::HoldShort { longest_hold, lease } => FindingReport::new(
                Code::SettingsHoldShort,
                format!("The longest hold is {}, no longer than a lease of {}.", time(longest_hold), time(lease)),
                "Sweeps extend no lease, though the pool is set up for that.",
                set("--longest-hold TIME, the longest that work may take"),
            )
            .of_row("pool"),
            Finding::WaitShort { longest_wait, lease } => FindingReport::new(
                Code::SettingsWaitShort,
                format!("A waiter gives up after {}; a lease lasts {}.", time(longest_wait), time(lease)),
                "Waiters may be failed (WaitedTooLong) before a single lease has ended.",
                set(&format!("--longest-wait {}", time(lease.max(Millis::seconds(24 * 3_600))))),
            )
            .of_row("pool"),
            Finding::OverrideOld { live, since } => FindingReport::new(
                Code::OverrideOld,
                format!(
                    "An override by {} makes the limit {} since {} ({}): for {}.",
                    live.who,
                    live.limit,
                    timestamp(live.at),
                    live.why,
                    time(whole_hours(since))
                ),
                "An override is for an incident. As long as it is there, no deploy changes the limit.",
                format!("If it is still meant, put it into the settings; then end it: `{}`.", self.end_override()),
            )
            .of_row("override"),
            Finding::Drained { overridden } => FindingReport::new(
                Code::PoolDrained,
                format!("The limit is 0, by {}.", if overridden { "an override" } else { "the pool's settings" }),
                "Nobody is granted a lease; callers wait.",
                if overridden {
                    format!("To let them in: `{}`.", self.end_override())
                } else {
                    format!("To let them in: `{}`.", self.set("--limit N"))
                },
            ),
            Finding::SweepNotRunning { last, sweep_every } => {
                let last = match last {
                    Some(at) => format!("The last sweep was at {}", timestamp(at)),
                    None => "There was no sweep yet".to_owned(),
                };
                FindingReport::new(
                    Code::SweepNotRunning,
                    format!("{last}; one is due every {}, and the pool is in use.", time(sweep_every)),
                    "Nobody tidies up after callers: slots of dead holders stay held, lost notices are not sent again, leases of \
                     long work are not extended.",
                    "See why the lease manager's schedule does not run or fails (runbook: sweeps-stopped). `--repair` does a \
                     sweep, but extends no lease: only the lease manager's own sweeps do. So it does none where work may go on \
                     under a lease that has ended.",
                )
            }
            Finding::LeaseLeft { lease, due, works } => {
                let (id, row) = (self.id(&lease), self.slot(lease.slot));
                let wrong = format!("Lease {id} of {} has been over for {} and is still there.", lease.holder, ago(lease.since));
                let (means, advice) = match (works, due) {
                    (true, _) => (
                        "Its work may go on: the lease manager's sweeps extend leases of executions that run (longest hold), and \
                         none extended this one. The next caller, or a sweep, gives its slot away. Then more work than the limit \
                         says.",
                        format!(
                            "See whether its execution runs. If it does, drain the pool until it ends, and see why no sweep \
                             extended its lease (runbook: extensions-missed, sweeps-stopped). If not: `{}`. \
                             `--repair` does no sweep meanwhile: from here it cannot ask.",
                            self.release(&lease)
                        ),
                    ),
                    (false, true) => (
                        "Nothing is lost: the next caller takes the slot. But a sweep should have cleared it away.",
                        "See whether sweeps run. A sweep now clears it away: `--repair` does one.".to_owned(),
                    ),
                    (false, false) => (
                        "Nothing is lost: the next caller takes the slot.",
                        "Nothing has to be done. A sweep clears it away: `--repair` does one.".to_owned(),
                    ),
                };
                let report = FindingReport::new(Code::LeaseLeft, wrong, means, advice).of_row(row);
                FindingReport { severity: if due || works { report.severity } else { Severity::Note }, ..report }
            }
            Finding::LeaseTooLong { lease, ends_in } => FindingReport::new(
                Code::LeaseTooLong,
                format!(
                    "Lease {} of {} lasts {} longer, and no lease of these settings does.",
                    self.id(&lease),
                    lease.holder,
                    ago(ends_in)
                ),
                "If its holder died, the slot stays closed until then. That is right only where the settings were made shorter since \
                 it was granted.",
                format!(
                    "See whether its holder still works. If not, free it: `{}`.",
                    self.release(&lease)
                ),
            )
            .of_row(self.slot(lease.slot)),
            Finding::NoticeStuck(lease) => FindingReport::new(
                Code::NoticeStuck,
                format!("The holder of lease {}, {}, has waited for {} to be told of it.", self.id(&lease), lease.holder, ago(lease.since)),
                "The slot is held and nobody works under it.",
                "See in the lease manager's log why tasks can not be told (NoticeRefused: states:SendTaskSuccess or a key \
                 that may not be used). A sweep tells it again: `--repair` does one.",
            )
            .of_row(self.slot(lease.slot)),
            Finding::WaiterOverdue { place, since } => FindingReport::new(
                Code::WaiterOverdue,
                format!("{} should have been told {} ago that it has waited too long.", place.holder, ago(since)),
                "Its task hangs until its own timeout.",
                "See whether sweeps run. A sweep tells it: `--repair` does one.",
            )
            .of_row(rows::sort(&RowKey::Wait(place.ticket))),
            Finding::QueueStarving { waits, open } => FindingReport::new(
                Code::QueueStarving,
                format!("The first of the queue has waited for {}, and nothing moves; slots that could be granted: {open}.", ago(waits)),
                "The next release or sweep would grant a lease to the first waiter, and none comes.",
                "See whether sweeps run. A sweep grants open slots: `--repair` does one.",
            ),
            Finding::PlaceIsNothing { place, row } => {
                let points = match row.map(|row| row.state) {
                    None => "it has no row".to_owned(),
                    Some(state) => format!("its row says {}", says(&state)),
                };
                FindingReport::new(
                    Code::PlaceIsNothing,
                    format!("{} does not wait in this place: {points}.", place.holder),
                    "It is granted nothing. It costs one refused write when its turn comes; until then its task, if it still \
                     waits there, hangs.",
                    format!("Tell the task that it is granted nothing, and remove the place. {BY_REPAIR}"),
                )
                .of_row(rows::sort(&RowKey::Wait(place.ticket)))
            }
            Finding::WaiterWithoutPlace { holder, ticket, since } => FindingReport::new(
                Code::WaiterWithoutPlace,
                format!("{holder} has waited for {} by its row, and has no place in the queue.", ago(since)),
                "It is never granted a lease. Its caller died while it joined, or its place was deleted by hand.",
                "If its execution still waits, stop it and start it again: nobody else has its task's token. \
                 `leasehold run` puts itself back in line. If nobody waits, nothing has to be done: the row goes by itself.",
            )
            .of_row(rows::sort(&RowKey::Wait(ticket))),
            Finding::HolderMissing(lease) => FindingReport::new(
                Code::HolderMissing,
                format!("{} holds lease {} and has no row that says so.", lease.holder, self.id(&lease)),
                "If it asks again it may be granted a second lease.",
                format!("Write the row anew, as the slot says. {BY_REPAIR}"),
            )
            .of_row(self.slot(lease.slot)),
            Finding::HolderElsewhere { lease, state } => {
                let stale = matches!(state, HolderState::Holding { .. });
                let witness = matches!(state, HolderState::Holding { slot, fence } if slot == lease.slot && fence > lease.fence);
                FindingReport::new(
                    Code::HolderElsewhere,
                    format!("{} holds lease {}, and its row says {}.", lease.holder, self.id(&lease), says(&state)),
                    "If it asks again it may be granted a second lease.",
                    if witness {
                        "See to the slot's fence first (fence-went-back): this row tells which one was granted.".into()
                    } else if stale {
                        format!("Let the row point at the lease. {BY_REPAIR}")
                    } else {
                        format!(
                            "See whether it still works under that lease. If not, free it: `{}`.",
                            self.release(&lease)
                        )
                    },
                )
                .of_row(self.slot(lease.slot))
            }
            Finding::HolderHoldsTwice { first, second } => FindingReport::new(
                Code::HolderHoldsTwice,
                format!("{} holds leases {} and {}.", first.holder, self.id(&first), self.id(&second)),
                "One of them keeps a slot from others until it expires.",
                format!(
                    "Find out under which of them it works, and free the other: `{}` or `{}`.",
                    self.release(&first),
                    self.release(&second)
                ),
            )
            .of_row(self.slot(second.slot)),
            Finding::HolderAstray { holder, lease } => FindingReport::new(
                Code::HolderAstray,
                format!("The row of {holder} points at lease {}, which is that of {}.", self.id(&lease), lease.holder),
                "Only one of them has it, and two may work: a fence was used twice, so the limit may be exceeded.",
                format!("If {holder} still works, stop it: it has no lease. Its row means nothing and goes by itself."),
            )
            .of_row(self.slot(lease.slot)),
            Finding::FenceWentBack { slot, found, granted, held } => FindingReport::new(
                Code::FenceWentBack,
                format!("Its fence is {}, and a holder was granted {}.", found.0, granted.0),
                "The slot's row was deleted or changed by hand. A comparison of fences takes the older holder for the newer \
                 one, and an old release may free a lease that is not its own.",
                if held {
                    "Let its lease end, or free it if nobody works under it; then raise the fence, which `--repair` does on a \
                     free slot. Never delete the row."
                        .to_owned()
                } else {
                    format!("Raise the fence to the highest that was granted. {BY_REPAIR} Never delete the row.")
                },
            )
            .of_row(self.slot(slot)),
            Finding::SlotAboveMark { lease, mark } => FindingReport::new(
                Code::SlotAboveMark,
                format!("Lease {} lies at or above the high-water mark {mark}.", self.id(&lease)),
                "Callers do not look there, so they do not count it: the limit may be exceeded.",
                format!("Raise the mark above it. {BY_REPAIR}"),
            )
            .of_row(self.slot(lease.slot)),
            Finding::MarkMissing { slots } => FindingReport::new(
                Code::MarkMissing,
                format!("There are slots ({slots}) and no high-water mark: its row was deleted."),
                "Slots that are made anew begin with a fence that may have been granted before.",
                format!("Write it anew, with the highest fence that is known. {BY_REPAIR}"),
            )
            .of_row(rows::sort(&RowKey::HighWater)),
            Finding::RowUnlisted(key) => FindingReport::new(
                Code::RowUnlisted,
                "It is not in the list of pools: its attributes `directory` and `directory_row` are missing, or are others.",
                "Callers use the pool as ever. `leasehold pools`, its `--check` and the dashboard do not show it as it is, or not \
                 at all.",
                match key {
                    RowKey::Summary => format!("A sweep writes it anew. {BY_REPAIR}"),
                    _ => format!("Write it again as it is. {BY_REPAIR}"),
                },
            )
            .of_row(rows::sort(&key)),
            Finding::MarkUnreadable { why } => FindingReport::new(
                Code::MarkUnreadable,
                format!("The high-water mark makes no sense: {why}."),
                "Every call of the pool fails with PoolMisconfigured.",
                format!("Write it anew, above every slot and with the highest fence that is known. {BY_REPAIR}"),
            )
            .of_row(rows::sort(&RowKey::HighWater)),
            Finding::OverLimit { held, limit } => FindingReport::new(
                Code::OverLimit,
                format!("{held} leases are held; the limit is {limit}."),
                "That is right while leases from before the limit was lowered last. Otherwise it must not happen.",
                format!(
                    "If the limit was not lowered: save what `{}` says, drain the pool, save the log, and report it (runbook: \
                     over-limit).",
                    advised(format_args!("leases {} --output json", self.0))
                ),
            ),
            Finding::SlotsAboveLimit { leases, limit } => FindingReport::new(
                Code::SlotsAboveLimit,
                format!("Leases on slots above the limit of {limit}: {leases}."),
                "They are from before the limit was lowered, and count. Their slots go once they have ended.",
                NOTHING_TO_DO,
            ),
        }
    }
}

/// Long times without their minutes.
fn whole_hours(length: Millis) -> Millis {
    Millis(length.0 / 3_600_000 * 3_600_000)
}

fn says(state: &HolderState) -> String {
    match state {
        HolderState::Waiting { .. } => "that it waits in another place".into(),
        HolderState::Holding { slot, fence } => format!("that it was granted slot {} under fence {}", slot.0, fence.0),
        HolderState::Ended => "that it left the queue".into(),
    }
}

/// Another program's row in the index.
pub(crate) fn foreign_in_index(keys: &str) -> FindingReport {
    FindingReport::new(
        Code::IndexForeignRow,
        format!("A row of another program lies in the index `directory`: {}.", quoted(keys)),
        "It is no pool. Older versions list no pools at all while it is there.",
        "Remove its attribute `directory` (with the value pools), and let that program use another table.",
    )
}
