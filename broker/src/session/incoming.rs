//! Incoming QoS 2 publishes of one session, method A: the message is routed when it comes first, and its identifier is
//! remembered until the client releases it, so that a repetition is recognized.

use hashbrown::HashSet;

use crate::codec::PacketId;

/// Identifiers that were received and not released. Bounded by the receive maximum, which the engine checks.
#[derive(Debug, Default)]
pub struct Incoming {
    ids: HashSet<PacketId>,
}

/// Whether a QoS 2 publish is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// To be routed.
    New,
    /// Routed before; only to be acknowledged again. [MQTT-4.3.3-10]
    Again,
}

impl Incoming {
    /// Whether a PUBLISH with this identifier is new; it is not remembered yet.
    pub fn check(&self, id: PacketId) -> Received {
        match self.ids.contains(&id) {
            true => Received::Again,
            false => Received::New,
        }
    }

    /// Remembers an identifier until [`Self::release`].
    pub fn accept(&mut self, id: PacketId) {
        self.ids.insert(id);
    }

    /// PUBREL came; false when the identifier is not known.
    pub fn release(&mut self, id: PacketId) -> bool {
        let known = self.ids.remove(&id);
        if self.ids.is_empty() && self.ids.capacity() > 16 {
            self.ids = HashSet::new();
        }
        known
    }

    /// Identifiers not released yet.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// True when every identifier was released.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}
