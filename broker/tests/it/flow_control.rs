//! Receive maximum and maximum packet size, both ways.

use std::num::{NonZeroU16, NonZeroU32};

use muster_broker::codec::ConnectProperties;

use crate::support::*;

#[tokio::test]
async fn mqtt_3_3_4_9_no_more_than_the_receive_maximum_is_unacknowledged() {
    let broker = TestBroker::start().await;
    let properties = ConnectProperties {
        receive_maximum: NonZeroU16::new(3),
        ..ConnectProperties::default()
    };
    let connect = Connect {
        properties,
        ..connect_packet(V5, "slow")
    };
    let (mut slow, _) = Client::connect(broker.dial(Transport::Tcp).await, connect).await;
    slow.subscribe("w/#", QoS::ExactlyOnce).await;
    let mut sender = broker.client(V5, "sender").await;
    for number in 0..10 {
        let qos = if number % 2 == 0 {
            QoS::AtLeastOnce
        } else {
            QoS::ExactlyOnce
        };
        sender.publish("w/x", qos, &number.to_string()).await;
    }
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(slow.message().await);
    }
    // [MQTT-3.3.4-10]: answers are not held back by the window. What it let through would stand before the second.
    for _ in 0..2 {
        slow.send(Packet::Pingreq).await;
        assert_eq!(slow.receive().await, Packet::Pingresp, "a fourth message came");
    }
    let mut next = 3;
    while let Some(publish) = held.first().cloned() {
        held.remove(0);
        slow.acknowledge(&publish).await;
        if next < 10 {
            let publish = slow.message().await;
            assert_eq!(publish.payload, next.to_string());
            held.push(publish);
            next += 1;
        }
    }
}

#[tokio::test]
async fn mqtt_3_3_4_7_a_client_past_the_receive_maximum_is_refused() {
    let broker = TestBroker::with_limits(|limits| limits.receive_maximum = 2).await;
    let mut client = broker.client(V5, "hasty").await;
    for _ in 0..2 {
        let publish = client.publish_packet("x", QoS::ExactlyOnce, "x");
        client.send(Packet::Publish(publish)).await;
        assert!(matches!(client.receive().await, Packet::Pubrec(_)));
    }
    let publish = client.publish_packet("x", QoS::ExactlyOnce, "x");
    client.send(Packet::Publish(publish)).await;
    client.expect_refusal(ReasonCode::ReceiveMaximumExceeded).await;
}

#[tokio::test]
async fn mqtt_3_1_2_24_what_is_larger_than_the_client_takes_is_not_sent() {
    let broker = TestBroker::start().await;
    let properties = ConnectProperties {
        maximum_packet_size: NonZeroU32::new(100),
        ..ConnectProperties::default()
    };
    let connect = Connect {
        properties,
        ..connect_packet(V5, "small")
    };
    let (mut small, _) = Client::connect(broker.dial(Transport::Tcp).await, connect).await;
    small.subscribe("s", QoS::AtLeastOnce).await;
    let mut sender = broker.client(V5, "sender").await;
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        sender.publish("s", qos, &"x".repeat(200)).await;
        sender.publish("s", qos, "fits").await;
        assert_eq!(small.payload().await, "fits");
    }
}

#[tokio::test]
async fn mqtt_3_2_2_15_a_packet_past_the_servers_maximum_is_refused() {
    let broker = TestBroker::with_limits(|limits| limits.packet_size_max = 1_000).await;
    for version in [V3, V5] {
        let mut client = broker.client(version, "large").await;
        let publish = client.publish_packet("x", QoS::AtMostOnce, &"x".repeat(980));
        client.send(Packet::Publish(publish)).await;
        client.ping().await;
        let publish = client.publish_packet("x", QoS::AtMostOnce, &"x".repeat(1_000));
        client.send(Packet::Publish(publish)).await;
        client.expect_refusal(ReasonCode::PacketTooLarge).await;
    }
}
