//! The log of what was refused and of who came and went. Without payloads and credentials; the broker gives none.
//!
//! **Invariant:** what a client chose (its identifier, a topic, a filter) is logged as a string field, which is written
//! escaped: no client adds a line to the log.

use muster_broker::plugin::{Event, Observer};

/// Writes refusals as warnings, comings and goings at debug level, and counts them.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditLog;

impl Observer for AuditLog {
    fn observe(&self, event: &Event) {
        match event {
            Event::ConnectRefused {
                client_id,
                peer,
                reason,
            } => {
                tracing::warn!(client_id = client_id.as_str(), %peer, %reason, "a connection was refused");
            }
            Event::PublishRefused {
                client_id,
                topic,
                reason,
            } => {
                metrics::counter!("muster_publish_refused_total").increment(1);
                tracing::warn!(client_id = client_id.as_str(), topic = topic.as_str(), %reason, "a publish was refused");
            }
            Event::SubscribeRefused {
                client_id,
                filter,
                reason,
            } => {
                metrics::counter!("muster_subscribe_refused_total").increment(1);
                tracing::warn!(client_id = client_id.as_str(), filter = filter.to_string(), %reason, "a subscription was refused");
            }
            Event::Dropped {
                client_id,
                topic,
                reason,
                ..
            } => {
                tracing::warn!(client_id = client_id.as_str(), topic = topic.as_str(), %reason, "a delivery was dropped");
            }
            Event::Connected {
                client_id,
                peer,
                transport,
                session_present,
                ..
            } => {
                tracing::debug!(client_id = client_id.as_str(), %peer, ?transport, session_present, "connected");
            }
            Event::Disconnected {
                client_id, reason, ..
            } => {
                tracing::debug!(client_id = client_id.as_str(), %reason, "disconnected");
            }
            _ => {}
        }
    }
}
