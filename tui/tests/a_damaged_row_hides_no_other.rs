//! A row that somebody damaged by hand is told where it lies, and hides nothing else: neither in the dashboard nor in a list.
//! The real binary on a real terminal, on an embedded engine's file.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod patient;
mod tmux;

use patient::{Patient, ahead, now, s, slot_row};
use tmux::Tmux;

/// Three slots: one is held, one cannot be read, one is free.
async fn damaged_slot() -> Patient {
    let patient = Patient::with_limit(3).await;
    patient.put_lease(slot_row(0, 4, "nightly-import", now(), ahead(600))).await;
    patient.put_item("slot#00001", &[("fence", s("abc"))]).await;
    patient
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_slot_hides_no_other_on_the_dashboard() {
    let patient = damaged_slot().await;
    for size in [(120, 40), (80, 24), (60, 20)] {
        let tmux = Tmux::shell(size, &[]);
        tmux.start(&format!("watch --every 0.3s --store {}", patient.file.display()));
        tmux.shows(&["broken"]);
        tmux.key("Enter");
        let screen = tmux.shows(&["nightly-import", "attribute fence", "free", "nobody is let in while a row"]);
        assert!(!screen.contains("idle"), "{screen}");
        tmux.key("Down");
        tmux.key("Enter");
        tmux.shows(&["Slot 1 of p", "\"abc\"", "correct that row"]);
        tmux.key("Escape");
        // Typed at once, the two would be one key.
        tmux.until("the list alone", |screen| !screen.contains("Slot 1 of p"));
        // Nothing of it flickers while the directory of pools is read again.
        tmux.text("r");
        tmux.shows(&["nightly-import", "broken"]);
        tmux.text("q");
        tmux.shows(&["LEFT 0"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_has_a_damaged_pool_with_its_trouble() {
    let patient = damaged_slot().await;
    let out = patient.file.with_extension("jsonl");
    let mut record = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"));
    let record = record.args(["record", "--every", "0.2", "--for", "1", "--out"]).arg(&out);
    let ended = record.arg("--store").arg(&patient.file).output().expect("the binary runs");
    let wrong = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && wrong.contains("recorded as broken: ") && wrong.contains("\"abc\""), "{wrong}");
    let schema: serde_json::Value = serde_json::from_str(include_str!("../schemas/record.json")).expect("a schema");
    assert!(schema["oneOf"][3]["required"].as_array().is_some_and(|all| all.contains(&"broken".into())));
    let tmux = Tmux::shell((120, 40), &[]);
    tmux.start(&format!("watch --replay {}", out.display()));
    tmux.shows(&["1 broken", "nightly-import", "attribute fence", "nobody is let in while a row"]);
    tmux.text("q");
    tmux.shows(&["LEFT 0"]);
}

#[tokio::test]
async fn an_advised_command_reaches_the_same_table() {
    let patient = Patient::with_limit(3).await;
    let store = patient.file.display().to_string();
    let told = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"));
        let ended = command.args(arguments).args(["--store", &store]).output().expect("the binary runs");
        String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned()
    };
    for asked in [&["leases", "nope"][..], &["pool", "show", "nope"], &["pool", "history", "nope"], &["doctor", "nope"]]
    {
        let words = told(asked);
        assert!(words.contains(&format!("`leasehold pool set nope --limit N --store {store}`")), "{asked:?}: {words}");
    }
    patient.put_item("override", &[("limit", s("many"))]).await;
    for asked in [&["leases", "p"][..], &["pools", "--check"], &["doctor", "p"]] {
        let words = told(asked);
        assert!(words.contains(&format!("`leasehold pool override p --end --store {store}`")), "{asked:?}: {words}");
    }
}

#[tokio::test]
async fn a_recording_replaces_no_table() {
    let patient = Patient::with_limit(3).await;
    let before = std::fs::read(&patient.file).expect("a store");
    let mut record = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"));
    let ended = record.args(["record", "--for", "1s", "--out"]).arg(&patient.file).arg("--store").arg(&patient.file);
    let ended = ended.output().expect("the binary runs");
    let wrong = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{wrong}");
    assert!(wrong.contains("is not replaced: it is a database"), "{wrong}");
    assert_eq!(std::fs::read(&patient.file).expect("a store").get(..16), before.get(..16));
    assert_eq!(patient.examined(&["p"]).status, Some(0));
}

#[tokio::test]
async fn a_recording_goes_down_a_pipe() {
    let patient = Patient::with_limit(3).await;
    let store = patient.file.display();
    let line = format!(
        "timeout 30 \"$0\" record --for 0.5s --every 0.2s --out >(wc -l) --store '{store}' 2>/dev/null; echo $?"
    );
    let mut shell = std::process::Command::new("bash");
    let ended = shell.args(["-c", &line, env!("CARGO_BIN_EXE_leasehold")]).output().expect("bash");
    let told = String::from_utf8_lossy(&ended.stdout);
    let numbers: Vec<u32> = told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(numbers.contains(&0) && numbers.iter().any(|lines| *lines > 1 && *lines != 124), "{told}");
}

#[tokio::test]
async fn a_damaged_row_is_told_once_by_the_list() {
    let patient = damaged_slot().await;
    let mut leases = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"));
    let ended = leases.args(["leases", "p", "--store"]).arg(&patient.file).output().expect("the binary runs");
    let (told, wrong) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert_eq!(ended.status.code(), Some(3), "{told}{wrong}");
    assert!(told.contains("nightly-import"), "{told}");
    assert_eq!((wrong.lines().count(), wrong.matches("slot#00001").count()), (1, 1), "{wrong}");
}

#[tokio::test]
async fn a_damaged_row_hides_no_setting() {
    let patient = damaged_slot().await;
    let show = |output: &str| {
        let mut show = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"));
        show.args(["pool", "show", "p", "--output", output, "--store"]).arg(&patient.file).output().expect("it runs")
    };
    let (text, json) = (show("text"), show("json"));
    let (told, wrong) = (String::from_utf8_lossy(&text.stdout), String::from_utf8_lossy(&text.stderr));
    assert_eq!((text.status.code(), json.status.code()), (Some(3), Some(3)), "{told}{wrong}");
    assert!(told.contains("broken: 1 slot cannot be read") && told.contains("  lease           5m"), "{told}");
    assert_eq!((wrong.lines().count(), wrong.matches("slot#00001").count()), (1, 1), "{wrong}");
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((&json["state"], &json["held"], &json["effective_limit"]), (&().into(), &().into(), &().into()));
    assert_eq!((&json["waiting"], &json["settings"]["limit"]), (&0.into(), &3.into()), "{json:#}");
}

#[tokio::test]
async fn a_release_that_a_damaged_row_stops_is_told_as_not_done() {
    let patient = damaged_slot().await;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"));
    let ended = command.args(["release", "p:0:4", "--yes", "--store"]).arg(&patient.file).output().expect("it runs");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{told}");
    assert!(
        told.contains("lease p:0:4 in table ") && told.contains(" is not released, ") && told.contains("slot#00001"),
        "{told}"
    );
}

/// When a pool was swept last is told of one whose settings make no sense, too: "never" would lead to look for its sweeps.
#[tokio::test]
async fn a_damaged_setting_hides_no_sweep() {
    let patient = Patient::with_limit(2).await;
    patient.sweep().await;
    patient.put_item("pool", &[("limit", s("abc"))]).await;
    let pools = |output: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"));
        let ended =
            command.args(["pools", "--output", output, "--store"]).arg(&patient.file).output().expect("it runs");
        String::from_utf8(ended.stdout).expect("text")
    };
    let told = pools("text");
    assert!(told.contains("broken") && told.contains("s ago") && !told.contains("never"), "{told}");
    let json: serde_json::Value = serde_json::from_str(&pools("json")).expect("JSON");
    assert!(json["pools"][0]["swept_at_ms"].is_u64(), "{json:#}");
}

/// Until when somebody may still be let in by the limit before, whoever lowers a limit has to know, damaged row or not.
#[tokio::test]
async fn a_damaged_row_hides_no_settling() {
    let patient = damaged_slot().await;
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"));
        let ended = command.args(args).arg("--store").arg(&patient.file).output().expect("it runs");
        let wrong = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!((ended.status.code(), wrong.contains("slot#00001")), (Some(0), true), "{args:?}: {wrong}");
        String::from_utf8(ended.stdout).expect("text")
    };
    let settles = |told: &str, was: u64| {
        let json: serde_json::Value = serde_json::from_str(told).expect("JSON");
        assert_eq!(json["limit_was"], was, "{json:#}");
        assert!(json["settles_at_ms"].as_u64().is_some_and(|at| at > now().0), "{json:#}");
    };
    let told = run(&["pool", "override", "p", "--limit", "2", "--reason", "load", "-y", "--output", "json"]);
    settles(&told, 3);
    let told = run(&["pool", "override", "p", "--drain", "--reason", "incident", "-y"]);
    assert!(told.contains("nobody is let in any more from ") && told.contains("(limit was 3)"), "{told}");
    run(&["pool", "override", "p", "--end", "--reason", "over", "-y"]);
    settles(&run(&["pool", "set", "p", "--limit", "1", "-y", "--output", "json"]), 3);
}

#[tokio::test]
async fn nobody_is_told_of_a_free_pool_that_may_be_held() {
    let patient = Patient::with_limit(2).await;
    patient.put_item("slot#00000", &[("fence", s("abc"))]).await;
    let leases = |output: &str| {
        let mut leases = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"));
        leases
            .args(["leases", "p", "--output", output, "--store"])
            .arg(&patient.file)
            .output()
            .expect("the binary runs")
    };
    let ended = leases("json");
    assert_eq!(ended.status.code(), Some(3));
    let seen: serde_json::Value = serde_json::from_slice(&ended.stdout).expect("a document");
    assert_eq!((&seen["held"], &seen["state"]), (&serde_json::Value::Null, &serde_json::Value::Null), "{seen}");
    assert_eq!((&seen["waiting"], &seen["limit"]), (&0.into(), &2.into()), "{seen}");
    let trouble = seen["trouble"].as_str().expect("the trouble");
    assert!(trouble.contains("slot#00000") && trouble.contains("\"abc\""), "{trouble}");
    let schema: serde_json::Value = serde_json::from_str(include_str!("../schemas/leases.json")).expect("a schema");
    for name in ["held", "waiting", "waiting_more", "state", "trouble"] {
        let kinds = schema["properties"][name]["type"].as_array().expect("kinds");
        assert!(kinds.contains(&"null".into()), "{name}");
    }
    let told = String::from_utf8(leases("text").stdout).expect("text");
    assert!(told.contains("at least 0 of 2 held, 0 waiting, broken: 1 slot cannot be read"), "{told}");
}

#[tokio::test]
async fn a_history_of_damaged_notes_alone_is_told_as_that() {
    let patient = Patient::table_alone().await;
    patient.put_item("history#no-time", &[("change", s("retired"))]).await;
    for (output, told) in [("text", None), ("json", Some(serde_json::json!([])))] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"));
        let command = command.args(["pool", "history", "p", "--output", output, "--store"]).arg(&patient.file);
        let ended = command.output().expect("the binary runs");
        let wrong = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(3), "{wrong}");
        assert!(wrong.contains("1 row of the history of pool p in table "), "{wrong}");
        let document: Option<serde_json::Value> = serde_json::from_slice(&ended.stdout).ok();
        assert_eq!(document.map(|document| document["changes"].clone()), told, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_note_hides_no_other_of_the_history() {
    let patient = Patient::with_limit(3).await;
    patient.set(patient::to_limit(5)).await;
    patient.put_item("history#0000000000001-0000000000000001", &[("change", s("doubled"))]).await;
    patient.put_item("history#no-time", &[("change", s("retired"))]).await;
    for arguments in [&["pool", "history", "p"][..], &["pool", "show", "p"]] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"));
        let ended = command.args(arguments).arg("--store").arg(&patient.file).output().expect("the binary runs");
        let (told, wrong) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert_eq!(ended.status.code(), Some(3), "{told}{wrong}");
        assert!(told.contains("limit 3 -> 5"), "{told}");
        let advice = "delete that row: only the pool's history reads it";
        let counted = "2 rows of the history of pool p in table ";
        assert!(wrong.contains(counted) && wrong.contains("the first: row history#0000000000001-"), "{wrong}");
        assert!(wrong.contains("\"doubled\"") && wrong.contains(advice) && wrong.lines().count() == 1, "{wrong}");
    }
    let said = patient.examined(&["p"]);
    assert_eq!((said.codes(), said.status), (vec!["row-damaged", "row-damaged"], Some(1)), "{said:?}");
    assert!(said.document.to_string().contains("delete that row: only the pool's history reads it"), "{said:?}");
    let tmux = Tmux::shell((120, 40), &[]);
    tmux.start(&format!("watch --every 0.3s --store {}", patient.file.display()));
    tmux.shows(&["Pools"]);
    tmux.text("H");
    tmux.shows(&["History of p", "2 rows of the history of pool p", "limit 3 -> 5", "\"doubled\""]);
    tmux.key("Escape");
    tmux.until("the lists", |screen| !screen.contains("limit 3 -> 5"));
    tmux.text("q");
    tmux.shows(&["LEFT 0"]);
}
