//! Figures for whatever recorder the embedding program installed; without one they cost next to nothing.
//!
//! What happens per message is counted by the engine and copied here a few times a second, so that no message pays
//! for a metric.

use metrics::{counter, gauge};

use crate::engine::Counters;

/// Open connections with an accepted CONNECT.
pub const CONNECTIONS: &str = "muster_broker_connections";
/// Sessions, connected or not.
pub const SESSIONS: &str = "muster_broker_sessions";
/// Subscriptions, shared ones counted per member.
pub const SUBSCRIPTIONS: &str = "muster_broker_subscriptions";
/// Retained messages.
pub const RETAINED: &str = "muster_broker_retained_messages";
/// Bytes of topic, payload and properties of retained messages.
pub const RETAINED_BYTES: &str = "muster_broker_retained_bytes";
/// Messages accepted and routed.
pub const PUBLISHED: &str = "muster_broker_published_total";
/// Messages queued towards a receiver.
pub const ROUTED: &str = "muster_broker_routed_total";
/// Messages handed to a connection for sending.
pub const DELIVERED: &str = "muster_broker_delivered_total";
/// Deliveries that did not happen, by `reason`: `queue_full`, `denied`, `expired`, `too_large`.
pub const DROPPED: &str = "muster_broker_dropped_total";
/// Publishes refused by a plugin or a quota.
pub const REFUSED: &str = "muster_broker_publish_refused_total";
/// Sockets accepted, by `transport`.
pub const ACCEPTED: &str = "muster_broker_accepted_total";
/// Sockets closed at once because there were as many as allowed.
pub const ACCEPT_REFUSED: &str = "muster_broker_accept_refused_total";
/// Errors of accept, such as no file descriptors left.
pub const ACCEPT_ERRORS: &str = "muster_broker_accept_errors_total";
/// Connections closed before a CONNECT was accepted, by `reason`.
pub const CONNECT_REFUSED: &str = "muster_broker_connect_refused_total";
/// Connections closed because their socket did not take what was written in time.
pub const SLOW_READERS: &str = "muster_broker_slow_readers_total";
/// Events that the observers missed because they were behind.
pub const EVENTS_DROPPED: &str = "muster_broker_events_dropped_total";

/// Copies the engine's counters.
pub(crate) fn publish(counters: &Counters) {
    gauge!(CONNECTIONS).set(counters.connections as f64);
    gauge!(SESSIONS).set(counters.sessions as f64);
    gauge!(SUBSCRIPTIONS).set(counters.subscriptions as f64);
    gauge!(RETAINED).set(counters.retained as f64);
    gauge!(RETAINED_BYTES).set(counters.retained_bytes as f64);
    counter!(PUBLISHED).absolute(counters.published);
    counter!(ROUTED).absolute(counters.routed);
    counter!(DELIVERED).absolute(counters.delivered);
    counter!(DROPPED, "reason" => "queue_full").absolute(counters.dropped_queue_full);
    counter!(DROPPED, "reason" => "denied").absolute(counters.dropped_denied);
    counter!(DROPPED, "reason" => "expired").absolute(counters.dropped_expired);
    counter!(DROPPED, "reason" => "too_large").absolute(counters.dropped_too_large);
    counter!(REFUSED).absolute(counters.refused);
}

pub(crate) fn accepted(transport: &'static str) {
    counter!(ACCEPTED, "transport" => transport).increment(1);
}

pub(crate) fn accept_refused() {
    counter!(ACCEPT_REFUSED).increment(1);
}

pub(crate) fn accept_error() {
    counter!(ACCEPT_ERRORS).increment(1);
}

pub(crate) fn connect_refused(reason: &'static str) {
    counter!(CONNECT_REFUSED, "reason" => reason).increment(1);
}

pub(crate) fn slow_reader() {
    counter!(SLOW_READERS).increment(1);
}

pub(crate) fn event_dropped() {
    counter!(EVENTS_DROPPED).increment(1);
}
