//! Kinds of fault: what may go wrong in a large world, how often, and how often did it?

use crate::rng::Rng;

macro_rules! fault_kinds {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// One thing that may go wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FaultKind {
            $($(#[doc = $doc])* $name,)*
        }

        impl FaultKind {
            /// All of them.
            pub const ALL: &[FaultKind] = &[$(FaultKind::$name,)*];

            /// How many there are.
            pub const COUNT: usize = FaultKind::ALL.len();

            /// Its name on the command line and in reports.
            pub const fn name(self) -> &'static str {
                match self {
                    $(FaultKind::$name => $text,)*
                }
            }
        }
    };
}

fault_kinds! {
    /// A call dies before a request of its is sent.
    DiesBefore = "dies-before",
    /// A call dies after a request of its was served.
    DiesAfter = "dies-after",
    /// A request never arrives; its caller gets no answer.
    RequestLost = "request-lost",
    /// A request is served; its caller gets no answer.
    ReplyLost = "reply-lost",
    /// A request is served after its caller was told that there is no answer.
    ServedLate = "served-late",
    /// A request arrives once more later.
    ServedTwice = "served-twice",
    /// A request, or its answer, takes seconds.
    Slow = "slow",
    /// A call stands still before it reads its answers, perhaps past the end of a lease.
    Frozen = "frozen",
    /// The table refuses: too many requests.
    Throttled = "throttled",
    /// The table refuses: another transaction is at work on a row.
    Conflict = "conflict",
    /// A query sees some rows before and some after what was written meanwhile.
    TornQuery = "torn-query",
    /// A notice never arrives.
    NoticeLost = "notice-lost",
    /// A notice arrives, and its answer is lost.
    NoticeUnheard = "notice-unheard",
    /// A notice is not taken: too many.
    NoticeNotSent = "notice-not-sent",
    /// A notice arrives after its sender was told that there is no answer.
    NoticeLate = "notice-late",
    /// A notice is refused for good, as all others to the same task will be.
    NoticeRefused = "notice-refused",
    /// It can not be found out whether an execution runs.
    StatusUnknown = "status-unknown",
    /// The answer whether an execution runs is seconds old when it is read.
    StatusOld = "status-old",
    /// A call is delivered once more, at once or minutes later.
    CallRepeated = "call-repeated",
    /// The answer of an invocation is lost.
    AnswerLost = "answer-lost",
    /// A branch of an execution that goes on is cancelled, while it waits or works.
    BranchCancelled = "branch-cancelled",
    /// A person stops an execution, or it times out.
    ExecutionStopped = "execution-stopped",
    /// Work fails.
    WorkFails = "work-fails",
    /// Work goes on after its lease has expired.
    WorkTooLong = "work-too-long",
    /// A task that waits times out, and its state asks again.
    TaskTimesOut = "task-times-out",
    /// A process that waits or works is killed, and nobody says so.
    ProcessKilled = "process-killed",
    /// An execution that failed is redriven.
    Redriven = "redriven",
    /// The end of an execution is reported minutes late.
    EndLate = "end-late",
    /// The end of an execution is never reported.
    EndLost = "end-lost",
    /// The end of an execution is reported twice.
    EndTwice = "end-twice",
    /// The clock of a machine is wrong, by seconds or hours.
    ClockWrong = "clock-wrong",
}

impl FaultKind {
    /// Those that befall a request to the table.
    pub(super) const OF_REQUESTS: &[FaultKind] = &[
        FaultKind::DiesBefore,
        FaultKind::DiesAfter,
        FaultKind::RequestLost,
        FaultKind::ReplyLost,
        FaultKind::ServedLate,
        FaultKind::ServedTwice,
        FaultKind::Slow,
        FaultKind::Frozen,
        FaultKind::Throttled,
        FaultKind::Conflict,
        FaultKind::TornQuery,
    ];

    /// Those that befall a notice.
    pub(super) const OF_NOTICES: &[FaultKind] = &[
        FaultKind::DiesBefore,
        FaultKind::DiesAfter,
        FaultKind::Frozen,
        FaultKind::NoticeLost,
        FaultKind::NoticeUnheard,
        FaultKind::NoticeNotSent,
        FaultKind::NoticeLate,
        FaultKind::NoticeRefused,
    ];

    /// The kind of this name.
    pub fn named(name: &str) -> Option<FaultKind> {
        FaultKind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// How often each kind befalls whatever it can befall, in ten thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultRates([u32; FaultKind::COUNT]);

impl FaultRates {
    /// Nothing goes wrong.
    pub const NONE: FaultRates = FaultRates([0; FaultKind::COUNT]);

    /// How often this kind does.
    pub fn of(&self, kind: FaultKind) -> u32 {
        self.0[kind as usize]
    }

    /// The same, with this kind so often.
    #[must_use]
    pub fn with(mut self, kind: FaultKind, in_ten_thousand: u32) -> FaultRates {
        self.0[kind as usize] = in_ten_thousand;
        self
    }

    /// Each kind by chance: not at all, rarely, or often.
    pub(super) fn drawn(rng: &mut Rng) -> FaultRates {
        let mut rates = FaultRates::NONE;
        // A world in which all goes wrong at once hides what only one kind does.
        let share = [0, 1_500, 1_500, 1_500, 4_000, 4_000, 8_000, 8_000][rng.choice(8)];
        for kind in FaultKind::ALL {
            if rng.happens(share) {
                let most = [10, 50, 200, 800][rng.choice(4)];
                rates = rates.with(*kind, 1 + u32::try_from(rng.below(most)).unwrap_or(0));
            }
        }
        rates
    }

    /// Which of these kinds befalls something, if one does; the first for which chance decides.
    pub(super) fn draw(&self, kinds: &[FaultKind], rng: &mut Rng) -> Option<FaultKind> {
        let sum: u32 = kinds.iter().map(|kind| self.of(*kind)).sum();
        if sum == 0 {
            return None;
        }
        let mut drawn = rng.below(u64::from(sum.max(10_000)));
        kinds.iter().copied().find(|kind| {
            let rate = u64::from(self.of(*kind));
            let befalls = drawn < rate;
            drawn = drawn.saturating_sub(rate);
            befalls
        })
    }
}

/// How often each kind of fault happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultCounts([u64; FaultKind::COUNT]);

impl Default for FaultCounts {
    fn default() -> FaultCounts {
        FaultCounts([0; FaultKind::COUNT])
    }
}

impl FaultCounts {
    /// How often this kind did.
    pub fn of(&self, kind: FaultKind) -> u64 {
        self.0[kind as usize]
    }

    /// How often any did.
    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The kinds that never happened.
    pub fn missing(&self) -> Vec<FaultKind> {
        FaultKind::ALL.iter().copied().filter(|kind| self.of(*kind) == 0).collect()
    }

    pub(super) fn count(&mut self, kind: FaultKind) {
        self.0[kind as usize] += 1;
    }

    /// Adds those of another world.
    pub fn add(&mut self, other: &FaultCounts) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum += count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name() {
        assert!(FaultKind::ALL.iter().all(|kind| FaultKind::named(kind.name()) == Some(*kind)));
        assert_eq!(FaultKind::named("no-such-fault"), None);
    }

    #[test]
    fn faults_are_drawn_as_often_as_their_rates_say() {
        let rates = FaultRates::NONE.with(FaultKind::Throttled, 1_000).with(FaultKind::Conflict, 3_000);
        let (mut rng, mut counts) = (Rng::new(1), FaultCounts::default());
        for _ in 0..10_000 {
            rates.draw(FaultKind::OF_REQUESTS, &mut rng).into_iter().for_each(|kind| counts.count(kind));
        }
        assert!((900..1_100).contains(&counts.of(FaultKind::Throttled)), "{counts:?}");
        assert!((2_850..3_150).contains(&counts.of(FaultKind::Conflict)), "{counts:?}");
        assert_eq!(counts.sum(), counts.of(FaultKind::Throttled) + counts.of(FaultKind::Conflict));
    }
}
