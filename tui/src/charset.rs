//! Characters of a terminal: what is written where it can show ASCII alone, or where names are read from the right?
//! The locale says which: `LC_ALL`, else `LC_CTYPE`, else `LANG`, as POSIX has it.

use std::sync::OnceLock;

use ratatui::buffer::{Buffer, Cell};

use crate::watch::text::width;

/// Which characters a terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// All of Unicode, written as UTF-8.
    Unicode,
    /// No others are the same bytes in every locale.
    Ascii,
}

/// The mark that begins text from the left again (UAX #9, LRM). It is not seen.
const LEFT_TO_RIGHT: char = '\u{200e}';

/// How many marks a letter may carry, one on the other: more are drawn over the lines above. Scripts need up to five.
const MARKS: usize = 8;

impl Charset {
    /// That of this program's locale.
    pub fn of_environment() -> Charset {
        static FOUND: OnceLock<Charset> = OnceLock::new();
        *FOUND.get_or_init(|| {
            Charset::of_locale(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
        })
    }

    /// That of a locale: `de_DE.UTF-8`, `C.utf8@euro`, `UTF-8`. Without a charset, as in `C` or `en_US`, it is another one.
    pub fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Charset {
        let set =
            ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| variable(name).filter(|set| !set.is_empty()));
        let locale = set.unwrap_or_default();
        let named = locale.split('@').next().unwrap_or_default();
        let charset = named.rsplit('.').next().unwrap_or_default();
        match charset.to_ascii_lowercase().replace('-', "").as_str() {
            "utf8" => Charset::Unicode,
            _ => Charset::Ascii,
        }
    }

    /// Text that has no control characters, as this terminal shows it: with other signs, and letters by their number.
    pub fn spell(self, text: &str) -> String {
        if text.is_ascii() {
            return text.to_owned();
        }
        let mut spelt = String::with_capacity(text.len());
        for (c, marks) in text.chars().zip(marks(text)) {
            match (self, sign(c)) {
                _ if c.is_ascii() => spelt.push(c),
                (Charset::Unicode, _) if marks <= MARKS => spelt.push(c),
                (Charset::Ascii, Some(sign)) => spelt.push_str(sign),
                _ => spelt.extend(c.escape_unicode()),
            }
        }
        spelt
    }

    /// The same, where whole lines are known: what is read from the right turns nothing beside it.
    pub fn spell_lines(self, text: &str) -> String {
        let spelt = self.spell(text);
        if !spelt.chars().any(is_from_the_right) {
            return spelt;
        }
        let all: Vec<char> = spelt.chars().collect();
        let turned = runs(&all, |c| *c);
        let mut marked = String::with_capacity(spelt.len() + 2 * LEFT_TO_RIGHT.len_utf8() * turned.len());
        let mut turned = turned.into_iter().peekable();
        for (at, c) in all.iter().enumerate() {
            if turned.peek().is_some_and(|(first, _)| *first == at) {
                marked.push(LEFT_TO_RIGHT);
            }
            marked.push(*c);
            if turned.next_if(|(_, last)| *last == at).is_some() {
                marked.push(LEFT_TO_RIGHT);
            }
        }
        marked
    }

    /// A JSON document that says the same: other characters stand in its texts alone, where a number may tell them.
    pub fn spell_json(self, document: String) -> String {
        if self == Charset::Unicode || document.is_ascii() {
            return document;
        }
        let mut units = [0; 2];
        document.chars().fold(String::with_capacity(document.len()), |mut spelt, c| {
            if c.is_ascii() {
                spelt.push(c);
            } else {
                c.encode_utf16(&mut units).iter().for_each(|unit| spelt.push_str(&format!("\\u{unit:04x}")));
            }
            spelt
        })
    }

    /// A screen that is drawn, as this terminal shows it. Each sign stays in its place.
    pub fn adapt(self, screen: &mut Buffer) {
        let columns = usize::from(screen.area.width).max(1);
        for row in screen.content.chunks_mut(columns) {
            match self {
                Charset::Unicode => keep_in_place(row),
                Charset::Ascii => spell_cells(row),
            }
        }
    }
}

/// Keeps what is read from the right from turning what stands beside it, and marks from being drawn over other lines.
fn keep_in_place(row: &mut [Cell]) {
    for cell in row.iter_mut().filter(|cell| cell.symbol().len() > MARKS) {
        let symbol = cell.symbol();
        let few = symbol.chars().zip(marks(symbol)).filter(|(_, marks)| *marks <= MARKS);
        let few: String = few.map(|(c, _)| c).collect();
        cell.set_symbol(&few);
    }
    for (first, last) in runs(row, |cell| cell.symbol().chars().next().unwrap_or(' ')) {
        let begun = format!("{LEFT_TO_RIGHT}{}", row[first].symbol());
        row[first].set_symbol(&begun);
        let ended = format!("{}{LEFT_TO_RIGHT}", row[last].symbol());
        row[last].set_symbol(&ended);
    }
}

fn spell_cells(row: &mut [Cell]) {
    for at in 0..row.len() {
        let symbol = row[at].symbol();
        if symbol.is_ascii() {
            continue;
        }
        let spelt = symbol.chars().next().and_then(sign).unwrap_or("?");
        // What takes more columns takes them from blanks; dots are of the word before them, and leave one.
        let blanks = row[at + 1..].iter().take_while(|cell| cell.symbol() == " ").count();
        let spelt = match spelt {
            "..." if blanks < 3 => "~",
            _ if spelt.len() > blanks + 1 => &spelt[spelt.len() - 1..],
            _ => spelt,
        };
        for (cell, sign) in row[at..].iter_mut().zip(spelt.chars()) {
            cell.set_char(sign);
        }
    }
}

/// Which mark on its letter each character is, counted from 1; 0 if it takes a column itself.
fn marks(text: &str) -> impl Iterator<Item = usize> {
    text.chars().scan(0, |marks, c| {
        *marks = if is_mark(c) { *marks + 1 } else { 0 };
        Some(*marks)
    })
}

/// Whether it is drawn on the letter before it.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && width(c.encode_utf8(&mut [0; 4])) == 0
}

/// Scripts that are written from the right, with their digits (Unicode's blocks).
fn is_from_the_right(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}' | '\u{10800}'..='\u{10fff}'
        | '\u{1e800}'..='\u{1efff}')
}

/// Where names that are read from the right begin and end: words that one blank parts are one name.
fn runs<T>(all: &[T], begins: impl Fn(&T) -> char) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = vec![];
    for (at, _) in all.iter().enumerate().filter(|(_, one)| is_from_the_right(begins(one))) {
        let parts = |between: &[T]| match between {
            [] => true,
            [one] => matches!(begins(one), ' ' | '-') || is_mark(begins(one)),
            _ => false,
        };
        match found.last_mut() {
            Some((_, last)) if parts(&all[*last + 1..at]) => *last = at,
            _ => found.push((at, at)),
        }
    }
    found
}

/// What stands for a sign that leasehold uses itself: the last character alone where there is no more room.
fn sign(c: char) -> Option<&'static str> {
    Some(match c {
        '│' | '‖' | '▏' | '▎' | '▍' => "|",
        '─' | '━' | '╸' | '–' | '−' | '·' | '▃' => "-",
        '╭' | '╮' | '╰' | '╯' | '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' | '✓' => {
            "+"
        }
        '▸' | '▶' => ">",
        '‹' => "<",
        '…' => "...",
        '→' => "->",
        '←' => "<-",
        '↑' | '▲' => "^",
        '↓' | '▽' => "v",
        '×' => "x",
        '±' | '▆' => "*",
        '◆' => "@",
        '◇' => "%",
        '■' | '█' | '▉' | '▊' | '▋' | '▌' | '▇' => "#",
        '□' => "0",
        '●' => "o",
        '○' | '░' | '▂' => ".",
        '▓' => "!",
        '▁' => "_",
        '▄' => "=",
        '▅' => "+",
        '✔' => "OK",
        '✘' => "FAILED",
        '‘' | '’' => "'",
        '“' | '”' => "\"",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;
    use leasehold_core::occupancy::PoolState;

    use crate::watch::palette;

    fn of(set: &[(&str, &str)]) -> Charset {
        Charset::of_locale(|name| set.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned()))
    }

    /// A screen of one line.
    fn drawn(text: &str, charset: Charset) -> Vec<String> {
        let mut screen = Buffer::empty(Rect::new(0, 0, 24, 1));
        screen.set_string(0, 0, text, Style::new());
        charset.adapt(&mut screen);
        screen.content.iter().map(|cell| cell.symbol().to_owned()).collect()
    }

    #[test]
    fn the_first_variable_that_is_set_names_the_charset() {
        for utf8 in ["C.UTF-8", "de_DE.utf8", "en_US.UTF-8", "ca_ES.UTF-8@valencia", "UTF-8"] {
            assert_eq!(of(&[("LC_ALL", utf8), ("LANG", "C")]), Charset::Unicode, "{utf8}");
            assert_eq!(of(&[("LC_ALL", ""), ("LC_CTYPE", utf8), ("LANG", "C")]), Charset::Unicode, "{utf8}");
        }
        for other in ["C", "POSIX", "en_US", "de_DE.ISO-8859-1", "de_DE@euro", "ja_JP.eucJP", "utf", ""] {
            assert_eq!(of(&[("LC_CTYPE", other), ("LANG", other)]), Charset::Ascii, "{other}");
        }
        assert_eq!(of(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]), Charset::Ascii);
        assert_eq!(of(&[]), Charset::Ascii);
    }

    #[test]
    fn ascii_has_other_signs_and_letters_by_number() {
        assert_eq!(Charset::Ascii.spell_lines("✔ 5 → 6 · größ…\n"), "OK 5 -> 6 - gr\\u{f6}\\u{df}...\n");
        assert_eq!(Charset::Unicode.spell_lines("✔ 5 → 6 · größ…\n"), "✔ 5 → 6 · größ…\n");
    }

    #[test]
    fn a_document_in_ascii_says_the_same() {
        let value = serde_json::json!({ "name": "größer 漢 \u{1f600}" });
        let spelt = Charset::Ascii.spell_json(value.to_string());
        assert!(spelt.is_ascii(), "{spelt}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&spelt).ok(), Some(value));
    }

    #[test]
    fn each_sign_of_a_screen_stays_in_its_place_in_ascii() {
        let mut screen = Buffer::empty(Rect::new(0, 0, 24, 1));
        screen.set_string(0, 0, "│漢e\u{301}│5 → 6│a…│██▌░│", Style::new());
        let before: Vec<usize> = (0..24).filter(|at| screen.content[*at].symbol() == "│").collect();
        Charset::Ascii.adapt(&mut screen);
        let line: String = screen.content.iter().map(|cell| cell.symbol()).collect();
        assert_eq!(line.trim_end(), "|? ?|5 ->6|a~|###.|");
        let after: Vec<usize> = line.match_indices('|').map(|(at, _)| at).collect();
        assert_eq!(before, after);
    }

    #[test]
    fn dots_take_blanks_where_there_are_some() {
        assert_eq!(drawn("Reading…", Charset::Ascii).concat().trim_end(), "Reading...");
        assert_eq!(drawn("anal…  5", Charset::Ascii).concat().trim_end(), "anal~  5");
    }

    #[test]
    fn states_differ_in_ascii_too() {
        let mut signs: Vec<String> =
            PoolState::ALL.iter().map(|state| Charset::Ascii.spell(palette::sign(*state))).collect();
        signs.sort();
        signs.dedup();
        assert!(signs.len() == PoolState::ALL.len() && signs.iter().all(|sign| sign.len() == 1), "{signs:?}");
    }

    /// The Rust files of a folder.
    fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
        let inside = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
        inside.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn every_sign_that_is_written_here_has_one_in_ascii() {
        let files = files(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        assert!(files.len() > 50, "{files:?}");
        let mut missing = std::collections::BTreeSet::new();
        for file in files {
            let source = std::fs::read_to_string(&file).unwrap_or_default();
            let written = source.split("\n#[cfg(test)]").next().unwrap_or_default();
            let code = written.lines().filter(|line| !line.trim_start().starts_with("//"));
            missing.extend(code.flat_map(str::chars).filter(|c| !c.is_ascii() && sign(*c).is_none()));
        }
        assert!(missing.is_empty(), "say in `sign` what stands for {missing:?}");
    }

    #[test]
    fn names_from_the_right_turn_nothing_beside_them() {
        let lines = Charset::Unicode.spell_lines("by שלום עולם 5 → 7\nא");
        assert_eq!(lines, "by \u{200e}שלום עולם\u{200e} 5 → 7\n\u{200e}א\u{200e}");
        let cells = drawn("by שלום עולם  5", Charset::Unicode);
        assert_eq!(cells.concat().trim_end(), "by \u{200e}שלום עולם\u{200e}  5");
        assert!(cells.iter().all(|cell| width(cell) == 1), "{cells:?}");
    }

    #[test]
    fn a_letter_carries_few_marks() {
        let zalgo = format!("a{}b", "\u{301}".repeat(20));
        let told = Charset::Unicode.spell(&zalgo);
        assert!(told.starts_with(&format!("a{}\\u{{301}}", "\u{301}".repeat(MARKS))) && told.ends_with('b'), "{told}");
        assert_eq!(drawn(&zalgo, Charset::Unicode)[..2], [format!("a{}", "\u{301}".repeat(MARKS)), "b".to_owned()]);
    }
}
