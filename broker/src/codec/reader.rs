//! Reading the data types of section 1.5 from one packet's bytes.
//!
//! **Invariant:** every length is compared with what is left before anything is taken.

use std::num::NonZeroU16;

use bytes::{Buf, Bytes};

use super::{ByteStr, DecodeError, PacketId};

/// What is left of a packet.
pub(super) struct Reader {
    bytes: Bytes,
}

impl Reader {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self { bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn need(&self, len: usize) -> Result<(), DecodeError> {
        if self.bytes.len() < len {
            return Err(DecodeError::malformed("a field is longer than the packet"));
        }
        Ok(())
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.need(1)?;
        Ok(self.bytes.get_u8())
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.need(2)?;
        Ok(self.bytes.get_u16())
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.need(4)?;
        Ok(self.bytes.get_u32())
    }

    pub(super) fn varint(&mut self) -> Result<u32, DecodeError> {
        match peek_varint(&self.bytes)? {
            Some((value, len)) => {
                self.bytes.advance(len);
                Ok(value)
            }
            None => Err(DecodeError::malformed("a variable byte integer is cut off")),
        }
    }

    pub(super) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        NonZeroU16::new(self.u16()?).ok_or(DecodeError::protocol("a packet identifier is 0"))
    }

    fn take(&mut self, len: usize) -> Result<Bytes, DecodeError> {
        self.need(len)?;
        Ok(self.bytes.split_to(len))
    }

    pub(super) fn binary(&mut self) -> Result<Bytes, DecodeError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    pub(super) fn string(&mut self) -> Result<ByteStr, DecodeError> {
        ByteStr::from_bytes(self.binary()?)
            .map_err(|_| DecodeError::malformed("a string is not UTF-8 or holds U+0000"))
    }

    /// A reader of the next bytes alone.
    pub(super) fn sub(&mut self, len: usize) -> Result<Self, DecodeError> {
        Ok(Self::new(self.take(len)?))
    }

    pub(super) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.bytes)
    }

    /// Ends the packet: nothing may be left.
    pub(super) fn finish(&self) -> Result<(), DecodeError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::malformed("bytes are left behind the last field"))
        }
    }
}

/// Reads a variable byte integer without taking it: its value and length, or `None` when bytes are missing.
///
/// # Errors
/// When it goes on after four bytes, or is longer than its value needs. [MQTT-1.5.5-1]
pub(super) fn peek_varint(bytes: &[u8]) -> Result<Option<(u32, usize)>, DecodeError> {
    let mut value = 0u32;
    for at in 0..4 {
        let Some(&byte) = bytes.get(at) else {
            return Ok(None);
        };
        value |= u32::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            if byte == 0 && at > 0 {
                return Err(DecodeError::malformed(
                    "a variable byte integer is not in its shortest form",
                ));
            }
            return Ok(Some((value, at + 1)));
        }
    }
    Err(DecodeError::malformed(
        "a variable byte integer is longer than four bytes",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_at_the_borders_of_table_1_1() {
        for (bytes, value) in [
            (&[0x00][..], 0),
            (&[0x7F], 127),
            (&[0x80, 0x01], 128),
            (&[0xFF, 0x7F], 16_383),
            (&[0x80, 0x80, 0x01], 16_384),
            (&[0xFF, 0xFF, 0x7F], 2_097_151),
            (&[0x80, 0x80, 0x80, 0x01], 2_097_152),
            (&[0xFF, 0xFF, 0xFF, 0x7F], super::super::VARINT_MAX),
        ] {
            assert_eq!(peek_varint(bytes), Ok(Some((value, bytes.len()))));
            assert_eq!(peek_varint(&bytes[..bytes.len() - 1]), Ok(None));
            assert_eq!(super::super::put::varint_len(value), bytes.len());
        }
    }

    #[test]
    fn integers_too_long_or_not_minimal_are_refused() {
        for bytes in [
            &[0x80, 0x00][..],
            &[0xFF, 0x80, 0x00],
            &[0x80, 0x80, 0x80, 0x00],
            &[0xFF; 4],
            &[0x80; 5],
        ] {
            assert!(peek_varint(bytes).is_err(), "{bytes:x?}");
        }
    }
}
