//! Why a broker does not start.

use std::io;
use std::net::SocketAddr;

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
}
