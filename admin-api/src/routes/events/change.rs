//! Changing an event: its card, and where it stands (draft, published, ended; never back).

use axum::Json;
use axum::extract::State;
use muster_domain::payload::{EventCard, EventStatus};
use muster_domain::{AgencyId, EventId, PersonId};
use muster_store::sqlx::{self, PgConnection};
use muster_store::{audit, events};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::extract::{Body, EventPath, Member, Organizer};
use crate::http::problem::ProblemBody;
use crate::schema::EventView;
use crate::{ApiError, ApiState, validate};

/// What of an event shall change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventChange {
    #[schema(min_length = 1, max_length = 120)]
    name: Option<String>,
    #[schema(max_length = 120)]
    venue: Option<String>,
    /// Degrees; null takes the position away, together with `lon`.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<f64>, minimum = -90, maximum = 90)]
    lat: Option<Option<f64>>,
    /// Degrees; null takes the position away, together with `lat`.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<f64>, minimum = -180, maximum = 180)]
    lon: Option<Option<f64>>,
    #[serde(default, with = "time::serde::rfc3339::option")]
    starts_at: Option<OffsetDateTime>,
    #[serde(default, with = "time::serde::rfc3339::option")]
    ends_at: Option<OffsetDateTime>,
    join_code: Option<String>,
    emergency_number: Option<String>,
}

/// Tells a field that is null from one that is absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<f64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl EventChange {
    /// The card as it shall be.
    fn apply(self, old: &EventCard) -> Result<EventCard, ApiError> {
        let mut card = old.clone();
        if let Some(name) = self.name {
            card.name = validate::label("name", &name)?;
        }
        if let Some(venue) = self.venue {
            card.venue = validate::optional_label("venue", &venue)?;
        }
        card.lat = self.lat.unwrap_or(card.lat);
        card.lon = self.lon.unwrap_or(card.lon);
        card.starts_at = self.starts_at.unwrap_or(card.starts_at);
        card.ends_at = self.ends_at.unwrap_or(card.ends_at);
        if let Some(code) = self.join_code {
            card.join_code = validate::join_code(&code)?;
        }
        if let Some(number) = self.emergency_number {
            card.emergency_number = validate::emergency_number(&number)?;
        }
        validate::position(card.lat, card.lon)?;
        validate::period(card.starts_at, card.ends_at)?;
        Ok(card)
    }
}

/// The event, locked against other changes until the transaction ends.
async fn lock(conn: &mut PgConnection, agency: AgencyId, event: EventId) -> Result<EventCard, ApiError> {
    let row = sqlx::query(
        "SELECT id, name, status, venue, lat, lon, starts_at, ends_at, join_code, emergency_number FROM events
         WHERE id = $1 AND agency_id = $2 FOR UPDATE",
    )
    .bind(event.0)
    .bind(agency.0)
    .fetch_optional(conn)
    .await?
    .ok_or(ApiError::NotFound("event"))?;
    Ok(events::card(&row)?)
}

/// Changes an event.
#[utoipa::path(patch, path = "/agencies/{agency}/events/{event}", tag = "events", security(("login" = [])),
    params(("agency" = Uuid, Path), ("event" = Uuid, Path)), request_body = EventChange,
    responses((status = 200, body = EventView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(crate) async fn change(
    State(state): State<ApiState>,
    member: Member<Organizer>,
    EventPath(event): EventPath,
    Body(body): Body<EventChange>,
) -> Result<Json<EventView>, ApiError> {
    let mut tx = state.begin().await?;
    let old = lock(&mut tx, member.agency, event).await?;
    if old.status == EventStatus::Ended {
        return Err(ended());
    }
    let card = body.apply(&old)?;
    if card != old {
        let row = sqlx::query(
            "UPDATE events SET name = $2, venue = $3, lat = $4, lon = $5, starts_at = $6, ends_at = $7,
                    join_code = $8, emergency_number = $9 WHERE id = $1
             RETURNING id, name, status, venue, lat, lon, starts_at, ends_at, join_code, emergency_number",
        )
        .bind(event.0)
        .bind(&card.name)
        .bind(&card.venue)
        .bind(card.lat)
        .bind(card.lon)
        .bind(card.starts_at)
        .bind(card.ends_at)
        .bind(&card.join_code)
        .bind(&card.emergency_number)
        .fetch_one(&mut *tx)
        .await?;
        // Read back: the database keeps microseconds.
        let card = events::card(&row)?;
        let detail = json!({ "fields": differing(&old, &card) });
        announce(
            &mut tx,
            member.agency,
            member.person,
            "event.changed",
            &card,
            detail,
        )
        .await?;
        tx.commit().await?;
        return Ok(Json(EventView(card)));
    }
    Ok(Json(EventView(old)))
}

/// The names of the fields that differ.
fn differing(old: &EventCard, new: &EventCard) -> Vec<String> {
    let json = |card: &EventCard| serde_json::to_value(card).unwrap_or_default();
    let (old, new) = (json(old), json(new));
    let keys = [&old, &new]
        .into_iter()
        .filter_map(|card| card.as_object())
        .flat_map(|card| card.keys());
    let mut fields: Vec<String> = keys
        .filter(|key| old.get(*key) != new.get(*key))
        .cloned()
        .collect();
    fields.sort();
    fields.dedup();
    fields
}

/// Publishes an event: from now on it can be found and joined.
#[utoipa::path(post, path = "/agencies/{agency}/events/{event}/publish", tag = "events", security(("login" = [])),
    params(("agency" = Uuid, Path), ("event" = Uuid, Path)),
    responses((status = 200, body = EventView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "It has ended")))]
pub(crate) async fn publish(
    State(state): State<ApiState>,
    member: Member<Organizer>,
    EventPath(event): EventPath,
) -> Result<Json<EventView>, ApiError> {
    let mut tx = state.begin().await?;
    let card = publish_event(&mut tx, member.agency, event, member.person).await?;
    tx.commit().await?;
    Ok(Json(EventView(card)))
}

/// Publishes an event. One that is published already stays as it is.
pub(crate) async fn publish_event(
    conn: &mut PgConnection,
    agency: AgencyId,
    event: EventId,
    actor: PersonId,
) -> Result<EventCard, ApiError> {
    let card = lock(conn, agency, event).await?;
    match card.status {
        EventStatus::Draft => {
            set_status(
                conn,
                agency,
                actor,
                card,
                EventStatus::Published,
                "event.published",
            )
            .await
        }
        EventStatus::Published => Ok(card),
        EventStatus::Ended => Err(ended()),
    }
}

/// Ends an event: nobody joins it any more.
#[utoipa::path(post, path = "/agencies/{agency}/events/{event}/end", tag = "events", security(("login" = [])),
    params(("agency" = Uuid, Path), ("event" = Uuid, Path)),
    responses((status = 200, body = EventView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "It is a draft")))]
pub(crate) async fn end(
    State(state): State<ApiState>,
    member: Member<Organizer>,
    EventPath(event): EventPath,
) -> Result<Json<EventView>, ApiError> {
    let mut tx = state.begin().await?;
    let card = lock(&mut tx, member.agency, event).await?;
    let card = match card.status {
        EventStatus::Published => {
            set_status(
                &mut tx,
                member.agency,
                member.person,
                card,
                EventStatus::Ended,
                "event.ended",
            )
            .await?
        }
        EventStatus::Ended => card,
        EventStatus::Draft => {
            return Err(ApiError::Conflict {
                code: "not_published",
                detail: "a draft cannot end: publish it first",
                field: None,
            });
        }
    };
    tx.commit().await?;
    Ok(Json(EventView(card)))
}

async fn set_status(
    conn: &mut PgConnection,
    agency: AgencyId,
    actor: PersonId,
    mut card: EventCard,
    status: EventStatus,
    action: &'static str,
) -> Result<EventCard, ApiError> {
    sqlx::query("UPDATE events SET status = $2 WHERE id = $1")
        .bind(card.id.0)
        .bind(status.as_str())
        .execute(&mut *conn)
        .await?;
    card.status = status;
    announce(conn, agency, actor, action, &card, json!({})).await?;
    Ok(card)
}

/// Tells everybody at the event, and the audit. The event's row is locked: two changes are told in their order.
async fn announce(
    conn: &mut PgConnection,
    agency: AgencyId,
    actor: PersonId,
    action: &'static str,
    card: &EventCard,
    detail: serde_json::Value,
) -> Result<(), ApiError> {
    events::announce(conn, card).await?;
    audit::record(
        conn,
        Some(agency),
        &actor.to_string(),
        action,
        &card.id.to_string(),
        detail,
    )
    .await?;
    Ok(())
}

fn ended() -> ApiError {
    ApiError::Conflict {
        code: "event_ended",
        detail: "the event has ended",
        field: None,
    }
}
