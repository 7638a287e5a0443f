//! The report as plots: SVG, each for a light and for a dark page. What goes over the limit is drawn in another colour, as its
//! speed is worth nothing.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::Report;
use crate::BenchError;
use crate::crowd::CrowdFigures;
use crate::experiments::{ContenderReport, ExperimentReport};
use crate::ways::WayKind;

/// The colours of a page.
#[derive(Clone, Copy)]
struct Theme {
    name: &'static str,
    back: RGBColor,
    ink: RGBColor,
    faint: RGBColor,
    ours: RGBColor,
    theirs: RGBColor,
    over: RGBColor,
}

const THEMES: [Theme; 2] = [
    Theme {
        name: "light",
        back: RGBColor(255, 255, 255),
        ink: RGBColor(31, 35, 40),
        faint: RGBColor(208, 215, 222),
        ours: RGBColor(9, 105, 218),
        theirs: RGBColor(140, 149, 159),
        over: RGBColor(207, 34, 46),
    },
    Theme {
        name: "dark",
        back: RGBColor(13, 17, 23),
        ink: RGBColor(230, 237, 243),
        faint: RGBColor(48, 54, 61),
        ours: RGBColor(88, 166, 255),
        theirs: RGBColor(125, 133, 144),
        over: RGBColor(248, 81, 73),
    },
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws all plots into a folder.
///
/// # Errors
/// When a file can not be written.
pub(crate) fn draw(report: &Report, folder: &Path) -> Result<(), BenchError> {
    for theme in THEMES {
        let file = |name: &str| folder.join(format!("{name}-{}.svg", theme.name));
        let short: Vec<_> = report.experiments_of("short-").collect();
        if !short.is_empty() {
            let path = file("throughput");
            let root = SVGBackend::new(&path, (860, 60 + 230 * u32::try_from(short.len())?)).into_drawing_area();
            root.fill(&theme.back).map_err(said)?;
            for (experiment, area) in short.iter().zip(root.split_evenly((short.len(), 1))) {
                throughput(experiment, &area, theme)?;
            }
            root.present().map_err(said)?;
        }
        let costs: Vec<_> = report.experiments_of("cost-15-").collect();
        let cost = lines_of(&costs, |run| run.dollars_per_million);
        curves(&cost, "$ a million jobs, 15 slots, by callers at once", &file("cost"), theme)?;
        let waits: Vec<Line> = WAYS
            .iter()
            .map(|way| {
                let of = report.latencies.iter().filter(|one| one.way == *way);
                (*way, of.map(|one| (f64::from(one.callers), one.acquire.p99)).collect())
            })
            .collect();
        curves(&waits, "acquire p99 in ms where nobody waits, by callers at once", &file("latency"), theme)?;
    }
    Ok(())
}

/// A way, and its points.
type Line = (WayKind, Vec<(f64, f64)>);

const WAYS: [WayKind; 6] = [
    WayKind::Queue,
    WayKind::Poll,
    WayKind::CountThenPut,
    WayKind::Counter,
    WayKind::PolledSlots,
    WayKind::LockPerSlot,
];

fn lines_of(experiments: &[&ExperimentReport], figure: impl Fn(&CrowdFigures) -> f64) -> Vec<Line> {
    let point = |way: WayKind, experiment: &ExperimentReport| {
        Some((f64::from(experiment.callers), experiment.row(way)?.spread(&figure).median))
    };
    WAYS.iter().map(|way| (*way, experiments.iter().filter_map(|one| point(*way, one)).collect())).collect()
}

/// Bars of jobs a second, each of several runs from the slowest to the fastest.
fn throughput(experiment: &ExperimentReport, area: &Area<'_>, theme: Theme) -> Result<(), BenchError> {
    let rows: Vec<&ContenderReport> = WAYS.iter().filter_map(|way| experiment.row(*way)).collect();
    let possible = f64::from(experiment.limit) * 1_000.0 / experiment.work_ms.max(1) as f64;
    let (left, top, height, width) = (190, 44, 25, 470.0);
    let right = possible * 1.15;
    let x = |rate: f64| left + (width * rate.min(right) / right) as i32;
    let text = |size: i32, colour: RGBColor| ("sans-serif", size).into_font().color(&colour);
    let title = format!(
        "{} slots, work of {} ms: jobs a second, {} callers",
        experiment.limit, experiment.work_ms, experiment.callers
    );
    area.draw(&Text::new(title, (16, 14), text(16, theme.ink))).map_err(said)?;
    let mut told = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let y = top + i32::try_from(at)? * (height + 4);
        let rate = row.spread(|run| run.jobs_per_second);
        let over = row.peak() > experiment.limit;
        let colour = if over {
            theme.over
        } else if row.way.is_ours() {
            theme.ours
        } else {
            theme.theirs
        };
        area.draw(&Text::new(row.way.to_string(), (16, y + 5), text(14, theme.ink))).map_err(said)?;
        let bar = Rectangle::new([(left, y), (x(rate.median), y + height)], colour.filled());
        area.draw(&bar).map_err(said)?;
        let middle = y + height / 2;
        let whisker = PathElement::new([(x(rate.min), middle), (x(rate.max), middle)], theme.ink.stroke_width(2));
        area.draw(&whisker).map_err(said)?;
        let beside = x(rate.max.max(rate.median)).max(if over { x(right) - 4 } else { 0 }) + 8;
        told.push(if over {
            (format!("{:.0}, with {} at once of {}", rate.median, row.peak(), experiment.limit), beside, y, theme.over)
        } else {
            (format!("{:.0}", rate.median), beside, y, theme.ink)
        });
    }
    let bottom = top + i32::try_from(rows.len())? * (height + 4);
    let line = PathElement::new([(x(possible), top - 6), (x(possible), bottom)], theme.ink.stroke_width(1));
    area.draw(&line).map_err(said)?;
    for (words, beside, y, colour) in told {
        // The line of what is possible stops at a number, so that both can be read.
        let end = beside + i32::try_from(words.len())? * 8;
        let back = Rectangle::new([(beside - 3, y), (end, y + height)], theme.back.filled());
        area.draw(&back).map_err(said)?;
        area.draw(&Text::new(words, (beside, y + 5), text(14, colour))).map_err(said)?;
    }
    area.draw(&Text::new(format!("{possible:.0} are possible"), (x(possible) - 60, bottom + 4), text(13, theme.ink)))
        .map_err(said)?;
    Ok(())
}

/// Lines on axes that are both logarithmic.
fn curves(lines: &[Line], title: &str, path: &Path, theme: Theme) -> Result<(), BenchError> {
    let points: Vec<(f64, f64)> = lines.iter().flat_map(|(_, points)| points.iter().copied()).collect();
    let bounds = |values: Vec<f64>| {
        let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
        (low * 0.8, high * 1.3)
    };
    if points.is_empty() {
        return Ok(());
    }
    let (x, y) = (bounds(points.iter().map(|p| p.0).collect()), bounds(points.iter().map(|p| p.1.max(0.01)).collect()));
    let root = SVGBackend::new(path, (860, 420)).into_drawing_area();
    root.fill(&theme.back).map_err(said)?;
    let text = |size: i32| ("sans-serif", size).into_font().color(&theme.ink);
    let mut chart = ChartBuilder::on(&root)
        .caption(title, text(16))
        .margin(12)
        .margin_right(180)
        .x_label_area_size(32)
        .y_label_area_size(64)
        .build_cartesian_2d((x.0..x.1).log_scale(), (y.0..y.1).log_scale())
        .map_err(said)?;
    chart
        .configure_mesh()
        .axis_style(theme.ink)
        .bold_line_style(theme.faint)
        .light_line_style(theme.back)
        .label_style(text(13))
        .x_label_formatter(&|value| value.to_string())
        .y_label_formatter(&|value| value.to_string())
        .draw()
        .map_err(said)?;
    let peers = [theme.over, RGBColor(191, 135, 0), RGBColor(26, 127, 55), RGBColor(130, 80, 223)];
    let mut ends: Vec<(i32, WayKind, RGBColor)> = Vec::new();
    for (way, points) in lines {
        let Some(last) = points.last() else { continue };
        let at = WayKind::PEERS.iter().position(|peer| peer == way);
        let colour = at.map_or(theme.ours, |at| peers[at]);
        let width = if *way == WayKind::Queue { 3 } else { 2 };
        chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(width))).map_err(said)?;
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled()))).map_err(said)?;
        ends.push((chart.backend_coord(last).1, *way, colour));
    }
    // Names beside the ends of their lines, moved apart where they would lie on each other.
    ends.sort_unstable_by_key(|end| end.0);
    let mut free = 0;
    for (y, way, colour) in ends {
        let y = (y - 7).max(free);
        free = y + 17;
        root.draw(&Text::new(way.to_string(), (690, y), ("sans-serif", 13).into_font().color(&colour)))
            .map_err(said)?;
    }
    root.present().map_err(said)?;
    Ok(())
}

fn said(error: impl std::fmt::Display) -> BenchError {
    error.to_string().into()
}
