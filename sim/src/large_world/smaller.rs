//! Smaller worlds: how little of a broken world still breaks? Fewer holders and pools, without one kind of fault after the
//! other, calm sooner.

use std::sync::Arc;

use super::fault_kind::FaultKind;
use super::plan::{SECOND, Shape, WorldPlan};
use super::play;
use super::report::WorldReport;
use super::state_retry::LeaseStates;

/// How many seeds are tried for each smaller world: chance falls otherwise where less is asked of it.
const SEEDS_TRIED: u64 = 12;

/// What is left out of a world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Smaller {
    /// How many holders there are at most.
    pub holders: Option<u32>,
    /// How many crowds.
    pub crowds: Option<usize>,
    /// Which kinds of fault there are not.
    pub without: Vec<FaultKind>,
    /// When it is calm at the latest, in seconds.
    pub calm: Option<u64>,
    /// Whether nothing goes wrong only for a time.
    pub no_troubles: bool,
    /// Whether no doctor looks.
    pub no_doctor: bool,
    /// Whether no limit changes.
    pub steady_limits: bool,
    /// Another seed.
    pub seed: Option<u64>,
}

impl Smaller {
    /// Takes an option of the command line; none: there is no such option.
    pub fn read(&mut self, option: &str, value: &str) -> Option<()> {
        match option {
            "--holders" => self.holders = Some(value.parse().ok()?),
            "--crowds" => self.crowds = Some(value.parse().ok()?),
            "--calm" => self.calm = Some(value.parse().ok()?),
            "--chance" => self.seed = Some(value.parse().ok()?),
            "--no-troubles" => self.no_troubles = true,
            "--no-doctor" => self.no_doctor = true,
            "--steady-limits" => self.steady_limits = value == "yes",
            "--without" => {
                let kinds: Option<Vec<FaultKind>> = value.split(',').map(FaultKind::named).collect();
                self.without = kinds?;
            }
            _ => return None,
        }
        Some(())
    }

    /// The world without what is left out.
    pub fn of(&self, plan: &WorldPlan) -> WorldPlan {
        let mut plan = plan.clone();
        plan.seed = self.seed.unwrap_or(plan.seed);
        if let Some(crowds) = self.crowds {
            plan.crowds.truncate(crowds);
        }
        if let Some(most) = self.holders {
            let all = plan.holders().max(1);
            for crowd in &mut plan.crowds {
                let share = (u64::from(crowd.times * crowd.shape.holders()) * u64::from(most)).div_ceil(all.into());
                let share = u32::try_from(share).unwrap_or(u32::MAX).max(1);
                crowd.shape = match crowd.shape {
                    Shape::Branches(many) => Shape::Branches(many.min(share)),
                    Shape::MapRun(many) => Shape::MapRun(many.min(share)),
                    other => other,
                };
                crowd.times = crowd.times.min((share / crowd.shape.holders()).max(1));
            }
        }
        for kind in &self.without {
            plan.faults = plan.faults.with(*kind, 0);
        }
        if self.no_doctor {
            plan.doctor_every = None;
        }
        if self.no_troubles {
            plan.troubles.clear();
        }
        if self.steady_limits {
            plan.pools.iter_mut().for_each(|pool| pool.limits.clear());
        }
        if let Some(calm) = self.calm {
            plan.calm_at = plan.calm_at.min(calm * SECOND);
            plan.troubles.retain(|trouble| trouble.from < plan.calm_at);
        }
        plan
    }

    /// The one command that plays this world again, line by line. `plan` is the world it was made from, itself made smaller
    /// by `before`.
    pub fn command(&self, plan: &WorldPlan, before: &Smaller) -> String {
        let mut said = format!("--seed {}", plan.seed);
        if plan.name != "random" {
            said = format!("--world {} {said}", plan.name);
        }
        let mut without = before.without.clone();
        without.extend(&self.without);
        let options = [
            ("--chance", self.seed.or(before.seed).map(|seed| seed.to_string())),
            ("--holders", self.holders.or(before.holders).map(|holders| holders.to_string())),
            ("--crowds", self.crowds.or(before.crowds).map(|crowds| crowds.to_string())),
            ("--calm", self.calm.or(before.calm).map(|calm| calm.to_string())),
            ("--no-troubles", (self.no_troubles || before.no_troubles).then(String::new)),
            ("--no-doctor", (self.no_doctor || before.no_doctor).then(String::new)),
            ("--steady-limits", (self.steady_limits || before.steady_limits).then(|| "yes".into())),
            ("--remove", plan.without.map(|removal| removal.to_string())),
            ("--without", {
                let names: Vec<&str> = without.iter().map(|kind| kind.name()).collect();
                (!names.is_empty()).then(|| names.join(","))
            }),
        ];
        for (option, value) in options {
            if let Some(value) = value {
                said = format!("{said} {option} {value}").trim_end().into();
            }
        }
        format!("make sim ARGS=\"{said} --story\"")
    }
}

/// Makes a world that breaks a promise smaller, as long as it breaks the same. None: it breaks none.
pub fn shrink(plan: &WorldPlan, states: &Arc<LeaseStates>) -> Option<(Smaller, WorldReport)> {
    let report = play(plan, states)?;
    let promise = report.broken.as_ref()?.promise;
    let mut best = (Smaller::default(), report);
    let breaks = |smaller: &Smaller| -> Option<(Smaller, WorldReport)> {
        let own = smaller.seed.unwrap_or(plan.seed);
        (0..SEEDS_TRIED).find_map(|more| {
            let seed = own + more * 1_000_003;
            let tried = Smaller { seed: (seed != plan.seed).then_some(seed), ..smaller.clone() };
            let report = play(&tried.of(plan), states)?;
            let same = report.broken.as_ref().is_some_and(|broken| broken.promise == promise);
            same.then_some((tried, report))
        })
    };
    let try_one = |best: &mut (Smaller, WorldReport), change: &dyn Fn(&mut Smaller)| {
        let mut smaller = best.0.clone();
        change(&mut smaller);
        match breaks(&smaller) {
            Some(found) => {
                *best = found;
                true
            }
            None => false,
        }
    };
    let calm = best.1.broken.as_ref().map_or(0, |broken| broken.at / 1_000 + 1);
    if !plan.troubles.is_empty() {
        try_one(&mut best, &|smaller| smaller.no_troubles = true);
    }
    if plan.doctor_every.is_some() {
        try_one(&mut best, &|smaller| smaller.no_doctor = true);
    }
    if plan.pools.iter().any(|pool| !pool.limits.is_empty()) {
        try_one(&mut best, &|smaller| smaller.steady_limits = true);
    }
    if calm * SECOND < plan.calm_at {
        try_one(&mut best, &|smaller| smaller.calm = Some(calm));
    }
    for crowds in 1..plan.crowds.len() {
        if try_one(&mut best, &|smaller| smaller.crowds = Some(crowds)) {
            break;
        }
    }
    for kind in FaultKind::ALL.iter().filter(|kind| plan.faults.of(**kind) > 0) {
        try_one(&mut best, &|smaller| smaller.without.push(*kind));
    }
    let mut holders = best.0.of(plan).holders();
    while holders > 1 {
        let shares = [(1, 2), (3, 4), (9, 10)].map(|(share, of)| holders * share / of);
        let fewer = shares.into_iter().find(|fewer| try_one(&mut best, &|smaller| smaller.holders = Some(*fewer)));
        let Some(fewer) = fewer else { break };
        holders = fewer;
    }
    Some(best)
}
