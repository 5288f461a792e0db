//! UNSUBSCRIBE (section 3.10).

use super::property::{self, Properties, id};
use super::put::Put;
use super::reader::Reader;
use super::subscribe::{check_filter_count, read_filter};
use super::{DecodeError, DecodeLimits, PacketId, UserProperties, Version};
use crate::topic::TopicFilter;

/// A request to end subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Of the UNSUBACK that answers.
    pub packet_id: PacketId,
    /// Pairs of the application. Absent in 3.1.1.
    pub user_properties: UserProperties,
    /// At least one. [MQTT-3.10.3-2]
    pub filters: Vec<TopicFilter>,
}

impl Unsubscribe {
    pub(super) fn read(
        reader: &mut Reader,
        version: Version,
        limits: &DecodeLimits,
    ) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let mut user_properties = UserProperties::default();
        if version == Version::V5 {
            property::read_block(reader, |id, reader| match id {
                id::USER_PROPERTY => user_properties.read_pair(reader, limits).map(|()| true),
                _ => Ok(false),
            })?;
        }
        let mut filters = Vec::new();
        while !reader.is_empty() {
            check_filter_count(filters.len(), limits)?;
            filters.push(read_filter(reader.string()?, limits)?);
        }
        if filters.is_empty() {
            return Err(DecodeError::protocol("UNSUBSCRIBE without a filter"));
        }
        Ok(Self {
            packet_id,
            user_properties,
            filters,
        })
    }

    pub(super) fn write_body<W: Put>(&self, version: Version, out: &mut W) {
        out.u16(self.packet_id.get());
        if version == Version::V5 {
            self.write_block(out);
        }
        for filter in &self.filters {
            out.string(filter.as_str());
        }
    }
}

impl Properties for Unsubscribe {
    fn write<W: Put>(&self, out: &mut W) {
        self.user_properties.write(out);
    }
}
