//! How does an operator change a limit while leases are held? By an override row, which wins over the settings.
//!
//! It keeps the highest limit that callers with cached settings may still use, so that after a lowering the
//! slots up to it count as held until the quiet period is over. Then the pool is settled: a raise wakes waiters.

use std::sync::Arc;

use crate::machine::{Answer, Failure, Outcome, Step, ask_after, failed, jitter};
use crate::nouns::{Limit, Millis};
use crate::settings::Settings;
use crate::settle::{Settle, Settling};
use crate::status::{replies, why};
use crate::table::{Key, OverrideRow, Reply, Request, Row};
use crate::writes;

/// The new limit, who wants it, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewLimit {
    /// The limit.
    pub limit: Limit,
    /// Who.
    pub who: Arc<str>,
    /// Why.
    pub why: Arc<str>,
}

/// A change under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChangeLimit {
    new: NewLimit,
    settings: Arc<Settings>,
    entropy: u64,
    tried: u8,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Reading,
    Writing(Arc<Settings>, Limit),
    Settling(Box<Settle>, Limit),
}

impl ChangeLimit {
    pub(crate) fn start(new: NewLimit, settings: Arc<Settings>, entropy: u64) -> (ChangeLimit, Step) {
        let mut change = ChangeLimit { new, settings, entropy, tried: 0, phase: Phase::Reading };
        let step = change.read(Millis(0));
        (change, step)
    }

    fn read(&mut self, pause: Millis) -> Step {
        self.phase = Phase::Reading;
        ask_after(pause, vec![Request::Get(Key::Pool), Request::Get(Key::Override)])
    }

    pub(crate) fn resume(&mut self, answer: Answer, now: Millis) -> Step {
        match std::mem::replace(&mut self.phase, Phase::Reading) {
            Phase::Reading => match replies(answer) {
                Some([Reply::Row(None), _]) => failed(Failure::NoPool),
                Some([Reply::Row(Some(Row::Pool(pool))), Reply::Row(live)]) => {
                    let live = live.and_then(|row| if let Row::Override(row) = row { Some(row) } else { None });
                    match Settings::from_rows(self.settings.prefix.clone(), &pool, live.as_ref()) {
                        Ok(current) => self.write(current, live.as_ref(), now),
                        Err(wrong) => failed(Failure::Misconfigured(wrong)),
                    }
                }
                Some([Reply::Row(_), other] | [other, _]) => self.again(why(&other)),
                None => failed(Failure::Unavailable),
            },
            Phase::Writing(settings, from) => match replies(answer) {
                Some([Reply::Written]) => {
                    let (settle, step) = Settle::start(settings, self.entropy, false, vec![]);
                    self.phase = Phase::Settling(settle, from);
                    step
                }
                Some([Reply::Refused(_)]) => self.again(Failure::Throttled),
                Some([other]) => self.again(why(&other)),
                None => failed(Failure::Unavailable),
            },
            Phase::Settling(mut settle, from) => match settle.resume(answer, now) {
                Settling::Next(step) => {
                    self.phase = Phase::Settling(settle, from);
                    step
                }
                Settling::Done => Step::Done(Outcome::Changed { from, to: self.new.limit }),
            },
        }
    }

    fn write(&mut self, current: Settings, read: Option<&OverrideRow>, now: Millis) -> Step {
        let lowered = current.lowered_by(self.new.limit, now);
        let row = OverrideRow {
            limit: self.new.limit,
            lowered,
            // Later than the one before, whatever the clocks say: the time tells two changes apart.
            at: read.map_or(now, |read| now.max(read.at + Millis(1))),
            who: self.new.who.clone(),
            why: self.new.why.clone(),
        };
        let from = current.limit;
        self.phase = Phase::Writing(
            Arc::new(Settings {
                limit: self.new.limit,
                lowered,
                tombstone: self.settings.tombstone,
                tries: self.settings.tries,
                ..current
            }),
            from,
        );
        ask_after(Millis(0), vec![writes::change(row, read)])
    }

    fn again(&mut self, failure: Failure) -> Step {
        self.tried += 1;
        if self.tried > self.settings.tries {
            return failed(failure);
        }
        self.read(jitter(self.entropy, self.tried))
    }
}
