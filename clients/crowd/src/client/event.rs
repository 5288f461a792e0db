//! What a client tells its owner.

use std::time::Duration;

use muster_broker::ReasonCode;
use muster_broker::codec::Publish;

use super::Token;
use super::error::Lost;

/// What [`Client::next`](super::Client::next) reports.
// Most events are messages: a box would cost an allocation for each of them and save nothing that is kept.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Event {
    /// A connection stands. Subscriptions of earlier are in place or asked for again.
    Connected {
        /// The server still had the session.
        session_present: bool,
        /// From the beginning of this attempt to CONNACK.
        took: Duration,
    },
    /// The connection is gone; the client is at work on another.
    Disconnected(Lost),
    /// Every filter of a [`Client::subscribe`](super::Client::subscribe) stands.
    Subscribed(Token),
    /// A message, acknowledged already where its QoS asks for that.
    Message(Publish),
    /// A QoS 1 publish was acknowledged.
    Acked {
        /// As given to [`Client::publish`](super::Client::publish).
        token: Token,
        /// From its last sending to the PUBACK.
        waited: Duration,
        /// Success, or why the server refuses it for good.
        reason: ReasonCode,
    },
    /// A QoS 1 publish was sent again, as its connection was lost before the PUBACK.
    Resent(Token),
    /// The server had no room for a publish (0x97); it will be sent again.
    PushedBack(Token),
}
