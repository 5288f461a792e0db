//! A running broker, as the embedding program sees it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Shared;
use crate::codec::Publish;
use crate::connection;
use crate::engine::{ConnectionInfo, Counters, SessionInfo};
use crate::reason::ReasonCode;

/// Holds a running broker. Clones hold the same one; dropping them all does not stop it, [`Self::shutdown`] does.
#[derive(Clone)]
pub struct BrokerHandle {
    shared: Arc<Shared>,
    tcp: Arc<[SocketAddr]>,
    websocket: Arc<[SocketAddr]>,
}

impl BrokerHandle {
    pub(super) fn new(shared: Arc<Shared>, tcp: Vec<SocketAddr>, websocket: Vec<SocketAddr>) -> Self {
        Self {
            shared,
            tcp: tcp.into(),
            websocket: websocket.into(),
        }
    }

    /// Addresses of the TCP listeners, in the order they were added.
    pub fn tcp_addresses(&self) -> &[SocketAddr] {
        &self.tcp
    }

    /// Addresses of the WebSocket listeners, in the order they were added.
    pub fn websocket_addresses(&self) -> &[SocketAddr] {
        &self.websocket
    }

    /// Serves a client on a stream that the embedding program's HTTP server already upgraded (answered with 101 and
    /// subprotocol `mqtt`); the broker speaks WebSocket frames on it. Returns at once, the connection runs in a task
    /// of its own under the broker's limits. `peer` is the address shown to plugins.
    pub fn serve_upgraded_websocket<S>(&self, io: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        connection::spawn_upgraded(&self.shared, io, peer);
    }

    /// Every connected client, in no order. Takes time in their number.
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        let now = self.shared.now();
        self.shared.engine.lock().connections(now)
    }

    /// Every session, in no order. Takes time in their number.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.shared.engine.lock().sessions()
    }

    /// Publishes as the embedding program, which is trusted: neither filters nor authorizers are asked, but every
    /// receiver's rights are. Returns the number of sessions that the message was queued for.
    ///
    /// # Errors
    /// 0x90 without a topic; 0x97 when the retained store is full or a receiver pushes back.
    pub fn publish(&self, publish: Publish) -> Result<usize, ReasonCode> {
        let now = self.shared.now();
        self.shared
            .with_engine(|engine, effects| engine.publish_in_process(publish, now, effects))
    }

    /// Ends the connection of a client with this reason; its session stays. False when it is not connected.
    pub fn kick(&self, client_id: &str, reason: ReasonCode) -> bool {
        let now = self.shared.now();
        self.shared
            .with_engine(|engine, effects| engine.kick(client_id, reason, now, effects))
    }

    /// Ends every connection and session of a principal, with all that waits in them, with 0x98 (Administrative
    /// action) to the connected. Returns how many sessions there were.
    pub fn revoke(&self, principal: &str) -> usize {
        let now = self.shared.now();
        self.shared
            .with_engine(|engine, effects| engine.revoke(principal, now, effects))
    }

    /// What was done and what is held.
    pub fn counters(&self) -> Counters {
        self.shared.engine.lock().counters()
    }

    /// Stops listening, tells every client 0x8B (Server shutting down), and waits until what was encoded for them is
    /// written, or the deadline. Returns true when all connections ended in time. Calling it again waits again.
    pub async fn shutdown(&self, deadline: Duration) -> bool {
        self.shared.shutdown(deadline).await
    }
}
