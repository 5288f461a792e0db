//! What a client is told before it connects.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use super::Endpoint;

/// The settings of one client. Cheap to clone.
#[derive(Clone)]
pub struct ClientConfig {
    /// Where the server is.
    pub endpoint: Arc<Endpoint>,
    /// The client identifier; also sent as the user name, which servers show in their logs.
    pub client_id: String,
    /// The password of CONNECT: a token. `None` connects anonymously.
    pub password: Option<String>,
    /// Begin without the session that may exist.
    pub clean_start: bool,
    /// Seconds that the session outlives a connection.
    pub session_expiry_s: u32,
    /// Seconds between packets that are promised to the server; a PINGREQ keeps the promise.
    pub keep_alive_s: u16,
    /// How many QoS 1 publishes wait for their PUBACK at once; the server's receive maximum may make it fewer.
    pub inflight_max: NonZeroU16,
    /// How many publishes are kept in all, sent or not. Past it [`publish`](super::Client::publish) refuses.
    pub queue_max: usize,
    /// How many times to connect again over the life of the client.
    pub reconnect_limit: u32,
    /// Longest time for the socket, the upgrade and CONNACK together.
    pub connect_timeout: Duration,
}

impl ClientConfig {
    /// A lasting session (1 day) with keep alive of 60 s, 32 publishes in flight, 10,000 kept, and 100 reconnects.
    pub fn new(endpoint: Arc<Endpoint>, client_id: impl Into<String>) -> Self {
        Self {
            endpoint,
            client_id: client_id.into(),
            password: None,
            clean_start: false,
            session_expiry_s: 86_400,
            keep_alive_s: 60,
            inflight_max: const { NonZeroU16::new(32).unwrap() },
            queue_max: 10_000,
            reconnect_limit: 100,
            connect_timeout: Duration::from_secs(20),
        }
    }
}

impl fmt::Debug for ClientConfig {
    /// Leaves the password out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("endpoint", &self.endpoint)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
