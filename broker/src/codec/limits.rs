//! How much of what the specification allows is accepted.

use crate::topic::TopicLimits;

/// Which side of the connection sends what is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Packets and properties that only a server may send are refused.
    Client,
    /// Packets and properties that only a client may send are refused.
    Server,
}

/// Bounds of [`decode`](super::decode); cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct DecodeLimits {
    /// The side that sends.
    pub sender: Sender,
    /// Longest packet in bytes, fixed header included (as Maximum Packet Size of section 3.1.2.11.4 counts). Past it
    /// 0x95. A listener passes a smaller one until the CONNECT was authenticated.
    pub packet_size_max: u32,
    /// Bounds of topic names and filters. Past them 0x90 and 0x8F.
    pub topic: TopicLimits,
    /// Most user properties in one packet. Past it 0x97: each costs a slot of 64 bytes for as little as 5 received.
    pub user_properties_max: usize,
    /// Most filters in one SUBSCRIBE or UNSUBSCRIBE. Past it 0x97.
    pub filters_max: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            sender: Sender::Client,
            packet_size_max: 1024 * 1024,
            topic: TopicLimits::default(),
            user_properties_max: 128,
            filters_max: 256,
        }
    }
}
