//! What a delivery carries: properties, aliases, expiry.

use std::num::NonZeroU16;

use muster_broker::codec::{SubscriptionId, UserProperties};

use crate::support::*;

#[tokio::test]
async fn mqtt_3_3_2_17_properties_are_forwarded_unchanged_and_in_order() {
    let broker = TestBroker::start().await;
    let mut receiver = broker.client(V5, "receiver").await;
    receiver.subscribe("p", QoS::AtLeastOnce).await;
    let mut sender = broker.client(V5, "sender").await;
    let pair = |name: &str, value: &str| (ByteStr::from(name), ByteStr::from(value));
    let properties = PublishProperties {
        payload_is_utf8: Some(true),
        response_topic: Some(TopicName::parse("answer").unwrap()),
        correlation_data: Some(vec![0, 255].into()),
        content_type: Some(ByteStr::from("text/plain")),
        user_properties: UserProperties(vec![pair("b", "1"), pair("a", "2"), pair("b", "1")]),
        ..PublishProperties::default()
    };
    let publish = Publish {
        properties: properties.clone(),
        ..sender.publish_packet("p", QoS::AtLeastOnce, "x")
    };
    sender.publish_acknowledged(publish).await;
    let got = receiver.message().await.properties;
    assert!(got == properties, "{got:?}");
}

#[tokio::test]
async fn properties_of_5_are_left_out_towards_3_1_1_in_bytes() {
    let broker = TestBroker::start().await;
    let mut receiver = broker.client(V3, "old").await;
    receiver.subscribe("p", QoS::AtMostOnce).await;
    let mut sender = broker.client(V5, "new").await;
    sender
        .wire
        .send(b"\x30\x0f\0\x01p\x0a\x01\x01\x26\0\x01a\0\x02bcx")
        .await;
    assert_eq!(receiver.wire.receive_exactly(6).await, b"\x30\x04\0\x01px");
}

#[tokio::test]
async fn mqtt_3_3_2_12_an_alias_stands_for_its_topic_on_its_connection() {
    let broker = TestBroker::start().await;
    let mut receiver = broker.client(V5, "receiver").await;
    receiver.subscribe("#", QoS::AtLeastOnce).await;
    let mut sender = broker.client(V5, "sender").await;
    let alias = NonZeroU16::new(5);
    for (topic, expected) in [
        (Some("a/long/topic"), "a/long/topic"),
        (None, "a/long/topic"),
        (Some("b"), "b"),
        (None, "b"),
    ] {
        let mut publish = sender.publish_packet("x", QoS::AtLeastOnce, "x");
        publish.topic = topic.map(|topic| TopicName::parse(topic).unwrap());
        publish.properties.topic_alias = alias;
        sender.publish_acknowledged(publish).await;
        let got = receiver.message().await;
        assert_eq!(got.topic.unwrap().as_str(), expected);
        // [MQTT-3.3.2-10]: the receiver allowed no alias.
        assert_eq!(got.properties.topic_alias, None);
    }
    // Another connection of the same client knows nothing of it. [MQTT-3.3.2-7]
    let mut again = broker.client(V5, "sender").await;
    let mut publish = again.publish_packet("x", QoS::AtLeastOnce, "x");
    (publish.topic, publish.properties.topic_alias) = (None, alias);
    again.send(Packet::Publish(publish)).await;
    again.expect_refusal(ReasonCode::ProtocolError).await;
}

#[tokio::test]
async fn mqtt_3_3_2_6_the_expiry_is_counted_down_by_the_time_waited() {
    let broker = TestBroker::start().await;
    let connect = || Connect {
        clean_start: false,
        properties: muster_broker::codec::ConnectProperties {
            session_expiry: Some(60),
            ..Default::default()
        },
        ..connect_packet(V5, "away")
    };
    let (mut away, _) = Client::connect(broker.dial(Transport::Tcp).await, connect()).await;
    away.subscribe("e/#", QoS::AtLeastOnce).await;
    away.disconnect().await;
    let mut sender = broker.client(V5, "sender").await;
    for (topic, expiry) in [("e/short", 1), ("e/long", 100)] {
        let mut publish = sender.publish_packet(topic, QoS::AtLeastOnce, topic);
        publish.properties.message_expiry = Some(expiry);
        sender.publish_acknowledged(publish).await;
    }
    // A keep alive of one second is this test's clock: when it has run out, more than a second has passed.
    let clock = Connect {
        keep_alive: 1,
        ..connect_packet(V5, "clock")
    };
    let (mut clock, _) = Client::connect(broker.dial(Transport::Tcp).await, clock).await;
    clock.expect_refusal(ReasonCode::KeepAliveTimeout).await;
    let (mut away, _) = Client::connect(broker.dial(Transport::Tcp).await, connect()).await;
    let got = away.message().await;
    assert_eq!(
        got.topic.unwrap().as_str(),
        "e/long",
        "the short-lived message has expired"
    );
    let left = got.properties.message_expiry.unwrap();
    assert!((90..100).contains(&left), "{left}");
}

#[tokio::test]
async fn mqtt_3_3_4_3_overlapping_filters_deliver_once_with_the_highest_qos_and_every_identifier() {
    let broker = TestBroker::start().await;
    let mut receiver = broker.client(V5, "receiver").await;
    for (id, filter, qos) in [
        (1, "a/#", QoS::AtMostOnce),
        (2, "a/+", QoS::ExactlyOnce),
        (3, "a/b", QoS::AtLeastOnce),
    ] {
        let packet_id = receiver.next_id();
        let options = SubscribeOptions {
            qos,
            ..SubscribeOptions::default()
        };
        let subscribe = Subscribe {
            packet_id,
            subscription_id: SubscriptionId::new(id),
            user_properties: UserProperties::default(),
            subscriptions: vec![Subscription {
                filter: TopicFilter::parse(filter).unwrap(),
                options,
            }],
        };
        receiver.send(Packet::Subscribe(subscribe)).await;
        receiver.suback(packet_id).await;
    }
    let mut sender = broker.client(V5, "sender").await;
    sender.publish("a/b", QoS::ExactlyOnce, "one").await;
    sender.publish("a/b", QoS::ExactlyOnce, "two").await;
    for payload in ["one", "two"] {
        let got = receiver.message().await;
        assert_eq!(got.payload, payload, "one delivery per message");
        assert_eq!(got.qos, QoS::ExactlyOnce);
        let mut ids = got
            .properties
            .subscription_ids
            .iter()
            .map(|id| id.get())
            .collect::<Vec<_>>();
        ids.sort_unstable();
        assert_eq!(ids, [1, 2, 3]);
    }
}
