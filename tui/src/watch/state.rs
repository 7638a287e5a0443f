//! The dashboard's state: what is known and what is chosen?
//! Changed by inputs only: it reads no clock and no table, so the same inputs give the same screen.

mod keymap;
mod looks;
mod pool;
mod selectors;

use std::collections::HashMap;

use leasehold_core::{Limit, Millis, PoolName, Timestamp};

pub use pool::{PoolOrder, PoolPane, has_name, passes};

use super::form::Form;
use super::input::{DashboardEffect, Input, ReadChanges, ReadCost, ReplayPosition, SharedText};
use super::layout::Pane;
use super::log::{DashboardLogLine, Log, Weight};
use super::palette::Palette;
use super::session::Session;
use super::text::width;
use super::under_way::UnderWay;

/// How long a message stays on screen at most: the keys are below it.
const SAID_FOR: Millis = Millis::seconds(5);

/// Two looks at one pool no further apart than this are compared, and the difference told.
const CONNECTED: Millis = Millis::seconds(60);

/// If more pools than this changed at once, all are put in order again.
const MOVED: usize = 64;

/// What lies over the screen.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// All keys; scrolled down so many lines.
    Help(usize),
    /// Everything about a lease or a waiter; scrolled down so many lines.
    Details(usize),
    /// Who changed a pool, what and when; scrolled down so many lines.
    History(PoolHistory, usize),
    /// A text to be copied by hand: what it is, and the text.
    Text(&'static str, String),
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
pub struct ReadFailure {
    /// What was tried and what is wrong.
    pub why: String,
    /// When it is tried again.
    pub retry_at: Timestamp,
}

/// A message for the person at the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What.
    pub what: String,
    /// It is bad news.
    pub bad: bool,
    until: Timestamp,
    /// It is true only as long as this pool has this limit.
    of_limit: Option<(PoolName, Limit)>,
}

/// A pool's history on screen.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolHistory {
    /// Whose.
    pub prefix: PoolName,
    /// The changes, the newest first; none: they are being read. Or why they can not be.
    pub changes: Option<Result<ReadChanges, String>>,
}

/// The dashboard's state.
#[derive(Clone, Debug)]
pub struct DashboardState {
    /// What is watched.
    pub session: Session,
    /// Its styles.
    pub palette: Palette,
    /// The screen's columns and rows.
    pub size: (u16, u16),
    /// How late it is.
    pub now: Timestamp,
    /// When the first input with a time came: charts begin there.
    pub since: Option<Timestamp>,
    pools: Vec<PoolPane>,
    places: HashMap<PoolName, usize>,
    /// Which pools are listed, by their place, in order.
    listed: Vec<usize>,
    /// The pools that may have another place in that order since it was made; none: all of them.
    moved: Option<Vec<usize>>,
    chosen: Option<PoolName>,
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
    pub order: PoolOrder,
    /// What pools must have in their name or state to be listed.
    pub filter: String,
    /// The filter is being typed.
    pub filtering: bool,
    /// Nothing is read and nothing moves; since when.
    pub paused: Option<Timestamp>,
    /// The time, also while paused, when [`DashboardState::now`] stands still.
    pub clock: Timestamp,
    /// What lies over the screen.
    pub overlay: Option<Overlay>,
    /// What happened.
    pub log: Log,
    /// Reading fails.
    pub failure: Option<ReadFailure>,
    /// A message.
    pub said: Option<Message>,
    /// What was asked of the table and not answered yet.
    pub under_way: UnderWay,
    /// What is watched has come to its end: what to do now.
    pub over: Option<String>,
    /// The table's account, once it was asked for; none inside: it can not be known.
    pub account: Option<Option<String>>,
    /// What the watching costs.
    pub cost: Option<ReadCost>,
    /// When the directory was read last.
    pub listed_at: Option<Timestamp>,
    /// When the table last answered at all.
    heard_at: Option<Timestamp>,
    /// How far a replay is.
    pub played: Option<ReplayPosition>,
    /// How fast the demo's work goes.
    pub speed: f64,
    /// Worked out once an input, as drawing asks it of every pool.
    stale: bool,
    refreshed: u64,
}

impl DashboardState {
    /// An empty one. Nothing is drawn before the first [`Input::Resize`].
    pub fn new(session: Session) -> DashboardState {
        let palette = Palette { colour: session.colour };
        DashboardState {
            session,
            palette,
            size: (0, 0),
            now: Timestamp(0),
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
            order: PoolOrder::Trouble,
            filter: String::new(),
            filtering: false,
            paused: None,
            clock: Timestamp(0),
            overlay: None,
            log: Log::default(),
            failure: None,
            said: None,
            under_way: UnderWay::default(),
            over: None,
            account: None,
            cost: None,
            listed_at: None,
            heard_at: None,
            played: None,
            speed: 1.0,
            stale: false,
            refreshed: 0,
        }
    }

    /// Takes an input in: what is to be done about it.
    pub fn apply(&mut self, input: Input) -> Vec<DashboardEffect> {
        let effects = self.take(input);
        self.settle();
        effects
    }

    /// The same for many at once: what follows from them is worked out only after the last.
    pub fn apply_all(&mut self, inputs: impl IntoIterator<Item = Input>) -> Vec<DashboardEffect> {
        let effects = inputs.into_iter().flat_map(|input| self.take(input)).collect();
        self.settle();
        effects
    }

    fn take(&mut self, input: Input) -> Vec<DashboardEffect> {
        let mut effects = vec![];
        self.under_way.hear(&input);
        match input {
            Input::Key(key) => {
                // Whatever came before it is on the dashboard that the key was pressed for.
                self.settle();
                effects = self.key(key);
                self.asks(&effects);
            }
            Input::Resize(columns, rows) => self.size = (columns, rows),
            Input::Tick(now) => self.tick(now),
            // What was on its way when somebody pressed pause.
            Input::Listed(_) | Input::Seen(_) | Input::Gone(_) | Input::Unreadable { .. } | Input::Damaged(_)
                if self.paused.is_some() => {}
            Input::Listed(listed) => self.list(listed),
            // One that was forgotten meanwhile does not come back for this.
            Input::Seen(look) if self.may_be_there(&look.prefix) || self.listed_at.is_none() => self.see(*look),
            Input::Seen(_) => {}
            Input::Gone(prefix) => self.forget(&prefix),
            Input::Unreadable { prefix, why } => {
                if self.may_be_there(&prefix) {
                    let now = self.now;
                    self.hear(now);
                    let pool = self.pool_mut(&prefix);
                    (pool.damaged, pool.read_at) = (None, Some(now));
                    self.breaks(&prefix, why, now);
                }
            }
            Input::Damaged(look) => self.see_the_rest(*look),
            Input::Failed { why, retry_at } => self.failure = Some(ReadFailure { why, retry_at }),
            Input::Cost(cost) => self.cost = Some(cost),
            Input::ActionDone { done, what } => self.did(done, what),
            Input::NotReached(what) => self.did(false, what),
            Input::LimitChanged { prefix, to, what } => {
                self.did(true, what);
                if let Some(said) = &mut self.said {
                    said.of_limit = Some((prefix, to));
                }
            }
            Input::Account(account) => self.account = Some(account),
            Input::Shared(shared) => self.shared(shared),
            Input::Switched => effects.push(DashboardEffect::Switch),
            Input::History(prefix, changes) => {
                if let Some(Overlay::History(shown, _)) = &mut self.overlay
                    && shown.prefix == prefix
                {
                    shown.changes = Some(changes);
                }
            }
            Input::Note(what) => {
                self.say(false, what.clone());
                self.note(what);
            }
            Input::ClockCorrected { now, what } => {
                // What was dated by the wrong clock has no place beside what follows.
                (self.since, self.heard_at) = (None, None);
                self.tick(now);
                self.say(true, what.clone());
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

    fn tick(&mut self, now: Timestamp) {
        self.clock = now;
        if self.paused.is_none() {
            self.now = now;
            self.since.get_or_insert(now);
        }
        if self.said.as_ref().is_some_and(|said| said.until < now) {
            self.said = None;
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

    fn forget_all(&mut self) {
        self.pools.clear();
        self.places.clear();
        self.moved = None;
        self.log.clear();
        (self.since, self.heard_at) = (None, None);
        (self.now, self.clock) = (Timestamp(0), Timestamp(0));
    }

    /// Says what was copied or opened. Not every terminal takes what is sent to its clipboard: so the text is on the screen too.
    fn shared(&mut self, SharedText { what, text, opened }: SharedText) {
        let done = if opened { "opened in a browser" } else { "copied" };
        let words = format!("{what} {done}: {text}");
        if width(&words) + 2 <= usize::from(self.size.0) || opened {
            self.say(false, words);
        } else {
            self.overlay = Some(Overlay::Text(what, text));
        }
    }

    fn did(&mut self, done: bool, what: String) {
        if !done {
            self.pools.iter_mut().for_each(|pool| pool.asked = None);
        }
        self.say(!done, what.clone());
        let (sign, weight) = if done { ("✓", Weight::Notable) } else { ("!", Weight::Warning) };
        let verb = if done { "done" } else { "not done" };
        self.log.add(DashboardLogLine { at: self.now, prefix: None, sign, verb, rest: what.into(), weight });
    }

    fn note(&mut self, what: String) {
        self.log.add(DashboardLogLine {
            at: self.now,
            prefix: None,
            sign: "·",
            verb: "note",
            rest: what.into(),
            weight: Weight::Notable,
        });
    }

    fn say(&mut self, bad: bool, what: String) {
        self.said = Some(Message { what, bad, until: self.clock + SAID_FOR, of_limit: None });
    }

    fn pool_mut(&mut self, prefix: &PoolName) -> &mut PoolPane {
        let place = match self.places.get(prefix) {
            Some(place) => *place,
            None => {
                self.moved = None;
                self.pools.push(PoolPane::new(prefix.clone()));
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
        self.stale = self.too_old();
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
}
