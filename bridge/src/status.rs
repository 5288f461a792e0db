//! What the bridge says of itself: readiness and metrics.

use std::sync::atomic::{AtomicBool, Ordering};

use metrics::{counter, gauge, histogram};

/// Which sides of the bridge stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// Connected and subscribed at the broker.
    pub broker: bool,
    /// Holding the database connection and the lock of the one writer; the last transaction went through.
    pub database: bool,
}

impl Readiness {
    /// Both do.
    pub fn is_ready(self) -> bool {
        self.broker && self.database
    }
}

/// Shared by the parts of one bridge.
#[derive(Debug, Default)]
pub(crate) struct Status {
    broker: AtomicBool,
    database: AtomicBool,
}

impl Status {
    pub fn readiness(&self) -> Readiness {
        Readiness {
            broker: self.broker.load(Ordering::Relaxed),
            database: self.database.load(Ordering::Relaxed),
        }
    }

    pub fn set_broker(&self, there: bool) {
        self.broker.store(there, Ordering::Relaxed);
    }

    pub fn set_database(&self, there: bool) {
        self.database.store(there, Ordering::Relaxed);
    }
}

/// A batch went through.
pub(crate) fn committed(messages: usize, absorbed: u64, dead: usize, oldest_s: f64, backlog: usize) {
    counter!("muster_bridge_commits_total").increment(1);
    counter!("muster_bridge_absorbed_total").increment(absorbed);
    counter!("muster_bridge_dead_letters_total").increment(dead as u64);
    histogram!("muster_bridge_batch_size").record(messages as f64);
    gauge!("muster_bridge_lag_seconds").set(oldest_s);
    gauge!("muster_bridge_backlog").set(backlog as f64);
}

/// A side was lost and is sought again: `broker` or `database`.
pub(crate) fn reconnecting(to: &'static str) {
    counter!("muster_bridge_reconnects_total", "to" => to).increment(1);
}

/// A QoS 0 message came while the queue was as full as QoS 0 may make it.
pub(crate) fn dropped() {
    counter!("muster_bridge_dropped_total").increment(1);
}

/// So many outbox rows are on their way to the broker.
pub(crate) fn outbox_inflight(rows: usize) {
    gauge!("muster_bridge_outbox_inflight").set(rows as f64);
}
