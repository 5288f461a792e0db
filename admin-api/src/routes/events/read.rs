//! Reading an agency's events.

use axum::Json;
use axum::extract::State;
use muster_domain::payload::EventCard;
use muster_domain::{AgencyId, EventId};
use muster_store::{events, sqlx};
use serde::Deserialize;
use uuid::Uuid;

use crate::extract::{EventPath, Member, Params};
use crate::http::problem::ProblemBody;
use crate::page::{self, Page};
use crate::schema::EventView;
use crate::{ApiError, ApiState};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// The cursor of the last page.
    after: Option<String>,
    /// Items on a page, 1 to 1000; 100 unless given.
    limit: Option<i64>,
}

/// The agency's events, in the order of their making.
#[utoipa::path(get, path = "/agencies/{agency}/events", tag = "events", security(("login" = [])),
    params(("agency" = Uuid, Path), ListQuery),
    responses((status = 200, body = Page<EventView>), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    member: Member,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<EventView>>, ApiError> {
    let limit = page::limit(query.limit)?;
    let after: Option<Uuid> = page::cursor("after", query.after.as_deref())?;
    let rows = sqlx::query(
        "SELECT id, name, status, venue, lat, lon, starts_at, ends_at, join_code, emergency_number FROM events
         WHERE agency_id = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3",
    )
    .bind(member.agency.0)
    .bind(after)
    .bind(limit + 1)
    .fetch_all(state.pool())
    .await?;
    let cards: sqlx::Result<Vec<_>> = rows.iter().map(|row| events::card(row).map(EventView)).collect();
    Ok(Json(Page::cut(cards?, limit, |card| card.0.id.to_string())))
}

/// One event of the agency's.
#[utoipa::path(get, path = "/agencies/{agency}/events/{event}", tag = "events", security(("login" = [])),
    params(("agency" = Uuid, Path), ("event" = Uuid, Path)),
    responses((status = 200, body = EventView), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody)))]
pub(crate) async fn read(
    State(state): State<ApiState>,
    member: Member,
    EventPath(event): EventPath,
) -> Result<Json<EventView>, ApiError> {
    find_event(&state, member.agency, event)
        .await
        .map(|card| Json(EventView(card)))
}

/// The event, if it is the agency's.
pub(in crate::routes) async fn find_event(
    state: &ApiState,
    agency: AgencyId,
    event: EventId,
) -> Result<EventCard, ApiError> {
    let mut conn = state.pool().acquire().await?;
    match events::find(&mut conn, event).await? {
        Some((owner, card)) if owner == agency => Ok(card),
        _ => Err(ApiError::NotFound("event")),
    }
}
