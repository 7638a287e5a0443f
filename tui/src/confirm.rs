//! Confirmations: does the person mean it?
//! What changes things for others asks first: a word to be typed on the terminal.

use std::io::{BufRead, IsTerminal, Write};

use crate::error::CliError;
use crate::output::shown;

/// Whether `--yes` was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub(crate) struct Yes {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl Yes {
    /// Refuses where nobody can be asked, before anything is looked at. `what` begins the sentence.
    pub(crate) fn or_a_terminal(self, what: &str) -> Result<(), CliError> {
        if self.yes || std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            return Ok(());
        }
        let why = "asks first, and there is no terminal to ask on; nothing was changed; add --yes if you mean it";
        Err(CliError::Usage(format!("{what} {why}")))
    }

    /// Whether somebody is asked.
    pub(crate) fn asks(self) -> bool {
        !self.yes
    }

    /// Asks, where only a look at the table told that there is something to ask about.
    pub(crate) fn or_told(self, what: &str, about: &str, word: &str) -> Result<(), CliError> {
        self.or_a_terminal(what)?;
        self.or_asked(about, word)
    }

    /// Asks, unless it was said that nobody need be asked: says `about`, and goes on only if `word` is typed.
    pub(crate) fn or_asked(self, about: &str, word: &str) -> Result<(), CliError> {
        if self.yes {
            return Ok(());
        }
        let mut asked = std::io::stderr();
        write!(asked, "{}\nType \"{word}\" to go on: ", shown(about))?;
        asked.flush()?;
        let mut answer = String::new();
        // The end of the input is no answer.
        std::io::stdin().lock().read_line(&mut answer)?;
        if answer.trim() == word {
            return Ok(());
        }
        Err(CliError::NotDone(format!("\"{word}\" was not typed; nothing was changed")))
    }
}
