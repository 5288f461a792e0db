//! When to stop: Ctrl-C or SIGTERM. A second one stops at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Returns a token that is cancelled at the first signal to stop.
///
/// # Errors
/// The signal handlers cannot be installed.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let cancel = token.clone();
    tokio::spawn(async move {
        let mut stopping = false;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stopping {
                tracing::warn!("stopped at once, as asked twice");
                std::process::exit(130);
            }
            stopping = true;
            tracing::info!("stopping (once more to stop at once)");
            cancel.cancel();
        }
    });
    Ok(token)
}
