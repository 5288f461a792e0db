//! Counts attempts by a key within a window of time, in memory of a fixed size.
//!
//! **Invariant:** a key that has used its attempts is refused until its window ends.
//! **Invariant:** memory does not grow with the number of keys.
//!
//! Keys are hashed into a table of counters with a secret of this process. Two keys may share a counter; then one is
//! refused early, which is rare (the table is far larger than what can be hashed in a window) and ends with the window.

use std::hash::{BuildHasher, Hash, RandomState};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::ApiError;

/// Counters of a table: 1 MiB. At 20 ms for a password, two processors fail 30,000 logins in a window of five minutes,
/// so even an attack leaves most of them free.
const COUNTERS: usize = 1 << 16;

/// A table of counters.
pub(crate) struct Attempts {
    max: u32,
    window: Duration,
    hasher: RandomState,
    started: Instant,
    counters: Mutex<Box<[Counter]>>,
}

#[derive(Clone, Copy, Default)]
struct Counter {
    /// Milliseconds since the table was made.
    ends_ms: u64,
    used: u32,
}

impl Attempts {
    pub fn new(max: u32, window: Duration) -> Self {
        Self {
            max,
            window,
            hasher: RandomState::new(),
            started: Instant::now(),
            counters: Mutex::new(vec![Counter::default(); COUNTERS].into()),
        }
    }

    /// Takes one attempt of `key`, before the work that it allows: so attempts at once count as much as one by one.
    pub fn take(&self, key: &impl Hash) -> Result<(), ApiError> {
        self.take_at(key, Instant::now())
    }

    fn take_at(&self, key: &impl Hash, now: Instant) -> Result<(), ApiError> {
        let now_ms = self.since_start_ms(now);
        let mut counters = self.counters.lock();
        let counter = &mut counters[self.place(key)];
        if counter.ends_ms <= now_ms {
            let window_ms = u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX);
            *counter = Counter {
                ends_ms: now_ms.saturating_add(window_ms),
                used: 0,
            };
        }
        if counter.used >= self.max {
            let retry_after_s = (counter.ends_ms - now_ms).div_ceil(1000).max(1);
            metrics::counter!("muster_http_attempts_refused_total").increment(1);
            return Err(ApiError::TooManyAttempts { retry_after_s });
        }
        counter.used += 1;
        Ok(())
    }

    /// Gives one attempt back: it turned out to be none.
    pub fn give_back(&self, key: &impl Hash) {
        let counter = &mut self.counters.lock()[self.place(key)];
        counter.used = counter.used.saturating_sub(1);
    }

    /// Forgets the attempts of `key`: it proved itself.
    pub fn forget(&self, key: &impl Hash) {
        self.counters.lock()[self.place(key)] = Counter::default();
    }

    fn since_start_ms(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }

    fn place(&self, key: &impl Hash) -> usize {
        // Cannot truncate: the remainder is below the number of counters.
        (self.hasher.hash_one(key) % COUNTERS as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_refused_past_its_attempts_until_its_window_ends() {
        let attempts = Attempts::new(2, Duration::from_secs(60));
        let now = attempts.started;
        assert!(attempts.take_at(&"ada", now).is_ok() && attempts.take_at(&"ada", now).is_ok());
        let late = now + Duration::from_millis(58_500);
        match attempts.take_at(&"ada", late) {
            Err(ApiError::TooManyAttempts { retry_after_s }) => assert_eq!(retry_after_s, 2),
            other => panic!("not refused: {other:?}"),
        }
        assert!(attempts.take_at(&"ada", now + Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn what_is_given_back_or_forgotten_can_be_taken_again() {
        let attempts = Attempts::new(1, Duration::from_secs(60));
        for _ in 0..3 {
            assert!(attempts.take(&1).is_ok());
            attempts.give_back(&1);
        }
        assert!(attempts.take(&1).is_ok() && attempts.take(&1).is_err());
        attempts.forget(&1);
        assert!(attempts.take(&1).is_ok());
    }
}
