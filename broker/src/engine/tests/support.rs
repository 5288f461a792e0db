//! An engine with clients that do as they are told.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;

use crate::codec::{
    ByteStr, Packet, PacketId, Publish, PublishProperties, QoS, Subscribe, SubscribeOptions, Subscription,
    UserProperties, Version,
};
use crate::engine::{ConnectParams, ConnectionKey, Effects, Engine, Outgoing, Time};
use crate::limits::Limits;
use crate::log::{Log, MemoryLog};
use crate::plugin::{Chain, Principal, Transport};
use crate::reason::ReasonCode;
use crate::topic::{TopicFilter, TopicName};

pub(super) struct Sim {
    pub(super) engine: Engine,
    pub(super) effects: Effects,
    pub(super) now: Time,
}

pub(super) fn id(value: u16) -> PacketId {
    PacketId::new(value).expect("not 0")
}

pub(super) fn publish(topic: &str, qos: QoS, packet_id: u16, payload: impl Into<Bytes>) -> Publish {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: Some(TopicName::parse(topic).expect("a topic name")),
        packet_id: (qos > QoS::AtMostOnce).then(|| id(packet_id)),
        properties: PublishProperties::default(),
        payload: payload.into(),
    }
}

impl Sim {
    pub(super) fn new(limits: Limits) -> Self {
        Self::with_log(limits, Box::new(MemoryLog))
    }

    pub(super) fn with_log(limits: Limits, log: Box<dyn Log>) -> Self {
        let engine = Engine::new(Arc::new(limits), Chain::default(), log);
        Self {
            engine,
            effects: Effects::default(),
            now: Time::from_millis(1),
        }
    }

    pub(super) fn connect(
        &mut self,
        client_id: &str,
        principal: Principal,
        version: Version,
        receive_maximum: u16,
    ) -> ConnectionKey {
        let params = ConnectParams {
            client_id: ByteStr::from(client_id),
            principal,
            version,
            clean_start: false,
            session_expiry: Duration::from_secs(3600),
            receive_maximum,
            packet_size_max: u32::MAX,
            will: None,
            peer: ([127, 0, 0, 1], 1).into(),
            transport: Transport::Tcp,
            waker: Waker::noop().clone(),
        };
        self.engine
            .connect(params, self.now, &mut self.effects)
            .expect("the CONNECT is accepted")
            .connection
    }

    pub(super) fn give(&mut self, connection: ConnectionKey, packet: Packet) -> Result<(), ReasonCode> {
        self.engine
            .packet(connection, packet, 0, self.now, &mut self.effects)
    }

    pub(super) fn subscribe(&mut self, connection: ConnectionKey, filter: &str, qos: QoS) {
        let subscription = Subscription {
            filter: TopicFilter::parse(filter).expect("a filter"),
            options: SubscribeOptions {
                qos,
                ..SubscribeOptions::default()
            },
        };
        let subscribe = Subscribe {
            packet_id: id(1),
            subscription_id: None,
            user_properties: UserProperties::default(),
            subscriptions: vec![subscription],
        };
        self.give(connection, Packet::Subscribe(subscribe))
            .expect("the SUBSCRIBE is answered");
    }

    /// Everything that is to be sent, as packets.
    pub(super) fn pull(&mut self, connection: ConnectionKey) -> Vec<Outgoing> {
        let mut out = Vec::new();
        while self
            .engine
            .pull(connection, 4096, self.now, &mut out, &mut self.effects)
            .expect("the connection lives")
        {}
        out
    }
}
