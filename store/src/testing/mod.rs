//! Databases for tests: one real server for all test processes of a run, one database for each test.
//!
//! A runner such as nextest runs each test in a process of its own, so no test can own the server. The first one
//! starts it with a small shell keeper beside it; every user holds a shared lock on a file; the keeper stops the
//! server and removes its directory once nobody has held the lock for [`LINGER_S`]. A killed test process releases its
//! lock by itself, so nothing is left over.
//!
//! Databases are copies of a template with all migrations applied. The server does not fsync: its data is worth
//! nothing once the run is over. Who tests durability opens an embedded cluster of his own.

mod server;

use std::ops::Deref;
use std::time::Duration;

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::database::{Database, MIGRATOR};
use crate::embedded::connect_options;
use server::TestServer;

/// Seconds without a user after which the server is stopped.
const LINGER_S: u32 = 5;
/// Connections of one test's pool. The server takes 400, and many tests run at once.
const CONNECTIONS_MAX: u32 = 8;

/// An empty database with every migration applied, removed when it is dropped.
pub struct TestDatabase {
    database: Database,
    name: String,
    server: TestServer,
}

impl Deref for TestDatabase {
    type Target = Database;
    fn deref(&self) -> &Database {
        &self.database
    }
}

/// Makes a database for one test.
///
/// # Panics
/// When no server can be started: the message says what is missing.
pub async fn database() -> TestDatabase {
    let server = tokio::task::spawn_blocking(TestServer::join)
        .await
        .expect("joined")
        .expect("a test server");
    let template = template(&server).await;
    let name = format!("test_{}", Uuid::now_v7().simple());
    let mut admin = admin(&server).await;
    admin
        .execute(AssertSqlSafe(format!(
            "CREATE DATABASE {name} TEMPLATE {template}"
        )))
        .await
        .expect("a copy of the template");
    admin.close().await.ok();
    let options = connect_options(&server.sockets, &name);
    let database = Database::with_options(options, CONNECTIONS_MAX, None)
        .await
        .expect("a migrated database");
    TestDatabase {
        database,
        name,
        server,
    }
}

/// The template of these very migrations, made by whoever comes first.
async fn template(server: &TestServer) -> String {
    // FNV-1a over the checksums: another set of migrations, as of another build, gets a template of its own.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in MIGRATOR.iter().flat_map(|migration| migration.checksum.iter()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    }
    let template = format!("template_{hash:016x}");
    let mut admin = admin(server).await;
    let lock = i64::from_ne_bytes(hash.to_ne_bytes());
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(lock)
        .execute(&mut admin)
        .await
        .expect("a lock");
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&template)
        .fetch_one(&mut admin)
        .await
        .expect("a list of databases");
    if !there {
        // Renamed when it is whole, so that a killed test leaves no half template.
        let making = format!("making_{}", Uuid::now_v7().simple());
        let sql = format!("CREATE DATABASE {making}");
        admin.execute(AssertSqlSafe(sql)).await.expect("a database");
        let made = Database::with_options(connect_options(&server.sockets, &making), 1, None).await;
        made.expect("a migrated database").pool().close().await;
        let sql = format!("ALTER DATABASE {making} RENAME TO {template}");
        admin.execute(AssertSqlSafe(sql)).await.expect("a template");
    }
    admin.close().await.ok();
    template
}

async fn admin(server: &TestServer) -> PgConnection {
    let options = connect_options(&server.sockets, "postgres");
    loop {
        match options.clone().connect().await {
            Ok(conn) => return conn,
            // 57P03: the socket is there before the server is done with its start.
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("57P03") => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("no connection to the test server: {}", crate::describe(&error)),
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let options = connect_options(&self.server.sockets, "postgres");
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // On a thread with an executor of its own: the test's may be gone, and a drop cannot wait on it.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let mut conn: PgConnection = options.connect().await?;
                conn.execute(AssertSqlSafe(sql)).await?;
                conn.close().await?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
            })
        });
        if !matches!(dropping.join(), Ok(Ok(()))) {
            tracing::warn!(
                database = self.name,
                "a test database stays until the server's end"
            );
        }
    }
}
