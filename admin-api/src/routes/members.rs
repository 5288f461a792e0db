//! Who belongs to an agency, and as what.
//!
//! **Invariant:** an agency always has an organizer. Changes of roles lock the agency's row, so two of them at once
//! cannot each take the other for the one that stays.

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

use super::accounts::{NewPerson, PersonView, create_person};
use crate::extract::{Body, Member, Organizer, Params, PersonPath};
use crate::http::problem::ProblemBody;
use crate::page::{self, Page};
use crate::{ApiError, ApiState, validate};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(change, remove))
}

/// A role that a person can have in an agency.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum MemberRole {
    Organizer,
    Operator,
    Steward,
}

impl From<MemberRole> for Role {
    fn from(role: MemberRole) -> Self {
        match role {
            MemberRole::Organizer => Role::Organizer,
            MemberRole::Operator => Role::Operator,
            MemberRole::Steward => Role::Steward,
        }
    }
}

/// Somebody who shall belong to the agency. Has no `Debug`: it holds a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMember {
    #[schema(format = "email", max_length = 254)]
    email: String,
    /// For a person who has no account yet; ignored otherwise.
    #[schema(min_length = 1, max_length = 120)]
    name: Option<String>,
    /// For a person who has no account yet; ignored otherwise.
    #[schema(format = "password", min_length = 10, max_length = 200)]
    password: Option<String>,
    role: MemberRole,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRole {
    role: MemberRole,
}

/// A member.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
struct MemberView {
    person: PersonView,
    /// `organizer`, `operator` or `steward`.
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

/// Makes a person a member.
pub(crate) async fn add_member(
    conn: &mut PgConnection,
    agency: AgencyId,
    person: PersonId,
    role: Role,
    actor: PersonId,
) -> Result<(), ApiError> {
    sqlx::query("INSERT INTO members (agency_id, person_id, role) VALUES ($1, $2, $3)")
        .bind(agency.0)
        .bind(person.0)
        .bind(role.as_str())
        .execute(&mut *conn)
        .await?;
    let detail = json!({ "role": role });
    audit::record(
        conn,
        Some(agency),
        &actor.to_string(),
        "member.added",
        &person.to_string(),
        detail,
    )
    .await?;
    Ok(())
}

/// The members of an agency.
#[utoipa::path(get, path = "/agencies/{agency}/members", tag = "members", security(("login" = [])),
    params(("agency" = Uuid, Path), ListQuery),
    responses((status = 200, body = Page<MemberView>), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody)))]
async fn list(
    State(state): State<ApiState>,
    member: Member,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<MemberView>>, ApiError> {
    let limit = page::limit(query.limit)?;
    let after: Option<Uuid> = page::cursor("after", query.after.as_deref())?;
    let rows = sqlx::query(
        "SELECT p.id, p.email, p.name, m.role FROM members m JOIN people p ON p.id = m.person_id
         WHERE m.agency_id = $1 AND ($2::uuid IS NULL OR p.id > $2) ORDER BY p.id LIMIT $3",
    )
    .bind(member.agency.0)
    .bind(after)
    .bind(limit + 1)
    .fetch_all(state.pool())
    .await?;
    let members: sqlx::Result<Vec<_>> = rows.iter().map(view).collect();
    Ok(Json(Page::cut(members?, limit, |member| {
        member.person.id.to_string()
    })))
}

fn view(row: &sqlx::postgres::PgRow) -> sqlx::Result<MemberView> {
    let person = PersonView {
        id: row.try_get("id")?,
        email: row.try_get("email")?,
        name: row.try_get("name")?,
    };
    Ok(MemberView {
        person,
        role: row.try_get("role")?,
    })
}

/// Adds a member, and makes an account for a person who has none.
#[utoipa::path(post, path = "/agencies/{agency}/members", tag = "members", security(("login" = [])),
    params(("agency" = Uuid, Path)), request_body = NewMember,
    responses((status = 201, body = MemberView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "A member already"),
        (status = 422, body = ProblemBody)))]
async fn add(
    State(state): State<ApiState>,
    member: Member<Organizer>,
    Body(body): Body<NewMember>,
) -> Result<(StatusCode, Json<MemberView>), ApiError> {
    let email = validate::email(&body.email)?;
    let known = find_person(&mut *state.pool().acquire().await?, &email).await?;
    // Hashed before the transaction, which would otherwise be held for as long.
    let new = match known {
        Some(_) => None,
        None => Some(new_person(&state, email.clone(), &body).await?),
    };
    let role = Role::from(body.role);
    let mut tx = state.begin().await?;
    let person = match (known, new) {
        (Some(person), _) => person,
        (None, Some(new)) => create_person(&mut tx, &new, Some(member.person)).await?,
        (None, None) => return Err(ApiError::Internal("a person is neither known nor new")),
    };
    add_member(&mut tx, member.agency, person, role, member.person).await?;
    let view = member_view(&mut tx, member.agency, person).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(view)))
}

async fn find_person(conn: &mut PgConnection, email: &str) -> Result<Option<PersonId>, ApiError> {
    let id: Option<Uuid> = sqlx::query_scalar("SELECT id FROM people WHERE email = $1")
        .bind(email)
        .fetch_optional(conn)
        .await?;
    Ok(id.map(PersonId))
}

async fn new_person(state: &ApiState, email: String, body: &NewMember) -> Result<NewPerson, ApiError> {
    let missing = |field: &'static str| ApiError::Invalid {
        field: field.into(),
        problem: "is needed: this person has no account yet".into(),
    };
    let name = validate::label("name", body.name.as_deref().ok_or_else(|| missing("name"))?)?;
    let password = body.password.as_deref().ok_or_else(|| missing("password"))?;
    validate::password(password)?;
    Ok(NewPerson {
        email,
        name,
        password_hash: state.passwords().hash(password).await?,
    })
}

async fn member_view(
    conn: &mut PgConnection,
    agency: AgencyId,
    person: PersonId,
) -> Result<MemberView, ApiError> {
    let row = sqlx::query(
        "SELECT p.id, p.email, p.name, m.role FROM members m JOIN people p ON p.id = m.person_id
         WHERE m.agency_id = $1 AND m.person_id = $2",
    )
    .bind(agency.0)
    .bind(person.0)
    .fetch_optional(conn)
    .await?
    .ok_or(ApiError::NotFound("member"))?;
    Ok(view(&row)?)
}

/// Changes a member's role. Tokens that were given out before keep theirs until they expire.
#[utoipa::path(patch, path = "/agencies/{agency}/members/{person}", tag = "members", security(("login" = [])),
    params(("agency" = Uuid, Path), ("person" = Uuid, Path)), request_body = NewRole,
    responses((status = 200, body = MemberView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "The last organizer")))]
async fn change(
    State(state): State<ApiState>,
    member: Member<Organizer>,
    PersonPath(person): PersonPath,
    Body(body): Body<NewRole>,
) -> Result<Json<MemberView>, ApiError> {
    let role = Role::from(body.role);
    let mut tx = state.begin().await?;
    let before = lock_role(&mut tx, member.agency, person).await?;
    if before != role.as_str() {
        sqlx::query("UPDATE members SET role = $3 WHERE agency_id = $1 AND person_id = $2")
            .bind(member.agency.0)
            .bind(person.0)
            .bind(role.as_str())
            .execute(&mut *tx)
            .await?;
        keep_an_organizer(&mut tx, member.agency).await?;
        let (actor, target) = (member.person.to_string(), person.to_string());
        let detail = json!({ "from": before, "to": role });
        audit::record(
            &mut tx,
            Some(member.agency),
            &actor,
            "member.changed",
            &target,
            detail,
        )
        .await?;
    }
    let view = member_view(&mut tx, member.agency, person).await?;
    tx.commit().await?;
    Ok(Json(view))
}

/// Removes a member; the account stays. Tokens that were given out before are valid until they expire.
#[utoipa::path(delete, path = "/agencies/{agency}/members/{person}", tag = "members", security(("login" = [])),
    params(("agency" = Uuid, Path), ("person" = Uuid, Path)),
    responses((status = 204), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "The last organizer")))]
async fn remove(
    State(state): State<ApiState>,
    member: Member<Organizer>,
    PersonPath(person): PersonPath,
) -> Result<StatusCode, ApiError> {
    let mut tx = state.begin().await?;
    let before = lock_role(&mut tx, member.agency, person).await?;
    sqlx::query("DELETE FROM members WHERE agency_id = $1 AND person_id = $2")
        .bind(member.agency.0)
        .bind(person.0)
        .execute(&mut *tx)
        .await?;
    keep_an_organizer(&mut tx, member.agency).await?;
    let (actor, target) = (member.person.to_string(), person.to_string());
    audit::record(
        &mut tx,
        Some(member.agency),
        &actor,
        "member.removed",
        &target,
        json!({ "role": before }),
    )
    .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Locks the agency's members against other changes and tells the role of one.
async fn lock_role(conn: &mut PgConnection, agency: AgencyId, person: PersonId) -> Result<String, ApiError> {
    sqlx::query("SELECT FROM agencies WHERE id = $1 FOR UPDATE")
        .bind(agency.0)
        .execute(&mut *conn)
        .await?;
    sqlx::query_scalar("SELECT role FROM members WHERE agency_id = $1 AND person_id = $2")
        .bind(agency.0)
        .bind(person.0)
        .fetch_optional(conn)
        .await?
        .ok_or(ApiError::NotFound("member"))
}

/// Refuses what has just been done when it leaves the agency without an organizer.
async fn keep_an_organizer(conn: &mut PgConnection, agency: AgencyId) -> Result<(), ApiError> {
    let one_left: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM members WHERE agency_id = $1 AND role = 'organizer')")
            .bind(agency.0)
            .fetch_one(conn)
            .await?;
    if one_left {
        return Ok(());
    }
    Err(ApiError::Conflict {
        code: "last_organizer",
        detail: "an agency needs an organizer: make somebody else one first",
        field: None,
    })
}
