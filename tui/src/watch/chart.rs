//! Occupancy charts: how do a pool's last minutes look as a picture of characters?
//! Columns for those who held a lease, a line for the limit; what lies above the line has another texture, so that no
//! colour is needed to see it.

use super::history::Sample;

/// What a cell of the picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Leases within the limit.
    Held,
    /// Leases above the limit.
    Over,
    /// The limit.
    Limit,
}

/// A cell: its character and what it shows.
pub type Cell = Option<(char, Ink)>;

/// A picture: rows from the top, each of as many cells as there are parts; and the number at its top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartPicture {
    /// The rows, from the top.
    pub rows: Vec<Vec<Cell>>,
    /// What the top edge stands for.
    pub top: u32,
    /// The row, from the top, that the last known limit is in.
    pub limit_row: Option<usize>,
}

const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws so many rows. What is above the limit begins in the line's own row.
pub fn picture(parts: &[Option<Sample>], height: usize) -> ChartPicture {
    let known = || parts.iter().flatten();
    let highest = known().map(|sample| sample.held.max(sample.limit)).max().unwrap_or(1).max(1);
    let mut rows = vec![vec![None; parts.len()]; height];
    if height < 2 {
        return ChartPicture { rows, top: highest, limit_row: None };
    }
    // One row is kept free above the highest: the line of the limit lies on what it limits, not in it.
    let eighths = |count: u32| (u64::from(count) * 8 * (height as u64 - 1)).div_ceil(u64::from(highest)) as usize;
    let line = |limit: u32| (eighths(limit) / 8).min(height - 1);
    for (column, sample) in parts.iter().enumerate() {
        let Some(sample) = sample else { continue };
        let (held, limit) = (eighths(sample.held), line(sample.limit));
        let over = sample.held > sample.limit;
        for row in 0..height {
            let filled = held.saturating_sub(row * 8).min(8);
            let cell = if over && row >= limit && filled > 0 {
                Some(('▓', Ink::Over))
            } else if row == limit {
                Some(('─', Ink::Limit))
            } else if filled > 0 {
                Some((EIGHTHS[filled], Ink::Held))
            } else {
                None
            };
            rows[height - 1 - row][column] = cell;
        }
    }
    let limit_row = known().last().map(|sample| height - 1 - line(sample.limit));
    ChartPicture { rows, top: highest, limit_row }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(samples: &[(u32, u32)], height: usize) -> Vec<String> {
        let parts: Vec<_> =
            samples.iter().map(|(held, limit)| Some(Sample { held: *held, limit: *limit, waiting: 0 })).collect();
        let cell = |cell: &Cell| cell.map_or(' ', |(c, _)| c);
        picture(&parts, height).rows.iter().map(|row| row.iter().map(cell).collect()).collect()
    }

    #[test]
    fn a_full_pool_reaches_its_limit_and_a_fuller_one_passes_it() {
        assert_eq!(drawn(&[(0, 4), (1, 4), (2, 4), (4, 4)], 5), ["────", "   █", "   █", "  ██", " ███"]);
        assert_eq!(drawn(&[(4, 4), (6, 4)], 4), ["  ", "─▓", "██", "██"]);
    }

    #[test]
    fn one_lease_of_many_is_still_seen() {
        assert_eq!(drawn(&[(1, 10_000)], 3), ["─", " ", "▁"]);
    }

    #[test]
    fn the_line_follows_a_limit_that_changes() {
        assert_eq!(drawn(&[(0, 2), (0, 4)], 5), [" ─", "  ", "─ ", "  ", "  "]);
    }

    #[test]
    fn a_drained_pool_has_its_line_at_the_bottom() {
        assert_eq!(drawn(&[(0, 0), (1, 0)], 3), ["  ", " ▓", "─▓"]);
    }

    #[test]
    fn without_anything_known_or_without_room_it_is_empty() {
        assert!(picture(&[None, None], 3).rows.iter().flatten().all(Option::is_none));
        assert_eq!(drawn(&[(1, 1)], 1), [" "]);
        assert_eq!(picture(&[], 0).rows, Vec::<Vec<Cell>>::new());
    }
}
