//! The pages that quote the report: where do its tables and plots go? Between two comments of each page, so that no number there
//! is written by hand.

use std::path::Path;

use crate::BenchError;
use crate::report::Report;
use crate::report::{markdown, plots, targets};

/// Puts a report into docs/benchmarks.md and README.md, and its plots beside them.
///
/// # Errors
/// When a page has no place for it.
pub(crate) fn update(report: &Report, root: &Path) -> Result<(), BenchError> {
    let docs = root.join("docs");
    std::fs::create_dir_all(docs.join("benchmarks"))?;
    plots::draw(report, &docs.join("benchmarks"))?;
    let page = docs.join("benchmarks.md");
    let mut text = std::fs::read_to_string(&page)?;
    for (name, table) in [
        ("machine", markdown::machine(report)),
        ("targets", markdown::targets(&targets::judge(report))),
        ("costs", markdown::costs(report)),
        ("latencies", markdown::latencies(report)),
        ("functions", markdown::functions(report)),
    ] {
        text = put(&text, name, &table)?;
    }
    for experiment in &report.experiments {
        // Not every one has a place of its own there.
        if text.contains(&begin(&experiment.name)) {
            text = put(&text, &experiment.name, &markdown::table(experiment))?;
        }
    }
    std::fs::write(&page, text)?;
    let page = root.join("README.md");
    let text = std::fs::read_to_string(&page)?;
    let short: Vec<_> = ["short-5", "short-15"].iter().filter_map(|name| report.experiment(name)).collect();
    std::fs::write(&page, put(&text, "bench", &markdown::short_table(&short))?)?;
    Ok(())
}

fn begin(name: &str) -> String {
    format!("<!-- measured: {name} -->\n")
}

/// The text with this between its two comments.
fn put(text: &str, name: &str, new: &str) -> Result<String, BenchError> {
    let (begin, end) = (begin(name), "<!-- /measured -->");
    let (before, rest) = text.split_once(&begin).ok_or_else(|| format!("the page has no {begin}"))?;
    let (_, after) = rest.split_once(end).ok_or_else(|| format!("the page's {begin} has no end"))?;
    Ok(format!("{before}{begin}{new}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_between_the_comments_is_replaced() {
        let page = "a\n<!-- measured: x -->\nold\n<!-- /measured -->\nb\n<!-- measured: y -->\n<!-- /measured -->\n";
        let new = put(page, "x", "new\n").expect("a place");
        assert_eq!(new, page.replace("old", "new"));
        assert!(put(page, "z", "new").is_err());
    }
}
