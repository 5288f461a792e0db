//! Agencies: the firms that run events. Whoever makes one is its first organizer.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use muster_domain::{AgencyId, PersonId, Role};
use muster_store::audit;
use muster_store::sqlx::{self, PgConnection, Row};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::members::add_member;
use crate::extract::{Body, Member, Organizer, Params, Person};
use crate::http::problem::ProblemBody;
use crate::page::{self, Page};
use crate::{ApiError, ApiState, validate};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(read, rename))
}

/// An agency's name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AgencyName {
    #[schema(min_length = 1, max_length = 120)]
    name: String,
}

/// An agency as the bearer sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Agency)]
pub(super) struct AgencyView {
    id: Uuid,
    name: String,
    /// The bearer's role there: `organizer`, `operator` or `steward`.
    role: String,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// The cursor of the last page.
    after: Option<String>,
    /// Items on a page, 1 to 1000; 100 unless given.
    limit: Option<i64>,
}

/// Creates an agency with its first organizer.
pub(crate) async fn create_agency(
    conn: &mut PgConnection,
    name: &str,
    organizer: PersonId,
) -> Result<AgencyId, ApiError> {
    let id = AgencyId::new();
    sqlx::query("INSERT INTO agencies (id, name) VALUES ($1, $2)")
        .bind(id.0)
        .bind(name)
        .execute(&mut *conn)
        .await?;
    let actor = organizer.to_string();
    audit::record(
        conn,
        Some(id),
        &actor,
        "agency.created",
        &id.to_string(),
        json!({ "name": name }),
    )
    .await?;
    add_member(conn, id, organizer, Role::Organizer, organizer).await?;
    Ok(id)
}

/// The agencies of a person, in the order of their making.
pub(super) async fn agencies_of(
    state: &ApiState,
    person: PersonId,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<AgencyView>, ApiError> {
    let rows = sqlx::query(
        "SELECT a.id, a.name, m.role FROM members m JOIN agencies a ON a.id = m.agency_id
         WHERE m.person_id = $1 AND ($2::uuid IS NULL OR a.id > $2) ORDER BY a.id LIMIT $3",
    )
    .bind(person.0)
    .bind(after)
    .bind(limit)
    .fetch_all(state.pool())
    .await?;
    let view = |row: &sqlx::postgres::PgRow| {
        Ok(AgencyView {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            role: row.try_get("role")?,
        })
    };
    rows.iter().map(view).collect()
}

/// Creates an agency; the bearer becomes its organizer.
#[utoipa::path(post, path = "/agencies", tag = "agencies", security(("login" = [])), request_body = AgencyName,
    responses((status = 201, body = AgencyView), (status = 401, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
async fn create(
    State(state): State<ApiState>,
    Person(person): Person,
    Body(body): Body<AgencyName>,
) -> Result<(StatusCode, Json<AgencyView>), ApiError> {
    let name = validate::label("name", &body.name)?;
    let mut tx = state.begin().await?;
    let id = create_agency(&mut tx, &name, person).await?;
    tx.commit().await?;
    let view = AgencyView {
        id: id.0,
        name,
        role: Role::Organizer.to_string(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// The bearer's agencies.
#[utoipa::path(get, path = "/agencies", tag = "agencies", security(("login" = [])), params(ListQuery),
    responses((status = 200, body = Page<AgencyView>), (status = 401, body = ProblemBody)))]
async fn list(
    State(state): State<ApiState>,
    Person(person): Person,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<AgencyView>>, ApiError> {
    let limit = page::limit(query.limit)?;
    let after = page::cursor("after", query.after.as_deref())?;
    let agencies = agencies_of(&state, person, after, limit + 1).await?;
    Ok(Json(Page::cut(agencies, limit, |agency| agency.id.to_string())))
}

/// One agency of the bearer's.
#[utoipa::path(get, path = "/agencies/{agency}", tag = "agencies", security(("login" = [])),
    params(("agency" = Uuid, Path)),
    responses((status = 200, body = AgencyView), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody)))]
async fn read(State(state): State<ApiState>, member: Member) -> Result<Json<AgencyView>, ApiError> {
    let name = sqlx::query_scalar("SELECT name FROM agencies WHERE id = $1")
        .bind(member.agency.0)
        .fetch_optional(state.pool())
        .await?
        .ok_or(ApiError::NotFound("agency"))?;
    Ok(Json(AgencyView {
        id: member.agency.0,
        name,
        role: member.role.to_string(),
    }))
}

/// Renames an agency.
#[utoipa::path(patch, path = "/agencies/{agency}", tag = "agencies", security(("login" = [])),
    params(("agency" = Uuid, Path)), request_body = AgencyName,
    responses((status = 200, body = AgencyView), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn rename(
    State(state): State<ApiState>,
    member: Member<Organizer>,
    Body(body): Body<AgencyName>,
) -> Result<Json<AgencyView>, ApiError> {
    let name = validate::label("name", &body.name)?;
    let mut tx = state.begin().await?;
    sqlx::query("UPDATE agencies SET name = $2 WHERE id = $1")
        .bind(member.agency.0)
        .bind(&name)
        .execute(&mut *tx)
        .await?;
    let (actor, target) = (member.person.to_string(), member.agency.to_string());
    audit::record(
        &mut tx,
        Some(member.agency),
        &actor,
        "agency.renamed",
        &target,
        json!({ "name": name }),
    )
    .await?;
    tx.commit().await?;
    Ok(Json(AgencyView {
        id: member.agency.0,
        name,
        role: member.role.to_string(),
    }))
}
