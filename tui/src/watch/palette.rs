//! Palette: which colours and signs mean what?
//! Never a colour alone: each state has a sign and a word too.
//!
//! The colours are of the fixed part of the 256-colour table, so that no theme changes them: four hues that people
//! with any kind of colour blindness tell apart (after Okabe and Ito, 2008), each in a tone that reads on black
//! and on white. Everything else is the terminal's own foreground on its own background.

use leasehold_core::occupancy::PoolState;
use ratatui::style::{Color, Modifier, Style};

use super::listed_state::ListedState;

/// Vermillion: something is wrong.
pub const ALARM: Color = Color::Indexed(166);
/// Brown orange: look at this.
pub const WARN: Color = Color::Indexed(136);
/// Blue: in use.
pub const BUSY: Color = Color::Indexed(32);
/// Bluish green: all is well.
pub const GOOD: Color = Color::Indexed(30);
/// Grey: in the background.
pub const QUIET: Color = Color::Indexed(244);

/// The styles of a screen, with or without colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Whether colours may be used; without, weight alone is.
    pub colour: bool,
}

impl Palette {
    fn tone(self, colour: Color, weight: Modifier) -> Style {
        let style = Style::new().add_modifier(weight);
        if self.colour { style.fg(colour) } else { style }
    }

    /// Something is wrong.
    pub fn alarm(self) -> Style {
        self.tone(ALARM, Modifier::BOLD)
    }

    /// Look at this.
    pub fn warn(self) -> Style {
        self.tone(WARN, Modifier::BOLD)
    }

    /// In use.
    pub fn busy(self) -> Style {
        self.tone(BUSY, Modifier::empty())
    }

    /// All is well.
    pub fn good(self) -> Style {
        self.tone(GOOD, Modifier::empty())
    }

    /// In the background.
    pub fn quiet(self) -> Style {
        if self.colour { Style::new().fg(QUIET) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    /// A heading.
    pub fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Where the keys go.
    pub fn focus(self) -> Style {
        self.tone(BUSY, Modifier::BOLD)
    }

    /// The line that is chosen.
    pub fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// A state's own, as it is listed.
    pub fn listed(self, state: ListedState) -> Style {
        match state {
            ListedState::Broken => self.alarm(),
            ListedState::Known(state) => self.state(state),
            ListedState::Stale | ListedState::NotRead => self.warn(),
        }
    }

    /// A state's own.
    pub fn state(self, state: PoolState) -> Style {
        match state {
            PoolState::OverLimit => self.alarm(),
            PoolState::Settling | PoolState::Draining | PoolState::Drained | PoolState::Starving => self.warn(),
            PoolState::Full => self.busy(),
            PoolState::Ok => self.good(),
            PoolState::Idle => self.quiet(),
        }
    }
}

/// A state's sign.
pub fn sign(state: PoolState) -> &'static str {
    match state {
        PoolState::OverLimit => "▲",
        PoolState::Settling => "◇",
        PoolState::Draining => "▽",
        PoolState::Drained => "□",
        PoolState::Starving => "◆",
        PoolState::Full => "■",
        PoolState::Ok => "●",
        PoolState::Idle => "○",
    }
}

/// The sign of a state in a list.
pub fn listed_sign(state: ListedState) -> &'static str {
    match state {
        ListedState::Broken => "×",
        ListedState::Known(state) => sign(state),
        ListedState::Stale | ListedState::NotRead => "?",
    }
}

/// What a colour of the fixed part of the 256-colour table looks like: red, green, blue.
pub fn rgb(index: u8) -> (u8, u8, u8) {
    match index {
        0..=15 => {
            let (low, high) = if index < 8 { (0, 205) } else { (127, 255) };
            let part = |bit: u8| if index & bit == 0 { low } else { high };
            (part(1), part(2), part(4))
        }
        16..=231 => {
            let part = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
            let index = index - 16;
            (part(index / 36), part(index / 6 % 6), part(index % 6))
        }
        232.. => {
            let grey = 8 + 10 * (index - 232);
            (grey, grey, grey)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance as WCAG 2.1 defines it.
    fn luminance(colour: Color) -> f64 {
        let Color::Indexed(index) = colour else { panic!("{colour}: no fixed colour") };
        assert!(index >= 16, "{index} depends on the theme");
        let (red, green, blue) = rgb(index);
        let part = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue)
    }

    #[test]
    fn every_colour_reads_on_black_and_on_white() {
        for colour in [ALARM, WARN, BUSY, GOOD, QUIET] {
            let luminance = luminance(colour);
            let (on_white, on_black) = (1.05 / (luminance + 0.05), (luminance + 0.05) / 0.05);
            // 3:1 is WCAG's least for large or bold text and for graphics.
            assert!(on_white >= 3.0 && on_black >= 3.0, "{colour}: {on_white:.1} on white, {on_black:.1} on black");
        }
    }

    #[test]
    fn states_differ_in_sign_and_word() {
        for one in PoolState::ALL {
            for other in PoolState::ALL.into_iter().filter(|other| *other != one) {
                assert_ne!(sign(one), sign(other));
                assert_ne!(one.as_str(), other.as_str());
            }
        }
    }

    #[test]
    fn without_colour_no_style_has_any() {
        let plain = Palette { colour: false };
        let styles =
            [plain.alarm(), plain.warn(), plain.busy(), plain.good(), plain.quiet(), plain.focus(), plain.chosen()];
        for style in styles.into_iter().chain(PoolState::ALL.map(|state| plain.state(state))) {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }
}
