//! Screen layout: which part of the screen is whose?
//! A pure function of its size, used by drawing and by the dashboard alike: what is visible decides what is read.

use ratatui::layout::Rect;

/// The least that anything is drawn on.
pub const LEAST: (u16, u16) = (30, 8);

/// From this many columns and rows on, everything is on screen at once.
const WIDE: (u16, u16) = (104, 24);

/// A line of the log that says whose lease it was and how long it was waited for, with its frame.
const LOG: u16 = 66;

/// A part of the screen that keys can go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// All pools.
    Pools,
    /// The chosen pool's slots.
    Slots,
    /// Its queue.
    Queue,
    /// Its occupancy over time.
    History,
    /// What changed.
    Log,
}

/// All panes, in the order of Tab.
pub const PANES: [Pane; 5] = [Pane::Pools, Pane::Slots, Pane::Queue, Pane::History, Pane::Log];

impl Pane {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Pane::Pools => "Pools",
            Pane::Slots => "Slots",
            Pane::Queue => "Queue",
            Pane::History => "History",
            Pane::Log => "Log",
        }
    }
}

/// How many lines the lists would fill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListLengths {
    /// The pools.
    pub pools: usize,
    /// The chosen pool's slots.
    pub slots: usize,
    /// Its queue.
    pub queue: usize,
    /// The lines above the slots that say something of the limit.
    pub noted: u16,
}

/// Where everything is. A part that has no room is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Table, totals and age.
    pub header: Rect,
    /// What is wrong, if anything is.
    pub error: Rect,
    /// The names of the panes, where only one is on screen.
    pub tabs: Rect,
    /// All pools.
    pub pools: Rect,
    /// The chosen pool's slots.
    pub slots: Rect,
    /// Its queue.
    pub queue: Rect,
    /// Its history.
    pub history: Rect,
    /// What changed.
    pub log: Rect,
    /// Keys.
    pub footer: Rect,
    /// Everything is on screen at once.
    pub wide: bool,
    /// So many lines above the slots say something of the limit.
    pub noted: u16,
}

impl Layout {
    /// For a screen of this size.
    ///
    /// `focus` is the pane that is shown where only one has room.
    pub fn of((columns, rows): (u16, u16), focus: Pane, error: bool, lines: ListLengths) -> Layout {
        let wide = columns >= WIDE.0 && rows >= WIDE.1;
        let mut at = Layout { wide, noted: lines.noted, ..Layout::default() };
        if columns < LEAST.0 || rows < LEAST.1 {
            return at;
        }
        let mut left = Rect::new(0, 0, columns, rows);
        at.header = top(&mut left, 2);
        if error {
            // Three lines of a narrow screen say what two of a wide one do.
            at.error = top(&mut left, if columns < 110 && rows >= 20 { 3 } else { 2 });
        }
        at.footer = bottom(&mut left, 1);
        if at.wide {
            at.all(left, lines);
        } else {
            at.tabs = top(&mut left, 1);
            at.one(left, focus, lines.pools);
        }
        at
    }

    fn all(&mut self, mut left: Rect, lines: ListLengths) {
        // With its frame and headings.
        let whole = |lines: usize| u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(3);
        // The lists above, time below: a third of the screen, more where few pools need the room.
        let wanted = whole(lines.pools).max(left.height / 2);
        let below = (left.height.saturating_sub(wanted)).clamp(left.height / 3, left.height * 2 / 5);
        let mut lower = bottom(&mut left, below);
        let side = (u32::from(left.width) * 57 / 100) as u16;
        let side = side.clamp(62.min(left.width), 104);
        let history = left.width.saturating_sub(LOG).max(left.width * 2 / 5).min(side);
        self.history = west(&mut lower, history);
        self.log = lower;
        self.pools = west(&mut left, side);
        // The queue has what the slots leave free, and never less than a quarter if somebody waits.
        let free = left.height.saturating_sub(whole(lines.slots + usize::from(lines.noted))).max(left.height / 4);
        self.queue = bottom(&mut left, whole(lines.queue).clamp(4, free.max(4)));
        self.slots = left;
    }

    fn one(&mut self, mut left: Rect, focus: Pane, pools: usize) {
        match focus {
            Pane::Pools => {
                let needed = u16::try_from(pools).unwrap_or(u16::MAX).saturating_add(2).max(5);
                // What the list leaves free shows the chosen pool over time.
                if left.height >= needed.saturating_add(7) {
                    let free = left.height - needed;
                    self.history = bottom(&mut left, free.min(12));
                } else if left.height >= 18 {
                    self.history = bottom(&mut left, 7);
                }
                self.pools = left;
            }
            Pane::Slots => self.slots = left,
            Pane::Queue => self.queue = left,
            Pane::History => self.history = left,
            Pane::Log => self.log = left,
        }
    }

    /// How many lines of a pane's list are visible: without its border and its headings.
    pub fn lines(&self, pane: Pane) -> usize {
        let (area, headings) = match pane {
            Pane::Pools => (self.pools, 1),
            Pane::Slots => (self.slots, 1 + self.noted),
            Pane::Queue => (self.queue, 1),
            Pane::Log => (self.log, 0),
            Pane::History => return 0,
        };
        let border = if self.wide { 2 } else { 1 };
        usize::from(area.height.saturating_sub(border + headings))
    }
}

fn top(left: &mut Rect, height: u16) -> Rect {
    let height = height.min(left.height);
    let part = Rect { height, ..*left };
    *left = Rect { y: left.y + height, height: left.height - height, ..*left };
    part
}

fn bottom(left: &mut Rect, height: u16) -> Rect {
    let height = height.min(left.height);
    let part = Rect { y: left.y + left.height - height, height, ..*left };
    left.height -= height;
    part
}

fn west(left: &mut Rect, width: u16) -> Rect {
    let width = width.min(left.width);
    let part = Rect { width, ..*left };
    *left = Rect { x: left.x + width, width: left.width - width, ..*left };
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(at: &Layout) -> Vec<Rect> {
        let all = [at.header, at.error, at.tabs, at.pools, at.slots, at.queue, at.history, at.log, at.footer];
        all.into_iter().filter(|part| part.area() > 0).collect()
    }

    #[test]
    fn at_any_size_the_parts_cover_the_screen_and_never_each_other() {
        for columns in 0..=300 {
            for rows in (0..=100).step_by(3) {
                for (pane, (pools, queue)) in PANES.into_iter().zip([(0, 0), (1, 0), (2, 200), (30, 3), (10_000, 50)]) {
                    for error in [false, true] {
                        let at = Layout::of(
                            (columns, rows),
                            pane,
                            error,
                            ListLengths { pools, slots: queue / 3, queue, noted: u16::from(error) },
                        );
                        let parts = parts(&at);
                        let covered: u32 = parts.iter().map(|part| part.area()).sum();
                        let fits = columns >= LEAST.0 && rows >= LEAST.1;
                        let whole = u32::from(columns) * u32::from(rows);
                        assert_eq!(covered, if fits { whole } else { 0 }, "{columns}x{rows} {pane:?}: {at:?}");
                        let screen = Rect::new(0, 0, columns, rows);
                        for (index, part) in parts.iter().enumerate() {
                            assert_eq!(part.intersection(screen), *part);
                            assert!(parts[..index].iter().all(|other| !other.intersects(*part)), "{at:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn where_there_is_room_all_is_on_screen_at_once() {
        let lines = ListLengths { pools: 2, slots: 15, queue: 3, noted: 0 };
        let at = Layout::of((120, 40), Pane::Pools, false, lines);
        for pane in [Pane::Pools, Pane::Slots, Pane::Queue, Pane::Log] {
            assert!(at.lines(pane) > 0, "{pane:?}");
        }
        assert!(at.history.height >= 8 && at.tabs.area() == 0);
        let at = Layout::of((80, 24), Pane::Slots, false, lines);
        assert_eq!((at.lines(Pane::Slots), at.lines(Pane::Pools), at.tabs.height), (18, 0, 1));
    }
}
