//! The synopsis of a manual page: how is a command called? As its `--help` says it, with the values of what must be given and
//! the `--` before another command, which the pages' maker leaves out.

use std::io;
use std::path::Path;

use clap::Command;

/// The section's heading, and the beginning of the next.
const HEADING: &str = ".SH SYNOPSIS\n";
const NEXT: &str = "\n.SH ";

/// Writes the synopsis of each command into its page, all of which lie in this folder.
pub(crate) fn write(folder: &Path, mut declared: Command) -> io::Result<()> {
    declared.build();
    of(folder, &declared)
}

fn of(folder: &Path, command: &Command) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let file = folder.join(format!("{name}.1"));
    // The help of subcommands has no page.
    if file.exists() {
        let page = std::fs::read_to_string(&file)?;
        std::fs::write(file, with_usage(&page, &command.clone().render_usage().to_string()))?;
    }
    command.get_subcommands().try_for_each(|sub| of(folder, sub))
}

fn with_usage(page: &str, usage: &str) -> String {
    let Some((before, rest)) = page.split_once(HEADING) else { return page.to_owned() };
    let Some((_, after)) = rest.split_once(NEXT) else { return page.to_owned() };
    let lines = usage.lines().map(|line| line.trim_start().trim_start_matches("Usage: ").replace('-', "\\-"));
    // One on each line.
    let lines: Vec<String> = lines.collect();
    format!("{before}{HEADING}{}{NEXT}{after}", lines.join("\n.br\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_how_its_command_is_called() {
        let page = ".SH NAME\nx\n.SH SYNOPSIS\n\\fBx\\fR [\\fB\\-\\-at\\fR] \n.SH DESCRIPTION\nIt does.\n";
        let told = with_usage(page, "Usage: x [OPTIONS] --at <TIME> -- <CMD>...\n       x list");
        let synopsis = "x [OPTIONS] \\-\\-at <TIME> \\-\\- <CMD>...\n.br\nx list";
        assert_eq!(told, format!(".SH NAME\nx\n.SH SYNOPSIS\n{synopsis}\n.SH DESCRIPTION\nIt does.\n"));
        assert_eq!(with_usage("no page", "Usage: x"), "no page");
    }
}
