//! Advised commands: how does a command that is advised reach the table that this one was about?
//! By the same flags. A command that is copied without them would be one on another table.

use std::fmt::Display;
use std::sync::OnceLock;

/// The flags of this process's command line that say which table is meant, as a shell reads them.
static FLAGS: OnceLock<String> = OnceLock::new();

/// Remembers the flags that this command was given.
pub(crate) fn remember<'a>(given: impl IntoIterator<Item = (&'a str, String)>) {
    let flags = given.into_iter().map(|(flag, value)| format!(" {flag} {}", shell_word(&value))).collect();
    // There is one command line.
    let _ = FLAGS.set(flags);
}

/// The flags, each after a blank.
pub(crate) fn flags() -> &'static str {
    FLAGS.get().map(String::as_str).unwrap_or_default()
}

/// A command of leasehold, to be typed as it stands.
pub(crate) fn advised(words: impl Display) -> String {
    format!("leasehold {words}{}", flags())
}

/// Commands that read or change a table: those that an error may advise.
const ON_A_TABLE: [&str; 7] = ["leases ", "pool ", "pools", "table ", "sweep ", "doctor", "release "];

/// An advice in which each command reaches the table that this process is about.
pub(crate) fn with_flags(advice: &str) -> String {
    complete(advice, flags())
}

fn complete(advice: &str, flags: &str) -> String {
    let mut parts = advice.split('`');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let command = part.strip_prefix("leasehold ").filter(|rest| ON_A_TABLE.iter().any(|it| rest.starts_with(it)));
        text += "`";
        text += part;
        text += command.filter(|rest| !rest.ends_with(flags)).map_or("", |_| flags);
    }
    text
}

/// A word that any POSIX shell reads as this text.
fn shell_word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(&b);
    match !text.is_empty() && text.bytes().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_of_an_advice_reaches_the_same_table() {
        let flags = " --store 'my s.db'";
        let (given, told) = (
            "pool p does not exist; make it (`leasehold pool set p --limit N`, or Terraform's `pool` module)",
            "pool p does not exist; make it (`leasehold pool set p --limit N --store 'my s.db'`, or Terraform's `pool` module)",
        );
        assert_eq!(complete(given, flags), told);
        // Once.
        assert_eq!(complete(told, flags), told);
        assert_eq!(complete(given, ""), given);
        for whole in ["a `leasehold run` that waits", "`leasehold", "no command", ""] {
            assert_eq!(complete(whole, flags), whole);
        }
    }

    #[test]
    fn a_shell_reads_a_word_as_it_was() {
        for text in [
            "leases",
            "arn:aws:dynamodb:eu-central-1:1:table/t",
            "my store.db",
            "it's",
            "",
            "$HOME `x` \"y\"",
            "a;b",
            "ü",
        ] {
            let said =
                std::process::Command::new("sh").args(["-c", &format!("printf %s {}", shell_word(text))]).output();
            assert_eq!(String::from_utf8_lossy(&said.expect("a shell").stdout), text);
        }
        assert_eq!(shell_word("my-table"), "my-table");
    }
}
