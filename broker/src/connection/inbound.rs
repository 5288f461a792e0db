//! From received bytes to what the engine is given: decoding, topic aliases, filters and authorization.
//!
//! Runs with nothing locked. **Invariant:** a publish that leaves here has its topic and was admitted by every plugin.

use std::num::NonZeroU16;
use std::time::SystemTime;

use bytes::BytesMut;

use crate::codec::{Auth, ByteStr, DecodeError, DecodeLimits, Disconnect, Packet, Publish, Version, decode};
use crate::plugin::{Chain, Principal, PublishOrigin};
use crate::reason::ReasonCode;
use crate::topic::TopicName;

/// Packets that are decoded before the engine is locked for them.
pub(super) const BATCH_MAX: usize = 64;

/// One packet, judged.
pub(super) enum Judged {
    /// For the engine.
    Packet(Packet),
    /// A publish that a plugin refused.
    Refused(Publish, ReasonCode),
}

/// Why decoding paused.
pub(super) enum Pause {
    /// More bytes are needed.
    Hungry,
    /// The batch is full, there may be more.
    Full,
    /// The client leaves.
    Disconnect(Disconnect),
    /// The client renews its credentials.
    Auth(Auth),
    /// The connection must end.
    Fault(ReasonCode, &'static str),
}

/// The part of a connection that decoding needs.
pub(super) struct Inbound {
    pub(super) version: Version,
    pub(super) limits: DecodeLimits,
    pub(super) client_id: ByteStr,
    pub(super) principal: Principal,
    /// Topics by alias, from 1. Grows with the aliases that are used.
    aliases: Vec<Option<TopicName>>,
    alias_max: u16,
}

impl Inbound {
    pub(super) fn new(
        version: Version,
        limits: DecodeLimits,
        client_id: ByteStr,
        principal: Principal,
        alias_max: u16,
    ) -> Self {
        Self {
            version,
            limits,
            client_id,
            principal,
            aliases: Vec::new(),
            alias_max,
        }
    }

    /// Decodes and judges until something else is to be done.
    pub(super) fn decode(&mut self, input: &mut BytesMut, chain: &Chain, batch: &mut Vec<Judged>) -> Pause {
        while batch.len() < BATCH_MAX {
            let packet = match decode(input, Some(self.version), &self.limits) {
                Ok(Some(packet)) => packet,
                Ok(None) => return Pause::Hungry,
                Err(DecodeError { reason, what, .. }) => return Pause::Fault(reason, what),
            };
            match packet {
                Packet::Publish(mut publish) => {
                    if let Err((reason, what)) = self.resolve_alias(&mut publish) {
                        return Pause::Fault(reason, what);
                    }
                    let admitted = chain.admit(
                        &mut publish,
                        &self.principal,
                        &self.client_id,
                        PublishOrigin::Publish,
                        SystemTime::now,
                    );
                    batch.push(match admitted {
                        Ok(()) => Judged::Packet(Packet::Publish(publish)),
                        Err(reason) => Judged::Refused(publish, reason),
                    });
                }
                Packet::Disconnect(disconnect) => return Pause::Disconnect(disconnect),
                Packet::Auth(auth) => return Pause::Auth(auth),
                Packet::Connect(_) => return Pause::Fault(ReasonCode::ProtocolError, "a second CONNECT"),
                packet => batch.push(Judged::Packet(packet)),
            }
        }
        Pause::Full
    }

    /// Replaces an alias by its topic, or learns it. [section 3.3.2.3.4]
    fn resolve_alias(&mut self, publish: &mut Publish) -> Result<(), (ReasonCode, &'static str)> {
        let Some(alias) = publish.properties.topic_alias.take().map(NonZeroU16::get) else {
            return Ok(());
        };
        if alias > self.alias_max {
            return Err((
                ReasonCode::TopicAliasInvalid,
                "a topic alias is above the maximum",
            ));
        }
        let at = usize::from(alias) - 1;
        match &publish.topic {
            Some(topic) => {
                if at >= self.aliases.len() {
                    self.aliases.resize(at + 1, None);
                }
                self.aliases[at] = Some(topic.detach());
                Ok(())
            }
            None => {
                publish.topic = self.aliases.get(at).cloned().flatten();
                // A number within the bound that stands for nothing has a code of its own.
                publish
                    .topic
                    .is_some()
                    .then_some(())
                    .ok_or((ReasonCode::ProtocolError, "a topic alias is not known"))
            }
        }
    }
}
