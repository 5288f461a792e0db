//! CONNECT: a connection takes its session, and takes it over when another holds it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::task::Waker;
use std::time::Duration;

use super::{ConnectionKey, Effects, Engine, Time};
use crate::codec::{ByteStr, Version};
use crate::log::Record;
use crate::plugin::{Event, Principal, Transport};
use crate::reason::ReasonCode;
use crate::router::SessionKey;
use crate::session::{Link, QueueBounds, Session, StoredWill};

/// An authenticated CONNECT.
#[derive(Debug)]
pub struct ConnectParams {
    /// As sent or assigned; in memory of its own.
    pub client_id: ByteStr,
    /// Who it is.
    pub principal: Principal,
    /// What it speaks.
    pub version: Version,
    /// Begin without the session that may exist.
    pub clean_start: bool,
    /// How long the session shall outlive the connection; cut to the broker's bound.
    pub session_expiry: Duration,
    /// Unacknowledged deliveries that the client takes.
    pub receive_maximum: u16,
    /// Longest packet that the client takes, in bytes.
    pub packet_size_max: u32,
    /// Filtered and authorized will.
    pub will: Option<StoredWill>,
    /// Its address.
    pub peer: SocketAddr,
    /// How it came.
    pub transport: Transport,
    /// Woken when there is something to send.
    pub waker: Waker,
}

/// A CONNECT that was accepted.
#[derive(Debug, Clone, Copy)]
pub struct Accepted {
    /// Names the connection from now on.
    pub connection: ConnectionKey,
    /// Whether a session was found. [MQTT-3.2.2-2]
    pub session_present: bool,
    /// How long the session will outlive the connection.
    pub session_expiry: Duration,
}

impl Engine {
    /// Gives a connection its session. Whoever held it is ended with 0x8E.
    ///
    /// # Errors
    /// 0x87 when the session of that client id belongs to another principal (it is left alone), 0x97 when there are
    /// as many sessions as allowed.
    pub fn connect(
        &mut self,
        params: ConnectParams,
        now: Time,
        effects: &mut Effects,
    ) -> Result<Accepted, ReasonCode> {
        let found = self.by_client.get(&params.client_id).copied();
        if let Some(key) = found
            && self.session(key).principal.id != params.principal.id
        {
            return Err(ReasonCode::NotAuthorized);
        }
        let key = match found {
            Some(key) => self.take_over(key, params.clean_start, now, effects),
            None => None,
        };
        let session_present = key.is_some();
        let key = match key {
            Some(key) => key,
            None => self.new_session(&params)?,
        };
        Ok(self.link(key, session_present, params, now, effects))
    }

    /// Frees an existing session of its connection. `None` when nothing of it is left to continue.
    fn take_over(
        &mut self,
        key: SessionKey,
        clean_start: bool,
        now: Time,
        effects: &mut Effects,
    ) -> Option<SessionKey> {
        let id = self.session(key).id;
        if self.session(key).link.is_some() {
            // Ends the session too where it was not to outlive its connection. [MQTT-3.1.4-3]
            self.close(key, ReasonCode::SessionTakenOver, now, effects);
        }
        if self
            .sessions
            .get(key as usize)
            .is_none_or(|session| session.id != id)
        {
            return None;
        }
        if clean_start {
            // The old session ends here, and with it the wait of its will. [MQTT-3.1.2-4]
            self.end_session(key, now, effects);
            return None;
        }
        Some(key)
    }

    fn new_session(&mut self, params: &ConnectParams) -> Result<SessionKey, ReasonCode> {
        if self.sessions.len() >= self.limits.sessions_max {
            return Err(ReasonCode::QuotaExceeded);
        }
        let id = self.number();
        let bounds = QueueBounds::of(&self.limits, &params.principal);
        let session = Session::new(id, params.client_id.clone(), params.principal.clone(), bounds);
        let key = self.sessions.insert(session) as SessionKey;
        self.by_client.insert(params.client_id.clone(), key);
        Ok(key)
    }

    fn link(
        &mut self,
        key: SessionKey,
        session_present: bool,
        params: ConnectParams,
        now: Time,
        effects: &mut Effects,
    ) -> Accepted {
        let epoch = self.number();
        self.disarm(key);
        let expiry_max = params.principal.limits.session_expiry_max;
        let session_expiry = params
            .session_expiry
            .min(expiry_max.unwrap_or(self.limits.session_expiry_max));
        let window = params.receive_maximum.min(self.limits.inflight_max);
        let bounds = QueueBounds::of(&self.limits, &params.principal);
        let session = &mut self.sessions[key as usize];
        session.principal = params.principal;
        session.bounds = bounds;
        session.expiry = session_expiry;
        // A will that still waited belongs to a connection whose client is back. [MQTT-3.1.3-9]
        session.will = params.will;
        session.inflight.set_window(window);
        let resend: VecDeque<_> = session.inflight.in_order().into();
        let client_id = session.client_id.clone();
        effects.event(|| Event::Connected {
            client_id,
            principal: session.principal.id.clone(),
            peer: params.peer,
            transport: params.transport,
            version: params.version,
            session_present,
        });
        session.link = Some(Link {
            epoch,
            waker: params.waker,
            rung: false,
            replies: VecDeque::new(),
            pubacks: 0,
            resend,
            packet_size_max: params.packet_size_max,
            version: params.version,
            peer: params.peer,
            transport: params.transport,
            since: now,
        });
        if !session_expiry.is_zero() {
            self.log.append(Record::Session {
                session: session.id,
                client_id: &session.client_id,
                principal: &session.principal.id,
                expiry: session_expiry,
                will: session.will.as_ref().map(|will| &will.publish),
            });
        }
        self.note_fullness(key);
        self.counters.connections += 1;
        Accepted {
            connection: ConnectionKey { session: key, epoch },
            session_present,
            session_expiry,
        }
    }

    /// The principal of a living connection has new credentials.
    ///
    /// # Errors
    /// 0x87 when it is another principal; otherwise the reason that the connection was ended with.
    pub fn reauthenticated(
        &mut self,
        connection: ConnectionKey,
        principal: Principal,
    ) -> Result<(), ReasonCode> {
        let key = self.living(connection)?;
        if self.session(key).principal.id != principal.id {
            return Err(ReasonCode::NotAuthorized);
        }
        let bounds = QueueBounds::of(&self.limits, &principal);
        let session = self.session(key);
        session.principal = principal;
        session.bounds = bounds;
        self.note_fullness(key);
        Ok(())
    }
}
