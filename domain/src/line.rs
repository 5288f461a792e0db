//! The line of people who wait for help: who comes first, how many are ahead, and how long it may take.
//!
//! **Invariant:** the order is total: most pressing first, then who asked first, then the id; so no two observers
//! ever see two orders.
//! **Invariant:** reads no clock; callers pass `now`.
//!
//! It does not decide who answers; see `case`.

use std::collections::HashSet;

use time::{Duration, OffsetDateTime};

use crate::payload::{Place, Priority, QueueState};
use crate::{CaseId, ClientId};

/// Most departures that the pace is reckoned from: enough for three rounds of 60 operators.
pub const DEPARTURES_MAX: usize = 180;
/// Oldest departure that says something about the pace of now.
pub const DEPARTURES_AGE: Duration = Duration::minutes(30);
/// Longest time that is promised, in seconds: beyond a day a number means nothing.
pub const ETA_S_MAX: u32 = 24 * 3600;

/// What the line is sorted by, smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineKey {
    /// Most pressing first.
    pub priority: Priority,
    /// Then who asked first.
    pub opened_at: OffsetDateTime,
    /// Then, for those of one instant, the id.
    pub id: CaseId,
}

/// One who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Where in the line.
    pub key: LineKey,
    /// The place that the person was last told.
    pub told: Option<Place>,
}

/// One who left the line to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// When.
    pub at: OffsetDateTime,
    /// By whom.
    pub operator: ClientId,
}

/// The line of one event at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    waiting: Vec<Waiting>,
    gone: u64,
    open: u32,
    pace_s: Option<f64>,
}

impl Line {
    /// Puts the line in order. `gone` is how many have ever left it, `open` how many are being answered, and
    /// `departures` and `operators` (who answer now) give its pace.
    pub fn new(
        mut waiting: Vec<Waiting>,
        gone: u64,
        open: u32,
        departures: &[Departure],
        operators: usize,
        now: OffsetDateTime,
    ) -> Self {
        waiting.sort_unstable_by_key(|one| one.key);
        Self {
            waiting,
            gone,
            open,
            pace_s: pace_s(departures, operators, now),
        }
    }

    /// What everybody is told.
    pub fn state(&self) -> QueueState {
        QueueState {
            waiting: u32::try_from(self.waiting.len()).unwrap_or(u32::MAX),
            open: self.open,
            gone: self.gone,
            pace_s: self.pace_s.map(|pace| whole(pace.max(1.0))),
        }
    }

    /// The exact place of one, or `None` when it is not in the line.
    pub fn place(&self, key: &LineKey) -> Option<Place> {
        let index = self.waiting.binary_search_by_key(key, |one| one.key).ok()?;
        Some(self.at(index))
    }

    /// Expected seconds until the one at this place is answered; `None` while the pace is unknown.
    pub fn eta_s(&self, place: Place) -> Option<u32> {
        self.pace_s
            .map(|pace| whole(pace * (f64::from(place.ahead) + 1.0)))
    }

    /// Those who would reckon another number than the exact one from what they were told, front of the line first.
    pub fn misled(&self) -> impl Iterator<Item = (CaseId, Place)> + '_ {
        let state = QueueState {
            waiting: 0,
            open: 0,
            gone: self.gone,
            pace_s: None,
        };
        self.waiting.iter().enumerate().filter_map(move |(index, one)| {
            let exact = self.at(index);
            let right = one.told.is_some_and(|told| state.ahead_of(told) == exact.ahead);
            (!right).then_some((one.key.id, exact))
        })
    }

    fn at(&self, index: usize) -> Place {
        Place {
            ahead: u32::try_from(index).unwrap_or(u32::MAX),
            gone: self.gone,
        }
    }
}

fn whole(seconds: f64) -> u32 {
    seconds.round().clamp(0.0, f64::from(ETA_S_MAX)) as u32
}

/// Seconds between two who leave the line, lately: the mean over the departures (any order) that are young enough,
/// the time since the last one counted as soon as it makes the mean longer, and stretched or shortened when fewer or
/// more operators are at work now than in that time (at most four times). `None` with fewer than two departures.
pub fn pace_s(departures: &[Departure], operators: usize, now: OffsetDateTime) -> Option<f64> {
    let mut young: Vec<&Departure> = departures
        .iter()
        .filter(|one| now - one.at <= DEPARTURES_AGE)
        .collect();
    young.sort_unstable_by_key(|one| std::cmp::Reverse(one.at));
    young.truncate(DEPARTURES_MAX);
    let (last, first) = (young.first()?, young.last()?);
    if young.len() < 2 {
        return None;
    }
    let intervals = (young.len() - 1) as f64;
    let span = (last.at - first.at).as_seconds_f64();
    let silence = (now - last.at).as_seconds_f64().max(0.0);
    let mean = (span / intervals).max((span + silence) / (intervals + 1.0));
    let then = young
        .iter()
        .map(|one| &one.operator)
        .collect::<HashSet<_>>()
        .len();
    let share = if operators == 0 {
        1.0
    } else {
        (then as f64 / operators as f64).clamp(0.25, 4.0)
    };
    Some(mean * share)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_795_000_000 + seconds).unwrap()
    }

    fn left(seconds: i64, operator: u8) -> Departure {
        Departure {
            at: at(seconds),
            operator: ClientId::new(format!("op-{operator}")).unwrap(),
        }
    }

    fn waiting(priority: Priority, seconds: i64, told: Option<Place>) -> Waiting {
        Waiting {
            key: LineKey {
                priority,
                opened_at: at(seconds),
                id: CaseId::new(),
            },
            told,
        }
    }

    #[test]
    fn the_pace_follows_the_claims_and_the_operators() {
        let steady: Vec<_> = (0..10).map(|n| left(n * 30, (n % 2) as u8)).collect();
        assert_eq!(pace_s(&steady, 2, at(270)), Some(30.0));
        assert_eq!(
            pace_s(&steady, 1, at(270)),
            Some(60.0),
            "half of the operators, twice the time"
        );
        assert_eq!(pace_s(&steady, 4, at(270)), Some(15.0));
        assert_eq!(
            pace_s(&steady, 2, at(270 + 330)),
            Some(60.0),
            "nobody was taken for a while"
        );
        assert_eq!(pace_s(&steady[..1], 2, at(270)), None);
        assert_eq!(
            pace_s(&steady, 2, at(7200)),
            None,
            "yesterday's pace says nothing"
        );
    }

    #[test]
    fn a_life_in_danger_goes_before_all_and_the_others_are_told() {
        let told = |ahead| Some(Place { ahead, gone: 4 });
        let first = waiting(Priority::Service, 0, told(0));
        let second = waiting(Priority::Service, 5, told(1));
        let life = waiting(Priority::Life, 9, None);
        let line = Line::new(vec![second, life, first], 4, 0, &[], 0, at(10));
        assert_eq!(line.place(&life.key), Some(Place { ahead: 0, gone: 4 }));
        let ids: Vec<_> = line.misled().map(|(id, place)| (id, place.ahead)).collect();
        assert_eq!(ids, [(life.key.id, 0), (first.key.id, 1), (second.key.id, 2)]);
        assert_eq!(line.state().waiting, 3);
    }

    #[test]
    fn who_leaves_from_the_front_misleads_nobody() {
        let told = |ahead| Some(Place { ahead, gone: 4 });
        let rest = (1..50)
            .map(|n| waiting(Priority::Urgent, i64::from(n), told(n)))
            .collect();
        let line = Line::new(rest, 5, 1, &[], 0, at(100));
        assert_eq!(line.misled().count(), 0);
    }

    #[test]
    fn who_leaves_from_the_middle_misleads_only_those_ahead() {
        let told = |ahead| Some(Place { ahead, gone: 0 });
        let all: Vec<_> = (0..10)
            .map(|n| waiting(Priority::Urgent, i64::from(n), told(n)))
            .collect();
        let rest = all
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != 6)
            .map(|(_, one)| *one)
            .collect();
        let line = Line::new(rest, 1, 1, &[], 0, at(100));
        // The first reckons `0 - 1`, which is 0 and right.
        let misled: Vec<_> = line.misled().map(|(id, _)| id).collect();
        assert_eq!(misled, all[1..6].iter().map(|one| one.key.id).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn places_number_the_line_and_times_grow_along_it(
            entries in prop::collection::vec((0usize..3, 0i64..50), 0..80),
            claims in prop::collection::vec((0i64..1000, 0u8..4), 0..40),
            operators in 0usize..6,
        ) {
            let all: Vec<_> = entries.iter().map(|&(p, s)| waiting(Priority::ALL[p], s, None)).collect();
            let departures: Vec<_> = claims.iter().map(|&(s, op)| left(s, op)).collect();
            let line = Line::new(all.clone(), 7, 0, &departures, operators, at(1000));
            let mut seen = vec![false; all.len()];
            for one in &all {
                let place = line.place(&one.key).unwrap();
                let before = all.iter().filter(|other| other.key < one.key).count();
                prop_assert_eq!(place.ahead as usize, before);
                prop_assert!(!std::mem::replace(&mut seen[before], true), "two at one place");
                if place.ahead > 0 {
                    let ahead = line.eta_s(Place { ahead: place.ahead - 1, gone: 7 });
                    prop_assert!(ahead <= line.eta_s(place));
                }
            }
            // Once told, nobody is misled.
            let told: Vec<_> = all.iter().map(|one| Waiting { told: line.place(&one.key), ..*one }).collect();
            prop_assert_eq!(Line::new(told, 7, 0, &[], 0, at(1000)).misled().count(), 0);
        }
    }
}
