//! The whole state of a broker as one state machine: sessions, router, retained messages, wills, timers.
//!
//! Inputs are calls: [`Engine::connect`], [`Engine::packet`], [`Engine::disconnect`], [`Engine::tick`], each with the
//! time. Outputs are pulled by connections with [`Engine::pull`]; a call says in [`Effects`] which of them to wake.
//! So a message crosses from publisher to receiver through one queue, the session's own, and a receiver that does
//! not read leaves it there, under the session's bounds.
//!
//! **Invariant:** performs no IO, reads no clock and waits for nobody; every call ends in time that follows from the
//! receivers of what it was given.
//! **Invariant:** what a connection does after its session was taken over, kicked or ended has no effect.
//! **Invariant:** an acknowledgement is handed out only when the log says that what it confirms is durable.
//!
//! Deliberately knows neither sockets nor bytes nor tasks; the owner keeps it behind a lock and calls it.

mod connect;
mod deliver;
mod effects;
mod end;
mod info;
mod keep;
mod manage;
mod message;
mod outgoing;
mod packet;
mod publish;
mod pull;
mod subscribe;
mod time;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use slab::Slab;

use crate::codec::{ByteStr, QoS};
use crate::limits::Limits;
use crate::log::{Log, Position};
use crate::plugin::Chain;
use crate::reason::ReasonCode;
use crate::router::{RetainedStore, Router, SessionKey, Target};
use crate::session::Session;

pub use connect::{Accepted, ConnectParams};
pub use effects::Effects;
pub use end::Ending;
pub use info::{ConnectionInfo, Counters, SessionInfo};
pub use keep::KeptSession;
pub use message::Message;
pub use outgoing::{Outbound, Outgoing, Reply};
pub use time::Time;

/// Names one connection of one session, for as long as the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionKey {
    session: SessionKey,
    epoch: u64,
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    /// The will is due. Before the expiry of the same instant.
    Will,
    /// The session ends.
    Expiry,
}

/// See the [module](self).
pub struct Engine {
    limits: Arc<Limits>,
    chain: Chain,
    log: Box<dyn Log>,
    sessions: Slab<Session>,
    by_client: HashMap<ByteStr, SessionKey>,
    router: Router,
    retained: RetainedStore,
    /// At most two per session.
    alarms: BTreeSet<(Time, Alarm, SessionKey)>,
    /// Why connections were ended from this side, until they ask; by epoch.
    closing: HashMap<u64, ReasonCode>,
    /// Sessions that push back and are full: while there are none, a publish need not look.
    full: HashSet<SessionKey>,
    /// Connections that wait for the log, in its order.
    gated: VecDeque<(Position, ConnectionKey)>,
    /// Numbers sessions and connections.
    next_number: u64,
    counters: Counters,
    /// Scratch of a publish.
    targets: Vec<Target>,
    /// Scratch of a publish.
    receivers: Vec<(u64, QoS)>,
}

impl Engine {
    /// An empty broker.
    pub fn new(limits: Arc<Limits>, chain: Chain, log: Box<dyn Log>) -> Self {
        let retained = RetainedStore::new(limits.retained_max, limits.retained_bytes_max);
        Self {
            limits,
            chain,
            log,
            sessions: Slab::new(),
            by_client: HashMap::new(),
            router: Router::default(),
            retained,
            alarms: BTreeSet::new(),
            closing: HashMap::new(),
            full: HashSet::new(),
            gated: VecDeque::new(),
            next_number: 1,
            counters: Counters::default(),
            targets: Vec::new(),
            receivers: Vec::new(),
        }
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// The place of a living connection's session; for a dead one the reason it was ended with.
    fn living(&self, connection: ConnectionKey) -> Result<SessionKey, ReasonCode> {
        let link = self
            .sessions
            .get(connection.session as usize)
            .and_then(|session| session.link.as_ref());
        match link {
            Some(link) if link.epoch == connection.epoch => Ok(connection.session),
            _ => Err(self
                .closing
                .get(&connection.epoch)
                .copied()
                .unwrap_or(ReasonCode::SessionTakenOver)),
        }
    }

    /// Panics when there is no such session: keys come from this engine and are dropped with their session.
    fn session(&mut self, key: SessionKey) -> &mut Session {
        &mut self.sessions[key as usize]
    }

    /// Queues an answer for a connected session behind those that wait; it leaves when `position` is durable.
    fn reply(&mut self, key: SessionKey, position: Position, reply: Reply) {
        let durable = self.log.durable_upto();
        let Some(link) = &mut self.sessions[key as usize].link else {
            return;
        };
        link.pubacks += usize::from(matches!(reply, Reply::Puback(..)));
        link.replies.push_back((position, reply));
        if position > durable {
            self.gated.push_back((
                position,
                ConnectionKey {
                    session: key,
                    epoch: link.epoch,
                },
            ));
        }
    }

    /// Wakes a session's connection, once until it comes.
    fn ring(session: &mut Session, effects: &mut Effects) {
        if let Some(link) = &mut session.link
            && !link.rung
        {
            link.rung = true;
            effects.wakes.push(link.waker.clone());
        }
    }

    /// The log has come further: connections whose answers it held back are woken.
    pub fn durable_advanced(&mut self, effects: &mut Effects) {
        let durable = self.log.durable_upto();
        while let Some((position, connection)) = self.gated.front().copied()
            && position <= durable
        {
            self.gated.pop_front();
            if let Ok(key) = self.living(connection) {
                Self::ring(&mut self.sessions[key as usize], effects);
            }
        }
    }

    /// Does what is due: wills, ends of sessions, expiry of retained messages. To be called about once a second and
    /// harmless at any other time.
    pub fn tick(&mut self, now: Time, effects: &mut Effects) {
        while let Some((at, alarm, key)) = self.alarms.first().copied()
            && at <= now
        {
            self.alarms.pop_first();
            match alarm {
                Alarm::Will => {
                    self.session(key).will_at = None;
                    self.publish_will(key, now, effects);
                }
                Alarm::Expiry => {
                    self.session(key).expires_at = None;
                    self.end_session(key, now, effects);
                }
            }
        }
        self.retained.expire(now);
    }

    /// When [`Self::tick`] next has something to do.
    pub fn next_alarm(&self) -> Option<Time> {
        let session = self.alarms.first().map(|(at, ..)| *at);
        [session, self.retained.next_alarm()].into_iter().flatten().min()
    }
}
