//! The terminal: who has it?
//! The dashboard while it is open; the shell again after it, however it ends: by a key, a panic or a signal, and in
//! between while it is stopped.

use std::io::{self, IsTerminal, Stdout, stdout};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use rustix::process::{Signal, kill_current_process_group};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::clipboard;
use super::input::Input;
use crate::process_ids::ProcessIds;

/// How long a thread that waits for keys may take to see that nobody wants them any more.
const NOTICED_WITHIN: Duration = Duration::from_millis(100);

/// How often a dashboard in the background looks whether the shell has given it the terminal.
const LOOKS_EVERY: Duration = Duration::from_millis(20);

/// The dashboard has the terminal.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while the dashboard has it. Dropped, the shell has it again.
pub struct Screen {
    /// What is drawn on.
    pub terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal. A panic gives it back before it says anything.
    ///
    /// # Errors
    /// When there is no terminal, or it refuses.
    pub fn take() -> io::Result<Screen> {
        if !stdout().is_terminal() || !io::stdin().is_terminal() {
            return Err(io::Error::other("standard input and output are no terminal"));
        }
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                give_back();
                before(info);
            }));
        });
        enter()?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout()));
        let mut screen = Screen { terminal: terminal.inspect_err(|_| give_back())? };
        screen.terminal.clear()?;
        Ok(screen)
    }

    /// Puts a text on the clipboard of whoever sits at the terminal, also over a network.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        clipboard::copy(text, &mut stdout())
    }

    /// Stops this program and whatever the shell started with it, until the shell says go on.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub async fn suspend(&mut self) -> io::Result<()> {
        give_back();
        // Returns when the shell lets it go on. All of the group: else a `make` above would wait, not stopped.
        kill_current_process_group(Signal::STOP)?;
        self.again().await
    }

    /// Takes the terminal again, whatever became of it meanwhile, once the shell gives it: who takes it in the background is
    /// stopped, and so could not end when it is told to.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub async fn again(&mut self) -> io::Result<()> {
        // Nothing tells that the shell has given it.
        while !has_terminal() {
            sleep(LOOKS_EVERY).await;
        }
        enter()?;
        self.terminal.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Whether the shell has this program in the foreground.
fn has_terminal() -> bool {
    // A terminal that can not tell is found out when it is taken.
    rustix::termios::tcgetpgrp(io::stdin()).map_or(true, |foreground| {
        // Of a group of outside nobody here can tell.
        let own = ProcessIds::own().group;
        own == 0 || foreground.as_raw_nonzero().get() == own
    })
}

fn enter() -> io::Result<()> {
    TAKEN.store(true, SeqCst);
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen).inspect_err(|_| give_back())
}

/// Gives the terminal back to the shell, once.
fn give_back() {
    if TAKEN.swap(false, SeqCst) {
        // Nothing more can be done for a terminal that is gone.
        let _ = execute!(stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// A thread that turns what happens at the terminal into inputs, until nobody listens.
#[derive(Debug)]
pub struct KeyReader {
    stop: Arc<AtomicBool>,
    /// Closed when the thread has ended.
    ends: Receiver<()>,
}

impl KeyReader {
    /// Starts it. `gone` is told if the terminal breaks.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn read(inputs: mpsc::Sender<Input>, gone: oneshot::Sender<io::Error>) -> io::Result<KeyReader> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (alive, ends) = channel::<()>();
        let read = move || {
            let _alive = alive;
            while !stopped.load(SeqCst) {
                let input = match event::poll(NOTICED_WITHIN).and_then(|there| there.then(event::read).transpose()) {
                    Ok(Some(Event::Key(key))) => Input::Key(key),
                    Ok(Some(Event::Resize(columns, rows))) => Input::Resize(columns, rows),
                    Ok(_) => continue,
                    Err(error) => {
                        // Whoever listened may have left.
                        let _ = gone.send(error);
                        return;
                    }
                };
                if inputs.blocking_send(input).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("keys".into()).spawn(read)?;
        Ok(KeyReader { stop, ends })
    }
}

impl Drop for KeyReader {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        // Whoever reads the terminal next should be alone with it. But on a terminal that is gone the thread may
        // never come back from looking for keys: it ends with the program.
        let _ = self.ends.recv_timeout(NOTICED_WITHIN * 3);
    }
}
