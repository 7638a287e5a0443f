//! The log: what happened, newest first?
//! The changes between two looks, each in a line.

use std::collections::VecDeque;

use leasehold_core::occupancy::{PastLease, PoolEvent, PoolEventKind};
use leasehold_core::{Holder, Millis, PoolName, Timestamp};

use super::text;

/// How many lines are kept.
const KEPT: usize = 1_000;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// As it should be.
    Plain,
    /// A lease began.
    Good,
    /// An operator changed something, or a program notes something.
    Notable,
    /// A holder lost something it had, or time.
    Warning,
    /// A promise of the protocol is broken.
    Alarm,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DashboardLogLine {
    /// When.
    pub at: Timestamp,
    /// Which pool; none for what concerns none.
    pub prefix: Option<PoolName>,
    /// A sign, so that colour is not needed.
    pub sign: &'static str,
    /// In a word.
    pub verb: &'static str,
    /// The rest.
    pub rest: LogText,
    /// How much it matters.
    pub weight: Weight,
}

/// What a line says after its verb. The holder in it is shortened if that saves what comes after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogText {
    before: String,
    holder: String,
    after: String,
}

impl From<String> for LogText {
    fn from(before: String) -> LogText {
        LogText { before, ..LogText::default() }
    }
}

impl LogText {
    fn of(before: String, holder: &Holder, after: String) -> LogText {
        LogText { before, holder: text::holder_in_short(holder), after }
    }

    /// In at most so many columns.
    pub fn within(&self, columns: usize) -> String {
        let LogText { before, holder, after } = self;
        let room = columns.saturating_sub(text::width(before) + text::width(after));
        let holder = if room < LEAST { holder } else { &text::shorten(holder, room) };
        text::clip(&format!("{before}{holder}{after}"), columns)
    }
}

/// A holder in fewer columns could be anybody.
const LEAST: usize = 6;

/// The lines.
#[derive(Clone, Debug, Default)]
pub struct Log(VecDeque<DashboardLogLine>);

impl Log {
    /// Adds what happened to a pool between two looks. Of looks far apart, leases that came and went unseen are one line,
    /// however many slots they were on.
    pub fn tell(&mut self, prefix: &PoolName, events: Vec<PoolEvent>, (since, until): (Timestamp, Timestamp)) {
        let slot_unseen = |event: &PoolEvent| match event.what {
            PoolEventKind::Unseen { leases, .. } => Some(leases),
            _ => None,
        };
        let slots = events.iter().filter_map(slot_unseen).count();
        let in_one = slots > 1 && until.since(since) > UNSURE;
        if in_one {
            let leases: u64 = events.iter().filter_map(slot_unseen).sum();
            let rest = format!("{leases} leases came and went in {}", text::length(until.since(since))).into();
            let (sign, verb, weight) = ("…", "unseen", Weight::Plain);
            self.add(DashboardLogLine { at: until, prefix: Some(prefix.clone()), sign, verb, rest, weight });
        }
        for event in events.iter().filter(|event| !in_one || slot_unseen(event).is_none()) {
            if let Some((sign, verb, rest, weight)) = words(&event.what, event.at.since(since)) {
                self.add(DashboardLogLine { at: event.at, prefix: Some(prefix.clone()), sign, verb, rest, weight });
            }
        }
    }

    /// Adds a line where its time puts it: looks at several pools come in any order.
    pub fn add(&mut self, line: DashboardLogLine) {
        let place = self.0.partition_point(|other| other.at > line.at);
        self.0.insert(place, line);
        self.0.truncate(KEPT);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The lines, newest first.
    pub fn lines(&self) -> &VecDeque<DashboardLogLine> {
        &self.0
    }
}

type EventWords = (&'static str, &'static str, LogText, Weight);

/// How much a length may be too long before that is said: usual looks are no further apart.
const UNSURE: Millis = Millis::seconds(5);

/// An event in words, of which nobody knows when in the time since the last look it was. Renewals and arrivals are no news:
/// the slots and the queue show them.
fn words(what: &PoolEventKind, unsure: Millis) -> Option<EventWords> {
    let after = |length: Millis| {
        // A tenth more or less is as good as sure.
        let most = if unsure > UNSURE && unsure.0.saturating_mul(10) > length.0 { "at most " } else { "" };
        format!(" after {most}{}", text::length(length))
    };
    let past = |past: &PastLease| {
        let PastLease { slot, holder, held_for, .. } = past;
        LogText::of(format!("{slot} of "), holder, after(*held_for))
    };
    Some(match what {
        PoolEventKind::LimitChanged { from, to, overridden } => {
            let by = overridden.as_ref().map(|live| format!(" by {}: {}", live.who, live.why)).unwrap_or_default();
            ("±", "limit", format!("{from} → {to}{by}").into(), Weight::Notable)
        }
        PoolEventKind::Granted { slot, holder, waited, .. } => {
            let waited = waited.map(|waited| format!(", waited {}", text::length(waited))).unwrap_or_default();
            ("+", "granted", LogText::of(format!("{slot} to "), holder, waited), Weight::Good)
        }
        PoolEventKind::GrantedAgain { slot, holder, .. } => {
            ("+", "regranted", LogText::of(format!("{slot} to "), holder, String::new()), Weight::Good)
        }
        PoolEventKind::Released(lease) => ("−", "released", past(lease), Weight::Plain),
        PoolEventKind::Reclaimed(lease) => ("×", "reclaimed", past(lease), Weight::Warning),
        PoolEventKind::Ended(lease) => ("−", "ended", past(lease), Weight::Plain),
        PoolEventKind::Expired { slot, holder, .. } => {
            ("!", "expired", LogText::of(format!("{slot} of "), holder, String::new()), Weight::Warning)
        }
        PoolEventKind::Unseen { slot, leases } => {
            let them = if *leases == 1 { "lease" } else { "leases" };
            ("…", "unseen", format!("{leases} {them} came and went on {slot}").into(), Weight::Plain)
        }
        PoolEventKind::FenceBroken { slot, before, after } => {
            let rest = format!("{slot}: {before} became {after}; rows were deleted or restored");
            ("▲", "broken", rest.into(), Weight::Alarm)
        }
        PoolEventKind::LeftQueue { holder, waited, gave_up, .. } => {
            let why = if *gave_up { "gave up" } else { "left the queue" };
            let (sign, weight) = if *gave_up { ("!", Weight::Warning) } else { ("‹", Weight::Plain) };
            (sign, "left", LogText::of(String::new(), holder, format!(" {why}{}", after(*waited))), weight)
        }
        PoolEventKind::Renewed { .. } | PoolEventKind::Extended { .. } | PoolEventKind::Queued { .. } => return None,
    })
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]
mod tests {
    use super::*;

    fn line(at: u64) -> DashboardLogLine {
        let (sign, verb, rest) = ("+", "granted", LogText::default());
        DashboardLogLine { at: Timestamp(at), prefix: None, sign, verb, rest, weight: Weight::Plain }
    }

    #[test]
    fn the_newest_comes_first_in_whatever_order_it_is_told() {
        let mut log = Log::default();
        [5, 9, 7].into_iter().for_each(|at| log.add(line(at)));
        assert_eq!(log.lines().iter().map(|line| line.at.0).collect::<Vec<_>>(), [9, 7, 5]);
    }

    #[test]
    fn in_little_room_the_holder_is_shortened_and_the_times_stay() {
        let holder = Holder::new("run", "analytics-015", None).expect("a holder");
        let rest = LogText::of("slot 14 of ".into(), &holder, " after 3.6s".into());
        assert_eq!(rest.within(60), "slot 14 of analytics-015 after 3.6s");
        assert_eq!(rest.within(32), "slot 14 of analy…-015 after 3.6s");
        assert_eq!(rest.within(20), "slot 14 of analytic…");
        assert_eq!(LogText::from("5 → 6".to_owned()).within(4), "5 →…");
    }

    #[test]
    fn only_the_newest_are_kept() {
        let mut log = Log::default();
        (0..3 * KEPT as u64).for_each(|at| log.add(line(at)));
        assert_eq!(log.lines().len(), KEPT);
        assert_eq!(log.lines().front().map(|line| line.at.0), Some(3 * KEPT as u64 - 1));
    }
}
