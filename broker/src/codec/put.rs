//! Writing the data types of section 1.5, to a buffer or to a counter.
//!
//! Every packet is written by one function that runs twice: into a [`Counter`] for the lengths that stand before the
//! bytes, then into the buffer. So a length can never disagree with what follows it.

use bytes::{BufMut, BytesMut};

use super::{EncodeError, VARINT_MAX};

/// Where bytes go.
pub(super) trait Put {
    fn slice(&mut self, bytes: &[u8]);

    fn u8(&mut self, value: u8);

    fn u16(&mut self, value: u16);

    fn u32(&mut self, value: u32);

    /// Bytes behind a length of two bytes.
    fn binary(&mut self, bytes: &[u8]);

    fn string(&mut self, text: &str) {
        self.binary(text.as_bytes());
    }

    /// A variable byte integer in its shortest form. [MQTT-1.5.5-1]
    fn varint(&mut self, value: u32) {
        let mut rest = value;
        while rest >= 0x80 {
            self.u8(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.u8(rest as u8);
    }
}

impl Put for BytesMut {
    fn slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn u8(&mut self, value: u8) {
        self.put_u8(value);
    }

    fn u16(&mut self, value: u16) {
        self.put_u16(value);
    }

    fn u32(&mut self, value: u32) {
        self.put_u32(value);
    }

    fn binary(&mut self, bytes: &[u8]) {
        // The counter ran first and refused longer ones.
        let len = u16::try_from(bytes.len()).expect("a field was written that was not counted");
        self.put_u16(len);
        self.extend_from_slice(bytes);
    }
}

/// Counts what would be written.
#[derive(Default)]
pub(super) struct Counter {
    len: usize,
    field_too_long: bool,
}

impl Counter {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The counted length, when a packet may have it.
    pub(super) fn remaining_len(&self) -> Result<usize, EncodeError> {
        if self.field_too_long {
            Err(EncodeError::FieldTooLong)
        } else if self.len > VARINT_MAX as usize {
            Err(EncodeError::PacketTooLong)
        } else {
            Ok(self.len)
        }
    }
}

impl Put for Counter {
    fn slice(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
    }

    fn u8(&mut self, _: u8) {
        self.len += 1;
    }

    fn u16(&mut self, _: u16) {
        self.len += 2;
    }

    fn u32(&mut self, _: u32) {
        self.len += 4;
    }

    fn binary(&mut self, bytes: &[u8]) {
        self.field_too_long |= bytes.len() > usize::from(u16::MAX);
        self.len += 2 + bytes.len();
    }
}

/// How many bytes a variable byte integer takes.
pub(super) fn varint_len(value: u32) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}
