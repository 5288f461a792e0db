//! The packets and the small types that they share.

use std::fmt;
use std::num::NonZeroU16;

use super::put::Put;
use super::{Ack, Auth, Connack, Connect, Disconnect, Publish, Suback, Subscribe, Unsuback, Unsubscribe};

/// A packet identifier: never 0. [MQTT-2.2.1-3]
pub type PacketId = NonZeroU16;

/// The versions of the protocol spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// MQTT 3.1.1, protocol level 4.
    V3_1_1,
    /// MQTT 5, protocol level 5.
    V5,
}

impl Version {
    /// The protocol level in CONNECT.
    pub const fn level(self) -> u8 {
        match self {
            Self::V3_1_1 => 4,
            Self::V5 => 5,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V3_1_1 => "3.1.1",
            Self::V5 => "5",
        })
    }
}

/// How hard the two sides of one connection try to deliver a message (section 4.3). Ordered by strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum QoS {
    /// QoS 0: sent once, lost with the connection.
    #[default]
    AtMostOnce = 0,
    /// QoS 1: sent until acknowledged, perhaps twice.
    AtLeastOnce = 1,
    /// QoS 2: handed on exactly once.
    ExactlyOnce = 2,
}

impl QoS {
    /// The level of two bits, or `None` for 3. [MQTT-3.3.1-4]
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    /// The two bits on the wire.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }
}

/// The type of a packet, the upper four bits of its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // The names are the specification's, and there is nothing to add to them.
pub enum PacketType {
    Connect = 1,
    Connack = 2,
    Publish = 3,
    Puback = 4,
    Pubrec = 5,
    Pubrel = 6,
    Pubcomp = 7,
    Subscribe = 8,
    Suback = 9,
    Unsubscribe = 10,
    Unsuback = 11,
    Pingreq = 12,
    Pingresp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl PacketType {
    /// The type of four bits, or `None` for 0, which is reserved.
    pub const fn from_u8(value: u8) -> Option<Self> {
        Some(match value {
            1 => Self::Connect,
            2 => Self::Connack,
            3 => Self::Publish,
            4 => Self::Puback,
            5 => Self::Pubrec,
            6 => Self::Pubrel,
            7 => Self::Pubcomp,
            8 => Self::Subscribe,
            9 => Self::Suback,
            10 => Self::Unsubscribe,
            11 => Self::Unsuback,
            12 => Self::Pingreq,
            13 => Self::Pingresp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// The four bits on the wire.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// The lower four bits that the specification demands (table 2-2), or `None` for PUBLISH, which uses them.
    pub const fn reserved_flags(self) -> Option<u8> {
        match self {
            Self::Publish => None,
            Self::Pubrel | Self::Subscribe | Self::Unsubscribe => Some(0b0010),
            _ => Some(0),
        }
    }
}

/// A packet of either version.
///
/// Its `Debug` shows neither payloads nor credentials, of any type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// The client asks for a connection. Boxed: rare and large.
    Connect(Box<Connect>),
    /// The server answers it. Boxed: rare and large.
    Connack(Box<Connack>),
    /// A message.
    Publish(Publish),
    /// QoS 1: received.
    Puback(Ack),
    /// QoS 2: received.
    Pubrec(Ack),
    /// QoS 2: the sender will not send it again.
    Pubrel(Ack),
    /// QoS 2: done.
    Pubcomp(Ack),
    /// The client subscribes.
    Subscribe(Subscribe),
    /// The server's answer, one code per filter.
    Suback(Suback),
    /// The client unsubscribes.
    Unsubscribe(Unsubscribe),
    /// The server's answer, in 5 with one code per filter.
    Unsuback(Unsuback),
    /// Are you there?
    Pingreq,
    /// Yes.
    Pingresp,
    /// The connection ends in order.
    Disconnect(Disconnect),
    /// A step of enhanced authentication; 5 only.
    Auth(Auth),
}

impl Packet {
    /// The packet's type.
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::Connack(_) => PacketType::Connack,
            Self::Publish(_) => PacketType::Publish,
            Self::Puback(_) => PacketType::Puback,
            Self::Pubrec(_) => PacketType::Pubrec,
            Self::Pubrel(_) => PacketType::Pubrel,
            Self::Pubcomp(_) => PacketType::Pubcomp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::Suback(_) => PacketType::Suback,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::Unsuback(_) => PacketType::Unsuback,
            Self::Pingreq => PacketType::Pingreq,
            Self::Pingresp => PacketType::Pingresp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }

    pub(super) fn flags(&self) -> u8 {
        match self {
            Self::Publish(publish) => publish.as_delivery().flags(),
            other => other.packet_type().reserved_flags().unwrap_or(0),
        }
    }

    pub(super) fn write_body<W: Put>(&self, version: Version, out: &mut W) {
        match self {
            Self::Connect(connect) => connect.write_body(out),
            Self::Connack(connack) => connack.write_body(version, out),
            Self::Publish(publish) => publish.as_delivery().write_body(version, out),
            Self::Puback(ack) | Self::Pubrec(ack) | Self::Pubrel(ack) | Self::Pubcomp(ack) => {
                ack.write_body(version, out);
            }
            Self::Subscribe(subscribe) => subscribe.write_body(version, out),
            Self::Suback(suback) => suback.write_body(version, out),
            Self::Unsubscribe(unsubscribe) => unsubscribe.write_body(version, out),
            Self::Unsuback(unsuback) => unsuback.write_body(version, out),
            Self::Pingreq | Self::Pingresp => {}
            Self::Disconnect(disconnect) => disconnect.write_body(version, out),
            Self::Auth(auth) => auth.write_body(out),
        }
    }
}
