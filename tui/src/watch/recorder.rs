//! Recorder: how is what was seen kept?
//! As a trace, line by line, as it is seen: what was written before a crash can be read.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use leasehold_core::occupancy::Occupancy;
use leasehold_core::occupancy::trace::{BrokenPool, PoolSeen, TraceEntry, TraceHeader};
use leasehold_core::{PoolName, Timestamp};

use super::input::Input;

/// A trace that is being written.
#[derive(Debug)]
pub struct Recorder<W> {
    out: W,
    last: Timestamp,
    /// Which pools there were, and of which moment their newest look was.
    known: HashMap<PoolName, Timestamp>,
    /// Those of them that could not be read, or not all of them, when they were looked at last.
    broken: HashSet<PoolName>,
    looks: u64,
}

impl<W: Write> Recorder<W> {
    /// Begins a trace.
    ///
    /// # Errors
    /// When it can not be written.
    pub fn new(mut out: W, table: &str, region: Option<&str>, now: Timestamp) -> io::Result<Self> {
        let program = concat!("leasehold ", env!("CARGO_PKG_VERSION")).to_owned();
        let header = TraceHeader { table: table.into(), region: region.map(Into::into), recorded_at: now, program };
        writeln!(out, "{}", header.to_line()?)?;
        out.flush()?;
        Ok(Recorder { out, last: now, known: HashMap::new(), broken: HashSet::new(), looks: 0 })
    }

    /// Keeps an input, if it is a look at pools.
    ///
    /// # Errors
    /// When it can not be written.
    pub fn keep(&mut self, now: Timestamp, input: &Input) -> io::Result<()> {
        // A clock that was set back must not make a trace that nobody can read.
        self.last = self.last.max(now);
        match input {
            Input::Seen(look) => {
                self.broken.remove(&look.prefix);
                self.look(look)?;
            }
            Input::Damaged(damaged) => {
                let slots = damaged.slots.iter().map(|(slot, why)| (*slot, why.clone()));
                let rest = Some(Box::new(damaged.rest.clone()));
                let (prefix, why) = (damaged.rest.prefix.clone(), damaged.why.clone());
                self.broken(BrokenPool { prefix, why, slots: slots.collect(), rest })?;
            }
            Input::Unreadable { prefix, why } => {
                let (prefix, why) = (prefix.clone(), why.clone());
                self.broken(BrokenPool { prefix, why, slots: vec![], rest: None })?;
            }
            Input::Gone(prefix) => self.gone(prefix)?,
            Input::Listed(listed) => {
                let there: HashSet<&PoolName> = listed.pools.iter().map(|pool| &pool.prefix).collect();
                let gone: Vec<PoolName> = self.known.keys().filter(|prefix| !there.contains(prefix)).cloned().collect();
                gone.iter().try_for_each(|prefix| self.gone(prefix))?;
                // What a sweep saw makes no pool readable.
                let summaries = listed.pools.iter().filter_map(|pool| pool.summary.as_ref());
                for look in summaries {
                    if !self.broken.contains(&look.prefix) {
                        self.look(look)?;
                    }
                }
            }
            _ => return Ok(()),
        }
        self.out.flush()
    }

    /// How many looks at how many pools are in it.
    pub fn kept(&self) -> (u64, usize) {
        (self.looks, self.known.len())
    }

    fn look(&mut self, look: &Occupancy) -> io::Result<()> {
        // A directory read again says again what it said before.
        if self.known.get(&look.prefix).is_some_and(|at| *at >= look.at) {
            return Ok(());
        }
        self.known.insert(look.prefix.clone(), look.at);
        self.looks += 1;
        writeln!(self.out, "{}", TraceEntry::pool(self.last, look.clone()).to_line()?)
    }

    fn broken(&mut self, pool: BrokenPool) -> io::Result<()> {
        self.known.insert(pool.prefix.clone(), self.last);
        self.broken.insert(pool.prefix.clone());
        self.looks += 1;
        let entry = TraceEntry { at: self.last, seen: PoolSeen::Broken(Box::new(pool)) };
        writeln!(self.out, "{}", entry.to_line()?)
    }

    fn gone(&mut self, prefix: &PoolName) -> io::Result<()> {
        self.broken.remove(prefix);
        if self.known.remove(prefix).is_none() {
            return Ok(());
        }
        let entry = TraceEntry { at: self.last, seen: PoolSeen::Gone(prefix.clone()) };
        writeln!(self.out, "{}", entry.to_line()?)
    }
}
