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
        tmux.shows(&["unreadable"]);
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
        tmux.shows(&["nightly-import", "unreadable"]);
        tmux.text("q");
        tmux.shows(&["LEFT 0"]);
    }
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
