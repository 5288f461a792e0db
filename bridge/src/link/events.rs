//! Polling the connection: connect, subscribe, receive, and begin again when it is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, DisconnectReasonCode, Filter, Packet, PubAckReason, Publish, RetainForwardRule,
    SubscribeReasonCode,
};
use rumqttc::v5::{ConnectionError, Event, EventLoop, StateError};
use time::OffsetDateTime;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Ack, Delivery, Link, PACKET_BYTES_MAX, PUBLISH_WINDOW, Sent};
use crate::TokenSource;
use crate::backoff::Backoff;
use crate::incoming::Incoming;
use crate::status;

/// What the bridge reads of every event.
pub const FILTERS: [&str; 4] = ["ev/+/help/+", "ev/+/chat/+/+", "ev/+/loc/+/+", "ev/+/do/+/+"];
/// The broker's clock, as a user property of each message: milliseconds since 1970.
const RECEIVED_AT: &str = "received-at";
/// First and longest pause between attempts to connect.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Longest time for the last acknowledgements and DISCONNECT.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("another client with this id has connected")]
    TakenOver,
    #[error("the broker refused the subscription to {0}")]
    NotSubscribed(&'static str),
    #[error("the broker sent more than it may before an acknowledgement")]
    Overrun,
    #[error("{0}")]
    Connection(Box<ConnectionError>),
}

/// Keeps a connection until `stop`. The first attempt waits until this bridge is the writer (`leading`): a bridge that
/// stands by must not take the session from the one that works.
pub(crate) async fn run(
    link: Arc<Link>,
    mut event_loop: EventLoop,
    tokens: TokenSource,
    mut leading: watch::Receiver<bool>,
    stop: CancellationToken,
) {
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
    let mut lead = true;
    let mut lost_at: Option<Instant> = None;
    loop {
        if lead
            && !matches!(
                stop.run_until_cancelled(leading.wait_for(|leads| *leads)).await,
                Some(Ok(_))
            )
        {
            return;
        }
        let client_id = event_loop.options.client_id();
        event_loop.options.set_credentials(client_id, tokens());
        let ended = tokio::select! {
            ended = connection(&link, &mut event_loop, &mut backoff, &mut lost_at) => ended,
            () = stop.cancelled() => {
                farewell(&link, &mut event_loop).await;
                return;
            }
        };
        lose(&link, &mut event_loop);
        lost_at.get_or_insert_with(Instant::now);
        status::reconnecting("broker");
        // Another bridge has the session now. If it has the lock too, it works and this one stands by.
        lead = matches!(ended, End::TakenOver);
        let pause = backoff.pause();
        if backoff.attempts().is_power_of_two() {
            let again_in_ms = pause.as_millis();
            tracing::warn!(reason = %ended, again_in_ms, attempt = backoff.attempts(), "no connection to the broker");
        }
        if stop
            .run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_none()
        {
            return;
        }
    }
}

/// One connection, from CONNECT to its end.
async fn connection(
    link: &Link,
    event_loop: &mut EventLoop,
    backoff: &mut Backoff,
    lost_at: &mut Option<Instant>,
) -> End {
    loop {
        let event = match event_loop.poll().await {
            Ok(event) => event,
            Err(ConnectionError::MqttState(StateError::ServerDisconnect {
                reason_code: DisconnectReasonCode::SessionTakenOver,
                ..
            })) => return End::TakenOver,
            Err(error) => return End::Connection(Box::new(error)),
        };
        match event {
            Event::Incoming(Packet::ConnAck(connack)) => link.connected(&connack),
            Event::Incoming(Packet::SubAck(suback)) => {
                let refused = suback
                    .return_codes
                    .iter()
                    .zip(FILTERS)
                    .find(|(code, _)| **code != SubscribeReasonCode::Success(QoS::AtLeastOnce));
                if let Some((_, filter)) = refused {
                    return End::NotSubscribed(filter);
                }
                backoff.reset();
                link.status.set_broker(true);
                match lost_at.take() {
                    Some(at) => tracing::info!(
                        away_ms = at.elapsed().as_millis(),
                        "connected to the broker again"
                    ),
                    None => tracing::info!("connected to the broker"),
                }
            }
            Event::Incoming(Packet::Publish(publish)) => {
                if let Err(end) = link.deliver(publish) {
                    return end;
                }
            }
            Event::Incoming(Packet::PubAck(ack)) => {
                let fine = matches!(
                    ack.reason,
                    PubAckReason::Success | PubAckReason::NoMatchingSubscribers
                );
                let row = link.gate().unacknowledged.remove(&ack.pkid);
                if let Some(row) = row {
                    link.tell_publisher(if fine { Sent::Done(row) } else { Sent::Refused(row) });
                }
            }
            Event::Outgoing(Outgoing::Publish(packet_id)) => {
                let mut gate = link.gate();
                let row = gate.handed.pop_front();
                if let Some(row) = row {
                    if packet_id == 0 {
                        // QoS 0: nothing more will be heard of it.
                        link.tell_publisher(Sent::Done(row));
                    } else {
                        gate.unacknowledged.insert(packet_id, row);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Closes what belonged to the lost connection, so that nothing of it reaches the next one.
fn lose(link: &Link, event_loop: &mut EventLoop) {
    link.status.set_broker(false);
    // Read from the socket but not looked at yet. Should the broker have lost the session, they do not come again.
    for event in std::mem::take(&mut event_loop.state.events) {
        if let Event::Incoming(Packet::Publish(publish)) = event {
            link.deliver(publish).ok();
        }
    }
    let mut gate = link.gate();
    event_loop.clean();
    event_loop.pending.clear();
    gate.epoch += 1;
    gate.connected = false;
    gate.handed.clear();
    gate.unacknowledged.clear();
    drop(gate);
    link.tell_publisher(Sent::Lost);
}

/// Sends what is still in the channel, then DISCONNECT; the session stays in the broker.
async fn farewell(link: &Link, event_loop: &mut EventLoop) {
    let connected = link.gate().connected;
    if connected && link.client.try_disconnect().is_ok() {
        let last = async {
            while !matches!(
                event_loop.poll().await,
                Err(_) | Ok(Event::Outgoing(Outgoing::Disconnect))
            ) {}
        };
        if tokio::time::timeout(FAREWELL, last).await.is_err() {
            tracing::warn!("the broker did not take the last acknowledgements; the messages will come again");
        }
    }
    link.status.set_broker(false);
}

impl Link {
    fn connected(&self, connack: &ConnAck) {
        let properties = connack.properties.as_ref();
        let mut gate = self.gate();
        gate.connected = true;
        let receive_maximum = properties.and_then(|p| p.receive_max).unwrap_or(u16::MAX);
        gate.window = usize::from(PUBLISH_WINDOW.min(receive_maximum / 2).max(1));
        gate.packet_bytes_max = properties
            .and_then(|p| p.max_packet_size)
            .unwrap_or(PACKET_BYTES_MAX) as usize;
        if connack.session_present {
            gate.comes_again_before = gate.epoch;
        }
        drop(gate);
        // Again each time: the broker may have lost the session. Retained positions are sent for a new subscription
        // alone, and what this bridge publishes itself is not sent back.
        let filters = FILTERS.map(|path| Filter {
            path: path.into(),
            qos: QoS::AtLeastOnce,
            nolocal: true,
            preserve_retain: true,
            retain_forward_rule: RetainForwardRule::OnNewSubscribe,
        });
        if self.client.try_subscribe_many(filters).is_err() {
            tracing::error!("no room for the subscription");
        }
        self.tell_publisher(Sent::Connected);
        self.connected.notify_one();
    }

    fn deliver(&self, publish: Publish) -> Result<(), End> {
        let ack = (publish.qos != QoS::AtMostOnce).then(|| Ack {
            epoch: self.gate().epoch,
            packet_id: publish.pkid,
        });
        if ack.is_none() && self.to_writer.capacity() <= self.receive_maximum {
            // The rest of the queue belongs to those who were promised something.
            status::dropped();
            return Ok(());
        }
        let message = Incoming {
            received_at: received_at(&publish).unwrap_or_else(now),
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            payload: publish.payload,
        };
        match self.to_writer.try_send(Delivery { message, ack }) {
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
            Err(TrySendError::Full(_)) => Err(End::Overrun),
        }
    }
}

/// Now in whole microseconds, as the database keeps it: a time must read back as it was.
fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(now.microsecond() * 1_000).unwrap_or(now)
}

fn received_at(publish: &Publish) -> Option<OffsetDateTime> {
    let properties = &publish.properties.as_ref()?.user_properties;
    // The last one: the broker adds its own behind what a client may have sent under the same name.
    let (_, ms) = properties.iter().rev().find(|(name, _)| name == RECEIVED_AT)?;
    let ms: i64 = ms.parse().ok()?;
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()
}
