//! The simulator's speed: how much faster than the clock does each story run? `cargo run --profile wasm --example speed
//! -p leasehold-sim`.

use std::time::Instant;

use leasehold_sim::simulator::{InvalidScenario, Scenario, World, presets};

/// How many milliseconds each is run.
const RUN: f64 = 600_000.0;

fn main() -> Result<(), InvalidScenario> {
    for preset in presets()? {
        let mut world = World::new(&Scenario::read(&preset.scenario)?);
        let begin = Instant::now();
        world.advance_to(RUN, u64::MAX);
        let times = RUN / 1_000.0 / begin.elapsed().as_secs_f64();
        println!("{:>6.0} x  {:>7} things  {:016x}  {}", times, world.happened(), world.digest(), preset.title);
        for door in world.statistics().lanes {
            println!(
                "          {:<15} {:>5} jobs, peak {:>3}, over by {:>2}, used {:>3.0}%, waited {:>6.1} s / {:>6.1} s, ${:.0}",
                door.name,
                door.over,
                door.all.peak,
                door.all.most_over,
                100.0 * door.all.utilisation,
                door.all.wait_p50_ms.unwrap_or(0.0) / 1_000.0,
                door.all.wait_p99_ms.unwrap_or(0.0) / 1_000.0,
                door.dollars_per_million_jobs.map_or(0.0, |dollars| dollars.total),
            );
        }
    }
    Ok(())
}
