//! `leasehold completions` and `leasehold man`: what does a shell complete, and what do the manual pages say?
//! Both are made from the same declarations that parse the arguments.

use std::path::PathBuf;

use clap_complete::Shell;

use crate::error::CliError;

/// Print what a shell needs to complete commands and options
///
/// bash:        leasehold completions bash > ~/.local/share/bash-completion/completions/leasehold
/// zsh:         leasehold completions zsh > a folder of $fpath, as _leasehold
/// fish:        leasehold completions fish > ~/.config/fish/completions/leasehold.fish
/// powershell:  leasehold completions powershell >> $PROFILE
/// elvish:      leasehold completions elvish >> ~/.config/elvish/rc.elv
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct CompletionsOptions {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Write the manual pages, one for each command
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ManOptions {
    /// The folder to write them to; made if it is not there
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl CompletionsOptions {
    /// For the commands as they are declared.
    pub(crate) fn run(self, mut declared: clap::Command) -> Result<(), CliError> {
        let mut script = vec![];
        clap_complete::generate(self.shell, &mut declared, "leasehold", &mut script);
        crate::output::write(&script)
    }
}

impl ManOptions {
    /// For the commands as they are declared.
    pub(crate) fn run(self, declared: clap::Command) -> Result<(), CliError> {
        let tried = |why| CliError::Unwritable { path: self.folder.clone(), why };
        std::fs::create_dir_all(&self.folder).map_err(tried)?;
        clap_mangen::generate_to(declared, &self.folder).map_err(tried)
    }
}
