//! Accounts of people who work with Muster: register, log in, who am I.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use muster_auth::api_claims;
use muster_domain::PersonId;
use muster_store::audit;
use muster_store::sqlx::{self, PgConnection, Row};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::agencies::{AgencyView, agencies_of};
use crate::extract::{Body, Person};
use crate::http::address::ClientAddress;
use crate::http::problem::ProblemBody;
use crate::{ApiError, ApiState, validate};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(me))
}

/// A new account. Has no `Debug`: it holds a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Register {
    #[schema(format = "email", max_length = 254)]
    email: String,
    #[schema(min_length = 1, max_length = 120)]
    name: String,
    #[schema(format = "password", min_length = 10, max_length = 200)]
    password: String,
}

/// Who logs in. Has no `Debug`: it holds a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    #[schema(format = "email")]
    email: String,
    #[schema(format = "password")]
    password: String,
}

/// A person with an account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Person)]
pub(super) struct PersonView {
    pub id: Uuid,
    pub email: String,
    pub name: String,
}

/// A login. Has no `Debug`: it holds a token.
#[derive(Serialize, ToSchema)]
struct Account {
    /// For `Authorization: Bearer` at this API, not for MQTT.
    token: String,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    person: PersonView,
}

/// The bearer and where they are a member.
#[derive(Serialize, ToSchema)]
struct Me {
    person: PersonView,
    agencies: Vec<AgencyView>,
}

/// What an account is made of. Has no `Debug`: it holds a hash.
pub(crate) struct NewPerson {
    /// Folded, see [`validate::email`].
    pub email: String,
    /// Checked, see [`validate::label`].
    pub name: String,
    /// PHC string.
    pub password_hash: String,
}

/// Creates an account; `actor` is who did it, or `None` when the person did.
pub(crate) async fn create_person(
    conn: &mut PgConnection,
    new: &NewPerson,
    actor: Option<PersonId>,
) -> Result<PersonId, ApiError> {
    let id = PersonId::new();
    sqlx::query("INSERT INTO people (id, email, name, password_hash) VALUES ($1, $2, $3, $4)")
        .bind(id.0)
        .bind(&new.email)
        .bind(&new.name)
        .bind(&new.password_hash)
        .execute(&mut *conn)
        .await?;
    let actor = actor.unwrap_or(id).to_string();
    audit::record(
        conn,
        None,
        &actor,
        "person.registered",
        &id.to_string(),
        json!({}),
    )
    .await?;
    Ok(id)
}

/// Registers an account and logs it in.
#[utoipa::path(post, path = "/auth/register", tag = "accounts", request_body = Register,
    responses((status = 201, body = Account), (status = 409, body = ProblemBody, description = "The e-mail is taken"),
        (status = 422, body = ProblemBody), (status = 429, body = ProblemBody)))]
async fn register(
    State(state): State<ApiState>,
    address: ClientAddress,
    Body(body): Body<Register>,
) -> Result<(StatusCode, Json<Account>), ApiError> {
    let email = validate::email(&body.email)?;
    let name = validate::label("name", &body.name)?;
    validate::password(&body.password)?;
    if let Some(address) = address.limited(state.config().limit_loopback) {
        state.address_attempts().take(&address)?;
    }
    let new = NewPerson {
        email,
        name,
        password_hash: state.passwords().hash(&body.password).await?,
    };
    let mut tx = state.begin().await?;
    let id = create_person(&mut tx, &new, None).await?;
    tx.commit().await?;
    let person = PersonView {
        id: id.0,
        email: new.email,
        name: new.name,
    };
    Ok((StatusCode::CREATED, Json(account(&state, person))))
}

/// Logs in. The answer, and the time it takes, are the same for a wrong password and an unknown e-mail.
#[utoipa::path(post, path = "/auth/login", tag = "accounts", request_body = Login,
    responses((status = 200, body = Account), (status = 401, body = ProblemBody),
        (status = 429, body = ProblemBody, description = "Too many attempts; see Retry-After")))]
async fn login(
    State(state): State<ApiState>,
    address: ClientAddress,
    Body(body): Body<Login>,
) -> Result<Json<Account>, ApiError> {
    // What is no address has no account; it is counted and hashed all the same.
    let email = validate::email(&body.email).unwrap_or_default();
    let address = address.limited(state.config().limit_loopback);
    state.account_attempts().take(&email)?;
    if let Some(address) = &address {
        state.address_attempts().take(address)?;
    }
    let row = sqlx::query("SELECT id, name, password_hash FROM people WHERE email = $1")
        .bind(&email)
        .fetch_optional(state.pool())
        .await?;
    let hash: Option<String> = row.as_ref().map(|row| row.try_get("password_hash")).transpose()?;
    let matches = state.passwords().matches(&body.password, hash.as_deref()).await?;
    let Some(row) = row.filter(|_| matches) else {
        metrics::counter!("muster_http_logins_refused_total").increment(1);
        return Err(ApiError::WrongLogin);
    };
    state.account_attempts().forget(&email);
    if let Some(address) = &address {
        state.address_attempts().give_back(address);
    }
    let person = PersonView {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        email,
    };
    Ok(Json(account(&state, person)))
}

fn account(state: &ApiState, person: PersonView) -> Account {
    let config = state.config();
    let now = OffsetDateTime::now_utc();
    let claims = api_claims(&config.issuer, PersonId(person.id), now, config.login_ttl);
    Account {
        token: state.keys().signer().mint_api(&claims),
        expires_at: expires_at(claims.exp),
        person,
    }
}

/// The end of a token's life, as its claim says it.
pub(super) fn expires_at(exp: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(exp).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The bearer and their agencies.
#[utoipa::path(get, path = "/me", tag = "accounts", security(("login" = [])),
    responses((status = 200, body = Me), (status = 401, body = ProblemBody)))]
async fn me(State(state): State<ApiState>, Person(person): Person) -> Result<Json<Me>, ApiError> {
    let row = sqlx::query("SELECT email, name FROM people WHERE id = $1")
        .bind(person.0)
        .fetch_optional(state.pool())
        .await?
        .ok_or(ApiError::NotFound("person"))?;
    let person_view = PersonView {
        id: person.0,
        email: row.try_get("email")?,
        name: row.try_get("name")?,
    };
    let agencies = agencies_of(&state, person, None, i64::MAX).await?;
    Ok(Json(Me {
        person: person_view,
        agencies,
    }))
}
