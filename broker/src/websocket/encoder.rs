//! Frames to the client: never masked, never fragmented.

use bytes::{BufMut, BytesMut};

use super::CloseCode;

pub(super) const FIN: u8 = 0x80;
pub(super) const OPCODE_CONTINUATION: u8 = 0x0;
pub(super) const OPCODE_TEXT: u8 = 0x1;
pub(super) const OPCODE_BINARY: u8 = 0x2;
pub(super) const OPCODE_CLOSE: u8 = 0x8;
pub(super) const OPCODE_PING: u8 = 0x9;
pub(super) const OPCODE_PONG: u8 = 0xA;

/// The longest header of a frame to the client, in bytes.
pub const FRAME_HEADER_MAX: usize = 10;

/// The header of a binary frame with a payload of `len` bytes, and how many of its bytes count.
pub fn binary_frame_header(len: usize) -> ([u8; FRAME_HEADER_MAX], usize) {
    frame_header(OPCODE_BINARY, len)
}

fn frame_header(opcode: u8, len: usize) -> ([u8; FRAME_HEADER_MAX], usize) {
    let mut header = [0; FRAME_HEADER_MAX];
    header[0] = FIN | opcode;
    match len {
        0..=125 => {
            header[1] = len as u8;
            (header, 2)
        }
        126..=0xFFFF => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            (header, 4)
        }
        _ => {
            header[1] = 127;
            header[2..10].copy_from_slice(&(len as u64).to_be_bytes());
            (header, 10)
        }
    }
}

/// Appends a binary frame. Any number of MQTT packets, or parts of them, may be its payload. [MQTT-6.0.0-2]
pub fn put_binary_frame(payload: &[u8], out: &mut BytesMut) {
    let (header, len) = binary_frame_header(payload.len());
    out.reserve(len + payload.len());
    out.put_slice(&header[..len]);
    out.put_slice(payload);
}

/// Appends a close frame with a status code and no words.
pub fn put_close_frame(code: CloseCode, out: &mut BytesMut) {
    put_control_frame(OPCODE_CLOSE, &code.as_u16().to_be_bytes(), out);
}

pub(super) fn put_control_frame(opcode: u8, payload: &[u8], out: &mut BytesMut) {
    assert!(payload.len() <= 125, "a control frame carries at most 125 bytes");
    let (header, len) = frame_header(opcode, payload.len());
    out.put_slice(&header[..len]);
    out.put_slice(payload);
}
