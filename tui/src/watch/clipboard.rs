//! The clipboard and the browser: how does a text get from the dashboard to whoever sits at the terminal?
//! By OSC 52, which terminals carry over a network; in tmux by its own buffer, as tmux keeps that sequence to itself.

use std::io::{self, Write};
use std::process::{Command, Stdio};

/// Puts a text on the clipboard. Whether the terminal took it, nobody tells.
///
/// # Errors
/// When the terminal refuses.
pub fn copy(text: &str, terminal: &mut impl Write) -> io::Result<()> {
    if std::env::var_os("TMUX").is_some_and(|tmux| !tmux.is_empty()) && copied_by_tmux(text) {
        return Ok(());
    }
    write!(terminal, "\u{1b}]52;c;{}\u{7}", base64(text.as_bytes()))?;
    terminal.flush()
}

/// Into tmux's buffer and, where its settings allow that, on the clipboard of the terminal around it.
fn copied_by_tmux(text: &str) -> bool {
    let load = quiet(Command::new("tmux").args(["load-buffer", "-w", "-"])).stdin(Stdio::piped()).spawn();
    let Ok(mut load) = load else { return false };
    let written = load.stdin.take().is_some_and(|mut to| to.write_all(text.as_bytes()).is_ok());
    load.wait().is_ok_and(|status| status.success()) && written
}

/// Shows a link in a browser, if this is the machine that the person sits at; whether that was tried.
pub fn open_link(link: &str) -> bool {
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if given("SSH_CONNECTION").is_some() {
        return false;
    }
    let desktop = cfg!(target_os = "macos") || given("DISPLAY").is_some() || given("WAYLAND_DISPLAY").is_some();
    let browser = match (given("BROWSER"), desktop) {
        (Some(browser), _) => browser,
        (None, true) => (if cfg!(target_os = "macos") { "open" } else { "xdg-open" }).to_owned(),
        (None, false) => return false,
    };
    let Ok(mut opened) = quiet(Command::new(browser).arg(link)).stdin(Stdio::null()).spawn() else { return false };
    // It may go on for as long as the browser is open.
    std::thread::spawn(move || opened.wait());
    true
}

/// Nothing else may be written on the dashboard's terminal.
fn quiet(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::null()).stderr(Stdio::null())
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for some in bytes.chunks(3) {
        let whole = some.iter().fold(0u32, |whole, byte| whole << 8 | u32::from(*byte)) << (8 * (3 - some.len()));
        for at in 0..4 {
            let letter = LETTERS[(whole >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= some.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_encoded_as_terminals_read_them() {
        let told = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("p:0:17", "cDowOjE3"), ("ü", "w7w=")];
        for (text, encoded) in told {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
    }
}
