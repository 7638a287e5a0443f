//! How does a person watch the demo and steer it? By the dashboard over its own table, whose keys also kill workers
//! and change how fast they work.

use std::sync::Arc;
use std::time::Duration;

use leasehold_core::machine::{Operation, Outcome};
use leasehold_core::nouns::LeaseId;
use leasehold_core::release::What;
use leasehold_store::Table;
use leasehold_tui::watch::board::{Board, Mode};
use leasehold_tui::watch::collect::collect;
use leasehold_tui::watch::input::{Effect, Input};
use leasehold_tui::watch::screen::{Left, Wires, show};
use tokio::sync::{mpsc, oneshot};

use super::hands::Fate;
use super::options::{NewLimit, Options};
use super::play::{Run, change};
use super::progress::Progress;
use super::workload::Workload;
use crate::dashboard::{Keeping, session};
use crate::words::Trouble;

/// How often the table is read: its leases last seconds.
const EVERY: Duration = Duration::from_millis(500);

/// Shows the dashboard until somebody leaves it.
pub(crate) async fn steer(run: &Run, table: Table, options: &Options) -> Result<Left, Trouble> {
    let mut keeping = Keeping::on(options.record.as_deref(), &table, None)?;
    let (wires, wanted) = Wires::new();
    let inputs = wires.inputs.clone();
    run.progress.show_on(Some(inputs.clone()));
    let workloads = run.workloads.clone();
    let progress = Arc::clone(&run.progress);
    let act = move |effect| {
        tokio::spawn(does(effect, workloads.clone(), Arc::clone(&progress), inputs.clone()));
    };
    let place =
        options.store.as_ref().map_or_else(|| "embedded, in memory".to_owned(), |path| path.display().to_string());
    let mut board = Board::new(session(table.name(), &place, Mode::Demo, EVERY));
    let reading = tokio::spawn(collect(table, EVERY, wanted, wires.inputs.clone()));
    let left = show(&mut board, wires, |input| keeping.keep(input), act).await;
    reading.abort();
    run.progress.show_on(None);
    keeping.over()?;
    Ok(left?)
}

/// Does what somebody asked for at the keys, and tells what came of it.
async fn does(effect: Effect, workloads: Vec<Arc<Workload>>, progress: Arc<Progress>, inputs: mpsc::Sender<Input>) {
    let find = |name: &leasehold_core::nouns::Prefix| workloads.iter().find(|workload| workload.plan.prefix == *name);
    let did = match effect {
        Effect::Speed(times) => {
            workloads.iter().for_each(|workload| workload.hands.set_speed(times));
            return;
        }
        Effect::Kill { prefix, slot } => {
            let Some(workload) = find(&prefix) else { return };
            let slot = slot.filter(|slot| workload.hands.decide(*slot, Fate::Dies));
            // A death is told by the run itself.
            if slot.is_some() || workload.hands.kill_one() {
                return;
            }
            Input::Did { done: true, what: format!("the next worker of {prefix} that gets a lease dies") }
        }
        Effect::ChangeLimit { prefix, limit, .. } => match find(&prefix) {
            Some(workload) => {
                change(workload, &progress, NewLimit { prefix, limit, at: Duration::ZERO }).await;
                return;
            }
            None => return,
        },
        Effect::Release(lease) => match find(&lease.prefix) {
            Some(workload) => take_away(workload, lease).await,
            None => return,
        },
        // The rest is not for the demo.
        _ => return,
    };
    // Whoever asked may have left.
    let _ = inputs.send(did).await;
}

/// Takes a lease from its worker, which then asks for another.
async fn take_away(workload: &Workload, lease: LeaseId) -> Input {
    let (freed, is_freed) = oneshot::channel();
    workload.hands.decide(lease.slot.0, Fate::LosesLease(is_freed));
    // From now on it is not the worker's, whatever it was told: nobody counts it against the limit.
    workload.ledger().taken((lease.slot.0, lease.fence.0), workload.start.elapsed());
    let ran = workload.pool.look_after(Operation::Release(What::Lease(lease.clone()))).await;
    // The worker may be gone.
    let _ = freed.send(());
    let what = format!("{} of {}", lease.slot, lease.prefix);
    match ran.outcome {
        Outcome::Released { already: false, .. } => Input::Did { done: true, what: format!("{what} was taken away") },
        Outcome::Released { already: true, .. } => {
            Input::Did { done: true, what: format!("{what}: that lease had ended") }
        }
        _ => Input::Did { done: false, what: format!("{what} is not freed: {}", ran.why()) },
    }
}
