//! The role that is told afterwards.

use std::net::SocketAddr;
use std::sync::Arc;

use super::Transport;
use crate::codec::{ByteStr, QoS, Version};
use crate::reason::ReasonCode;
use crate::topic::{TopicFilter, TopicName};

/// Something that happened. Never holds a payload or a credential.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A CONNECT was accepted.
    Connected {
        /// The client.
        client_id: ByteStr,
        /// Its principal.
        principal: Arc<str>,
        /// Its address.
        peer: SocketAddr,
        /// How it came.
        transport: Transport,
        /// What it speaks.
        version: Version,
        /// Whether it found a session of its own.
        session_present: bool,
    },
    /// A CONNECT was refused.
    ConnectRefused {
        /// The client, as it called itself.
        client_id: ByteStr,
        /// Its address.
        peer: SocketAddr,
        /// The code it was told.
        reason: ReasonCode,
    },
    /// An accepted connection ended.
    Disconnected {
        /// The client.
        client_id: ByteStr,
        /// Its principal.
        principal: Arc<str>,
        /// Why: the code of the DISCONNECT, sent or received; 0x80 when the socket just ended.
        reason: ReasonCode,
    },
    /// A subscription stands.
    Subscribed {
        /// The client.
        client_id: ByteStr,
        /// What it gets.
        filter: TopicFilter,
        /// At most with.
        qos: QoS,
    },
    /// A filter was refused.
    SubscribeRefused {
        /// The client.
        client_id: ByteStr,
        /// What it asked for.
        filter: TopicFilter,
        /// The code in the SUBACK.
        reason: ReasonCode,
    },
    /// A subscription is gone by UNSUBSCRIBE.
    Unsubscribed {
        /// The client.
        client_id: ByteStr,
        /// What it got.
        filter: TopicFilter,
    },
    /// A publish or will was routed.
    Published {
        /// The publisher.
        client_id: ByteStr,
        /// Where to.
        topic: TopicName,
        /// How.
        qos: QoS,
        /// Whether it was to be retained.
        retain: bool,
        /// Length of the payload.
        payload_bytes: usize,
        /// Sessions that got it, queued or at once.
        receivers: usize,
    },
    /// A publish or will was refused by a filter, an authorizer or a quota.
    PublishRefused {
        /// The publisher.
        client_id: ByteStr,
        /// Where to.
        topic: TopicName,
        /// The code of the acknowledgement (which 3.1.1 is not told).
        reason: ReasonCode,
    },
    /// A message did not reach one receiver. `reason`: 0x97 its queue was full, 0x87 it may not have it,
    /// 0x95 it is larger than the receiver takes.
    Dropped {
        /// The receiver.
        client_id: ByteStr,
        /// Of the message.
        topic: TopicName,
        /// Of this delivery.
        qos: QoS,
        /// Why.
        reason: ReasonCode,
    },
    /// A session and all that waited in it is gone.
    SessionEnded {
        /// The client that it belonged to.
        client_id: ByteStr,
    },
}

/// Is told what happened, in the past tense; cannot veto.
///
/// Fed through one bounded queue by a task of its own, so a slow observer loses events (counted in
/// `muster_broker_events_dropped_total`) and delays nobody. A panic is logged and the next event goes on.
pub trait Observer: Send + Sync + 'static {
    /// Something happened. Called in order, one at a time.
    fn observe(&self, event: &Event);
}

impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn observe(&self, event: &Event) {
        (**self).observe(event);
    }
}
