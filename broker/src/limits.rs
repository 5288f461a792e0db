//! Every bound of the broker in one place, with its default and what happens past it.
//!
//! Plain fields and no serialization: the embedding program maps its own configuration to this.

use std::time::Duration;

use crate::codec::{DecodeLimits, QoS, Sender};
use crate::topic::TopicLimits;
use crate::websocket::upgrade::OriginPolicy;

/// Bounds of one broker. `..Limits::default()` fills in what a program does not care about.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most open sockets, handshakes included. Past it a new one is closed at once.
    pub connections_max: usize,
    /// Most sessions, connected or not. Past it a CONNECT that needs a new one is refused with 0x97.
    pub sessions_max: usize,
    /// Longest time from accepting a socket (WebSocket upgrade included) to an accepted CONNECT.
    pub connect_deadline: Duration,
    /// Longest time that an authenticator may take; past it the CONNECT is refused with 0x88.
    pub authenticate_deadline: Duration,
    /// Longest CONNECT, in bytes. Small, because it is buffered before anybody is authenticated.
    pub connect_size_max: u32,
    /// Longest packet accepted, in bytes, announced in CONNACK. Past it 0x95.
    pub packet_size_max: u32,
    /// Bounds of topic names and filters. Past them 0x90 and 0x8F.
    pub topic: TopicLimits,
    /// Most user properties in one packet. Past it 0x97.
    pub user_properties_max: usize,
    /// Most filters in one SUBSCRIBE or UNSUBSCRIBE. Past it 0x97.
    pub filters_per_packet_max: usize,
    /// Most subscriptions of one session. A filter past it is refused with 0x97 in its SUBACK.
    pub subscriptions_max: usize,
    /// QoS 1 and 2 publishes that a client may have unacknowledged, announced in CONNACK; abandoned QoS 2
    /// identifiers count. Past it 0x93.
    pub receive_maximum: u16,
    /// Deliveries of QoS 1 and 2 that may be unacknowledged towards one client, whatever it allows.
    pub inflight_max: u16,
    /// Highest topic alias that a client may use, announced in CONNACK. Past it 0x94.
    pub topic_alias_max: u16,
    /// Highest QoS that a client may publish with, announced in CONNACK. Past it 0x9B.
    pub qos_max: QoS,
    /// QoS 1 and 2 messages that may wait in one session. Past it, see [`crate::plugin::WhenFull`].
    pub queue_max: usize,
    /// Bytes of topic, payload and properties that may wait in one session at QoS 1 and 2. Past it as `queue_max`.
    pub queue_bytes_max: usize,
    /// QoS 0 messages that may wait for one connected client. Past it new ones are dropped and counted.
    pub queue_qos0_max: usize,
    /// Bytes of QoS 0 messages that may wait for one connected client. Past it as `queue_qos0_max`.
    pub queue_qos0_bytes_max: usize,
    /// Retained messages that may wait for one session after its subscribes. A filter whose retained messages would
    /// pass it is refused with 0x97.
    pub retained_burst_max: usize,
    /// Retained messages in all. A publish that would pass it is refused with 0x97.
    pub retained_max: usize,
    /// Bytes of retained messages in all. Past it as `retained_max`.
    pub retained_bytes_max: usize,
    /// Longest session expiry, whatever a client asks; announced in CONNACK when it is less than was asked. A session
    /// of 3.1.1 without Clean Session gets it, since that version has no expiry of its own.
    pub session_expiry_max: Duration,
    /// Longest keep alive; a client that asks for more or for none is told this one by Server Keep Alive. `None`
    /// leaves it to the client.
    pub keep_alive_max: Option<Duration>,
    /// Bytes encoded for one socket at a time. More stays in the session's queue until the socket took them.
    pub write_buffer_max: usize,
    /// Longest time that a socket may take to accept what was encoded for it; a slower reader is cut.
    pub write_deadline: Duration,
    /// Acknowledgements that may wait for one socket. Past it the client is not read until it takes them.
    pub pending_acks_max: usize,
    /// Events that may wait for the observers. Past it they are dropped and counted.
    pub observer_queue_max: usize,
    /// Which pages may open a WebSocket on a listener of the broker.
    pub websocket_origins: OriginPolicy,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 100_000,
            sessions_max: 200_000,
            connect_deadline: Duration::from_secs(10),
            authenticate_deadline: Duration::from_secs(5),
            connect_size_max: 16 * 1024,
            packet_size_max: 1024 * 1024,
            topic: TopicLimits {
                length_max: 1024,
                levels_max: 32,
            },
            user_properties_max: 64,
            filters_per_packet_max: 256,
            subscriptions_max: 1_000,
            receive_maximum: 1_000,
            inflight_max: 1_000,
            topic_alias_max: 32,
            qos_max: QoS::ExactlyOnce,
            queue_max: 10_000,
            queue_bytes_max: 16 * 1024 * 1024,
            queue_qos0_max: 10_000,
            queue_qos0_bytes_max: 4 * 1024 * 1024,
            retained_burst_max: 200_000,
            retained_max: 200_000,
            retained_bytes_max: 256 * 1024 * 1024,
            session_expiry_max: Duration::from_secs(7 * 24 * 3600),
            keep_alive_max: None,
            write_buffer_max: 64 * 1024,
            write_deadline: Duration::from_secs(20),
            pending_acks_max: 4_096,
            observer_queue_max: 16_384,
            websocket_origins: OriginPolicy::Any,
        }
    }
}

impl Limits {
    /// The codec's share of the bounds: of a CONNECT before it is accepted, of every packet after.
    pub(crate) fn decode(&self, connected: bool) -> DecodeLimits {
        DecodeLimits {
            sender: Sender::Client,
            packet_size_max: match connected {
                true => self.packet_size_max,
                false => self.connect_size_max.min(self.packet_size_max),
            },
            topic: self.topic,
            user_properties_max: self.user_properties_max,
            filters_max: self.filters_per_packet_max,
        }
    }
}
