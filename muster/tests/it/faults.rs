//! The whole path while parts of it die: separate processes, real kills, under load.

use std::time::Duration;

use muster_store::embedded::StopMode;
use muster_store::{Database, DatabaseConfig, sqlx};

use crate::crowd;
use crate::muster::{Process, Site, eventually};

/// A PostgreSQL of the test's own, outside the processes under test, with fsync on.
struct Cluster {
    runtime: tokio::runtime::Runtime,
    database: Database,
    _dir: tempfile::TempDir,
}

impl Cluster {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let database = runtime
            .block_on(Database::open(DatabaseConfig::embedded(dir.path())))
            .expect("PostgreSQL starts");
        Self {
            runtime,
            database,
            _dir: dir,
        }
    }

    fn url(&self) -> String {
        self.database.embedded().expect("an embedded server").url()
    }

    fn chat_messages(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM chat_messages");
        self.runtime
            .block_on(count.fetch_one(self.database.pool()))
            .expect("the database answers")
    }

    fn stop(&self) {
        let server = self.database.embedded().expect("an embedded server");
        self.runtime
            .block_on(server.stop(StopMode::Immediate, Duration::from_secs(10)));
    }

    fn start_again(&self) {
        let server = self.database.embedded().expect("an embedded server");
        self.runtime
            .block_on(server.start())
            .expect("PostgreSQL starts again");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.runtime.block_on(self.database.close());
    }
}

/// Broker, bridge and API as processes of their own.
struct Parts {
    broker: Process,
    bridge: Process,
    api: Process,
}

impl Parts {
    fn start(site: &Site) -> Self {
        // The API first: it makes the keys that the broker insists on.
        let mut api = site.start(&["api", "--no-demo"]);
        eventually("the keys are there", || {
            assert!(api.runs(), "{}", api.output());
            site.data().join("keys/jwks.json").exists()
        });
        let mut broker = site.start(&["broker"]);
        let mut bridge = site.start(&["bridge"]);
        site.wait_ready(&mut [&mut api, &mut broker, &mut bridge]);
        Self { broker, bridge, api }
    }

    fn stop(self) {
        assert!(self.bridge.stop().success());
        assert!(self.api.stop().success());
        assert!(self.broker.stop().success());
    }
}

/// The published load of the seed service: 257 chats, 10 messages per second of each participant.
const LOAD: [&str; 6] = ["--chats", "257", "--rate", "10", "--duration", "25"];

#[test]
fn kill_9_of_the_bridge_under_load_loses_and_doubles_nothing() {
    let cluster = Cluster::start();
    let mut site = Site::new();
    site.settings.push(("DATABASE_URL", cluster.url()));
    let mut parts = Parts::start(&site);

    let crowd = crowd::start(&site, &LOAD);
    for kills in 1..=3 {
        let before = cluster.chat_messages();
        eventually("messages are being stored", || {
            cluster.chat_messages() > before + 1_000
        });
        parts.bridge.kill();
        println!("killed the bridge, {kills}");
        parts.bridge = site.start(&["bridge"]);
    }
    crowd::finish(crowd, Duration::from_secs(180));
    parts.stop();
}

#[test]
fn a_stop_of_postgres_for_20_s_under_load_loses_and_doubles_nothing() {
    let cluster = Cluster::start();
    let mut site = Site::new();
    site.settings.push(("DATABASE_URL", cluster.url()));
    let parts = Parts::start(&site);

    let crowd = crowd::start(&site, &LOAD);
    eventually("messages are being stored", || cluster.chat_messages() > 1_000);
    cluster.stop();
    // The fault itself is a span of time; nothing is awaited here.
    std::thread::park_timeout(Duration::from_secs(20));
    cluster.start_again();
    crowd::finish(crowd, Duration::from_secs(240));
    parts.stop();
}
