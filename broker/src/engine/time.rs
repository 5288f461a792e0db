//! The engine's clock, which the engine never reads.

use std::ops::Add;
use std::time::Duration;

/// Milliseconds on a clock that never goes back; the caller chooses where zero is. Wall clocks play no part, so that
/// neither keep alive nor expiry notices when somebody sets one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// The point this many milliseconds after zero.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds after zero.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Whole seconds from `now` until this point, begun ones counted, so that a lifetime of N seconds is told as N
    /// until a second has passed. `None` when the point is reached.
    pub fn seconds_left(self, now: Self) -> Option<u32> {
        match self.0.saturating_sub(now.0) {
            0 => None,
            millis => Some(u32::try_from(millis.div_ceil(1000)).unwrap_or(u32::MAX)),
        }
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, after: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_left_are_the_lifetime_less_the_whole_seconds_waited() {
        let end = Time::from_millis(500) + Duration::from_secs(10);
        assert_eq!(end.seconds_left(Time::from_millis(500)), Some(10));
        assert_eq!(end.seconds_left(Time::from_millis(1_499)), Some(10));
        assert_eq!(end.seconds_left(Time::from_millis(1_500)), Some(9));
        assert_eq!(end.seconds_left(Time::from_millis(10_499)), Some(1));
        assert_eq!(end.seconds_left(Time::from_millis(10_500)), None);
    }
}
