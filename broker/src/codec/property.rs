//! Properties of MQTT 5 (section 2.2.2): what all packets share in reading and writing them.
//!
//! Each packet has a struct of its own with a field per property it may carry, so a property that is misplaced cannot
//! be represented; here are the identifiers and the rules of a property block.

use std::fmt;
use std::num::NonZeroU32;

use super::put::{Counter, Put};
use super::reader::Reader;
use super::{ByteStr, DecodeError, DecodeLimits, VARINT_MAX};
use crate::reason::ReasonCode;

/// Identifiers of table 2-4.
pub(super) mod id {
    pub(crate) const PAYLOAD_FORMAT: u8 = 0x01;
    pub(crate) const MESSAGE_EXPIRY: u8 = 0x02;
    pub(crate) const CONTENT_TYPE: u8 = 0x03;
    pub(crate) const RESPONSE_TOPIC: u8 = 0x08;
    pub(crate) const CORRELATION_DATA: u8 = 0x09;
    pub(crate) const SUBSCRIPTION_ID: u8 = 0x0B;
    pub(crate) const SESSION_EXPIRY: u8 = 0x11;
    pub(crate) const ASSIGNED_CLIENT_ID: u8 = 0x12;
    pub(crate) const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub(crate) const AUTH_METHOD: u8 = 0x15;
    pub(crate) const AUTH_DATA: u8 = 0x16;
    pub(crate) const REQUEST_PROBLEM_INFO: u8 = 0x17;
    pub(crate) const WILL_DELAY: u8 = 0x18;
    pub(crate) const REQUEST_RESPONSE_INFO: u8 = 0x19;
    pub(crate) const RESPONSE_INFO: u8 = 0x1A;
    pub(crate) const SERVER_REFERENCE: u8 = 0x1C;
    pub(crate) const REASON_STRING: u8 = 0x1F;
    pub(crate) const RECEIVE_MAXIMUM: u8 = 0x21;
    pub(crate) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub(crate) const TOPIC_ALIAS: u8 = 0x23;
    pub(crate) const MAXIMUM_QOS: u8 = 0x24;
    pub(crate) const RETAIN_AVAILABLE: u8 = 0x25;
    pub(crate) const USER_PROPERTY: u8 = 0x26;
    pub(crate) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub(crate) const WILDCARD_AVAILABLE: u8 = 0x28;
    pub(crate) const SUBSCRIPTION_IDS_AVAILABLE: u8 = 0x29;
    pub(crate) const SHARED_AVAILABLE: u8 = 0x2A;
}

/// Name and value pairs of the application, in the order sent; names may repeat. Empty ones hold no memory.
///
/// `Debug` shows how many, not what: they belong to the application's message.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct UserProperties(pub Vec<(ByteStr, ByteStr)>);

impl UserProperties {
    /// The pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// True without any pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Copies that share no read buffer.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self(
            self.0
                .iter()
                .map(|(name, value)| (name.detach(), value.detach()))
                .collect(),
        )
    }

    pub(super) fn read_pair(
        &mut self,
        reader: &mut Reader,
        limits: &DecodeLimits,
    ) -> Result<(), DecodeError> {
        if self.0.len() == limits.user_properties_max {
            return Err(DecodeError::new(
                ReasonCode::QuotaExceeded,
                "too many user properties",
            ));
        }
        let name = reader.string()?;
        self.0.push((name, reader.string()?));
        Ok(())
    }

    pub(super) fn write<W: Put>(&self, out: &mut W) {
        for (name, value) in &self.0 {
            out.u8(id::USER_PROPERTY);
            out.string(name);
            out.string(value);
        }
    }
}

impl fmt::Debug for UserProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserProperties({})", self.0.len())
    }
}

/// A subscription identifier: 1 to 268,435,455. [section 3.8.2.1.2]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(NonZeroU32);

impl SubscriptionId {
    /// `None` for 0 and for what a variable byte integer does not hold.
    pub const fn new(value: u32) -> Option<Self> {
        if value > VARINT_MAX {
            return None;
        }
        match NonZeroU32::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    pub(super) fn read(reader: &mut Reader) -> Result<Self, DecodeError> {
        Self::new(reader.varint()?).ok_or(DecodeError::protocol("a subscription identifier is 0"))
    }
}

/// Properties that one kind of packet carries.
pub(super) trait Properties {
    /// Writes every property that is set, without the length of the block.
    fn write<W: Put>(&self, out: &mut W);

    /// The length of the block, without the bytes that say it.
    fn block_len(&self) -> usize {
        let mut counter = Counter::default();
        self.write(&mut counter);
        counter.len()
    }

    /// Writes the block behind its length.
    fn write_block<W: Put>(&self, out: &mut W) {
        // A block of more than the largest integer is refused when the packet around it is counted.
        out.varint(self.block_len().min(VARINT_MAX as usize) as u32);
        self.write(out);
    }
}

/// Reads a property block: its length, then each property through `each`, which returns false for an identifier that
/// its packet does not carry.
pub(super) fn read_block(
    reader: &mut Reader,
    mut each: impl FnMut(u8, &mut Reader) -> Result<bool, DecodeError>,
) -> Result<(), DecodeError> {
    let len = reader.varint()?;
    if len == 0 {
        return Ok(());
    }
    let mut block = reader.sub(len as usize)?;
    while !block.is_empty() {
        let known = match u8::try_from(block.varint()?) {
            Ok(id) => each(id, &mut block)?,
            Err(_) => false,
        };
        if !known {
            return Err(DecodeError::malformed(
                "a property is unknown or has no place in this packet",
            ));
        }
    }
    Ok(())
}

/// Sets a property that may stand once.
pub(super) fn once<T>(slot: &mut Option<T>, value: T) -> Result<bool, DecodeError> {
    if slot.is_some() {
        return Err(DecodeError::protocol("a property stands twice"));
    }
    *slot = Some(value);
    Ok(true)
}

/// Reads a byte that is 0 or 1.
pub(super) fn read_bool(reader: &mut Reader) -> Result<bool, DecodeError> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::protocol("a property is neither 0 nor 1")),
    }
}

/// Reads a number of two bytes that is not 0.
pub(super) fn read_non_zero_u16(reader: &mut Reader) -> Result<std::num::NonZeroU16, DecodeError> {
    std::num::NonZeroU16::new(reader.u16()?).ok_or(DecodeError::protocol("a property is 0"))
}

/// Reads a number of four bytes that is not 0.
pub(super) fn read_non_zero_u32(reader: &mut Reader) -> Result<NonZeroU32, DecodeError> {
    NonZeroU32::new(reader.u32()?).ok_or(DecodeError::protocol("a property is 0"))
}

/// Writes a string property that may be absent.
pub(super) fn put_string<W: Put>(out: &mut W, id: u8, value: Option<&ByteStr>) {
    if let Some(value) = value {
        out.u8(id);
        out.string(value);
    }
}

/// Writes a binary property that may be absent.
pub(super) fn put_binary<W: Put>(out: &mut W, id: u8, value: Option<&bytes::Bytes>) {
    if let Some(value) = value {
        out.u8(id);
        out.binary(value);
    }
}

/// Writes a property of one byte that may be absent.
pub(super) fn put_bool<W: Put>(out: &mut W, id: u8, value: Option<bool>) {
    if let Some(value) = value {
        out.u8(id);
        out.u8(u8::from(value));
    }
}

/// Writes a property of two bytes that may be absent.
pub(super) fn put_u16<W: Put>(out: &mut W, id: u8, value: Option<u16>) {
    if let Some(value) = value {
        out.u8(id);
        out.u16(value);
    }
}

/// Writes a property of four bytes that may be absent.
pub(super) fn put_u32<W: Put>(out: &mut W, id: u8, value: Option<u32>) {
    if let Some(value) = value {
        out.u8(id);
        out.u32(value);
    }
}
