//! What the engine tells about itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::{ByteStr, Version};
use crate::plugin::Transport;

/// A connected client.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    /// Its client id.
    pub client_id: ByteStr,
    /// The principal it belongs to.
    pub principal: Arc<str>,
    /// Its address.
    pub peer: SocketAddr,
    /// How it came.
    pub transport: Transport,
    /// What it speaks.
    pub version: Version,
    /// Since when.
    pub connected_for: Duration,
}

/// A session, connected or not.
#[derive(Debug, Clone)]
pub struct SessionInfo {
    /// The client id.
    pub client_id: ByteStr,
    /// The principal it is bound to.
    pub principal: Arc<str>,
    /// Whether a connection holds it now.
    pub connected: bool,
    /// Subscriptions that stand.
    pub subscriptions: usize,
    /// Messages of QoS 1 and 2 that wait to be sent.
    pub queued: usize,
    /// Bytes of topic, payload and properties of those.
    pub queued_bytes: usize,
    /// Deliveries that the client has not acknowledged.
    pub inflight: usize,
}

/// What the broker has done since its start, and what it holds now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Open connections with an accepted CONNECT.
    pub connections: usize,
    /// Sessions, connected or not.
    pub sessions: usize,
    /// Subscriptions, shared ones counted per member.
    pub subscriptions: usize,
    /// Retained messages.
    pub retained: usize,
    /// Bytes of topic, payload and properties of those.
    pub retained_bytes: usize,
    /// Messages accepted and routed, wills included.
    pub published: u64,
    /// Messages queued towards a receiver, each receiver counted.
    pub routed: u64,
    /// Messages handed to a connection for sending, resends included.
    pub delivered: u64,
    /// Deliveries that did not happen because a queue was full.
    pub dropped_queue_full: u64,
    /// Deliveries that did not happen because the receiver may not have them.
    pub dropped_denied: u64,
    /// Deliveries that did not happen because the message's lifetime ended.
    pub dropped_expired: u64,
    /// Deliveries that did not happen because the receiver's maximum packet size is less.
    pub dropped_too_large: u64,
    /// Publishes refused by a plugin or a quota.
    pub refused: u64,
}
