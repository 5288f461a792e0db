//! Why a broker does not start.

use std::io;
use std::net::SocketAddr;

use crate::reason::ReasonCode;

/// Why [`Broker::start`](super::Broker::start) failed. Nothing is left running then.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// A listener's address could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A WebSocket path that is no path.
    #[error("the WebSocket path {0:?} does not begin with '/'")]
    WebSocketPath(String),
    /// A session that was to be kept cannot be made.
    #[error("the session kept for {client_id} cannot be made: {reason}")]
    KeptSession {
        /// Its client.
        client_id: String,
        /// Why not.
        reason: ReasonCode,
    },
}
