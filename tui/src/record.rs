//! `leasehold record`: how is what a dashboard would show saved?

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use leasehold_core::PoolName;
use leasehold_store::list_pools;
use leasehold_tui::watch::input::{Input, Subscription};
use leasehold_tui::watch::poller::poll;
use leasehold_tui::watch::screen::Channels;
use tokio::time::{Instant, sleep_until};

use crate::error::CliError;
use crate::output::{complain, shown};
use crate::recording::{between_looks, recorder, recording_file, region};
use crate::stop_signal::stop_signal;
use crate::target::Target;

/// Save a dashboard's data in a file, to be played back
///
/// Writes JSON lines, one look at one pool each: `leasehold watch --replay FILE` plays them, and so does the page.
/// Goes on until it is stopped (ctrl-C), or as long as --for says.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = AFTER_RECORD)]
pub(crate) struct RecordOptions {
    /// The file; one that is there is replaced
    #[arg(long, value_name = "FILE", value_parser = recording_file)]
    out: PathBuf,

    /// Record this pool alone, with its slots and queue (may be given several times; by default all pools)
    #[arg(long, value_name = "PREFIX")]
    prefix: Vec<PoolName>,

    /// How often each pool is read
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = between_looks, allow_hyphen_values = true)]
    every: Duration,

    /// Stop after this time
    #[arg(long = "for", value_name = "TIME", value_parser = between_looks, allow_hyphen_values = true)]
    lasts: Option<Duration>,
}

const AFTER_RECORD: &str = "\
The first line is {\"leasehold_trace\":1,\"table\",\"region\",\"recorded_at_ms\",\"program\"}; every other line is
{\"at_ms\",\"pool\":{...}}, a whole pool with its slots and queue, or {\"at_ms\",\"gone\":PREFIX}, or
{\"at_ms\",\"broken\":PREFIX,\"why\",\"slots\",\"rest\"}, a pool of which not all rows can be read, with what could be.
`leasehold schema record` says it exactly. Times are in milliseconds since 1970.
A recording that was cut off can be played as far as it goes.

Exit status: 0 stopped by ctrl-C or by --for; 1 a pool does not exist; 2 the options make no sense or the file
cannot be written; 3 the table cannot be used.";

impl RecordOptions {
    /// Records until it is stopped.
    pub(crate) async fn run(self, target: &Target) -> Result<(), CliError> {
        let runner = target.runner().await?;
        let table = runner.table().clone();
        // Before a file is replaced: what is to be recorded must be there.
        list_pools(&table).await?;
        for prefix in &self.prefix {
            runner.settings(prefix).await?;
        }
        let mut recorder = recorder(&self.out, &table, region(&table))?;
        let (channels, subscribed) = Channels::new();
        let Channels { inputs, mut incoming, subscription } = channels;
        subscription.send_replace(Subscription { pools: self.prefix.clone(), ..Subscription::default() });
        let reading = tokio::spawn(poll(table.clone(), self.every, subscribed, inputs));
        let end = self.lasts.map(|lasts| Instant::now() + lasts);
        let mut over = std::pin::pin!(async move {
            match end {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        });
        let mut stop = std::pin::pin!(stop_signal());
        let (mut told_broken, mut failed) = (BTreeSet::new(), 0_u64);
        loop {
            let mut input = tokio::select! {
                Some(input) = incoming.recv() => input,
                () = &mut over => break,
                signal = &mut stop => {
                    signal?;
                    break;
                }
            };
            match &input {
                Input::Listed(listed) if self.prefix.is_empty() => {
                    let pools = listed.pools.iter().map(|pool| pool.prefix.clone()).collect();
                    subscription.send_replace(Subscription { pools, ..Subscription::default() });
                }
                // Whoever reads standard error is told; the recording goes on when it can.
                Input::Failed { why, .. } => {
                    failed += 1;
                    complain(&format!("{why}; trying again"));
                }
                Input::Unreadable { prefix, why } if told_broken.insert(prefix.clone()) => {
                    complain(&format!("pool {prefix} cannot be read, and is recorded as broken: {why}"));
                }
                Input::Damaged(look) if told_broken.insert(look.rest.prefix.clone()) => {
                    let (prefix, why) = (&look.rest.prefix, &look.why);
                    complain(&format!("not all of pool {prefix} can be read, and it is recorded as broken: {why}"));
                }
                _ => {}
            }
            // A recording may be sent to somebody: it names no pool that it was not asked for.
            if let Input::Listed(listed) = &mut input
                && !self.prefix.is_empty()
            {
                listed.pools.retain(|pool| self.prefix.contains(&pool.prefix));
            }
            recorder.keep(table.now(), &input).map_err(|why| CliError::Unwritable { path: self.out.clone(), why })?;
        }
        reading.abort();
        let (looks, pools) = recorder.kept();
        let told = shown(&format!("{} in {}{}", kept(looks, pools), self.out.display(), gaps(failed)));
        drop(writeln!(std::io::stderr(), "{told}"));
        Ok(())
    }
}

/// What a recording has, as the beginning of a sentence.
fn kept(looks: u64, pools: usize) -> String {
    let (look, are) = if looks == 1 { ("look", "is") } else { ("looks", "are") };
    let pool = if pools == 1 { "pool" } else { "pools" };
    format!("{looks} {look} at {pools} {pool} {are}")
}

/// That a recording has gaps, if it has some.
fn gaps(failed: u64) -> String {
    match failed {
        0 => String::new(),
        1 => ", which has a gap: the table could not be read once".into(),
        failed => format!(", which has gaps: the table could not be read {failed} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_look_is_told_as_one() {
        let told = [(0, 0), (1, 1), (2, 1), (7, 2)].map(|(looks, pools)| kept(looks, pools));
        let expected =
            ["0 looks at 0 pools are", "1 look at 1 pool is", "2 looks at 1 pool are", "7 looks at 2 pools are"];
        assert_eq!(told, expected);
        let told = [0, 1, 4].map(gaps);
        let times = ", which has gaps: the table could not be read 4 times";
        assert_eq!(told, ["", ", which has a gap: the table could not be read once", times]);
    }
}
