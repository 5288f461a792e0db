//! SUBACK and UNSUBACK (sections 3.9 and 3.11).

use super::property::Properties;
use super::put::Put;
use super::reader::Reader;
use super::{AckProperties, DecodeError, DecodeLimits, PacketId, PacketType, Version};
use crate::reason::ReasonCode;

/// The answer to SUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suback {
    /// Of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// Left out in 3.1.1.
    pub properties: AckProperties,
    /// One per filter, in order. Every failure is 0x80 in 3.1.1.
    pub reasons: Vec<ReasonCode>,
}

/// The answer to UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsuback {
    /// Of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// Left out in 3.1.1.
    pub properties: AckProperties,
    /// One per filter, in order. Left out in 3.1.1.
    pub reasons: Vec<ReasonCode>,
}

fn read_reasons(reader: &mut Reader, packet_type: PacketType) -> Result<Vec<ReasonCode>, DecodeError> {
    let reasons = reader
        .rest()
        .iter()
        .map(|byte| ReasonCode::from_u8(*byte).filter(|reason| reason.is_valid_in(packet_type)))
        .collect::<Option<Vec<_>>>()
        .ok_or(DecodeError::malformed(
            "a reason code has no place in this answer",
        ))?;
    if reasons.is_empty() {
        return Err(DecodeError::protocol("an answer without a reason code"));
    }
    Ok(reasons)
}

impl Suback {
    pub(super) fn read(
        reader: &mut Reader,
        version: Version,
        limits: &DecodeLimits,
    ) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let properties = match version {
            Version::V3_1_1 => AckProperties::default(),
            Version::V5 => AckProperties::read(reader, limits)?,
        };
        let reasons = read_reasons(reader, PacketType::Suback)?;
        if version == Version::V3_1_1 && reasons.iter().any(|reason| reason.as_u8() > 0x80) {
            // [MQTT-3.9.3-2]
            return Err(DecodeError::malformed("a return code of SUBACK is reserved"));
        }
        Ok(Self {
            packet_id,
            properties,
            reasons,
        })
    }

    pub(super) fn write_body<W: Put>(&self, version: Version, out: &mut W) {
        out.u16(self.packet_id.get());
        if version == Version::V5 {
            self.properties.write_block(out);
        }
        for reason in &self.reasons {
            out.u8(match version {
                Version::V3_1_1 => reason.as_u8().min(0x80),
                Version::V5 => reason.as_u8(),
            });
        }
    }
}

impl Unsuback {
    pub(super) fn read(
        reader: &mut Reader,
        version: Version,
        limits: &DecodeLimits,
    ) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let (properties, reasons) = match version {
            Version::V3_1_1 => (AckProperties::default(), Vec::new()),
            Version::V5 => (
                AckProperties::read(reader, limits)?,
                read_reasons(reader, PacketType::Unsuback)?,
            ),
        };
        Ok(Self {
            packet_id,
            properties,
            reasons,
        })
    }

    pub(super) fn write_body<W: Put>(&self, version: Version, out: &mut W) {
        out.u16(self.packet_id.get());
        if version == Version::V5 {
            self.properties.write_block(out);
            for reason in &self.reasons {
                out.u8(reason.as_u8());
            }
        }
    }
}
