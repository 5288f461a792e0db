//! The cases of an event, for its agency. The live ones are on MQTT; these are all of them.

use axum::Json;
use axum::extract::State;
use muster_domain::payload::Case;
use muster_store::cases::{CaseRow, SELECT};
use muster_store::sqlx::{self, AssertSqlSafe};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::events::find_event;
use crate::extract::{EventPath, Member, Params};
use crate::http::problem::ProblemBody;
use crate::page::{self, Page};
use crate::schema::CaseView;
use crate::{ApiError, ApiState};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Where a case stands.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum StateWord {
    Queued,
    Claimed,
    Closed,
}

impl StateWord {
    fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Claimed => "claimed",
            Self::Closed => "closed",
        }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CasesQuery {
    /// Only those that stand there.
    #[param(inline)]
    state: Option<StateWord>,
    /// The cursor of the last page.
    after: Option<String>,
    /// Items on a page, 1 to 1000; 100 unless given.
    limit: Option<i64>,
}

/// The cases of an event, in the order of their making. A queued one shows the place that was last told to its person.
#[utoipa::path(get, path = "/agencies/{agency}/events/{event}/cases", tag = "history", security(("login" = [])),
    params(("agency" = Uuid, Path), ("event" = Uuid, Path), CasesQuery),
    responses((status = 200, body = Page<CaseView>), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn list(
    State(state): State<ApiState>,
    member: Member,
    EventPath(event): EventPath,
    Params(query): Params<CasesQuery>,
) -> Result<Json<Page<CaseView>>, ApiError> {
    find_event(&state, member.agency, event).await?;
    let limit = page::limit(query.limit)?;
    let after: Option<Uuid> = page::cursor("after", query.after.as_deref())?;
    // Made of constants only.
    let sql = AssertSqlSafe(format!(
        "{SELECT} WHERE c.event_id = $1 AND ($2::text IS NULL OR c.state = $2) AND ($3::uuid IS NULL OR c.id > $3)
         ORDER BY c.id LIMIT $4"
    ));
    let rows = sqlx::query(sql)
        .bind(event.0)
        .bind(query.state.map(StateWord::as_str))
        .bind(after)
        .bind(limit + 1)
        .fetch_all(state.pool())
        .await?;
    let case = |row: &sqlx::postgres::PgRow| -> sqlx::Result<Case> {
        let row = CaseRow::read(row)?;
        Ok(row.payload(row.told, None))
    };
    let cases: sqlx::Result<Vec<_>> = rows.iter().map(|row| case(row).map(CaseView)).collect();
    Ok(Json(Page::cut(cases?, limit, |case| case.0.id.to_string())))
}
