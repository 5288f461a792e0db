//! The one MQTT connection: what comes in goes to the writer, acknowledgements and outbox messages go out.
//!
//! rumqttc's event loop does the protocol. Three of its ways are kept in check here:
//!
//! - Packet identifiers belong to a connection. Each connection has a number (`epoch`); an acknowledgement of an
//!   earlier one is dropped under the same mutex under which a lost connection's requests are swept away, so none can
//!   slip onto the next connection.
//! - The event loop would send unacknowledged publishes again by itself. The outbox is the truth for these, so they are
//!   swept away too, and the publisher reads them again in their order.
//! - Requests go through a bounded channel that is never awaited: it is larger than all acknowledgements and publishes
//!   that can be outstanding, so `try_` always finds room and the polling task never waits for itself.
//!
//! **Invariant:** at most one connection at a time; its packets are handled in the order in which they came.

mod events;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use muster_store::outbox;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectProperties, Publish, PublishProperties};
use rumqttc::v5::{AsyncClient, EventLoop, MqttOptions};
use tokio::sync::{Notify, mpsc};

use crate::BridgeConfig;
use crate::incoming::Incoming;
use crate::status::Status;
pub use events::FILTERS;
pub(crate) use events::run;

/// Most outbox messages on their way at once; half of the broker's receive maximum if that is less.
const PUBLISH_WINDOW: u16 = 256;
/// Largest packet that is taken. A payload that is too large for its topic must come through, to be kept as a dead
/// letter: the broker would drop what is larger than this without a word [MQTT-3.1.2-25].
const PACKET_BYTES_MAX: u32 = 1024 * 1024;
/// Room in a packet beside topic and payload.
const PACKET_OVERHEAD_BYTES: usize = 64;
/// Keep alive: a broker that is frozen is noticed after two of these.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The packet identifier of a message on the connection that brought it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    epoch: u64,
    packet_id: u16,
}

/// A message and what it takes to acknowledge it; QoS 0 takes nothing.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub message: Incoming,
    pub ack: Option<Ack>,
}

/// What became of outbox messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The broker has it.
    Done(i64),
    /// The broker refused it, perhaps only for this moment.
    Refused(i64),
    /// The connection is gone; all that were on their way are open again.
    Lost,
    /// There is a connection.
    Connected,
}

/// What belongs to the present connection.
#[derive(Debug, Default)]
struct Gate {
    epoch: u64,
    connected: bool,
    /// Deliveries of earlier connections than this one come again, as the broker still has the session.
    comes_again_before: u64,
    /// Largest packet that the broker takes.
    packet_bytes_max: usize,
    window: usize,
    /// Outbox rows handed to the event loop, whose packet identifiers are not yet known.
    handed: VecDeque<i64>,
    /// Outbox rows that wait for the broker's PUBACK, by packet identifier.
    unacknowledged: HashMap<u16, i64>,
}

/// The shared side of the connection; [`run`] is the other.
pub(crate) struct Link {
    client: AsyncClient,
    gate: Mutex<Gate>,
    status: Arc<Status>,
    to_writer: mpsc::Sender<Delivery>,
    to_publisher: mpsc::UnboundedSender<Sent>,
    receive_maximum: usize,
    /// Notified at every connection; the writer then tells all retained state again.
    pub connected: Notify,
}

/// Why an outbox message was not handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// There is no connection.
    Disconnected,
    /// The broker never takes a packet of this size.
    TooLarge,
}

impl Link {
    pub fn new(
        config: &BridgeConfig,
        status: Arc<Status>,
        to_writer: mpsc::Sender<Delivery>,
        to_publisher: mpsc::UnboundedSender<Sent>,
    ) -> (Arc<Self>, EventLoop) {
        let host = config.broker_addr.ip().to_string();
        let host = if config.broker_addr.is_ipv6() {
            format!("[{host}]")
        } else {
            host
        };
        let mut options = MqttOptions::new(config.client_id.clone(), host, config.broker_addr.port());
        options.set_keep_alive(KEEP_ALIVE);
        options.set_clean_start(false);
        options.set_manual_acks(true);
        options.set_outgoing_inflight_upper_limit(4 * PUBLISH_WINDOW);
        let mut properties = ConnectProperties::new();
        properties.session_expiry_interval = Some(config.session_expiry_s);
        properties.receive_maximum = Some(config.receive_maximum);
        properties.max_packet_size = Some(PACKET_BYTES_MAX);
        options.set_connect_properties(properties);
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        // Every acknowledgement and publish that can be outstanding, SUBSCRIBE and DISCONNECT.
        let capacity = usize::from(config.receive_maximum) + usize::from(PUBLISH_WINDOW) + 8;
        let (client, event_loop) = AsyncClient::new(options, capacity);
        let link = Self {
            client,
            gate: Mutex::default(),
            status,
            to_writer,
            to_publisher,
            receive_maximum: usize::from(config.receive_maximum),
            connected: Notify::new(),
        };
        (Arc::new(link), event_loop)
    }

    /// Acknowledges what came on the present connection; what came on an earlier one will come again.
    pub fn acknowledge(&self, acks: impl IntoIterator<Item = Ack>) {
        let gate = self.gate();
        for ack in acks {
            if !gate.connected || ack.epoch != gate.epoch {
                continue;
            }
            let mut packet = Publish::new("", QoS::AtLeastOnce, Vec::new(), None);
            packet.pkid = ack.packet_id;
            if self.client.try_ack(&packet).is_err() {
                // Cannot be, by the channel's size. The message stays unacknowledged, which is safe.
                tracing::error!("no room for an acknowledgement");
            }
        }
    }

    /// Whether the broker will deliver this again, so that there is no need to store it now.
    pub fn comes_again(&self, ack: Ack) -> bool {
        ack.epoch < self.gate().comes_again_before
    }

    /// How many outbox messages may be on their way at once; 0 without a connection.
    pub fn window(&self) -> usize {
        let gate = self.gate();
        if gate.connected { gate.window } else { 0 }
    }

    /// Hands an outbox message over; a [`Sent`] will tell what became of it.
    pub fn publish(&self, row: &outbox::Pending) -> Result<(), NotSent> {
        let mut gate = self.gate();
        if !gate.connected {
            return Err(NotSent::Disconnected);
        }
        let message = &row.message;
        if message.topic.len() + message.payload.len() + PACKET_OVERHEAD_BYTES > gate.packet_bytes_max {
            return Err(NotSent::TooLarge);
        }
        let qos = if message.qos == 0 {
            QoS::AtMostOnce
        } else {
            QoS::AtLeastOnce
        };
        let properties = PublishProperties {
            message_expiry_interval: message.expiry_s,
            ..Default::default()
        };
        let payload = message.payload.clone();
        self.client
            .try_publish_with_properties(&message.topic, qos, message.retain, payload, properties)
            .map_err(|_| NotSent::Disconnected)?;
        gate.handed.push_back(row.id);
        Ok(())
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn tell_publisher(&self, sent: Sent) {
        // Without a publisher the bridge is ending.
        self.to_publisher.send(sent).ok();
    }
}
