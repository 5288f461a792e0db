//! CONNACK (section 3.2).

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};

use bytes::Bytes;

use super::property::{self, Properties, id, once};
use super::put::Put;
use super::reader::Reader;
use super::{ByteStr, DecodeError, DecodeLimits, PacketType, QoS, UserProperties, Version};
use crate::reason::ReasonCode;

/// The server's answer to CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connack {
    /// The server had a session of this client. False whenever the connection is refused. [MQTT-3.2.2-6]
    pub session_present: bool,
    /// Success, or why not. In 3.1.1 written as the nearest return code, 3 (server unavailable) where there is none.
    pub reason: ReasonCode,
    /// Left out in 3.1.1.
    pub properties: ConnackProperties,
}

/// Properties of CONNACK (section 3.2.2.3). What is absent has the value that the specification gives it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ConnackProperties {
    /// Seconds that the session outlives the connection, when not those of the CONNECT.
    pub session_expiry: Option<u32>,
    /// How many QoS 1 and 2 publishes the server takes at once.
    pub receive_maximum: Option<NonZeroU16>,
    /// The highest QoS that the server takes, when it is not 2.
    pub maximum_qos: Option<QoS>,
    /// False: retained messages are not supported.
    pub retain_available: Option<bool>,
    /// The longest packet in bytes that the server takes.
    pub maximum_packet_size: Option<NonZeroU32>,
    /// The identifier given to a client that came without one.
    pub assigned_client_id: Option<ByteStr>,
    /// The highest topic alias that the server takes.
    pub topic_alias_maximum: Option<u16>,
    /// Words for a human.
    pub reason_string: Option<ByteStr>,
    /// False: wildcards are not supported.
    pub wildcard_available: Option<bool>,
    /// False: subscription identifiers are not supported.
    pub subscription_ids_available: Option<bool>,
    /// False: shared subscriptions are not supported.
    pub shared_available: Option<bool>,
    /// Seconds; the client uses it in place of its own keep alive.
    pub server_keep_alive: Option<u16>,
    /// What response topics are made from.
    pub response_info: Option<ByteStr>,
    /// Another server to go to.
    pub server_reference: Option<ByteStr>,
    /// The method of enhanced authentication.
    pub auth_method: Option<ByteStr>,
    /// Its last data.
    pub auth_data: Option<Bytes>,
    /// Pairs of the server.
    pub user_properties: UserProperties,
}

impl Connack {
    pub(super) fn read(
        reader: &mut Reader,
        version: Version,
        limits: &DecodeLimits,
    ) -> Result<Self, DecodeError> {
        let session_present = match reader.u8()? {
            0 => false,
            1 => true,
            _ => return Err(DecodeError::malformed("the reserved flags of CONNACK are set")),
        };
        let code = reader.u8()?;
        let (reason, properties) = match version {
            Version::V3_1_1 => (
                ReasonCode::from_connect_return_code(code),
                ConnackProperties::default(),
            ),
            Version::V5 => {
                let reason = ReasonCode::from_u8(code).filter(|code| code.is_valid_in(PacketType::Connack));
                (reason, ConnackProperties::read(reader, limits)?)
            }
        };
        let reason = reason.ok_or(DecodeError::malformed("a reason code has no place in CONNACK"))?;
        if session_present && reason.is_error() {
            return Err(DecodeError::protocol(
                "a session is present on a refused connection",
            ));
        }
        Ok(Self {
            session_present,
            reason,
            properties,
        })
    }

    pub(super) fn write_body<W: Put>(&self, version: Version, out: &mut W) {
        out.u8(u8::from(self.session_present && !self.reason.is_error()));
        match version {
            Version::V3_1_1 => out.u8(self.reason.to_connect_return_code().unwrap_or(3)),
            Version::V5 => {
                out.u8(self.reason.as_u8());
                self.properties.write_block(out);
            }
        }
    }
}

impl ConnackProperties {
    fn read(reader: &mut Reader, limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        property::read_block(reader, |id, reader| match id {
            id::SESSION_EXPIRY => once(&mut this.session_expiry, reader.u32()?),
            id::RECEIVE_MAXIMUM => once(&mut this.receive_maximum, property::read_non_zero_u16(reader)?),
            id::MAXIMUM_QOS => {
                let qos = QoS::from_u8(reader.u8()?).filter(|qos| *qos != QoS::ExactlyOnce);
                once(
                    &mut this.maximum_qos,
                    qos.ok_or(DecodeError::protocol("the maximum QoS is not 0 or 1"))?,
                )
            }
            id::RETAIN_AVAILABLE => once(&mut this.retain_available, property::read_bool(reader)?),
            id::MAXIMUM_PACKET_SIZE => once(
                &mut this.maximum_packet_size,
                property::read_non_zero_u32(reader)?,
            ),
            id::ASSIGNED_CLIENT_ID => once(&mut this.assigned_client_id, reader.string()?),
            id::TOPIC_ALIAS_MAXIMUM => once(&mut this.topic_alias_maximum, reader.u16()?),
            id::REASON_STRING => once(&mut this.reason_string, reader.string()?),
            id::WILDCARD_AVAILABLE => once(&mut this.wildcard_available, property::read_bool(reader)?),
            id::SUBSCRIPTION_IDS_AVAILABLE => {
                once(&mut this.subscription_ids_available, property::read_bool(reader)?)
            }
            id::SHARED_AVAILABLE => once(&mut this.shared_available, property::read_bool(reader)?),
            id::SERVER_KEEP_ALIVE => once(&mut this.server_keep_alive, reader.u16()?),
            id::RESPONSE_INFO => once(&mut this.response_info, reader.string()?),
            id::SERVER_REFERENCE => once(&mut this.server_reference, reader.string()?),
            id::AUTH_METHOD => once(&mut this.auth_method, reader.string()?),
            id::AUTH_DATA => once(&mut this.auth_data, reader.binary()?),
            id::USER_PROPERTY => this.user_properties.read_pair(reader, limits).map(|()| true),
            _ => Ok(false),
        })?;
        Ok(this)
    }
}

impl Properties for ConnackProperties {
    fn write<W: Put>(&self, out: &mut W) {
        property::put_u32(out, id::SESSION_EXPIRY, self.session_expiry);
        property::put_u16(
            out,
            id::RECEIVE_MAXIMUM,
            self.receive_maximum.map(NonZeroU16::get),
        );
        // QoS 2 is said by silence; the value itself is forbidden.
        property::put_bool(
            out,
            id::MAXIMUM_QOS,
            self.maximum_qos
                .filter(|qos| *qos != QoS::ExactlyOnce)
                .map(|qos| qos == QoS::AtLeastOnce),
        );
        property::put_bool(out, id::RETAIN_AVAILABLE, self.retain_available);
        property::put_u32(
            out,
            id::MAXIMUM_PACKET_SIZE,
            self.maximum_packet_size.map(NonZeroU32::get),
        );
        property::put_string(out, id::ASSIGNED_CLIENT_ID, self.assigned_client_id.as_ref());
        property::put_u16(out, id::TOPIC_ALIAS_MAXIMUM, self.topic_alias_maximum);
        property::put_string(out, id::REASON_STRING, self.reason_string.as_ref());
        property::put_bool(out, id::WILDCARD_AVAILABLE, self.wildcard_available);
        property::put_bool(
            out,
            id::SUBSCRIPTION_IDS_AVAILABLE,
            self.subscription_ids_available,
        );
        property::put_bool(out, id::SHARED_AVAILABLE, self.shared_available);
        property::put_u16(out, id::SERVER_KEEP_ALIVE, self.server_keep_alive);
        property::put_string(out, id::RESPONSE_INFO, self.response_info.as_ref());
        property::put_string(out, id::SERVER_REFERENCE, self.server_reference.as_ref());
        property::put_string(out, id::AUTH_METHOD, self.auth_method.as_ref());
        property::put_binary(out, id::AUTH_DATA, self.auth_data.as_ref());
        self.user_properties.write(out);
    }
}

impl fmt::Debug for ConnackProperties {
    // Authentication data is left out; so are values that an administrator set and the log of the start shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnackProperties")
            .field("session_expiry", &self.session_expiry)
            .field("receive_maximum", &self.receive_maximum)
            .field("maximum_packet_size", &self.maximum_packet_size)
            .field("assigned_client_id", &self.assigned_client_id)
            .field("reason_string", &self.reason_string)
            .field("server_keep_alive", &self.server_keep_alive)
            .finish_non_exhaustive()
    }
}
