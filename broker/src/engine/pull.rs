//! A connection comes for what it has to send.

use super::{ConnectionKey, Effects, Engine, Outbound, Outgoing, Reply, Time};
use crate::codec::{PacketId, QoS, encoded_publish_len};
use crate::log::Record;
use crate::plugin::ReceiveAccess;
use crate::reason::ReasonCode;
use crate::router::SessionKey;
use crate::session::{Queued, Resend};

/// Most things that one pull looks at, so that nobody waits long for the lock.
const STEPS_MAX: usize = 512;

/// Beyond topic and payload, for the budget: header, identifier, some properties.
const OVERHEAD: usize = 16;

impl Engine {
    /// Appends what is to be sent on a connection, of about `bytes_max` bytes. True when there is more.
    ///
    /// Identifiers are given out here, so that what a slow reader has not taken costs no window; and rights are asked
    /// here, so that what waited is judged as of now.
    ///
    /// # Errors
    /// The reason that the connection was ended with from this side.
    pub fn pull(
        &mut self,
        connection: ConnectionKey,
        bytes_max: usize,
        now: Time,
        out: &mut Vec<Outgoing>,
        effects: &mut Effects,
    ) -> Result<bool, ReasonCode> {
        let key = self.living(connection)?;
        let durable = self.log.durable_upto();
        let Some(link) = &mut self.sessions[key as usize].link else {
            return Ok(false);
        };
        link.rung = false;
        let mut budget = bytes_max;
        let mut steps = STEPS_MAX;
        while let Some((position, _)) = link.replies.front()
            && *position <= durable
        {
            if steps == 0 {
                return Ok(true);
            }
            steps -= 1;
            budget = budget.saturating_sub(OVERHEAD);
            let Some((_, reply)) = link.replies.pop_front() else {
                break;
            };
            link.pubacks -= usize::from(matches!(reply, Reply::Puback(..)));
            out.push(Outgoing::Reply(reply));
        }
        if link.replies.is_empty() && link.replies.capacity() > 0 {
            link.replies = Default::default();
        }
        while steps > 0 && budget > 0 {
            steps -= 1;
            let Some(id) = self.next_resend(key) else { break };
            budget = budget.saturating_sub(self.resend(key, id, now, out, effects));
        }
        let resending = !self
            .session(key)
            .link
            .as_ref()
            .is_none_or(|link| link.resend.is_empty());
        // Nothing new before everything old: that is what keeps the order. [MQTT-4.6.0-1]
        while steps > 0 && budget > 0 && !resending {
            steps -= 1;
            let Some(queued) = self.session(key).pop() else {
                break;
            };
            budget = budget.saturating_sub(self.send(key, queued, now, out, effects));
        }
        if !self.full.is_empty() {
            self.note_fullness(key);
        }
        let more = resending || self.session(key).has_sendable();
        Ok(more)
    }

    /// Answers that wait for a connection; past [`crate::Limits::pending_acks_max`] it is not read from.
    pub fn waiting_replies(&self, connection: ConnectionKey) -> usize {
        let session = self.sessions.get(connection.session as usize);
        session
            .and_then(|session| session.link.as_ref())
            .map_or(0, |link| link.replies.len())
    }

    fn next_resend(&mut self, key: SessionKey) -> Option<PacketId> {
        self.session(key).link.as_mut()?.resend.pop_front()
    }

    /// Repeats what was in flight when the last connection ended; returns the bytes. [MQTT-4.4.0-1]
    fn resend(
        &mut self,
        key: SessionKey,
        id: PacketId,
        now: Time,
        out: &mut Vec<Outgoing>,
        effects: &mut Effects,
    ) -> usize {
        match self.session(key).inflight.resend(id) {
            None => 0,
            Some(Resend::Pubrel) => {
                out.push(Outgoing::Reply(Reply::Pubrel(id, ReasonCode::Success)));
                OVERHEAD
            }
            Some(Resend::Publish(queued)) => {
                // An expired message that was sent before is sent again: the client may know of it already.
                let message_expiry = queued
                    .message
                    .expires_at
                    .map(|at| at.seconds_left(now).unwrap_or(0));
                let bytes = queued.message.size() + OVERHEAD;
                let outbound = Outbound {
                    queued,
                    packet_id: Some(id),
                    dup: true,
                    message_expiry,
                };
                if let Err(reason) = self.deliverable(key, &outbound) {
                    self.session(key).inflight.forget(id);
                    self.undeliverable(key, &outbound.queued, reason, effects);
                    return OVERHEAD;
                }
                self.counters.delivered += 1;
                out.push(Outgoing::Publish(outbound));
                bytes
            }
        }
    }

    /// Sends a message for the first time; returns the bytes.
    fn send(
        &mut self,
        key: SessionKey,
        queued: Queued,
        now: Time,
        out: &mut Vec<Outgoing>,
        effects: &mut Effects,
    ) -> usize {
        let message_expiry = match queued.message.expires_at.map(|at| at.seconds_left(now)) {
            None => None,
            Some(Some(left)) => Some(left),
            Some(None) => {
                self.counters.dropped_expired += 1;
                return 1;
            }
        };
        let bytes = queued.message.size() + OVERHEAD;
        let mut outbound = Outbound {
            queued,
            packet_id: None,
            dup: false,
            message_expiry,
        };
        if let Err(reason) = self.deliverable(key, &outbound) {
            self.undeliverable(key, &outbound.queued, reason, effects);
            return 1;
        }
        if outbound.queued.qos != QoS::AtMostOnce {
            let session = &mut self.sessions[key as usize];
            // `pop` gave it because the window has room.
            let Ok(id) = session.inflight.begin(outbound.queued.clone()) else {
                return 1;
            };
            outbound.packet_id = Some(id);
            if !session.expiry.is_zero() {
                self.log.append(Record::Sent {
                    session: session.id,
                    packet_id: id,
                });
            }
        }
        self.counters.delivered += 1;
        out.push(Outgoing::Publish(outbound));
        bytes
    }

    /// Whether the receiver may have it [rights] and takes it [size].
    fn deliverable(&self, key: SessionKey, outbound: &Outbound) -> Result<(), ReasonCode> {
        let session = &self.sessions[key as usize];
        let message = &outbound.queued.message;
        if !self.chain.is_open() {
            let access = ReceiveAccess {
                client_id: &session.client_id,
                topic: message.topic.as_str(),
            };
            if !self.chain.may_receive(&session.principal, &access) {
                return Err(ReasonCode::NotAuthorized);
            }
        }
        let Some(link) = &session.link else { return Ok(()) };
        if link.packet_size_max == u32::MAX {
            return Ok(());
        }
        let mut delivery = outbound.as_delivery();
        delivery.packet_id = (delivery.qos != QoS::AtMostOnce).then_some(PacketId::MIN);
        match encoded_publish_len(&delivery, link.version) {
            Ok(len) if len <= link.packet_size_max as usize => Ok(()),
            _ => Err(ReasonCode::PacketTooLarge),
        }
    }

    /// Counts and tells what a receiver may not have or does not take; for the flow it was delivered.
    /// [MQTT-3.1.2-25]
    fn undeliverable(&mut self, key: SessionKey, queued: &Queued, reason: ReasonCode, effects: &mut Effects) {
        match reason {
            ReasonCode::PacketTooLarge => self.counters.dropped_too_large += 1,
            _ => self.counters.dropped_denied += 1,
        }
        self.tell_dropped(key, queued, reason, effects);
    }
}
