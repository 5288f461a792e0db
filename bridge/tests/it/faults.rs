//! Under traffic, the database or the bridge goes away: nothing is lost, nothing is doubled, and order is kept.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use muster_broker::BrokerHandle;
use muster_domain::payload::{CaseState, HelpKind};
use muster_domain::{EventId, MessageId};
use muster_store::embedded::StopMode;
use muster_store::{Database, DatabaseConfig, testing};
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::JoinHandle;

use crate::support::{Client, PATIENCE, bridge, broker, chat, count, event, ready, until};

/// Publishers that write chat messages until they are stopped, and know what the broker acknowledged.
struct Traffic {
    stop: Arc<AtomicBool>,
    publishers: Vec<JoinHandle<Vec<MessageId>>>,
}

impl Traffic {
    fn start(broker: SocketAddr, event: EventId, publishers: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let publishers = (0..publishers)
            .map(|n| {
                let stop = Arc::clone(&stop);
                tokio::spawn(async move {
                    let me = format!("p{n}");
                    let client = Client::new(broker, &me, &[]).await;
                    let mut sent = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        for _ in 0..10 {
                            let message = chat(format!("{}", sent.len()));
                            sent.push(message.id);
                            let json = serde_json::to_vec(&message).unwrap();
                            client
                                .send(format!("ev/{event}/chat/{me}/{me}"), false, json)
                                .await;
                        }
                        client.acknowledged().await;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    sent
                })
            })
            .collect();
        Self { stop, publishers }
    }

    /// Stops, and checks that each acknowledged message is stored once, in the order of its chat.
    async fn finish(self, database: &Database, broker: &BrokerHandle) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let mut sent = HashMap::new();
        for (n, publisher) in self.publishers.into_iter().enumerate() {
            sent.insert(format!("p{n}"), publisher.await.unwrap());
        }
        let all: usize = sent.values().map(Vec::len).sum();
        let drained = Instant::now();
        while count(database, "SELECT count(*) FROM chat_messages").await < all as i64 {
            assert!(
                drained.elapsed() < PATIENCE,
                "of {all} not all stored; broker: {:?}",
                broker.counters()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tracing::info!(
            messages = all,
            drain_ms = drained.elapsed().as_millis(),
            "all stored"
        );
        let rows: Vec<(String, sqlx::types::Uuid)> =
            sqlx::query_as("SELECT client, id FROM chat_messages ORDER BY seq")
                .fetch_all(database.pool())
                .await
                .unwrap();
        let mut stored: HashMap<String, Vec<MessageId>> = HashMap::new();
        for (client, id) in rows {
            stored.entry(client).or_default().push(MessageId(id));
        }
        assert!(stored == sent, "lost, doubled or out of order");
        all
    }
}

async fn own_server() -> (tempfile::TempDir, Database) {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::open(DatabaseConfig::embedded(dir.path()))
        .await
        .unwrap();
    (dir, database)
}

/// Messages on their way past the broker while the database is away.
async fn traffic_during(away: Duration) {
    tokio::time::sleep(away).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_database_loses_and_doubles_nothing() {
    let ((_dir, database), broker) = (own_server().await, broker().await);
    let address = broker.tcp_addresses()[0];
    let (_, event) = event(&database).await;
    let bridge = bridge(address, &database);
    ready(&bridge).await;
    let traffic = Traffic::start(address, event, 4);
    let server = database.embedded().unwrap();
    for mode in [StopMode::Immediate, StopMode::Fast] {
        server.stop(mode, Duration::from_secs(10)).await;
        until("not ready", || async {
            (!bridge.readiness().database).then_some(())
        })
        .await;
        assert!(
            bridge.readiness().broker,
            "the bridge keeps its session, which holds the backlog"
        );
        traffic_during(Duration::from_secs(2)).await;
        server.start().await.unwrap();
        ready(&bridge).await;
    }
    let all = traffic.finish(&database, &broker).await;
    assert!(all > 200, "{all} messages are no traffic");
    bridge.stop(Duration::from_secs(5)).await;
    database.close().await;
}

/// A process and its children.
fn family(pid: u32) -> Vec<Pid> {
    let of = |entry: std::fs::DirEntry| {
        let child: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent: u32 = stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
        (parent == pid).then(|| Pid::from_raw(child)).flatten()
    };
    let children = std::fs::read_dir("/proc").unwrap().flatten().filter_map(of);
    children
        .chain(Pid::from_raw(i32::try_from(pid).unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_database_is_noticed_and_loses_and_doubles_nothing() {
    let ((_dir, database), broker) = (own_server().await, broker().await);
    let address = broker.tcp_addresses()[0];
    let (_, event) = event(&database).await;
    let bridge = bridge(address, &database);
    ready(&bridge).await;
    let traffic = Traffic::start(address, event, 4);
    until("traffic", || async {
        (count(&database, "SELECT count(*) FROM chat_messages").await > 50).then_some(())
    })
    .await;
    let frozen = family(database.embedded().unwrap().pid().unwrap());
    assert!(frozen.len() > 3, "the server has children");
    for &pid in &frozen {
        kill_process(pid, Signal::STOP).unwrap();
    }
    until("noticed", || async {
        (!bridge.readiness().database).then_some(())
    })
    .await;
    traffic_during(Duration::from_secs(1)).await;
    for &pid in &frozen {
        kill_process(pid, Signal::CONT).unwrap();
    }
    ready(&bridge).await;
    traffic.finish(&database, &broker).await;
    bridge.stop(Duration::from_secs(5)).await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_that_dies_under_traffic_loses_and_doubles_nothing() {
    let (database, broker) = (testing::database().await, broker().await);
    let address = broker.tcp_addresses()[0];
    let (_, event) = event(&database).await;
    let mut running = bridge(address, &database);
    ready(&running).await;
    let traffic = Traffic::start(address, event, 4);
    for round in 1..=8_i64 {
        until("more stored", || async {
            (count(&database, "SELECT count(*) FROM chat_messages").await > 60 * round).then_some(())
        })
        .await;
        running.abort().await;
        running = bridge(address, &database);
        if round % 2 == 0 {
            ready(&running).await;
        }
    }
    traffic.finish(&database, &broker).await;
    running.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_outbox_is_published_after_a_restart_of_the_bridge() {
    let (database, broker) = (testing::database().await, broker().await);
    let address = broker.tcp_addresses()[0];
    let (_, event) = event(&database).await;
    let mut conn = database.pool().acquire().await.unwrap();
    for n in 0..700 {
        let topic = format!("ev/{event}/feed{}", n % 7);
        let payload = format!("{n}");
        muster_store::outbox::enqueue(&mut conn, &topic, payload.as_bytes(), 1, true, Some(60))
            .await
            .unwrap();
    }
    let reader = Client::new(address, "reader", &[format!("ev/{event}/#")]).await;
    let first = bridge(address, &database);
    until("some published", || async {
        (reader.all().len() > 50).then_some(())
    })
    .await;
    first.abort().await;
    let second = bridge(address, &database);
    until("an empty outbox", || async {
        (count(&database, "SELECT count(*) FROM outbox").await == 0).then_some(())
    })
    .await;
    let last = |topic: &str| {
        let all = reader.all();
        all.iter()
            .rev()
            .find(|(t, _)| t == topic)
            .map(|(_, p)| String::from_utf8(p.clone()).unwrap())
    };
    for n in 0..7 {
        assert_eq!(last(&format!("ev/{event}/feed{n}")), Some(format!("{}", 693 + n)));
    }
    second.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_bridge_stands_by_and_takes_over() {
    let (database, broker) = (testing::database().await, broker().await);
    let address = broker.tcp_addresses()[0];
    let (_, event) = event(&database).await;
    let first = bridge(address, &database);
    ready(&first).await;
    let second = bridge(address, &database);
    let client = Client::new(address, "phone", &[format!("ev/{event}/case/+")]).await;
    for n in 1..=5 {
        client.ask(event, &format!("c{n}"), HelpKind::Service, "x").await;
        client.case(event, &format!("c{n}"), |_| true).await;
        assert!(first.ready() && !second.ready());
    }
    first.stop(Duration::from_secs(5)).await;
    client
        .ask(event, "late", HelpKind::Service, "while nobody is there")
        .await;
    ready(&second).await;
    let case = client.case(event, "late", |_| true).await;
    assert_eq!((case.state, case.place.unwrap().ahead), (CaseState::Queued, 5));
    second.stop(Duration::from_secs(5)).await;
}
