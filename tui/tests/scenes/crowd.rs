//! The largest table a dashboard is made for: 10,000 pools, 200,000 leases, all of them looked at.

use leasehold_core::occupancy::Occupancy;
use leasehold_core::{
    Attempt, Fence, Held, Holder, Limit, Millis, Notice, Settings, Slot, SlotRow, Snapshot, Ticket, Timestamp, WaitRow,
};
use leasehold_tui::watch::input::Input;
use leasehold_tui::watch::session::{DashboardMode, Session};
use leasehold_tui::watch::state::DashboardState;

/// 2024-11-22 10:11:12 UTC.
const NOW: u64 = 1_732_270_272_000;

pub(crate) const POOLS: u32 = 10_000;
pub(crate) const LEASES: u32 = 20;

/// The look at one of them, so many milliseconds later.
pub(crate) fn look(number: u32, later: u64) -> Occupancy {
    let prefix = format!("team-{:03}.workload-{number:05}", number % 250).parse().expect("a prefix");
    let settings = Settings::new(prefix, Limit::try_from(u64::from(LEASES)).expect("a limit"));
    let at = Timestamp(NOW + later);
    let parent = format!("arn:aws:states:eu-central-1:123456789012:execution:workload-{number:05}:nightly-2024-11-22");
    let holder = |slot: u32| {
        let execution = format!("{parent}/items:5f0c2a41-7d30-4b6e-9d3f-{number:06}{slot:06}");
        Holder::new(&execution, &format!("item-{slot:04}"), Some(&parent)).expect("a holder")
    };
    let slot = |slot: u32| {
        let acquired_at = Timestamp(NOW - 1_000 - u64::from(slot) * 500);
        let held = Held {
            holder: holder(slot),
            attempt: Attempt::default(),
            acquired_at,
            expires_at: acquired_at + Millis::seconds(300),
            renewed_at: None,
            notice: Notice::Asked,
            label: None,
        };
        // One lease is a new one at each look.
        let fence = Fence(7 + if slot == 0 { later } else { 0 });
        SlotRow { slot: Slot(slot), fence, held: Some(held) }
    };
    let wait = |location: u32| {
        let holder = holder(LEASES + location);
        let ticket = Ticket { at: Timestamp(NOW - 5_000 + u64::from(location)), own: holder.hashed().own };
        WaitRow {
            ticket,
            holder,
            attempt: Attempt::default(),
            give_up_at: Timestamp(NOW + 86_400_000),
            token: None,
            lease: Millis::seconds(300),
            label: None,
        }
    };
    let (slots, queue) = ((0..LEASES).map(slot).collect(), (0..number % 3).map(wait).collect());
    Occupancy::of(&Snapshot { at, limit: settings.limit, slots, queue, more: false }, &settings)
}

/// A dashboard that has seen all of them.
pub(crate) fn dashboard() -> DashboardState {
    let (table, location) = ("regional-concurrency-leases".into(), "eu-central-1".into());
    let session = Session::of(table, location, DashboardMode::Replay, true, Millis(2_000));
    let mut dashboard = DashboardState::new(session);
    dashboard.apply(Input::Resize(200, 60));
    dashboard.apply(Input::Tick(Timestamp(NOW)));
    dashboard.apply_all((0..POOLS).map(|number| Input::Seen(Box::new(look(number, 0)))));
    dashboard
}
