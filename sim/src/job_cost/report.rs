//! The report of costs: how much does a job take, at each limit and with so many waiters, beside what people use today?

use std::fmt::Write;

use super::{
    Asking, COUNT_THEN_PUT, COUNTER_ITEM, COUNTER_WITH_OWNERS, JobCost, LimitCosts, NotSteady, OtherWay, SteadyPool,
    free_of,
};
use crate::cost::Cost;

/// How wide a column of costs is.
const WIDE: usize = 25;

/// How wide a column after them is.
const TAIL: usize = 17;

/// The ways that are compared with.
const OTHER_WAYS: [OtherWay; 3] = [COUNT_THEN_PUT, COUNTER_ITEM, COUNTER_WITH_OWNERS];

/// How large rows are, and both tables, as text.
///
/// # Errors
/// When a pool is not in steady use.
pub fn report(costs: &[LimitCosts]) -> Result<String, NotSteady> {
    let [slot, holder, place] = SteadyPool::filled(5, 0, Asking::Queue)?.with_waiters(10)?.largest_rows();
    let sizes = format!("Largest rows, in bytes: a slot {slot}, a holder {holder}, a place in the queue {place}\n");
    let mut at_once =
        heading("A job that gets a slot at once", &["limit"], &["queue", "queue, last slot", "poll"], &["jobs/s"]);
    let mut waits =
        heading("A job that waits", &["limit", "waiters"], &["queue", "poll"], &["jobs/s", "trips to notice"]);
    for LimitCosts { limit, at_once: job, last_slot, queued, polled } in costs {
        let others = OTHER_WAYS.iter().map(|way| way.at_once(*limit));
        let cells =
            [job.cost, last_slot.cost, polled.at_once.cost].map(|cost| Ok(Some(cost))).into_iter().chain(others);
        row(&mut at_once, &[*limit], &cells.collect::<Result<Vec<_>, _>>()?, &[job.jobs_per_second()]);
        for (waiters, job) in queued {
            let others = OTHER_WAYS.iter().map(|way| way.waiting(*limit, *waiters));
            let cells =
                [job.cost, polled.waiting(*limit, *waiters)].map(|cost| Ok(Some(cost))).into_iter().chain(others);
            row(
                &mut waits,
                &[*limit, *waiters],
                &cells.collect::<Result<Vec<_>, _>>()?,
                &[job.jobs_per_second(), job.trips_to_notice],
            );
        }
    }
    let queue = SteadyPool::filled(15, 0, Asking::Queue)?.with_waiters(10)?.queued()?;
    let claim = SteadyPool::filled(15, free_of(15), Asking::Queue)?.at_once()?;
    let steps = steps("A job that gets a slot at once", &claim) + "\n" + &steps("A job that waits", &queue);
    Ok(format!("{sizes}\n{at_once}\n{waits}\n{steps}"))
}

/// What one job asks, step by step.
fn steps(title: &str, job: &JobCost) -> String {
    let mut text = format!("{title}, step by step (limit 15; write units / read units)\n\n");
    for (operation, steps) in ["acquire", "release"].into_iter().zip(&job.steps) {
        for (number, step) in (1..).zip(steps) {
            let asked = step.iter().map(|(what, cost)| match what.as_str() {
                "notice" => what.clone(),
                _ => format!("{what} ({} / {})", cost.write_units, cost.read_units),
            });
            let _ = writeln!(text, "  {operation} {number}  {}", asked.collect::<Vec<_>>().join(", "));
        }
    }
    text
}

fn heading(title: &str, left: &[&str], modes: &[&str], right: &[&str]) -> String {
    let mut text = format!("{title}: requests / write units / read units\n\n");
    for name in left {
        let _ = write!(text, "{name:>8}");
    }
    for name in modes.iter().copied().chain(OTHER_WAYS.map(|way| way.name)) {
        let _ = write!(text, "{name:>WIDE$}");
    }
    for name in right {
        let _ = write!(text, "{name:>TAIL$}");
    }
    text.push('\n');
    text
}

fn row(text: &mut String, left: &[u32], cells: &[Option<Cost>], right: &[u64]) {
    for number in left {
        let _ = write!(text, "{number:>8}");
    }
    for cell in cells {
        let said = cell.map_or("-".into(), |Cost { requests, write_units, read_units }| {
            format!("{requests} / {write_units} / {read_units}")
        });
        let _ = write!(text, "{said:>WIDE$}");
    }
    for number in right {
        let _ = write!(text, "{number:>TAIL$}");
    }
    text.push('\n');
}
