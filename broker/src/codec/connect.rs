//! CONNECT (section 3.1).

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};

use bytes::Bytes;

use super::property::{self, Properties, id, once};
use super::put::Put;
use super::reader::Reader;
use super::{ByteStr, DecodeError, DecodeLimits, QoS, UserProperties, Version, Will};
use crate::reason::ReasonCode;

const PROTOCOL_NAME: &[u8] = b"MQTT";
/// The name of MQTT 3.1, which is not spoken here but is told so in words that it understands.
const PROTOCOL_NAME_3_1: &[u8] = b"MQIsdp";

mod flag {
    pub(super) const RESERVED: u8 = 0b0000_0001;
    pub(super) const CLEAN_START: u8 = 0b0000_0010;
    pub(super) const WILL: u8 = 0b0000_0100;
    pub(super) const WILL_QOS_SHIFT: u8 = 3;
    pub(super) const WILL_RETAIN: u8 = 0b0010_0000;
    pub(super) const PASSWORD: u8 = 0b0100_0000;
    pub(super) const USERNAME: u8 = 0b1000_0000;
}

/// A password: any bytes. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub Bytes);

/// A client's request for a connection.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    /// The version that the client speaks.
    pub version: Version,
    /// Begin without the session that may exist ("clean session" in 3.1.1, where it also ends with the connection).
    pub clean_start: bool,
    /// Seconds between packets that the client promises; 0 promises nothing.
    pub keep_alive: u16,
    /// May be empty: then the server assigns one.
    pub client_id: ByteStr,
    /// To be published when the client vanishes.
    pub will: Option<Will>,
    /// Who the client says to be.
    pub username: Option<ByteStr>,
    /// Its proof.
    pub password: Option<Password>,
    /// Empty in 3.1.1.
    pub properties: ConnectProperties,
}

/// Properties of CONNECT (section 3.1.2.11).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ConnectProperties {
    /// Seconds that the session outlives the connection; absent is 0, `u32::MAX` is for ever.
    pub session_expiry: Option<u32>,
    /// How many QoS 1 and 2 publishes the client takes at once; absent is 65,535.
    pub receive_maximum: Option<NonZeroU16>,
    /// The longest packet in bytes that the client takes; absent is any.
    pub maximum_packet_size: Option<NonZeroU32>,
    /// The highest topic alias that the client takes; absent is 0.
    pub topic_alias_maximum: Option<u16>,
    /// The client asks for response information in CONNACK.
    pub request_response_info: Option<bool>,
    /// False: no reason strings and user properties except in PUBLISH, CONNACK and DISCONNECT. [MQTT-3.1.2-29]
    pub request_problem_info: Option<bool>,
    /// Pairs of the application.
    pub user_properties: UserProperties,
    /// The method of enhanced authentication.
    pub auth_method: Option<ByteStr>,
    /// Its first data.
    pub auth_data: Option<Bytes>,
}

impl Connect {
    pub(super) fn read(reader: &mut Reader, limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let version = read_version(reader)?;
        Self::read_after_version(version, reader, limits).map_err(|error| error.answered_in(version))
    }

    fn read_after_version(
        version: Version,
        reader: &mut Reader,
        limits: &DecodeLimits,
    ) -> Result<Self, DecodeError> {
        let flags = reader.u8()?;
        check_flags(flags, version)?;
        let keep_alive = reader.u16()?;
        let properties = match version {
            Version::V3_1_1 => ConnectProperties::default(),
            Version::V5 => ConnectProperties::read(reader, limits)?,
        };
        let client_id = reader.string()?;
        let clean_start = flags & flag::CLEAN_START != 0;
        if version == Version::V3_1_1 && client_id.is_empty() && !clean_start {
            // [MQTT-3.1.3-8]
            return Err(DecodeError::new(
                ReasonCode::ClientIdentifierNotValid,
                "an empty client identifier asks for a lasting session",
            ));
        }
        let will = match flags & flag::WILL != 0 {
            true => {
                let qos = will_qos(flags).ok_or(DecodeError::malformed("the QoS of the will is 3"))?;
                Some(Will::read(
                    qos,
                    flags & flag::WILL_RETAIN != 0,
                    reader,
                    version,
                    limits,
                )?)
            }
            false => None,
        };
        let username = (flags & flag::USERNAME != 0)
            .then(|| reader.string())
            .transpose()?;
        let password = (flags & flag::PASSWORD != 0)
            .then(|| reader.binary().map(Password))
            .transpose()?;
        Ok(Self {
            version,
            clean_start,
            keep_alive,
            client_id,
            will,
            username,
            password,
            properties,
        })
    }

    pub(super) fn write_body<W: Put>(&self, out: &mut W) {
        out.binary(PROTOCOL_NAME);
        out.u8(self.version.level());
        let mut flags = 0;
        for (set, flag) in [
            (self.clean_start, flag::CLEAN_START),
            (self.will.is_some(), flag::WILL),
            (self.password.is_some(), flag::PASSWORD),
            (self.username.is_some(), flag::USERNAME),
        ] {
            flags |= if set { flag } else { 0 };
        }
        if let Some(will) = &self.will {
            flags |= will.qos.as_u8() << flag::WILL_QOS_SHIFT;
            flags |= if will.retain { flag::WILL_RETAIN } else { 0 };
        }
        out.u8(flags);
        out.u16(self.keep_alive);
        if self.version == Version::V5 {
            self.properties.write_block(out);
        }
        out.string(&self.client_id);
        if let Some(will) = &self.will {
            will.write(self.version, out);
        }
        if let Some(username) = &self.username {
            out.string(username);
        }
        if let Some(password) = &self.password {
            out.binary(&password.0);
        }
    }
}

/// Reads protocol name and level. A level that is not spoken is answered in the older form by 3.1 and below, in that
/// of 5 by what is newer; another protocol altogether is not answered.
fn read_version(reader: &mut Reader) -> Result<Version, DecodeError> {
    let unsupported = |what| DecodeError::new(ReasonCode::UnsupportedProtocolVersion, what);
    let name = reader.binary()?;
    let level = reader.u8()?;
    match (&name[..], level) {
        (PROTOCOL_NAME, 4) => Ok(Version::V3_1_1),
        (PROTOCOL_NAME, 5) => Ok(Version::V5),
        (PROTOCOL_NAME, 6..) => {
            Err(unsupported("the protocol level is not supported").answered_in(Version::V5))
        }
        (PROTOCOL_NAME | PROTOCOL_NAME_3_1, _) => {
            Err(unsupported("the protocol level is not supported").answered_in(Version::V3_1_1))
        }
        _ => Err(unsupported("the protocol name is not MQTT")),
    }
}

fn will_qos(flags: u8) -> Option<QoS> {
    QoS::from_u8(flags >> flag::WILL_QOS_SHIFT & 0b11)
}

fn check_flags(flags: u8, version: Version) -> Result<(), DecodeError> {
    if flags & flag::RESERVED != 0 {
        return Err(DecodeError::malformed("the reserved flag of CONNECT is set"));
    }
    if flags & flag::WILL == 0 && (will_qos(flags) != Some(QoS::AtMostOnce) || flags & flag::WILL_RETAIN != 0)
    {
        return Err(DecodeError::malformed("flags of a will are set without a will"));
    }
    if version == Version::V3_1_1 && flags & flag::USERNAME == 0 && flags & flag::PASSWORD != 0 {
        return Err(DecodeError::malformed("a password without a user name"));
    }
    Ok(())
}

impl ConnectProperties {
    fn read(reader: &mut Reader, limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        property::read_block(reader, |id, reader| match id {
            id::SESSION_EXPIRY => once(&mut this.session_expiry, reader.u32()?),
            id::RECEIVE_MAXIMUM => once(&mut this.receive_maximum, property::read_non_zero_u16(reader)?),
            id::MAXIMUM_PACKET_SIZE => once(
                &mut this.maximum_packet_size,
                property::read_non_zero_u32(reader)?,
            ),
            id::TOPIC_ALIAS_MAXIMUM => once(&mut this.topic_alias_maximum, reader.u16()?),
            id::REQUEST_RESPONSE_INFO => once(&mut this.request_response_info, property::read_bool(reader)?),
            id::REQUEST_PROBLEM_INFO => once(&mut this.request_problem_info, property::read_bool(reader)?),
            id::AUTH_METHOD => once(&mut this.auth_method, reader.string()?),
            id::AUTH_DATA => once(&mut this.auth_data, reader.binary()?),
            id::USER_PROPERTY => this.user_properties.read_pair(reader, limits).map(|()| true),
            _ => Ok(false),
        })?;
        if this.auth_data.is_some() && this.auth_method.is_none() {
            return Err(DecodeError::protocol("authentication data without a method"));
        }
        Ok(this)
    }
}

impl Properties for ConnectProperties {
    fn write<W: Put>(&self, out: &mut W) {
        property::put_u32(out, id::SESSION_EXPIRY, self.session_expiry);
        property::put_u16(
            out,
            id::RECEIVE_MAXIMUM,
            self.receive_maximum.map(NonZeroU16::get),
        );
        property::put_u32(
            out,
            id::MAXIMUM_PACKET_SIZE,
            self.maximum_packet_size.map(NonZeroU32::get),
        );
        property::put_u16(out, id::TOPIC_ALIAS_MAXIMUM, self.topic_alias_maximum);
        property::put_bool(out, id::REQUEST_RESPONSE_INFO, self.request_response_info);
        property::put_bool(out, id::REQUEST_PROBLEM_INFO, self.request_problem_info);
        property::put_string(out, id::AUTH_METHOD, self.auth_method.as_ref());
        property::put_binary(out, id::AUTH_DATA, self.auth_data.as_ref());
        self.user_properties.write(out);
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl fmt::Debug for Connect {
    // A user name is left out too: some authenticators take a token there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("clean_start", &self.clean_start)
            .field("keep_alive", &self.keep_alive)
            .field("client_id", &self.client_id)
            .field("will", &self.will)
            .field("has_username", &self.username.is_some())
            .field("has_password", &self.password.is_some())
            .field("properties", &self.properties)
            .finish()
    }
}

impl fmt::Debug for ConnectProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectProperties")
            .field("session_expiry", &self.session_expiry)
            .field("receive_maximum", &self.receive_maximum)
            .field("maximum_packet_size", &self.maximum_packet_size)
            .field("topic_alias_maximum", &self.topic_alias_maximum)
            .field("request_response_info", &self.request_response_info)
            .field("request_problem_info", &self.request_problem_info)
            .field("user_properties", &self.user_properties)
            .field("auth_method", &self.auth_method)
            .field("has_auth_data", &self.auth_data.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Packet;

    #[test]
    fn debug_shows_no_credentials() {
        let connect = Connect {
            version: Version::V5,
            clean_start: true,
            keep_alive: 30,
            client_id: ByteStr::from("c"),
            will: None,
            username: Some(ByteStr::from("secret-name")),
            password: Some(Password(Bytes::from_static(b"secret-password"))),
            properties: ConnectProperties {
                auth_data: Some(Bytes::from_static(b"secret-data")),
                ..ConnectProperties::default()
            },
        };
        let shown = format!("{:?}", Packet::Connect(Box::new(connect)));
        assert!(!shown.contains("secret"), "{shown}");
        assert!(shown.contains("has_password: true"), "{shown}");
    }
}
