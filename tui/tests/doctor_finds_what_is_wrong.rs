//! Whatever is damaged by hand is found by `leasehold doctor`, and nothing else is: every finding, one test each.
#![allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]

mod patient;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TimeToLiveSpecification,
};
use leasehold_core::{
    Fence, HighWaterRow, HolderState, Lowered, Millis, Notice, OverrideRow, PoolPatch, PoolRow, Row, RowKey, Slot,
    SlotRow, SummaryRow, TaskToken, Timestamp,
};
use leasehold_store::{list_pools, rows};
use patient::{
    Patient, TABLE, ago, ahead, holder, holder_row, holding, limit, n, now, place, prefix, s, slot_row, to_limit,
    waiting,
};

/// Nothing but this is found, and the exit status says so.
fn finds(patient: &Patient, codes: &[&str], status: i32) -> patient::Examined {
    let examined = patient.examined(&["p"]);
    assert_eq!((examined.codes(), examined.status), (codes.to_vec(), Some(status)), "{examined:?}");
    examined
}

#[tokio::test]
async fn in_a_healthy_pool_nothing_is_found() {
    let patient = Patient::with_limit(2).await;
    finds(&patient, &[], 0);
    let lease = patient.granted("one").await;
    patient.granted("two").await;
    let place = place("three", now(), ahead(60));
    patient.put([waiting(&place), Row::Wait(place)]).await;
    finds(&patient, &[], 0);
    patient.release(&lease).await;
    finds(&patient, &[], 0);
    // All pools, and a table without any.
    let all = patient.examined(&[]);
    assert_eq!((all.document["pools"].clone(), all.status), (serde_json::json!(["p"]), Some(0)), "{all:?}");
    let empty = Patient::table_alone().await.examined(&[]);
    assert_eq!((empty.document["pools"].clone(), empty.status), (serde_json::json!([]), Some(0)), "{empty:?}");
}

#[tokio::test]
async fn a_pool_that_is_not_there_is_no_finding() {
    let none = Patient::table_alone().await.examined(&["p"]);
    assert!(none.status == Some(1) && none.wrong.contains("pool p does not exist"), "{none:?}");
    let none = Patient::nothing().examined(&["p"]);
    assert!(none.status == Some(3) && none.wrong.contains("holds no table of a demo"), "{none:?}");
}

async fn make_table(patient: &Patient, keys: [&str; 2], index: Option<([&str; 2], ProjectionType)>) {
    let attribute =
        |name: &str| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
    let part =
        |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key");
    let mut names = keys.to_vec();
    let mut create = patient.client.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
    create = create.key_schema(part(keys[0], KeyType::Hash)).key_schema(part(keys[1], KeyType::Range));
    if let Some((keys, projection)) = index {
        let index = GlobalSecondaryIndex::builder().index_name("directory");
        let index = index.key_schema(part(keys[0], KeyType::Hash)).key_schema(part(keys[1], KeyType::Range));
        let index = index.projection(Projection::builder().projection_type(projection).build());
        create = create.global_secondary_indexes(index.build().expect("an index"));
        names.extend(keys);
    }
    names.sort_unstable();
    names.dedup();
    for name in names {
        create = create.attribute_definitions(attribute(name).expect("an attribute"));
    }
    create.send().await.expect("a table");
}

async fn time_to_live(patient: &Patient, attribute: &str, enabled: bool) {
    let ttl = TimeToLiveSpecification::builder().enabled(enabled).attribute_name(attribute).build().expect("a TTL");
    let set = patient.client.update_time_to_live().table_name(TABLE).time_to_live_specification(ttl);
    set.send().await.expect("set");
}

#[tokio::test]
async fn a_table_of_another_shape_is_found() {
    let patient = Patient::nothing();
    make_table(&patient, ["id", "sort"], None).await;
    let said = patient.examined(&["p"]);
    assert_eq!((said.codes(), said.status), (vec!["table-keys"], Some(1)), "{said:?}");

    let patient = Patient::nothing();
    make_table(&patient, ["PK", "SK"], None).await;
    time_to_live(&patient, "ttl", true).await;
    patient.put([Row::Pool(PoolRow::new(limit(2)))]).await;
    finds(&patient, &["index-missing"], 1);

    for (keys, projection) in
        [(["directory", "SK"], ProjectionType::All), (["directory", "directory_row"], ProjectionType::KeysOnly)]
    {
        let patient = Patient::nothing();
        make_table(&patient, ["PK", "SK"], Some((keys, projection))).await;
        time_to_live(&patient, "ttl", true).await;
        patient.put([Row::Pool(PoolRow::new(limit(2)))]).await;
        finds(&patient, &["index-shape"], 1);
    }
}

#[tokio::test]
async fn ttl_that_is_off_or_elsewhere_is_found() {
    let patient = Patient::nothing();
    make_table(&patient, ["PK", "SK"], Some((["directory", "directory_row"], ProjectionType::All))).await;
    patient.put([Row::Pool(PoolRow::new(limit(2)))]).await;
    assert!(finds(&patient, &["ttl-off"], 1).finding("ttl-off")["wrong"] == "TTL is off.");
    time_to_live(&patient, "expires", true).await;
    let said = finds(&patient, &["ttl-off"], 1);
    assert!(said.finding("ttl-off")["wrong"].to_string().contains("expires"), "{said:?}");
}

#[tokio::test]
async fn a_fence_that_can_be_read_is_to_be_kept() {
    let patient = Patient::with_limit(2).await;
    patient.put_item("slot#00000", &[("fence", n(4)), ("execution", s("one")), ("expires_at", s("soon"))]).await;
    let said = finds(&patient, &["row-damaged"], 1);
    let advice = said.document["findings"][0]["advice"].as_str().expect("advice");
    assert!(advice.contains("correct that row, but not its fence") && advice.contains("do not delete it"), "{advice}");
}

#[tokio::test]
async fn foreign_rows_are_found_and_hide_no_pool() {
    let patient = Patient::with_limit(2).await;
    let put = patient.client.put_item().table_name(TABLE).item("PK", s("SOMEBODY")).item("SK", s("else"));
    put.item("directory", s("pools")).item("directory_row", s("x")).send().await.expect("put");
    let said = patient.examined(&[]);
    assert_eq!(
        (said.codes(), &said.document["pools"]),
        (vec!["index-foreign-row"], &serde_json::json!(["p"])),
        "{said:?}"
    );
    assert!(leasehold_store::list_pools(&patient.table).await.expect("pools").contains_key(&prefix()));
    // Whoever asks about one pool is not told of rows that are no pool's.
    finds(&patient, &[], 0);

    let patient = Patient::with_limit(2).await;
    for sk in ["a note", "holders", "pool-notes", "zz"] {
        patient.put_item(sk, &[]).await;
    }
    finds(&patient, &["row-foreign"; 4], 1);

    // Callers pass over them, wherever they lie: the pool is well for whoever lists it.
    let patient = Patient::with_limit(2).await;
    for sk in ["pool#override", "queue#1", "slot", "waiting"] {
        patient.put_item(sk, &[("limit", s("x"))]).await;
    }
    finds(&patient, &["row-foreign"; 4], 1);
    patient.granted("one").await;
    let mut pools = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"));
    let listed = pools.args(["pools", "--check", "--store"]).arg(&patient.file).output().expect("the binary runs");
    let told = String::from_utf8_lossy(&listed.stdout);
    assert!(listed.status.success() && !told.contains("broken"), "{told}");
}

#[tokio::test]
async fn more_than_is_read_is_told() {
    let patient = Patient::with_limit(2).await;
    for number in 0..21 {
        patient.put_item(&format!("zz{number}"), &[]).await;
    }
    let said = patient.examined(&["p"]);
    assert_eq!(said.codes().iter().filter(|code| **code == "row-foreign").count(), 20, "{said:?}");
    assert!(said.codes().contains(&"look-cut"), "{said:?}");
}

#[tokio::test]
async fn a_pool_without_settings_is_found() {
    let patient = Patient::with_limit(2).await;
    patient.delete(RowKey::Pool).await;
    finds(&patient, &["pool-missing"], 1);
}

#[tokio::test]
async fn a_summary_that_is_left_of_a_retired_pool_is_removed() {
    let patient = Patient::with_limit(2).await;
    patient.delete(RowKey::Pool).await;
    // A caller that did not know yet swept it, and one holds a lease still.
    patient.put_summary().await;
    patient.put_lease(slot_row(0, 3, "a", ago(10), ahead(60))).await;
    let said = patient.examined(&[]);
    let missing = said.finding("pool-missing");
    let words = missing["wrong"].to_string() + &missing["advice"].to_string();
    assert!(words.contains("Leases that last yet: 1; waiters: 0.") && words.contains("Its summary is left"), "{words}");
    assert_eq!(missing["repairable"], true);
    patient.examined(&["--repair", "--yes"]);
    assert_eq!(patient.examined(&[]).codes(), Vec::<String>::new());
}

#[tokio::test]
async fn rows_of_another_edition_are_found() {
    for edition in [Some(1), Some(3), None] {
        let patient = Patient::with_limit(2).await;
        let mut row = vec![("limit", n(2))];
        row.extend(edition.map(|edition| ("edition", n(edition))));
        patient.put_item("pool", &row).await;
        finds(&patient, &["edition-other"], 1);
    }
}

#[tokio::test]
async fn damaged_rows_are_found_and_no_slot_is_to_be_deleted() {
    let patient = Patient::with_limit(2).await;
    let lease = patient.granted("one").await;
    let held = rows::sort(&RowKey::Slot(lease.id.slot));
    let waits = place("two", now(), ahead(60));
    let [waits, other] = [RowKey::Wait(waits.ticket), RowKey::Holder(holder("x").hashed())].map(|key| rows::sort(&key));
    patient.put_item(&held, &[("fence", s("abc"))]).await;
    patient.put_item("pool#high-water", &[("slots", s("two"))]).await;
    patient.put_item("pool", &[("edition", n(2)), ("limit", s("fifteen"))]).await;
    patient.put_item("override", &[("limit", n(5))]).await;
    patient.put_item("summary", &[]).await;
    patient.put_item(&waits, &[("token", s("a secret token"))]).await;
    patient.put_item(&other, &[("state", s("sleeping"))]).await;
    let damaged = ["row-damaged"; 6];
    let said = finds(&patient, &[&damaged[..], &["mark-unreadable"]].concat(), 1);
    for (row, advice) in [
        (&*held, "with the fence of its holder's row or one higher than any before, and do not delete it"),
        ("pool#high-water", "--repair"),
        ("pool", "pool set"),
        ("override", "--end"),
        ("summary", "leasehold sweep"),
        (&*waits, "start it again"),
        (&*other, "correct or delete that row"),
    ] {
        let all = said.document["findings"].as_array().expect("findings");
        let found = all.iter().find(|one| one["row"] == row).unwrap_or_else(|| panic!("{row}: {said:?}"));
        assert!(found["advice"].to_string().contains(advice), "{found}");
    }
    assert!(!said.document.to_string().contains("a secret token"), "{said:?}");
}

#[tokio::test]
async fn nowhere_is_it_advised_to_delete_a_slot() {
    // The words of all findings are in one file.
    let words = include_str!("../src/doctor/words.rs").to_lowercase();
    for line in words.lines().filter(|line| line.contains("delete") && !line.trim_start().starts_with("//")) {
        assert!(line.contains("never delete") || line.contains("was deleted"), "{line}");
    }
}

fn patch(change: impl FnOnce(&mut PoolPatch)) -> PoolPatch {
    let mut patch = PoolPatch::default();
    change(&mut patch);
    patch
}

#[tokio::test]
async fn settings_that_do_not_fit_each_other_are_found() {
    let seconds = |seconds| Some(Millis::seconds(seconds));
    let cases: [(&str, PoolPatch); 6] = [
        ("settings-quiet-short", patch(|it| it.quiet = seconds(4))),
        ("settings-grace-short", patch(|it| it.grace = seconds(1))),
        ("settings-grace-long", patch(|it| it.grace = seconds(300))),
        ("settings-sweep-slow", patch(|it| (it.longest_hold, it.sweep_every) = (seconds(3_600), seconds(151)))),
        ("settings-hold-short", patch(|it| it.longest_hold = seconds(300))),
        ("settings-wait-short", patch(|it| it.longest_wait = seconds(299))),
    ];
    for (code, patch) in cases {
        let patient = Patient::with_limit(2).await;
        patient.set(patch).await;
        finds(&patient, &[code], 1);
    }
    // Only a note: it may be meant.
    let patient = Patient::with_limit(2).await;
    patient.set(patch(|it| it.lease = seconds(9))).await;
    finds(&patient, &["settings-lease-short"], 0);
    let patient = Patient::with_limit(2).await;
    patient.put([Row::Pool(PoolRow { lease: Some(Millis(0)), ..PoolRow::new(limit(2)) })]).await;
    finds(&patient, &["settings-invalid"], 1);
}

#[tokio::test]
async fn the_advice_on_a_setting_ends_its_finding() {
    let seconds = |seconds| Some(Millis::seconds(seconds));
    let cases = [
        ("settings-grace-long", (seconds(5), seconds(1), None), "The grace (5s) is not shorter than the lease (1s)."),
        (
            "settings-grace-long",
            (seconds(300), seconds(300), None),
            "The grace (5m) is not shorter than the lease (5m).",
        ),
        (
            "settings-grace-long",
            (seconds(600), seconds(5), None),
            "The grace (10m) is not shorter than the lease (5s).",
        ),
        ("settings-wait-short", (None, seconds(172_800), seconds(60)), "A waiter gives up after 1m; a lease lasts 2d."),
    ];
    for (code, (grace, lease, longest_wait), wrong) in cases {
        let patient = Patient::with_limit(2).await;
        patient.set(PoolPatch { grace, lease, longest_wait, ..PoolPatch::default() }).await;
        let said = patient.examined(&["p"]);
        assert_eq!(said.finding(code)["wrong"], wrong);
        let advice = said.finding(code)["advice"].as_str().unwrap_or_default().to_owned();
        let advised: Vec<&str> = advice.split('`').nth(1).expect("a command").split(' ').skip(1).collect();
        let mut set = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"));
        // As it stands: it names the table, too.
        let done = set.args(advised).arg("--yes").output().expect("the binary runs");
        assert!(done.status.success(), "{advice}: {done:?}");
        finds(&patient, &[], 0);
    }
}

#[tokio::test]
async fn a_forgotten_override_is_found_and_a_new_one_is_not() {
    let patient = Patient::with_limit(2).await;
    let live = |at| OverrideRow {
        limit: limit(2),
        lowered: None,
        at,
        until: None,
        who: "ann".into(),
        why: "a slow partner".into(),
    };
    patient.put([Row::Override(live(ago(23 * 3_600)))]).await;
    finds(&patient, &[], 0);
    patient.put([Row::Override(live(ago(49 * 3_600 + 60)))]).await;
    let said = finds(&patient, &["override-old"], 1);
    let wrong = said.finding("override-old")["wrong"].to_string();
    assert!(wrong.contains("by ann") && wrong.contains("a slow partner") && wrong.contains("for 2d1h."), "{wrong}");
}

#[tokio::test]
async fn a_drained_pool_is_worth_a_note() {
    let patient = Patient::with_limit(2).await;
    patient.set(to_limit(0)).await;
    finds(&patient, &["pool-drained"], 0);
}

#[tokio::test]
async fn missed_sweeps_are_found_only_in_a_pool_that_is_used() {
    let patient = Patient::table_alone().await;
    patient.put([Row::Pool(PoolRow::new(limit(2)))]).await;
    patient.put([Row::HighWater(HighWaterRow { slots: 2, ..HighWaterRow::default() })]).await;
    finds(&patient, &[], 0);
    patient.put_lease(slot_row(0, 1, "one", ago(170), ahead(100))).await;
    finds(&patient, &[], 0);
    patient.put_lease(slot_row(0, 1, "one", ago(200), ahead(100))).await;
    finds(&patient, &["sweep-not-running"], 1);
    let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"));
    let checked = check.args(["pools", "--check", "--store"]).arg(&patient.file).output().expect("the binary runs");
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.code() == Some(1) && said.contains("none came since somebody uses it"), "{said}");
    // As where a `leasehold run` of today follows one of yesterday: it will sweep.
    let swept = |at| SummaryRow { at, limit: limit(2), held: 1, waiting: 0, waiting_more: false, waiting_since: None };
    patient.put([Row::Summary(swept(ago(86_400)))]).await;
    patient.put_lease(slot_row(0, 1, "one", ago(170), ahead(100))).await;
    finds(&patient, &[], 0);
    patient.put_lease(slot_row(0, 1, "one", ago(200), ahead(100))).await;
    finds(&patient, &["sweep-not-running"], 1);
    patient.put_summary().await;
    finds(&patient, &[], 0);
}

#[tokio::test]
async fn a_dead_holder_of_a_pool_nobody_sweeps_is_a_note() {
    let patient = Patient::with_limit(2).await;
    let swept =
        SummaryRow { at: ago(86_400), limit: limit(2), held: 1, waiting: 0, waiting_more: false, waiting_since: None };
    patient.put_lease(slot_row(0, 5, "one", ago(900), ago(600))).await;
    for summary in [None, Some(Row::Summary(swept))] {
        patient.delete(RowKey::Summary).await;
        patient.put(summary).await;
        let said = finds(&patient, &["lease-left"], 0);
        let told = said.finding("lease-left").to_string();
        assert!(told.contains("Nothing is lost") && !told.contains("should have"), "{told}");
        let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"));
        let checked = check.args(["pools", "--check", "--store"]).arg(&patient.file).output().expect("the binary runs");
        assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    }
}

#[tokio::test]
async fn what_sweeps_left_undone_is_found() {
    let patient = Patient::with_limit(2).await;
    patient.put_lease(slot_row(0, 5, "one", ago(900), ago(600))).await;
    finds(&patient, &["lease-left"], 1);

    let patient = Patient::with_limit(2).await;
    let mut untold = slot_row(0, 5, "one", ago(300), ahead(60));
    let token = TaskToken::new("a secret token").expect("a token");
    untold.held.as_mut().expect("a lease").notice = Notice::MaybeTold(token);
    patient.put_lease(untold).await;
    let said = finds(&patient, &["notice-stuck"], 1);
    assert!(!said.document.to_string().contains("a secret token"), "{said:?}");

    let patient = Patient::with_limit(1).await;
    patient.put_lease(slot_row(0, 5, "one", now(), ahead(300))).await;
    let overdue = place("late", ago(900), ago(600));
    patient.put([waiting(&overdue), Row::Wait(overdue)]).await;
    finds(&patient, &["waiter-overdue"], 1);

    let patient = Patient::with_limit(1).await;
    let starves = place("starves", ago(600), ahead(600));
    patient.put([waiting(&starves), Row::Wait(starves)]).await;
    finds(&patient, &["queue-starving"], 1);
}

#[tokio::test]
async fn a_pool_that_no_list_has_is_found_and_listed_again() {
    for attributes in [vec![], vec![("directory", s("others")), ("directory_row", s("p#pool"))]] {
        let patient = Patient::with_limit(2).await;
        let row = [&[("edition", n(2)), ("limit", n(2))], &attributes[..]].concat();
        patient.put_item("pool", &row).await;
        // Only its last sweep is in the list.
        assert!(list_pools(&patient.table).await.expect("a list")[&prefix()].pool.is_none());
        finds(&patient, &["row-unlisted"], 1);
        let said = patient.examined(&["p", "--repair", "--yes"]);
        assert_eq!((said.codes(), said.status), (vec![], Some(0)), "{said:?}");
        assert!(list_pools(&patient.table).await.expect("a list")[&prefix()].pool.is_some());
    }
}

#[tokio::test]
async fn a_lease_that_ends_in_centuries_is_found() {
    let patient = Patient::with_limit(1).await;
    patient.put_lease(slot_row(0, 5, "one", now(), Timestamp(99_999_999_999_999))).await;
    let said = finds(&patient, &["lease-too-long"], 1);
    let advice = said.finding("lease-too-long").to_string();
    assert!(advice.contains("leasehold release ") && advice.contains(":0:5 --store "), "{advice}");
}

#[tokio::test]
async fn a_waiter_whose_place_was_deleted_is_found() {
    let patient = Patient::with_limit(1).await;
    patient.put_lease(slot_row(0, 5, "one", now(), ahead(300))).await;
    patient.put([waiting(&place("two", ago(600), ahead(600)))]).await;
    let said = finds(&patient, &["waiter-without-place"], 1);
    assert!(said.finding("waiter-without-place").to_string().contains("start it again"), "{said:?}");
}

#[tokio::test]
async fn places_that_are_nothing_are_found() {
    let elsewhere = |place: &leasehold_core::WaitRow| {
        let mut ticket = place.ticket;
        ticket.at = ahead(1);
        holder_row("two", HolderState::Waiting { ticket, task: None })
    };
    let there = place("two", now(), ahead(60));
    let cases =
        [None, Some(elsewhere(&there)), Some(holder_row("two", HolderState::Ended)), Some(holding("two", 0, 1))];
    for row in cases {
        let patient = Patient::with_limit(1).await;
        patient.put_lease(slot_row(0, 5, "one", now(), ahead(300))).await;
        patient.put(row).await;
        patient.put([Row::Wait(there.clone())]).await;
        finds(&patient, &["place-is-nothing"], 1);
    }
}

#[tokio::test]
async fn leases_that_no_holder_s_row_points_at_are_found() {
    let patient = Patient::with_limit(2).await;
    patient.granted("one").await;
    patient.delete(RowKey::Holder(holder("one").hashed())).await;
    finds(&patient, &["holder-missing"], 1);

    let waits = place("one", now(), ahead(60));
    for (row, repairable) in
        [(holding("one", 1, 1), true), (holder_row("one", HolderState::Ended), false), (waiting(&waits), false)]
    {
        let patient = Patient::with_limit(2).await;
        patient.put([Row::Slot(SlotRow { slot: Slot(1), fence: Fence(2), held: None })]).await;
        patient.granted("one").await;
        patient.put([row]).await;
        let said = finds(&patient, &["holder-elsewhere"], 1);
        assert_eq!(said.finding("holder-elsewhere")["repairable"], repairable, "{said:?}");
    }
}

#[tokio::test]
async fn a_holder_of_two_leases_is_found() {
    let patient = Patient::with_limit(2).await;
    patient.put_lease(slot_row(0, 5, "one", now(), ahead(300))).await;
    patient.put_lease(slot_row(1, 5, "one", now(), ahead(300))).await;
    let said = finds(&patient, &["holder-holds-twice"], 1);
    assert!(said.finding("holder-holds-twice")["advice"].to_string().contains("leasehold release p:0:5"), "{said:?}");
}

#[tokio::test]
async fn a_row_that_points_at_another_s_lease_is_found() {
    let patient = Patient::with_limit(2).await;
    patient.put_lease(slot_row(0, 5, "one", now(), ahead(300))).await;
    patient.put([holding("two", 0, 5)]).await;
    finds(&patient, &["holder-astray"], 1);
}

#[tokio::test]
async fn a_fence_that_went_back_is_found() {
    // Deleted by hand, changed while free, changed while held.
    let held = Row::Slot(slot_row(0, 2, "two", now(), ahead(300)));
    let free = Row::Slot(SlotRow { slot: Slot(0), fence: Fence(3), held: None });
    for (slot, repairable) in [(None, true), (Some(free), true), (Some(held), false)] {
        let patient = Patient::with_limit(2).await;
        patient.delete(RowKey::Slot(Slot(0))).await;
        patient.put([holding("one", 0, 9), holding("two", 0, 2)]).await;
        patient.put(slot).await;
        let said = finds(&patient, &["fence-went-back"], 1);
        let found = said.finding("fence-went-back");
        assert_eq!(found["repairable"], repairable, "{said:?}");
        assert!(found["wrong"].to_string().contains("was granted 9"), "{said:?}");
    }
}

#[tokio::test]
async fn leases_where_nobody_looks_are_found() {
    let patient = Patient::with_limit(2).await;
    patient.put_lease(slot_row(7, 1, "one", now(), ahead(300))).await;
    finds(&patient, &["slot-above-mark", "slots-above-limit"], 1);
    patient.delete(RowKey::HighWater).await;
    finds(&patient, &["mark-missing", "slots-above-limit"], 1);
}

#[tokio::test]
async fn more_leases_than_the_limit_are_found() {
    let patient = Patient::with_limit(3).await;
    for who in ["one", "two", "three"] {
        patient.granted(who).await;
    }
    let lowered = |at| Row::Pool(PoolRow { lowered: Some(Lowered { from: limit(3), at }), ..PoolRow::new(limit(2)) });
    patient.put([lowered(ago(600))]).await;
    finds(&patient, &["over-limit"], 1);
    patient.put([lowered(now())]).await;
    finds(&patient, &["slots-above-limit"], 0);
}

#[tokio::test]
async fn a_report_is_told_in_words_too() {
    let patient = Patient::with_limit(2).await;
    let lease = patient.granted("one").await;
    patient.delete(RowKey::Holder(holder("one").hashed())).await;
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_leasehold"))
        .args(["doctor", "p", "--store"])
        .arg(&patient.file)
        .output()
        .expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let row = rows::sort(&RowKey::Slot(lease.id.slot));
    let found = format!("ERROR holder-missing, pool p, row {row}\n  one holds lease {} and has no row that", lease.id);
    for words in [
        "table leasehold-demo: pool p looked at\n",
        &found,
        "errors: 1, warnings: 0, notes: 0\nof these, `leasehold doctor p --repair --store ",
        "` can do something about 1\n",
    ] {
        assert!(text.contains(words), "{text}");
    }
}
