//! MQTT tokens for those who work at an event, and for its devices; and the answer that every such token comes in.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use muster_auth::staff_claims;
use muster_domain::payload::EventCard;
use muster_domain::topic::NAME_BYTES_MAX;
use muster_domain::{AgencyId, Claims, ClientId, Role};
use muster_store::{audit, sqlx};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::accounts::expires_at;
use super::events::find_event;
use crate::extract::{Body, EventPath, Member};
use crate::http::problem::ProblemBody;
use crate::schema::EventCardSchema;
use crate::{ApiError, ApiState, validate};

/// Shortest life of a token.
const TTL_MIN: Duration = Duration::minutes(1);
/// Longest life of a token for a radio: it is handed out for the days of an event.
const STAFF_CLIENT_TTL_MAX: Duration = Duration::days(7);
/// Longest life of a token for a beacon or sensor, which nobody logs in.
const DEVICE_TTL_MAX: Duration = Duration::days(30);
/// Most teams of one client.
const TEAMS_MAX: usize = 20;
/// Client ids that Muster's own parts use.
const RESERVED: [&str; 2] = ["bridge", "api"];

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(create))
}

/// Which token. Empty: the bearer's own.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    /// For another client: its role. Organizers only.
    role: Option<ClientRole>,
    /// For another client: its id, 1 to 64 of A-Z, a-z, 0-9, `.`, `_` and `-`.
    #[schema(max_length = 64)]
    client: Option<String>,
    /// What the client is called in the audit.
    #[schema(max_length = 120)]
    name: Option<String>,
    /// The client's teams, at most 20.
    #[serde(default)]
    teams: Vec<String>,
    /// Lifetime in seconds, at least 60; at most 12 hours for the bearer's own, 7 days for staff and 30 for devices.
    ttl_s: Option<i64>,
}

/// A role that a token can be asked for.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ClientRole {
    Organizer,
    Operator,
    Steward,
    Device,
}

impl From<ClientRole> for Role {
    fn from(role: ClientRole) -> Self {
        match role {
            ClientRole::Organizer => Role::Organizer,
            ClientRole::Operator => Role::Operator,
            ClientRole::Steward => Role::Steward,
            ClientRole::Device => Role::Device,
        }
    }
}

/// What an MQTT client needs to connect. Has no `Debug`: it holds a token.
#[derive(Serialize, ToSchema)]
pub(super) struct Session {
    /// The password of CONNECT.
    token: String,
    /// The client identifier of CONNECT, and `{client}` in topics.
    client_id: ClientIdView,
    /// `participant`, `organizer`, `operator`, `steward` or `device`.
    role: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    #[schema(value_type = EventCardSchema)]
    event: EventCard,
    mqtt: MqttPath,
}

/// A client identifier.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
struct ClientIdView(ClientId);

/// Where MQTT is.
#[derive(Serialize, ToSchema)]
struct MqttPath {
    /// Path of the WebSocket on this origin.
    #[schema(example = "/mqtt")]
    path: String,
}

impl Session {
    /// Signs the claims.
    pub fn sign(state: &ApiState, claims: &Claims, event: EventCard) -> Self {
        Self {
            token: state.keys().signer().mint(claims),
            client_id: ClientIdView(claims.sub.clone()),
            role: claims.role.as_str(),
            expires_at: expires_at(claims.exp),
            event,
            mqtt: MqttPath {
                path: state.config().mqtt_path.clone(),
            },
        }
    }
}

/// A token for the event's MQTT topics: the bearer's own, or, asked for by an organizer, a radio's or beacon's.
#[utoipa::path(post, path = "/agencies/{agency}/events/{event}/tokens", tag = "events", security(("login" = [])),
    params(("agency" = Uuid, Path), ("event" = Uuid, Path)), request_body = TokenRequest,
    responses((status = 201, body = Session), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "The client id is a person's"),
        (status = 422, body = ProblemBody)))]
async fn create(
    State(state): State<ApiState>,
    member: Member,
    EventPath(event): EventPath,
    Body(request): Body<TokenRequest>,
) -> Result<(StatusCode, Json<Session>), ApiError> {
    let card = find_event(&state, member.agency, event).await?;
    let name = request
        .name
        .as_deref()
        .map(|name| validate::label("name", name))
        .transpose()?;
    let teams = teams(&request.teams)?;
    let config = state.config();
    let (client, role, ttl) = match (request.role, request.client) {
        (None, None) => {
            let ttl = ttl(request.ttl_s, config.staff_ttl, config.staff_ttl)?;
            (ClientId::from(member.person), member.role, ttl)
        }
        (Some(_), _) if member.role != Role::Organizer => {
            return Err(ApiError::Forbidden(
                "only an organizer of this agency gives tokens to others",
            ));
        }
        (Some(role), Some(client)) => {
            let role = Role::from(role);
            let (default, max) = match role {
                Role::Device => (Duration::days(1), DEVICE_TTL_MAX),
                _ => (config.staff_ttl, STAFF_CLIENT_TTL_MAX),
            };
            let client = ClientId::new(client).map_err(|error| ApiError::Invalid {
                field: "client".into(),
                problem: error.to_string(),
            })?;
            refuse_others(&state, &card, &client).await?;
            (client, role, ttl(request.ttl_s, default, max)?)
        }
        (Some(_), None) => {
            return Err(ApiError::Invalid {
                field: "client".into(),
                problem: "is needed with role".into(),
            });
        }
        (None, Some(_)) => {
            return Err(ApiError::Invalid {
                field: "role".into(),
                problem: "is needed with client".into(),
            });
        }
    };
    let now = OffsetDateTime::now_utc();
    let mut claims = staff_claims(&config.issuer, client, role, member.agency, event, now, ttl);
    claims.teams = teams;
    record(&state, &member, &claims, name).await?;
    Ok((StatusCode::CREATED, Json(Session::sign(&state, &claims, card))))
}

async fn record(
    state: &ApiState,
    member: &Member,
    claims: &Claims,
    name: Option<String>,
) -> Result<(), ApiError> {
    let detail = json!({
        "event": claims.evt, "role": claims.role, "name": name, "teams": claims.teams, "jti": claims.jti,
        "expires_at": claims.exp,
    });
    let agency: AgencyId = member.agency;
    let mut tx = state.begin().await?;
    let actor = member.person.to_string();
    audit::record(
        &mut tx,
        Some(agency),
        &actor,
        "token.issued",
        claims.sub.as_str(),
        detail,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}

fn ttl(asked_s: Option<i64>, default: Duration, max: Duration) -> Result<Duration, ApiError> {
    match asked_s.map(Duration::seconds) {
        None => Ok(default),
        Some(ttl) if (TTL_MIN..=max).contains(&ttl) => Ok(ttl),
        Some(_) => Err(ApiError::Invalid {
            field: "ttl_s".into(),
            problem: format!(
                "is not between {} and {}",
                TTL_MIN.whole_seconds(),
                max.whole_seconds()
            ),
        }),
    }
}

/// Teams are levels of topics: a wildcard or a separator in one would widen what its bearer may do.
fn teams(asked: &[String]) -> Result<Vec<String>, ApiError> {
    let invalid = |problem: String| ApiError::Invalid {
        field: "teams".into(),
        problem,
    };
    if asked.len() > TEAMS_MAX {
        return Err(invalid(format!(
            "has {} teams; {TEAMS_MAX} are the most",
            asked.len()
        )));
    }
    let is_name = |team: &String| {
        (1..=NAME_BYTES_MAX).contains(&team.len())
            && !team.starts_with('$')
            && !team.contains(['+', '#', '/'])
            && !team.chars().any(char::is_control)
    };
    if !asked.iter().all(is_name) {
        return Err(invalid(format!(
            "are names of 1 to {NAME_BYTES_MAX} bytes without '+', '#', '/' and '$'"
        )));
    }
    Ok(asked.to_vec())
}

/// A client id that is somebody's: whoever had a token for it could take over that session and read that chat.
async fn refuse_others(state: &ApiState, event: &EventCard, client: &ClientId) -> Result<(), ApiError> {
    let somebody: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM participants WHERE event_id = $1 AND client = $2)
             OR EXISTS (SELECT FROM people WHERE id::text = lower($2))",
    )
    .bind(event.id.0)
    .bind(client.as_str())
    .fetch_one(state.pool())
    .await?;
    if somebody || RESERVED.contains(&client.as_str()) {
        return Err(ApiError::Conflict {
            code: "client_taken",
            detail: "this client id belongs to a person or to Muster itself",
            field: Some("client"),
        });
    }
    Ok(())
}
