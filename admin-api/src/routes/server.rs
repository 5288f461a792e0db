//! The server about itself: public keys, whether it lives and is ready, figures.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::problem::ProblemBody;
use crate::{ApiError, ApiState};

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(jwks))
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(render_metrics))
}

/// Whether the process lives.
#[derive(Serialize, ToSchema)]
struct Health {
    /// Always `ok`.
    status: &'static str,
    version: &'static str,
}

/// Whether all of Muster is ready.
#[derive(Serialize, ToSchema)]
struct Ready {
    /// `ready` or `not_ready`.
    status: &'static str,
    /// `ready` or `not_ready` for each part.
    parts: BTreeMap<&'static str, &'static str>,
}

/// The public keys that verify Muster's tokens (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "server",
    responses((status = 200, description = "A JSON Web Key Set", body = serde_json::Value)))]
async fn jwks(State(state): State<ApiState>) -> impl IntoResponse {
    // Short: a new key must be known soon after it signs.
    (
        [(CACHE_CONTROL, "public, max-age=60")],
        Json(state.keys().public_set()),
    )
}

/// Whether the process lives; says nothing of its parts.
#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = 200, body = Health)))]
async fn healthz() -> Json<Health> {
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// Whether broker, bridge and database are all ready; names those that are not.
#[utoipa::path(get, path = "/readyz", tag = "server",
    responses((status = 200, body = Ready), (status = 503, body = Ready)))]
async fn readyz(State(state): State<ApiState>) -> (StatusCode, Json<Ready>) {
    let (database, mut parts) = tokio::join!(state.database().is_ready(), state.readiness().ask());
    parts.push(("database", database));
    let word = |ready| if ready { "ready" } else { "not_ready" };
    let all = parts.iter().all(|(_, ready)| *ready);
    let status = if all {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let parts = parts
        .into_iter()
        .map(|(name, ready)| (name, word(ready)))
        .collect();
    (
        status,
        Json(Ready {
            status: word(all),
            parts,
        }),
    )
}

/// Figures in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "server",
    responses((status = 200, body = String, content_type = "text/plain"),
        (status = 404, body = ProblemBody, description = "Figures are not collected")))]
async fn render_metrics(State(state): State<ApiState>) -> Result<Response, ApiError> {
    let handle = state.metrics().ok_or(ApiError::NotFound("figures"))?;
    Ok((
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        handle.render(),
    )
        .into_response())
}
