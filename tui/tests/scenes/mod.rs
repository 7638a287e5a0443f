//! Dashboards as they come to be: fed with inputs only, at a time that stands still.
#![allow(dead_code, reason = "each test takes the scenes it needs")]
#![allow(clippy::expect_used, reason = "a scene that can not be made is a mistake in it")]

use leasehold_core::occupancy::Occupancy;
use leasehold_core::{
    Attempt, Fence, Held, Holder, Limit, Lowered, Millis, Notice, PoolName, Settings, Slot, SlotRow, Snapshot,
    SummaryRow, Ticket, Timestamp, WaitRow,
};
use leasehold_tui::watch::draw::draw;
use leasehold_tui::watch::input::{DirectoryEntry, Input, LimitRules, PoolDirectory, ReadCost};
use leasehold_tui::watch::session::{DashboardMode, Session, TableChoice};
use leasehold_tui::watch::state::DashboardState;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

/// 2024-11-22 10:11:12 UTC.
pub(crate) const NOW: Timestamp = Timestamp(1_732_270_272_000);

pub(crate) const WATCH: DashboardMode = DashboardMode::Watch { read_only: false };

pub(crate) fn ago(millis: u64) -> Timestamp {
    Timestamp(NOW.0 - millis)
}

pub(crate) fn prefix(name: &str) -> PoolName {
    name.parse().expect("a prefix")
}

pub(crate) fn limit(count: u32) -> Limit {
    Limit::try_from(u64::from(count)).expect("a limit")
}

pub(crate) fn dashboard(mode: DashboardMode, (columns, rows): (u16, u16)) -> DashboardState {
    let (table, location) = ("regional-concurrency-leases".to_owned(), "eu-central-1".to_owned());
    let mut session = Session::of(table.clone(), location.clone(), mode, true, Millis(2_000));
    if matches!(mode, DashboardMode::Watch { .. }) {
        session.chosen = Some(TableChoice { table, region: location, profile: String::new() });
    }
    let mut dashboard = DashboardState::new(session);
    dashboard.apply(Input::Resize(columns, rows));
    dashboard.apply(Input::Tick(ago(100_000)));
    if matches!(mode, DashboardMode::Watch { .. }) {
        dashboard.apply(Input::Account(Some("123456789012".into())));
    }
    dashboard
}

/// A pool at a moment: so many slots are held, so many wait.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) at: Timestamp,
    pub(crate) limit: u32,
    pub(crate) held: u32,
    pub(crate) waiting: u32,
    pub(crate) more: bool,
    /// How long before the look the first lease was acquired; the next ones 0.15 s later each.
    pub(crate) since: u64,
    /// How long ago the first waiter came.
    pub(crate) waits: u64,
    /// How long a lease lasts.
    pub(crate) lease: u64,
    /// How many leases the slots have had.
    pub(crate) fence: u64,
    /// The first holder's number.
    pub(crate) first: u32,
}

pub(crate) fn scene(name: &'static str, limit: u32, held: u32, waiting: u32) -> Scene {
    let (at, since, waits, lease) = (ago(400), 3_300, 8_200, 300_000);
    let (fence, first) = (40, 360);
    Scene { name, at, limit, held, waiting, more: false, since, waits, lease, fence, first }
}

impl Scene {
    pub(crate) fn holder(&self, number: u32) -> Holder {
        let number = self.first + number;
        let parent = format!("arn:aws:states:eu-central-1:123456789012:execution:{}-nightly:2024-11-22", self.name);
        let child = format!("{parent}/{}:{:08x}-41d2-4c7e-9a55-{number:012}", self.name, 0x7f3c_2e1a + number);
        Holder::new(&child, &format!("item-{number:03}"), Some(&parent)).expect("a holder")
    }

    pub(crate) fn slot(&self, number: u32) -> SlotRow {
        let acquired_at = Timestamp(self.at.0 - self.since + u64::from(number) * 150);
        let held = Held {
            holder: self.holder(number),
            attempt: Attempt::default(),
            acquired_at,
            expires_at: acquired_at + Millis(self.lease),
            renewed_at: None,
            notice: Notice::Asked,
            label: number.is_multiple_of(4).then(|| format!("region {number} of {}", self.limit).into()),
        };
        SlotRow { slot: Slot(number), fence: Fence(self.fence), held: Some(held) }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings::new(prefix(self.name), limit(self.limit))
    }

    pub(crate) fn look(&self) -> Occupancy {
        self.look_at((0..self.held).map(|number| self.slot(number)).collect())
    }

    pub(crate) fn look_at(&self, slots: Vec<SlotRow>) -> Occupancy {
        self.look_by(slots, None)
    }

    /// Under a limit that was lowered, if it was.
    pub(crate) fn look_by(&self, slots: Vec<SlotRow>, lowered: Option<Lowered>) -> Occupancy {
        let waiter = |number: u32| {
            let holder = self.holder(self.held + number);
            let at = Timestamp(NOW.0 - self.waits + u64::from(number) * 350);
            let ticket = Ticket { at, own: holder.hashed().own };
            WaitRow {
                ticket,
                holder,
                attempt: Attempt::default(),
                give_up_at: at + Millis::seconds(86_400),
                token: None,
                lease: Millis::seconds(300),
                label: None,
            }
        };
        let queue = (0..self.waiting).map(waiter).collect();
        let settings = Settings { lowered, ..self.settings() };
        let snapshot = Snapshot { at: self.at, limit: settings.limit, slots, queue, more: self.more };
        Occupancy::of(&snapshot, &settings)
    }

    /// What its last sweep saw, so long ago.
    pub(crate) fn swept(&self, seconds: u64) -> Occupancy {
        let at = ago(seconds * 1_000);
        let waiting_since = (self.waiting > 0).then(|| Timestamp(at.0 - self.waits));
        let (held, waiting, waiting_more) = (self.held, self.waiting, self.more);
        let row = SummaryRow { at, limit: limit(self.limit), held, waiting, waiting_more, waiting_since };
        Occupancy::summarised(&row, &self.settings(), row.at)
    }

    pub(crate) fn listing(&self) -> DirectoryEntry {
        DirectoryEntry {
            prefix: prefix(self.name),
            limit: Some(limit(self.limit)),
            rules: Some(LimitRules { limit: limit(self.limit), settles_for: Millis::seconds(75), settling_from: None }),
            summary: Some(self.swept(45)),
            stale: false,
            trouble: None,
        }
    }
}

/// Pools that were looked at a while, filling up as they went, and now.
pub(crate) fn watched(dashboard: &mut DashboardState, scenes: &[Scene]) {
    dashboard
        .apply(Input::Listed(PoolDirectory { at: ago(95_000), pools: scenes.iter().map(Scene::listing).collect() }));
    let steps = 24;
    for step in 0..steps {
        dashboard.apply(Input::Tick(ago(96_000 - step * 4_000)));
        for scene in scenes {
            let held = (u64::from(scene.held) * (step * 5 % 17 + step) / (steps + 9)).min(u64::from(scene.held)) as u32;
            // Each lease is a new one, so a slot's fence grows from look to look.
            let (fence, first) = (scene.fence - (steps - step), 15 * step as u32);
            let then = Scene { at: ago(96_000 - step * 4_000), held, waiting: 0, fence, first, ..scene.clone() };
            dashboard.apply(Input::Seen(Box::new(then.look())));
        }
    }
    dashboard.apply(Input::Tick(NOW));
    for scene in scenes {
        dashboard.apply(Input::Seen(Box::new(scene.look())));
    }
    dashboard.apply(Input::Cost(ReadCost { units_per_minute: 61.0, requests_per_minute: 122.0 }));
}

/// The example: one pool full with a queue, one with room.
pub(crate) fn example() -> Vec<Scene> {
    vec![scene("analytics", 15, 15, 15), scene("batch", 5, 3, 0)]
}

/// All states at once.
pub(crate) fn every_state() -> Vec<Scene> {
    let starving = Scene { waits: 754_000, ..scene("payments-export", 4, 2, 7) };
    let over = scene("search-reindex", 3, 5, 2);
    let full = Scene { more: true, waits: 125_000, ..scene("analytics", 15, 15, 100) };
    vec![full, scene("batch", 5, 3, 0), over, starving, scene("thumbnails", 40, 0, 0)]
}

pub(crate) fn press(
    dashboard: &mut DashboardState,
    code: KeyCode,
) -> Vec<leasehold_tui::watch::input::DashboardEffect> {
    dashboard.apply(Input::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

/// Types a text; `\n` is Enter.
pub(crate) fn types(dashboard: &mut DashboardState, text: &str) -> Vec<leasehold_tui::watch::input::DashboardEffect> {
    let key = |c| if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) };
    text.chars().flat_map(|c| press(dashboard, key(c))).collect()
}

pub(crate) fn buffer(dashboard: &DashboardState) -> Buffer {
    let area = Rect::new(0, 0, dashboard.size.0, dashboard.size.1);
    let mut buffer = Buffer::empty(area);
    draw(dashboard, area, &mut buffer);
    buffer
}

/// The screen as text.
pub(crate) fn screen(dashboard: &DashboardState) -> String {
    let buffer = buffer(dashboard);
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let line: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        text += line.trim_end();
        text.push('\n');
    }
    text
}
