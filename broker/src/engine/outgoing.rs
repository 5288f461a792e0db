//! What the engine hands to a connection for sending.

use crate::codec::{Ack, AckProperties, Delivery, Packet, PacketId, Suback, Unsuback};
use crate::reason::ReasonCode;
use crate::session::Queued;

/// An answer to something that the client sent. Small, because many may wait.
#[derive(Debug)]
pub enum Reply {
    /// QoS 1: taken over, or refused.
    Puback(PacketId, ReasonCode),
    /// QoS 2: taken over, or refused.
    Pubrec(PacketId, ReasonCode),
    /// QoS 2: will not be sent again.
    Pubrel(PacketId, ReasonCode),
    /// QoS 2: done.
    Pubcomp(PacketId, ReasonCode),
    /// One code per filter.
    Suback(PacketId, Vec<ReasonCode>),
    /// One code per filter.
    Unsuback(PacketId, Vec<ReasonCode>),
    /// Still here.
    Pingresp,
}

impl Reply {
    /// The packet to encode.
    pub fn into_packet(self) -> Packet {
        match self {
            Self::Puback(id, reason) => Packet::Puback(Ack::with_reason(id, reason)),
            Self::Pubrec(id, reason) => Packet::Pubrec(Ack::with_reason(id, reason)),
            Self::Pubrel(id, reason) => Packet::Pubrel(Ack::with_reason(id, reason)),
            Self::Pubcomp(id, reason) => Packet::Pubcomp(Ack::with_reason(id, reason)),
            Self::Suback(packet_id, reasons) => Packet::Suback(Suback {
                packet_id,
                properties: AckProperties::default(),
                reasons,
            }),
            Self::Unsuback(packet_id, reasons) => Packet::Unsuback(Unsuback {
                packet_id,
                properties: AckProperties::default(),
                reasons,
            }),
            Self::Pingresp => Packet::Pingresp,
        }
    }
}

/// One receiver's PUBLISH.
#[derive(Debug)]
pub struct Outbound {
    /// What.
    pub queued: Queued,
    /// With QoS 1 and 2.
    pub packet_id: Option<PacketId>,
    /// Sent before.
    pub dup: bool,
    /// What is left of the lifetime, in seconds.
    pub message_expiry: Option<u32>,
}

impl Outbound {
    /// As the codec takes it.
    pub fn as_delivery(&self) -> Delivery<'_> {
        let message = &self.queued.message;
        Delivery {
            dup: self.dup,
            qos: self.queued.qos,
            retain: self.queued.retain,
            packet_id: self.packet_id,
            topic: message.topic.as_str(),
            topic_alias: None,
            message_expiry: self.message_expiry,
            subscription_ids: self
                .queued
                .meta
                .as_ref()
                .map_or(&[], |meta| &meta.subscription_ids),
            properties: message.properties(),
            payload: &message.payload,
        }
    }
}

/// One thing to send.
#[derive(Debug)]
pub enum Outgoing {
    /// An answer.
    Reply(Reply),
    /// A message.
    Publish(Outbound),
}
