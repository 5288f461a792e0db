//! What can be wrong with a packet.

use super::Version;
use crate::reason::ReasonCode;

/// A packet that breaks the specification or passes a limit; the connection is closed with the reason.
///
/// Says which rule, never what the peer sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {what}")]
pub struct DecodeError {
    /// The code of the DISCONNECT, or of the CONNACK when a CONNECT was refused.
    pub reason: ReasonCode,
    /// The rule that was broken, for the log.
    pub what: &'static str,
    /// For a refused CONNECT: the version to answer in, as far as the peer was understood. `None` means that there is
    /// no answer that the peer would understand.
    pub version: Option<Version>,
}

impl DecodeError {
    /// An error of any code.
    pub const fn new(reason: ReasonCode, what: &'static str) -> Self {
        Self {
            reason,
            what,
            version: None,
        }
    }

    /// The packet could not be parsed (0x81).
    pub const fn malformed(what: &'static str) -> Self {
        Self::new(ReasonCode::MalformedPacket, what)
    }

    /// The packet was parsed and is not allowed (0x82).
    pub const fn protocol(what: &'static str) -> Self {
        Self::new(ReasonCode::ProtocolError, what)
    }

    /// The same, to be answered in that version.
    #[must_use]
    pub const fn answered_in(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }
}

/// A packet that has no form on the wire. A fault of the program that made it, not of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A string or binary field of more than 65,535 bytes.
    #[error("a string or binary field is longer than 65,535 bytes")]
    FieldTooLong,
    /// A remaining length of more than 268,435,455 bytes.
    #[error("the packet is longer than 268,435,455 bytes")]
    PacketTooLong,
    /// AUTH in 3.1.1.
    #[error("the packet type does not exist in this version")]
    NotInVersion,
}
