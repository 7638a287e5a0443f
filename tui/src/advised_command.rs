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
