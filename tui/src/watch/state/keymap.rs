//! Keymap: what does a key do to the dashboard's state?
//! It moves what is chosen, opens and fills forms, and asks for effects.

use leasehold_core::{ExpectedOverride, Holder, LeaseId, Limit, harmless};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{Cursor, DashboardState, Overlay, PoolHistory};
use crate::watch::form::{Form, FormResult};
use crate::watch::input::{DashboardEffect, ReplayCommand};
use crate::watch::keys::{self, KeyAction};
use crate::watch::layout::{PANES, Pane};
use crate::watch::session::DashboardMode;
use crate::watch::text;

fn share(what: &'static str, text: &str) -> DashboardEffect {
    // Others wrote it: nothing in it may do more than be read, wherever it is pasted.
    DashboardEffect::Share { what, text: harmless(text).replace('\n', " "), link: false }
}

/// No text over the screen has more lines.
const MOST_LINES: usize = 400;

/// How far a key jumps in a replay, in milliseconds.
const JUMP: i64 = 10_000;

impl DashboardState {
    pub(super) fn key(&mut self, key: KeyEvent) -> Vec<DashboardEffect> {
        if key.kind == KeyEventKind::Release {
            return vec![];
        }
        self.touched = true;
        // Who goes on has read it; the keys come back.
        self.said = None;
        if let Some(Overlay::Form(form)) = &mut self.overlay {
            return match form.key(key) {
                FormResult::NotYet => vec![],
                FormResult::Never => {
                    self.overlay = None;
                    self.say(false, "nothing was changed".into());
                    vec![]
                }
                FormResult::Done(effect) => {
                    self.overlay = None;
                    vec![effect]
                }
            };
        }
        if self.filtering && self.typed_filter(key) {
            return vec![];
        }
        match keys::command(key, self.session.mode) {
            Some(command) => self.command(command).into_iter().collect(),
            None => {
                let changes = keys::command(key, DashboardMode::Watch { read_only: false });
                if matches!(
                    changes,
                    Some(KeyAction::Raise | KeyAction::Lower | KeyAction::EndOverride | KeyAction::Release)
                ) {
                    self.say(true, "nothing can be changed here".into());
                }
                vec![]
            }
        }
    }

    /// Whether the key was for the filter.
    fn typed_filter(&mut self, key: KeyEvent) -> bool {
        self.moved = None;
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => {
                self.filter.clear();
                self.filtering = false;
            }
            KeyCode::Enter => self.filtering = false,
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char('u') if control => self.filter.clear(),
            KeyCode::Char(c) if !control => self.filter.push(c),
            _ => return false,
        }
        true
    }

    fn command(&mut self, command: KeyAction) -> Option<DashboardEffect> {
        match (command, &mut self.overlay) {
            (KeyAction::Quit, Some(_)) | (KeyAction::Back, Some(_)) => self.overlay = None,
            (KeyAction::History, Some(Overlay::History(..)))
            | (KeyAction::Help, Some(Overlay::Help(_)))
            | (KeyAction::Open, Some(_)) => self.overlay = None,
            (KeyAction::Up, Some(Overlay::Help(line) | Overlay::History(_, line))) => *line = line.saturating_sub(1),
            (KeyAction::Down, Some(Overlay::Help(line) | Overlay::History(_, line))) => {
                *line = (*line + 1).min(MOST_LINES)
            }
            (
                KeyAction::PageUp | KeyAction::First,
                Some(Overlay::Help(line) | Overlay::Details(line) | Overlay::History(_, line)),
            ) => {
                *line = line.saturating_sub(10);
            }
            (
                KeyAction::PageDown | KeyAction::Last,
                Some(Overlay::Help(line) | Overlay::Details(line) | Overlay::History(_, line)),
            ) => {
                *line = (*line + 10).min(MOST_LINES);
            }
            // What lies over the panes is about the one below it.
            (KeyAction::NextPane | KeyAction::PaneBefore | KeyAction::Left | KeyAction::Right, Some(_)) => {}
            (KeyAction::Help, _) => self.overlay = Some(Overlay::Help(0)),
            (KeyAction::Quit, None) => return Some(DashboardEffect::Quit),
            (KeyAction::Interrupt, _) => return Some(DashboardEffect::Interrupt),
            (KeyAction::Suspend, _) => return Some(DashboardEffect::Suspend),
            (KeyAction::Up, _) => self.step(-1),
            (KeyAction::Down, _) => self.step(1),
            (KeyAction::PageUp, _) => self.step(-self.page()),
            (KeyAction::PageDown, _) => self.step(self.page()),
            (KeyAction::First, _) => self.step(isize::MIN),
            (KeyAction::Last, _) => self.step(isize::MAX),
            (KeyAction::Left, _) => self.aside(-1),
            (KeyAction::Right, _) => self.aside(1),
            (KeyAction::NextPane, _) => self.focus = self.pane(1),
            (KeyAction::PaneBefore, _) => self.focus = self.pane(-1),
            (KeyAction::Open, None) => self.open(),
            (KeyAction::Back, None) => self.back(),
            (KeyAction::Filter, _) => {
                (self.overlay, self.filtering) = (None, true);
                self.focus = Pane::Pools;
            }
            (KeyAction::Sort, _) => {
                self.order = self.order.next();
                self.moved = None;
                self.say(false, format!("pools in order of {}", self.order.name()));
            }
            (KeyAction::Pause, _) if self.session.mode == DashboardMode::Replay => {
                return Some(DashboardEffect::Replay(ReplayCommand::Toggle));
            }
            (KeyAction::Pause, _) => self.paused = if self.paused.is_some() { None } else { Some(self.now) },
            (KeyAction::Refresh, _) if self.paused.is_some() => {
                self.say(true, "paused: space goes on and reads".into())
            }
            (KeyAction::Refresh, _) => self.refreshed += 1,
            (KeyAction::Raise, _) => return self.limit(1),
            (KeyAction::Lower, _) => return self.limit(-1),
            (KeyAction::EndOverride, _) => self.end_override(),
            (KeyAction::History, _) => return self.history(),
            (KeyAction::Release, _) => self.release(),
            (KeyAction::Copy, _) => return self.copy(),
            (KeyAction::CopyExecution, _) => {
                let text = self.holder()?.execution().to_owned();
                return Some(share("execution", &text));
            }
            (KeyAction::Console, _) => return self.console(),
            (KeyAction::Choose, _) => self.choose_table(),
            (KeyAction::Kill, _) => return self.kill(),
            (KeyAction::Faster, _) => return self.faster(2.0),
            (KeyAction::Slower, _) => return self.faster(0.5),
            (KeyAction::Forward, _) => return Some(DashboardEffect::Replay(ReplayCommand::Seek(JUMP))),
            (KeyAction::Rewind, _) => return Some(DashboardEffect::Replay(ReplayCommand::Seek(-JUMP))),
            (KeyAction::Restart, _) => return Some(DashboardEffect::Replay(ReplayCommand::Start)),
        }
        None
    }

    pub(super) fn choose_line(&mut self, line: usize) {
        let chosen = self.listed.get(line).map(|place| self.pools[*place].prefix.clone());
        if chosen != self.chosen {
            (self.slot_cursor, self.queue_cursor) = (Cursor::default(), Cursor::default());
            if matches!(self.overlay, Some(Overlay::Details(_))) {
                self.overlay = None;
            }
        }
        (self.chosen, self.pool_cursor.at) = (chosen, line);
    }

    fn step(&mut self, lines: isize) {
        let (slots, queue, log) = (self.slots().len(), self.queue().len(), self.log.lines().len());
        match self.focus {
            Pane::Pools | Pane::History => {
                let mut cursor = self.pool_cursor;
                cursor.step(lines, self.listed.len());
                self.choose_line(cursor.at);
            }
            Pane::Slots => self.slot_cursor.step(lines, slots),
            Pane::Queue => self.queue_cursor.step(lines, queue),
            Pane::Log => self.log_cursor.step(lines, log),
        }
    }

    fn page(&self) -> isize {
        let lines = self.layout().lines(self.focus).max(2) - 1;
        isize::try_from(lines).unwrap_or(1)
    }

    /// The pane so many further, around the end. The history, which no key goes to, only where it has a tab.
    fn pane(&self, further: isize) -> Pane {
        let panes: Vec<Pane> = PANES.into_iter().filter(|pane| *pane != Pane::History || !self.layout().wide).collect();
        let at = panes.iter().position(|pane| *pane == self.focus).unwrap_or(0);
        let count = panes.len() as isize;
        panes[(at as isize + further).rem_euclid(count) as usize]
    }

    fn aside(&mut self, further: isize) {
        let wide = self.layout().wide;
        self.focus = match (self.focus, further > 0) {
            _ if !wide => self.pane(further),
            (Pane::Pools, true) => Pane::Slots,
            (Pane::Slots | Pane::Queue, false) => Pane::Pools,
            (focus, _) => focus,
        };
    }

    fn open(&mut self) {
        match self.focus {
            Pane::Pools | Pane::History => self.focus = Pane::Slots,
            Pane::Slots if self.slot().is_some() => self.overlay = Some(Overlay::Details(0)),
            Pane::Queue if self.waiter().is_some() => self.overlay = Some(Overlay::Details(0)),
            Pane::Slots | Pane::Queue | Pane::Log => {}
        }
    }

    fn back(&mut self) {
        if self.focus != Pane::Pools {
            self.focus = Pane::Pools;
        } else if !self.filter.is_empty() {
            self.filter.clear();
            self.moved = None;
        }
    }

    fn limit(&mut self, more: i64) -> Option<DashboardEffect> {
        let Some(pool) = self.chosen() else {
            self.say(true, "no pool is chosen".into());
            return None;
        };
        let rules = pool.rules;
        let (prefix, Some(from)) = (pool.prefix.clone(), pool.asked.or(pool.limit)) else {
            self.say(true, "its limit is not known yet".into());
            return None;
        };
        let to = (i64::from(from.count()) + more).clamp(0, 10_000) as u32;
        if self.session.mode == DashboardMode::Demo {
            // Nothing is at stake, and nobody else to tell why.
            let Some(limit) = Limit::try_from(u64::from(to)).ok().filter(|limit| *limit != from) else {
                let bound = if more < 0 { "lower" } else { "higher" };
                self.say(true, format!("the limit is {from} already, and goes no {bound}"));
                return None;
            };
            // Pressed again before the change is seen, the key goes on from there.
            self.pool_mut(&prefix).asked = Some(limit);
            let (why, lasts, expected) = ("by hand".into(), None, ExpectedOverride::Any);
            return Some(DashboardEffect::ChangeLimit { prefix, limit, why, lasts, expected });
        }
        self.overlay = Some(Overlay::Form(Form::limit(prefix, from, to, pool.known(), rules)));
        None
    }

    fn end_override(&mut self) {
        let rules = self.chosen().and_then(|pool| pool.rules);
        let seen = self.chosen().and_then(|pool| pool.seen.as_ref());
        match seen.filter(|seen| seen.overridden.is_some()) {
            Some(seen) => self.overlay = Some(Overlay::Form(Form::end(seen.prefix.clone(), seen, rules))),
            None => {
                let of = self.chosen().map(|pool| format!(" of {}", pool.prefix)).unwrap_or_default();
                self.say(true, format!("no override{of} is in force"));
            }
        }
    }

    fn history(&mut self) -> Option<DashboardEffect> {
        let prefix = self.chosen()?.prefix.clone();
        let shown = PoolHistory { prefix: prefix.clone(), changes: None };
        self.overlay = Some(Overlay::History(shown, 0));
        Some(DashboardEffect::ReadHistory(prefix))
    }

    /// The lease on the chosen slot, if somebody chose it.
    fn lease(&self) -> Option<(LeaseId, String)> {
        let (pool, slot) = (self.chosen()?, self.slot()?);
        let lease = slot.lease.as_ref()?;
        let id = LeaseId { prefix: pool.prefix.clone(), slot: slot.slot, fence: slot.fence };
        Some((id, text::holder(&lease.holder, lease.label.as_deref())))
    }

    /// Why there is nobody; but as long as the pool's rows were not read, nobody knows whether there is.
    fn unless_unread(&self, why: &'static str) -> &'static str {
        if self.age().is_some() { why } else { "its slots and its queue are not read yet" }
    }

    /// Who holds the chosen slot, or is the chosen waiter.
    fn holder(&mut self) -> Option<Holder> {
        let (found, none) = match self.focus {
            Pane::Slots => {
                let lease = self.slot().and_then(|slot| slot.lease.as_ref());
                (lease.map(|lease| lease.holder.clone()), self.unless_unread("nobody holds that slot"))
            }
            Pane::Queue => (self.waiter().map(|waiter| waiter.holder.clone()), self.unless_unread("nobody waits")),
            _ => (None, "choose a slot or a waiter first"),
        };
        if found.is_none() {
            self.say(true, none.into());
        }
        found
    }

    fn copy(&mut self) -> Option<DashboardEffect> {
        match self.focus {
            Pane::Slots => match self.lease() {
                Some((lease, _)) => Some(share("lease id", &lease.to_string())),
                None => {
                    self.say(true, self.unless_unread("nobody holds that slot").into());
                    None
                }
            },
            Pane::Queue => Some(share("execution", self.holder()?.execution())),
            _ => Some(share("pool", self.chosen()?.prefix.as_str())),
        }
    }

    fn console(&mut self) -> Option<DashboardEffect> {
        let holder = self.holder()?;
        match text::console(holder.execution()) {
            Some(text) => Some(DashboardEffect::Share { what: "link", text, link: true }),
            None => {
                self.say(true, "its holder is no execution of Step Functions: the console has no page of it".into());
                None
            }
        }
    }

    /// Not in a demo: it answers at once, and not to each.
    pub(super) fn asks(&mut self, effects: &[DashboardEffect]) {
        if matches!(self.session.mode, DashboardMode::Watch { .. }) {
            let waits = effects.iter().filter(|effect| self.under_way.ask(effect)).count();
            // What was said before is over.
            self.said = self.said.take().filter(|_| waits == 0);
        }
    }

    fn choose_table(&mut self) {
        match &self.session.chosen {
            Some(chosen) => self.overlay = Some(Overlay::Form(Form::table(chosen))),
            None => self.say(true, "this dashboard stays on its table: a file, or one that is being recorded".into()),
        }
    }

    fn release(&mut self) {
        // Of whom the details are told, that one is meant.
        if self.focus == Pane::Queue && matches!(self.overlay, Some(Overlay::Details(_))) {
            return self.say(true, "whoever waits has no lease to free".into());
        }
        if self.focus != Pane::Slots {
            self.focus = Pane::Slots;
            self.say(false, "choose a slot, then x".into());
            return;
        }
        match self.lease() {
            Some((lease, holder)) => self.overlay = Some(Overlay::Form(Form::release(lease, &holder))),
            None if self.slot().zip(self.chosen()).is_some_and(|(slot, pool)| pool.damage(slot.slot).is_some()) => {
                self.say(true, "that slot's row can not be read: enter says what is wrong".into());
            }
            None => self.say(true, self.unless_unread("nobody holds that slot").into()),
        }
    }

    fn kill(&mut self) -> Option<DashboardEffect> {
        let prefix = self.chosen()?.prefix.clone();
        let slot = if self.focus == Pane::Slots { self.lease().map(|(lease, _)| lease.slot.0) } else { None };
        Some(DashboardEffect::Kill { prefix, slot })
    }

    fn faster(&mut self, times: f64) -> Option<DashboardEffect> {
        match (self.session.mode, &mut self.played) {
            (DashboardMode::Replay, Some(played)) => {
                played.speed = (played.speed * times).clamp(0.125, 64.0);
                Some(DashboardEffect::Replay(ReplayCommand::Speed(played.speed)))
            }
            (DashboardMode::Demo, _) => {
                self.speed = (self.speed * times).clamp(0.125, 16.0);
                self.say(false, format!("work goes {} times as fast as planned", self.speed));
                Some(DashboardEffect::Speed(self.speed))
            }
            _ => None,
        }
    }
}
