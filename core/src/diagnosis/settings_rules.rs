//! Rules on settings: do they fit each other, and is somebody's override still meant?

use super::{Diagnosed, Finding, OVERRIDE_OLD, PoolReading};
use crate::settings::Settings;
use crate::time::Millis;

/// How far two callers may differ about the time at most where the dates of the table's replies tell it: each knows it to
/// within a second, and a moment that the replies took.
const LEAST_GRACE: Millis = Millis::seconds(2);

/// A holder renews its lease well before its end: a request that is slow or sent again, or a machine that pauses, may take
/// some seconds.
const LEAST_LEASE: Millis = Millis::seconds(10);

pub(super) fn misfits(settings: &Settings, cached_for: Millis) -> Vec<Finding> {
    let Settings { lease, grace, quiet, longest_wait, longest_hold, sweep_every, .. } = *settings;
    let mut found = vec![];
    let mut say = |finding| found.push(finding);
    if quiet < cached_for {
        say(Finding::QuietShort { quiet, least: cached_for });
    }
    if grace < LEAST_GRACE {
        say(Finding::GraceShort { grace, least: LEAST_GRACE });
    }
    if lease < LEAST_LEASE {
        say(Finding::LeaseShort { lease, least: LEAST_LEASE });
    }
    if grace >= lease {
        say(Finding::GraceLong { grace, lease });
    }
    if longest_hold > Millis(0) && lease < sweep_every + sweep_every {
        say(Finding::SweepSlow { lease, sweep_every });
    }
    if longest_hold > Millis(0) && longest_hold <= lease {
        say(Finding::HoldShort { longest_hold, lease });
    }
    if longest_wait < lease {
        say(Finding::WaitShort { longest_wait, lease });
    }
    found
}

pub(super) fn judge(settings: &Settings, reading: &PoolReading, cached_for: Millis, found: &mut Vec<Diagnosed>) {
    found.extend(misfits(settings, cached_for).into_iter().map(|finding| (finding, None)));
    let mut say = |finding| found.push((finding, None));
    if let Some(live) = &reading.live {
        let since = reading.at.since(live.at);
        if since >= OVERRIDE_OLD {
            say(Finding::OverrideOld { live: live.clone(), since });
        }
    }
    if settings.limit.count() == 0 {
        say(Finding::Drained { overridden: reading.live.is_some() });
    }
}
