//! QoS 1 and 2, towards the broker and from it.

use crate::support::*;

#[tokio::test]
async fn mqtt_4_3_2_2_qos_1_is_acknowledged_in_bytes() {
    let broker = TestBroker::start().await;
    for (version, transport) in EVERYWHERE {
        let mut client = broker.client_over(version, transport, "one").await;
        let none: &[u8] = if version == V5 { b"\0" } else { b"" };
        let publish = [&[0x32, 5 + none.len() as u8][..], b"\0\x01q\x12\x34", none].concat();
        client.wire.send(&publish).await;
        match client.receive().await {
            Packet::Puback(ack) => assert_eq!(ack.packet_id.get(), 0x1234),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn mqtt_4_3_3_10_qos_2_is_routed_once_however_often_it_is_sent() {
    let broker = TestBroker::start().await;
    for (version, transport) in EVERYWHERE {
        let mut receiver = broker.client(version, "receiver").await;
        receiver.subscribe("q/#", QoS::ExactlyOnce).await;
        let mut sender = broker.client_over(version, transport, "sender").await;
        let mut publish = sender.publish_packet("q/2", QoS::ExactlyOnce, "once");
        let packet_id = publish.packet_id.unwrap();
        for dup in [false, true, true] {
            publish.dup = dup;
            sender.send(Packet::Publish(publish.clone())).await;
            assert!(matches!(sender.receive().await, Packet::Pubrec(ack) if ack.packet_id == packet_id));
        }
        for _ in 0..2 {
            sender.send(Packet::Pubrel(Ack::success(packet_id))).await;
            assert!(matches!(sender.receive().await, Packet::Pubcomp(ack) if ack.packet_id == packet_id));
        }
        // The identifier is free again: the same one now carries another message.
        publish.dup = false;
        publish.payload = "twice".into();
        sender.publish_acknowledged(publish).await;
        assert_eq!(receiver.payload().await, "once");
        assert_eq!(receiver.payload().await, "twice");
    }
}

#[tokio::test]
async fn mqtt_3_7_2_1_pubrel_of_an_unknown_identifier_is_told_so() {
    let broker = TestBroker::start().await;
    let mut client = broker.client(V5, "unknown").await;
    client.wire.send(b"\x62\x02\0\x09").await;
    match client.receive().await {
        Packet::Pubcomp(ack) => {
            assert_eq!(
                (ack.packet_id.get(), ack.reason),
                (9, ReasonCode::PacketIdentifierNotFound)
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn mqtt_4_3_3_6_pubrel_follows_pubrec_and_nothing_follows_pubcomp() {
    let broker = TestBroker::start().await;
    for version in [V3, V5] {
        let mut receiver = broker.client(version, "two").await;
        receiver.subscribe("q", QoS::ExactlyOnce).await;
        broker
            .client(version, "sender")
            .await
            .publish("q", QoS::ExactlyOnce, "x")
            .await;
        let publish = receiver.message().await;
        assert_eq!((publish.qos, publish.dup), (QoS::ExactlyOnce, false));
        let packet_id = publish.packet_id.unwrap();
        receiver.send(Packet::Pubrec(Ack::success(packet_id))).await;
        assert_eq!(receiver.receive().await, Packet::Pubrel(Ack::success(packet_id)));
        receiver.send(Packet::Pubcomp(Ack::success(packet_id))).await;
        receiver.send(Packet::Pingreq).await;
        assert_eq!(receiver.receive().await, Packet::Pingresp);
    }
}

#[tokio::test]
async fn mqtt_3_8_4_8_the_qos_of_a_delivery_is_the_lower_of_publish_and_subscription() {
    let broker = TestBroker::start().await;
    let levels = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
    for version in [V3, V5] {
        let mut sender = broker.client(version, "sender").await;
        for subscribed in levels {
            let mut receiver = broker.client(version, "receiver").await;
            receiver.subscribe("min", subscribed).await;
            for published in levels {
                sender.publish("min", published, "x").await;
                let publish = receiver.message().await;
                assert_eq!(publish.qos, published.min(subscribed));
                receiver.acknowledge(&publish).await;
            }
        }
    }
}

#[tokio::test]
async fn mqtt_4_6_0_6_order_is_kept_per_topic_and_quality() {
    let broker = TestBroker::start().await;
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let mut receiver = broker.client(V5, "receiver").await;
        receiver.subscribe("order", qos).await;
        let mut sender = broker.client(V5, "sender").await;
        for number in 0..200 {
            sender.publish("order", qos, &number.to_string()).await;
        }
        for number in 0..200 {
            assert_eq!(receiver.payload().await, number.to_string(), "{qos:?}");
        }
    }
}

#[tokio::test]
async fn mqtt_2_2_1_3_identifiers_in_flight_are_not_reused() {
    let broker = TestBroker::start().await;
    let mut receiver = broker.client(V3, "holder").await;
    receiver.subscribe("held", QoS::AtLeastOnce).await;
    let mut sender = broker.client(V3, "sender").await;
    for number in 0..300 {
        sender
            .publish("held", QoS::AtLeastOnce, &number.to_string())
            .await;
    }
    let mut held = std::collections::HashSet::new();
    for _ in 0..300 {
        let publish = receiver.message().await;
        assert!(
            held.insert(publish.packet_id.unwrap()),
            "an identifier came twice"
        );
    }
}

#[tokio::test]
async fn mqtt_4_3_1_1_qos_0_has_no_identifier_and_no_answer() {
    let broker = TestBroker::start().await;
    let mut client = broker.client(V3, "zero").await;
    client.wire.send(b"\x30\x04\0\x01zx\xC0\0").await;
    assert_eq!(client.wire.receive_exactly(2).await, b"\xD0\0");
}

#[tokio::test]
async fn mqtt_3_3_1_3_the_dup_flag_of_a_publisher_is_not_passed_on() {
    let broker = TestBroker::start().await;
    let mut receiver = broker.client(V5, "receiver").await;
    receiver.subscribe("dup", QoS::AtLeastOnce).await;
    let mut sender = broker.client(V5, "sender").await;
    let publish = Publish {
        dup: true,
        ..sender.publish_packet("dup", QoS::AtLeastOnce, "x")
    };
    sender.publish_acknowledged(publish).await;
    assert!(!receiver.message().await.dup);
}
