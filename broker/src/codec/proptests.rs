//! Properties of the codec over generated packets and bytes.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::strategies::{packet, publish};
use super::*;
use crate::topic::TopicName;

fn any_side() -> impl Strategy<Value = (Version, Sender)> {
    let versions = prop_oneof![Just(Version::V3_1_1), Just(Version::V5)];
    (versions, prop_oneof![Just(Sender::Client), Just(Sender::Server)])
}

fn limits(sender: Sender) -> DecodeLimits {
    DecodeLimits {
        sender,
        ..DecodeLimits::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn decoding_gives_back_what_was_encoded(
        (version, sender, packet) in any_side()
            .prop_flat_map(|(version, sender)| (Just(version), Just(sender), packet(version, sender)))
    ) {
        let mut buf = BytesMut::new();
        encode(&packet, version, &mut buf).unwrap();
        prop_assert_eq!(buf.len(), encoded_len(&packet, version).unwrap());
        // `Debug` hides payloads, so the packets are compared and not shown.
        let decoded = decode(&mut buf, Some(version), &limits(sender));
        prop_assert!(decoded == Ok(Some(packet.clone())), "{:?} became {:?}", packet, decoded);
        prop_assert!(buf.is_empty());
    }

    #[test]
    fn any_split_of_the_stream_decodes_the_same(
        (version, sender, packets) in any_side().prop_flat_map(|(version, sender)| {
            (Just(version), Just(sender), vec(packet(version, sender), 1..6))
        }),
        cuts in vec(1usize..30, 1..32),
    ) {
        let mut bytes = BytesMut::new();
        for packet in &packets {
            encode(packet, version, &mut bytes).unwrap();
        }
        let (mut decoded, mut buf, mut rest) = (Vec::new(), BytesMut::new(), &bytes[..]);
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let (part, tail) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            buf.extend_from_slice(part);
            while let Some(packet) = decode(&mut buf, Some(version), &limits(sender)).unwrap() {
                decoded.push(packet);
            }
            rest = tail;
        }
        prop_assert!(decoded == packets);
        prop_assert!(buf.is_empty());
    }

    #[test]
    fn mutated_packets_never_panic_and_are_canonical_when_accepted(
        (version, sender, packet) in any_side()
            .prop_flat_map(|(version, sender)| (Just(version), Just(sender), packet(version, sender))),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut buf = BytesMut::new();
        encode(&packet, version, &mut buf).unwrap();
        for (index, byte) in changes {
            let at = index.index(buf.len());
            buf[at] = byte;
        }
        // What is accepted must survive a second trip: nothing was read that has no form on the wire.
        if let Ok(Some(packet)) = decode(&mut buf, Some(version), &limits(sender)) {
            let version = match &packet {
                Packet::Connect(connect) => connect.version,
                _ => version,
            };
            let mut again = BytesMut::new();
            encode(&packet, version, &mut again).unwrap();
            prop_assert!(decode(&mut again, Some(version), &limits(sender)) == Ok(Some(packet)));
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, (version, sender) in any_side(), connected: bool) {
        let mut buf = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = decode(&mut buf, connected.then_some(version), &limits(sender)) {}
    }

    #[test]
    fn deliveries_are_counted_before_they_are_written(
        version in prop_oneof![Just(Version::V3_1_1), Just(Version::V5)],
        packet in publish(Version::V5, Sender::Server),
        expiry: Option<u32>,
    ) {
        let Packet::Publish(publish) = packet else { unreachable!() };
        let delivery = Delivery { message_expiry: expiry, topic: "a/b", topic_alias: None, ..publish.as_delivery() };
        let mut out = BytesMut::from(&b"before"[..]);
        encode_publish(&delivery, version, &mut out).unwrap();
        prop_assert_eq!(out.len() - 6, encoded_publish_len(&delivery, version).unwrap());
        let mut out = out.split_off(6);
        let Ok(Some(Packet::Publish(decoded))) = decode(&mut out, Some(version), &limits(Sender::Server)) else {
            panic!("a delivery was not decoded");
        };
        prop_assert_eq!(decoded.properties.message_expiry, expiry.filter(|_| version == Version::V5));
        prop_assert_eq!(decoded.payload, publish.payload);
        prop_assert!(decoded.topic == Some(TopicName::parse("a/b").unwrap()));
    }
}
