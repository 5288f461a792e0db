//! Sockets that clients connect to.
//!
//! **Invariant:** nothing is awaited between two accepts: every handshake runs in its connection's own task under a
//! deadline, so one silent socket delays nobody.
//! **Invariant:** when accepting fails (no file descriptors left) the listener pauses and goes on; connections that
//! live notice nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use crate::broker::{BrokerError, Shared};
use crate::connection;
use crate::metrics;
use crate::plugin::Transport;
use crate::websocket::upgrade::UpgradePolicy;

/// Pause after the first failed accept; doubled for each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(10);
/// Longest pause.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Binds an address; returns the listener with the address that it got.
pub(crate) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BrokerError> {
    let error = |source| BrokerError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(error)?;
    let bound = listener.local_addr().map_err(error)?;
    Ok((listener, bound))
}

/// Accepts MQTT connections until the broker stops.
pub(crate) fn serve_tcp(shared: &Arc<Shared>, listener: TcpListener) {
    let context = shared.clone();
    tokio::spawn(accept(
        shared.clone(),
        listener,
        Transport::Tcp,
        move |stream, peer, permit| {
            connection::spawn_tcp(&context, stream, peer, permit);
        },
    ));
}

/// Accepts WebSocket connections at that path until the broker stops.
pub(crate) fn serve_websocket(shared: &Arc<Shared>, listener: TcpListener, path: String) {
    let context = shared.clone();
    let policy = Arc::new(UpgradePolicy {
        path,
        origins: shared.limits.websocket_origins.clone(),
    });
    tokio::spawn(accept(
        shared.clone(),
        listener,
        Transport::WebSocket,
        move |stream, peer, permit| {
            connection::spawn_websocket(&context, stream, peer, policy.clone(), permit);
        },
    ));
}

async fn accept(
    shared: Arc<Shared>,
    listener: TcpListener,
    transport: Transport,
    spawn: impl Fn(TcpStream, SocketAddr, connection::Permit) + Send,
) {
    let name = match transport {
        Transport::Tcp => "tcp",
        Transport::WebSocket => "websocket",
    };
    let mut backoff = BACKOFF_MIN;
    while let Some(accepted) = shared.stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                backoff = BACKOFF_MIN;
                metrics::accepted(name);
                let Ok(permit) = shared.connections.clone().try_acquire_owned() else {
                    metrics::accept_refused();
                    continue;
                };
                // Small packets leave at once; a batch is written in one piece anyway.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%peer, %error, "TCP_NODELAY could not be set");
                }
                spawn(stream, peer, permit);
            }
            Err(error) => {
                metrics::accept_error();
                tracing::warn!(%error, pause_ms = backoff.as_millis() as u64, "accepting failed; pausing");
                if shared
                    .stop
                    .run_until_cancelled(tokio::time::sleep(backoff))
                    .await
                    .is_none()
                {
                    return;
                }
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
    }
}
