//! How connections and sessions end, and what becomes of wills.

use std::time::Duration;

use super::{Alarm, ConnectionKey, Effects, Engine, Message, Time};
use crate::log::Record;
use crate::plugin::{Event, PublishAccess, PublishOrigin};
use crate::reason::ReasonCode;
use crate::router::SessionKey;
use crate::session::{Queued, Session};

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The client said DISCONNECT.
    Client {
        /// Its code; every one but 0x00 has the will published. [MQTT-3.14.4-3]
        reason: ReasonCode,
        /// A new session expiry. [section 3.14.2.2.2]
        session_expiry: Option<Duration>,
    },
    /// Anything else: the socket ended, the client broke a rule, time ran out. The will is published.
    Lost {
        /// Why, for observers.
        reason: ReasonCode,
    },
}

impl Engine {
    /// A connection has ended. Without effect when its session is already free of it.
    pub fn disconnect(
        &mut self,
        connection: ConnectionKey,
        ending: Ending,
        now: Time,
        effects: &mut Effects,
    ) {
        let Ok(key) = self.living(connection) else {
            self.closing.remove(&connection.epoch);
            return;
        };
        let (reason, publish_will) = match ending {
            Ending::Client {
                reason,
                session_expiry,
            } => {
                if let Some(expiry) = session_expiry {
                    let max = self.limits.session_expiry_max;
                    let session = self.session(key);
                    session.expiry = expiry.min(session.principal.limits.session_expiry_max.unwrap_or(max));
                }
                (reason, reason != ReasonCode::NORMAL_DISCONNECTION)
            }
            Ending::Lost { reason } => (reason, true),
        };
        self.detach(key, reason, publish_will, now, effects);
    }

    /// Ends a session's connection from this side; the connection learns the reason when it next asks.
    pub(super) fn close(&mut self, key: SessionKey, reason: ReasonCode, now: Time, effects: &mut Effects) {
        self.expel(key, reason, true, now, effects);
    }

    /// As [`Self::close`], with a choice about the will.
    pub(super) fn expel(
        &mut self,
        key: SessionKey,
        reason: ReasonCode,
        publish_will: bool,
        now: Time,
        effects: &mut Effects,
    ) {
        let Some(link) = &self.sessions[key as usize].link else {
            return;
        };
        self.closing.insert(link.epoch, reason);
        effects.wakes.push(link.waker.clone());
        self.detach(key, reason, publish_will, now, effects);
    }

    fn detach(
        &mut self,
        key: SessionKey,
        reason: ReasonCode,
        publish_will: bool,
        now: Time,
        effects: &mut Effects,
    ) {
        self.counters.connections -= 1;
        let session = &mut self.sessions[key as usize];
        session.link = None;
        effects.event(|| Event::Disconnected {
            client_id: session.client_id.clone(),
            principal: session.principal.id.clone(),
            reason,
        });
        // QoS 0 does not outlive the connection.
        drop(session.queue_qos0.take());
        if !publish_will {
            session.will = None;
        }
        if session.expiry.is_zero() {
            self.end_session(key, now, effects);
            return;
        }
        let expires_at = now + session.expiry;
        session.expires_at = Some(expires_at);
        self.alarms.insert((expires_at, Alarm::Expiry, key));
        let Some(will) = &session.will else { return };
        // A delay past the end of the session is cut short by it. [MQTT-3.1.3-9]
        if will.delay.is_zero() {
            self.publish_will(key, now, effects);
        } else if now + will.delay < expires_at {
            let at = now + will.delay;
            session.will_at = Some(at);
            self.alarms.insert((at, Alarm::Will, key));
        }
    }

    /// Publishes a session's will, if it has one and still may.
    pub(super) fn publish_will(&mut self, key: SessionKey, now: Time, effects: &mut Effects) {
        let session = &mut self.sessions[key as usize];
        let Some(will) = session.will.take() else { return };
        let publish = will.publish;
        let (qos, retain) = (publish.qos, publish.retain);
        let client_id = session.client_id.clone();
        let principal = session.principal.clone();
        let Some(message) = Message::from_publish(publish, now, 0) else {
            return;
        };
        let access = PublishAccess {
            client_id: &client_id,
            topic: message.topic.as_str(),
            qos,
            retain,
            origin: PublishOrigin::Will,
        };
        let topic = message.topic.clone();
        let payload_bytes = message.payload.len();
        // Nobody is there to be pushed back, so a receiver that is full misses it, which is counted.
        let outcome = match self.chain.may_publish(&principal, &access) {
            true => self.route(message.into(), qos, retain, Some(key), false, now, effects),
            false => Err(ReasonCode::NotAuthorized),
        };
        match outcome {
            Ok(routed) => {
                let receivers = routed.receivers;
                effects.event(|| Event::Published {
                    client_id,
                    topic,
                    qos,
                    retain,
                    payload_bytes,
                    receivers,
                });
            }
            Err(reason) => {
                self.counters.refused += 1;
                effects.event(|| Event::PublishRefused {
                    client_id,
                    topic,
                    reason,
                });
            }
        }
    }

    /// Takes a session's timers away.
    pub(super) fn disarm(&mut self, key: SessionKey) {
        let session = &mut self.sessions[key as usize];
        if let Some(at) = session.expires_at.take() {
            self.alarms.remove(&(at, Alarm::Expiry, key));
        }
        if let Some(at) = session.will_at.take() {
            self.alarms.remove(&(at, Alarm::Will, key));
        }
    }

    /// Ends a session that no connection holds: its will is published, its subscriptions go, and what it had not
    /// confirmed of shared subscriptions goes to other members.
    pub(super) fn end_session(&mut self, key: SessionKey, now: Time, effects: &mut Effects) {
        self.publish_will(key, now, effects);
        self.disarm(key);
        let mut session = self.sessions.remove(key as usize);
        self.by_client.remove(&session.client_id);
        self.full.remove(&key);
        for filter in session.subscriptions.keys() {
            self.router.unsubscribe(key, filter);
        }
        if !session.expiry.is_zero() {
            self.log.append(Record::SessionEnded { session: session.id });
        }
        self.hand_over(&mut session, effects);
        effects.event(|| Event::SessionEnded {
            client_id: session.client_id.clone(),
        });
        effects.garbage.push(session);
    }

    fn hand_over(&mut self, session: &mut Session, effects: &mut Effects) {
        // Walking a long queue is spared where nothing in it can be shared.
        if !session
            .subscriptions
            .keys()
            .any(|filter| filter.share_group().is_some())
        {
            return;
        }
        let unconfirmed = session.inflight.take_unconfirmed();
        for queued in unconfirmed.into_iter().chain(session.queue.take()) {
            let Some(share) = queued.meta.as_ref().and_then(|meta| meta.share.as_ref()) else {
                continue;
            };
            let sessions = &self.sessions;
            let online = |key: SessionKey| sessions[key as usize].link.is_some();
            let Some(target) = self.router.reassign(share, online) else {
                continue;
            };
            let qos = queued.message.qos.min(target.qos);
            self.enqueue(
                target.session,
                Queued {
                    meta: target.meta,
                    qos,
                    ..queued
                },
                effects,
            );
        }
    }
}
