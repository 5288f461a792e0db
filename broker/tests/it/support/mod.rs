//! A broker on free ports and clients that speak in bytes.

mod broker;
mod client;
mod wire;

use std::time::Duration;

pub use broker::TestBroker;
pub use client::{Client, connect_packet};
pub use muster_broker::ReasonCode;
pub use muster_broker::codec::{
    Ack, ByteStr, Connect, Disconnect, Packet, Publish, PublishProperties, QoS, RetainHandling, Subscribe,
    SubscribeOptions, Subscription, Version, Will,
};
pub use muster_broker::topic::{TopicFilter, TopicName};
pub use wire::{Transport, Wire};

/// The longest time anything may take here; only failures take it.
pub const DEADLINE: Duration = Duration::from_secs(10);

pub const V3: Version = Version::V3_1_1;
pub const V5: Version = Version::V5;

/// Both versions over both transports.
pub const EVERYWHERE: [(Version, Transport); 4] = [
    (V3, Transport::Tcp),
    (V3, Transport::WebSocket),
    (V5, Transport::Tcp),
    (V5, Transport::WebSocket),
];
