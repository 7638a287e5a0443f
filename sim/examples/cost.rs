//! The costs of a job: what does it take, at each limit? `make bench-cost`; `ARGS=--update` puts them into `docs/cost.md`.

use std::error::Error;

use leasehold_sim::job_cost::{LimitCosts, report};

/// Between these lines of the page lies what is printed here.
const FENCE: &str = "```";

fn main() -> Result<(), Box<dyn Error>> {
    let report = report(&LimitCosts::measure_all()?)?;
    print!("{report}");
    if std::env::args().any(|argument| argument == "--update") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cost.md");
        let page = std::fs::read_to_string(path)?;
        let (before, rest) = page.split_once(&format!("{FENCE}text\n")).ok_or("docs/cost.md has no block of text")?;
        let (_, after) = rest.split_once(FENCE).ok_or("docs/cost.md has a block of text without an end")?;
        std::fs::write(path, format!("{before}{FENCE}text\n{report}{FENCE}{after}"))?;
    }
    Ok(())
}
