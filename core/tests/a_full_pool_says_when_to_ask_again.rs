//! When does a caller that polls ask again? Often where the work is short, rarely where it is long.

#![allow(clippy::expect_used, reason = "a test that can not set itself up has failed")]

use std::sync::Arc;

use leasehold_core::{
    AcquireOutcome, AcquireRequest, Attempt, Effect, Fence, Held, Holder, InFlight, Limit, Machine, Millis, Mode,
    Notice, Operation, Reply, Request, Settings, Slot, SlotRow, Step, Timestamp,
};

const NOW: Timestamp = Timestamp(1_000_000_000);

fn settings(lease: u64) -> Settings {
    let mut settings = Settings::new("p".parse().expect("a prefix"), Limit::try_from(5).expect("a limit"));
    settings.lease = Millis::seconds(lease);
    settings
}

/// What a poll is told by a pool whose five slots are held for so long; a lease is ten minutes.
fn told_after(ages: [u64; 5], entropy: u64) -> Millis {
    told_with(600, ages, entropy)
}

/// The same, where a lease lasts so many seconds.
fn told_with(lease: u64, ages: [u64; 5], entropy: u64) -> Millis {
    let slots: Vec<_> = (0..5).zip(ages).map(|(slot, age)| held(slot, NOW - Millis(age))).collect();
    let holder = Holder::new("e", "asks", None).expect("a holder");
    let ask = AcquireRequest {
        holder,
        attempt: Some(Attempt::default()),
        mode: Mode::Poll,
        lease: None,
        wait: None,
        label: None,
    };
    let (mut machine, mut step) = ask.start(Arc::new(settings(lease)), NOW, entropy);
    loop {
        let effects = match step {
            Step::Perform { effects, .. } => effects,
            Step::Done(Ok(AcquireOutcome::Wait(advice))) => return advice.retry_after,
            Step::Done(other) => panic!("expected a wait, got {other:?}"),
        };
        let reply = |effect: &Effect| match effect {
            Effect::Request(Request::Get(_)) => Reply::Row(None),
            Effect::Request(Request::Slots(..)) => Reply::Slots(slots.clone()),
            Effect::Request(Request::Queue(_)) => Reply::Queue(Vec::new(), false),
            other => panic!("a poll of a full pool only reads, it asked for {other:?}"),
        };
        let mut in_flight = InFlight::new(effects.clone());
        for (at, effect) in effects.iter().enumerate() {
            in_flight.reply(at, reply(effect));
        }
        step = machine.resume(in_flight.into_replies(), NOW);
    }
}

fn held(slot: u32, acquired_at: Timestamp) -> SlotRow {
    let holder = Holder::new("e", &slot.to_string(), None).expect("a holder");
    let held = Held {
        holder,
        attempt: Attempt::default(),
        acquired_at,
        expires_at: acquired_at + Millis::seconds(600),
        renewed_at: None,
        notice: Notice::Asked,
        label: None,
    };
    SlotRow { slot: Slot(slot), fence: Fence(1), held: Some(held) }
}

#[test]
fn it_is_about_as_long_as_the_middle_lease_has_lasted() {
    for (ages, least, most) in [
        // Just granted, or short work: 2 s, a quarter more or less.
        ([0; 5], 1_500, 2_500),
        ([500, 900, 1_000, 1_500, 1_900], 1_500, 2_500),
        ([1_000, 4_000, 8_000, 20_000, 40_000], 6_000, 10_000),
        // One that hangs says nothing about the others.
        ([300_000, 8_000, 8_000, 8_000, 8_000], 6_000, 10_000),
        ([20_000; 5], 15_000, 25_000),
        // Never more rarely than this.
        ([400_000; 5], 22_500, 37_500),
    ] {
        for entropy in 0..500 {
            let told = told_after(ages, entropy).0;
            assert!((least..=most).contains(&told), "{ages:?}: {told}");
        }
    }
}

#[test]
fn short_leases_are_asked_for_more_often() {
    for (lease, least, most) in [(120, 7_500, 12_500), (30, 1_875, 3_125), (6, 1_500, 2_500)] {
        for entropy in 0..500 {
            let told = told_with(lease, [400_000; 5], entropy).0;
            assert!((least..=most).contains(&told), "{lease} s: {told}");
        }
    }
}

#[test]
fn callers_that_were_refused_together_do_not_come_back_together() {
    let told: std::collections::BTreeSet<_> = (0..500).map(|entropy| told_after([0; 5], entropy)).collect();
    assert!(told.len() > 100, "only {} different times", told.len());
}
