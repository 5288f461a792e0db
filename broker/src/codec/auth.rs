//! AUTH (section 3.15), which exists in 5 only.

use std::fmt;

use bytes::Bytes;

use super::property::{self, Properties, id, once};
use super::put::Put;
use super::reader::Reader;
use super::{ByteStr, DecodeError, DecodeLimits, PacketType, UserProperties};
use crate::reason::ReasonCode;

/// A step of enhanced authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Success, continue or re-authenticate.
    pub reason: ReasonCode,
    /// What the method needs.
    pub properties: AuthProperties,
}

/// Properties of AUTH (section 3.15.2.2). `Debug` does not show the data.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AuthProperties {
    /// The method, the same in every packet of a connection.
    pub auth_method: Option<ByteStr>,
    /// What the method exchanges.
    pub auth_data: Option<Bytes>,
    /// Words for a human.
    pub reason_string: Option<ByteStr>,
    /// Pairs of the sender.
    pub user_properties: UserProperties,
}

impl Auth {
    pub(super) fn read(reader: &mut Reader, limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let mut this = Self {
            reason: ReasonCode::Success,
            properties: AuthProperties::default(),
        };
        if reader.is_empty() {
            return Ok(this);
        }
        this.reason = ReasonCode::from_u8(reader.u8()?)
            .filter(|reason| reason.is_valid_in(PacketType::Auth))
            .ok_or(DecodeError::malformed("a reason code has no place in AUTH"))?;
        this.properties = AuthProperties::read(reader, limits)?;
        if this.reason != ReasonCode::Success && this.properties.auth_method.is_none() {
            return Err(DecodeError::protocol("AUTH without an authentication method"));
        }
        Ok(this)
    }

    pub(super) fn write_body<W: Put>(&self, out: &mut W) {
        let empty = self.properties == AuthProperties::default();
        if self.reason != ReasonCode::Success || !empty {
            out.u8(self.reason.as_u8());
            self.properties.write_block(out);
        }
    }
}

impl AuthProperties {
    fn read(reader: &mut Reader, limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        property::read_block(reader, |id, reader| match id {
            id::AUTH_METHOD => once(&mut this.auth_method, reader.string()?),
            id::AUTH_DATA => once(&mut this.auth_data, reader.binary()?),
            id::REASON_STRING => once(&mut this.reason_string, reader.string()?),
            id::USER_PROPERTY => this.user_properties.read_pair(reader, limits).map(|()| true),
            _ => Ok(false),
        })?;
        if this.auth_data.is_some() && this.auth_method.is_none() {
            return Err(DecodeError::protocol("authentication data without a method"));
        }
        Ok(this)
    }
}

impl Properties for AuthProperties {
    fn write<W: Put>(&self, out: &mut W) {
        property::put_string(out, id::AUTH_METHOD, self.auth_method.as_ref());
        property::put_binary(out, id::AUTH_DATA, self.auth_data.as_ref());
        property::put_string(out, id::REASON_STRING, self.reason_string.as_ref());
        self.user_properties.write(out);
    }
}

impl fmt::Debug for AuthProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthProperties")
            .field("auth_method", &self.auth_method)
            .field("has_auth_data", &self.auth_data.is_some())
            .field("user_properties", &self.user_properties)
            .finish_non_exhaustive()
    }
}
