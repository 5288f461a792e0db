//! What happens at a bound.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use muster_broker::codec::ConnectProperties;
use muster_broker::plugin::{Authenticator, ConnectRequest, Principal, WhenFull};

use crate::support::*;

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

async fn connect(broker: &TestBroker, connect: Connect) -> Client {
    let (client, connack) = Client::connect(broker.dial(Transport::Tcp).await, connect).await;
    assert_eq!(connack.reason, ReasonCode::Success);
    client
}

/// Asks again and again, with a round trip to the broker between, until it holds.
async fn until(pace: &mut Client, what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "never: {what}");
        pace.ping().await;
    }
}

#[tokio::test]
async fn a_full_queue_drops_the_newest_counts_it_and_does_not_stop_the_publisher() {
    let broker = TestBroker::with_limits(|limits| limits.queue_max = 5).await;
    for version in [V3, V5] {
        let mut away = connect(&broker, lasting(version, "away")).await;
        away.subscribe("q", QoS::AtLeastOnce).await;
        away.disconnect().await;
        let before = broker.handle.counters().dropped_queue_full;
        let mut sender = broker.client(version, "sender").await;
        for number in 0..8 {
            sender.publish("q", QoS::AtLeastOnce, &number.to_string()).await;
        }
        assert_eq!(broker.handle.counters().dropped_queue_full - before, 3);
        let mut away = connect(&broker, lasting(version, "away")).await;
        for number in 0..5 {
            assert_eq!(away.payload().await, number.to_string());
        }
        sender.publish("q", QoS::AtLeastOnce, "next").await;
        assert_eq!(away.payload().await, "next");
        connect(&broker, connect_packet(version, "away")).await;
    }
}

/// The archive must see everything; all others come and go.
struct ArchivePushesBack;

#[async_trait]
impl Authenticator for ArchivePushesBack {
    async fn authenticate(&self, request: &ConnectRequest) -> Result<Principal, ReasonCode> {
        let mut principal = Principal::new(request.client_id.as_str());
        if request.client_id == "archive" {
            principal.limits.queue_max = Some(2);
            principal.limits.when_full = Some(WhenFull::PushBack);
        }
        Ok(principal)
    }
}

#[tokio::test]
async fn a_full_queue_that_pushes_back_refuses_the_publisher_before_anybody_got_the_message() {
    let broker = TestBroker::build(|builder| builder.authenticator(ArchivePushesBack)).await;
    let mut archive = connect(&broker, lasting(V5, "archive")).await;
    archive.subscribe("q", QoS::AtLeastOnce).await;
    archive.disconnect().await;
    let mut other = broker.client(V5, "other").await;
    other.subscribe("#", QoS::AtLeastOnce).await;
    let mut sender = broker.client(V5, "sender").await;
    for number in 0..2 {
        sender.publish("q", QoS::AtLeastOnce, &number.to_string()).await;
        assert_eq!(other.payload().await, number.to_string());
    }
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let publish = sender.publish_packet("q", qos, "refused");
        assert_eq!(
            sender.publish_acknowledged(publish).await,
            ReasonCode::QuotaExceeded
        );
    }
    let mut old = broker.client(V3, "old").await;
    let publish = old.publish_packet("q", QoS::AtLeastOnce, "refused");
    old.send(Packet::Publish(publish)).await;
    old.expect_end().await;
    sender.publish("elsewhere", QoS::AtLeastOnce, "goes on").await;
    assert_eq!(other.payload().await, "goes on", "nobody got the refused ones");
    let mut archive = connect(&broker, lasting(V5, "archive")).await;
    for number in 0..2 {
        assert_eq!(archive.payload().await, number.to_string());
    }
    sender.publish("q", QoS::AtLeastOnce, "room again").await;
    assert_eq!(archive.payload().await, "room again");
}

#[tokio::test]
async fn a_subscriber_that_never_reads_is_cut_and_its_messages_are_dropped_past_its_bound() {
    let broker = TestBroker::with_limits(|limits| {
        limits.write_deadline = Duration::from_secs(1);
        limits.queue_qos0_bytes_max = 1 << 20;
    })
    .await;
    for transport in [Transport::Tcp, Transport::WebSocket] {
        let mut deaf = broker.client_over(V3, transport, "deaf").await;
        deaf.subscribe("flood", QoS::AtMostOnce).await;
        let mut sender = broker.client(V3, "sender").await;
        let payload = "x".repeat(64 * 1024);
        let before = broker.handle.counters().dropped_queue_full;
        // Kernel buffers take some megabytes before the broker's own bound is reached.
        let began = Instant::now();
        while broker.handle.counters().dropped_queue_full == before {
            assert!(began.elapsed() < DEADLINE, "nothing was ever dropped");
            let publish = sender.publish_packet("flood", QoS::AtMostOnce, &payload);
            sender.send(Packet::Publish(publish)).await;
            sender.ping().await;
        }
        until(&mut sender, "the slow reader is cut", || {
            broker.handle.counters().connections == 1
        })
        .await;
        sender.disconnect().await;
    }
}

#[tokio::test]
async fn sockets_past_the_bound_are_closed_at_once_and_there_is_room_again_after() {
    let broker = TestBroker::with_limits(|limits| limits.connections_max = 2).await;
    let mut first = broker.client(V5, "first").await;
    let second = broker.client(V5, "second").await;
    let mut third = broker.dial(Transport::Tcp).await;
    assert_eq!(third.receive_to_end().await, b"");
    first.ping().await;
    second.disconnect().await;
    until(&mut first, "the second connection is gone", || {
        broker.handle.counters().connections == 1
    })
    .await;
    // The socket closes a little after its session lets go.
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < DEADLINE, "never room again");
        let mut wire = broker.dial(Transport::Tcp).await;
        wire.send(b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01n").await;
        let mut answer = bytes::BytesMut::new();
        if wire.receive(&mut answer).await {
            assert_eq!(answer[..], *b"\x20\x02\0\0");
            break;
        }
    }
}

#[tokio::test]
async fn retained_messages_past_the_bound_are_refused_and_replacing_is_not() {
    let broker = TestBroker::with_limits(|limits| limits.retained_max = 2).await;
    let mut client = broker.client(V5, "client").await;
    for (topic, expected) in [
        ("r/1", ReasonCode::Success),
        ("r/2", ReasonCode::Success),
        ("r/3", ReasonCode::QuotaExceeded),
        ("r/2", ReasonCode::Success),
    ] {
        let publish = Publish {
            retain: true,
            ..client.publish_packet(topic, QoS::AtLeastOnce, "x")
        };
        let reason = client.publish_acknowledged(publish).await;
        assert_eq!(reason.is_error(), expected.is_error(), "{topic}: {reason:?}");
        if expected.is_error() {
            assert_eq!(reason, expected);
        }
    }
    assert_eq!(broker.handle.counters().retained, 2);
}
