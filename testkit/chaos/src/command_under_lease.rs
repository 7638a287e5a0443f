//! The command that `leasehold run` runs here: works for a while and writes down under which lease. Its clock is right,
//! whatever that of its parent is.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use crate::record::{Event, RecordWriter};

/// What the command does.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CommandOptions {
    /// What it writes down
    #[arg(long)]
    record: PathBuf,
    /// Its job
    #[arg(long)]
    job: u64,
    /// When its lease was asked for, in milliseconds since the epoch
    #[arg(long)]
    asked: u64,
    /// How long it works, in milliseconds
    #[arg(long)]
    millis: u64,
}

/// Works, unless it is told to end.
pub(crate) async fn work(options: CommandOptions) -> io::Result<()> {
    let mut ended = signal(SignalKind::terminate())?;
    let mut record = RecordWriter::open(&options.record)?;
    let variable = |name: &str| std::env::var(name).map_err(io::Error::other);
    let number = |name: &str| variable(name)?.parse::<u64>().map_err(io::Error::other);
    let holder = variable("LEASEHOLD_LEASE_ID")?;
    let slot = u32::try_from(number("LEASEHOLD_SLOT")?).map_err(io::Error::other)?;
    let fence = number("LEASEHOLD_FENCE")?;
    record.write_at(options.asked, Event::Asked { holder: holder.clone() })?;
    record.write(Event::Acquired { holder: holder.clone(), slot, fence, expires_at: None })?;
    tokio::select! {
        () = sleep(Duration::from_millis(options.millis)) => {
            record.write(Event::Done { job: options.job })?;
            record.write(Event::Releasing { holder })
        }
        _ = ended.recv() => {
            record.write(Event::Lost { holder, why: "it was told to end".into() })?;
            Err(io::Error::other("told to end"))
        }
    }
}
