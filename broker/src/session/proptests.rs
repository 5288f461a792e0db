//! Queue and inflight window against plain lists, over random interleavings of sends, acknowledgements and
//! reconnects.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::{Acked, QueueBounds, Queued, Resend, Session};
use crate::codec::{ByteStr, PacketId, PublishProperties, QoS};
use crate::engine::Message;
use crate::limits::Limits;
use crate::plugin::Principal;
use crate::topic::TopicName;

fn queued(number: u32, qos: QoS) -> Queued {
    let message = Message::new(
        TopicName::parse("t").unwrap(),
        Bytes::copy_from_slice(&number.to_be_bytes()),
        PublishProperties::default(),
        qos,
        None,
    );
    Queued {
        message: Arc::new(message),
        meta: None,
        qos,
        retain: false,
        burst: false,
    }
}

fn number(queued: &Queued) -> u32 {
    u32::from_be_bytes(queued.message.payload[..].try_into().unwrap())
}

#[derive(Debug, Clone)]
enum Step {
    Push(u8),
    Send,
    /// Acknowledge the n-th of what is in flight with whatever it awaits.
    Ack(usize),
    /// A packet for an identifier picked at random, of a random type.
    Stray(u16, u8),
    Reconnect(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..3).prop_map(Step::Push),
        4 => Just(Step::Send),
        3 => (0usize..8).prop_map(Step::Ack),
        1 => (1u16..12, 0u8..3).prop_map(|(id, kind)| Step::Stray(id, kind)),
        1 => (1u16..6).prop_map(Step::Reconnect),
    ]
}

/// What the receiver still owes for an identifier.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Owes {
    Puback,
    Pubrec,
    Pubcomp,
}

proptest! {
    #[test]
    fn deliveries_keep_order_window_and_identifiers(steps in prop::collection::vec(step(), 1..200)) {
        let bounds = QueueBounds::of(&Limits::default(), &Principal::anonymous());
        let mut session = Session::new(1, ByteStr::from("c"), Principal::anonymous(), bounds);
        let mut window = 3;
        session.inflight.set_window(window);
        let mut waiting: BTreeMap<u8, VecDeque<u32>> = BTreeMap::new();
        // In the order of sending.
        let mut flying: Vec<(PacketId, Owes, u32)> = Vec::new();
        let mut next = 0;
        for step in steps {
            match step {
                Step::Push(qos) => {
                    let entry = queued(next, QoS::from_u8(qos).unwrap());
                    match qos {
                        0 => {
                            let order = session.queue.pushed();
                            session.queue_qos0.push(order, entry);
                        }
                        _ => session.queue.push(0, entry),
                    }
                    waiting.entry(u8::from(qos > 0)).or_default().push_back(next);
                    next += 1;
                }
                Step::Send => {
                    let open = flying.len() < usize::from(window);
                    let head = |class: u8| waiting.get(&class).and_then(|queue| queue.front().copied());
                    let (unreliable, reliable) = (head(0), head(1).filter(|_| open));
                    let expected = match (unreliable, reliable) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                    prop_assert_eq!(session.has_sendable(), expected.is_some());
                    let sent = session.pop();
                    prop_assert_eq!(sent.as_ref().map(number), expected);
                    let Some(sent) = sent else { continue };
                    let class = u8::from(sent.qos > QoS::AtMostOnce);
                    waiting.get_mut(&class).unwrap().pop_front();
                    if class == 1 {
                        let (qos, number) = (sent.qos, number(&sent));
                        let id = session.inflight.begin(sent).expect("pop gave it, so there is room");
                        prop_assert!(flying.iter().all(|(used, ..)| *used != id), "in use already");
                        let owes = if qos == QoS::AtLeastOnce { Owes::Puback } else { Owes::Pubrec };
                        flying.push((id, owes, number));
                    }
                }
                Step::Ack(at) if at < flying.len() => {
                    let (id, owes, number) = flying[at];
                    match owes {
                        Owes::Puback => prop_assert!(matches!(session.inflight.puback(id), Acked::Done)),
                        Owes::Pubrec => prop_assert!(matches!(session.inflight.pubrec(id, false), Acked::Release)),
                        Owes::Pubcomp => prop_assert!(matches!(session.inflight.pubcomp(id), Acked::Done)),
                    }
                    match owes {
                        Owes::Pubrec => flying[at] = (id, Owes::Pubcomp, number),
                        _ => drop(flying.remove(at)),
                    }
                }
                Step::Ack(_) => {}
                Step::Stray(id, kind) => {
                    let id = PacketId::new(id).unwrap();
                    let owes = flying.iter().find(|(used, ..)| *used == id).map(|(_, owes, _)| *owes);
                    let fits = match kind {
                        0 => owes == Some(Owes::Puback),
                        1 => matches!(owes, Some(Owes::Pubrec | Owes::Pubcomp)),
                        _ => owes == Some(Owes::Pubcomp),
                    };
                    if !fits {
                        let acked = match kind {
                            0 => session.inflight.puback(id),
                            1 => session.inflight.pubrec(id, false),
                            _ => session.inflight.pubcomp(id),
                        };
                        prop_assert!(matches!(acked, Acked::Unknown));
                    }
                }
                Step::Reconnect(smaller) => {
                    window = smaller;
                    session.inflight.set_window(window);
                    let ids = session.inflight.in_order();
                    prop_assert_eq!(&ids, &flying.iter().map(|(id, ..)| *id).collect::<Vec<_>>());
                    for (id, owes, sent) in &flying {
                        match session.inflight.resend(*id) {
                            Some(Resend::Publish(queued)) => {
                                prop_assert!(*owes != Owes::Pubcomp);
                                prop_assert_eq!(number(&queued), *sent);
                            }
                            Some(Resend::Pubrel) => prop_assert_eq!(*owes, Owes::Pubcomp),
                            None => prop_assert!(false, "nothing to resend for what is in flight"),
                        }
                    }
                }
            }
            prop_assert_eq!(session.inflight.len(), flying.len());
            prop_assert_eq!(session.queue.len(), waiting.get(&1).map_or(0, VecDeque::len));
            prop_assert_eq!(session.queue_qos0.len(), waiting.get(&0).map_or(0, VecDeque::len));
            prop_assert_eq!(session.queue.bytes(), session.queue.len() * 5);
        }
        let left: VecDeque<_> = session.queue.take().map(|queued| number(&queued)).collect();
        prop_assert_eq!(left, waiting.remove(&1).unwrap_or_default());
        prop_assert!(session.queue.is_empty() && session.queue.bytes() == 0);
    }
}

#[test]
fn identifiers_run_once_around_without_reuse() {
    let bounds = QueueBounds::of(&Limits::default(), &Principal::anonymous());
    let mut session = Session::new(1, ByteStr::from("c"), Principal::anonymous(), bounds);
    let ids: std::collections::HashSet<_> = (0..65_535)
        .map(|at| {
            session
                .inflight
                .begin(queued(at, QoS::AtLeastOnce))
                .expect("there is room")
        })
        .collect();
    assert_eq!(ids.len(), 65_535);
    assert!(
        session.inflight.begin(queued(0, QoS::AtLeastOnce)).is_err(),
        "every identifier is in use"
    );
    let freed = PacketId::new(777).unwrap();
    assert!(matches!(session.inflight.puback(freed), Acked::Done));
    assert_eq!(
        session.inflight.begin(queued(0, QoS::AtLeastOnce)).unwrap(),
        freed
    );
}
