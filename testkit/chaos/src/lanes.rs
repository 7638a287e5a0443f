//! Lanes: who runs in the world, one process after the other? Callers of the lease manager, `leasehold run` with its command,
//! and those that count; each replaced when it dies, each blow to it written down before it is dealt.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use leasehold_core::PoolName;
use serde_json::json;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::account::Account;
use crate::environments::{FUNCTION_TIMEOUT, Invocation, invoke};
use crate::record::{Event, RecordWriter, now};
use crate::signalled::{Blow, Signalled};

/// How often the end of an execution is reported until it is taken: AWS repeats a call that failed twice.
const REPORTS: u32 = 3;

/// What the lanes of a world share.
#[derive(Debug)]
pub(crate) struct Lanes {
    pub(crate) account: Arc<Account>,
    pub(crate) events: mpsc::Sender<Invocation>,
    pub(crate) world: String,
    /// Where records and logs go.
    pub(crate) folder: PathBuf,
    pub(crate) kills: Mutex<RecordWriter>,
    pub(crate) own_binary: PathBuf,
    pub(crate) leasehold: PathBuf,
    pub(crate) faketime: PathBuf,
    pub(crate) prefix: PoolName,
    pub(crate) table: String,
    pub(crate) proxy: String,
    pub(crate) limit: u32,
    pub(crate) counts: LaneCounts,
}

/// What was done to processes.
#[derive(Debug, Default)]
pub(crate) struct LaneCounts {
    pub(crate) processes: AtomicU64,
    pub(crate) kills: AtomicU64,
    pub(crate) stops: AtomicU64,
    pub(crate) wrong_clocks: AtomicU64,
    /// `leasehold run`s whose command's work was done.
    pub(crate) commands_done: AtomicU64,
    /// `leasehold run`s that ended without their command's work done.
    pub(crate) not_done: AtomicU64,
    /// What those said last that nobody had killed, numbers left out.
    pub(crate) last_words: Mutex<BTreeMap<String, u64>>,
    /// Callers that ended by themselves before their time.
    pub(crate) crashed: AtomicU64,
}

impl Lanes {
    /// Callers of the lease manager, until all jobs are done.
    pub(crate) async fn callers(
        &self,
        lane: usize,
        counting: bool,
        blows: &mut mpsc::Receiver<Blow>,
    ) -> io::Result<()> {
        for number in 0.. {
            let name = format!("caller-{lane}-{number}");
            let mut command = Command::new(&self.own_binary);
            command.args([
                if counting { "count-then-put" } else { "caller" },
                "--caller",
                &name,
                "--world",
                &self.world,
            ]);
            command.arg("--record").arg(self.record(&name));
            if counting {
                command.args(["--endpoint", &self.proxy, "--table", &self.table, "--limit", &self.limit.to_string()]);
            } else {
                command.args(["--seed", &fastrand::u64(..).to_string()]);
            }
            self.streams(&mut command, &name)?;
            let (done, ended) = self.until_it_ends(&name, &mut command, blows).await?;
            if done {
                return Ok(());
            }
            if ended.is_none() {
                self.counts.crashed.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(execution) = self.account.bury(&name, ended.unwrap_or(true)) {
                self.report(execution);
            }
        }
        Ok(())
    }

    /// `leasehold run`, one job after the other.
    pub(crate) async fn commands(&self, lane: usize, blows: &mut mpsc::Receiver<Blow>) -> io::Result<()> {
        for number in 0.. {
            let name = format!("run-{lane}-{number}");
            let given = self.account.next_job(&name, None);
            let Some(job) = given["job"].as_u64() else {
                if given["end"] == true {
                    return Ok(());
                }
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            let mut command = self.leasehold_run(&name, job);
            self.streams(&mut command, &name)?;
            let (done, killed) = self.until_it_ends(&name, &mut command, blows).await?;
            if done {
                self.counts.commands_done.fetch_add(1, Ordering::Relaxed);
                self.account.done_by(&name, job);
            } else {
                if killed.is_none() {
                    let words = self.last_words(&name)?;
                    *self.counts.last_words.lock().unwrap_or_else(PoisonError::into_inner).entry(words).or_default() +=
                        1;
                }
                self.counts.not_done.fetch_add(1, Ordering::Relaxed);
                self.account.bury(&name, true);
            }
        }
        Ok(())
    }

    fn leasehold_run(&self, name: &str, job: u64) -> Command {
        const WRONG: [&str; 4] = ["+25s", "-25s", "+1d", "-1d"];
        let mut command = match fastrand::u8(..4) {
            0 => {
                self.counts.wrong_clocks.fetch_add(1, Ordering::Relaxed);
                let mut command = Command::new(&self.faketime);
                command.arg(WRONG[fastrand::usize(..WRONG.len())]).arg(&self.leasehold);
                command
            }
            _ => Command::new(&self.leasehold),
        };
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(aws_variables()).env("AWS_ENDPOINT_URL", &self.proxy);
        command.args(["--table", &self.table, "run", "--prefix", self.prefix.as_str(), "--wait", "60s", "--quiet"]);
        command.args(["--kill-on-loss", "--", "env", "-u", "LD_PRELOAD"]).arg(&self.own_binary).arg("command");
        command.arg("--record").arg(self.record(name)).args(["--job", &job.to_string()]);
        // Some work outlasts a lease that nobody renews.
        let millis = if fastrand::u8(..12) == 0 { 6_000 } else { fastrand::u64(20..400) };
        command.args(["--asked", &now().to_string(), "--millis", &millis.to_string()]);
        command
    }

    fn record(&self, name: &str) -> PathBuf {
        self.folder.join("records").join(format!("{name}.jsonl"))
    }

    /// The last line that a process wrote, its numbers left out: the same trouble reads the same.
    fn last_words(&self, name: &str) -> io::Result<String> {
        let log = std::fs::read(self.log(name))?;
        let log = String::from_utf8_lossy(&log);
        let line = log.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing");
        let mut words = line.replace(|letter: char| letter.is_ascii_digit(), "#");
        while words.contains("##") {
            words = words.replace("##", "#");
        }
        Ok(words)
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{name}.log"))
    }

    fn streams(&self, command: &mut Command, name: &str) -> io::Result<()> {
        let log = File::create(self.log(name))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(())
    }

    /// Whether it ended well; and, if it was killed, whether its executions ended with it.
    async fn until_it_ends(
        &self,
        name: &str,
        command: &mut Command,
        blows: &mut mpsc::Receiver<Blow>,
    ) -> io::Result<(bool, Option<bool>)> {
        self.counts.processes.fetch_add(1, Ordering::Relaxed);
        let mut process = Signalled::start(command)?;
        let mut killed = None;
        loop {
            match process.next(blows).await? {
                Ok(status) => return Ok((status.success(), killed)),
                Err(blow) => {
                    let caller = name.to_owned();
                    let (event, count) = match blow {
                        Blow::Kill { ended } => {
                            killed = Some(ended);
                            (Event::Killed { caller, ended }, &self.counts.kills)
                        }
                        Blow::Stop(_) => (Event::Stopped { caller }, &self.counts.stops),
                    };
                    count.fetch_add(1, Ordering::Relaxed);
                    self.kills.lock().unwrap_or_else(PoisonError::into_inner).write(event)?;
                    process.strike(blow);
                }
            }
        }
    }

    /// Reports that an execution was aborted, as EventBridge does: once, or not at all.
    fn report(&self, execution: String) {
        if fastrand::u8(..4) == 0 {
            return;
        }
        let events = self.events.clone();
        let detail = json!({ "executionArn": execution, "status": "ABORTED", "startDate": 0, "stopDate": now() });
        let event = json!({ "detail-type": "Step Functions Execution Status Change", "source": "aws.states", "detail": detail });
        tokio::spawn(async move {
            for _ in 0..REPORTS {
                if invoke(&events, event.clone(), FUNCTION_TIMEOUT).await.is_ok() {
                    return;
                }
            }
        });
    }
}

/// What a client of AWS needs in its environment here, and nothing of this machine's own.
pub(crate) fn aws_variables() -> [(&'static str, &'static str); 6] {
    [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ]
}
