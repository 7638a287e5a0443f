//! Changes under way: what was asked for at the keys and is not answered yet?

use std::collections::VecDeque;

use leasehold_core::PoolName;

use super::input::{DashboardEffect, Input};

/// What was asked of the table and not answered yet, in the order in which it was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnderWay(VecDeque<Asked>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    /// Whose; none: it is about a table.
    pool: Option<PoolName>,
    what: String,
}

impl UnderWay {
    /// Something is to be done: whether the table has to answer.
    pub fn ask(&mut self, effect: &DashboardEffect) -> bool {
        let asked = words(effect).map(|what| Asked { pool: pool(effect).cloned(), what });
        let waits = asked.is_some();
        self.0.extend(asked);
        waits
    }

    /// An answer may be among what comes in.
    pub fn hear(&mut self, input: &Input) {
        match input {
            Input::LimitChanged { prefix, .. } => {
                let of = self.0.iter().position(|asked| asked.pool.as_ref() == Some(prefix));
                of.and_then(|at| self.0.remove(at));
            }
            // It does not say of what.
            Input::ActionDone { .. } => {
                let of = self.0.iter().position(|asked| asked.pool.is_some());
                of.and_then(|at| self.0.remove(at));
            }
            Input::Switched | Input::NotReached(_) => self.0.retain(|asked| asked.pool.is_some()),
            _ => {}
        }
    }

    /// How many changes of pools are among it, if there are any.
    pub fn changes(&self) -> Option<usize> {
        Some(self.0.iter().filter(|asked| asked.pool.is_some()).count()).filter(|count| *count > 0)
    }

    /// What is waited for, as a sentence; none: nothing.
    pub fn words(&self) -> Option<String> {
        let first = &self.0.front()?.what;
        let more = match self.0.len() {
            1 => String::new(),
            all => format!(", and {} more", all - 1),
        };
        Some(format!("{first}{more}: the table has not answered yet"))
    }
}

/// What the table is asked to do by this; none: nothing that it has to answer.
pub fn words(effect: &DashboardEffect) -> Option<String> {
    match effect {
        DashboardEffect::ChangeLimit { prefix, limit, .. } => {
            Some(format!("changing the limit of {prefix} to {limit}"))
        }
        DashboardEffect::EndOverride { prefix, .. } => Some(format!("ending the override of {prefix}")),
        DashboardEffect::Release(lease) => Some(format!("freeing {} of {}", lease.slot, lease.prefix)),
        DashboardEffect::Choose(choice) => Some(format!("looking at table {}", choice.table)),
        _ => None,
    }
}

fn pool(effect: &DashboardEffect) -> Option<&PoolName> {
    match effect {
        DashboardEffect::ChangeLimit { prefix, .. } | DashboardEffect::EndOverride { prefix, .. } => Some(prefix),
        DashboardEffect::Release(lease) => Some(&lease.prefix),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on says why and fails")]
mod tests {
    use leasehold_core::{ExpectedOverride, Limit};

    use super::*;

    fn prefix(name: &str) -> PoolName {
        name.parse().expect("a prefix")
    }

    fn end(name: &str) -> DashboardEffect {
        DashboardEffect::EndOverride { prefix: prefix(name), why: String::new(), expected: ExpectedOverride::Any }
    }

    #[test]
    fn what_was_asked_is_told_until_it_is_answered() {
        let mut under_way = UnderWay::default();
        assert!(!under_way.ask(&DashboardEffect::ReadHistory(prefix("p"))));
        assert_eq!(under_way.words(), None);
        assert!(under_way.ask(&end("p")) && under_way.ask(&end("q")));
        let words = "ending the override of p, and 1 more: the table has not answered yet";
        assert_eq!(under_way.words().as_deref(), Some(words));
        let to = Limit::try_from(3).expect("a limit");
        under_way.hear(&Input::LimitChanged { prefix: prefix("q"), to, what: String::new() });
        assert_eq!(under_way.words().as_deref(), Some("ending the override of p: the table has not answered yet"));
        under_way.hear(&Input::Note("something else".into()));
        under_way.hear(&Input::ActionDone { done: false, what: "why".into() });
        assert_eq!(under_way.words(), None);
    }
}
