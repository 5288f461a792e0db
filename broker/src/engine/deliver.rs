//! A message joins one receiver's queue, or is dropped there by the receiver's bounds.

use super::{Effects, Engine};
use crate::codec::QoS;
use crate::plugin::{Event, WhenFull};
use crate::reason::ReasonCode;
use crate::router::SessionKey;
use crate::session::Queued;

impl Engine {
    /// Puts a message into a session's queue and wakes its connection. False when it was dropped, which is counted.
    ///
    /// QoS 0 waits only for a connected client. Past the bounds the newest is dropped, at QoS 1 and 2 too: whoever
    /// must not miss anything asks for [`WhenFull::PushBack`], which was looked at before.
    pub(super) fn enqueue(&mut self, key: SessionKey, queued: Queued, effects: &mut Effects) -> bool {
        let session = &mut self.sessions[key as usize];
        if queued.qos == QoS::AtMostOnce {
            if session.link.is_none() {
                return false;
            }
            let waiting = &session.queue_qos0;
            let full = waiting.len() >= self.limits.queue_qos0_max
                || waiting.bytes() >= self.limits.queue_qos0_bytes_max;
            if full && !queued.burst {
                self.drop_full(key, &queued, effects);
                return false;
            }
            let order = session.queue.pushed();
            session.queue_qos0.push(order, queued);
            Self::ring(session, effects);
            self.counters.routed += 1;
            return true;
        }
        if session.is_full() && !queued.burst {
            self.drop_full(key, &queued, effects);
            return false;
        }
        session.queue.push(0, queued);
        // With a full window the acknowledgement that makes room brings the connection here anyway.
        if session.inflight.has_room() {
            Self::ring(session, effects);
        }
        if session.bounds.when_full == WhenFull::PushBack && session.is_full() {
            self.full.insert(key);
        }
        self.counters.routed += 1;
        true
    }

    fn drop_full(&mut self, key: SessionKey, queued: &Queued, effects: &mut Effects) {
        self.counters.dropped_queue_full += 1;
        self.tell_dropped(key, queued, ReasonCode::QuotaExceeded, effects);
    }

    /// Tells observers that a receiver misses a message.
    pub(super) fn tell_dropped(
        &self,
        key: SessionKey,
        queued: &Queued,
        reason: ReasonCode,
        effects: &mut Effects,
    ) {
        effects.event(|| Event::Dropped {
            client_id: self.sessions[key as usize].client_id.clone(),
            topic: queued.message.topic.clone(),
            qos: queued.qos,
            reason,
        });
    }

    /// Keeps the list of full sessions that push back.
    pub(super) fn note_fullness(&mut self, key: SessionKey) {
        let session = &self.sessions[key as usize];
        if session.bounds.when_full == WhenFull::PushBack && session.is_full() {
            self.full.insert(key);
        } else if !self.full.is_empty() {
            self.full.remove(&key);
        }
    }
}
