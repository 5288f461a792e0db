//! Figures of one event: what is stored, and what waits.

use axum::Json;
use axum::extract::State;
use muster_domain::{EventId, topic};
use muster_store::sqlx::{self, Row};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::events::find_event;
use crate::extract::{EventPath, Member};
use crate::http::problem::ProblemBody;
use crate::{ApiError, ApiState};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(read))
}

/// Figures of an event.
#[derive(Debug, Serialize, ToSchema)]
struct Stats {
    cases: CaseStats,
    /// Stored.
    chat_messages: i64,
    /// Stored.
    locations: i64,
    /// Messages that could not be stored.
    dead_letters: i64,
    /// Messages that were not yet published.
    outbox_pending: i64,
}

/// Cases by state.
#[derive(Debug, Serialize, ToSchema)]
struct CaseStats {
    queued: i64,
    claimed: i64,
    closed: i64,
}

/// Figures of an event.
#[utoipa::path(get, path = "/agencies/{agency}/events/{event}/stats", tag = "history", security(("login" = [])),
    params(("agency" = Uuid, Path), ("event" = Uuid, Path)),
    responses((status = 200, body = Stats), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn read(
    State(state): State<ApiState>,
    member: Member,
    EventPath(event): EventPath,
) -> Result<Json<Stats>, ApiError> {
    find_event(&state, member.agency, event).await?;
    Ok(Json(count(&state, event).await?))
}

async fn count(state: &ApiState, event: EventId) -> Result<Stats, ApiError> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM cases WHERE event_id = $1 AND state = 'queued') AS queued,
                (SELECT count(*) FROM cases WHERE event_id = $1 AND state = 'claimed') AS claimed,
                (SELECT count(*) FROM cases WHERE event_id = $1 AND state = 'closed') AS closed,
                (SELECT count(*) FROM chat_messages WHERE event_id = $1) AS chat_messages,
                (SELECT count(*) FROM locations WHERE event_id = $1) AS locations,
                (SELECT count(*) FROM dead_letters WHERE starts_with(topic, $2)) AS dead_letters,
                (SELECT count(*) FROM outbox WHERE starts_with(topic, $2)) AS outbox_pending",
    )
    .bind(event.0)
    .bind(format!("{}/{event}/", topic::ROOT))
    .fetch_one(state.pool())
    .await?;
    Ok(Stats {
        cases: CaseStats {
            queued: row.try_get("queued")?,
            claimed: row.try_get("claimed")?,
            closed: row.try_get("closed")?,
        },
        chat_messages: row.try_get("chat_messages")?,
        locations: row.try_get("locations")?,
        dead_letters: row.try_get("dead_letters")?,
        outbox_pending: row.try_get("outbox_pending")?,
    })
}
