//! Repairing what was found: how is each remedy carried out, and what is said of it?

use std::collections::HashMap;

use leasehold_core::diagnosis::Remedy;
use leasehold_core::{LeaseId, PoolName, Repair, Repaired, SlotRow, StatusRequest, SweepRequest, Tally};
use leasehold_store::{Notifier, RunError, Runner};

use super::report::{FindingReport, RepairReport};

/// How many sweeps are made of one pool while each says that more is left.
const SWEEPS: u8 = 10;

/// What a remedy came to: done or not, and the words.
type Outcome = (bool, String);

/// When a remedy's turn comes. The mark is first: a sweep would make one that is missing anew, and not know which fences were
/// granted. Sweeps are last, as they go by what the others put right.
fn turn(finding: &FindingReport) -> u8 {
    match &finding.remedy {
        Some(Remedy::Write(repair)) if matches!(**repair, Repair::ReplaceMark { .. } | Repair::RaiseMark { .. }) => 0,
        Some(Remedy::Write(_)) | None => 1,
        Some(Remedy::Sweep) => 2,
    }
}

/// Carries out the remedies, each in its turn; one sweep a pool, however many findings it is for.
pub(crate) async fn repair<N: Notifier>(runner: &Runner<N>, work: &[FindingReport]) -> Vec<RepairReport> {
    let mut swept: HashMap<PoolName, Outcome> = HashMap::new();
    let mut done = Vec::new();
    let mut work: Vec<&FindingReport> = work.iter().collect();
    work.sort_by_key(|finding| turn(finding));
    for finding in work {
        let (Some(prefix), Some(remedy)) = (&finding.prefix, &finding.remedy) else { continue };
        let (well, said) = match remedy {
            Remedy::Write(repair) => write(runner, prefix, repair).await,
            Remedy::Sweep => match swept.get(prefix) {
                Some(outcome) => outcome.clone(),
                None => {
                    let outcome = sweep(runner, prefix).await;
                    swept.insert(prefix.clone(), outcome.clone());
                    outcome
                }
            },
        };
        let (code, row) = (finding.code, finding.row.clone());
        done.push(RepairReport { code, prefix: prefix.clone(), row, done: well, said });
    }
    done
}

async fn write<N: Notifier>(runner: &Runner<N>, prefix: &PoolName, repair: &Repair) -> Outcome {
    // How long a row is kept depends on the settings; where they make no sense, the defaults do.
    let ran = match runner.settings(prefix).await {
        Ok(settings) => runner.run(repair.clone(), settings).await,
        Err(_) => runner.administer(prefix, repair.clone()).await,
    };
    match ran {
        Ok(Repaired::Written) => (true, written(repair)),
        Ok(Repaired::Changed) => (false, "it changed since it was read: nothing was written".into()),
        Ok(Repaired::Untold) => {
            let why = "the task that waits there could not be told from here (states:SendTaskFailure): nothing was written; \
                       the lease manager removes the place when its turn comes";
            (false, why.into())
        }
        Err(error) => failed(runner, prefix, error),
    }
}

fn written(repair: &Repair) -> String {
    match repair {
        Repair::RemovePlace { place, .. } => format!("the place of {} was removed from the queue", place.holder),
        Repair::PointHolder { holder, slot, fence, .. } => {
            format!("the row of {holder} points at slot {} under fence {} again", slot.0, fence.0)
        }
        Repair::RaiseFence { to, .. } => format!("the slot's fence is {} now", to.0),
        Repair::WriteSettingsAgain(_) => "the pool's settings are in the list of pools again".into(),
        Repair::WriteOverrideAgain(_) => "the override is in the list of pools again".into(),
        Repair::ReplaceMark { to, .. } | Repair::RaiseMark { to, .. } => {
            format!("the high-water mark is {} now, its fence {}", to.slots, to.fence.0)
        }
        Repair::RemoveSummary => "the summary was removed".into(),
    }
}

async fn sweep<N: Notifier>(runner: &Runner<N>, prefix: &PoolName) -> Outcome {
    match lease_of_work_that_may_go_on(runner, prefix).await {
        Ok(None) => {}
        Ok(Some(lease)) => {
            let why = format!(
                "the pool was not swept: lease {lease} has ended, but its work may go on, and only the lease manager can ask; see \
                 whether its execution runs"
            );
            return (false, why);
        }
        Err(error) => return failed(runner, prefix, error),
    }
    let mut all = Tally::default();
    for _ in 0..SWEEPS {
        match runner.run_on(prefix, SweepRequest).await {
            Ok(tally) => {
                all += tally;
                if !tally.more {
                    break;
                }
            }
            Err(error) => return failed(runner, prefix, error),
        }
    }
    let Tally { granted, reclaimed, freed, left, renotified, .. } = all;
    let counts = format!(
        "granted {granted}, reclaimed {reclaimed}, freed {freed}, told again {renotified}, left the queue {left}"
    );
    (true, format!("the pool was swept: {counts}"))
}

/// A lease that a sweep from here would take though its work may go on.
async fn lease_of_work_that_may_go_on<N: Notifier>(
    runner: &Runner<N>,
    prefix: &PoolName,
) -> Result<Option<LeaseId>, RunError> {
    let settings = runner.settings(prefix).await?;
    let seen = runner.run(StatusRequest, settings.clone()).await?;
    let works = |row: &&SlotRow| row.held.as_ref().is_some_and(|held| settings.work_may_go_on(held, seen.at));
    let found = seen.slots.iter().find(works);
    Ok(found.map(|row| LeaseId { prefix: prefix.clone(), slot: row.slot, fence: row.fence }))
}

fn failed<N: Notifier>(runner: &Runner<N>, prefix: &PoolName, error: RunError) -> Outcome {
    (false, error.explain(runner.table().name(), prefix, "repairing").to_string())
}
