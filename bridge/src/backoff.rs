//! Pauses between attempts: doubling, bounded, and with jitter so that many do not come back at one instant.

use std::time::Duration;

use rand::Rng;

/// The next pause, from a first one to a longest one.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    attempts: u32,
}

impl Backoff {
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            attempts: 0,
        }
    }

    /// It worked: the next trouble begins with the first pause again.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    /// How often in a row it has not worked.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The pause before the next attempt: between half and all of what the doubling has come to.
    pub fn pause(&mut self) -> Duration {
        let full = self
            .first
            .saturating_mul(1 << self.attempts.min(16))
            .min(self.longest);
        self.attempts = self.attempts.saturating_add(1);
        full.mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_begin_anew_after_a_success() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(5));
        let mut backoff = Backoff::new(first, longest);
        for doubled in [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000] {
            let pause = backoff.pause();
            let full = Duration::from_millis(doubled);
            assert!(pause >= full / 2 && pause <= full, "{pause:?} of {full:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= first);
    }
}
