//! The line in the database, and telling everybody how it moves.
//!
//! A moving line costs one broadcast (`queue/help/state`), from which each who waits reckons the own place; an exact
//! place is told again only to those who would reckon wrong, at a slow beat and in bounded numbers.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use muster_domain::line::{DEPARTURES_AGE, DEPARTURES_MAX, Departure, Line, LineKey, Waiting};
use muster_domain::payload::{Place, Priority, QueueState};
use muster_domain::topic::HELP_QUEUE;
use muster_domain::{CaseId, ClientId, EventId, EventTopic, Topic};
use muster_store::outbox::{self, Message};
use sqlx::types::Uuid;
use sqlx::{Connection, PgConnection, Row};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::image;

/// Least time between two broadcasts of one line.
pub(super) const BEAT: Duration = Duration::from_millis(250);
/// Time between two rounds of exact places, and of looking whether a quiet line's pace has changed.
const SLOW_BEAT: Duration = Duration::from_secs(2);
/// Most exact places told in one round to one line; the front comes first, the rest in the next round.
const PLACES_MAX: usize = 500;
/// A pace that differs by less than this share is not worth a broadcast of its own.
const PACE_SHARE: f64 = 0.1;

/// Which lines are to be told of.
#[derive(Debug, Default)]
pub(super) struct Broadcaster {
    changed: BTreeSet<EventId>,
    misled: BTreeSet<EventId>,
    /// What was last told; lines in which nobody waits are forgotten when that has been told.
    told: HashMap<EventId, QueueState>,
    beat_at: Option<Instant>,
    slow_beat_at: Option<Instant>,
}

impl Broadcaster {
    /// These lines have changed.
    pub fn note(&mut self, events: BTreeSet<EventId>) {
        self.misled.extend(events.iter().copied());
        self.changed.extend(events);
    }

    /// When [`Self::beat`] has something to do.
    pub fn next_at(&self, now: Instant) -> Option<Instant> {
        let soon = |last: Option<Instant>, pause| last.map_or(now, |at| at + pause);
        let fast = (!self.changed.is_empty()).then(|| soon(self.beat_at, BEAT));
        let slow =
            (!self.told.is_empty() || !self.misled.is_empty()).then(|| soon(self.slow_beat_at, SLOW_BEAT));
        fast.into_iter().chain(slow).min()
    }

    /// After a start or a lost connection: every line in which somebody waits or is answered.
    pub async fn begin(&mut self, conn: &mut PgConnection) -> sqlx::Result<()> {
        let events: Vec<Uuid> =
            sqlx::query_scalar("SELECT DISTINCT event_id FROM cases WHERE state <> 'closed'")
                .fetch_all(conn)
                .await?;
        self.note(events.into_iter().map(EventId).collect());
        Ok(())
    }

    /// As [`Self::begin`], for a broker that may have lost what it was told.
    pub async fn begin_again(&mut self, conn: &mut PgConnection) -> sqlx::Result<()> {
        self.told.clear();
        self.begin(conn).await
    }

    /// Tells what is due, in one transaction. True when there is something to publish.
    pub async fn beat(
        &mut self,
        conn: &mut PgConnection,
        now: Instant,
        wall: OffsetDateTime,
    ) -> sqlx::Result<bool> {
        let slow = self.slow_beat_at.is_none_or(|at| now >= at + SLOW_BEAT);
        let mut events = self.changed.clone();
        if slow {
            events.extend(self.told.keys().copied());
            events.extend(self.misled.iter().copied());
        }
        let mut tx = conn.begin().await?;
        let mut messages = Vec::new();
        let mut told = Vec::new();
        let mut still_misled = BTreeSet::new();
        for &event in &events {
            let line = load(&mut tx, event, wall).await?;
            let state = line.state();
            if self.told.get(&event).is_none_or(|before| differs(before, &state)) {
                let queue = HELP_QUEUE.to_owned();
                let topic = EventTopic::new(event, Topic::QueueState { queue }).to_string();
                let payload =
                    serde_json::to_vec(&state).map_err(|error| sqlx::Error::Encode(error.into()))?;
                messages.push(Message::retained(topic, payload));
                told.push((event, state));
            }
            if slow && self.misled.contains(&event) {
                let all = tell_misled(&mut tx, &line, &mut messages).await?;
                if !all {
                    still_misled.insert(event);
                }
            }
        }
        let any = !messages.is_empty();
        outbox::append(&mut tx, &messages).await?;
        tx.commit().await?;

        self.changed.clear();
        self.beat_at = Some(now);
        if slow {
            self.slow_beat_at = Some(now);
            self.misled = still_misled;
        }
        for (event, state) in told {
            self.told.insert(event, state);
        }
        self.told
            .retain(|event, state| state.waiting > 0 || self.misled.contains(event));
        Ok(any)
    }
}

/// Tells exact places to those who would reckon wrong, front first. False when some are left.
async fn tell_misled(
    conn: &mut PgConnection,
    line: &Line,
    messages: &mut Vec<Message>,
) -> sqlx::Result<bool> {
    let mut misled: Vec<(CaseId, Place)> = line.misled().take(PLACES_MAX + 1).collect();
    let all = misled.len() <= PLACES_MAX;
    misled.truncate(PLACES_MAX);
    let places: HashMap<CaseId, Place> = misled.iter().copied().collect();
    let ids: Vec<CaseId> = misled.iter().map(|(id, _)| *id).collect();
    if !ids.is_empty() {
        for case in image::cases(conn, &ids).await? {
            let place = places.get(&case.id).copied();
            messages.push(image::message(
                &case,
                place,
                place.and_then(|place| line.eta_s(place)),
            )?);
        }
        note_told(conn, &misled).await?;
    }
    Ok(all)
}

fn differs(before: &QueueState, now: &QueueState) -> bool {
    let counts = |state: &QueueState| (state.waiting, state.open, state.gone, state.pace_s.is_some());
    let (old, new) = (
        f64::from(before.pace_s.unwrap_or(0)),
        f64::from(now.pace_s.unwrap_or(0)),
    );
    counts(before) != counts(now) || (old - new).abs() > PACE_SHARE * old
}

/// Loads the line of one event.
pub(super) async fn load(conn: &mut PgConnection, event: EventId, now: OffsetDateTime) -> sqlx::Result<Line> {
    let waiting = sqlx::query(
        "SELECT id, priority, opened_at, told_ahead, told_gone FROM cases WHERE event_id = $1 AND state = 'queued'",
    )
    .bind(event.0)
    .fetch_all(&mut *conn)
    .await?
    .iter()
    .map(|row| {
        let word: &str = row.try_get("priority")?;
        let priority = Priority::ALL.into_iter().find(|p| p.as_str() == word);
        let priority = priority.ok_or_else(|| sqlx::Error::Decode("unknown priority".into()))?;
        let ahead: Option<i32> = row.try_get("told_ahead")?;
        let gone: Option<i64> = row.try_get("told_gone")?;
        let told = ahead.zip(gone).map(|(ahead, gone)| Place {
            ahead: u32::try_from(ahead).unwrap_or(0),
            gone: u64::try_from(gone).unwrap_or(0),
        });
        let key = LineKey { priority, opened_at: row.try_get("opened_at")?, id: CaseId(row.try_get("id")?) };
        Ok(Waiting { key, told })
    })
    .collect::<sqlx::Result<Vec<_>>>()?;

    let figures = sqlx::query(
        "SELECT (SELECT line_gone FROM events WHERE id = $1) AS gone,
                count(*) AS open,
                count(DISTINCT operator) AS operators
         FROM cases WHERE event_id = $1 AND state = 'claimed'",
    )
    .bind(event.0)
    .fetch_one(&mut *conn)
    .await?;
    let gone: Option<i64> = figures.try_get("gone")?;
    let open: i64 = figures.try_get("open")?;
    let operators: i64 = figures.try_get("operators")?;

    let departures = sqlx::query(
        "SELECT claimed_at, operator FROM cases
         WHERE event_id = $1 AND claimed_at > $2 AND operator IS NOT NULL ORDER BY claimed_at DESC LIMIT $3",
    )
    .bind(event.0)
    .bind(now - DEPARTURES_AGE)
    .bind(DEPARTURES_MAX as i64)
    .fetch_all(&mut *conn)
    .await?
    .iter()
    .map(|row| {
        let operator: &str = row.try_get("operator")?;
        let operator = ClientId::new(operator).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Departure {
            at: row.try_get("claimed_at")?,
            operator,
        })
    })
    .collect::<sqlx::Result<Vec<_>>>()?;

    Ok(Line::new(
        waiting,
        gone.and_then(|gone| u64::try_from(gone).ok()).unwrap_or(0),
        u32::try_from(open).unwrap_or(u32::MAX),
        &departures,
        usize::try_from(operators).unwrap_or(0),
        now,
    ))
}

/// Keeps which places were told.
pub(super) async fn note_told(conn: &mut PgConnection, told: &[(CaseId, Place)]) -> sqlx::Result<()> {
    if told.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE cases SET told_ahead = t.ahead, told_gone = t.gone
         FROM UNNEST($1::uuid[], $2::integer[], $3::bigint[]) AS t (id, ahead, gone) WHERE cases.id = t.id",
    )
    .bind(told.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
    .bind(
        told.iter()
            .map(|(_, place)| i32::try_from(place.ahead).unwrap_or(i32::MAX))
            .collect::<Vec<_>>(),
    )
    .bind(
        told.iter()
            .map(|(_, place)| i64::try_from(place.gone).unwrap_or(i64::MAX))
            .collect::<Vec<_>>(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
