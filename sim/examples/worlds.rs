//! Large worlds, played: does every promise hold in them? `make sim`; `ARGS=--help` says what can be asked for.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use leasehold_sim::large_world::{
    LeaseStates, Removal, Smaller, WorldPlan, WorldReport, WorldsTally, named_world, play, play_and_tell, play_many,
    random_world, shrink, target_worlds,
};

const HELP: &str = "\
worlds [--seed N] [--seeds N] [--minutes N] [--threads N]   play random worlds, from this seed on; new ones, if none is given
       [--world NAME|all]                                   play a world of that name instead
       [--story]                                            tell one world, line by line
       [--shrink]                                           make a broken world smaller
       [--each]                                             say what came of each world
       [--remove RULE]                                      take a rule of the protocol away
       [--removals]                                         take each away, and say when it is missed
       [--holders N] [--crowds N] [--calm SECONDS] [--without FAULT,FAULT] [--no-troubles] [--no-doctor]
       [--steady-limits yes] [--chance N]
                                                            play a smaller world";

/// What is asked for.
struct Asked {
    seed: u64,
    seeds: u64,
    minutes: Option<u64>,
    threads: usize,
    world: Option<String>,
    story: bool,
    shrink: bool,
    each: bool,
    remove: Option<Removal>,
    removals: bool,
    smaller: Smaller,
}

impl Asked {
    fn read(arguments: impl Iterator<Item = String>) -> Result<Option<Asked>, Box<dyn Error>> {
        let mut asked = Asked {
            seed: new_seed(),
            seeds: 0,
            minutes: None,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            world: None,
            story: false,
            shrink: false,
            each: false,
            remove: None,
            removals: false,
            smaller: Smaller::default(),
        };
        let mut arguments = arguments;
        let mut one_seed = false;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--seed" => (asked.seed, one_seed) = (value()?.parse()?, true),
                "--seeds" => asked.seeds = value()?.parse()?,
                "--minutes" => asked.minutes = Some(value()?.parse()?),
                "--threads" => asked.threads = value()?.parse()?,
                "--world" => asked.world = Some(value()?),
                "--story" => asked.story = true,
                "--shrink" => asked.shrink = true,
                "--each" => asked.each = true,
                "--remove" => {
                    let name = value()?;
                    asked.remove = Some(Removal::named(&name).ok_or(format!("{name}: nothing of this name"))?);
                }
                "--removals" => asked.removals = true,
                "--help" => return Ok(None),
                option => {
                    let value = if option.starts_with("--no-") { String::new() } else { value()? };
                    asked.smaller.read(option, &value).ok_or(format!("{option} {value}: {HELP}"))?;
                }
            }
        }
        if asked.seeds == 0 {
            asked.seeds = if asked.minutes.is_some() {
                u64::MAX - asked.seed
            } else if one_seed {
                1
            } else {
                1_000
            };
        }
        Ok(Some(asked))
    }

    /// The one command that plays this world again, line by line.
    fn command(&self, seed: u64) -> String {
        let plan = self.plan(seed).unwrap_or_else(|| random_world(seed));
        Smaller::default().command(&plan, &self.smaller)
    }

    fn plan(&self, seed: u64) -> Option<WorldPlan> {
        let plan = match &self.world {
            Some(name) => named_world(name, seed)?,
            None => random_world(seed),
        };
        Some(WorldPlan { without: self.remove, ..self.smaller.of(&plan) })
    }
}

/// A seed that was not played before.
fn new_seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_secs() << 16
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(asked) = Asked::read(std::env::args().skip(1))? else {
        println!("{HELP}");
        println!("worlds by name: {}", target_worlds().collect::<Vec<_>>().join(", "));
        return Ok(());
    };
    let states = Arc::new(LeaseStates::rendered()?);
    if asked.story || asked.shrink {
        return one(&asked, &states);
    }
    if asked.removals {
        removals(&asked, &states);
        return Ok(());
    }
    if asked.world.as_deref() == Some("all") {
        for name in target_worlds() {
            let begin = Instant::now();
            let plan = named_world(name, asked.seed).ok_or("no such world")?;
            let report = play(&asked.smaller.of(&plan), &states).ok_or("a plan that makes no sense")?;
            println!("{report}; {:.1} s\n", begin.elapsed().as_secs_f64());
            fails_if_broken(&report)?;
        }
        return Ok(());
    }
    many(&asked, &states)
}

/// One world, told or made smaller.
fn one(asked: &Asked, states: &Arc<LeaseStates>) -> Result<(), Box<dyn Error>> {
    let plan = asked.plan(asked.seed).ok_or("no such world")?;
    if asked.shrink {
        let (smaller, report) = shrink(&plan, states).ok_or("nothing is broken in this world")?;
        println!("{report}");
        println!("{}", smaller.command(&plan, &asked.smaller));
        return Ok(());
    }
    let (report, story) = play_and_tell(&plan, states).ok_or("a plan that makes no sense")?;
    story.iter().for_each(|line| println!("{line}"));
    println!("{report}");
    fails_if_broken(&report)
}

fn fails_if_broken(report: &WorldReport) -> Result<(), Box<dyn Error>> {
    match &report.broken {
        None => Ok(()),
        Some(broken) => Err(format!("{} {}: {} is broken", report.name, report.seed, broken.promise).into()),
    }
}

/// How many worlds it takes to miss each thing that is taken away.
fn removals(asked: &Asked, states: &Arc<LeaseStates>) {
    for removal in Removal::ALL.iter().filter(|removal| asked.remove.is_none_or(|only| only == **removal)) {
        let without = |seed: u64| {
            let plan = WorldPlan { without: Some(*removal), ..asked.plan(seed)? };
            let report = play(&plan, states)?;
            report.broken.map(|broken| (seed, broken))
        };
        let begin = Instant::now();
        let seeds = asked.seed..asked.seed.saturating_add(asked.seeds);
        match seeds.clone().find_map(without) {
            Some((seed, broken)) => {
                let seconds = begin.elapsed().as_secs_f64();
                println!("{removal}: seed {seed}, {seconds:.1} s: {}: {}", broken.promise, broken.what);
            }
            None => println!("{removal}: not missed in {} worlds", asked.seeds),
        }
    }
}

/// Many worlds, on several threads.
fn many(asked: &Asked, states: &Arc<LeaseStates>) -> Result<(), Box<dyn Error>> {
    println!("seeds from {} on", asked.seed);
    let begin = Instant::now();
    let until = asked.minutes.map(|minutes| begin + Duration::from_secs(60 * minutes));
    let said = |tally: &WorldsTally| {
        let seconds = begin.elapsed().as_secs_f64();
        let (worlds, requests) = (tally.worlds as f64 / seconds, tally.requests as f64 / seconds);
        println!("{tally}\n{seconds:.0} s, {worlds:.1} worlds a second, {requests:.0} requests a second");
    };
    let told = Mutex::new(begin);
    let goes_on = |tally: &WorldsTally, report: &WorldReport| {
        if asked.each || report.broken.is_some() {
            println!("{report}\n");
        }
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() > Duration::from_secs(60) {
            *told = Instant::now();
            said(tally);
        }
        until.is_none_or(|until| Instant::now() < until)
    };
    let seeds = asked.seed..asked.seed.saturating_add(asked.seeds);
    let played = play_many(seeds, asked.threads, states, |seed| asked.plan(seed), goes_on);
    said(&played.tally);
    let Some(first) = played.broken.first() else { return Ok(()) };
    println!("{} worlds are broken; to see one: {}", played.broken.len(), asked.command(first.seed));
    fails_if_broken(first)
}
