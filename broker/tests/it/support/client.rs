//! A client without a mind of its own: it sends what it is told and shows what came.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use muster_broker::codec::{
    self, Ack, ByteStr, Connack, Connect, ConnectProperties, DecodeLimits, Packet, PacketId, Publish,
    PublishProperties, QoS, Sender, Subscribe, SubscribeOptions, Subscription, UserProperties, Version,
};
use muster_broker::topic::{TopicFilter, TopicLimits, TopicName};
use muster_broker::{ReasonCode, codec::Disconnect};

use super::Wire;

/// A CONNECT with a clean start, without keep alive and credentials.
pub fn connect_packet(version: Version, client_id: &str) -> Connect {
    Connect {
        version,
        clean_start: true,
        keep_alive: 0,
        client_id: ByteStr::from(client_id),
        will: None,
        username: None,
        password: None,
        properties: ConnectProperties::default(),
    }
}

pub struct Client {
    pub wire: Wire,
    version: Version,
    input: BytesMut,
    /// Packets that came while another was waited for, in order.
    aside: VecDeque<Packet>,
    next_id: u16,
}

impl Client {
    pub fn new(wire: Wire, version: Version) -> Self {
        Self {
            wire,
            version,
            input: BytesMut::new(),
            aside: VecDeque::new(),
            next_id: 1,
        }
    }

    /// Sends a CONNECT and waits for the answer.
    pub async fn connect(wire: Wire, connect: Connect) -> (Self, Connack) {
        let mut client = Self::new(wire, connect.version);
        client.send(Packet::Connect(Box::new(connect))).await;
        match client.receive().await {
            Packet::Connack(connack) => (client, *connack),
            other => panic!("no CONNACK but {other:?}"),
        }
    }

    pub async fn send(&mut self, packet: Packet) {
        let mut out = BytesMut::new();
        codec::encode(&packet, self.version, &mut out).expect("the test sends what can be sent");
        assert!(self.wire.send(&out).await, "the broker closed before {packet:?}");
    }

    /// As [`Client::send`], where the broker may have closed already.
    pub async fn send_or_end(&mut self, packet: Packet) {
        let mut out = BytesMut::new();
        codec::encode(&packet, self.version, &mut out).expect("the test sends what can be sent");
        self.wire.send(&out).await;
    }

    /// The next packet, or `None` at the end of the stream.
    pub async fn receive_or_end(&mut self) -> Option<Packet> {
        if let Some(packet) = self.aside.pop_front() {
            return Some(packet);
        }
        self.read().await
    }

    async fn read(&mut self) -> Option<Packet> {
        let limits = DecodeLimits {
            sender: Sender::Server,
            packet_size_max: u32::MAX,
            topic: TopicLimits {
                length_max: 65_535,
                levels_max: 65_536,
            },
            user_properties_max: usize::MAX,
            filters_max: usize::MAX,
        };
        loop {
            let decoded = codec::decode(&mut self.input, Some(self.version), &limits);
            if let Some(packet) = decoded.expect("the broker sends what is allowed") {
                return Some(packet);
            }
            if !self.wire.receive(&mut self.input).await {
                assert!(self.input.is_empty(), "the stream ended within a packet");
                return None;
            }
        }
    }

    pub async fn receive(&mut self) -> Packet {
        self.receive_or_end().await.expect("the broker closed")
    }

    /// The next packet that `wanted` makes something of; others wait for later.
    pub async fn wait_for<T>(&mut self, wanted: impl Fn(&Packet) -> Option<T>) -> T {
        for at in 0..self.aside.len() {
            if let Some(found) = wanted(&self.aside[at]) {
                self.aside.remove(at);
                return found;
            }
        }
        loop {
            let packet = self.read().await.expect("the broker closed");
            match wanted(&packet) {
                Some(found) => return found,
                None => self.aside.push_back(packet),
            }
        }
    }

    /// The next packet, which must be a PUBLISH.
    pub async fn message(&mut self) -> Publish {
        match self.receive().await {
            Packet::Publish(publish) => publish,
            other => panic!("no PUBLISH but {other:?}"),
        }
    }

    /// The payload of the next message, which is acknowledged as its QoS asks.
    pub async fn payload(&mut self) -> String {
        let publish = self.wait_for(|packet| match packet {
            Packet::Publish(publish) => Some(publish.clone()),
            _ => None,
        });
        let publish = publish.await;
        self.acknowledge(&publish).await;
        String::from_utf8(publish.payload.to_vec()).expect("payloads here are text")
    }

    /// Does the receiver's part for a delivery.
    pub async fn acknowledge(&mut self, publish: &Publish) {
        let Some(packet_id) = publish.packet_id else {
            return;
        };
        match publish.qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.send(Packet::Puback(Ack::success(packet_id))).await,
            QoS::ExactlyOnce => {
                self.send(Packet::Pubrec(Ack::success(packet_id))).await;
                self.wait_for(|packet| {
                    matches!(packet, Packet::Pubrel(ack) if ack.packet_id == packet_id).then_some(())
                })
                .await;
                self.send(Packet::Pubcomp(Ack::success(packet_id))).await;
            }
        }
    }

    pub fn next_id(&mut self) -> PacketId {
        let packet_id = PacketId::new(self.next_id).expect("fewer than 65,535 packets");
        self.next_id += 1;
        packet_id
    }

    /// Subscribes with a QoS and returns the code.
    pub async fn subscribe(&mut self, filter: &str, qos: QoS) -> ReasonCode {
        self.subscribe_with(
            filter,
            SubscribeOptions {
                qos,
                ..SubscribeOptions::default()
            },
        )
        .await
    }

    pub async fn subscribe_with(&mut self, filter: &str, options: SubscribeOptions) -> ReasonCode {
        let filter = TopicFilter::parse(filter).expect("a filter");
        self.subscribe_all(vec![Subscription { filter, options }]).await[0]
    }

    pub async fn subscribe_all(&mut self, subscriptions: Vec<Subscription>) -> Vec<ReasonCode> {
        let packet_id = self.next_id();
        let subscribe = Subscribe {
            packet_id,
            subscription_id: None,
            user_properties: UserProperties::default(),
            subscriptions,
        };
        self.send(Packet::Subscribe(subscribe)).await;
        self.suback(packet_id).await
    }

    pub async fn suback(&mut self, packet_id: PacketId) -> Vec<ReasonCode> {
        self.wait_for(|packet| match packet {
            Packet::Suback(suback) if suback.packet_id == packet_id => Some(suback.reasons.clone()),
            _ => None,
        })
        .await
    }

    /// A PUBLISH with the next packet identifier.
    pub fn publish_packet(&mut self, topic: &str, qos: QoS, payload: &str) -> Publish {
        Publish {
            dup: false,
            qos,
            retain: false,
            topic: Some(TopicName::parse(topic).expect("a topic name")),
            packet_id: (qos > QoS::AtMostOnce).then(|| self.next_id()),
            properties: PublishProperties::default(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
        }
    }

    /// Publishes and waits for the whole acknowledgement.
    pub async fn publish(&mut self, topic: &str, qos: QoS, payload: &str) {
        let publish = self.publish_packet(topic, qos, payload);
        self.publish_acknowledged(publish).await;
    }

    pub async fn publish_retained(&mut self, topic: &str, qos: QoS, payload: &str) {
        let publish = Publish {
            retain: true,
            ..self.publish_packet(topic, qos, payload)
        };
        self.publish_acknowledged(publish).await;
    }

    /// Sends a publish and waits for the whole acknowledgement; returns the code of the first answer.
    pub async fn publish_acknowledged(&mut self, publish: Publish) -> ReasonCode {
        let (qos, packet_id) = (publish.qos, publish.packet_id);
        self.send(Packet::Publish(publish)).await;
        let Some(packet_id) = packet_id else {
            self.ping().await;
            return ReasonCode::Success;
        };
        if qos == QoS::AtLeastOnce {
            return self
                .wait_for(|packet| match packet {
                    Packet::Puback(ack) if ack.packet_id == packet_id => Some(ack.reason),
                    _ => None,
                })
                .await;
        }
        let reason = self
            .wait_for(|packet| match packet {
                Packet::Pubrec(ack) if ack.packet_id == packet_id => Some(ack.reason),
                _ => None,
            })
            .await;
        if !reason.is_error() {
            self.send(Packet::Pubrel(Ack::success(packet_id))).await;
            self.wait_for(|packet| {
                matches!(packet, Packet::Pubcomp(ack) if ack.packet_id == packet_id).then_some(())
            })
            .await;
        }
        reason
    }

    /// Waits until the broker has handled everything sent before.
    pub async fn ping(&mut self) {
        self.send(Packet::Pingreq).await;
        self.wait_for(|packet| (*packet == Packet::Pingresp).then_some(()))
            .await;
    }

    /// Ends the connection in order and waits for its end.
    pub async fn disconnect(mut self) {
        self.send(Packet::Disconnect(Disconnect::with_reason(
            ReasonCode::NORMAL_DISCONNECTION,
        )))
        .await;
        self.expect_end().await;
    }

    /// The end of the stream, with nothing before it.
    pub async fn expect_end(&mut self) {
        if let Some(packet) = self.receive_or_end().await {
            panic!("no end but {packet:?}");
        }
    }

    /// A refusal: in 5 a DISCONNECT with that code, in 3.1.1 nothing, then the end of the stream.
    pub async fn expect_refusal(&mut self, reason: ReasonCode) {
        if self.version == Version::V5 {
            match self.receive().await {
                Packet::Disconnect(disconnect) => assert_eq!(disconnect.reason, reason),
                other => panic!("no DISCONNECT but {other:?}"),
            }
        }
        self.expect_end().await;
    }
}
