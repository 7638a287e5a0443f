//! A terminal that a test types on and looks at: a tmux server of its own.
#![allow(dead_code, reason = "each test does what it needs")]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long a screen may take to show what is expected: the machine may be busy with other tests.
const WITHIN: Duration = Duration::from_secs(90);

/// The pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The terminal, with a shell in it. Its server ends with it.
pub(crate) struct Tmux {
    socket: String,
}

impl Tmux {
    /// A shell on a terminal of this size, with these variables.
    ///
    /// # Panics
    /// When there is no tmux: the test fails and says so.
    pub(crate) fn shell((columns, rows): (u16, u16), variables: &[(&str, &str)]) -> Tmux {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Relaxed);
        let tmux = Tmux { socket: format!("leasehold-test-{}-{number}", std::process::id()) };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let mut command = tmux.command(&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows]);
        for (name, value) in [("LC_ALL", "C.UTF-8")].iter().chain(variables) {
            command.args(["-e", &format!("{name}={value}")]);
        }
        let made = command.arg("bash --norc --noprofile -i").output();
        let made = made.expect("tmux is needed for this test and could not be run: install it (apt-get install tmux)");
        assert!(made.status.success(), "tmux: {}", String::from_utf8_lossy(&made.stderr));
        tmux.run(&["set-option", "-g", "status", "off"]);
        tmux.run(&["resize-window", "-x", &columns, "-y", &rows]);
        // In two parts, so that the line as it is typed is not taken for the prompt.
        tmux.line("PS1='shell''> '; clear");
        tmux.until("a prompt", |screen| screen.starts_with("shell>"));
        tmux
    }

    /// The program with these arguments, typed in the shell; `LEFT` and its exit status follow it.
    pub(crate) fn start(&self, arguments: &str) {
        self.line(&format!("{} {arguments}; echo LEFT $?", env!("CARGO_BIN_EXE_leasehold")));
    }

    /// Keeps all bytes that are written to the terminal from now on in a file.
    pub(crate) fn keep(&self, file: &Path) {
        self.run(&["pipe-pane", &format!("cat >> '{}'", file.display())]);
    }

    /// Types a line.
    pub(crate) fn line(&self, text: &str) {
        self.text(text);
        self.key("Enter");
    }

    /// Types characters.
    pub(crate) fn text(&self, text: &str) {
        self.run(&["send-keys", "-l", "--", text]);
    }

    /// Presses a key by tmux's name for it.
    pub(crate) fn key(&self, name: &str) {
        self.run(&["send-keys", name]);
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&self, (columns, rows): (u16, u16)) {
        self.run(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// What is on the screen.
    pub(crate) fn screen(&self) -> String {
        String::from_utf8_lossy(&self.run(&["capture-pane", "-p"]).stdout).into_owned()
    }

    /// What is on the screen, with its colours as escape sequences.
    pub(crate) fn coloured(&self) -> String {
        String::from_utf8_lossy(&self.run(&["capture-pane", "-p", "-e"]).stdout).into_owned()
    }

    /// What is on its clipboard.
    pub(crate) fn clipboard(&self) -> String {
        let shown = self.command(&["show-buffer"]).output().expect("tmux");
        String::from_utf8_lossy(&shown.stdout).into_owned()
    }

    /// Waits until this is on its clipboard.
    ///
    /// # Panics
    /// When it takes too long; shows the screen.
    pub(crate) fn copies(&self, text: &str) {
        self.until(&format!("{text:?} copied"), |_| self.clipboard() == text);
    }

    /// Takes what programs send to the clipboard, as a terminal without tmux does.
    pub(crate) fn takes_clipboards(&self) {
        self.run(&["set-option", "-s", "set-clipboard", "on"]);
    }

    /// What the terminal's modes are: in the alternate screen, cursor shown.
    pub(crate) fn modes(&self) -> String {
        let format = "#{alternate_on} #{cursor_flag}";
        String::from_utf8_lossy(&self.run(&["display-message", "-p", format]).stdout).trim().to_owned()
    }

    /// In which column the cursor is.
    pub(crate) fn column(&self) -> usize {
        let told = self.run(&["display-message", "-p", "#{cursor_x}"]).stdout;
        String::from_utf8_lossy(&told).trim().parse().expect("a number")
    }

    /// Waits until this command is in the foreground: a signal from the keyboard discards what nobody has read before.
    pub(crate) fn runs(&self, command: &str) {
        let now = || {
            let told = self.run(&["display-message", "-p", "#{pane_current_command}"]).stdout;
            String::from_utf8_lossy(&told).trim().to_owned()
        };
        self.until(&format!("{command} in the foreground"), |_| now() == command);
    }

    /// Waits until the screen is so.
    ///
    /// # Panics
    /// When it takes too long; shows the screen.
    pub(crate) fn until(&self, what: &str, so: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + WITHIN;
        loop {
            let screen = self.screen();
            if so(&screen) {
                return screen;
            }
            assert!(Instant::now() < end, "the screen does not show {what} within {WITHIN:?}:\n{screen}");
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Waits until all of these are on the screen.
    pub(crate) fn shows(&self, words: &[&str]) -> String {
        self.until(&format!("{words:?}"), |screen| words.iter().all(|word| screen.contains(word)))
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().expect("tmux");
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        // A tmux around the tests is another one.
        command.env_remove("TMUX").current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
        command.args(["-u", "-L", &self.socket]).args(arguments);
        command
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
    }
}
