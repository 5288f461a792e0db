//! The WebSocket listener, byte by byte.

use bytes::BytesMut;
use muster_broker::websocket::upgrade::OriginPolicy;

use crate::support::*;

const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01w";

fn request(path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
    )
}

/// A masked frame with a mask of zeros, so that the payload stands as it is.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0][..], payload].concat()
}

/// The listener's port as plain TCP.
async fn dial(broker: &TestBroker) -> Wire {
    Wire::open(broker.address(Transport::WebSocket), Transport::Tcp).await
}

async fn upgraded(broker: &TestBroker) -> Wire {
    let mut wire = dial(broker).await;
    wire.send(request("/mqtt", "Sec-WebSocket-Protocol: mqtt\r\n").as_bytes())
        .await;
    let mut response = BytesMut::new();
    while !response.ends_with(b"\r\n\r\n") {
        assert!(wire.receive(&mut response).await, "{response:?}");
    }
    let response = String::from_utf8(response.to_vec()).unwrap();
    assert!(response.starts_with("HTTP/1.1 101 "), "{response}");
    assert!(
        response.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        "{response}"
    );
    wire
}

#[tokio::test]
async fn mqtt_6_0_0_1_a_text_frame_ends_the_connection_with_1003() {
    let broker = TestBroker::start().await;
    let mut wire = upgraded(&broker).await;
    wire.send(&frame(0x81, CONNECT)).await;
    assert_eq!(wire.receive_to_end().await, b"\x88\x02\x03\xEB");
}

#[tokio::test]
async fn mqtt_6_0_0_2_packets_and_frames_need_not_be_aligned() {
    let broker = TestBroker::start().await;
    let mut wire = upgraded(&broker).await;
    // CONNECT in fragments around a ping, its end together with PINGREQ, whose end comes alone.
    wire.send(&frame(0x02, &CONNECT[..3])).await;
    wire.send(&frame(0x89, b"hello")).await;
    wire.send(&frame(0x00, &CONNECT[3..8])).await;
    wire.send(&frame(0x80, &[&CONNECT[8..], b"\xC0"].concat())).await;
    assert_eq!(
        wire.receive_exactly(7 + 6).await,
        b"\x8A\x05hello\x82\x04\x20\x02\0\0"
    );
    wire.send(&frame(0x82, b"\0")).await;
    assert_eq!(wire.receive_exactly(4).await, b"\x82\x02\xD0\0");
}

#[tokio::test]
async fn mqtt_6_0_0_3_the_subprotocol_must_be_offered() {
    let broker = TestBroker::start().await;
    for (path, headers, status) in [
        ("/mqtt", "", "400"),
        ("/mqtt", "Sec-WebSocket-Protocol: soap\r\n", "400"),
        ("/else", "Sec-WebSocket-Protocol: mqtt\r\n", "404"),
    ] {
        let mut wire = dial(&broker).await;
        wire.send(request(path, headers).as_bytes()).await;
        let response = String::from_utf8(wire.receive_to_end().await).unwrap();
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status} ")),
            "{path} {headers}: {response}"
        );
    }
}

#[tokio::test]
async fn s18_origins_follow_the_policy() {
    let listed = OriginPolicy::Listed(vec!["https://example.org".to_owned()]);
    let open = TestBroker::start().await;
    let strict = TestBroker::with_limits(|limits| limits.websocket_origins = listed).await;
    for (origin, allowed) in [
        ("", true),
        ("Origin: https://example.org\r\n", true),
        ("Origin: https://evil.example\r\n", false),
        ("Origin: null\r\n", false),
    ] {
        for (broker, allowed) in [(&open, true), (&strict, allowed)] {
            let mut wire = dial(broker).await;
            wire.send(request("/mqtt", &format!("Sec-WebSocket-Protocol: mqtt\r\n{origin}")).as_bytes())
                .await;
            let mut response = BytesMut::new();
            wire.receive(&mut response).await;
            let status = String::from_utf8_lossy(&response[9..12]).into_owned();
            assert_eq!(status, if allowed { "101" } else { "403" }, "{origin:?}");
        }
    }
}

#[tokio::test]
async fn broken_frames_end_the_connection_with_their_code() {
    let broker = TestBroker::start().await;
    for (bytes, code) in [
        (b"\x82\x02\xC0\0".to_vec(), 1002_u16),
        (frame(0x80, b"\xC0\0"), 1002),
        (frame(0xC2, b"\xC0\0"), 1002),
        (frame(0x83, b""), 1002),
        (b"\x89\xFE\0\x7E\0\0\0\0".to_vec(), 1002),
        (b"\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0".to_vec(), 1009),
    ] {
        let mut wire = upgraded(&broker).await;
        wire.send(&bytes).await;
        let [high, low] = code.to_be_bytes();
        assert_eq!(wire.receive_to_end().await, [0x88, 2, high, low], "{bytes:x?}");
    }
}

#[tokio::test]
async fn a_close_frame_is_answered_and_publishes_the_will() {
    let broker = TestBroker::start().await;
    let mut watcher = broker.client(V3, "watcher").await;
    watcher.subscribe("t", QoS::AtMostOnce).await;
    let mut wire = upgraded(&broker).await;
    wire.send(&frame(
        0x82,
        b"\x10\x13\0\x04MQTT\x04\x06\0\0\0\x01w\0\x01t\0\x01x",
    ))
    .await;
    assert_eq!(wire.receive_exactly(6).await, b"\x82\x04\x20\x02\0\0");
    wire.send(&frame(0x88, b"\x03\xE8")).await;
    assert_eq!(wire.receive_to_end().await, b"\x88\x02\x03\xE8");
    assert_eq!(watcher.payload().await, "x");
}

#[tokio::test]
async fn a_disconnect_in_one_segment_with_the_close_frame_is_still_a_disconnect() {
    let broker = TestBroker::start().await;
    let mut watcher = broker.client(V3, "watcher").await;
    watcher.subscribe("t", QoS::AtMostOnce).await;
    let mut wire = upgraded(&broker).await;
    wire.send(&frame(
        0x82,
        b"\x10\x13\0\x04MQTT\x04\x06\0\0\0\x01w\0\x01t\0\x01x",
    ))
    .await;
    assert_eq!(wire.receive_exactly(6).await, b"\x82\x04\x20\x02\0\0");
    let last = [
        frame(0x82, b"\x30\x08\0\x01tlast\x21"),
        frame(0x82, b"\xE0\0"),
        frame(0x88, b"\x03\xE8"),
    ];
    wire.send(&last.concat()).await;
    assert_eq!(wire.receive_to_end().await, b"\x88\x02\x03\xE8");
    let mut sender = broker.client(V3, "sender").await;
    sender.publish("t", QoS::AtMostOnce, "end").await;
    assert_eq!(watcher.payload().await, "last!");
    assert_eq!(watcher.payload().await, "end", "the will was not published");
}
