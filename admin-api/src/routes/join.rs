//! Joining a published event: a participant without an account gets a token of their own.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use muster_auth::participant_claims;
use muster_domain::ClientId;
use muster_store::{audit, sqlx};
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::find::find_published;
use super::tokens::Session;
use crate::extract::{Body, JoinCodePath};
use crate::http::address::ClientAddress;
use crate::http::problem::ProblemBody;
use crate::{ApiError, ApiState, validate};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(join))
}

/// Who joins.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Join {
    /// What those who help shall call them.
    #[schema(min_length = 1, max_length = 120)]
    name: Option<String>,
}

/// Joins an event as a participant.
#[utoipa::path(post, path = "/events/{join_code}/join", tag = "participants", params(("join_code" = String, Path)),
    request_body = Join,
    responses((status = 201, body = Session), (status = 404, body = ProblemBody, description = "No such event, or it is not open"),
        (status = 422, body = ProblemBody), (status = 429, body = ProblemBody)))]
async fn join(
    State(state): State<ApiState>,
    address: ClientAddress,
    JoinCodePath(code): JoinCodePath,
    Body(body): Body<Join>,
) -> Result<(StatusCode, Json<Session>), ApiError> {
    let name = body
        .name
        .as_deref()
        .map(|name| validate::label("name", name))
        .transpose()?;
    if let Some(address) = address.limited(state.config().limit_loopback) {
        state.join_attempts().take(&address)?;
    }
    let (agency, card) = find_published(&state, &code)
        .await?
        .ok_or(ApiError::NotFound("event"))?;
    let config = state.config();
    let now = OffsetDateTime::now_utc();
    let claims = participant_claims(
        &config.issuer,
        ClientId::random(),
        agency,
        card.id,
        now,
        config.participant_ttl,
    );
    let client = claims.sub.as_str();
    let mut tx = state.begin().await?;
    sqlx::query("INSERT INTO participants (event_id, client, name) VALUES ($1, $2, $3)")
        .bind(card.id.0)
        .bind(client)
        .bind(&name)
        .execute(&mut *tx)
        .await?;
    let detail = json!({ "event": card.id });
    audit::record(
        &mut tx,
        Some(agency),
        client,
        "participant.joined",
        client,
        detail,
    )
    .await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(Session::sign(&state, &claims, card))))
}
