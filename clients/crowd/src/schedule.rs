//! The open loop: when each message is to be sent, whatever became of those before it.
//!
//! A closed loop would wait for a slow server and so never see how slow it is; here a late message is late from the time
//! at which it was to be sent.

use std::time::{Duration, Instant};

/// The times of one chat's messages.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    start: Instant,
    period: Duration,
    count: u32,
    next: u32,
}

impl Schedule {
    /// `count` messages, `period` apart. `index` of `of` chats begins at its share of the first period, so that the load
    /// is even and not a volley per period.
    pub fn new(start: Instant, period: Duration, count: u32, index: u32, of: u32) -> Self {
        let share = f64::from(index) / f64::from(of.max(1));
        Self {
            start: start + period.mul_f64(share),
            period,
            count,
            next: 0,
        }
    }

    /// When the next message is to be sent, or `None` after the last one.
    pub fn next_due(&self) -> Option<Instant> {
        (self.next < self.count).then(|| self.start + self.period * self.next)
    }

    /// Takes the next message when its time has come, and tells that time.
    pub fn take_due(&mut self, now: Instant) -> Option<Instant> {
        let due = self.next_due().filter(|due| *due <= now)?;
        self.next += 1;
        Some(due)
    }
}

/// How many messages a rate (per second) makes in a time. At least one.
pub fn message_count(rate: f64, duration: Duration) -> u32 {
    // Saturates; a rate is bounded where it is read.
    ((rate * duration.as_secs_f64()).round() as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_times_however_late_they_are_taken() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut schedule = Schedule::new(start, second, 3, 0, 4);
        assert_eq!(schedule.take_due(start), Some(start));
        assert_eq!(schedule.take_due(start), None);
        let late = start + second * 10;
        assert_eq!(schedule.take_due(late), Some(start + second));
        assert_eq!(schedule.take_due(late), Some(start + second * 2));
        assert_eq!((schedule.next_due(), schedule.take_due(late)), (None, None));
    }

    #[test]
    fn chats_share_the_first_period() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let begins = |index| Schedule::new(start, second, 1, index, 4).next_due().unwrap() - start;
        assert_eq!(
            [begins(0), begins(1), begins(3)],
            [Duration::ZERO, second / 4, second * 3 / 4]
        );
    }

    #[test]
    fn counts_follow_rate_and_time() {
        let minute = Duration::from_secs(60);
        assert_eq!(message_count(10.0, minute), 600);
        assert_eq!(message_count(0.1, minute), 6);
        assert_eq!(message_count(0.001, minute), 1);
    }
}
