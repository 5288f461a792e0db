//! Why a WebSocket connection ends (RFC 6455, section 7.4).

/// A status code that this server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum CloseCode {
    /// 1000: done.
    Normal = 1000,
    /// 1001: the server goes away.
    GoingAway = 1001,
    /// 1002: the peer broke the framing.
    ProtocolError = 1002,
    /// 1003: a text frame. [MQTT-6.0.0-1]
    UnsupportedData = 1003,
    /// 1009: a frame longer than any packet allowed.
    MessageTooBig = 1009,
}

impl CloseCode {
    /// The number on the wire.
    pub const fn as_u16(self) -> u16 {
        self as u16
    }

    /// Whether a peer may send that number in a close frame (section 7.4.2): the defined ones that are not reserved
    /// for use without a frame, and the registered and private ranges.
    pub(super) const fn is_valid_from_peer(code: u16) -> bool {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}
