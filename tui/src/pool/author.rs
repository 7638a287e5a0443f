//! Authors: who makes a change of a pool, and why? As the pool's history keeps it.

use leasehold_core::Author;
use leasehold_tui::watch::actions::who;
use leasehold_tui::watch::text::hidden_character;

/// Who makes a change, and why.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ChangedBy {
    /// Why, for whoever reads the pool's history
    #[arg(long, value_name = "WHY", value_parser = one_line)]
    pub(super) reason: Option<String>,

    /// Who makes the change [default: the user's name and this machine's]
    #[arg(long, value_name = "NAME", value_parser = one_line)]
    who: Option<String>,
}

impl ChangedBy {
    /// As it is noted.
    pub(super) fn author(&self) -> Author {
        Author {
            who: self.who.as_deref().map_or_else(who, Into::into),
            why: self.reason.as_deref().unwrap_or("").into(),
        }
    }
}

fn one_line(text: &str) -> Result<String, String> {
    let words = text.trim();
    match hidden_character(words) {
        Some(hidden) => Err(hidden),
        None if (1..=1_024).contains(&words.len()) => Ok(words.into()),
        None => Err("expected 1 to 1024 bytes on one line".into()),
    }
}
