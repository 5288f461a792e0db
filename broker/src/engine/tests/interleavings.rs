//! Random interleavings of publishers and receivers that vanish and come back at any point.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::support::{Sim, id, publish};
use crate::codec::{Ack, Packet, PacketId, QoS, Version};
use crate::engine::{ConnectionKey, Ending, Outgoing, Reply};
use crate::limits::Limits;
use crate::plugin::Principal;
use crate::reason::ReasonCode;

const CLIENTS: usize = 3;
const LOST: Ending = Ending::Lost {
    reason: ReasonCode::UnspecifiedError,
};

#[derive(Debug, Clone)]
enum Step {
    /// A client publishes at a QoS.
    Publish(usize, u8),
    /// Everything on the way to a client arrives, and it acknowledges so many of what it owes.
    Receive(usize, usize),
    /// The socket breaks; what the engine handed out last may or may not have arrived.
    Vanish(usize, bool),
    /// It comes back, perhaps while the old connection seems alive.
    Return(usize, u16),
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS;
    prop_oneof![
        5 => (client.clone(), 0u8..3).prop_map(|(client, qos)| Step::Publish(client, qos)),
        4 => (client.clone(), 0usize..6).prop_map(|(client, acks)| Step::Receive(client, acks)),
        1 => (client.clone(), any::<bool>()).prop_map(|(client, arrived)| Step::Vanish(client, arrived)),
        2 => (client, 1u16..5).prop_map(|(client, window)| Step::Return(client, window)),
    ]
}

/// One client's side of the protocol.
#[derive(Default)]
struct Client {
    connection: Option<ConnectionKey>,
    window: u16,
    next_id: u16,
    /// Publishes that are not finished, to be repeated after a reconnect: (identifier, QoS, number, released).
    outgoing: Vec<(u16, QoS, u32, bool)>,
    /// Acknowledgements to send, in order.
    owed: VecDeque<Packet>,
    /// QoS 2 identifiers received and not released.
    received: BTreeSet<PacketId>,
    /// Deliveries not finished on this connection, for the receive maximum.
    unfinished: BTreeSet<PacketId>,
    /// What the application got, in order, by the QoS it was published with.
    got: BTreeMap<QoS, Vec<u32>>,
}

struct World {
    sim: Sim,
    clients: Vec<Client>,
    published: u32,
    /// Acknowledged to the publisher, by QoS.
    accepted: BTreeMap<QoS, BTreeSet<u32>>,
}

impl World {
    fn new() -> Self {
        let mut sim = Sim::new(Limits {
            inflight_max: 4,
            ..Limits::default()
        });
        let clients = (0..CLIENTS)
            .map(|at| {
                let connection = sim.connect(&format!("c{at}"), Principal::anonymous(), Version::V5, 4);
                sim.subscribe(connection, "t/+", QoS::ExactlyOnce);
                sim.pull(connection);
                Client {
                    connection: Some(connection),
                    window: 4,
                    next_id: 1,
                    ..Client::default()
                }
            })
            .collect();
        Self {
            sim,
            clients,
            published: 0,
            accepted: BTreeMap::new(),
        }
    }

    fn publish(&mut self, at: usize, qos: QoS) {
        let client = &mut self.clients[at];
        let Some(connection) = client.connection else {
            return;
        };
        let number = self.published;
        self.published += 1;
        let packet_id = client.next_id;
        client.next_id += 1;
        if qos > QoS::AtMostOnce {
            client.outgoing.push((packet_id, qos, number, false));
        }
        self.send_publish(connection, packet_id, qos, number);
    }

    fn send_publish(&mut self, connection: ConnectionKey, packet_id: u16, qos: QoS, number: u32) {
        let topic = format!("t/{}", qos.as_u8());
        let packet = publish(&topic, qos, packet_id, number.to_be_bytes().to_vec());
        self.sim
            .give(connection, Packet::Publish(packet))
            .expect("a publish is taken");
    }

    fn receive(&mut self, at: usize, acks: usize) {
        let Some(connection) = self.clients[at].connection else {
            return;
        };
        for item in self.sim.pull(connection) {
            self.arrive(at, item);
        }
        for _ in 0..acks {
            let Some(packet) = self.clients[at].owed.pop_front() else {
                break;
            };
            if let Packet::Puback(ack) | Packet::Pubcomp(ack) = &packet {
                self.clients[at].unfinished.remove(&ack.packet_id);
            }
            self.sim
                .give(connection, packet)
                .expect("an acknowledgement is taken");
        }
    }

    fn arrive(&mut self, at: usize, item: Outgoing) {
        let client = &mut self.clients[at];
        match item {
            Outgoing::Publish(outbound) => {
                let payload: [u8; 4] = outbound.queued.message.payload[..]
                    .try_into()
                    .expect("four bytes");
                let number = u32::from_be_bytes(payload);
                let got = client.got.entry(outbound.queued.qos).or_default();
                let Some(packet_id) = outbound.packet_id else {
                    got.push(number);
                    return;
                };
                client.unfinished.insert(packet_id);
                assert!(
                    client.unfinished.len() <= usize::from(client.window),
                    "the receive maximum is kept"
                );
                if outbound.queued.qos == QoS::AtLeastOnce {
                    // It may come again, by this hop or because its publisher repeated it.
                    if !got.contains(&number) {
                        got.push(number);
                    }
                    client.owed.push_back(Packet::Puback(Ack::success(packet_id)));
                } else {
                    if client.received.insert(packet_id) {
                        got.push(number);
                    }
                    client.owed.push_back(Packet::Pubrec(Ack::success(packet_id)));
                }
            }
            Outgoing::Reply(Reply::Puback(packet_id, _)) => self.accept(at, packet_id),
            Outgoing::Reply(Reply::Pubrec(packet_id, _)) => {
                for entry in &mut client.outgoing {
                    entry.3 |= entry.0 == packet_id.get();
                }
                client.owed.push_back(Packet::Pubrel(Ack::success(packet_id)));
            }
            Outgoing::Reply(Reply::Pubrel(packet_id, _)) => {
                client.received.remove(&packet_id);
                client.owed.push_back(Packet::Pubcomp(Ack::success(packet_id)));
            }
            Outgoing::Reply(Reply::Pubcomp(packet_id, _)) => self.accept(at, packet_id),
            Outgoing::Reply(_) => {}
        }
    }

    /// The broker has taken a publish over.
    fn accept(&mut self, at: usize, packet_id: PacketId) {
        let outgoing = &mut self.clients[at].outgoing;
        // A repetition may be answered twice.
        let Some(place) = outgoing.iter().position(|(id, ..)| *id == packet_id.get()) else {
            return;
        };
        let (_, qos, number, _) = outgoing.remove(place);
        self.accepted.entry(qos).or_default().insert(number);
    }

    fn vanish(&mut self, at: usize, arrived: bool) {
        let Some(connection) = self.clients[at].connection else {
            return;
        };
        let last = self.sim.pull(connection);
        if arrived {
            last.into_iter().for_each(|item| self.arrive(at, item));
        }
        self.forget(at);
        let (engine, effects, now) = (&mut self.sim.engine, &mut self.sim.effects, self.sim.now);
        engine.disconnect(connection, LOST, now, effects);
    }

    /// What does not outlive a connection on the client's side.
    fn forget(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.connection = None;
        client.owed.clear();
        client.unfinished.clear();
    }

    fn come_back(&mut self, at: usize, window: u16) {
        let old = self.clients[at].connection;
        self.forget(at);
        let connection = self
            .sim
            .connect(&format!("c{at}"), Principal::anonymous(), Version::V5, window);
        if let Some(old) = old {
            let mut out = Vec::new();
            let (engine, effects, now) = (&mut self.sim.engine, &mut self.sim.effects, self.sim.now);
            let told = engine.pull(old, 4096, now, &mut out, effects);
            assert_eq!(
                told,
                Err(ReasonCode::SessionTakenOver),
                "the old connection learns it"
            );
            engine.disconnect(old, LOST, now, effects);
        }
        let client = &mut self.clients[at];
        client.connection = Some(connection);
        // More may be repeated than the new window allows; what counts for it is what is new.
        client.window = window.max(4);
        for (packet_id, qos, number, released) in client.outgoing.clone() {
            match released {
                true => self
                    .sim
                    .give(connection, Packet::Pubrel(Ack::success(id(packet_id))))
                    .expect("taken"),
                false => self.send_publish(connection, packet_id, qos, number),
            }
        }
    }
}

fn sorted(numbers: &[u32]) -> Vec<u32> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_acknowledged_reaches_everybody_once_and_in_order(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Publish(at, qos) => world.publish(at, QoS::from_u8(qos).expect("below 3")),
                Step::Receive(at, acks) => world.receive(at, acks),
                Step::Vanish(at, arrived) => world.vanish(at, arrived),
                Step::Return(at, window) => world.come_back(at, window),
            }
        }
        // Everybody comes back and does its part until nothing moves any more.
        for at in 0..CLIENTS {
            world.come_back(at, 4);
        }
        for _ in 0..1_000 {
            for at in 0..CLIENTS {
                world.receive(at, usize::MAX);
            }
            let still = |client: &Client| client.outgoing.is_empty() && client.owed.is_empty();
            let queued = world.sim.engine.sessions().iter().map(|session| session.queued + session.inflight).sum::<usize>();
            if queued == 0 && world.clients.iter().all(still) {
                break;
            }
        }
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let accepted: Vec<_> = world.accepted.remove(&qos).unwrap_or_default().into_iter().collect();
            for client in &world.clients {
                let got = client.got.get(&qos).cloned().unwrap_or_default();
                prop_assert_eq!(sorted(&got), accepted.clone(), "each exactly once, at {:?}", qos);
            }
            // All receivers see one order: that in which the broker took them over.
            let orders: BTreeSet<_> = world.clients.iter().map(|client| client.got.get(&qos).cloned()).collect();
            prop_assert!(orders.len() == 1, "one order for all, {:?}", orders);
        }
        for client in &world.clients {
            let got = client.got.get(&QoS::AtMostOnce).cloned().unwrap_or_default();
            prop_assert_eq!(got.iter().collect::<BTreeSet<_>>().len(), got.len(), "QoS 0 never twice");
        }
        for session in world.sim.engine.sessions() {
            prop_assert_eq!((session.queued, session.inflight), (0, 0), "nothing is left behind");
        }
    }
}
