//! Reason codes: what one side tells the other about the outcome of an operation.
//!
//! One enum serves every packet, because the numbers of MQTT 5 are unique across packets; which codes a packet may
//! carry is asked with [`ReasonCode::is_valid_in`]. The return codes of MQTT 3.1.1 are mapped to and from it at the
//! codec's edge, so the rest of the broker thinks in one vocabulary.

use std::fmt;

use crate::codec::PacketType;

macro_rules! reason_codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $words:literal;)+) => {
        /// A reason code of MQTT 5 (section 2.4).
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum ReasonCode {
            $($(#[$doc])* $name = $value,)+
        }

        impl ReasonCode {
            /// Every code of the specification, in rising order.
            pub const ALL: &[ReasonCode] = &[$(ReasonCode::$name,)+];

            /// The code of a byte, or `None` where the specification gives that byte no meaning.
            pub const fn from_u8(value: u8) -> Option<Self> {
                match value {
                    $($value => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// The name that the specification gives the code.
            pub const fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)+
                }
            }
        }
    };
}

reason_codes! {
    /// Also "Normal disconnection" in DISCONNECT and "Granted QoS 0" in SUBACK.
    Success = 0x00, "Success";
    /// The subscription stands, with at most QoS 1.
    GrantedQos1 = 0x01, "Granted QoS 1";
    /// The subscription stands, with at most QoS 2.
    GrantedQos2 = 0x02, "Granted QoS 2";
    /// The client leaves and wants its will published.
    DisconnectWithWill = 0x04, "Disconnect with Will Message";
    /// Accepted, but nobody subscribes to it.
    NoMatchingSubscribers = 0x10, "No matching subscribers";
    /// An UNSUBSCRIBE named a filter that was not subscribed to.
    NoSubscriptionExisted = 0x11, "No subscription existed";
    /// The enhanced authentication goes on.
    ContinueAuthentication = 0x18, "Continue authentication";
    /// The client starts a re-authentication.
    ReAuthenticate = 0x19, "Re-authenticate";
    /// Refused without a reason that may be told.
    UnspecifiedError = 0x80, "Unspecified error";
    /// The packet could not be parsed.
    MalformedPacket = 0x81, "Malformed Packet";
    /// The packet was well formed and not allowed here or now.
    ProtocolError = 0x82, "Protocol Error";
    /// Valid, and refused by this receiver.
    ImplementationSpecificError = 0x83, "Implementation specific error";
    /// The level of the protocol is not spoken here.
    UnsupportedProtocolVersion = 0x84, "Unsupported Protocol Version";
    /// The client identifier is not allowed.
    ClientIdentifierNotValid = 0x85, "Client Identifier not valid";
    /// The credentials were refused.
    BadUserNameOrPassword = 0x86, "Bad User Name or Password";
    /// The principal has no right to this.
    NotAuthorized = 0x87, "Not authorized";
    /// The server cannot serve now.
    ServerUnavailable = 0x88, "Server unavailable";
    /// The server has too much to do.
    ServerBusy = 0x89, "Server busy";
    /// The client was banned by an administrator.
    Banned = 0x8A, "Banned";
    /// The server stops.
    ServerShuttingDown = 0x8B, "Server shutting down";
    /// The authentication method is not supported, or not the one of this connection.
    BadAuthenticationMethod = 0x8C, "Bad authentication method";
    /// Nothing was received for one and a half keep alive periods.
    KeepAliveTimeout = 0x8D, "Keep Alive timeout";
    /// Another connection came with the same client identifier.
    SessionTakenOver = 0x8E, "Session taken over";
    /// The filter is well formed and not accepted.
    TopicFilterInvalid = 0x8F, "Topic Filter invalid";
    /// The topic name is well formed and not accepted.
    TopicNameInvalid = 0x90, "Topic Name invalid";
    /// The packet identifier is in use already.
    PacketIdentifierInUse = 0x91, "Packet Identifier in use";
    /// The packet identifier is not known.
    PacketIdentifierNotFound = 0x92, "Packet Identifier not found";
    /// More unacknowledged publishes than the receive maximum.
    ReceiveMaximumExceeded = 0x93, "Receive Maximum exceeded";
    /// A topic alias of 0, above the maximum, or without a topic.
    TopicAliasInvalid = 0x94, "Topic Alias invalid";
    /// Longer than the maximum packet size.
    PacketTooLarge = 0x95, "Packet too large";
    /// Messages come too fast.
    MessageRateTooHigh = 0x96, "Message rate too high";
    /// A limit of the implementation or the administrator was passed.
    QuotaExceeded = 0x97, "Quota exceeded";
    /// An administrator ended the connection.
    AdministrativeAction = 0x98, "Administrative action";
    /// The payload does not match its indicator.
    PayloadFormatInvalid = 0x99, "Payload format invalid";
    /// Retained messages are not supported.
    RetainNotSupported = 0x9A, "Retain not supported";
    /// The quality of service is not supported.
    QosNotSupported = 0x9B, "QoS not supported";
    /// The client should go to another server, this time.
    UseAnotherServer = 0x9C, "Use another server";
    /// The client should go to another server for good.
    ServerMoved = 0x9D, "Server moved";
    /// Shared subscriptions are not supported.
    SharedSubscriptionsNotSupported = 0x9E, "Shared Subscriptions not supported";
    /// Connections come too fast.
    ConnectionRateExceeded = 0x9F, "Connection rate exceeded";
    /// The connection lived as long as it may.
    MaximumConnectTime = 0xA0, "Maximum connect time";
    /// Subscription identifiers are not supported.
    SubscriptionIdentifiersNotSupported = 0xA1, "Subscription Identifiers not supported";
    /// Wildcard subscriptions are not supported.
    WildcardSubscriptionsNotSupported = 0xA2, "Wildcard Subscriptions not supported";
}

impl ReasonCode {
    /// 0x00 in a SUBACK.
    pub const GRANTED_QOS_0: Self = Self::Success;
    /// 0x00 in a DISCONNECT.
    pub const NORMAL_DISCONNECTION: Self = Self::Success;

    /// The byte on the wire.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// True from 0x80 up: the operation failed.
    pub const fn is_error(self) -> bool {
        self.as_u8() >= 0x80
    }

    /// The CONNACK return code of MQTT 3.1.1 (table 3.1) that comes nearest, or `None` where 3.1.1 has no code and
    /// the connection is closed without a CONNACK.
    pub const fn to_connect_return_code(self) -> Option<u8> {
        match self {
            Self::Success => Some(0),
            Self::UnsupportedProtocolVersion => Some(1),
            Self::ClientIdentifierNotValid => Some(2),
            Self::ServerUnavailable
            | Self::ServerBusy
            | Self::ServerShuttingDown
            | Self::QuotaExceeded
            | Self::UseAnotherServer
            | Self::ServerMoved
            | Self::ConnectionRateExceeded => Some(3),
            Self::BadUserNameOrPassword | Self::BadAuthenticationMethod => Some(4),
            Self::NotAuthorized | Self::Banned => Some(5),
            _ => None,
        }
    }

    /// The reason code of a CONNACK return code of MQTT 3.1.1, or `None` for the reserved ones.
    pub const fn from_connect_return_code(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::Success),
            1 => Some(Self::UnsupportedProtocolVersion),
            2 => Some(Self::ClientIdentifierNotValid),
            3 => Some(Self::ServerUnavailable),
            4 => Some(Self::BadUserNameOrPassword),
            5 => Some(Self::NotAuthorized),
            _ => None,
        }
    }

    /// Whether a packet of this type may carry the code (MQTT 5, table 2-6). False for types without reason codes.
    pub const fn is_valid_in(self, packet: PacketType) -> bool {
        use ReasonCode as R;
        match packet {
            PacketType::Connack => {
                matches!(self, R::Success | R::QuotaExceeded | R::PayloadFormatInvalid)
                    || matches!(
                        self,
                        R::UnspecifiedError
                            | R::MalformedPacket
                            | R::ProtocolError
                            | R::ImplementationSpecificError
                            | R::UnsupportedProtocolVersion
                            | R::ClientIdentifierNotValid
                            | R::BadUserNameOrPassword
                            | R::NotAuthorized
                            | R::ServerUnavailable
                            | R::ServerBusy
                            | R::Banned
                            | R::BadAuthenticationMethod
                            | R::TopicNameInvalid
                            | R::PacketTooLarge
                            | R::RetainNotSupported
                            | R::QosNotSupported
                            | R::UseAnotherServer
                            | R::ServerMoved
                            | R::ConnectionRateExceeded
                    )
            }
            PacketType::Puback | PacketType::Pubrec => matches!(
                self,
                R::Success
                    | R::NoMatchingSubscribers
                    | R::UnspecifiedError
                    | R::ImplementationSpecificError
                    | R::NotAuthorized
                    | R::TopicNameInvalid
                    | R::PacketIdentifierInUse
                    | R::QuotaExceeded
                    | R::PayloadFormatInvalid
            ),
            PacketType::Pubrel | PacketType::Pubcomp => {
                matches!(self, R::Success | R::PacketIdentifierNotFound)
            }
            PacketType::Suback => matches!(
                self,
                R::Success
                    | R::GrantedQos1
                    | R::GrantedQos2
                    | R::UnspecifiedError
                    | R::ImplementationSpecificError
                    | R::NotAuthorized
                    | R::TopicFilterInvalid
                    | R::PacketIdentifierInUse
                    | R::QuotaExceeded
                    | R::SharedSubscriptionsNotSupported
                    | R::SubscriptionIdentifiersNotSupported
                    | R::WildcardSubscriptionsNotSupported
            ),
            PacketType::Unsuback => matches!(
                self,
                R::Success
                    | R::NoSubscriptionExisted
                    | R::UnspecifiedError
                    | R::ImplementationSpecificError
                    | R::NotAuthorized
                    | R::TopicFilterInvalid
                    | R::PacketIdentifierInUse
            ),
            PacketType::Disconnect => !matches!(
                self,
                R::GrantedQos1
                    | R::GrantedQos2
                    | R::NoMatchingSubscribers
                    | R::NoSubscriptionExisted
                    | R::ContinueAuthentication
                    | R::ReAuthenticate
                    | R::UnsupportedProtocolVersion
                    | R::ClientIdentifierNotValid
                    | R::BadUserNameOrPassword
                    | R::ServerUnavailable
                    | R::Banned
                    | R::PacketIdentifierInUse
                    | R::PacketIdentifierNotFound
            ),
            PacketType::Auth => {
                matches!(self, R::Success | R::ContinueAuthentication | R::ReAuthenticate)
            }
            _ => false,
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// A code is the error where an operation has no more to say than its outcome.
impl std::error::Error for ReasonCode {}

impl fmt::Debug for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02X} ({})", self.as_u8(), self.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_comes_back_from_its_byte_and_no_other_byte_is_one() {
        let known = (0..=u8::MAX).filter_map(ReasonCode::from_u8).collect::<Vec<_>>();
        assert_eq!(known, ReasonCode::ALL);
        assert_eq!(ReasonCode::ALL.len(), 43);
        for code in ReasonCode::ALL {
            assert_eq!(ReasonCode::from_u8(code.as_u8()), Some(*code));
        }
    }

    #[test]
    fn return_codes_of_3_1_1_come_back() {
        for value in 0..=5 {
            let code = ReasonCode::from_connect_return_code(value).unwrap();
            assert_eq!(code.to_connect_return_code(), Some(value));
        }
        assert_eq!(ReasonCode::from_connect_return_code(6), None);
        assert_eq!(ReasonCode::MalformedPacket.to_connect_return_code(), None);
    }

    #[test]
    fn codes_are_said_in_the_words_of_the_specification() {
        assert_eq!(ReasonCode::SessionTakenOver.to_string(), "Session taken over");
        assert_eq!(
            format!("{:?}", ReasonCode::NotAuthorized),
            "0x87 (Not authorized)"
        );
    }
}
