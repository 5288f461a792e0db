//! Tables of bytes that are refused, with the code that the specification names, and of rare ones that are not.

use bytes::{Bytes, BytesMut};

use super::*;
use crate::reason::ReasonCode as R;

const V3: Version = Version::V3_1_1;
const V5: Version = Version::V5;

fn decode_with(
    bytes: &[u8],
    version: Option<Version>,
    limits: &DecodeLimits,
) -> Result<Option<Packet>, DecodeError> {
    decode(&mut BytesMut::from(bytes), version, limits)
}

fn decode_any(bytes: &[u8], version: Option<Version>) -> Result<Option<Packet>, DecodeError> {
    decode_with(bytes, version, &DecodeLimits::default())
}

#[track_caller]
fn refused(bytes: &[u8], version: Option<Version>, reason: R) {
    match decode_any(bytes, version) {
        Err(error) => assert_eq!(error.reason, reason, "{bytes:x?} {version:?}: {}", error.what),
        Ok(packet) => panic!("{bytes:x?} {version:?} was accepted: {packet:?}"),
    }
}

#[track_caller]
fn accepted(bytes: &[u8], version: Option<Version>) -> Packet {
    decode_any(bytes, version)
        .unwrap()
        .expect("the packet is complete")
}

/// A packet with its length put in.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    out.u8(first);
    out.varint(body.len() as u32);
    out.slice(body);
    out.to_vec()
}

fn connect(level: u8, flags: u8, rest: &[u8]) -> Vec<u8> {
    packet(0x10, &[&b"\0\x04MQTT"[..], &[level, flags, 0, 60], rest].concat())
}

#[test]
fn fixed_headers() {
    for version in [V3, V5] {
        let version = Some(version);
        // Reserved flags, per type. [MQTT-2.2.2-2] [MQTT-2.1.3-1]
        for first in [
            0x11, 0x41, 0x51, 0x60, 0x63, 0x71, 0x80, 0x83, 0xA0, 0xAF, 0xC1, 0xE8,
        ] {
            refused(&[first], version, R::MalformedPacket);
        }
        refused(&[0x00], version, R::MalformedPacket);
        refused(&[0xC0, 0x01], version, R::MalformedPacket);
        refused(&[0xC0, 0x80, 0x00], version, R::MalformedPacket);
        refused(&[0x30, 0x80, 0x80, 0x80, 0x80], version, R::MalformedPacket);
        refused(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], version, R::MalformedPacket);
        refused(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F], version, R::PacketTooLarge);
        // Server-only packets.
        for first in [0x20, 0x90, 0xB0, 0xD0] {
            refused(&[first], version, R::ProtocolError);
        }
    }
    refused(&[0xF0], Some(V3), R::MalformedPacket);
    assert_eq!(accepted(&[0xC0, 0x00], Some(V5)), Packet::Pingreq);
    // [MQTT-3.1.0-1]: from the first byte on, whatever would follow.
    for first in [0x30, 0x82, 0xC0, 0xE0, 0x40] {
        refused(&[first], None, R::ProtocolError);
    }
}

#[test]
fn the_size_bound_holds_from_the_header_and_exactly() {
    let limits = DecodeLimits {
        packet_size_max: 10,
        ..DecodeLimits::default()
    };
    assert_eq!(decode_with(b"\x30\x08", Some(V3), &limits), Ok(None));
    assert!(
        decode_with(b"\x30\x08\0\x01aaaaaa", Some(V3), &limits)
            .unwrap()
            .is_some()
    );
    assert_eq!(
        decode_with(b"\x30\x09", Some(V3), &limits).unwrap_err().reason,
        R::PacketTooLarge
    );
}

#[test]
fn connect_versions_and_flags() {
    assert!(matches!(accepted(&connect(4, 2, b"\0\x01a"), None), Packet::Connect(c) if c.version == V3));
    assert!(matches!(accepted(&connect(5, 2, b"\0\0\x01a"), None), Packet::Connect(c) if c.version == V5));
    let answer = |bytes: &[u8]| {
        let error = decode_any(bytes, None).unwrap_err();
        (error.reason, error.version)
    };
    assert_eq!(
        answer(&connect(3, 2, b"\0\x01a")),
        (R::UnsupportedProtocolVersion, Some(V3))
    );
    assert_eq!(
        answer(&connect(6, 2, b"\0\0\x01a")),
        (R::UnsupportedProtocolVersion, Some(V5))
    );
    assert_eq!(
        answer(&connect(0x84, 2, b"\0\0\x01a")),
        (R::UnsupportedProtocolVersion, Some(V5))
    );
    assert_eq!(
        answer(b"\x10\x0e\0\x06MQIsdp\x03\x02\0\x3c\0\0"),
        (R::UnsupportedProtocolVersion, Some(V3))
    );
    assert_eq!(
        answer(b"\x10\x0c\0\x04mqtt\x05\x02\0\x3c\0\0"),
        (R::UnsupportedProtocolVersion, None)
    );
    assert_eq!(
        answer(&connect(5, 3, b"\0\0\x01a")),
        (R::MalformedPacket, Some(V5))
    );
    for level in [4, 5] {
        let id: &[u8] = if level == 4 { b"\0\x01a" } else { b"\0\0\x01a" };
        // Reserved flag [MQTT-3.1.2-3], will QoS or retain without will [MQTT-3.1.2-11] [MQTT-3.1.2-13].
        for flags in [0x03, 0x0A, 0x12, 0x22, 0x3A] {
            refused(&connect(level, flags, id), None, R::MalformedPacket);
        }
        // Will QoS 3. [MQTT-3.1.2-12]
        refused(
            &connect(level, 0x1E, &[id, b"\0\0\x01t\0\0"].concat()),
            None,
            R::MalformedPacket,
        );
        // Bytes behind the last field, and fields cut off.
        refused(&connect(level, 2, &[id, b"x"].concat()), None, R::MalformedPacket);
        refused(&connect(level, 0x82, id), None, R::MalformedPacket);
        refused(&connect(level, 2, &id[..id.len() - 1]), None, R::MalformedPacket);
    }
    // A password alone: refused in 3.1.1 [MQTT-3.1.2-22], allowed in 5; binary in both.
    refused(&connect(4, 0x42, b"\0\x01a\0\x01p"), None, R::MalformedPacket);
    assert!(matches!(
        accepted(&connect(5, 0x42, b"\0\0\x01a\0\x02\xFF\0"), None),
        Packet::Connect(c) if c.password == Some(Password(Bytes::from_static(b"\xFF\0"))) && c.username.is_none()
    ));
    refused(&connect(4, 0, b"\0\0"), None, R::ClientIdentifierNotValid);
    assert!(matches!(
        accepted(&connect(5, 0, b"\0\0\0"), None),
        Packet::Connect(_)
    ));
    // Strings that are none, in identifier, will topic, user name.
    refused(&connect(4, 2, b"\0\x01\xFF"), None, R::MalformedPacket);
    refused(&connect(4, 2, b"\0\x01\0"), None, R::MalformedPacket);
    refused(
        &connect(4, 0x82, b"\0\x01a\0\x02\xC0\x80"),
        None,
        R::MalformedPacket,
    );
    refused(&connect(4, 6, b"\0\x01a\0\x01#\0\0"), None, R::MalformedPacket);
    refused(&connect(4, 6, b"\0\x01a\0\0\0\0"), None, R::MalformedPacket);
}

#[test]
fn connect_properties_are_single_and_in_range() {
    let with = |properties: &[u8]| {
        connect(
            5,
            2,
            &[&[properties.len() as u8], properties, b"\0\x01a"].concat(),
        )
    };
    for (properties, reason) in [
        (&b"\x11\0\0\0\x01\x11\0\0\0\x01"[..], R::ProtocolError),
        (b"\x21\0\0", R::ProtocolError),
        (b"\x27\0\0\0\0", R::ProtocolError),
        (b"\x17\x02", R::ProtocolError),
        (b"\x19\xFF", R::ProtocolError),
        (b"\x16\0\x01d", R::ProtocolError),
        (b"\x23\0\x01", R::MalformedPacket),
        (b"\x00", R::MalformedPacket),
        (b"\x7F\0", R::MalformedPacket),
        (b"\x91\0\0\0\0\x01", R::MalformedPacket),
        (b"\x80\x02\0", R::MalformedPacket),
        (b"\x21\0", R::MalformedPacket),
        (b"\x26\0\x01a", R::MalformedPacket),
        (b"\x26\0\x01\xFF\0\0", R::MalformedPacket),
    ] {
        refused(&with(properties), None, reason);
    }
    // A length that reaches past the packet, and one that is not minimal.
    refused(&connect(5, 2, b"\x50\0\x01a"), None, R::MalformedPacket);
    refused(&connect(5, 2, b"\x80\0\0\x01a"), None, R::MalformedPacket);
    accepted(&with(b"\x26\0\x01a\0\x01b\x26\0\x01a\0\x01b"), None);
    let many = b"\x26\0\0\0\0".repeat(200);
    let body = [&b"\xE8\x07"[..], &many, b"\0\x01a"].concat();
    refused(&connect(5, 2, &body), None, R::QuotaExceeded);
}

#[test]
fn publishes() {
    for (version, none) in [(V3, &b""[..]), (V5, b"\0")] {
        let some = Some(version);
        refused(
            &packet(0x36, &[b"\0\x01a\0\x01", none].concat()),
            some,
            R::MalformedPacket,
        );
        refused(
            &packet(0x38, &[b"\0\x01a", none].concat()),
            some,
            R::MalformedPacket,
        );
        refused(
            &packet(0x32, &[b"\0\x01a\0\0", none].concat()),
            some,
            R::ProtocolError,
        );
        for topic in ["a/+", "#", "a#b", "a\0b"] {
            let body = [&[0, topic.len() as u8], topic.as_bytes(), none].concat();
            refused(&packet(0x30, &body), some, R::MalformedPacket);
        }
        refused(
            &packet(0x30, &[b"\0\x02\xED\xA0", none].concat()),
            some,
            R::MalformedPacket,
        );
        refused(&packet(0x30, b"\0\x05ab"), some, R::MalformedPacket);
        refused(&packet(0x30, b""), some, R::MalformedPacket);
        refused(&packet(0x32, b"\0\x01a\0"), some, R::MalformedPacket);
        let slashes = [&b"\xFF\xFF"[..], &[b'/'; 65_535], none].concat();
        refused(&packet(0x30, &slashes), some, R::TopicNameInvalid);
        accepted(
            &packet(0x3D, &[b"\0\x01a\0\x01", none, b"payload"].concat()),
            some,
        );
        accepted(&packet(0x30, &[b"\0\x01/", none].concat()), some);
    }
    refused(&packet(0x30, b"\0\0"), Some(V3), R::MalformedPacket);
    refused(&packet(0x30, b"\0\0\0"), Some(V5), R::ProtocolError);
    accepted(&packet(0x30, b"\0\0\x03\x23\0\x01"), Some(V5));
    let with = |properties: &[u8]| {
        packet(
            0x30,
            &[&b"\0\x01a"[..], &[properties.len() as u8], properties].concat(),
        )
    };
    for (properties, reason) in [
        (&b"\x23\0\0"[..], R::TopicAliasInvalid),
        (b"\x23\0\x01\x23\0\x01", R::ProtocolError),
        (b"\x01\x02", R::ProtocolError),
        (b"\x0B\x01", R::ProtocolError),
        (b"\x08\0\x01+", R::MalformedPacket),
        (b"\x08\0\0", R::MalformedPacket),
        (b"\x11\0\0\0\0", R::MalformedPacket),
        (b"\x02\0\0\0", R::MalformedPacket),
    ] {
        refused(&with(properties), Some(V5), reason);
    }
}

#[test]
fn acknowledgements() {
    for first in [0x40, 0x50, 0x62, 0x70] {
        for version in [V3, V5] {
            refused(&packet(first, b"\0\0"), Some(version), R::ProtocolError);
            refused(&packet(first, b"\0"), Some(version), R::MalformedPacket);
            accepted(&packet(first, b"\0\x01"), Some(version));
        }
        refused(&packet(first, b"\0\x01\0"), Some(V3), R::MalformedPacket);
        accepted(&packet(first, b"\0\x01\0"), Some(V5));
        accepted(&packet(first, b"\0\x01\0\0"), Some(V5));
        refused(&packet(first, b"\0\x01\0\0\0"), Some(V5), R::MalformedPacket);
        refused(&packet(first, b"\0\x01\x34"), Some(V5), R::MalformedPacket);
        refused(&packet(first, b"\0\x01\x8E"), Some(V5), R::MalformedPacket);
        refused(
            &packet(first, b"\0\x01\0\x05\x1F\0\x02\xC0\x80"),
            Some(V5),
            R::MalformedPacket,
        );
    }
    accepted(&packet(0x62, b"\0\x01\x92"), Some(V5));
    refused(&packet(0x40, b"\0\x01\x92"), Some(V5), R::MalformedPacket);
}

#[test]
fn subscriptions() {
    for (version, none) in [(V3, &b""[..]), (V5, b"\0")] {
        let some = Some(version);
        let with = |rest: &[u8]| packet(0x82, &[b"\0\x01", none, rest].concat());
        refused(
            &packet(0x82, &[b"\0\0", none, b"\0\x01a\0"].concat()),
            some,
            R::ProtocolError,
        );
        refused(&with(b""), some, R::ProtocolError);
        refused(&with(b"\0\x01a"), some, R::MalformedPacket);
        refused(&with(b"\0\x01a\x03"), some, R::MalformedPacket);
        refused(&with(b"\0\x01a\x40"), some, R::MalformedPacket);
        refused(&with(b"\0\x01a\x80"), some, R::MalformedPacket);
        for filter in [
            "",
            "a/#/b",
            "+x",
            "x+",
            "a#",
            "$share/g",
            "$share//a",
            "$share/+/a",
            "a\0",
        ] {
            let filter = [&[0, filter.len() as u8], filter.as_bytes()].concat();
            refused(&with(&[&filter[..], b"\0"].concat()), some, R::MalformedPacket);
            refused(
                &packet(0xA2, &[b"\0\x01", none, &filter].concat()),
                some,
                R::MalformedPacket,
            );
        }
        let slashes = [&b"\xFF\xFF"[..], &[b'/'; 65_535], b"\0"].concat();
        refused(&with(&slashes), some, R::TopicFilterInvalid);
        refused(&with(&b"\0\x01a\0".repeat(300)), some, R::QuotaExceeded);
        refused(&packet(0xA2, &[b"\0\x01", none].concat()), some, R::ProtocolError);
        refused(
            &packet(0xA2, &[b"\0\0", none, b"\0\x01a"].concat()),
            some,
            R::ProtocolError,
        );
        accepted(&with(b"\0\x01#\x02\0\x0b$share/g/+/\x01"), some);
    }
    // Options that only 5 has.
    let v5 = |options: u8| packet(0x82, &[b"\0\x01\0\0\x01a", &[options][..]].concat());
    refused(&packet(0x82, b"\0\x01\0\x01a\x04"), Some(V3), R::MalformedPacket);
    accepted(&v5(0x2E), Some(V5));
    refused(&v5(0x30), Some(V5), R::ProtocolError);
    refused(
        &packet(0x82, b"\0\x01\0\0\x0a$share/g/a\x04"),
        Some(V5),
        R::ProtocolError,
    );
    // Subscription identifiers.
    accepted(&packet(0x82, b"\0\x01\x02\x0B\x01\0\x01a\0"), Some(V5));
    refused(
        &packet(0x82, b"\0\x01\x02\x0B\0\0\x01a\0"),
        Some(V5),
        R::ProtocolError,
    );
    refused(
        &packet(0x82, b"\0\x01\x04\x0B\x01\x0B\x02\0\x01a\0"),
        Some(V5),
        R::ProtocolError,
    );
    refused(
        &packet(0x82, b"\0\x01\x03\x0B\x80\0\0\x01a\0"),
        Some(V5),
        R::MalformedPacket,
    );
    refused(
        &packet(0xA2, b"\0\x01\x02\x0B\x01\0\x01a"),
        Some(V5),
        R::MalformedPacket,
    );
}

#[test]
fn disconnects_and_auth() {
    assert!(matches!(accepted(&[0xE0, 0], Some(V3)), Packet::Disconnect(_)));
    refused(&[0xE0, 1, 0], Some(V3), R::MalformedPacket);
    assert!(
        matches!(accepted(&[0xE0, 1, 4], Some(V5)), Packet::Disconnect(d) if d.reason == R::DisconnectWithWill)
    );
    refused(&[0xE0, 1, 1], Some(V5), R::MalformedPacket);
    refused(&[0xE0, 1, 0x34], Some(V5), R::MalformedPacket);
    // Session expiry comes from clients only, a server reference from servers only.
    let expiry = packet(0xE0, b"\0\x05\x11\0\0\0\x01");
    let reference = packet(0xE0, b"\0\x04\x1C\0\x01s");
    accepted(&expiry, Some(V5));
    refused(&reference, Some(V5), R::ProtocolError);
    let from_server = DecodeLimits {
        sender: Sender::Server,
        ..DecodeLimits::default()
    };
    assert!(decode_with(&expiry, Some(V5), &from_server).is_err());
    assert!(decode_with(&reference, Some(V5), &from_server).is_ok());
    assert!(decode_with(&[0xE0, 0], Some(V3), &from_server).is_err());
    assert!(matches!(accepted(&[0xF0, 0], Some(V5)), Packet::Auth(a) if a.reason == R::Success));
    refused(&[0xF0, 1, 0x19], Some(V5), R::MalformedPacket);
    refused(&[0xF0, 2, 0x19, 0], Some(V5), R::ProtocolError);
    refused(&packet(0xF0, b"\x19\x03\x16\0\0"), Some(V5), R::ProtocolError);
    refused(&packet(0xF0, b"\x87\0"), Some(V5), R::MalformedPacket);
}

#[test]
fn short_forms_are_written() {
    let written = |packet: &Packet, version| {
        let mut out = BytesMut::new();
        encode(packet, version, &mut out).unwrap();
        out.to_vec()
    };
    let id = PacketId::new(7).unwrap();
    let success = Packet::Puback(Ack::success(id));
    assert_eq!(written(&success, V5), [0x40, 2, 0, 7]);
    let refusal = Packet::Puback(Ack::with_reason(id, R::NotAuthorized));
    assert_eq!(written(&refusal, V5), [0x40, 3, 0, 7, 0x87]);
    assert_eq!(written(&refusal, V3), [0x40, 2, 0, 7]);
    let bye = Packet::Disconnect(Disconnect::with_reason(R::NORMAL_DISCONNECTION));
    assert_eq!(written(&bye, V5), [0xE0, 0]);
    // With a property length: some clients lose the reason without it.
    let cut = Packet::Disconnect(Disconnect::with_reason(R::SessionTakenOver));
    assert_eq!(written(&cut, V5), [0xE0, 2, 0x8E, 0]);
    assert_eq!(written(&Packet::Pubrel(Ack::success(id)), V3), [0x62, 2, 0, 7]);
    let codes = vec![R::GrantedQos1, R::NotAuthorized];
    let suback = Packet::Suback(Suback {
        packet_id: id,
        properties: AckProperties::default(),
        reasons: codes,
    });
    assert_eq!(written(&suback, V3), [0x90, 4, 0, 7, 1, 0x80]);
    assert_eq!(written(&suback, V5), [0x90, 5, 0, 7, 0, 1, 0x87]);
}

#[test]
fn what_has_no_form_on_the_wire_is_an_error_and_writes_nothing() {
    let mut out = BytesMut::new();
    let mut disconnect = Disconnect::with_reason(R::AdministrativeAction);
    disconnect.properties.reason_string = Some(ByteStr::from("x".repeat(65_536)));
    assert_eq!(
        encode(&Packet::Disconnect(disconnect), V5, &mut out),
        Err(EncodeError::FieldTooLong)
    );
    let auth = Packet::Auth(Auth {
        reason: R::Success,
        properties: AuthProperties::default(),
    });
    assert_eq!(encode(&auth, V3, &mut out), Err(EncodeError::NotInVersion));
    assert!(out.is_empty());
}
