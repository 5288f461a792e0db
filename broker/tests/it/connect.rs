//! CONNECT, CONNACK, keep alive, DISCONNECT.

use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use crate::support::*;

/// A CONNECT in bytes: level, flags, keep alive 0, and what follows.
fn connect_bytes(level: u8, flags: u8, rest: &[u8]) -> Vec<u8> {
    let body = [&b"\0\x04MQTT"[..], &[level, flags, 0, 0], rest].concat();
    [&[0x10, body.len() as u8][..], &body].concat()
}

async fn answer(broker: &TestBroker, transport: Transport, bytes: &[u8]) -> Vec<u8> {
    let mut wire = broker.dial(transport).await;
    assert!(wire.send(bytes).await);
    wire.receive_to_end().await
}

#[tokio::test]
async fn mqtt_3_1_0_1_the_first_packet_must_be_connect() {
    let broker = TestBroker::start().await;
    for transport in [Transport::Tcp, Transport::WebSocket] {
        for bytes in [
            &b"\xC0\0"[..],
            b"\x30\x03\0\x01a",
            b"\x82\x06\0\x01\0\x01a\0",
            b"\xE0\0",
            b"\x20\x02\0\0",
        ] {
            assert_eq!(answer(&broker, transport, bytes).await, b"", "{bytes:x?}");
        }
    }
    assert_eq!(broker.handle.counters().published, 0);
}

#[tokio::test]
async fn mqtt_3_1_0_2_a_second_connect_is_a_protocol_error() {
    let broker = TestBroker::start().await;
    for (version, transport) in EVERYWHERE {
        let mut client = broker.client_over(version, transport, "twice").await;
        client
            .send(Packet::Connect(Box::new(connect_packet(version, "twice"))))
            .await;
        client.expect_refusal(ReasonCode::ProtocolError).await;
    }
}

#[tokio::test]
async fn mqtt_3_2_0_1_connack_comes_first_and_in_bytes() {
    let broker = TestBroker::start().await;
    let mut wire = broker.dial(Transport::Tcp).await;
    wire.send(&connect_bytes(4, 2, b"\0\x01a")).await;
    assert_eq!(wire.receive_exactly(4).await, b"\x20\x02\0\0");
    let (_client, connack) =
        Client::connect(broker.dial(Transport::Tcp).await, connect_packet(V5, "five")).await;
    assert_eq!(
        (connack.session_present, connack.reason),
        (false, ReasonCode::Success)
    );
}

#[tokio::test]
async fn mqtt311_3_1_2_2_an_unknown_level_gets_return_code_1() {
    let broker = TestBroker::start().await;
    for level in [0, 3] {
        assert_eq!(
            answer(&broker, Transport::Tcp, &connect_bytes(level, 2, b"\0\x01a")).await,
            b"\x20\x02\0\x01"
        );
    }
    // MQTT 3.1 with its own protocol name understands the same answer.
    let old = b"\x10\x0f\0\x06MQIsdp\x03\x02\0\0\0\x01a";
    assert_eq!(answer(&broker, Transport::Tcp, old).await, b"\x20\x02\0\x01");
}

#[tokio::test]
async fn mqtt_3_1_2_2_a_newer_level_gets_0x84() {
    let broker = TestBroker::start().await;
    let got = answer(&broker, Transport::Tcp, &connect_bytes(6, 2, b"\0\0\x01a")).await;
    assert_eq!(got[..4], [0x20, got.len() as u8 - 2, 0, 0x84]);
}

#[tokio::test]
async fn mqtt_3_1_2_1_another_protocol_name_is_closed() {
    let broker = TestBroker::start().await;
    assert_eq!(
        answer(&broker, Transport::Tcp, b"\x10\x0d\0\x04XXXX\x04\x02\0\0\0\x01a").await,
        b""
    );
}

#[tokio::test]
async fn mqtt_3_1_2_3_the_reserved_flag_must_be_0() {
    let broker = TestBroker::start().await;
    assert_eq!(
        answer(&broker, Transport::Tcp, &connect_bytes(4, 3, b"\0\x01a")).await,
        b""
    );
    let got = answer(&broker, Transport::Tcp, &connect_bytes(5, 3, b"\0\0\x01a")).await;
    assert_eq!(got[..4], [0x20, got.len() as u8 - 2, 0, 0x81]);
}

#[tokio::test]
async fn mqtt_3_1_2_11_will_flags_without_a_will_are_refused() {
    let broker = TestBroker::start().await;
    for flags in [0x0A, 0x12, 0x22, 0x1E] {
        assert_eq!(
            answer(&broker, Transport::Tcp, &connect_bytes(4, flags, b"\0\x01a")).await,
            b""
        );
    }
}

#[tokio::test]
async fn mqtt311_3_1_2_22_a_password_needs_a_user_name_in_3_1_1_only() {
    let broker = TestBroker::start().await;
    assert_eq!(
        answer(
            &broker,
            Transport::Tcp,
            &connect_bytes(4, 0x42, b"\0\x01a\0\x01p")
        )
        .await,
        b""
    );
    let connect = Connect {
        password: Some(muster_broker::codec::Password(vec![0xFF, 0].into())),
        ..connect_packet(V5, "password-only")
    };
    let (_client, connack) = Client::connect(broker.dial(Transport::Tcp).await, connect).await;
    assert_eq!(connack.reason, ReasonCode::Success);
}

#[tokio::test]
async fn mqtt311_3_1_3_8_an_empty_client_id_needs_a_clean_session() {
    let broker = TestBroker::start().await;
    assert_eq!(
        answer(&broker, Transport::Tcp, &connect_bytes(4, 0, b"\0\0")).await,
        b"\x20\x02\0\x02"
    );
    let mut wire = broker.dial(Transport::Tcp).await;
    wire.send(&connect_bytes(4, 2, b"\0\0")).await;
    assert_eq!(wire.receive_exactly(4).await, b"\x20\x02\0\0");
}

#[tokio::test]
async fn mqtt_3_1_3_6_an_empty_client_id_is_assigned_and_told() {
    let broker = TestBroker::start().await;
    let mut assigned = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..2 {
        let (client, connack) =
            Client::connect(broker.dial(Transport::Tcp).await, connect_packet(V5, "")).await;
        assigned.push(
            connack
                .properties
                .assigned_client_id
                .expect("an assigned client id"),
        );
        clients.push(client);
    }
    assert_ne!(assigned[0], assigned[1]);
    assert_eq!(broker.handle.counters().connections, 2);
}

#[tokio::test]
async fn mqtt_3_1_4_3_takeover_ends_the_older_connection() {
    let broker = TestBroker::start().await;
    for (version, transport) in EVERYWHERE {
        let mut old = broker.client_over(version, transport, "same").await;
        let mut new = broker.client_over(version, transport, "same").await;
        old.expect_refusal(ReasonCode::SessionTakenOver).await;
        new.ping().await;
        new.disconnect().await;
    }
}

#[tokio::test]
async fn mqtt_3_1_2_22_silence_past_one_and_a_half_keep_alives_ends_the_connection() {
    let broker = TestBroker::start().await;
    for version in [V3, V5] {
        let connect = Connect {
            keep_alive: 1,
            ..connect_packet(version, "silent")
        };
        let began = Instant::now();
        let (mut client, _) = Client::connect(broker.dial(Transport::Tcp).await, connect).await;
        client.expect_refusal(ReasonCode::KeepAliveTimeout).await;
        let lived = began.elapsed();
        assert!(
            lived >= Duration::from_millis(1_450) && lived < Duration::from_secs(5),
            "{lived:?}"
        );
    }
}

#[tokio::test]
async fn mqtt_3_2_2_21_the_server_keep_alive_is_told_and_used() {
    let broker = TestBroker::with_limits(|limits| limits.keep_alive_max = Some(Duration::from_secs(1))).await;
    let (mut client, connack) =
        Client::connect(broker.dial(Transport::Tcp).await, connect_packet(V5, "endless")).await;
    assert_eq!(connack.properties.server_keep_alive, Some(1));
    client.expect_refusal(ReasonCode::KeepAliveTimeout).await;
}

#[tokio::test]
async fn mqtt_3_12_4_1_pingreq_is_answered() {
    let broker = TestBroker::start().await;
    for transport in [Transport::Tcp, Transport::WebSocket] {
        let mut wire = broker.dial(transport).await;
        wire.send(&connect_bytes(4, 2, b"\0\x01p")).await;
        assert_eq!(wire.receive_exactly(4).await, b"\x20\x02\0\0");
        wire.send(b"\xC0\0").await;
        assert_eq!(wire.receive_exactly(2).await, b"\xD0\0");
    }
}

#[tokio::test]
async fn mqtt_3_14_4_2_the_connection_ends_upon_disconnect() {
    let broker = TestBroker::start().await;
    for (version, transport) in EVERYWHERE {
        broker
            .client_over(version, transport, "leaving")
            .await
            .disconnect()
            .await;
    }
}

#[tokio::test]
async fn mqtt_3_2_2_3_the_receive_maximum_and_other_bounds_are_announced() {
    let broker = TestBroker::with_limits(|limits| {
        limits.receive_maximum = 7;
        limits.packet_size_max = 4_096;
        limits.topic_alias_max = 3;
    })
    .await;
    let (_client, connack) =
        Client::connect(broker.dial(Transport::Tcp).await, connect_packet(V5, "told")).await;
    let properties = connack.properties;
    assert_eq!(properties.receive_maximum, NonZeroU16::new(7));
    assert_eq!(properties.maximum_packet_size.map(|size| size.get()), Some(4_096));
    assert_eq!(properties.topic_alias_maximum, Some(3));
}

#[tokio::test]
async fn a_connect_split_at_every_byte_is_one_connect() {
    let broker = TestBroker::start().await;
    for transport in [Transport::Tcp, Transport::WebSocket] {
        let mut wire = broker.dial(transport).await;
        for byte in connect_bytes(4, 2, b"\0\x05split") {
            assert!(wire.send(&[byte]).await);
        }
        assert_eq!(wire.receive_exactly(4).await, b"\x20\x02\0\0");
    }
}

#[tokio::test]
async fn packets_behind_connect_need_not_wait_for_connack() {
    let broker = TestBroker::start().await;
    let mut wire = broker.dial(Transport::Tcp).await;
    let bytes = [
        &connect_bytes(4, 2, b"\0\x05eager")[..],
        b"\x82\x06\0\x01\0\x01a\0",
        b"\x30\x04\0\x01ax",
        b"\xC0\0",
    ];
    wire.send(&bytes.concat()).await;
    let got = wire.receive_exactly(4 + 5 + 6 + 2).await;
    assert_eq!(got[..9], *b"\x20\x02\0\0\x90\x03\0\x01\0");
    assert!(
        got[9..] == *b"\x30\x04\0\x01ax\xD0\0" || got[9..] == *b"\xD0\0\x30\x04\0\x01ax",
        "{got:x?}"
    );
}
