//! A real PostgreSQL as a private cluster under the data directory, for who has none to administer.
//!
//! Layout of `{data_dir}/postgres`: `cluster` (PGDATA), `run` (the Unix socket), `server.log`, `lock`.
//! The server listens on that Unix socket alone, in a directory that only its owner may enter; so it needs neither
//! port nor password. It is a direct child of this process and stops with it, even when this process is killed.
//!
//! **Several processes** (`muster bridge` beside `muster api`): the first one that takes the lock supervises the
//! server, the others ([`EmbeddedMode::Share`]) find it by its socket. When the supervisor ends, the server stops, and
//! one of the others takes the lock and starts it again.
//!
//! **Invariant:** whoever runs the server holds the lock; so there is never a second supervisor of one cluster.
//! **Invariant:** an interrupted `initdb` leaves nothing that is taken for a cluster: it works in a directory beside
//! it, which is renamed when it is whole.
//!
//! It does not back up, replicate or upgrade: who needs these has a server of his own and names it by URL.

mod binaries;
mod cluster;
mod leftovers;
mod lock;
mod sockets;
mod spawn;
mod supervisor;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};
use tokio::time::Instant;

use crate::error::StoreError;
pub(crate) use binaries::Binaries;
pub(crate) use sockets::socket_directory;
pub(crate) use spawn::{RunAs, program};
use supervisor::Supervisor;

/// Longest wait for the first accepted connection. Recovery after a crash replays at most `max_wal_size` of log.
const READY_TIMEOUT: Duration = Duration::from_secs(120);
/// The role that owns everything in the cluster.
pub(crate) const USER: &str = "muster";
/// The database.
pub(crate) const DATABASE: &str = "muster";
/// Names the socket (`.s.PGSQL.5432`); nothing listens on TCP.
pub(crate) const PORT: u16 = 5432;

/// Whether another process may supervise the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddedMode {
    /// This process alone; a data directory that another one holds is refused.
    Own,
    /// Whoever comes first supervises it; the others use it and take over when the first ends.
    Share,
}

/// How a stop ends what is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Ends connections, writes a checkpoint. (`SIGINT`)
    Fast,
    /// Ends at once; the next start recovers from the log. (`SIGQUIT`)
    Immediate,
}

/// Where the cluster is and whose.
#[derive(Debug, Clone)]
pub struct EmbeddedConfig {
    /// The data directory; the cluster lives in `postgres` below it.
    pub data_dir: PathBuf,
    /// Whether another process may supervise it.
    pub mode: EmbeddedMode,
    /// Where the binaries are looked for first.
    pub bin: Option<PathBuf>,
}

/// A running embedded server, or another process's that this one shares.
pub struct EmbeddedPostgres {
    supervisor: Supervisor,
    sockets: PathBuf,
}

impl EmbeddedPostgres {
    /// Starts the cluster (making it on the first start), or finds the one that another process supervises, and waits
    /// until it accepts connections.
    ///
    /// # Errors
    /// [`StoreError`] says what is missing or in the way and what to do.
    pub async fn open(config: EmbeddedConfig) -> Result<Self, StoreError> {
        let home = config.data_dir.join("postgres");
        std::fs::create_dir_all(&home).map_err(StoreError::io("cannot make directory", &home))?;
        let home = home
            .canonicalize()
            .map_err(StoreError::io("cannot find", &home))?;
        let sockets = socket_directory(&home)?;
        let supervisor = Supervisor::start(supervisor::Plan {
            data_dir: config.data_dir,
            home,
            sockets: sockets.clone(),
            mode: config.mode,
            bin: config.bin,
        })?;
        let server = Self { supervisor, sockets };
        server.wait_ready(READY_TIMEOUT).await?;
        server.create_database().await?;
        Ok(server)
    }

    /// How to connect to the database.
    pub fn connect_options(&self) -> PgConnectOptions {
        connect_options(&self.sockets, DATABASE)
    }

    /// As [`Self::connect_options`], as a URL for another process of this user.
    pub fn url(&self) -> String {
        self.connect_options().to_url_lossy().into()
    }

    /// The server's process id while this process supervises one that runs.
    pub fn pid(&self) -> Option<u32> {
        self.supervisor.pid()
    }

    /// How often the server has been started here.
    pub fn starts(&self) -> u64 {
        self.supervisor.starts()
    }

    /// Stops the server and keeps it stopped until [`Self::start`]. Returns when its process has gone; a stop that
    /// takes longer than `deadline` is made an immediate one, and then a kill.
    pub async fn stop(&self, mode: StopMode, deadline: Duration) {
        let supervisor = self.supervisor.clone();
        let stop = tokio::task::spawn_blocking(move || supervisor.stop(mode, deadline));
        stop.await.expect("stopping does not panic");
    }

    /// Starts the server after a [`Self::stop`] and waits until it accepts connections.
    ///
    /// # Errors
    /// [`StoreError`] when it does not come up.
    pub async fn start(&self) -> Result<(), StoreError> {
        self.supervisor.resume();
        self.wait_ready(READY_TIMEOUT).await
    }

    /// Stops the server for good and releases the data directory.
    pub async fn shutdown(&self, deadline: Duration) {
        let supervisor = self.supervisor.clone();
        let stop = tokio::task::spawn_blocking(move || supervisor.shutdown(deadline));
        stop.await.expect("stopping does not panic");
    }

    async fn wait_ready(&self, timeout: Duration) -> Result<(), StoreError> {
        let options = connect_options(&self.sockets, "postgres");
        let started = Instant::now();
        let mut said_at = started;
        let mut pause = Duration::from_millis(10);
        loop {
            let last = match options.clone().connect().await {
                Ok(conn) => {
                    conn.close().await.ok();
                    return Ok(());
                }
                Err(error) => crate::describe(&error),
            };
            if let Some(error) = self.supervisor.failure() {
                return Err(error);
            }
            if started.elapsed() > timeout {
                return Err(StoreError::NotReady {
                    waited_s: timeout.as_secs(),
                    last,
                });
            }
            if said_at.elapsed() > Duration::from_secs(5) {
                said_at = Instant::now();
                tracing::info!(
                    waited_s = started.elapsed().as_secs(),
                    last,
                    "waiting for PostgreSQL"
                );
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(250));
        }
    }

    async fn create_database(&self) -> Result<(), StoreError> {
        let mut conn: PgConnection = connect_options(&self.sockets, "postgres").connect().await?;
        let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(DATABASE)
            .fetch_one(&mut conn)
            .await?;
        if !there && let Err(error) = conn.execute("CREATE DATABASE muster").await {
            // Two processes that share a fresh cluster may both come here.
            let raced = error
                .as_database_error()
                .is_some_and(|e| e.code().is_some_and(|code| code == "42P04" || code == "23505"));
            if !raced {
                return Err(error.into());
            }
        }
        conn.close().await?;
        Ok(())
    }
}

impl Drop for EmbeddedPostgres {
    fn drop(&mut self) {
        self.supervisor.shutdown(Duration::from_secs(10));
    }
}

pub(crate) fn connect_options(sockets: &Path, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(sockets)
        .port(PORT)
        .username(USER)
        // Overrides what PGPASSWORD in the environment may say of another server.
        .password("")
        .database(database)
        .ssl_mode(PgSslMode::Disable)
}

/// Finds the server's programs as [`EmbeddedPostgres::open`] would, and starts nothing.
///
/// # Errors
/// [`StoreError`] says where it was looked, or that no programs fit the cluster that is there.
pub fn find_binaries(data_dir: &Path) -> Result<PathBuf, StoreError> {
    Binaries::find(None, &data_dir.join("postgres").join("cluster")).map(|found| found.dir)
}
