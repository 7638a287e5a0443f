//! The table of keys: which key does what?
//! One table, from which the handler, the footer and the help are made.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::session::{DashboardMode, Session};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAction {
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
    /// End an override.
    EndOverride,
    /// Who changed the pool.
    History,
    /// Copy the chosen lease's id.
    Copy,
    /// Copy the chosen holder's execution.
    CopyExecution,
    /// Open the chosen execution in the AWS console.
    Console,
    /// Another table.
    Choose,
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
pub enum KeyScope {
    /// Everywhere.
    All,
    /// On a table, not in a replay.
    Live,
    /// On a table that is not the demo's.
    Table,
    /// Where something may be changed.
    Changes,
    /// Where something may be changed that is at stake: on a table that is not the demo's.
    TableChanges,
    /// In the demo.
    Demo,
    /// Anywhere but in the demo, where the key does something else.
    NotDemo,
    /// In the demo and in a replay: where time can be stretched.
    Stretched,
    /// In a replay.
    Replay,
}

impl KeyScope {
    /// Whether that is here.
    pub fn is(self, mode: DashboardMode) -> bool {
        match self {
            KeyScope::All => true,
            KeyScope::Live => mode != DashboardMode::Replay,
            KeyScope::Table => matches!(mode, DashboardMode::Watch { .. }),
            KeyScope::Changes => matches!(mode, DashboardMode::Watch { read_only: false } | DashboardMode::Demo),
            KeyScope::TableChanges => matches!(mode, DashboardMode::Watch { read_only: false }),
            KeyScope::Demo => mode == DashboardMode::Demo,
            KeyScope::NotDemo => mode != DashboardMode::Demo,
            KeyScope::Stretched => matches!(mode, DashboardMode::Demo | DashboardMode::Replay),
            KeyScope::Replay => mode == DashboardMode::Replay,
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct KeyBinding {
    /// The keys, any of which does it.
    pub keys: &'static [Keystroke],
    /// As they are written.
    pub shown: &'static str,
    /// What they do.
    pub does: KeyAction,
    /// In words; the same for two keys that are one line of the help.
    pub help: &'static str,
    /// In a word, if it belongs in the footer.
    pub footer: Option<&'static str>,
    /// Where.
    pub on: KeyScope,
}

/// A key, perhaps with control held down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keystroke {
    /// Alone, or with shift where that makes another character.
    Plain(KeyCode),
    /// With control.
    Control(char),
}

use Keystroke::{Control, Plain};

const fn char(c: char) -> Keystroke {
    Plain(KeyCode::Char(c))
}

const fn row(
    keys: &'static [Keystroke],
    shown: &'static str,
    does: KeyAction,
    help: &'static str,
    footer: Option<&'static str>,
    on: KeyScope,
) -> KeyBinding {
    KeyBinding { keys, shown, does, help, footer, on }
}

/// The table. The order is that of the footer and of the help.
pub const KEYS: &[KeyBinding] = &[
    row(&[char('?'), Plain(KeyCode::F(1))], "?", KeyAction::Help, "this help", Some("help"), KeyScope::All),
    row(&[char('q')], "q", KeyAction::Quit, "leave", Some("quit"), KeyScope::All),
    row(
        &[char('k')],
        "k",
        KeyAction::Kill,
        "a worker dies: the one on the chosen slot, else any",
        Some("kill"),
        KeyScope::Demo,
    ),
    row(&[char('+'), char('=')], "+", KeyAction::Raise, "a higher limit", Some("limit"), KeyScope::Changes),
    row(&[char('-'), char('_')], "-", KeyAction::Lower, "a lower limit", Some("limit"), KeyScope::Changes),
    row(&[char('e')], "e", KeyAction::EndOverride, "end the override of the limit", None, KeyScope::TableChanges),
    row(&[char(' ')], "space", KeyAction::Pause, "play, or stand still", Some("play"), KeyScope::Replay),
    row(&[char('>'), char('.')], ">", KeyAction::Faster, "twice as fast", Some("faster"), KeyScope::Stretched),
    row(&[char('<'), char(',')], "<", KeyAction::Slower, "half as fast", Some("slower"), KeyScope::Stretched),
    row(&[char(']')], "]", KeyAction::Forward, "10 s forward", Some("forward"), KeyScope::Replay),
    row(&[char('[')], "[", KeyAction::Rewind, "10 s back", Some("back"), KeyScope::Replay),
    row(&[char('0')], "0", KeyAction::Restart, "from the beginning", None, KeyScope::Replay),
    row(
        &[char('/')],
        "/",
        KeyAction::Filter,
        "list only pools by a part of the name, or by state",
        Some("filter"),
        KeyScope::All,
    ),
    row(
        &[char('s')],
        "s",
        KeyAction::Sort,
        "another order: trouble, name, waiting, longest wait, fullness",
        Some("sort"),
        KeyScope::All,
    ),
    row(
        &[char(' ')],
        "space",
        KeyAction::Pause,
        "stand still and read nothing, or go on",
        Some("pause"),
        KeyScope::Live,
    ),
    row(&[char('x')], "x", KeyAction::Release, "free the chosen slot by force", Some("release"), KeyScope::Changes),
    row(
        &[Plain(KeyCode::Enter)],
        "enter",
        KeyAction::Open,
        "into the pool; on a slot or waiter: everything about it",
        Some("open"),
        KeyScope::All,
    ),
    row(&[Plain(KeyCode::Esc)], "esc", KeyAction::Back, "back; ends a filter", None, KeyScope::All),
    row(
        &[Plain(KeyCode::Tab)],
        "tab",
        KeyAction::NextPane,
        "the next pane, or the one before",
        Some("pane"),
        KeyScope::All,
    ),
    row(
        &[char('H')],
        "H",
        KeyAction::History,
        "who changed the pool, what, when and why",
        Some("history"),
        KeyScope::Table,
    ),
    row(
        &[char('y')],
        "y",
        KeyAction::Copy,
        "copy the lease's id, the waiter's execution or the pool's name",
        Some("copy"),
        KeyScope::All,
    ),
    row(&[char('Y')], "Y", KeyAction::CopyExecution, "copy the chosen holder's execution", None, KeyScope::All),
    row(
        &[char('o')],
        "o",
        KeyAction::Console,
        "open the execution in the AWS console, or copy its link",
        Some("console"),
        KeyScope::All,
    ),
    row(&[char('t')], "t", KeyAction::Choose, "another table, region or profile", Some("table"), KeyScope::Table),
    row(
        &[Plain(KeyCode::BackTab)],
        "shift-tab",
        KeyAction::PaneBefore,
        "the next pane, or the one before",
        None,
        KeyScope::All,
    ),
    row(&[Plain(KeyCode::Up), char('k')], "↑ k", KeyAction::Up, "one line up, or down", None, KeyScope::NotDemo),
    row(&[Plain(KeyCode::Up)], "↑", KeyAction::Up, "one line up, or down", None, KeyScope::Demo),
    row(&[Plain(KeyCode::Down), char('j')], "↓ j", KeyAction::Down, "one line up, or down", None, KeyScope::All),
    row(
        &[Plain(KeyCode::Left), char('h')],
        "←  h",
        KeyAction::Left,
        "the pane on the left, or on the right",
        None,
        KeyScope::All,
    ),
    row(
        &[Plain(KeyCode::Right), char('l')],
        "→  l",
        KeyAction::Right,
        "the pane on the left, or on the right",
        None,
        KeyScope::All,
    ),
    row(
        &[Plain(KeyCode::PageUp), Control('u')],
        "pgup",
        KeyAction::PageUp,
        "a screenful up, or down",
        None,
        KeyScope::All,
    ),
    row(
        &[Plain(KeyCode::PageDown), Control('d')],
        "pgdn",
        KeyAction::PageDown,
        "a screenful up, or down",
        None,
        KeyScope::All,
    ),
    row(
        &[Plain(KeyCode::Home), char('g')],
        "home g",
        KeyAction::First,
        "the first line, or the last",
        None,
        KeyScope::All,
    ),
    row(
        &[Plain(KeyCode::End), char('G')],
        "end G",
        KeyAction::Last,
        "the first line, or the last",
        None,
        KeyScope::All,
    ),
    row(&[char('r')], "r", KeyAction::Refresh, "read now", None, KeyScope::Table),
    row(&[Control('z')], "ctrl-z", KeyAction::Suspend, "to the shell; fg comes back", None, KeyScope::All),
    row(&[Control('c')], "ctrl-c", KeyAction::Interrupt, "stop", None, KeyScope::All),
];

/// What this key asks for here, if anything.
pub fn command(event: KeyEvent, mode: DashboardMode) -> Option<KeyAction> {
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    let pressed = match event.code {
        KeyCode::Char(c) if control => Control(c.to_ascii_lowercase()),
        code => Plain(code),
    };
    rows_of(mode).find(|row| row.keys.contains(&pressed)).map(|row| row.does)
}

/// The rows that work in this session: where no other table can be chosen, none chooses one.
pub fn rows(session: &Session) -> impl Iterator<Item = &'static KeyBinding> {
    let can_choose = session.chosen.is_some();
    rows_of(session.mode).filter(move |row| can_choose || row.does != KeyAction::Choose)
}

/// The rows that work in this mode.
fn rows_of(mode: DashboardMode) -> impl Iterator<Item = &'static KeyBinding> {
    KEYS.iter().filter(move |row| row.on.is(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [DashboardMode; 4] = [
        DashboardMode::Watch { read_only: false },
        DashboardMode::Watch { read_only: true },
        DashboardMode::Demo,
        DashboardMode::Replay,
    ];

    #[test]
    fn no_key_does_two_things() {
        for mode in MODES {
            let keys: Vec<(Keystroke, KeyAction)> =
                rows_of(mode).flat_map(|row| row.keys.iter().map(|key| (*key, row.does))).collect();
            for (index, (key, does)) in keys.iter().enumerate() {
                let other = keys[..index].iter().find(|(other, _)| other == key);
                assert_eq!(other, None, "{key:?} in {mode:?} does {does:?}");
            }
        }
    }

    #[test]
    fn where_nothing_may_be_changed_no_key_changes_anything() {
        for mode in [DashboardMode::Watch { read_only: true }, DashboardMode::Replay] {
            let changes =
                [KeyAction::Raise, KeyAction::Lower, KeyAction::EndOverride, KeyAction::Release, KeyAction::Kill];
            assert!(rows_of(mode).all(|row| !changes.contains(&row.does)), "{mode:?}");
        }
    }

    #[test]
    fn every_mode_says_how_to_get_help_and_out() {
        for mode in MODES {
            let footer: Vec<KeyAction> = rows_of(mode).filter(|row| row.footer.is_some()).map(|row| row.does).collect();
            assert_eq!(footer[..2], [KeyAction::Help, KeyAction::Quit], "{mode:?}");
        }
    }

    #[test]
    fn control_and_capitals_are_told_apart() {
        let key = |code, modifiers| command(KeyEvent::new(code, modifiers), DashboardMode::Replay);
        assert_eq!(key(KeyCode::Char('g'), KeyModifiers::NONE), Some(KeyAction::First));
        assert_eq!(key(KeyCode::Char('G'), KeyModifiers::SHIFT), Some(KeyAction::Last));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(KeyAction::Interrupt));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), None);
    }
}
