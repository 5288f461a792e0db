//! Wills.

use muster_broker::codec::{ConnectProperties, UserProperties, WillProperties};

use crate::support::*;

fn with_will(version: Version, client_id: &str, payload: &str, retain: bool) -> Connect {
    let will = Will {
        qos: QoS::AtLeastOnce,
        retain,
        topic: TopicName::parse("will").unwrap(),
        properties: WillProperties::default(),
        payload: payload.to_owned().into(),
    };
    Connect {
        will: Some(will),
        ..connect_packet(version, client_id)
    }
}

async fn watcher(broker: &TestBroker) -> Client {
    let mut watcher = broker.client(V5, "watcher").await;
    watcher.subscribe("will", QoS::AtLeastOnce).await;
    watcher
}

async fn connect(broker: &TestBroker, transport: Transport, connect: Connect) -> Client {
    let (client, connack) = Client::connect(broker.dial(transport).await, connect).await;
    assert_eq!(connack.reason, ReasonCode::Success);
    client
}

#[tokio::test]
async fn mqtt_3_1_2_8_a_will_is_published_when_the_connection_is_lost() {
    let broker = TestBroker::start().await;
    let mut watcher = watcher(&broker).await;
    for (version, transport) in EVERYWHERE {
        let client = connect(
            &broker,
            transport,
            with_will(version, "dies", "socket gone", false),
        )
        .await;
        drop(client);
        assert_eq!(watcher.payload().await, "socket gone");
        // A protocol error ends the connection without DISCONNECT from the client.
        let mut client = connect(&broker, transport, with_will(version, "errs", "error", false)).await;
        client.wire.send(b"\x00\0").await;
        assert_eq!(watcher.payload().await, "error");
        // One and a half seconds each, and the transport has no part in it.
        if transport == Transport::Tcp {
            let silent = Connect {
                keep_alive: 1,
                ..with_will(version, "silent", "silence", false)
            };
            let _client = connect(&broker, transport, silent).await;
            assert_eq!(watcher.payload().await, "silence");
        }
        let _old = connect(&broker, transport, with_will(version, "taken", "takeover", false)).await;
        let _new = connect(&broker, transport, connect_packet(version, "taken")).await;
        assert_eq!(watcher.payload().await, "takeover", "the old connection's will");
    }
}

#[tokio::test]
async fn mqtt_3_14_4_3_a_normal_disconnect_deletes_the_will_and_0x04_publishes_it() {
    let broker = TestBroker::start().await;
    let mut watcher = watcher(&broker).await;
    for (version, transport) in EVERYWHERE {
        connect(&broker, transport, with_will(version, "leaves", "never", false))
            .await
            .disconnect()
            .await;
        if version == V5 {
            let mut client =
                connect(&broker, transport, with_will(version, "asks", "asked for", false)).await;
            client
                .send(Packet::Disconnect(Disconnect::with_reason(
                    ReasonCode::DisconnectWithWill,
                )))
                .await;
            client.expect_end().await;
            assert_eq!(watcher.payload().await, "asked for");
        }
        drop(connect(&broker, transport, with_will(version, "dies", "after", false)).await);
        assert_eq!(watcher.payload().await, "after");
    }
}

#[tokio::test]
async fn mqtt_3_1_2_17_a_retained_will_is_kept() {
    let broker = TestBroker::start().await;
    let mut first = watcher(&broker).await;
    drop(connect(&broker, Transport::Tcp, with_will(V3, "dies", "kept", true)).await);
    assert_eq!(first.payload().await, "kept");
    let mut later = broker.client(V3, "later").await;
    later.subscribe("will", QoS::AtLeastOnce).await;
    let got = later.message().await;
    assert!(got.retain && got.payload == "kept");
}

#[tokio::test]
async fn mqtt_3_1_3_9_a_will_waits_for_its_delay_and_a_reconnect_in_time_cancels_it() {
    let broker = TestBroker::start().await;
    let mut watcher = watcher(&broker).await;
    let delayed = |payload: &str| {
        let mut connect = with_will(V5, "delayed", payload, false);
        connect.will.as_mut().unwrap().properties.will_delay = Some(1);
        connect.clean_start = false;
        connect.properties = ConnectProperties {
            session_expiry: Some(60),
            ..ConnectProperties::default()
        };
        connect
    };
    drop(connect(&broker, Transport::Tcp, delayed("cancelled")).await);
    let back = connect(&broker, Transport::Tcp, delayed("published")).await;
    let lost = std::time::Instant::now();
    drop(back);
    assert_eq!(watcher.payload().await, "published");
    assert!(
        lost.elapsed() >= std::time::Duration::from_millis(950),
        "{:?}",
        lost.elapsed()
    );
}

#[tokio::test]
async fn mqtt_3_1_3_9_a_will_does_not_wait_longer_than_its_session() {
    let broker = TestBroker::start().await;
    let mut watcher = watcher(&broker).await;
    let mut connect_with = with_will(V5, "sessionless", "at once", false);
    connect_with.will.as_mut().unwrap().properties.will_delay = Some(3_600);
    drop(connect(&broker, Transport::Tcp, connect_with).await);
    assert_eq!(watcher.payload().await, "at once");
}

#[tokio::test]
async fn will_properties_are_those_of_the_message() {
    let broker = TestBroker::start().await;
    let mut watcher = watcher(&broker).await;
    let mut connect_with = with_will(V5, "dies", "x", false);
    let properties = &mut connect_with.will.as_mut().unwrap().properties;
    properties.content_type = Some(ByteStr::from("text/plain"));
    properties.response_topic = Some(TopicName::parse("answer").unwrap());
    properties.correlation_data = Some("id".into());
    properties.payload_is_utf8 = Some(true);
    properties.user_properties = UserProperties(vec![(ByteStr::from("a"), ByteStr::from("b"))]);
    let expected = properties.to_publish_properties();
    drop(connect(&broker, Transport::Tcp, connect_with).await);
    let got = watcher.message().await;
    assert!(got.properties == expected, "{:?}", got.properties);
}
