//! Why a client stopped for good, and why it lost a connection.

use muster_broker::ReasonCode;
use muster_broker::codec::DecodeError;

/// The client has ended and will not connect again.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server refused the connection for a reason that another attempt does not change.
    #[error("the broker refused the connection: {0}")]
    Refused(ReasonCode),
    /// The server ended the connection for a reason that forbids to come back, such as a takeover.
    #[error("the broker ended the connection: {0}")]
    Ended(ReasonCode),
    /// A subscription was refused.
    #[error("the broker refused the subscription {filter}: {reason}")]
    SubscriptionRefused {
        /// The filter.
        filter: String,
        /// The server's reason.
        reason: ReasonCode,
    },
    /// [`ClientConfig::reconnect_limit`](super::ClientConfig::reconnect_limit) is used up.
    #[error("connected again {limit} times and lost it again; the last cause: {cause}")]
    ReconnectLimit {
        /// The limit.
        limit: u32,
        /// What went wrong the last time.
        cause: Lost,
    },
}

/// Why a connection was lost or did not come about; the client tries again.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// The socket failed.
    #[error("{0}")]
    Socket(#[from] std::io::Error),
    /// The WebSocket could not be opened or broke.
    #[error("WebSocket: {0}")]
    WebSocket(#[from] Box<tokio_tungstenite::tungstenite::Error>),
    /// The server closed the connection without a word.
    #[error("the broker closed the connection")]
    Closed,
    /// The server sent what is no MQTT.
    #[error("what the broker sent is not MQTT 5: {0}")]
    Decode(#[from] DecodeError),
    /// The server sent a packet that has no place there.
    #[error("the broker sent {0}")]
    Protocol(&'static str),
    /// The server said why.
    #[error("the broker said: {0}")]
    Disconnected(ReasonCode),
    /// Nothing was answered in time.
    #[error("no answer in time")]
    Silent,
}

/// The publish was not taken: as many as allowed are waiting already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many publishes wait for the broker")]
pub struct QueueFull;

/// True for reasons that another attempt may change: the server is overloaded, starting, stopping or moving.
pub(super) fn is_passing(reason: ReasonCode) -> bool {
    !matches!(
        reason,
        ReasonCode::NotAuthorized
            | ReasonCode::BadUserNameOrPassword
            | ReasonCode::ClientIdentifierNotValid
            | ReasonCode::UnsupportedProtocolVersion
            | ReasonCode::BadAuthenticationMethod
            | ReasonCode::Banned
            | ReasonCode::SessionTakenOver
            | ReasonCode::AdministrativeAction
            | ReasonCode::PacketTooLarge
            | ReasonCode::MalformedPacket
            | ReasonCode::ProtocolError
    )
}
