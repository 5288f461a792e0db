//! Peers that mean harm: what they cost, and that nobody else feels them.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::support::*;

/// Runs the test once more in a process of its own, where no other test allocates. True in that process.
fn alone(test: &str) -> bool {
    const MARK: &str = "MUSTER_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// Bytes of this process in memory, from the kernel.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
fn s01_an_unauthenticated_connection_costs_at_most_4_kib() {
    if !alone("hostile::s01_an_unauthenticated_connection_costs_at_most_4_kib") {
        return;
    }
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        // 400 sockets are 800 descriptors here, under the usual limit of 1,024.
        const SOCKETS: usize = 400;
        let broker = TestBroker::start().await;
        for (what, transport, bytes) in [
            ("silent", Transport::Tcp, &b""[..]),
            (
                "a claimed length of 16 KB",
                Transport::Tcp,
                b"\x10\xFF\x7C\0\x04MQTT",
            ),
            (
                "half an upgrade",
                Transport::WebSocket,
                b"GET /mqtt HTTP/1.1\r\nHost: x\r\n",
            ),
        ] {
            let hold = async |count| {
                let mut held = Vec::new();
                for _ in 0..count {
                    let mut wire = Wire::open(broker.address(transport), Transport::Tcp).await;
                    wire.send(bytes).await;
                    held.push(wire);
                }
                // One that came last and was served shows that the others were accepted and read.
                let mut last = broker.client(V5, "last").await;
                last.ping().await;
                held
            };
            // What is allocated once, whatever the number, is there after a first round.
            drop(hold(50).await);
            let before = resident_bytes();
            let held = hold(SOCKETS).await;
            let each = resident_bytes().saturating_sub(before) / SOCKETS;
            assert!(each <= 4096, "{what}: {each} bytes per connection");
            drop(held);
        }
    });
}

#[tokio::test]
async fn s01_a_claimed_length_past_the_bound_is_refused_at_once() {
    let broker = TestBroker::start().await;
    for transport in [Transport::Tcp, Transport::WebSocket] {
        let mut wire = broker.dial(transport).await;
        let began = Instant::now();
        wire.send(b"\x10\xFF\xFF\xFF\x7F").await;
        wire.receive_to_end().await;
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
}

/// Sends a byte every 50 ms until the broker closes; returns how long that took.
async fn drip(mut wire: Wire, bytes: &'static [u8]) -> Duration {
    let began = Instant::now();
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    let mut bytes = bytes.iter().cycle();
    let mut into = bytes::BytesMut::new();
    loop {
        tokio::select! {
            open = wire.receive(&mut into) => {
                if !open {
                    return began.elapsed();
                }
            }
            _ = pace.tick() => {
                wire.send(&[*bytes.next().unwrap()]).await;
            }
        }
    }
}

#[tokio::test]
async fn s02_slow_connects_and_upgrades_end_at_the_deadline_and_delay_nobody() {
    let deadline = Duration::from_secs(1);
    let broker = TestBroker::with_limits(|limits| limits.connect_deadline = deadline).await;
    let mut slow = JoinSet::new();
    for _ in 0..100 {
        // A CONNECT that claims 16,000 bytes, and a header that never ends.
        let wire = broker.dial(Transport::Tcp).await;
        slow.spawn(drip(
            wire,
            b"\x10\x80\x7D\0\x04MQTT\x04\x02\0\0\x3E\x00aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ));
        let wire = Wire::open(broker.address(Transport::WebSocket), Transport::Tcp).await;
        slow.spawn(drip(
            wire,
            b"GET /mqtt HTTP/1.1\r\nHost: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ));
    }
    let mut slowest = Duration::ZERO;
    for number in 0..50 {
        let began = Instant::now();
        for transport in [Transport::Tcp, Transport::WebSocket] {
            broker
                .client_over(V5, transport, &format!("honest{number}"))
                .await;
        }
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < deadline / 2, "an honest client waited {slowest:?}");
    while let Some(lived) = slow.join_next().await {
        let lived = lived.unwrap();
        assert!(lived >= deadline * 9 / 10 && lived < deadline * 4, "{lived:?}");
    }
}

#[tokio::test]
async fn s03_no_packet_type_gets_in_before_connect() {
    let broker = TestBroker::start().await;
    for transport in [Transport::Tcp, Transport::WebSocket] {
        for kind in (0..16_u8).filter(|kind| *kind != 1) {
            for flags in [0, 2, 3] {
                let mut wire = broker.dial(transport).await;
                wire.send(&[kind << 4 | flags, 2, 0, 1]).await;
                assert_eq!(wire.receive_to_end().await, b"", "type {kind}");
            }
        }
    }
    assert_eq!(broker.handle.counters().sessions, 0);
    broker.client(V5, "alive").await.ping().await;
}

fn slashes(count: usize) -> Vec<u8> {
    [&(count as u16).to_be_bytes()[..], &vec![b'/'; count]].concat()
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut rest = body.len();
    loop {
        let byte = (rest & 0x7F) as u8;
        rest >>= 7;
        out.push(if rest > 0 { byte | 0x80 } else { byte });
        if rest == 0 {
            break;
        }
    }
    out.extend(body);
    out
}

#[tokio::test]
async fn s04_a_topic_of_65_535_separators_is_refused_everywhere() {
    let broker = TestBroker::with_limits(|limits| {
        limits.connect_size_max = 1 << 20;
        limits.topic.length_max = 65_535;
    })
    .await;
    let topic = slashes(65_535);
    for (version, none) in [(V3, &b""[..]), (V5, b"\0")] {
        for (bytes, reason) in [
            (
                packet(0x30, &[&topic[..], none].concat()),
                ReasonCode::TopicNameInvalid,
            ),
            (
                packet(0x31, &[&topic[..], none, b"x"].concat()),
                ReasonCode::TopicNameInvalid,
            ),
            (
                packet(0x82, &[b"\0\x01", none, &topic, b"\0"].concat()),
                ReasonCode::TopicFilterInvalid,
            ),
            (
                packet(0xA2, &[b"\0\x01", none, &topic].concat()),
                ReasonCode::TopicFilterInvalid,
            ),
        ] {
            let mut client = broker.client(version, "deep").await;
            client.wire.send(&bytes).await;
            client.expect_refusal(reason).await;
        }
        let level = version.level();
        let will = packet(
            0x10,
            &[
                &b"\0\x04MQTT"[..],
                &[level, 6, 0, 0],
                none,
                b"\0\x01w",
                none,
                &topic,
                b"\0\0",
            ]
            .concat(),
        );
        let mut wire = broker.dial(Transport::Tcp).await;
        wire.send(&will).await;
        let got = wire.receive_to_end().await;
        assert!(
            if version == V3 {
                got.is_empty()
            } else {
                got[3] == 0x90
            },
            "{got:x?}"
        );
    }
}

#[tokio::test]
async fn s04_where_such_topics_are_allowed_they_cost_no_stack() {
    let broker = TestBroker::with_limits(|limits| {
        limits.topic.length_max = 65_535;
        limits.topic.levels_max = 65_536;
    })
    .await;
    let mut client = broker.client(V3, "deep").await;
    let topic = slashes(65_535);
    // Exact, single-level wildcards on every level, and retained.
    let plus = [&65_535_u16.to_be_bytes()[..], &b"+/".repeat(32_767), b"+"].concat();
    for filter in [&topic, &plus] {
        client
            .wire
            .send(&packet(0x82, &[b"\0\x01", &filter[..], b"\0"].concat()))
            .await;
        assert!(matches!(client.receive().await, Packet::Suback(_)));
    }
    client
        .wire
        .send(&packet(0x31, &[&topic[..], b"x"].concat()))
        .await;
    assert_eq!(client.message().await.payload, "x");
    client
        .wire
        .send(&packet(0x82, &[&b"\0\x01"[..], b"\0\x01#\0"].concat()))
        .await;
    assert!(matches!(client.receive().await, Packet::Suback(_)));
    assert_eq!(client.message().await.payload, "x");
    for filter in [&topic, &plus] {
        client
            .wire
            .send(&packet(0xA2, &[b"\0\x01", &filter[..]].concat()))
            .await;
        assert!(matches!(client.receive().await, Packet::Unsuback(_)));
    }
    drop(client);
    broker.client(V3, "after").await.ping().await;
}

#[tokio::test]
async fn s05_mutated_packets_never_harm_the_broker() {
    let broker = TestBroker::start().await;
    let good: &[&[u8]] = &[
        b"\x10\x13\0\x04MQTT\x04\x06\0\0\0\x01w\0\x01t\0\x01x",
        b"\x10\x1b\0\x04MQTT\x05\x06\0\0\x05\x11\0\0\0\x01\0\x01w\x02\x01\x01\0\x01t\0\x01x",
        b"\x82\x0c\0\x01\x02\x0B\x05\0\x04a/+b\x01",
        b"\x33\x0f\0\x03a/b\0\x02\x05\x02\0\0\0\x3Chi",
        b"\x34\x0a\0\x01\xC3\xA4\0\x03\0\0hi",
        b"\xA2\x06\0\x01\0\0\x01a",
        b"\xE0\x07\0\x05\x11\0\0\0\x01",
        b"\xF0\x06\x19\x04\x15\0\x01m",
    ];
    // A generator of its own, so that a failure comes again.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    for round in 0..600 {
        let version = if round % 2 == 0 { V3 } else { V5 };
        let transport = if round % 3 == 0 {
            Transport::WebSocket
        } else {
            Transport::Tcp
        };
        let mut wire = match random(4) {
            0 => broker.dial(transport).await,
            _ => broker.client_over(version, transport, "mutant").await.wire,
        };
        let mut bytes = Vec::new();
        for _ in 0..=random(3) {
            bytes.extend_from_slice(good[random(good.len())]);
        }
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            bytes[at] = random(256) as u8;
        }
        bytes.truncate(1 + random(bytes.len()));
        wire.send(&bytes).await;
    }
    let mut client = broker.client(V5, "alive").await;
    client.subscribe("alive", QoS::ExactlyOnce).await;
    client.publish("alive", QoS::ExactlyOnce, "x").await;
    assert_eq!(client.payload().await, "x");
}
