//! PUBLISH (section 3.3), as it is received and as it is delivered.

use std::fmt;
use std::num::NonZeroU16;

use bytes::Bytes;

use super::property::{self, Properties, id, once};
use super::put::Put;
use super::reader::Reader;
use super::{
    ByteStr, DecodeError, DecodeLimits, PacketId, QoS, Sender, SubscriptionId, UserProperties, Version,
};
use crate::reason::ReasonCode;
use crate::topic::{TopicError, TopicName};

const RETAIN: u8 = 0b0001;
const DUP: u8 = 0b1000;

/// A PUBLISH as one side sends it.
#[derive(Clone, PartialEq, Eq)]
pub struct Publish {
    /// Sent before, perhaps. Never set with QoS 0. [MQTT-3.3.1-2]
    pub dup: bool,
    /// The quality of service of this hop.
    pub qos: QoS,
    /// To be kept (from a client), or was kept (from a server).
    pub retain: bool,
    /// `None` when the packet names its topic by an alias alone; then `properties.topic_alias` is set.
    pub topic: Option<TopicName>,
    /// Present exactly when the QoS is above 0. [MQTT-2.2.1-2]
    pub packet_id: Option<PacketId>,
    /// Empty in 3.1.1.
    pub properties: PublishProperties,
    /// The application's bytes.
    pub payload: Bytes,
}

/// Properties of PUBLISH (section 3.3.2.3).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PublishProperties {
    /// True: the payload says to be UTF-8 text. Its claim is not checked here.
    pub payload_is_utf8: Option<bool>,
    /// Lifetime in seconds, counted down while the message waits.
    pub message_expiry: Option<u32>,
    /// A number that stands for the topic on this connection.
    pub topic_alias: Option<NonZeroU16>,
    /// Where an answer is expected.
    pub response_topic: Option<TopicName>,
    /// What the asker finds its answer by.
    pub correlation_data: Option<Bytes>,
    /// The subscriptions that a delivery is due to; only a server sends them. [MQTT-3.3.4-6]
    pub subscription_ids: Vec<SubscriptionId>,
    /// What the payload is, in the application's words.
    pub content_type: Option<ByteStr>,
    /// Pairs of the application.
    pub user_properties: UserProperties,
}

/// One receiver's PUBLISH, borrowed from a message that all receivers share.
///
/// `subscription_ids`, `message_expiry` and `topic_alias` here stand in place of those in `properties`, which are the
/// publisher's.
#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    /// Sent to this receiver before.
    pub dup: bool,
    /// The quality of service of this hop.
    pub qos: QoS,
    /// As the receiver shall see it.
    pub retain: bool,
    /// The receiver's own identifier, exactly when the QoS is above 0.
    pub packet_id: Option<PacketId>,
    /// The topic, or an empty string when the alias alone stands for it.
    pub topic: &'a str,
    /// A number that the receiver allowed for the topic.
    pub topic_alias: Option<NonZeroU16>,
    /// What is left of the lifetime, in seconds. [MQTT-3.3.2-6]
    pub message_expiry: Option<u32>,
    /// Of the receiver's subscriptions that match. [MQTT-3.3.4-3]
    pub subscription_ids: &'a [SubscriptionId],
    /// The publisher's properties, forwarded unchanged.
    pub properties: &'a PublishProperties,
    /// The publisher's payload.
    pub payload: &'a [u8],
}

impl Publish {
    /// The same as a delivery, every field its own.
    pub fn as_delivery(&self) -> Delivery<'_> {
        Delivery {
            dup: self.dup,
            qos: self.qos,
            retain: self.retain,
            packet_id: self.packet_id,
            topic: self.topic.as_ref().map_or("", TopicName::as_str),
            topic_alias: self.properties.topic_alias,
            message_expiry: self.properties.message_expiry,
            subscription_ids: &self.properties.subscription_ids,
            properties: &self.properties,
            payload: &self.payload,
        }
    }

    pub(super) fn read(
        flags: u8,
        reader: &mut Reader,
        version: Version,
        limits: &DecodeLimits,
    ) -> Result<Self, DecodeError> {
        let dup = flags & DUP != 0;
        let qos = QoS::from_u8(flags >> 1 & 0b11).ok_or(DecodeError::malformed("the QoS is 3"))?;
        if dup && qos == QoS::AtMostOnce {
            return Err(DecodeError::malformed("DUP is set with QoS 0"));
        }
        let topic = reader.string()?;
        let topic = match topic.is_empty() && version == Version::V5 {
            true => None,
            false => Some(read_topic(topic, limits)?),
        };
        let packet_id = match qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => Some(reader.packet_id()?),
        };
        let properties = match version {
            Version::V3_1_1 => PublishProperties::default(),
            Version::V5 => PublishProperties::read(reader, limits)?,
        };
        if topic.is_none() && properties.topic_alias.is_none() {
            return Err(DecodeError::protocol(
                "the topic is empty and no alias stands for it",
            ));
        }
        let payload = reader.rest();
        Ok(Self {
            dup,
            qos,
            retain: flags & RETAIN != 0,
            topic,
            packet_id,
            properties,
            payload,
        })
    }
}

/// Checks a topic name; past a limit it is answered by 0x90, which is for well-formed names, else by 0x81.
pub(super) fn read_topic(text: ByteStr, limits: &DecodeLimits) -> Result<TopicName, DecodeError> {
    TopicName::new(text, &limits.topic).map_err(|error| match error {
        TopicError::Empty => DecodeError::malformed("a topic name is empty"),
        TopicError::TooLong => DecodeError::new(
            ReasonCode::TopicNameInvalid,
            "a topic name passes the length limit",
        ),
        TopicError::TooManyLevels => DecodeError::new(
            ReasonCode::TopicNameInvalid,
            "a topic name passes the limit of levels",
        ),
        _ => DecodeError::malformed("a topic name holds a wildcard"),
    })
}

impl PublishProperties {
    /// Copies that share no read buffer.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self {
            payload_is_utf8: self.payload_is_utf8,
            message_expiry: self.message_expiry,
            topic_alias: self.topic_alias,
            response_topic: self.response_topic.as_ref().map(TopicName::detach),
            correlation_data: self.correlation_data.as_deref().map(Bytes::copy_from_slice),
            subscription_ids: self.subscription_ids.clone(),
            content_type: self.content_type.as_ref().map(ByteStr::detach),
            user_properties: self.user_properties.detach(),
        }
    }

    fn read(reader: &mut Reader, limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        property::read_block(reader, |id, reader| match id {
            id::PAYLOAD_FORMAT => once(&mut this.payload_is_utf8, property::read_bool(reader)?),
            id::MESSAGE_EXPIRY => once(&mut this.message_expiry, reader.u32()?),
            id::TOPIC_ALIAS => {
                let alias = NonZeroU16::new(reader.u16()?).ok_or(DecodeError::new(
                    ReasonCode::TopicAliasInvalid,
                    "a topic alias is 0",
                ))?;
                once(&mut this.topic_alias, alias)
            }
            id::RESPONSE_TOPIC => once(&mut this.response_topic, read_topic(reader.string()?, limits)?),
            id::CORRELATION_DATA => once(&mut this.correlation_data, reader.binary()?),
            id::SUBSCRIPTION_ID => {
                if limits.sender == Sender::Client {
                    return Err(DecodeError::protocol(
                        "a client sent a subscription identifier in PUBLISH",
                    ));
                }
                this.subscription_ids.push(SubscriptionId::read(reader)?);
                Ok(true)
            }
            id::CONTENT_TYPE => once(&mut this.content_type, reader.string()?),
            id::USER_PROPERTY => this.user_properties.read_pair(reader, limits).map(|()| true),
            _ => Ok(false),
        })?;
        Ok(this)
    }
}

impl Delivery<'_> {
    pub(super) fn flags(&self) -> u8 {
        self.qos.as_u8() << 1 | if self.dup { DUP } else { 0 } | if self.retain { RETAIN } else { 0 }
    }

    pub(super) fn write_body<W: Put>(&self, version: Version, out: &mut W) {
        debug_assert_eq!(self.packet_id.is_some(), self.qos > QoS::AtMostOnce);
        out.string(self.topic);
        if let Some(packet_id) = self.packet_id {
            out.u16(packet_id.get());
        }
        if version == Version::V5 {
            self.write_block(out);
        }
        out.slice(self.payload);
    }
}

impl Properties for Delivery<'_> {
    fn write<W: Put>(&self, out: &mut W) {
        property::put_bool(out, id::PAYLOAD_FORMAT, self.properties.payload_is_utf8);
        property::put_u32(out, id::MESSAGE_EXPIRY, self.message_expiry);
        property::put_u16(out, id::TOPIC_ALIAS, self.topic_alias.map(NonZeroU16::get));
        let response_topic = self.properties.response_topic.as_ref();
        property::put_string(
            out,
            id::RESPONSE_TOPIC,
            response_topic.map(TopicName::as_byte_str),
        );
        property::put_binary(
            out,
            id::CORRELATION_DATA,
            self.properties.correlation_data.as_ref(),
        );
        for subscription_id in self.subscription_ids {
            out.u8(id::SUBSCRIPTION_ID);
            out.varint(subscription_id.get());
        }
        property::put_string(out, id::CONTENT_TYPE, self.properties.content_type.as_ref());
        self.properties.user_properties.write(out);
    }
}

impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish")
            .field("dup", &self.dup)
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("topic", &self.topic)
            .field("packet_id", &self.packet_id)
            .field("properties", &self.properties)
            .field("payload_bytes", &self.payload.len())
            .finish()
    }
}

impl fmt::Debug for PublishProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishProperties")
            .field("payload_is_utf8", &self.payload_is_utf8)
            .field("message_expiry", &self.message_expiry)
            .field("topic_alias", &self.topic_alias)
            .field("response_topic", &self.response_topic)
            .field(
                "correlation_bytes",
                &self.correlation_data.as_ref().map(Bytes::len),
            )
            .field("subscription_ids", &self.subscription_ids)
            .field("content_type", &self.content_type)
            .field("user_properties", &self.user_properties)
            .finish()
    }
}

impl fmt::Debug for Delivery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("dup", &self.dup)
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("packet_id", &self.packet_id)
            .field("topic", &self.topic)
            .field("payload_bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}
