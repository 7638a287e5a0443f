//! How full was a pool over the last minutes? What was seen, thinned out where nothing changed.

use std::collections::VecDeque;

use leasehold_core::occupancy::series::Span;
use leasehold_core::occupancy::{Detail, Occupancy};
use leasehold_core::{Millis, Timestamp};

pub use leasehold_core::occupancy::series::Sample;

/// How far back it goes.
pub const KEPT: Millis = Millis::seconds(900);

/// The stretches of time a chart may show: the shortest that covers what was seen is taken.
pub const WINDOWS: [Millis; 6] =
    [Millis::seconds(30), Millis::seconds(60), Millis::seconds(120), Millis::seconds(300), Millis::seconds(600), KEPT];

/// How long what was seen counts if nothing newer comes: longer than two sweeps by default.
const HOLDS_FOR: Millis = Millis::seconds(150);

/// How long a sweep's summary counts if what comes next are the rows and they say otherwise: somewhere in between it changed.
const SUMMARY_HOLDS_FOR: Millis = Millis::seconds(5);

/// A stretch of time in which nothing changed, as far as it was looked at.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: Timestamp,
    to: Timestamp,
    /// From when nothing could be read, if that came next: it does not count beyond.
    ends: Option<Timestamp>,
    sample: Sample,
    /// From where it is known at its end.
    detail: Detail,
}

/// What was seen of one pool, in order of time.
#[derive(Clone, Debug, Default)]
pub struct History(VecDeque<Stretch>);

impl History {
    /// Keeps a look; one that is older than what is there is left out.
    pub fn see(&mut self, look: &Occupancy) {
        let sample = Sample::from(look);
        let (at, detail) = (look.at, look.detail);
        if let Some(last) = self.0.back_mut()
            && (last.detail, detail) == (Detail::Summary, Detail::Rows)
            && (last.sample != sample && at.since(last.to) > SUMMARY_HOLDS_FOR)
        {
            last.ends = Some(last.to);
        }
        match self.0.back_mut() {
            Some(last) if at < last.to => return,
            Some(last) if last.sample == sample && last.ends.is_none() && at.since(last.to) <= HOLDS_FOR => {
                (last.to, last.detail) = (at, detail);
            }
            _ => self.0.push_back(Stretch { from: at, to: at, ends: None, sample, detail }),
        }
        while self.0.front().is_some_and(|first| first.to + KEPT + HOLDS_FOR < at) {
            self.0.pop_front();
        }
    }

    /// Nothing could be read from `since` on, until now: what was seen before does not count for that time.
    pub fn unread(&mut self, since: Timestamp) {
        if let Some(last) = self.0.back_mut() {
            last.ends = Some(last.ends.map_or(since, |ends| ends.min(since)).max(last.to));
        }
    }

    /// The `count` equal parts of the time up to `end`: the fullest moment of each, none where nothing is known. Nothing
    /// is known of what comes after `known`, when the table was read last.
    pub fn parts(&self, end: Timestamp, known: Timestamp, window: Millis, count: usize) -> Vec<Option<Sample>> {
        if count == 0 || window.0 == 0 {
            return vec![None; count];
        }
        let mut parts: Vec<Option<Span>> = vec![None; count];
        let start = end.0.saturating_sub(window.0);
        let part_of = |at: u64| (at.saturating_sub(start) as usize * count / window.0 as usize).min(count - 1);
        for (index, stretch) in self.0.iter().enumerate() {
            let next = self.0.get(index + 1).map_or(u64::MAX, |next| next.from.0.saturating_sub(1));
            let ends = stretch.ends.unwrap_or(known).0.max(stretch.to.0);
            let until = (stretch.to + HOLDS_FOR).0.min(next).min(end.0).min(ends);
            if until < start || stretch.from.0 > end.0 {
                continue;
            }
            let (first, last) = (part_of(stretch.from.0), part_of(until.max(stretch.from.0)));
            for part in parts.iter_mut().take(last + 1).skip(first) {
                let seen = Span::from(stretch.sample);
                *part = Some(part.map_or(seen, |before| before.then(seen)));
            }
        }
        parts.into_iter().map(|part| part.map(Span::fullest)).collect()
    }
}

/// The window that shows everything since `since`, and its end: on a whole part, so that a chart moves in steps
/// and does not shimmer.
pub fn window(since: Timestamp, now: Timestamp, count: usize) -> (Timestamp, Millis) {
    let span = now.since(since);
    let window = WINDOWS.into_iter().find(|window| span <= *window).unwrap_or(KEPT);
    let part = (window.0 / count.max(1) as u64).max(1);
    (Timestamp(now.0.div_ceil(part) * part), window)
}

/// A window in words: `30 s`, `2 min`.
pub fn named(window: Millis) -> String {
    let seconds = window.0 / 1_000;
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
}

/// One line of eighths for a list; a space where nothing is known. Never quite empty while someone holds a lease.
pub fn sparkline(parts: &[Option<Sample>]) -> String {
    const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |part: &Option<Sample>| match part {
        None => ' ',
        Some(Sample { held: 0, .. }) => '▁',
        Some(Sample { held, limit, .. }) if held >= limit => '█',
        Some(Sample { held, limit, .. }) => {
            let level = (u64::from(*held) * 7 / u64::from(*limit).max(1)) as usize;
            EIGHTHS[level.clamp(1, 6)]
        }
    };
    parts.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use leasehold_core::{Limit, Settings, SummaryRow};

    fn look(at: u64, held: u32) -> Occupancy {
        let limit = Limit::try_from(8).expect("a limit");
        let at = Timestamp::seconds(at);
        let row = SummaryRow { at, limit, held, waiting: 0, waiting_more: false, waiting_since: None };
        Occupancy::summarised(&row, &Settings::new("p".parse().expect("a prefix"), limit), row.at)
    }

    fn history(looks: &[(u64, u32)]) -> History {
        let mut history = History::default();
        looks.iter().for_each(|(at, held)| history.see(&look(*at, *held)));
        history
    }

    fn held(history: &History, end: u64, window: u64, count: usize) -> Vec<Option<u32>> {
        let end = Timestamp::seconds(end);
        let parts = history.parts(end, end, Millis::seconds(window), count);
        parts.into_iter().map(|part| part.map(|sample| sample.held)).collect()
    }

    #[test]
    fn each_part_shows_its_fullest_moment() {
        let history = history(&[(1_000, 1), (1_015, 5), (1_016, 2), (1_030, 0)]);
        assert_eq!(held(&history, 1_040, 60, 6), [None, None, Some(1), Some(5), Some(2), Some(0)]);
    }

    #[test]
    fn what_was_not_looked_at_for_long_is_not_known() {
        let history = history(&[(1_000, 3), (1_800, 4)]);
        let parts = held(&history, 1_900, 900, 9);
        assert_eq!(parts[0], Some(3));
        assert_eq!(parts[3..8], [None; 5]);
        assert_eq!(parts[8], Some(4));
    }

    #[test]
    fn what_could_not_be_read_is_not_known() {
        let mut history = history(&[(1_000, 3), (1_010, 3)]);
        let now = Timestamp::seconds(1_060);
        let known = |history: &History| {
            let parts = history.parts(now, Timestamp::seconds(1_012), Millis::seconds(60), 6);
            parts.into_iter().map(|part| part.map(|sample| sample.held)).collect::<Vec<_>>()
        };
        assert_eq!(known(&history), [Some(3), Some(3), None, None, None, None]);
        history.unread(Timestamp::seconds(1_012));
        // The same is seen again: it was not for all of the time between.
        history.see(&look(1_050, 3));
        assert_eq!(held(&history, 1_060, 60, 6), [Some(3), Some(3), None, None, None, Some(3)]);
        history.see(&look(1_051, 3));
        assert_eq!(history.0.len(), 2);
    }

    #[test]
    fn an_old_summary_does_not_count_until_the_rows_are_read() {
        let rows = |at, held| Occupancy { detail: Detail::Rows, ..look(at, held) };
        let chart = |of: &[Occupancy]| {
            let mut history = History::default();
            of.iter().for_each(|look| history.see(look));
            held(&history, 1_060, 60, 6)
        };
        // Its lease may have ended at once, or just now.
        assert_eq!(chart(&[look(1_001, 1), rows(1_051, 0)]), [Some(1), None, None, None, None, Some(0)]);
        assert_eq!(chart(&[look(1_001, 1), rows(1_051, 1)]), [Some(1); 6]);
        // The next sweep is the next that is known.
        assert_eq!(chart(&[look(1_001, 1), look(1_051, 0)]), [Some(1), Some(1), Some(1), Some(1), Some(1), Some(1)]);
        // Rows are read all the time, and a sweep between them hides nothing.
        assert_eq!(chart(&[rows(1_001, 1), look(1_028, 1), rows(1_031, 2)])[2..], [Some(1), Some(2), Some(2), Some(2)]);
    }

    #[test]
    fn looks_that_show_nothing_new_take_no_room() {
        let looks: Vec<(u64, u32)> = (0..800).map(|n| (1_000 + n, 3)).collect();
        assert_eq!(history(&looks).0.len(), 1);
        let looks: Vec<(u64, u32)> = (0..8_000).map(|n| (1_000 + n, (n % 2) as u32)).collect();
        assert!(history(&looks).0.len() < 1_100);
    }

    #[test]
    fn a_late_look_changes_nothing() {
        let history = history(&[(1_000, 3), (1_010, 4), (1_005, 8)]);
        assert_eq!(held(&history, 1_010, 60, 1), [Some(4)]);
    }

    #[test]
    fn a_sparkline_tells_empty_some_and_full_apart() {
        let sample = |held, limit| Some(Sample { held, limit, waiting: 0 });
        let parts = [None, sample(0, 10_000), sample(1, 10_000), sample(5, 10), sample(9_999, 10_000), sample(10, 10)];
        assert_eq!(sparkline(&parts), " ▁▂▄▇█");
        assert_eq!(sparkline(&[sample(0, 0), sample(3, 0)]), "▁█");
    }

    #[test]
    fn the_window_grows_with_what_was_seen() {
        let window = |seen| window(Timestamp::seconds(0), Timestamp::seconds(seen), 60).1.0 / 1_000;
        assert_eq!((window(5), window(61), window(400), window(100_000)), (30, 120, 600, 900));
    }
}
