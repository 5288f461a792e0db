//! Sessions that outlive their connection.

use muster_broker::codec::{ConnectProperties, DisconnectProperties};

use crate::support::*;

/// A CONNECT of a client that comes back: no clean start, a session of a minute.
fn lasting(version: Version, client_id: &str) -> Connect {
    let session_expiry = (version == V5).then_some(60);
    Connect {
        clean_start: false,
        properties: ConnectProperties {
            session_expiry,
            ..ConnectProperties::default()
        },
        ..connect_packet(version, client_id)
    }
}

async fn connect(broker: &TestBroker, connect: Connect) -> (Client, bool) {
    let (client, connack) = Client::connect(broker.dial(Transport::Tcp).await, connect).await;
    assert_eq!(connack.reason, ReasonCode::Success);
    (client, connack.session_present)
}

#[tokio::test]
async fn mqtt_3_1_2_5_a_session_keeps_subscriptions_and_queued_messages() {
    let broker = TestBroker::start().await;
    for version in [V3, V5] {
        let (mut client, present) = connect(&broker, lasting(version, "lasting")).await;
        assert!(!present);
        client.subscribe("s/#", QoS::ExactlyOnce).await;
        client.disconnect().await;
        let mut sender = broker.client(version, "sender").await;
        for (number, qos) in [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::AtLeastOnce]
            .into_iter()
            .enumerate()
        {
            sender.publish("s/x", qos, &number.to_string()).await;
        }
        let (mut client, present) = connect(&broker, lasting(version, "lasting")).await;
        assert!(present);
        for number in 0..3 {
            assert_eq!(client.payload().await, number.to_string());
        }
        sender.publish("s/x", QoS::AtLeastOnce, "live").await;
        assert_eq!(client.payload().await, "live", "the subscription stands");
        client.disconnect().await;
        let clean = Connect {
            clean_start: true,
            ..connect_packet(version, "lasting")
        };
        let (client, present) = connect(&broker, clean).await;
        assert!(!present, "a clean start ends the session");
        client.disconnect().await;
        let (client, present) = connect(&broker, lasting(version, "lasting")).await;
        assert!(!present, "a session without expiry ended with its connection");
        client.disconnect().await;
        connect(
            &broker,
            Connect {
                clean_start: true,
                ..connect_packet(version, "lasting")
            },
        )
        .await;
    }
}

#[tokio::test]
async fn mqtt_4_4_0_1_unacknowledged_deliveries_come_again_with_dup_in_order_and_with_their_identifiers() {
    let broker = TestBroker::start().await;
    for version in [V3, V5] {
        let (mut client, _) = connect(&broker, lasting(version, "resend")).await;
        client.subscribe("r", QoS::ExactlyOnce).await;
        let mut sender = broker.client(version, "sender").await;
        for (payload, qos) in [
            ("a", QoS::AtLeastOnce),
            ("b", QoS::ExactlyOnce),
            ("c", QoS::AtLeastOnce),
        ] {
            sender.publish("r", qos, payload).await;
        }
        let mut first = Vec::new();
        for _ in 0..3 {
            first.push(client.message().await);
        }
        assert!(first.iter().all(|publish| !publish.dup));
        drop(client);
        let (mut client, present) = connect(&broker, lasting(version, "resend")).await;
        assert!(present);
        for sent in &first {
            let again = client.message().await;
            assert!(again.dup, "[MQTT-3.3.1-1]");
            assert_eq!((again.packet_id, &again.payload), (sent.packet_id, &sent.payload));
            client.acknowledge(&again).await;
        }
        sender.publish("r", QoS::AtLeastOnce, "new").await;
        let new = client.message().await;
        assert!(!new.dup && new.payload == "new");
        connect(&broker, connect_packet(version, "resend")).await;
    }
}

#[tokio::test]
async fn mqtt_4_4_0_1_an_unanswered_pubrel_comes_again() {
    let broker = TestBroker::start().await;
    let (mut client, _) = connect(&broker, lasting(V5, "pubrel")).await;
    client.subscribe("r", QoS::ExactlyOnce).await;
    broker
        .client(V5, "sender")
        .await
        .publish("r", QoS::ExactlyOnce, "x")
        .await;
    let packet_id = client.message().await.packet_id.unwrap();
    client.send(Packet::Pubrec(Ack::success(packet_id))).await;
    assert_eq!(client.receive().await, Packet::Pubrel(Ack::success(packet_id)));
    drop(client);
    let (mut client, _) = connect(&broker, lasting(V5, "pubrel")).await;
    assert_eq!(
        client.receive().await,
        Packet::Pubrel(Ack::success(packet_id)),
        "PUBREL, not the message"
    );
    client.send(Packet::Pubcomp(Ack::success(packet_id))).await;
    client.send(Packet::Pingreq).await;
    assert_eq!(client.receive().await, Packet::Pingresp);
}

#[tokio::test]
async fn mqtt_4_3_3_10_a_received_qos_2_identifier_is_remembered_over_a_reconnect() {
    let broker = TestBroker::start().await;
    let mut receiver = broker.client(V3, "receiver").await;
    receiver.subscribe("r", QoS::ExactlyOnce).await;
    let (mut sender, _) = connect(&broker, lasting(V3, "sender")).await;
    let mut publish = sender.publish_packet("r", QoS::ExactlyOnce, "once");
    sender.send(Packet::Publish(publish.clone())).await;
    assert!(matches!(sender.receive().await, Packet::Pubrec(_)));
    drop(sender);
    let (mut sender, present) = connect(&broker, lasting(V3, "sender")).await;
    assert!(present);
    publish.dup = true;
    sender.publish_acknowledged(publish).await;
    sender.next_id();
    sender.publish("r", QoS::ExactlyOnce, "end").await;
    assert_eq!(receiver.payload().await, "once");
    assert_eq!(receiver.payload().await, "end", "the message was routed once");
}

#[tokio::test]
async fn mqtt_3_1_2_23_a_session_ends_when_its_expiry_has_passed() {
    let broker = TestBroker::start().await;
    let brief = || Connect {
        properties: ConnectProperties {
            session_expiry: Some(1),
            ..ConnectProperties::default()
        },
        ..lasting(V5, "brief")
    };
    let (client, _) = connect(&broker, brief()).await;
    client.disconnect().await;
    let (client, present) = connect(&broker, brief()).await;
    assert!(present, "less than a second has passed");
    client.disconnect().await;
    // A keep alive of two seconds is this test's clock.
    let clock = Connect {
        keep_alive: 2,
        ..connect_packet(V5, "clock")
    };
    let (mut clock, _) = connect(&broker, clock).await;
    clock.expect_refusal(ReasonCode::KeepAliveTimeout).await;
    let (_client, present) = connect(&broker, brief()).await;
    assert!(!present);
}

#[tokio::test]
async fn mqtt_3_14_2_2_disconnect_may_change_the_expiry_but_not_bring_a_session_about() {
    let broker = TestBroker::start().await;
    let leave = |session_expiry| {
        let properties = DisconnectProperties {
            session_expiry,
            ..DisconnectProperties::default()
        };
        Packet::Disconnect(Disconnect {
            reason: ReasonCode::NORMAL_DISCONNECTION,
            properties,
        })
    };
    let (mut client, _) = connect(&broker, lasting(V5, "changes")).await;
    client.send(leave(Some(0))).await;
    client.expect_end().await;
    let (_client, present) = connect(&broker, lasting(V5, "changes")).await;
    assert!(!present);
    let mut without = broker.client(V5, "without").await;
    without.send(leave(Some(60))).await;
    without.expect_refusal(ReasonCode::ProtocolError).await;
}

#[tokio::test]
async fn mqtt_3_1_4_3_takeover_hands_the_session_on() {
    let broker = TestBroker::start().await;
    for version in [V3, V5] {
        let (mut old, _) = connect(&broker, lasting(version, "moves")).await;
        old.subscribe("m", QoS::AtLeastOnce).await;
        let mut sender = broker.client(version, "sender").await;
        sender.publish("m", QoS::AtLeastOnce, "unacknowledged").await;
        assert_eq!(old.message().await.payload, "unacknowledged");
        let (mut new, present) = connect(&broker, lasting(version, "moves")).await;
        assert!(present);
        old.expect_refusal(ReasonCode::SessionTakenOver).await;
        let again = new.message().await;
        assert!(again.dup && again.payload == "unacknowledged");
        new.acknowledge(&again).await;
        sender.publish("m", QoS::AtLeastOnce, "next").await;
        assert_eq!(new.payload().await, "next");
        connect(&broker, connect_packet(version, "moves")).await;
    }
}

#[tokio::test]
async fn fifty_takeovers_at_once_leave_one_owner() {
    let broker = TestBroker::start().await;
    let mut dialing = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let wire = broker.dial(Transport::Tcp).await;
        dialing.spawn(async move { Client::connect(wire, connect_packet(V5, "contested")).await.0 });
    }
    let mut owners = 0;
    let mut alive = Vec::new();
    for mut client in dialing.join_all().await {
        client.send_or_end(Packet::Pingreq).await;
        match client.receive_or_end().await {
            Some(Packet::Pingresp) => {
                owners += 1;
                alive.push(client);
            }
            Some(Packet::Disconnect(disconnect)) => {
                assert_eq!(disconnect.reason, ReasonCode::SessionTakenOver);
            }
            None => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((owners, broker.handle.counters().connections), (1, 1));
}
