//! Does `leasehold demo` keep its promises? The real binary on short scenarios.

#![expect(clippy::expect_used, reason = "a test that cannot go on says why")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(name)
}

fn demo(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    command.arg("demo").args(arguments).output().expect("the binary runs")
}

fn quick(arguments: &[&str]) -> Output {
    let file = scenario("quick.toml");
    demo(&[&[file.to_str().expect("a path")], arguments].concat())
}

/// The report of a run that ended well.
fn report(output: &Output) -> Value {
    let told = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    assert_eq!(output.status.code(), Some(0), "{told}{report:#}");
    assert_eq!(report["ok"], true, "{told}{report:#}");
    report
}

fn pool<'a>(report: &'a Value, prefix: &str) -> &'a Value {
    let pools = report["pools"].as_array().expect("pools");
    pools.iter().find(|pool| pool["prefix"] == prefix).expect(prefix)
}

/// A file in a folder of its own, gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Folder(folder)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a path").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn both_pools_are_filled_to_their_limit_and_nothing_is_lost() {
    let report = report(&quick(&["--json"]));
    for (prefix, limit, items) in [("analytics", 4, 12), ("batch", 2, 6)] {
        let pool = pool(&report, prefix);
        assert_eq!((&pool["peak_held"], &pool["done"], &pool["items"]), (&limit.into(), &items.into(), &items.into()));
        assert_eq!((&pool["lost"], &pool["still_held"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    }
}

#[test]
fn the_json_report_has_the_fields_that_the_help_names() {
    let help = demo(&["--help"]);
    let help = String::from_utf8(help.stdout).expect("text");
    let report = report(&quick(&["--json", "--kill", "1", "--limit", "batch=3@0.3"]));
    let named = |value: &Value, place: &str| {
        for field in value.as_object().expect(place).keys() {
            let word = |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|w| w == field);
            assert!(word(&help), "{field} of {place} is not in the help");
        }
    };
    named(&report, "the report");
    for pool in report["pools"].as_array().expect("pools") {
        named(pool, "a pool");
        for part in ["wait", "per_job", "upkeep"] {
            named(&pool[part], part);
            assert!(pool[part].as_object().expect(part).values().all(|number| number.as_f64().is_some()), "{part}");
        }
        assert!(
            pool["per_job"]["requests"].as_f64() > Some(1.0) && pool["per_job"]["write_units"].as_f64() > Some(1.0)
        );
    }
}

#[test]
fn slots_of_dead_workers_come_back_and_their_items_are_done() {
    let report = report(&quick(&["--json", "--kill", "3"]));
    let (analytics, batch) = (pool(&report, "analytics"), pool(&report, "batch"));
    assert_eq!((&analytics["died"], &analytics["reclaimed"], &analytics["done"]), (&2.into(), &2.into(), &12.into()));
    assert_eq!((&batch["died"], &batch["reclaimed"], &batch["done"]), (&1.into(), &1.into(), &6.into()));
}

#[test]
fn more_workers_may_die_than_there_are_slots() {
    let report = report(&quick(&["--json", "--kill", "18"]));
    assert_eq!((&pool(&report, "analytics")["died"], &pool(&report, "batch")["reclaimed"]), (&12.into(), &6.into()));
}

#[test]
fn workers_that_poll_get_everything_done_too() {
    let report = report(&quick(&["--json", "--poll"]));
    assert_eq!((&report["mode"], &pool(&report, "analytics")["done"]), (&"poll".into(), &12.into()));
    assert_eq!(pool(&report, "analytics")["peak_held"], 4);
}

#[test]
fn a_drained_pool_lets_nobody_in_until_it_is_opened_again() {
    let report = report(&quick(&["--json", "--limit", "analytics=0@0.1", "--limit", "analytics=4@1.5"]));
    let analytics = pool(&report, "analytics");
    assert_eq!((&analytics["limit"], &analytics["done"]), (&4.into(), &12.into()));
    assert!(analytics["ideal"].as_f64() > Some(1.5), "those who waited could not begin before: {analytics}");
}

#[test]
fn a_pool_that_is_drained_for_good_loses_its_items_and_says_so() {
    let folder = Folder::new("drained");
    let file = folder.file("drained.toml");
    let pool = "[[pool]]\nprefix = \"batch\"\nlimit = 0\nitems = 2\nwait_seconds = 1\n";
    std::fs::write(&file, format!("work_seconds = 0.2\n{pool}")).expect("written");
    let output = demo(&[&file, "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!((output.status.code(), &report["ok"]), (Some(1), &Value::Bool(false)), "{output:?}");
    let pool = self::pool(&report, "batch");
    assert_eq!((&pool["done"], pool["lost"].as_array().map(Vec::len)), (&0.into(), Some(2)));
    assert_eq!((&pool["ideal"], &pool["over_ideal_percent"]), (&Value::Null, &Value::Null));
    let words = String::from_utf8(demo(&[&file, "--plain"]).stdout).expect("text");
    assert!(words.contains("was lost: ") && !words.contains('%'), "{words}");
}

#[test]
fn a_limit_that_is_raised_or_lowered_is_followed() {
    let report = report(&quick(&["--json", "--limit", "analytics=6@0.1", "--limit", "batch=1@0.3"]));
    let (analytics, batch) = (pool(&report, "analytics"), pool(&report, "batch"));
    assert_eq!((&analytics["limit"], &analytics["peak_held"]), (&6.into(), &6.into()));
    assert_eq!(
        (&batch["limit"], &batch["limit_changes"][0]["limit"], &batch["done"]),
        (&1.into(), &1.into(), &6.into())
    );
}

#[test]
fn long_work_keeps_its_lease_by_renewing_it() {
    let folder = Folder::new("renewing");
    let file = folder.file("long.toml");
    let text = "work_seconds = 1.5\nlease_seconds = 0.6\ngrace_seconds = 0.1\nsweep_seconds = 0.1\n\
                [[pool]]\nprefix = \"long\"\nlimit = 2\nitems = 3\n";
    std::fs::write(&file, text).expect("written");
    let report = report(&demo(&["--scenario", &file, "--json"]));
    assert!(pool(&report, "long")["renewed"].as_u64() >= Some(6), "{report:#}");
    assert_eq!(pool(&report, "long")["done"], 3);
}

#[test]
fn of_two_thousand_at_once_all_are_done_at_little_cost() {
    let folder = Folder::new("crowd");
    let file = folder.file("crowd.toml");
    let text = "work_seconds = 3\nlease_seconds = 60\n[[pool]]\nprefix = \"crowd\"\nlimit = 1000\nitems = 2000\n";
    std::fs::write(&file, text).expect("written");
    let report = report(&demo(&["--scenario", &file, "--json"]));
    let crowd = pool(&report, "crowd");
    assert_eq!((&crowd["done"], &crowd["asked_again"]), (&2_000.into(), &0.into()));
    let job = &crowd["per_job"];
    // Where each read all slots, a job would read 250 units; some of them meet, on a busy machine more of them.
    assert!(job["requests"].as_f64() < Some(12.0) && job["read_units"].as_f64() < Some(16.0), "{job}");
}

#[test]
fn two_runs_one_after_another_share_a_file() {
    let folder = Folder::new("sharing");
    let file = folder.file("store.db");
    let first = quick(&["--json", "--store", &file, "--limit", "batch=1@0.1"]);
    assert_eq!(pool(&report(&first), "batch")["limit"], 1);
    let second = quick(&["--json", "--store", &file]);
    let told = String::from_utf8_lossy(&second.stderr);
    let removed =
        "batch: the override that lay there, limit 1 set by leasehold demo (as planned), is removed; the demo begins";
    assert!(told.contains(removed) && told.contains("with limit 2"), "{told}");
    let report = report(&second);
    assert_eq!((&report["store"], &pool(&report, "batch")["peak_held"]), (&file.as_str().into(), &2.into()));
    // A pool that was made again settles for nobody: nobody follows the limit of a run that is over.
    let table = leasehold_store::Embedded::file(Path::new(&file)).expect("the file").table("leasehold-demo");
    let settings = leasehold_store::Runner::new(table);
    let analytics = "analytics".parse().expect("a prefix");
    let settings = tokio::runtime::Runtime::new().expect("a runtime").block_on(settings.settings(&analytics));
    assert_eq!(settings.expect("settings").lowered, None);
}

/// A demo that somebody else may disturb, and its file.
struct DisturbedDemo {
    child: std::process::Child,
    file: String,
}

impl DisturbedDemo {
    /// Begins, and waits until somebody holds a lease.
    fn start(folder: &Folder, options: &[&str]) -> DisturbedDemo {
        let file = folder.file("store.db");
        let mut demo = Command::new(env!("CARGO_BIN_EXE_leasehold"));
        demo.arg("demo").arg(scenario("steered.toml")).args(options).args(["--store", &file]);
        let child = demo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        let demo = DisturbedDemo { child, file };
        let begun = Instant::now();
        while !String::from_utf8_lossy(&demo.by_another(&["leases", "batch"]).stdout).contains("batch:0:") {
            assert!(begun.elapsed() < Duration::from_secs(60), "the demo grants no lease");
            std::thread::yield_now();
        }
        demo
    }

    fn by_another(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
        command.args(arguments).args(["--store", &self.file]).output().expect("the binary runs")
    }

    fn end(self) -> Output {
        self.child.wait_with_output().expect("its end")
    }
}

#[test]
fn a_limit_that_somebody_else_raises_is_no_violation() {
    let folder = Folder::new("raised");
    let demo = DisturbedDemo::start(&folder, &["--json"]);
    let raised = demo.by_another(&["pool", "override", "analytics", "--limit", "20", "--reason", "a rush", "--yes"]);
    assert!(raised.status.success(), "{raised:?}");
    let set = demo.by_another(&["pool", "set", "batch", "--limit", "5", "--yes"]);
    assert!(set.status.success(), "{set:?}");
    let report = report(&demo.end());
    let (analytics, batch) = (pool(&report, "analytics"), pool(&report, "batch"));
    assert!(analytics["peak_held"].as_u64() > Some(4) && batch["peak_held"].as_u64() > Some(2), "{report:#}");
    assert_eq!((&analytics["limit"], &batch["limit"]), (&20.into(), &5.into()));
    let by = analytics["limit_changes"][0]["by"].as_str().expect("who made it");
    assert!(by.ends_with("(a rush)") && analytics["ideal"].is_null(), "{report:#}");
}

#[test]
fn progress_tells_the_limit_that_somebody_else_set() {
    let folder = Folder::new("told");
    let demo = DisturbedDemo::start(&folder, &["--plain"]);
    let raised = demo.by_another(&["pool", "set", "analytics", "--limit", "20", "--yes"]);
    assert!(raised.status.success(), "{raised:?}");
    let ended = demo.end();
    let (progress, report) = (String::from_utf8_lossy(&ended.stderr), String::from_utf8_lossy(&ended.stdout));
    assert!(progress.contains("/20 held"), "{progress}");
    assert!(report.contains(" set the limit to 20") && !report.contains("()"), "{report}");
}

#[test]
fn two_demos_never_work_on_one_file() {
    let folder = Folder::new("alone");
    let demo = DisturbedDemo::start(&folder, &["--json"]);
    let second = demo.by_another(&["demo"]);
    let told = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(3), "{told}");
    assert!(told.contains("another demo is at work on") && told.contains("store.db"), "{told}");
    assert_eq!(pool(&report(&demo.end()), "batch")["limit_changes"], Value::Array(vec![]));
    assert!(!Path::new(&folder.file("store.db-demo")).exists());
    report(&quick(&["--json", "--store", &folder.file("store.db")]));
}

#[test]
fn the_report_for_people_ends_with_a_verdict() {
    let output = quick(&[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("no limit was exceeded, no item was lost, every slot is free"), "{text}");
    assert!(text.contains("4 / 4") && text.contains("12 of 12"), "{text}");
    assert!(!text.contains('\u{1b}'), "colours without a terminal: {text:?}");
}

#[test]
#[cfg(target_os = "linux")] // For its device that is always full.
fn a_report_that_cannot_be_written_is_told() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    let output = command.arg("demo").arg(scenario("quick.toml")).stdout(full).output().expect("the binary runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("leasehold: standard output cannot be written: No space left on device"), "{told}");
}

#[test]
#[cfg(target_os = "linux")] // For its device that is always full.
fn help_that_cannot_be_written_is_told() {
    for asked in [&["--help"][..], &["pools", "--help"], &["--version"], &["help", "run"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
        let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
        let output = command.args(asked).stdout(full).output().expect("the binary runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{asked:?}: {told}");
        assert!(told.contains("standard output cannot be written: No space left on device"), "{asked:?}: {told}");
    }
}

#[test]
fn an_item_nobody_does_in_time_is_lost_and_the_status_is_1() {
    let folder = Folder::new("losing");
    let file = folder.file("slow.toml");
    let text = "work_seconds = 2\nwait_seconds = 0.5\nsweep_seconds = 0.1\n\
                [[pool]]\nprefix = \"slow\"\nlimit = 1\nitems = 2\n";
    std::fs::write(&file, text).expect("written");
    for mode in [&[][..], &["--poll"]] {
        let output = demo(&[&[&*file, "--json"], mode].concat());
        let report: Value = serde_json::from_slice(&output.stdout).expect("json");
        assert_eq!((output.status.code(), &report["ok"]), (Some(1), &false.into()), "{report:#}");
        let lost = report["pools"][0]["lost"].as_array().expect("a list");
        assert_eq!(lost.len(), 1, "{report:#}");
        assert!(lost[0]["why"].as_str().expect("words").contains("no lease within 0.5 s"), "{lost:?}");
    }
}

/// Sends a signal once the run has begun; the exit status and what was told.
fn stopped(signal: &str, arguments: &[&str]) -> (Option<i32>, String) {
    use std::io::{BufRead, BufReader, Read};

    let file = scenario("quick.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    command.arg("demo").arg(&file).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut told = BufReader::new(child.stderr.take().expect("its standard error"));
    let mut text = String::new();
    // The first line: it runs.
    told.read_line(&mut text).expect("a line");
    Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs");
    told.read_to_string(&mut text).expect("the rest");
    (child.wait().expect("it ends").code(), text)
}

#[test]
fn a_run_that_is_stopped_gives_its_leases_back_and_says_so() {
    let folder = Folder::new("stopping");
    let file = folder.file("store.db");
    let (status, told) = stopped("-INT", &["--store", &file]);
    assert_eq!(status, Some(130), "{told}");
    assert!(told.contains("stopped by ctrl-C; its leases are given back"), "{told}");
    assert_eq!(stopped("-TERM", &["--store", &file]).0, Some(143));
    // Nothing of it is in the way of the next.
    assert_eq!(pool(&report(&quick(&["--json", "--store", &file])), "analytics")["peak_held"], 4);
}

#[test]
fn a_demos_table_is_read_and_changed_by_every_command() {
    let folder = Folder::new("operated");
    let file = folder.file("demo.db");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    demo.arg("demo").arg(scenario("steered.toml")).args(["--json", "--store", &file]);
    let mut demo = demo.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs");
    let on_store = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
        let output = command.args(arguments).args(["--store", &file]).output().expect("the binary runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let well = |arguments: &[&str], words: &str| {
        let (status, told, wrong) = on_store(arguments);
        assert!(status == Some(0) && told.contains(words), "{arguments:?}: {status:?} {told}{wrong}");
        told
    };
    let begun = Instant::now();
    while !on_store(&["leases", "batch"]).1.contains("batch:0:") {
        assert!(begun.elapsed() < Duration::from_secs(60), "the demo grants no lease");
        std::thread::yield_now();
    }
    well(&["doctor"], "nothing is wrong");
    let leases = well(&["leases", "analytics"], "pool analytics in table leasehold-demo");
    assert!(leases.contains("analytics:0:"), "{leases}");
    assert!(demo.wait().expect("its end").success());

    well(&["doctor"], "2 pools looked at");
    well(&["pools"], "analytics");
    well(&["pools", "--check"], "nothing is wrong");
    well(&["pool", "show", "analytics"], "settings:");
    well(&["pool", "history", "analytics"], "leasehold demo");
    well(&["pool", "override", "analytics", "--limit", "2", "--reason", "a test", "--yes"], "is 2 now");
    well(&["release", "analytics:0:99999", "--yes"], "was never granted");
    well(&["sweep", "analytics"], "analytics");
    // Somebody's own settings are judged again.
    well(&["pool", "set", "analytics", "--grace", "1s", "--yes"], "! The grace is 1s");
    let (status, told, _) = on_store(&["doctor"]);
    assert!(status == Some(1) && told.contains("settings-grace-short, pool analytics"), "{told}");

    let (status, _, wrong) = on_store(&["pools", "--table", "leases"]);
    assert!(status == Some(2) && wrong.contains("--table: --store names a file"), "{wrong}");
    let (status, _, wrong) = on_store(&["completions", "bash"]);
    assert!(status == Some(2) && wrong.contains("--store: this command uses no table"), "{wrong}");
}
