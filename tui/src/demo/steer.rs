//! The demo under its dashboard: how does a person watch it and steer it?
//! By the dashboard over its own table, whose keys also kill workers and change how fast they work.

use std::sync::Arc;
use std::time::Duration;

use leasehold_core::{LeaseId, PoolName, ReleaseTarget, Released};
use leasehold_store::Table;
use leasehold_tui::watch::input::{DashboardEffect, Input, Subscription};
use leasehold_tui::watch::poller::poll;
use leasehold_tui::watch::screen::{Channels, LeaveReason, show};
use leasehold_tui::watch::session::DashboardMode;
use leasehold_tui::watch::state::DashboardState;
use tokio::sync::{mpsc, oneshot, watch};

use super::controls::Directive;
use super::options::{DemoOptions, PlannedLimit};
use super::play::{DemoRun, change};
use super::progress::Progress;
use super::workload::PoolWorkload;
use crate::dashboard::session;
use crate::error::CliError;
use crate::recording::RecordingFile;

/// How often the table is read: its leases last seconds.
const EVERY: Duration = Duration::from_millis(500);

/// Shows the dashboard until somebody leaves it. It has the terminal from this call on, before any work begins: the work's
/// progress would be drawn over it.
pub(crate) fn steer<'a>(
    run: &'a DemoRun,
    table: Table,
    options: &'a DemoOptions,
) -> impl Future<Output = Result<LeaveReason, CliError>> + 'a {
    let (channels, subscription) = Channels::new();
    run.progress.show_on(Some(channels.inputs.clone()));
    on_dashboard(run, table, options, channels, subscription)
}

async fn on_dashboard(
    run: &DemoRun,
    table: Table,
    options: &DemoOptions,
    channels: Channels,
    subscription: watch::Receiver<Subscription>,
) -> Result<LeaveReason, CliError> {
    let mut keeping = RecordingFile::on(options.record.as_deref(), &table, None)?;
    let inputs = channels.inputs.clone();
    let workloads = run.workloads.clone();
    let progress = Arc::clone(&run.progress);
    let (asked, asks) = mpsc::unbounded_channel();
    tokio::spawn(change_in_turn(asks, workloads.clone(), Arc::clone(&progress)));
    let carry_out = move |effect| match effect {
        DashboardEffect::ChangeLimit { prefix, limit, why, .. } => {
            // It ends only with the sender.
            let _ = asked.send((PlannedLimit { prefix, limit, at: Duration::ZERO }, why));
        }
        effect => drop(tokio::spawn(does(effect, workloads.clone(), inputs.clone()))),
    };
    let location = options.store.as_ref().map_or_else(
        || "in memory: jobs of each pool wait their turn at its limit".to_owned(),
        |path| path.display().to_string(),
    );
    let mut dashboard = DashboardState::new(session(table.name(), &location, DashboardMode::Demo, EVERY));
    let now = {
        let table = table.clone();
        move || table.now()
    };
    let reading = tokio::spawn(poll(table, EVERY, subscription, channels.inputs.clone()));
    let left = show(&mut dashboard, channels, now, |input| keeping.keep(input), carry_out).await;
    reading.abort();
    run.progress.show_on(None);
    keeping.over()?;
    Ok(left?)
}

/// Changes limits in the order of the keys, one after the other: of those that were asked for meanwhile only the last.
async fn change_in_turn(
    mut asks: mpsc::UnboundedReceiver<(PlannedLimit, String)>,
    workloads: Vec<Arc<PoolWorkload>>,
    progress: Arc<Progress>,
) {
    let mut waiting: Vec<(PlannedLimit, String)> = vec![];
    loop {
        if waiting.is_empty() {
            match asks.recv().await {
                Some(asked) => waiting.push(asked),
                None => return,
            }
        }
        while let Ok(asked) = asks.try_recv() {
            waiting.retain(|(other, _)| other.prefix != asked.0.prefix);
            waiting.push(asked);
        }
        let (new, why) = waiting.remove(0);
        if let Some(workload) = workloads.iter().find(|workload| workload.plan.prefix == new.prefix) {
            change(workload, &progress, new, &why).await;
        }
    }
}

/// Does what somebody asked for at the keys, and tells what came of it.
async fn does(effect: DashboardEffect, workloads: Vec<Arc<PoolWorkload>>, inputs: mpsc::Sender<Input>) {
    let find = |name: &PoolName| workloads.iter().find(|workload| workload.plan.prefix == *name);
    let did = match effect {
        DashboardEffect::Speed(times) => {
            workloads.iter().for_each(|workload| workload.controls.set_speed(times));
            return;
        }
        DashboardEffect::Kill { prefix, slot } => {
            let Some(workload) = find(&prefix) else { return };
            let slot = slot.filter(|slot| workload.controls.decide(*slot, Directive::Dies));
            // A death is told by the run itself.
            if slot.is_some() || workload.controls.kill_one() {
                return;
            }
            Input::ActionDone { done: true, what: format!("the next worker of {prefix} that gets a lease dies") }
        }
        DashboardEffect::Release(lease) => match find(&lease.prefix) {
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
async fn take_away(workload: &PoolWorkload, lease: LeaseId) -> Input {
    let (freed, is_freed) = oneshot::channel();
    workload.controls.decide(lease.slot.0, Directive::LosesLease(is_freed));
    // From now on it is not the worker's, whatever it was told: nobody counts it against the limit.
    workload.ledger().taken((lease.slot.0, lease.fence.0), workload.start.elapsed());
    let ran = workload.pool.look_after(ReleaseTarget::Lease(lease.clone())).await;
    // The worker may be gone.
    let _ = freed.send(());
    let what = format!("{} of {}", lease.slot, lease.prefix);
    match ran {
        Ok(Released { already: false, .. }) => Input::ActionDone { done: true, what: format!("{what} was taken away") },
        Ok(Released { already: true, .. }) => {
            Input::ActionDone { done: true, what: format!("{what}: that lease had ended") }
        }
        Err(error) => Input::ActionDone { done: false, what: format!("{what} is not freed: {error}") },
    }
}
