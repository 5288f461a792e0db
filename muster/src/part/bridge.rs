//! The bridge as this binary starts it: with a token of its own, made anew for each connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use muster_bridge::{Bridge, BridgeConfig, BridgeHandle};
use muster_store::Database;

use crate::config::Config;

/// Time for the last batch when the bridge stops.
pub const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// Starts the bridge; it waits for broker and database by itself.
///
/// # Errors
/// The keys cannot be read, or the broker's address cannot be resolved.
pub async fn start(config: &Config, database: Database) -> anyhow::Result<BridgeHandle> {
    // Once now, so that a missing key is said at the start and not at the first connection.
    super::keys::bridge_token(config)?;
    let mut bridge = BridgeConfig::new(broker_address(config).await?, token_source(config.clone()));
    bridge.client_id = super::keys::BRIDGE_CLIENT.to_owned();
    bridge.session_expiry_s = config.broker.session_expiry_s_max;
    Ok(Bridge::start(bridge, database))
}

/// A broker refuses an empty token, and the log says why it is empty.
fn token_source(config: Config) -> Arc<dyn Fn() -> String + Send + Sync> {
    Arc::new(move || {
        super::keys::bridge_token(&config).unwrap_or_else(|error| {
            tracing::error!(error = format!("{error:#}"), "the bridge has no token");
            String::new()
        })
    })
}

async fn broker_address(config: &Config) -> anyhow::Result<SocketAddr> {
    if config.bridge.broker.is_empty() {
        return Ok(reachable(config.broker.mqtt));
    }
    let mut addresses = tokio::net::lookup_host(&config.bridge.broker)
        .await
        .with_context(|| {
            format!(
                "bridge.broker {:?} is no HOST:PORT that can be resolved",
                config.bridge.broker
            )
        })?;
    addresses
        .next()
        .with_context(|| format!("bridge.broker {:?} has no address", config.bridge.broker))
}

/// Who listens everywhere is reached on the loopback.
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
