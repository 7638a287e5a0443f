//! Films: how does one SVG show screens one after another?
//!
//! Each run of cells is drawn once, in the group of all that are on screen in the same frames. Style rules alone show
//! and hide the groups: no script, so an `<img>` plays it. For readers who asked for less motion, one frame stands still.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use leasehold_core::Millis;
use ratatui::buffer::Buffer;

use super::svg::{Theme, document, elements};

/// A screen, and how long it stays.
pub(super) struct Frame {
    pub(super) screen: Buffer,
    pub(super) lasts: Millis,
}

/// Screens one after another, again and again.
pub(super) struct Film {
    pub(super) frames: Vec<Frame>,
    /// The number of the frame that is shown where nothing may move.
    pub(super) still: usize,
}

impl Film {
    pub(super) fn svg(&self, theme: Theme) -> String {
        let mut groups = String::new();
        let mut moves = String::new();
        for (number, (on, drawn)) in self.groups(theme).into_iter().enumerate() {
            if on.iter().all(|on| *on) {
                groups += &drawn;
                continue;
            }
            let still = if on[self.still] { " s" } else { "" };
            let _ = write!(groups, "<g id=\"g{number}\" class=\"f{still}\">\n{drawn}</g>\n");
            let _ = writeln!(moves, "#g{number}{{animation-name:k{number}}}@keyframes k{number}{{{}}}", self.keys(&on));
        }
        let seconds = self.lasts(self.frames.len()) as f64 / 1_000.0;
        let style = format!(
            "<style>\n.f{{visibility:hidden}}.s{{visibility:visible}}\n@media (prefers-reduced-motion:no-preference)\
             {{.f{{animation:{seconds}s step-end infinite}}}}\n{moves}</style>\n"
        );
        let area = self.frames[0].screen.area;
        document((area.width, area.height), theme, &(style + &groups))
    }

    /// All that is ever drawn, by the frames in which it is on screen.
    fn groups(&self, theme: Theme) -> BTreeMap<Vec<bool>, String> {
        let mut order = vec![];
        let mut on: HashMap<String, Vec<bool>> = HashMap::new();
        for (number, frame) in self.frames.iter().enumerate() {
            for element in elements(&frame.screen, theme) {
                let frames = on.entry(element).or_insert_with_key(|element| {
                    order.push(element.clone());
                    vec![false; self.frames.len()]
                });
                frames[number] = true;
            }
        }
        let mut groups: BTreeMap<Vec<bool>, String> = BTreeMap::new();
        for element in order {
            groups.entry(on[&element].clone()).or_default().push_str(&element);
        }
        groups
    }

    /// When something comes and goes, in percent of the whole.
    fn keys(&self, on: &[bool]) -> String {
        let mut keys = String::new();
        for number in (0..on.len()).filter(|number| *number == 0 || on[*number] != on[number - 1]) {
            let at = self.lasts(number) as f64 * 100.0 / self.lasts(self.frames.len()) as f64;
            let seen = if on[number] { "visible" } else { "hidden" };
            let _ = write!(keys, "{:.2}%{{visibility:{seen}}}", at);
        }
        keys.replace(".00%", "%")
    }

    /// How long so many frames stay, in milliseconds.
    fn lasts(&self, frames: usize) -> u64 {
        self.frames[..frames].iter().map(|frame| frame.lasts.0).sum()
    }
}
