//! Pools that are split over partitions: how fair are they, and how well used? `make bench-scaling`; `ARGS=--update` puts it
//! into `docs/scaling.md`.

use std::error::Error;

use leasehold_sim::split_pool::scaling_report;

/// Between these lines of the page lies what is printed here.
const FENCE: &str = "```";

fn main() -> Result<(), Box<dyn Error>> {
    let report = scaling_report();
    print!("{report}");
    if std::env::args().any(|argument| argument == "--update") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scaling.md");
        let page = std::fs::read_to_string(path)?;
        let (before, rest) =
            page.split_once(&format!("{FENCE}text\n")).ok_or("docs/scaling.md has no block of text")?;
        let (_, after) = rest.split_once(FENCE).ok_or("docs/scaling.md has a block of text without an end")?;
        std::fs::write(path, format!("{before}{FENCE}text\n{report}{FENCE}{after}"))?;
    }
    Ok(())
}
