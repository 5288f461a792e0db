//! The two to five bytes that every packet begins with (section 2.1).

use super::reader::peek_varint;
use super::{DecodeError, DecodeLimits, PacketType, Sender, Version};
use crate::reason::ReasonCode;

/// A fixed header that was read completely and found to be allowed.
pub(super) struct FixedHeader {
    pub(super) packet_type: PacketType,
    pub(super) flags: u8,
    pub(super) header_len: usize,
    remaining_len: usize,
}

impl FixedHeader {
    pub(super) fn packet_len(&self) -> usize {
        self.header_len + self.remaining_len
    }

    /// Looks at the front of a buffer; `None` when the header is not complete. Faults of the first byte are reported
    /// from the first byte, those of the length from the length: the body is not waited for.
    pub(super) fn peek(
        buf: &[u8],
        version: Option<Version>,
        limits: &DecodeLimits,
    ) -> Result<Option<Self>, DecodeError> {
        let Some((&first, rest)) = buf.split_first() else {
            return Ok(None);
        };
        let flags = first & 0x0F;
        let packet_type = PacketType::from_u8(first >> 4)
            .filter(|kind| *kind != PacketType::Auth || version != Some(Version::V3_1_1))
            .ok_or(DecodeError::malformed("the packet type is reserved"))?;
        if version.is_none() && packet_type != PacketType::Connect {
            return Err(DecodeError::protocol("the first packet is not CONNECT"));
        }
        check_sender(packet_type, version, limits.sender)?;
        if packet_type
            .reserved_flags()
            .is_some_and(|reserved| flags != reserved)
        {
            return Err(DecodeError::malformed(
                "the reserved flags of the packet type are not as demanded",
            ));
        }
        let Some((remaining_len, varint_len)) = peek_varint(rest)? else {
            return Ok(None);
        };
        let header = Self {
            packet_type,
            flags,
            header_len: 1 + varint_len,
            remaining_len: remaining_len as usize,
        };
        if header.packet_len() > limits.packet_size_max as usize {
            return Err(DecodeError::new(
                ReasonCode::PacketTooLarge,
                "the packet passes the maximum packet size",
            ));
        }
        if matches!(packet_type, PacketType::Pingreq | PacketType::Pingresp) && remaining_len > 0 {
            return Err(DecodeError::malformed("a ping has a body"));
        }
        Ok(Some(header))
    }
}

fn check_sender(packet: PacketType, version: Option<Version>, sender: Sender) -> Result<(), DecodeError> {
    use PacketType as P;
    let allowed = match sender {
        Sender::Client => !matches!(packet, P::Connack | P::Suback | P::Unsuback | P::Pingresp),
        Sender::Server => match packet {
            P::Connect | P::Subscribe | P::Unsubscribe | P::Pingreq => false,
            P::Disconnect => version == Some(Version::V5),
            _ => true,
        },
    };
    if allowed {
        Ok(())
    } else {
        Err(DecodeError::protocol(
            "the packet type is not for this side to send",
        ))
    }
}
