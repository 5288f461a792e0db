//! The broker as Muster runs it: listeners and bounds from the configuration, tokens and rights as plugins.

use std::time::Duration;

use anyhow::Context;
use muster_broker::websocket::upgrade::OriginPolicy;
use muster_broker::{Broker, BrokerHandle, Limits};

use crate::config::{Config, Durability};

/// Time for clients to take what was encoded for them when the broker stops.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// The configured bounds; what the configuration does not name keeps the broker's default.
pub fn limits(config: &Config) -> Limits {
    let broker = &config.broker;
    Limits {
        connections_max: broker.connections_max,
        sessions_max: broker.sessions_max,
        connect_deadline: Duration::from_secs(broker.connect_timeout_s),
        packet_size_max: u32::try_from(broker.packet_bytes_max).unwrap_or(u32::MAX),
        subscriptions_max: broker.subscriptions_max,
        receive_maximum: broker.receive_maximum,
        inflight_max: broker.inflight_max,
        queue_max: broker.queue_messages_max,
        queue_bytes_max: broker.queue_bytes_max,
        retained_max: broker.retained_messages_max,
        retained_bytes_max: broker.retained_bytes_max,
        session_expiry_max: Duration::from_secs(broker.session_expiry_s_max.into()),
        keep_alive_max: (broker.keep_alive_s_max > 0)
            .then(|| Duration::from_secs(broker.keep_alive_s_max.into())),
        write_buffer_max: broker.socket_bytes_max,
        write_deadline: Duration::from_secs(broker.write_timeout_s),
        websocket_origins: match broker.ws_origins.as_slice() {
            [] => OriginPolicy::Any,
            listed => OriginPolicy::Listed(listed.to_vec()),
        },
        ..Limits::default()
    }
}

/// Starts the broker with Muster's plugins.
///
/// # Errors
/// An address is taken; the keys are missing or damaged.
pub async fn start(config: &Config) -> anyhow::Result<BrokerHandle> {
    let plugins = super::keys::plugins(config).await?;
    let archive = super::keys::archive_session(config, &plugins.authenticator);
    let builder = Broker::builder()
        .limits(limits(config))
        .keep_session(archive)
        .authenticator(plugins.authenticator)
        .filter(plugins.shape)
        .filter(plugins.stamp)
        .authorizer(plugins.authorizer)
        .observer(plugins.audit)
        .listen_tcp(config.broker.mqtt)
        .listen_websocket(config.broker.ws, config.broker.ws_path.clone());
    let handle = builder.build().start().await.context("the broker cannot start")?;
    say_what_holds(config.broker.durability);
    tracing::info!(mqtt = %config.broker.mqtt, ws = %config.broker.ws, "the broker takes connections");
    Ok(handle)
}

/// Starts the bare broker: no plugins, everybody may do everything.
///
/// # Errors
/// An address is taken.
pub async fn start_open(config: &Config, websocket: bool) -> anyhow::Result<BrokerHandle> {
    let mut builder = Broker::builder()
        .limits(limits(config))
        .listen_tcp(config.broker.mqtt);
    if websocket {
        builder = builder.listen_websocket(config.broker.ws, config.broker.ws_path.clone());
    }
    let handle = builder.build().start().await.context("the broker cannot start")?;
    say_what_holds(config.broker.durability);
    tracing::warn!(
        mqtt = ?handle.tcp_addresses(), ws = ?handle.websocket_addresses(),
        "an open broker takes connections: no plugins, everybody may do everything"
    );
    Ok(handle)
}

/// An acknowledgement must not promise more than it keeps, so the start says what it keeps.
fn say_what_holds(asked: Durability) {
    match asked {
        Durability::Memory => {
            tracing::info!("durability: memory; sessions and retained messages end with the broker")
        }
        Durability::Fsync | Durability::Os => tracing::warn!(
            ?asked,
            "durability: memory, whatever was asked; sessions and retained messages end with the broker"
        ),
    }
}
