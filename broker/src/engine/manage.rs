//! What the embedding program asks and orders.

use super::{ConnectionInfo, Counters, Effects, Engine, SessionInfo, Time};
use crate::reason::ReasonCode;
use crate::router::SessionKey;

impl Engine {
    /// Every connected client.
    pub fn connections(&self, now: Time) -> Vec<ConnectionInfo> {
        let connected = self
            .sessions
            .iter()
            .filter_map(|(_, session)| Some((session, session.link.as_ref()?)));
        connected
            .map(|(session, link)| ConnectionInfo {
                client_id: session.client_id.clone(),
                principal: session.principal.id.clone(),
                peer: link.peer,
                transport: link.transport,
                version: link.version,
                connected_for: now.since(link.since),
            })
            .collect()
    }

    /// Every session.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        let sessions = self.sessions.iter();
        sessions
            .map(|(_, session)| SessionInfo {
                client_id: session.client_id.clone(),
                principal: session.principal.id.clone(),
                connected: session.link.is_some(),
                subscriptions: session.subscriptions.len(),
                queued: session.queue.len(),
                queued_bytes: session.queue.bytes(),
                inflight: session.inflight.len(),
            })
            .collect()
    }

    /// What was done and what is held.
    pub fn counters(&self) -> Counters {
        Counters {
            sessions: self.sessions.len(),
            subscriptions: self.router.len(),
            retained: self.retained.len(),
            retained_bytes: self.retained.bytes(),
            ..self.counters
        }
    }

    /// Messages queued towards receivers so far: what an owner measures its calls by.
    pub fn routed(&self) -> u64 {
        self.counters.routed
    }

    /// Ends the connection of a client; false when there is none.
    pub fn kick(&mut self, client_id: &str, reason: ReasonCode, now: Time, effects: &mut Effects) -> bool {
        let Some(key) = self.by_client.get(client_id).copied() else {
            return false;
        };
        let connected = self.session(key).link.is_some();
        if connected {
            self.close(key, reason, now, effects);
        }
        connected
    }

    /// Ends every connection and session of a principal; returns how many sessions there were. Their wills are
    /// judged by the authorizers as every will is.
    pub fn revoke(&mut self, principal: &str, now: Time, effects: &mut Effects) -> usize {
        let belongs = |key: &usize| &*self.sessions[*key].principal.id == principal;
        let keys: Vec<_> = self.sessions.iter().map(|(key, _)| key).filter(belongs).collect();
        for key in &keys {
            self.close(*key as SessionKey, ReasonCode::AdministrativeAction, now, effects);
            // A session that was not to outlive its connection is gone already, and nothing was added meanwhile.
            if self.sessions.contains(*key) {
                self.end_session(*key as SessionKey, now, effects);
            }
        }
        keys.len()
    }

    /// Ends every connection because the broker stops. Sessions stay, and no will is published: nobody vanished.
    pub fn shut_down(&mut self, now: Time, effects: &mut Effects) {
        let keys: Vec<_> = self.sessions.iter().map(|(key, _)| key as SessionKey).collect();
        for key in keys {
            self.expel(key, ReasonCode::ServerShuttingDown, false, now, effects);
        }
    }
}
