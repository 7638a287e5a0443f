//! Replay: how is a recording played?
//! What was seen comes again in its order, as fast as somebody wants; the dashboard is fed as if it were live, on the
//! recording's clock.

use std::collections::HashMap;

use leasehold_core::occupancy::trace::{BrokenPool, PoolSeen, Trace, TraceEntry};
use leasehold_core::{Millis, PoolName, Timestamp};

use super::history::KEPT;
use super::input::{DamagedPool, Input, ReplayCommand, ReplayPosition};

/// A recording that is being played.
#[derive(Clone, Debug)]
pub struct ReplayPlayer {
    entries: Vec<TraceEntry>,
    /// How many of them were shown.
    shown: usize,
    played: ReplayPosition,
    /// The part of a millisecond that a slow replay has not shown yet.
    rest: f64,
    /// What is to be told of the recording itself.
    note: Option<String>,
}

impl ReplayPlayer {
    /// At the beginning, and running.
    pub fn new(trace: Trace) -> ReplayPlayer {
        let first = trace.entries.first().map(|entry| entry.at);
        let from = first.unwrap_or(trace.header.recorded_at);
        let to = trace.entries.last().map_or(from, |entry| entry.at);
        let played = ReplayPosition { from, at: from, to, playing: true, speed: 1.0 };
        ReplayPlayer { entries: trace.entries, shown: 0, played, rest: 0.0, note: trace.note }
    }

    /// What is there at the beginning.
    pub fn start(&mut self) -> Vec<Input> {
        let mut inputs = self.jump(self.played.from);
        // It is said when it is as late as the recording begins: it would be over before.
        inputs.extend(self.note.clone().map(Input::Note));
        inputs
    }

    /// What is seen while so much real time passes.
    pub fn pass(&mut self, time: Millis) -> Vec<Input> {
        if !self.played.playing {
            return vec![];
        }
        let passed = time.0 as f64 * self.played.speed + self.rest;
        self.rest = passed.fract();
        let at = (self.played.at + Millis(passed as u64)).min(self.played.to);
        let mut inputs = vec![];
        self.show(at, &mut inputs);
        if at == self.played.to {
            self.played.playing = false;
        }
        inputs.push(Input::Played(self.played));
        inputs
    }

    /// What is seen when somebody asks for this.
    pub fn told(&mut self, play: ReplayCommand) -> Vec<Input> {
        match play {
            ReplayCommand::Toggle if !self.played.playing && self.played.at == self.played.to => {
                self.played.playing = true;
                return self.jump(self.played.from);
            }
            ReplayCommand::Toggle => self.played.playing = !self.played.playing,
            ReplayCommand::Speed(speed) => self.played.speed = speed,
            ReplayCommand::Start => return self.jump(self.played.from),
            ReplayCommand::Seek(by) => {
                let at = Timestamp(self.played.at.0.saturating_add_signed(by));
                return self.jump(at.clamp(self.played.from, self.played.to));
            }
        }
        vec![Input::Played(self.played)]
    }

    /// Shows what was seen up to then, and the time.
    fn show(&mut self, at: Timestamp, inputs: &mut Vec<Input>) {
        while let Some(entry) = self.entries.get(self.shown).filter(|entry| entry.at <= at) {
            inputs.push(Input::Tick(entry.at));
            inputs.push(seen(entry));
            self.shown += 1;
        }
        inputs.push(Input::Tick(at));
        self.played.at = at;
    }

    /// As if it had run from the beginning until then. Of what is too long ago to be on any chart, only the last
    /// look at each pool.
    fn jump(&mut self, at: Timestamp) -> Vec<Input> {
        let mut inputs = vec![Input::Forget, Input::Tick(self.played.from)];
        let old = Timestamp(at.0.saturating_sub(KEPT.0));
        let end = self.entries.partition_point(|entry| entry.at < old);
        let last: HashMap<&PoolName, usize> =
            self.entries[..end].iter().enumerate().map(|(index, entry)| (entry.prefix(), index)).collect();
        let mut last: Vec<usize> = last.into_values().collect();
        last.sort_unstable();
        inputs.extend(last.into_iter().map(|index| seen(&self.entries[index])));
        self.shown = end;
        self.rest = 0.0;
        self.show(at, &mut inputs);
        inputs.push(Input::Played(self.played));
        inputs
    }
}

fn seen(entry: &TraceEntry) -> Input {
    match &entry.seen {
        PoolSeen::Pool(look) => Input::Seen(look.clone()),
        PoolSeen::Gone(prefix) => Input::Gone(prefix.clone()),
        PoolSeen::Broken(broken) => {
            let BrokenPool { prefix, why, slots, rest } = &**broken;
            match rest {
                Some(rest) => Input::Damaged(Box::new(DamagedPool {
                    rest: (**rest).clone(),
                    slots: slots.iter().cloned().collect(),
                    why: why.clone(),
                })),
                None => Input::Unreadable { prefix: prefix.clone(), why: why.clone() },
            }
        }
    }
}
