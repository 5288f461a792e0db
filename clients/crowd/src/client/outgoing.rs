//! Publishes of QoS 1 on their way: those that wait, those sent on this connection, and those that an earlier
//! connection left unanswered.
//!
//! **Invariant:** the entries are in the order in which they were taken, and those sent on this connection stand first;
//! so whatever is sent, sent again or put back leaves in the order of its taking.
//! **Invariant:** performs no IO and reads no clock; callers pass `now`.

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use muster_broker::ReasonCode;
use muster_broker::codec::{PacketId, Publish};

use super::QueueFull;

/// What the owner of a client calls a publish; it comes back with the acknowledgement.
pub type Token = u64;

/// How long to send nothing after the server said that it has too much to do.
pub(super) const PUSHED_BACK: Duration = Duration::from_millis(250);

/// The highest identifier for a publish; those above are for subscribing.
pub(super) const ID_MAX: PacketId = PacketId::new(60_000).unwrap();

struct Entry {
    /// The order of taking.
    serial: u64,
    token: Token,
    /// With a packet identifier once it was sent in the session that still holds.
    publish: Publish,
    /// How often it was sent.
    sends: u32,
    /// When it was sent last.
    sent_at: Instant,
}

/// What an acknowledgement came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Acked {
    /// The server has it (or refuses it for good, see the reason).
    Done {
        token: Token,
        /// Since it was sent last.
        waited: Duration,
        reason: ReasonCode,
    },
    /// The server has no room: it waits again.
    PushedBack { token: Token },
    /// No publish of that identifier waits.
    Unknown,
}

pub(super) struct Outgoing {
    entries: VecDeque<Entry>,
    /// How many of `entries`, from the front, were sent on this connection.
    sent: usize,
    /// Most that wait for an acknowledgement at once: the server's receive maximum, or fewer by configuration.
    window: usize,
    queue_max: usize,
    next_serial: u64,
    next_id: NonZeroU16,
    paused_until: Option<Instant>,
}

impl Outgoing {
    pub(super) fn new(queue_max: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            sent: 0,
            window: 0,
            queue_max,
            next_serial: 0,
            next_id: NonZeroU16::MIN,
            paused_until: None,
        }
    }

    /// Takes a publish, which has no packet identifier yet.
    pub(super) fn push(&mut self, publish: Publish, token: Token, now: Instant) -> Result<(), QueueFull> {
        if self.entries.len() >= self.queue_max {
            return Err(QueueFull);
        }
        self.entries.push_back(Entry {
            serial: self.next_serial,
            token,
            publish,
            sends: 0,
            sent_at: now,
        });
        self.next_serial += 1;
        Ok(())
    }

    /// A connection came about. Without the session the packet identifiers mean nothing any more.
    pub(super) fn connected(&mut self, session_present: bool, window: usize) {
        self.sent = 0;
        self.window = window.max(1);
        self.paused_until = None;
        if !session_present {
            for entry in &mut self.entries {
                entry.publish.packet_id = None;
                entry.publish.dup = false;
            }
        }
    }

    /// The connection is gone: nothing may be sent, and all that was not acknowledged will be sent again.
    pub(super) fn disconnected(&mut self) {
        self.sent = 0;
        self.window = 0;
    }

    /// The next publish to write now, and whether it was sent before, or `None` when nothing waits or nothing may be
    /// sent.
    pub(super) fn next(&mut self, now: Instant) -> Option<(&Publish, Token, bool)> {
        if self.sent >= self.window || self.sent >= self.entries.len() {
            return None;
        }
        if self.paused_until.is_some_and(|until| now < until) {
            return None;
        }
        let id = match self.entries[self.sent].publish.packet_id {
            Some(id) => id,
            None => self.free_id()?,
        };
        let entry = &mut self.entries[self.sent];
        self.sent += 1;
        entry.publish.dup = entry.publish.packet_id.is_some();
        entry.publish.packet_id = Some(id);
        entry.sends += 1;
        entry.sent_at = now;
        Some((&entry.publish, entry.token, entry.sends > 1))
    }

    /// A PUBACK arrived.
    pub(super) fn acked(&mut self, id: PacketId, reason: ReasonCode, now: Instant) -> Acked {
        let sent = self.entries.iter().take(self.sent);
        let Some(index) = sent
            .into_iter()
            .position(|entry| entry.publish.packet_id == Some(id))
        else {
            return Acked::Unknown;
        };
        let mut entry = self.entries.remove(index).expect("the index was just found");
        self.sent -= 1;
        let token = entry.token;
        if reason != ReasonCode::QuotaExceeded {
            return Acked::Done {
                token,
                waited: now.saturating_duration_since(entry.sent_at),
                reason,
            };
        }
        entry.publish.packet_id = None;
        entry.publish.dup = false;
        let before = |other: &Entry| other.serial < entry.serial;
        let waiting = self
            .entries
            .iter()
            .skip(self.sent)
            .take_while(|other| before(other))
            .count();
        self.entries.insert(self.sent + waiting, entry);
        self.paused_until = Some(now + PUSHED_BACK);
        Acked::PushedBack { token }
    }

    /// When sending goes on after the server pushed back.
    pub(super) fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Ends a pause whose time has come; true when there was one.
    pub(super) fn resume(&mut self, now: Instant) -> bool {
        self.paused_until.take_if(|until| *until <= now).is_some()
    }

    /// How many are not acknowledged, sent or not.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// An identifier that no entry has. The window is smaller than their number, so one is found at once nearly always.
    fn free_id(&mut self) -> Option<PacketId> {
        for _ in 0..=self.entries.len().min(usize::from(u16::MAX)) {
            let id = self.next_id;
            self.next_id = id
                .checked_add(1)
                .filter(|id| *id <= ID_MAX)
                .unwrap_or(NonZeroU16::MIN);
            // Beyond those sent now, entries of the last connection may hold identifiers of the session too.
            if !self
                .entries
                .iter()
                .any(|entry| entry.publish.packet_id == Some(id))
            {
                return Some(id);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use muster_broker::codec::{PublishProperties, QoS};
    use muster_broker::topic::TopicName;

    use super::*;

    fn publish() -> Publish {
        Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: Some(TopicName::parse("t").unwrap()),
            packet_id: None,
            properties: PublishProperties::default(),
            payload: Bytes::new(),
        }
    }

    fn with(count: u64, window: usize, now: Instant) -> Outgoing {
        let mut outgoing = Outgoing::new(100);
        outgoing.connected(false, window);
        for token in 0..count {
            outgoing.push(publish(), token, now).unwrap();
        }
        outgoing
    }

    fn drain(outgoing: &mut Outgoing, now: Instant) -> Vec<(Token, u16, bool)> {
        let mut all = Vec::new();
        while let Some((publish, token, _)) = outgoing.next(now) {
            all.push((token, publish.packet_id.unwrap().get(), publish.dup));
        }
        all
    }

    fn ack(outgoing: &mut Outgoing, id: u16, reason: ReasonCode, now: Instant) -> Acked {
        outgoing.acked(PacketId::new(id).unwrap(), reason, now)
    }

    #[test]
    fn the_window_is_kept_and_opened_by_acknowledgements() {
        let now = Instant::now();
        let mut outgoing = with(4, 2, now);
        assert_eq!(drain(&mut outgoing, now), [(0, 1, false), (1, 2, false)]);
        let later = now + Duration::from_millis(7);
        assert_eq!(
            ack(&mut outgoing, 2, ReasonCode::Success, later),
            Acked::Done {
                token: 1,
                waited: Duration::from_millis(7),
                reason: ReasonCode::Success
            }
        );
        assert_eq!(drain(&mut outgoing, now), [(2, 3, false)]);
        assert_eq!(ack(&mut outgoing, 2, ReasonCode::Success, later), Acked::Unknown);
        assert_eq!(outgoing.len(), 3);
    }

    #[test]
    fn what_a_lost_connection_left_is_sent_again_first_and_in_order() {
        let now = Instant::now();
        let mut outgoing = with(3, 2, now);
        drain(&mut outgoing, now);
        outgoing.disconnected();
        assert_eq!(drain(&mut outgoing, now), []);
        outgoing.connected(true, 10);
        assert_eq!(
            drain(&mut outgoing, now),
            [(0, 1, true), (1, 2, true), (2, 3, false)]
        );
        outgoing.connected(false, 10);
        assert_eq!(
            drain(&mut outgoing, now),
            [(0, 4, false), (1, 5, false), (2, 6, false)],
            "a new session knows none of them"
        );
    }

    #[test]
    fn pushed_back_publishes_wait_in_their_order() {
        let now = Instant::now();
        let mut outgoing = with(4, 3, now);
        drain(&mut outgoing, now);
        for (id, token) in [(1, 0), (2, 1), (3, 2)] {
            assert_eq!(
                ack(&mut outgoing, id, ReasonCode::QuotaExceeded, now),
                Acked::PushedBack { token }
            );
        }
        assert_eq!(drain(&mut outgoing, now), [], "the server asked for rest");
        let tokens: Vec<_> = drain(&mut outgoing, now + PUSHED_BACK)
            .iter()
            .map(|one| one.0)
            .collect();
        assert_eq!(tokens, [0, 1, 2]);
    }

    #[test]
    fn identifiers_come_around_without_meeting_one_in_use() {
        let now = Instant::now();
        let mut outgoing = with(1, 2, now);
        assert_eq!(drain(&mut outgoing, now), [(0, 1, false)]);
        for n in 1..=u64::from(u16::MAX) {
            outgoing.push(publish(), n, now).unwrap();
            let sent = drain(&mut outgoing, now);
            assert_eq!(sent.len(), 1);
            assert_ne!(sent[0].1, 1, "identifier 1 is in flight all the time");
            ack(&mut outgoing, sent[0].1, ReasonCode::Success, now);
        }
    }

    #[test]
    fn more_than_allowed_is_not_taken() {
        let now = Instant::now();
        let mut outgoing = Outgoing::new(1);
        outgoing.push(publish(), 0, now).unwrap();
        assert_eq!(outgoing.push(publish(), 1, now), Err(QueueFull));
    }
}
