//! Rows drawn from bytes: which row do these bytes stand for? Every value that a row can have is reached, the absurd ones
//! often.

use std::sync::Arc;

use leasehold_core::{
    Attempt, Fence, Held, HighWaterRow, Holder, HolderRow, HolderState, Limit, Lowered, Lowering, Millis, Notice,
    OverrideRow, PoolRow, Row, Slot, SlotRow, SummaryRow, TaskDigest, TaskToken, Ticket, Timestamp, WaitRow,
};

/// Bytes that are taken one after the other; where none are left, zeros come.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().map_or((0, self.0), |(first, rest)| (*first, rest));
        self.0 = rest;
        first
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    fn maybe<T>(&mut self, one: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| one(self))
    }

    /// A number: one at an edge, or any.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() % 12 {
            0 => 0,
            1 => 1,
            2 => 999,
            3 => 1_000,
            4 => 1_732_270_272_345,
            5 => u64::from(u32::MAX),
            6 => u64::from(u32::MAX) + 1,
            7 => i64::MAX as u64,
            8 => u64::MAX - 1,
            9 => u64::MAX,
            10 => self.byte().into(),
            _ => (0..8).fold(0, |sum, _| sum << 8 | u64::from(self.byte())),
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "any number will do")]
    fn small(&mut self) -> u32 {
        self.number() as u32
    }

    fn time(&mut self) -> Timestamp {
        Timestamp(self.number())
    }

    fn length(&mut self) -> Millis {
        Millis(self.number())
    }

    fn limit(&mut self) -> Limit {
        Limit::try_from(self.number() % 10_001).expect("a limit")
    }

    fn slot(&mut self) -> Slot {
        Slot(self.small() % 100_000)
    }

    fn fence(&mut self) -> Fence {
        Fence(self.number() / 2)
    }

    /// A text of at most so many bytes.
    fn text(&mut self, longest: usize) -> String {
        let length = match self.byte() % 8 {
            0 => 0,
            7 => longest,
            _ => usize::from(self.byte()),
        };
        let sign = |bytes: &mut Self| match bytes.byte() {
            byte @ 0x20..=0x7e => char::from(byte),
            byte => ['ü', '\u{1F980}', '\u{202e}', '\u{1b}', '\n', '\0', '#', '"'][usize::from(byte % 8)],
        };
        let mut text = String::new();
        while text.len() + 4 <= length.min(longest) {
            text.push(sign(self));
        }
        text
    }

    fn shared(&mut self) -> Arc<str> {
        self.text(300).into()
    }

    fn id(&mut self, shortest: usize) -> String {
        let text = self.text(1_024);
        if text.len() < shortest { "e".into() } else { text }
    }

    fn holder(&mut self) -> Holder {
        let (execution, key, parent) = (self.id(1), self.id(0), self.maybe(|bytes| bytes.id(1)));
        Holder::new(&execution, &key, parent.as_deref()).expect("a holder")
    }

    fn attempt(&mut self) -> Attempt {
        Attempt { entered: self.time(), redrive: self.small(), retry: self.small() }
    }

    fn token(&mut self) -> TaskToken {
        let text = self.text(2_048);
        TaskToken::new(if text.is_empty() { "t" } else { &text }).expect("a token")
    }

    fn ticket(&mut self) -> Ticket {
        Ticket { at: self.time(), own: u128::from(self.number()) << 64 | u128::from(self.number()) }
    }

    fn lowered(&mut self) -> Option<Lowered> {
        self.maybe(|bytes| Lowered { from: bytes.limit(), at: bytes.time() })
    }

    fn notice(&mut self) -> Notice {
        match self.byte() % 6 {
            0 => Notice::Asked,
            1 => Notice::Claimed(self.token()),
            2 => Notice::Uncollected,
            3 => Notice::Untold(self.token()),
            4 => Notice::MaybeTold(self.token()),
            _ => Notice::Confirmed(TaskDigest(self.number())),
        }
    }

    fn held(&mut self) -> Held {
        Held {
            holder: self.holder(),
            attempt: self.attempt(),
            acquired_at: self.time(),
            expires_at: self.time(),
            renewed_at: self.maybe(Self::time),
            notice: self.notice(),
            label: self.maybe(Self::shared),
        }
    }

    fn state(&mut self) -> HolderState {
        match self.byte() % 3 {
            0 => HolderState::Ended,
            1 => HolderState::Holding { slot: self.slot(), fence: self.fence() },
            _ => HolderState::Waiting { ticket: self.ticket(), task: self.maybe(|bytes| TaskDigest(bytes.number())) },
        }
    }

    /// A row of any kind.
    pub(crate) fn row(&mut self) -> Row {
        match self.byte() % 7 {
            0 => Row::Pool(PoolRow {
                limit: self.limit(),
                lowered: self.lowered(),
                lease: self.maybe(Self::length),
                grace: self.maybe(Self::length),
                quiet: self.maybe(Self::length),
                longest_wait: self.maybe(Self::length),
                longest_hold: self.maybe(Self::length),
                sweep_every: self.maybe(Self::length),
            }),
            1 => Row::Override(OverrideRow {
                limit: self.limit(),
                lowered: self.lowered(),
                at: self.time(),
                until: self.maybe(Self::time),
                who: self.shared(),
                why: self.shared(),
            }),
            2 => Row::Summary(SummaryRow {
                at: self.time(),
                limit: self.limit(),
                held: self.small(),
                waiting: self.small(),
                waiting_more: self.flag(),
                waiting_since: self.maybe(Self::time),
            }),
            3 => Row::HighWater(HighWaterRow {
                slots: self.small(),
                fence: self.fence(),
                lower: self.maybe(|bytes| Lowering { to: bytes.limit(), since: bytes.time() }),
            }),
            4 => Row::Slot(SlotRow { slot: self.slot(), fence: self.fence(), held: self.maybe(Self::held) }),
            5 => Row::Holder(HolderRow {
                holder: self.holder(),
                attempt: self.attempt(),
                state: self.state(),
                // As the table keeps it: in whole seconds.
                ttl: Timestamp(self.number().div_ceil(1_000).saturating_mul(1_000)),
            }),
            _ => Row::Wait(WaitRow {
                ticket: self.ticket(),
                holder: self.holder(),
                attempt: self.attempt(),
                give_up_at: self.time(),
                token: self.maybe(Self::token),
                lease: self.length(),
                label: self.maybe(Self::shared),
            }),
        }
    }
}
