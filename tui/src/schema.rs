//! `leasehold schema`: which JSON schema does a command's `--output json` keep to?

use crate::error::CliError;

/// Print the JSON schema of a command's --output json, or of the file of `leasehold record`
///
/// A new version may add fields. It removes none, and none gets another meaning.
#[derive(Clone, Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct SchemaOptions {
    /// The command: `leasehold schema pool set`; without one, the commands that have one are listed
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

/// Each command that has one, and its schema.
const SCHEMAS: [(&str, &str); 14] = [
    ("demo", include_str!("../schemas/demo.json")),
    ("doctor", include_str!("../schemas/doctor.json")),
    ("leases", include_str!("../schemas/leases.json")),
    ("pool history", include_str!("../schemas/pool-history.json")),
    ("pool override", include_str!("../schemas/pool-override.json")),
    ("pool rm", include_str!("../schemas/pool-rm.json")),
    ("pool set", include_str!("../schemas/pool-set.json")),
    ("pool show", include_str!("../schemas/pool-show.json")),
    ("pools", include_str!("../schemas/pools.json")),
    ("record", include_str!("../schemas/record.json")),
    ("release", include_str!("../schemas/release.json")),
    ("states", include_str!("../schemas/states.json")),
    ("sweep", include_str!("../schemas/sweep.json")),
    ("table create", include_str!("../schemas/table-create.json")),
];

/// The next word of a command that has a schema, after these.
pub(crate) fn next_words(before: &[&str]) -> Vec<&'static str> {
    let mut words: Vec<&str> = SCHEMAS
        .iter()
        .map(|(name, _)| name.split(' ').collect::<Vec<_>>())
        .filter(|name| name.len() > before.len() && name[..before.len()] == *before)
        .map(|name| name[before.len()])
        .collect();
    words.dedup();
    words
}

impl SchemaOptions {
    pub(crate) fn run(self) -> Result<(), CliError> {
        let command = self.command.join(" ");
        let names: Vec<&str> = SCHEMAS.iter().map(|(name, _)| *name).collect();
        if command.is_empty() {
            return crate::output::write((names.join("\n") + "\n").as_bytes());
        }
        match SCHEMAS.iter().find(|(name, _)| *name == command) {
            Some((_, schema)) => crate::output::write(schema.as_bytes()),
            None => {
                let why = format!("schema {command}: expected one of: {}", names.join(", "));
                Err(CliError::Usage(why))
            }
        }
    }
}
