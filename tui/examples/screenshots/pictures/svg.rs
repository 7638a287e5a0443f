//! Screens as SVG: what does a terminal draw for these cells?

use std::fmt::Write;

use leasehold_tui::watch::palette::rgb;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

/// The size of a cell and of its letters, how wide a line is, and what is left around them, in pixels.
const CELL: (f64, f64) = (8.4, 17.0);
const LETTERS: f64 = 14.0;
const LINE: f64 = 1.2;
const MARGIN: f64 = 12.0;

/// A terminal's own colours: behind, and of letters.
#[derive(Clone, Copy)]
pub(super) struct Theme {
    pub(super) name: &'static str,
    behind: &'static str,
    letters: &'static str,
}

pub(super) const DARK: Theme = Theme { name: "dark", behind: "#101418", letters: "#d8dee4" };
pub(super) const LIGHT: Theme = Theme { name: "light", behind: "#ffffff", letters: "#24292f" };

/// The screen as a picture.
pub(super) fn svg(buffer: &Buffer, theme: Theme) -> String {
    document((buffer.area.width, buffer.area.height), theme, &elements(buffer, theme).concat())
}

/// A picture of so many columns and rows, on a terminal's ground.
pub(super) fn document((columns, rows): (u16, u16), theme: Theme, drawn: &str) -> String {
    let width = f64::from(columns) * CELL.0 + 2.0 * MARGIN;
    let height = f64::from(rows) * CELL.1 + 2.0 * MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.1} {height:.1}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" \
         font-size=\"{LETTERS}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n\
         {drawn}</svg>\n",
        theme.behind
    )
}

/// What is drawn on a screen, run by run: none is drawn over another.
pub(super) fn elements(buffer: &Buffer, theme: Theme) -> Vec<String> {
    let mut elements = vec![];
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let first = &buffer[(x, y)];
            let length = (x..buffer.area.width).take_while(|x| same(first, &buffer[(*x, y)])).count() as u16;
            let text: String = (x..x + length).map(|x| buffer[(x, y)].symbol()).collect();
            let location = (MARGIN + f64::from(x) * CELL.0, MARGIN + f64::from(y) * CELL.1, f64::from(length) * CELL.0);
            let mut out = String::new();
            run(&mut out, &text, first, location, theme);
            if !out.is_empty() {
                elements.push(out);
            }
            x += length;
        }
    }
    elements
}

/// Whether two cells are drawn in one go: the same style, and both letters or both not.
fn same(one: &Cell, other: &Cell) -> bool {
    let style = |cell: &Cell| (cell.fg, cell.modifier);
    style(one) == style(other) && is_block(one) == is_block(other) && !(is_block(one) && one.symbol() != other.symbol())
}

/// Blocks and lines must touch their neighbours in any font: they are drawn, not written.
fn is_block(cell: &Cell) -> bool {
    cell.symbol().starts_with(|c| matches!(c, '\u{2500}'..='\u{259f}'))
}

/// Cells in a row that look the same.
fn run(out: &mut String, text: &str, cell: &Cell, (x, y, width): (f64, f64, f64), theme: Theme) {
    let reversed = cell.modifier.contains(Modifier::REVERSED);
    let letters = match cell.fg {
        Color::Indexed(index) => {
            let (red, green, blue) = rgb(index);
            format!("#{red:02x}{green:02x}{blue:02x}")
        }
        _ => theme.letters.to_owned(),
    };
    let (letters, behind) = if reversed { (theme.behind.to_owned(), Some(letters)) } else { (letters, None) };
    if let Some(behind) = behind {
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{}\" fill=\"{behind}\"/>",
            CELL.1
        );
    }
    if text.trim().is_empty() {
        return;
    }
    if is_block(cell) {
        // Those that reach from edge to edge are one.
        let (c, count) = (text.chars().next().unwrap_or(' '), text.chars().count());
        let (pieces, wide) =
            if matches!(c, '─' | '▁'..='█' | '░' | '▒' | '▓') { (1, width) } else { (count, CELL.0) };
        for index in 0..pieces {
            block(out, c, (x + index as f64 * CELL.0, y), wide, &letters);
        }
        return;
    }
    let weight = if cell.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let line = if cell.modifier.contains(Modifier::UNDERLINED) { " text-decoration=\"underline\"" } else { "" };
    let text = text.trim_end();
    let lead = text.chars().take_while(|c| *c == ' ').count();
    let x = x + lead as f64 * CELL.0;
    let text = text.trim_start();
    let long = text.chars().count() as f64 * CELL.0;
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{long:.1}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\" \
         fill=\"{letters}\"{weight}{line}>{escaped}</text>",
        y + CELL.1 * 0.76,
    );
}

/// Lines or blocks so wide.
fn block(out: &mut String, c: char, (x, y): (f64, f64), w: f64, colour: &str) {
    let h = CELL.1;
    let (mid_x, mid_y) = (x + w / 2.0, y + h / 2.0);
    let mut rect = |x: f64, y: f64, w: f64, h: f64, opacity: f64| {
        // A hair wider, and blocks with crisp edges, so that no seam shows between neighbours at any size.
        let fill = if opacity < 1.0 { format!(" fill-opacity=\"{opacity}\"") } else { String::new() };
        let edges = if w.min(h) > LINE { " shape-rendering=\"crispEdges\"" } else { "" };
        let _ = writeln!(
            out,
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"{colour}\"{fill}{edges}/>",
            w + 0.05,
            h + 0.05
        );
    };
    match c {
        '\u{2581}'..='\u{2588}' => {
            let eighths = f64::from(u32::from(c) - 0x2580);
            rect(x, y + h * (1.0 - eighths / 8.0), w, h * eighths / 8.0, 1.0);
        }
        '\u{2589}'..='\u{258f}' => rect(x, y, w * f64::from(0x2590 - u32::from(c)) / 8.0, h, 1.0),
        '░' => rect(x, y, w, h, 0.25),
        '▒' => rect(x, y, w, h, 0.5),
        '▓' => rect(x, y, w, h, 0.7),
        '─' => rect(x, mid_y - LINE / 2.0, w, LINE, 1.0),
        '│' => rect(mid_x - LINE / 2.0, y, LINE, h, 1.0),
        '╭' | '╮' | '╰' | '╯' => {
            let (side, end) =
                (if matches!(c, '╭' | '╰') { x + w } else { x }, if matches!(c, '╭' | '╮') { y + h } else { y });
            let _ = writeln!(
                out,
                "<path d=\"M {side:.2} {mid_y:.2} Q {mid_x:.2} {mid_y:.2} {mid_x:.2} {end:.2}\" fill=\"none\" \
                 stroke=\"{colour}\" stroke-width=\"{LINE}\"/>"
            );
        }
        _ => {
            let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{colour}\">{c}</text>", y + h * 0.76);
        }
    }
}
