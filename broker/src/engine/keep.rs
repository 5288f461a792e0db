//! Sessions that are there before their client first connects.

use std::net::SocketAddr;
use std::task::Waker;
use std::time::Duration;

use super::{ConnectParams, Effects, Ending, Engine, Time};
use crate::codec::{ByteStr, QoS, RetainHandling, SubscribeOptions, Subscription, Version};
use crate::plugin::{Principal, Transport};
use crate::reason::ReasonCode;
use crate::topic::TopicFilter;

/// A session for a client that must not miss what is published before it first connects, such as an archive.
#[derive(Debug, Clone)]
pub struct KeptSession {
    /// The client's identifier.
    pub client_id: ByteStr,
    /// Whose it is: nobody else can take it over. Its limits bound what may wait.
    pub principal: Principal,
    /// What is kept for it, at QoS 1. Judged by the authorizers like any subscription.
    pub filters: Vec<TopicFilter>,
    /// How long it stays without its client; cut to the principal's bound.
    pub expiry: Duration,
}

impl Engine {
    /// Makes the session unless the client has one already. Returns whether it was made.
    ///
    /// It goes the way of every session: a connection that subscribes and ends, only that there is no socket.
    ///
    /// # Errors
    /// 0x87 when a filter is denied, 0x97 when a bound is reached; then there is no session.
    pub fn keep_session(
        &mut self,
        kept: KeptSession,
        now: Time,
        effects: &mut Effects,
    ) -> Result<bool, ReasonCode> {
        if self.by_client.contains_key(&kept.client_id) {
            return Ok(false);
        }
        let connection = self
            .connect(
                ConnectParams {
                    client_id: kept.client_id.detach(),
                    principal: kept.principal,
                    version: Version::V5,
                    clean_start: false,
                    session_expiry: kept.expiry,
                    receive_maximum: u16::MAX,
                    packet_size_max: u32::MAX,
                    will: None,
                    peer: SocketAddr::from(([127, 0, 0, 1], 0)),
                    transport: Transport::Tcp,
                    waker: Waker::noop().clone(),
                },
                now,
                effects,
            )?
            .connection;
        let options = SubscribeOptions {
            qos: QoS::AtLeastOnce,
            retain_handling: RetainHandling::DoNotSend,
            ..SubscribeOptions::default()
        };
        let key = connection.session;
        for filter in kept.filters {
            let subscription = Subscription { filter, options };
            if let Err(reason) = self.subscribe_one(key, &subscription, None, now, effects) {
                self.close(key, reason, now, effects);
                self.closing.remove(&connection.epoch);
                self.end_session(key, now, effects);
                return Err(reason);
            }
        }
        let ending = Ending::Client {
            reason: ReasonCode::NORMAL_DISCONNECTION,
            session_expiry: None,
        };
        self.disconnect(connection, ending, now, effects);
        Ok(true)
    }
}
