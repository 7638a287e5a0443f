//! Command output: how is a command's answer told?
//! In words or as one JSON document, on standard output.

use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use leasehold_core::{harmless, harmless_json};
use leasehold_tui::charset::Charset;
use leasehold_tui::watch::text::{clip, shorten, width};
use ratatui::crossterm::terminal::size;
use serde::Serialize;

use crate::advised_command::with_flags;
use crate::error::CliError;

/// In which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OutputFormat {
    /// For a person.
    #[default]
    Text,
    /// For a program.
    Json,
}

impl OutputFormat {
    /// Tells it. The words end with a line's end.
    pub(crate) fn tell(self, text: &str, document: &impl Serialize) -> Result<(), CliError> {
        let told = match self {
            OutputFormat::Text => shown(text),
            OutputFormat::Json => {
                let document = serde_json::to_string_pretty(document).map_err(std::io::Error::from)?;
                Charset::of_environment().spell_json(harmless_json(document)) + "\n"
            }
        };
        write(told.as_bytes())
    }
}

/// Text for people, of any number of lines, in which names of others may be: as this terminal shows it.
pub(crate) fn shown(text: &str) -> String {
    Charset::of_environment().spell_lines(&harmless(text))
}

/// A line on standard error; nobody is left to be told where it is closed.
pub(crate) fn complain(words: &str) {
    let line = Charset::of_environment().spell_lines(&complaint(words));
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn complaint(words: &str) -> String {
    format!("leasehold: {}", harmless(&with_flags(words)))
}

/// The exit status of a command that came to this; what is wrong goes to standard error.
pub(crate) fn status(done: Result<u8, CliError>) -> ExitCode {
    match done {
        Ok(status) => status.into(),
        Err(error) => {
            complain(&error.to_string());
            error.status().into()
        }
    }
}

/// Whether a terminal may be shown colours (no-color.org).
pub(crate) fn colours() -> bool {
    !anstyle_query::no_color() && anstyle_query::term_supports_color()
}

/// Writes it to standard output.
pub(crate) fn write(told: &[u8]) -> Result<(), CliError> {
    written(std::io::stdout().write_all(told))
}

/// What came of writing to standard output.
pub(crate) fn written(told: std::io::Result<()>) -> Result<(), CliError> {
    match told {
        // Whoever closed the pipe has read enough.
        Err(wrong) if wrong.kind() != ErrorKind::BrokenPipe => Err(CliError::Output(wrong)),
        _ => Ok(()),
    }
}

/// How many columns the terminal has that standard output goes to; none: it goes elsewhere, or nobody knows.
pub(crate) fn terminal_columns() -> Option<usize> {
    let (columns, _) = std::io::stdout().is_terminal().then(size)?.ok()?;
    (columns > 0).then_some(usize::from(columns))
}

/// A table of cells under headings: the columns as wide as their widest cell, numbers to the right.
pub(crate) fn columns<const N: usize>(headings: [(&str, Alignment); N], rows: &[[String; N]]) -> String {
    columns_in(Charset::of_environment(), headings, rows, (None, 0))
}

/// The same, where the cells of one column are cut in the middle so that a line fits the terminal: names, of which the end
/// tells most.
pub(crate) fn columns_that_fit<const N: usize>(
    headings: [(&str, Alignment); N],
    rows: &[[String; N]],
    cut: usize,
) -> String {
    columns_in(Charset::of_environment(), headings, rows, (terminal_columns(), cut))
}

/// The least columns of a name that is cut.
const LEAST_NAME: usize = 24;

fn columns_in<const N: usize>(
    charset: Charset,
    headings: [(&str, Alignment); N],
    rows: &[[String; N]],
    (room, cut): (Option<usize>, usize),
) -> String {
    // A cell is one line, whatever others wrote into it.
    let mut rows: Vec<[String; N]> =
        rows.iter().map(|row| row.each_ref().map(|cell| charset.spell(&harmless(cell).replace('\n', "\\n")))).collect();
    let mut widths = headings.map(|(heading, _)| heading.len());
    for row in &rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(cell));
        }
    }
    let long = widths.iter().sum::<usize>() + 2 * N.saturating_sub(1);
    if let Some(over) = room.and_then(|room| long.checked_sub(room)).filter(|over| *over > 0) {
        widths[cut] = widths[cut].saturating_sub(over).max(widths[cut].min(LEAST_NAME));
        for row in &mut rows {
            row[cut] = charset.spell(&shorten(&row[cut], widths[cut]));
        }
        // In ASCII the sign of a cut is wider.
        widths[cut] = rows.iter().map(|row| width(&row[cut])).max().unwrap_or(0).max(headings[cut].0.len());
    }
    let mut text = String::new();
    let mut line = |cells: [&str; N]| {
        let padded = cells.iter().zip(widths).zip(&headings).map(|((cell, widest), (_, side))| {
            let blanks = " ".repeat(widest - width(cell));
            match side {
                Alignment::Left => format!("{cell}{blanks}"),
                Alignment::Right => format!("{blanks}{cell}"),
            }
        });
        text += padded.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    };
    line(headings.map(|(heading, _)| heading));
    for row in &rows {
        line(row.each_ref().map(String::as_str));
    }
    text
}

/// The widest that a cell of free words is: what somebody wrote as a label or a reason breaks no list. JSON has all of it.
const WORDS_COLUMNS: usize = 60;

/// Somebody's own words as a cell, cut if they are long.
pub(crate) fn words_cell(words: &str) -> String {
    clip(&harmless(words).replace('\n', " "), WORDS_COLUMNS)
}

/// On which side a column's cells are lined up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Alignment {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_moves_no_cursor_and_keeps_its_lines() {
        let who = "ann\u{1b}[2J overrode the limit (größer\r)\n  expected less";
        assert_eq!(complaint(who), "leasehold: ann\\u{1b}[2J overrode the limit (größer\\r)\n  expected less");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a".to_owned(), "10".to_owned()], ["longer-ü".to_owned(), "9".to_owned()]];
        let headings = [("PREFIX", Alignment::Left), ("LIMIT", Alignment::Right)];
        let text = columns_in(Charset::Unicode, headings, &rows, (None, 0));
        assert_eq!(text, "PREFIX    LIMIT\na            10\nlonger-ü      9\n");
        let text = columns_in(Charset::Ascii, headings, &rows, (None, 0));
        assert_eq!(text, "PREFIX         LIMIT\na                 10\nlonger-\\u{fc}      9\n");
    }

    #[test]
    fn columns_stay_in_line_whatever_names_others_wrote() {
        let names = ["plain", "漢字", "e\u{301}", "שלום", "👩\u{200d}💻", "two\nlines", "esc\u{1b}[2J", "\u{ff21}"];
        let rows = names.map(|name| [name.to_owned(), "|".to_owned()]);
        for charset in [Charset::Unicode, Charset::Ascii] {
            let text = columns_in(charset, [("HOLDER", Alignment::Left), ("NOTE", Alignment::Left)], &rows, (None, 0));
            let lines: Vec<&str> = text.lines().skip(1).collect();
            assert_eq!(lines.len(), names.len(), "{text}");
            let places: Vec<usize> = lines.iter().map(|line| width(line)).collect();
            assert!(places.iter().all(|place| *place == places[0]), "{places:?}\n{text}");
        }
    }

    #[test]
    fn long_names_are_cut_so_that_a_line_fits_the_terminal() {
        let names =
            ["漢字の長い名前がここに並んでいて幅が広い-0007", "cron@host#item-2024-11-22-acme-international-0008", "x"];
        let rows = names.map(|name| ["p:0:1".to_owned(), name.to_owned(), "note".to_owned()]);
        let headings = [("LEASE", Alignment::Left), ("HOLDER", Alignment::Left), ("NOTE", Alignment::Left)];
        let text = columns_in(Charset::Unicode, headings, &rows, (Some(46), 1));
        assert!(text.lines().all(|line| width(line) <= 46), "{text}");
        let places: Vec<_> = text.lines().filter_map(|line| Some(width(&line[..line.find("note")?]))).collect();
        assert!(places.len() == 3 && places.iter().all(|place| *place == places[0]), "{text}");
        assert!(text.contains("…") && text.contains("-0007  ") && text.contains("-0008  "), "{text}");
        // No name is cut to nothing; and where there is room, or no terminal, none is cut.
        let narrow = columns_in(Charset::Unicode, headings, &rows, (Some(20), 1));
        assert!(narrow.lines().any(|line| width(line) == 5 + 2 + LEAST_NAME + 2 + 4), "{narrow}");
        for room in [None, Some(200)] {
            assert!(!columns_in(Charset::Unicode, headings, &rows, (room, 1)).contains('…'));
        }
    }
}
