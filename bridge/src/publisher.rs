//! Outbox to broker: reads rows in the order of their ids, publishes them, removes what the broker has acknowledged.
//!
//! **Invariant:** of one topic, at most one row is on its way; so rows of one topic arrive in their order even when the
//! broker refuses one of them or the connection is lost between two.
//! **Invariant:** a row is removed only after its PUBACK; a crash before the removal publishes it again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use muster_store::{Database, outbox};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::link::{Link, NotSent, Sent};
use crate::status;

/// Looks without having been woken: a notification may be lost with its connection.
const POLL: Duration = Duration::from_secs(1);
/// Longest time for one read or removal; a frozen server is given up after it.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after the broker refused a message (quota), before it is offered again.
const REFUSED_PAUSE: Duration = Duration::from_millis(500);
/// First and longest pause after the database failed.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Reads the outbox and publishes it.
pub(crate) struct Publisher {
    database: Database,
    link: Arc<Link>,
    wake: Arc<Notify>,
    /// Rows on their way, with their topics.
    inflight: HashMap<i64, String>,
    /// Rows that the broker has, to be removed.
    done: Vec<i64>,
}

impl Publisher {
    pub fn new(database: Database, link: Arc<Link>, wake: Arc<Notify>) -> Self {
        Self {
            database,
            link,
            wake,
            inflight: HashMap::new(),
            done: Vec::new(),
        }
    }

    pub async fn run(mut self, mut sent: mpsc::UnboundedReceiver<Sent>, stop: CancellationToken) {
        let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
        let mut more = true;
        while !stop.is_cancelled() {
            let turn = tokio::time::timeout(QUERY_TIMEOUT, self.turn(more)).await;
            match turn {
                Ok(Ok(again)) => {
                    backoff.reset();
                    more = again;
                }
                failed => {
                    let reason = match failed {
                        Ok(Err(error)) => muster_store::describe(&error),
                        _ => "no answer in time".into(),
                    };
                    let pause = backoff.pause();
                    if backoff.attempts().is_power_of_two() {
                        tracing::warn!(
                            reason,
                            again_in_ms = pause.as_millis(),
                            "the outbox cannot be read"
                        );
                    }
                    more = true;
                    stop.run_until_cancelled(tokio::time::sleep(pause)).await;
                }
            }
            status::outbox_inflight(self.inflight.len());
            if more && self.inflight.is_empty() && self.done.is_empty() && self.link.window() > 0 {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => break,
                told = sent.recv() => match told {
                    Some(told) => {
                        let mut refused = self.note(told);
                        while let Ok(told) = sent.try_recv() {
                            refused |= self.note(told);
                        }
                        if refused {
                            tracing::warn!("the broker refused a message; it is offered again");
                            stop.run_until_cancelled(tokio::time::sleep(REFUSED_PAUSE)).await;
                        }
                        more = true;
                    }
                    None => break,
                },
                () = self.wake.notified() => more = true,
                () = tokio::time::sleep(POLL) => more = true,
            }
        }
        // What was acknowledged in the last moment; else it would be published once more, which is harmless.
        if !self.done.is_empty() {
            tokio::time::timeout(QUERY_TIMEOUT, self.turn(false)).await.ok();
        }
    }

    /// Takes note of what became of a row. True when the broker refused it.
    fn note(&mut self, told: Sent) -> bool {
        match told {
            Sent::Done(row) => {
                if self.inflight.remove(&row).is_some() {
                    self.done.push(row);
                }
            }
            Sent::Refused(row) => {
                self.inflight.remove(&row);
                return true;
            }
            Sent::Lost => self.inflight.clear(),
            Sent::Connected => {}
        }
        false
    }

    /// Removes what is done, and hands over what there is room for. True when there may be more to hand over at once.
    async fn turn(&mut self, read: bool) -> sqlx::Result<bool> {
        let room = self.link.window().saturating_sub(self.inflight.len());
        if self.done.is_empty() && (!read || room == 0) {
            return Ok(false);
        }
        let mut conn = self.database.pool().acquire().await?;
        if !self.done.is_empty() {
            outbox::remove(&mut conn, &self.done).await?;
            self.done.clear();
        }
        if !read || room == 0 {
            return Ok(false);
        }
        let known: Vec<i64> = self.inflight.keys().copied().collect();
        let rows = outbox::read(&mut conn, &known, room as i64).await?;
        let all = rows.len() == room;
        let mut busy: HashSet<String> = self.inflight.values().cloned().collect();
        let mut handed = false;
        for row in rows {
            // A row that has to wait holds back the later ones of its topic.
            if !busy.insert(row.message.topic.clone()) {
                continue;
            }
            match self.link.publish(&row) {
                Ok(()) => {
                    handed = true;
                    self.inflight.insert(row.id, row.message.topic);
                }
                Err(NotSent::Disconnected) => return Ok(false),
                Err(NotSent::TooLarge) => {
                    tracing::error!(
                        topic = row.message.topic,
                        "a message is larger than the broker takes; dropped"
                    );
                    self.done.push(row.id);
                }
            }
        }
        Ok(all && handed)
    }
}

/// Wakes the publisher when another program writes to the outbox.
pub(crate) async fn listen(database: Database, wake: Arc<Notify>, stop: CancellationToken) {
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
    while !stop.is_cancelled() {
        let listening = async {
            let mut listener = database.listener().await?;
            listener.listen(outbox::CHANNEL).await?;
            backoff.reset();
            loop {
                wake.notify_one();
                listener.recv().await?;
            }
        };
        let ended: Option<sqlx::Result<()>> = stop.run_until_cancelled(listening).await;
        if let Some(Err(error)) = ended {
            // The slow poll goes on meanwhile.
            tracing::debug!(
                reason = muster_store::describe(&error),
                "not listening for the outbox"
            );
            stop.run_until_cancelled(tokio::time::sleep(backoff.pause()))
                .await;
        }
    }
}
