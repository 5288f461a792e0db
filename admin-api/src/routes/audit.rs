//! What was done in an agency, by whom. Newest first.

use axum::Json;
use axum::extract::State;
use muster_store::sqlx::{self, Row};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Member, Organizer, Params};
use crate::http::problem::ProblemBody;
use crate::page::{self, Page};
use crate::{ApiError, ApiState};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// One change.
#[derive(Debug, Serialize, ToSchema)]
struct AuditEntry {
    id: i64,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// A person's id, a client id, or a part of Muster.
    actor: String,
    /// `noun.verb`.
    #[schema(example = "event.published")]
    action: String,
    /// What it was done to: an id.
    target: String,
    /// The rest, as an object.
    detail: serde_json::Value,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// The cursor of the last page; what follows is older.
    after: Option<String>,
    /// Items on a page, 1 to 1000; 100 unless given.
    limit: Option<i64>,
}

/// The audit of an agency, newest first; for organizers.
#[utoipa::path(get, path = "/agencies/{agency}/audit", tag = "agencies", security(("login" = [])),
    params(("agency" = Uuid, Path), ListQuery),
    responses((status = 200, body = Page<AuditEntry>), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn list(
    State(state): State<ApiState>,
    member: Member<Organizer>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<AuditEntry>>, ApiError> {
    let limit = page::limit(query.limit)?;
    let after: Option<i64> = page::cursor("after", query.after.as_deref())?;
    let rows = sqlx::query(
        "SELECT id, at, actor, action, target, detail FROM audit
         WHERE agency_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
    )
    .bind(member.agency.0)
    .bind(after)
    .bind(limit + 1)
    .fetch_all(state.pool())
    .await?;
    let entry = |row: &sqlx::postgres::PgRow| {
        Ok(AuditEntry {
            id: row.try_get("id")?,
            at: row.try_get("at")?,
            actor: row.try_get("actor")?,
            action: row.try_get("action")?,
            target: row.try_get("target")?,
            detail: row.try_get("detail")?,
        })
    };
    let entries: sqlx::Result<Vec<_>> = rows.iter().map(entry).collect();
    Ok(Json(Page::cut(entries?, limit, |entry| entry.id.to_string())))
}
