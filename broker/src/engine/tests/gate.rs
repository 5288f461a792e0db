//! Acknowledgements wait for the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::support::{Sim, publish};
use crate::codec::{Packet, QoS, Version};
use crate::engine::{Outgoing, Reply};
use crate::limits::Limits;
use crate::log::{Log, Position, Record};
use crate::plugin::Principal;

/// A log whose disk moves when the test says so.
#[derive(Clone, Default)]
struct Disk {
    appended: Arc<AtomicU64>,
    durable: Arc<AtomicU64>,
}

impl Log for Disk {
    fn keeps(&self) -> bool {
        true
    }

    fn append(&mut self, _: Record<'_>) -> Position {
        self.appended.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn durable_upto(&self) -> Position {
        self.durable.load(Ordering::Relaxed)
    }
}

fn replies(out: &[Outgoing]) -> Vec<&Reply> {
    out.iter()
        .filter_map(|item| {
            if let Outgoing::Reply(reply) = item {
                Some(reply)
            } else {
                None
            }
        })
        .collect()
}

#[test]
fn nothing_is_acknowledged_before_it_is_durable_and_all_of_it_after() {
    let disk = Disk::default();
    let mut sim = Sim::with_log(Limits::default(), Box::new(disk.clone()));
    let receiver = sim.connect("receiver", Principal::anonymous(), Version::V5, 10);
    sim.subscribe(receiver, "t", QoS::ExactlyOnce);
    assert!(sim.pull(receiver).is_empty(), "the SUBACK waits");
    disk.durable
        .store(disk.appended.load(Ordering::Relaxed), Ordering::Relaxed);
    sim.effects.wakes.clear();
    sim.engine.durable_advanced(&mut sim.effects);
    assert_eq!(sim.effects.wakes.len(), 1);
    assert!(matches!(replies(&sim.pull(receiver))[..], [Reply::Suback(..)]));

    let publisher = sim.connect("publisher", Principal::anonymous(), Version::V5, 10);
    sim.give(publisher, Packet::Publish(publish("t", QoS::AtLeastOnce, 1, "a")))
        .unwrap();
    let after_first = disk.appended.load(Ordering::Relaxed);
    sim.give(publisher, Packet::Publish(publish("t", QoS::ExactlyOnce, 2, "b")))
        .unwrap();
    sim.give(publisher, Packet::Pingreq).unwrap();
    assert!(
        sim.pull(publisher).is_empty(),
        "answers keep their order, so the last one waits too"
    );
    disk.durable.store(after_first, Ordering::Relaxed);
    sim.engine.durable_advanced(&mut sim.effects);
    assert!(matches!(replies(&sim.pull(publisher))[..], [Reply::Puback(..)]));
    disk.durable
        .store(disk.appended.load(Ordering::Relaxed), Ordering::Relaxed);
    sim.engine.durable_advanced(&mut sim.effects);
    assert!(matches!(
        replies(&sim.pull(publisher))[..],
        [Reply::Pubrec(..), Reply::Pingresp]
    ));
}

#[test]
fn a_publish_that_nobody_keeps_waits_for_nothing() {
    let disk = Disk::default();
    let mut sim = Sim::with_log(Limits::default(), Box::new(disk));
    let publisher = sim.connect("publisher", Principal::anonymous(), Version::V5, 10);
    sim.give(publisher, Packet::Publish(publish("t", QoS::AtLeastOnce, 1, "a")))
        .unwrap();
    assert!(matches!(replies(&sim.pull(publisher))[..], [Reply::Puback(..)]));
}
