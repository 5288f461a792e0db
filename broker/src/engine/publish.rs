//! PUBLISH: from an admitted packet to the queues of its receivers and its acknowledgement.

use std::sync::Arc;

use super::{Effects, Engine, Message, Reply, Time};
use crate::codec::{Publish, QoS, Version};
use crate::log::{Position, Record};
use crate::plugin::Event;
use crate::reason::ReasonCode;
use crate::router::{Replaced, SessionKey};
use crate::session::{Queued, Received};

/// What routing a message did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Routed {
    /// Sessions that it was queued for.
    pub(super) receivers: usize,
    /// What must be durable before it is acknowledged.
    pub(super) position: Position,
}

impl Engine {
    /// Takes over a publish that filters and authorizers let through.
    ///
    /// An error is a reason to disconnect; a refusal that the client can be told is answered instead.
    pub(super) fn publish(
        &mut self,
        key: SessionKey,
        publish: Publish,
        read_bytes: usize,
        now: Time,
        effects: &mut Effects,
    ) -> Result<(), ReasonCode> {
        let (qos, retain, packet_id) = (publish.qos, publish.retain, publish.packet_id);
        if qos > self.limits.qos_max {
            return Err(ReasonCode::QosNotSupported);
        }
        if let (QoS::ExactlyOnce, Some(id)) = (qos, packet_id)
            && self.session(key).incoming.check(id) == Received::Again
        {
            self.reply(key, 0, Reply::Pubrec(id, ReasonCode::Success));
            return Ok(());
        }
        if qos != QoS::AtMostOnce {
            self.check_receive_maximum(key)?;
        }
        let Some(message) = Message::from_publish(publish, now, read_bytes) else {
            return Err(ReasonCode::TopicNameInvalid);
        };
        let message = Arc::new(message);
        match self.route(message.clone(), qos, retain, Some(key), true, now, effects) {
            Ok(routed) => {
                let Routed {
                    receivers,
                    mut position,
                } = routed;
                let session = &mut self.sessions[key as usize];
                effects.event(|| Event::Published {
                    client_id: session.client_id.clone(),
                    topic: message.topic.clone(),
                    qos,
                    retain,
                    payload_bytes: message.payload.len(),
                    receivers,
                });
                let reason = match receivers {
                    0 => ReasonCode::NoMatchingSubscribers,
                    _ => ReasonCode::Success,
                };
                match (qos, packet_id) {
                    (QoS::AtLeastOnce, Some(id)) => self.reply(key, position, Reply::Puback(id, reason)),
                    (QoS::ExactlyOnce, Some(id)) => {
                        session.incoming.accept(id);
                        let record = Record::Received {
                            session: session.id,
                            packet_id: id,
                            held: true,
                        };
                        position = position.max(self.log.append(record));
                        self.reply(key, position, Reply::Pubrec(id, reason));
                    }
                    _ => {}
                }
                Ok(())
            }
            Err(reason) => {
                self.counters.refused += 1;
                effects.event(|| Event::PublishRefused {
                    client_id: self.sessions[key as usize].client_id.clone(),
                    topic: message.topic.clone(),
                    reason,
                });
                self.answer_refused(key, qos, packet_id, reason)
            }
        }
    }

    /// A publish that a filter or authorizer refused: it is counted and answered, and goes nowhere.
    pub(super) fn refuse(
        &mut self,
        key: SessionKey,
        publish: Publish,
        reason: ReasonCode,
        effects: &mut Effects,
    ) -> Result<(), ReasonCode> {
        if let (QoS::ExactlyOnce, Some(id)) = (publish.qos, publish.packet_id)
            && self.session(key).incoming.check(id) == Received::Again
        {
            // It was taken over when it came first; that it would be refused now changes nothing.
            self.reply(key, 0, Reply::Pubrec(id, ReasonCode::Success));
            return Ok(());
        }
        self.counters.refused += 1;
        let session = &self.sessions[key as usize];
        let version = session.link.as_ref().map(|link| link.version);
        tracing::debug!(client_id = session.client_id.as_str(), reason = %reason, "publish refused");
        if let Some(topic) = publish.topic {
            effects.event(|| Event::PublishRefused {
                client_id: session.client_id.clone(),
                topic,
                reason,
            });
        }
        let reason = match version {
            // There is no code for it in 3.1.1: the message is acknowledged and dropped. [MQTT-3.3.5-2]
            Some(Version::V3_1_1) => ReasonCode::Success,
            _ => reason,
        };
        match (publish.qos, publish.packet_id) {
            (QoS::AtLeastOnce, Some(id)) => self.reply(key, 0, Reply::Puback(id, told(reason))),
            (QoS::ExactlyOnce, Some(id)) => self.reply(key, 0, Reply::Pubrec(id, told(reason))),
            _ => {}
        }
        Ok(())
    }

    /// A quota refused it. In 3.1.1 acknowledging it would be a lie, so the connection ends.
    fn answer_refused(
        &mut self,
        key: SessionKey,
        qos: QoS,
        packet_id: Option<crate::codec::PacketId>,
        reason: ReasonCode,
    ) -> Result<(), ReasonCode> {
        let version = self.session(key).link.as_ref().map(|link| link.version);
        match (qos, packet_id) {
            (QoS::AtMostOnce, _) | (_, None) => Ok(()),
            _ if version == Some(Version::V3_1_1) => Err(reason),
            (QoS::AtLeastOnce, Some(id)) => {
                self.reply(key, 0, Reply::Puback(id, told(reason)));
                Ok(())
            }
            (QoS::ExactlyOnce, Some(id)) => {
                self.reply(key, 0, Reply::Pubrec(id, told(reason)));
                Ok(())
            }
        }
    }

    /// A client of 5 may have so many publishes unacknowledged as it was told. [MQTT-3.3.4-7]
    fn check_receive_maximum(&mut self, key: SessionKey) -> Result<(), ReasonCode> {
        let maximum = usize::from(self.limits.receive_maximum);
        let session = self.session(key);
        let Some(link) = &session.link else { return Ok(()) };
        let unacknowledged = session.incoming.len() + link.pubacks;
        match link.version == Version::V5 && unacknowledged >= maximum {
            true => Err(ReasonCode::ReceiveMaximumExceeded),
            false => Ok(()),
        }
    }

    /// A message of the embedding program; see [`BrokerHandle::publish`](crate::BrokerHandle::publish).
    ///
    /// # Errors
    /// 0x90 without a topic; 0x97 when the retained store is full or a receiver pushes back.
    pub fn publish_in_process(
        &mut self,
        publish: Publish,
        now: Time,
        effects: &mut Effects,
    ) -> Result<usize, ReasonCode> {
        let (qos, retain) = (publish.qos, publish.retain);
        let message = Message::from_publish(publish, now, 0).ok_or(ReasonCode::TopicNameInvalid)?;
        Ok(self
            .route(message.into(), qos, retain, None, true, now, effects)?
            .receivers)
    }

    /// Retains a message if it is to be, and queues it for everybody who subscribes to it.
    ///
    /// # Errors
    /// 0x97, and then nobody got it: the retained store is full, or (with `push_back`) a receiver at QoS 1 or 2 that
    /// pushes back is.
    #[allow(clippy::too_many_arguments)] // One private call with three callers; a struct would only repeat the names.
    pub(super) fn route(
        &mut self,
        message: Arc<Message>,
        qos: QoS,
        retain: bool,
        from: Option<SessionKey>,
        push_back: bool,
        now: Time,
        effects: &mut Effects,
    ) -> Result<Routed, ReasonCode> {
        let mut targets = std::mem::take(&mut self.targets);
        targets.clear();
        let sessions = &self.sessions;
        let online = |key: SessionKey| sessions[key as usize].link.is_some();
        self.router.route(&message.topic, from, online, &mut targets);
        let outcome = self.route_to(&mut targets, message, qos, retain, push_back, now, effects);
        if targets.capacity() > 16 * 1024 {
            targets = Vec::new();
        }
        self.targets = targets;
        outcome
    }

    #[allow(clippy::too_many_arguments)] // The second half of `route`.
    fn route_to(
        &mut self,
        targets: &mut Vec<crate::router::Target>,
        message: Arc<Message>,
        qos: QoS,
        retain: bool,
        push_back: bool,
        now: Time,
        effects: &mut Effects,
    ) -> Result<Routed, ReasonCode> {
        if push_back && qos != QoS::AtMostOnce && !self.full.is_empty() {
            let pushes = targets
                .iter()
                .any(|to| to.qos != QoS::AtMostOnce && self.full.contains(&to.session));
            if pushes {
                return Err(ReasonCode::QuotaExceeded);
            }
        }
        let mut position = 0;
        if retain {
            position = self.retain(&message, now)?;
        }
        if qos != QoS::AtMostOnce && self.log.keeps() {
            position = position.max(self.log_queued(targets, &message, qos));
        }
        let mut receivers = 0;
        for target in targets.drain(..) {
            let queued = Queued {
                message: message.clone(),
                meta: target.meta,
                qos: qos.min(target.qos),
                retain: retain && target.retain_as_published,
                burst: false,
            };
            receivers += usize::from(self.enqueue(target.session, queued, effects));
        }
        self.counters.published += 1;
        Ok(Routed { receivers, position })
    }

    /// Sets or, by an empty payload, clears the retained message of a topic.
    fn retain(&mut self, message: &Arc<Message>, now: Time) -> Result<Position, ReasonCode> {
        if message.payload.is_empty() {
            self.retained.clear(&message.topic);
            return Ok(self.log.append(Record::Retained {
                topic: &message.topic,
                message: None,
            }));
        }
        if self.retained.set(message.clone()) == Replaced::Refused {
            self.retained.expire(now);
            return Err(ReasonCode::QuotaExceeded);
        }
        Ok(self.log.append(Record::Retained {
            topic: &message.topic,
            message: Some(message),
        }))
    }

    fn log_queued(&mut self, targets: &[crate::router::Target], message: &Message, qos: QoS) -> Position {
        let sessions = &self.sessions;
        let lasting = targets.iter().filter_map(|target| {
            let session = &sessions[target.session as usize];
            let qos = qos.min(target.qos);
            (qos != QoS::AtMostOnce && !session.expiry.is_zero()).then_some((session.id, qos))
        });
        self.receivers.clear();
        self.receivers.extend(lasting);
        match self.receivers.is_empty() {
            true => 0,
            false => self.log.append(Record::Queued {
                message,
                receivers: &self.receivers,
            }),
        }
    }
}

/// The code as PUBACK and PUBREC may carry it.
fn told(reason: ReasonCode) -> ReasonCode {
    match reason {
        ReasonCode::MessageRateTooHigh => ReasonCode::QuotaExceeded,
        reason if reason.is_valid_in(crate::codec::PacketType::Puback) => reason,
        _ => ReasonCode::ImplementationSpecificError,
    }
}
