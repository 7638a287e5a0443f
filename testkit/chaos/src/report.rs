//! The report of a run: what happened in it, in figures, and which promises were broken?

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

use clap::ValueEnum;

use crate::world::{Plan, RunResult};

/// How many of the last words of commands that were not done are told, the most frequent first.
const LAST_WORDS: usize = 5;

/// The command that plays a plan with the same seed again. Processes are scheduled anew: it is the same weather, not the same day.
pub(crate) fn command(plan: &Plan) -> String {
    let engine = plan.engine.to_possible_value().map_or_else(String::new, |engine| engine.get_name().to_owned());
    format!("make chaos ENGINE={engine} SEED={} JOBS={}", plan.seed, plan.jobs)
}

/// Prints it.
pub(crate) fn print(plan: &Plan, result: &RunResult) {
    let line = |what: &str, figure: String| println!("  {what:<34}{figure}");
    line("jobs done", format!("{} of {}", result.done, result.jobs));
    line("leases told", result.judgement.told.to_string());
    line("leases that were over too early", result.judgement.lost.to_string());
    line("peak held / limit", format!("{} / {}", result.judgement.peak, plan.limit));
    line("invocations", result.invocations.to_string());
    let [table, tasks] = &result.network;
    line("requests to the table", format!("{} on {} connections", table.requests, table.connections));
    line("requests to Step Functions", format!("{} on {} connections", tasks.requests, tasks.connections));
    let mut faults = BTreeMap::new();
    for (fault, count) in table.faults.iter().chain(&tasks.faults) {
        *faults.entry(format!("{fault:?}")).or_insert(0) += count;
    }
    line("faults of the network", faults.values().sum::<u64>().to_string());
    for (fault, count) in &faults {
        line(&format!("  {fault}"), count.to_string());
    }
    let lanes = &result.lanes.counts;
    line("callers, processes", lanes.processes.load(Relaxed).to_string());
    line("  killed / stopped", format!("{} / {}", lanes.kills.load(Relaxed), lanes.stops.load(Relaxed)));
    line("  commands with a wrong clock", lanes.wrong_clocks.load(Relaxed).to_string());
    line("  commands done", lanes.commands_done.load(Relaxed).to_string());
    line("  commands not done, done again", lanes.not_done.load(Relaxed).to_string());
    let mut said: Vec<_> =
        lanes.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone().into_iter().collect();
    said.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    for (words, times) in said.iter().take(LAST_WORDS) {
        line("    said last", format!("{times}: {words}"));
    }
    line("environments killed or stopped", result.struck_environments.to_string());
    let searched = &result.searched;
    let went = format!("{} in {} files, {} kB", searched.found.len(), searched.files, searched.bytes / 1_000);
    line("task tokens handed out", result.tokens.to_string());
    line("  found in what was written", went);
    line("seconds", format!("{:.1}", result.took.as_secs_f64()));
    for broken in &result.judgement.broken {
        println!("  ✘ {broken}");
    }
    if result.judgement.broken.is_empty() {
        println!("  ✔ no limit was exceeded, no fence went back, no job was lost, every slot is free, nobody waits");
    }
}
