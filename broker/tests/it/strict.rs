//! Malformed and forbidden packets after an accepted CONNECT: refused with the code that the specification names,
//! and felt by nobody else.

use crate::support::*;

/// Per row: what is wrong, the bytes in 3.1.1, the bytes in 5, the code in 5.
type Row = (&'static str, &'static [u8], &'static [u8], ReasonCode);

const MALFORMED: ReasonCode = ReasonCode::MalformedPacket;
const PROTOCOL: ReasonCode = ReasonCode::ProtocolError;

const ROWS: &[Row] = &[
    ("reserved packet type 0", b"\x00\0", b"\x00\0", MALFORMED),
    ("reserved flags of PINGREQ", b"\xC1\0", b"\xC1\0", MALFORMED),
    (
        "reserved flags of SUBSCRIBE",
        b"\x80\x06\0\x01\0\x01a\0",
        b"\x80\x07\0\x01\0\0\x01a\0",
        MALFORMED,
    ),
    (
        "reserved flags of PUBREL",
        b"\x60\x02\0\x01",
        b"\x60\x02\0\x01",
        MALFORMED,
    ),
    (
        "a length of five bytes",
        b"\x30\x80\x80\x80\x80\x01",
        b"\x30\x80\x80\x80\x80\x01",
        MALFORMED,
    ),
    (
        "a length that is not minimal",
        b"\xC0\x80\0",
        b"\xC0\x80\0",
        MALFORMED,
    ),
    ("a PINGREQ with a body", b"\xC0\x01x", b"\xC0\x01x", MALFORMED),
    (
        "a length of 256 MB",
        b"\x30\xFF\xFF\xFF\x7F",
        b"\x30\xFF\xFF\xFF\x7F",
        ReasonCode::PacketTooLarge,
    ),
    (
        "QoS 3",
        b"\x36\x05\0\x01a\0\x01",
        b"\x36\x06\0\x01a\0\x01\0",
        MALFORMED,
    ),
    (
        "DUP with QoS 0",
        b"\x38\x03\0\x01a",
        b"\x38\x04\0\x01a\0",
        MALFORMED,
    ),
    (
        "packet identifier 0 in PUBLISH",
        b"\x32\x05\0\x01a\0\0",
        b"\x32\x06\0\x01a\0\0\0",
        PROTOCOL,
    ),
    (
        "a topic name with +",
        b"\x30\x05\0\x03a/+",
        b"\x30\x06\0\x03a/+\0",
        MALFORMED,
    ),
    (
        "a topic name with #",
        b"\x30\x03\0\x01#",
        b"\x30\x04\0\x01#\0",
        MALFORMED,
    ),
    (
        "a topic name with U+0000",
        b"\x30\x04\0\x02a\0",
        b"\x30\x05\0\x02a\0\0",
        MALFORMED,
    ),
    (
        "a topic name that is not UTF-8",
        b"\x30\x04\0\x02\xC0\x80",
        b"\x30\x05\0\x02\xC0\x80\0",
        MALFORMED,
    ),
    (
        "a surrogate in a topic name",
        b"\x30\x05\0\x03\xED\xA0\x80",
        b"\x30\x06\0\x03\xED\xA0\x80\0",
        MALFORMED,
    ),
    (
        "a topic name longer than the packet",
        b"\x30\x03\0\x05a",
        b"\x30\x03\0\x05a",
        MALFORMED,
    ),
    (
        "packet identifier 0 in SUBSCRIBE",
        b"\x82\x06\0\0\0\x01a\0",
        b"\x82\x07\0\0\0\0\x01a\0",
        PROTOCOL,
    ),
    (
        "SUBSCRIBE without a filter",
        b"\x82\x02\0\x01",
        b"\x82\x03\0\x01\0",
        PROTOCOL,
    ),
    (
        "an empty filter",
        b"\x82\x05\0\x01\0\0\0",
        b"\x82\x06\0\x01\0\0\0\0",
        MALFORMED,
    ),
    (
        "# before the end",
        b"\x82\x0a\0\x01\0\x05a/#/b\0",
        b"\x82\x0b\0\x01\0\0\x05a/#/b\0",
        MALFORMED,
    ),
    (
        "+ beside a letter",
        b"\x82\x07\0\x01\0\x02+x\0",
        b"\x82\x08\0\x01\0\0\x02+x\0",
        MALFORMED,
    ),
    (
        "QoS 3 in SUBSCRIBE",
        b"\x82\x06\0\x01\0\x01a\x03",
        b"\x82\x07\0\x01\0\0\x01a\x03",
        MALFORMED,
    ),
    (
        "reserved bits of the options",
        b"\x82\x06\0\x01\0\x01a\x80",
        b"\x82\x07\0\x01\0\0\x01a\x80",
        MALFORMED,
    ),
    (
        "an empty share group",
        b"\x82\x0e\0\x01\0\x09$share//a\0",
        b"\x82\x0f\0\x01\0\0\x09$share//a\0",
        MALFORMED,
    ),
    (
        "UNSUBSCRIBE without a filter",
        b"\xA2\x02\0\x01",
        b"\xA2\x03\0\x01\0",
        PROTOCOL,
    ),
    (
        "CONNACK from a client",
        b"\x20\x02\0\0",
        b"\x20\x03\0\0\0",
        PROTOCOL,
    ),
    (
        "SUBACK from a client",
        b"\x90\x03\0\x01\0",
        b"\x90\x04\0\x01\0\0",
        PROTOCOL,
    ),
    (
        "UNSUBACK from a client",
        b"\xB0\x02\0\x01",
        b"\xB0\x04\0\x01\0\0",
        PROTOCOL,
    ),
    ("PINGRESP from a client", b"\xD0\0", b"\xD0\0", PROTOCOL),
    (
        "a PUBACK with identifier 0",
        b"\x40\x02\0\0",
        b"\x40\x02\0\0",
        PROTOCOL,
    ),
    (
        "bytes behind a PUBACK",
        b"\x40\x03\0\x01\0",
        b"\x40\x05\0\x01\0\0\0",
        MALFORMED,
    ),
];

/// Only in 5: what is wrong, the bytes, the code.
const ROWS_OF_5: &[(&str, &[u8], ReasonCode)] = &[
    ("an unknown property", b"\x30\x06\0\x01a\x02\x7F\0", MALFORMED),
    (
        "a property of another packet",
        b"\x30\x09\0\x01a\x05\x11\0\0\0\0",
        MALFORMED,
    ),
    ("a doubled property", b"\x30\x08\0\x01a\x04\x01\0\x01\0", PROTOCOL),
    (
        "a property block longer than the packet",
        b"\x30\x05\0\x01a\x09\x01",
        MALFORMED,
    ),
    (
        "a topic alias of 0",
        b"\x30\x07\0\x01a\x03\x23\0\0",
        ReasonCode::TopicAliasInvalid,
    ),
    (
        "a topic alias above the maximum",
        b"\x30\x07\0\x01a\x03\x23\xFF\xFF",
        ReasonCode::TopicAliasInvalid,
    ),
    (
        "an alias that was not set",
        b"\x30\x06\0\0\x03\x23\0\x01",
        PROTOCOL,
    ),
    ("neither topic nor alias", b"\x30\x03\0\0\0", PROTOCOL),
    (
        "a subscription identifier in PUBLISH",
        b"\x30\x06\0\x01a\x02\x0B\x01",
        PROTOCOL,
    ),
    ("a payload format of 2", b"\x30\x06\0\x01a\x02\x01\x02", PROTOCOL),
    (
        "a wildcard in the response topic",
        b"\x30\x08\0\x01a\x04\x08\0\x01+",
        MALFORMED,
    ),
    (
        "a subscription identifier of 0",
        b"\x82\x09\0\x01\x02\x0B\0\0\x01a\0",
        PROTOCOL,
    ),
    (
        "no local on a shared subscription",
        b"\x82\x10\0\x01\0\0\x0a$share/g/a\x04",
        PROTOCOL,
    ),
    ("retain handling 3", b"\x82\x07\0\x01\0\0\x01a\x30", PROTOCOL),
    (
        "a reason code of another packet in PUBACK",
        b"\x40\x03\0\x01\x8E",
        MALFORMED,
    ),
    ("the reason code 0x34, which is none", b"\x21\x01\x34", PROTOCOL),
    (
        "a server reference from a client",
        b"\xE0\x06\0\x04\x1C\0\x01s",
        PROTOCOL,
    ),
    ("AUTH without an exchange", b"\xF0\0", PROTOCOL),
];

async fn refuse(broker: &TestBroker, version: Version, transport: Transport, row: (&str, &[u8], ReasonCode)) {
    let (what, bytes, reason) = row;
    let client_id = format!("strict-{what}");
    let mut client = broker.client_over(version, transport, &client_id).await;
    client.wire.send(bytes).await;
    if version == V5 {
        match client.receive_or_end().await {
            Some(Packet::Disconnect(disconnect)) => assert_eq!(disconnect.reason, reason, "{what}"),
            other => panic!("{what}: no DISCONNECT but {other:?}"),
        }
    }
    let end = client.receive_or_end().await;
    assert!(
        end.is_none(),
        "{what}, {version}, {transport:?}: no end but {end:?}"
    );
}

#[tokio::test]
async fn mqtt_4_13_1_1_malformed_and_forbidden_packets_end_the_connection_with_their_code() {
    let broker = TestBroker::start().await;
    // One that has nothing to do with it lives through all of this.
    let mut bystander = broker.client(V5, "bystander").await;
    bystander.subscribe("#", QoS::AtLeastOnce).await;
    for (version, transport) in EVERYWHERE {
        for (what, v3, v5, reason) in ROWS {
            let bytes = if version == V3 { v3 } else { v5 };
            refuse(&broker, version, transport, (what, bytes, *reason)).await;
        }
    }
    for transport in [Transport::Tcp, Transport::WebSocket] {
        for row in ROWS_OF_5 {
            refuse(&broker, V5, transport, *row).await;
        }
        refuse(&broker, V3, transport, ("AUTH in 3.1.1", b"\xF0\0", MALFORMED)).await;
        refuse(
            &broker,
            V3,
            transport,
            ("an empty topic in 3.1.1", b"\x30\x02\0\0", MALFORMED),
        )
        .await;
        refuse(
            &broker,
            V3,
            transport,
            ("a body of DISCONNECT in 3.1.1", b"\xE0\x01\0", MALFORMED),
        )
        .await;
    }
    bystander.publish("end", QoS::AtLeastOnce, "only this").await;
    assert_eq!(
        bystander.payload().await,
        "only this",
        "nothing of the refused was routed"
    );
}

#[tokio::test]
async fn mqtt_1_5_4_3_a_byte_order_mark_is_a_character() {
    let broker = TestBroker::start().await;
    let mut client = broker.client(V3, "bom").await;
    assert_eq!(
        client.subscribe("\u{FEFF}a", QoS::AtMostOnce).await,
        ReasonCode::GRANTED_QOS_0
    );
    client
        .wire
        .send(b"\x30\x07\0\x04\xEF\xBB\xBFax\x30\x03\0\x01a")
        .await;
    assert_eq!(client.message().await.topic.unwrap().as_str(), "\u{FEFF}a");
}

#[tokio::test]
async fn many_packets_in_one_segment_and_one_packet_in_many_are_the_same() {
    let broker = TestBroker::start().await;
    for transport in [Transport::Tcp, Transport::WebSocket] {
        let mut client = broker.client_over(V3, transport, "segments").await;
        client.subscribe("s", QoS::AtMostOnce).await;
        let many = b"\x30\x04\0\x01sx".repeat(50);
        client.wire.send(&many).await;
        for byte in b"\x30\x04\0\x01sy" {
            client.wire.send(&[*byte]).await;
        }
        for _ in 0..50 {
            assert_eq!(client.payload().await, "x");
        }
        assert_eq!(client.payload().await, "y");
    }
}
