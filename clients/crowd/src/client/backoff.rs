//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// The wait before the first attempt after a connection was lost.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait: a server that is back is found within this time.
const LONGEST: Duration = Duration::from_secs(5);

/// The wait before attempt `attempt` (from 0) since the last success, spread by `random` (0 to 1).
///
/// Half of it is random, so that a crowd that lost its server together does not come back together.
pub(super) fn delay(attempt: u32, random: f64) -> Duration {
    let whole = FIRST.saturating_mul(1 << attempt.min(16)).min(LONGEST);
    whole.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_are_spread() {
        assert_eq!(delay(0, 1.0), FIRST);
        assert_eq!(delay(0, 0.0), FIRST / 2);
        assert_eq!(delay(3, 1.0), FIRST * 8);
        for attempt in [10, 100, u32::MAX] {
            assert_eq!(delay(attempt, 1.0), LONGEST);
            assert_eq!(delay(attempt, 0.0), LONGEST / 2);
        }
    }
}
