//! Outgoing QoS 1 and 2 deliveries of one session that the client has not finished with.
//!
//! **Invariant:** never holds more entries than its window.
//! **Invariant:** an identifier that is held is not given out again.

use std::num::NonZeroU16;

use hashbrown::HashMap;

use super::Queued;
use crate::codec::{PacketId, QoS};

/// What the client must send next.
#[derive(Debug)]
enum Awaits {
    Puback(Queued),
    Pubrec(Queued),
    /// The message itself is no longer needed.
    Pubcomp,
}

/// Deliveries by packet identifier.
#[derive(Debug)]
pub struct InflightWindow {
    /// With a number that says in which order they were sent.
    sent: HashMap<PacketId, (u64, Awaits)>,
    last_id: u16,
    sent_total: u64,
    window: u16,
}

/// What an acknowledgement did.
#[derive(Debug)]
pub enum Acked {
    /// The delivery is over.
    Done,
    /// QoS 2: PUBREL is to be sent.
    Release,
    /// No delivery with this identifier awaits this packet.
    Unknown,
}

/// What is to be sent again after a reconnect.
#[derive(Debug)]
pub enum Resend {
    /// The PUBLISH, with DUP.
    Publish(Queued),
    /// The PUBREL.
    Pubrel,
}

impl Default for InflightWindow {
    fn default() -> Self {
        Self {
            sent: HashMap::new(),
            last_id: 0,
            sent_total: 0,
            window: u16::MAX,
        }
    }
}

impl InflightWindow {
    /// Sets how many may be unacknowledged from now on. More may be held after a reconnect with a smaller window;
    /// then nothing new is sent until enough are acknowledged.
    pub fn set_window(&mut self, window: u16) {
        self.window = window;
    }

    /// Whether another delivery may be sent. [MQTT-3.3.4-9]
    pub fn has_room(&self) -> bool {
        self.sent.len() < usize::from(self.window)
    }

    /// Reserves a packet identifier for a delivery of QoS 1 or 2, or gives it back when the window is full.
    ///
    /// # Errors
    /// The delivery itself: ordinary back-pressure, it stays queued until an acknowledgement makes room.
    pub fn begin(&mut self, queued: Queued) -> Result<PacketId, Queued> {
        if !self.has_room() {
            return Err(queued);
        }
        // Ends: fewer than 65,535 are held, so one is free; and acknowledged in order the next one nearly always is.
        let id = loop {
            self.last_id = self.last_id.wrapping_add(1);
            if let Some(id) = NonZeroU16::new(self.last_id)
                && !self.sent.contains_key(&id)
            {
                break id;
            }
        };
        let awaits = match queued.qos {
            QoS::ExactlyOnce => Awaits::Pubrec(queued),
            QoS::AtLeastOnce | QoS::AtMostOnce => Awaits::Puback(queued),
        };
        self.sent.insert(id, (self.sent_total, awaits));
        self.sent_total += 1;
        Ok(id)
    }

    /// The client has a QoS 1 message.
    pub fn puback(&mut self, id: PacketId) -> Acked {
        match self.sent.get(&id) {
            Some((_, Awaits::Puback(_))) => self.finish(id),
            _ => Acked::Unknown,
        }
    }

    /// The client has a QoS 2 message, or refused it.
    pub fn pubrec(&mut self, id: PacketId, refused: bool) -> Acked {
        match self.sent.get_mut(&id) {
            Some((_, Awaits::Pubrec(_))) if refused => self.finish(id),
            Some((_, awaits @ (Awaits::Pubrec(_) | Awaits::Pubcomp))) => {
                *awaits = Awaits::Pubcomp;
                Acked::Release
            }
            _ => Acked::Unknown,
        }
    }

    /// The client has finished with a QoS 2 message.
    pub fn pubcomp(&mut self, id: PacketId) -> Acked {
        match self.sent.get(&id) {
            Some((_, Awaits::Pubcomp)) => self.finish(id),
            _ => Acked::Unknown,
        }
    }

    fn finish(&mut self, id: PacketId) -> Acked {
        self.sent.remove(&id);
        if self.sent.is_empty() && self.sent.capacity() > 16 {
            self.sent = HashMap::new();
        }
        Acked::Done
    }

    /// Ends a delivery that is not to be repeated, such as one that the receiver has lost the right to.
    pub fn forget(&mut self, id: PacketId) {
        self.finish(id);
    }

    /// Identifiers of everything held, in the order of sending. [MQTT-4.6.0-1]
    pub fn in_order(&self) -> Vec<PacketId> {
        let mut ids: Vec<_> = self.sent.iter().map(|(id, (order, _))| (*order, *id)).collect();
        ids.sort_unstable();
        ids.into_iter().map(|(_, id)| id).collect()
    }

    /// What to send again for an identifier, while it is held.
    pub fn resend(&self, id: PacketId) -> Option<Resend> {
        self.sent.get(&id).map(|(_, awaits)| match awaits {
            Awaits::Puback(queued) | Awaits::Pubrec(queued) => Resend::Publish(queued.clone()),
            Awaits::Pubcomp => Resend::Pubrel,
        })
    }

    /// Takes every message whose receipt was not confirmed, in the order of sending.
    pub fn take_unconfirmed(&mut self) -> Vec<Queued> {
        let mut taken: Vec<_> = self
            .sent
            .drain()
            .filter_map(|(_, (order, awaits))| match awaits {
                Awaits::Puback(queued) | Awaits::Pubrec(queued) => Some((order, queued)),
                Awaits::Pubcomp => None,
            })
            .collect();
        taken.sort_unstable_by_key(|(order, _)| *order);
        taken.into_iter().map(|(_, queued)| queued).collect()
    }

    /// Deliveries that are not finished.
    pub fn len(&self) -> usize {
        self.sent.len()
    }

    /// True when every delivery is finished.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }
}
