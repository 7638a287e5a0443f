//! `leasehold completions` and `leasehold man`: what does a shell complete, and what do the manual pages say?
//! Both are made from the same declarations that parse the arguments. The shell asks this program what fits, so names of
//! pools are those of the table.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use clap::Command;
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter};
use clap_complete::env::Shells;
use leasehold_core::PoolName;
use leasehold_store::pool_names;

use crate::error::CliError;
use crate::schema;
use crate::synopsis;
use crate::target::Target;

/// The environment variable by which a shell asks, as which shell.
const ASKS: &str = "LEASEHOLD_COMPLETE";

/// How long somebody waits for names of pools who pressed a key: after that there are none.
const WITHIN: Duration = Duration::from_secs(1);

/// The words before the one that is completed.
static BEFORE: OnceLock<Vec<OsString>> = OnceLock::new();

/// Print what a shell needs to complete commands, options, and names of the table's pools
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

/// As a file of $fpath it is loaded by the first key: that one is answered too.
const ZSH_LOADS: &str = "
if [[ ${funcstack[1]-} == _leasehold ]]; then
    _clap_dynamic_completer_leasehold
fi
";

impl CompletionsOptions {
    pub(crate) fn run(self) -> Result<(), CliError> {
        let mut script = vec![];
        let shell = self.shell.to_string();
        if let Some(shell) = Shells::builtins().completer(&shell) {
            shell.write_registration(ASKS, "leasehold", "leasehold", "leasehold", &mut script)?;
        }
        if self.shell == Shell::Zsh {
            script.extend(ZSH_LOADS.bytes());
        }
        crate::output::write(&script)
    }
}

impl ManOptions {
    /// For the commands as they are declared.
    pub(crate) fn run(self, declared: Command) -> Result<(), CliError> {
        let declared = with_values(declared);
        let tried = |why| CliError::Unwritable { path: self.folder.clone(), why };
        std::fs::create_dir_all(&self.folder).map_err(tried)?;
        clap_mangen::generate_to(declared.clone(), &self.folder).map_err(tried)?;
        synopsis::write(&self.folder, declared).map_err(tried)
    }
}

/// The same commands, whose pages list the values of each option: the help says them in its sentences.
fn with_values(command: Command) -> Command {
    command.mut_args(|argument| argument.hide_possible_values(false)).mut_subcommands(with_values)
}

/// Answers a shell, if it is one that asks what fits: whether it was one. What is wrong is not told, as it would be told between
/// the words that somebody types.
pub(crate) fn answered(given: &[OsString], declared: impl FnOnce() -> Command) -> bool {
    let (Some(shell), [_, escape, words @ ..]) = (std::env::var_os(ASKS), given) else { return false };
    if escape != "--" {
        return false;
    }
    let shells = Shells::builtins();
    if let (Some(shell), false) = (shell.to_str().and_then(|shell| shells.completer(shell)), words.is_empty()) {
        // Where the cursor is; fish tells no words after it.
        let index = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse().ok());
        let before = words.iter().take(index.unwrap_or(words.len() - 1)).cloned().collect();
        let _ = BEFORE.set(before);
        let mut fitting = vec![];
        let folder = std::env::current_dir().ok();
        let mut declared = with_completers(declared());
        if shell.write_complete(&mut declared, words.to_vec(), folder.as_deref(), &mut fitting).is_ok() {
            let _ = crate::output::write(&fitting);
        }
    }
    true
}

/// The same commands, whose arguments know what fits.
fn with_completers(command: Command) -> Command {
    let tableless = crate::TABLELESS.contains(&command.get_name());
    let schema = command.get_name() == "schema";
    let complete = |argument: clap::Arg| match argument.get_id().as_str() {
        "prefix" if !tableless => argument.add(ArgValueCompleter::new(fitting_pools)),
        "command" if schema => argument.add(ArgValueCompleter::new(fitting_schemas)),
        "command" => argument.add(ArgValueCompleter::new(fitting_programs)),
        _ => argument,
    };
    command.mut_args(complete).mut_subcommands(with_completers)
}

fn before() -> &'static [OsString] {
    BEFORE.get().map_or(&[], Vec::as_slice)
}

/// Names of the table's pools.
fn fitting_pools(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(beginning) = current.to_str() else { return vec![] };
    // Nothing else is in the name of a pool, so there is nothing to ask for.
    if !beginning.is_empty() && beginning.parse::<PoolName>().is_err() {
        return vec![];
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return vec![] };
    let names = async { pool_names(&Target::silently(before()).await?, beginning).await.ok() };
    let names = runtime.block_on(async { tokio::time::timeout(WITHIN, names).await });
    // Whatever still looks for a host or asks for a credential is not waited for.
    runtime.shutdown_background();
    let names: BTreeSet<PoolName> = names.ok().flatten().unwrap_or_default();
    names.iter().map(|name| CompletionCandidate::new(name.as_str())).collect()
}

/// Commands that have a schema, word by word.
fn fitting_schemas(current: &OsStr) -> Vec<CompletionCandidate> {
    let words: Vec<&str> = before().iter().filter_map(|word| word.to_str()).collect();
    let after = words.iter().position(|word| *word == "schema").map_or(words.len(), |at| at + 1);
    let plain: Vec<&str> = words[after..].iter().copied().filter(|word| !word.starts_with('-')).collect();
    let fits = |word: &&str| current.to_str().is_some_and(|current| word.starts_with(current));
    schema::next_words(&plain).into_iter().filter(fits).map(CompletionCandidate::new).collect()
}

/// Programs that can be run, then files.
fn fitting_programs(current: &OsStr) -> Vec<CompletionCandidate> {
    let begun = current.to_string_lossy();
    let is_first = before().last().is_some_and(|word| word == "--");
    if !is_first || begun.contains('/') {
        return PathCompleter::any().complete(current);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let files = std::env::split_paths(&path).filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let names: BTreeSet<String> = names.filter(|name| name.starts_with(&*begun)).collect();
    names.into_iter().map(CompletionCandidate::new).collect()
}
