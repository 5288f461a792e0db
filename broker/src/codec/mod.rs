//! The wire form of MQTT 3.1.1 and 5: bytes to packets and back.
//!
//! Sans-IO and stateless: [`decode`] takes one packet off the front of a buffer, [`encode`] appends one. What is
//! decoded shares the buffer's memory (nothing is copied), so whoever keeps a part of a packet detaches it first.
//!
//! **Invariant:** no byte sequence panics, and nothing is allocated by a length that the peer only claimed.
//! **Invariant:** what [`decode`] accepts keeps every rule of the specification that one packet alone can keep or
//! break: reserved bits, minimal lengths, string and topic rules, which property may stand where and how often.
//!
//! Deliberately knows nothing of sessions: whether a second CONNECT, a topic alias above the maximum, or an
//! acknowledgement of an unknown packet identifier is allowed, is the session's to say.

mod ack;
mod auth;
mod bytestr;
mod connack;
mod connect;
mod disconnect;
mod error;
mod fixed_header;
mod limits;
mod packet;
mod property;
mod publish;
mod put;
mod reader;
mod suback;
mod subscribe;
mod unsubscribe;
mod will;

#[cfg(test)]
mod proptests;
#[cfg(test)]
mod strategies;
#[cfg(test)]
mod strictness;

use bytes::{Buf, BytesMut};

pub use ack::{Ack, AckProperties};
pub use auth::{Auth, AuthProperties};
pub use bytestr::{ByteStr, NotAString};
pub use connack::{Connack, ConnackProperties};
pub use connect::{Connect, ConnectProperties, Password};
pub use disconnect::{Disconnect, DisconnectProperties};
pub use error::{DecodeError, EncodeError};
pub use limits::{DecodeLimits, Sender};
pub use packet::{Packet, PacketId, PacketType, QoS, Version};
pub use property::{SubscriptionId, UserProperties};
pub use publish::{Delivery, Publish, PublishProperties};
pub use suback::{Suback, Unsuback};
pub use subscribe::{RetainHandling, Subscribe, SubscribeOptions, Subscription};
pub use unsubscribe::Unsubscribe;
pub use will::{Will, WillProperties};

use fixed_header::FixedHeader;
use put::{Counter, Put};
use reader::Reader;

/// The largest number that a variable byte integer holds, and so the longest remaining length (section 1.5.5).
pub const VARINT_MAX: u32 = 268_435_455;

/// Takes one packet off the front of `buf`, or returns `None` when more bytes are needed.
///
/// `version` is that of the connection, and `None` until a CONNECT was decoded: then only a CONNECT is accepted, and
/// it says its version itself. The size bound is checked as soon as the fixed header is there, so a caller never
/// buffers more than [`DecodeLimits::packet_size_max`] and one read; `buf` is not grown here.
///
/// # Errors
/// The reason code to close the connection with. `buf` is then in no defined state: the stream cannot be read on.
pub fn decode(
    buf: &mut BytesMut,
    version: Option<Version>,
    limits: &DecodeLimits,
) -> Result<Option<Packet>, DecodeError> {
    let Some(header) = FixedHeader::peek(buf, version, limits)? else {
        return Ok(None);
    };
    if buf.len() < header.packet_len() {
        return Ok(None);
    }
    let mut frame = buf.split_to(header.packet_len()).freeze();
    frame.advance(header.header_len);
    let mut reader = Reader::new(frame);
    // A CONNECT says its version itself; every other type was refused by the header without one.
    let version = version.unwrap_or(Version::V5);
    let packet = decode_body(&header, &mut reader, version, limits)?;
    reader.finish()?;
    Ok(Some(packet))
}

fn decode_body(
    header: &FixedHeader,
    reader: &mut Reader,
    version: Version,
    limits: &DecodeLimits,
) -> Result<Packet, DecodeError> {
    Ok(match header.packet_type {
        PacketType::Connect => Packet::Connect(Box::new(Connect::read(reader, limits)?)),
        PacketType::Connack => Packet::Connack(Box::new(Connack::read(reader, version, limits)?)),
        PacketType::Publish => Packet::Publish(Publish::read(header.flags, reader, version, limits)?),
        PacketType::Puback => Packet::Puback(Ack::read(PacketType::Puback, reader, version, limits)?),
        PacketType::Pubrec => Packet::Pubrec(Ack::read(PacketType::Pubrec, reader, version, limits)?),
        PacketType::Pubrel => Packet::Pubrel(Ack::read(PacketType::Pubrel, reader, version, limits)?),
        PacketType::Pubcomp => Packet::Pubcomp(Ack::read(PacketType::Pubcomp, reader, version, limits)?),
        PacketType::Subscribe => Packet::Subscribe(Subscribe::read(reader, version, limits)?),
        PacketType::Suback => Packet::Suback(Suback::read(reader, version, limits)?),
        PacketType::Unsubscribe => Packet::Unsubscribe(Unsubscribe::read(reader, version, limits)?),
        PacketType::Unsuback => Packet::Unsuback(Unsuback::read(reader, version, limits)?),
        PacketType::Pingreq => Packet::Pingreq,
        PacketType::Pingresp => Packet::Pingresp,
        PacketType::Disconnect => Packet::Disconnect(Disconnect::read(reader, version, limits)?),
        PacketType::Auth => Packet::Auth(Auth::read(reader, limits)?),
    })
}

/// Appends a packet to `out`. In 3.1.1 properties and reason codes that have no place are left out; a CONNECT is
/// written in its own version.
///
/// # Errors
/// When the packet has no form on the wire; `out` is then unchanged.
pub fn encode(packet: &Packet, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
    let remaining = remaining_len(packet, version)?;
    out.reserve(header_len(remaining) + remaining);
    out.u8(packet.packet_type().as_u8() << 4 | packet.flags());
    out.varint(remaining as u32);
    packet.write_body(version, out);
    Ok(())
}

/// The whole length in bytes that [`encode`] would append.
///
/// # Errors
/// As [`encode`].
pub fn encoded_len(packet: &Packet, version: Version) -> Result<usize, EncodeError> {
    let remaining = remaining_len(packet, version)?;
    Ok(header_len(remaining) + remaining)
}

/// Appends one receiver's PUBLISH, made from a message that all receivers share.
///
/// # Errors
/// When the message has no form on the wire; `out` is then unchanged.
pub fn encode_publish(
    delivery: &Delivery<'_>,
    version: Version,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let mut counter = Counter::default();
    delivery.write_body(version, &mut counter);
    let remaining = counter.remaining_len()?;
    out.reserve(header_len(remaining) + remaining);
    out.u8(PacketType::Publish.as_u8() << 4 | delivery.flags());
    out.varint(remaining as u32);
    delivery.write_body(version, out);
    Ok(())
}

/// The whole length in bytes that [`encode_publish`] would append: what the receiver's maximum packet size is
/// compared with. [MQTT-3.1.2-24]
///
/// # Errors
/// As [`encode_publish`].
pub fn encoded_publish_len(delivery: &Delivery<'_>, version: Version) -> Result<usize, EncodeError> {
    let mut counter = Counter::default();
    delivery.write_body(version, &mut counter);
    let remaining = counter.remaining_len()?;
    Ok(header_len(remaining) + remaining)
}

fn remaining_len(packet: &Packet, version: Version) -> Result<usize, EncodeError> {
    if matches!(packet, Packet::Auth(_)) && version == Version::V3_1_1 {
        return Err(EncodeError::NotInVersion);
    }
    let mut counter = Counter::default();
    packet.write_body(version, &mut counter);
    counter.remaining_len()
}

fn header_len(remaining: usize) -> usize {
    1 + put::varint_len(remaining as u32)
}
