//! What is measured and counted while a crowd runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use serde::Serialize;

/// Longest time that is told apart from longer ones.
const LONGEST: Duration = Duration::from_secs(600);

/// Times of one kind, in microseconds with three significant digits.
pub struct Times(Mutex<Histogram<u64>>);

impl Default for Times {
    fn default() -> Self {
        let bounds = Histogram::new_with_bounds(1, LONGEST.as_micros() as u64, 3);
        Self(Mutex::new(bounds.expect("the bounds are in order")))
    }
}

impl Times {
    /// Notes one.
    pub fn note(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.lock().saturating_record(micros.max(1));
    }

    /// What they come to.
    pub fn summary(&self) -> Summary {
        let times = self.0.lock();
        let at = |quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
        Summary {
            count: times.len(),
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            max_ms: times.max() as f64 / 1000.0,
        }
    }
}

/// How many times were noted and how they are spread. All 0 without any.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// How many.
    pub count: u64,
    /// Half are at most this, in milliseconds.
    pub p50_ms: f64,
    /// All but one in a hundred are at most this, in milliseconds.
    pub p99_ms: f64,
    /// The longest, in milliseconds.
    pub max_ms: f64,
}

/// A count that grows.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// So many more.
    pub fn add_many(&self, many: u64) {
        self.0.fetch_add(many, Ordering::Relaxed);
    }

    /// So far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything measured of one run.
#[derive(Default)]
#[allow(missing_docs)] // The names say it, and the report explains them to people.
pub struct Stats {
    pub join: Times,
    pub connect: Times,
    pub help_to_case: Times,
    pub claim: Times,
    pub delivery: Times,
    pub round_trip: Times,
    pub puback: Times,

    pub joined: Count,
    pub connected: Count,
    pub asked: Count,
    pub opened: Count,
    pub claimed: Count,
    pub races_lost: Count,
    pub closed: Count,
    pub chats_done: Count,
    pub chats_failed: Count,
    pub sent: Count,
    pub acked: Count,
    pub received: Count,
    pub not_sent: Count,
    pub pushed_back: Count,
    pub locations_sent: Count,
    pub locations_acked: Count,
    pub reconnects: Count,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_summed_up_in_milliseconds() {
        let times = Times::default();
        assert_eq!(
            times.summary(),
            Summary {
                count: 0,
                p50_ms: 0.0,
                p99_ms: 0.0,
                max_ms: 0.0
            }
        );
        for ms in 1..=100 {
            times.note(Duration::from_millis(ms));
        }
        times.note(LONGEST * 2);
        let summary = times.summary();
        assert_eq!(summary.count, 101);
        assert!((50.0..52.0).contains(&summary.p50_ms), "{summary:?}");
        assert!((99.0..101.0).contains(&summary.p99_ms), "{summary:?}");
        assert!(summary.max_ms >= 600_000.0, "{summary:?}");
    }
}
