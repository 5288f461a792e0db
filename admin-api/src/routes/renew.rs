//! A fresh MQTT token for the client that has one.
//!
//! What may be renewed is asked of the database anew: a participant of an event that is open, or a person who is still
//! a member, with the role they have now. A radio's or beacon's token is not renewed but given anew by an organizer:
//! nothing in the database would end its rights otherwise.

use axum::Json;
use axum::extract::State;
use muster_auth::{participant_claims, staff_claims};
use muster_domain::payload::EventStatus;
use muster_domain::{AgencyId, Claims, EventId, PersonId, Role};
use muster_store::{events, sqlx};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::tokens::Session;
use crate::extract::{Bearer, role_of};
use crate::http::problem::ProblemBody;
use crate::{ApiError, ApiState};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(renew))
}

/// Renews the bearer's MQTT token, for the same client. A participant's may have expired up to 7 days ago.
#[utoipa::path(post, path = "/session/renew", tag = "participants", security(("mqtt" = [])),
    responses((status = 200, body = Session), (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody, description = "Such a token is not renewed"),
        (status = 404, body = ProblemBody, description = "The event is over")))]
async fn renew(State(state): State<ApiState>, Bearer(token): Bearer) -> Result<Json<Session>, ApiError> {
    let grace = std::time::Duration::try_from(state.config().renew_grace).unwrap_or_default();
    let old = state.verifier().verify_mqtt_within(&token, grace)?;
    let (Some(agency), Some(event)) = (old.agy, old.evt) else {
        return Err(not_renewed());
    };
    let found = events::find(&mut *state.pool().acquire().await?, event).await?;
    let card = match found {
        Some((owner, card)) if owner == agency => card,
        _ => return Err(ApiError::NotFound("event")),
    };
    let claims = if old.role == Role::Participant {
        if card.status != EventStatus::Published {
            return Err(ApiError::NotFound("event"));
        }
        participant(&state, &old, agency, event).await?
    } else {
        // Asked again without the grace: it is for participants only.
        state.verifier().verify_mqtt(&token)?;
        staff(&state, &old, agency, event).await?
    };
    Ok(Json(Session::sign(&state, &claims, card)))
}

async fn participant(
    state: &ApiState,
    old: &Claims,
    agency: AgencyId,
    event: EventId,
) -> Result<Claims, ApiError> {
    let known: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM participants WHERE event_id = $1 AND client = $2)")
            .bind(event.0)
            .bind(old.sub.as_str())
            .fetch_one(state.pool())
            .await?;
    if !known {
        return Err(not_renewed());
    }
    let config = state.config();
    let now = OffsetDateTime::now_utc();
    Ok(participant_claims(
        &config.issuer,
        old.sub.clone(),
        agency,
        event,
        now,
        config.participant_ttl,
    ))
}

async fn staff(state: &ApiState, old: &Claims, agency: AgencyId, event: EventId) -> Result<Claims, ApiError> {
    let person: PersonId = old.sub.as_str().parse().map_err(|_| not_renewed())?;
    let role = role_of(state, agency, person).await?.ok_or_else(not_renewed)?;
    let config = state.config();
    let now = OffsetDateTime::now_utc();
    let mut claims = staff_claims(
        &config.issuer,
        old.sub.clone(),
        role,
        agency,
        event,
        now,
        config.staff_ttl,
    );
    claims.teams.clone_from(&old.teams);
    Ok(claims)
}

fn not_renewed() -> ApiError {
    ApiError::Forbidden("this token is not renewed: ask an organizer for a new one")
}
