//! What outlives a connection: subscriptions, what waits to be sent, what is in flight in both directions, the will.
//!
//! **Invariant:** an outgoing packet identifier is never used for two messages at once, and never more are in use than
//! the window allows.
//! **Invariant:** messages of one QoS leave in the order in which they came, resent ones first.
//! **Invariant:** the queue never holds more than its bounds, and a push and a pop cost the same at any length.
//!
//! Performs no IO and reads no clock. Who may have what, and who gets what, is the engine's and the router's to say.

mod incoming;
mod outgoing;
mod queue;

#[cfg(test)]
mod proptests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use hashbrown::HashMap;

use crate::codec::{ByteStr, PacketId, Publish, QoS, SubscribeOptions, SubscriptionId, Version};
use crate::engine::{Message, Reply, Time};
use crate::limits::Limits;
use crate::log::Position;
use crate::plugin::{Principal, Transport, WhenFull};
use crate::router::DeliveryMeta;
use crate::topic::TopicFilter;

pub use incoming::{Incoming, Received};
pub use outgoing::{Acked, InflightWindow, Resend};
pub use queue::Queue;

/// One message on its way to one receiver.
#[derive(Debug, Clone)]
pub struct Queued {
    /// The message, shared with all receivers.
    pub message: Arc<Message>,
    /// Subscription identifiers and share, where there are any.
    pub meta: Option<Arc<DeliveryMeta>>,
    /// Of this delivery: min(publish, subscription).
    pub qos: QoS,
    /// The retain flag as the receiver shall see it.
    pub retain: bool,
    /// Part of the retained messages of a SUBSCRIBE, which have a bound of their own.
    pub burst: bool,
}

/// How much may wait in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueBounds {
    /// Messages of QoS 1 and 2.
    pub messages_max: usize,
    /// Their bytes of topic, payload and properties.
    pub bytes_max: usize,
    /// What happens past either.
    pub when_full: WhenFull,
}

impl QueueBounds {
    /// The broker's bounds, or the principal's own.
    pub fn of(limits: &Limits, principal: &Principal) -> Self {
        let own = &principal.limits;
        Self {
            messages_max: own.queue_max.unwrap_or(limits.queue_max),
            bytes_max: own.queue_bytes_max.unwrap_or(limits.queue_bytes_max),
            when_full: own.when_full.unwrap_or_default(),
        }
    }
}

/// A will that waits for its connection to end.
#[derive(Debug, Clone)]
pub struct StoredWill {
    /// What will be published, copied out of its CONNECT.
    pub publish: Publish,
    /// Between the end of the connection and the publication.
    pub delay: Duration,
}

/// A subscription as its session remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribed {
    /// How messages shall come.
    pub options: SubscribeOptions,
    /// Sent along with them.
    pub id: Option<SubscriptionId>,
}

/// The connection that holds a session now.
#[derive(Debug)]
pub struct Link {
    /// Distinguishes it from every other connection, past ones too.
    pub epoch: u64,
    /// Woken when there is something to send.
    pub waker: Waker,
    /// Woken already and not come yet.
    pub rung: bool,
    /// Acknowledgements to send, in order, each with the log position that must be durable first.
    pub replies: VecDeque<(Position, Reply)>,
    /// PUBACKs among them: publishes that the client must count as unacknowledged.
    pub pubacks: usize,
    /// Deliveries to repeat before anything new.
    pub resend: VecDeque<PacketId>,
    /// Longest packet that the client takes, in bytes.
    pub packet_size_max: u32,
    /// What it speaks.
    pub version: Version,
    /// Its address.
    pub peer: SocketAddr,
    /// How it came.
    pub transport: Transport,
    /// Since when.
    pub since: Time,
}

/// The state of one client id.
#[derive(Debug)]
pub struct Session {
    /// Never used for another session, unlike its place in the engine's table.
    pub id: u64,
    /// The client id, in memory of its own.
    pub client_id: ByteStr,
    /// Whom it is bound to.
    pub principal: Principal,
    /// How long it outlives its connection.
    pub expiry: Duration,
    /// What is subscribed to, so that the router can be told when the session ends.
    pub subscriptions: HashMap<TopicFilter, Subscribed>,
    /// QoS 1 and 2, waiting.
    pub queue: Queue,
    /// QoS 0, waiting; only while connected.
    pub queue_qos0: Queue,
    /// How much may wait.
    pub bounds: QueueBounds,
    /// QoS 1 and 2, sent and not acknowledged.
    pub inflight: InflightWindow,
    /// QoS 2, received and not released.
    pub incoming: Incoming,
    /// The will, until it is published or dropped.
    pub will: Option<StoredWill>,
    /// When the will is due; set while a disconnected session has one.
    pub will_at: Option<Time>,
    /// When the session ends; set while it is disconnected.
    pub expires_at: Option<Time>,
    /// The connection, while there is one.
    pub link: Option<Link>,
}

impl Session {
    /// A session that nobody holds yet.
    pub fn new(id: u64, client_id: ByteStr, principal: Principal, bounds: QueueBounds) -> Self {
        Self {
            id,
            client_id,
            principal,
            expiry: Duration::ZERO,
            subscriptions: HashMap::new(),
            queue: Queue::default(),
            queue_qos0: Queue::default(),
            bounds,
            inflight: InflightWindow::default(),
            incoming: Incoming::default(),
            will: None,
            will_at: None,
            expires_at: None,
            link: None,
        }
    }

    /// Whether a message of QoS 1 or 2 would pass the queue's bounds.
    pub fn is_full(&self) -> bool {
        self.queue.len() >= self.bounds.messages_max || self.queue.bytes() >= self.bounds.bytes_max
    }

    /// What is to be sent next, or `None` when nothing is or the window is full. Taken from the two queues in the
    /// order of arrival; while the window is full QoS 0 goes on alone.
    pub fn pop(&mut self) -> Option<Queued> {
        let open = self.inflight.has_room();
        match self.queue_qos0.front_order() {
            // Everything of QoS 1 and 2 that came before it has left, or cannot leave now.
            Some(after) if after <= self.queue.popped() || !open => self.queue_qos0.pop(),
            _ if open => self.queue.pop().or_else(|| self.queue_qos0.pop()),
            _ => None,
        }
    }

    /// Whether [`Self::pop`] has something.
    pub fn has_sendable(&self) -> bool {
        !self.queue_qos0.is_empty() || (!self.queue.is_empty() && self.inflight.has_room())
    }
}
