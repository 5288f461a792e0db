//! SUBSCRIBE (section 3.8).

use super::property::{self, Properties, id, once};
use super::put::Put;
use super::reader::Reader;
use super::{ByteStr, DecodeError, DecodeLimits, PacketId, QoS, SubscriptionId, UserProperties, Version};
use crate::reason::ReasonCode;
use crate::topic::{TopicError, TopicFilter};

/// A request for one or more subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Of the SUBACK that answers.
    pub packet_id: PacketId,
    /// Comes with every delivery due to these subscriptions. Absent in 3.1.1.
    pub subscription_id: Option<SubscriptionId>,
    /// Pairs of the application. Absent in 3.1.1.
    pub user_properties: UserProperties,
    /// At least one, judged one by one. [MQTT-3.8.3-2]
    pub subscriptions: Vec<Subscription>,
}

/// One filter and how messages shall come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// What is subscribed to.
    pub filter: TopicFilter,
    /// How messages shall come.
    pub options: SubscribeOptions,
}

/// Options of one subscription (section 3.8.3.1). In 3.1.1 all but the QoS have their default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubscribeOptions {
    /// The highest QoS of deliveries.
    pub qos: QoS,
    /// Not what this client publishes itself.
    pub no_local: bool,
    /// With the retain flag that the publisher set.
    pub retain_as_published: bool,
    /// Whether retained messages are sent now.
    pub retain_handling: RetainHandling,
}

/// When retained messages are sent upon a SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum RetainHandling {
    /// Each time. [MQTT-3.3.1-9]
    #[default]
    Send = 0,
    /// When the subscription is new. [MQTT-3.3.1-10]
    SendIfNew = 1,
    /// Never. [MQTT-3.3.1-11]
    DoNotSend = 2,
}

impl SubscribeOptions {
    fn read(byte: u8, version: Version, shared: bool) -> Result<Self, DecodeError> {
        let reserved = match version {
            Version::V3_1_1 => 0b1111_1100,
            Version::V5 => 0b1100_0000,
        };
        if byte & reserved != 0 {
            return Err(DecodeError::malformed(
                "reserved bits of the subscription options are set",
            ));
        }
        let no_local = byte & 0b0100 != 0;
        if no_local && shared {
            // [MQTT-3.8.3-4]
            return Err(DecodeError::protocol("no local is set on a shared subscription"));
        }
        Ok(Self {
            qos: QoS::from_u8(byte & 0b11).ok_or(DecodeError::malformed("the QoS is 3"))?,
            no_local,
            retain_as_published: byte & 0b1000 != 0,
            retain_handling: match byte >> 4 & 0b11 {
                0 => RetainHandling::Send,
                1 => RetainHandling::SendIfNew,
                2 => RetainHandling::DoNotSend,
                _ => return Err(DecodeError::protocol("the retain handling is 3")),
            },
        })
    }

    fn as_u8(self, version: Version) -> u8 {
        match version {
            Version::V3_1_1 => self.qos.as_u8(),
            Version::V5 => {
                self.qos.as_u8()
                    | u8::from(self.no_local) << 2
                    | u8::from(self.retain_as_published) << 3
                    | (self.retain_handling as u8) << 4
            }
        }
    }
}

/// Checks a filter; past a limit it is answered by 0x8F, which is for well-formed filters, else by 0x81.
pub(super) fn read_filter(text: ByteStr, limits: &DecodeLimits) -> Result<TopicFilter, DecodeError> {
    TopicFilter::new(text, &limits.topic).map_err(|error| match error {
        TopicError::Empty => DecodeError::malformed("a topic filter is empty"),
        TopicError::ShareGroup => DecodeError::malformed("a shared subscription is not $share/group/filter"),
        TopicError::TooLong => DecodeError::new(
            ReasonCode::TopicFilterInvalid,
            "a topic filter passes the length limit",
        ),
        TopicError::TooManyLevels => DecodeError::new(
            ReasonCode::TopicFilterInvalid,
            "a topic filter passes the limit of levels",
        ),
        _ => DecodeError::malformed("a wildcard does not stand alone in its level or '#' not at the end"),
    })
}

/// Refuses another filter past the bound.
pub(super) fn check_filter_count(count: usize, limits: &DecodeLimits) -> Result<(), DecodeError> {
    if count == limits.filters_max {
        return Err(DecodeError::new(
            ReasonCode::QuotaExceeded,
            "too many filters in one packet",
        ));
    }
    Ok(())
}

impl Subscribe {
    pub(super) fn read(
        reader: &mut Reader,
        version: Version,
        limits: &DecodeLimits,
    ) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let mut subscription_id = None;
        let mut user_properties = UserProperties::default();
        if version == Version::V5 {
            property::read_block(reader, |id, reader| match id {
                id::SUBSCRIPTION_ID => once(&mut subscription_id, SubscriptionId::read(reader)?),
                id::USER_PROPERTY => user_properties.read_pair(reader, limits).map(|()| true),
                _ => Ok(false),
            })?;
        }
        let mut subscriptions = Vec::new();
        while !reader.is_empty() {
            check_filter_count(subscriptions.len(), limits)?;
            let filter = read_filter(reader.string()?, limits)?;
            let options = SubscribeOptions::read(reader.u8()?, version, filter.share_group().is_some())?;
            subscriptions.push(Subscription { filter, options });
        }
        if subscriptions.is_empty() {
            return Err(DecodeError::protocol("SUBSCRIBE without a filter"));
        }
        Ok(Self {
            packet_id,
            subscription_id,
            user_properties,
            subscriptions,
        })
    }

    pub(super) fn write_body<W: Put>(&self, version: Version, out: &mut W) {
        out.u16(self.packet_id.get());
        if version == Version::V5 {
            self.write_block(out);
        }
        for subscription in &self.subscriptions {
            out.string(subscription.filter.as_str());
            out.u8(subscription.options.as_u8(version));
        }
    }
}

impl Properties for Subscribe {
    fn write<W: Put>(&self, out: &mut W) {
        if let Some(subscription_id) = self.subscription_id {
            out.u8(id::SUBSCRIPTION_ID);
            out.varint(subscription_id.get());
        }
        self.user_properties.write(out);
    }
}
