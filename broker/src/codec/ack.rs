//! PUBACK, PUBREC, PUBREL and PUBCOMP (sections 3.4 to 3.7), which differ in name only.

use super::property::{self, Properties, id, once};
use super::put::Put;
use super::reader::Reader;
use super::{ByteStr, DecodeError, DecodeLimits, PacketId, PacketType, UserProperties, Version};
use crate::reason::ReasonCode;

/// One step of an acknowledged delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// Of the publish that it belongs to.
    pub packet_id: PacketId,
    /// Left out in 3.1.1, where every acknowledgement is a success.
    pub reason: ReasonCode,
    /// Left out in 3.1.1.
    pub properties: AckProperties,
}

/// Properties of acknowledgements, SUBACK and UNSUBACK among them. Empty ones hold no memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AckProperties {
    /// Words for a human.
    pub reason_string: Option<ByteStr>,
    /// Pairs of the sender.
    pub user_properties: UserProperties,
}

impl Ack {
    /// A success without properties: four bytes on the wire.
    pub fn success(packet_id: PacketId) -> Self {
        Self::with_reason(packet_id, ReasonCode::Success)
    }

    /// An acknowledgement without properties.
    pub fn with_reason(packet_id: PacketId, reason: ReasonCode) -> Self {
        Self {
            packet_id,
            reason,
            properties: AckProperties::default(),
        }
    }

    pub(super) fn read(
        packet_type: PacketType,
        reader: &mut Reader,
        version: Version,
        limits: &DecodeLimits,
    ) -> Result<Self, DecodeError> {
        let mut this = Self::success(reader.packet_id()?);
        if version == Version::V3_1_1 || reader.is_empty() {
            return Ok(this);
        }
        this.reason = ReasonCode::from_u8(reader.u8()?)
            .filter(|reason| reason.is_valid_in(packet_type))
            .ok_or(DecodeError::malformed(
                "a reason code has no place in this acknowledgement",
            ))?;
        if !reader.is_empty() {
            this.properties = AckProperties::read(reader, limits)?;
        }
        Ok(this)
    }

    pub(super) fn write_body<W: Put>(&self, version: Version, out: &mut W) {
        out.u16(self.packet_id.get());
        if version == Version::V3_1_1 {
            return;
        }
        // The shortest form: a success says nothing, an empty block is left out. (section 3.4.2.1)
        let empty = self.properties.is_empty();
        if self.reason != ReasonCode::Success || !empty {
            out.u8(self.reason.as_u8());
        }
        if !empty {
            self.properties.write_block(out);
        }
    }
}

impl AckProperties {
    /// True when nothing would be written.
    pub fn is_empty(&self) -> bool {
        self.reason_string.is_none() && self.user_properties.is_empty()
    }

    pub(super) fn read(reader: &mut Reader, limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        property::read_block(reader, |id, reader| match id {
            id::REASON_STRING => once(&mut this.reason_string, reader.string()?),
            id::USER_PROPERTY => this.user_properties.read_pair(reader, limits).map(|()| true),
            _ => Ok(false),
        })?;
        Ok(this)
    }
}

impl Properties for AckProperties {
    fn write<W: Put>(&self, out: &mut W) {
        property::put_string(out, id::REASON_STRING, self.reason_string.as_ref());
        self.user_properties.write(out);
    }
}
