//! A pool that can be damaged: how is it made, broken by hand, and shown to `leasehold doctor`? On the embedded engine on a
//! file, which the real binary opens as well.
#![allow(dead_code, clippy::expect_used, reason = "each test uses what it needs; one that cannot go on says why")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use leasehold_core::{
    AcquireOutcome, AcquireRequest, Attempt, ExpectedSettings, Fence, Held, Holder, HolderRow, HolderState, Lease,
    Limit, Millis, Mode, Notice, PoolName, PoolPatch, Row, RowKey, SetPool, Slot, SlotRow, SummaryRow, SweepRequest,
    Ticket, Timestamp, WaitRow,
};
use leasehold_store::{Clock, Embedded, Runner, SystemClock, Table, create_table, rows};
use leasehold_testkit::put_row;
use serde_json::Value;

/// As the demo calls its table: what `--store` opens.
pub(crate) const TABLE: &str = "leasehold-demo";

pub(crate) struct Patient {
    pub(crate) file: PathBuf,
    pub(crate) engine: Embedded,
    pub(crate) table: Table,
    pub(crate) client: Client,
}

impl Drop for Patient {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.file.display()));
        }
    }
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

pub(crate) fn ago(seconds: u64) -> Timestamp {
    now() - Millis::seconds(seconds)
}

pub(crate) fn ahead(seconds: u64) -> Timestamp {
    now() + Millis::seconds(seconds)
}

pub(crate) fn prefix() -> PoolName {
    "p".parse().expect("a prefix")
}

pub(crate) fn limit(count: u64) -> Limit {
    Limit::try_from(count).expect("a limit")
}

pub(crate) fn holder(name: &str) -> Holder {
    Holder::new(name, "", None).expect("a holder")
}

pub(crate) fn to_limit(count: u64) -> PoolPatch {
    PoolPatch { limit: Some(limit(count)), ..PoolPatch::default() }
}

/// Rows as an operation would have written them.
pub(crate) fn slot_row(slot: u32, fence: u64, who: &str, acquired_at: Timestamp, expires_at: Timestamp) -> SlotRow {
    let held = Held {
        holder: holder(who),
        attempt: Attempt::first(Timestamp(1)),
        acquired_at,
        expires_at,
        renewed_at: None,
        notice: Notice::Asked,
        label: None,
    };
    SlotRow { slot: Slot(slot), fence: Fence(fence), held: Some(held) }
}

pub(crate) fn holder_row(who: &str, state: HolderState) -> Row {
    Row::Holder(HolderRow { holder: holder(who), attempt: Attempt::first(Timestamp(1)), state, ttl: ahead(90_000) })
}

pub(crate) fn holding(who: &str, slot: u32, fence: u64) -> Row {
    holder_row(who, HolderState::Holding { slot: Slot(slot), fence: Fence(fence) })
}

pub(crate) fn place(who: &str, since: Timestamp, give_up_at: Timestamp) -> WaitRow {
    WaitRow {
        ticket: Ticket { at: since, own: holder(who).hashed().own },
        holder: holder(who),
        attempt: Attempt::first(Timestamp(1)),
        give_up_at,
        token: None,
        lease: Millis::seconds(60),
        label: None,
    }
}

pub(crate) fn waiting(place: &WaitRow) -> Row {
    Row::Holder(HolderRow {
        holder: place.holder.clone(),
        attempt: place.attempt,
        state: HolderState::Waiting { ticket: place.ticket, task: None },
        ttl: ahead(90_000),
    })
}

impl Patient {
    /// A table without a pool.
    pub(crate) async fn table_alone() -> Patient {
        let patient = Patient::nothing();
        create_table(&patient.table).await.expect("a table");
        patient
    }

    /// An engine without a table.
    pub(crate) fn nothing() -> Patient {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("patient-{}-{number}.db", std::process::id());
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let engine = Embedded::file(&file).expect("an engine");
        let client = Client::from_conf(engine.config().build());
        Patient { table: engine.table(TABLE), file, engine, client }
    }

    /// A healthy pool of this limit, swept just now.
    pub(crate) async fn with_limit(count: u64) -> Patient {
        let patient = Patient::table_alone().await;
        patient.set(to_limit(count)).await;
        // The high-water mark is written with the first grant.
        let first = patient.granted("first").await;
        patient.release(&first).await;
        patient.sweep().await;
        patient
    }

    pub(crate) async fn set(&self, patch: PoolPatch) {
        let set = SetPool { patch, by: leasehold_core::Author::new("ann", "a test"), expected: ExpectedSettings::Any };
        self.runner().administer(&prefix(), set).await.expect("settings");
    }

    pub(crate) fn runner(&self) -> Runner {
        Runner::new(self.table.clone())
    }

    pub(crate) async fn granted(&self, who: &str) -> Lease {
        let request = AcquireRequest {
            holder: holder(who),
            attempt: Some(Attempt::first(Timestamp(1))),
            mode: Mode::Poll,
            lease: None,
            wait: None,
            label: None,
        };
        match self.runner().run_on(&prefix(), request).await.expect("the pool") {
            AcquireOutcome::Acquired(lease) => lease,
            other => panic!("{who} was told {other:?}"),
        }
    }

    pub(crate) async fn release(&self, lease: &Lease) {
        let target = leasehold_core::ReleaseTarget::Lease(lease.id.clone());
        self.runner().run_on(&prefix(), target).await.expect("released");
    }

    pub(crate) async fn sweep(&self) {
        self.runner().run_on(&prefix(), SweepRequest).await.expect("swept");
    }

    /// Puts rows as they are, whatever lies there.
    pub(crate) async fn put(&self, rows: impl IntoIterator<Item = Row>) {
        for row in rows {
            put_row(&self.table, &prefix(), row).await;
        }
    }

    /// A lease with its holder's row, as a grant leaves them.
    pub(crate) async fn put_lease(&self, slot: SlotRow) {
        let held = slot.held.clone().expect("a lease");
        let row = holding(held.holder.execution(), slot.slot.0, slot.fence.0);
        self.put([Row::Slot(slot), row]).await;
    }

    /// A summary as if a sweep had just been here.
    pub(crate) async fn put_summary(&self) {
        let (limit, held, waiting) = (limit(1), 0, 0);
        let row = SummaryRow { at: now(), limit, held, waiting, waiting_more: false, waiting_since: None };
        self.put([Row::Summary(row)]).await;
    }

    pub(crate) async fn delete(&self, key: RowKey) {
        let delete = self.client.delete_item().table_name(TABLE).set_key(Some(rows::key(&prefix(), &key)));
        delete.send().await.expect("deleted");
    }

    /// Puts an item of this sort key, with these attributes alone.
    pub(crate) async fn put_item(&self, sk: &str, attributes: &[(&str, AttributeValue)]) {
        let put = self.client.put_item().table_name(TABLE);
        let put = put.item("PK", s("LEASES#p")).item("SK", s(sk));
        let put = attributes.iter().fold(put, |put, (name, value)| put.item(*name, value.clone()));
        put.send().await.expect("put");
    }

    /// What the doctor says.
    pub(crate) fn examined(&self, arguments: &[&str]) -> Examined {
        visit(&self.file, arguments)
    }
}

/// What the doctor says of the table in this file.
pub(crate) fn visit(file: &Path, arguments: &[&str]) -> Examined {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leasehold"));
    command.args(["doctor"]).args(arguments).arg("--store").arg(file).args(["--output", "json"]);
    let output = command.stdin(Stdio::null()).output().expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
    let document = serde_json::from_str(&text).unwrap_or(Value::Null);
    Examined { status: output.status.code(), document, wrong }
}

pub(crate) fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// What an examination told.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) status: Option<i32>,
    pub(crate) document: Value,
    pub(crate) wrong: String,
}

impl Examined {
    fn all(&self) -> &Vec<Value> {
        self.document["findings"].as_array().unwrap_or_else(|| panic!("no report: {self:?}"))
    }

    pub(crate) fn codes(&self) -> Vec<&str> {
        self.all().iter().filter_map(|one| one["code"].as_str()).collect()
    }

    /// The one finding of this code.
    pub(crate) fn finding(&self, code: &str) -> &Value {
        let mut found = self.all().iter().filter(|one| one["code"] == code);
        match (found.next(), found.next()) {
            (Some(one), None) => one,
            _ => panic!("not once {code}: {self:?}"),
        }
    }

    /// What the repairs came to: the code of each, and whether it was done.
    pub(crate) fn repairs(&self) -> Vec<(&str, bool)> {
        let all = self.document["repairs"].as_array().unwrap_or_else(|| panic!("no report: {self:?}"));
        all.iter().map(|one| (one["code"].as_str().unwrap_or_default(), one["done"] == true)).collect()
    }
}
