//! Opening a database: the server that a URL names, or the embedded cluster; then the migrations.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::embedded::{EmbeddedConfig, EmbeddedMode, EmbeddedPostgres};
use crate::error::StoreError;

/// The migrations of this build, in their order.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// Longest time a statement may take, enforced by the server.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest wait for a free connection of the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time [`Database::is_ready`] waits for an answer.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// How long [`Database::close`] waits for running queries, and then for the embedded server.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(15);

/// Which database.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// `postgres://...`, or `None` for the embedded cluster.
    pub url: Option<String>,
    /// The directory of all that Muster keeps; the cluster lives in `postgres` below it.
    pub data_dir: PathBuf,
    /// Most connections of the pool.
    pub connections_max: u32,
    /// Whether another process may supervise the embedded cluster.
    pub mode: EmbeddedMode,
    /// Where the server's binaries are looked for before anywhere else; `MUSTER_POSTGRES_BIN` when `None`.
    pub postgres_bin: Option<PathBuf>,
}

impl DatabaseConfig {
    /// The embedded cluster of a data directory, for this process alone.
    pub fn embedded(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            url: None,
            data_dir: data_dir.into(),
            connections_max: 20,
            mode: EmbeddedMode::Own,
            postgres_bin: None,
        }
    }
}

impl std::fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("DatabaseConfig")
            .field("url", &self.url.as_ref().map(|_| "(set)"))
            .field("data_dir", &self.data_dir)
            .field("connections_max", &self.connections_max)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// An open database with every migration applied. Clones share the pool and the server.
#[derive(Clone)]
pub struct Database {
    pool: PgPool,
    options: PgConnectOptions,
    embedded: Option<Arc<EmbeddedPostgres>>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("embedded", &self.embedded.is_some())
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Opens it: starts the embedded cluster when no URL is given, and applies what migrations are missing (under an
    /// advisory lock: several processes may open one database at once).
    ///
    /// # Errors
    /// [`StoreError`] says what is missing or in the way and what to do.
    pub async fn open(config: DatabaseConfig) -> Result<Self, StoreError> {
        let (options, embedded) = match &config.url {
            Some(url) => (
                PgConnectOptions::from_str(url).map_err(|_| StoreError::Url)?,
                None,
            ),
            None => {
                let server = EmbeddedPostgres::open(EmbeddedConfig {
                    data_dir: config.data_dir.clone(),
                    mode: config.mode,
                    bin: config.postgres_bin.clone(),
                })
                .await?;
                (server.connect_options(), Some(Arc::new(server)))
            }
        };
        let options = options.application_name("muster");
        let database = Self::with_options(options, config.connections_max, embedded).await;
        if let Err(error) = &database {
            tracing::error!(error = %error, "the database could not be opened");
        }
        database
    }

    pub(crate) async fn with_options(
        options: PgConnectOptions,
        connections_max: u32,
        embedded: Option<Arc<EmbeddedPostgres>>,
    ) -> Result<Self, StoreError> {
        // A migration may take longer than a statement of daily work.
        let mut conn: PgConnection = options.clone().connect().await?;
        MIGRATOR.run(&mut conn).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error)
            | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => {
                StoreError::Migrate(crate::describe(&error))
            }
            other => StoreError::Migrate(other.to_string()),
        })?;
        conn.close().await?;

        let options = options.options([
            ("statement_timeout", STATEMENT_TIMEOUT.as_millis().to_string()),
            ("idle_in_transaction_session_timeout", "30000".to_owned()),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options.clone());
        Ok(Self {
            pool,
            options,
            embedded,
        })
    }

    /// The pool.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// A connection of one's own outside the pool, for session-level locks.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn connect(&self) -> sqlx::Result<PgConnection> {
        self.options.clone().connect().await
    }

    /// A listener for NOTIFY: the only connection on which LISTEN is used (sqlx cannot take a notification on others).
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn listener(&self) -> sqlx::Result<PgListener> {
        PgListener::connect_with(&self.pool).await
    }

    /// The embedded server, when there is one.
    pub fn embedded(&self) -> Option<&EmbeddedPostgres> {
        self.embedded.as_deref()
    }

    /// Whether the server answers a query within 2 s.
    pub async fn is_ready(&self) -> bool {
        let ping = sqlx::query("SELECT 1").execute(&self.pool);
        matches!(tokio::time::timeout(PING_TIMEOUT, ping).await, Ok(Ok(_)))
    }

    /// Closes the pool, then stops the embedded server, each within 15 s.
    pub async fn close(&self) {
        if tokio::time::timeout(CLOSE_TIMEOUT, self.pool.close())
            .await
            .is_err()
        {
            tracing::warn!("database connections were still busy at the stop");
        }
        if let Some(server) = &self.embedded {
            server.shutdown(CLOSE_TIMEOUT).await;
        }
    }
}
