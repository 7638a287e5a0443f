//! Stop signals: which signal asks this program to end?

use tokio::signal::unix::{SignalKind, signal};

/// Waits for a signal that ends programs: which.
pub(crate) async fn stop_signal() -> std::io::Result<u8> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(tokio::select! {
        _ = hangup.recv() => 1,
        _ = interrupt.recv() => 2,
        _ = quit.recv() => 3,
        _ = terminate.recv() => 15,
    })
}
