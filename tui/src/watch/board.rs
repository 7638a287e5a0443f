//! What is known, what is chosen, and what do keys do to it? The state of the dashboard: changed by inputs only,
//! it reads no clock and no table, so the same inputs give the same screen.

use std::cmp::Ordering;
use std::collections::HashMap;

use leasehold_core::nouns::{LeaseId, Limit, Millis, Prefix};
use leasehold_core::occupancy::{Detail, Occupancy, SlotView, State, WaiterView, changes};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::form::{Filled, Form};
use super::history::History;
use super::input::{Cost, Effect, Input, Listed, Play, Played, Wanted};
use super::keys::{self, Command};
use super::layout::{Layout, Lines, PANES, Pane};
use super::log::{Line, Log, Weight};
use super::palette::Palette;
use super::text;

/// How long a message stays on screen.
const SAID_FOR: Millis = Millis::seconds(8);

/// What is on screen counts as live for so long after it was read, beside the time between two readings.
const LATE: Millis = Millis::seconds(3);

/// Two looks at one pool no further apart than this are compared, and the difference told.
const CONNECTED: Millis = Millis::seconds(60);

/// No text over the screen has more lines.
const MOST_LINES: usize = 100;

/// If more pools than this changed at once, all are put in order again.
const MOVED: usize = 64;

/// How far a key jumps in a replay.
const JUMP: i64 = 10_000;

/// What is watched, and what may be done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A table.
    Watch {
        /// Nothing may be changed.
        read_only: bool,
    },
    /// The demo's table, with its workers.
    Demo,
    /// A recording.
    Replay,
}

/// What does not change while a dashboard is open.
#[derive(Clone, Debug)]
pub struct Session {
    /// The table's name.
    pub table: String,
    /// Where it is: a region, an endpoint, or `embedded`.
    pub place: String,
    /// What is watched.
    pub mode: Mode,
    /// Whether colours may be used.
    pub colour: bool,
    /// How often what is on screen is read.
    pub every: Millis,
}

/// One pool, as far as it is known.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its name.
    pub prefix: Prefix,
    /// The limit in force, as far as known.
    pub limit: Option<Limit>,
    /// The limit somebody here has just asked for, until it is seen.
    asked: Option<Limit>,
    /// The newest look; none if it was never swept and is not on screen.
    pub seen: Option<Occupancy>,
    /// Why it can not be shown, if it can't.
    pub trouble: Option<String>,
    /// The last minutes.
    pub history: History,
}

impl Pool {
    fn new(prefix: Prefix) -> Pool {
        Pool { prefix, limit: None, asked: None, seen: None, trouble: None, history: History::default() }
    }

    /// In one word, if anything is known.
    pub fn state(&self) -> Option<State> {
        self.seen.as_ref().map(|seen| seen.state)
    }

    /// How long the first in its queue has waited by now.
    pub fn oldest_wait(&self, now: Millis) -> Option<Millis> {
        let seen = self.seen.as_ref()?;
        seen.oldest_wait.map(|wait| wait + now.since(seen.at))
    }

    /// Whether each of these is in its name, or begins its state.
    fn has(&self, terms: &[&str]) -> bool {
        let (name, state) = (self.prefix.as_str().to_ascii_lowercase(), self.state().map_or("", State::as_str));
        terms.iter().all(|term| state.starts_with(term) || name.contains(term))
    }

    /// Its place in the list before or after another; two are never equal.
    fn before(&self, other: &Pool, order: Order) -> Ordering {
        // What matters most comes first, whatever has the same by name.
        other.weight(order).cmp(&self.weight(order)).then_with(|| self.prefix.cmp(&other.prefix))
    }

    /// How much it matters in this order.
    fn weight(&self, order: Order) -> u64 {
        let seen = self.seen.as_ref();
        match order {
            Order::Name => 0,
            Order::Trouble if self.trouble.is_some() => 6,
            Order::Trouble => seen.map_or(0, |seen| match seen.state {
                State::OverLimit => 5,
                State::Starving => 4,
                State::Full => 3,
                State::Ok => 2,
                State::Idle => 1,
            }),
            Order::Waiting => seen.map_or(0, |seen| u64::from(seen.waiting) * 2 + u64::from(seen.waiting_more)),
            // The earlier somebody began to wait, the longer they wait, whatever time it is.
            Order::LongestWait => {
                let since = seen.and_then(|seen| Some(seen.at.since(seen.oldest_wait?)));
                since.map_or(0, |since| u64::MAX - since.0)
            }
            Order::Fullness => self.fullness(),
        }
    }

    /// How full it is, in thousandths; a limit of 0 that somebody holds a lease under is more than full.
    fn fullness(&self) -> u64 {
        let Some(seen) = &self.seen else { return 0 };
        match seen.limit.count() {
            0 => u64::from(seen.held) * 1_001,
            limit => u64::from(seen.held) * 1_000 / u64::from(limit),
        }
    }
}

/// The order of the pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The most alarming first.
    Trouble,
    /// By name.
    Name,
    /// The most waiters first.
    Waiting,
    /// The longest wait first.
    LongestWait,
    /// The fullest first.
    Fullness,
}

impl Order {
    /// In a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Order::Trouble => "trouble",
            Order::Name => "name",
            Order::Waiting => "waiting",
            Order::LongestWait => "longest wait",
            Order::Fullness => "fullness",
        }
    }

    fn next(self) -> Order {
        match self {
            Order::Trouble => Order::Name,
            Order::Name => Order::Waiting,
            Order::Waiting => Order::LongestWait,
            Order::LongestWait => Order::Fullness,
            Order::Fullness => Order::Trouble,
        }
    }
}

/// What lies over the screen.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// All keys; scrolled down so many lines.
    Help(usize),
    /// Everything about a lease or a waiter; scrolled down so many lines.
    Details(usize),
    /// A change that is asked for.
    Form(Form),
}

/// A line of a list that is chosen, and the first that is on screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The chosen line.
    pub at: usize,
    /// The first on screen.
    pub top: usize,
}

impl Cursor {
    /// Moves by so many lines, within a list of `count`.
    fn step(&mut self, lines: isize, count: usize) {
        self.at = self.at.saturating_add_signed(lines).min(count.saturating_sub(1));
    }

    /// Keeps the chosen line within the list and on screen, and the screen full.
    fn follow(&mut self, count: usize, lines: usize) {
        self.at = self.at.min(count.saturating_sub(1));
        self.top = self.top.min(count.saturating_sub(lines)).min(self.at);
        if lines > 0 && self.at >= self.top + lines {
            self.top = self.at + 1 - lines;
        }
    }
}

/// Reading that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was tried and what is wrong.
    pub why: String,
    /// When it is tried again.
    pub retry_at: Millis,
}

/// A message for the person at the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What.
    pub what: String,
    /// It is bad news.
    pub bad: bool,
    until: Millis,
}

/// The dashboard's state.
#[derive(Clone, Debug)]
pub struct Board {
    /// What is watched.
    pub session: Session,
    /// Its styles.
    pub palette: Palette,
    /// The screen's columns and rows.
    pub size: (u16, u16),
    /// How late it is.
    pub now: Millis,
    /// When the first input with a time came: charts begin there.
    pub since: Option<Millis>,
    pools: Vec<Pool>,
    places: HashMap<Prefix, usize>,
    /// Which pools are listed, by their place, in order.
    listed: Vec<usize>,
    /// The pools that may have another place in that order since it was made; none: all of them.
    moved: Option<Vec<usize>>,
    chosen: Option<Prefix>,
    /// Somebody has pressed a key: what is chosen stays chosen. Before, it is whatever comes first.
    touched: bool,
    /// The chosen line among the listed pools.
    pub pool_cursor: Cursor,
    /// Among the chosen pool's slots.
    pub slot_cursor: Cursor,
    /// In its queue.
    pub queue_cursor: Cursor,
    /// In the log.
    pub log_cursor: Cursor,
    /// The pane that keys go to.
    pub focus: Pane,
    /// The order of the pools.
    pub order: Order,
    /// What pools must have in their name or state to be listed.
    pub filter: String,
    /// The filter is being typed.
    pub filtering: bool,
    /// Nothing is read and nothing moves; since when.
    pub paused: Option<Millis>,
    /// What lies over the screen.
    pub overlay: Option<Overlay>,
    /// What happened.
    pub log: Log,
    /// Reading fails.
    pub failure: Option<Failure>,
    /// A message.
    pub said: Option<Said>,
    /// What is watched has come to its end: what to do now.
    pub over: Option<String>,
    /// What the watching costs.
    pub cost: Option<Cost>,
    /// When the directory was read last.
    pub listed_at: Option<Millis>,
    /// How far a replay is.
    pub played: Option<Played>,
    /// How fast the demo's work goes.
    pub speed: f64,
    refreshed: u64,
}

impl Board {
    /// An empty one. Nothing is drawn before the first [`Input::Resize`].
    pub fn new(session: Session) -> Board {
        let palette = Palette { colour: session.colour };
        Board {
            session,
            palette,
            size: (0, 0),
            now: Millis(0),
            since: None,
            pools: vec![],
            places: HashMap::new(),
            listed: vec![],
            moved: None,
            chosen: None,
            touched: false,
            pool_cursor: Cursor::default(),
            slot_cursor: Cursor::default(),
            queue_cursor: Cursor::default(),
            log_cursor: Cursor::default(),
            focus: Pane::Pools,
            order: Order::Trouble,
            filter: String::new(),
            filtering: false,
            paused: None,
            overlay: None,
            log: Log::default(),
            failure: None,
            said: None,
            over: None,
            cost: None,
            listed_at: None,
            played: None,
            speed: 1.0,
            refreshed: 0,
        }
    }

    /// Takes an input in: what is to be done about it.
    pub fn apply(&mut self, input: Input) -> Vec<Effect> {
        let effects = self.take(input);
        self.settle();
        effects
    }

    /// The same for many at once: what follows from them is worked out only after the last.
    pub fn apply_all(&mut self, inputs: impl IntoIterator<Item = Input>) -> Vec<Effect> {
        let effects = inputs.into_iter().flat_map(|input| self.take(input)).collect();
        self.settle();
        effects
    }

    fn take(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = vec![];
        match input {
            Input::Key(key) => {
                // Whatever came before it is on the board that the key was pressed for.
                self.settle();
                effects = self.key(key);
            }
            Input::Resize(columns, rows) => self.size = (columns, rows),
            Input::Tick(now) => self.tick(now),
            // What was on its way when somebody pressed pause.
            Input::Listed(_) | Input::Seen(_) | Input::Gone(_) | Input::Unreadable { .. } if self.paused.is_some() => {}
            Input::Listed(listed) => self.list(listed),
            Input::Seen(look) => self.see(*look),
            Input::Gone(prefix) => self.forget(&prefix),
            Input::Unreadable { prefix, why } => {
                self.pool_mut(&prefix).trouble = Some(why);
                self.moves(&prefix);
            }
            Input::Failed { why, retry_at } => self.failure = Some(Failure { why, retry_at }),
            Input::Cost(cost) => self.cost = Some(cost),
            Input::Did { done, what } => self.did(done, what),
            Input::Note(what) => {
                self.say(false, what.clone());
                self.note(what);
            }
            Input::Over(what) => {
                self.note(what.clone());
                self.over = Some(what);
            }
            Input::Played(played) => self.played = Some(played),
            Input::Forget => self.forget_all(),
        }
        effects
    }

    fn tick(&mut self, now: Millis) {
        self.now = now;
        self.since.get_or_insert(now);
        if self.said.as_ref().is_some_and(|said| said.until < now) {
            self.said = None;
        }
    }

    fn list(&mut self, listed: Listed) {
        self.failure = None;
        self.listed_at = Some(listed.at);
        self.moved = None;
        let there: std::collections::HashSet<&Prefix> = listed.pools.iter().map(|pool| &pool.prefix).collect();
        let gone: Vec<Prefix> =
            self.pools.iter().filter(|pool| !there.contains(&pool.prefix)).map(|pool| pool.prefix.clone()).collect();
        gone.iter().for_each(|prefix| self.forget(prefix));
        for listing in listed.pools {
            let pool = self.pool_mut(&listing.prefix);
            if pool.seen.is_none() {
                pool.limit = listing.limit;
            }
            pool.trouble = listing.trouble;
            if let Some(summary) = listing.summary {
                self.see(summary);
            }
        }
    }

    /// A pool is not what it was.
    fn moves(&mut self, prefix: &Prefix) {
        if let (Some(moved), Some(place)) = (&mut self.moved, self.places.get(prefix)) {
            moved.push(*place);
            if moved.len() > MOVED {
                self.moved = None;
            }
        }
    }

    fn see(&mut self, look: Occupancy) {
        self.moves(&look.prefix);
        if look.detail == Detail::Rows {
            self.failure = None;
        }
        let pool = self.pool_mut(&look.prefix);
        // A sweep's summary from before what is known already says nothing new.
        if pool.seen.as_ref().is_some_and(|seen| look.at < seen.at) {
            return;
        }
        pool.history.see(&look);
        pool.limit = Some(look.limit);
        pool.asked = pool.asked.filter(|asked| *asked != look.limit);
        if look.detail == Detail::Rows {
            pool.trouble = None;
        }
        // A pool that comes back on screen is not told of with everything that happened meanwhile.
        let before = pool.seen.take().filter(|before| look.at.since(before.at) <= CONNECTED);
        let events = before.as_ref().map(|before| changes(before, &look)).unwrap_or_default();
        pool.seen = Some(look);
        if !events.is_empty() {
            let prefix = pool.prefix.clone();
            let before = self.log.lines().len();
            self.log.tell(&prefix, events);
            self.keep_log_in_place(before);
        }
    }

    /// Whoever reads further down the log is not carried away by what comes in above.
    fn keep_log_in_place(&mut self, before: usize) {
        if self.log_cursor.at > 0 {
            let more = self.log.lines().len().saturating_sub(before);
            self.log_cursor.at += more;
            self.log_cursor.top += more;
        }
    }

    fn forget(&mut self, prefix: &Prefix) {
        let Some(place) = self.places.remove(prefix) else { return };
        self.pools.swap_remove(place);
        self.moved = None;
        if let Some(moved) = self.pools.get(place) {
            self.places.insert(moved.prefix.clone(), place);
        }
        let (at, prefix) = (self.now, Some(prefix.clone()));
        let rest = "the pool is not in the directory any more".to_owned();
        self.log.add(Line { at, prefix, sign: "×", verb: "retired", rest, weight: Weight::Notable });
    }

    fn forget_all(&mut self) {
        self.pools.clear();
        self.places.clear();
        self.moved = None;
        self.log.clear();
        self.since = None;
        self.now = Millis(0);
    }

    fn did(&mut self, done: bool, what: String) {
        if !done {
            self.pools.iter_mut().for_each(|pool| pool.asked = None);
        }
        self.say(!done, what.clone());
        let (sign, weight) = if done { ("✓", Weight::Notable) } else { ("!", Weight::Warning) };
        let verb = if done { "done" } else { "not done" };
        self.log.add(Line { at: self.now, prefix: None, sign, verb, rest: what, weight });
    }

    fn note(&mut self, what: String) {
        self.log
            .add(Line { at: self.now, prefix: None, sign: "·", verb: "note", rest: what, weight: Weight::Notable });
    }

    fn say(&mut self, bad: bool, what: String) {
        self.said = Some(Said { what, bad, until: self.now + SAID_FOR });
    }

    fn pool_mut(&mut self, prefix: &Prefix) -> &mut Pool {
        let place = match self.places.get(prefix) {
            Some(place) => *place,
            None => {
                self.moved = None;
                self.pools.push(Pool::new(prefix.clone()));
                self.places.insert(prefix.clone(), self.pools.len() - 1);
                self.pools.len() - 1
            }
        };
        &mut self.pools[place]
    }

    /// After every change: the list in order, the cursors on it.
    fn settle(&mut self) {
        self.put_in_order();
        let chosen = self.chosen.as_ref().filter(|_| self.touched).and_then(|prefix| self.places.get(prefix)).copied();
        match chosen.and_then(|place| self.listed.iter().position(|listed| *listed == place)) {
            Some(line) => self.pool_cursor.at = line,
            // It is not listed any more: what has come to its line takes its place.
            None => {
                let line = self.pool_cursor.at.min(self.listed.len().saturating_sub(1));
                self.choose_line(line);
            }
        }
        let layout = self.layout();
        self.pool_cursor.follow(self.listed.len(), layout.lines(Pane::Pools));
        let (slots, queue) = (self.slots().len(), self.queue().len());
        self.slot_cursor.follow(slots, layout.lines(Pane::Slots));
        self.queue_cursor.follow(queue, layout.lines(Pane::Queue));
        self.log_cursor.follow(self.log.lines().len(), layout.lines(Pane::Log));
    }

    /// Lists the pools that the filter lets through, in order. Where few have changed, only those are moved.
    fn put_in_order(&mut self) {
        let filter = self.filter.to_ascii_lowercase();
        let terms: Vec<&str> = filter.split_whitespace().collect();
        let (pools, order) = (&self.pools, self.order);
        let passes = |place: &usize| terms.is_empty() || pools[*place].has(&terms);
        let before = |a: &usize, b: &usize| pools[*a].before(&pools[*b], order);
        match self.moved.replace(vec![]) {
            None => {
                self.listed.clear();
                self.listed.extend((0..pools.len()).filter(passes));
                self.listed.sort_by(before);
            }
            Some(moved) => {
                // All of them out first: the rest is in order.
                self.listed.retain(|place| !moved.contains(place));
                for place in moved.into_iter().filter(passes) {
                    match self.listed.binary_search_by(|other| before(other, &place)) {
                        // It moved twice, and is there already.
                        Ok(_) => {}
                        Err(line) => self.listed.insert(line, place),
                    }
                }
            }
        }
    }

    // What is known.

    /// Where everything is on the screen.
    pub fn layout(&self) -> Layout {
        self.layout_on(self.size)
    }

    /// Where everything is on a screen of this size.
    pub fn layout_on(&self, size: (u16, u16)) -> Layout {
        let lines = Lines { pools: self.listed.len().max(1), slots: self.slots().len(), queue: self.queue().len() };
        Layout::of(size, self.focus, self.failure.is_some(), lines)
    }

    /// How many pools there are.
    pub fn count(&self) -> usize {
        self.pools.len()
    }

    /// All pools, in no order.
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// The pools that are listed, in order.
    pub fn listed(&self) -> impl ExactSizeIterator<Item = &Pool> {
        self.listed.iter().map(|place| &self.pools[*place])
    }

    /// The chosen pool.
    pub fn chosen(&self) -> Option<&Pool> {
        self.chosen.as_ref().and_then(|prefix| self.places.get(prefix)).map(|place| &self.pools[*place])
    }

    /// The chosen pool's slots, if its rows were read.
    pub fn slots(&self) -> &[SlotView] {
        self.chosen().and_then(|pool| pool.seen.as_ref()).map_or(&[], |seen| &seen.slots)
    }

    /// The head of its queue.
    pub fn queue(&self) -> &[WaiterView] {
        self.chosen().and_then(|pool| pool.seen.as_ref()).map_or(&[], |seen| &seen.queue)
    }

    /// The chosen slot.
    pub fn slot(&self) -> Option<&SlotView> {
        self.slots().get(self.slot_cursor.at)
    }

    /// The chosen waiter.
    pub fn waiter(&self) -> Option<&WaiterView> {
        self.queue().get(self.queue_cursor.at)
    }

    /// How old the chosen pool's rows are, if they were read.
    pub fn age(&self) -> Option<Millis> {
        let seen = self.chosen()?.seen.as_ref()?;
        (seen.detail == Detail::Rows).then(|| self.now.since(seen.at))
    }

    /// What is on screen is older than it should be.
    pub fn is_stale(&self) -> bool {
        let late = self.session.every.0 * 2 + LATE.0;
        let old = self.age().is_some_and(|age| age.0 > late);
        self.session.mode != Mode::Replay && self.paused.is_none() && (self.failure.is_some() || old)
    }

    /// What is on screen, and so is to be read.
    pub fn wanted(&self) -> Wanted {
        let lines = self.layout().lines(Pane::Pools);
        let chosen = self.chosen.iter().cloned();
        let visible = self.listed().skip(self.pool_cursor.top).take(lines).map(|pool| pool.prefix.clone());
        let visible = visible.filter(|prefix| Some(prefix) != self.chosen.as_ref());
        let pools = chosen.chain(visible).collect();
        Wanted { pools, paused: self.paused.is_some(), refreshed: self.refreshed }
    }

    // What keys do.

    fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        if key.kind == KeyEventKind::Release {
            return vec![];
        }
        self.touched = true;
        if let Some(Overlay::Form(form)) = &mut self.overlay {
            return match form.key(key) {
                Filled::NotYet => vec![],
                Filled::Never => {
                    self.overlay = None;
                    self.say(false, "nothing was changed".into());
                    vec![]
                }
                Filled::Done(effect) => {
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
            None => vec![],
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

    fn command(&mut self, command: Command) -> Option<Effect> {
        match (command, &mut self.overlay) {
            (Command::Quit, Some(_)) | (Command::Back, Some(_)) => self.overlay = None,
            (Command::Help, Some(Overlay::Help(_))) | (Command::Open, Some(_)) => self.overlay = None,
            (Command::Up, Some(Overlay::Help(line))) => *line = line.saturating_sub(1),
            (Command::Down, Some(Overlay::Help(line))) => *line = (*line + 1).min(MOST_LINES),
            (Command::PageUp | Command::First, Some(Overlay::Help(line) | Overlay::Details(line))) => {
                *line = line.saturating_sub(10);
            }
            (Command::PageDown | Command::Last, Some(Overlay::Help(line) | Overlay::Details(line))) => {
                *line = (*line + 10).min(MOST_LINES);
            }
            (Command::Help, _) => self.overlay = Some(Overlay::Help(0)),
            (Command::Quit, None) => return Some(Effect::Quit),
            (Command::Interrupt, _) => return Some(Effect::Interrupt),
            (Command::Suspend, _) => return Some(Effect::Suspend),
            (Command::Up, _) => self.step(-1),
            (Command::Down, _) => self.step(1),
            (Command::PageUp, _) => self.step(-self.page()),
            (Command::PageDown, _) => self.step(self.page()),
            (Command::First, _) => self.step(isize::MIN),
            (Command::Last, _) => self.step(isize::MAX),
            (Command::Left, _) => self.aside(-1),
            (Command::Right, _) => self.aside(1),
            (Command::NextPane, _) => self.focus = self.pane(1),
            (Command::PaneBefore, _) => self.focus = self.pane(-1),
            (Command::Open, None) => self.open(),
            (Command::Back, None) => self.back(),
            (Command::Filter, _) => {
                (self.overlay, self.filtering) = (None, true);
                self.focus = Pane::Pools;
            }
            (Command::Sort, _) => {
                self.order = self.order.next();
                self.moved = None;
                self.say(false, format!("pools in order of {}", self.order.name()));
            }
            (Command::Pause, _) if self.session.mode == Mode::Replay => return Some(Effect::Play(Play::Toggle)),
            (Command::Pause, _) => self.paused = if self.paused.is_some() { None } else { Some(self.now) },
            (Command::Refresh, _) => self.refreshed += 1,
            (Command::Raise, _) => return self.limit(1),
            (Command::Lower, _) => return self.limit(-1),
            (Command::Release, _) => self.release(),
            (Command::Kill, _) => return self.kill(),
            (Command::Faster, _) => return self.faster(2.0),
            (Command::Slower, _) => return self.faster(0.5),
            (Command::Forward, _) => return Some(Effect::Play(Play::Seek(JUMP))),
            (Command::Rewind, _) => return Some(Effect::Play(Play::Seek(-JUMP))),
            (Command::Restart, _) => return Some(Effect::Play(Play::Start)),
        }
        None
    }

    fn choose_line(&mut self, line: usize) {
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

    fn limit(&mut self, more: i64) -> Option<Effect> {
        let Some(pool) = self.chosen() else {
            self.say(true, "no pool is chosen".into());
            return None;
        };
        let (prefix, Some(from)) = (pool.prefix.clone(), pool.asked.or(pool.limit)) else {
            self.say(true, "its limit is not known yet".into());
            return None;
        };
        let to = (i64::from(from.count()) + more).clamp(0, 10_000) as u32;
        if self.session.mode == Mode::Demo {
            // Nothing is at stake, and nobody else to tell why; but a demo without a slot never ends.
            let limit = Limit::try_from(u64::from(to.max(1))).ok().filter(|limit| *limit != from)?;
            // Pressed again before the change is seen, the key goes on from there.
            self.pool_mut(&prefix).asked = Some(limit);
            return Some(Effect::ChangeLimit { prefix, limit, why: "by hand".into() });
        }
        self.overlay = Some(Overlay::Form(Form::limit(prefix, from, to)));
        None
    }

    /// The lease on the chosen slot, if somebody chose it.
    fn lease(&self) -> Option<(LeaseId, String)> {
        let (pool, slot) = (self.chosen()?, self.slot()?);
        let lease = slot.lease.as_ref()?;
        let id = LeaseId { prefix: pool.prefix.clone(), slot: slot.slot, fence: slot.fence };
        Some((id, text::holder(&lease.holder, lease.label.as_deref())))
    }

    fn release(&mut self) {
        if self.focus != Pane::Slots {
            self.focus = Pane::Slots;
            self.say(false, "choose a slot, then x".into());
            return;
        }
        match self.lease() {
            Some((lease, holder)) => self.overlay = Some(Overlay::Form(Form::release(lease, &holder))),
            None => self.say(true, "nobody holds that slot".into()),
        }
    }

    fn kill(&mut self) -> Option<Effect> {
        let prefix = self.chosen()?.prefix.clone();
        let slot = if self.focus == Pane::Slots { self.lease().map(|(lease, _)| lease.slot.0) } else { None };
        Some(Effect::Kill { prefix, slot })
    }

    fn faster(&mut self, times: f64) -> Option<Effect> {
        match (self.session.mode, &mut self.played) {
            (Mode::Replay, Some(played)) => {
                played.speed = (played.speed * times).clamp(0.125, 64.0);
                Some(Effect::Play(Play::Speed(played.speed)))
            }
            (Mode::Demo, _) => {
                self.speed = (self.speed * times).clamp(0.125, 16.0);
                self.say(false, format!("work goes {} times as fast as planned", self.speed));
                Some(Effect::Speed(self.speed))
            }
            _ => None,
        }
    }
}
