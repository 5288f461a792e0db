//! What can be set, with defaults that hold for a festival on one machine.

use time::Duration;

/// Settings of the HTTP interface.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// `iss` of the tokens.
    pub issuer: String,
    /// Where MQTT over WebSocket is reached on the same origin; told to clients with their token.
    pub mqtt_path: String,
    /// Lifetime of a login.
    pub login_ttl: Duration,
    /// Lifetime of a participant's MQTT token.
    pub participant_ttl: Duration,
    /// Lifetime of a member's MQTT token unless a shorter one is asked for.
    pub staff_ttl: Duration,
    /// How long after its expiry a participant's token may still be renewed: a phone that slept through the night.
    pub renew_grace: Duration,
    /// Longest time that one request may take.
    pub request_timeout: std::time::Duration,
    /// Largest request body, in bytes.
    pub body_bytes_max: usize,
    /// Failed logins of one account within [`Self::attempts_window`].
    pub account_attempts_max: u32,
    /// Failed logins and registrations from one address within [`Self::attempts_window`]. A venue's phones share one.
    pub address_attempts_max: u32,
    /// Joins from one address within [`Self::attempts_window`].
    pub address_joins_max: u32,
    /// The time over which attempts are counted.
    pub attempts_window: std::time::Duration,
    /// Whether loopback addresses have limits per address too. Off: tests and load generators live there.
    pub limit_loopback: bool,
    /// Passwords hashed at once; each takes a processor for about 20 ms and 19 MiB of memory.
    pub hashing_max: usize,
    /// Requests that may wait for their turn to hash; the next one is told to come back (503).
    pub hashing_waiting_max: usize,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            issuer: "muster".into(),
            mqtt_path: "/mqtt".into(),
            login_ttl: Duration::hours(12),
            participant_ttl: Duration::hours(24),
            staff_ttl: Duration::hours(12),
            renew_grace: Duration::days(7),
            request_timeout: std::time::Duration::from_secs(15),
            body_bytes_max: 64 * 1024,
            account_attempts_max: 10,
            address_attempts_max: 100,
            address_joins_max: 5_000,
            attempts_window: std::time::Duration::from_secs(300),
            limit_loopback: false,
            hashing_max: std::thread::available_parallelism().map_or(2, |n| n.get().min(4)),
            hashing_waiting_max: 256,
        }
    }
}
