//! The books of one chat: what each side sent, what was acknowledged, what reached the other side, and what the archive
//! holds; and from that, what was lost, doubled or out of order.
//!
//! **Invariant:** whoever sends enters a message before it leaves, so nothing genuine is ever unknown here.
//! **Invariant:** performs no IO and reads no clock; callers pass `now`.
//!
//! QoS 1 is "at least once": a message may come twice where its publisher lost the connection and sent it again, or
//! where the broker says so by DUP. Such repeats are counted apart (`repeated`), as are messages that changed places
//! because the broker pushed one of them back (`reordered`). What no such cause explains is a fault.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use muster_domain::MessageId;

use crate::tag::Side;

/// One message.
#[derive(Debug, Clone)]
struct Entry {
    id: MessageId,
    /// When it was to be sent.
    due: Instant,
    acked: bool,
    /// Sent more than once, as a connection was lost.
    resent: bool,
    /// The broker had no room for it at first.
    pushed_back: bool,
    /// Deliveries without DUP, and with it.
    received: u16,
    received_dup: u16,
    stored: u16,
}

/// All that one side wrote.
#[derive(Debug, Clone, Default)]
struct Lane {
    entries: Vec<Entry>,
    /// The highest number that reached the other side, plus one.
    reached: u32,
    out_of_order: u32,
    reordered: u32,
    stored_out_of_order: u32,
}

/// What the arrival of a message means.
#[derive(Debug, PartialEq, Eq)]
pub enum Receipt {
    /// For the first time, so long after it was to be sent.
    First(Duration),
    /// Once more; not to be shown again.
    Again,
    /// Nobody sent this.
    Unknown,
}

/// The books of one chat.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    participant: Lane,
    operator: Lane,
    unexpected: u32,
    stored_unexpected: u32,
}

/// Counts over messages of both sides; they add up over chats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Entered for sending.
    pub sent: u64,
    /// Acknowledged by the broker.
    pub acked: u64,
    /// Reached the other side, each counted once.
    pub received: u64,
    /// Found in the archive, each counted once.
    pub stored: u64,
    /// Acknowledged, but never reached the other side.
    pub lost_delivery: u64,
    /// Acknowledged, but not in the archive.
    pub lost_archive: u64,
    /// Surplus deliveries that nothing explains.
    pub doubled_delivery: u64,
    /// Surplus rows in the archive.
    pub doubled_archive: u64,
    /// Reached the other side after a later one of the same author.
    pub out_of_order: u64,
    /// Stands in the archive behind a later one of the same author.
    pub out_of_order_archive: u64,
    /// Arrived, or is in the archive, but nobody sent it.
    pub unexpected: u64,
    /// Surplus deliveries that QoS 1 allows: sent again after a lost connection, or marked DUP.
    pub repeated: u64,
    /// Changed places as the broker pushed one of them back.
    pub reordered: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.acked += other.acked;
        self.received += other.received;
        self.stored += other.stored;
        self.lost_delivery += other.lost_delivery;
        self.lost_archive += other.lost_archive;
        self.doubled_delivery += other.doubled_delivery;
        self.doubled_archive += other.doubled_archive;
        self.out_of_order += other.out_of_order;
        self.out_of_order_archive += other.out_of_order_archive;
        self.unexpected += other.unexpected;
        self.repeated += other.repeated;
        self.reordered += other.reordered;
    }
}

impl Ledger {
    fn lane(&self, side: Side) -> &Lane {
        match side {
            Side::Participant => &self.participant,
            Side::Operator => &self.operator,
        }
    }

    fn lane_mut(&mut self, side: Side) -> &mut Lane {
        match side {
            Side::Participant => &mut self.participant,
            Side::Operator => &mut self.operator,
        }
    }

    fn entry_mut(&mut self, side: Side, seq: u32) -> Option<&mut Entry> {
        self.lane_mut(side).entries.get_mut(seq as usize)
    }

    /// Number of the next message of a side.
    pub fn next_seq(&self, side: Side) -> u32 {
        self.lane(side).entries.len() as u32
    }

    /// Enters a message that is about to be sent, under the number that [`Ledger::next_seq`] gave.
    pub fn sent(&mut self, side: Side, id: MessageId, due: Instant) {
        self.lane_mut(side).entries.push(Entry {
            id,
            due,
            acked: false,
            resent: false,
            pushed_back: false,
            received: 0,
            received_dup: 0,
            stored: 0,
        });
    }

    /// The broker acknowledged a message.
    pub fn acked(&mut self, side: Side, seq: u32) {
        if let Some(entry) = self.entry_mut(side, seq) {
            entry.acked = true;
        }
    }

    /// A message left once more, as its connection was lost before the acknowledgement.
    pub fn resent(&mut self, side: Side, seq: u32) {
        if let Some(entry) = self.entry_mut(side, seq) {
            entry.resent = true;
        }
    }

    /// The broker had no room for a message; it will be sent again.
    pub fn pushed_back(&mut self, side: Side, seq: u32) {
        if let Some(entry) = self.entry_mut(side, seq) {
            entry.pushed_back = true;
        }
    }

    /// A message by `side` reached the other side.
    pub fn received(&mut self, side: Side, seq: u32, id: MessageId, dup: bool, now: Instant) -> Receipt {
        let lane = self.lane_mut(side);
        let Some(entry) = lane.entries.get_mut(seq as usize).filter(|entry| entry.id == id) else {
            self.unexpected += 1;
            return Receipt::Unknown;
        };
        let first = entry.received == 0 && entry.received_dup == 0;
        if dup {
            entry.received_dup = entry.received_dup.saturating_add(1);
        } else {
            entry.received = entry.received.saturating_add(1);
        }
        if !first {
            return Receipt::Again;
        }
        let (due, pushed_back) = (entry.due, entry.pushed_back);
        if seq < lane.reached {
            if pushed_back {
                lane.reordered += 1;
            } else {
                lane.out_of_order += 1;
            }
        }
        lane.reached = lane.reached.max(seq + 1);
        Receipt::First(now.saturating_duration_since(due))
    }

    /// Something arrived that is no message of this chat at all.
    pub fn unexpected(&mut self) {
        self.unexpected += 1;
    }

    /// When a message was to be sent.
    pub fn due(&self, side: Side, seq: u32) -> Option<Instant> {
        self.lane(side).entries.get(seq as usize).map(|entry| entry.due)
    }

    /// Which message stands under a number.
    pub fn id(&self, side: Side, seq: u32) -> Option<MessageId> {
        self.lane(side).entries.get(seq as usize).map(|entry| entry.id)
    }

    /// Compares with all that the archive holds of this chat, in its order. Replaces an earlier comparison.
    pub fn archived(&mut self, rows: impl IntoIterator<Item = MessageId>) {
        let mut places = HashMap::new();
        for side in [Side::Participant, Side::Operator] {
            let lane = self.lane_mut(side);
            lane.stored_out_of_order = 0;
            for (seq, entry) in lane.entries.iter_mut().enumerate() {
                entry.stored = 0;
                places.insert(entry.id, (side, seq));
            }
        }
        self.stored_unexpected = 0;
        let (mut participant_seq, mut operator_seq) = (0, 0);
        for id in rows {
            let Some(&(side, seq)) = places.get(&id) else {
                self.stored_unexpected += 1;
                continue;
            };
            let reached = match side {
                Side::Participant => &mut participant_seq,
                Side::Operator => &mut operator_seq,
            };
            let lane = self.lane_mut(side);
            let entry = &mut lane.entries[seq];
            entry.stored = entry.stored.saturating_add(1);
            if entry.stored == 1 {
                if seq < *reached && !entry.pushed_back {
                    lane.stored_out_of_order += 1;
                }
                *reached = (*reached).max(seq + 1);
            }
        }
    }

    /// True when the archive holds all that was acknowledged, as of the last comparison.
    pub fn archive_complete(&self) -> bool {
        let lanes = [&self.participant, &self.operator];
        lanes
            .iter()
            .all(|lane| lane.entries.iter().all(|entry| !entry.acked || entry.stored > 0))
    }

    /// True when nothing is under way any more: every message was acknowledged and has reached the other side.
    pub fn is_settled(&self) -> bool {
        let lanes = [&self.participant, &self.operator];
        lanes.iter().all(|lane| {
            lane.entries
                .iter()
                .all(|entry| entry.acked && (entry.received > 0 || entry.received_dup > 0))
        })
    }

    /// The counts.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally {
            unexpected: u64::from(self.unexpected) + u64::from(self.stored_unexpected),
            ..Tally::default()
        };
        for lane in [&self.participant, &self.operator] {
            lane.add_to(&mut tally);
        }
        tally
    }
}

impl Lane {
    fn add_to(&self, tally: &mut Tally) {
        tally.out_of_order += u64::from(self.out_of_order);
        tally.out_of_order_archive += u64::from(self.stored_out_of_order);
        tally.reordered += u64::from(self.reordered);
        for entry in &self.entries {
            let deliveries = u64::from(entry.received) + u64::from(entry.received_dup);
            let (received, stored) = (deliveries > 0, entry.stored > 0);
            tally.sent += 1;
            tally.acked += u64::from(entry.acked);
            tally.received += u64::from(received);
            tally.stored += u64::from(stored);
            tally.lost_delivery += u64::from(entry.acked && !received);
            tally.lost_archive += u64::from(entry.acked && !stored);
            tally.doubled_archive += u64::from(entry.stored.saturating_sub(1));
            let surplus = deliveries.saturating_sub(1);
            let explained = if entry.resent {
                surplus
            } else {
                surplus.min(u64::from(entry.received_dup))
            };
            tally.repeated += explained;
            tally.doubled_delivery += surplus - explained;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: Side = Side::Participant;

    fn chat(count: u32) -> (Ledger, Vec<MessageId>, Instant) {
        let now = Instant::now();
        let mut ledger = Ledger::default();
        let ids: Vec<_> = (0..count).map(|_| MessageId::new()).collect();
        for (seq, id) in ids.iter().enumerate() {
            assert_eq!(ledger.next_seq(P), seq as u32);
            ledger.sent(P, *id, now);
            ledger.acked(P, seq as u32);
        }
        (ledger, ids, now)
    }

    #[test]
    fn all_well() {
        let (mut ledger, ids, now) = chat(3);
        let later = now + Duration::from_millis(5);
        for (seq, id) in ids.iter().enumerate() {
            let receipt = ledger.received(P, seq as u32, *id, false, later);
            assert_eq!(receipt, Receipt::First(Duration::from_millis(5)));
        }
        ledger.archived(ids);
        assert!(ledger.archive_complete() && ledger.is_settled());
        let whole = Tally {
            sent: 3,
            acked: 3,
            received: 3,
            stored: 3,
            ..Tally::default()
        };
        assert_eq!(ledger.tally(), whole);
    }

    #[test]
    fn what_was_acknowledged_and_did_not_arrive_is_lost() {
        let (mut ledger, ids, now) = chat(3);
        ledger.sent(P, MessageId::new(), now);
        ledger.received(P, 0, ids[0], false, now);
        ledger.archived([ids[2]]);
        assert!(!ledger.archive_complete() && !ledger.is_settled());
        let tally = ledger.tally();
        assert_eq!(
            (tally.sent, tally.acked),
            (4, 3),
            "what was not acknowledged was not promised"
        );
        assert_eq!((tally.lost_delivery, tally.lost_archive), (2, 2));
    }

    #[test]
    fn a_second_delivery_is_doubled_unless_something_explains_it() {
        let (mut ledger, ids, now) = chat(3);
        for (seq, dup) in [(0, false), (0, false), (1, false), (1, true), (2, false)] {
            ledger.received(P, seq, ids[seq as usize], dup, now);
        }
        assert_eq!((ledger.tally().doubled_delivery, ledger.tally().repeated), (1, 1));
        ledger.resent(P, 2);
        assert_eq!(ledger.received(P, 2, ids[2], false, now), Receipt::Again);
        assert_eq!((ledger.tally().doubled_delivery, ledger.tally().repeated), (1, 2));
        assert_eq!(ledger.tally().out_of_order, 0, "a repeat is not out of order");
    }

    #[test]
    fn an_earlier_message_after_a_later_one_is_out_of_order_once() {
        let (mut ledger, ids, now) = chat(4);
        for seq in [2, 0, 1, 3] {
            ledger.received(P, seq, ids[seq as usize], false, now);
        }
        assert_eq!(ledger.tally().out_of_order, 2);
        ledger.archived([ids[1], ids[0], ids[2], ids[3], ids[3]]);
        assert_eq!(
            (
                ledger.tally().out_of_order_archive,
                ledger.tally().doubled_archive
            ),
            (1, 1)
        );
    }

    #[test]
    fn a_message_that_was_pushed_back_may_change_places() {
        let (mut ledger, ids, now) = chat(2);
        ledger.pushed_back(P, 0);
        ledger.received(P, 1, ids[1], false, now);
        ledger.received(P, 0, ids[0], false, now);
        ledger.archived([ids[1], ids[0]]);
        let tally = ledger.tally();
        assert_eq!(
            (tally.out_of_order, tally.out_of_order_archive, tally.reordered),
            (0, 0, 1)
        );
    }

    #[test]
    fn what_nobody_sent_is_unexpected() {
        let (mut ledger, ids, now) = chat(1);
        assert_eq!(
            ledger.received(P, 0, MessageId::new(), false, now),
            Receipt::Unknown
        );
        assert_eq!(ledger.received(P, 9, ids[0], false, now), Receipt::Unknown);
        assert_eq!(
            ledger.received(Side::Operator, 0, ids[0], false, now),
            Receipt::Unknown
        );
        ledger.archived([MessageId::new()]);
        assert_eq!(ledger.tally().unexpected, 4);
    }
}
