//! Finding a published event, for people without an account.

use axum::Json;
use axum::extract::State;
use muster_domain::AgencyId;
use muster_domain::payload::EventCard;
use muster_store::events;
use muster_store::sqlx::{self, Row};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{JoinCodePath, Params};
use crate::http::problem::ProblemBody;
use crate::page::Page;
use crate::schema::EventView;
use crate::{ApiError, ApiState, validate};

/// Most events that a search shows.
const HITS_MAX: i64 = 20;
/// Fewest characters that are searched for: one would list everything.
const QUERY_CHARS_MIN: usize = 2;

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(find)).routes(routes!(read))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FindQuery {
    /// A join code.
    code: Option<String>,
    /// A part of the event's name, at least 2 characters.
    q: Option<String>,
}

/// Finds published events by join code or by a part of the name; at most 20.
#[utoipa::path(get, path = "/events", tag = "participants", params(FindQuery),
    responses((status = 200, body = Page<EventView>), (status = 422, body = ProblemBody)))]
async fn find(
    State(state): State<ApiState>,
    Params(query): Params<FindQuery>,
) -> Result<Json<Page<EventView>>, ApiError> {
    let cards = match (query.code, query.q) {
        (Some(code), None) => {
            let code = validate::join_code(&code)?;
            find_published(&state, &code)
                .await?
                .map(|(_, card)| card)
                .into_iter()
                .collect()
        }
        (None, Some(name)) => search(&state, &validate::label("q", &name)?).await?,
        _ => {
            return Err(ApiError::Invalid {
                field: "q".into(),
                problem: "or code is needed, and not both".into(),
            });
        }
    };
    Ok(Json(Page::whole(cards.into_iter().map(EventView).collect())))
}

async fn search(state: &ApiState, name: &str) -> Result<Vec<EventCard>, ApiError> {
    if name.chars().count() < QUERY_CHARS_MIN {
        return Err(ApiError::Invalid {
            field: "q".into(),
            problem: format!("must have at least {QUERY_CHARS_MIN} characters"),
        });
    }
    let rows = sqlx::query(
        // strpos and not LIKE: nothing that is typed is a wildcard.
        "SELECT id, name, status, venue, lat, lon, starts_at, ends_at, join_code, emergency_number FROM events
         WHERE status = 'published' AND strpos(lower(name), lower($1)) > 0 ORDER BY starts_at, id LIMIT $2",
    )
    .bind(name)
    .bind(HITS_MAX)
    .fetch_all(state.pool())
    .await?;
    Ok(rows.iter().map(events::card).collect::<sqlx::Result<_>>()?)
}

/// One published event by its join code.
#[utoipa::path(get, path = "/events/{join_code}", tag = "participants", params(("join_code" = String, Path)),
    responses((status = 200, body = EventView), (status = 404, body = ProblemBody)))]
async fn read(
    State(state): State<ApiState>,
    JoinCodePath(code): JoinCodePath,
) -> Result<Json<EventView>, ApiError> {
    let (_, card) = find_published(&state, &code)
        .await?
        .ok_or(ApiError::NotFound("event"))?;
    Ok(Json(EventView(card)))
}

/// The published event with this join code, and its agency.
pub(super) async fn find_published(
    state: &ApiState,
    join_code: &str,
) -> Result<Option<(AgencyId, EventCard)>, ApiError> {
    let row = sqlx::query(
        "SELECT agency_id, id, name, status, venue, lat, lon, starts_at, ends_at, join_code, emergency_number
         FROM events WHERE join_code = $1 AND status = 'published'",
    )
    .bind(join_code)
    .fetch_optional(state.pool())
    .await?;
    let found = |row: &sqlx::postgres::PgRow| Ok((AgencyId(row.try_get("agency_id")?), events::card(row)?));
    Ok(row
        .as_ref()
        .map(found)
        .transpose()
        .map_err(|error: sqlx::Error| error)?)
}
