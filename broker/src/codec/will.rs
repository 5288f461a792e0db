//! The message that the server publishes when a client vanishes (section 3.1.2.5).

use std::fmt;

use bytes::Bytes;

use super::property::{self, Properties, id, once};
use super::publish::read_topic;
use super::put::Put;
use super::reader::Reader;
use super::{ByteStr, DecodeError, DecodeLimits, PublishProperties, QoS, UserProperties, Version};
use crate::topic::TopicName;

/// A will as CONNECT carries it.
#[derive(Clone, PartialEq, Eq)]
pub struct Will {
    /// The quality of service to publish with.
    pub qos: QoS,
    /// Whether to publish it as a retained message.
    pub retain: bool,
    /// Where to publish.
    pub topic: TopicName,
    /// Empty in 3.1.1.
    pub properties: WillProperties,
    /// The application's bytes.
    pub payload: Bytes,
}

/// Properties of a will (section 3.1.3.2).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct WillProperties {
    /// Seconds between the loss of the connection and the publication, unless the session ends before.
    pub will_delay: Option<u32>,
    /// True: the payload says to be UTF-8 text.
    pub payload_is_utf8: Option<bool>,
    /// Lifetime in seconds, from the publication.
    pub message_expiry: Option<u32>,
    /// What the payload is.
    pub content_type: Option<ByteStr>,
    /// Where an answer is expected.
    pub response_topic: Option<TopicName>,
    /// What the asker finds its answer by.
    pub correlation_data: Option<Bytes>,
    /// Pairs of the application.
    pub user_properties: UserProperties,
}

impl WillProperties {
    /// The properties of the message that is published; copies share no read buffer.
    pub fn to_publish_properties(&self) -> PublishProperties {
        PublishProperties {
            payload_is_utf8: self.payload_is_utf8,
            message_expiry: self.message_expiry,
            response_topic: self.response_topic.as_ref().map(TopicName::detach),
            correlation_data: self.correlation_data.as_deref().map(Bytes::copy_from_slice),
            content_type: self.content_type.as_ref().map(ByteStr::detach),
            user_properties: self.user_properties.detach(),
            ..PublishProperties::default()
        }
    }

    fn read(reader: &mut Reader, limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        property::read_block(reader, |id, reader| match id {
            id::WILL_DELAY => once(&mut this.will_delay, reader.u32()?),
            id::PAYLOAD_FORMAT => once(&mut this.payload_is_utf8, property::read_bool(reader)?),
            id::MESSAGE_EXPIRY => once(&mut this.message_expiry, reader.u32()?),
            id::CONTENT_TYPE => once(&mut this.content_type, reader.string()?),
            id::RESPONSE_TOPIC => once(&mut this.response_topic, read_topic(reader.string()?, limits)?),
            id::CORRELATION_DATA => once(&mut this.correlation_data, reader.binary()?),
            id::USER_PROPERTY => this.user_properties.read_pair(reader, limits).map(|()| true),
            _ => Ok(false),
        })?;
        Ok(this)
    }
}

impl Properties for WillProperties {
    fn write<W: Put>(&self, out: &mut W) {
        property::put_u32(out, id::WILL_DELAY, self.will_delay);
        property::put_bool(out, id::PAYLOAD_FORMAT, self.payload_is_utf8);
        property::put_u32(out, id::MESSAGE_EXPIRY, self.message_expiry);
        property::put_string(out, id::CONTENT_TYPE, self.content_type.as_ref());
        property::put_string(
            out,
            id::RESPONSE_TOPIC,
            self.response_topic.as_ref().map(TopicName::as_byte_str),
        );
        property::put_binary(out, id::CORRELATION_DATA, self.correlation_data.as_ref());
        self.user_properties.write(out);
    }
}

impl Will {
    pub(super) fn read(
        qos: QoS,
        retain: bool,
        reader: &mut Reader,
        version: Version,
        limits: &DecodeLimits,
    ) -> Result<Self, DecodeError> {
        let properties = match version {
            Version::V3_1_1 => WillProperties::default(),
            Version::V5 => WillProperties::read(reader, limits)?,
        };
        let topic = read_topic(reader.string()?, limits)?;
        Ok(Self {
            qos,
            retain,
            topic,
            properties,
            payload: reader.binary()?,
        })
    }

    pub(super) fn write<W: Put>(&self, version: Version, out: &mut W) {
        if version == Version::V5 {
            self.properties.write_block(out);
        }
        out.string(self.topic.as_str());
        out.binary(&self.payload);
    }
}

impl fmt::Debug for Will {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Will")
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("topic", &self.topic)
            .field("properties", &self.properties)
            .field("payload_bytes", &self.payload.len())
            .finish()
    }
}

impl fmt::Debug for WillProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WillProperties")
            .field("will_delay", &self.will_delay)
            .field("message_expiry", &self.message_expiry)
            .field("response_topic", &self.response_topic)
            .finish_non_exhaustive()
    }
}
