//! DISCONNECT (section 3.14).

use super::property::{self, Properties, id, once};
use super::put::Put;
use super::reader::Reader;
use super::{ByteStr, DecodeError, DecodeLimits, PacketType, Sender, UserProperties, Version};
use crate::reason::ReasonCode;

/// The last packet of a connection that ends in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    /// Left out in 3.1.1, where every DISCONNECT is a normal one.
    pub reason: ReasonCode,
    /// Left out in 3.1.1.
    pub properties: DisconnectProperties,
}

/// Properties of DISCONNECT (section 3.14.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DisconnectProperties {
    /// Seconds that the session outlives the connection; only a client sends it. [MQTT-3.14.2-2]
    pub session_expiry: Option<u32>,
    /// Words for a human.
    pub reason_string: Option<ByteStr>,
    /// Another server to go to; only a server sends it.
    pub server_reference: Option<ByteStr>,
    /// Pairs of the sender.
    pub user_properties: UserProperties,
}

impl Disconnect {
    /// A DISCONNECT without properties.
    pub fn with_reason(reason: ReasonCode) -> Self {
        Self {
            reason,
            properties: DisconnectProperties::default(),
        }
    }

    pub(super) fn read(
        reader: &mut Reader,
        version: Version,
        limits: &DecodeLimits,
    ) -> Result<Self, DecodeError> {
        let mut this = Self::with_reason(ReasonCode::NORMAL_DISCONNECTION);
        if version == Version::V3_1_1 || reader.is_empty() {
            return Ok(this);
        }
        this.reason = ReasonCode::from_u8(reader.u8()?)
            .filter(|reason| reason.is_valid_in(PacketType::Disconnect))
            .ok_or(DecodeError::malformed("a reason code has no place in DISCONNECT"))?;
        if !reader.is_empty() {
            this.properties = DisconnectProperties::read(reader, limits)?;
        }
        Ok(this)
    }

    pub(super) fn write_body<W: Put>(&self, version: Version, out: &mut W) {
        if version == Version::V3_1_1 {
            return;
        }
        let empty = self.properties == DisconnectProperties::default();
        if self.reason != ReasonCode::NORMAL_DISCONNECTION || !empty {
            out.u8(self.reason.as_u8());
            // The length of no properties may be left out, but rumqttc 0.25 then loses the reason.
            self.properties.write_block(out);
        }
    }
}

impl DisconnectProperties {
    fn read(reader: &mut Reader, limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        property::read_block(reader, |id, reader| match id {
            id::SESSION_EXPIRY if limits.sender == Sender::Client => {
                once(&mut this.session_expiry, reader.u32()?)
            }
            id::SERVER_REFERENCE if limits.sender == Sender::Server => {
                once(&mut this.server_reference, reader.string()?)
            }
            id::SESSION_EXPIRY | id::SERVER_REFERENCE => Err(DecodeError::protocol(
                "a property of DISCONNECT is not for this side to send",
            )),
            id::REASON_STRING => once(&mut this.reason_string, reader.string()?),
            id::USER_PROPERTY => this.user_properties.read_pair(reader, limits).map(|()| true),
            _ => Ok(false),
        })?;
        Ok(this)
    }
}

impl Properties for DisconnectProperties {
    fn write<W: Put>(&self, out: &mut W) {
        property::put_u32(out, id::SESSION_EXPIRY, self.session_expiry);
        property::put_string(out, id::REASON_STRING, self.reason_string.as_ref());
        property::put_string(out, id::SERVER_REFERENCE, self.server_reference.as_ref());
        self.user_properties.write(out);
    }
}
