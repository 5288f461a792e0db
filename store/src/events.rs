//! Events as the database keeps them.

use muster_domain::payload::{EventCard, EventStatus};
use muster_domain::{AgencyId, EventId, EventTopic, Topic};
use sqlx::{PgConnection, Row, postgres::PgRow};

use crate::outbox;

/// The columns that [`card`] reads.
pub const CARD_COLUMNS: &str =
    "id, name, status, venue, lat, lon, starts_at, ends_at, join_code, emergency_number";

/// Reads the event card out of a row that has [`CARD_COLUMNS`].
///
/// # Errors
/// [`sqlx::Error`] when a column is missing or holds what no event has.
pub fn card(row: &PgRow) -> sqlx::Result<EventCard> {
    Ok(EventCard {
        id: EventId(row.try_get("id")?),
        name: row.try_get("name")?,
        status: status(row.try_get("status")?)?,
        venue: row.try_get("venue")?,
        lat: row.try_get("lat")?,
        lon: row.try_get("lon")?,
        starts_at: row.try_get("starts_at")?,
        ends_at: row.try_get("ends_at")?,
        join_code: row.try_get("join_code")?,
        emergency_number: row.try_get("emergency_number")?,
    })
}

fn status(word: &str) -> sqlx::Result<EventStatus> {
    [EventStatus::Draft, EventStatus::Published, EventStatus::Ended]
        .into_iter()
        .find(|status| status.as_str() == word)
        .ok_or_else(|| sqlx::Error::Decode("unknown event status".into()))
}

/// One event and its agency, or `None`.
///
/// # Errors
/// Whatever the database says.
pub async fn find(conn: &mut PgConnection, event: EventId) -> sqlx::Result<Option<(AgencyId, EventCard)>> {
    let row = sqlx::query(
        "SELECT agency_id, id, name, status, venue, lat, lon, starts_at, ends_at, join_code, emergency_number
         FROM events WHERE id = $1",
    )
    .bind(event.0)
    .fetch_optional(conn)
    .await?;
    row.map(|row| Ok((AgencyId(row.try_get("agency_id")?), card(&row)?)))
        .transpose()
}

/// Tells everybody at the event its card, after COMMIT. The caller holds the lock on the event's row, as an UPDATE
/// does: that keeps two changes in order.
///
/// # Errors
/// Whatever the database says.
pub async fn announce(conn: &mut PgConnection, card: &EventCard) -> sqlx::Result<()> {
    let topic = EventTopic::new(card.id, Topic::Info).to_string();
    let payload = serde_json::to_vec(card).map_err(|error| sqlx::Error::Encode(error.into()))?;
    outbox::enqueue(conn, &topic, &payload, 1, true, None).await
}
