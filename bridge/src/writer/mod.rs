//! The writer: batches from the queue into the database, one transaction each, then the acknowledgements.
//!
//! It owns one connection, on which it holds the advisory lock of the one writer. Whoever has lost that connection has
//! lost the lock, and nothing that it began on it can be committed by anybody else; a new connection waits until the
//! server has let go of the old one.
//!
//! **Invariant:** a batch is given up by no failure that may pass: it is tried again until it is stored, or until the
//! broker is known to deliver it again.

mod batch;
mod image;
mod line;
mod locations;
mod resync;

use std::sync::Arc;
use std::time::Duration;

use muster_store::Database;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::link::{Delivery, Link};
use crate::status::{self, Status};
use crate::{BATCH_MAX, BATCH_WAIT};
use line::Broadcaster;

/// The advisory lock of the one writer: "mustrbrg" in ASCII.
const WRITER_LOCK: i64 = 0x6d75_7374_7262_7267;
/// Longest time for one transaction. A frozen server says nothing at all, so the clock is on this side.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time for a connection and the lock.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// First and longest pause after the database failed.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Time between two looks at a lock that another one holds.
const STANDBY: Duration = Duration::from_millis(500);
/// With nothing to write, a look at whether the server is still there.
const IDLE_PING: Duration = Duration::from_secs(5);
/// How long applied messages are remembered: twice as long as the broker keeps the bridge's session.
const APPLIED_DAYS: i32 = 14;
/// Time between two removals of what is older.
const PRUNE_PAUSE: Duration = Duration::from_secs(600);

/// See the module.
pub(crate) struct Writer {
    database: Database,
    link: Arc<Link>,
    queue: mpsc::Receiver<Delivery>,
    status: Arc<Status>,
    outbox: Arc<Notify>,
    leader: watch::Sender<bool>,
    batch: Vec<Delivery>,
    lines: Broadcaster,
    /// There is a new connection to the broker, to which all retained state is to be told.
    tell_all: bool,
    pruned_at: Option<Instant>,
}

/// Why a connection is given up.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{}", muster_store::describe(.0))]
    Sql(#[from] sqlx::Error),
    #[error("no answer within {} s", TRANSACTION_TIMEOUT.as_secs())]
    Timeout(#[from] tokio::time::error::Elapsed),
    #[error("another bridge is at work")]
    Standby,
}

impl Writer {
    pub fn new(
        database: Database,
        link: Arc<Link>,
        queue: mpsc::Receiver<Delivery>,
        status: Arc<Status>,
        outbox: Arc<Notify>,
        leader: watch::Sender<bool>,
    ) -> Self {
        Self {
            database,
            link,
            queue,
            status,
            outbox,
            leader,
            batch: Vec::with_capacity(BATCH_MAX),
            lines: Broadcaster::default(),
            tell_all: false,
            pruned_at: None,
        }
    }

    /// Writes until `stop`; then finishes the batch at hand if the database lets it.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
        let mut lost_at: Option<Instant> = None;
        let mut standing_by = false;
        while !stop.is_cancelled() {
            let trouble = match tokio::time::timeout(CONNECT_TIMEOUT, self.connect()).await {
                Ok(Ok(conn)) => {
                    backoff.reset();
                    standing_by = false;
                    match lost_at.take() {
                        Some(at) => tracing::info!(
                            away_ms = at.elapsed().as_millis(),
                            "writing to the database again"
                        ),
                        None => tracing::info!("writing to the database"),
                    }
                    self.status.set_database(true);
                    self.leader.send_replace(true);
                    let Err(trouble) = self.work(conn, &stop).await else {
                        return;
                    };
                    trouble
                }
                Ok(Err(trouble)) => trouble,
                Err(elapsed) => elapsed.into(),
            };
            self.status.set_database(false);
            self.leader.send_replace(false);
            let pause = match trouble {
                Trouble::Standby => {
                    if !standing_by {
                        standing_by = true;
                        tracing::info!("standing by: {trouble}");
                    }
                    STANDBY
                }
                _ => {
                    lost_at.get_or_insert_with(Instant::now);
                    status::reconnecting("database");
                    let pause = backoff.pause();
                    if backoff.attempts().is_power_of_two() {
                        let again_in_ms = pause.as_millis();
                        tracing::warn!(
                            reason = %trouble, again_in_ms, waiting = self.batch.len() + self.queue.len(),
                            "the database cannot be written; messages wait unacknowledged"
                        );
                    }
                    pause
                }
            };
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }

    async fn connect(&mut self) -> Result<PgConnection, Trouble> {
        let mut conn = self.database.connect().await?;
        let ours: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(WRITER_LOCK)
            .fetch_one(&mut conn)
            .await?;
        if !ours {
            conn.close().await.ok();
            return Err(Trouble::Standby);
        }
        self.lines.begin(&mut conn).await?;
        Ok(conn)
    }

    /// Works on one connection until it fails, or `Ok` at the stop.
    async fn work(&mut self, mut conn: PgConnection, stop: &CancellationToken) -> Result<(), Trouble> {
        loop {
            if self.batch.is_empty() && !self.gather(stop).await {
                conn.close().await.ok();
                return Ok(());
            }
            self.write(&mut conn).await?;
            if self.tell_all {
                let tell = resync::tell_all(&mut conn, OffsetDateTime::now_utc());
                tokio::time::timeout(TRANSACTION_TIMEOUT, tell).await??;
                self.lines.begin_again(&mut conn).await?;
                self.tell_all = false;
                self.outbox.notify_one();
            }
            let now = Instant::now();
            if self.lines.next_at(now).is_some_and(|at| at <= now) {
                let beat = self.lines.beat(&mut conn, now, OffsetDateTime::now_utc());
                if tokio::time::timeout(TRANSACTION_TIMEOUT, beat).await?? {
                    self.outbox.notify_one();
                }
            }
            if self.pruned_at.is_none_or(|at| now >= at + PRUNE_PAUSE) {
                self.pruned_at = Some(now);
                tokio::time::timeout(TRANSACTION_TIMEOUT, prune(&mut conn)).await??;
            }
        }
    }

    /// Collects a batch: what is there, and what comes within [`BATCH_WAIT`] after the first. Also returns when a line
    /// is to be told of, at a new connection to the broker, or after [`IDLE_PING`] with nothing. False at the stop.
    async fn gather(&mut self, stop: &CancellationToken) -> bool {
        let now = Instant::now();
        let until = self
            .lines
            .next_at(now)
            .unwrap_or(now + IDLE_PING)
            .min(now + IDLE_PING);
        tokio::select! {
            biased;
            // Before the queue, which under load is never empty: what is in it comes again.
            () = stop.cancelled() => return false,
            () = self.link.connected.notified() => {
                self.tell_all = true;
                return true;
            }
            count = self.queue.recv_many(&mut self.batch, BATCH_MAX) => if count == 0 { return false },
            () = tokio::time::sleep_until(until) => return true,
        }
        let deadline = Instant::now() + BATCH_WAIT;
        while self.batch.len() < BATCH_MAX {
            let room = BATCH_MAX - self.batch.len();
            match tokio::time::timeout_at(deadline, self.queue.recv_many(&mut self.batch, room)).await {
                Ok(count) if count > 0 => {}
                _ => break,
            }
        }
        true
    }

    /// Stores the batch and acknowledges it; an empty one only asks whether the server is there.
    async fn write(&mut self, conn: &mut PgConnection) -> Result<(), Trouble> {
        let link = &self.link;
        self.batch
            .retain(|delivery| delivery.ack.is_none_or(|ack| !link.comes_again(ack)));
        if self.batch.is_empty() {
            return Ok(tokio::time::timeout(TRANSACTION_TIMEOUT, conn.ping()).await??);
        }
        let messages: Vec<_> = self.batch.iter().map(|delivery| &delivery.message).collect();
        let now = OffsetDateTime::now_utc();
        let applied = tokio::time::timeout(TRANSACTION_TIMEOUT, batch::apply(conn, &messages, now)).await??;
        self.link
            .acknowledge(self.batch.iter().filter_map(|delivery| delivery.ack));
        let oldest = messages
            .iter()
            .map(|message| message.received_at)
            .min()
            .unwrap_or(now);
        let lag_s = (OffsetDateTime::now_utc() - oldest).as_seconds_f64().max(0.0);
        status::committed(
            messages.len(),
            applied.absorbed,
            applied.dead,
            lag_s,
            self.queue.len(),
        );
        self.lines.note(applied.lines);
        self.batch.clear();
        self.outbox.notify_one();
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.status.set_database(false);
    }
}

async fn prune(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM applied_messages WHERE applied_at < now() - make_interval(days => $1)")
        .bind(APPLIED_DAYS)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether some bridge, in whatever process, is the one writer of this database at this moment.
pub(crate) async fn is_held(database: &Database) -> sqlx::Result<bool> {
    // A bigint lock is shown in two halves (PostgreSQL documentation, pg_locks).
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
         AND classid::bigint = $1 >> 32 AND objid::bigint = $1 & 4294967295
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
    )
    .bind(WRITER_LOCK)
    .fetch_one(database.pool())
    .await
}
