//! Strategies that make any packet that one side may send.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::*;
use crate::reason::ReasonCode;
use crate::topic::{TopicFilter, TopicName};

fn text() -> impl Strategy<Value = ByteStr> {
    "[a-zäß€😀 /]{0,12}".prop_map(ByteStr::from)
}

fn blob() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..24).prop_map(Bytes::from)
}

fn topic() -> impl Strategy<Value = TopicName> {
    "[a-zä$/]{1,12}".prop_map(|text| TopicName::parse(&text).unwrap())
}

fn filter() -> impl Strategy<Value = TopicFilter> {
    "(\\$share/[a-z]{1,3}/)?(\\+|[a-zä]{0,4})(/(\\+|[a-z]{1,4})){1,2}(/#)?"
        .prop_map(|text| TopicFilter::parse(&text).unwrap())
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![
        Just(QoS::AtMostOnce),
        Just(QoS::AtLeastOnce),
        Just(QoS::ExactlyOnce)
    ]
}

fn user_properties() -> impl Strategy<Value = UserProperties> {
    vec((text(), text()), 0..3).prop_map(UserProperties)
}

fn subscription_id() -> impl Strategy<Value = SubscriptionId> {
    (1..=VARINT_MAX).prop_map(|id| SubscriptionId::new(id).unwrap())
}

fn reason(packet_type: PacketType) -> impl Strategy<Value = ReasonCode> {
    let valid = ReasonCode::ALL
        .iter()
        .copied()
        .filter(move |code| code.is_valid_in(packet_type));
    prop::sample::select(valid.collect::<Vec<_>>())
}

fn publish_properties(sender: Sender) -> impl Strategy<Value = PublishProperties> {
    let ids = if sender == Sender::Server { 0..3 } else { 0..1 };
    let fields = (
        of(any::<bool>()),
        of(any::<u32>()),
        of(any::<NonZeroU16>()),
        of(topic()),
        of(blob()),
        vec(subscription_id(), ids),
        of(text()),
        user_properties(),
    );
    fields.prop_map(
        |(
            payload_is_utf8,
            message_expiry,
            topic_alias,
            response_topic,
            correlation_data,
            subscription_ids,
            content_type,
            user_properties,
        )| PublishProperties {
            payload_is_utf8,
            message_expiry,
            topic_alias,
            response_topic,
            correlation_data,
            subscription_ids,
            content_type,
            user_properties,
        },
    )
}

pub(super) fn publish(version: Version, sender: Sender) -> impl Strategy<Value = Packet> {
    (
        any::<bool>(),
        qos(),
        any::<bool>(),
        of(topic()),
        any::<NonZeroU16>(),
        publish_properties(sender),
        topic(),
        blob(),
    )
        .prop_map(
            move |(dup, qos, retain, topic, id, properties, fallback, payload)| {
                let properties = if version == Version::V5 {
                    properties
                } else {
                    PublishProperties::default()
                };
                let topic = topic.or_else(|| properties.topic_alias.is_none().then_some(fallback));
                Packet::Publish(Publish {
                    dup: dup && qos > QoS::AtMostOnce,
                    qos,
                    retain,
                    topic,
                    packet_id: (qos > QoS::AtMostOnce).then_some(id),
                    properties,
                    payload,
                })
            },
        )
}

fn will(version: Version) -> impl Strategy<Value = Will> {
    let properties = (
        of(any::<u32>()),
        of(any::<bool>()),
        of(any::<u32>()),
        of(text()),
        of(topic()),
        of(blob()),
        user_properties(),
    )
        .prop_map(move |fields| {
            if version == Version::V3_1_1 {
                return WillProperties::default();
            }
            WillProperties {
                will_delay: fields.0,
                payload_is_utf8: fields.1,
                message_expiry: fields.2,
                content_type: fields.3,
                response_topic: fields.4,
                correlation_data: fields.5,
                user_properties: fields.6,
            }
        });
    (qos(), any::<bool>(), topic(), properties, blob()).prop_map(
        |(qos, retain, topic, properties, payload)| Will {
            qos,
            retain,
            topic,
            properties,
            payload,
        },
    )
}

fn connect_properties() -> impl Strategy<Value = ConnectProperties> {
    let fields = (
        of(any::<u32>()),
        of(any::<NonZeroU16>()),
        of(any::<NonZeroU32>()),
        of(any::<u16>()),
        of(any::<bool>()),
        of(any::<bool>()),
        user_properties(),
        of((text(), of(blob()))),
    );
    fields.prop_map(|fields| {
        let (auth_method, auth_data) = fields
            .7
            .map_or((None, None), |(method, data)| (Some(method), data));
        ConnectProperties {
            session_expiry: fields.0,
            receive_maximum: fields.1,
            maximum_packet_size: fields.2,
            topic_alias_maximum: fields.3,
            request_response_info: fields.4,
            request_problem_info: fields.5,
            user_properties: fields.6,
            auth_method,
            auth_data,
        }
    })
}

fn connect(version: Version) -> impl Strategy<Value = Packet> {
    let fields = (
        any::<bool>(),
        any::<u16>(),
        text(),
        of(will(version)),
        of(text()),
        of(blob()),
        connect_properties(),
    );
    fields.prop_map(
        move |(clean_start, keep_alive, client_id, will, username, password, properties)| {
            let v5 = version == Version::V5;
            Packet::Connect(Box::new(Connect {
                version,
                clean_start: clean_start || (client_id.is_empty() && !v5),
                keep_alive,
                client_id,
                will,
                password: password.filter(|_| v5 || username.is_some()).map(Password),
                username,
                properties: if v5 {
                    properties
                } else {
                    ConnectProperties::default()
                },
            }))
        },
    )
}

fn connack_properties() -> impl Strategy<Value = ConnackProperties> {
    let numbers = (
        of(any::<u32>()),
        of(any::<NonZeroU16>()),
        of(any::<NonZeroU32>()),
        of(any::<u16>()),
        of(any::<u16>()),
    );
    let texts = (
        of(text()),
        of(text()),
        of(text()),
        of(text()),
        of((text(), blob())),
        user_properties(),
    );
    let qos = of(prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce)]);
    let flags = (
        of(any::<bool>()),
        of(any::<bool>()),
        of(any::<bool>()),
        of(any::<bool>()),
    );
    (numbers, texts, qos, flags).prop_map(|(numbers, texts, maximum_qos, flags)| ConnackProperties {
        session_expiry: numbers.0,
        receive_maximum: numbers.1,
        maximum_qos,
        retain_available: flags.0,
        maximum_packet_size: numbers.2,
        assigned_client_id: texts.0,
        topic_alias_maximum: numbers.3,
        reason_string: texts.1,
        wildcard_available: flags.1,
        subscription_ids_available: flags.2,
        shared_available: flags.3,
        server_keep_alive: numbers.4,
        response_info: texts.2,
        server_reference: texts.3,
        auth_method: texts.4.clone().map(|(method, _)| method),
        auth_data: texts.4.map(|(_, data)| data),
        user_properties: texts.5,
    })
}

fn connack(version: Version) -> BoxedStrategy<Packet> {
    let build = |session_present: bool, reason: ReasonCode, properties| {
        let session_present = session_present && !reason.is_error();
        Packet::Connack(Box::new(Connack {
            session_present,
            reason,
            properties,
        }))
    };
    match version {
        Version::V3_1_1 => (any::<bool>(), 0u8..=5)
            .prop_map(move |(present, code)| {
                build(
                    present,
                    ReasonCode::from_connect_return_code(code).unwrap(),
                    ConnackProperties::default(),
                )
            })
            .boxed(),
        Version::V5 => (any::<bool>(), reason(PacketType::Connack), connack_properties())
            .prop_map(move |(present, reason, properties)| build(present, reason, properties))
            .boxed(),
    }
}

fn ack_properties(version: Version) -> impl Strategy<Value = AckProperties> {
    (of(text()), user_properties()).prop_map(move |(reason_string, user_properties)| match version {
        Version::V3_1_1 => AckProperties::default(),
        Version::V5 => AckProperties {
            reason_string,
            user_properties,
        },
    })
}

fn ack(version: Version) -> impl Strategy<Value = Packet> {
    let of_type = move |packet_type: PacketType, wrap: fn(Ack) -> Packet| {
        (any::<NonZeroU16>(), reason(packet_type), ack_properties(version)).prop_map(
            move |(packet_id, reason, properties)| {
                let reason = if version == Version::V5 {
                    reason
                } else {
                    ReasonCode::Success
                };
                wrap(Ack {
                    packet_id,
                    reason,
                    properties,
                })
            },
        )
    };
    prop_oneof![
        of_type(PacketType::Puback, Packet::Puback),
        of_type(PacketType::Pubrec, Packet::Pubrec),
        of_type(PacketType::Pubrel, Packet::Pubrel),
        of_type(PacketType::Pubcomp, Packet::Pubcomp),
    ]
}

fn subscription(version: Version) -> impl Strategy<Value = Subscription> {
    let handling = prop_oneof![
        Just(RetainHandling::Send),
        Just(RetainHandling::SendIfNew),
        Just(RetainHandling::DoNotSend)
    ];
    (filter(), qos(), any::<bool>(), any::<bool>(), handling).prop_map(
        move |(filter, qos, no_local, retain_as_published, retain_handling)| {
            let no_local = no_local && filter.share_group().is_none();
            let options = match version {
                Version::V3_1_1 => SubscribeOptions {
                    qos,
                    ..SubscribeOptions::default()
                },
                Version::V5 => SubscribeOptions {
                    qos,
                    no_local,
                    retain_as_published,
                    retain_handling,
                },
            };
            Subscription { filter, options }
        },
    )
}

fn subscribe(version: Version) -> impl Strategy<Value = Packet> {
    let fields = (
        any::<NonZeroU16>(),
        of(subscription_id()),
        user_properties(),
        vec(subscription(version), 1..4),
    );
    fields.prop_map(
        move |(packet_id, subscription_id, user_properties, subscriptions)| {
            let v5 = version == Version::V5;
            Packet::Subscribe(Subscribe {
                packet_id,
                subscription_id: subscription_id.filter(|_| v5),
                user_properties: if v5 {
                    user_properties
                } else {
                    UserProperties::default()
                },
                subscriptions,
            })
        },
    )
}

fn unsubscribe(version: Version) -> impl Strategy<Value = Packet> {
    (any::<NonZeroU16>(), user_properties(), vec(filter(), 1..4)).prop_map(
        move |(packet_id, user_properties, filters)| {
            let user_properties = if version == Version::V5 {
                user_properties
            } else {
                UserProperties::default()
            };
            Packet::Unsubscribe(Unsubscribe {
                packet_id,
                user_properties,
                filters,
            })
        },
    )
}

fn suback(version: Version) -> impl Strategy<Value = Packet> {
    let codes = vec(reason(PacketType::Suback), 1..4);
    (any::<NonZeroU16>(), ack_properties(version), codes).prop_map(move |(packet_id, properties, codes)| {
        let lower = |code: ReasonCode| match version {
            Version::V3_1_1 if code.is_error() => ReasonCode::UnspecifiedError,
            _ => code,
        };
        Packet::Suback(Suback {
            packet_id,
            properties,
            reasons: codes.into_iter().map(lower).collect(),
        })
    })
}

fn unsuback(version: Version) -> impl Strategy<Value = Packet> {
    let codes = vec(reason(PacketType::Unsuback), 1..4);
    (any::<NonZeroU16>(), ack_properties(version), codes).prop_map(move |(packet_id, properties, codes)| {
        let reasons = if version == Version::V5 { codes } else { Vec::new() };
        Packet::Unsuback(Unsuback {
            packet_id,
            properties,
            reasons,
        })
    })
}

fn disconnect(version: Version, sender: Sender) -> impl Strategy<Value = Packet> {
    let fields = (
        reason(PacketType::Disconnect),
        of(any::<u32>()),
        of(text()),
        of(text()),
        user_properties(),
    );
    fields.prop_map(
        move |(reason, session_expiry, reason_string, server_reference, user_properties)| {
            if version == Version::V3_1_1 {
                return Packet::Disconnect(Disconnect::with_reason(ReasonCode::NORMAL_DISCONNECTION));
            }
            let properties = DisconnectProperties {
                session_expiry: session_expiry.filter(|_| sender == Sender::Client),
                reason_string,
                server_reference: server_reference.filter(|_| sender == Sender::Server),
                user_properties,
            };
            Packet::Disconnect(Disconnect { reason, properties })
        },
    )
}

fn auth() -> impl Strategy<Value = Packet> {
    let fields = (
        reason(PacketType::Auth),
        text(),
        of(blob()),
        of(text()),
        user_properties(),
    );
    fields.prop_map(|(reason, method, auth_data, reason_string, user_properties)| {
        let properties = AuthProperties {
            auth_method: Some(method),
            auth_data,
            reason_string,
            user_properties,
        };
        Packet::Auth(Auth { reason, properties })
    })
}

/// Any packet that this side may send after the connection stands, and CONNECT.
pub(super) fn packet(version: Version, sender: Sender) -> BoxedStrategy<Packet> {
    let mut all = vec![publish(version, sender).boxed(), ack(version).boxed()];
    if version == Version::V5 {
        all.push(auth().boxed());
    }
    match sender {
        Sender::Client => all.extend([
            connect(version).boxed(),
            subscribe(version).boxed(),
            unsubscribe(version).boxed(),
            disconnect(version, sender).boxed(),
            Just(Packet::Pingreq).boxed(),
        ]),
        Sender::Server => {
            all.extend([
                connack(version).boxed(),
                suback(version).boxed(),
                unsuback(version).boxed(),
                Just(Packet::Pingresp).boxed(),
            ]);
            if version == Version::V5 {
                all.push(disconnect(version, sender).boxed());
            }
        }
    }
    prop::strategy::Union::new(all).boxed()
}
