//! What can go wrong with the store, said so that the reader knows what to do.
//!
//! Belongs here: what stops a database from being opened or kept. A refused row is a plain [`sqlx::Error`], which
//! [`describe`] turns into words without the row's values.

use std::io;
use std::path::PathBuf;

/// Why there is no database to work with.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Neither a URL nor any PostgreSQL server binaries.
    #[error(
        "no PostgreSQL found (looked in {looked}): install one (Debian: apt install postgresql), run `npm install` \
         in clients/web for a private copy, name its bin directory in MUSTER_POSTGRES_BIN, or name a server in \
         DATABASE_URL"
    )]
    NoBinaries {
        /// The places, in the order in which they were tried.
        looked: String,
    },
    /// Another process supervises the cluster of this data directory.
    #[error(
        "the data directory {} is in use by process {holder}: stop that one, or give this one another --data-dir",
        dir.display()
    )]
    InUse {
        /// The data directory.
        dir: PathBuf,
        /// The process id of the holder, or `unknown`.
        holder: String,
    },
    /// The cluster was made by another major version.
    #[error(
        "the cluster in {} was made by PostgreSQL {made_by}, and only {found} was found: install PostgreSQL \
         {made_by} or name its bin directory in MUSTER_POSTGRES_BIN (moving to a newer one takes a dump and a restore)",
        cluster.display()
    )]
    Version {
        /// The cluster's directory.
        cluster: PathBuf,
        /// What made it.
        made_by: String,
        /// What is there now.
        found: String,
    },
    /// `initdb` or `postgres` could not do its work; its own last words are the message.
    #[error("{what} failed ({}): {said}", log.display())]
    Server {
        /// Which program.
        what: &'static str,
        /// Where it writes its log.
        log: PathBuf,
        /// The last lines of it.
        said: String,
    },
    /// A file or directory that is needed cannot be used.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The socket directory that a data directory with a long path needs belongs to somebody else.
    #[error("{} is not a private directory of this user: remove it, or give a shorter --data-dir", path.display())]
    SocketDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The server did not accept connections in time.
    #[error("PostgreSQL did not accept connections within {waited_s} s: {last}")]
    NotReady {
        /// How long was waited, seconds.
        waited_s: u64,
        /// What the last try said.
        last: String,
    },
    /// `DATABASE_URL` or its like is no PostgreSQL URL.
    #[error("the database URL cannot be read: use postgres://user:password@host:port/database")]
    Url,
    /// The schema could not be brought up to date.
    #[error("a migration failed: {0}")]
    Migrate(String),
    /// The server refused or went away.
    #[error("database: {}", describe(.0))]
    Sql(#[from] sqlx::Error),
}

impl StoreError {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}

/// Says what went wrong in the database without repeating any value: the SQLSTATE with the constraint or table for
/// what the server refused (its own message may quote the row), the kind of trouble for everything else.
pub fn describe(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default().into_owned();
            match (database.constraint(), database.table()) {
                (Some(constraint), _) => format!("constraint {constraint} (SQLSTATE {code})"),
                (None, Some(table)) => format!("refused by table {table} (SQLSTATE {code})"),
                // Classes 08, 53, 57 and 58 speak of the server and never of a row.
                (None, None)
                    if ["08", "53", "57", "58"]
                        .iter()
                        .any(|class| code.starts_with(class)) =>
                {
                    format!("{} (SQLSTATE {code})", database.message())
                }
                (None, None) => format!("refused (SQLSTATE {code})"),
            }
        }
        sqlx::Error::Io(error) => format!("connection: {error}"),
        sqlx::Error::PoolTimedOut => "no connection became free in time".into(),
        sqlx::Error::PoolClosed => "the pool is closed".into(),
        sqlx::Error::RowNotFound => "no such row".into(),
        sqlx::Error::Tls(_) => "TLS failed".into(),
        sqlx::Error::Protocol(_) => "the server spoke out of turn".into(),
        _ => "the query failed".into(),
    }
}

/// Whether the same work may succeed when it is tried again as it is: the server is away, starting, stopping, full, or
/// two transactions met. What is wrong with a row itself (classes 22, 23) stays wrong.
pub fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            ["08", "25", "40", "53", "54", "55", "57", "58", "XX"]
                .iter()
                .any(|class| code.starts_with(class))
        }
        sqlx::Error::Encode(_) | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => false,
        _ => true,
    }
}
