//! Which key does what? One table, from which the handler, the footer and the help are made.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::board::Mode;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// To the pane on the left.
    Left,
    /// To the pane on the right.
    Right,
    /// A screenful up.
    PageUp,
    /// A screenful down.
    PageDown,
    /// To the first line.
    First,
    /// To the last line.
    Last,
    /// Into what is chosen.
    Open,
    /// Back out.
    Back,
    /// To the next pane.
    NextPane,
    /// To the pane before.
    PaneBefore,
    /// Choose which pools are listed.
    Filter,
    /// Another order of the pools.
    Sort,
    /// Stand still, or go on.
    Pause,
    /// A higher limit.
    Raise,
    /// A lower limit.
    Lower,
    /// Free a lease by force.
    Release,
    /// Read now.
    Refresh,
    /// A worker dies.
    Kill,
    /// Quicker.
    Faster,
    /// Slower.
    Slower,
    /// Forward in time.
    Forward,
    /// Back in time.
    Rewind,
    /// From the beginning.
    Restart,
    /// All keys.
    Help,
    /// Leave.
    Quit,
    /// Leave at once.
    Interrupt,
    /// To the shell and back.
    Suspend,
}

/// Where a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// Everywhere.
    All,
    /// On a table, not in a replay.
    Live,
    /// On a table that is not the demo's.
    Table,
    /// Where something may be changed.
    Changes,
    /// In the demo.
    Demo,
    /// Anywhere but in the demo, where the key does something else.
    NotDemo,
    /// In the demo and in a replay: where time can be stretched.
    Stretched,
    /// In a replay.
    Replay,
}

impl Where {
    /// Whether that is here.
    pub fn is(self, mode: Mode) -> bool {
        match self {
            Where::All => true,
            Where::Live => mode != Mode::Replay,
            Where::Table => matches!(mode, Mode::Watch { .. }),
            Where::Changes => matches!(mode, Mode::Watch { read_only: false } | Mode::Demo),
            Where::Demo => mode == Mode::Demo,
            Where::NotDemo => mode != Mode::Demo,
            Where::Stretched => matches!(mode, Mode::Demo | Mode::Replay),
            Where::Replay => mode == Mode::Replay,
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The keys, any of which does it.
    pub keys: &'static [Key],
    /// As they are written.
    pub shown: &'static str,
    /// What they do.
    pub does: Command,
    /// In words.
    pub help: &'static str,
    /// In a word, if it belongs in the footer.
    pub footer: Option<&'static str>,
    /// Where.
    pub on: Where,
}

/// A key, perhaps with control held down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Alone, or with shift where that makes another character.
    Plain(KeyCode),
    /// With control.
    Control(char),
}

use Key::{Control, Plain};

const fn char(c: char) -> Key {
    Plain(KeyCode::Char(c))
}

const fn row(
    keys: &'static [Key],
    shown: &'static str,
    does: Command,
    help: &'static str,
    footer: Option<&'static str>,
    on: Where,
) -> Binding {
    Binding { keys, shown, does, help, footer, on }
}

/// The table. The order is that of the footer and of the help.
pub const KEYS: &[Binding] = &[
    row(&[char('?'), Plain(KeyCode::F(1))], "?", Command::Help, "this help", Some("help"), Where::All),
    row(&[char('q')], "q", Command::Quit, "leave", Some("quit"), Where::All),
    row(
        &[char('k')],
        "k",
        Command::Kill,
        "a worker dies: the one on the chosen slot, else any",
        Some("kill"),
        Where::Demo,
    ),
    row(&[char('+'), char('=')], "+", Command::Raise, "a higher limit", Some("limit"), Where::Changes),
    row(&[char('-'), char('_')], "-", Command::Lower, "a lower limit", Some("limit"), Where::Changes),
    row(&[char(' ')], "space", Command::Pause, "play, or stand still", Some("play"), Where::Replay),
    row(&[char('>'), char('.')], ">", Command::Faster, "twice as fast", Some("faster"), Where::Stretched),
    row(&[char('<'), char(',')], "<", Command::Slower, "half as fast", Some("slower"), Where::Stretched),
    row(&[char(']')], "]", Command::Forward, "10 s forward", Some("forward"), Where::Replay),
    row(&[char('[')], "[", Command::Rewind, "10 s back", Some("back"), Where::Replay),
    row(&[char('0')], "0", Command::Restart, "from the beginning", None, Where::Replay),
    row(
        &[char('/')],
        "/",
        Command::Filter,
        "list only pools whose name or state has this in it",
        Some("filter"),
        Where::All,
    ),
    row(
        &[char('s')],
        "s",
        Command::Sort,
        "another order: trouble, name, waiting, longest wait, fullness",
        Some("sort"),
        Where::All,
    ),
    row(&[char(' ')], "space", Command::Pause, "stand still and read nothing, or go on", Some("pause"), Where::Live),
    row(&[char('x')], "x", Command::Release, "free the chosen slot by force", Some("release"), Where::Changes),
    row(
        &[Plain(KeyCode::Enter)],
        "enter",
        Command::Open,
        "into the pool; on a slot or waiter: everything about it",
        Some("open"),
        Where::All,
    ),
    row(&[Plain(KeyCode::Esc)], "esc", Command::Back, "back; ends a filter", None, Where::All),
    row(&[Plain(KeyCode::Tab)], "tab", Command::NextPane, "the next pane", Some("pane"), Where::All),
    row(&[Plain(KeyCode::BackTab)], "shift-tab", Command::PaneBefore, "the pane before", None, Where::All),
    row(&[Plain(KeyCode::Up), char('k')], "↑ k", Command::Up, "one line up", None, Where::NotDemo),
    row(&[Plain(KeyCode::Up)], "↑", Command::Up, "one line up", None, Where::Demo),
    row(&[Plain(KeyCode::Down), char('j')], "↓ j", Command::Down, "one line down", None, Where::All),
    row(&[Plain(KeyCode::Left), char('h')], "← h", Command::Left, "the pane on the left", None, Where::All),
    row(&[Plain(KeyCode::Right), char('l')], "→ l", Command::Right, "the pane on the right", None, Where::All),
    row(&[Plain(KeyCode::PageUp), Control('u')], "pgup", Command::PageUp, "a screenful up", None, Where::All),
    row(&[Plain(KeyCode::PageDown), Control('d')], "pgdn", Command::PageDown, "a screenful down", None, Where::All),
    row(&[Plain(KeyCode::Home), char('g')], "home g", Command::First, "the first line", None, Where::All),
    row(&[Plain(KeyCode::End), char('G')], "end G", Command::Last, "the last line", None, Where::All),
    row(&[char('r')], "r", Command::Refresh, "read now", None, Where::Table),
    row(&[Control('z')], "ctrl-z", Command::Suspend, "to the shell; fg comes back", None, Where::All),
    row(&[Control('c')], "ctrl-c", Command::Interrupt, "stop", None, Where::All),
];

/// What this key asks for here, if anything.
pub fn command(event: KeyEvent, mode: Mode) -> Option<Command> {
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    let pressed = match event.code {
        KeyCode::Char(c) if control => Control(c.to_ascii_lowercase()),
        code => Plain(code),
    };
    rows(mode).find(|row| row.keys.contains(&pressed)).map(|row| row.does)
}

/// The rows that work here.
pub fn rows(mode: Mode) -> impl Iterator<Item = &'static Binding> {
    KEYS.iter().filter(move |row| row.on.is(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [Mode; 4] =
        [Mode::Watch { read_only: false }, Mode::Watch { read_only: true }, Mode::Demo, Mode::Replay];

    #[test]
    fn no_key_does_two_things() {
        for mode in MODES {
            let keys: Vec<(Key, Command)> =
                rows(mode).flat_map(|row| row.keys.iter().map(|key| (*key, row.does))).collect();
            for (index, (key, does)) in keys.iter().enumerate() {
                let other = keys[..index].iter().find(|(other, _)| other == key);
                assert_eq!(other, None, "{key:?} in {mode:?} does {does:?}");
            }
        }
    }

    #[test]
    fn where_nothing_may_be_changed_no_key_changes_anything() {
        for mode in [Mode::Watch { read_only: true }, Mode::Replay] {
            let changes = [Command::Raise, Command::Lower, Command::Release, Command::Kill];
            assert!(rows(mode).all(|row| !changes.contains(&row.does)), "{mode:?}");
        }
    }

    #[test]
    fn every_mode_says_how_to_get_help_and_out() {
        for mode in MODES {
            let footer: Vec<Command> = rows(mode).filter(|row| row.footer.is_some()).map(|row| row.does).collect();
            assert_eq!(footer[..2], [Command::Help, Command::Quit], "{mode:?}");
        }
    }

    #[test]
    fn control_and_capitals_are_told_apart() {
        let key = |code, modifiers| command(KeyEvent::new(code, modifiers), Mode::Replay);
        assert_eq!(key(KeyCode::Char('g'), KeyModifiers::NONE), Some(Command::First));
        assert_eq!(key(KeyCode::Char('G'), KeyModifiers::SHIFT), Some(Command::Last));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Command::Interrupt));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), None);
    }
}
