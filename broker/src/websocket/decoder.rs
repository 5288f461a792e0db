//! Frames from the client: always masked, unmasked as they come.

use bytes::{Buf, BytesMut};

use super::close::CloseCode;
use super::encoder::{
    FIN, OPCODE_BINARY, OPCODE_CLOSE, OPCODE_CONTINUATION, OPCODE_PING, OPCODE_PONG, OPCODE_TEXT,
    put_close_frame, put_control_frame,
};

const RESERVED_BITS: u8 = 0x70;
const MASKED: u8 = 0x80;
const CONTROL: u8 = 0x08;
const CONTROL_PAYLOAD_MAX: u64 = 125;

/// What a call of [`FrameDecoder::feed`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fed {
    /// Go on.
    Open,
    /// The peer closed in order and was answered; write the replies and close.
    PeerClosed,
    /// The peer broke the framing and was told so; write the replies and close.
    Failed(CloseCode),
}

/// The state between two reads: at most a frame in the middle of its payload.
#[derive(Debug)]
pub struct FrameDecoder {
    frame_size_max: u32,
    /// Payload bytes of the current data frame that are still to come.
    remaining: u32,
    mask: [u8; 4],
    /// The current message has more frames.
    in_message: bool,
    closed: bool,
}

struct Header {
    first: u8,
    mask: [u8; 4],
    len: u64,
    header_len: usize,
}

impl FrameDecoder {
    /// `frame_size_max` bounds the payload of one frame in bytes. The memory does not need it (nothing is collected),
    /// a peer that announces more than any allowed packets would fill does not speak MQTT.
    pub fn new(frame_size_max: u32) -> Self {
        Self {
            frame_size_max,
            remaining: 0,
            mask: [0; 4],
            in_message: false,
            closed: false,
        }
    }

    /// Whether the closing handshake was answered or begun in `replies`: no other close frame may follow it.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Consumes frames from `input`: the MQTT bytes go to `stream`, answers to pings and closes (whole frames, to be
    /// written as they are) to `replies`. What stays in `input` is the beginning of a frame header or control frame.
    ///
    /// After anything but [`Fed::Open`] nothing is consumed any more. What `stream` got before is valid.
    pub fn feed(&mut self, input: &mut BytesMut, stream: &mut BytesMut, replies: &mut BytesMut) -> Fed {
        if self.closed {
            return Fed::PeerClosed;
        }
        let fed = self.feed_open(input, stream, replies);
        if let Fed::Failed(code) = fed {
            put_close_frame(code, replies);
        }
        self.closed = fed != Fed::Open;
        fed
    }

    fn feed_open(&mut self, input: &mut BytesMut, stream: &mut BytesMut, replies: &mut BytesMut) -> Fed {
        loop {
            self.pass_payload(input, stream);
            if self.remaining > 0 {
                return Fed::Open;
            }
            let header = match self.peek_header(input) {
                Ok(Some(header)) => header,
                Ok(None) => return Fed::Open,
                Err(code) => return Fed::Failed(code),
            };
            if header.first & CONTROL != 0 {
                let len = header.len as usize;
                if input.len() < header.header_len + len {
                    return Fed::Open;
                }
                input.advance(header.header_len);
                let mut payload = [0; CONTROL_PAYLOAD_MAX as usize];
                let payload = &mut payload[..len];
                input.copy_to_slice(payload);
                unmask(payload, &mut { header.mask });
                match control(header.first & 0x0F, payload, replies) {
                    Fed::Open => {}
                    end => return end,
                }
            } else {
                input.advance(header.header_len);
                self.in_message = header.first & FIN == 0;
                self.mask = header.mask;
                self.remaining = header.len as u32;
            }
        }
    }

    /// Moves what is there of the current frame's payload.
    fn pass_payload(&mut self, input: &mut BytesMut, stream: &mut BytesMut) {
        let len = input.len().min(self.remaining as usize);
        if len == 0 {
            return;
        }
        let start = stream.len();
        stream.extend_from_slice(&input[..len]);
        unmask(&mut stream[start..], &mut self.mask);
        input.advance(len);
        self.remaining -= len as u32;
    }

    /// Reads a header without consuming it; every fault is found at its first byte, before the payload.
    fn peek_header(&self, input: &[u8]) -> Result<Option<Header>, CloseCode> {
        let Some(&first) = input.first() else {
            return Ok(None);
        };
        self.check_first(first)?;
        let Some(&second) = input.get(1) else {
            return Ok(None);
        };
        if second & MASKED == 0 {
            // RFC 6455, section 5.1.
            return Err(CloseCode::ProtocolError);
        }
        let (len, at) = match second & !MASKED {
            126 => match input.get(2..4) {
                Some(bytes) => (
                    u64::from(u16::from_be_bytes(bytes.try_into().expect("two bytes"))),
                    4,
                ),
                None => return Ok(None),
            },
            127 => match input.get(2..10) {
                Some(bytes) => (u64::from_be_bytes(bytes.try_into().expect("eight bytes")), 10),
                None => return Ok(None),
            },
            len => (u64::from(len), 2),
        };
        // The length must be in its shortest form (section 5.2).
        if (at == 4 && len < 126) || (at == 10 && len <= 0xFFFF) {
            return Err(CloseCode::ProtocolError);
        }
        if first & CONTROL != 0 && len > CONTROL_PAYLOAD_MAX {
            return Err(CloseCode::ProtocolError);
        }
        if len > u64::from(self.frame_size_max) {
            return Err(CloseCode::MessageTooBig);
        }
        let Some(mask) = input.get(at..at + 4) else {
            return Ok(None);
        };
        let mask = mask.try_into().expect("four bytes");
        Ok(Some(Header {
            first,
            mask,
            len,
            header_len: at + 4,
        }))
    }

    fn check_first(&self, first: u8) -> Result<(), CloseCode> {
        if first & RESERVED_BITS != 0 {
            return Err(CloseCode::ProtocolError);
        }
        match first & 0x0F {
            OPCODE_CONTINUATION if self.in_message => Ok(()),
            OPCODE_BINARY if !self.in_message => Ok(()),
            OPCODE_TEXT if !self.in_message => Err(CloseCode::UnsupportedData),
            // Control frames may stand between the frames of a message and are not fragmented (section 5.5).
            OPCODE_CLOSE | OPCODE_PING | OPCODE_PONG if first & FIN != 0 => Ok(()),
            _ => Err(CloseCode::ProtocolError),
        }
    }
}

fn control(opcode: u8, payload: &[u8], replies: &mut BytesMut) -> Fed {
    match opcode {
        OPCODE_PING => {
            put_control_frame(OPCODE_PONG, payload, replies);
            Fed::Open
        }
        OPCODE_CLOSE => close(payload, replies),
        _ => Fed::Open,
    }
}

/// Answers a close frame by the same code (section 5.5.1).
fn close(payload: &[u8], replies: &mut BytesMut) -> Fed {
    let Some((code, words)) = payload.split_first_chunk::<2>() else {
        if payload.is_empty() {
            put_control_frame(OPCODE_CLOSE, &[], replies);
            return Fed::PeerClosed;
        }
        return Fed::Failed(CloseCode::ProtocolError);
    };
    if !CloseCode::is_valid_from_peer(u16::from_be_bytes(*code)) || std::str::from_utf8(words).is_err() {
        return Fed::Failed(CloseCode::ProtocolError);
    }
    put_control_frame(OPCODE_CLOSE, code, replies);
    Fed::PeerClosed
}

/// Applies the mask and turns it on, so that the next part of the same frame goes on where this one ended.
fn unmask(bytes: &mut [u8], mask: &mut [u8; 4]) {
    let word = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let value = u64::from_ne_bytes((&*chunk).try_into().expect("eight bytes")) ^ word;
        chunk.copy_from_slice(&value.to_ne_bytes());
    }
    let rest = chunks.into_remainder();
    for (at, byte) in rest.iter_mut().enumerate() {
        *byte ^= mask[at % 4];
    }
    mask.rotate_left(rest.len() % 4);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MASK: [u8; 4] = [0x11, 0x22, 0x33, 0x44];

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            len @ 0..=125 => out.push(MASKED | len as u8),
            len @ 126..=0xFFFF => {
                out.push(MASKED | 126);
                out.extend((len as u16).to_be_bytes());
            }
            len => {
                out.push(MASKED | 127);
                out.extend((len as u64).to_be_bytes());
            }
        }
        out.extend(MASK);
        out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ MASK[at % 4]));
        out
    }

    fn feed_all(bytes: &[u8]) -> (Fed, Vec<u8>, Vec<u8>) {
        let mut decoder = FrameDecoder::new(1 << 20);
        let (mut stream, mut replies) = (BytesMut::new(), BytesMut::new());
        let fed = decoder.feed(&mut BytesMut::from(bytes), &mut stream, &mut replies);
        (fed, stream.to_vec(), replies.to_vec())
    }

    #[test]
    fn fragments_join_to_one_stream_around_a_ping() {
        let bytes = [
            frame(OPCODE_BINARY, b"ab"),
            frame(FIN | OPCODE_PING, b"hi"),
            frame(OPCODE_CONTINUATION, b""),
            frame(FIN | OPCODE_CONTINUATION, b"cd"),
            frame(FIN | OPCODE_BINARY, b"e"),
        ]
        .concat();
        assert_eq!(
            feed_all(&bytes),
            (Fed::Open, b"abcde".to_vec(), b"\x8a\x02hi".to_vec())
        );
    }

    #[test]
    fn a_close_is_answered_by_its_code() {
        let close = |payload: &[u8]| feed_all(&frame(FIN | OPCODE_CLOSE, payload));
        assert_eq!(
            close(b"\x03\xE8bye"),
            (Fed::PeerClosed, vec![], b"\x88\x02\x03\xE8".to_vec())
        );
        assert_eq!(close(b""), (Fed::PeerClosed, vec![], b"\x88\x00".to_vec()));
        for payload in [&b"\x03"[..], b"\x03\xED", b"\x00\x00", b"\x03\xE8\xFF"] {
            assert_eq!(
                close(payload).0,
                Fed::Failed(CloseCode::ProtocolError),
                "{payload:x?}"
            );
        }
    }

    #[test]
    fn broken_framing_is_refused_by_its_code() {
        let mut long_control = frame(FIN | OPCODE_PING, &[0; 126]);
        long_control.truncate(4);
        let mut unmasked = frame(FIN | OPCODE_BINARY, b"x");
        unmasked[1] &= !MASKED;
        for (bytes, code) in [
            (frame(FIN | OPCODE_TEXT, b"x"), CloseCode::UnsupportedData),
            (unmasked, CloseCode::ProtocolError),
            (long_control, CloseCode::ProtocolError),
            (frame(OPCODE_PING, b"x"), CloseCode::ProtocolError),
            (frame(FIN | OPCODE_CONTINUATION, b"x"), CloseCode::ProtocolError),
            (
                [frame(OPCODE_BINARY, b"x"), frame(FIN | OPCODE_BINARY, b"x")].concat(),
                CloseCode::ProtocolError,
            ),
            (frame(FIN | 0x40 | OPCODE_BINARY, b"x"), CloseCode::ProtocolError),
            (frame(FIN | 0x3, b"x"), CloseCode::ProtocolError),
            (frame(FIN | 0xB, b"x"), CloseCode::ProtocolError),
            (vec![0x82, 0xFE, 0x00, 0x7D], CloseCode::ProtocolError),
            (
                vec![0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF],
                CloseCode::ProtocolError,
            ),
            (
                vec![0x82, 0xFF, 0, 0, 0, 0, 0, 0x10, 0, 1],
                CloseCode::MessageTooBig,
            ),
            (
                vec![0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
                CloseCode::MessageTooBig,
            ),
        ] {
            let (fed, _, replies) = feed_all(&bytes);
            assert_eq!(fed, Fed::Failed(code), "{bytes:x?}");
            let [high, low] = code.as_u16().to_be_bytes();
            assert_eq!(replies, [0x88, 2, high, low], "{bytes:x?}");
        }
    }

    #[test]
    fn nothing_is_read_behind_a_close() {
        let mut decoder = FrameDecoder::new(1024);
        let (mut stream, mut replies) = (BytesMut::new(), BytesMut::new());
        let bytes = [frame(FIN | OPCODE_CLOSE, b""), frame(FIN | OPCODE_BINARY, b"x")].concat();
        let mut input = BytesMut::from(&bytes[..]);
        assert_eq!(
            decoder.feed(&mut input, &mut stream, &mut replies),
            Fed::PeerClosed
        );
        assert_eq!(
            decoder.feed(&mut input, &mut stream, &mut replies),
            Fed::PeerClosed
        );
        assert!(stream.is_empty() && decoder.is_closed());
        assert_eq!(&replies[..], b"\x88\x00");
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_stream(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6),
            cuts in prop::collection::vec(1usize..40, 1..64),
        ) {
            let mut bytes = Vec::new();
            for (at, payload) in payloads.iter().enumerate() {
                let opcode = if at == 0 { OPCODE_BINARY } else { OPCODE_CONTINUATION };
                bytes.extend(frame(opcode, payload));
                bytes.extend(frame(FIN | OPCODE_PING, b"p"));
            }
            let mut decoder = FrameDecoder::new(1024);
            let (mut input, mut stream, mut replies) = (BytesMut::new(), BytesMut::new(), BytesMut::new());
            let mut rest = &bytes[..];
            let mut cuts = cuts.iter().cycle();
            while !rest.is_empty() {
                let (part, tail) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                input.extend_from_slice(part);
                prop_assert_eq!(decoder.feed(&mut input, &mut stream, &mut replies), Fed::Open);
                rest = tail;
            }
            prop_assert_eq!(&stream[..], &payloads.concat()[..]);
            prop_assert_eq!(replies.len(), 3 * payloads.len());
            prop_assert!(input.is_empty());
        }

        #[test]
        fn random_bytes_never_panic_and_never_give_more_than_they_are(bytes: Vec<u8>) {
            let (_, stream, _) = feed_all(&bytes);
            prop_assert!(stream.len() <= bytes.len());
        }
    }
}
