//! A receiver that must not miss anything holds the publisher back; any other loses alone.

use super::support::{Sim, publish};
use crate::codec::{Packet, QoS, Version};
use crate::engine::{Outgoing, Reply};
use crate::limits::Limits;
use crate::plugin::{Principal, WhenFull};
use crate::reason::ReasonCode;

fn bridge() -> Principal {
    let mut principal = Principal::new("bridge");
    principal.limits.queue_max = Some(2);
    principal.limits.when_full = Some(WhenFull::PushBack);
    principal
}

fn pubacks(out: &[Outgoing]) -> Vec<ReasonCode> {
    let puback = |item: &Outgoing| match item {
        Outgoing::Reply(Reply::Puback(_, reason)) => Some(*reason),
        _ => None,
    };
    out.iter().filter_map(puback).collect()
}

fn payloads(out: &[Outgoing]) -> Vec<Vec<u8>> {
    let payload = |item: &Outgoing| match item {
        Outgoing::Publish(outbound) => Some(outbound.queued.message.payload.to_vec()),
        _ => None,
    };
    out.iter().filter_map(payload).collect()
}

#[test]
fn a_full_receiver_that_pushes_back_refuses_before_anybody_got_it() {
    let mut sim = Sim::new(Limits::default());
    let bridge_connection = sim.connect("bridge", bridge(), Version::V5, 10);
    sim.subscribe(bridge_connection, "#", QoS::AtLeastOnce);
    let phone = sim.connect("phone", Principal::new("phone"), Version::V5, 10);
    sim.subscribe(phone, "t", QoS::AtLeastOnce);
    let publisher = sim.connect("publisher", Principal::new("publisher"), Version::V5, 10);
    for at in 1..=3u16 {
        sim.give(
            publisher,
            Packet::Publish(publish("t", QoS::AtLeastOnce, at, vec![at as u8])),
        )
        .unwrap();
    }
    let success = ReasonCode::Success;
    assert_eq!(
        pubacks(&sim.pull(publisher)),
        [success, success, ReasonCode::QuotaExceeded]
    );
    assert_eq!(
        payloads(&sim.pull(phone)),
        [[1], [2]],
        "nobody got what was refused"
    );
    // QoS 0 is not held back, only dropped there.
    sim.give(
        publisher,
        Packet::Publish(publish("t", QoS::AtMostOnce, 1, vec![9])),
    )
    .unwrap();
    assert_eq!(payloads(&sim.pull(phone)), [[9]]);
    // Room again: the next one passes.
    assert_eq!(payloads(&sim.pull(bridge_connection)), [[1], [2], [9]]);
    sim.give(
        publisher,
        Packet::Publish(publish("t", QoS::AtLeastOnce, 4, vec![4])),
    )
    .unwrap();
    assert_eq!(pubacks(&sim.pull(publisher)), [success]);
    assert_eq!(sim.engine.counters().refused, 1);
    assert_eq!(sim.engine.counters().dropped_queue_full, 0);
}

#[test]
fn in_3_1_1_pushing_back_ends_the_connection_without_an_acknowledgement() {
    let mut sim = Sim::new(Limits::default());
    let bridge_connection = sim.connect("bridge", bridge(), Version::V5, 10);
    sim.subscribe(bridge_connection, "#", QoS::AtLeastOnce);
    let publisher = sim.connect("publisher", Principal::new("publisher"), Version::V3_1_1, 10);
    for at in 1..=2u16 {
        sim.give(
            publisher,
            Packet::Publish(publish("t", QoS::ExactlyOnce, at, vec![at as u8])),
        )
        .unwrap();
    }
    let third = sim.give(
        publisher,
        Packet::Publish(publish("t", QoS::ExactlyOnce, 3, vec![3])),
    );
    assert_eq!(third, Err(ReasonCode::QuotaExceeded));
    assert_eq!(payloads(&sim.pull(bridge_connection)), [[1], [2]]);
    // The identifier was not taken over, so its repetition is a new message.
    sim.give(
        publisher,
        Packet::Publish(publish("t", QoS::ExactlyOnce, 3, vec![3])),
    )
    .unwrap();
    assert_eq!(payloads(&sim.pull(bridge_connection)), [[3]]);
}

#[test]
fn any_other_receiver_loses_the_newest_alone_and_it_is_counted() {
    let limits = Limits {
        queue_max: 2,
        ..Limits::default()
    };
    let mut sim = Sim::new(limits);
    let slow = sim.connect("slow", Principal::new("slow"), Version::V5, 10);
    sim.subscribe(slow, "t", QoS::AtLeastOnce);
    let publisher = sim.connect("publisher", Principal::new("publisher"), Version::V5, 10);
    for at in 1..=3u16 {
        sim.give(
            publisher,
            Packet::Publish(publish("t", QoS::AtLeastOnce, at, vec![at as u8])),
        )
        .unwrap();
    }
    assert!(
        pubacks(&sim.pull(publisher))
            .iter()
            .all(|reason| !reason.is_error())
    );
    assert_eq!(payloads(&sim.pull(slow)), [[1], [2]]);
    assert_eq!(sim.engine.counters().dropped_queue_full, 1);
}
